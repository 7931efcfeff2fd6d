// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// applyHalf lets the agent apply all works and lose its connection before it has
// recorded and reported anything: what is dropped from a work now would stay.
func (s *spoke) applyHalf(t *testing.T) {
	t.Helper()
	works := s.agentWorks(t)
	for i := range works {
		work := &works[i]
		if !work.DeletionTimestamp.IsZero() || len(work.Finalizers) == 0 {
			continue
		}
		for _, content := range contents(work) {
			s.applyOne(work, content)
		}
	}
}

// carry delivers what an application has now, and removes what it has not, as the engine does.
func (s *spoke) carry(t *testing.T, units map[string]delivery.Unit) (said []string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(units)) {
		observation, err := s.Deliver(t.Context(), units[name])
		if err != nil {
			t.Fatal(err)
		}
		if observation.State != delivery.Delivered {
			said = append(said, name)
		}
	}
	records, err := s.Records(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if _, wanted := units[record.Component]; wanted {
			continue
		}
		if _, err := s.Remove(t.Context(), record, delivery.RemoveOptions{Final: true}); err != nil {
			t.Fatal(err)
		}
		said = append(said, record.Component)
	}
	return said
}

// edited is an application of random components: each with a Deployment, maybe a
// Service, maybe an object that has no room beside the others, and maybe objects
// that were another's before.
func edited(random *rand.Rand, edit int) map[string]delivery.Unit {
	units := map[string]delivery.Unit{}
	for _, name := range []string{"a", "b", "c"} {
		if random.IntN(4) == 0 {
			continue
		}
		labels := identity("store", name, "prod")
		objects := []render.Object{labelled(deployment(name, fmt.Sprintf("nginx:%d", edit)), labels)}
		if random.IntN(2) == 0 {
			objects = append(objects, labelled(service(name), labels))
		}
		if random.IntN(2) == 0 {
			objects = append(objects, labelled(big(name+"-big", 2+random.IntN(8)), labels))
		}
		u := unit(objects...)
		u.Component = name
		u.Treatments = make([]policy.Treatment, len(objects))
		if random.IntN(2) == 0 {
			u.Treatments[0] = scaled()
		}
		units[name] = u
	}
	for _, name := range []string{"x", "y", "z"} {
		holder := []string{"a", "b", "c", ""}[random.IntN(4)]
		if u, ok := units[holder]; ok {
			u.Result.Objects = append(u.Result.Objects, labelled(big(name, 1), identity("store", holder, "prod")))
			u.Treatments = append(u.Treatments, policy.Treatment{})
			units[holder] = u
		}
	}
	return units
}

// TestRapidEdits edits an application faster than its cluster follows, with
// components and objects that come and go, agents that are interrupted and
// managers that start anew: in the end the cluster has exactly what is wanted.
func TestRapidEdits(t *testing.T) {
	// Of many, those at which something was left or stood still once are kept.
	for _, seed := range []uint64{0, 1, 2, 9, 10, 20, 43} {
		random := rand.New(rand.NewPCG(seed, 1))
		s := newSpoke(t)
		s.limit = 12 << 10
		var units map[string]delivery.Unit
		for edit := range 15 {
			units = edited(random, edit)
			for range 1 + random.IntN(3) {
				s.carry(t, units)
				switch random.IntN(6) {
				case 0, 1:
					s.sync(t)
				case 2:
					s.applyHalf(t)
				case 3:
					s.Target = &Target{Reader: s.Reader, Writer: s.Writer, Live: s.Live, Fleet: s.Fleet, Clock: s.clock, limit: s.limit}
				}
				s.pass(time.Duration(random.IntN(400)) * time.Millisecond)
			}
		}
		rest := []string{"first"}
		for step := 0; len(rest) > 0 && step < 100; step++ {
			rest = s.carry(t, units)
			s.sync(t)
			s.pass(time.Second)
		}
		for range 5 { // fields are handed over after that, which writes works again
			rest = s.carry(t, units)
			s.sync(t)
			s.pass(time.Second)
		}
		if len(rest) > 0 || s.keeps(t) > 0 {
			t.Fatalf("seed %d: %v is not delivered; %d works hold fields", seed, rest, s.keeps(t))
		}
		if diff := cmp.Diff(wantedObjects(units), s.present()); diff != "" {
			t.Fatalf("seed %d: objects on the cluster (-want +got):\n%s", seed, diff)
		}
	}
}

func wantedObjects(units map[string]delivery.Unit) map[string]string {
	want := map[string]string{}
	for _, u := range units {
		for _, object := range u.Result.Objects {
			want[describe(object.Content)] = imageOf(object.Content)
		}
	}
	return want
}

// present are the objects on the cluster, with their images.
func (s *spoke) present() map[string]string {
	found := map[string]string{}
	for _, object := range s.objects {
		found[describe(object.content())] = imageOf(object.content())
	}
	return found
}
