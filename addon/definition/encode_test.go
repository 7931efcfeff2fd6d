// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
	"github.com/google/go-cmp/cmp"
)

// sameSchema compares all that schemas hold, expressions by their text.
var sameSchema = cmp.Options{
	cmp.AllowUnexported(schema{}, bounds{}, limit{}, pattern{}),
	cmp.Comparer(func(a, b *regexp.Regexp) bool { return a.String() == b.String() }),
}

func TestSchemaRoundTrip(t *testing.T) {
	text := &schema{kinds: cue.StringKind}
	cases := map[string]struct {
		reason string
		schema *schema
	}{
		"Anything": {reason: "The schema that knows nothing stays open.", schema: anything()},
		"Texts":    {reason: "Usage and the marks of a field stay.", schema: &schema{kinds: cue.StringKind | cue.NullKind, usage: "the \"image\"", optional: true, demanded: true, preset: true, value: "x", computed: "context.name"}},
		"Numbers": {
			reason: "Integers stay integers, floats stay floats, and large integers stay exact.",
			schema: &schema{kinds: cue.NumberKind, fixed: int64(1), value: 1.0, allowed: []any{int64(1), 1.0, 0.1, int64(1<<62 + 1), 1e300, "1", true, nil}},
		},
		"Bounds": {
			reason: "Limits, lengths and patterns stay.",
			schema: &schema{kinds: cue.IntKind, bounds: bounds{
				limits:   []limit{{op: token.GEQ, value: 1, text: "1"}, {op: token.LEQ, value: 65_535, text: "65_535"}, {op: token.GTR, value: 0.5, text: "0.5"}, {op: token.LSS, value: 9, text: "9"}},
				lengths:  []limit{{op: token.LEQ, value: 63, text: "63"}},
				excluded: []any{"", int64(0), 0.0},
				patterns: []pattern{{expression: regexp.MustCompile(`^[a-z"\\]+$`)}, {expression: regexp.MustCompile("x"), not: true}},
			}},
		},
		"Nested": {
			reason: "Fields, other fields, items and alternatives stay, and an empty set of fields is not none.",
			schema: &schema{kinds: cue.StructKind, open: true, others: text, fields: map[string]*schema{
				"list":   {kinds: cue.ListKind, items: text, value: []any{int64(1), map[string]any{"a": 1.0}}},
				"choice": {kinds: cue.StructKind, alternatives: []*schema{{kinds: cue.StructKind, fields: map[string]*schema{}}, text}},
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			roundTrip(t, tc.reason, tc.schema)
		})
	}
}

func roundTrip(t *testing.T, reason string, s *schema) {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	var got *schema
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	if diff := cmp.Diff(s, got, sameSchema); diff != "" {
		t.Errorf("%s\n-want +got:\n%s", reason, diff)
	}
}

// TestSchemaRoundTripBuiltin takes the schemas that there really are.
func TestSchemaRoundTripBuiltin(t *testing.T) {
	for _, kind := range []Kind{Component, Trait, Policy, WorkflowStep} {
		for _, name := range Builtin().Names(kind) {
			d, err := Builtin().Lookup(kind, name)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, string(kind)+"/"+name, d.parameters())
		}
	}
}

func TestSchemaRefusesBadForms(t *testing.T) {
	for raw, want := range map[string]string{
		`{"kinds": "x"}`:                              "decode a schema",
		`{"limits": [{"op": "==", "value": 1}]}`:      `decode the limit "==" of a schema`,
		`{"limits": [{"op": ">=", "value": "1"}]}`:    `decode the limit ">=" of a schema`,
		`{"lengths": [{"op": "", "value": 1}]}`:       `decode the limit "" of a schema`,
		`{"patterns": [{"expression": "("}]}`:         "decode the pattern of a schema",
		`{"allowed": [99999999999999999999]}`:         "decode a number of a schema",
		`{"fields": {"a": {"allowed": [[1, 1e999]]}}`: "unexpected end",
		`{"default": {"a": 1e999}}`:                   "decode a number of a schema",
	} {
		var s schema
		if err := json.Unmarshal([]byte(raw), &s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", raw, err, want)
		}
	}
}
