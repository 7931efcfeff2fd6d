// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"errors"
	"fmt"
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
		"OtherVersion": {reason: "A pinned version must be the one at hand.", kind: definition.Component, name: "webservice@1", want: `the component type "webservice" has no version "1". Known versions: 2`},
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

// versioned is a component type "queue" that tells its layer and version by its description.
func versioned(layer, version string, revision int64, archived bool) *definition.Definition {
	return &definition.Definition{
		Kind: definition.Component, Name: "queue", Version: version, Revision: revision, Archived: archived, Description: fmt.Sprintf("%s %s v%d", layer, version, revision),
	}
}

func TestLookupVersions(t *testing.T) {
	top := definition.NewLibrary(
		versioned("top", "1.9.0", 3, true), versioned("top", "1.10.0", 4, true), versioned("top", "2.0.0", 5, false), versioned("top", "2.0.0", 5, true), versioned("top", "1.2.1", 1, true),
	)
	middle := definition.NewLibrary(
		&definition.Definition{Kind: definition.Component, Name: "old", Description: "archived", Revision: 1, Archived: true},
		&definition.Definition{Kind: definition.Component, Name: "plain", Description: "middle plain"},
	)
	bottom := definition.NewLibrary(
		versioned("bottom", "0.1.0", 9, false), &definition.Definition{Kind: definition.Trait, Name: "queue", Description: "a trait"},
		&definition.Definition{Kind: definition.Component, Name: "plain", Description: "bottom plain", Version: "3"},
	)
	l := top.Over(middle).Over(bottom)
	cases := map[string]struct{ reason, name, want, err string }{
		"Top":        {reason: "The layer on top counts, and in it what is not archived.", name: "queue", want: "top 2.0.0 v5"},
		"Exact":      {reason: "A version that is written out.", name: "queue@1.9.0", want: "top 1.9.0 v3"},
		"ExactV":     {reason: "Also with a v before it.", name: "queue@v1.9.0", want: "top 1.9.0 v3"},
		"Revision":   {reason: "vN is the revision of the cluster.", name: "queue@v3", want: "top 1.9.0 v3"},
		"RevisionV1": {reason: "Also where versions begin with the same number.", name: "queue@v1", want: "top 1.2.1 v1"},
		"Partial":    {reason: "The newest of those that begin so, by number.", name: "queue@1", want: "top 1.10.0 v4"},
		"PartialDot": {reason: "A number is a whole one: 1.1 is not 1.10.", name: "queue@1.1", err: `the component type "queue" has no version "1.1". Known versions: 0.1.0, 1.10.0, 1.2.1, 1.9.0, 2.0.0, v1, v3, v4, v5, v9`},
		"Number":     {reason: "A number alone is a revision where no version begins so.", name: "queue@4", want: "top 1.10.0 v4"},
		"Below":      {reason: "A version of a lower layer.", name: "queue@0.1.0", want: "bottom 0.1.0 v9"},
		"Hidden":     {reason: "A layer hides those below it.", name: "plain", want: "middle plain"},
		"Through":    {reason: "But not the versions that it does not have.", name: "plain@3", want: "bottom plain"},
		"Archived":   {reason: "A type of which earlier revisions alone are left.", name: "old", err: `there is no component type "old". Known types: plain, queue`},
		"ByRevision": {reason: "Its revisions can be asked for.", name: "old@v1", want: "archived"},
		"Empty":      {reason: "No version at all after the sign.", name: "queue@", err: `there is no component type "queue@"; did you mean "queue"? Known types: plain, queue`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := l.Lookup(definition.Component, tc.name)
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if d != nil && d.Description != tc.want || d == nil && tc.want != "" {
				t.Errorf("%s got %+v, want %s", tc.reason, d, tc.want)
			}
		})
	}
	if _, err := middle.Lookup(definition.Component, "plain@1"); errorText(err) != `the component type "plain" has no versions; write the type without @1` {
		t.Errorf("no versions: %v", err)
	}
	if diff := cmp.Diff([]string{"queue"}, l.Names(definition.Trait)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestArchived looks a type up that the cluster keeps an earlier revision of.
func TestArchived(t *testing.T) {
	var all []*definition.Definition
	for _, o := range []map[string]any{
		{"apiVersion": "core.oam.dev/v1beta1", "kind": "DefinitionRevision", "metadata": map[string]any{"name": "t-v1"}, "spec": map[string]any{"revision": int64(1), "traitDefinition": traitObject("patch: a: 1")}},
		traitObject("patch: a: 2"),
	} {
		d, err := definition.FromObject(o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	slices.Reverse(all) // the revision does not count without its version, also when it comes last
	l := definition.NewLibrary(all...).Over(definition.Builtin())
	for name, want := range map[string]string{"t": "patch: a: 2", "t@v1": "patch: a: 1"} {
		if d := traitOf(t, l, name); d.Template != want || !d.Foreign {
			t.Errorf("%s: %q, foreign %t", name, d.Template, d.Foreign)
		}
	}
	if d := traitOf(t, l, "scaler"); d.Foreign {
		t.Error("a built-in definition is foreign")
	}
}

// TestFromSources checks that a definition that cannot be read fails those alone who use it.
func TestFromSources(t *testing.T) {
	broken := errors.New("broken")
	l := definition.FromSources(
		definition.Source{Kind: definition.Trait, Name: "broken", Load: func() (*definition.Definition, error) { return nil, broken }},
		definition.Source{Kind: definition.Trait, Name: "t", Load: func() (*definition.Definition, error) { return definition.FromObject(traitObject("patch: a: 2")) }},
	).Over(definition.Builtin())
	if d := traitOf(t, l, "t"); d.Template != "patch: a: 2" {
		t.Errorf("t: %q", d.Template)
	}
	if _, err := l.Lookup(definition.Trait, "broken"); !errors.Is(err, broken) {
		t.Errorf("broken: %v", err)
	}
}

func traitOf(t *testing.T, l *definition.Library, name string) *definition.Definition {
	t.Helper()
	d, err := l.Lookup(definition.Trait, name)
	if err != nil {
		t.Fatal(err)
	}
	return d
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
