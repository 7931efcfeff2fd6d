// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// interrupt makes the objects of works without an owner, as an agent does when a
// controller writes to an object before the agent has made its work the owner.
func (s *spoke) interrupt(t *testing.T) {
	t.Helper()
	s.applyHalf(t)
	for _, object := range s.objects {
		clear(object.owners)
	}
}

// TestUnowned checks that what an agent made, without making its work the owner,
// goes with the work, and from the work.
func TestUnowned(t *testing.T) {
	web := having("web", "x")
	for _, test := range []struct {
		reason string
		after  *delivery.Unit // what the component is changed to before it goes
	}{
		{"the component goes", nil},
		{"the component drops an object and goes", func() *delivery.Unit { u := having("web"); return &u }()},
	} {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			if _, err := s.Deliver(t.Context(), web); err != nil {
				t.Fatal(err)
			}
			s.hold(t, WorkName(owner, "web", "prod", firstIndex))
			s.interrupt(t)
			s.sync(t) // and meets what it made itself
			s.pass(2 * time.Second)
			if test.after != nil {
				s.settle(t, *test.after)
				if found := s.holders(); len(found) > 0 {
					t.Errorf("after it was dropped there is %v", found)
				}
			}
			s.removeAll(t)
			if len(s.objects) > 0 {
				t.Errorf("left on the cluster: %v", s.present())
			}
		})
	}
}
