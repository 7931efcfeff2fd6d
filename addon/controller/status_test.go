// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var now = metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))

// webApp is an application with one component at generation 3.
func webApp() *v1beta1.Application {
	return &v1beta1.Application{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "store", UID: "u1", Generation: 3, Annotations: map[string]string{v1alpha1.AnnotationRevision: "abc123"},
		},
		Spec: v1beta1.ApplicationSpec{Components: []v1beta1.ApplicationComponent{
			{Name: "web", Type: "webservice", Properties: &runtime.RawExtension{Raw: []byte(`{"image":"nginx:1"}`)}},
		}},
	}
}

// at is the report of component web on a cluster.
func at(cluster string, state delivery.State, reason, message string) delivery.UnitReport {
	return delivery.UnitReport{
		Unit: delivery.Unit{
			Owner: delivery.Owner{Namespace: "shop", Name: "store", UID: "u1"}, Component: "web",
			Place: delivery.Place{Environment: "prod", Cluster: cluster, Namespace: "shop"},
			Result: &render.Result{Objects: []render.Object{{Content: map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop"},
			}}}},
		},
		Observe: delivery.Observation{State: state, Reason: reason, Message: message},
	}
}

// well is the report of a healthy component.
func well(cluster string) delivery.UnitReport {
	unit := at(cluster, delivery.Delivered, "", "")
	unit.Verdict = health.Verdict{Healthy: true, WorkloadHealthy: true, Message: "Ready:2/2"}
	return unit
}

// ill is the report of a component that is there and not healthy.
func ill(cluster string) delivery.UnitReport {
	unit := at(cluster, delivery.Delivered, "", "")
	unit.Verdict = health.Verdict{Message: "Ready:0/2"}
	return unit
}

// unjudged is the report of a component whose health took too much to judge.
func unjudged(cluster string) delivery.UnitReport {
	unit := ill(cluster)
	unit.Unjudged, unit.Verdict.Message = true, "too slow"
	return unit
}

func of(units ...delivery.UnitReport) *delivery.Report { return &delivery.Report{Units: units} }

// conditionTexts are the conditions of a status in a line each.
func conditionTexts(status v1beta1.ApplicationStatus) []string {
	var texts []string
	for _, c := range status.Conditions {
		texts = append(texts, strings.TrimSuffix(fmt.Sprintf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message), ": "))
	}
	return texts
}

