// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// maxWork is how much the objects of one work and what is said of them may take
// as JSON: OCM refuses works with more than 500 KiB of objects, and every report
// of an agent writes and sends the whole work. While objects move out of a work
// it may hold a fifth more.
const maxWork = 400 << 10

// part is what one of a unit's works is to hold.
type part struct {
	index   string
	entries []entry
	// full says that the work would grow too large before what leaves it is
	// in another work, so that it stays as it is until then.
	full bool
	// rests is what is said while the work is to stay as it is; nil when it need not.
	rests *delivery.Observation
}

// tooLarge says that an object fits into no work.
func tooLarge(e entry, size, limit int) *delivery.Observation {
	return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonTooLarge, Message: fmt.Sprintf(
		"%s has %d bytes, more than the %d that a cluster can be sent at once: make it smaller, or split it into several objects", describe(e.content), size, limit)}
}

// split is how the objects of a unit are spread over its works. An object stays
// in the work that has it while that has room, so that a change of one moves as
// little as possible.
type split struct {
	limit int
	works map[string]*workv1.ManifestWork
	held  map[string]map[workv1.ResourceIdentifier]phase
	used  map[string]int
	sizes []int
	// places are the indexes of the works that the objects are for; empty for none yet.
	places []string
}

// arrange spreads objects over works, in their order: the same objects on the
// same works give the same parts. Works of the indexes that are taken have none of them.
func arrange(entries []entry, works map[string]*workv1.ManifestWork, limit int, taken ...string) ([]part, *delivery.Observation, error) {
	s := split{
		limit: limit, works: works, held: map[string]map[workv1.ResourceIdentifier]phase{}, used: map[string]int{},
		sizes: make([]int, len(entries)), places: make([]string, len(entries)),
	}
	for index, work := range works {
		s.held[index] = phases(work)
	}
	for _, index := range taken {
		s.used[index] = limit + 1
	}
	for i, e := range entries {
		encoded, err := e.encode()
		if err != nil {
			return nil, nil, err
		}
		if encoded.size > limit {
			return nil, tooLarge(e, encoded.size, limit), nil
		}
		s.sizes[i] = encoded.size
	}
	s.stay(entries)
	s.fill(entries)
	return s.parts(entries), nil, nil
}

// stay leaves objects where they are. One of which it is not known whose it is
// stays even where there is no room.
func (s *split) stay(entries []entry) {
	indexes := sortedIndexes(s.held)
	for i, e := range entries {
		for _, index := range indexes {
			if _, held := s.held[index][e.id()]; held && e.phase == phaseProbe {
				s.put(i, index)
				break
			}
		}
	}
	for i, e := range entries {
		for _, index := range indexes {
			_, held := s.held[index][e.id()]
			if s.places[i] == "" && held && s.used[index]+s.sizes[i] <= s.limit {
				s.put(i, index)
			}
		}
	}
}

// fill places the other objects where there is room.
func (s *split) fill(entries []entry) {
	for i := range entries {
		for n := 0; s.places[i] == ""; n++ {
			if index := strconv.Itoa(n); s.used[index]+s.sizes[i] <= s.limit {
				s.put(i, index)
			}
		}
	}
}

func (s *split) put(i int, index string) {
	s.places[i] = index
	s.used[index] += s.sizes[i]
}

// parts are what the works are to hold now: what is placed there, and what is
// leaving and has not arrived elsewhere, since an object that is in no work for a
// moment may be deleted.
func (s *split) parts(entries []entry) []part {
	indexes := map[string]bool{}
	for _, index := range s.places {
		indexes[index] = true
	}
	for index := range s.works {
		indexes[index] = true
	}
	var parts []part
	for _, index := range sortedIndexes(indexes) {
		p := part{index: index}
		size := 0
		for i, e := range entries {
			_, held := s.held[index][e.id()]
			if s.places[i] == index || held && !arrived(s.works[s.places[i]], e.id()) {
				p.entries = append(p.entries, e)
				size += s.sizes[i]
			}
		}
		p.full = size > s.limit+s.limit/5 && s.works[index] != nil
		parts = append(parts, p)
	}
	return parts
}

// arrived says that a work holds an object and that its agent applied it there.
func arrived(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if work == nil {
		return false
	}
	reported, manifest := appliedCondition(work), findByID(work, id)
	if reported == nil || reported.ObservedGeneration != work.Generation || manifest == nil {
		return false
	}
	applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
	return applied != nil && applied.Status == metav1.ConditionTrue && applied.ObservedGeneration == work.Generation
}

// sortedIndexes are indexes in the order of their numbers.
func sortedIndexes[V any](indexes map[string]V) []string {
	return slices.SortedFunc(maps.Keys(indexes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}

// together is what is said of a unit by what is said of its works: the worst,
// and the objects of all.
func together(all []delivery.Observation) delivery.Observation {
	if len(all) == 0 {
		return delivery.Observation{State: delivery.Delivered, Feedback: true} // nothing is to be there
	}
	worst := all[0]
	for _, o := range all[1:] {
		if o.State < worst.State {
			worst = o
		}
	}
	for _, o := range all {
		if o.RetryAfter > 0 && (worst.RetryAfter == 0 || o.RetryAfter < worst.RetryAfter) {
			worst.RetryAfter = o.RetryAfter
		}
	}
	if worst.State != delivery.Delivered || len(all) == 1 {
		return worst
	}
	worst.Outputs = map[string]map[string]any{}
	for _, o := range all {
		maps.Copy(worst.Outputs, o.Outputs)
		if o.Output != nil {
			worst.Output = o.Output
		}
	}
	return worst
}
