// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Command reference writes a page for each built-in type, and an index of them.
// The examples on the pages are files: EXAMPLES/KIND/TYPE.yaml.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: reference EXAMPLES PAGES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(examples, folder string) error {
	all, err := pages(os.DirFS(examples))
	if err != nil {
		return err
	}
	// A page of a type that is gone goes too.
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove the old pages: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(all[name]), 0o644)); err != nil { //nolint:gosec // pages are for all to read
			return fmt.Errorf("write the page %s: %w", name, err)
		}
	}
	return nil
}

// pages are the texts of all pages by their path, with slashes.
func pages(examples fs.FS) (map[string]string, error) {
	all := map[string]string{}
	types := map[definition.Kind][]*definition.Definition{}
	for _, kind := range kinds() {
		for _, name := range definition.Builtin().Names(kind) {
			d, err := definition.Builtin().Lookup(kind, name)
			if err != nil {
				return nil, fmt.Errorf("read %s type %q: %w", kind, name, err)
			}
			example, err := fs.ReadFile(examples, string(kind)+"/"+name+".yaml")
			if err != nil {
				return nil, fmt.Errorf("read the example of %s type %q: %w", kind, name, err)
			}
			all[pageOf(d)] = d.Markdown(string(example))
			types[kind] = append(types[kind], d)
		}
	}
	all["README.md"] = index(types)
	return all, nil
}

func kinds() []definition.Kind {
	return []definition.Kind{definition.Component, definition.Trait, definition.Policy, definition.WorkflowStep}
}

func pageOf(d *definition.Definition) string {
	return string(d.Kind) + "/" + d.Name + ".md"
}

// index lists the types of each kind, those that are deprecated last.
func index(types map[definition.Kind][]*definition.Definition) string {
	var b strings.Builder
	b.WriteString("# Built-in types\n\nThe types that applications can use without any definition of their own. A definition of the same kind and name on\nthe hub takes the place of a built-in one.\n")
	titles := map[definition.Kind]string{
		definition.Component: "Components", definition.Trait: "Traits", definition.Policy: "Policies", definition.WorkflowStep: "Workflow steps",
	}
	for _, kind := range kinds() {
		if len(types[kind]) == 0 {
			continue
		}
		b.WriteString("\n## " + titles[kind] + "\n\n| Type | What it does |\n|---|---|\n")
		for _, deprecated := range []bool{false, true} {
			for _, d := range types[kind] {
				if d.Deprecated == deprecated {
					fmt.Fprintf(&b, "| [`%s`](%s) | %s |\n", d.Name, pageOf(d), strings.ReplaceAll(d.Description, "|", `\|`))
				}
			}
		}
	}
	return b.String()
}
