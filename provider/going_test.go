// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// goes makes an object one that is being deleted, as a killed destroy leaves it.
func goes(live *unstructured.Unstructured) {
	now := metav1.NewTime(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC))
	live.SetDeletionTimestamp(&now)
	live.SetFinalizers([]string{"fairlead.dev/delivery"})
}

// applicationConfig is an application as one of a platform's resources.
func applicationConfig(t *testing.T) platformConfig {
	t.Helper()
	config := configOf(attributes(t, map[string]string{"components": someWeb}))
	config["namespace"] = text("default")
	return platformConfig{metav1.APIResource{Group: "core.oam.dev", Version: "v1beta1", Kind: "Application", Name: "applications", Namespaced: true}, config}
}

// writtenConfigs are those of all resources that are one object of the hub.
func writtenConfigs(t *testing.T) map[string]platformConfig {
	t.Helper()
	configs := platformConfigs()
	configs[applicationType] = applicationConfig(t)
	return configs
}

// readAgain reads what was made.
func (e *engine) readAgain(typeName string, state *tfprotov6.DynamicValue, private []byte) *tfprotov6.ReadResourceResponse {
	e.t.Helper()
	resp, err := e.server.ReadResource(e.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: state, Private: private})
	if err != nil {
		e.t.Fatal(err)
	}
	checkPrefix(e.t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	return resp
}

// planAgain plans what was read, to become what is proposed.
func (e *engine) planAgain(typeName string, read *tfprotov6.ReadResourceResponse, proposed, config *tfprotov6.DynamicValue) *tfprotov6.PlanResourceChangeResponse {
	e.t.Helper()
	resp, err := e.server.PlanResourceChange(e.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: read.NewState, ProposedNewState: proposed, Config: config, PriorPrivate: read.Private, PriorIdentity: read.NewIdentity,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// replaced are the attributes for which a plan replaces the object.
func replaced(plan *tfprotov6.PlanResourceChangeResponse) []string {
	var names []string
	for _, at := range plan.RequiresReplace {
		names = append(names, at.String())
	}
	return names
}

// TestObjectsThatGo has objects that are being deleted, as after a destroy that was killed.
// They stay in the state, and an update makes them anew when they are gone.
func TestObjectsThatGo(t *testing.T) {
	for typeName, test := range writtenConfigs(t) {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			config := e.dynamic(e.schema.ResourceSchemas[typeName], test.config)
			made := e.create(typeName, test.config)

			read := e.readAgain(typeName, made.NewState, made.Private)
			checkPrefix(t, "warning", summaries(read.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "")
			if got := replaced(e.planAgain(typeName, read, read.NewState, config)); got != nil {
				t.Errorf("one that stays is replaced for %q", got)
			}

			held.change(goes)
			read = e.readAgain(typeName, made.NewState, made.Private)
			checkPrefix(t, "warning", summaries(read.Diagnostics, tfprotov6.DiagnosticSeverityWarning), test.kind.Kind+" is being deleted: ")
			if diff := cmp.Diff(e.decodeValue(typeName, made.NewState), e.decodeValue(typeName, read.NewState)); diff != "" {
				t.Errorf("the state (-made +read):\n%s", diff)
			}
			plan := e.planAgain(typeName, read, read.NewState, config)
			checkPrefix(t, "error", summaries(plan.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			if got := replaced(plan); got != nil {
				t.Errorf("it is replaced for %q: what may let it go would be changed after that", got)
			}
			if cmp.Equal(e.decodeValue(typeName, plan.PlannedState), e.decodeValue(typeName, read.NewState)) {
				t.Error("engines do nothing about what is planned as it was")
			}
			held.ends()
			anew := e.apply(&tfprotov6.ApplyResourceChangeRequest{
				TypeName: typeName, PriorState: read.NewState, PlannedState: plan.PlannedState, Config: config, PlannedPrivate: plan.PlannedPrivate, PlannedIdentity: plan.PlannedIdentity,
			})
			if diff := cmp.Diff(e.decodeValue(typeName, made.NewState), e.decodeValue(typeName, anew.NewState)); diff != "" || held.created != 2 {
				t.Errorf("made %d times, want twice (-before +anew):\n%s", held.created, diff)
			}
			read = e.readAgain(typeName, anew.NewState, anew.Private)
			checkPrefix(t, "warning of what was made anew", summaries(read.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "")

			held.change(goes)
			read = e.readAgain(typeName, anew.NewState, anew.Private)
			e.destroyAgain(typeName, read)
			if held.holds() {
				t.Error("a destroy leaves it")
			}
		})
	}
}

// TestUpdateOfWhatGoes updates objects that began to go after they were read: what was
// written would go with them, and the state would say that it is there.
func TestUpdateOfWhatGoes(t *testing.T) {
	for typeName, test := range writtenConfigs(t) {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			made := e.create(typeName, test.config)
			held.change(goes)
			resp, err := e.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
				TypeName: typeName, PriorState: made.NewState, PlannedState: made.NewState,
				Config: e.dynamic(e.schema.ResourceSchemas[typeName], test.config), PlannedPrivate: made.Private,
			})
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.kind.Kind+" is being deleted: ")
			held.change(func(live *unstructured.Unstructured) {
				if live.GetDeletionTimestamp() == nil {
					t.Error("it was written all the same")
				}
			})
		})
	}
}

