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

// Library is an immutable set of definitions, safe for concurrent use. A name
// may stand for several versions.
type Library struct {
	byKind map[Kind]map[string][]entry
	below  *Library
}

// entry is one definition, read when it is first looked up.
type entry struct {
	load func() (*Definition, error)
	// archived says that only a version leads to the definition.
	archived bool
}

// Builtin is the library of the definitions that are part of the product. A
// definition is read and compiled when it is first used.
func Builtin() *Library {
	return builtin()
}

// NewLibrary is a library of the given definitions. Without a version, the last
// of a name that is not archived counts.
func NewLibrary(definitions ...*Definition) *Library {
	l := &Library{byKind: map[Kind]map[string][]entry{}}
	for _, d := range definitions {
		l.add(d.Kind, d.Name, entry{load: func() (*Definition, error) { return d, nil }, archived: d.Archived})
	}
	return l
}

// Source is a definition that is read when it is first looked up.
type Source struct {
	// Kind and Name of the type.
	Kind Kind
	Name string
	// Load reads the definition. It is called for each lookup.
	Load func() (*Definition, error)
}

// FromSources is a library of definitions that are read when they are looked up.
func FromSources(sources ...Source) *Library {
	l := NewLibrary()
	for _, s := range sources {
		l.add(s.Kind, s.Name, entry{load: s.Load})
	}
	return l
}

// Over is the library in which the definitions of l hide those of below that
// have the same name. A version that l does not have may be one of below.
func (l *Library) Over(below *Library) *Library {
	out := *l
	if l.below != nil {
		below = l.below.Over(below)
	}
	out.below = below
	return &out
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
		l.add(Kind(path.Base(path.Dir(p))), strings.TrimSuffix(path.Base(p), ".cue"), entry{load: sync.OnceValues(func() (*Definition, error) {
			source, err := fs.ReadFile(files, p)
			if err != nil {
				return nil, fmt.Errorf("read definition %s: %w", p, err)
			}
			return parseWith(shared, p, source)
		})})
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

func (l *Library) add(kind Kind, name string, e entry) {
	if l.byKind[kind] == nil {
		l.byKind[kind] = map[string][]entry{}
	}
	l.byKind[kind][name] = append(l.byKind[kind][name], e)
}

// Lookup finds the definition of a type, written as NAME or NAME@VERSION. A
// version is one of a definition, the beginning of one up to a dot, or vN for
// the revision N that the cluster gave. The error is an *UnknownTypeError, or
// says what is wrong with the definition.
func (l *Library) Lookup(kind Kind, name string) (*Definition, error) {
	base, version, pinned := strings.Cut(name, "@")
	var versions []string
	for layer := l; layer != nil; layer = layer.below {
		entries := layer.byKind[kind][base]
		if !pinned {
			if e, ok := current(entries); ok {
				return e.load()
			}
			continue
		}
		d, others, err := pick(entries, version)
		if d != nil || err != nil {
			return d, err
		}
		versions = append(versions, others...)
	}
	known := l.Names(kind)
	e := &UnknownTypeError{Kind: kind, Name: name, Known: known, Suggestion: Suggest(base, known)}
	if pinned && slices.Contains(known, base) {
		slices.Sort(versions)
		e.Suggestion, e.Version, e.Versions = base, version, slices.Compact(versions)
	}
	return nil, e
}

// current is the entry that counts without a version.
func current(entries []entry) (entry, bool) {
	for _, e := range slices.Backward(entries) {
		if !e.archived {
			return e, true
		}
	}
	return entry{}, false
}

// Names are the sorted names of all types of a kind.
func (l *Library) Names(kind Kind) []string {
	var names []string
	for layer := l; layer != nil; layer = layer.below {
		for name, entries := range layer.byKind[kind] {
			if _, ok := current(entries); ok {
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return slices.Clip(slices.Compact(names))
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
	// Version that was looked for, where the type exists in others.
	Version string
	// Versions are the sorted versions that exist of the type.
	Versions []string
}

// Error names the type, those that exist, and the one that was probably meant.
func (e *UnknownTypeError) Error() string {
	if e.Version != "" && len(e.Versions) == 0 {
		return fmt.Sprintf("the %s type %q has no versions; write the type without @%s", e.Kind, e.Suggestion, e.Version)
	}
	if e.Version != "" {
		return fmt.Sprintf("the %s type %q has no version %q. Known versions: %s", e.Kind, e.Suggestion, e.Version, list(e.Versions))
	}
	return fmt.Sprintf("there is no %s type %q%s Known types: %s", e.Kind, e.Name, didYouMean(e.Suggestion), list(e.Known))
}
