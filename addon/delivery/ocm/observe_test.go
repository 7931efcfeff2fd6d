// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const revisionName = `.metadata.annotations.fairlead\.dev/revision`

func text(name, value string) workv1.FeedbackValue {
	return workv1.FeedbackValue{Name: name, Value: workv1.FieldValue{Type: workv1.String, String: &value}}
}

func integer(name string, value int64) workv1.FeedbackValue {
	return workv1.FeedbackValue{Name: name, Value: workv1.FieldValue{Type: workv1.Integer, Integer: &value}}
}

// reported is what an agent says of an object.
func reported(object render.Object, available metav1.ConditionStatus, values ...workv1.FeedbackValue) workv1.ManifestCondition {
	gvk := object.GroupVersionKind()
	return workv1.ManifestCondition{
		ResourceMeta:    workv1.ManifestResourceMeta{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: object.Namespace(), Name: object.Name()},
		Conditions:      []metav1.Condition{{Type: workv1.ManifestAvailable, Status: available}},
		StatusFeedbacks: workv1.StatusFeedbackResult{Values: values},
	}
}

// read is a manifest that the agent read for its feedback, for that reason.
func read(manifest workv1.ManifestCondition, reason string) workv1.ManifestCondition {
	manifest.Conditions = append(manifest.Conditions, metav1.Condition{Type: conditionRead, Status: metav1.ConditionTrue, Reason: reason})
	return manifest
}

// failed is a manifest that the agent could not apply.
func failed(object render.Object, message string) workv1.ManifestCondition {
	manifest := reported(object, metav1.ConditionFalse)
	manifest.Conditions = []metav1.Condition{{Type: workv1.ManifestApplied, Status: metav1.ConditionFalse, Message: message}}
	return manifest
}

