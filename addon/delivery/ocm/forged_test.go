// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxSaid is what a message about a work may take, however much its cluster says.
const maxSaid = 4 << 10

// forgeries are statuses and annotations that a cluster can make up for its own work.
func forgeries() map[string]func(*workv1.ManifestWork) {
	long := strings.Repeat("x\x00\u202e\n", 1<<20/6) // the API server takes little more
	// The API server takes no more in annotations.
	note := long[:100<<10]
	object := deployment("web", "nginx:1")
	ready := func(values ...workv1.FeedbackValue) workv1.ManifestCondition {
		return reported(object, "True", append([]workv1.FeedbackValue{text(revisionName, object.Digest())}, values...)...)
	}
	failure := `.status.conditions[?(@.type=="ReplicaFailure")].`
	return map[string]func(*workv1.ManifestWork){
		"long reasons": func(work *workv1.ManifestWork) {
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{ready(
				text(failure+"status", "True"), text(failure+"reason", long), text(failure+"message", long), integer(".status.observedGeneration", 1))}
		},
		"wrong types": func(work *workv1.ManifestWork) {
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{ready(
				integer(failure+"status", 1), text(".status.readyReplicas", "2"), workv1.FeedbackValue{Name: failure + "message", Value: workv1.FieldValue{Boolean: ptr.To(true)}},
				workv1.FeedbackValue{Name: failure + "reason", Value: workv1.FieldValue{JsonRaw: &long}})}
		},
		"many values": func(work *workv1.ManifestWork) {
			var values []workv1.FeedbackValue
			for i := range 10000 {
				values = append(values, text(fmt.Sprintf(".status.x%d", i), long[:100]))
			}
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{ready(values...)}
		},
		"values that nobody asked for": func(work *workv1.ManifestWork) {
			var values []workv1.FeedbackValue
			for i := range maxFeedback - 1 {
				values = append(values, text(fmt.Sprintf(".status.x%d%s", i, strings.Repeat("[63]", 120)), "x"))
			}
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{ready(values...)}
		},
		"values that it has its work ask for": func(work *workv1.ManifestWork) {
			work.Spec.ManifestConfigs[0].FeedbackRules = slices.Clone(work.Spec.ManifestConfigs[0].FeedbackRules)
			rule, manifest := &work.Spec.ManifestConfigs[0].FeedbackRules[0], ready()
			for i := range maxFeedback - 1 {
				path := fmt.Sprintf(".status.x%d%s", i, strings.Repeat("[63]", 120))
				rule.JsonPaths = append(rule.JsonPaths, workv1.JsonPath{Name: path, Path: path})
				manifest.StatusFeedbacks.Values = append(manifest.StatusFeedbacks.Values, text(path, "x"))
			}
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{manifest}
		},
		"many manifests": func(work *workv1.ManifestWork) {
			for i := range 10000 {
				work.Status.ResourceStatus.Manifests = append(work.Status.ResourceStatus.Manifests, failed(deployment(fmt.Sprint("web", i), "x"), "no\x07"))
			}
		},
		"failed": func(work *workv1.ManifestWork) {
			work.Status.Conditions[0].Status = metav1.ConditionFalse
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{failed(object, long)}
		},
		"times": func(work *workv1.ManifestWork) {
			work.Status.Conditions[0].ObservedGeneration = 99
			work.Annotations[AnnotationWritten], work.Annotations[annotationLeaving] = note, note
			work.Annotations["fairlead.dev/observed-report"] = note
		},
		"metadata": func(work *workv1.ManifestWork) {
			for i := range 10000 {
				work.Labels[fmt.Sprint("example.org/x", i)] = long[:60]
				work.Finalizers = append(work.Finalizers, fmt.Sprint("example.org/", strings.Repeat("x", 200), i))
				work.OwnerReferences = append(work.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: types.UID(fmt.Sprint(i))})
			}
			work.Annotations["fairlead.dev/hash"], work.Annotations["example.org/x"] = note, note
		},
		"labels": func(work *workv1.ManifestWork) {
			work.Labels[LabelTargetNamespace], work.Labels["app.oam.dev/component"] = note, note
		},
	}
}

