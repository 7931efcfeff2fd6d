// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import "fmt"

// Library is an immutable set of definitions, safe for concurrent use.
type Library struct {
	byKind map[Kind]map[string]*Definition
}

// Builtin is the library of the definitions that are part of the product.
func Builtin() *Library {
	return &Library{}
}

// Lookup finds the definition of a type. The error is an *UnknownTypeError.
func (l *Library) Lookup(kind Kind, name string) (*Definition, error) {
	d, ok := l.byKind[kind][name]
	if !ok {
		return nil, &UnknownTypeError{Kind: kind, Name: name, Known: l.Names(kind)}
	}
	return d, nil
}

// Names are the sorted names of all types of a kind.
func (l *Library) Names(kind Kind) []string {
	return nil
}

// UnknownTypeError says that a library has no definition of a type.
type UnknownTypeError struct {
	// Kind of the type that was looked for.
	Kind Kind
	// Name that was looked for.
	Name string
	// Known are the sorted names that exist.
	Known []string
	// Suggestion is the known name that is most alike; empty when none is.
	Suggestion string
}

// Error names the type, those that exist, and the one that was probably meant.
func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("unknown %s type %q", e.Kind, e.Name)
}
