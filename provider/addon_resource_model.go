// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/release"
)

// addonModel is fairlead_addon as it is configured and stored.
type addonModel struct {
	ID        types.String   `tfsdk:"id"`
	Namespace types.String   `tfsdk:"namespace"`
	Image     types.String   `tfsdk:"image"`
	Replicas  types.Int64    `tfsdk:"replicas"`
	Values    types.Dynamic  `tfsdk:"values"`
	CRDs      types.String   `tfsdk:"crds"`
	Wait      types.Bool     `tfsdk:"wait"`
	Version   types.String   `tfsdk:"version"`
	OAMMode   types.String   `tfsdk:"oam_mode"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

// options returns what to install.
func (m *addonModel) options() (release.Options, error) {
	values, err := expandValues(m.Values)
	if err != nil {
		return release.Options{}, err
	}
	return release.Options{
		Image:     m.Image.ValueString(),
		Replicas:  m.Replicas.ValueInt64(),
		Values:    values,
		ApplyCRDs: m.CRDs.ValueString() != crdsSkip,
		Wait:      m.Wait.ValueBool(),
	}, nil
}

// keepMode plans the mode of the state unless an installation is due, which
// finds out anew.
func (m *addonModel) keepMode(state addonModel) {
	same := m.Namespace.Equal(state.Namespace) && m.Image.Equal(state.Image) && m.Replicas.Equal(state.Replicas) &&
		m.Values.Equal(state.Values) && m.CRDs.Equal(state.CRDs) && m.Wait.Equal(state.Wait) &&
		m.Version.Equal(state.Version) && m.Timeouts.Equal(state.Timeouts)
	if same {
		m.OAMMode = state.OAMMode
	}
}

// take takes over what is installed. What the hub does not know keeps its value,
// or gets its default after an import.
func (m *addonModel) take(installed release.State) diag.Diagnostics {
	var diags diag.Diagnostics
	m.ID = m.Namespace
	m.Version = stringOrNull(installed.Version)
	m.OAMMode = types.StringValue(string(installed.Mode))
	m.Image = stringOrNull(installed.Image)
	m.Replicas = types.Int64Value(installed.Replicas)
	if m.CRDs.IsNull() {
		m.CRDs = types.StringValue(crdsApply)
	}
	if m.Wait.IsNull() {
		m.Wait = types.BoolValue(true)
	}
	values, err := flattenValues(installed.Values, m.Values)
	if err != nil {
		diags.AddAttributeError(path.Root("values"), "Values cannot be represented", err.Error()+".")
		return diags
	}
	m.Values = values
	return diags
}

// flattenValues returns what is installed in the form of prior, and prior itself where
// it means the same.
func flattenValues(installed map[string]any, prior types.Dynamic) (types.Dynamic, error) {
	installed, err := givenValues(installed)
	if err != nil {
		return prior, err
	}
	return exactDynamic(installed, len(installed) == 0, prior, func(value types.Dynamic) bool {
		written, err := expandValues(value)
		return err == nil && exactJSON(written, installed)
	})
}

// expandValues returns the values of the chart, with the nulls that drop a default of it.
func expandValues(values types.Dynamic) (map[string]any, error) {
	if values.IsNull() || values.IsUnderlyingValueNull() {
		return nil, nil
	}
	converted, err := hclvalue.ToJSONWithNulls(values)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	object, ok := converted.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("values: must be an object such as { resources = { limits = { memory = \"1Gi\" } } }; decode text with yamldecode()")
	}
	return givenValues(object)
}

// givenValues returns values without the nulls that stand for what is not given, as
// objects with optional attributes and conditional expressions have them. Helm would
// take each for a value, or drop a table that the chart needs.
func givenValues(values map[string]any) (map[string]any, error) {
	droppable, err := release.Droppable()
	if err != nil {
		return nil, err
	}
	given := make(map[string]any, len(values))
	for name, value := range values {
		if value != nil {
			given[name] = withDrops(value, droppable[name])
		}
	}
	return given, nil
}

// withDrops returns a value without nulls but those that drop one of the defaults.
func withDrops(value, defaults any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return hclvalue.Prune(value)
	}
	known, _ := defaults.(map[string]any)
	kept := make(map[string]any, len(object))
	for key, element := range object {
		if element != nil || known[key] != nil {
			kept[key] = withDrops(element, known[key])
		}
	}
	return kept
}

// validateValues checks values that are known against the chart's schema.
func validateValues(values types.Dynamic, diags *diag.Diagnostics) {
	if values.IsUnknown() || values.IsUnderlyingValueUnknown() || hclvalue.HasUnknown(values) {
		return
	}
	expanded, err := expandValues(values)
	if err == nil {
		err = release.Validate(expanded)
	}
	if err != nil {
		diags.AddAttributeError(path.Root("values"), "Invalid values", err.Error()+".")
	}
}