// delivered writes the unit's work, of which all objects are known to be ours,
// and returns its name.
func (h *hub) delivered(t *testing.T, u delivery.Unit) string {
	t.Helper()
	work, err := applicationWork(u)
	if err != nil {
		t.Fatal(err)
	}
	rights, err := h.rights(t.Context(), u.Place)
	if err != nil {
		t.Fatal(err)
	}
	if rights != "" {
		work.Labels[labelRights] = rights
	}
	h.stamp(work, nil)
	if err := h.client.Create(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.pass(30 * time.Second) // longer than a write may be held, shorter than its agent may take
	h.writes = nil
	return WorkName(u.Owner, u.Component, u.Place.Environment, "0")
}

var stateNames = map[delivery.State]string{
	delivery.Refused: "refused", delivery.Away: "away", delivery.Waiting: "waiting", delivery.Applying: "applying", delivery.Delivered: "delivered",
}

func said(o delivery.Observation) string {
	state := stateNames[o.State]
	if o.Reason != "" {
		state += " " + o.Reason
	}
	return strings.TrimSuffix(state+": "+o.Message, ": ")
}

// TestObserve checks, over statuses as agents write them, that a unit counts as
// delivered only when its feedback proves it.
func TestObserve(t *testing.T) {
	web := deployment("web", "nginx:1")
	wanted := web.Digest()
	old := deployment("web", "nginx:0").Digest()
	ready := []workv1.FeedbackValue{text(revisionName, wanted), integer(".status.readyReplicas", 2)}
	tests := []struct {
		name, reason string
		// generation that Applied speaks of; 0 for no condition.
		generation int64
		applied    metav1.ConditionStatus
		manifests  []workv1.ManifestCondition
		want       string
		writes     []string
		retry      time.Duration
		// age of Applied; a minute when zero.
		age time.Duration
	}{
		{name: "silent", reason: "no agent has seen it", want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second},
		{
			name: "ready", reason: "applied, there, and of this version", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "True", ready...)}, want: "delivered",
		},
		{
			name: "available before applied", reason: "Available takes the new generation before anything is applied", generation: 0,
			manifests: []workv1.ManifestCondition{reported(web, "True", ready...)}, want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second,
		},
		{
			name: "applied of another generation", reason: "that was another version", generation: 7, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "True", ready...)}, want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second,
		},
		{
			name: "old feedback", reason: "feedback of the previous version stands beside Applied of this one", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, old), integer(".status.readyReplicas", 2))},
			want:      "applying: Deployment shop-prod/web: waiting for feedback of this version", age: time.Second, retry: feedbackDelay - time.Second,
		},
		{
			name: "another version", reason: "what stays another version is applied again", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, old), integer(".status.readyReplicas", 2))},
			want:      "applying: Deployment shop-prod/web: the cluster has another version of it; its agent was asked to apply it again",
			writes:    []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "no feedback yet", reason: "applied and not read yet", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "True")}, want: "applying: Deployment shop-prod/web: waiting for feedback of this version",
			age: time.Second, retry: silence - time.Second,
		},
		{
			name: "stripped by hand", reason: "the agent read it and found no version: somebody replaced it without its annotations", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{read(reported(web, "True"), "StatusFeedbackSynced")}, age: 10 * time.Second,
			want:   "applying: Deployment shop-prod/web: the cluster has another version of it; its agent was asked to apply it again",
			writes: []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "not asked yet", reason: "what the agent read was read before feedback was asked for", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{read(reported(web, "True"), "NoStatusFeedbackSynced")}, age: 10 * time.Second,
			want: "applying: Deployment shop-prod/web: waiting for feedback of this version", retry: silence - 10*time.Second,
		},
		{
			name: "missing", reason: "a missing object keeps its last values; its agent is asked to make it again", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "False", ready...)},
			want:      "applying: Deployment shop-prod/web: the cluster does not have it; its agent was asked to apply it again",
			writes:    []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "unknown", reason: "unknown is not there", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "Unknown", ready...)},
			want:      "applying: Deployment shop-prod/web: the cluster does not say that it has it; its agent was asked to apply it again",
			writes:    []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "not said yet", reason: "an agent with much to do says it late, and gets no more to do", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(web, "Unknown")}, want: "applying: Deployment shop-prod/web: not reported yet",
			age: 10 * time.Second, retry: silence - 10*time.Second,
		},
		{
			name: "not listed", reason: "the list of manifests is that of another version", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(deployment("api", "x"), "True", ready...)},
			want:      "applying: Deployment shop-prod/web: the cluster does not say that it has it; its agent was asked to apply it again",
			writes:    []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "same name, other kind", reason: "objects are told by kind, not by name alone", generation: 1, applied: "True",
			manifests: []workv1.ManifestCondition{reported(service("web"), "True", ready...)},
			want:      "applying: Deployment shop-prod/web: the cluster does not say that it has it; its agent was asked to apply it again",
			writes:    []string{"patch c1/store-web-80e3dae965"}, retry: firstRepair,
		},
		{
			name: "refused by executor", reason: "a right is missing", generation: 1, applied: "False",
			manifests: []workv1.ManifestCondition{failed(web, "Failed to apply manifest: not allowed to apply the resource apps deployments, shop-prod web, will try again in 1m0s")},
			want: "refused Forbidden: Deployment shop-prod/web: the cluster cannot apply it: Failed to apply manifest: not allowed to apply the resource apps deployments, shop-prod web, will try again in 1m0s" +
				"; account shop-prod/fairlead-deployer of the cluster may not: ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out",
		},
		{
			name: "invalid", reason: "the API server's words are passed on, without values, which may be secret", generation: 1, applied: "False",
			manifests: []workv1.ManifestCondition{failed(web, "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: \"C4N4RY\": must be short")},
			want:      "refused ApplyFailed: Deployment shop-prod/web: the cluster cannot apply it: Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: must be short",
		},
		{
			name: "not applied and no word why", reason: "the agent tells more with its next report", generation: 1, applied: "False",
			want: "applying: the cluster could not apply it yet",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			name := h.delivered(t, unit(web))
			status := workv1.ManifestWorkStatus{
				Conditions:     []metav1.Condition{{Type: workv1.WorkAvailable, Status: "True", ObservedGeneration: 1}},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: test.manifests},
			}
			age := test.age
			if age == 0 {
				age = time.Minute
			}
			if test.applied != "" {
				status.Conditions = append(status.Conditions, h.appliedAt(test.generation, test.applied, age))
			}
			h.setStatus(t, name, status)
			got, err := h.Deliver(t.Context(), unit(web))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.writes, h.writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if got.RetryAfter != test.retry {
				t.Errorf("retry after %s, want %s", got.RetryAfter, test.retry)
			}
		})
	}
}