func TestStatus(t *testing.T) {
	refused := at("c1", delivery.Refused, "Forbidden", "may not")
	away := at("c2", delivery.Away, "ClusterAway", "cluster is away since T")
	waiting := at("c3", delivery.Waiting, "", "later")
	applying := at("c4", delivery.Applying, "", "soon")
	removing := []delivery.Removal{{
		Record:  delivery.Record{Component: "api", Place: delivery.Place{Environment: "dev", Cluster: "c9", Namespace: "shop"}},
		Observe: delivery.Observation{State: delivery.Applying, Message: "waiting for its end"},
	}}
	held := at("c6", delivery.Refused, "Paused", "paused: left")
	heldRemoval := []delivery.Removal{{Record: removing[0].Record, Observe: delivery.Observation{State: delivery.Refused, Reason: "Paused", Message: "paused: not removed"}}}
	const heldText = `its label controller.core.oam.dev/pause is "true": environment prod, cluster c6: component web: paused: left; ` +
		"environment dev, cluster c9: component api: paused: not removed"
	pending := delivery.Problem{Reason: "PlacementPending", Message: "not decided", Waiting: true}
	blocking := delivery.Problem{Reason: "ClusterNotFound", Message: "no c9"}
	const nothing = "Reconciling False Blocked: nothing goes on without a change; see condition Stalled"
	const ok = "delivered and healthy in "
	tests := []struct {
		name, reason string
		before       v1beta1.ApplicationStatus
		outcome      outcome
		phase        v1beta1.ApplicationPhase
		conditions   []string
	}{
		{
			name: "running", reason: "all places are healthy", outcome: outcome{report: of(well("c1"), well("c2"))}, phase: "running",
			conditions: []string{"Ready True Delivered: " + ok + "2 places", "Reconciling False Delivered: " + ok + "2 places", "Stalled False Delivered: " + ok + "2 places"},
		},
		{
			name: "nothing to deliver", reason: "nothing is missing", outcome: outcome{report: of()}, phase: "running",
			conditions: []string{"Ready True Delivered: " + ok + "0 places", "Reconciling False Delivered: " + ok + "0 places", "Stalled False Delivered: " + ok + "0 places"},
		},
		{
			name: "applying", reason: "one place is not confirmed", outcome: outcome{report: of(well("c1"), applying)}, phase: "runningWorkflow",
			conditions: []string{"Ready False Progressing: environment prod, cluster c4: component web: soon", "Reconciling True Progressing: environment prod, cluster c4: component web: soon", "Stalled False Progressing"},
		},
		{
			name: "starting", reason: "delivered for the first time, and not healthy yet", outcome: outcome{report: of(ill("c1"))}, phase: "runningWorkflow",
			conditions: []string{"Ready False Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Reconciling True Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Stalled False Unhealthy"},
		},
		{
			name: "unhealthy", reason: "it ran with this very spec before", outcome: outcome{report: of(ill("c1"))}, phase: "unhealthy",
			before:     v1beta1.ApplicationStatus{Phase: "running", ObservedGeneration: 3},
			conditions: []string{"Ready False Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Reconciling True Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Stalled False Unhealthy"},
		},
		{
			name: "still unhealthy", reason: "it does not become a first delivery by being unhealthy long", outcome: outcome{report: of(ill("c1"))}, phase: "unhealthy",
			before:     v1beta1.ApplicationStatus{Phase: "unhealthy", ObservedGeneration: 3},
			conditions: []string{"Ready False Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Reconciling True Unhealthy: environment prod, cluster c1: component web: Ready:0/2", "Stalled False Unhealthy"},
		},
		{
			name: "a new spec", reason: "what ran before was another spec", outcome: outcome{report: of(applying)}, phase: "runningWorkflow",
			before:     v1beta1.ApplicationStatus{Phase: "running", ObservedGeneration: 2},
			conditions: []string{"Ready False Progressing: environment prod, cluster c4: component web: soon", "Reconciling True Progressing: environment prod, cluster c4: component web: soon", "Stalled False Progressing"},
		},
		{
			name: "refused", reason: "it stalls at once, also while others go on", outcome: outcome{report: of(applying, refused, away)}, phase: "workflowFailed",
			conditions: []string{"Ready False Forbidden: environment prod, cluster c1: component web: may not", nothing, "Stalled True Forbidden: environment prod, cluster c1: component web: may not"},
		},
		{
			name: "away only", reason: "nobody but the cluster can go on, and the message names it", outcome: outcome{report: of(well("c1"), away)}, phase: "runningWorkflow",
			conditions: []string{"Ready False ClusterAway: environment prod, cluster c2: component web: cluster is away since T", nothing, "Stalled True ClusterAway: environment prod, cluster c2: component web: cluster is away since T"},
		},
		{
			name: "away and others", reason: "a cluster that is away hides no progress", outcome: outcome{report: of(away, applying, waiting, ill("c5"))}, phase: "runningWorkflow",
			conditions: []string{
				"Ready False Progressing: environment prod, cluster c5: component web: Ready:0/2; environment prod, cluster c4: component web: soon; environment prod, cluster c3: component web: later; and 1 more",
				"Reconciling True Progressing: environment prod, cluster c5: component web: Ready:0/2; environment prod, cluster c4: component web: soon; environment prod, cluster c3: component web: later; and 1 more",
				"Stalled False Progressing",
			},
		},
		{
			name: "away after running", reason: "it ran; now nothing is known of one place", outcome: outcome{report: of(well("c1"), away)}, phase: "unhealthy",
			before:     v1beta1.ApplicationStatus{Phase: "running", ObservedGeneration: 3},
			conditions: []string{"Ready False ClusterAway: environment prod, cluster c2: component web: cluster is away since T", nothing, "Stalled True ClusterAway: environment prod, cluster c2: component web: cluster is away since T"},
		},
		{
			name: "invalid", reason: "nothing can be rendered", outcome: outcome{invalid: &blocking}, phase: "rendering",
			conditions: []string{"Ready False ClusterNotFound: no c9", nothing, "Stalled True ClusterNotFound: no c9"},
		},
		{
			name: "a problem that waits", reason: "a placement that is not decided is under way", outcome: outcome{report: &delivery.Report{Problems: []delivery.Problem{pending}}}, phase: "runningWorkflow",
			conditions: []string{"Ready False Progressing: not decided", "Reconciling True Progressing: not decided", "Stalled False Progressing"},
		},
		{
			name: "a problem that does not", reason: "somebody has to change the binding; it counts before one that waits", outcome: outcome{report: &delivery.Report{Problems: []delivery.Problem{pending, blocking}, Units: []delivery.UnitReport{well("c1")}}}, phase: "workflowFailed",
			conditions: []string{"Ready False ClusterNotFound: no c9", nothing, "Stalled True ClusterNotFound: no c9"},
		},
		{
			name: "unjudged", reason: "health that takes too much to judge does not get better by itself", outcome: outcome{report: of(unjudged("c1"), well("c2"))}, phase: "workflowFailed",
			conditions: []string{"Ready False HealthFailed: environment prod, cluster c1: component web: too slow", nothing, "Stalled True HealthFailed: environment prod, cluster c1: component web: too slow"},
		},
		{
			name: "removal", reason: "what is on its way out is awaited", outcome: outcome{report: &delivery.Report{Units: []delivery.UnitReport{well("c1")}, Removals: removing}}, phase: "runningWorkflow",
			conditions: []string{
				"Ready False Progressing: environment dev, cluster c9: component api: being removed: waiting for its end",
				"Reconciling True Progressing: environment dev, cluster c9: component api: being removed: waiting for its end", "Stalled False Progressing",
			},
		},
		{
			name: "held back", reason: "it is paused: all that is held back is counted, and what goes on besides hides none of it",
			outcome: outcome{report: &delivery.Report{Units: []delivery.UnitReport{applying, held, well("c1")}, Removals: heldRemoval}}, phase: "workflowSuspending",
			before:     v1beta1.ApplicationStatus{Phase: "running", ObservedGeneration: 3},
			conditions: []string{"Ready False Paused: " + heldText, nothing, "Stalled True Paused: " + heldText},
		},
		{
			name: "refused and held back", reason: "what is wrong is told first", outcome: outcome{report: of(held, refused)}, phase: "unhealthy",
			before:     v1beta1.ApplicationStatus{Phase: "running", ObservedGeneration: 3},
			conditions: []string{"Ready False Forbidden: environment prod, cluster c1: component web: may not", nothing, "Stalled True Forbidden: environment prod, cluster c1: component web: may not"},
		},
		{
			name: "warnings", reason: "they do not hold the delivery, and are told", outcome: outcome{report: of(well("c1")), warnings: []string{"a", "b", "c", "d"}}, phase: "running",
			conditions: []string{
				"Ready True Delivered: " + ok + "1 place", "Reconciling False Delivered: " + ok + "1 place", "Stalled False Delivered: " + ok + "1 place",
				"UnknownParameters True Ignored: these have no effect: a; b; c; and 1 more",
			},
		},
		{
			name: "no warnings any more", reason: "the condition goes", outcome: outcome{report: of(well("c1"))}, phase: "running",
			before:     v1beta1.ApplicationStatus{Conditions: []metav1.Condition{{Type: "UnknownParameters", Status: "True"}}},
			conditions: []string{"Ready True Delivered: " + ok + "1 place", "Reconciling False Delivered: " + ok + "1 place", "Stalled False Delivered: " + ok + "1 place"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := webApp()
			app.Status = test.before
			before := app.DeepCopy()
			got := test.outcome.status(app, now)
			if diff := cmp.Diff(test.phase, got.Phase); diff != "" {
				t.Errorf("phase (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.conditions, conditionTexts(got)); diff != "" {
				t.Errorf("conditions (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(before, app); diff != "" {
				t.Errorf("the application itself changed (-before +after):\n%s", diff)
			}
			if got.ObservedGeneration != 3 || got.ObservedRevision != "abc123" {
				t.Errorf("it speaks of generation %d and revision %q", got.ObservedGeneration, got.ObservedRevision)
			}
			app.Status = got
			if diff := cmp.Diff(got, test.outcome.status(app, metav1.NewTime(now.Add(time.Hour)))); diff != "" && test.phase != "running" {
				t.Errorf("an hour later, with nothing changed (-then +now):\n%s", diff)
			}
			for _, condition := range got.Conditions {
				if condition.Reason == "" || condition.ObservedGeneration != 3 {
					t.Errorf("condition %s: reason %q, generation %d: the API server would refuse it, or it speaks of another spec", condition.Type, condition.Reason, condition.ObservedGeneration)
				}
			}
		})
	}
}

// TestStatusIsOfOneKind checks over all combinations of two places that exactly
// one of done, waiting and stalled is told, as kstatus wants it.
func TestStatusIsOfOneKind(t *testing.T) {
	units := []delivery.UnitReport{
		well("c1"), ill("c2"), at("c3", delivery.Refused, "Forbidden", "no"), at("c4", delivery.Away, "ClusterAway", "away"),
		at("c5", delivery.Waiting, "", "wait"), at("c6", delivery.Applying, "", "apply"),
	}
	for _, first := range units {
		for _, second := range units {
			for _, phase := range []v1beta1.ApplicationPhase{"", "running", "unhealthy", "runningWorkflow"} {
				app := webApp()
				app.Status.Phase, app.Status.ObservedGeneration = phase, 3
				got := (&outcome{report: of(first, second)}).status(app, now)
				ready := meta.IsStatusConditionTrue(got.Conditions, "Ready")
				reconciling := meta.IsStatusConditionTrue(got.Conditions, "Reconciling")
				stalled := meta.IsStatusConditionTrue(got.Conditions, "Stalled")
				count := 0
				for _, is := range []bool{ready, reconciling, stalled} {
					if is {
						count++
					}
				}
				if count != 1 || ready != (first.Healthy() && second.Healthy()) || ready != (got.Phase == "running") {
					t.Errorf("%d and %d after %q: ready %t, reconciling %t, stalled %t, phase %s", first.Observe.State, second.Observe.State, phase, ready, reconciling, stalled, got.Phase)
				}
				failed := stalled && meta.FindStatusCondition(got.Conditions, "Stalled").Reason != delivery.ReasonClusterAway
				if want := workflowPhase(ready, failed); got.Workflow.Phase != want || got.Workflow.Finished != (ready || failed) {
					t.Errorf("the workflow is %s, finished %t, want %s", got.Workflow.Phase, got.Workflow.Finished, want)
				}
			}
		}
	}
}

// workflowPhase is the phase in the words of existing OAM clients. A cluster that
// is away may come back by itself, so nothing has failed.
func workflowPhase(ready, failed bool) string {
	switch {
	case ready:
		return "succeeded"
	case failed:
		return "failed"
	default:
		return "executing"
	}
}

// TestServices pins the entries of a status.
func TestServices(t *testing.T) {
	unit := ill("c1")
	unit.Verdict = health.Verdict{
		WorkloadHealthy: true, Message: "Ready:2/2", Details: map[string]string{"ready": "2"},
		Traits: []health.TraitVerdict{{Type: "scaler", Message: "scaling", Details: map[string]string{"to": "3"}}, {Type: "labels", Healthy: true}},
	}
	got := (&outcome{report: of(well("c2"), unit)}).status(webApp(), now)
	want := []v1beta1.ApplicationComponentStatus{
		{
			Name: "web", Namespace: "shop", Cluster: "c1", Env: "prod", WorkloadDefinition: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"},
			WorkloadHealthy: true, Message: "Ready:2/2", Details: map[string]string{"ready": "2"},
			Traits: []v1beta1.ApplicationTraitStatus{{Type: "scaler", Message: "scaling", Details: map[string]string{"to": "3"}}, {Type: "labels", Healthy: true}},
		},
		{
			Name: "web", Namespace: "shop", Cluster: "c2", Env: "prod", WorkloadDefinition: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"},
			Healthy: true, WorkloadHealthy: true, Message: "Ready:2/2",
		},
	}
	if diff := cmp.Diff(want, got.Services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&v1beta1.ApplicationSummary{Places: 2, Healthy: 1}, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	refused := (&outcome{report: of(well("c2"), at("c1", delivery.Refused, "Forbidden", "no"), at("c3", delivery.Away, "ClusterAway", "no"))}).status(webApp(), now)
	if len(refused.AppliedResources) != 1 || refused.AppliedResources[0].Cluster != "c2" || refused.AppliedResources[0].Name != "web" {
		t.Errorf("applied resources: got %v, want the Deployment on c2 alone", refused.AppliedResources)
	}
}

// TestStatusOfHeld checks that what is left as it is for now is told of as waiting, and counted.
func TestStatusOfHeld(t *testing.T) {
	report := of(well("c1"))
	held := at("c2", delivery.Waiting, "", "z waits")
	held.Unit.Result = &render.Result{}
	report.Held = []delivery.UnitReport{held}
	report.Problems = []delivery.Problem{{Reason: "PlacementPending", Message: "z waits", Waiting: true}}
	got := (&outcome{report: report}).status(webApp(), now)
	if diff := cmp.Diff(&v1beta1.ApplicationSummary{Places: 2, Healthy: 1}, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if len(got.Services) != 2 || got.Services[0].Cluster != "c2" || got.Services[0].Healthy || got.Services[0].Message != "z waits" {
		t.Errorf("services %v: want the one that waits first", got.Services)
	}
	if diff := cmp.Diff("Ready False Progressing: z waits", conditionTexts(got)[0]); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
}

// TestStatusIsBounded checks that the status of an application on many clusters
// with much to say stays small, and that what matters is kept.
// TestStatusOfPolicies checks that what a policy makes is no service, and still
// keeps the application from being ready.
func TestStatusOfPolicies(t *testing.T) {
	refused := at("c1", delivery.Refused, "Forbidden", "no")
	refused.Unit.Component = delivery.PolicyUnitName("web")
	got := (&outcome{report: of(refused, well("c1"))}).status(webApp(), now)
	if len(got.Services) != 1 || !got.Services[0].Healthy {
		t.Errorf("got the services %v, want the component alone", got.Services)
	}
	if diff := cmp.Diff(&v1beta1.ApplicationSummary{Places: 1, Healthy: 1}, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("Ready False Forbidden: environment prod, cluster c1: policy web: no", conditionTexts(got)[0]); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
}

func TestStatusIsBounded(t *testing.T) {
	long := strings.Repeat("<\"ä", 1000)
	tests := []struct {
		name, reason string
		places       int
		change       func(int, *delivery.UnitReport)
		most, least  int
	}{
		{"250 places", "a hundred are told", 250, func(int, *delivery.UnitReport) {}, 100, 100},
		{"100 places", "all are told", 100, func(int, *delivery.UnitReport) {}, 100, 100},
		{"5000 places", "a hundred are told", 5000, func(int, *delivery.UnitReport) {}, 100, 100},
		{
			"long messages", "fewer are told", 250,
			func(_ int, u *delivery.UnitReport) { u.Observe.Message, u.Verdict.Message = long, long }, 20, 5,
		},
		{
			"long names and details", "fewer are told", 250, func(i int, u *delivery.UnitReport) {
				u.Unit.Place.Cluster = fmt.Sprintf("%063d", i)
				u.Unit.Component, u.Unit.Place.Environment, u.Unit.Place.Namespace = strings.Repeat("c", 63), strings.Repeat("e", 63), strings.Repeat("n", 63)
				u.Verdict.Details = map[string]string{}
				for j := range 32 {
					u.Verdict.Details[fmt.Sprint(j)] = strings.Repeat("d", 100)
				}
			}, 20, 3,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report := &delivery.Report{}
			for i := range test.places {
				unit := well(fmt.Sprintf("c%04d", i))
				if i%25 == 24 {
					unit = ill(fmt.Sprintf("c%04d", i))
				}
				test.change(i, &unit)
				report.Units = append(report.Units, unit)
			}
			warnings := slices.Repeat([]string{long}, 50)
			got := (&outcome{report: report, warnings: warnings}).status(webApp(), now)
			raw, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) > 32<<10 {
				t.Errorf("the status has %d bytes, want at most 32 KiB, since %s", len(raw), test.reason)
			}
			if len(got.Services) > test.most || len(got.Services) < test.least || len(got.AppliedResources) > 100 || len(got.AppliedResources) == 0 {
				t.Errorf("%d services and %d resources, want %d to %d, since %s", len(got.Services), len(got.AppliedResources), test.least, test.most, test.reason)
			}
			unhealthy := int32(test.places / 25)
			want := v1beta1.ApplicationSummary{Places: int32(test.places), Healthy: int32(test.places) - unhealthy, Omitted: int32(test.places - told(got.Services))}
			if diff := cmp.Diff(want, *got.Summary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			for i, service := range got.Services[:told(got.Services)] {
				if service.Healthy != (int32(i) >= unhealthy) {
					t.Errorf("service %d: healthy %t: the unhealthy come first", i, service.Healthy)
					break
				}
			}
		})
	}
}

// told is how many of the services stand for one place.
func told(services []v1beta1.ApplicationComponentStatus) int {
	count := 0
	for _, service := range services {
		if service.Cluster != "" {
			count++
		}
	}
	return count
}

func TestRemovalStatus(t *testing.T) {
	report := &delivery.Report{Tenants: []delivery.TenantKey{{Cluster: "c1", Namespace: "shop"}}}
	for i := range 150 {
		report.Removals = append(report.Removals, delivery.Removal{
			Record:  delivery.Record{Component: "web", Place: delivery.Place{Environment: "prod", Cluster: fmt.Sprintf("c%03d", i), Namespace: "shop"}},
			Observe: delivery.Observation{Message: "waiting for the cluster to remove it"},
		})
	}
	report.Removals[0].Observe.Message = ""
	app := webApp()
	app.Status = (&outcome{report: of(well("c1"))}).status(app, now)
	got := removalStatus(app, report, now)
	want := []string{
		"Ready False Deleting: being removed: environment prod, cluster c000: component web: being removed: tried again; environment prod, cluster c001: component web: being removed: waiting for the cluster to remove it; environment prod, cluster c002: component web: being removed: waiting for the cluster to remove it; and 148 more",
		"Reconciling True Deleting: being removed: environment prod, cluster c000: component web: being removed: tried again; environment prod, cluster c001: component web: being removed: waiting for the cluster to remove it; environment prod, cluster c002: component web: being removed: waiting for the cluster to remove it; and 148 more",
		"Stalled False Deleting",
	}
	if diff := cmp.Diff(want, conditionTexts(got)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got.Phase != "deleting" || len(got.Services) != 100 || len(got.AppliedResources) > 0 || got.Summary.Places != 150 {
		t.Errorf("phase %s, %d services, %d resources, summary %+v", got.Phase, len(got.Services), len(got.AppliedResources), got.Summary)
	}
}

// TestDropForeign checks that nothing is written which the Application CRD of
// another controller does not have: it would be dropped, and written again for ever.
func TestDropForeign(t *testing.T) {
	reached := well("c1")
	reached.Verdict.Endpoints = []string{"http://shop.example.com"}
	got := (&outcome{report: of(reached), warnings: []string{"a"}}).status(webApp(), now)
	if diff := cmp.Diff(reached.Verdict.Endpoints, got.Services[0].Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	dropForeign(&got)
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"observedRevision", "summary", "endpoints", `"observedGeneration":3,"lastTransitionTime"`} {
		if strings.Contains(string(raw), field) {
			t.Errorf("%s is left: %s", field, raw)
		}
	}
	if got.Workflow.AppRevision != "store-v1:abc123" {
		t.Errorf("the writer's revision is lost: %q", got.Workflow.AppRevision)
	}
}

func TestNextRevision(t *testing.T) {
	app := webApp()
	first := nextRevision(app)
	if diff := cmp.Diff(v1beta1.Revision{Name: "store-v1", Revision: 1, RevisionHash: specHash(app)}, first); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	app.Status.LatestRevision = &first
	app.Generation, app.Labels = 9, map[string]string{"a": "b"}
	if diff := cmp.Diff(first, nextRevision(app)); diff != "" {
		t.Errorf("the same spec (-want +got):\n%s", diff)
	}
	app.Spec.Components[0].Properties.Raw = []byte(`{"image":"nginx:2"}`)
	if got := nextRevision(app); got.Name != "store-v2" || got.Revision != 2 || got.RevisionHash == first.RevisionHash {
		t.Errorf("another spec: got %+v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		reason  string
		outcome outcome
		want    time.Duration
	}{
		{"an invalid application waits for its change", outcome{invalid: &delivery.Problem{}}, 0},
		{"events suffice", outcome{report: of()}, 0},
		{"no hot loop", outcome{report: &delivery.Report{RetryAfter: 1}}, minRetry},
		{"as asked for", outcome{report: &delivery.Report{RetryAfter: time.Minute}}, time.Minute},
	}
	for _, test := range tests {
		if got := test.outcome.retryAfter(); got != test.want {
			t.Errorf("got %s, want %s: %s", got, test.want, test.reason)
		}
	}
}

func TestCut(t *testing.T) {
	for _, cutter := range []func(string) string{cut, shorten} {
		if got := cutter(strings.Repeat("x", 999) + "é"); got != strings.Repeat("x", 999)+"..." {
			t.Errorf("a character at the end: got %q", got[990:])
		}
		if got := cutter("short"); got != "short" {
			t.Errorf("got %q", got)
		}
	}
}

// TestCauseInMessage checks that the message of a place says why it is not healthy.
func TestCauseInMessage(t *testing.T) {
	caused := func(unit delivery.UnitReport, message string) delivery.UnitReport {
		unit.Cause.Text, unit.Verdict.Message = "pod web-1: Evicted", message
		return unit
	}
	tests := []struct {
		reason string
		unit   delivery.UnitReport
		want   string
	}{
		{"the counts come first", caused(ill("c1"), "Ready:0/2"), "Ready:0/2; pod web-1: Evicted"},
		{"a type without a message", caused(ill("c1"), ""), "pod web-1: Evicted"},
		{"what is healthy needs no excuse", caused(well("c1"), "Ready:2/2"), "Ready:2/2"},
		{"what is not there has another reason", caused(at("c1", delivery.Applying, "", "soon"), ""), "soon"},
	}
	for _, test := range tests {
		if got := messageOf(test.unit); got != test.want {
			t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
		}
	}
}

// TestRevisionOfAPausedApplication checks that no revision is told to be there of which a place waits.
func TestRevisionOfAPausedApplication(t *testing.T) {
	waits := at("c1", delivery.Waiting, "", "waits for component db")
	for _, test := range []struct {
		reason string
		label  string
		report *delivery.Report
		want   int64
	}{
		{"it goes on: what waits comes", "", of(waits), 2},
		{"it is paused: nothing comes that waits", "true", of(waits), 1},
		{"it is paused, and everything had come before", "true", of(ill("c1")), 2},
	} {
		app := &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{v1beta1.LabelPause: test.label}}}
		app.Status.LatestRevision = &v1beta1.Revision{Name: "web-v1", Revision: 1, RevisionHash: "old"}
		status := (&outcome{report: test.report}).status(app, metav1.Now())
		if got := status.LatestRevision.Revision; got != test.want {
			t.Errorf("%s: revision %d, want %d", test.reason, got, test.want)
		}
	}
}
