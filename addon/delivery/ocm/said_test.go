// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// webAt is component web with that image, and other objects.
func webAt(image string, others ...render.Object) delivery.Unit {
	objects := []render.Object{labelled(deployment("web", image), ourWeb)}
	for _, other := range others {
		objects = append(objects, labelled(other, ourWeb))
	}
	return unit(objects...)
}

// show reports the work of web as its agent does now, after a change of what it said.
func (h *hub) show(t *testing.T, change func(*workv1.ManifestWorkStatus)) {
	t.Helper()
	status := h.work(t, webWork).Status
	change(&status)
	h.setLaterStatus(t, webWork, status)
	h.Seen(h.work(t, webWork))
}

// TestEditLongAfterTheFirst checks that a work is not written in vain when its agent says
// that it applied an edit, beside feedback of the version before: it sends the two one
// after the other, and Applied is as old as the first version.
func TestEditLongAfterTheFirst(t *testing.T) {
	first, second := webAt("nginx:1"), webAt("nginx:2")
	touched := []string{patches}
	tests := []struct {
		name, reason string
		then         func(*testing.T, *spoke)
		want         string
		writes       []string
	}{
		{"still", "the rest may come", func(*testing.T, *spoke) {}, "applying: Deployment shop-prod/web: waiting for feedback of this version", nil},
		{"it comes", "that was all", func(t *testing.T, s *spoke) { s.sync(t) }, "delivered", nil},
		{
			"it does not come", "the cluster has another version", func(_ *testing.T, s *spoke) { s.pass(feedbackDelay) },
			"applying: Deployment shop-prod/web: the cluster has another version of it; its agent was asked to apply it again", touched,
		},
		{
			"edited by hand after that", "it was as delivered before, so that this is no feedback of an earlier version",
			func(t *testing.T, s *spoke) {
				s.sync(t)
				s.deliverUnit(t, second)
				s.show(t, func(status *workv1.ManifestWorkStatus) {
					status.ResourceStatus.Manifests[0].StatusFeedbacks.Values = []workv1.FeedbackValue{text(revisionName, "by hand")}
				})
			},
			"applying: Deployment shop-prod/web: the cluster has another version of it; its agent was asked to apply it again", touched,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, first)
			s.pass(time.Hour)
			s.deliverUnit(t, second)
			s.show(t, func(status *workv1.ManifestWorkStatus) {
				status.Conditions[0].ObservedGeneration = s.work(t, webWork).Generation
			})
			s.writes = nil
			if got := s.deliverUnit(t, second); got.RetryAfter != feedbackDelay || len(s.writes) > 0 {
				t.Errorf("got %s, retry after %s, writes %v: want none before %s", said(got), got.RetryAfter, s.writes, feedbackDelay)
			}
			test.then(t, s)
			if diff := cmp.Diff(test.want, said(s.deliverUnit(t, second))); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.writes, s.writes); diff != "" {
				t.Errorf("writes, since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestHandEditAfterARestart checks that what somebody changes on a cluster is repaired at
// once by a manager that has just started, when all was well when it did.
func TestHandEditAfterARestart(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, webAt("nginx:1"))
	s.restart()
	s.Seen(s.work(t, webWork))
	s.deliverUnit(t, webAt("nginx:1"))
	s.show(t, func(status *workv1.ManifestWorkStatus) {
		status.ResourceStatus.Manifests[0].StatusFeedbacks.Values = []workv1.FeedbackValue{text(revisionName, "by hand")}
	})
	got := s.deliverUnit(t, webAt("nginx:1"))
	if diff := cmp.Diff([]string{patches}, s.writes); diff != "" {
		t.Errorf("%s: writes (-want +got):\n%s", said(got), diff)
	}
}

// TestShrinkAfterALateReport checks that an object which an edit added is not dropped as
// soon as its agent has reported the edit, however long ago Applied became true.
func TestShrinkAfterALateReport(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, webAt("nginx:1"))
	s.pass(time.Hour)
	grown := webAt("nginx:1", service("web"))
	for range 2 { // the Service is made, and then known to be ours
		s.deliverUnit(t, grown)
		s.pass(10 * time.Second) // which its agent takes
		s.sync(t)
	}
	s.writes = nil
	if got := s.deliverUnit(t, webAt("nginx:1")); got.RetryAfter != settle || len(s.writes) > 0 {
		t.Errorf("got %s, retry after %s, writes %v: want none for %s", said(got), got.RetryAfter, s.writes, settle)
	}
	s.pass(settle)
	s.deliverUnit(t, webAt("nginx:1"))
	if diff := cmp.Diff([]string{"Deployment shop-prod/web nginx:1"}, held(s.work(t, webWork))); diff != "" {
		t.Errorf("after that the work has (-want +got):\n%s", diff)
	}
}

// TestSaidFor checks since when an agent is taken to say what it says.
func TestSaidFor(t *testing.T) {
	apply := func(work *workv1.ManifestWork, generation int64, status metav1.ConditionStatus) {
		work.Status.Conditions = []metav1.Condition{{
			Type: workv1.WorkApplied, Status: status, ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour)),
		}}
	}
	tests := []struct {
		name, reason string
		before       func(*hub, *workv1.ManifestWork)
		want         time.Duration
	}{
		{"nothing said", "no time has passed", func(_ *hub, work *workv1.ManifestWork) { work.Status.Conditions = nil }, 0},
		{"first look", "it may have been said just now", func(*hub, *workv1.ManifestWork) {}, 0},
		{
			"first look at an old one", "it was said with the last report, or before",
			func(_ *hub, work *workv1.ManifestWork) {
				work.Annotations[observedReport] = stampOf(now.Add(-time.Minute))
			}, time.Minute - reportGrain,
		},
		{
			"first look just after", "the time of the report is not exact",
			func(_ *hub, work *workv1.ManifestWork) { work.Annotations[observedReport] = stampOf(now) }, 0,
		},
		{
			"first look, reported in the future", "that tells nothing",
			func(_ *hub, work *workv1.ManifestWork) {
				work.Annotations[observedReport] = stampOf(now.Add(time.Hour))
			}, 0,
		},
		{"the same", "nothing new was said", func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(time.Minute) }, time.Minute},
		{
			"more feedback", "it says the same of what was applied",
			func(h *hub, work *workv1.ManifestWork) {
				h.Seen(work)
				h.pass(time.Minute)
				work.Annotations[observedReport] = stampOf(h.clock.Now())
			}, time.Minute,
		},
		{
			"a later version", "it is said now, though Applied is as it was",
			func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(time.Minute); apply(work, 2, "True") }, 0,
		},
		{
			"failed", "something else is said of the same version",
			func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(time.Minute); apply(work, 1, "False") }, 0,
		},
		{
			"another work", "it has the name of one that is gone",
			func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(time.Minute); work.UID = "another" }, 0,
		},
		{"clock stepped back", "then it lies in the future", func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(-time.Minute) }, 0},
		{"gone", "nothing is remembered", func(h *hub, work *workv1.ManifestWork) { h.Seen(work); h.pass(time.Minute); h.Dropped(work) }, 0},
		{
			"another one gone", "the end of the work before it comes late",
			func(h *hub, work *workv1.ManifestWork) {
				h.Seen(work)
				h.pass(time.Minute)
				earlier := work.DeepCopy()
				earlier.UID = "earlier"
				h.Dropped(earlier)
			}, time.Minute,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			work := newWork("c1", webWork, PurposeApplication)
			work.Generation, work.Annotations = 1, map[string]string{}
			apply(work, 1, "True")
			test.before(h, work)
			if got := h.saidFor(work); got != test.want {
				t.Errorf("got %s, want %s, since %s", got, test.want, test.reason)
			}
			h.Dropped(work)
			if len(h.said) > 0 {
				t.Errorf("remembered of a work that is gone: %v", h.said)
			}
		})
	}
}

