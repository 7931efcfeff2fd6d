// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

const sameFile = `import "strings"

own: {
	type:        "trait"
	description: "Mine."
	attributes: {
		appliesToWorkloads: ["deployments.apps"]
		status: healthPolicy: #"""
			isHealth: context.output.status.ready > 0
			"""#
	}
}
template: {
	// What is said.
	parameter: {
		// +usage=The word
		word: *"a" | string // of two
		count: int
	}
	patch: spec: {
		// +patchKey=name
		containers: [{
			name: context.name
			env: [for i in [1, 2] {name: "N\(i)", value: strings.ToUpper(parameter.word)}]
		}]
		if parameter.count > 1 {replicas: parameter.count}
	}
}
`

// TestSame checks what makes another definition.
func TestSame(t *testing.T) {
	replace := func(old, with string) string {
		if !strings.Contains(sameFile, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(sameFile, old, with, 1)
	}
	const list = "[{\n\t\t\tname: context.name\n\t\t\tenv: [for i in [1, 2] {name: \"N\\(i)\", value: strings.ToUpper(parameter.word)}]\n\t\t}]"
	tests := []struct {
		reason, file string
		want         bool
	}{
		{"the same", sameFile, true},
		{"more indentation", strings.ReplaceAll(sameFile, "\t", "\t\t"), true},
		{"empty lines", replace("\tparameter: {", "\n\n\tparameter: {\n"), true},
		{"a list in fewer lines", replace(list, `[{name: context.name, env: [for i in [1, 2] {name: "N\(i)", value: strings.ToUpper(parameter.word)}]}]`), true},
		{"a comment less", replace("\t// What is said.\n", ""), true},
		{"a comment at the end of a line less", replace(" // of two", ""), true},
		{"a comment more", replace("\tpatch: spec", "\t// Then.\n\n\tpatch: spec"), true},
		{"another way to write a text", replace(`*"a"`, `*#"a"#`), true},
		{"another description", replace("Mine.", "Ours."), true},
		{"labels", replace("\tdescription:", "\tlabels: {a: \"b\"}\n\tdescription:"), true},
		{"health in another layout", replace("isHealth: context", "isHealth:   context"), true},
		{"another default", replace(`*"a"`, `*"b"`), false},
		{"a text in place of bytes", replace(`*"a"`, `*'a'`), false},
		{"a number in a comprehension", replace("[1, 2]", "[1, 3]"), false},
		{"another text around an expression", replace(`"N\(i)"`, `"M\(i)"`), false},
		{"another key by which a list is patched", replace("patchKey=name", "patchKey=image"), false},
		{"no such key", replace("\t\t// +patchKey=name\n", ""), false},
		{"what a parameter is for, which is part of its documentation", replace("The word", "A word"), false},
		{"a condition", replace("count > 1", "count > 2"), false},
		{"another health", replace("ready > 0", "ready > 1"), false},
		{"another workload", replace("deployments.apps", "statefulsets.apps"), false},
		{"another name", replace("own: {", "other: {"), false},
		{"one that is deprecated", replace("\tdescription:", "\tlabels: deprecated: \"true\"\n\tdescription:"), false},
	}
	read := func(file string) *definition.Definition {
		d, err := definition.Parse("cue", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := read(sameFile)
	for _, test := range tests {
		other := read(test.file)
		if got := definition.Same(first, other); got != test.want {
			t.Errorf("%s: same is %t", test.reason, got)
		}
		if definition.Same(other, first) != test.want {
			t.Errorf("%s: it depends on the order", test.reason)
		}
	}
}

// TestSameAsWritten checks that every built-in definition is the same when it is written
// as CUE, and another than the others.
func TestSameAsWritten(t *testing.T) {
	var all []*definition.Definition
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			d, err := definition.Builtin().Lookup(kind, name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
	}
	for i, d := range all {
		text, err := d.CUE()
		if err != nil {
			t.Fatal(err)
		}
		again, err := definition.Parse("cue", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if !definition.Same(d, again) {
			t.Errorf("%s %q is another one when it is written as CUE", d.Kind, d.Name)
		}
		if next := all[(i+1)%len(all)]; definition.Same(d, next) {
			t.Errorf("%s is the same as %s", d.Name, next.Name)
		}
	}
}