// TestObserveReturnsValues checks what health gets to see: the object as it was
// delivered, with what the cluster reported.
func TestObserveReturnsValues(t *testing.T) {
	h := newHub(t)
	web, expose := deployment("web", "nginx:1"), service("web")
	name := h.delivered(t, unit(web, expose))
	h.setStatus(t, name, workv1.ManifestWorkStatus{
		Conditions: []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
		ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
			reported(expose, "True", text(revisionName, expose.Digest())),
			reported(web, "True", text(revisionName, web.Digest()), integer(".status.readyReplicas", 1), integer(".metadata.generation", 5),
				text(`.status.conditions[?(@.type=="Available")].status`, "True")),
		}},
	})
	got, err := h.Deliver(t.Context(), unit(web, expose))
	if err != nil || got.State != delivery.Delivered {
		t.Fatalf("got %s, %v", said(got), err)
	}
	want := map[string]any{"readyReplicas": int64(1), "conditions": []any{map[string]any{"type": "Available", "status": "True"}}}
	if diff := cmp.Diff(want, got.Output["status"]); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if generation := got.Output["metadata"].(map[string]any)["generation"]; generation != int64(5) {
		t.Errorf("generation: got %v, want that of the cluster", generation)
	}
	if !got.Feedback {
		t.Error("health must know that it sees no more than feedback")
	}
	if _, ok := got.Outputs["expose"]; !ok || len(got.Outputs) != 1 {
		t.Errorf("outputs: got %v, want expose", got.Outputs)
	}
	if _, changed := web.Content["metadata"].(map[string]any)["generation"]; changed {
		t.Error("the rendered object was changed")
	}
}

// TestHostileFeedback checks that a cluster which lies about itself can do no
// more than that.
func TestHostileFeedback(t *testing.T) {
	web := deployment("web", "nginx:1")
	revision := text(revisionName, web.Digest())
	many := []workv1.FeedbackValue{revision}
	for i := range 10_000 {
		many = append(many, text(fmt.Sprintf(".status.f%d", i), "x"))
	}
	tests := []struct {
		name, reason string
		values       []workv1.FeedbackValue
	}{
		{"huge text", "it is cut", []workv1.FeedbackValue{revision, text(".status.message", strings.Repeat("x", 1<<20))}},
		{"huge name", "a path of a megabyte is a path", []workv1.FeedbackValue{revision, text("."+strings.Repeat("x", 1<<20), "y")}},
		{"deep path", "a path of many parts is a path", []workv1.FeedbackValue{revision, text(strings.Repeat(".a", 100_000), "y")}},
		{"large index", "a list is not grown without bound", []workv1.FeedbackValue{revision, text(".status.list[999999999]", "y")}},
		{"wrong types", "readyReplicas is text and spec is a number", []workv1.FeedbackValue{revision, text(".status.readyReplicas", "many"), integer(".spec", 7), integer(".metadata.name", 7)}},
		{"extreme numbers", "no sum of them is made", []workv1.FeedbackValue{revision, integer(".status.readyReplicas", math.MaxInt64), integer(".status.replicas", math.MinInt64)}},
		{"many values", "only the first are read", many},
		{"invalid UTF-8", "it reaches no status", []workv1.FeedbackValue{revision, text(".status.message", "a\xff\xfe\x00b")}},
		{"no value", "a value of no type", []workv1.FeedbackValue{revision, {Name: ".status.x"}, {}}},
		{"raw JSON", "it is not asked for", []workv1.FeedbackValue{revision, {Name: ".status", Value: workv1.FieldValue{Type: workv1.JsonRaw, JsonRaw: ptr.To(`{"a":1}`)}}}},
		{"names that are no paths", "they are passed over", []workv1.FeedbackValue{revision, text("", "a"), text("..", "b"), text("[0]", "c"), text(".a[", "d"), text("\\", "e")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			name := h.delivered(t, unit(web))
			h.setStatus(t, name, workv1.ManifestWorkStatus{
				Conditions:     []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "True", test.values...)}},
			})
			got, err := h.Deliver(t.Context(), unit(web))
			if err != nil || got.State != delivery.Delivered {
				t.Fatalf("got %s, %v, though %s", said(got), err, test.reason)
			}
			raw, err := json.Marshal(got.Output)
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) > 2<<20 || !utf8.Valid(raw) || strings.Contains(string(raw), "f9999") {
				t.Errorf("the observation has %d bytes, valid UTF-8: %t, though %s", len(raw), utf8.Valid(raw), test.reason)
			}
		})
	}
}

