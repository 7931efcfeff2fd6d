// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

// shapes are the cases of TestShapes.
func shapes() map[string]shape {
	return map[string]shape{
		"OneOrMany": {
			reason:    "Traits for one container or several have a default among structs, which must not hide the other.",
			parameter: "#A: {containerName: *\"\" | string, image: string}\nparameter: *#A | close({containers: [...#A]})",
			fine:      []string{`{"image": "x"}`, `{"containers": [{"image": "x"}]}`},
			wrong:     map[string][]string{`{"containers": [{"imag": "x"}]}`: {"UnknownParameter p.containers[0].imag", "MissingParameter p.containers[0].image"}, `{"imag": "x"}`: {"UnknownParameter p.imag"}},
		},
		"Closed": {
			reason:    "A closed struct says itself what it takes.",
			parameter: "parameter: close({a: string, b?: int})",
			fine:      []string{`{"a": "x"}`, `{"a": "x", "b": 1}`},
			wrong:     map[string][]string{`{"a": "x", "c": 1}`: {"UnknownParameter p.c"}, `{"b": 1.5}`: {"MissingParameter p.a", "WrongType p.b"}},
		},
		"Open":      {reason: "An open struct takes anything.", parameter: "parameter: {...}", fine: []string{`{}`, `{"a": {"b": [1]}}`}},
		"OpenNamed": {reason: "An open struct still requires what it names.", parameter: "parameter: {a: string, ...}", fine: []string{`{"a": "x", "b": 1}`}, wrong: map[string][]string{`{"b": 1}`: {"MissingParameter p.a"}}},
		"Map":       {reason: "The properties are a map.", parameter: "parameter: [string]: string | null", fine: []string{`{"a": "x", "b": null}`}, wrong: map[string][]string{`{"a": 1}`: {"WrongType p.a"}}},
		"MapOfStructs": {
			reason:    "The values of a map are checked, its keys are free.",
			parameter: "parameter: m: [string]: {image: string, port?: int}",
			fine:      []string{`{"m": {"a/b": {"image": "x"}}}`, `{}`},
			wrong:     map[string][]string{`{"m": {"k": {"prt": 1}}}`: {"MissingParameter p.m.k.image", "UnknownParameter p.m.k.prt"}},
		},
		"MapPattern": {reason: "Names that a pattern admits are not unknown.", parameter: "parameter: {[=~\"^x-\"]: int, a: string}", fine: []string{`{"a": "b", "x-1": 1}`}},
		"Defaults": {
			reason:    "A default hides neither a wider type nor the other values.",
			parameter: `parameter: {a: *"x" | string, b: *"x" | "y", c: *"x" | "y" | string, d: *true | false, e: *["x"] | [...string], f: *[] | [...int], g: *{} | {[string]: string}, h: *0.5 | number, i: *"x" | =~"^y"}`,
			fine:      []string{`{}`, `{"a": "q", "b": "y", "c": "q", "d": false, "e": ["y", "z"], "f": [1], "g": {"k": "v"}, "h": 2, "i": "yes"}`, `{"i": "x"}`},
			wrong: map[string][]string{
				`{"b": "z"}`: {"NotAllowed p.b"}, `{"c": 1}`: {"WrongType p.c"}, `{"d": "true"}`: {"WrongType p.d"}, `{"e": [1]}`: {"WrongType p.e[0]"},
				`{"f": ["x"]}`: {"WrongType p.f[0]"}, `{"h": "2"}`: {"WrongType p.h"}, `{"i": "no"}`: {"NotAllowed p.i"},
			},
			stricter: map[string][]string{`{"g": {"k": 1}}`: {"WrongType p.g.k"}},
		},
		"DefaultStruct": {
			reason:    "A default that is a struct is no list of what its fields may be.",
			parameter: `parameter: a: *{b: 1, c: "x"} | {b: *1 | int, c: string}`,
			fine:      []string{`{}`, `{"a": {"b": 3, "c": "d"}}`},
			wrong:     map[string][]string{`{"a": {"b": "x", "c": "d"}}`: {"WrongType p.a.b"}},
		},
		"ContextDefault": {
			reason:    "A default out of the context makes a parameter optional.",
			parameter: "parameter: {name: *context.name | string, other: context.name}\ncontext: _",
			fine:      []string{`{}`, `{"name": "x"}`},
		},
		"Derived": {
			reason:    "What follows from another parameter need not be given.",
			parameter: "parameter: {a: int, b: a, c: \"\\(a)\", d: a + 1, e: close({k: a}) | close({j: string})}",
			fine:      []string{`{"a": 1, "e": {"j": "x"}}`, `{"a": 1, "e": {"k": 1}}`},
		},
		"Bounds": {
			reason:    "Bounds hold whatever they stand beside, however the number is written.",
			parameter: "parameter: {a: int & >=1 & <=10, b: *5 | int & >=1 & <=10, c: *5 | (int & >=1 & <=10), d: >=1 & <=10 | *5, e: *-1 | int & >=1, f: >=-1 & <1_000, g: >0x10, h: int & (>10 | <5)}",
			fine:      []string{`{"a": 1, "f": -1, "g": 17, "h": 3}`, `{"a": 10, "b": 1, "c": 10, "d": 1.5, "e": -1, "f": 999, "g": 16.5, "h": 11}`},
			wrong: map[string][]string{
				`{"a": 0, "b": 11, "c": 11, "d": 11, "e": 0, "f": -2, "g": 16, "h": 7}`: {
					"OutOfRange p.a", "OutOfRange p.b", "OutOfRange p.c", "OutOfRange p.d", "NotAllowed p.e", "OutOfRange p.f", "OutOfRange p.g", "OutOfRange p.h",
				},
			},
		},
		"SizedIntegers": {
			reason:    "CUE's sized integers have bounds.",
			parameter: "parameter: {a?: uint8, b?: int32, c?: uint, d?: uint16 & >0, e: *1 | uint8, f?: int64}",
			fine:      []string{`{"a": 255, "b": -2147483648, "c": 0, "d": 65535, "e": 0, "f": -1}`},
			wrong: map[string][]string{
				`{"a": 256}`: {"OutOfRange p.a"}, `{"b": 2147483648}`: {"OutOfRange p.b"}, `{"c": -1}`: {"OutOfRange p.c"}, `{"d": 0}`: {"OutOfRange p.d"}, `{"e": 256}`: {"OutOfRange p.e"},
			},
		},
		"Lengths": {
			reason:  "Lengths of texts, lists and maps have bounds too.",
			imports: []string{"strings", "list", "struct"},
			parameter: `parameter: {
	a?: strings.MinRunes(2), b?: strings.MaxRunes(3) & strings.MinRunes(1), c: *"x" | strings.MaxRunes(2), d?: strings.MinRunes(2) & =~"^a"
	e?: [...string] & list.MaxItems(1), f?: list.MinItems(1) & [...int], g?: [string, ...string], h?: [int, int], i?: {[string]: int} & struct.MinFields(1)
	j: *["x"] | [...string] & list.MaxItems(2)
}`,
			fine: []string{`{"a": "éé", "b": "abc", "c": "", "d": "ab", "e": ["x"], "f": [1], "g": ["x"], "h": [1, 2], "i": {"x": 1}, "j": []}`},
			wrong: map[string][]string{
				`{"a": "é"}`: {"OutOfRange p.a"}, `{"b": "abcd"}`: {"OutOfRange p.b"}, `{"b": ""}`: {"OutOfRange p.b"}, `{"c": "xxx"}`: {"OutOfRange p.c"}, `{"d": "b"}`: {"OutOfRange p.d"},
				`{"e": ["x", "y"]}`: {"OutOfRange p.e"}, `{"f": []}`: {"OutOfRange p.f"}, `{"f": ["x"]}`: {"WrongType p.f[0]"}, `{"g": []}`: {"OutOfRange p.g"},
				`{"h": [1, 2, 3]}`: {"OutOfRange p.h"}, `{"i": {}}`: {"OutOfRange p.i"}, `{"i": {"x": "y"}}`: {"WrongType p.i.x"}, `{"j": ["x", "y", "z"]}`: {"OutOfRange p.j"},
			},
		},
		"Patterns": {
			reason:    "A pattern, its opposite and a single value that is not allowed.",
			parameter: `parameter: {a: *"1Gi" | =~"^[0-9]+Gi$", b?: !~"^x", c?: !="", d?: string & !="a" & !="b"}`,
			fine:      []string{`{"a": "2Gi", "b": "yx", "c": "x", "d": "c"}`},
			wrong:     map[string][]string{`{"a": "2", "b": "x", "c": "", "d": "b"}`: {"OutOfRange p.a", "OutOfRange p.b", "OutOfRange p.c", "OutOfRange p.d"}},
		},
		"EnumByReference": {
			reason:    "Values may be named elsewhere.",
			parameter: "#X: \"x\"\n#Y: \"y\"\n#E: *\"a\" | \"b\"\nparameter: {a: #X | #Y, b?: #X | #Y, c: #E, d: or([\"k\", \"l\"])}",
			fine:      []string{`{"a": "x", "b": "y", "c": "b", "d": "k"}`},
			wrong:     map[string][]string{`{"a": "z", "b": "z", "c": "z", "d": "z"}`: {"NotAllowed p.a", "NotAllowed p.b", "NotAllowed p.c", "NotAllowed p.d"}},
		},
		"Numbers": {
			reason:    "Numbers, whole or not, and their choices; 1.0 is 1.",
			parameter: "parameter: {a?: number, b?: int, c?: 0 | 1, d?: 0.5 | 1.5, e?: number & >0.5}",
			fine:      []string{`{"a": 1, "b": 1.0, "c": 1.0, "d": 0.5, "e": 0.6}`, `{"a": 1.5}`},
			wrong:     map[string][]string{`{"a": "1", "b": 1.5, "c": 2, "d": 2.5, "e": 0.5}`: {"WrongType p.a", "WrongType p.b", "NotAllowed p.c", "NotAllowed p.d", "OutOfRange p.e"}},
		},
		"Required":   {reason: "A field with an exclamation mark is required.", parameter: "parameter: {foo!: string, bar?: int}", fine: []string{`{"foo": "x"}`}, wrong: map[string][]string{`{}`: {"MissingParameter p.foo"}}},
		"Bytes":      {reason: "No JSON is bytes.", parameter: "parameter: a?: bytes", fine: []string{`{}`}, wrong: map[string][]string{`{"a": "x"}`: {"WrongType p.a"}}},
		"Constants":  {reason: "A constant may be repeated.", parameter: `parameter: {a: "x", b: true, c: 1}`, fine: []string{`{}`, `{"a": "x", "b": true, "c": 1}`}, wrong: map[string][]string{`{"a": "y", "b": false, "c": 2}`: {"NotAllowed p.a", "NotAllowed p.b", "NotAllowed p.c"}}},
		"QuotedName": {reason: "Names may be quoted; hidden ones and definitions are no parameters.", parameter: "let x = string\nparameter: {\"a-b\"?: x, \"$c\"?: x, _h: int, #d: int}", fine: []string{`{"a-b": "x", "$c": "x"}`}, wrong: map[string][]string{`{"a-b": 1}`: {"WrongType p.a-b"}}},
		"Twice":      {reason: "A field that is declared twice has the fields of both.", parameter: "parameter: {a?: {b?: {c: string}}, a?: {b?: {d?: string}}}", fine: []string{`{"a": {"b": {"c": "x", "d": "y"}}}`}, wrong: map[string][]string{`{"a": {"b": {"d": "y"}}}`: {"MissingParameter p.a.b.c"}}},
		"Beside":     {reason: "Two structs are one.", parameter: "#base: {name: string, ...}\nparameter: #base & {name: =~\"^a\", x: *1 | int}", fine: []string{`{"name": "a"}`}, wrong: map[string][]string{`{"name": "b"}`: {"OutOfRange p.name"}}},
	}
}
