// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// protectable are the configurations of all resources that have deletion.protection.
func protectable(t *testing.T) map[string]platformConfig {
	t.Helper()
	return map[string]platformConfig{"fairlead_environment": platformConfigs()["fairlead_environment"], applicationType: applicationConfig(t)}
}

// withProtection is a configuration with deletion.protection.
func (e *engine) withProtection(typeName string, config map[string]tftypes.Value, protection bool) map[string]tftypes.Value {
	e.t.Helper()
	kind, _ := e.schema.ResourceSchemas[typeName].ValueType().(tftypes.Object).AttributeTypes["deletion"].(tftypes.Object)
	config = maps.Clone(config)
	config["deletion"] = complete(kind, map[string]tftypes.Value{"protection": tftypes.NewValue(tftypes.Bool, protection)})
	return config
}

// TestProtectedThatIsTakenOver destroys the old instance of a protected resource after the
// new one took its object over, as create_before_destroy does: the object stays, so that
// there is nothing to refuse.
func TestProtectedThatIsTakenOver(t *testing.T) {
	for typeName, test := range protectable(t) {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			made := e.create(typeName, e.withProtection(typeName, test.config, true))
			read := e.readAgain(typeName, made.NewState, made.Private)
			resp, err := e.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
				TypeName: typeName, PriorState: read.NewState, PlannedState: e.null(typeName), Config: e.null(typeName), PlannedPrivate: read.Private,
			})
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "its own object", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.kind.Kind+" is protected: ")

			held.change(func(live *unstructured.Unstructured) { annotate(live, annotationInstance, "another") })
			read = e.readAgain(typeName, made.NewState, made.Private)
			destroy := e.planAgain(typeName, read, e.null(typeName), e.null(typeName))
			checkPrefix(t, "the plan", summaries(destroy.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			e.destroyAgain(typeName, read)
			if !held.holds() {
				t.Error("the object of the new instance is deleted")
			}
		})
	}
}

// TestPlanOfProtectedReplacement plans replacements under the same name as an engine does: a
// change, and then a creation with the private state of that.
func TestPlanOfProtectedReplacement(t *testing.T) {
	cases := []struct {
		reason     string
		protection bool
		change     func(*unstructured.Unstructured)
		refused    bool
	}{
		{"a protected one would be destroyed", true, nil, true},
		{"one that is not protected may be", false, nil, false},
		{"one that is being deleted is kept by nobody", true, goes, false},
		{"the object of another instance stays", true, func(live *unstructured.Unstructured) { annotate(live, annotationInstance, "another") }, false},
	}
	for typeName, test := range protectable(t) {
		for _, c := range cases {
			t.Run(typeName+": "+c.reason, func(t *testing.T) {
				held := &oneObject{kind: test.kind}
				e := held.engine(t)
				config := e.withProtection(typeName, test.config, c.protection)
				made := e.create(typeName, config)
				if c.change != nil {
					held.change(c.change)
				}
				read := e.readAgain(typeName, made.NewState, made.Private)
				first := e.planAgain(typeName, read, read.NewState, e.dynamic(e.schema.ResourceSchemas[typeName], config))
				checkPrefix(t, "the change", summaries(first.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
				again := e.creation(typeName, config)
				again.PriorPrivate = first.PlannedPrivate
				second, err := e.server.PlanResourceChange(t.Context(), again)
				if err != nil {
					t.Fatal(err)
				}
				want := ""
				if c.refused {
					want = test.kind.Kind + " is protected: "
				}
				checkPrefix(t, "the creation", summaries(second.Diagnostics, tfprotov6.DiagnosticSeverityError), want)
			})
		}
	}
}

// TestProtectedThatIsGone plans to make again what is gone after a change that was planned and
// failed: what that plan kept protects nothing.
func TestProtectedThatIsGone(t *testing.T) {
	for typeName, test := range protectable(t) {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			config := e.withProtection(typeName, test.config, true)
			made := e.create(typeName, config)
			read := e.readAgain(typeName, made.NewState, made.Private)
			planned := e.planAgain(typeName, read, read.NewState, e.dynamic(e.schema.ResourceSchemas[typeName], config))
			held.ends()
			again := e.creation(typeName, config)
			again.PriorPrivate = e.readAgain(typeName, read.NewState, planned.PlannedPrivate).Private
			resp, err := e.server.PlanResourceChange(t.Context(), again)
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "the creation", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		})
	}
}

// TestProtectionThatEnds replaces what was protected once: what a plan kept of that is
// cleared by the next one.
func TestProtectionThatEnds(t *testing.T) {
	for typeName, test := range protectable(t) {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			schema := e.schema.ResourceSchemas[typeName]
			made := e.create(typeName, e.withProtection(typeName, test.config, true))
			read := e.readAgain(typeName, made.NewState, made.Private)
			unprotected := e.dynamic(schema, e.withProtection(typeName, e.decodeValue(typeName, read.NewState), false))
			plan := e.planAgain(typeName, read, unprotected, unprotected)
			updated := e.apply(&tfprotov6.ApplyResourceChangeRequest{
				TypeName: typeName, PriorState: read.NewState, PlannedState: plan.PlannedState, Config: unprotected, PlannedPrivate: plan.PlannedPrivate, PlannedIdentity: plan.PlannedIdentity,
			})
			read = e.readAgain(typeName, updated.NewState, updated.Private)
			first := e.planAgain(typeName, read, read.NewState, unprotected)
			again := e.creation(typeName, e.withProtection(typeName, test.config, false))
			again.PriorPrivate = first.PlannedPrivate
			second, err := e.server.PlanResourceChange(t.Context(), again)
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "the creation", summaries(second.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		})
	}
}
