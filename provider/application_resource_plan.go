// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"
	"reflect"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// ModifyPlan plans what follows from the configuration, and plans the state's
// own value where a change means nothing to the hub, so that a change of types
// alone, and the first plan after an import, are empty.
func (r *applicationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, &resp.Diagnostics)
		return
	}
	var plan, config applicationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	var state *applicationModel
	if !req.State.Raw.IsNull() {
		state = &applicationModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Namespace = r.plannedNamespace(&config, state)
	plan.ID = applicationID(&plan)
	plan.Revision = types.StringUnknown()
	spec := newApplicationSpec(&plan)
	changed, open := true, false
	r.refuseReplacement(ctx, req, &resp.Diagnostics)
	if state != nil {
		from := originOf(ctx, req.Private)
		changed = !planUpdate(&plan, spec, state, from)
		open = changed && mayStay(&plan, spec, state, from)
		if !plan.Namespace.Equal(state.Namespace) {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root("namespace"))
		}
		resp.Diagnostics.Append(storeProtected(ctx, resp.Private, protectedID(ctx, state, req.Private))...)
		if !isGoing(ctx, req.Private) {
			r.checkPlace(ctx, &config, &plan, state, changed, req.Private, &resp.Diagnostics)
		}
	}
	if changed {
		warnOfForeignTypes(&resp.Diagnostics, r.foreignToHub(ctx, &plan, spec.foreign))
	}
	r.planResources(&plan, spec, state, loadSalt(ctx, req.Private), changed, &resp.Diagnostics)
	if open {
		plan.Resources = eitherOf(plan.Resources, state.Resources)
	}
	// After the rest, since it asks whether the revision stays.
	r.planSecrets(ctx, &config, &plan, state, isGoing(ctx, req.Private), &resp.Diagnostics)
	checkDropped(&config, &plan, state, wasImported(ctx, req.Private), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
	planAnew(ctx, req, resp, "revision")
	// A replacement is planned a second time, as what is created in place of the first.
	if plan.Revision.IsUnknown() && len(resp.RequiresReplace) == 0 {
		force := takesOver(&plan) || (state != nil && wasImported(ctx, req.Private))
		r.tryOnHub(ctx, trial{plan: &plan, spec: spec, creates: state == nil || isGoing(ctx, req.Private), force: force}, &resp.Diagnostics)
	}
}

// planDestroy refuses to destroy a protected application.
func (r *applicationResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	var state applicationModel
	diags.Append(req.State.Get(ctx, &state)...)
	r.refuseProtected(ctx, protectedID(ctx, &state, req.Private), req.Private, diags)
}

// refuseReplacement refuses a creation that is planned in place of a protected application.
func (r *applicationResource) refuseReplacement(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	if req.State.Raw.IsNull() {
		r.refuseProtected(ctx, loadProtected(ctx, req.Private), req.Private, diags)
	}
}

// checkPlace refuses to replace a protected application by one of another name or
// namespace, and warns where a plan cannot tell whether it does.
func (r *applicationResource) checkPlace(ctx context.Context, config, plan, state *applicationModel, changed bool, private privateStore, diags *diag.Diagnostics) {
	if replaces(plan, state) {
		r.refuseProtected(ctx, protectedID(ctx, state, private), private, diags)
	}
	if changed && config.Namespace.IsNull() && r.hub != nil && r.hub.namespaceUnknown {
		r.noteOnce("Default namespace not known yet", "The provider's default_namespace is known only after apply. Applications that name no namespace of their own are "+
			"planned where they are. If it turns out to be another one, the apply stops before it changes them, and the next plan replaces them.", diags)
	}
}

// replaces says whether the plan makes an application of another name or namespace.
func replaces(plan, state *applicationModel) bool {
	return (!plan.Name.IsUnknown() && !plan.Name.Equal(state.Name)) || (!plan.Namespace.IsUnknown() && !plan.Namespace.Equal(state.Namespace))
}

// plannedNamespace is the configured namespace, else the provider's default one.
// While that is unknown the application stays where it is: to plan it as unknown
// would plan its replacement.
func (r *applicationResource) plannedNamespace(config, state *applicationModel) types.String {
	if !config.Namespace.IsNull() || r.hub == nil {
		return config.Namespace
	}
	if !r.hub.namespaceUnknown {
		return types.StringValue(r.hub.DefaultNamespace)
	}
	if state != nil {
		return state.Namespace
	}
	return types.StringUnknown()
}

