// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// tolerantRenderer leaves properties out that no definition has, and notes them.
// What the application itself says is checked before; what its policies merge
// into components shows only in each component that they change.
type tolerantRenderer struct {
	delivery.Renderer
	library *definition.Library
	merging bool
	unknown []string
}

// tolerant renders an application. In strict namespaces, and where no policy
// merges anything into components, it leaves them as they are.
func (r *ApplicationReconciler) tolerant(request delivery.Request) *tolerantRenderer {
	merging := slices.ContainsFunc(request.Uses, func(use policy.EnvironmentUse) bool { return len(use.Layers)+len(use.Overrides) > 0 })
	return &tolerantRenderer{
		Renderer: r.renderer, library: r.library, merging: merging && request.Source.Labels[v1alpha1.LabelStrict] != "true",
	}
}

// Render renders what is known of a component.
func (t *tolerantRenderer) Render(ctx render.Context, component render.Component) (*render.Result, error) {
	if !t.merging {
		return t.Renderer.Render(ctx, component)
	}
	component.Properties = t.known(definition.Component, component.Type, component.Properties, component.Path)
	component.Traits = slices.Clone(component.Traits)
	for i, trait := range component.Traits {
		path := trait.Path
		if path == "" {
			path = component.Path + ".traits." + trait.Type
		}
		component.Traits[i].Properties = t.known(definition.Trait, trait.Type, trait.Properties, path)
	}
	return t.Renderer.Render(ctx, component)
}

func (t *tolerantRenderer) known(kind definition.Kind, name string, properties map[string]any, path string) map[string]any {
	found, err := t.library.Lookup(kind, name)
	if err != nil {
		return properties // the renderer says what is wrong
	}
	unknown := false
	for _, finding := range found.Validate(properties, path+".properties") {
		if finding.Reason != definition.UnknownParameter {
			continue
		}
		unknown = true
		if text := finding.String(); !slices.Contains(t.unknown, text) {
			t.unknown = append(t.unknown, text)
		}
	}
	if !unknown {
		return properties
	}
	return found.Known(properties)
}
