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
	values, err := exactDynamic(installed.Values, len(installed.Values) == 0, m.Values, func(value types.Dynamic) bool {
		written, err := expandValues(value)
		return err == nil && exactJSON(written, installed.Values)
	})
	if err != nil {
		diags.AddAttributeError(path.Root("values"), "Values cannot be represented", err.Error()+".")
		return diags
	}
	m.Values = values
	return diags
}

// expandValues returns the values of the chart. Helm drops a default of the chart for
// which there is a null.
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
	return object, nil
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
