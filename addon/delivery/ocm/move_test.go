// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// having is a component with a Deployment of its name and ConfigMaps.
func having(component string, names ...string) delivery.Unit {
	labels := identity("store", component, "prod")
	objects := []render.Object{labelled(deployment(component, "nginx:1"), labels)}
	for _, name := range names {
		objects = append(objects, labelled(big(name, 1), labels))
	}
	u := unit(objects...)
	u.Component = component
	return u
}

// holders are the components that the cluster's ConfigMaps are of.
func (s *spoke) holders() map[string]string {
	found := map[string]string{}
	for id, object := range s.objects {
		if id.Resource == "configmaps" {
			metadata := object.content()["metadata"].(map[string]any)
			found[id.Name] = metadata["labels"].(map[string]any)[v1beta1.LabelAppComponent].(string)
		}
	}
	return found
}

// TestExchange lets two components exchange objects, of which each would wait for
// the other.
func TestExchange(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, having("a", "x"), having("b", "y"))
	before := s.objects[identify(deployment("a", "").Content)].uid
	s.settle(t, having("a", "y"), having("b", "x"))
	if diff := cmp.Diff(map[string]string{"x": "b", "y": "a"}, s.holders()); diff != "" {
		t.Errorf("components of the objects (-want +got):\n%s", diff)
	}
	if after := s.objects[identify(deployment("a", "").Content)].uid; after != before {
		t.Errorf("another object of component a was made anew: %s after %s", after, before)
	}
}

// TestMoveFromOneThatWaits moves an object from a component that is not delivered
// meanwhile, since its turn has not come.
func TestMoveFromOneThatWaits(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, having("a", "x"))
	s.settle(t, having("b", "x"))
	if diff := cmp.Diff(map[string]string{"x": "b"}, s.holders()); diff != "" {
		t.Errorf("components of the objects (-want +got):\n%s", diff)
	}
	if s.objects[identify(deployment("a", "").Content)] == nil {
		t.Error("the rest of component a is gone")
	}
}

// TestNoMove checks when an object stays with the component that has it.
func TestNoMove(t *testing.T) {
	for _, test := range []struct {
		reason string
		change func(a, b *delivery.Unit)
	}{
		{"both are to have it", func(_, b *delivery.Unit) { b.Contested = map[string]bool{"ConfigMap shop-prod/x": true} }},
		{"a policy keeps it until the application goes", func(a, _ *delivery.Unit) {
			a.Treatments = []policy.Treatment{{}, {Removal: policy.RemoveOnDelete}}
		}},
		{"it is another environment's", func(_, b *delivery.Unit) { b.Place.Environment = "dev" }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			a, b := having("a", "x"), having("b", "x")
			test.change(&a, &b)
			s.settle(t, a)
			s.writes = nil
			said, err := s.Deliver(t.Context(), b)
			if err != nil || said.Reason != delivery.ReasonPlacementConflict || len(s.writes) > 0 {
				t.Errorf("got %+v, %v, writes %v: want it refused", said, err, s.writes)
			}
		})
	}
}

// TestLeavingObject checks that an object is not made while the cluster may have
// the one of another component: nothing says when that one goes.
func TestLeavingObject(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, having("a", "x"))
	for range 2 { // the second finds it in no work any more
		said, err := s.Deliver(t.Context(), having("b", "x"))
		if err != nil || said.State != delivery.Waiting || said.RetryAfter == 0 {
			t.Fatalf("got %+v, %v: want it to wait", said, err)
		}
		s.pass(coalesce)
	}
	s.sync(t)
	s.writes = nil
	if _, err := s.Deliver(t.Context(), having("b", "x")); err != nil || !strings.Contains(strings.Join(s.writes, ","), "create c1/store-b-") {
		t.Errorf("%v, writes %v: want the work to be made", err, s.writes)
	}
}

// TestSiblingInTheWay checks that an object of another component is waited for when
// it is in the place of one that is made, and not for ever.
func TestSiblingInTheWay(t *testing.T) {
	s := newSpoke(t)
	s.create(labelled(big("x", 1), identity("store", "a", "prod")))
	for _, test := range []struct {
		after time.Duration
		want  delivery.State
	}{{0, delivery.Applying}, {leavingPatience, delivery.Refused}} {
		for range 3 {
			if _, err := s.Deliver(t.Context(), having("b", "x")); err != nil {
				t.Fatal(err)
			}
			s.sync(t)
		}
		s.pass(test.after)
		if said, err := s.Deliver(t.Context(), having("b", "x")); err != nil || said.State != test.want {
			t.Errorf("after %s: got %+v, %v, want state %d", test.after, said, err, test.want)
		}
	}
}
