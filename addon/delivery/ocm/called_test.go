// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// custom is a rendered object of a kind that is not Kubernetes' own.
func custom(kind, name, size string) render.Object {
	object := render.Object{Resource: name, Content: map[string]any{
		"apiVersion": "db.example.org/v1", "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": "shop-prod"}, "spec": map[string]any{"size": size},
	}}
	return object
}

// sizeOf is the size of a custom object on the cluster.
func (s *spoke) sizeOf(object render.Object) any {
	found := s.objects[identify(object.Content)]
	if found == nil {
		return nil
	}
	return found.content()["spec"].(map[string]any)["size"]
}

// TestStrangePlural checks that an object of a CRD with a plural that nobody can
// guess is treated as one of any other: made and kept, not taken when it is somebody
// else's, and only read when a policy says so.
func TestStrangePlural(t *testing.T) {
	cache := custom("Redis", "cache", "small")
	foreign := custom("Redis", "cache", "theirs")
	tests := []struct {
		reason    string
		foreign   bool
		treatment policy.Treatment
		state     delivery.State
		size      any
	}{
		{"it is made", false, policy.Treatment{}, delivery.Delivered, "small"},
		{"somebody else's is left as it is", true, policy.Treatment{}, delivery.Refused, "theirs"},
		{"a policy takes it over", true, policy.Treatment{TakeOver: true}, delivery.Delivered, "small"},
		{"what is only read is not written", true, policy.Treatment{ReadOnly: true}, delivery.Delivered, "theirs"},
		{"what is only read is not made", false, policy.Treatment{ReadOnly: true}, delivery.Waiting, nil},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			s.plurals = map[string]string{"Redis": "redis"}
			if test.foreign {
				s.create(foreign)
			}
			u := unit(deployment("web", "nginx:1"), cache)
			u.Treatments = []policy.Treatment{{}, test.treatment}
			said := s.rest(t, u)
			if said.State != test.state {
				t.Errorf("got %+v, want %s", said, stateNames[test.state])
			}
			if got := s.sizeOf(cache); got != test.size {
				t.Errorf("size %v on the cluster, want %v", got, test.size)
			}
		})
	}
}

// rest delivers a unit until nothing is written for a while.
func (s *spoke) rest(t *testing.T, u delivery.Unit) delivery.Observation {
	t.Helper()
	var said delivery.Observation
	for range 12 {
		s.writes = nil
		var err error
		if said, err = s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.pass(2 * time.Second)
	}
	if len(s.writes) > 0 && said.State == delivery.Delivered {
		t.Errorf("writes %v of what is delivered", s.writes)
	}
	return said
}

// TestStrangePluralStays checks that what is to stay stays though its cluster calls
// it otherwise than usual, when its component drops it and when the application goes.
func TestStrangePluralStays(t *testing.T) {
	s := newSpoke(t)
	s.plurals = map[string]string{"Redis": "redis"}
	cache, web := custom("Redis", "cache", "small"), deployment("web", "nginx:1")
	u := unit(web, cache)
	u.Treatments = []policy.Treatment{{}, {Removal: policy.RemoveNever}}
	if said := s.settle(t, u); said.State != delivery.Delivered {
		t.Fatalf("got %+v", said)
	}
	s.removeAll(t)
	if s.sizeOf(cache) != "small" || s.objects[identify(web.Content)] != nil {
		t.Errorf("objects %v, want that the cache is all that stays", s.objects)
	}
}

