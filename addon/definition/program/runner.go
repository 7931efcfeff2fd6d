// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import "encoding/json"

// Source is CUE source with the name that it has in errors.
type Source struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Description is what the text of a source says, without an evaluation.
type Description struct {
	// Accesses are the places of each input that are read, by the name of the input.
	Accesses map[string][]Access `json:"accesses,omitempty"`
	// Markers are those of each top-level field that has some, by its name.
	Markers map[string]*Markers `json:"markers,omitempty"`
	// Notices say what was rewritten in source that was written for an older CUE.
	Notices []string `json:"notices,omitempty"`
	// Schema is what the source says of its field parameter, in the form of package definition.
	Schema json.RawMessage `json:"schema,omitempty"`
}

// Runner evaluates sources elsewhere, such as in a process that can be killed:
// CUE itself cannot be interrupted. Implementations are safe for concurrent use.
type Runner interface {
	// Run is Program.Run for a source. The error is a *Failure.
	Run(source Source, inputs map[string]any, wanted []string) (map[string]any, error)
	// Describe compiles a source and says what it reads and takes. The error is a *Failure.
	Describe(source Source) (*Description, error)
}

func (p *Program) asSource() Source {
	return Source{Name: p.name, Text: p.source}
}

// Description is what the runner of the program says of its source; nil
// without a runner. A failure is asked for again next time.
func (p *Program) Description() (*Description, error) {
	if p.runner == nil {
		return nil, nil
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.description != nil {
		return p.description, nil
	}
	d, err := p.runner.Describe(p.asSource())
	if err != nil {
		return nil, err
	}
	p.description = d
	return d, nil
}
