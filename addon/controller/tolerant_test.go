// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestTolerant checks what becomes of properties that a policy merges into a
// component and that its definition does not have.
func TestTolerant(t *testing.T) {
	const message = `spec.components[0].properties.imge: the component type "webservice" has no such parameter here; did you mean "image"?`
	layered := []policy.EnvironmentUse{{Environment: "prod", Layers: []policy.Override{{}}}}
	tests := []struct {
		name, reason string
		uses         []policy.EnvironmentUse
		strict       string
		renders      bool
		unknown      int
	}{
		{name: "merged", reason: "other tools write what nobody knows", uses: layered, renders: true, unknown: 1},
		{name: "own change", reason: "an environment's policy merges too", uses: []policy.EnvironmentUse{{Environment: "prod", Overrides: []policy.ComponentOverride{{}}}}, renders: true, unknown: 1},
		{name: "strict", reason: "the namespace wants to know", uses: layered, strict: "true"},
		{name: "nothing merged", reason: "the application itself was checked before", uses: []policy.EnvironmentUse{{Environment: "prod"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			library := definition.Builtin()
			reconciler := &ApplicationReconciler{library: library, renderer: render.New(library)}
			request := delivery.Request{Uses: test.uses, Source: delivery.SourceNamespace{Labels: map[string]string{v1alpha1.LabelStrict: test.strict}}}
			renderer := reconciler.tolerant(request)
			component := render.Component{
				Name: "web", Type: "webservice", Path: "spec.components[0]", Properties: map[string]any{"image": "nginx:1", "imge": "x"},
				Traits: []render.Trait{{Type: "scaler", Properties: map[string]any{"replicas": int64(2)}}},
			}
			for range 2 { // two places say the same
				if _, err := renderer.Render(render.Context{AppName: "store", TargetNamespace: "shop"}, component); (err == nil) != test.renders {
					t.Errorf("got error %v, though %s", err, test.reason)
				}
			}
			if len(renderer.unknown) != test.unknown {
				t.Errorf("unknown %v, want %d: %s", renderer.unknown, test.unknown, test.reason)
			}
			for _, text := range renderer.unknown {
				if diff := cmp.Diff(message, text[:min(len(message), len(text))]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if _, kept := component.Properties["imge"]; !kept {
				t.Error("the component itself was changed")
			}
		})
	}
}
