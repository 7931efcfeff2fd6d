// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"k8s.io/utils/lru"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Evaluator is a program.Runner that evaluates in this process and keeps the
// sources compiled that were used last. It is what a process is given that
// evaluates foreign definitions for another one.
type Evaluator struct {
	mutex sync.Mutex
	known *lru.Cache
}

var _ program.Runner = (*Evaluator)(nil)

// NewEvaluator is an evaluator that keeps at most so many sources compiled.
func NewEvaluator(kept int) *Evaluator {
	return &Evaluator{known: lru.New(kept)}
}

// Run is program.Program.Run for a source.
func (e *Evaluator) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	made, err := e.accepted(source)
	if err != nil {
		return nil, err
	}
	return made.program.Run(inputs, wanted...)
}

// Describe compiles a source and says which parts of context and parameter it
// reads, how its patches are marked, and which parameters it takes.
func (e *Evaluator) Describe(source program.Source) (*program.Description, error) {
	made, err := e.accepted(source)
	if err != nil {
		return nil, err
	}
	p := made.program
	if err := p.Check(); err != nil {
		return nil, failure(source, err)
	}
	d := &program.Description{Notices: made.notices, Accesses: map[string][]program.Access{}, Markers: map[string]*program.Markers{}}
	for _, input := range []string{"context", "parameter"} {
		accesses, err := p.Accesses(input)
		if err != nil {
			return nil, failure(source, err)
		}
		d.Accesses[input] = accesses
	}
	for _, field := range []string{"patch", "patchOutputs"} {
		markers, err := p.Markers(field)
		if err != nil {
			return nil, failure(source, err)
		}
		if markers != nil {
			d.Markers[field] = markers
		}
	}
	s, err := schemaOf(p)
	if err == nil {
		d.Schema, err = json.Marshal(s)
	}
	if err != nil {
		return nil, failure(source, err)
	}
	return d, nil
}

// failure is an error as the interface promises it.
func failure(source program.Source, err error) error {
	var f *program.Failure
	if errors.As(err, &f) {
		return f
	}
	return &program.Failure{Program: source.Name, Message: err.Error()}
}

// accepted is a source that was made fit for the CUE of today.
type accepted struct {
	program *program.Program
	notices []string
}

// accepted compiles a source, whose name says what it is a part of. A source
// that is not in the cache is accepted again: that it is refused is cheap to find out.
func (e *Evaluator) accepted(source program.Source) (accepted, error) {
	key := sha256.Sum256([]byte(source.Name + "\x00" + source.Text))
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if known, ok := e.known.Get(key); ok {
		return known.(accepted), nil //nolint:forcetypeassert // the cache holds nothing else
	}
	kind, part := partOf(source.Name)
	text, notices, err := accept(kind, part, source.Text)
	if err != nil {
		return accepted{}, failure(source, err)
	}
	made := accepted{program: program.New(source.Name, text)}
	for _, n := range notices {
		made.notices = append(made.notices, n.String())
	}
	e.known.Add(key, made)
	return made, nil
}

// schemaOf is the schema of a program's parameters, from its runner if it has one.
func schemaOf(p *program.Program) (*schema, error) {
	d, err := p.Description()
	if err != nil {
		return nil, err
	}
	if d == nil {
		return newSchema(p), nil
	}
	s := anything()
	if len(d.Schema) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(d.Schema, s); err != nil {
		return nil, fmt.Errorf("decode the parameters: %w", err)
	}
	return s, nil
}
