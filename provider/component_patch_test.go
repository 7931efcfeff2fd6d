// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// literal makes the Dynamic that an HCL literal of that JSON would be.
func literal(t *testing.T, text string) types.Dynamic {
	t.Helper()
	var content any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	value, err := hclvalue.FromJSON(content, nil)
	if err != nil {
		t.Fatal(err)
	}
	if dynamic, ok := value.(types.Dynamic); ok {
		return dynamic
	}
	return types.DynamicValue(value)
}

// jsonText writes a value as JSON.
func jsonText(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestExpandDefaults checks what is written for defaults.
func TestExpandDefaults(t *testing.T) {
	tests := []struct {
		reason, value, want, err string
	}{
		{reason: "types come in order", value: `{"b":{"properties":{"x":1}},"a":{}}`, want: `[{"type":"a"},{"type":"b","properties":{"x":1}}]`},
		{reason: "traits by type", value: `{"a":{"traits":{"scaler":{"replicas":3}}}}`, want: `[{"type":"a","traits":[{"type":"scaler","properties":{"replicas":3}}]}]`},
		{reason: "a trait may be removed", value: `{"a":{"traits":{"scaler":{"disable":true}}}}`, want: `[{"type":"a","traits":[{"type":"scaler","disable":true}]}]`},
		{reason: "disable beside others is a property", value: `{"a":{"traits":{"t":{"disable":true,"x":1}}}}`, want: `[{"type":"a","traits":[{"type":"t","properties":{"disable":true,"x":1}}]}]`},
		{reason: "a list keeps its order", value: `{"a":{"traits":[{"type":"z"},{"type":"b","disable":true}]}}`, want: `[{"type":"a","traits":[{"type":"z"},{"type":"b","disable":true}]}]`},
		{reason: "texts that HCL made of numbers", value: `{"webservice":{"properties":{"port":"8080","image":"1"},"traits":{"scaler":{"replicas":"3"}}}}`,
			want: `[{"type":"webservice","properties":{"image":"1","port":8080},"traits":[{"type":"scaler","properties":{"replicas":3}}]}]`},
		{reason: "a text that is no number is left for others to refuse", value: `{"webservice":{"traits":[{"type":"scaler","properties":{"replicas":"many"}}]}}`,
			want: `[{"type":"webservice","traits":[{"type":"scaler","properties":{"replicas":"many"}}]}]`},
		{reason: "a type that is not built in says nothing of its parameters", value: `{"books":{"properties":{"size":"3"}}}`, want: `[{"type":"books","properties":{"size":"3"}}]`},
		{reason: "a null removes a label", value: `{"webservice":{"traits":{"labels":{"team":null},"annotations":{"a":null,"b":"c"}}}}`,
			want: `[{"type":"webservice","traits":[{"type":"annotations","properties":{"a":null,"b":"c"}},{"type":"labels","properties":{"team":null}}]}]`},
		{reason: "a null of a merge patch removes a field", value: `{"webservice":{"traits":[{"type":"json-merge-patch","properties":{"spec":{"progressDeadlineSeconds":null}}}]}}`,
			want: `[{"type":"webservice","traits":[{"type":"json-merge-patch","properties":{"spec":{"progressDeadlineSeconds":null}}}]}]`},
		{reason: "a null that the type does not take is left out", value: `{"webservice":{"properties":{"image":null,"port":80},"traits":{"scaler":{"replicas":null}}}}`,
			want: `[{"type":"webservice","properties":{"port":80},"traits":[{"type":"scaler","properties":{}}]}]`},
		{reason: "so is one of a type that is not built in", value: `{"books":{"properties":{"size":null},"traits":{"shelf":{"a":null,"b":1}}}}`,
			want: `[{"type":"books","properties":{},"traits":[{"type":"shelf","properties":{"b":1}}]}]`},
		{reason: "what is null as a whole is left out", value: `{"a":null,"b":{"properties":null,"traits":null},"c":{"traits":{"scaler":null}},"d":{"traits":[{"type":"t","properties":null,"disable":null}]}}`,
			want: `[{"type":"b"},{"type":"c"},{"type":"d","traits":[{"type":"t"}]}]`},
		{reason: "a trait is removed beside a null that it does not take", value: `{"a":{"traits":{"scaler":{"disable":true,"replicas":null}}}}`, want: `[{"type":"a","traits":[{"type":"scaler","disable":true}]}]`},
		{reason: "and beside one of a parameter that it does not have", value: `{"a":{"traits":{"scaler":{"disable":true,"domain":null}}}}`, want: `[{"type":"a","traits":[{"type":"scaler","disable":true}]}]`},
		{reason: "and beside one that it takes", value: `{"a":{"traits":{"labels":{"disable":true,"team":null}}}}`, want: `[{"type":"a","traits":[{"type":"labels","disable":true}]}]`},
		{reason: "nulls of parameters that a type does not have are left out", value: `{"webservice":{"properties":{"port":80,"schedule":null},"traits":{"scaler":{"disable":null,"domain":null,"replicas":3}}}}`,
			want: `[{"type":"webservice","properties":{"port":80},"traits":[{"type":"scaler","properties":{"replicas":3}}]}]`},
		{reason: "not an object", value: `["a"]`, err: `defaults must be an object keyed by component type, such as { webservice = { traits = { scaler = { replicas = 3 } } } }, not a list`},
		{reason: "not an object below", value: `{"a":1}`, err: `defaults.a must be an object, not a number`},
		{reason: "misspelt", value: `{"a":{"propertes":{}}}`, err: `defaults.a.propertes is not known (did you mean properties?). Allowed here: properties, traits`},
		{reason: "properties that are none", value: `{"a":{"properties":true}}`, err: `defaults.a.properties must be an object, not a bool`},
		{reason: "traits that are none", value: `{"a":{"traits":"scaler"}}`, err: `defaults.a.traits must be an object keyed by trait type, or a list of { type, properties }, not a string`},
		{reason: "a trait without type", value: `{"a":{"traits":[{"properties":{}}]}}`, err: `defaults.a.traits[0] needs a type`},
		{reason: "a key that needs quotes", value: `{"a/b":{"x":1}}`, err: `defaults["a/b"].x is not known. Allowed here: properties, traits`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got, err := expandDefaults(literal(t, test.value))
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error\n got %v\nwant %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, jsonText(t, got)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlattenDefaults checks that what means the same stays as it was written,
// and how a difference is shown.
func TestFlattenDefaults(t *testing.T) {
	tests := []struct {
		reason, live, prior, want string
		same                      bool
	}{
		{reason: "an import of traits in the order of their names", live: `{"a":{"traits":{"b":{"x":1},"c":{}}}}`, want: `{"a":{"traits":{"b":{"x":1},"c":{}}}}`},
		{reason: "an import of traits in another order is a list", live: `{"a":{"traits":[{"type":"c"},{"type":"b"}]}}`, want: `{"a":{"traits":[{"type":"c"},{"type":"b"}]}}`},
		{reason: "the other form of traits is the same", live: `{"a":{"traits":{"b":{"x":1}}}}`, prior: `{"a":{"traits":[{"type":"b","properties":{"x":1}}]}}`, same: true},
		{reason: "nothing is nothing", live: `{}`, prior: `{}`, same: true},
		{reason: "a change is shown in the prior form", live: `{"a":{"traits":{"b":{"x":2}}}}`, prior: `{"a":{"traits":[{"type":"b","properties":{"x":1}}]}}`, want: `{"a":{"traits":[{"properties":{"x":2},"type":"b"}]}}`},
		{reason: "what went is gone", live: `{}`, prior: `{"a":{}}`, want: `{}`},
		{reason: "a null that is written is the same", live: `{"a":{"traits":{"labels":{"b":null}}}}`, prior: `{"a":{"traits":{"labels":{"b":null}}}}`, same: true},
		{reason: "one that is not written is, too", live: `{"a":{"traits":{"scaler":{}}}}`, prior: `{"a":{"traits":{"scaler":{"replicas":null}}}}`, same: true},
		{reason: "one that somebody removed", live: `{"a":{"traits":{"labels":{}}}}`, prior: `{"a":{"traits":{"labels":{"b":null}}}}`, want: `{"a":{"traits":{"labels":{}}}}`},
		{reason: "one that somebody added", live: `{"a":{"traits":{"labels":{"b":null,"c":"d"}}}}`, prior: `{"a":{"traits":{"labels":{"c":"d"}}}}`, want: `{"a":{"traits":{"labels":{"b":null,"c":"d"}}}}`},
		{reason: "one of a parameter that the type does not have is not written", live: `{"a":{"traits":{"scaler":{"replicas":3}}}}`, prior: `{"a":{"traits":{"scaler":{"replicas":3,"disable":null,"domain":null}}}}`, same: true},
		{reason: "a trait is removed beside it", live: `{"a":{"traits":{"scaler":{"disable":true}}}}`, prior: `{"a":{"traits":{"scaler":{"disable":true,"domain":null}}}}`, same: true},
		{reason: "an import of a trait that has such a property instead", live: `{"a":{"traits":[{"type":"t","properties":{"disable":true}}]}}`, want: `{"a":{"traits":[{"properties":{"disable":true},"type":"t"}]}}`},
		{reason: "an import of one", live: `{"a":{"traits":{"labels":{"b":null}}}}`, want: `{"a":{"traits":{"labels":{"b":null}}}}`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			live, err := expandDefaults(literal(t, test.live))
			if err != nil {
				t.Fatal(err)
			}
			prior := types.DynamicNull()
			if test.prior != "" {
				prior = literal(t, test.prior)
			}
			got, err := flattenDefaults(live, prior)
			if err != nil {
				t.Fatal(err)
			}
			if test.same && !got.Equal(prior) {
				t.Errorf("the prior value must be kept, got %s", got)
			}
			if test.same {
				return
			}
			content, err := hclvalue.ToJSONWithNulls(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, jsonText(t, content)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlattenDefaultsKeepsTypes checks that a map of the configuration stays one.
func TestFlattenDefaultsKeepsTypes(t *testing.T) {
	properties := types.MapValueMust(types.StringType, map[string]attr.Value{"x": types.StringValue("1")})
	prior := types.DynamicValue(types.ObjectValueMust(
		map[string]attr.Type{"a": types.ObjectType{AttrTypes: map[string]attr.Type{"properties": properties.Type(t.Context())}}},
		map[string]attr.Value{"a": types.ObjectValueMust(map[string]attr.Type{"properties": properties.Type(t.Context())}, map[string]attr.Value{"properties": properties})},
	))
	live, err := expandDefaults(prior)
	if err != nil {
		t.Fatal(err)
	}
	got, err := flattenDefaults(live, prior)
	if err != nil || !got.Equal(prior) {
		t.Errorf("got %s, %v; want the prior value with its types", got, err)
	}
}

// TestExpandOverrides checks what is written for overrides.
func TestExpandOverrides(t *testing.T) {
	tests := []struct {
		reason, value, want, err string
	}{
		{reason: "every selector", value: `[{"application":"shop-*","componentType":"worker","component":"web","properties":{"cpu":"1"}}]`, want: `[{"application":"shop-*","componentType":"worker","component":"web","properties":{"cpu":"1"}}]`},
		{reason: "a null removes a label", value: `[{"component":"web","application":null,"traits":{"labels":{"team":null}}}]`, want: `[{"component":"web","traits":[{"type":"labels","properties":{"team":null}}]}]`},
		{reason: "a null of a parameter is left out, whether the type is named or not", value: `[{"component":"web","properties":{"cpu":null}},{"componentType":"worker","properties":{"cpu":null}}]`,
			want: `[{"component":"web","properties":{}},{"componentType":"worker","properties":{}}]`},
		{reason: "so are nulls of parameters that a type does not have, and a trait is removed beside one",
			value: `[{"component":"web","traits":{"gateway":{"disable":true,"replicas":null},"scaler":{"disable":null,"domain":null,"replicas":3}}}]`,
			want:  `[{"component":"web","traits":[{"type":"gateway","disable":true},{"type":"scaler","properties":{"replicas":3}}]}]`},
		{reason: "an object instead of a list", value: `{"web":{}}`, err: `overrides must be a list of objects, such as [{ component = "web", traits = { scaler = { replicas = 6 } } }], not an object`},
		{reason: "snake case", value: `[{"component_type":"worker"}]`, err: `overrides[0].component_type is not known (did you mean componentType?). Allowed here: application, componentType, component, properties, traits`},
		{reason: "a selector that is no text", value: `[{"component":1}]`, err: `overrides[0].component must be a string, not a number`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got, err := expandOverrides(literal(t, test.value))
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error\n got %v\nwant %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, jsonText(t, got)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlattenOverridesWithNulls checks that a null that somebody else wrote is seen: the next
// write would remove it.
func TestFlattenOverridesWithNulls(t *testing.T) {
	live, err := expandOverrides(literal(t, `[{"component":"web","traits":{"labels":{"team":null}}}]`))
	if err != nil {
		t.Fatal(err)
	}
	for reason, prior := range map[string]types.Dynamic{
		"an import": types.DynamicNull(), "one more": literal(t, `[{"component":"web","traits":{"labels":{}}}]`),
	} {
		got, err := flattenOverrides(live, prior)
		if err != nil {
			t.Fatal(err)
		}
		again, err := expandOverrides(got)
		if err != nil || !exactJSON(again, live) {
			t.Errorf("%s: would be written as %s (%v), want %s", reason, jsonText(t, again), err, jsonText(t, live))
		}
	}
}

// TestFlattenOfNullsThatAreNotWritten checks that nulls on the hub which mean nothing are no
// change, and that a trait which stays there beside them is seen.
func TestFlattenOfNullsThatAreNotWritten(t *testing.T) {
	for _, test := range []struct {
		reason, live, prior string
		same                bool
	}{
		{"nulls", `[{"type":"webservice","traits":[{"type":"scaler","properties":{"disable":null,"domain":null,"replicas":3}}]}]`,
			`{"webservice":{"traits":{"scaler":{"disable":null,"domain":null,"replicas":3}}}}`, true},
		{"a trait that was to be removed", `[{"type":"webservice","traits":[{"type":"scaler","properties":{"disable":true,"domain":null}}]}]`,
			`{"webservice":{"traits":{"scaler":{"disable":true,"domain":null}}}}`, false},
	} {
		var live []v1alpha1.ComponentDefaults
		if err := json.Unmarshal([]byte(test.live), &live); err != nil {
			t.Fatal(err)
		}
		prior := literal(t, test.prior)
		wanted, errWanted := expandDefaults(prior)
		got, err := flattenDefaults(live, prior)
		again, errAgain := expandDefaults(got)
		if err != nil || errWanted != nil || errAgain != nil {
			t.Fatal(err, errWanted, errAgain)
		}
		if got.Equal(prior) != test.same || exactJSON(again, wanted) != test.same {
			t.Errorf("%s: read as %s, which is written as %s", test.reason, got, jsonText(t, again))
		}
	}
}

// TestPlanOfNulls checks that a null that is written is a change, and that one which means
// nothing is none: then the value of the state is planned.
func TestPlanOfNulls(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	clusters := tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, []tftypes.Value{text("local")})
	for _, test := range []struct {
		reason, typeName, attribute, before, after string
		changes                                    bool
	}{
		{"a label to be removed by default", "fairlead_environment", "defaults", `{ worker = { traits = { labels = { a = "b" } } } }`, `{ worker = { traits = { labels = { a = "b", c = null } } } }`, true},
		{"a parameter that is left out", "fairlead_environment", "defaults", `{ worker = { properties = { cpu = "1" } } }`, `{ worker = { properties = { cpu = "1", memory = null } } }`, false},
		{"a label to be removed on clusters", "fairlead_cluster_binding", "overrides", `[{ component = "web", traits = { labels = {} } }]`, `[{ component = "web", traits = { labels = { c = null } } }]`, true},
		{"a parameter that the type does not have", "fairlead_environment", "defaults", `{ worker = { traits = { scaler = { replicas = 3 } } } }`,
			`{ worker = { traits = { scaler = { disable = null, domain = null, replicas = 3 } } } }`, false},
		{"a null beside a trait that is removed", "fairlead_cluster_binding", "overrides", `[{ component = "web", traits = { scaler = { disable = true } } }]`,
			`[{ component = "web", traits = { scaler = { disable = true, domain = null } } }]`, false},
		{"values that are not given", "fairlead_addon", "values", `{ goMemoryLimit = "200MiB" }`, `{ goMemoryLimit = "200MiB", image = null, ocm = null }`, false},
		{"a default of the chart to be dropped", "fairlead_addon", "values", `{ resources = { limits = {} } }`, `{ resources = { limits = { memory = null } } }`, true},
	} {
		config := func(expression string) map[string]tftypes.Value {
			given := map[string]tftypes.Value{test.attribute: attribute(t, test.attribute, expression)}
			if test.typeName != "fairlead_addon" {
				given["name"] = text("prod")
			}
			if test.typeName == "fairlead_cluster_binding" {
				given["environment"], given["clusters"] = text("prod"), clusters
			}
			return given
		}
		before, after := config(test.before), config(test.after)
		resp := e.replan(test.typeName, e.decodeValue(test.typeName, e.plan(test.typeName, before).PlannedState), after)
		if problems := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError); problems != "" {
			t.Fatalf("%s: %s", test.reason, problems)
		}
		want := before
		if test.changes {
			want = after
		}
		if planned := e.decodeValue(test.typeName, resp.PlannedState)[test.attribute]; !planned.Equal(want[test.attribute]) {
			t.Errorf("%s: planned %s, want %s", test.reason, planned, want[test.attribute])
		}
	}
}

// TestKeepDuration checks that a duration keeps its spelling.
func TestKeepDuration(t *testing.T) {
	tests := []struct{ reason, live, prior, want string }{
		{"the same time in other words", "1h30m", "90m", "90m"},
		{"another time", "2h", "90m", "2h"},
		{"an import writes it short", "24h", "", "24h"},
		{"seconds stay", "1m30s", "", "1m30s"},
		{"minutes stay", "1h30m", "", "1h30m"},
		{"zero", "0s", "", "0s"},
	}
	for _, test := range tests {
		prior := types.StringNull()
		if test.prior != "" {
			prior = types.StringValue(test.prior)
		}
		if got := keepDuration(duration(types.StringValue(test.live)), prior).ValueString(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
		}
	}
}

// TestAttributeName checks how fields of the API are named to users.
func TestAttributeName(t *testing.T) {
	for field, want := range map[string]string{
		"spec.targetNamespace.suffix":          "target_namespace.suffix",
		"spec.constraints.allowedKinds[3]":     "constraints.allowed_kinds[3]",
		"spec.placement.prioritizers[0].addOn": "placement.prioritizers[0].add_on",
	} {
		if got := attributeName(field); got != want {
			t.Errorf("attributeName(%q) = %q, want %q", field, got, want)
		}
	}
}
