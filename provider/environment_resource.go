// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	_ resource.Resource                   = (*environmentResource)(nil)
	_ resource.ResourceWithConfigure      = (*environmentResource)(nil)
	_ resource.ResourceWithIdentity       = (*environmentResource)(nil)
	_ resource.ResourceWithImportState    = (*environmentResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*environmentResource)(nil)
	_ resource.ResourceWithValidateConfig = (*environmentResource)(nil)
)

const (
	// defaultWriteTimeout bounds create and update.
	defaultWriteTimeout = 5 * time.Minute
	// defaultDeleteTimeout bounds the wait until an object is gone.
	defaultDeleteTimeout = 10 * time.Minute
)

// environmentResource is fairlead_environment.
type environmentResource struct{ namedResource }

// NewEnvironmentResource returns the resource fairlead_environment.
func NewEnvironmentResource() resource.Resource { return &environmentResource{} }

// Metadata names the resource.
func (r *environmentResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_environment"
}

// Schema describes the resource.
func (r *environmentResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = environmentSchema(ctx)
}

// IdentitySchema describes the identity: the name.
func (r *environmentResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = nameIdentity("Name of the environment.")
}

// nameIdentity is the identity of an object that its name identifies.
func nameIdentity(description string) identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: description},
	}}
}

// object returns the life of environments over that client.
func (r *environmentResource) object(client *hub.Client) platformObject {
	return platformObject{
		gvk:      v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind),
		resource: "fairlead_environment",
		client:   client,
		hub:      r.hub,
	}
}

// ValidateConfig checks what can be seen in the configuration alone.
func (r *environmentResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var name types.String
	var after types.Set
	var defaults types.Dynamic
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("after"), &after)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("defaults"), &defaults)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !name.IsUnknown() && slices.ContainsFunc(after.Elements(), name.Equal) {
		resp.Diagnostics.AddAttributeError(path.Root("after"), "Invalid after",
			fmt.Sprintf("after: the environment %q cannot come after itself. Remove it from the list.", name.ValueString()))
	}
	if _, err := expandDefaults(defaults); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("defaults"), "Invalid defaults", err.Error()+".")
		return
	}
	checkDefaults(defaults, &resp.Diagnostics)
	validateObjects(ctx, req.Config, &resp.Diagnostics)
}

// validateObjects checks the form of the objects of a namespace.
func validateObjects(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) {
	at := path.Root("namespace_options").AtName("objects")
	var objects types.Dynamic
	diags.Append(config.GetAttribute(ctx, at, &objects)...)
	if diags.HasError() {
		return
	}
	if _, err := expandObjects(objects); err != nil {
		diags.AddAttributeError(at, "Invalid objects", err.Error()+".")
	}
}

// ModifyPlan makes id and ref, which follow from the configuration, known, keeps
// defaults that mean the same as they were, refuses to destroy what is protected,
// and says what goes together with what is not, and whom a change concerns.
func (r *environmentResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	protected := protectedName(ctx, req, &resp.Diagnostics)
	if req.Plan.Raw.IsNull() {
		r.refuseProtected(ctx, protected, req.Private, &resp.Diagnostics)
		r.warnOfDestroy(ctx, req, &resp.Diagnostics)
		return
	}
	if req.State.Raw.IsNull() {
		r.refuseProtected(ctx, loadProtected(ctx, req.Private), req.Private, &resp.Diagnostics)
	}
	if replacesName(ctx, req, &resp.Diagnostics) {
		r.refuseProtected(ctx, protected, req.Private, &resp.Diagnostics)
		r.warnOfDestroy(ctx, req, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(storeProtected(ctx, resp.Private, protected)...)
	keepDynamic(ctx, path.Root("defaults"), expandDefaults, req, resp)
	keepDynamic(ctx, path.Root("namespace_options").AtName("objects"), expandObjects, req, resp)
	var name types.String
	var target, constraints types.Object
	var after types.Set
	var defaults types.Dynamic
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("defaults"), &defaults)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("constraints"), &constraints)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("target_namespace"), &target)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("after"), &after)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), name)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("ref"), environmentRef(name, target, after, defaults, constraints))...)
	planAnew(ctx, req, resp, "ref")
	if len(resp.RequiresReplace) == 0 {
		r.warnOfChange(ctx, req, resp.Plan, &resp.Diagnostics)
	}
}

