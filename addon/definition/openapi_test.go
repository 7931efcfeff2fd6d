// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestOpenAPI(t *testing.T) {
	cases := map[string]struct {
		reason    string
		parameter string
		want      object
	}{
		"Scalars": {
			reason:    "Types, descriptions, defaults, and what is required.",
			parameter: "{\n// +usage=The image\nimage: string\nreplicas: *1 | int & >=0\nratio?: number & >0 & <1\nflag: *true | bool\nname: *context.name | string}",
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "required": []any{"image"}, "properties": object{
				"image":    object{"type": "string", "description": "The image"},
				"replicas": object{"type": "integer", "default": int64(1), "minimum": int64(0)},
				"ratio":    object{"type": "number", "minimum": int64(0), "exclusiveMinimum": true, "maximum": int64(1), "exclusiveMaximum": true},
				"flag":     object{"type": "boolean", "default": true},
				"name":     object{"type": "string"},
			}},
		},
		"Texts": {
			reason:    "Values, patterns, lengths and null.",
			parameter: `{a: *"x" | "y", b?: =~"^x", c?: strings.MinRunes(1) & strings.MaxRunes(3), d?: string | null, e?: =~"^x" & !~"y$" & !="x", f?: "x" | null, g?: !=""}`,
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "properties": object{
				"a": object{"type": "string", "default": "x", "enum": []any{"x", "y"}},
				"b": object{"type": "string", "pattern": "^x"},
				"c": object{"type": "string", "minLength": int64(1), "maxLength": int64(3)},
				"d": object{"type": "string", "nullable": true},
				"e": object{"type": "string", "allOf": []any{object{"pattern": "^x"}, object{"not": object{"pattern": "y$"}}, object{"not": object{"enum": []any{"x"}}}}},
				"f": object{"type": "string", "nullable": true, "enum": []any{"x", nil}},
				"g": object{"type": "string", "not": object{"enum": []any{""}}},
			}},
		},
		"Optional": {
			reason:    "An optional field that is not given is absent: a default beside it does not count.",
			parameter: `{a?: *1 | int, b?: "x"}`,
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "properties": object{
				"a": object{"type": "integer"}, "b": object{"type": "string", "enum": []any{"x"}},
			}},
		},
		"Collections": {
			reason:    "Lists, maps and open structs.",
			parameter: `{a: [...string] & list.MaxItems(2), b?: [string]: int, c?: {...}, d?: {x?: int, ...}, e: *["x"] | [...string], f?: _}`,
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "properties": object{
				"a": object{"type": "array", "maxItems": int64(2), "items": object{"type": "string"}},
				"b": object{"type": "object", "additionalProperties": object{"type": "integer"}},
				"c": object{"type": "object", "additionalProperties": true},
				"d": object{"type": "object", "additionalProperties": true, "properties": object{"x": object{"type": "integer"}}},
				"e": object{"type": "array", "items": object{"type": "string"}, "default": []any{"x"}},
				"f": object{},
			}},
		},
		"Choices": {
			reason:    "Alternatives, also of different types.",
			parameter: `{a?: string | int, b?: *null | {c: string}, d?: {x: string} | [...string], e?: "auto" | int & >=1}`,
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "properties": object{
				"a": object{"oneOf": []any{object{"type": "string"}, object{"type": "integer"}}},
				"b": object{"type": "object", "nullable": true, "additionalProperties": false, "required": []any{"c"}, "properties": object{"c": object{"type": "string"}}},
				"d": object{"oneOf": []any{
					object{"type": "object", "additionalProperties": false, "required": []any{"x"}, "properties": object{"x": object{"type": "string"}}},
					object{"type": "array", "items": object{"type": "string"}},
				}},
				"e": object{"oneOf": []any{object{"type": "string", "enum": []any{"auto"}}, object{"type": "integer", "minimum": int64(1)}}},
			}},
		},
		"Discriminated": {
			reason:    "The constant that says which alternative is meant must be given.",
			parameter: `{v?: [...{type: "x", n: int} | {type: "y"}]}`,
			want: object{"type": "object", "description": "A type.", "additionalProperties": false, "properties": object{"v": object{"type": "array", "items": object{"oneOf": []any{
				object{"type": "object", "additionalProperties": false, "required": []any{"n", "type"}, "properties": object{"type": object{"type": "string", "enum": []any{"x"}, "default": "x"}, "n": object{"type": "integer"}}},
				object{"type": "object", "additionalProperties": false, "required": []any{"type"}, "properties": object{"type": object{"type": "string", "enum": []any{"y"}, "default": "y"}}},
			}}}}},
		},
		"Whole": {
			reason:    "The parameters may be a choice themselves.",
			parameter: `{a: string} | {b: int}`,
			want: object{"description": "A type.", "oneOf": []any{
				object{"type": "object", "additionalProperties": false, "required": []any{"a"}, "properties": object{"a": object{"type": "string"}}},
				object{"type": "object", "additionalProperties": false, "required": []any{"b"}, "properties": object{"b": object{"type": "integer"}}},
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &definition.Definition{Kind: definition.Trait, Name: "x", Description: "A type.", Template: "import (\n\"list\"\n\"strings\"\n)\n_uses: [list.MaxItems(1), strings.MinRunes(1)]\nparameter: " + tc.parameter}
			if err := d.Program(definition.TemplatePart).Check(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, d.OpenAPI()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestOpenAPIBuiltin takes a type with all that types have.
func TestOpenAPIBuiltin(t *testing.T) {
	raw, err := json.MarshalIndent(lookup(t, definition.Component, "webservice").OpenAPI(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi/webservice", string(raw)+"\n")
}
