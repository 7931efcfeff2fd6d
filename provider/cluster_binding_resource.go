// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	_ resource.Resource                   = (*clusterBindingResource)(nil)
	_ resource.ResourceWithConfigure      = (*clusterBindingResource)(nil)
	_ resource.ResourceWithIdentity       = (*clusterBindingResource)(nil)
	_ resource.ResourceWithImportState    = (*clusterBindingResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*clusterBindingResource)(nil)
	_ resource.ResourceWithValidateConfig = (*clusterBindingResource)(nil)
)

// clusterBindingResource is fairlead_cluster_binding.
type clusterBindingResource struct{ namedResource }

// NewClusterBindingResource returns the resource fairlead_cluster_binding.
func NewClusterBindingResource() resource.Resource { return &clusterBindingResource{} }

// Metadata names the resource.
func (r *clusterBindingResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster_binding"
}

// Schema describes the resource.
func (r *clusterBindingResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = clusterBindingSchema(ctx)
}

// IdentitySchema describes the identity: the name.
func (r *clusterBindingResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = nameIdentity("Name of the binding.")
}

// object returns the life of bindings over that client.
func (r *clusterBindingResource) object(client *hub.Client) platformObject {
	return platformObject{
		gvk:      v1alpha1.GroupVersion.WithKind(v1alpha1.ClusterBindingKind),
		resource: "fairlead_cluster_binding",
		client:   client,
		hub:      r.hub,
	}
}

// ValidateConfig checks that one of clusters and placement is given, and overrides.
func (r *clusterBindingResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var clusters types.Set
	var placement types.Object
	var overrides types.Dynamic
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("clusters"), &clusters)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("placement"), &placement)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("overrides"), &overrides)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if clusters.IsNull() && placement.IsNull() {
		resp.Diagnostics.AddError("No clusters given", "Give clusters with names of managed clusters (or \"local\" for the hub itself), "+
			"or placement with cluster_sets to let Open Cluster Management choose.")
	}
	if _, err := expandOverrides(overrides); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("overrides"), "Invalid overrides", err.Error()+".")
		return
	}
	checkOverrides(overrides, &resp.Diagnostics)
}

// warnOfDestroy says what leaves the clusters together with the binding, as far as
// the hub can be asked.
func (r *clusterBindingResource) warnOfDestroy(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	name := stateName(ctx, req.State, diags)
	if diags.HasError() {
		return
	}
	if binding, environment, ok := r.lookBoth(ctx, name); ok {
		warnOfBinding(binding, environment, diags)
	}
}

// lookBoth reads a binding and its environment, as far as the hub can be asked.
func (r *clusterBindingResource) lookBoth(ctx context.Context, name string) (*v1alpha1.ClusterBinding, *v1alpha1.Environment, bool) {
	var binding v1alpha1.ClusterBinding
	var environment v1alpha1.Environment
	environments := (&environmentResource{r.namedResource}).object
	ok := look(ctx, r.hub, r.object, name, &binding) && look(ctx, r.hub, environments, binding.Spec.Environment, &environment)
	return &binding, &environment, ok
}

// ModifyPlan makes id known, keeps overrides that mean the same as they were, and
// says what a destroy takes along, and whom a change concerns.
func (r *clusterBindingResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.warnOfDestroy(ctx, req, &resp.Diagnostics)
		return
	}
	keepDynamic(ctx, path.Root("overrides"), expandOverrides, req, resp)
	var name types.String
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), name)...)
	planAnew(ctx, req, resp, "id")
	if len(resp.RequiresReplace) == 0 {
		r.warnOfChange(ctx, req, resp.Plan, &resp.Diagnostics)
	}
}

// Create writes the binding. It does not wait for the addon.
func (r *clusterBindingResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.hub.forgetPlatform()
	var plan clusterBindingModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "create the binding", plan.Timeouts.Create, defaultWriteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	binding := plan.expand(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client).of(rand.Text())
	desired, err := object.desired(binding)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	adopt := plan.AdoptExisting.ValueBool()
	if err := object.prepare(ctx, desired, adopt); err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	live, err := object.write(ctx, desired, adopt)
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.ID = plan.Name
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
}

// Read reads the binding. While the hub cannot be asked the state stays.
func (r *clusterBindingResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state clusterBindingModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), state.Name)...)
	live, known := readObject(ctx, r.hub, r.object, name, state.ID.IsNull(), &resp.Diagnostics)
	if live == nil {
		if known {
			resp.State.RemoveResource(ctx)
		}
		return
	}
	var binding v1alpha1.ClusterBinding
	if err := decode(live, &binding); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model, err := flattenClusterBinding(&binding, state)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model.AdoptExisting = types.BoolValue(state.AdoptExisting.ValueBool())
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(keepRead(ctx, req.Private, resp.Private, live, state.ID.IsNull())...)
}

// Update writes the binding.
func (r *clusterBindingResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	defer r.hub.forgetPlatform()
	var plan clusterBindingModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, preset := updateLimit(ctx, req.Private, plan.Timeouts)
	ctx, client, cancel := r.begin(ctx, "update the binding", limit, preset, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	binding := plan.expand(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client).of(instanceOf(ctx, req.Private))
	desired, err := object.desired(binding)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := object.waitWhileGoing(ctx, plan.Name.ValueString(), req.Private, resp.Private); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	live, err := object.write(ctx, desired, plan.AdoptExisting.ValueBool() || wasImported(ctx, req.Private))
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.ID = plan.Name
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
}

// Delete deletes the binding and waits until it is gone: until nothing is
// delivered through it any more.
func (r *clusterBindingResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	defer r.hub.forgetPlatform()
	var state clusterBindingModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "delete the binding", state.Timeouts.Delete, defaultDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object, name := r.object(client).of(loadInstance(ctx, req.Private)), state.Name.ValueString()
	if stays, err := object.takenOver(ctx, name); err != nil || stays {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := object.remove(ctx, name, loadUID(ctx, req.Private)); err != nil {
		appendError(&resp.Diagnostics, err)
	}
}
