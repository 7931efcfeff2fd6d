// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Override is what a policy of type override says.
type Override struct {
	// Components are changes in their order.
	Components []ComponentOverride
	// Selector are the names of the components that are delivered; empty means all.
	Selector []string
}

func readOverride(v values, at string) *Override {
	return &Override{Components: readComponentOverrides(v, at), Selector: v.texts("selector")}
}

// UsedComponent is a component as it goes to an environment.
type UsedComponent struct {
	render.Component
	// Overrides that change it there, in their order. They are not merged in yet,
	// since the defaults of the environment lie under the component.
	Overrides []ComponentOverride
	// ReplicaKeys are the keys of the copies that are delivered instead of one; empty for just one.
	ReplicaKeys []string
}

// apply carries the override out on the components so far. As in OAM a change
// that names a component and another type replaces it, one that names a component
// which does not exist adds it, and what the selector leaves out is gone for
// later policies too.
func (o Override) apply(components []UsedComponent) []UsedComponent {
	out := slices.Clone(components)
	for _, change := range o.Components {
		out = change.apply(out)
	}
	return selected(out, o.Selector)
}

func (o ComponentOverride) apply(components []UsedComponent) []UsedComponent {
	found := false
	for i, c := range components {
		if !matchesName(o.Component, c.Name) {
			continue
		}
		found = true
		if o.Component != "" && o.Type != "" && o.Type != c.Type {
			components[i] = o.component(c.Name)
			continue
		}
		if o.Type == "" || o.Type == c.Type {
			components[i].Overrides = append(slices.Clip(c.Overrides), o)
		}
	}
	if found || !o.adds() {
		return components
	}
	return append(components, o.component(o.Component))
}

// adds says that the change makes a component where there is none of its name.
func (o ComponentOverride) adds() bool {
	return o.Component != "" && o.Type != "" && !isPattern(o.Component)
}

// component is the change as a component of its own.
func (o ComponentOverride) component(name string) UsedComponent {
	made := Merge(render.Component{Name: name, Type: o.Type, Path: o.Path}, ComponentOverride{Properties: o.Properties, Traits: o.Traits})
	return UsedComponent{Component: made}
}

func selected(components []UsedComponent, selector []string) []UsedComponent {
	if len(selector) == 0 {
		return components
	}
	return slices.DeleteFunc(components, func(c UsedComponent) bool { return !slices.Contains(selector, c.Name) })
}

// isPattern says that a name stands for many.
func isPattern(name string) bool {
	return strings.Contains(name, "*")
}

// matchesName says whether a name is meant: by an empty one any, and by * any letters.
func matchesName(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}
