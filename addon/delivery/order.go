// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"
	"strings"
)

// inOrder are the indexes of the units, each after those of its place that it
// depends on, and otherwise as the plan has them.
func inOrder(units []Unit) []int {
	order := make([]int, 0, len(units))
	seen := make([]bool, len(units))
	byName := map[unitKey][]int{}
	for i, unit := range units {
		key := unitKey{unit.Place, unit.Result.Component.Name}
		byName[key] = append(byName[key], i)
	}
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return // a circle was refused with the application
		}
		seen[i] = true
		for _, name := range units[i].Result.Component.DependsOn {
			for _, j := range byName[unitKey{units[i].Place, name}] {
				visit(j)
			}
		}
		order = append(order, i)
	}
	for i := range units {
		visit(i)
	}
	return order
}

// waitsFor says for which component of its place a unit waits. A component that
// is not delivered to the place is not waited for.
func waitsFor(unit Unit, reports []UnitReport) string {
	if len(unit.Result.Component.DependsOn) == 0 {
		return ""
	}
	for i := range reports {
		// Those of other places are being written now.
		if reports[i].Unit.Place != unit.Place {
			continue
		}
		name := reports[i].Unit.Result.Component.Name
		if slices.Contains(unit.Result.Component.DependsOn, name) && !reports[i].Healthy() {
			return name
		}
	}
	return ""
}

// heldBack is what is said of a unit whose turn has not come. What it has already
// delivered as it is now goes on: it does not suffer when what it depends on does.
func (e *Engine) heldBack(unit Unit, reports []UnitReport) *Observation {
	name := waitsFor(unit, reports)
	if name == "" || e.memory.delivered(unit) {
		return nil
	}
	return &Observation{State: Waiting, Message: fmt.Sprintf("waiting for component %q, which it depends on, to be healthy", name)}
}

// Ordered lets a component go when all that depend on it are gone. dependents
// are by the name of the component that they depend on; nil for no order.
func (p *Plan) Ordered(dependents map[string][]string) *Plan {
	p.dependents = dependents
	return p
}

// componentOf is the name of the component that a unit is of.
func componentOf(unit string) string {
	name, _, _ := strings.Cut(unit, "_")
	return name
}

// dependent is a component in the place of a record that depends on the
// record's, directly or by others, and of which something is still there.
func (p *Plan) dependent(record Record, standing []Record) string {
	before := map[string]bool{}
	p.addDependents(componentOf(record.Component), before)
	for _, other := range standing {
		if name := componentOf(other.Component); other.Place == record.Place && before[name] {
			return name
		}
	}
	return ""
}

func (p *Plan) addDependents(component string, found map[string]bool) {
	for _, name := range p.dependents[component] {
		if !found[name] {
			found[name] = true
			p.addDependents(name, found)
		}
	}
}
