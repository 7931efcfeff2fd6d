// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// change plans to make what is planned of a state; a nil plan destroys it.
func (e *engine) change(typeName string, state, planned map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	e.t.Helper()
	schema := e.schema.ResourceSchemas[typeName]
	proposed := e.dynamic(schema, planned)
	if planned == nil {
		null, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), nil))
		if err != nil {
			e.t.Fatal(err)
		}
		proposed = &null
	}
	resp, err := e.server.PlanResourceChange(e.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: e.dynamic(schema, state), ProposedNewState: proposed, Config: proposed,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// TestPlanOfDestroy checks what is refused, and that a plan to destroy needs no hub.
func TestPlanOfDestroy(t *testing.T) {
	schema := schemaOf(t)
	environment, _ := schema.ResourceSchemas["fairlead_environment"].ValueType().(tftypes.Object)
	deletion, _ := environment.AttributeTypes["deletion"].(tftypes.Object)
	named := func(name string, protection bool) map[string]tftypes.Value {
		return map[string]tftypes.Value{
			"id": text(name), "name": text(name),
			"deletion": complete(deletion, map[string]tftypes.Value{"protection": tftypes.NewValue(tftypes.Bool, protection)}),
		}
	}
	const refused = `Environment is protected: The environment "prod" has deletion.protection = true.`
	tests := []struct {
		reason   string
		typeName string
		state    map[string]tftypes.Value
		planned  map[string]tftypes.Value
		want     string
	}{
		{"a protected environment", "fairlead_environment", named("prod", true), nil, refused},
		{"one that is replaced goes too", "fairlead_environment", named("prod", true), named("production", true), refused},
		{"one that changes stays", "fairlead_environment", named("prod", true), named("prod", false), ""},
		{"one that is not protected", "fairlead_environment", named("prod", false), nil, ""},
		{"a binding", "fairlead_cluster_binding", map[string]tftypes.Value{"id": text("prod"), "name": text("prod")}, nil, ""},
		{"a managed cluster", "fairlead_managed_cluster", map[string]tftypes.Value{"id": text("prod"), "name": text("prod")}, nil, ""},
	}
	hubs := map[string]map[string]tftypes.Value{
		"unknown": {"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)},
		"away":    {"host": text("https://127.0.0.1:1"), "token": text("t")},
	}
	for _, test := range tests {
		for state, values := range hubs {
			t.Run(test.reason+", hub "+state, func(t *testing.T) {
				e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, values)})
				resp := e.change(test.typeName, test.state, test.planned)
				checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.want)
			})
		}
	}
}

// TestWarnOfDestroy checks what is said of what goes together with what is destroyed.
func TestWarnOfDestroy(t *testing.T) {
	environment := func(applications, clusters int32, policy string) *v1alpha1.Environment {
		e := &v1alpha1.Environment{Status: v1alpha1.EnvironmentStatus{Applications: applications, Clusters: clusters}}
		e.Name = "prod"
		if policy != "" {
			e.Spec.Deletion = &v1alpha1.DeletionPolicy{Policy: policy}
		}
		return e
	}
	binding := func(decisions int32) *v1alpha1.ClusterBinding {
		b := &v1alpha1.ClusterBinding{Status: v1alpha1.ClusterBindingStatus{Decisions: decisions}}
		b.Name = "prod-eu"
		return b
	}
	tests := map[string]struct {
		reason string
		warn   func(diags *diag.Diagnostics)
		want   string
	}{
		"Unused":  {"nothing goes with it", func(d *diag.Diagnostics) { warnOfEnvironment(environment(0, 3, ""), d) }, ""},
		"Used":    {"counts", func(d *diag.Diagnostics) { warnOfEnvironment(environment(2, 1, ""), d) }, `The environment "prod" has 2 applications on 1 cluster. What was delivered there is deleted.`},
		"Orphans": {"objects stay", func(d *diag.Diagnostics) { warnOfEnvironment(environment(1, 2, "Orphan"), d) }, `The environment "prod" has 1 application on 2 clusters. What was delivered there stays, and nothing manages it any more (deletion.policy = "Orphan").`},
		"Binding": {"counts", func(d *diag.Diagnostics) { warnOfBinding(binding(3), environment(2, 5, ""), d) },
			`The binding "prod-eu" gives 3 clusters to the environment "prod", which has 2 applications. They leave the clusters that no other binding of it has.`},
		"EmptyBinding": {"it chose nothing", func(d *diag.Diagnostics) { warnOfBinding(binding(0), environment(2, 5, ""), d) }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			test.warn(&diags)
			got := ""
			for _, diagnostic := range diags {
				got += diagnostic.Detail()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
