// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
)

// generation is how many outcomes one generation of a memory holds.
const generation = 512

// memory keeps outcomes of runs in two generations: what was not asked for
// during one whole generation is forgotten.
type memory struct {
	mutex    sync.Mutex
	younger  map[[sha256.Size]byte]outcome
	older    map[[sha256.Size]byte]outcome
	distinct uint64
}

type outcome struct {
	fields  map[string]any
	failure *Failure
}

// Recall is Run for programs with small results that are asked for often: it
// keeps outcomes, and failures unless trying again may help. Results are shared: callers must not change them.
func (p *Program) Recall(inputs map[string]any, wanted ...string) (map[string]any, error) {
	raw, err := json.Marshal([]any{inputs, wanted})
	if err != nil {
		return nil, &Failure{Program: p.name, Message: "an input has no JSON form"}
	}
	key := sha256.Sum256(raw)
	if known, ok := p.memory.get(key); ok {
		return known.result()
	}
	fields, err := p.Run(inputs, wanted...)
	fresh := outcome{fields: fields}
	if err != nil && (!errors.As(err, &fresh.failure) || fresh.failure.Temporary) {
		return nil, err
	}
	p.memory.put(key, fresh)
	return fresh.result()
}

// Distinct is the number of runs that Recall could not answer from memory.
func (p *Program) Distinct() uint64 {
	p.memory.mutex.Lock()
	defer p.memory.mutex.Unlock()
	return p.memory.distinct
}

func (o outcome) result() (map[string]any, error) {
	if o.failure != nil {
		return nil, o.failure
	}
	return o.fields, nil
}

func (m *memory) get(key [sha256.Size]byte) (outcome, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if o, ok := m.younger[key]; ok {
		return o, true
	}
	o, ok := m.older[key]
	if ok {
		m.add(key, o)
	}
	return o, ok
}

func (m *memory) put(key [sha256.Size]byte, o outcome) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.distinct++
	m.add(key, o)
}

// add must be called with the mutex held.
func (m *memory) add(key [sha256.Size]byte, o outcome) {
	if m.younger == nil || len(m.younger) >= generation {
		m.older, m.younger = m.younger, map[[sha256.Size]byte]outcome{}
	}
	m.younger[key] = o
}
