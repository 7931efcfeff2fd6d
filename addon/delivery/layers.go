// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"path"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json" // keeps integers as int64

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Layer is what one source says of a component, in the order in which they are merged.
type Layer struct {
	// Source names it, such as environment "prod" (spec.defaults[0]).
	Source string
	// Properties that it sets.
	Properties map[string]any
	// Traits that it changes.
	Traits []policy.TraitOverride
}

// layered is a component with all layers merged into it.
type layered struct {
	component render.Component
	layers    []Layer
}

// boundOverride is an override of a binding.
type boundOverride struct {
	v1alpha1.ClusterOverride
	source string
}

func boundOverrides(binding Binding) []boundOverride {
	out := make([]boundOverride, len(binding.Overrides))
	for i, o := range binding.Overrides {
		out[i] = boundOverride{ClusterOverride: o, source: fmt.Sprintf("ClusterBinding %q (spec.overrides[%d])", binding.Name, i)}
	}
	return out
}

// mergeLayers applies the layers in their order: environment defaults,
// component, the application's overrides, the binding's overrides.
func mergeLayers(env *Environment, used policy.UsedComponent, application string, overrides []boundOverride) (layered, error) {
	merged, err := underDefaults(env, used.Component)
	if err != nil {
		return merged, err
	}
	for _, change := range used.Overrides {
		merged.add("application ("+change.Path+")", change)
	}
	for _, override := range overrides {
		if !overrideMatches(override.ClusterOverride, application, used.Component) {
			continue
		}
		change, err := overrideLayer(override.Properties, override.Traits)
		if err != nil {
			return merged, fmt.Errorf("%s: %w", override.source, err)
		}
		merged.add(override.source, change)
	}
	return merged, nil
}

// add merges a change in.
func (l *layered) add(source string, change policy.ComponentOverride) {
	l.component = policy.Merge(l.component, change)
	l.layers = append(l.layers, Layer{Source: source, Properties: change.Properties, Traits: change.Traits})
}

// ownLayer is what the component itself says.
func ownLayer(component render.Component) Layer {
	layer := Layer{Source: "application (" + component.Path + ")", Properties: component.Properties}
	for _, t := range component.Traits {
		layer.Traits = append(layer.Traits, policy.TraitOverride{Type: t.Type, Properties: t.Properties})
	}
	return layer
}

func overrideMatches(override v1alpha1.ClusterOverride, application string, component render.Component) bool {
	if override.Application != "" {
		// A malformed glob matches nothing, as path.Match says with its error.
		if ok, err := path.Match(override.Application, application); err != nil || !ok {
			return false
		}
	}
	return matches(override.Component, component.Name) && matches(override.ComponentType, component.Type)
}

func matches(pattern, value string) bool { return pattern == "" || pattern == value }

func underDefaults(env *Environment, component render.Component) (layered, error) {
	for i, defaults := range env.Spec.Defaults {
		if defaults.Type != component.Type {
			continue
		}
		source := fmt.Sprintf("environment %q (spec.defaults[%d])", env.Name, i)
		layer, err := overrideLayer(defaults.Properties, defaults.Traits)
		if err != nil {
			return layered{}, fmt.Errorf("%s: %w", source, err)
		}
		below := layered{component: render.Component{Name: component.Name, Type: component.Type}}
		below.add(source, layer)
		return layered{component: policy.Under(below.component, component), layers: append(below.layers, ownLayer(component))}, nil
	}
	return layered{component: component, layers: []Layer{ownLayer(component)}}, nil
}

func overrideLayer(properties *runtime.RawExtension, traits []v1alpha1.TraitPatch) (policy.ComponentOverride, error) {
	decoded, err := decode(properties)
	if err != nil {
		return policy.ComponentOverride{}, fmt.Errorf("properties: %w", err)
	}
	layer := policy.ComponentOverride{Properties: decoded}
	for _, trait := range traits {
		decoded, err := decode(trait.Properties)
		if err != nil {
			return layer, fmt.Errorf("traits, type %q: properties: %w", trait.Type, err)
		}
		layer.Traits = append(layer.Traits, policy.TraitOverride{Type: trait.Type, Properties: decoded, Disable: trait.Disable})
	}
	return layer, nil
}

func decode(raw *runtime.RawExtension) (map[string]any, error) {
	if raw == nil || len(raw.Raw) == 0 {
		return nil, nil
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw.Raw, &decoded); err != nil {
		return nil, fmt.Errorf("want an object: %w", err)
	}
	return decoded, nil
}
