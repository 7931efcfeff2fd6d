// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// memory is what this process delivered of units whose order matters. A cache may
// not show it yet, and a unit that was delivered as it is wanted does not wait
// again when what it depends on becomes unhealthy. After a start it is empty:
// then what is there counts.
type memory struct {
	mu    sync.Mutex
	units map[types.UID]map[unitKey]delivered
}

// delivered is what was delivered of a unit.
type delivered struct {
	// digest of the content that was delivered as a whole.
	digest string
	// objects whose turn has come, by their IDs.
	objects map[string]bool
}

func (m *memory) delivered(unit Unit) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.units[unit.Owner.UID][unitKey{unit.Place, unit.Component}]
	return ok && known.digest == unit.Result.Digest
}

func (m *memory) objects(unit Unit) map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for id := range m.units[unit.Owner.UID][unitKey{unit.Place, unit.Component}].objects {
		found[id] = true
	}
	return found
}

// add remembers objects whose turn has come.
func (m *memory) add(unit Unit, objects []render.Object) {
	m.change(unit, func(known delivered) delivered {
		ids := map[string]bool{}
		for _, object := range objects {
			ids[idOf(object)] = true
		}
		known.objects = ids
		return known
	})
}

// finish remembers that the whole content of a unit was delivered.
func (m *memory) finish(unit Unit) {
	if len(unit.Result.Component.DependsOn) == 0 {
		return
	}
	m.change(unit, func(known delivered) delivered {
		known.digest = unit.Result.Digest
		return known
	})
}

func (m *memory) change(unit Unit, edit func(delivered) delivered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.units == nil {
		m.units = map[types.UID]map[unitKey]delivered{}
	}
	if m.units[unit.Owner.UID] == nil {
		m.units[unit.Owner.UID] = map[unitKey]delivered{}
	}
	key := unitKey{unit.Place, unit.Component}
	m.units[unit.Owner.UID][key] = edit(m.units[unit.Owner.UID][key])
}

// keep forgets what the plan does not want. What stays though it cannot be rendered
// now is not forgotten.
func (m *memory) keep(plan *Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	units := m.units[plan.Owner.UID]
	for key := range units {
		if !plan.Wants(Record{Owner: plan.Owner, Component: key.component, Place: key.place}) {
			delete(units, key)
		}
	}
	if len(units) == 0 {
		delete(m.units, plan.Owner.UID)
	}
}