// TestStrangePluralHeldBack checks that nothing changes of how an object is treated
// that a work is to drop and may not yet, though its cluster calls it otherwise than usual.
func TestStrangePluralHeldBack(t *testing.T) {
	cache := custom("Redis", "cache", "small")
	changed := custom("Redis", "cache", "changed there")
	tests := []struct {
		reason      string
		treatment   policy.Treatment
		there, held any // on the cluster before, and while it is held back
		last        any // in the end
	}{
		{"what was only read is neither written nor removed", policy.Treatment{ReadOnly: true}, "changed there", "changed there", "changed there"},
		{"what was written once is not written again, and goes", policy.Treatment{Once: true}, nil, "changed there", nil},
		{"what is to stay stays", policy.Treatment{Removal: policy.RemoveNever}, nil, "small", "small"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			s.plurals = map[string]string{"Redis": "redis"}
			if test.there != nil {
				s.create(changed)
			}
			with := func(image string) delivery.Unit {
				u := unit(deployment("web", image), cache)
				u.Treatments = []policy.Treatment{{}, test.treatment}
				return u
			}
			s.rest(t, with("nginx:1"))
			if test.treatment.Once {
				s.objects[identify(cache.Content)].fields = map[string]map[string]any{"somebody": keyed(changed.Content).(map[string]any)}
			}
			s.deliverUnit(t, with("nginx:2")) // which its agent has not seen when the next version comes
			s.pass(2 * time.Second)
			before := s.work(t, webWork)
			s.deliverUnit(t, unit(deployment("web", "nginx:3")))
			after := s.work(t, webWork)
			if before.Generation == after.Generation {
				t.Fatal("the edit was not written")
			}
			if diff := cmp.Diff(before.Spec.Workload.Manifests[1:], after.Spec.Workload.Manifests[1:]); diff != "" {
				t.Errorf("manifests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Spec.ManifestConfigs, after.Spec.ManifestConfigs); diff != "" {
				t.Errorf("configs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Spec.DeleteOption, after.Spec.DeleteOption); diff != "" {
				t.Errorf("what stays (-want +got):\n%s", diff)
			}
			s.sync(t)
			if got := s.sizeOf(cache); got != test.held {
				t.Errorf("size %v on the cluster while it is held back, want %v", got, test.held)
			}
			s.settle(t, unit(deployment("web", "nginx:3")))
			if got := s.sizeOf(cache); got != test.last {
				t.Errorf("size %v on the cluster in the end, want %v", got, test.last)
			}
		})
	}
}

// TestPluralIsLearned checks that a plural that no rule makes is learned from the first
// object of its kind that a cluster has, so that the next is treated as one of any other
// from the start: somebody else's is not written over.
func TestPluralIsLearned(t *testing.T) {
	const plural = "cacheinstances"
	s := newSpoke(t)
	s.plurals = map[string]string{"Redis": plural}
	first, second := custom("Redis", "cache", "small"), custom("Redis", "other", "small")
	if slices.Contains(otherPlurals(identify(first.Content).Resource), plural) {
		t.Fatalf("%s is guessed: the test is about one that is not", plural)
	}
	s.create(custom("Redis", "other", "theirs"))
	if got := s.settle(t, unit(first)); got.State != delivery.Delivered {
		t.Fatalf("the first: %s", said(got))
	}
	if got := s.rest(t, unit(first, second)); got.State != delivery.Refused || got.Reason != delivery.ReasonForeignObject {
		t.Errorf("the second: %s, want it refused as somebody else's", said(got))
	}
	if got := s.sizeOf(second); got != "theirs" {
		t.Errorf("size %v on the cluster, want that of somebody else", got)
	}
}

// TestNamesFlap checks that a cluster which reports another name of a resource each
// time does not get its work rewritten each time, and that it is told.
func TestNamesFlap(t *testing.T) {
	s := newSpoke(t)
	s.plurals = map[string]string{"Redis": "redis"}
	u := unit(custom("Redis", "cache", "small"))
	if said := s.settle(t, u); said.State != delivery.Delivered {
		t.Fatalf("got %+v", said)
	}
	s.writes = nil
	for _, plural := range []string{"redises", "a", "no name", strings.Repeat("x", 9999)} {
		s.plurals["Redis"] = plural
		s.sync(t)
		s.pass(2 * time.Second)
		said, err := s.Deliver(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		isReadable(t, said.Message)
		if said.State != delivery.Applying || !strings.Contains(said.Message, `"redis"`) || said.RetryAfter <= time.Minute {
			t.Errorf("%.20q: got %+v, want that both names are told", plural, said)
		}
	}
	if len(s.writes) > 0 {
		t.Errorf("writes %v, want none", s.writes)
	}
	s.plurals["Redis"] = "rediss"
	s.pass(renaming)
	if said := s.settle(t, u); said.State != delivery.Delivered {
		t.Errorf("got %+v, want that a name that lasts is taken", said)
	}
}

// TestCallUsually checks that a work is read by what its objects are, whatever its
// cluster calls them.
func TestCallUsually(t *testing.T) {
	work, err := applicationWork(unit(deployment("web", "nginx:1"), custom("Redis", "cache", "small"), custom("Batch", "cache", "small")))
	if err != nil {
		t.Fatal(err)
	}
	work.Spec.DeleteOption = optionOf([]workv1.OrphaningRule{workv1.OrphaningRule(identify(custom("Redis", "cache", "small").Content))})
	usual := work.DeepCopy()
	redis := identify(custom("Redis", "cache", "").Content)
	target := &Target{called: map[string]map[workv1.ResourceIdentifier]calledName{"c1": {redis: {resource: "redis"}}}}
	batches := identify(custom("Batch", "cache", "").Content)
	if !target.callAsReported(work, nil) || work.Spec.ManifestConfigs[1].ResourceIdentifier.Resource != "redis" || rulesOf(work)[0].Resource != "redis" {
		t.Errorf("configs %v, rules %v, want them to say redis", work.Spec.ManifestConfigs, rulesOf(work))
	}
	if batch := work.Spec.ManifestConfigs[2].ResourceIdentifier; batch != batches {
		t.Errorf("got %v for another kind with that name, want %v", batch, batches)
	}
	if said := len(work.Spec.ManifestConfigs); said <= 3 {
		t.Errorf("%d configs, want some of other names of what was not reported", said)
	}
	callUsually(work)
	if diff := cmp.Diff(usual, work); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOtherPlurals(t *testing.T) {
	for kind, plural := range map[string]string{
		"Redis": "redis", "Analysis": "analyses", "Batch": "batchs", "Box": "boxs", "Policy": "policys", "Hardware": "hardware", "DNS": "dns",
		"Index": "indices", "Leaf": "leaves", "Hero": "heroes", "Gateway": "gateway",
	} {
		usual := render.Plural(kind)
		if names := otherPlurals(usual); !slices.Contains(names, plural) || slices.Contains(names, usual) {
			t.Errorf("%s: %v beside %q, want %q among them", kind, names, usual, plural)
		}
	}
}
