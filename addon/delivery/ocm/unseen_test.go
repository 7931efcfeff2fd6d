// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// lagging is a cache that does not show a work yet.
type lagging struct {
	client.Reader
	name string
	// meanwhile comes between an answer without the work and what is made of it.
	meanwhile func()
}

func (l lagging) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if key.Name != l.name {
		return l.Reader.Get(ctx, key, object, options...)
	}
	l.meanwhile()
	return apierrors.NewNotFound(schema.GroupResource{Resource: "manifestworks"}, key.Name)
}

func (l lagging) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := l.Reader.List(ctx, list, options...); err != nil {
		return err
	}
	works, ok := list.(*workv1.ManifestWorkList)
	if !ok {
		return nil
	}
	var shown []workv1.ManifestWork
	for i := range works.Items {
		if works.Items[i].Name != l.name {
			shown = append(shown, works.Items[i])
		}
	}
	works.Items = shown
	l.meanwhile()
	return nil
}

// newUnseen is a hub with a tenant and a work in it, and a cache that does not show the work.
func newUnseen(t *testing.T) *hub {
	t.Helper()
	h := newHub(t)
	for range 3 {
		if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		h.setApplied(t, RolesWorkName, time.Minute)
		h.pass(time.Minute)
	}
	h.Reader = lagging{Reader: h.Reader, name: webWork, meanwhile: func() {}}
	h.deliver(t, deployment("web", "nginx:1"))
	h.writes = nil
	return h
}

// goes says that an application would go: nothing of it is found.
func (h *hub) goes(t *testing.T) bool {
	t.Helper()
	report, err := (&delivery.Engine{OCM: h}).RemoveOwnerless(t.Context(), delivery.RemovalPlan(owner))
	if err != nil {
		t.Fatal(err)
	}
	if !report.Gone() && report.RetryAfter == 0 {
		t.Errorf("nobody looks again at %v", report.Removals)
	}
	return report.Gone()
}

// TestUnseenWork checks that a work which was created just now holds its application
// and its tenant until the cache has shown it, and no longer: an application that was
// deleted meanwhile left the work behind.
func TestUnseenWork(t *testing.T) {
	tests := []struct {
		name, reason string
		meanwhile    func(*testing.T, *hub)
		held         bool
	}{
		{"at once", "the cache cannot have it yet", func(*testing.T, *hub) {}, true},
		{"soon", "a slow watch", func(_ *testing.T, h *hub) { h.pass(unseenClaim - 1) }, true},
		{"later", "the cache would have it by now", func(_ *testing.T, h *hub) { h.pass(unseenClaim) }, false},
		{"shown", "the cache says what there is", func(t *testing.T, h *hub) { h.Seen(h.work(t, webWork)) }, false},
		{"shown and gone", "the cache says what there is", func(t *testing.T, h *hub) { h.Dropped(h.work(t, webWork)) }, false},
		{"another shown", "that was another work", func(t *testing.T, h *hub) { h.Seen(h.work(t, RolesWorkName)) }, true},
		{
			"the end of an earlier one", "the deletion of the work before it comes late",
			func(t *testing.T, h *hub) {
				earlier := h.work(t, webWork)
				earlier.UID = "earlier"
				h.Dropped(earlier)
			}, true,
		},
		{"deleted", "it was seen by whoever deleted it", func(t *testing.T, h *hub) { h.deleted(h.work(t, webWork)) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newUnseen(t)
			test.meanwhile(t, h)
			if goes := h.goes(t); goes == test.held {
				t.Errorf("the application goes: %t, since %s", goes, test.reason)
			}
			idle, err := h.IdleTenants(t.Context(), "shop")
			if err != nil || (len(idle) == 0) != test.held {
				t.Errorf("idle %v, %v: want it held %t, since %s", idle, err, test.held, test.reason)
			}
			if len(h.writes) > 0 {
				t.Errorf("written: %v", h.writes)
			}
		})
	}
}

// TestUnseenWorkIsItsOwners checks what is told of a work that the cache does not show,
// and of whom.
func TestUnseenWorkIsItsOwners(t *testing.T) {
	h := newUnseen(t)
	want := delivery.Record{Owner: owner, Component: "web", Place: place, ID: "c1/" + webWork}
	if diff := cmp.Diff(want, h.recordOfWeb(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again := owner
	again.UID = "u2"
	if records, err := h.Records(t.Context(), again); len(records) > 0 || err != nil {
		t.Errorf("got %v, %v of another application of the name", records, err)
	}
	h.Reader = h.Reader.(lagging).Reader
	if diff := cmp.Diff(want, h.recordOfWeb(t)); diff != "" {
		t.Errorf("shown by the cache as well (-want +got):\n%s", diff)
	}
}

// TestWorkIsSeenMeanwhile checks that a work is found which the cache shows, and of
// which it tells, just after it was asked.
func TestWorkIsSeenMeanwhile(t *testing.T) {
	h := newUnseen(t)
	record := h.recordOfWeb(t)
	behind := h.Reader.(lagging)
	h.Reader = lagging{Reader: behind.Reader, name: webWork, meanwhile: func() { h.Seen(h.work(t, webWork)) }}
	h.recordOfWeb(t)

	h = newUnseen(t)
	behind = h.Reader.(lagging)
	h.Reader = lagging{Reader: behind.Reader, name: webWork, meanwhile: func() { h.Seen(h.work(t, webWork)) }}
	got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
	if err != nil || got.State != delivery.Applying || got.RetryAfter != coalesce {
		t.Errorf("got %s, retry after %s, %v: want it to be looked at again", said(got), got.RetryAfter, err)
	}
}

// TestUnseenWorksAreForgotten checks that works are not remembered longer than the
// cache may not show them, whoever comes and goes at the same time.
func TestUnseenWorksAreForgotten(t *testing.T) {
	h := newHub(t)
	named := func(i int) *workv1.ManifestWork {
		each := unit(deployment("web", "nginx:1"))
		each.Component = fmt.Sprint("web-", i)
		work, err := applicationWork(each)
		if err != nil {
			t.Fatal(err)
		}
		return work
	}
	for i := range 3 {
		h.remember(named(i))
		h.pass(unseenClaim/2 + time.Second)
	}
	if len(h.created) != 2 {
		t.Errorf("%d are remembered, want those of the last %s", len(h.created), unseenClaim)
	}
	h.pass(unseenClaim)
	var group sync.WaitGroup
	for i := range 8 {
		work := named(i)
		group.Go(func() {
			h.remember(work)
			if records, err := h.Records(t.Context(), owner); len(records) == 0 || err != nil {
				t.Errorf("records %v, %v: want at least that of %s", records, err, work.Name)
			}
			h.Seen(work)
		})
	}
	group.Wait()
	if len(h.created) > 0 {
		t.Errorf("remembered: %v", h.created)
	}
}
