// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const rolloutType = "fairlead_rollout"

// rolloutHistory is a rollout as an engine keeps it from call to call.
type rolloutHistory struct {
	*engine
	hub     *answers
	state   *tfprotov6.DynamicValue
	private []byte
}

// rolledOutApplication is an application that carries a revision, which the addon says that of.
func rolledOutApplication(metadata, revision, phase, condition string) string {
	return fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"namespace":"shop","name":"shop","generation":1,
		"annotations":{"fairlead.dev/revision":%q}%s},"spec":{"components":[]},
		"status":{"observedGeneration":1,"observedRevision":%q,"status":%q,"conditions":[{"type":%q,"status":"True","reason":"Because","message":"","lastTransitionTime":"2026-03-04T05:06:07Z"}]}}`,
		revision, metadata, revision, phase, condition)
}

func healthyAt(revision string) string {
	return rolledOutApplication("", revision, "running", "Ready")
}

func stalledAt(revision string) string {
	return rolledOutApplication("", revision, "workflowFailed", "Stalled")
}

// rolloutAt has the attributes of a rollout of that revision.
func rolloutAt(revision string, endpoints any) map[string]tftypes.Value {
	kind := tftypes.Map{ElementType: tftypes.List{ElementType: tftypes.String}}
	return map[string]tftypes.Value{
		"application": text("shop/shop"), "revision": text(revision), "on_failure": text(onFailureError), "endpoints": tftypes.NewValue(kind, endpoints),
	}
}

// noEndpoints are those of an application that is not reached from outside.
func noEndpoints() any { return map[string]tftypes.Value{} }

// newRolloutHistory begins with a rollout of the revision a that was complete.
func newRolloutHistory(t *testing.T) *rolloutHistory {
	t.Helper()
	hub := &answers{}
	h := &rolloutHistory{engine: on(t, hub, nil).engine, hub: hub}
	h.state = h.dynamic(h.schema.ResourceSchemas[rolloutType], rolloutAt("a", noEndpoints()))
	return h
}

// reads refreshes the rollout while the hub has that application.
func (h *rolloutHistory) reads(application string) {
	h.t.Helper()
	h.hub.application = application
	resp, err := h.server.ReadResource(h.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: rolloutType, CurrentState: h.state, Private: h.private})
	if err != nil || len(resp.Diagnostics) > 0 {
		h.t.Fatalf("read: %v %s", err, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError))
	}
	h.state, h.private = resp.NewState, resp.Private
}

// plans asks for a plan of the revision, and returns the plan with what is kept beside it.
func (h *rolloutHistory) plans(revision string) *tfprotov6.PlanResourceChangeResponse {
	h.t.Helper()
	schema := h.schema.ResourceSchemas[rolloutType]
	config := rolloutAt(revision, nil)
	resp, err := h.server.PlanResourceChange(h.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: rolloutType, PriorState: h.state, PriorPrivate: h.private,
		Config: h.dynamic(schema, config), ProposedNewState: h.dynamic(schema, rolloutAt(revision, noEndpoints())),
	})
	if err != nil || len(resp.Diagnostics) > 0 {
		h.t.Fatalf("plan: %v %s", err, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError))
	}
	return resp
}

// isPending says whether a plan of that revision has something to do.
func (h *rolloutHistory) isPending(revision string) bool {
	h.t.Helper()
	kind := h.schema.ResourceSchemas[rolloutType].ValueType()
	before, err := h.state.Unmarshal(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	planned, err := h.plans(revision).PlannedState.Unmarshal(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return !planned.Equal(before)
}

// updates applies a plan of the revision while the hub has that application, and says whether that was an error.
func (h *rolloutHistory) updates(revision, application string) (failed bool) {
	h.t.Helper()
	h.hub.application = application
	plan := h.plans(revision)
	resp, err := h.server.ApplyResourceChange(h.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: rolloutType, PriorState: h.state, PlannedState: plan.PlannedState, PlannedPrivate: plan.PlannedPrivate,
		Config: h.dynamic(h.schema.ResourceSchemas[rolloutType], rolloutAt(revision, nil)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.state, h.private = resp.NewState, resp.Private
	return summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError) != ""
}

// revision is that in the state.
func (h *rolloutHistory) revision() (revision string) {
	h.t.Helper()
	if err := h.decodeValue(rolloutType, h.state)["revision"].As(&revision); err != nil {
		h.t.Fatal(err)
	}
	return revision
}

// TestRolloutThatGoesBack checks when a plan of the revision that was complete has something to wait for.
func TestRolloutThatGoesBack(t *testing.T) {
	fails := func(h *rolloutHistory) {
		if !h.updates("b", healthyAt("c")) {
			h.t.Error("another revision was waited for, and no error")
		}
	}
	cases := []struct {
		reason  string
		happens func(*rolloutHistory)
		pending bool
	}{
		{"it is healthy", func(h *rolloutHistory) { h.reads(healthyAt("a")) }, false},
		{"it is unhealthy later", func(h *rolloutHistory) { h.reads(stalledAt("a")) }, false},
		{"a killed provider left another revision, which goes", func(h *rolloutHistory) { h.reads(stalledAt("b")); h.hub.application = stalledAt("a") }, true},
		{"another revision is healthy, and goes", func(h *rolloutHistory) { h.reads(healthyAt("b")); h.hub.application = healthyAt("a") }, true},
		{"another workspace changes it, and waits for it", func(h *rolloutHistory) { h.reads(stalledAt("b")) }, false},
		{"an update failed, nothing is read, and it goes back", func(h *rolloutHistory) { fails(h); h.hub.application = stalledAt("a") }, true},
		{"an update failed, and the old one does not come up", func(h *rolloutHistory) { fails(h); h.reads(stalledAt("a")) }, true},
		{"an update failed, and somebody went back", func(h *rolloutHistory) { fails(h); h.reads(healthyAt("a")) }, false},
		{"it went back", func(h *rolloutHistory) {
			h.reads(stalledAt("b"))
			if h.updates("a", healthyAt("a")) {
				h.t.Error("what was taken back is healthy, and an error")
			}
			h.reads(stalledAt("a"))
		}, false},
		{"it went back and failed", func(h *rolloutHistory) {
			h.reads(stalledAt("b"))
			if !h.updates("a", healthyAt("b")) {
				h.t.Error("another revision was waited for, and no error")
			}
			h.reads(stalledAt("a"))
		}, true},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			h := newRolloutHistory(t)
			c.happens(h)
			if got := h.isPending("a"); got != c.pending {
				t.Errorf("pending: %t, want %t", got, c.pending)
			}
			if diff := cmp.Diff("a", h.revision()); diff != "" {
				t.Errorf("the revision in the state (-want +got):\n%s", diff)
			}
		})
	}
}
