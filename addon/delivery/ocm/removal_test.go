// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// recordOfWeb is the record of the unit's work.
func (h *hub) recordOfWeb(t *testing.T) delivery.Record {
	t.Helper()
	records, err := h.Records(t.Context(), owner)
	if err != nil || len(records) != 1 {
		t.Fatalf("records %v, %v: want one", records, err)
	}
	return records[0]
}

// TestRemove checks when a work may be deleted: one that goes before its agent
// applied it can leave its objects behind.
func TestRemove(t *testing.T) {
	const early = "waiting: waiting until the cluster has applied it: a work that goes before can leave its objects behind"
	const going = "applying: waiting for the cluster to remove it"
	const silent = "away ClusterAway: cluster is away since 2026-03-04T05:07:07Z: its work agent has not fetched what was written at 2026-03-04T05:06:07Z, though its " +
		"lease is renewed; look at it there: kubectl -n open-cluster-management-agent logs deploy/klusterlet-work-agent; " +
		`its share of the removal waits for it, as spec.deletion.unreachable of environment "prod" has it`
	tests := []struct {
		name, reason string
		prepare      func(*testing.T, *hub)
		want         string
		retry        time.Duration
		deleted      bool
	}{
		{"new", "its agent may be about to apply it", func(*testing.T, *hub) {}, early, 30 * time.Second, false},
		{"29 s old", "not long enough", func(_ *testing.T, h *hub) { h.pass(29 * time.Second) }, early, time.Second, false},
		{"never seen", "no agent put its finalizer on it", func(_ *testing.T, h *hub) { h.pass(30 * time.Second) }, going, 0, true},
		{"seen", "its agent put its finalizer on it and has not reported; its report is an event", func(t *testing.T, h *hub) { h.hold(t, webWork); h.pass(time.Hour) }, silent, 30 * time.Second, false},
		{"applied", "once is enough", func(t *testing.T, h *hub) { h.hold(t, webWork); h.setApplied(t, webWork, 0) }, going, 0, true},
		{
			"applied before", "an earlier version was applied",
			func(t *testing.T, h *hub) { h.hold(t, webWork); h.setApplied(t, webWork, 0); h.grow(t) }, going, 0, true,
		},
		{
			"going", "it is deleted once",
			func(t *testing.T, h *hub) {
				h.hold(t, webWork)
				if err := h.client.Delete(t.Context(), h.work(t, webWork)); err != nil {
					t.Fatal(err)
				}
			}, going, FetchLimit, false,
		},
		{"a clock behind", "the hub's clock is ahead of ours; it is looked again soon", func(_ *testing.T, h *hub) { h.pass(-time.Hour) }, early, 30 * time.Second, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.deliver(t, deployment("web", "nginx:1"))
			test.prepare(t, h)
			h.writes = nil
			got, err := h.Remove(t.Context(), h.recordOfWeb(t), delivery.RemoveOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if got.RetryAfter != test.retry {
				t.Errorf("retry after %s, want %s", got.RetryAfter, test.retry)
			}
			if deleted := slices.Contains(h.writes, "delete c1/"+webWork); deleted != test.deleted {
				t.Errorf("deleted %t, want %t: %s", deleted, test.deleted, test.reason)
			}
		})
	}
}

// grow writes another version of the work.
func (h *hub) grow(t *testing.T) {
	t.Helper()
	h.pass(2 * time.Second)
	h.deliver(t, deployment("web", "nginx:2"))
}

func TestRemoveOfAGoneWork(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	record := h.recordOfWeb(t)
	h.pass(time.Minute)
	if _, err := h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
	if err != nil || got.State != delivery.Delivered {
		t.Errorf("got %s, %v: want delivered, since the work is gone", said(got), err)
	}
}