// replacesName says whether the plan makes an object of another name.
func replacesName(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) bool {
	if req.State.Raw.IsNull() {
		return false
	}
	var before, planned types.String
	diags.Append(req.State.GetAttribute(ctx, path.Root("name"), &before)...)
	diags.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &planned)...)
	return !planned.IsUnknown() && !planned.Equal(before)
}

// warnOfDestroy says what goes together with the environment, as far as the hub
// can be asked.
func (r *environmentResource) warnOfDestroy(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	name := stateName(ctx, req.State, diags)
	if diags.HasError() {
		return
	}
	var environment v1alpha1.Environment
	if look(ctx, r.hub, r.object, name, &environment) {
		warnOfEnvironment(&environment, diags)
	}
}

// protectedName is the name of an environment that is protected, else empty. One that is
// being deleted already is not: nobody keeps it any more.
func protectedName(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) string {
	if req.State.Raw.IsNull() || isGoing(ctx, req.Private) {
		return ""
	}
	var deletion types.Object
	diags.Append(req.State.GetAttribute(ctx, path.Root("deletion"), &deletion)...)
	protection, _ := deletion.Attributes()["protection"].(types.Bool)
	if !protection.ValueBool() {
		return ""
	}
	return stateName(ctx, req.State, diags)
}

// refuseProtected refuses to plan the end of the protected environment of that name, if
// there is one.
func (r *environmentResource) refuseProtected(ctx context.Context, name string, private privateStore, diags *diag.Diagnostics) {
	if name == "" {
		return
	}
	takenOver := func(client *hub.Client) (bool, error) {
		return r.object(client).of(loadInstance(ctx, private)).takenOver(ctx, name)
	}
	if mayEnd(ctx, r.hub, takenOver) {
		return
	}
	diags.AddAttributeError(path.Root("deletion").AtName("protection"), "Environment is protected", protectedDetail(name))
}

// protectedDetail says how to delete what is protected.
func protectedDetail(name string) string {
	return fmt.Sprintf("The environment %q has deletion.protection = true. Set it to false and apply, then destroy it.", name)
}

// Create writes the environment, and the namespaces that it is to create. It
// does not wait for the addon.
func (r *environmentResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.hub.forgetPlatform()
	var plan environmentModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "create the environment", plan.Timeouts.Create, defaultWriteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object := r.object(client).of(rand.Text())
	environment := plan.expand(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	desired, err := object.desired(environment)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	adopt := plan.AdoptExisting.ValueBool()
	if err := object.prepare(ctx, desired, adopt); err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	if err := r.createNamespaces(ctx, client, environment, plan.createsNamespaces()); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	live, err := object.write(ctx, desired, adopt)
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.ID = plan.Name
	plan.Ref = plan.ref()
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
}

// createNamespaces creates the namespaces that the environment names, if it is to.
func (r *environmentResource) createNamespaces(ctx context.Context, client *hub.Client, environment *v1alpha1.Environment, create bool) error {
	if !create || environment.Spec.ApplicationNamespaces == nil {
		return nil
	}
	return hubNamespaces{client: client, hub: r.hub}.create(ctx, environment.Spec.ApplicationNamespaces.Names)
}

// Read reads the environment. While the hub cannot be asked the state stays.
func (r *environmentResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state environmentModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(storeProtected(ctx, resp.Private, "")...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), state.Name)...)
	live, known := readObject(ctx, r.hub, r.object, state.Name.ValueString(), state.ID.IsNull(), &resp.Diagnostics)
	if live == nil {
		if known {
			r.tellLeft(ctx, &state, &resp.Diagnostics)
			resp.State.RemoveResource(ctx)
		}
		return
	}
	var environment v1alpha1.Environment
	if err := decode(live, &environment); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model, err := flattenEnvironment(&environment, state)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model.AdoptExisting = types.BoolValue(state.AdoptExisting.ValueBool())
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(keepRead(ctx, req.Private, resp.Private, live, state.ID.IsNull())...)
}