// TestPatienceBeginsWithTheReport checks that what a cluster has yet to tell of an object
// that it met is waited for from when it said that it met it, however long Applied has
// been as it is, and no longer than that.
func TestPatienceBeginsWithTheReport(t *testing.T) {
	web := deployment("web", "nginx:1")
	h := running(t)
	work := h.work(t, webWork)
	raw, err := json.Marshal(asProbe(web.Content))
	if err != nil {
		t.Fatal(err)
	}
	work.Spec.Workload.Manifests[0].Raw = raw
	work.Spec.DeleteOption = &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeOrphan}
	work.Status.Conditions = []metav1.Condition{h.appliedAt(work.Generation, metav1.ConditionFalse, time.Hour)}
	work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{
		h.manifestApplied(work, web.Content, metav1.ConditionFalse, "the object has been modified"),
	}
	waits := func() map[string]bool {
		t.Helper()
		owning, err := h.ownFirst(t.Context(), work)
		if err != nil {
			t.Fatal(err)
		}
		if owning != nil && owning.RetryAfter == 0 {
			t.Errorf("nobody looks again: %s", said(*owning))
		}
		return map[string]bool{
			"own": owning != nil, "let go": h.lettingOf(work, web.Content) == letUnsaid,
			"take": h.takingOf(unit(web), work, entry{content: web.Content}) == takeUnsaid, "share": h.remainder(work, identify(web.Content)) == partLater,
		}
	}
	all := func(value bool) map[string]bool {
		return map[string]bool{"own": value, "let go": value, "take": value, "share": value}
	}
	for _, after := range []time.Duration{0, unseenAge - 1} {
		h.pass(after)
		if diff := cmp.Diff(all(true), waits()); diff != "" {
			t.Errorf("%s after the report, what waits is (-want +got):\n%s", after, diff)
		}
	}
	h.pass(1)
	if diff := cmp.Diff(all(false), waits()); diff != "" {
		t.Errorf("in the end, what waits is (-want +got):\n%s", diff)
	}
}

// TestSiblingInTheWayOfALaterObject is TestSiblingInTheWay for a component that could not
// be applied for long when it gets the object.
func TestSiblingInTheWayOfALaterObject(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, having("b", "y"))
	stuck, found := having("b", "y"), having("b", "y", "x")
	for _, u := range []delivery.Unit{stuck, found} {
		u.Result.Objects[1].Content["data"] = map[string]any{"a": "refused"}
	}
	s.refuses = map[workv1.ResourceIdentifier]string{identify(big("y", 1).Content): "exceeded quota"}
	deliver := func(u delivery.Unit) {
		for range 3 {
			s.deliverUnit(t, u)
			s.sync(t)
			s.pass(coalesce)
		}
	}
	deliver(stuck)
	s.pass(time.Hour)
	s.create(labelled(big("x", 1), identity("store", "a", "prod")))
	deliver(found)
	if got := s.deliverUnit(t, found); got.State != delivery.Applying || got.RetryAfter == 0 {
		t.Errorf("at first it is %s, retry after %s: want it to wait", said(got), got.RetryAfter)
	}
	s.pass(leavingPatience)
	if got := s.deliverUnit(t, found); got.State != delivery.Refused {
		t.Errorf("in the end it is %s, want it refused", said(got))
	}
}
