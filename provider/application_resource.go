// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

var (
	_ resource.Resource                   = (*applicationResource)(nil)
	_ resource.ResourceWithConfigure      = (*applicationResource)(nil)
	_ resource.ResourceWithIdentity       = (*applicationResource)(nil)
	_ resource.ResourceWithImportState    = (*applicationResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*applicationResource)(nil)
	_ resource.ResourceWithValidateConfig = (*applicationResource)(nil)
)

// applicationResource is fairlead_application.
type applicationResource struct {
	hubResource
	// newInstance makes a name that no other instance of a resource has, and that
	// nobody guesses.
	newInstance func() string
}

// NewApplicationResource returns the resource fairlead_application.
func NewApplicationResource() resource.Resource {
	return &applicationResource{newInstance: rand.Text}
}

// Metadata names the resource.
func (r *applicationResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_application"
}

// Schema describes the resource.
func (r *applicationResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = applicationSchema(ctx)
}

// IdentitySchema describes the identity: namespace and name.
func (r *applicationResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = applicationIdentity()
}

// object returns the application on the hub.
func (r *applicationResource) object(client *hub.Client, m *applicationModel) applicationObject {
	return applicationObject{
		hub:       r.hub,
		client:    client,
		namespace: m.Namespace.ValueString(),
		name:      m.Name.ValueString(),
	}
}

