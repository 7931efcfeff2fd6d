// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

var (
	_ resource.Resource                   = (*definitionResource)(nil)
	_ resource.ResourceWithConfigure      = (*definitionResource)(nil)
	_ resource.ResourceWithIdentity       = (*definitionResource)(nil)
	_ resource.ResourceWithImportState    = (*definitionResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*definitionResource)(nil)
	_ resource.ResourceWithValidateConfig = (*definitionResource)(nil)
)

// definitionResource is fairlead_definition.
type definitionResource struct{ hubResource }

// NewDefinitionResource returns the resource fairlead_definition.
func NewDefinitionResource() resource.Resource { return &definitionResource{} }

// Metadata names the resource.
func (r *definitionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_definition"
}

// Schema describes the resource.
func (r *definitionResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = definitionSchema(ctx)
}

// IdentitySchema describes the identity: kind, namespace and name.
func (r *definitionResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = definitionIdentity()
}

// object returns the life of the definition.
func (r *definitionResource) object(client *hub.Client, m *definitionModel) platformObject {
	return platformObject{
		gvk:       definitionObjectKind(definition.Kind(m.Kind.ValueString())),
		resource:  "fairlead_definition",
		namespace: m.Namespace.ValueString(),
		importID:  definitionID(m.Kind.ValueString(), m.Namespace.ValueString(), m.Name.ValueString()),
		client:    client,
		hub:       r.hub,
	}
}

// ValidateConfig checks the definition as far as it is known. It needs no hub.
func (r *definitionResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config definitionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.validateForm(&resp.Diagnostics)
	if resp.Diagnostics.HasError() || !config.known() || !config.vettable() {
		return
	}
	if wrong, _ := config.vet(ctx, &resp.Diagnostics); len(wrong) > 0 {
		resp.Diagnostics.AddAttributeError(config.sourcePath(), "Invalid definition", inLines(wrong))
	}
}

// vettable says whether there is a definition of a kind that there is; what is wrong
// otherwise has been said.
func (m *definitionModel) vettable() bool {
	return !m.CUE.IsNull() || !m.Template.IsNull() && slices.Contains(definitionKindNames(), m.Kind.ValueString())
}

// sourcePath is the attribute with the definition. The snippet that engines print
// of a long text says nothing, but its first line tells which file it is.
func (m *definitionModel) sourcePath() path.Path {
	if m.CUE.IsNull() {
		return path.Root("template")
	}
	return path.Root("cue")
}

// validateForm checks that the definition is given in one form. What is not known yet may
// turn out not to be given.
func (m *definitionModel) validateForm(diags *diag.Diagnostics) {
	if m.CUE.IsNull() {
		for name, value := range map[string]types.String{"kind": m.Kind, "name": m.Name} {
			if value.IsNull() && !m.Template.IsNull() {
				diags.AddAttributeError(path.Root(name), "Missing "+name, name+" is required beside template. Only a definition in cue brings it along.")
			}
		}
		return
	}
	if m.CUE.IsUnknown() {
		return
	}
	given := map[string]interface {
		IsNull() bool
		IsUnknown() bool
	}{
		"description": m.Description, "version": m.Version, "labels": m.Labels, "workload": m.Workload,
		"applies_to": m.AppliesTo, "conflicts_with": m.ConflictsWith, "stage": m.Stage, "pod_disruptive": m.PodDisruptive,
		"manage_workload": m.ManageWorkload, "manage_health_check": m.ManageHealthCheck, "workload_ref_path": m.WorkloadRefPath,
		"health_policy": m.HealthPolicy, "custom_status": m.CustomStatus, "details": m.Details,
	}
	var names []string
	for name, value := range given {
		if !value.IsNull() && !value.IsUnknown() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		diags.AddAttributeError(path.Root(name), "Definition given twice", fmt.Sprintf("%s: the definition in cue says this. Remove the attribute, or cue.", name))
	}
	if len(names) > 0 || m.CUE.IsUnknown() || m.Kind.IsNull() && m.Name.IsNull() {
		return
	}
	if d, err := definition.Parse("cue", []byte(m.CUE.ValueString())); err == nil {
		m.checkName(d, diags)
	}
}

