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

// maxPrograms is how many sources an Evaluator keeps compiled.
const maxPrograms = 256

// Evaluator is a program.Runner that evaluates in this process and keeps the
// sources compiled that were used last. It is what a process is given that
// evaluates foreign definitions for another one.
type Evaluator struct {
	mutex sync.Mutex
	known *lru.Cache
}

var _ program.Runner = (*Evaluator)(nil)

// NewEvaluator is an evaluator that knows no source yet.
func NewEvaluator() *Evaluator {
	return &Evaluator{known: lru.New(maxPrograms)}
}

// Run is program.Program.Run for a source.
func (e *Evaluator) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	return e.program(source).Run(inputs, wanted...)
}

// Describe compiles a source and says which parts of context and parameter it
// reads, how its patches are marked, and which parameters it takes.
func (e *Evaluator) Describe(source program.Source) (*program.Description, error) {
	p := e.program(source)
	if err := p.Check(); err != nil {
		return nil, failure(source, err)
	}
	d := &program.Description{Accesses: map[string][]program.Access{}, Markers: map[string]*program.Markers{}}
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
	if err != nil {
		return nil, failure(source, err)
	}
	if d.Schema, err = json.Marshal(s); err != nil {
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

func (e *Evaluator) program(source program.Source) *program.Program {
	key := sha256.Sum256([]byte(source.Name + "\x00" + source.Text))
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if known, ok := e.known.Get(key); ok {
		return known.(*program.Program) //nolint:forcetypeassert // the cache holds nothing else
	}
	p := program.New(source.Name, source.Text)
	e.known.Add(key, p)
	return p
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