// TestForgedStatus checks that what a cluster makes up of its own works is never
// taken for health, and costs neither memory nor room: what is kept and said of
// it is bounded and fit to read, on each of the ways that a work is looked at.
func TestForgedStatus(t *testing.T) {
	for name, forge := range forgeries() {
		t.Run(name, func(t *testing.T) {
			h := running(t)
			work := h.work(t, webWork)
			next := work.Generation + 1 // of what is forged
			work.Status.Conditions = []metav1.Condition{h.appliedAt(next, metav1.ConditionTrue, time.Minute)}
			forge(work)
			status := *work.Status.DeepCopy() // the answer to the update has the one before
			if err := h.client.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
			h.setStatus(t, webWork, status)
			before := memory()
			u := unit(deployment("web", "nginx:1"))
			observation, err := h.Deliver(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			isReadable(t, observation.Message)
			verdict, err := health.Evaluate(health.Input{Result: u.Result, Output: orNothing(observation.Output), Outputs: observation.Outputs, Feedback: true})
			if err != nil {
				t.Error(err)
			}
			if verdict.Healthy {
				t.Error("it is taken for healthy")
			}
			isReadable(t, verdict.Message)
			for _, options := range []delivery.RemoveOptions{{Leave: true}, {}} {
				removal, err := h.Remove(t.Context(), delivery.Record{Owner: owner, Place: place, ID: "c1/" + webWork}, options)
				if err != nil {
					t.Fatal(err)
				}
				isReadable(t, removal.Message)
			}
			if grown := memory() - before; grown > 5<<20 {
				t.Errorf("%d bytes more are held", grown)
			}
			runtime.KeepAlive(observation)
			runtime.KeepAlive(h.Target)
		})
	}
}

func orNothing(output map[string]any) map[string]any {
	if output == nil {
		return map[string]any{}
	}
	return output
}

// isReadable checks that a text is bounded and has no control characters.
func isReadable(t *testing.T, message string) {
	t.Helper()
	if len(message) > maxSaid {
		t.Errorf("a message of %d bytes", len(message))
	}
	if i := strings.IndexFunc(message, unicode.IsControl); i >= 0 {
		t.Errorf("a control character at %d of %.200q", i, message)
	}
}

// memory is what is in use, in bytes.
func memory() int64 {
	// What is in a pool survives one collection.
	for range 3 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestForgedSpec checks that what a cluster makes up as the objects of its work takes
// bounded memory, and that the work is written again and its objects stay.
func TestForgedSpec(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	id := func(name string) workv1.ResourceIdentifier {
		return workv1.ResourceIdentifier{Resource: "configmaps", Name: name}
	}
	tests := map[string]func(*workv1.ManifestWork){
		"many objects": func(work *workv1.ManifestWork) {
			for range maxManifests {
				work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, work.Spec.Workload.Manifests[0])
			}
		},
		"long names": func(work *workv1.ManifestWork) {
			for range 9 {
				addForged(work, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q}}`, long))
			}
		},
		"long notes": func(work *workv1.ManifestWork) {
			for range 9 {
				addForged(work, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":{%q:%q}}}`, delivery.AnnotationHeld, long))
			}
		},
		"long configs": func(work *workv1.ManifestWork) {
			for range 9 {
				addForged(work, []byte(`{}`))
				work.Spec.ManifestConfigs = append(work.Spec.ManifestConfigs, workv1.ManifestConfigOption{ResourceIdentifier: id(long)})
			}
		},
		"many configs": func(work *workv1.ManifestWork) {
			work.Spec.Workload.Manifests = nil
			work.Spec.ManifestConfigs = make([]workv1.ManifestConfigOption, 2*maxManifests)
		},
		"many rules": func(work *workv1.ManifestWork) {
			work.Spec.DeleteOption = optionOf(make([]workv1.OrphaningRule, maxManifests+1))
		},
		"long rules": func(work *workv1.ManifestWork) {
			work.Spec.DeleteOption = optionOf(slices.Repeat([]workv1.OrphaningRule{workv1.OrphaningRule(id(long))}, 9))
		},
	}
	for name, forge := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSpoke(t)
			web := unit(labelled(deployment("web", "nginx:1"), identity("store", "web", "prod")))
			s.settle(t, web)
			before := s.work(t, webWork)
			forged := before.DeepCopy()
			forge(forged)
			stripped, err := new(Digests).stripWork(forged)
			if err != nil {
				t.Fatal(err)
			}
			kept := stripped.(*workv1.ManifestWork)
			if size := keptBytes(kept); size > maxKept || len(kept.Spec.Workload.Manifests)+len(kept.Spec.ManifestConfigs) > 2*maxManifests || len(rulesOf(kept)) > maxManifests {
				t.Errorf("%d bytes are kept", size)
			}
			if err := s.client.Update(t.Context(), forged); err != nil {
				t.Fatal(err)
			}
			s.pass(time.Minute)
			if diff := cmp.Diff("delivered", said(s.settle(t, web))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Spec, s.work(t, webWork).Spec); diff != "" {
				t.Errorf("the work (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]string{"Deployment shop-prod/web": "nginx:1"}, s.present()); diff != "" {
				t.Errorf("the cluster has (-want +got):\n%s", diff)
			}
		})
	}
}

func addForged(work *workv1.ManifestWork, raw []byte) {
	work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, workv1.Manifest{RawExtension: kruntime.RawExtension{Raw: raw}})
}

// TestLargestWork checks that a work of as many objects as ours can have is no forged one.
func TestLargestWork(t *testing.T) {
	u := unit()
	for i := range 2 * maxManifests {
		object := render.Object{Content: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": fmt.Sprint(i)}}}
		u.Result.Objects, u.Treatments = append(u.Result.Objects, object), append(u.Treatments, policy.Treatment{ReadOnly: true})
	}
	parts, problem, err := arrange(new(Target).entriesOf(u, nil), nil, maxWork+maxWork/5)
	if problem != nil || err != nil {
		t.Fatal(problem, err)
	}
	work, err := unitWork(new(Digests), u, firstIndex, parts[0].entries)
	if err != nil {
		t.Fatal(err)
	}
	if kept, ok := stripSpec(&work.Spec); !ok || len(kept.Workload.Manifests) != len(parts[0].entries) || len(parts) == 1 {
		t.Errorf("of %d objects %d are kept, in %d works", len(parts[0].entries), len(kept.Workload.Manifests), len(parts))
	}
}

// TestForgedLeftMessage checks that what is told of a work that was left is
// bounded too: it names what the cluster may have put into the labels.
func TestForgedLeftMessage(t *testing.T) {
	h := running(t)
	h.setAvailable(t, metav1.ConditionUnknown)
	work := h.work(t, webWork)
	work.Labels["app.oam.dev/component"] = strings.Repeat("\x1b[31m", 10<<10)
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	for _, options := range []delivery.RemoveOptions{{Patience: time.Hour}, {Abandon: true}} {
		got, err := h.Remove(t.Context(), delivery.Record{Owner: owner, Place: place, ID: "c1/" + webWork}, options)
		if err != nil {
			t.Fatal(err)
		}
		isReadable(t, got.Message)
	}
}
