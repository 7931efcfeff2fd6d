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
	// names are by what components are called here that units name by a part of
	// their names.
	names map[string]string
}

// key is the component of a record.
func (o *removalOrder) key(record Record) unitKey {
	return unitKey{record.Place, o.called(componentOf(record.Component))}
}

// called is what a component, or what a unit has of its name, is called in the order.
func (o *removalOrder) called(component string) string { return cmp.Or(o.names[component], component) }

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
		if p.Wants(record) && !report.unwritten(record, p, records) {
			continue
		}
		waitedFor = append(waitedFor, record)
		if components[record.Place] == nil {
			components[record.Place] = map[string]bool{}
		}
		components[record.Place][componentOf(record.Component)] = true
	}
	needs := make([][]string, len(waitedFor))
	for i, record := range waitedFor {
		if len(components[record.Place]) < 2 {
			continue // there is nobody to wait for
		}
		var err error
		if needs[i], err = target.Needs(ctx, record); err != nil {
			return nil, fmt.Errorf("what %s in %s depends on: %w", Title(record.Component), record.Place, err)
		}
	}
	order.names = p.namesOfCut(waitedFor, needs)
	for _, record := range waitedFor {
		key := order.key(record)
		order.standing[key]++
		order.wanted[key] = order.wanted[key] || p.Wants(record)
	}
	for i, record := range waitedFor {
		p.addNeeds(record, needs[i], order)
	}
	p.addDependents(order, components)
	return order, nil
}

// namesOfCut finds the components of copies whose names have a part of it alone. Where
// that may be of several, all of those are one in the order.
func (p *Plan) namesOfCut(records []Record, needs [][]string) map[string]string {
	known := map[string]bool{}
	for name, dependents := range p.dependents {
		needs = append(needs, dependents, []string{name})
	}
	for _, names := range needs {
		for _, name := range names {
			known[name] = true
		}
	}
	parts := map[string][]string{}
	for _, record := range records {
		if isCut(record.Component) {
			parts[componentOf(record.Component)] = nil
			continue
		}
		known[componentOf(record.Component)] = true
	}
	for name := range known {
		if of, ok := parts[cut(name)]; ok {
			parts[cut(name)] = append(of, name)
		}
	}
	names := map[string]string{}
	for part, of := range parts {
		if len(of) == 1 {
			names[part] = of[0]
			continue
		}
		for _, name := range of {
			names[name] = part
		}
	}
	return names
}

// addNeeds adds what was noted of a record. A component that stays is waited for
// where it does not depend any more on what goes: what was written before does.
func (p *Plan) addNeeds(record Record, needs []string, order *removalOrder) {
	key := order.key(record)
	for _, name := range needs {
		if order.wanted[key] && p.needs(record, name) {
			continue
		}
		order.add(unitKey{record.Place, order.called(name)}, key.component)
	}
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
				if dependent = order.called(dependent); !order.wanted[unitKey{place, dependent}] {
					order.add(unitKey{place, order.called(name)}, dependent)
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
		key := o.key(record)
		if _, known := count[key]; !known {
			count[key] = len(o.before(key))
		}
	}
	return slices.SortedStableFunc(slices.Values(records), func(a, b Record) int {
		return cmp.Compare(count[o.key(a)], count[o.key(b)])
	})
}

// turn says for which component a record waits; nil when its turn has come.
// Components that were noted to depend on each other, by different versions of
// the application, do not wait for each other.
func (o *removalOrder) turn(record Record) *Observation {
	key := o.key(record)
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
func (o *removalOrder) done(record Record) { o.standing[o.key(record)]-- }
