// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// TestBuiltin reads and compiles every definition that is part of the product.
func TestBuiltin(t *testing.T) {
	for _, kind := range []definition.Kind{definition.Component, definition.Trait, definition.Policy, definition.WorkflowStep} {
		for _, name := range definition.Builtin().Names(kind) {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				d := lookup(t, kind, name)
				if d.Kind != kind || d.Name != name {
					t.Errorf("the file of %s %q describes the %s %q", kind, name, d.Kind, d.Name)
				}
				if d.Description == "" || d.Digest == "" {
					t.Errorf("description or digest is empty")
				}
				for _, part := range []definition.Part{definition.TemplatePart, definition.HealthPart, definition.StatusPart, definition.DetailsPart} {
					if p := d.Program(part); p != nil && p.Check() != nil {
						t.Errorf("%s: %v", part, p.Check())
					}
				}
			})
		}
	}
}

func TestBuiltinNames(t *testing.T) {
	l := definition.Builtin()
	if got := l.Names(definition.Component); !slices.Contains(got, "webservice") {
		t.Errorf("components: %v", got)
	}
	if got := l.Names(definition.Trait); !slices.Contains(got, "scaler") || !slices.Contains(got, "labels") || !slices.IsSorted(got) {
		t.Errorf("traits: %v", got)
	}
}

func TestLookupUnknown(t *testing.T) {
	l := definition.NewLibrary(&definition.Definition{Kind: definition.Component, Name: "webservice", Version: "2"})
	cases := map[string]struct {
		reason string
		kind   definition.Kind
		name   string
		want   string
	}{
		"Misspelt":     {reason: "The name that was meant is proposed.", kind: definition.Component, name: "webservise", want: `there is no component type "webservise"; did you mean "webservice"? Known types: webservice`},
		"Other":        {reason: "Nothing alike, nothing proposed.", kind: definition.Component, name: "cron", want: `there is no component type "cron". Known types: webservice`},
		"OtherKind":    {reason: "Kinds have names of their own.", kind: definition.Trait, name: "webservice", want: `there is no trait type "webservice". Known types: (none)`},
		"OtherVersion": {reason: "A pinned version must be the one at hand.", kind: definition.Component, name: "webservice@1", want: `there is no component type "webservice@1"; did you mean "webservice"? Known types: webservice`},
		"SameVersion":  {reason: "The version at hand may be pinned.", kind: definition.Component, name: "webservice@2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := l.Lookup(tc.kind, tc.name)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			var unknown *definition.UnknownTypeError
			if tc.want != "" && !errors.As(err, &unknown) {
				t.Errorf("%T is no *UnknownTypeError", err)
			}
		})
	}
}

func TestParseDeprecated(t *testing.T) {
	cases := map[string]struct {
		reason string
		labels string
		want   bool
	}{
		"None":  {reason: "Without a label a type may be used.", labels: "{}"},
		"Whole": {reason: "The whole label.", labels: `{"custom.definition.oam.dev/deprecated": "true"}`, want: true},
		"Short": {reason: "The label without its prefix.", labels: `{deprecated: "true"}`, want: true},
		"Not":   {reason: "Another value.", labels: `{deprecated: "false"}`},
		"Other": {reason: "Another label.", labels: `{"ui-hidden": "true"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := definition.Parse("x.cue", []byte(`a: {type: "component", annotations: note: "x", labels: `+tc.labels+"}\ntemplate: {}"))
			if err != nil {
				t.Fatal(err)
			}
			if d.Deprecated != tc.want || d.Annotations["note"] != "x" {
				t.Errorf("%s deprecated %v, annotations %v", tc.reason, d.Deprecated, d.Annotations)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		want   string
	}{
		"Syntax":     {reason: "No CUE.", source: "a: {", want: "parse definition x.cue:1: expected '}', found 'EOF'"},
		"NoHeader":   {reason: "Nothing describes the type.", source: "template: {}", want: "read definition x.cue: no field describes the type"},
		"TwoHeaders": {reason: "One file, one definition.", source: "a: {}\nb: {}\ntemplate: {}", want: `read definition x.cue: both "a" and "b" describe a type; one file holds one definition`},
		"NoStruct":   {reason: "The template is a struct.", source: "a: {}\ntemplate: 1", want: "read definition x.cue: template is no struct"},
		"BadType":    {reason: "An attribute of another type.", source: "a: {type: 1}", want: `read definition x.cue: decode "a": json: cannot unmarshal number into Go struct field header.type of type string`},
		"Evaluation": {reason: "The description must be concrete.", source: "a: {type: string}", want: "read definition x.cue: a.type: incomplete value string"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := definition.Parse("x.cue", []byte(tc.source))
			if err == nil {
				t.Fatalf("%s no error", tc.reason)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCoerce(t *testing.T) {
	web, labels := lookup(t, definition.Component, "webservice"), lookup(t, definition.Trait, "labels")
	unknown := definition.Unknown{}
	cases := map[string]struct {
		reason     string
		definition *definition.Definition
		in, want   object
	}{
		"Numbers":  {reason: "Numbers and bools in quotes are converted where one is wanted.", definition: web, in: object{"ports": []any{object{"port": "80", "expose": "true", "name": "1"}}}, want: object{"ports": []any{object{"port": int64(80), "expose": true, "name": "1"}}}},
		"Texts":    {reason: "A text stays where a text is wanted or nothing fits.", definition: web, in: object{"cpu": "1", "port": "http"}, want: object{"cpu": "1", "port": "http"}},
		"Nulls":    {reason: "Null is absent where it is no value.", definition: web, in: object{"image": "a", "cpu": nil, "env": []any{object{"name": "A", "value": nil}}}, want: object{"image": "a", "env": []any{object{"name": "A"}}}},
		"NullKept": {reason: "Null removes a label.", definition: labels, in: object{"a": nil}, want: object{"a": nil}},
		"Choice":   {reason: "An alternative is converted as its own fields want.", definition: web, in: object{"volumes": []any{object{"type": "secret", "defaultMode": "420"}}}, want: object{"volumes": []any{object{"type": "secret", "defaultMode": int64(420)}}}},
		"Unknown":  {reason: "What is not known yet stays so.", definition: web, in: object{"image": unknown, "ports": []any{unknown}}, want: object{"image": unknown, "ports": []any{unknown}}},
		"Floats":   {reason: "A whole float is an integer where one is wanted.", definition: web, in: object{"port": 80.0}, want: object{"port": int64(80)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := cmp.Diff(object{}, tc.in)
			if diff := cmp.Diff(tc.want, tc.definition.Coerce(tc.in)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if cmp.Diff(object{}, tc.in) != before {
				t.Errorf("the input was changed")
			}
		})
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("image", "nginx", int64(80), "env")
	f.Add("ports", "", int64(-1), "volumes")
	f.Add("a.b[\"", "\xff\x00", int64(1<<62), "labels")
	f.Fuzz(func(t *testing.T, key, text string, n int64, list string) {
		properties := object{key: text, list: []any{text, n, object{key: nil, "type": text}}, "limit": object{key: n}}
		for _, d := range []*definition.Definition{lookup(t, definition.Component, "webservice"), lookup(t, definition.Trait, "labels")} {
			first := lines(d.Validate(properties, "p"))
			if second := lines(d.Validate(properties, "p")); first != second {
				t.Errorf("two checks of the same properties differ: %s", cmp.Diff(first, second))
			}
			d.Coerce(properties)
		}
	})
}
