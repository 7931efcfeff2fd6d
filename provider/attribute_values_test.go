// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// TestKeepMap checks what is no difference between the hub and the prior state.
func TestKeepMap(t *testing.T) {
	null, b := types.StringNull(), types.StringValue("b")
	of := func(elements map[string]attr.Value) types.Map { return types.MapValueMust(types.StringType, elements) }
	none := types.MapNull(types.StringType)
	tests := []struct {
		reason string
		live   map[string]string
		prior  types.Map
		want   types.Map
	}{
		{"nothing stays nothing", nil, none, none},
		{"an empty map stays one", nil, of(map[string]attr.Value{}), of(map[string]attr.Value{})},
		{"what is new is shown", map[string]string{"a": "b"}, none, of(map[string]attr.Value{"a": b})},
		{"what is gone is not", nil, of(map[string]attr.Value{"a": b}), of(map[string]attr.Value{})},
		{"null is written as nothing, and stays", map[string]string{"a": "b"}, of(map[string]attr.Value{"a": b, "c": null}), of(map[string]attr.Value{"a": b, "c": null})},
		{"what the hub has for a null is shown", map[string]string{"a": "b"}, of(map[string]attr.Value{"a": null}), of(map[string]attr.Value{"a": b})},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, keepMap(test.live, test.prior)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestNullElements checks where null is refused, and where it stands for nothing.
func TestNullElements(t *testing.T) {
	schema := schemaOf(t)
	tests := []struct{ reason, typeName, config, want string }{
		{"a set", "fairlead_environment", `{ name = "prod", after = [null] }`,
			"Invalid after: " + "after: an element is null. Leave it out, such as with [for e in all : e if e != null]."},
		{"a nested set", "fairlead_environment", `{ name = "prod", constraints = { allowed_kinds = ["Deployment", null] } }`, "Invalid allowed_kinds: constraints.allowed_kinds: "},
		{"a list", "fairlead_definition", `{ kind = "trait", name = "own", applies_to = [null], template = "patch: {}" }`, "Invalid applies_to: " + "applies_to: "},
		{"a list of objects", "fairlead_managed_cluster", `{ name = "a", taints = [null] }`, "Invalid taints: " + "taints: "},
		{"a set in a list of objects", "fairlead_cluster_binding",
			`{ name = "a", environment = "b", placement = { cluster_sets = ["c"], match_expressions = [{ key = "d", operator = "In", values = [null] }] } }`,
			"Invalid values: placement.match_expressions[0].values: "},
		{"a map", "fairlead_managed_cluster", `{ name = "a", labels = { b = null } }`, ""},
	}
	for _, test := range tests {
		e, _ := newEngine(t, nil, nil)
		config := objectOf(conform(t, schema.ResourceSchemas[test.typeName].ValueType(), valueOfHCL(t, test.config)))
		checkPrefix(t, test.reason, summaries(e.validate(test.typeName, config), tfprotov6.DiagnosticSeverityError), test.want)
	}
}

// TestDefaultLabelOfNull checks that a label which is null is none.
func TestDefaultLabelOfNull(t *testing.T) {
	labels := tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{"a": text("b"), "c": tftypes.NewValue(tftypes.String, nil)})
	away := map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")}
	_, diagnostics := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), away), "default_labels": labels})
	checkPrefix(t, "error", summaries(diagnostics, tfprotov6.DiagnosticSeverityError), "")
}

// TestSameModel checks that each attribute of an application counts.
func TestSameModel(t *testing.T) {
	none := map[string]attr.Type{}
	nulls, unknown := map[reflect.Type]attr.Value{}, map[reflect.Type]attr.Value{}
	for _, pair := range [][2]attr.Value{
		{types.StringNull(), types.StringUnknown()}, {types.BoolNull(), types.BoolUnknown()}, {types.DynamicNull(), types.DynamicUnknown()},
		{types.MapNull(types.StringType), types.MapUnknown(types.StringType)}, {types.ListNull(types.StringType), types.ListUnknown(types.StringType)},
		{types.ObjectNull(none), types.ObjectUnknown(none)}, {timeouts.Value{Object: types.ObjectNull(none)}, timeouts.Value{Object: types.ObjectUnknown(none)}},
	} {
		nulls[reflect.TypeOf(pair[0])], unknown[reflect.TypeOf(pair[1])] = pair[0], pair[1]
	}
	model := func() (*applicationModel, reflect.Value) {
		m := &applicationModel{}
		fields := reflect.ValueOf(m).Elem()
		for i := range fields.NumField() {
			fields.Field(i).Set(reflect.ValueOf(nulls[fields.Field(i).Type()]))
		}
		return m, fields
	}
	before, _ := model()
	if same, _ := model(); !sameModel(before, same) {
		t.Fatal("equal models differ")
	}
	for i := range reflect.TypeOf(*before).NumField() {
		after, fields := model()
		fields.Field(i).Set(reflect.ValueOf(unknown[fields.Field(i).Type()]))
		if sameModel(before, after) {
			t.Errorf("another %s is no difference", reflect.TypeOf(*before).Field(i).Name)
		}
	}
	if other := (struct{ N int }{}); sameModel(&other, &other) {
		t.Error("what is no attribute is not compared, and must not pass for equal")
	}
}