// TestRemoveFromAwayCluster checks that it is told why the removal takes long.
func TestRemoveFromAwayCluster(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	h.hold(t, webWork)
	record := h.recordOfWeb(t)
	cluster := managedCluster("c1", "")
	if err := h.client.Delete(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Create(t.Context(), managedCluster("c1", metav1.ConditionUnknown)); err != nil {
		t.Fatal(err)
	}
	got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
	if err != nil || got.State != delivery.Away || got.RetryAfter == 0 {
		t.Errorf("got %s, retry after %s, %v: want away", said(got), got.RetryAfter, err)
	}
}

func TestRemoveLosesARace(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	record := h.recordOfWeb(t)
	h.pass(unseenAge)
	h.failNext = apierrors.NewConflict(schema.GroupResource{Resource: "manifestworks"}, webWork, errors.New("changed"))
	got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
	if err != nil || got.State != delivery.Applying || got.RetryAfter != coalesce {
		t.Errorf("got %s, retry after %s, %v", said(got), got.RetryAfter, err)
	}
}

func TestRecords(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	stranger := unit(deployment("api", "x"))
	stranger.Owner.UID, stranger.Owner.Name = "u2", "rival"
	if _, err := h.Deliver(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	want := delivery.Record{Owner: owner, Component: "web", Place: place, ID: "c1/" + webWork}
	if diff := cmp.Diff(want, h.recordOfWeb(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	places, err := h.Places(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]delivery.Place{place}, places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	owners, err := WorksOn(t.Context(), h.Reader, "c1")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(owners, func(a, b delivery.Owner) int { return strings.Compare(a.Name, b.Name) })
	if diff := cmp.Diff([]delivery.Owner{stranger.Owner, owner}, owners); diff != "" {
		t.Errorf("owners of works (-want +got):\n%s", diff)
	}
}

// TestWithoutOCM checks that a hub without OCM has nothing to remove.
func TestWithoutOCM(t *testing.T) {
	target := &Target{Fleet: NewFleet(nil)}
	records, errRecords := target.Records(t.Context(), owner)
	places, errPlaces := target.Places(t.Context(), "prod")
	idle, errIdle := target.IdleTenants(t.Context(), "shop")
	if err := errors.Join(errRecords, errPlaces, errIdle); err != nil || len(records)+len(places)+len(idle) > 0 {
		t.Errorf("got %v, %v, %v, %v: want nothing", records, places, idle, err)
	}
}

// TestReleaseTenant checks the order: the tenant work is what shows that there is
// something left, so it goes after the roles, and those only with the last tenant.
func TestReleaseTenant(t *testing.T) {
	h := newHub(t)
	second := tenant
	second.Namespace = "shop-test"
	for range 2 {
		for _, each := range []delivery.Tenant{tenant, second} {
			if _, err := h.EnsureTenant(t.Context(), each); err != nil {
				t.Fatal(err)
			}
			h.setApplied(t, RolesWorkName, time.Minute)
		}
		h.pass(time.Minute)
	}
	h.deliver(t, deployment("web", "nginx:1"))
	idle, err := h.IdleTenants(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]delivery.TenantKey{second.TenantKey}, idle); diff != "" {
		t.Errorf("idle (-want +got):\n%s", diff)
	}
	release := func(key delivery.TenantKey, want ...string) {
		t.Helper()
		h.writes = nil
		if _, err := h.ReleaseTenant(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.writes); diff != "" {
			t.Errorf("release %s (-want +got):\n%s", key.Namespace, diff)
		}
	}
	release(second.TenantKey, "delete c1/"+TenantWorkName("shop-test"))
	release(tenant.TenantKey, "delete c1/"+RolesWorkName)
	release(tenant.TenantKey, "delete c1/"+TenantWorkName("shop-prod"))
	release(tenant.TenantKey)
}

// TestDeletedTenantsAreForgotten checks that tenants that come and go are not
// remembered longer than the cache may show them.
func TestDeletedTenantsAreForgotten(t *testing.T) {
	h := newHub(t)
	for i := range 3 {
		work, err := wholeTenant(nil, delivery.Tenant{TenantKey: delivery.TenantKey{Cluster: "c1", Namespace: fmt.Sprint("shop-", i)}, SourceNamespace: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		h.deleted(work)
		h.pass(unseenDeletion/2 + time.Second)
	}
	if len(h.gone) != 2 {
		t.Errorf("%d are remembered, want those of the last minute", len(h.gone))
	}
}

// TestReleaseAfterARestart checks that a manager waits for a tenant whose application
// a manager before it began to remove.
func TestReleaseAfterARestart(t *testing.T) {
	h := newHub(t)
	h.makeTenant(t, tenant)
	h.deliver(t, deployment("web", "nginx:1"))
	for _, name := range []string{webWork, TenantWorkName(tenant.Namespace)} {
		h.hold(t, name)
		h.setApplied(t, name, 0)
	}
	record := h.recordOfWeb(t)
	if got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil || got.State != delivery.Applying {
		t.Fatalf("got %+v, %v, want it to be on its way out", got, err)
	}
	h.clock.SetTime(h.work(t, webWork).DeletionTimestamp.Time)
	h.restart()
	if got, err := h.ReleaseTenant(t.Context(), tenant.TenantKey); err != nil || !got.Unproven {
		t.Errorf("got %+v, %v, want a manager that has seen nothing to wait for nothing", got, err)
	}
	if got, err := h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil || got.State != delivery.Applying {
		t.Fatalf("got %+v, %v, want it to be on its way out still", got, err)
	}
	if got, err := h.ReleaseTenant(t.Context(), tenant.TenantKey); err != nil || got.Unproven {
		t.Errorf("got %+v, %v, want it to be waited for: something of the namespace goes there", got, err)
	}
	h.pass(provenFor + time.Hour)
	if _, err := h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := h.ReleaseTenant(t.Context(), tenant.TenantKey); err != nil || !got.Unproven {
		t.Errorf("got %+v, %v, want nobody to wait for it any longer: its cluster may keep what was deleted as long as it likes", got, err)
	}
}