// tellLeft warns of namespaces that were created for an environment that is gone, as when a
// destroy was killed before it removed them: a read removes nothing.
func (r *environmentResource) tellLeft(ctx context.Context, state *environmentModel, diags *diag.Diagnostics) {
	client, _ := r.hub.Client(ctx) // the environment was read
	if client == nil || !state.createsNamespaces() {
		return
	}
	for _, name := range stringsOf(ctx, state.ApplicationNamespaces.Names, diags) {
		if (hubNamespaces{client: client, hub: r.hub}).isLeft(ctx, name) {
			diags.AddWarning("Namespace left on the hub", fmt.Sprintf("The environment %q is gone, and the namespace %q that was created for it is not. "+
				"Where no apply is to create the environment again, remove it: kubectl delete namespace %s", state.Name.ValueString(), name, name))
		}
	}
}

// Update writes the environment, then removes the namespaces that it had created, names no
// more and that are empty: a destroy knows only those that it names at the end.
func (r *environmentResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	defer r.hub.forgetPlatform()
	var plan, state environmentModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, preset := updateLimit(ctx, req.Private, plan.Timeouts)
	ctx, client, cancel := r.begin(ctx, "update the environment", limit, preset, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object := r.object(client).of(instanceOf(ctx, req.Private))
	environment := plan.expand(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	desired, err := object.desired(environment)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := object.waitWhileGoing(ctx, plan.Name.ValueString(), req.Private, resp.Private); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := r.createNamespaces(ctx, client, environment, plan.createsNamespaces()); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	live, err := object.write(ctx, desired, plan.AdoptExisting.ValueBool() || wasImported(ctx, req.Private))
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.Ref = plan.ref()
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
	r.removeNamespaces(ctx, client, state, plan, &resp.Diagnostics)
}

// removeNamespaces removes those of the namespaces that were created for the environment
// before that it does not name after. An environment that is gone names none.
func (r *environmentResource) removeNamespaces(ctx context.Context, client *hub.Client, before, after environmentModel, diags *diag.Diagnostics) {
	if !before.createsNamespaces() {
		return
	}
	dropped := stringsOf(ctx, before.ApplicationNamespaces.Names, diags)
	if after.ApplicationNamespaces != nil {
		kept := stringsOf(ctx, after.ApplicationNamespaces.Names, diags)
		dropped = slices.DeleteFunc(dropped, func(name string) bool { return slices.Contains(kept, name) })
	}
	hubNamespaces{client: client, hub: r.hub}.removeEmpty(ctx, dropped, diags)
}

// Delete deletes the environment and waits until it is gone, then removes the
// namespaces that it had created and that are empty.
func (r *environmentResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	defer r.hub.forgetPlatform()
	var state environmentModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "delete the environment", state.Timeouts.Delete, defaultDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object, name := r.object(client).of(loadInstance(ctx, req.Private)), state.Name.ValueString()
	// Before protection, which does not concern what stays.
	if stays, err := object.takenOver(ctx, name); err != nil || stays {
		appendError(&resp.Diagnostics, err)
		return
	}
	if orZero(state.Deletion).Protection.ValueBool() && !isGoing(ctx, req.Private) {
		resp.Diagnostics.AddError("Environment is protected", protectedDetail(name))
		return
	}
	if err := object.remove(ctx, name, loadUID(ctx, req.Private)); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	r.removeNamespaces(ctx, client, state, environmentModel{}, &resp.Diagnostics)
}
