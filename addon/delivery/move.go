// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// contest finds the objects that several units of a place make: who has one of
// them keeps it, while any other object moves to the unit that makes it.
func (p *Plan) contest() {
	made := map[Place]map[string]int{}
	ids := map[*render.Result][]string{} // which places share
	for _, unit := range p.Units {
		if ids[unit.Result] == nil {
			ids[unit.Result] = objectIDs(unit.Result)
		}
		if made[unit.Place] == nil {
			made[unit.Place] = map[string]int{}
		}
		for i, id := range ids[unit.Result] {
			if !unit.Treatment(i).ReadOnly {
				made[unit.Place][id]++
			}
		}
	}
	for i := range p.Units {
		unit := &p.Units[i]
		for _, id := range ids[unit.Result] {
			if made[unit.Place][id] < 2 {
				continue
			}
			if unit.Contested == nil {
				unit.Contested = map[string]bool{}
			}
			unit.Contested[id] = true
		}
	}
}

func objectIDs(result *render.Result) []string {
	ids := make([]string, len(result.Objects))
	for i, object := range result.Objects {
		ids[i] = idOf(object)
	}
	return ids
}

// moves says that what a record stands for is another component's in the same
// place by now. That one cannot have it before it is gone, whatever becomes of the
// component that had it.
func (p *Plan) moves(record Record) bool {
	return record.Object != "" && slices.ContainsFunc(p.Units, func(unit Unit) bool {
		if unit.Component == record.Component || unit.Place != record.Place && !bothHave(record, unit.Place) {
			return false
		}
		at := slices.Index(objectIDs(unit.Result), record.Object)
		return at >= 0 && !unit.Treatment(at).ReadOnly
	})
}

// bothHave says that a record is of an object without a namespace, which is the same one
// in whatever namespace its environment delivers to.
func bothHave(record Record, place Place) bool {
	return strings.Contains(record.Object, " /") && withoutNamespace(place, "") == withoutNamespace(record.Place, "")
}
