// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	_ resource.Resource                = (*managedClusterResource)(nil)
	_ resource.ResourceWithConfigure   = (*managedClusterResource)(nil)
	_ resource.ResourceWithIdentity    = (*managedClusterResource)(nil)
	_ resource.ResourceWithImportState = (*managedClusterResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*managedClusterResource)(nil)
)

const (
	// worksInterval is how often the works of a cluster are counted.
	worksInterval = time.Second
	// maxNamed is how many applications a message names.
	maxNamed = 20
)

// managedClusterResource is fairlead_managed_cluster.
type managedClusterResource struct{ namedResource }

// NewManagedClusterResource returns the resource fairlead_managed_cluster.
func NewManagedClusterResource() resource.Resource { return &managedClusterResource{} }

// Metadata names the resource.
func (r *managedClusterResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_managed_cluster"
}

// Schema describes the resource.
func (r *managedClusterResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = managedClusterSchema(ctx)
}

// IdentitySchema describes the identity: the name.
func (r *managedClusterResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = nameIdentity("Name of the cluster.")
}

// object returns the life of managed clusters over that client.
func (r *managedClusterResource) object(client *hub.Client) platformObject {
	return platformObject{gvk: fleet.Kind(), resource: "fairlead_managed_cluster", client: client, hub: r.hub}
}

// ModifyPlan makes id known, and says what a destroy has to wait for.
func (r *managedClusterResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var name fwtypes.String
	if !req.Plan.Raw.IsNull() {
		resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), name)...)
		planAnew(ctx, req, resp, "id")
	}
	if req.State.Raw.IsNull() || (!req.Plan.Raw.IsNull() && !replacesName(ctx, req, &resp.Diagnostics)) {
		return
	}
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
	client, diags := r.hub.Client(ctx)
	if client == nil || diags.HasError() || resp.Diagnostics.HasError() {
		return
	}
	works, err := fleet.WorksOf(ctx, client, name.ValueString())
	if err != nil || works.Total == 0 {
		return
	}
	resp.Diagnostics.AddWarning(inUse("cluster", name.ValueString(), "destroyed"), fmt.Sprintf(
		"The cluster %q has %s. A destroy waits until they are gone, and fails if they stay. %s",
		name.ValueString(), holding(works), toEmpty(name.ValueString(), works)))
}

// holding says what is delivered to a cluster.
func holding(works fleet.Works) string {
	total := count(int32(min(works.Total, 1<<30)), "work")
	switch {
	case len(works.Applications) > 0:
		return total + " of the applications " + someOf(works.Applications)
	case len(works.Foreign) > 0:
		return total + " of no application: " + someOf(works.Foreign)
	}
	return total + " of no application, with what environments need on it"
}

