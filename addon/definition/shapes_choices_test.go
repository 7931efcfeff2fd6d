// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// TestChoices checks parameters that may be one of several things, and those
// that depend on others or on themselves.
func TestChoices(t *testing.T) {
	for name, s := range choices() {
		t.Run(name, func(t *testing.T) {
			d := &definition.Definition{Kind: definition.Trait, Name: "x", Template: s.template()}
			for _, p := range s.fine {
				s.judge(t, d, p, nil, true)
			}
			for p, want := range s.wrong {
				s.judge(t, d, p, want, false)
			}
			for p, want := range s.stricter {
				s.judge(t, d, p, want, true)
			}
		})
	}
}

func choices() map[string]shape {
	return map[string]shape{
		"Kinds": {
			reason:    "A value of one kind is checked as what it is, whatever else it might be.",
			parameter: "parameter: {a?: string | int, b: *null | {c: string}, c?: null | [...string], d?: {x: string} | [...string] | string, e: *1 | number | string, f: int | *null}",
			fine:      []string{`{"a": 1, "b": {"c": "x"}, "c": ["x"], "d": {"x": "y"}, "e": "1", "f": 1}`, `{"a": "x", "b": null, "d": ["x"], "f": null}`, `{"d": "x"}`},
			wrong: map[string][]string{
				`{"a": true}`: {"WrongType p.a"}, `{"b": {}}`: {"MissingParameter p.b.c"}, `{"b": "x"}`: {"WrongType p.b"}, `{"c": [1]}`: {"WrongType p.c[0]"},
				`{"d": {"x": 1}}`: {"WrongType p.d.x"}, `{"d": [1]}`: {"WrongType p.d[0]"}, `{"d": 1}`: {"WrongType p.d"}, `{"e": true}`: {"WrongType p.e"}, `{"f": "1"}`: {"WrongType p.f"},
			},
		},
		"ValuesAndTypes": {
			reason:    "Single values beside a type or a range.",
			parameter: `parameter: {a?: 1 | 2 | string, b?: "x" | "y" | int, c?: >=1 | "auto", d: "a" | "b" | *"c" | =~"^d"}`,
			fine:      []string{`{"a": "k", "b": 3, "c": "auto", "d": "dd"}`, `{"a": 1, "b": "x", "c": 1, "d": "a"}`},
			wrong:     map[string][]string{`{"a": 3, "b": "z", "c": 0, "d": "q"}`: {"NotAllowed p.a", "NotAllowed p.b", "NotAllowed p.c", "NotAllowed p.d"}},
		},
		"Discriminated": {
			reason:    "A constant field tells which struct is meant.",
			parameter: `parameter: {a?: {type: "x", v: int} | {type: "y", v: string}, b?: [...{type: "x", v: int} | {type: "y", v: string}], n?: {k: 1, p: int} | {k: 2}}`,
			fine:      []string{`{"a": {"type": "y", "v": "1"}, "b": [{"type": "x", "v": 1}, {"type": "y", "v": "1"}], "n": {"k": 1.0, "p": 1}}`},
			wrong: map[string][]string{
				`{"a": {"type": "y", "v": 1}}`: {"WrongType p.a.v"}, `{"b": [{"type": "z"}]}`: {"NotAllowed p.b[0].type"}, `{"n": {"k": 3}}`: {"NotAllowed p.n.k"}, `{"n": {"k": 1}}`: {"MissingParameter p.n.p"},
			},
		},
		"DiscriminatedDefault": {
			reason:    "A choice of declarations, one the default, each with a constant and names that may be left out.",
			parameter: "#A: {name: *\"a\" | string, type: \"a\", key: string}\n#B: {name: *\"b\" | string, type: \"b\", token: string}\nparameter: *#A | #B",
			fine:      []string{`{"type": "a", "key": "x"}`, `{"type": "b", "token": "x", "name": "y"}`, `{"key": "x"}`},
			wrong: map[string][]string{
				`{"type": "b", "key": "x"}`: {"UnknownParameter p.key", "MissingParameter p.token"}, `{"type": "c"}`: {"NotAllowed p.type"}, `{"type": "b"}`: {"MissingParameter p.token"},
			},
		},
		"StructOrText": {
			reason:    "A declaration or a text.",
			parameter: "#git: {git: string, branch: *\"main\" | string}\nparameter: context: #git | string",
			fine:      []string{`{"context": "x"}`, `{"context": {"git": "x"}}`},
			wrong:     map[string][]string{`{"context": {"branch": "x"}}`: {"MissingParameter p.context.git"}, `{"context": 1}`: {"WrongType p.context"}, `{}`: {"MissingParameter p.context"}},
		},
		"Unlike": {
			reason:    "The struct that knows the given names is meant; where none is given all are offered.",
			parameter: "parameter: url: close({value: string}) | close({secretRef: {name: string, key: string}})",
			fine:      []string{`{"url": {"value": "x"}}`, `{"url": {"secretRef": {"name": "x", "key": "y"}}}`},
			wrong: map[string][]string{
				`{"url": {"secretRef": {"name": "x"}}}`: {"MissingParameter p.url.secretRef.key"}, `{"url": {}}`: {"MissingParameter p.url"}, `{}`: {"MissingParameter p.url"},
				`{"url": "x"}`: {"WrongType p.url"}, `{"url": {"val": "x"}}`: {"MissingParameter p.url", "UnknownParameter p.url.val"},
			},
		},
		"ListOfChoices": {
			reason:    "Each item is judged for itself.",
			parameter: "#T: string | int\nparameter: {l?: [...close({name: string}) | close({ref: string})], m?: [...#T]}",
			fine:      []string{`{"l": [{"name": "x"}, {"ref": "y"}], "m": ["x", 1]}`},
			wrong:     map[string][]string{`{"l": [{"name": "x"}, {"nam": "x"}]}`: {"MissingParameter p.l[1]", "UnknownParameter p.l[1].nam"}, `{"m": [true]}`: {"WrongType p.m[0]"}},
		},
		"ChoiceBeside": {
			reason:    "What stands beside a choice counts for each.",
			parameter: "#X: {a: string, {b: int} | {c: int}}\n#Y: {a: string} & ({a: string, b: int} | {a: string, c: int})\nparameter: {x?: #X, y?: #Y}",
			fine:      []string{`{"x": {"a": "x", "b": 1}, "y": {"a": "x", "c": 1}}`, `{"x": {"a": "x", "c": 1}}`},
			wrong:     map[string][]string{`{"x": {"a": "x"}}`: {"MissingParameter p.x"}, `{"x": {"a": 1, "b": 1}}`: {"WrongType p.x.a"}, `{"y": {"a": "x"}}`: {"MissingParameter p.y"}},
		},
		"NestedChoice": {
			reason:    "A choice of choices is one choice.",
			parameter: "#C: {c: string} | {d: string}\nparameter: a: close({b: string}) | #C",
			fine:      []string{`{"a": {"b": "x"}}`, `{"a": {"c": "x"}}`, `{"a": {"d": "x"}}`},
			wrong:     map[string][]string{`{"a": {"d": "x", "e": "y"}}`: {"UnknownParameter p.a.e"}},
		},
		"Conditional": {
			reason:    "A field that exists under a condition is no unknown one, and has a type.",
			parameter: "#R: {q: int}\nparameter: {type: *\"a\" | \"b\", if type == \"b\" {\n\t// +usage=More\n\textra: int & >1\n}, x?: string, if x != _|_ {y: string, z?: #R}}",
			fine:      []string{`{}`, `{"type": "b", "extra": 2}`, `{"x": "1", "y": "2", "z": {"q": 1}}`},
			wrong:     map[string][]string{`{"type": "b", "extra": 1}`: {"OutOfRange p.extra"}, `{"x": "1", "y": 2}`: {"WrongType p.y"}, `{"x": "1", "y": "2", "z": {"r": 1}}`: {"MissingParameter p.z.q", "UnknownParameter p.z.r"}},
		},
		"ConditionalNested": {
			reason:    "A condition that cannot be decided yet hides none of the fields beside it.",
			parameter: "parameter: {a: {b: string, if b == \"x\" {z: string}}, l?: [...{b: string, if b == \"x\" {z: string}}]}",
			fine:      []string{`{"a": {"b": "x", "z": "y"}, "l": [{"b": "y"}]}`},
			wrong:     map[string][]string{`{"a": {}}`: {"MissingParameter p.a.b"}},
			stricter:  map[string][]string{`{"a": {"b": "y", "q": 1}}`: {"UnknownParameter p.a.q"}, `{"a": {"b": "y"}, "l": [{"b": "y", "q": 1}]}`: {"UnknownParameter p.l[0].q"}},
		},
		"ConditionalChoice": {
			reason:    "Conditions in one struct of a choice.",
			parameter: "parameter: {a: string, if a == \"x\" {z: string}} | close({v: string})",
			fine:      []string{`{"a": "x", "z": "y"}`, `{"v": "x"}`},
		},
		"ConditionalDifferent": {
			reason:    "The same field under two conditions has either type; a computed name may be any.",
			parameter: "parameter: {t: string, if t == \"a\" {k: string}, if t == \"b\" {k: int}, m?: {n: string, for i in [\"x\"] {\"\\(i)-y\": int}}}",
			fine:      []string{`{"t": "a", "k": "x"}`, `{"t": "b", "k": 1}`, `{"t": "c", "m": {"n": "x", "x-y": 1}}`},
			wrong:     map[string][]string{`{"t": "a", "k": true}`: {"WrongType p.k"}},
		},
		"Embedded": {
			reason:    "Embedded structs bring their conditions.",
			parameter: "#B: {k?: string, if k != _|_ {w: string}}\nparameter: {#B, n?: string}",
			fine:      []string{`{"k": "x", "w": "y"}`},
			wrong:     map[string][]string{`{"k": "x", "w": 1}`: {"WrongType p.w"}},
		},
		"Recursive": {
			reason:    "What refers to itself is checked one time deep.",
			parameter: "#Node: {name: string, left?: #Node, right?: #Node}\nparameter: #Node",
			fine:      []string{`{"name": "x", "left": {"name": "y", "right": {"name": "z"}}}`},
			wrong:     map[string][]string{`{"name": "x", "left": {"nme": "x"}}`: {"MissingParameter p.left.name", "UnknownParameter p.left.nme"}},
		},
	}
}
