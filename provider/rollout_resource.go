// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	k8stypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

var (
	_ resource.Resource               = (*rolloutResource)(nil)
	_ resource.ResourceWithConfigure  = (*rolloutResource)(nil)
	_ resource.ResourceWithModifyPlan = (*rolloutResource)(nil)
)

const (
	// defaultRolloutTimeout bounds the wait for a rollout.
	defaultRolloutTimeout = 20 * time.Minute
	// privatePending is where a rollout that has not succeeded keeps the revision
	// that was complete before it.
	privatePending = "pending"
)

// stallGrace is how long a stalled rollout must stay stalled before waiting ends.
const stallGrace = 5 * time.Second

// rolloutResource is fairlead_rollout.
type rolloutResource struct {
	hubResource
	clock clock.WithTicker
}

// NewRolloutResource returns the resource fairlead_rollout.
func NewRolloutResource() resource.Resource {
	return &rolloutResource{clock: clock.RealClock{}}
}

// Metadata names the resource.
func (r *rolloutResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_rollout"
}

// Schema describes the resource.
func (r *rolloutResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = rolloutSchema(ctx)
}

// ModifyPlan keeps the endpoints unless another revision is rolled out, or the last
// rollout has not succeeded: how long it is waited for has no say in them. A revision
// is known when engines plan again during the apply, and one that goes back to what was
// complete equals the state then. Without endpoints that are unknown they would take
// that for no change, and nobody would wait for it.
func (r *rolloutResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var plan, state rolloutModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	endpoints := state.Endpoints
	pending, _ := loadPending(ctx, req.Private)
	isChanged := !plan.Application.Equal(state.Application) || !plan.Revision.Equal(state.Revision)
	if isChanged || r.hub.wasMade(plan.Application.ValueString()) || pending && !r.isAnothers(ctx, &state) {
		endpoints = types.MapUnknown(endpointsType())
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("endpoints"), endpoints)...)
}

// isAnothers says whether the application carries another revision than the one that is
// asked for and was complete: whoever changed it waits for that, and it is in vain to wait
// here. A hub that cannot be asked tells nothing.
func (r *rolloutResource) isAnothers(ctx context.Context, state *rolloutModel) bool {
	client, _ := r.hub.Client(ctx)
	if client == nil {
		return false
	}
	target := targetOf(state)
	live, err := client.Get(ctx, rollout.Kind(), k8stypes.NamespacedName{Namespace: target.Namespace, Name: target.Name})
	if err != nil {
		return false
	}
	progress, err := rollout.Judge(live, target.Revision)
	return err == nil && progress.Outcome == rollout.Superseded
}

