// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
)

// builtinFiles are the definitions that are part of the product, in a folder
// per kind, each in a file named after its type, and in the folder fragment
// what they share.
//
//go:embed builtin
var builtinFiles embed.FS

// builtin holds the library for all who ask, so that they share what is compiled.
var builtin = sync.OnceValue(func() *Library { return lazy(builtinFiles, "builtin") })

// Library is an immutable set of definitions, safe for concurrent use.
type Library struct {
	byKind map[Kind]map[string]func() (*Definition, error)
}

// Builtin is the library of the definitions that are part of the product. A
// definition is read and compiled when it is first used.
func Builtin() *Library {
	return builtin()
}

// NewLibrary is a library of the given definitions; the last of a name counts.
func NewLibrary(definitions ...*Definition) *Library {
	l := &Library{byKind: map[Kind]map[string]func() (*Definition, error){}}
	for _, d := range definitions {
		l.add(d.Kind, d.Name, func() (*Definition, error) { return d, nil })
	}
	return l
}

// lazy is a library of the definition files below a folder.
func lazy(files fs.FS, folder string) *Library {
	l := NewLibrary()
	shared := sync.OnceValues(func() (fragments, error) { return readFragments(files, path.Join(folder, fragmentFolder)) })
	paths, _ := fs.Glob(files, path.Join(folder, "*", "*.cue"))
	for _, p := range paths {
		if path.Base(path.Dir(p)) == fragmentFolder {
			continue
		}
		l.add(Kind(path.Base(path.Dir(p))), strings.TrimSuffix(path.Base(p), ".cue"), sync.OnceValues(func() (*Definition, error) {
			source, err := fs.ReadFile(files, p)
			if err != nil {
				return nil, fmt.Errorf("read definition %s: %w", p, err)
			}
			return parseWith(shared, p, source)
		}))
	}
	return l
}

// fragmentFolder holds what built-in definitions share.
const fragmentFolder = "fragment"

// parseWith is Parse for a definition that uses fragments.
func parseWith(shared func() (fragments, error), file string, source []byte) (*Definition, error) {
	d, err := Parse(file, source)
	if err != nil {
		return nil, err
	}
	all, err := shared()
	if err != nil {
		return nil, err
	}
	if d.Template, err = all.complete(file, d.Template); err != nil {
		return nil, err
	}
	d.Foreign = false
	d.Digest = d.digest()
	return d, nil
}

func (l *Library) add(kind Kind, name string, load func() (*Definition, error)) {
	if l.byKind[kind] == nil {
		l.byKind[kind] = map[string]func() (*Definition, error){}
	}
	l.byKind[kind][name] = load
}

// Lookup finds the definition of a type, written as NAME or NAME@VERSION. The
// error is an *UnknownTypeError, or says what is wrong with the definition.
func (l *Library) Lookup(kind Kind, name string) (*Definition, error) {
	base, version, pinned := strings.Cut(name, "@")
	load, ok := l.byKind[kind][base]
	if !ok {
		known := l.Names(kind)
		return nil, &UnknownTypeError{Kind: kind, Name: name, Known: known, Suggestion: Suggest(base, known)}
	}
	d, err := load()
	if err != nil {
		return nil, err
	}
	if pinned && d.Version != version {
		return nil, &UnknownTypeError{Kind: kind, Name: name, Known: l.Names(kind), Suggestion: base}
	}
	return d, nil
}

// Names are the sorted names of all types of a kind.
func (l *Library) Names(kind Kind) []string {
	names := make([]string, 0, len(l.byKind[kind]))
	for name := range l.byKind[kind] {
		names = append(names, name)
	}
	sort.Strings(names)
	return slices.Clip(names)
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
	return fmt.Sprintf("there is no %s type %q%s Known types: %s", e.Kind, e.Name, didYouMean(e.Suggestion), list(e.Known))
}
