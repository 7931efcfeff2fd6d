// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// rounds tells of an object in each wait, until there is none left; a wait whose
// object changes nothing lasts until its time is over.
type rounds struct {
	objects []*unstructured.Unstructured
	waits   int
	// seen is called when a wait goes on; it may be nil.
	seen func()
}

func (r *rounds) WaitFor(ctx context.Context, _ schema.GroupVersionKind, _ types.NamespacedName, cond hub.Condition) error {
	object := r.objects[min(r.waits, len(r.objects)-1)]
	r.waits++
	if done, err := cond(object); done || err != nil {
		return err
	}
	if r.seen != nil {
		r.seen()
	}
	<-ctx.Done()
	if errors.Is(ctx.Err(), context.Canceled) {
		return &hub.Error{Reason: hub.Canceled}
	}
	return &hub.Error{Reason: hub.TimedOut}
}

func TestWaitGone(t *testing.T) {
	held := loadApplication(t, "held-by-finalizer")
	slow := loadApplication(t, "held")
	slow.SetFinalizers([]string{"fairlead.dev/delivery"})
	slow.SetUID(held.GetUID())
	other := held.DeepCopy()
	other.SetUID("another")
	foreign := slow.DeepCopy()
	foreign.SetFinalizers([]string{"fairlead.dev/delivery", "example.com/backup"})
	cases := []struct {
		reason  string
		objects []*unstructured.Unstructured
		early   bool
		want    hub.Reason
		waits   int
	}{
		{"it is gone", []*unstructured.Unstructured{nil}, false, "", 1},
		{"another of its name took its place", []*unstructured.Unstructured{other}, false, "", 1},
		{"a finalizer holds an object of it", []*unstructured.Unstructured{held}, true, "", 1},
		{"a finalizer holds the application", []*unstructured.Unstructured{foreign}, true, "", 1},
		{"it makes progress, and is gone", []*unstructured.Unstructured{held, slow, nil}, true, "", 1},
		{"it is slow, but nothing is known to hold it", []*unstructured.Unstructured{slow}, false, hub.TimedOut, 3},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			source := &rounds{objects: c.objects}
			last, err := WaitGone(ctx, source, types.NamespacedName{Namespace: "shop", Name: "shop"}, held.GetUID())
			if early := last != nil && err == nil; early != c.early || (err != nil) != (c.want != "") || err != nil && hub.ReasonOf(err) != c.want {
				t.Errorf("ended early %t with %v, want %t and %q", early, err, c.early, c.want)
			}
			if source.waits < c.waits {
				t.Errorf("waited %d times, want %d or more", source.waits, c.waits)
			}
		})
	}
}

// TestInterruptedWaitGone checks that a wait that is given up says how the object was seen last.
func TestInterruptedWaitGone(t *testing.T) {
	held := loadApplication(t, "held-by-finalizer")
	ctx, cancel := context.WithCancel(t.Context())
	source := &rounds{objects: []*unstructured.Unstructured{held}, seen: cancel}
	last, err := WaitGone(ctx, source, types.NamespacedName{Namespace: "shop", Name: "shop"}, held.GetUID())
	if last != held || hub.ReasonOf(err) != hub.Canceled {
		t.Errorf("got %v and %v, want the object as it was seen and that it was canceled", last, err)
	}
}

func TestHeldByFinalizer(t *testing.T) {
	checkGolden(t, "held-by-finalizer", Held(loadApplication(t, "held-by-finalizer"), true)+"\n")
}
