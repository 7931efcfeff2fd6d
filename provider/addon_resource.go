// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/release"
)

var (
	_ resource.Resource                   = (*addonResource)(nil)
	_ resource.ResourceWithConfigure      = (*addonResource)(nil)
	_ resource.ResourceWithIdentity       = (*addonResource)(nil)
	_ resource.ResourceWithImportState    = (*addonResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*addonResource)(nil)
	_ resource.ResourceWithValidateConfig = (*addonResource)(nil)
)

const (
	// defaultInstallTimeout bounds an installation, with the pull of the image.
	defaultInstallTimeout = 10 * time.Minute
	// defaultRemovalTimeout bounds a removal, with everything that has to go before.
	defaultRemovalTimeout = 15 * time.Minute
)

// addonResource is fairlead_addon.
type addonResource struct {
	hubResource
	patience release.Patience
}

// NewAddonResource returns the resource fairlead_addon.
func NewAddonResource() resource.Resource {
	return &addonResource{patience: release.DefaultPatience()}
}

// Metadata names the resource.
func (r *addonResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_addon"
}

// Schema describes the resource.
func (r *addonResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = addonSchema(ctx)
}

// IdentitySchema describes the identity: the namespace.
func (r *addonResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"namespace": identityschema.StringAttribute{RequiredForImport: true, Description: "Namespace of the addon."},
	}}
}

// ValidateConfig checks the values against the chart's schema, without a hub.
func (r *addonResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var values types.Dynamic
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("values"), &values)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validateValues(values, &resp.Diagnostics)
}

// ModifyPlan plans the version that this provider installs, so that a newer
// provider shows an upgrade, and keeps everything else as it is as long as
// nothing changes.
func (r *addonResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	keepDynamic(ctx, path.Root("values"), expandValues, req, resp)
	var plan addonModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validateValues(plan.Values, &resp.Diagnostics)
	version, err := release.Version()
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	plan.ID = plan.Namespace
	plan.Version = types.StringValue(version)
	plan.OAMMode = types.StringUnknown()
	if !req.State.Raw.IsNull() {
		var state addonModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		plan.keepMode(state)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// Create installs the addon. An installation that a killed run left behind is
// completed; one that somebody uses is left alone.
func (r *addonResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan addonModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "install the addon", plan.Timeouts.Create, defaultInstallTimeout, &resp.Diagnostics)
	defer cancel()
	installer := r.installer(client, plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	options, err := plan.options()
	if err == nil {
		err = installer.CheckFree(ctx, options)
	}
	if errors.Is(err, release.ErrInUse) {
		resp.Diagnostics.AddError("The addon is installed already", importHint(plan, err))
		return
	}
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if !r.install(ctx, installer, &plan, options, &resp.Diagnostics) {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("namespace"), plan.Namespace)...)
}

// importHint says how to take over an installation that is in use.
func importHint(plan addonModel, err error) string {
	return fmt.Sprintf("%s. To manage it here, import it:\n\n  import {\n    to = fairlead_addon.<name>\n    id = %q\n  }", sentence(err), plan.Namespace.ValueString())
}

// sentence returns the text of an error as the beginning of a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// install installs or upgrades and takes the outcome over, and says whether it succeeded.
func (r *addonResource) install(ctx context.Context, installer *release.Installer, plan *addonModel, options release.Options, diags *diag.Diagnostics) bool {
	state, err := installer.Install(ctx, options)
	if err != nil {
		appendError(diags, err)
		return false
	}
	plan.ID = plan.Namespace
	plan.Version = types.StringValue(state.Version)
	plan.OAMMode = types.StringValue(string(state.Mode))
	return true
}

// Read reads what is installed. While the hub cannot be asked the state stays.
func (r *addonResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state addonModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	importing := state.ID.IsNull()
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("namespace"), state.Namespace)...)
	client, cause := r.hub.Client(ctx)
	if client == nil {
		keepUnread(&resp.Diagnostics, cause, importing, fmt.Sprintf("fairlead_addon %q", state.Namespace.ValueString()))
		return
	}
	installed, err := r.read(ctx, client, state)
	switch {
	case errors.Is(err, release.ErrNotInstalled):
		resp.State.RemoveResource(ctx)
	case err == nil:
		resp.Diagnostics.Append(state.take(installed)...)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	case hub.IsAway(err) && !importing:
		appendKept(&resp.Diagnostics, err)
	default:
		appendError(&resp.Diagnostics, err)
	}
}

// read reads what is installed.
func (r *addonResource) read(ctx context.Context, client *hub.Client, state addonModel) (release.State, error) {
	installer, err := release.New(client, state.Namespace.ValueString(), r.patience)
	if err != nil {
		return release.State{}, err
	}
	return installer.State(ctx)
}

// Update upgrades the addon.
func (r *addonResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan addonModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "upgrade the addon", plan.Timeouts.Update, defaultInstallTimeout, &resp.Diagnostics)
	defer cancel()
	installer := r.installer(client, plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	options, err := plan.options()
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if !r.install(ctx, installer, &plan, options, &resp.Diagnostics) {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("namespace"), plan.Namespace)...)
}

// Delete removes the addon once nothing needs it any more.
func (r *addonResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state addonModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "remove the addon", state.Timeouts.Delete, defaultRemovalTimeout, &resp.Diagnostics)
	defer cancel()
	installer := r.installer(client, state, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	kept, err := installer.Uninstall(ctx, state.CRDs.ValueString() != crdsSkip)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if len(kept) > 0 {
		resp.Diagnostics.AddWarning("Kept on the hub", "The addon is removed. These hold what somebody else made, and stay:\n  "+
			strings.Join(kept, "\n  ")+"\nDelete them by hand if nothing needs them.")
	}
}

// installer returns the installer for an addon. With an error it is nil.
func (r *addonResource) installer(client *hub.Client, model addonModel, diags *diag.Diagnostics) *release.Installer {
	if diags.HasError() {
		return nil
	}
	installer, err := release.New(client, model.Namespace.ValueString(), r.patience)
	if err != nil {
		appendError(diags, err)
		return nil
	}
	return installer
}

// ImportState takes the namespace as the import id, or the identity.
func (r *addonResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("namespace"), path.Root("namespace"), req, resp)
}