// Create waits for the rollout. A failed one leaves no state, so that the next
// plan shows it as still to be created.
func (r *rolloutResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan rolloutModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout := timeLimit(ctx, "wait for the rollout", plan.Timeouts.Create, defaultRolloutTimeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	failed := r.wait(ctx, &plan, timeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	if failed {
		resp.Diagnostics.Append(storePending(ctx, resp.Private, "")...)
	}
}

// Read lowers the revision of a rollout that was let pass with a warning while it
// is not complete, so that the plan shows it. A rollout that was complete once
// stays so: an application that is unhealthy later is no change of configuration.
// One that carries another revision by now has to be waited for when it goes back,
// though nobody could keep that a wait failed, as when the provider was killed.
func (r *rolloutResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state rolloutModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client, diags := r.hub.Client(ctx)
	if client == nil {
		keepUnread(&resp.Diagnostics, diags, false, "fairlead_rollout")
		return
	}
	target := targetOf(&state)
	object, err := client.Get(ctx, rollout.Kind(), k8stypes.NamespacedName{Namespace: target.Namespace, Name: target.Name})
	if hub.IsNotFound(err) {
		appendDropped(&resp.Diagnostics, err, client.Host())
		resp.State.RemoveResource(ctx)
		return
	}
	if hub.IsAway(err) {
		appendKept(&resp.Diagnostics, err)
		return
	}
	pending, before := loadPending(ctx, req.Private)
	var progress rollout.Progress
	if err == nil {
		progress, err = rollout.Judge(object, target.Revision)
	}
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	switch {
	case progress.Outcome == rollout.Gone: // being deleted: what is made anew is waited for
		resp.State.RemoveResource(ctx)
		return
	case progress.Outcome == rollout.Healthy:
		resp.Diagnostics.Append(clearPending(ctx, resp.Private)...)
		state.Endpoints = endpointsOf(ctx, progress, &resp.Diagnostics)
	case pending:
		state.Revision = types.StringValue(before)
	case progress.Outcome == rollout.Superseded:
		resp.Diagnostics.Append(storePending(ctx, resp.Private, state.Revision.ValueString())...)
		return
	default:
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Update waits for the rollout. A failed one leaves the prior state, so that the
// next plan shows the change again. It is pending until the wait has ended well:
// engines keep the private state of an error too.
func (r *rolloutResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state rolloutModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if pending, _ := loadPending(ctx, req.Private); !pending {
		resp.Diagnostics.Append(storePending(ctx, resp.Private, state.Revision.ValueString())...)
	}
	timeout := timeLimit(ctx, "wait for the rollout", plan.Timeouts.Update, defaultRolloutTimeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	failed := r.wait(ctx, &plan, timeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	if !failed {
		resp.Diagnostics.Append(clearPending(ctx, resp.Private)...)
	}
}

// Delete only forgets: what was rolled out belongs to the application.
func (r *rolloutResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// wait waits for the rollout, and says whether it failed without that being an error.
func (r *rolloutResource) wait(ctx context.Context, plan *rolloutModel, timeout time.Duration, diags *diag.Diagnostics) (failed bool) {
	client, clientDiags := r.hub.require(ctx, "wait for the rollout")
	diags.Append(clientDiags...)
	if diags.HasError() {
		return true
	}
	waiter := rollout.Waiter{Source: client, Clock: r.clock, Limit: timeout, Grace: stallGrace}
	progress, err := waiter.Wait(ctx, targetOf(plan))
	if plan.Endpoints.IsUnknown() {
		plan.Endpoints = endpointsOf(ctx, progress, diags)
	}
	var failure *rollout.Failure
	if !errors.As(err, &failure) {
		appendError(diags, err)
		return err != nil
	}
	if plan.OnFailure.ValueString() == onFailureWarn && !failure.Interrupted {
		diags.AddWarning(failure.Summary(), failure.Detail())
		return true
	}
	diags.AddError(failure.Summary(), failure.Detail())
	return true
}

// endpointsOf are the endpoints that the application tells of.
func endpointsOf(ctx context.Context, progress rollout.Progress, diags *diag.Diagnostics) types.Map {
	value, d := types.MapValueFrom(ctx, endpointsType(), rollout.Endpoints(progress.App))
	diags.Append(d...)
	return value
}

// targetOf is the revision that is waited for.
func targetOf(m *rolloutModel) rollout.Target {
	namespace, name, _ := splitApplicationID(m.Application.ValueString())
	return rollout.Target{Namespace: namespace, Name: name, Revision: m.Revision.ValueString()}
}

// storePending keeps that a rollout has not succeeded, with what was complete before it.
func storePending(ctx context.Context, private privateWriter, before string) diag.Diagnostics {
	encoded, err := json.Marshal(before)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privatePending, encoded)
}

// clearPending forgets that a rollout had not succeeded.
func clearPending(ctx context.Context, private privateWriter) diag.Diagnostics {
	return private.SetKey(ctx, privatePending, nil)
}

// loadPending says whether a rollout has not succeeded, and what was complete before it.
func loadPending(ctx context.Context, private privateStore) (pending bool, before string) {
	encoded, diags := private.GetKey(ctx, privatePending)
	if diags.HasError() || len(encoded) == 0 {
		return false, ""
	}
	return json.Unmarshal(encoded, &before) == nil, before
}