// checkName refuses a definition of another kind or name than those that stand beside it.
func (m *definitionModel) checkName(d *definition.Definition, diags *diag.Diagnostics) {
	for _, part := range []struct {
		name, found string
		given       types.String
	}{{"kind", string(d.Kind), m.Kind}, {"name", d.Name, m.Name}} {
		if part.given.IsNull() || part.given.IsUnknown() || part.given.ValueString() == part.found {
			continue
		}
		diags.AddAttributeError(path.Root(part.name), "Another definition", fmt.Sprintf(
			"%s: is %q, and cue is the definition of the %s type %q. Nothing was written. Give the file of %q as cue, or change %s to %q, which makes a new definition.",
			part.name, part.given.ValueString(), d.Kind, d.Name, part.given.ValueString(), part.name, part.found))
	}
}

// ModifyPlan makes kind, name and id known, keeps a layout that means the same, and
// tells what is to be said of a definition that changes.
func (r *definitionResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	var plan, config definitionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	var state *definitionModel
	if !req.State.Raw.IsNull() {
		state = &definitionModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.nameFromCUE(ctx, &config, state, &resp.Diagnostics)
	if state != nil {
		plan.keepLayout(ctx, state, &resp.Diagnostics)
		resp.RequiresReplace = append(resp.RequiresReplace, plan.replaced(state)...)
		plan.warnOfName(&config, state, &resp.Diagnostics)
	}
	plan.ID = plan.plannedID()
	plan.Ref = plan.ref(ctx)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
	planAnew(ctx, req, resp, "ref")
	if resp.Diagnostics.HasError() || resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	r.warnOfChange(ctx, &plan, state, &resp.Diagnostics)
	if !plan.known() {
		return
	}
	if _, remarks := plan.vet(ctx, &resp.Diagnostics); len(remarks) > 0 {
		resp.Diagnostics.AddAttributeWarning(plan.sourcePath(), "The definition can be better", inLines(remarks))
	}
}

// planDestroy says whom it concerns that the definition goes.
func (r *definitionResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state definitionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() {
		r.warnOfUsers(ctx, &state, definitionGoes, &resp.Diagnostics)
	}
}

// warnOfChange says whom a change of the definition concerns: of one that becomes another
// those of both.
func (r *definitionResource) warnOfChange(ctx context.Context, plan, state *definitionModel, diags *diag.Diagnostics) {
	switch {
	case state == nil:
		r.warnOfUsers(ctx, plan, definitionAdded, diags)
	case plan.Kind.IsUnknown() || plan.Name.IsUnknown():
		r.warnOfUsers(ctx, state, definitionChanged, diags)
	case !plan.ID.Equal(state.ID):
		r.warnOfUsers(ctx, state, definitionGoes, diags)
	case !plan.known() || !plan.makes(ctx, state, diags):
		r.warnOfUsers(ctx, plan, definitionChanged, diags)
	}
}

// makes says whether applications would be made alike by the two: what describes a
// definition does not matter to them.
func (m *definitionModel) makes(ctx context.Context, state *definitionModel, diags *diag.Diagnostics) bool {
	wanted, errWanted := m.object(ctx, diags)
	before, errBefore := state.object(ctx, diags)
	return errWanted == nil && errBefore == nil && sameSpec(wanted, before)
}

// keepLayout plans the file of the state where that of the plan means the same.
func (m *definitionModel) keepLayout(ctx context.Context, state *definitionModel, diags *diag.Diagnostics) {
	if m.CUE.IsNull() || m.CUE.IsUnknown() || state.CUE.IsNull() {
		return
	}
	if m.means(ctx, state, diags) {
		m.CUE = state.CUE
	}
}

// plannedID is the id, unknown while any part of it is.
func (m *definitionModel) plannedID() types.String {
	if m.Kind.IsUnknown() || m.Namespace.IsUnknown() || m.Name.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(definitionID(m.Kind.ValueString(), m.Namespace.ValueString(), m.Name.ValueString()))
}

// nameFromCUE takes kind and name from the CUE file, unless they are given beside it,
// where the file must be of them. While it is unknown they are what they were: another
// name would be another definition.
func (m *definitionModel) nameFromCUE(ctx context.Context, given, state *definitionModel, diags *diag.Diagnostics) {
	kind, name := types.StringUnknown(), types.StringUnknown()
	switch {
	case m.CUE.IsNull():
		return
	case !m.CUE.IsUnknown():
		d, err := parseCUE(ctx, m.CUE.ValueString())
		if err != nil {
			diags.AddAttributeError(path.Root("cue"), "Invalid definition", err.Error())
			return
		}
		given.checkName(d, diags)
		kind, name = types.StringValue(string(d.Kind)), types.StringValue(d.Name)
	case state != nil:
		kind, name = state.Kind, state.Name
	}
	if given.Kind.IsNull() {
		m.Kind = kind
	}
	if given.Name.IsNull() {
		m.Name = name
	}
}

// warnOfName says what a plan cannot see, and what becomes of it. Engines plan again
// while they apply, and take a definition that turns out to be another one for a fault
// of the provider; only this stands beside what they say then.
func (m *definitionModel) warnOfName(given, state *definitionModel, diags *diag.Diagnostics) {
	open := m.CUE.IsUnknown() && (given.Kind.IsNull() || given.Name.IsNull())
	const remedy = "Give kind and name beside cue where it is known only after apply: then a plan knows them, and an apply stops with an error of its own."
	switch {
	case m.CUE.IsNull():
	case open:
		diags.AddAttributeWarning(path.Root("cue"), "Definition not known yet", fmt.Sprintf(
			"cue: is known only after apply. The plan expects it to stay the definition of the %s type %q; the apply fails if it is of another one, and the next plan replaces the definition. %s",
			state.Kind.ValueString(), state.Name.ValueString(), remedy))
	case given.Kind.IsNull() && given.Name.IsNull() && len(m.replaced(state)) > 0:
		diags.AddAttributeWarning(path.Root("cue"), "Another definition", fmt.Sprintf(
			"cue: is the definition of the %s type %q, and was that of the %s type %q, which goes. If this is said by an apply that fails, its plan could not see that: plan again. %s",
			m.Kind.ValueString(), m.Name.ValueString(), state.Kind.ValueString(), state.Name.ValueString(), remedy))
	}
}

// parseCUE reads a CUE file.
func parseCUE(ctx context.Context, source string) (*definition.Definition, error) {
	return preview.Within(ctx, func() (*definition.Definition, error) { return definition.Parse("cue", []byte(source)) })
}

// means says whether the two would be written alike.
func (m *definitionModel) means(ctx context.Context, state *definitionModel, diags *diag.Diagnostics) bool {
	wanted, errWanted := m.object(ctx, diags)
	before, errBefore := state.object(ctx, diags)
	return errWanted == nil && errBefore == nil && wanted.GetName() == before.GetName() &&
		sameDefinition(wanted, before) && sameDefinition(before, wanted)
}

// ref is what an application may know of the definition, unknown while any of it is.
func (m *definitionModel) ref(ctx context.Context) types.Object {
	if !m.known() || m.Namespace.IsUnknown() {
		return types.ObjectUnknown(definitionRefTypes())
	}
	cue := m.CUE
	if cue.IsNull() {
		var ignored diag.Diagnostics
		d, err := m.definition(ctx, &ignored)
		if err != nil {
			return types.ObjectNull(definitionRefTypes())
		}
		text, err := d.CUE()
		if err != nil {
			// Validation says what is wrong with it.
			return types.ObjectNull(definitionRefTypes())
		}
		cue = types.StringValue(text)
	}
	return types.ObjectValueMust(definitionRefTypes(), map[string]attr.Value{"kind": m.Kind, "name": m.Name, "namespace": m.Namespace, "cue": cue})
}

// replaced are the attributes whose change makes another definition.
func (m *definitionModel) replaced(state *definitionModel) path.Paths {
	var paths path.Paths
	for name, values := range map[string][2]types.String{"kind": {m.Kind, state.Kind}, "name": {m.Name, state.Name}} {
		if !values[0].IsUnknown() && !values[0].Equal(values[1]) {
			paths = append(paths, path.Root(name))
		}
	}
	return paths
}

// Create writes the definition and waits for what the addon says of it. One that
// is refused is taken back, so that an error never leaves anything behind.
func (r *definitionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan definitionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "create the definition", plan.Timeouts.Create, defaultWriteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	plan.nameFromCUE(ctx, &plan, nil, &resp.Diagnostics)
	instance := rand.Text()
	desired := r.desired(ctx, &plan, instance, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	object := r.object(client, &plan).of(instance)
	adopt := plan.AdoptExisting.ValueBool()
	if err := object.prepare(ctx, desired, adopt); err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	before, err := client.Get(ctx, object.gvk, object.key(desired.GetName()))
	if err != nil && !hub.IsNotFound(err) {
		appendError(&resp.Diagnostics, err)
		return
	}
	if before != nil {
		before = asBefore(before, desired)
	}
	live := r.write(ctx, object, desired, before, writing{adopt: adopt, wait: plan.Wait.ValueBool()}, &resp.Diagnostics)
	if live == nil {
		return
	}
	r.save(ctx, &plan, live, instance, &resp.State, resp.Identity, resp.Private, &resp.Diagnostics)
}

// desired makes the object with labels, owner and instance.
func (r *definitionResource) desired(ctx context.Context, m *definitionModel, instance string, diags *diag.Diagnostics) *unstructured.Unstructured {
	object, err := m.object(ctx, diags)
	if err == nil {
		object, err = r.object(nil, m).of(instance).desired(object)
	}
	if err != nil {
		diags.AddAttributeError(m.sourcePath(), "Invalid definition", err.Error())
		return nil
	}
	return object
}

// writing says how a definition is written.
type writing struct{ adopt, wait bool }

// write writes the definition. When the addon refuses it the hub gets back what it
// held before. It returns nil with an error.
func (r *definitionResource) write(ctx context.Context, object platformObject, desired, before *unstructured.Unstructured, how writing, diags *diag.Diagnostics) *unstructured.Unstructured {
	live, err := object.write(ctx, desired, how.adopt)
	if err != nil {
		appendObjectError(diags, err, desired)
		return nil
	}
	if !how.wait {
		return live
	}
	if err := judge(ctx, object, live.GetName(), diags); err != nil {
		appendError(diags, restore(ctx, object, live, before, err))
		return nil
	}
	return live
}

// save stores what was written.
func (r *definitionResource) save(ctx context.Context, plan *definitionModel, live *unstructured.Unstructured, instance string, state *tfsdk.State, identity *tfsdk.ResourceIdentity, private privateWriter, diags *diag.Diagnostics) {
	plan.ID = types.StringValue(definitionID(plan.Kind.ValueString(), live.GetNamespace(), live.GetName()))
	plan.Ref = plan.ref(ctx)
	diags.Append(state.Set(ctx, plan)...)
	diags.Append(setDefinitionIdentity(ctx, identity, plan)...)
	diags.Append(r.object(nil, plan).of(instance).keepWritten(ctx, private, live)...)
}

// Read reads the definition. While the hub cannot be asked the state stays.
func (r *definitionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state definitionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(setDefinitionIdentity(ctx, resp.Identity, &state)...)
	importing := state.ID.IsNull()
	of := func(client *hub.Client) platformObject { return r.object(client, &state) }
	live, known := readObject(ctx, r.hub, of, state.Name.ValueString(), importing, &resp.Diagnostics)
	if live == nil {
		if known {
			resp.State.RemoveResource(ctx)
		}
		return
	}
	state.take(ctx, live, r.hub.DefaultLabels, &resp.Diagnostics)
	state.Ref = state.ref(ctx)
	if verdict := judgementOf(live); verdict.Refused {
		resp.Diagnostics.AddWarning("The addon refuses the definition", fmt.Sprintf("%s %q: %s", live.GetKind(), live.GetName(), verdict.Message))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(keepRead(ctx, req.Private, resp.Private, live, importing)...)
}

// Update writes the definition. One that is refused gives way to what was there
// before, and the prior state stays, so that the next plan shows the change again.
func (r *definitionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state definitionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, preset := updateLimit(ctx, req.Private, plan.Timeouts)
	ctx, client, cancel := r.begin(ctx, "update the definition", limit, preset, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	instance := instanceOf(ctx, req.Private)
	desired := r.desired(ctx, &plan, instance, &resp.Diagnostics)
	// What the state holds may be what somebody broke by hand.
	var ignored diag.Diagnostics
	before := r.desired(ctx, &state, instance, &ignored)
	if resp.Diagnostics.HasError() {
		return
	}
	if desired.GetName() != state.Name.ValueString() || desired.GetKind() != r.object(nil, &state).gvk.Kind {
		resp.Diagnostics.AddAttributeError(path.Root("cue"), "Another definition", fmt.Sprintf(
			"The plan could not see it, but cue is the definition of another type than %q by now. Plan again: the definition is replaced then.", state.Name.ValueString()))
		return
	}
	if before == nil {
		before = desired
	}
	if err := r.object(client, &plan).waitWhileGoing(ctx, desired.GetName(), req.Private, resp.Private); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	how := writing{adopt: plan.AdoptExisting.ValueBool() || wasImported(ctx, req.Private), wait: plan.Wait.ValueBool()}
	live := r.write(ctx, r.object(client, &plan), desired, before, how, &resp.Diagnostics)
	if live == nil {
		return
	}
	r.save(ctx, &plan, live, instance, &resp.State, resp.Identity, resp.Private, &resp.Diagnostics)
}

// Delete deletes the definition.
func (r *definitionResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state definitionModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "delete the definition", state.Timeouts.Delete, defaultDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object, name := r.object(client, &state).of(loadInstance(ctx, req.Private)), state.Name.ValueString()
	if stays, err := object.takenOver(ctx, name); err != nil || stays {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := object.remove(ctx, name, loadUID(ctx, req.Private)); err != nil {
		appendError(&resp.Diagnostics, err)
	}
}

// ImportState takes `kind/namespace/name` as the import id, or the identity.
func (r *definitionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	values := map[string]types.String{}
	if req.ID == "" {
		for _, name := range []string{"kind", "namespace", "name"} {
			var value types.String
			resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root(name), &value)...)
			values[name] = value
		}
	} else {
		parts := strings.Split(req.ID, "/")
		if len(parts) != 3 || slices.Contains(parts, "") || !slices.Contains(definitionKindNames(), parts[0]) {
			resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf("The id of a definition is kind/namespace/name, such as component/fairlead-system/cache, and not %q. "+
				"The kind is one of %s.", req.ID, strings.Join(definitionKindNames(), ", ")))
			return
		}
		values = map[string]types.String{"kind": types.StringValue(parts[0]), "namespace": types.StringValue(parts[1]), "name": types.StringValue(parts[2])}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	for name, value := range values {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(setDefinitionIdentity(ctx, resp.Identity, &definitionModel{Kind: values["kind"], Namespace: values["namespace"], Name: values["name"]})...)
}

// setDefinitionIdentity sets the identity, where the engine keeps one.
func setDefinitionIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, m *definitionModel) diag.Diagnostics {
	var diags diag.Diagnostics
	if identity == nil {
		return diags
	}
	diags.Append(identity.SetAttribute(ctx, path.Root("kind"), m.Kind)...)
	diags.Append(identity.SetAttribute(ctx, path.Root("namespace"), m.Namespace)...)
	diags.Append(identity.SetAttribute(ctx, path.Root("name"), m.Name)...)
	return diags
}