// TestProtectedThatGoes has protected objects that are being deleted: no protection keeps
// them any more, and none is in the way of making them anew.
func TestProtectedThatGoes(t *testing.T) {
	configs := map[string]platformConfig{"fairlead_environment": platformConfigs()["fairlead_environment"], applicationType: applicationConfig(t)}
	for typeName, test := range configs {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			schema := e.schema.ResourceSchemas[typeName]
			kind, _ := schema.ValueType().(tftypes.Object).AttributeTypes["deletion"].(tftypes.Object)
			config := maps.Clone(test.config)
			config["deletion"] = complete(kind, map[string]tftypes.Value{"protection": tftypes.NewValue(tftypes.Bool, true)})
			made := e.create(typeName, config)
			read := e.readAgain(typeName, made.NewState, made.Private)
			refused := e.planAgain(typeName, read, e.null(typeName), e.null(typeName))
			checkPrefix(t, "one that stays", summaries(refused.Diagnostics, tfprotov6.DiagnosticSeverityError), test.kind.Kind+" is protected: ")

			held.change(goes)
			read = e.readAgain(typeName, made.NewState, made.Private)
			destroy := e.planAgain(typeName, read, e.null(typeName), e.null(typeName))
			checkPrefix(t, "a destroy", summaries(destroy.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			anew := e.planAgain(typeName, read, read.NewState, e.dynamic(schema, config))
			checkPrefix(t, "an update that makes it anew", summaries(anew.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			e.destroyAgain(typeName, read)
			if held.holds() {
				t.Error("it is left")
			}
		})
	}
}

// destroyAgain destroys what was read.
func (e *engine) destroyAgain(typeName string, read *tfprotov6.ReadResourceResponse) {
	e.t.Helper()
	e.apply(&tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: read.NewState, PlannedState: e.null(typeName), Config: e.null(typeName), PlannedPrivate: read.Private,
	})
}

// TestRolloutOfWhatGoes reads the rollout of an application that is being deleted: it is
// forgotten, so that the rollout of the one that is made anew is waited for.
func TestRolloutOfWhatGoes(t *testing.T) {
	const typeName = "fairlead_rollout"
	test := applicationConfig(t)
	held := &oneObject{kind: test.kind}
	e := held.engine(t)
	made := e.decodeValue(applicationType, e.create(applicationType, test.config).NewState)
	state := map[string]tftypes.Value{"application": made["id"], "revision": made["revision"], "on_failure": text("error")}
	for _, c := range []struct {
		reason string
		change func(*unstructured.Unstructured)
		gone   bool
	}{
		{"the application stays", func(*unstructured.Unstructured) {}, false},
		{"the application is being deleted", goes, true},
	} {
		held.change(c.change)
		resp := e.read(typeName, state)
		checkPrefix(t, c.reason, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		if gone := e.decodeValue(typeName, resp.NewState) == nil; gone != c.gone {
			t.Errorf("%s: forgotten %t, want %t", c.reason, gone, c.gone)
		}
	}
}

// TestRolloutOfWhatIsMadeAnew plans the rollout of an application that this run has made with the same content as one before, as
// `-replace` does: its revision is the same, and nothing of it runs yet.
func TestRolloutOfWhatIsMadeAnew(t *testing.T) {
	const typeName = "fairlead_rollout"
	test := applicationConfig(t)
	held := &oneObject{kind: test.kind}
	maker := held.engine(t)
	made := maker.decodeValue(applicationType, maker.create(applicationType, test.config).NewState)
	state := map[string]tftypes.Value{
		"application": made["id"], "revision": made["revision"], "on_failure": text("error"),
		"endpoints": tftypes.NewValue(tftypes.Map{ElementType: tftypes.List{ElementType: tftypes.String}}, noEndpoints()),
	}
	for reason, c := range map[string]struct {
		engine *engine
		known  bool
	}{
		"this run has made it":      {maker, false},
		"another one did, long ago": {held.engine(t), true},
	} {
		schema := c.engine.schema.ResourceSchemas[typeName]
		resp, err := c.engine.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
			TypeName: typeName, PriorState: c.engine.dynamic(schema, state), ProposedNewState: c.engine.dynamic(schema, state), Config: c.engine.dynamic(schema, state),
		})
		if err != nil {
			t.Fatal(err)
		}
		if known := c.engine.decodeValue(typeName, resp.PlannedState)["endpoints"].IsKnown(); known != c.known {
			t.Errorf("%s: endpoints known %t, want %t", reason, known, c.known)
		}
	}
}
