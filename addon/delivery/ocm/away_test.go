// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// restart makes the hub's Target forget what only its memory has.
func (h *hub) restart() {
	h.Target = &Target{Reader: h.Reader, Writer: h.Writer, Live: h.Live, Fleet: h.Fleet, Clock: h.Clock}
}

// forge changes the annotation with the time of the write, as a cluster may.
func (h *hub) forge(t *testing.T, written string) {
	t.Helper()
	work := h.work(t, webWork)
	work.Annotations[AnnotationWritten] = written
	if written == "" {
		delete(work.Annotations, AnnotationWritten)
	}
	work.Generation-- // the hub of this test counts each update, this one is of metadata alone
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

// TestOverdue checks that a cluster whose agent reports nothing of what was
// written is away after a minute, whatever the annotations say and also after a restart.
func TestOverdue(t *testing.T) {
	const waiting = "applying: waiting for the cluster to fetch it"
	const since = "away ClusterAway: cluster is away since 2026-03-04T05:07:07Z: its agent has not fetched what was written at 2026-03-04T05:06:07Z"
	tests := []struct {
		name, reason string
		prepare      func(*testing.T, *hub)
		want         string
		retry        time.Duration
	}{
		{"new", "its agent has a minute", func(*testing.T, *hub) {}, waiting, time.Minute},
		{"59 s", "not long enough", func(_ *testing.T, h *hub) { h.pass(59 * time.Second) }, waiting, time.Second},
		{"60 s", "a minute is over", func(_ *testing.T, h *hub) { h.pass(time.Minute) }, since, 0},
		{"an hour", "the times stay the same", func(_ *testing.T, h *hub) { h.pass(time.Hour) }, since, 0},
		{"restarted", "the work says when it was written", func(_ *testing.T, h *hub) { h.pass(time.Hour); h.restart() }, since, 0},
		{
			"an earlier version reported", "nothing is known of the present one",
			func(t *testing.T, h *hub) {
				h.setStatus(t, webWork, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(0, "True", 0)}})
				h.pass(time.Minute)
			}, since, 0,
		},
		{
			"forged to the future", "it counts from when it was first looked at",
			func(t *testing.T, h *hub) {
				h.forge(t, "2099-01-01T00:00:00Z")
				h.deliver(t, deployment("web", "nginx:1"))
				h.pass(time.Minute)
			}, since, 0,
		},
		{
			"forged to the future, just now", "a time that is not believed makes nobody away at once",
			func(t *testing.T, h *hub) { h.pass(time.Hour); h.forge(t, "2099-01-01T00:00:00Z") }, waiting, time.Minute,
		},
		{
			"forged to the past", "nothing was written before the work was made",
			func(t *testing.T, h *hub) { h.forge(t, "1970-01-01T00:00:00Z"); h.pass(30 * time.Second) }, waiting, 30 * time.Second,
		},
		{
			"removed", "it counts from when it was first looked at",
			func(t *testing.T, h *hub) {
				h.forge(t, "")
				h.deliver(t, deployment("web", "nginx:1"))
				h.pass(time.Minute)
			}, since, 0,
		},
		{"no time", "text that is no time is as none", func(t *testing.T, h *hub) { h.pass(time.Hour); h.forge(t, "soon\x00") }, waiting, time.Minute},
		{"clock stepped back", "then it lies in the future, and is not believed", func(_ *testing.T, h *hub) { h.pass(-time.Hour) }, waiting, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.deliver(t, deployment("web", "nginx:1"))
			test.prepare(t, h)
			h.writes = nil
			got := h.deliver(t, deployment("web", "nginx:1"))
			if diff := cmp.Diff(test.want, said(got)); diff != "" || got.RetryAfter != test.retry {
				t.Errorf("since %s (-want +got):\n%s\nretry after %s, want %s", test.reason, diff, got.RetryAfter, test.retry)
			}
			if len(h.writes) > 0 {
				t.Errorf("writes %v, want none: looking at a work changes nothing", h.writes)
			}
		})
	}
}

// TestBack checks that a cluster is no longer away once it has reported.
func TestBack(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	h.pass(time.Hour)
	h.setApplied(t, webWork, 0)
	if got := h.deliver(t, deployment("web", "nginx:1")); got.State == delivery.Away {
		t.Errorf("got %s: want what follows its report", said(got))
	}
}

// TestAwayWhileEdited checks that edits do not make a cluster look as if it
// were there, and that an agent which keeps reporting is not blamed for them.
func TestAwayWhileEdited(t *testing.T) {
	tests := []struct {
		name, reason string
		reports      bool
		want         string
	}{
		{
			"silent", "the agent has shown nothing since the first edit", false,
			"away ClusterAway: cluster is away since 2026-03-04T05:07:07Z: its agent has not fetched what was written at 2026-03-04T05:06:07Z",
		},
		{"one behind", "it reports each version before the last", true, "applying: waiting for the cluster to fetch it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.deliver(t, deployment("web", "nginx:0"))
			for i := range 20 {
				h.pass(6 * time.Second)
				if test.reports {
					h.setApplied(t, webWork, 0)
				}
				h.deliver(t, deployment("web", "nginx:"+string(rune('a'+i))))
			}
			got := h.deliver(t, deployment("web", "nginx:t"))
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestAwayBehindTheGate checks that a cluster is away also while a version waits
// to be written until the one before is applied.
func TestAwayBehindTheGate(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"), service("web"))
	h.pass(time.Minute)
	got := h.deliver(t, deployment("web", "nginx:1"))
	if got.State != delivery.Away || len(h.writes) != 1 {
		t.Errorf("got %s, writes %v: want away and no write but the first", said(got), h.writes)
	}
}

// TestLastReport checks that the time of the last report is the hub's, whatever
// times the cluster puts into its status.
func TestLastReport(t *testing.T) {
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	work := h.work(t, webWork)
	work.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "fairlead", Operation: metav1.ManagedFieldsOperationUpdate, Time: at(time.Hour)},
		{Manager: "work", Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "status", Time: at(time.Minute)},
		{Manager: "old-work", Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "status", Time: at(0)},
		{Manager: "none", Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "status"},
	}
	work.Status.Conditions = []metav1.Condition{h.appliedAt(work.Generation, "True", -99*time.Hour)}
	work.Annotations["fairlead.dev/observed-report"] = "2099-01-01T00:00:00Z"
	stripped, err := new(Digests).stripWork(work)
	if err != nil {
		t.Fatal(err)
	}
	web := deployment("web", "nginx:1")
	observation, err := h.observe(t.Context(), unit(web), stripped.(*workv1.ManifestWork))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(now.Add(time.Minute), observation.Reported); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if problems := qualifiedNameProblems(observedReport); len(problems) == 0 {
		t.Errorf("the API server would take the annotation %q: a cluster could forge it", observedReport)
	}
}
