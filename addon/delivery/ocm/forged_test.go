// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

// maxSaid is what a message about a work may take, however much its cluster says.
const maxSaid = 4 << 10

// forgeries are statuses and annotations that a cluster can make up for its own work.
func forgeries() map[string]func(*workv1.ManifestWork) {
	long := strings.Repeat("x\x00\u202e\n", 5<<20/6)
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
			work.Status.Conditions = []metav1.Condition{h.appliedAt(work.Generation, metav1.ConditionTrue, time.Minute)}
			forge(work)
			if err := h.client.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
			work.Generation = h.work(t, webWork).Generation
			h.setStatus(t, webWork, work.Status)
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
