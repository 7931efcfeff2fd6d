// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// warnOfChange says how many applications a change of the environment concerns, as far as
// the hub can be asked.
func (r *environmentResource) warnOfChange(ctx context.Context, req resource.ModifyPlanRequest, planned tfsdk.Plan, diags *diag.Diagnostics) {
	changed := changedAmong(ctx, req.State, planned, []string{
		"application_namespaces", "constraints", "defaults", "namespace_options", "permissions", "target_namespace",
	}, diags)
	name := stateName(ctx, req.State, diags)
	var environment v1alpha1.Environment
	if len(changed) > 0 && look(ctx, r.hub, r.object, name, &environment) {
		warnOfUse("environment", name, "has", changed, &environment, diags)
	}
}

// warnOfChange says how many applications a change of the binding concerns, as far as the
// hub can be asked.
func (r *clusterBindingResource) warnOfChange(ctx context.Context, req resource.ModifyPlanRequest, planned tfsdk.Plan, diags *diag.Diagnostics) {
	changed := changedAmong(ctx, req.State, planned, []string{"clusters", "environment", "overrides", "placement"}, diags)
	name := stateName(ctx, req.State, diags)
	if len(changed) == 0 {
		return
	}
	if _, environment, ok := r.lookBoth(ctx, name); ok {
		warnOfUse("cluster binding", name, fmt.Sprintf("is of the environment %q, which has", environment.Name), changed, environment, diags)
	}
}

// stateName is the name of an object in the state; empty before there is one.
func stateName(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) string {
	var name types.String
	if !state.Raw.IsNull() {
		diags.Append(state.GetAttribute(ctx, path.Root("name"), &name)...)
	}
	return name.ValueString()
}

// changedAmong are those of the attributes of which an update plans another value, or one
// that is known after apply; none of what is made.
func changedAmong(ctx context.Context, state tfsdk.State, planned tfsdk.Plan, attributes []string, diags *diag.Diagnostics) []string {
	if state.Raw.IsNull() {
		return nil
	}
	var changed []string
	for _, attribute := range attributes {
		var before, after attr.Value
		diags.Append(state.GetAttribute(ctx, path.Root(attribute), &before)...)
		diags.Append(planned.GetAttribute(ctx, path.Root(attribute), &after)...)
		if diags.HasError() {
			return nil
		}
		if !after.Equal(before) {
			changed = append(changed, attribute)
		}
	}
	return changed
}

// warnOfUse says how many applications a change concerns of what has that environment.
func warnOfUse(kind, name, has string, changed []string, environment *v1alpha1.Environment, diags *diag.Diagnostics) {
	status := environment.Status
	if status.Applications == 0 {
		return
	}
	diags.AddWarning(inUse(kind, name, "changed"), fmt.Sprintf("The %s %q %s %s on %s. The change of %s concerns them.",
		kind, name, has, count(status.Applications, "application"), count(status.Clusters, "cluster"), strings.Join(changed, ", ")))
}