// Create hands the application over to the addon. It does not wait for it, and
// does nothing after the write that can fail: an error beside a state would
// taint the application.
func (r *applicationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config applicationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	ctx, client, cancel := r.begin(ctx, "create the application", plan.Timeouts.Create, defaultWriteTimeout, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client, &plan)
	object.instance = r.newInstance()
	secrets, err := object.settleSecrets(ctx, &config, &plan, nil)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	desired, spec := object.desired(ctx, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	force, err := object.prepare(ctx, desired, plan.AdoptExisting.ValueBool())
	if err != nil {
		appendApplicationError(&resp.Diagnostics, err, desired)
		return
	}
	object.requireTypes(ctx, slices.Concat(spec.foreign, spec.given), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	salt := r.newInstance()
	// Of what is configured, as in the plan: what is left to others is not in it.
	r.settleResources(&plan, newApplicationSpec(&plan), salt)
	live, err := object.write(ctx, desired, secrets, force)
	if err != nil {
		appendApplicationError(&resp.Diagnostics, err, desired)
		return
	}
	r.save(ctx, &plan, object.written(live, desired), &resp.State, resp.Identity, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(storeSalt(ctx, resp.Private, salt)...)
	r.hub.noteMade(plan.ID.ValueString())
}

// Read reads the application. While the hub cannot be asked the state stays.
func (r *applicationResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state applicationModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(storeProtected(ctx, resp.Private, "")...)
	if resp.Diagnostics.HasError() {
		return
	}
	// Before anything can go wrong: engines without identities in their state
	// refuse an answer that lacks it, also one that keeps the state as it is.
	resp.Diagnostics.Append(setApplicationIdentity(ctx, resp.Identity, &state)...)
	importing := state.Components.IsNull()
	client, diags := r.hub.Client(ctx)
	if client == nil {
		keepUnread(&resp.Diagnostics, diags, importing, fmt.Sprintf("fairlead_application %q", state.ID.ValueString()))
		return
	}
	object := r.object(client, &state)
	live, err := client.Get(ctx, rollout.Kind(), object.key())
	if hub.IsNotFound(err) {
		if r.readGone(ctx, object, &state, resp) {
			appendDropped(&resp.Diagnostics, err, client.Host())
		}
		return
	}
	if hub.IsAway(err) && !importing {
		appendKept(&resp.Diagnostics, err)
		return
	}
	before := state
	if err == nil {
		err = object.read(live, &state, importing, &resp.Diagnostics)
	}
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	salt := loadSalt(ctx, req.Private)
	if importing {
		salt = r.newInstance()
		resp.Diagnostics.Append(storeSalt(ctx, resp.Private, salt)...)
	}
	r.readResources(&state, &before, salt)
	// The answer holds what was known already: most reads of a plan find nothing else.
	if !sameModel(&before, &state) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
	resp.Diagnostics.Append(storeUID(ctx, resp.Private, live.GetUID())...)
	resp.Diagnostics.Append(keepGoing(ctx, resp.Private, live)...)
	if importing {
		resp.Diagnostics.Append(storeImported(ctx, resp.Private, true)...)
		resp.Diagnostics.Append(r.seeEnvironments(ctx, client, live, salt, resp.Private)...)
	}
	if loadInstance(ctx, req.Private) == "" {
		resp.Diagnostics.Append(storeInstance(ctx, resp.Private, live.GetAnnotations()[annotationInstance])...)
	}
}

// readGone forgets an application that is gone. While Secrets of it are left, as
// when a destroy was killed, it stays in the state without a revision, so that a
// destroy removes them and an apply makes the application anew. It says whether the
// state has it no more.
func (r *applicationResource) readGone(ctx context.Context, object applicationObject, state *applicationModel, resp *resource.ReadResponse) bool {
	if !object.leavesSecrets(ctx, digestsOf(state)) {
		resp.State.RemoveResource(ctx)
		return true
	}
	state.Revision = types.StringNull()
	resp.Diagnostics.AddWarning("Application is gone", fmt.Sprintf(
		"The hub has no Application %q any more, and still has Secrets of it. An apply makes the application anew, a destroy removes the Secrets.", object.id()))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateGoing, nil)...)
	return false
}

// Update writes the application. An error leaves the prior state, so that the
// next plan shows the change again.
func (r *applicationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, config, state applicationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, preset := updateLimit(ctx, req.Private, plan.Timeouts)
	ctx, client, cancel := r.begin(ctx, "update the application", limit, preset, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client, &plan)
	if object.instance = loadInstance(ctx, req.Private); object.instance == "" {
		object.instance = r.newInstance()
	}
	anew, err := waitWhileGoing(ctx, req.Private, resp.Private, object.waitGone)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if anew {
		r.hub.noteMade(object.id())
	}
	secrets, err := object.settleSecrets(ctx, &config, &plan, digestsOf(&state))
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	desired, spec := object.desired(ctx, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	object.requireTypes(ctx, slices.Concat(spec.foreign, spec.given), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	salt := cmp.Or(loadSalt(ctx, req.Private), r.newInstance())
	// Of what is configured, as in the plan: what is left to others is not in it.
	r.settleResources(&plan, newApplicationSpec(&plan), salt)
	live, err := object.write(ctx, desired, secrets, takesOver(&plan) || wasImported(ctx, req.Private))
	if err != nil {
		appendApplicationError(&resp.Diagnostics, err, desired)
		return
	}
	// After the application, which does not name them any more. An error keeps the
	// prior state, so that the next apply tries again.
	if err := object.removeSecrets(ctx, digestsOf(&state), digestsOf(&plan)); err != nil {
		appendError(&resp.Diagnostics, maskError(err, maskOf(desired)))
		return
	}
	object.warnPaused(live, desired, &resp.Diagnostics)
	r.save(ctx, &plan, object.written(live, desired), &resp.State, resp.Identity, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(storeSalt(ctx, resp.Private, salt)...)
}

// save stores what was written.
func (r *applicationResource) save(ctx context.Context, plan *applicationModel, w written, state *tfsdk.State, identity *tfsdk.ResourceIdentity, private privateWriter, diags *diag.Diagnostics) {
	plan.ID = applicationID(plan)
	plan.Revision = types.StringValue(w.revision)
	diags.Append(state.Set(ctx, plan)...)
	diags.Append(setApplicationIdentity(ctx, identity, plan)...)
	diags.Append(storeUID(ctx, private, w.uid)...)
	diags.Append(storeInstance(ctx, private, w.instance)...)
	diags.Append(storeImported(ctx, private, false)...)
	diags.Append(private.SetKey(ctx, privateSeen, nil)...)
	diags.Append(private.SetKey(ctx, privateGoing, nil)...)
	diags.Append(storeProtected(ctx, private, "")...)
}

// Delete deletes the application and waits until nothing of it is left.
func (r *applicationResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state applicationModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "delete the application", state.Timeouts.Delete, defaultDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client, &state)
	object.instance = loadInstance(ctx, req.Private)
	if id := protectedID(ctx, &state, req.Private); id != "" {
		object.refuseProtected(ctx, &resp.Diagnostics)
		return
	}
	if err := object.remove(ctx, loadUID(ctx, req.Private), digestsOf(&state)); err != nil {
		appendError(&resp.Diagnostics, err)
	}
}

// ImportState takes `namespace/name` as the import id, or the identity.
func (r *applicationResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	model := applicationModel{}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("namespace"), &model.Namespace)...)
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("name"), &model.Name)...)
	} else {
		namespace, name, ok := splitApplicationID(req.ID)
		if !ok {
			resp.Diagnostics.AddError("Invalid import id", "The id of an application is namespace/name, such as shop/web.")
			return
		}
		model.Namespace, model.Name = types.StringValue(namespace), types.StringValue(name)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("namespace"), model.Namespace)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), model.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), applicationID(&model))...)
	resp.Diagnostics.Append(setApplicationIdentity(ctx, resp.Identity, &model)...)
}

// applicationID is namespace/name, unknown while either is.
func applicationID(m *applicationModel) types.String {
	if m.Namespace.IsUnknown() || m.Name.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(m.Namespace.ValueString() + "/" + m.Name.ValueString())
}

// splitApplicationID splits namespace/name.
func splitApplicationID(id string) (namespace, name string, ok bool) {
	namespace, name, ok = strings.Cut(id, "/")
	return namespace, name, ok && namespace != "" && name != "" && !strings.Contains(name, "/")
}

// setApplicationIdentity sets the identity, where the engine keeps one.
func setApplicationIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, m *applicationModel) diag.Diagnostics {
	var diags diag.Diagnostics
	if identity == nil {
		return diags
	}
	diags.Append(identity.SetAttribute(ctx, path.Root("namespace"), m.Namespace)...)
	diags.Append(identity.SetAttribute(ctx, path.Root("name"), m.Name)...)
	return diags
}
