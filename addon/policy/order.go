// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// checkOrder refuses components that depend on what does not exist, or on each other.
func checkOrder(components []render.Component) error {
	index := make(map[string]int, len(components))
	names := make([]string, len(components))
	for i, c := range components {
		index[c.Name], names[i] = i, c.Name
	}
	for _, c := range components {
		for j, name := range c.DependsOn {
			if _, ok := index[name]; !ok {
				return &InvalidError{Path: fmt.Sprintf("%s.dependsOn[%d]", c.Path, j), Message: fmt.Sprintf(
					"the application has no component %q. Use one of: %s", name, strings.Join(names, ", "))}
			}
		}
	}
	done := make([]bool, len(components))
	for i := range components {
		if circle := circleFrom(components, index, done, i, nil); circle != nil {
			return &InvalidError{Path: components[i].Path + ".dependsOn", Message: fmt.Sprintf(
				"the components wait for each other: %s; let one of them not depend on the next", strings.Join(circle, " -> "))}
		}
	}
	return nil
}

// circleFrom is a way from a component back to itself. done are components from
// which none is found, so that each is looked at once.
func circleFrom(components []render.Component, index map[string]int, done []bool, at int, way []string) []string {
	name := components[at].Name
	if first := slices.Index(way, name); first >= 0 {
		return append(slices.Clone(way[first:]), name)
	}
	if done[at] {
		return nil
	}
	for _, next := range components[at].DependsOn {
		if circle := circleFrom(components, index, done, index[next], append(way, name)); circle != nil {
			return circle
		}
	}
	done[at] = true
	return nil
}

// RemovalOrder says of each component which ones depend on it and so go before
// it, where a policy of type garbage-collect asks for that order; nil where none
// does. It reads no more than that, so that an application goes whatever else is
// wrong with it.
func RemovalOrder(spec v1beta1.ApplicationSpec) map[string][]string {
	ordered := slices.ContainsFunc(spec.Policies, func(p v1beta1.AppPolicy) bool {
		var properties struct {
			Order string `json:"order"`
		}
		return p.Type == GarbageCollectType && p.Properties != nil && json.Unmarshal(p.Properties.Raw, &properties) == nil && properties.Order == "dependency"
	})
	if !ordered {
		return nil
	}
	dependents := map[string][]string{}
	for _, c := range spec.Components {
		for _, name := range c.DependsOn {
			dependents[name] = append(dependents[name], c.Name)
		}
	}
	return dependents
}
