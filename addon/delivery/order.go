// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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

// noteNeeds says of each unit what its objects are to note of the order of removal.
func (p *Plan) noteNeeds() {
	if p.dependents == nil {
		return
	}
	for i := range p.Units {
		p.Units[i].Needs = slices.Sorted(slices.Values(p.Units[i].Result.Component.DependsOn))
	}
}

// componentOf is the name of the component that a unit is of; the units of
// policies have names that no component has.
func componentOf(unit string) string {
	if IsPolicy(unit) {
		return unit
	}
	name, _, _ := strings.Cut(unit, "_")
	return name
}

// orderRetry is when it is looked again whether what goes before is gone.
const orderRetry = time.Second

// removalOrder says of the components of each place which ones go before which.
// Without a policy that asks for an order it is empty.
type removalOrder struct {
	// dependents of the components, directly.
	dependents map[unitKey][]string
	// standing counts what is there of a component that others may have to wait for.
	standing map[unitKey]int
	// wanted are those of them that stay, and are only to be written without what goes.
	wanted map[unitKey]bool
}

func componentKey(record Record) unitKey {
	return unitKey{record.Place, componentOf(record.Component)}
}

// removalOrder is the order in which records go: by what the application says now,
// and by what was noted of components that it has no longer, or had otherwise.
func (p *Plan) removalOrder(ctx context.Context, target Target, records []Record, report *Report) (*removalOrder, error) {
	order := &removalOrder{dependents: map[unitKey][]string{}, standing: map[unitKey]int{}, wanted: map[unitKey]bool{}}
	if p.dependents == nil {
		return order, nil
	}
	var waitedFor []Record
	components := map[Place]map[string]bool{}
	for _, record := range records {
		wanted := p.Wants(record)
		if wanted && !report.unwritten(record) {
			continue
		}
		key := componentKey(record)
		order.standing[key]++
		order.wanted[key] = order.wanted[key] || wanted
		waitedFor = append(waitedFor, record)
		if components[record.Place] == nil {
			components[record.Place] = map[string]bool{}
		}
		components[record.Place][key.component] = true
	}
	for _, record := range waitedFor {
		if len(components[record.Place]) < 2 {
			continue // there is nobody to wait for
		}
		if err := p.addNeeds(ctx, target, record, order); err != nil {
			return nil, err
		}
	}
	p.addDependents(order, components)
	return order, nil
}

// addNeeds adds what was noted of a record. A component that stays is waited for
// where it does not depend any more on what goes: what was written before does.
func (p *Plan) addNeeds(ctx context.Context, target Target, record Record, order *removalOrder) error {
	needs, err := target.Needs(ctx, record)
	if err != nil {
		return fmt.Errorf("what %s in %s depends on: %w", Title(record.Component), record.Place, err)
	}
	key := componentKey(record)
	for _, name := range needs {
		if order.wanted[key] && p.needs(record, name) {
			continue
		}
		order.add(unitKey{record.Place, name}, key.component)
	}
	return nil
}

// needs says that the unit of a record depends on a component as it is wanted now.
func (p *Plan) needs(record Record, name string) bool {
	result, ok := p.wanted[unitKey{record.Place, record.Component}]
	return ok && slices.Contains(result.Component.DependsOn, name)
}

// addDependents adds what the application says now. A component that stays in a
// place without one that it names does not hold that one.
func (p *Plan) addDependents(order *removalOrder, components map[Place]map[string]bool) {
	for place := range components {
		for name, dependents := range p.dependents {
			for _, dependent := range dependents {
				if !order.wanted[unitKey{place, dependent}] {
					order.add(unitKey{place, name}, dependent)
				}
			}
		}
	}
}

func (o *removalOrder) add(key unitKey, dependent string) {
	if !slices.Contains(o.dependents[key], dependent) {
		o.dependents[key] = append(o.dependents[key], dependent)
	}
}

// before are the components that go before one, directly or by others, and of
// which something is there.
func (o *removalOrder) before(key unitKey) []string {
	found := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		for _, dependent := range o.dependents[unitKey{key.place, name}] {
			if !found[dependent] {
				found[dependent] = true
				visit(dependent)
			}
		}
	}
	visit(key.component)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(name string) bool { return o.standing[unitKey{key.place, name}] == 0 })
}

// sorted are the records with those first that others wait for.
func (o *removalOrder) sorted(records []Record) []Record {
	if len(o.dependents) == 0 {
		return records
	}
	count := map[unitKey]int{}
	for _, record := range records {
		key := componentKey(record)
		if _, known := count[key]; !known {
			count[key] = len(o.before(key))
		}
	}
	return slices.SortedStableFunc(slices.Values(records), func(a, b Record) int {
		return cmp.Compare(count[componentKey(a)], count[componentKey(b)])
	})
}

// turn says for which component a record waits; nil when its turn has come.
// Components that were noted to depend on each other, by different versions of
// the application, do not wait for each other.
func (o *removalOrder) turn(record Record) *Observation {
	key := componentKey(record)
	for _, name := range o.before(key) {
		other := unitKey{record.Place, name}
		if name == key.component || slices.Contains(o.before(other), key.component) && !o.wanted[other] {
			continue
		}
		waiting := &Observation{State: Waiting, RetryAfter: orderRetry, Message: fmt.Sprintf("waiting until component %q, which depends on it, is gone", name)}
		if o.wanted[other] {
			waiting.Message = fmt.Sprintf("waiting until component %q, which depended on it, is delivered without it", name)
		}
		return waiting
	}
	return nil
}

// done notes that a record is gone, or that it stays for good.
func (o *removalOrder) done(record Record) { o.standing[componentKey(record)]-- }
