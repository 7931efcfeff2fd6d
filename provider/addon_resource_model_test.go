// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

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
