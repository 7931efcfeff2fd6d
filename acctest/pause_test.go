// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// invoker invokes actions as Terraform 1.14 does, which no engine here is.
type invoker struct {
	*lister
	actions tfprotov6.ActionServer
}

// newInvoker starts the provider for a hub.
func newInvoker(t *testing.T, kubeconfig string) *invoker {
	t.Helper()
	l := newLister(t, kubeconfig)
	actions, ok := l.server.(tfprotov6.ActionServer)
	if !ok {
		t.Fatal("the provider has no actions")
	}
	return &invoker{lister: l, actions: actions}
}

// invoke validates, plans and invokes fairlead_rollout_control, and returns what it said and its diagnostics.
func (i *invoker) invoke(application, command string) (said, diagnostics []string) {
	i.t.Helper()
	const name = "fairlead_rollout_control"
	text := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	kind, _ := i.schema.ActionSchemas[name].Schema.ValueType().(tftypes.Object)
	config := i.encode(kind, filled(kind, map[string]tftypes.Value{"application": text(application), "command": text(command)}))
	valid, err := i.actions.ValidateActionConfig(i.t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: config})
	if err != nil || len(valid.Diagnostics) > 0 {
		i.t.Fatalf("validate: %v %v", err, valid.Diagnostics)
	}
	planned, err := i.actions.PlanAction(i.t.Context(), &tfprotov6.PlanActionRequest{ActionType: name, Config: config})
	if err != nil || len(planned.Diagnostics) > 0 {
		i.t.Fatalf("plan: %v %v", err, planned.Diagnostics)
	}
	stream, err := i.actions.InvokeAction(i.t.Context(), &tfprotov6.InvokeActionRequest{ActionType: name, Config: config})
	if err != nil {
		i.t.Fatal(err)
	}
	for event := range stream.Events {
		switch event := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			said = append(said, event.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			for _, d := range event.Diagnostics {
				diagnostics = append(diagnostics, d.Severity.String()+": "+d.Summary+": "+d.Detail)
			}
		}
	}
	return said, diagnostics
}

// mustInvoke invokes the action for the application of a shop, and compares what it said, with times left out.
func (i *invoker) mustInvoke(t *testing.T, s shop, command string, want ...string) {
	t.Helper()
	i.t = t
	said, diagnostics := i.invoke(s.name+"/"+s.name, command)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	for at := range said {
		said[at] = times.ReplaceAllString(said[at], "TIME")
	}
	if diff := cmp.Diff(want, said); diff != "" || len(diagnostics) > 0 {
		t.Fatalf("%s: %v\nwhat was said (-want +got):\n%s", command, diagnostics, diff)
	}
}

// isHeld checks that nothing of a revision arrived anywhere, and that the addon wrote nothing but the status.
func (s shop) isHeld(t *testing.T, f *fleet, log *audit) {
	t.Helper()
	mustBe(t, s.runs(t, f, s.everywhere()...))
	writes, err := log.writes()
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range writes {
		if !slices.Contains([]string{"applications", "environments", "clusterbindings", "events"}, write.ObjectRef.Resource) && strings.Contains(write.String(), s.name) {
			t.Errorf("a write for an application that is paused: %s", write)
		}
	}
	for _, cluster := range sharedClusters() {
		if works := log.written(t, "manifestworks"); works[cluster+"/"+s.work(t, f, cluster).GetName()] > 0 {
			t.Errorf("the work on %s was written", cluster)
		}
	}
}

// TestPause pauses an application by the action, changes it, and resumes it: on the hub itself and on managed clusters.
func TestPause(t *testing.T) {
	f := sharedFleet(t)
	first, second := shop{name: "paused", image: "nginx:1"}, shop{name: "paused", image: "nginx:2"}
	i := newInvoker(t, f.env.Hub().KubeconfigPath)
	var log *audit
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps: []resource.TestStep{
			{Config: first.whole(f), Check: first.runs(t, f, first.everywhere()...)},
			{
				PreConfig: func() {
					i.mustInvoke(t, first, "pause", "application paused/paused: setting its label controller.core.oam.dev/pause",
						"application paused/paused: waiting until the addon knows", "application paused/paused is paused since TIME: delivered and healthy in 4 of 4 places")
					log = f.auditFromNow(t)
				},
				Config: second.whole(f),
				ExpectError: wrapped(`application "paused" is paused`, "environment paused-prod, cluster cluster1: component web", "it is paused since",
					"kubectl -n paused label applications.core.oam.dev paused controller.core.oam.dev/pause-"),
			},
			{
				PreConfig: func() {
					first.isHeld(t, f, log)
					i.mustInvoke(t, first, "pause", "application paused/paused: nothing to change on it",
						"application paused/paused: waiting until the addon knows", "application paused/paused is paused since TIME: delivered and healthy in 0 of 4 places, and something is held back")
					said, diagnostics := i.invoke(first.name+"/"+first.name, "resume")
					if len(diagnostics) > 0 || len(said) != 3 || !strings.HasPrefix(said[2], "application paused/paused is resumed: ") {
						t.Fatalf("resume: %v %v", said, diagnostics)
					}
				},
				Config: second.whole(f),
				Check:  resource.ComposeAggregateTestCheckFunc(second.runs(t, f, second.everywhere()...), untainted),
			},
			{Config: second.whole(f), ConfigPlanChecks: emptyPlan()},
			{
				// The declarative way, for every engine. Nothing is held back, so that the rollout has no objection.
				Config: withProvider(f.env.Hub(), second.environments()+second.application(inOrder+"\n  labels = { \""+v1beta1.LabelPause+"\" = \"true\" }")+rollout),
				Check: func(*terraform.State) error {
					return waitUntil(patience, "the addon to know of the pause", func() error { return second.says(t, f, "True") })
				},
			},
			{
				Config: second.whole(f),
				Check: func(*terraform.State) error {
					return waitUntil(patience, "the addon to know that it is resumed", func() error { return second.says(t, f, "") })
				},
			},
		},
	})
}

// says checks the status of condition Paused; empty for none.
func (s shop) says(t *testing.T, f *fleet, status string) error {
	app := f.get(t, v1alpha1.LocalCluster, applications, s.name, s.name)
	if got, _ := conditionOf(app, v1alpha1.ConditionPaused)["status"].(string); got != status {
		return fmt.Errorf("condition Paused is %q, want %q", got, status)
	}
	return nil
}

// TestPauseWithoutApplication checks what a real hub answers where there is nothing to pause.
func TestPauseWithoutApplication(t *testing.T) {
	i := newInvoker(t, sharedHub(t).KubeconfigPath)
	if _, diagnostics := i.invoke("nowhere/none", "pause"); len(diagnostics) != 1 || !strings.HasPrefix(diagnostics[0], "ERROR: Not found on the hub: ") {
		t.Errorf("an application that does not exist: %v", diagnostics)
	}
}
