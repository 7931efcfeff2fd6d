// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// set returns the application with a field set to a value.
func set(t *testing.T, object *unstructured.Unstructured, value any, path ...string) *unstructured.Unstructured {
	t.Helper()
	object = object.DeepCopy()
	if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
		t.Fatal(err)
	}
	return object
}

func condition(kind, status, reason, message string) map[string]any {
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T15:04:05Z"}
}

func TestJudge(t *testing.T) {
	healthy := loadApplication(t, "healthy")
	unannotated := healthy.DeepCopy()
	unannotated.SetAnnotations(nil)
	specRevision, err := RevisionOf(unannotated)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason   string
		object   *unstructured.Unstructured
		revision string
		want     Outcome
		waits    string
	}{
		{reason: "delivered and healthy everywhere", object: healthy, want: Healthy},
		{reason: "ready in the words of conditions, but something is still due",
			object: set(t, healthy, "runningWorkflow", "status", "status"), want: Waiting, waits: "the addon has not delivered it yet"},
		{reason: "the phase is running, and Ready is not true",
			object: set(t, healthy, []any{condition("Ready", "False", "Progressing", "1 of 2 places")}, "status", "conditions"), want: Waiting, waits: "1 of 2 places"},
		{reason: "the status speaks of an older generation",
			object: set(t, healthy, int64(2), "status", "observedGeneration"), want: Waiting, waits: "the addon has not looked at this revision yet"},
		{reason: "the status speaks of an older revision of the same generation, as after a change of labels",
			object: set(t, healthy, "000000000000", "status", "observedRevision"), want: Waiting, waits: "the addon has not looked at this revision yet"},
		{reason: "the CRD of another controller has no field for the revision",
			object: set(t, set(t, healthy, "", "status", "observedRevision"), "shop-v1:"+healthy.GetAnnotations()["fairlead.dev/revision"], "status", "workflow", "appRevision"), want: Healthy},
		{reason: "the same, of an older revision",
			object: set(t, set(t, healthy, "", "status", "observedRevision"), "shop-v1:000000000000", "status", "workflow", "appRevision"), want: Waiting, waits: "the addon has not looked at this revision yet"},
		{reason: "a stall of an older generation says nothing",
			object: set(t, set(t, healthy, int64(2), "status", "observedGeneration"), []any{condition("Stalled", "True", "Unhealthy", "")}, "status", "conditions"), want: Waiting, waits: "the addon has not looked at this revision yet"},
		{reason: "a stall of this generation", object: set(t, healthy, []any{condition("Stalled", "True", "Unhealthy", "")}, "status", "conditions"), want: Stalled},
		{reason: "no status at all", object: set(t, healthy, map[string]any{}, "status"), want: Waiting, waits: "the addon has not looked at this revision yet"},
		{reason: "no cluster is bound yet", object: loadApplication(t, "not-delivered-yet"), want: Waiting, waits: `no cluster is bound to environment "prod" yet`},
		{reason: "a place is not healthy yet", object: loadApplication(t, "slow"), want: Waiting, waits: "component web, environment dev, cluster local: 1 of 3 ready"},
		{reason: "another revision was applied", object: healthy, revision: "ffffffffffff", want: Superseded},
		{reason: "written by another tool, without the annotation", object: set(t, unannotated, "", "status", "observedRevision"), revision: specRevision, want: Healthy},
		{reason: "written by another tool, and another spec than the one waited for", object: unannotated, want: Superseded},
		{reason: "paused, and something is held back", object: loadApplication(t, "paused"), want: Stalled},
		{reason: "resumed, which the addon has not seen yet", object: set(t, loadApplication(t, "paused"), map[string]any{}, "metadata", "labels"),
			want: Waiting, waits: "the addon has not looked at it since it was resumed"},
		{reason: "being deleted", object: loadApplication(t, "deleted"), want: Gone},
		{reason: "deleted", object: nil, want: Gone},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			if c.revision == "" {
				c.revision = "0123456789ab"
			}
			got, err := Judge(c.object, c.revision)
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != c.want || got.Waits != c.waits {
				t.Errorf("got %s, waiting for %q; want %s, waiting for %q", got.Outcome, got.Waits, c.want, c.waits)
			}
		})
	}
}

func TestJudgeRefusesWhatIsNoApplication(t *testing.T) {
	object := set(t, loadApplication(t, "healthy"), "nonsense", "status", "services")
	if _, err := Judge(object, "0123456789ab"); err == nil {
		t.Error("got no error for a status that cannot be read")
	}
}

func TestRevisionDependsOnTheContentAlone(t *testing.T) {
	a, err := Revision(map[string]any{"components": []any{map[string]any{"name": "web", "type": "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Revision(map[string]any{"components": []any{map[string]any{"type": "x", "name": "web"}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Revision(map[string]any{"components": []any{map[string]any{"type": "y", "name": "web"}}})
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a == c || len(a) != revisionDigits {
		t.Errorf("got %q and %q for equal content, %q for another", a, b, c)
	}
}

func TestShort(t *testing.T) {
	for text, want := range map[string]string{"20m0s": "20m", "1m48s": "1m48s", "10m30s": "10m30s", "1h0m0s": "1h", "1h10m0s": "1h10m", "30s": "30s", "0s": "0s"} {
		if got := short(duration(t, text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestWorkloadName(t *testing.T) {
	object := func(cluster, kind, name string) v1beta1.ClusterObjectReference {
		return v1beta1.ClusterObjectReference{Cluster: cluster, ObjectReference: corev1.ObjectReference{Kind: kind, Namespace: "shop", Name: name}}
	}
	cases := []struct {
		reason, kind string
		applied      []v1beta1.ClusterObjectReference
		want         string
	}{
		{"built-in types call it as the component", "Deployment", nil, "web"},
		{"nothing is known of another kind", "Job", nil, ""},
		{"the only one of its kind", "Job", []v1beta1.ClusterObjectReference{object("eu", "Job", "web-1"), object("us", "Job", "web-2"), object("eu", "Service", "x")}, "web-1"},
		{"two of the kind, one of the name", "Deployment", []v1beta1.ClusterObjectReference{object("eu", "Deployment", "api"), object("eu", "Deployment", "web")}, "web"},
		{"two of the kind, none of the name", "Deployment", []v1beta1.ClusterObjectReference{object("eu", "Deployment", "api"), object("eu", "Deployment", "db")}, ""},
	}
	for _, c := range cases {
		app := &v1beta1.Application{Status: v1beta1.ApplicationStatus{AppliedResources: c.applied}}
		service := v1beta1.ApplicationComponentStatus{Name: "web", Namespace: "shop", Cluster: "eu", WorkloadDefinition: v1beta1.WorkloadGVK{Kind: c.kind}}
		if got := workloadName(app, service); got != c.want {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
}