// someOf names the first of them.
func someOf(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// toEmpty says how the works of a cluster go.
func toEmpty(name string, works fleet.Works) string {
	const bindings = "Take it out of the bindings that choose it: change clusters or placement of fairlead_cluster_binding, or give it a taint with the effect NoSelect."
	foreign := fmt.Sprintf("Fairlead has not made them and leaves them alone: whoever made them removes them. "+
		"kubectl -n %s get manifestworks --show-labels tells more of them.", name)
	switch {
	case len(works.Foreign) == 0:
		return bindings
	case len(works.Foreign) == works.Total:
		return foreign
	}
	return bindings + fmt.Sprintf(" Others have made %s: whoever made them removes them.", someOf(works.Foreign))
}

// Create accepts the cluster. It does not wait until its agent has joined, which
// may need what Create makes.
func (r *managedClusterResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan managedClusterModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, client, cancel := r.begin(ctx, "accept the cluster", plan.Timeouts.Create, defaultWriteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object := r.object(client).of(rand.Text())
	desired := r.desired(ctx, object, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	adopt := plan.AdoptExisting.ValueBool()
	if err := object.prepare(ctx, desired, adopt); err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	live, err := fleet.Accept(ctx, client, desired, adopt)
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.ID = plan.Name
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
}

// desired makes the object with labels and owner, knowing what is there already.
func (r *managedClusterResource) desired(ctx context.Context, of platformObject, m *managedClusterModel, diags *diag.Diagnostics) *unstructured.Unstructured {
	live, err := of.client.Get(ctx, fleet.Kind(), of.key(m.Name.ValueString()))
	if err != nil && !hub.IsNotFound(err) {
		appendError(diags, err)
		return nil
	}
	object, err := m.acceptance(ctx, diags).Object(live)
	if err == nil {
		object, err = of.desired(object)
	}
	appendError(diags, err)
	return object
}

// Read reads the cluster. While the hub cannot be asked the state stays.
func (r *managedClusterResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state managedClusterModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	importing := state.ID.IsNull()
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), state.Name)...)
	live, known := readObject(ctx, r.hub, r.object, state.Name.ValueString(), importing, &resp.Diagnostics)
	if live == nil {
		if known {
			resp.State.RemoveResource(ctx)
		}
		return
	}
	cluster, lease, err := fleet.Read(live)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	state.take(cluster, lease, r.hub.DefaultLabels, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(keepRead(ctx, req.Private, resp.Private, live, importing)...)
}

// Update changes what the hub says of the cluster.
func (r *managedClusterResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan managedClusterModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, preset := updateLimit(ctx, req.Private, plan.Timeouts)
	ctx, client, cancel := r.begin(ctx, "change the cluster", limit, preset, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	object := r.object(client).of(instanceOf(ctx, req.Private))
	if err := object.waitWhileGoing(ctx, plan.Name.ValueString(), req.Private, resp.Private); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	desired := r.desired(ctx, object, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	live, err := fleet.Accept(ctx, client, desired, plan.AdoptExisting.ValueBool() || wasImported(ctx, req.Private))
	if err != nil {
		appendObjectError(&resp.Diagnostics, err, desired)
		return
	}
	plan.ID = plan.Name
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), plan.Name)...)
	resp.Diagnostics.Append(object.keepWritten(ctx, resp.Private, live)...)
}

// Delete detaches the cluster once nothing is delivered to it any more: a
// ManagedCluster that is deleted takes all works along, and with them what runs.
func (r *managedClusterResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state managedClusterModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, client, cancel := r.begin(ctx, "detach the cluster", state.Timeouts.Delete, defaultDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if client == nil {
		return
	}
	name, uid := state.Name.ValueString(), loadUID(ctx, req.Private)
	object := r.object(client).of(loadInstance(ctx, req.Private))
	if stays, err := object.takenOver(ctx, name); err != nil || stays {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := waitUnused(ctx, client, name, uid); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := object.remove(ctx, name, uid); err != nil {
		appendError(&resp.Diagnostics, err)
	}
}

// waitUnused waits until the cluster has no works. A cluster that is gone, or
// another one by now, needs no wait.
func waitUnused(ctx context.Context, client *hub.Client, name string, uid types.UID) error {
	ticker := time.NewTicker(worksInterval)
	defer ticker.Stop()
	var last fleet.Works
	for seen := 0; ; seen++ {
		live, err := client.Get(ctx, fleet.Kind(), types.NamespacedName{Name: name})
		if hub.IsNotFound(err) || (err == nil && uid != "" && live.GetUID() != uid) {
			return nil
		}
		works, errWorks := fleet.WorksOf(ctx, client, name)
		switch {
		case ctx.Err() != nil:
			return stillUsed(name, last)
		case err != nil:
			return err
		case errWorks != nil:
			return errWorks
		case works.Total == 0:
			return nil
		}
		last = works
		if seen%10 == 0 {
			tflog.Info(ctx, "waiting until nothing is delivered to the cluster", map[string]any{"cluster": name, "works": works.Total})
		}
		select {
		case <-ctx.Done():
			return stillUsed(name, last)
		case <-ticker.C:
		}
	}
}

// stillUsed says what keeps a cluster.
func stillUsed(name string, works fleet.Works) error {
	return &hub.ConfigError{
		Summary: "Cluster in use",
		Detail: fmt.Sprintf("The cluster %q was not detached, since that would delete what is delivered to it: it has %s. "+
			"%s Then destroy it again; works of an agent that is away go when it is back.", name, holding(works), toEmpty(name, works)),
	}
}
