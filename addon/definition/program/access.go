// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"slices"
	"strings"
)

// Step is one step of the path of an access: exactly one of a constant key, the
// items that a literal picks, and all items.
type Step struct {
	// Key is a constant key, or an index as its decimal number.
	Key string
	// Field and Value pick the items whose field equals the text, as the guard
	// of a loop does: if c.type == "Ready".
	Field, Value string
	// Each stands for all items: those of a loop without such a guard, and what
	// a computed key may be.
	Each bool
}

// Use says what the source does with what it reads.
type Use int

// The uses of a value.
const (
	// Value is any use of the value as it is.
	Value Use = iota
	// Test looks only whether the value is there: x == _|_.
	Test
	// Loop goes through the items, however many there are.
	Loop
	// Empty looks whether there is any item: len(x) > 0.
	Empty
	// Length counts the items.
	Length
	// Fraction compares the value, or computes, with a number that has a fraction.
	Fraction
)

// Access is one place of an input that a source reads.
type Access struct {
	// Path of the value.
	Path []Step
	// Use of the value.
	Use Use
}

// String is the path as people write it, such as status.conditions[type="Ready"].status.
func (a Access) String() string {
	var b strings.Builder
	for _, s := range a.Path {
		switch {
		case s.Each:
			b.WriteString("[*]")
		case s.Field != "":
			b.WriteString("[" + s.Field + "=\"" + s.Value + "\"]")
		case isIndex(s.Key):
			b.WriteString("[" + s.Key + "]")
		case strings.Contains(s.Key, "."):
			b.WriteString("[\"" + s.Key + "\"]")
		default:
			b.WriteString("." + s.Key)
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

func isIndex(key string) bool {
	return key != "" && strings.Trim(key, "0123456789") == ""
}

// Accesses are the places of an input that the source reads, sorted and each
// once. The result is shared: callers must not change it.
func (p *Program) Accesses(input string) ([]Access, error) {
	known, err := p.inspect(input)
	if err != nil {
		return nil, err
	}
	return known.accesses, nil
}

// inspection is what the text of a source says about one input.
type inspection struct {
	accesses []Access
	reads    *Reads
}

func (p *Program) inspect(input string) (inspection, error) {
	p.mutex.Lock()
	known, ok := p.inspected[input]
	p.mutex.Unlock()
	if ok {
		return known, nil
	}
	accesses, err := p.accesses(input)
	if err != nil {
		return inspection{}, err
	}
	made := inspection{accesses: accesses, reads: &Reads{}}
	for _, a := range made.accesses {
		made.reads.add(a)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.inspected == nil {
		p.inspected = map[string]inspection{}
	}
	p.inspected[input] = made
	return made, nil
}

func (p *Program) accesses(input string) ([]Access, error) {
	if p.runner != nil {
		d, err := p.Description()
		if err != nil {
			return nil, err
		}
		return d.Accesses[input], nil
	}
	file, err := p.syntax()
	if err != nil {
		return nil, err
	}
	return newReader(input, file).read(file), nil
}

func compareAccess(a, b Access) int {
	return cmp.Or(slices.CompareFunc(a.Path, b.Path, compareStep), cmp.Compare(a.Use, b.Use))
}

func compareStep(a, b Step) int {
	if a.Each != b.Each {
		if a.Each {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Key, b.Key))
}