// TestHostileFailure checks messages of a cluster that end up in conditions.
func TestHostileFailure(t *testing.T) {
	web := deployment("web", "nginx:1")
	h := newHub(t)
	name := h.delivered(t, unit(web))
	manifest := failed(web, strings.Repeat("m\n\xff", 1<<18))
	manifest.ResourceMeta.Kind = strings.Repeat("K\x1b", 1<<18)
	manifest.ResourceMeta.Name = strings.Repeat("n\x00", 1<<18)
	h.setStatus(t, name, workv1.ManifestWorkStatus{
		Conditions:     []metav1.Condition{h.appliedAt(1, "False", time.Minute)},
		ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{manifest}},
	})
	got, err := h.Deliver(t.Context(), unit(web))
	if err != nil {
		t.Fatal(err)
	}
	control := func(r rune) bool { return r < ' ' }
	if len(got.Message) > 2000 || !utf8.ValidString(got.Message) || strings.ContainsFunc(got.Message, control) {
		t.Errorf("the message has %d bytes, control characters: %t", len(got.Message), strings.ContainsFunc(got.Message, control))
	}
}

// FuzzStatus observes statuses of any content: whatever a cluster writes, the
// answer is bounded text, and delivered only by proof.
func FuzzStatus(f *testing.F) {
	web := deployment("web", "nginx:1")
	seed, err := json.Marshal(workv1.ManifestWorkStatus{
		Conditions: []metav1.Condition{{Type: workv1.WorkApplied, Status: "True", ObservedGeneration: 1}},
		ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
			reported(web, "True", text(revisionName, web.Digest()), integer(".status.readyReplicas", 2), text(".status.a[3].b", "x")),
		}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"resourceStatus":{"manifests":[{"resourceMeta":{"group":"apps","kind":"Deployment","namespace":"shop-prod","name":"web"},"conditions":[{"type":"Applied","status":"False","message":"no"}]}]},"conditions":[{"type":"Applied","status":"False","observedGeneration":1}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var status workv1.ManifestWorkStatus
		if json.Unmarshal(raw, &status) != nil {
			t.Skip("the API server admits no such status")
		}
		checkObservation(t, status)
	})
}

// checkObservation observes a status without a hub, which a fuzzer has no time for.
func checkObservation(t *testing.T, status workv1.ManifestWorkStatus) {
	web := deployment("web", "nginx:1")
	work, err := applicationWork(unit(web))
	if err != nil {
		t.Fatal(err)
	}
	work.Generation, work.Status = 1, status
	if text := said(notApplied(work, byPermissions)); len(text) > 4096 || !utf8.ValidString(text) {
		t.Errorf("the message has %d bytes", len(text))
	}
	manifest := find(work, web)
	if manifest == nil || !available(manifest) {
		return
	}
	values := feedbackValues(manifest)
	if len(values) > maxFeedback {
		t.Errorf("%d values were read, want at most %d", len(values), maxFeedback)
	}
	target := &Target{Fleet: NewFleet(nil), Clock: clocktesting.NewFakePassiveClock(now)}
	got, err := target.observe(t.Context(), unit(web), work)
	if err != nil {
		t.Fatal(err)
	}
	if proven := values[revisionName] == any(web.Digest()); (got.State == delivery.Delivered) != proven {
		t.Errorf("got %s, though the revision was fed back: %t", said(got), proven)
	}
}

