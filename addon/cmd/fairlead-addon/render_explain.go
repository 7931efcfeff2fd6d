// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// explain writes, as comments, which layer has set each property of a component
// and of its traits. It shows no values: they may be secrets.
func explain(b *bytes.Buffer, unit delivery.Unit) {
	title := delivery.Title(unit.Component)
	b.WriteString(commentLine(strings.ToUpper(title[:1]) + title[1:] + ": which layer has set what"))
	component := unit.Result.Component
	own := func(l delivery.Layer) map[string]any { return l.Properties }
	explainBelow(b, unit.Layers, own, component.Properties, nil)
	for _, t := range component.Traits {
		if len(t.Properties) == 0 {
			b.WriteString(commentLine(fmt.Sprintf("  traits.%s <- %s", t.Type, sourceOf(unit.Layers, traitOf(t.Type), nil))))
			continue
		}
		explainBelow(b, unit.Layers, traitOf(t.Type), t.Properties, []string{"traits", t.Type})
	}
}

// explainBelow goes down objects to what was set as a whole: a list counts as one value.
func explainBelow(b *bytes.Buffer, layers []delivery.Layer, of func(delivery.Layer) map[string]any, properties map[string]any, prefix []string) {
	var walk func(value any, path []string)
	walk = func(value any, path []string) {
		object, ok := value.(map[string]any)
		if !ok || len(object) == 0 {
			b.WriteString(commentLine(fmt.Sprintf("  %s <- %s", dotted(append(slices.Clone(prefix), append([]string{"properties"}, path...)...)), sourceOf(layers, of, path))))
			return
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			walk(object[key], append(slices.Clone(path), key))
		}
	}
	if len(properties) > 0 {
		walk(properties, nil)
	}
}

// traitOf are the properties that a layer gives to the trait of a type; nil when it does not speak of it.
func traitOf(name string) func(delivery.Layer) map[string]any {
	return func(l delivery.Layer) map[string]any {
		for _, t := range l.Traits {
			if t.Type != name || t.Disable {
				continue
			}
			if t.Properties == nil {
				return map[string]any{}
			}
			return t.Properties
		}
		return nil
	}
}

// sourceOf is the last layer that sets a path.
func sourceOf(layers []delivery.Layer, of func(delivery.Layer) map[string]any, path []string) string {
	for _, l := range slices.Backward(layers) {
		if properties := of(l); properties != nil && sets(properties, path) {
			return l.Source
		}
	}
	return "application"
}

func sets(value any, path []string) bool {
	for _, key := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return false
		}
		if value, ok = object[key]; !ok {
			return false
		}
	}
	return true
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// dotted is a path on one line, whatever is in its keys.
func dotted(path []string) string {
	var b bytes.Buffer
	for i, key := range path {
		switch {
		case !plainKey.MatchString(key):
			fmt.Fprintf(&b, "[%q]", key)
		case i == 0:
			b.WriteString(key)
		default:
			b.WriteString("." + key)
		}
	}
	return b.String()
}
