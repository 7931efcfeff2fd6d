// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"strings"
	"testing"
	"time"

	"cuelang.org/go/cue/parser"
	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// trait of a template, as a cluster holds it.
func traitObject(template string) map[string]any {
	return map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "TraitDefinition", "metadata": map[string]any{"name": "t"},
		"spec": map[string]any{"schematic": map[string]any{"cue": map[string]any{"template": template}}},
	}
}

func TestModernize(t *testing.T) {
	const sum, product = "the sum of lists is read as list.Concat", "the product of a list is read as list.Repeat"
	cases := map[string]struct {
		reason   string
		template string
		want     string
		notices  []string
		inputs   map[string]any
		output   any
	}{
		"Nothing": {
			reason:   "What needs no rewriting stays as it is, to the byte.",
			template: "// a comment\npatch:   {a:1 + 2, b: 3*4, c: \"x\"*2, d: \"a\" +\n\t\"b\"}\noutput: [ ]\n\n",
			want:     "// a comment\npatch:   {a:1 + 2, b: 3*4, c: \"x\"*2, d: \"a\" +\n\t\"b\"}\noutput: [ ]\n\n",
			output:   []any{},
		},
		"Sum": {
			reason:   "The package is imported.",
			template: "output: [1] + [2]",
			want:     "import \"list\"\noutput: list.Concat([[1], [2]])",
			notices:  []string{"template, line 1: " + sum},
			output:   []any{int64(1), int64(2)},
		},
		"Chain": {
			reason:   "A longer sum is one call; comments and markers stay where they are.",
			template: "// +patchKey=name\noutput: [1] +\n\t[2] + // two\n\t[for x in [3] {x}] // three\n",
			want:     "import \"list\"\n// +patchKey=name\noutput: list.Concat([[1], [2], [for x in [3] {x}]]) // three\n",
			notices:  []string{"template, line 2: " + sum},
			output:   []any{int64(1), int64(2), int64(3)},
		},
		"References": {
			reason:   "A list is known by what a name is declared with.",
			template: "import \"strings\"\n\noutput: parameter.a + _b\n_b: strings.Split(\"x,y\", \",\")\nparameter: {a: [...string]}\n",
			want:     "import \"strings\"\nimport \"list\"\n\noutput: list.Concat([parameter.a, _b])\n_b: strings.Split(\"x,y\", \",\")\nparameter: {a: [...string]}\n",
			notices:  []string{"template, line 3: " + sum},
			inputs:   map[string]any{"parameter": map[string]any{"a": []any{"w"}}},
			output:   []any{"w", "x", "y"},
		},
		"Guarded": {
			reason:   "Also a field in a comprehension, an optional one, one with a default, an item, and one of a loop.",
			template: "output: [for c in parameter.all {c.args + parameter[\"more\"] + _local.x}]\n_local: {if true {x: *[] | [...string]}}\nparameter: {all: [...{args: [...string]}], more?: [...string]}\n",
			want:     "import \"list\"\noutput: [for c in parameter.all {list.Concat([c.args, parameter[\"more\"], _local.x])}]\n_local: {if true {x: *[] | [...string]}}\nparameter: {all: [...{args: [...string]}], more?: [...string]}\n",
			notices:  []string{"template, line 1: " + sum},
			inputs:   map[string]any{"parameter": map[string]any{"all": []any{map[string]any{"args": []any{"a"}}}, "more": []any{"b"}}},
			output:   []any{[]any{"a", "b"}},
		},
		"Context": {
			reason:   "What comes from outside is a list where it is added to one.",
			template: "output: context.output.args + [\"x\"]",
			want:     "import \"list\"\noutput: list.Concat([context.output.args, [\"x\"]])",
			notices:  []string{"template, line 1: " + sum},
			inputs:   map[string]any{"context": map[string]any{"output": map[string]any{"args": []any{"a"}}}},
			output:   []any{"a", "x"},
		},
		"Product": {
			reason:   "Either side may be the list.",
			template: "output: {a: [1]*2, b: 2*[1], c: ([1] + [2])*2}",
			want:     "import \"list\"\noutput: {a: list.Repeat([1], 2), b: list.Repeat([1], 2), c: list.Repeat((list.Concat([[1], [2]])), 2)}",
			notices:  []string{"template, line 1: " + product, "template, line 1: " + product, "template, line 1: " + sum, "template, line 1: " + product},
			output: map[string]any{
				"a": []any{int64(1), int64(1)}, "b": []any{int64(1), int64(1)}, "c": []any{int64(1), int64(2), int64(1), int64(2)},
			},
		},
		"Imported": {
			reason:   "An import under another name is used by that name.",
			template: "import l \"list\"\noutput: l.Sort([2] + [1], l.Ascending)",
			want:     "import l \"list\"\noutput: l.Sort(l.Concat([[2], [1]]), l.Ascending)",
			notices:  []string{"template, line 2: " + sum},
			output:   []any{int64(1), int64(2)},
		},
		"Taken": {
			reason:   "A field may have the name of the package.",
			template: "list: [1]\noutput: list + [2]",
			want:     "import lists \"list\"\nlist: [1]\noutput: lists.Concat([list, [2]])",
			notices:  []string{"template, line 2: " + sum},
			output:   []any{int64(1), int64(2)},
		},
		"Keyword": {
			reason:   "A label that has become a keyword is quoted.",
			template: "output: {\n\ttry: 1\n\tb: try: 2\n}\nparameter: {try?: int}",
			want:     "output: {\n\t\"try\": 1\n\tb: \"try\": 2\n}\nparameter: {\"try\"?: int}",
			notices: []string{
				`template, line 2: the field try is read as "try": try has become a keyword`,
				`template, line 3: the field try is read as "try": try has become a keyword`,
				`template, line 5: the field try is read as "try": try has become a keyword`,
			},
			output: map[string]any{"try": int64(1), "b": map[string]any{"try": int64(2)}},
		},
		"KeywordText": {
			reason:   "What looks like such a label in a text is none.",
			template: "output: {try: \"\\(parameter.a) try: \\(parameter.a)\", c: \"try: \"}",
			want:     "output: {\"try\": \"\\(parameter.a) try: \\(parameter.a)\", c: \"try: \"}",
			notices:  []string{`template, line 1: the field try is read as "try": try has become a keyword`},
			inputs:   map[string]any{"parameter": map[string]any{"a": "b"}},
			output:   map[string]any{"try": "b try: b", "c": "try: "},
		},
		"Error": {
			reason:   "The name of a function may still be the name of a field, quoted or not.",
			template: "output: {error: \"a\", b: error, c: \"error\": 1}",
			want:     "output: {error: \"a\", b: error, c: \"error\": 1}",
			output:   map[string]any{"error": "a", "b": "a", "c": map[string]any{"error": int64(1)}},
		},
		"SingleValue": {
			reason:   "Bounds that leave one value were once that value.",
			template: "output: n: _x + 1\n_x: >=1 & <=1",
			want:     "output: n: _x + 1\n_x: 1",
			notices:  []string{"template, line 2: bounds that leave one value are read as that value"},
			output:   map[string]any{"n": int64(2)},
		},
		"Guard": {
			reason:   "A check beside a type.",
			template: "output: parameter.x\nparameter: {x: *45 | int & {if x < 1 {_|_}, if x > 50 {_|_}}}",
			want:     "output: parameter.x\nparameter: {x: *45 | int & >=1 & <=50}",
			notices:  []string{"template, line 2: a check of the field itself is read as a bound"},
			inputs:   map[string]any{"parameter": map[string]any{"x": int64(50)}},
			output:   int64(50),
		},
		"Broken": {
			reason:   "What does not parse is left to those who run it.",
			template: "output: [1] + [",
			want:     "output: [1] + [",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := definition.FromObject(traitObject(tc.template))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, d.Template); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			var notices []string
			for _, n := range d.Notices {
				notices = append(notices, n.String())
			}
			if diff := cmp.Diff(tc.notices, notices); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if tc.output == nil {
				return
			}
			got, err := d.Program(definition.TemplatePart).Run(tc.inputs, "output")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.output, got["output"]); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestModernizeBounded reads source that would take for ever if each sum in it
// were rewritten: it is left as it is.
func TestModernizeBounded(t *testing.T) {
	cases := map[string]string{
		"Chain":  "output: [1]" + strings.Repeat("+[1]", 60000),
		"Many":   "output: [" + strings.Repeat("[1]+[1],", 30000) + "]",
		"Nested": "output: " + strings.Repeat("(", 900) + "[1]" + strings.Repeat("+[1])", 900),
		"Names":  "a: b+b\nb: c+c\nc: d+d\nd: e+e\ne: f+f\nf: g+g\ng: h+h\nh: i+i\ni: j+j\nj: k+k\nk: l+l\nl: m+m\nm: n+n\nn: o+o\no: p+p\np: parameter.x\n",
	}
	for name, template := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			d, err := definition.FromObject(traitObject(template))
			if err != nil {
				t.Fatal(err)
			}
			if d.Template != template || len(d.Notices) > 0 {
				t.Errorf("the template was rewritten")
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestSourceBounds(t *testing.T) {
	const tooDeep = `read TraitDefinition "t": read template: line 1 of the source is nested deeper than 1000 levels; make it flatter`
	cases := map[string]struct{ reason, template, err string }{
		"Row":    {"Fields in a row.", "output: " + strings.Repeat("a:", 5000) + "1", tooDeep},
		"Braces": {"Structs.", strings.Repeat("{a:", 600) + "1" + strings.Repeat("}", 600), tooDeep},
		"Lists":  {"Lists and parentheses.", "a: " + strings.Repeat("[(", 600) + "1" + strings.Repeat(")]", 600), tooDeep},
		"Flat":   {"Many fields beside each other.", strings.Repeat("a: b: {c: [1, 2]}\n", 5000), ""},
		"Texts":  {"Colons in texts around interpolations, also nested ones.", strings.Repeat("a: \"http://\\(b):\\(\"x:\\(c):\"):y: z\"\nb: #\"\\#(c):\"#\n", 3000), ""},
		"Long":   {"Long source.", strings.Repeat("// a comment\n", 50000), `read TraitDefinition "t": read template: the source has 650000 bytes, but at most 524288 are read; make it shorter`},
		"Closed": {"More closed than opened.", "}}}))", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := definition.FromObject(traitObject(tc.template))
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestModernizeAllParts(t *testing.T) {
	object := traitObject("patch: {}")
	object["spec"].(map[string]any)["status"] = map[string]any{
		"healthPolicy": "isHealth: len([1] + [2]) == 2", "customStatus": "message: \"\\(([\"a\"] + [\"b\"])[1])\"", "details": "a: \"b\"",
	}
	d, err := definition.FromObject(object)
	if err != nil {
		t.Fatal(err)
	}
	health, err := d.Program(definition.HealthPart).Run(nil, "isHealth")
	if err != nil || health["isHealth"] != true {
		t.Errorf("health %v, %v", health, err)
	}
	status, err := d.Program(definition.StatusPart).Run(nil, "message")
	if err != nil || status["message"] != "b" {
		t.Errorf("status %v, %v", status, err)
	}
	if len(d.Notices) != 2 || d.Notices[0].Part != definition.HealthPart || d.Notices[1].Part != definition.StatusPart {
		t.Errorf("notices %v", d.Notices)
	}
}

func TestModernizeFile(t *testing.T) {
	d, err := definition.Parse("t.cue", []byte("t: {type: \"trait\"}\ntemplate: {\n\toutputs: {try: {a: [1] + [2]}}\n}"))
	if err != nil {
		t.Fatal(err)
	}
	want := "import \"list\"\n\n\toutputs: {\"try\": {a: list.Concat([[1], [2]])}}\n"
	if diff := cmp.Diff(want, d.Template); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(d.Notices) != 2 {
		t.Errorf("notices %v", d.Notices)
	}
}

func TestImports(t *testing.T) {
	cases := map[string]struct {
		reason, template, err string
	}{
		"Kube":   {"What reads a cluster.", "import \"vela/kube\"\npatch: {}", `read TraitDefinition "t": line 1 of template imports "vela/kube", which is not supported in a trait: objects are made of properties and context alone; give what it fetches as properties, or remove the import if it is not used`},
		"Base64": {"What CUE has itself.", "import (\n\t\"strings\"\n\tb \"vela/base64\"\n)\npatch: {}", `read TraitDefinition "t": line 3 of template imports "vela/base64", which is not supported in a trait: use the package "encoding/base64" of CUE`},
		"Cue":    {"What a trait does itself.", "import \"vela/cue\"\npatch: {}", `read TraitDefinition "t": line 1 of template imports "vela/cue", which is not supported in a trait: use a trait with patch, and the markers +patchKey and +patchStrategy`},
		"Helm":   {"What another type does.", "import \"vela/helm\"\npatch: {}", `read TraitDefinition "t": line 1 of template imports "vela/helm", which is not supported in a trait: use a component of the type helmchart`},
		"Own":    {"CUE's own packages.", "import \"strings\"\npatch: a: strings.ToUpper(\"a\")", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := definition.FromObject(traitObject(tc.template))
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
	step := traitObject("import \"vela/op\"\nx: op.#Read")
	step["kind"] = "WorkflowStepDefinition"
	if _, err := definition.FromObject(step); err != nil {
		t.Errorf("steps are made of such packages: %v", err)
	}
}

// FuzzModernize loads any template: it never breaks off, and what parses still does.
func FuzzModernize(f *testing.F) {
	for _, seed := range []string{"output: [1] + [2]", "a: {try: \"\\(b)\"}", "x: *45 | int & {if x < 1 {_|_}}", "import \"list\"\na: list.Repeat([1]*2, 3)", "\"\\(", "a: \"\"\"\n\t\\(b)\n\t\"\"\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		d, err := definition.FromObject(traitObject(template))
		if err != nil {
			return
		}
		_, before := parser.ParseFile("", template)
		_, after := parser.ParseFile("", d.Template)
		if before == nil && after != nil {
			t.Errorf("%q became %q, which does not parse: %v", template, d.Template, after)
		}
	})
}
