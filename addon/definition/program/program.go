// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package program evaluates CUE source with values put in: the template of a
// definition, or its health and status.
package program

import (
	"fmt"
	"slices"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

// maxUses is how often a compiled instance is used before it is compiled
// anew: a CUE context keeps part of what was built in it, so none lives for ever.
const maxUses = 4096

// declarations make the names known that every source may refer to. Unified
// with what the source itself says of them they change nothing.
const declarations = "\ncontext: _\nparameter: _\n"

// Program is CUE source that is compiled when it is first run. It is safe for
// concurrent use: each run has a compiled instance for itself, and idle
// instances go with the next garbage collections.
type Program struct {
	name   string
	source string
	runner Runner

	parse    sync.Once
	file     *ast.File
	parseErr error

	memory memory

	mutex       sync.Mutex
	inspected   map[string]inspection
	markers     map[string]*Markers
	description *Description

	instances sync.Pool
}

// instance is compiled source. A CUE value may evaluate parts of itself when it
// is read, so only one run uses an instance at a time.
type instance struct {
	context *cue.Context
	root    cue.Value
	uses    int
}

// New is a program of CUE source. The name appears in errors.
func New(name, source string) *Program {
	return &Program{name: name, source: source}
}

// NewIn is a program that a runner evaluates; nil evaluates it here.
func NewIn(runner Runner, name, source string) *Program {
	return &Program{name: name, source: source, runner: runner}
}

// Check compiles the source and says what is wrong with it.
func (p *Program) Check() (err error) {
	defer p.recover(&err)
	if p.runner != nil {
		_, err := p.Description()
		return err
	}
	in, err := p.acquire()
	if err != nil {
		return err
	}
	err = in.root.Validate()
	p.instances.Put(in)
	if err == nil {
		return nil
	}
	if f := p.failure(err); !f.Incomplete {
		return f
	}
	return nil
}

// Sound among the wanted names asks that nothing in the source is wrong with the
// inputs, wanted or not: definitions refuse inputs by fields that nobody reads.
// What is only incomplete is not wrong.
const Sound = "*"

// Run evaluates the source with inputs, by the names of top-level fields, and
// returns those of the wanted top-level fields that exist, or all but the
// inputs when none is named: as JSON values with int64 for integers. Inputs
// hold JSON values too. The error is a *Failure.
func (p *Program) Run(inputs map[string]any, wanted ...string) (map[string]any, error) {
	if p.runner != nil {
		return p.runner.Run(p.asSource(), inputs, wanted)
	}
	found := make(map[string]any, len(wanted))
	err := p.run(inputs, func(root cue.Value) error {
		fields, err := root.Fields()
		if err != nil {
			return err
		}
		for fields.Next() {
			name := fields.Selector().Unquoted()
			if !isWanted(name, inputs, wanted) {
				continue
			}
			if found[name], err = decode(fields.Value()); err != nil {
				return err
			}
		}
		if slices.Contains(wanted, Sound) {
			return root.Validate()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func isWanted(name string, inputs map[string]any, wanted []string) bool {
	if len(wanted) > 0 {
		return slices.Contains(wanted, name)
	}
	_, input := inputs[name]
	return !input && name != "context" && name != "parameter"
}

// Inspect shows the compiled source without any input. The value must not be
// used after visit has returned. What a runner evaluates cannot be shown.
func (p *Program) Inspect(visit func(root cue.Value)) (err error) {
	defer p.recover(&err)
	if p.runner != nil {
		return &Failure{Program: p.name, Message: "the source is evaluated elsewhere"}
	}
	in, err := p.acquire()
	if err != nil {
		return err
	}
	visit(in.root)
	p.release(in)
	return nil
}

// run evaluates the source and shows the result. What CUE panics over is an
// error of this one evaluation; its instance is not used again.
func (p *Program) run(inputs map[string]any, visit func(cue.Value) error) (err error) {
	defer p.recover(&err)
	in, err := p.acquire()
	if err != nil {
		return err
	}
	given, err := expression(inputs)
	if err != nil {
		p.release(in)
		return &Failure{Program: p.name, Message: err.Error()}
	}
	if err := visit(in.root.Unify(in.context.BuildExpr(given))); err != nil {
		p.release(in)
		return p.failure(err)
	}
	p.release(in)
	return nil
}

// recover turns a panic of CUE into an error.
func (p *Program) recover(err *error) {
	if r := recover(); r != nil {
		*err = &Failure{Program: p.name, Message: "the evaluation of CUE broke off"}
	}
}

// acquire takes an idle instance or compiles one.
func (p *Program) acquire() (*instance, error) {
	if in, ok := p.instances.Get().(*instance); ok {
		return in, nil
	}
	context := cuecontext.New()
	root := context.CompileString(p.source+declarations, cue.Filename(p.name))
	// Source that compiles has the declared fields. That a field of it fails says
	// nothing: without inputs a list that is read may be an empty default.
	if !root.LookupPath(cue.MakePath(cue.Str("context"))).Exists() {
		return nil, p.failure(root.Validate())
	}
	return &instance{context: context, root: root}, nil
}

// release hands an instance back, unless it has served long enough.
func (p *Program) release(in *instance) {
	in.uses++
	if in.uses < maxUses {
		p.instances.Put(in)
	}
}

// syntax is the parsed source with its comments.
func (p *Program) syntax() (*ast.File, error) {
	p.parse.Do(func() {
		p.file, p.parseErr = parser.ParseFile(p.name, p.source, parser.ParseComments)
	})
	if p.parseErr != nil {
		return nil, fmt.Errorf("parse %s: %w", p.name, p.failure(p.parseErr))
	}
	return p.file, nil
}
