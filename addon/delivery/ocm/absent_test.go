// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// beside is another work of the cluster, on which its agent reported at a time.
func (h *hub) beside(t *testing.T, at time.Time) {
	t.Helper()
	work, err := wholeTenant(h.Digests, tenant)
	if err != nil {
		t.Fatal(err)
	}
	work.Annotations[testReported] = stampOf(at)
	if err := h.client.Create(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

// deleteWeb deletes the work of component web by the clock of the test.
func (h *hub) deleteWeb(t *testing.T) {
	t.Helper()
	if err := h.client.Delete(t.Context(), h.work(t, webWork)); err != nil {
		t.Fatal(err)
	}
	h.clock.SetTime(h.work(t, webWork).DeletionTimestamp.Time)
}

// begin has the agent say that it removes component web.
func (h *hub) begin(t *testing.T) {
	t.Helper()
	status := h.work(t, webWork).Status
	status.Conditions = append(status.Conditions, metav1.Condition{Type: workv1.WorkDeleting, Status: metav1.ConditionTrue, Reason: "WorkDeleting"})
	h.setStatus(t, webWork, status)
}

// TestAbsent checks of which clusters, whose lease is renewed, nothing is to be
// expected when a work is removed: of those whose agent owes an answer, and from which
// nothing has come.
func TestAbsent(t *testing.T) {
	deleted := func(after time.Duration) func(*testing.T, *hub) {
		return func(t *testing.T, h *hub) { h.deleteWeb(t); h.pass(after) }
	}
	tests := []struct {
		name, reason string
		prepare      func(*testing.T, *hub)
		absent       bool
		lost, again  time.Duration
	}{
		{"applied", "the agent owes nothing", func(_ *testing.T, h *hub) { h.pass(time.Hour) }, false, 0, 0},
		{"deleted just now", "it has a minute", deleted(0), false, 0, FetchLimit},
		{"deleted, 59 s", "not long enough", deleted(59 * time.Second), false, 0, time.Second},
		{"deleted, 60 s", "a minute is over, and an agent that starts anew takes longer", deleted(time.Minute), true, 4 * time.Minute, 0},
		{"deleted, 5 minutes", "as long as OCM gives a cluster", deleted(5 * time.Minute), true, 0, 0},
		{
			"deleted, begun", "what is left may have a finalizer, for however long",
			func(t *testing.T, h *hub) { h.deleteWeb(t); h.begin(t); h.pass(time.Hour) }, false, 0, 0,
		},
		{
			"deleted, let go", "what holds it now is no agent",
			func(t *testing.T, h *hub) {
				work := h.work(t, webWork)
				work.Finalizers = []string{"example.com/other"}
				if err := h.client.Update(t.Context(), work); err != nil {
					t.Fatal(err)
				}
				h.deleteWeb(t)
				h.pass(time.Hour)
			}, false, 0, 0,
		},
		{
			"deleted, busy", "it has much to do, and answered another work 10 s ago",
			func(t *testing.T, h *hub) {
				h.deleteWeb(t)
				h.pass(time.Hour)
				h.beside(t, h.clock.Now().Add(-10*time.Second))
			}, false, 0, 50 * time.Second,
		},
		{
			"deleted, was busy", "it has answered nothing for two minutes",
			func(t *testing.T, h *hub) {
				h.deleteWeb(t)
				h.pass(time.Hour)
				h.beside(t, h.clock.Now().Add(-2*time.Minute))
			}, true, 3 * time.Minute, 0,
		},
		{
			"edited, then deleted", "it did not fetch the edit, two minutes before the deletion",
			func(t *testing.T, h *hub) {
				work := h.work(t, webWork)
				work.Generation += 2
				work.Annotations[AnnotationWritten] = stampOf(time.Now().Add(-2 * time.Minute))
				if err := h.client.Update(t.Context(), work); err != nil {
					t.Fatal(err)
				}
				h.deleteWeb(t)
				h.clock.SetTime(h.work(t, webWork).DeletionTimestamp.Time)
			}, true, 3 * time.Minute, 0,
		},
		{
			"short lease", "OCM gives it less",
			func(t *testing.T, h *hub) {
				deleted(time.Minute)(t, h)
				if err := h.client.Delete(t.Context(), managedCluster("c1", "")); err != nil {
					t.Fatal(err)
				}
				cluster := managedCluster("c1", metav1.ConditionTrue)
				cluster.Spec.LeaseDurationSeconds = 1
				if err := h.client.Create(t.Context(), cluster); err != nil {
					t.Fatal(err)
				}
			}, true, 0, 0,
		},
		{"away", "OCM says so", func(t *testing.T, h *hub) { h.setAvailable(t, metav1.ConditionUnknown) }, true, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := running(t)
			test.prepare(t, h)
			work, err := h.get(t.Context(), types.NamespacedName{Namespace: "c1", Name: webWork})
			if err != nil || work == nil {
				t.Fatal(work, err)
			}
			absence, again, err := h.absent(t.Context(), work)
			if err != nil {
				t.Fatal(err)
			}
			if (absence != nil) != test.absent {
				t.Fatalf("absent %t, want %t: %s", absence != nil, test.absent, test.reason)
			}
			var lost time.Duration
			if absence != nil {
				lost = absence.lost
			}
			// What is deleted at is the time of the machine, in seconds.
			if near := func(a, b time.Duration) bool { return (a - b).Abs() <= time.Second }; !near(lost, test.lost) || !near(again, test.again) {
				t.Errorf("lost after %s, again after %s; want %s, %s, since %s", lost, again, test.lost, test.again, test.reason)
			}
		})
	}
}

// TestRemoveFromSilent checks that what nobody waits for goes also where OCM hears from
// the cluster and its work agent does nothing, and no sooner than from one that OCM has lost.
func TestRemoveFromSilent(t *testing.T) {
	abandon, hour := delivery.RemoveOptions{Abandon: true}, delivery.RemoveOptions{Patience: time.Hour}
	tests := []struct {
		name, reason string
		options      delivery.RemoveOptions
		after        time.Duration
		begins       bool
		state        delivery.State
		left         bool
		retry        time.Duration
	}{
		{"wait", "whoever waits is told why", delivery.RemoveOptions{}, time.Hour, false, delivery.Away, false, 0},
		{"abandon, a minute", "an agent that starts anew is as silent", abandon, time.Minute, false, delivery.Away, false, 4 * time.Minute},
		{"abandon", "it is silent for as long as OCM gives a cluster", abandon, 5 * time.Minute, false, delivery.Delivered, true, 0},
		{"patience", "half of it is left", hour, 30 * time.Minute, false, delivery.Away, false, 30 * time.Minute},
		{"patience over", "the deletion stays, for when the agent is back", hour, time.Hour, false, delivery.Delivered, true, 0},
		{"short patience", "the agent may come back", delivery.RemoveOptions{Patience: time.Second}, time.Minute, false, delivery.Away, false, 4 * time.Minute},
		{"abandon, begun", "the agent works at it", abandon, time.Hour, true, delivery.Applying, false, 0},
		{"patience over, begun", "the cluster is there", hour, time.Hour, true, delivery.Applying, false, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := running(t)
			h.removeWeb(t, test.options)
			if diff := cmp.Diff([]string{deletes}, h.writes); diff != "" {
				t.Fatalf("writes (-want +got):\n%s", diff)
			}
			if test.begins {
				h.begin(t)
			}
			h.clock.SetTime(h.work(t, webWork).DeletionTimestamp.Time)
			h.pass(test.after)
			h.writes = nil
			got := h.removeWeb(t, test.options)
			if got.State != test.state || got.Left != test.left || got.RetryAfter != test.retry {
				t.Errorf("got %s, left %t, retry after %s; want state %d, %t, %s, since %s",
					said(got), got.Left, got.RetryAfter, test.state, test.left, test.retry, test.reason)
			}
			if wrote := len(h.writes) > 0; wrote != test.left {
				t.Errorf("writes %v: want one when it is left", h.writes)
			}
		})
	}
}