// specPart is one attribute of the spec, as it is planned and as the state has it.
type specPart struct {
	plan, state   *types.Dynamic
	after, before any
}

// partsOf are the parts of a spec, in the form of the API, without what is left to others.
func partsOf(plan *applicationModel, after *applicationSpec, state *applicationModel, before *applicationSpec) []specPart {
	ignored, _ := newIgnoredFields(plan.IgnoreFields)
	return []specPart{
		{&plan.Components, &state.Components, ignored.keep("components", after.components, before.components), before.components},
		{&plan.Environments, &state.Environments, ignored.keep("environments", after.environments, before.environments), before.environments},
		{&plan.Policies, &state.Policies, ignored.keep("policies", after.policies, before.policies), before.policies},
		{&plan.Workflow, &state.Workflow, ignored.keep("workflow", after.workflow, before.workflow), before.workflow},
	}
}

// planUpdate keeps what the state says where nothing changes for the hub, and
// says whether that is so for all of the application.
func planUpdate(plan *applicationModel, after *applicationSpec, state *applicationModel, from origin) bool {
	keepDefinitions(plan, state)
	before := newApplicationSpec(state)
	refsChanged, refsSame := changedRefs(plan.Environments, state.Environments, from)
	same := !refsChanged
	for _, part := range partsOf(plan, after, state, before) {
		if !sameContent(part.after, part.before) {
			same = false
			continue
		}
		if part.plan == &plan.Environments && !refsSame {
			continue
		}
		// As a whole or not at all: engines refuse a mixture of the prior and the
		// configured value, and print it, with what is sensitive, when they do.
		if !part.plan.IsNull() && !part.state.IsNull() {
			*part.plan = *part.state
		}
	}
	if len(after.findings)+len(before.findings) > 0 {
		same = false
	}
	if !same || !sameBesideSpec(plan, state) {
		return false
	}
	if !plan.Environments.IsNull() && !state.Environments.IsNull() {
		plan.Environments = state.Environments
	}
	if !state.Revision.IsNull() {
		plan.Revision = state.Revision
	}
	return true
}

// sameBesideSpec says whether what is beside the spec is known and the same.
func sameBesideSpec(plan, state *applicationModel) bool {
	return sameStrings(plan.Labels, state.Labels) && sameStrings(plan.Annotations, state.Annotations) &&
		plan.ID.Equal(state.ID) && sameDefinitions(plan, state)
}

// protectedID is the id of an application that is protected, else empty. One that is being
// deleted already is not: nobody keeps it any more.
func protectedID(ctx context.Context, state *applicationModel, private privateStore) string {
	protection, _ := state.Deletion.Attributes()["protection"].(types.Bool)
	if !protection.ValueBool() || isGoing(ctx, private) {
		return ""
	}
	return state.ID.ValueString()
}

// refuseProtected refuses to plan the end of the protected application of that id, if there
// is one.
func (r *applicationResource) refuseProtected(ctx context.Context, id string, private privateStore, diags *diag.Diagnostics) {
	namespace, name, ok := splitApplicationID(id)
	if !ok {
		return
	}
	object := applicationObject{hub: r.hub, namespace: namespace, name: name, instance: loadInstance(ctx, private)}
	takenOver := func(client *hub.Client) (bool, error) {
		object.client = client
		return object.takenOver(ctx)
	}
	if mayEnd(ctx, r.hub, takenOver) {
		return
	}
	object.appendProtected(diags)
}

// sameContent says whether two parts of a spec are known and write the same.
func sameContent(after, before any) bool {
	if hclvalue.HasUnknownJSON(after) || hclvalue.HasUnknownJSON(before) {
		return false
	}
	return reflect.DeepEqual(noneIfEmpty(after), noneIfEmpty(before))
}

// sameStrings says whether two maps are known and hold the same.
func sameStrings(after, before types.Map) bool {
	if hclvalue.HasUnknown(after) || hclvalue.HasUnknown(before) {
		return false
	}
	return maps.Equal(stringsIn(after), stringsIn(before))
}

// stringsIn are the strings of a known map, without those that are null.
func stringsIn(m types.Map) map[string]string {
	out := make(map[string]string, len(m.Elements()))
	for key, v := range m.Elements() {
		if text, ok := v.(types.String); ok && !text.IsNull() {
			out[key] = text.ValueString()
		}
	}
	return out
}
