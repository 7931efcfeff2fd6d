// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// at is a marker s=a below fields in a row.
func at(path ...string) *program.Markers {
	if len(path) == 0 {
		return &program.Markers{Values: map[string]string{"s": "a"}}
	}
	return &program.Markers{Fields: map[string]*program.Markers{path[0]: at(path[1:]...)}}
}

func TestMarkers(t *testing.T) {
	cases := map[string]struct {
		reason, source string
		want           *program.Markers
	}{
		"None":       {reason: "Nothing marked.", source: "patch: spec: a: 1"},
		"Root":       {reason: "The field itself.", source: "// +s=a\npatch: {spec: a: 1}", want: at()},
		"Row":        {reason: "A comment above fields in a row is the last one's.", source: "// +s=a\npatch: spec: replicas: 1", want: at("spec", "replicas")},
		"RowBraces":  {reason: "A row ends where braces begin.", source: "// +s=a\npatch: spec: {a: b: 1}", want: at("spec")},
		"Nested":     {reason: "A field within braces.", source: "patch: {\n\t// +s=a\n\tspec: a: 1\n}", want: at("spec", "a")},
		"Spaces":     {reason: "Spaces around name and value.", source: "patch: {\n\t//  + s = a \n\tspec: 1\n}", want: at("spec")},
		"Apart":      {reason: "An empty line sets a comment off.", source: "// +s=a\n\npatch: {spec: 1}"},
		"Behind":     {reason: "A comment behind a field is no doc of it.", source: "patch: {spec: 1 // +s=a\n}"},
		"If":         {reason: "A field in a comprehension.", source: "patch: {if parameter.x {\n\t// +s=a\n\tspec: 1\n}}", want: at("spec")},
		"AboveIf":    {reason: "A comment above a comprehension is nobody's.", source: "patch: {\n\t// +s=a\n\tif parameter.x {spec: 1}}"},
		"Reference":  {reason: "What a name refers to.", source: "patch: spec: _p\n_p: {\n\t// +s=a\n\ty: 2\n}", want: at("spec", "y")},
		"Selector":   {reason: "What a path refers to.", source: "patch: spec: _p.q\n_p: q: {\n\t// +s=a\n\ty: 2\n}", want: at("spec", "y")},
		"Definition": {reason: "A definition beside the value.", source: "#P: {\n\t// +s=a\n\tq: {...}\n}\npatch: spec: #P & {q: x: \"y\"}", want: at("spec", "q")},
		"Let":        {reason: "A let clause.", source: "let L = {\n\t// +s=a\n\tq: 1\n}\npatch: spec: L", want: at("spec", "q")},
		"Target":     {reason: "The comment of a field that is referred to is its own.", source: "parameter: {\n\t// +s=a\n\tq: [1]\n}\npatch: spec: q: parameter.q"},
		"Close":      {reason: "Functions hand a struct on.", source: "patch: spec: close({\n\t// +s=a\n\tq: 1\n})", want: at("spec", "q")},
		"RowEnds":    {reason: "A row ends before a computed name.", source: "patch: {\n\t// +s=a\n\tq: \"\\(parameter.x)\": 1\n}", want: at("q")},
		"Computed":   {reason: "A field with a computed name.", source: "patch: {for k, v in parameter {\n\t// +s=a\n\t\"\\(k)\": v\n}}", want: at("")},
		"Items":      {reason: "Items of a list, also of a comprehension.", source: "patch: l: [{a: 1}, for x in parameter.l {\n\t// +s=a\n\tq: x\n}]", want: &program.Markers{Fields: map[string]*program.Markers{"l": {Items: at("q")}}}},
		"Concat":     {reason: "Lists that are joined.", source: "import \"list\"\npatch: l: list.Concat([[{\n\t// +s=a\n\tq: 1\n}], parameter.l])", want: &program.Markers{Fields: map[string]*program.Markers{"l": {Items: at("q")}}}},
		"Open":       {reason: "A list that may have more items.", source: "patch: l: [{a: 1}, ...]", want: &program.Markers{Fields: map[string]*program.Markers{"l": {Open: true}}}},
		"Both":       {reason: "All declarations of a field count, and the later where both speak of one marker.", source: "patch: {\n\t// +s=b\n\t// +t=c\n\tq: _\n}\npatch: {\n\t// +s=a\n\tq: 1\n}", want: &program.Markers{Fields: map[string]*program.Markers{"q": {Values: map[string]string{"s": "a", "t": "c"}}}}},
		"Circle":     {reason: "References in a circle end.", source: "patch: _a\n_a: {\n\t// +s=a\n\tq: 1\n\tr: _a\n}", want: at("q")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := program.New("test.cue", tc.source).Markers("patch")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestMarkersBounded reads source in which each name stands for the next in two
// ways, which would take for ever if each way were followed.
func TestMarkersBounded(t *testing.T) {
	var source strings.Builder
	source.WriteString("patch: {x: _a0, y: _a0}\n")
	for i := range 60 {
		name := strings.Repeat("a", i)
		source.WriteString("_" + name + "a0: {x: _" + name + "aa0, y: _" + name + "aa0 & _" + name + "aa0}\n")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := program.New("test.cue", source.String()).Markers("patch"); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("reading markers does not end")
	}
}

func TestMarkersBelow(t *testing.T) {
	m, err := program.New("test.cue", "patch: {\n\t// +s=a\n\t\"\\(parameter.x)\": 1\n\t// +t=b\n\tq: 1\n}").Markers("patch")
	if err != nil {
		t.Fatal(err)
	}
	want := &program.Markers{Values: map[string]string{"s": "a", "t": "b"}}
	if diff := cmp.Diff(want, m.Below("q"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(at(), m.Below("other")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
