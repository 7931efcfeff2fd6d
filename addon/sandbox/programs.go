// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"crypto/sha256"
	"encoding/hex"

	"cuelang.org/go/cue"
	"k8s.io/utils/lru"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Programs is a program.Runner that evaluates in the process it is called in,
// and keeps what it has compiled. It is what a worker serves.
type Programs struct {
	compiled *lru.Cache
}

// NewPrograms keeps at most so many compiled sources.
func NewPrograms(kept int) *Programs {
	return &Programs{compiled: lru.New(kept)}
}

var _ program.Runner = (*Programs)(nil)

// Run is Program.Run.
func (p *Programs) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	return p.program(source).Run(inputs, wanted...)
}

// Describe says what the source reads of context and parameter, and the markers
// of its top-level fields.
func (p *Programs) Describe(source program.Source) (*program.Description, error) {
	compiled := p.program(source)
	var names []string
	if err := compiled.Inspect(func(root cue.Value) { names = fieldNames(root) }); err != nil {
		return nil, err
	}
	d := &program.Description{Reads: map[string]*program.Reads{}, Markers: map[string]*program.Markers{}}
	for _, input := range []string{"context", "parameter"} {
		reads, err := compiled.Reads(input)
		if err != nil {
			return nil, err
		}
		d.Reads[input] = reads
	}
	for _, name := range names {
		markers, err := compiled.Markers(name)
		if err != nil {
			return nil, err
		}
		if markers != nil {
			d.Markers[name] = markers
		}
	}
	return d, nil
}

func fieldNames(root cue.Value) []string {
	fields, err := root.Fields(cue.Optional(true))
	if err != nil {
		return nil
	}
	var names []string
	for fields.Next() {
		names = append(names, fields.Selector().Unquoted())
	}
	return names
}

// program is the compiled source. Two that compile it at once do so twice.
func (p *Programs) program(source program.Source) *program.Program {
	key := digest(source)
	if known, ok := p.compiled.Get(key); ok {
		if compiled, ok := known.(*program.Program); ok {
			return compiled
		}
	}
	compiled := program.New(source.Name, source.Text)
	p.compiled.Add(key, compiled)
	return compiled
}

// digest identifies a source. Its name belongs to it, since it is in failures.
func digest(source program.Source) string {
	h := sha256.New()
	h.Write([]byte(source.Name))
	h.Write([]byte{0})
	h.Write([]byte(source.Text))
	return hex.EncodeToString(h.Sum(nil))
}
