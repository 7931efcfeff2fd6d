// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue/hcltest"
)

// run calls a function with arguments that are written in HCL.
func run(t *testing.T, f function.Function, arguments ...attr.Value) (any, *function.FuncError) {
	t.Helper()
	resp := &function.RunResponse{Result: function.NewResultData(types.DynamicUnknown())}
	f.Run(t.Context(), function.RunRequest{Arguments: function.NewArgumentsData(arguments)}, resp)
	if resp.Error != nil {
		return nil, resp.Error
	}
	out, err := hclvalue.ToJSONWithNulls(resp.Result.Value())
	if err != nil {
		t.Fatal(err)
	}
	return out, nil
}

// variadic is how a function gets the arguments of its variadic parameter.
func variadic(values ...attr.Value) attr.Value {
	kinds := make([]attr.Type, len(values))
	for i := range values {
		kinds[i] = types.DynamicType
	}
	return basetypes.NewTupleValueMust(kinds, values)
}

func TestMerge(t *testing.T) {
	type object = map[string]any
	unknown := definition.Unknown{}
	cases := map[string]struct {
		reason  string
		objects []string
		want    any
	}{
		"None":       {"Nothing is an empty object.", nil, object{}},
		"Deep":       {"Objects are merged at any depth.", []string{`{ a = { b = { c = 1, d = 2 } } }`, `{ a = { b = { d = 3 } } }`}, object{"a": object{"b": object{"c": int64(1), "d": int64(3)}}}},
		"Lists":      {"A list is replaced.", []string{`{ a = [1, 2] }`, `{ a = [3] }`}, object{"a": []any{int64(3)}}},
		"Null":       {"A null removes.", []string{`{ a = 1, b = { c = 1, d = 2 } }`, `{ a = null, b = { d = null } }`}, object{"b": object{"c": int64(1)}}},
		"NullObject": {"One that is null is passed over.", []string{`{ a = 1 }`, `null`}, object{"a": int64(1)}},
		"Maps":       {"A map is merged like an object.", []string{`tomap({ a = "x" })`, `{ b = 1 }`}, object{"a": "x", "b": int64(1)}},
		"Replaced":   {"What is no object gives way to one.", []string{`{ a = "x" }`, `{ a = { b = 1 } }`}, object{"a": object{"b": int64(1)}}},
		"Leaf":       {"Beside an unknown value all stays known.", []string{`{ a = { b = 1, c = 2 } }`, `{ a = { c = unknown } }`}, object{"a": object{"b": int64(1), "c": unknown}}},
		"Any":        {"What may be null or an object makes the object around it unknown.", []string{`{ a = { b = 1 }, z = 1 }`, `{ a = { b = any } }`}, object{"a": unknown, "z": int64(1)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var objects []attr.Value
			for _, expression := range tc.objects {
				objects = append(objects, hcltest.Evaluate(t, expression))
			}
			got, failed := run(t, NewMergeFunction(), variadic(objects...))
			if failed != nil {
				t.Fatalf("%s\n%s", tc.reason, failed)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	_, failed := run(t, NewMergeFunction(), variadic(hcltest.Evaluate(t, `{}`), hcltest.Evaluate(t, `[1]`)))
	if failed == nil || !strings.HasPrefix(failed.Text, "objects[1] must be an object") {
		t.Errorf("got %v, want an error about objects[1]", failed)
	}
}

// TestParseApplicationRoundTrip parses all examples of types: what is parsed
// writes the same spec again.
func TestParseApplicationRoundTrip(t *testing.T) {
	files, err := filepath.Glob("../examples/types/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\n---\n") {
			continue // has other objects beside the Application
		}
		parsed, err := parseApplication(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		model, err := applicationArgument(t.Context(), parsed)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		spec := newApplicationSpec(model)
		if len(spec.findings) > 0 {
			t.Errorf("%s: what was parsed is refused: %v", file, findingsError(spec.findings))
			continue
		}
		object, err := readApplication(string(text))
		if err != nil {
			t.Fatal(err)
		}
		written, _ := object["spec"].(map[string]any)
		if components, ok := written["components"].([]any); ok {
			slices.SortFunc(components, func(a, b any) int { return strings.Compare(nameIn(a), nameIn(b)) })
		}
		if diff := cmp.Diff(written, spec.object()); diff != "" {
			t.Errorf("%s: -written +parsed:\n%s", file, diff)
		}
	}
}

// nameIn is the name of a component.
func nameIn(component any) string {
	fields, _ := component.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

func TestParseApplication(t *testing.T) {
	const head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop, labels: {a: b}, annotations: {fairlead.dev/revision: x, kubectl.kubernetes.io/last-applied-configuration: x}}\nspec:\n"
	type object = map[string]any
	cases := map[string]struct {
		reason, spec string
		part         string
		want         any
	}{
		"Object":       {"Traits in the order of their names are an object.", "components: [{name: w, type: t, traits: [{type: a}, {type: b, properties: {c: 1}}]}]", "components", object{"w": object{"type": "t", "traits": object{"a": object{}, "b": object{"c": int64(1)}}}}},
		"Order":        {"Another order is kept.", "components: [{name: w, type: t, traits: [{type: b}, {type: a}]}]", "components", object{"w": object{"type": "t", "traits": []any{object{"type": "b"}, object{"type": "a"}}}}},
		"Twice":        {"So is a type that occurs again.", "components: [{name: w, type: t, traits: [{type: a}, {type: a}]}]", "components", object{"w": object{"type": "t", "traits": []any{object{"type": "a"}, object{"type": "a"}}}}},
		"Environments": {"Policies as the provider writes them are environments.", "components: []\n  policies: [{name: env-dev, type: environment, properties: {environment: dev}}]", "environments", []any{"dev"}},
		"Policies":     {"Others are not.", "components: []\n  policies: [{name: dev, type: environment, properties: {environment: dev}}]", "policies", []any{object{"name": "dev", "type": "environment", "properties": object{"environment": "dev"}}}},
		"Absent":       {"What is not said is null.", "components: []", "workflow", nil},
		"Annotations":  {"What the provider and kubectl write themselves is left out.", "components: []", "annotations", nil},
		"Labels":       {"Labels are the user's.", "components: []", "labels", object{"a": "b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, failed := run(t, NewParseApplicationFunction(), types.StringValue(head+"  "+tc.spec+"\n"))
			if failed != nil {
				t.Fatalf("%s\n%s", tc.reason, failed)
			}
			if diff := cmp.Diff(tc.want, got.(object)[tc.part]); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseApplicationRefuses(t *testing.T) {
	const application = "apiVersion: core.oam.dev/v1beta1\nkind: Application\n"
	cases := map[string]struct{ text, want string }{
		"Other":     {"apiVersion: v1\nkind: ConfigMap\n", `the text holds a ConfigMap of "v1"; give an Application of core.oam.dev/v1beta1`},
		"Several":   {application + "---\n" + application, "the text holds 2 objects; give one Application"},
		"Nothing":   {"", "the text holds 0 objects; give one Application"},
		"Broken":    {"a: [", "yaml:1 (document 1): "},
		"NoList":    {application + "spec: {components: {}}\n", "spec.components must be a list"},
		"NoName":    {application + "spec: {components: [{type: t}]}\n", "spec.components[0].name is missing"},
		"SameNames": {application + "spec: {components: [{name: a}, {name: a}]}\n", `spec.components[1].name: another component is called "a" too`},
		"TooLarge":  {strings.Repeat("#", maxApplicationText+1), "the text has 2097153 bytes, at most 2097152 are read"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, failed := run(t, NewParseApplicationFunction(), types.StringValue(tc.text))
			if failed == nil || !strings.HasPrefix(failed.Text, tc.want) {
				t.Errorf("got %v, want %s", failed, tc.want)
			}
		})
	}
}

func TestRenderMasksSecrets(t *testing.T) {
	got, failed := run(t, NewRenderFunction(), hcltest.Evaluate(t, `{
  components = { s = { type = "k8s-objects", properties = { objects = [
    { apiVersion = "v1", kind = "Secret", metadata = { name = "db" }, stringData = { password = "hunter2" } },
  ] } } }
  environments = { prod = { ref = { target_namespace = { suffix = "-prod" } } } }
}`))
	if failed != nil {
		t.Fatal(failed)
	}
	objects, _ := got.(map[string]any)["prod"].([]any)
	if len(objects) != 1 {
		t.Fatalf("got %d objects, want 1", len(objects))
	}
	secret, _ := objects[0].(map[string]any)
	if diff := cmp.Diff(map[string]any{"password": masked}, secret["stringData"]); diff != "" {
		t.Errorf("stringData: -want +got:\n%s", diff)
	}
	if metadata, _ := secret["metadata"].(map[string]any); metadata["namespace"] != "default-prod" {
		t.Errorf("namespace: got %v, want default-prod", metadata["namespace"])
	}
}

// TestRenderOfDefinitions renders types that are given, wherever they are for.
func TestRenderOfDefinitions(t *testing.T) {
	for _, namespace := range []string{"null", `"team"`, `"fairlead-system"`} {
		got, failed := run(t, NewRenderFunction(), hcltest.Evaluate(t, `{
  components  = { l = { type = "ledger", properties = { size = 2 } } }
  definitions = [{ kind = "component", name = "ledger", namespace = `+namespace+`, cue = `+strconv.Quote(ledgerCUE("ConfigMap"))+` }]
}`))
		if failed != nil {
			t.Fatal(failed)
		}
		objects, _ := got.(map[string]any)["default"].([]any)
		if len(objects) != 1 {
			t.Fatalf("namespace %s: got %d objects, want 1", namespace, len(objects))
		}
		object, _ := objects[0].(map[string]any)
		if diff := cmp.Diff(map[string]any{"size": "2"}, object["data"]); diff != "" {
			t.Errorf("namespace %s: -want +got:\n%s", namespace, diff)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	cases := map[string]struct{ argument, want string }{
		"Text":                 {`"x"`, "must be an object with attributes of fairlead_application"},
		"Nothing":              {`{ name = "a" }`, "components is required"},
		"Null":                 {`{ components = null }`, "components is required"},
		"Misspelt":             {`{ component = {} }`, "component is no attribute of fairlead_application (did you mean components?)"},
		"Labels":               {`{ components = {}, labels = { a = [] } }`, "labels must be a map of strings"},
		"Name":                 {`{ components = {}, name = [] }`, "name must be a string"},
		"Parameter":            {`{ components = { web = { type = "webservice", properties = { imag = "a" } } } }`, "components.web.properties.imag"},
		"Text for definitions": {`{ components = {}, definitions = "x" }`, "definitions must be a list of objects"},
		"Not CUE":              {`{ components = {}, definitions = [{ cue = "{" }] }`, "definitions[0].cue: "},
		"No CUE":               {`{ components = {}, definitions = [{ name = "x" }] }`, "definitions[0].cue: is required"},
		"Elsewhere": {`{ namespace = "a", components = { l = { type = "ledger" } }, definitions = [{ namespace = "b", cue = ` + strconv.Quote(ledgerCUE("ConfigMap")) + ` }] }`,
			`components.l: the component type "ledger" is not built into the provider`},
		"Foreign": {`{ components = { web = { type = "ours" } } }`, `components.web: the component type "ours" is not built into the provider, and its definition is not given`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, failed := run(t, NewRenderFunction(), hcltest.Evaluate(t, tc.argument))
			if failed == nil || !strings.HasPrefix(failed.Text, tc.want) {
				t.Errorf("got %v, want %s", failed, tc.want)
			}
		})
	}
}
