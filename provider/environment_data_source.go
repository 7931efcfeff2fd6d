// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

var (
	_ datasource.DataSource              = (*environmentDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*environmentDataSource)(nil)
)

// environmentDataSource is fairlead_environment, read.
type environmentDataSource struct{ hubReader }

// NewEnvironmentDataSource returns the data source fairlead_environment.
func NewEnvironmentDataSource() datasource.DataSource { return &environmentDataSource{} }

// Metadata names the data source.
func (d *environmentDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_environment"
}

// environmentReadModel is what is read of an environment: what the resource has,
// and the status.
type environmentReadModel struct {
	ID                    fwtypes.String              `tfsdk:"id"`
	Name                  fwtypes.String              `tfsdk:"name"`
	ApplicationNamespaces *applicationNamespacesModel `tfsdk:"application_namespaces"`
	TargetNamespace       *targetNamespaceModel       `tfsdk:"target_namespace"`
	NamespaceOptions      *namespaceOptionsModel      `tfsdk:"namespace_options"`
	Defaults              fwtypes.Dynamic             `tfsdk:"defaults"`
	Constraints           *constraintsModel           `tfsdk:"constraints"`
	After                 fwtypes.Set                 `tfsdk:"after"`
	AfterPolicy           fwtypes.String              `tfsdk:"after_policy"`
	Approval              *approvalModel              `tfsdk:"approval"`
	Propagation           *propagationModel           `tfsdk:"propagation"`
	Permissions           fwtypes.String              `tfsdk:"permissions"`
	Deletion              *deletionModel              `tfsdk:"deletion"`
	Ref                   fwtypes.Object              `tfsdk:"ref"`
	Status                *environmentStatusModel     `tfsdk:"status"`
}

// environmentStatusModel is the status of an environment.
type environmentStatusModel struct {
	Current      fwtypes.Bool     `tfsdk:"current"`
	Clusters     fwtypes.Int64    `tfsdk:"clusters"`
	Applications fwtypes.Int64    `tfsdk:"applications"`
	Prepared     fwtypes.Int64    `tfsdk:"prepared"`
	Left         fwtypes.Int64    `tfsdk:"left"`
	Conditions   []conditionModel `tfsdk:"conditions"`
}

// Schema describes the data source: the attributes of the resource, read.
func (d *environmentDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := environmentSchema(ctx).Attributes
	for _, written := range []string{"adopt_existing", "timeouts"} {
		delete(attributes, written)
	}
	read := readAll(attributes)
	maps.Copy(read, map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true, Validators: nameValidators(), MarkdownDescription: "Name of the environment on the hub."},
		"status": schema.SingleNestedAttribute{
			Computed:            true,
			MarkdownDescription: "What the addon observes of it.",
			Attributes: map[string]schema.Attribute{
				"current":      readBool("The status speaks of the latest version of the environment."),
				"clusters":     readInt("How many clusters are bound to it."),
				"applications": readInt("How many applications are delivered to it."),
				"prepared":     readInt("How many namespaces on clusters are ready for applications, counted where `namespace_options.prepare` is set."),
				"left":         readInt("How many ManifestWorks were left on clusters that are away; each goes when its cluster returns."),
				"conditions":   conditionsSchema("Conditions of the environment."),
			},
		},
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "An environment that is managed elsewhere, for example by a platform team: give its `ref` to applications, and see what holds there.",
		Attributes:          read,
	}
}

// Read reads the environment.
func (d *environmentDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config environmentReadModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	client, diags := d.client(ctx, "fairlead_environment")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	kind := v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind)
	live := get(ctx, client, kind, types.NamespacedName{Name: config.Name.ValueString()}, &resp.Diagnostics)
	if live == nil {
		return
	}
	var environment v1alpha1.Environment
	if err := decode(live, &environment); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model, err := flattenEnvironment(&environment, environmentModel{})
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, readEnvironment(model, &environment))...)
}

// readEnvironment adds the status to what the resource knows of an environment, and
// what holds where the resource keeps that nothing was written.
func readEnvironment(model environmentModel, live *v1alpha1.Environment) environmentReadModel {
	if options := model.NamespaceOptions; options != nil {
		options.Prepare = fwtypes.BoolValue(options.Prepare.ValueBool())
	}
	return environmentReadModel{
		ID:                    model.ID,
		Name:                  model.Name,
		ApplicationNamespaces: model.ApplicationNamespaces,
		TargetNamespace:       model.TargetNamespace,
		NamespaceOptions:      model.NamespaceOptions,
		Defaults:              model.Defaults,
		Constraints:           model.Constraints,
		After:                 model.After,
		AfterPolicy:           model.AfterPolicy,
		Approval:              model.Approval,
		Propagation:           model.Propagation,
		Permissions:           model.Permissions,
		Deletion:              model.Deletion,
		Ref:                   model.Ref,
		Status: &environmentStatusModel{
			Current:      fwtypes.BoolValue(live.Status.ObservedGeneration == live.Generation),
			Clusters:     fwtypes.Int64Value(int64(live.Status.Clusters)),
			Applications: fwtypes.Int64Value(int64(live.Status.Applications)),
			Prepared:     fwtypes.Int64Value(int64(live.Status.Prepared)),
			Left:         fwtypes.Int64Value(int64(live.Status.Left)),
			Conditions:   flattenConditions(live.Status.Conditions),
		},
	}
}
