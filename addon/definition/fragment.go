// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// fragments are declarations that several built-in definitions share, by name.
// CUE has packages for this, but a definition is one text: what a template
// names and does not declare itself is written out at its end.
type fragments map[string]fragment

// fragment is one declaration as text.
type fragment struct {
	text    string
	imports []string
	uses    []string
}

// readFragments reads all declarations of the files of a folder. A name is
// declared once, in whichever file.
func readFragments(files fs.FS, folder string) (fragments, error) {
	paths, err := fs.Glob(files, path.Join(folder, "*.cue"))
	if err != nil {
		return nil, fmt.Errorf("list fragments in %s: %w", folder, err)
	}
	all := fragments{}
	for _, p := range paths {
		source, err := fs.ReadFile(files, p)
		if err != nil {
			return nil, fmt.Errorf("read fragment %s: %w", p, err)
		}
		if err := all.add(p, string(source)); err != nil {
			return nil, fmt.Errorf("read fragment %s: %w", p, err)
		}
	}
	return all, nil
}

func (f fragments) add(file, source string) error {
	syntax, err := parser.ParseFile(file, source)
	if err != nil {
		return err
	}
	imports := importsOf(syntax)
	for _, d := range syntax.Decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		name, _, err := ast.LabelName(field.Label)
		if err != nil {
			return fmt.Errorf("read the label at %s: %w", field.Pos(), err)
		}
		if _, twice := f[name]; twice {
			return fmt.Errorf("%s is declared twice", name)
		}
		f[name] = fragment{text: slice(source, field), imports: imports, uses: namesIn(field)}
	}
	return nil
}

// complete appends to a template the fragments that it uses, with the imports
// that they need, in a fixed order.
func (f fragments) complete(file, template string) (string, error) {
	syntax, err := parser.ParseFile(file, template)
	if err != nil {
		return "", fmt.Errorf("parse definition %s: %w", file, err)
	}
	used := map[string]bool{}
	f.collect(namesIn(syntax), used)
	for _, own := range syntax.Decls {
		if field, ok := own.(*ast.Field); ok {
			delete(used, program.LabelOf(field))
		}
	}
	imported := importsOf(syntax)
	var head, tail strings.Builder
	for _, name := range slices.Sorted(maps.Keys(used)) {
		for _, i := range f[name].imports {
			// A file may import more than the one declaration needs, and CUE refuses imports without use.
			if !slices.Contains(imported, i) && slices.Contains(f[name].uses, importName(i)) {
				imported = append(imported, i)
				head.WriteString("import " + i + "\n")
			}
		}
		tail.WriteString("\n\n" + f[name].text)
	}
	return head.String() + template + tail.String() + "\n", nil
}

// collect adds the names that are fragments, and those that they use in turn.
func (f fragments) collect(names []string, into map[string]bool) {
	for _, name := range names {
		found, ok := f[name]
		if !ok || into[name] {
			continue
		}
		into[name] = true
		f.collect(found.uses, into)
	}
}

// namesIn are the identifiers in a piece of syntax.
func namesIn(n ast.Node) []string {
	seen := map[string]bool{}
	ast.Walk(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			seen[id.Name] = true
		}
		return true
	}, nil)
	return slices.Sorted(maps.Keys(seen))
}

func importsOf(file *ast.File) []string {
	var out []string
	for _, d := range file.Decls {
		if i, ok := d.(*ast.ImportDecl); ok {
			for _, spec := range i.Specs {
				out = append(out, spec.Path.Value)
			}
		}
	}
	return out
}

// importName is the name by which an import is used.
func importName(quoted string) string {
	return path.Base(strings.Trim(quoted, `"`))
}
