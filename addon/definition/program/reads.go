// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strconv"
)

// Reads is what a source reads of one input, as a tree by keys.
type Reads struct {
	// All says that the value is read as it is, with everything below.
	All bool
	// Below are the parts that are read by a constant key or index.
	Below map[string]*Reads
	// Each is what is read of every item: by a loop or a computed key.
	Each *Reads
	// there says that the source looks whether the value exists.
	there bool
}

// Reads says what the source reads of the input with the given name. It looks at
// the text alone, so it may name more than an evaluation needs, never less: what
// is pruned by it evaluates to the same. The result is shared: callers must not
// change it.
func (p *Program) Reads(input string) (*Reads, error) {
	known, err := p.inspect(input)
	if err != nil {
		return nil, err
	}
	return known.reads, nil
}

// add records an access.
func (r *Reads) add(a Access) {
	for _, step := range a.Path {
		r = r.step(step)
	}
	switch a.Use {
	case Test, Loop:
		r.there = true
	case Value, Empty, Length, Fraction:
		r.All = true
	}
}

// step is the part that a step leads to, made where it is not there yet. The
// items that a literal picks are among all items, each of which is tested.
func (r *Reads) step(s Step) *Reads {
	if s.Each || s.Field != "" {
		if r.Each == nil {
			r.Each = &Reads{}
		}
		return r.Each
	}
	if r.Below == nil {
		r.Below = map[string]*Reads{}
	}
	if r.Below[s.Key] == nil {
		r.Below[s.Key] = &Reads{}
	}
	return r.Below[s.Key]
}

// union is what is read by either.
func union(a, b *Reads) *Reads {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := &Reads{All: a.All || b.All, there: a.there || b.there, Each: union(a.Each, b.Each)}
	if len(a.Below)+len(b.Below) == 0 {
		return out
	}
	out.Below = make(map[string]*Reads, len(a.Below)+len(b.Below))
	for _, from := range []*Reads{a, b} {
		for k, below := range from.Below {
			out.Below[k] = union(out.Below[k], below)
		}
	}
	return out
}

// Get is what is read below a key: nothing is an empty tree.
func (r *Reads) Get(key string) *Reads {
	below := union(r.Below[key], r.Each)
	if below == nil {
		return &Reads{All: r.All}
	}
	if r.All && !below.All {
		return union(below, &Reads{All: true})
	}
	return below
}

// Any says whether anything is read.
func (r *Reads) Any() bool {
	return r.All || r.there || r.Each != nil || len(r.Below) > 0
}

// Prune is the part of a JSON value that is read. Parts of the value are shared.
// A list keeps its length where any of its items is read, an object its keys
// where all are gone through.
func (r *Reads) Prune(value any) any {
	if r.All {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		return r.pruneObject(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = r.Get(strconv.Itoa(i)).Prune(item)
		}
		return out
	}
	return value
}

func (r *Reads) pruneObject(v map[string]any) any {
	out := make(map[string]any, len(r.Below))
	if r.Each != nil {
		for k, item := range v {
			out[k] = r.Get(k).Prune(item)
		}
		return out
	}
	for k, below := range r.Below {
		if item, ok := v[k]; ok {
			out[k] = below.Prune(item)
		}
	}
	return out
}
