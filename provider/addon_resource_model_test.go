// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"sigs.k8s.io/yaml"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/release"
)

// TestAddonValuesWithNull checks that a null, by which Helm drops a default of the
// chart, is installed, read back, and seen where it went.
func TestAddonValuesWithNull(t *testing.T) {
	without := literal(t, `{"resources":{"limits":{"memory":null}}}`)
	options, err := (&addonModel{Values: without}).options()
	if err != nil {
		t.Fatal(err)
	}
	installed := map[string]any{"resources": map[string]any{"limits": map[string]any{"memory": nil}}}
	if diff := cmp.Diff(installed, options.Values); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	var diags diag.Diagnostics
	if validateValues(without, &diags); diags.HasError() {
		t.Errorf("refused: %v", diags)
	}
	read := func(values map[string]any, prior types.Dynamic) types.Dynamic {
		model := addonModel{Values: prior}
		diags.Append(model.take(release.State{Values: values})...)
		return model.Values
	}
	if got := read(installed, without); !got.Equal(without) {
		t.Errorf("what was configured must stay, got %s", got)
	}
	for reason, got := range map[string]types.Dynamic{
		"an import": read(installed, types.DynamicNull()), "a null that somebody added": read(installed, literal(t, `{"resources":{"limits":{}}}`)),
	} {
		if again, err := expandValues(got); err != nil || !exactJSON(again, installed) {
			t.Errorf("%s: read as %s (%v)", reason, got, err)
		}
	}
	gone := map[string]any{"resources": map[string]any{"limits": map[string]any{}}}
	if again, err := expandValues(read(gone, without)); err != nil || !exactJSON(again, gone) || diags.HasError() {
		t.Errorf("a null that went is still there: %s (%v, %v)", jsonText(t, again), err, diags)
	}
}

// TestAddonValuesThatAreNotGiven checks that a null which says that nothing is given is not
// installed, and no difference to what is.
func TestAddonValuesThatAreNotGiven(t *testing.T) {
	quantities := map[string]attr.Type{"cpu": types.StringType, "memory": types.StringType}
	limits := types.ObjectValueMust(quantities, map[string]attr.Value{"cpu": types.StringNull(), "memory": types.StringValue("1Gi")})
	resources := types.ObjectValueMust(map[string]attr.Type{"limits": limits.Type(t.Context())}, map[string]attr.Value{"limits": limits})
	typed := types.DynamicValue(types.ObjectValueMust(map[string]attr.Type{"resources": resources.Type(t.Context())}, map[string]attr.Value{"resources": resources}))
	type values = map[string]any
	tests := map[string]struct {
		given types.Dynamic
		want  values
	}{
		"optional attributes of a typed object": {typed, values{"resources": values{"limits": values{"memory": "1Gi"}}}},
		"a limit that the chart has":            {literal(t, `{"resources":{"limits":{"memory":null,"cpu":null}}}`), values{"resources": values{"limits": values{"memory": nil}}}},
		"limits as a whole":                     {literal(t, `{"resources":{"limits":null,"claims":null}}`), values{"resources": values{"limits": nil}}},
		"attributes of their own":               {literal(t, `{"image":null,"replicas":null,"oam":null}`), values{}},
		"an object in a list":                   {literal(t, `{"tolerations":[{"key":"a","effect":null}]}`), values{"tolerations": []any{values{"key": "a"}}}},
		"a label":                               {literal(t, `{"podLabels":{"a":null}}`), values{"podLabels": values{}}},
	}
	for name, standard := range chartDefaults(t) {
		test := tests["attributes of their own"]
		test.given = literal(t, fmt.Sprintf(`{%q:null}`, name))
		tests[name] = test
		table, _ := standard.(values)
		if name == "resources" || name == "oam" { // those of resources drop, and oam is no value to give
			continue
		}
		for key := range table {
			tests[name+"."+key] = struct {
				given types.Dynamic
				want  values
			}{literal(t, fmt.Sprintf(`{%q:{%q:null}}`, name, key)), values{name: values{}}}
		}
	}
	for reason, test := range tests {
		t.Run(reason, func(t *testing.T) {
			checkAddonValues(t, test.given, test.want)
		})
	}
}

// checkAddonValues checks that values which are given are valid, installed as wanted, and read
// back as they are, also where their nulls were installed.
func checkAddonValues(t *testing.T, given types.Dynamic, want map[string]any) {
	t.Helper()
	var diags diag.Diagnostics
	validateValues(given, &diags)
	written, err := expandValues(given)
	if diff := cmp.Diff(want, written); diff != "" || err != nil {
		t.Errorf("installed (-want +got):\n%s%v", diff, err)
	}
	withNulls, _ := jsonWithNulls(given)
	before, _ := withNulls.(map[string]any)
	for what, installed := range map[string]map[string]any{"installed": want, "installed with its nulls": before} {
		model := addonModel{Values: given}
		diags.Append(model.take(release.State{Values: installed})...)
		if !model.Values.Equal(given) {
			t.Errorf("%s: read as %s, want %s", what, model.Values, given)
		}
	}
	if diags.HasError() {
		t.Error(diags)
	}
}

// chartDefaults returns the values of the chart.
func chartDefaults(t *testing.T) map[string]any {
	t.Helper()
	files, err := addonchart.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name != "values.yaml" {
			continue
		}
		var defaults map[string]any
		if err := yaml.Unmarshal(file.Data, &defaults); err != nil {
			t.Fatal(err)
		}
		return defaults
	}
	t.Fatal("the chart has no values")
	return nil
}
