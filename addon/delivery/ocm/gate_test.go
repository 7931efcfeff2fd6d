// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// held are the objects of a work in their order, with their images.
func held(work *workv1.ManifestWork) []string {
	var names []string
	for _, content := range contents(work) {
		names = append(names, describe(content)+" "+imageOf(content))
	}
	return names
}

// TestEditsWhileAway edits a component twenty times while its agent is stopped, and
// drops an object on the way: the agent finds the last version of what is left at
// once, and the object goes after that.
func TestEditsWhileAway(t *testing.T) {
	s := newSpoke(t)
	labels := identity("store", "web", "prod")
	version := func(edit int) delivery.Unit {
		objects := []render.Object{labelled(deployment("web", fmt.Sprintf("nginx:%d", edit)), labels)}
		if edit < 10 {
			objects = append(objects, labelled(service("web"), labels))
		}
		return unit(objects...)
	}
	s.settle(t, version(0))
	var last delivery.Observation
	for edit := 1; edit <= 20; edit++ {
		s.pass(2 * time.Second)
		var err error
		if last, err = s.Deliver(t.Context(), version(edit)); err != nil {
			t.Fatal(err)
		}
		want := []string{fmt.Sprintf("Deployment shop-prod/web nginx:%d", edit), "Service shop-prod/web "}
		if diff := cmp.Diff(want, held(s.work(t, webWork))); diff != "" {
			t.Fatalf("edit %d: the work has (-want +got):\n%s", edit, diff)
		}
	}
	if diff := cmp.Diff("applying: waiting for the cluster to fetch it", said(last)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.writes = nil
	for range 20 {
		s.pass(2 * time.Second)
		if _, err := s.Deliver(t.Context(), version(20)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.writes) > 0 {
		t.Errorf("writes %v while nothing changes, want none", s.writes)
	}
	s.sync(t)
	if diff := cmp.Diff(map[string]string{"Deployment shop-prod/web": "nginx:20", "Service shop-prod/web": ""}, s.present()); diff != "" {
		t.Errorf("after the first report the cluster has (-want +got):\n%s", diff)
	}
	if got := s.settle(t, version(20)); got.State != delivery.Delivered {
		t.Errorf("in the end it is %s", said(got))
	}
	if diff := cmp.Diff(map[string]string{"Deployment shop-prod/web": "nginx:20"}, s.present()); diff != "" {
		t.Errorf("in the end the cluster has (-want +got):\n%s", diff)
	}
}

// TestHoldBack checks what a work holds, whose agent has not reported it, when its
// component drops objects.
func TestHoldBack(t *testing.T) {
	one, two := deployment("web", "nginx:1"), deployment("web", "nginx:2")
	api, expose, small := deployment("api", "nginx:1"), service("web"), big("conf", 5)
	tests := []struct {
		name, reason string
		before       []render.Object
		edits        [][]render.Object
		want         []string
		writes       int
	}{
		{
			name: "dropped", reason: "what is written would be the same", before: []render.Object{one, expose, api}, edits: [][]render.Object{{one, api}},
			want: []string{"Deployment shop-prod/web nginx:1", "Service shop-prod/web ", "Deployment shop-prod/api nginx:1"},
		},
		{
			name: "dropped and changed", reason: "the change does not wait", before: []render.Object{expose, one, api}, edits: [][]render.Object{{two, api}},
			want: []string{"Service shop-prod/web ", "Deployment shop-prod/web nginx:2", "Deployment shop-prod/api nginx:1"}, writes: 1,
		},
		{
			name: "several dropped", reason: "each stays where it is", before: []render.Object{expose, one, small, api}, edits: [][]render.Object{{two}},
			want: []string{"Service shop-prod/web ", "Deployment shop-prod/web nginx:2", "ConfigMap shop-prod/conf ", "Deployment shop-prod/api nginx:1"}, writes: 1,
		},
		{
			name: "renamed", reason: "the new one does not wait", before: []render.Object{one}, edits: [][]render.Object{{api}},
			want: []string{"Deployment shop-prod/web nginx:1", "Deployment shop-prod/api nginx:1"}, writes: 1,
		},
		{
			name: "there and back", reason: "nothing is left of the drop", before: []render.Object{one, expose}, edits: [][]render.Object{{two}, {one, expose}},
			want: []string{"Deployment shop-prod/web nginx:1", "Service shop-prod/web "}, writes: 2,
		},
		{
			name: "there and back unchanged", reason: "there was nothing to write", before: []render.Object{one, expose}, edits: [][]render.Object{{one}, {one, expose}},
			want: []string{"Deployment shop-prod/web nginx:1", "Service shop-prod/web "},
		},
		{
			name: "too large together", reason: "OCM would refuse the work", before: []render.Object{one, small}, edits: [][]render.Object{{two, big("more", 6)}},
			want: []string{"Deployment shop-prod/web nginx:1", "ConfigMap shop-prod/conf "},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.limit = 10 << 10
			h.delivered(t, unit(test.before...))
			for _, edit := range test.edits {
				for range 3 { // what is written once is not written again
					got := h.deliver(t, edit...)
					if got.State == delivery.Delivered {
						t.Errorf("it is %s before the cluster has reported", said(got))
					}
					h.pass(2 * time.Second)
				}
			}
			if diff := cmp.Diff(test.want, held(h.work(t, webWork))); diff != "" {
				t.Errorf("the work has (-want +got), since %s:\n%s", test.reason, diff)
			}
			if len(h.writes) != test.writes {
				t.Errorf("writes %v, want %d", h.writes, test.writes)
			}
		})
	}
}

// TestHeldBackAsItStands checks that nothing of an object changes that a work is to
// drop: neither how it is written, nor that it stays when the work lets go of it.
func TestHeldBackAsItStands(t *testing.T) {
	h := newHub(t)
	version := func(image string, objects ...render.Object) delivery.Unit {
		u := unit(append([]render.Object{deployment("web", image)}, objects...)...)
		u.Treatments = []policy.Treatment{{}, {Removal: policy.RemoveNever}, {Once: true, TakeOver: true}}[:len(objects)+1]
		return u
	}
	h.delivered(t, version("nginx:1", service("web"), big("conf", 1)))
	h.deliverUnit(t, version("nginx:1", service("web"), big("conf", 1))) // which makes it once from now on
	h.pass(time.Minute)
	before := h.work(t, webWork)
	h.deliverUnit(t, version("nginx:2"))
	after := h.work(t, webWork)
	if before.Generation == after.Generation {
		t.Fatal("the edit was not written")
	}
	if diff := cmp.Diff(before.Spec.Workload.Manifests[1:], after.Spec.Workload.Manifests[1:]); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Spec.ManifestConfigs, after.Spec.ManifestConfigs); diff != "" {
		t.Errorf("configs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Spec.DeleteOption, after.Spec.DeleteOption); diff != "" || len(rulesOf(before)) != 1 {
		t.Errorf("what stays (-want +got):\n%s", diff)
	}
	h.setApplied(t, webWork, time.Minute)
	h.pass(2 * time.Second)
	h.deliverUnit(t, version("nginx:2"))
	if diff := cmp.Diff([]string{"Deployment shop-prod/web nginx:2"}, held(h.work(t, webWork))); diff != "" {
		t.Errorf("after it was reported the work has (-want +got):\n%s", diff)
	}
}

func (h *hub) deliverUnit(t *testing.T, u delivery.Unit) delivery.Observation {
	t.Helper()
	got, err := h.Deliver(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestHeldBackBesideUnknownKind checks that a work with a kind that its cluster does
// not know keeps what would not be removed, and is written else.
func TestHeldBackBesideUnknownKind(t *testing.T) {
	h := newHub(t)
	one, two, expose, thing := deployment("web", "nginx:1"), deployment("web", "nginx:2"), service("web"), big("thing", 1)
	h.delivered(t, unit(one, expose, thing))
	expect := func(reason string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, held(h.work(t, webWork))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	h.reportUnknown(t, "thing")
	h.deliver(t, two, thing)
	expect("one of its kinds is unknown", "Deployment shop-prod/web nginx:2", "Service shop-prod/web ", "ConfigMap shop-prod/thing ")
	h.reportUnknown(t, "thing")
	got := h.deliver(t, two, thing)
	if want := "refused ApplyFailed: ConfigMap shop-prod/thing: the cluster cannot apply it: no such kind"; said(got) != want {
		t.Errorf("it is %s, want %s", said(got), want)
	}
	h.deliver(t, two)
	expect("the bad one goes at once", "Deployment shop-prod/web nginx:2", "Service shop-prod/web ")
	h.reportUnknown(t, "thing")
	h.deliver(t, two)
	expect("the cluster has recorded the rest", "Deployment shop-prod/web nginx:2")
}

// TestTooLargeBesideUnknownKind checks that a work whose next version does not fit beside
// what it drops is written in the end, though it has a kind that its cluster does not know.
func TestTooLargeBesideUnknownKind(t *testing.T) {
	thing, small, large := big("thing", 1), big("conf", 5), big("web", 7)
	tests := []struct {
		name, reason string
		after        []render.Object
		want         []string
	}{
		{"dropped too", "nothing of it is left", []render.Object{large}, []string{"ConfigMap shop-prod/web "}},
		{
			"still wanted", "it comes back with what made no room for it", []render.Object{thing, large},
			[]string{"ConfigMap shop-prod/thing ", "ConfigMap shop-prod/web "},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.limit = 10 << 10
			h.delivered(t, unit(thing, small, big("web", 2)))
			h.reportUnknown(t, "thing")
			h.deliver(t, test.after...)
			if diff := cmp.Diff([]string{"ConfigMap shop-prod/conf ", "ConfigMap shop-prod/web "}, held(h.work(t, webWork))); diff != "" {
				t.Fatalf("at first the work has (-want +got):\n%s", diff)
			}
			for range 3 { // nothing more before the cluster has reported that
				h.pass(2 * time.Second)
				h.writes = nil
				if got := h.deliver(t, test.after...); got.State == delivery.Delivered || len(h.writes) > 0 {
					t.Errorf("it is %s with the writes %v before the cluster has reported", said(got), h.writes)
				}
			}
			for range 3 {
				h.reportUnknown(t, "thing")
				h.deliver(t, test.after...)
			}
			if diff := cmp.Diff(test.want, held(h.work(t, webWork))); diff != "" {
				t.Errorf("in the end the work has (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// reportUnknown reports the work as applied but for the objects of that name, whose kind
// the cluster does not know.
func (h *hub) reportUnknown(t *testing.T, name string) {
	t.Helper()
	work := h.work(t, webWork)
	status := workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(work.Generation, "True", time.Minute)}}
	for _, content := range contents(work) {
		manifest := h.manifestApplied(work, content, "True", "")
		if object := (render.Object{Content: content}); object.Name() == name {
			status.Conditions[0].Status = "False"
			manifest = failed(object, "no such kind")
			manifest.Conditions[0].ObservedGeneration = work.Generation
		}
		status.ResourceStatus.Manifests = append(status.ResourceStatus.Manifests, manifest)
	}
	h.setStatus(t, webWork, status)
	h.pass(2 * time.Second)
}

// TestHeldBackAfterAMove checks that an object which moved to another work is the same
// in both, as long as the first one may not drop it.
func TestHeldBackAfterAMove(t *testing.T) {
	h := newHub(t)
	h.limit = 10 << 10
	web, grown := big("web", 2), big("web", 7)
	h.delivered(t, unit(web, big("conf", 3)))
	second := WorkName(owner, "web", "prod", "1")
	step := func(objects ...render.Object) {
		h.deliver(t, objects...)
		h.pass(2 * time.Second)
	}
	step(grown, big("conf", 3))
	h.setApplied(t, second, time.Minute) // and the first one was not reported
	changed := big("conf", 3)
	changed.Content["data"] = map[string]any{"a": strings.Repeat("y", 3<<10)}
	step(grown, changed)
	h.setApplied(t, second, time.Minute)
	step(grown, changed)
	before := h.work(t, webWork).Generation
	step(grown, changed)
	if after := h.work(t, webWork).Generation; after != before {
		t.Errorf("the first work was written from %d to %d, and nothing changed", before, after)
	}
	first, other := h.work(t, webWork), h.work(t, second)
	if diff := cmp.Diff([]string{"ConfigMap shop-prod/web ", "ConfigMap shop-prod/conf "}, held(first)); diff != "" {
		t.Fatalf("the first work has (-want +got):\n%s", diff)
	}
	if string(other.Spec.Workload.Manifests[0].Raw) != string(first.Spec.Workload.Manifests[1].Raw) {
		t.Error("the object that moved has two versions")
	}
	h.setApplied(t, webWork, time.Minute)
	step(grown, changed)
	if diff := cmp.Diff([]string{"ConfigMap shop-prod/web "}, held(h.work(t, webWork))); diff != "" {
		t.Errorf("after it was reported the first work has (-want +got):\n%s", diff)
	}
}
