// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// behind is a cache that shows a work as it was.
type behind struct {
	client.Reader
	work workv1.ManifestWork
}

func (b behind) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := b.Reader.List(ctx, list, options...); err != nil {
		return err
	}
	works, ok := list.(*workv1.ManifestWorkList)
	if !ok {
		return nil
	}
	for i := range works.Items {
		if works.Items[i].Name == b.work.Name {
			b.work.DeepCopyInto(&works.Items[i])
		}
	}
	return nil
}

func (b behind) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if work, ok := object.(*workv1.ManifestWork); ok && key.Name == b.work.Name {
		b.work.DeepCopyInto(work)
		return nil
	}
	return b.Reader.Get(ctx, key, object, options...)
}

// TestWritesOfALaggingCache checks that what is written already is not written again
// because the cache does not show it yet: the hub was asked in vain for every third
// cluster when all of a fleet were written at once.
func TestWritesOfALaggingCache(t *testing.T) {
	changed := unit(deployment("web", "nginx:2"))
	tests := []struct {
		name, reason string
		// lag has something written, and leaves the cache behind.
		lag  func(t *testing.T, h *hub)
		unit delivery.Unit
		// after is how much later it is delivered again.
		after time.Duration
		want  []string
		retry time.Duration
	}{
		{"created", "the cache shows no work", isCreated, unit(deployment("web", "nginx:1")), 2 * time.Second, nil, 8 * time.Second},
		{"created long ago", "somebody may have deleted it", isCreated, unit(deployment("web", "nginx:1")), unseenClaim, []string{"create c1/" + webWork}, coalesce},
		{"changed", "the cache shows the version before", isChanged, changed, 2 * time.Second, nil, 8 * time.Second},
		{"changed long ago", "somebody may have changed it back", isChanged, changed, unseenClaim, []string{"update c1/" + webWork, "update c1/" + webWork}, 0},
		{"changed back", "the cluster has the version that was written last", isChanged, unit(deployment("web", "nginx:1")), 2 * time.Second, nil, 8 * time.Second},
		{"changed and shown", "there is nothing to write", isShown, changed, 2 * time.Second, nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			test.lag(t, h)
			h.writes = nil
			h.pass(test.after)
			got, err := h.Deliver(t.Context(), test.unit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, h.writes); diff != "" {
				t.Errorf("writes (-want +got), since %s:\n%s", test.reason, diff)
			}
			if test.retry > 0 && got.RetryAfter != test.retry {
				t.Errorf("it is looked at again after %s, want %s: %+v", got.RetryAfter, test.retry, got)
			}
		})
	}
}

func isCreated(t *testing.T, h *hub) {
	t.Helper()
	h.Reader = lagging{Reader: h.Reader, name: webWork, meanwhile: func() {}}
	h.deliver(t, deployment("web", "nginx:1"))
}

func isChanged(t *testing.T, h *hub) {
	t.Helper()
	h.deliver(t, deployment("web", "nginx:1"))
	h.pass(time.Minute)
	var before workv1.ManifestWork
	if err := h.Reader.Get(t.Context(), client.ObjectKeyFromObject(h.work(t, webWork)), &before); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, deployment("web", "nginx:2"))
	h.Reader = behind{Reader: h.Reader, work: before}
}

func isShown(t *testing.T, h *hub) {
	t.Helper()
	isChanged(t, h)
	h.Reader = h.Reader.(behind).Reader
}

// TestProbesAskForNoHealth checks that a work asks for what the health of an object needs
// when it applies the object, and not while it is found out whose the object is. The
// revision, which says that the health was read, is not asked for before the health is.
func TestProbesAskForNoHealth(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	probe := askedPaths(h.work(t, webWork))
	h.pass(time.Minute)
	h.setApplied(t, webWork, time.Minute)
	h.deliver(t, deployment("web", "nginx:1"))
	applied := askedPaths(h.work(t, webWork))
	want := []string{".metadata.uid"}
	for _, label := range applicationIdentity {
		want = append(want, feedbackName([]string{"metadata", "labels", label}))
	}
	if diff := cmp.Diff(want, probe); diff != "" {
		t.Errorf("the probe asks for (-want +got):\n%s", diff)
	}
	if len(applied) < 5 || applied[0] != feedbackName(revisionPath) {
		t.Errorf("the next version asks for %v", applied)
	}
}

// askedPaths are the names of the values that a work asks for of its first object.
func askedPaths(work *workv1.ManifestWork) []string {
	var names []string
	for _, path := range work.Spec.ManifestConfigs[0].FeedbackRules[0].JsonPaths {
		names = append(names, path.Name)
	}
	return names
}
