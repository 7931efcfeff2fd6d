// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchemaIsBounded reads parameters that are few in the source and half a
// million when they are written out.
func TestSchemaIsBounded(t *testing.T) {
	var source strings.Builder
	source.WriteString("#L0: {a: string}\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&source, "#L%d: {x?: #L%d, y?: #L%d}\n", i, i-1, i-1)
	}
	d := &Definition{Kind: Trait, Name: "x", Template: source.String() + "parameter: #L19"}
	// Fields beyond the bound are there, and nothing is said of what they hold.
	if n := size(d.parameters()); n > 2*maxSchemaNodes {
		t.Errorf("the schema has %d parts", n)
	}
	if found := d.Validate(map[string]any{"z": int64(1)}, "p"); len(found) != 1 || found[0].Reason != UnknownParameter {
		t.Errorf("got %v", found)
	}
	if found := d.Validate(map[string]any{"y": map[string]any{"x": map[string]any{}}}, "p"); len(found) != 0 {
		t.Errorf("got %v", found)
	}
}

// size is the number of parts of a schema.
func size(s *schema) int {
	if s == nil {
		return 0
	}
	n := 1 + size(s.items) + size(s.others)
	for _, f := range s.fields {
		n += size(f)
	}
	for _, a := range s.alternatives {
		n += size(a)
	}
	return n
}

// TestSchemaOfNamed reads parameters that name definitions, several times and in
// several ways, like parameters that have all of them written out.
func TestSchemaOfNamed(t *testing.T) {
	cases := map[string]struct {
		reason, named, written string
	}{
		"Twice": {
			reason:  "A definition is the same wherever it is named.",
			named:   "#D: {a: string, b?: int & >1}\nparameter: x: {\n\t// +usage=One\n\tl: #D\n\tr?: #D\n\to!: #D\n}",
			written: "parameter: x: {\n\t// +usage=One\n\tl: {a: string, b?: int & >1}\n\tr?: {a: string, b?: int & >1}\n\to!: {a: string, b?: int & >1}\n}",
		},
		"Extended": {
			reason:  "What one place adds to a definition stays there.",
			named:   "#D: {a: string}\nparameter: x: {l: #D, e: {#D, c: bool}, r: #D}",
			written: "parameter: x: {l: {a: string}, e: {a: string, c: bool}, r: {a: string}}",
		},
		"Conditional": {
			reason:  "Fields under a condition are those of the choice that has it.",
			named:   "#D: {a: string}\nparameter: x: {l: #D, c: {t: \"u\" | \"v\", if t == \"u\" {d: #D}}, r: #D}",
			written: "parameter: x: {l: {a: string}, c: {t: \"u\" | \"v\", if t == \"u\" {d: {a: string}}}, r: {a: string}}",
		},
		"Lists": {
			reason:  "A definition may be what a list or a map holds.",
			named:   "#D: {a: *1 | int}\nparameter: x: {l: [...#D], m: [string]: #D, c: #D | [...#D]}",
			written: "parameter: x: {l: [...{a: *1 | int}], m: [string]: {a: *1 | int}, c: {a: *1 | int} | [...{a: *1 | int}]}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, want := parametersOf(tc.named), parametersOf(tc.written)
			if diff := cmp.Diff(want, got, sameSchema); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func parametersOf(template string) *schema {
	return (&Definition{Kind: Trait, Name: "x", Template: template}).parameters()
}

// TestNamedIsReadOnce reads a definition that is named many times for little more
// than it takes to read it once.
func TestNamedIsReadOnce(t *testing.T) {
	source := func(named string) string {
		return "#D: {a: string, b: string, c: string, d: string, e: string, f: string}\nparameter: x: {" + strings.Repeat(named, 100) + "}"
	}
	count := 0
	fields := func(text string) string {
		for strings.Contains(text, "NAME") {
			count++
			text = strings.Replace(text, "NAME", fmt.Sprint("n", count), 1)
		}
		return text
	}
	once := testing.AllocsPerRun(1, func() { parametersOf(fields(source("NAME: #D\n"))) })
	each := testing.AllocsPerRun(1, func() { parametersOf(fields(source("NAME: #D & {a: string}\n"))) })
	if once > each/3 {
		t.Errorf("definitions that are named alone take %.0f allocations, and %.0f where each is to be read: want less than a third", once, each)
	}
}