// TestLetGoBySilent checks that objects that are to stay are no reason to wait for ever:
// an agent that does nothing lets go of nothing.
func TestLetGoBySilent(t *testing.T) {
	h := running(t)
	options := delivery.RemoveOptions{Leave: true, Patience: 10 * time.Minute}
	h.removeWeb(t, options)
	h.next(t)
	for _, step := range []struct {
		pass time.Duration
		left bool
	}{{time.Minute, false}, {8 * time.Minute, false}, {time.Minute, true}} {
		h.pass(step.pass)
		if got := h.removeWeb(t, options); got.Left != step.left {
			t.Fatalf("after %s more: got %s, left %t; want %t", step.pass, said(got), got.Left, step.left)
		}
	}
	if work := h.work(t, webWork); !orphaned(work) || !IsLeft(work) {
		t.Errorf("work %v: want it left, with objects that stay", work.Labels)
	}
}

// TestSilentTenant checks that nobody waits for the end of a tenant whose cluster's agent is silent.
func TestSilentTenant(t *testing.T) {
	h := newHub(t)
	work, err := wholeTenant(h.Digests, tenant)
	if err != nil {
		t.Fatal(err)
	}
	work.Finalizers = []string{workv1.ManifestWorkFinalizer}
	if err := h.client.Create(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.setApplied(t, work.Name, time.Minute)
	if err := h.client.Delete(t.Context(), h.work(t, work.Name)); err != nil {
		t.Fatal(err)
	}
	h.clock.SetTime(h.work(t, work.Name).DeletionTimestamp.Time)
	for _, step := range []struct {
		pass time.Duration
		want delivery.State
	}{{0, delivery.Applying}, {FetchLimit, delivery.Away}} {
		h.pass(step.pass)
		got, err := h.ReleaseTenant(t.Context(), tenant.TenantKey)
		if err != nil || got.State != step.want {
			t.Errorf("after %s: got %s, %v; want state %d", step.pass, said(got), err, step.want)
		}
	}
}

// TestExplainAbsence checks how often it is looked for what an agent that is silent does not do.
func TestExplainAbsence(t *testing.T) {
	for _, c := range []struct {
		reason      string
		state       delivery.State
		after, want time.Duration
	}{
		{"an event tells of it", delivery.Waiting, 0, 0},
		{"not every second", delivery.Waiting, coalesce, awayRetry},
		{"a time that matters stays", delivery.Applying, 4 * time.Minute, 4 * time.Minute},
		{"what is refused does not wait for the agent", delivery.Refused, coalesce, coalesce},
	} {
		a := &absence{away: delivery.Observation{State: delivery.Away}}
		if got := a.explain(delivery.Observation{State: c.state, RetryAfter: c.after}); got.RetryAfter != c.want {
			t.Errorf("again after %s, want %s: %s", got.RetryAfter, c.want, c.reason)
		}
	}
}
