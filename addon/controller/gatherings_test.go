// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// waits is a queue that keeps how long each request is to wait.
type waits struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	after map[string][]time.Duration
}

func (w *waits) Add(request reconcile.Request) { w.AddAfter(request, 0) }

func (w *waits) AddAfter(request reconcile.Request, after time.Duration) {
	w.after[request.Name] = append(w.after[request.Name], after)
}

// TestGatherings checks how long the answers of clusters are gathered into one pass.
func TestGatherings(t *testing.T) {
	var g gatherings
	key := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: name} }
	g.note(key("few"), 19)
	g.note(key("some"), 20)
	g.note(key("many"), 700)
	g.note(key("most"), 100_000)
	g.note(key("shrunk"), 700)
	g.note(key("shrunk"), 1)
	queue := &waits{after: map[string][]time.Duration{}}
	wake := g.gathered(func(context.Context, client.Object) []reconcile.Request {
		var all []reconcile.Request
		for _, name := range []string{"new", "few", "some", "many", "most", "shrunk"} {
			all = append(all, reconcile.Request{NamespacedName: key(name)})
		}
		return all
	})
	work := &corev1.ConfigMap{}
	wake.Create(t.Context(), event.CreateEvent{Object: work}, queue)
	wake.Update(t.Context(), event.UpdateEvent{ObjectOld: work, ObjectNew: work}, queue)
	wake.Delete(t.Context(), event.DeleteEvent{Object: work}, queue)
	thrice := func(after time.Duration) []time.Duration { return []time.Duration{after, after, after} }
	want := map[string][]time.Duration{
		"new": thrice(0), "few": thrice(0), "shrunk": thrice(0),
		"some": thrice(20 * time.Millisecond), "many": thrice(700 * time.Millisecond), "most": thrice(time.Second),
	}
	if diff := cmp.Diff(want, queue.after); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(g.places) != 3 {
		t.Errorf("kept: %v, want those in many places alone", g.places)
	}
}

// TestGatheredOfBoth checks that an application wakes from which an object was taken by a
// change of its labels: it is what gives the object back.
func TestGatheredOfBoth(t *testing.T) {
	var g gatherings
	wake := g.gathered(func(_ context.Context, object client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: object.GetLabels()["app"]}}}
	})
	of := func(name, message string) client.Object {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}, Data: map[string]string{"message": message}}
	}
	tests := []struct {
		name, reason string
		before, now  client.Object
		want         map[string][]time.Duration
	}{
		{"told", "one look serves it", of("store", "a"), of("store", "b"), map[string][]time.Duration{"store": {0}}},
		{"taken", "nobody else gives it back", of("store", "a"), of("other", "a"), map[string][]time.Duration{"store": {0}, "other": {0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			queue := &waits{after: map[string][]time.Duration{}}
			wake.Update(t.Context(), event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.now}, queue)
			if diff := cmp.Diff(test.want, queue.after); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}