// TestAway checks what is said of a cluster that does not report.
func TestAway(t *testing.T) {
	tests := []struct {
		name, reason string
		cluster      *clusterv1.ManagedCluster
		want         string
	}{
		{"unreachable", "since when is told", managedCluster("c1", metav1.ConditionUnknown), "away ClusterAway: cluster is away since 2026-03-04T04:06:07Z: its agent does not report"},
		{"unavailable", "the cluster's API server is down", managedCluster("c1", metav1.ConditionFalse), "away ClusterAway: cluster is away since 2026-03-04T04:06:07Z: its agent does not report"},
		{"never", "it was accepted and has not come yet", managedCluster("c1", ""), "away ClusterAway: cluster is away: its agent has not reported yet"},
		{"gone", "it was detached", nil, `away ClusterAway: cluster is away: there is no ManagedCluster "c1" any more`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			if err := h.client.Delete(t.Context(), managedCluster("c1", "")); err != nil {
				t.Fatal(err)
			}
			if test.cluster != nil {
				if err := h.client.Create(t.Context(), test.cluster); err != nil {
					t.Fatal(err)
				}
			}
			h.writes = nil
			got, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if test.cluster == nil {
				return // no plan has a cluster that is gone
			}
			if diff := cmp.Diff([]string{"create c1/store-web-80e3dae965"}, h.writes); diff != "" {
				t.Errorf("the work is written in spite of it, for when the cluster is back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDrifted(t *testing.T) {
	web := deployment("web", "nginx:1")
	image := health.Path{"spec", "template", "spec", "containers", health.Where("name", "web"), "image"}
	feedback := []health.Path{{"spec", "replicas"}, {"spec", "paused"}, {"status", "replicas"}, image}
	script := health.Path{"spec", "script"}
	long := "set -e\n" + strings.Repeat("\u00e9\u00fc\u4e16", maxText)
	web.Content["spec"].(map[string]any)["script"] = long
	feedback = append(feedback, script)
	fed := func(value string) map[string]any {
		return feedbackValues(&workv1.ManifestCondition{StatusFeedbacks: workv1.StatusFeedbackResult{
			Values: boundedValues([]workv1.FeedbackValue{text(script.JSONPath(), value)}, map[string]bool{script.JSONPath(): true})}})
	}
	tests := []struct {
		reason string
		values map[string]any
		want   string
	}{
		{"a long text of several lines is as delivered", fed(long), ""},
		{"a long text differs", fed("set -x" + long), "spec.script"},
		{"what is as delivered did not drift", map[string]any{".spec.replicas": int64(2)}, ""},
		{"somebody scaled it", map[string]any{".spec.replicas": int64(5)}, "spec.replicas"},
		{"what is not reported is not known", map[string]any{}, ""},
		{"a field that was not delivered is anybody's", map[string]any{".spec.replicas": int64(2), ".spec.paused": true}, ""},
		{"the status is not delivered", map[string]any{".spec.replicas": int64(2), ".status.replicas": int64(1)}, ""},
		{"an item of a list is as delivered", map[string]any{image.JSONPath(): "nginx:1"}, ""},
		{"somebody changed an item of a list", map[string]any{image.JSONPath(): "nginx:2"}, strings.TrimPrefix(image.JSONPath(), ".")},
		{"a cluster may report another type", map[string]any{".spec.replicas": "2"}, "spec.replicas"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, drifted(web, feedback, test.values)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestRepairOfSilence checks that an agent which reports is not asked to apply a
// work again because Applied became true long ago, with an earlier version.
func TestRepairOfSilence(t *testing.T) {
	web := deployment("web", "nginx:1")
	tests := []struct {
		name, reason string
		reported     time.Duration // ago
		writes       int
	}{
		{"just now", "it has more to say", 2 * time.Second, 0},
		{"long ago", "it will not say more by itself", time.Minute, 1},
		{"in the future", "that tells nothing, and must not hold the repair up", -time.Hour, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			name := h.delivered(t, unit(web))
			h.setStatus(t, name, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(1, "True", time.Hour)}})
			work := h.work(t, name)
			work.Annotations[observedReport] = stampOf(h.clock.Now().Add(-test.reported))
			if _, err := h.repair(t.Context(), work, web, missing(nil)); err != nil {
				t.Fatal(err)
			}
			if len(h.writes) != test.writes {
				t.Errorf("writes %v, want %d: %s", h.writes, test.writes, test.reason)
			}
		})
	}
}

// TestRepairOfDrift checks that what somebody changes is undone at once, however short
// a time the work has been applied: its feedback is of the version that is wanted.
func TestRepairOfDrift(t *testing.T) {
	tests := []struct {
		name, reason string
		applied      time.Duration // ago, by the cluster's clock
		seen         time.Duration // ago, by the hub's clock
		writes       int
		retry        time.Duration
	}{
		{"long after", "nothing is to be waited for", time.Hour, time.Hour, 1, firstRepair},
		{"right after a delivery", "feedback of this version is no older than the version", settle, settle, 1, firstRepair},
		{"while it is applied", "what its agent found there may still be what it tells", 0, 0, 0, settle},
		{"while a later version is applied", "Applied is as old as the first version", time.Hour, 0, 0, settle},
		{"a clock that is ahead", "it must not hold the repair up for an hour", -time.Hour, settle, 1, firstRepair},
		{"a clock that is ahead, just now", "what counts is the hub's time of the report", -time.Hour, 0, 0, settle},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			web := deployment("web", "nginx:1")
			name := h.delivered(t, unit(web))
			h.setLaterStatus(t, name, workv1.ManifestWorkStatus{
				Conditions: []metav1.Condition{h.appliedAt(1, "True", test.applied-test.seen)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
					reported(web, "True", text(revisionName, web.Digest()), integer(".spec.replicas", 5)),
				}},
			})
			h.Seen(h.work(t, name))
			h.pass(test.seen)
			got, err := h.observe(t.Context(), unit(web), h.work(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(h.writes) != test.writes || got.RetryAfter != test.retry {
				t.Errorf("%s: writes %v and retry after %s, want %d and %s, since %s", said(got), h.writes, got.RetryAfter, test.writes, test.retry, test.reason)
			}
		})
	}
}

// TestUnquoted checks that what a cluster says of a Secret is told without what may hold values of it.
func TestUnquoted(t *testing.T) {
	const quoting = `Failed to apply manifest: admission webhook "w" denied the request: C4N4RY`
	for _, test := range []struct {
		reason, group, kind, message, want string
	}{
		{"a webhook quotes a Secret", "", "Secret", quoting, refusal.OfSecretHidden},
		{"a right is missing", "", "Secret", "not allowed to apply the resource  secrets, shop db", "not allowed to apply the resource  secrets, shop db"},
		{"another kind of that name", "example.com", "Secret", quoting, quoting},
		{"another kind", "", "ConfigMap", quoting, quoting},
	} {
		manifest := workv1.ManifestCondition{
			ResourceMeta: workv1.ManifestResourceMeta{Group: test.group, Kind: test.kind, Namespace: "shop", Name: "db"},
			Conditions:   []metav1.Condition{{Type: workv1.ManifestApplied, Status: metav1.ConditionFalse, Message: test.message}},
		}
		work := &workv1.ManifestWork{}
		work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{manifest}
		if got := notApplied(work, byPermissions).Message; !strings.Contains(got, "cannot apply it: "+test.want) {
			t.Errorf("%s: %s", test.reason, got)
		}
	}
}
