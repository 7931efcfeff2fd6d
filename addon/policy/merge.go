// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// ComponentOverride changes components.
type ComponentOverride struct {
	// Component is the name of the component that is changed, in which * stands for
	// any letters; empty means any.
	Component string
	// Type is the type of the components that are changed; empty means any.
	Type string
	// Properties are merged into the component's.
	Properties map[string]any
	// Traits are merged into the component's by their type.
	Traits []TraitOverride
	// Path of the change in the user's text; empty when it comes from elsewhere.
	Path string
}

// TraitOverride changes the first trait of its type, or adds one.
type TraitOverride struct {
	// Type of the trait.
	Type string
	// Properties are merged into the trait's.
	Properties map[string]any
	// Disable removes the trait.
	Disable bool
}

// matches says whether an override speaks of a component.
func (o ComponentOverride) matches(c render.Component) bool {
	return matchesName(o.Component, c.Name) && (o.Type == "" || o.Type == c.Type)
}

// Merge merges those overrides into a component that speak of it; later ones
// win. Objects merge deeply, lists are replaced, null is a value like others.
// Inputs are not changed and the result shares nothing that is ever changed.
func Merge(base render.Component, layers ...ComponentOverride) render.Component {
	out := base
	out.Properties = mergeObject(base.Properties, nil)
	out.Traits = nil
	for _, t := range base.Traits {
		t.Properties = mergeObject(t.Properties, nil)
		out.Traits = append(out.Traits, t)
	}
	for _, l := range layers {
		if !l.matches(base) {
			continue
		}
		out.Properties = mergeObject(out.Properties, l.Properties)
		for _, t := range l.Traits {
			out.Traits = mergeTrait(out.Traits, t)
		}
	}
	return out
}

// Under lays defaults under a component: traits that only the defaults have come
// first, and every trait of the component is laid over the default of its type.
// Inputs are not changed.
func Under(defaults, component render.Component) render.Component {
	merged := component
	merged.Properties = mergeObject(defaults.Properties, component.Properties)
	merged.Traits = slices.DeleteFunc(slices.Clone(defaults.Traits), func(t render.Trait) bool {
		return slices.ContainsFunc(component.Traits, func(own render.Trait) bool { return own.Type == t.Type })
	})
	for _, trait := range component.Traits {
		for _, below := range defaults.Traits {
			if below.Type == trait.Type {
				trait.Properties = mergeObject(below.Properties, trait.Properties)
			}
		}
		merged.Traits = append(merged.Traits, trait)
	}
	return merged
}

// mergeTrait works on a list that Merge has made.
func mergeTrait(traits []render.Trait, o TraitOverride) []render.Trait {
	for i, t := range traits {
		if t.Type != o.Type {
			continue
		}
		if o.Disable {
			return append(traits[:i], traits[i+1:]...)
		}
		traits[i].Properties = mergeObject(t.Properties, o.Properties)
		return traits
	}
	if o.Disable {
		return traits
	}
	return append(traits, render.Trait{Type: o.Type, Properties: mergeObject(nil, o.Properties)})
}

// mergeObject is a new object with what both hold.
func mergeObject(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		out[k] = clone(v)
	}
	for k, v := range over {
		below, ok := v.(map[string]any)
		old, exists := out[k].(map[string]any)
		if ok && exists {
			out[k] = mergeObject(old, below)
			continue
		}
		out[k] = clone(v)
	}
	return out
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return mergeObject(v, nil)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return value
}
