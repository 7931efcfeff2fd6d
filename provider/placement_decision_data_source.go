// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	_ datasource.DataSource              = (*placementDecisionDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*placementDecisionDataSource)(nil)
)

// placementDecisionDataSource is fairlead_placement_decision.
type placementDecisionDataSource struct{ hubReader }

// NewPlacementDecisionDataSource returns the data source fairlead_placement_decision.
func NewPlacementDecisionDataSource() datasource.DataSource { return &placementDecisionDataSource{} }

// Metadata names the data source.
func (d *placementDecisionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_placement_decision"
}

// placementDecisionModel is fairlead_placement_decision.
type placementDecisionModel struct {
	Binding             fwtypes.String   `tfsdk:"binding"`
	Placement           fwtypes.String   `tfsdk:"placement"`
	Namespace           fwtypes.String   `tfsdk:"namespace"`
	Environment         fwtypes.String   `tfsdk:"environment"`
	Ready               fwtypes.Bool     `tfsdk:"ready"`
	Clusters            []decisionModel  `tfsdk:"clusters"`
	Conditions          []conditionModel `tfsdk:"conditions"`
	PlacementConditions []conditionModel `tfsdk:"placement_conditions"`
}

// decisionModel is one chosen cluster.
type decisionModel struct {
	Name   fwtypes.String `tfsdk:"name"`
	Reason fwtypes.String `tfsdk:"reason"`
	Group  fwtypes.String `tfsdk:"group"`
}

// Schema describes the data source.
func (d *placementDecisionDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Which clusters a binding has, or a Placement of Open Cluster Management chose, when it is read.",
		Attributes: map[string]schema.Attribute{
			"binding": schema.StringAttribute{
				Optional:            true,
				Validators:          append(nameValidators(), stringvalidator.ExactlyOneOf(path.MatchRoot("placement"))),
				MarkdownDescription: "Name of a cluster binding. Exactly one of `binding` and `placement` is given.",
			},
			"placement": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 253)},
				MarkdownDescription: "Name of a Placement. For a binding by placement: the one that the addon made for it.",
			},
			"namespace": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Validators:          append(nameValidators(), stringvalidator.AlsoRequires(path.MatchRoot("placement"))),
				MarkdownDescription: "Namespace of the Placement. Default: `fairlead-system`, where the addon keeps those of bindings.",
			},
			"environment": readString("The environment of the binding."),
			"ready":       readBool("The binding is ready with its latest version; for a Placement, that it found what it asks for."),
			"clusters": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The clusters, sorted by name; at most 1000. `local` is the hub itself.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":   readString("Name of the cluster."),
					"reason": readString("Why it was chosen, as far as the Placement says."),
					"group":  readString("The decision group that it is in."),
				}},
			},
			"conditions":           conditionsSchema("Conditions of the binding; empty for a Placement."),
			"placement_conditions": conditionsSchema("Conditions of the Placement, which say what clusters lack that were not chosen; empty for a binding by name."),
		},
	}
}

// Read reads the decision.
func (d *placementDecisionDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model placementDecisionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client, diags := d.client(ctx, "fairlead_placement_decision")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	model.Clusters, model.Conditions, model.PlacementConditions = []decisionModel{}, []conditionModel{}, []conditionModel{}
	if model.Namespace.IsNull() {
		model.Namespace = fwtypes.StringValue(v1alpha1.SystemNamespace)
	}
	if model.Binding.IsNull() {
		model.readPlacement(ctx, client, &resp.Diagnostics)
	} else {
		model.readBinding(ctx, client, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// readPlacement reads a Placement by its own name.
func (m *placementDecisionModel) readPlacement(ctx context.Context, client *hub.Client, diags *diag.Diagnostics) {
	placement, err := fleet.ReadPlacement(ctx, client, m.Namespace.ValueString(), m.Placement.ValueString())
	if err != nil {
		appendError(diags, err)
		return
	}
	m.Ready = fwtypes.BoolValue(meta.IsStatusConditionTrue(placement.Conditions, fleet.ConditionSatisfied))
	m.take(placement, diags)
}

// readBinding reads a binding, and the Placement that the addon made for it if it
// has one.
func (m *placementDecisionModel) readBinding(ctx context.Context, client *hub.Client, diags *diag.Diagnostics) {
	live := get(ctx, client, v1alpha1.GroupVersion.WithKind(v1alpha1.ClusterBindingKind), types.NamespacedName{Name: m.Binding.ValueString()}, diags)
	if live == nil {
		return
	}
	var binding v1alpha1.ClusterBinding
	if err := decode(live, &binding); err != nil {
		appendError(diags, err)
		return
	}
	m.Environment = fwtypes.StringValue(binding.Spec.Environment)
	m.Ready = fwtypes.BoolValue(binding.Status.ObservedGeneration == binding.Generation &&
		meta.IsStatusConditionTrue(binding.Status.Conditions, v1alpha1.ConditionReady))
	m.Conditions = flattenConditions(binding.Status.Conditions)
	if binding.Spec.Placement == nil {
		for _, name := range slices.Sorted(slices.Values(binding.Spec.Clusters)) {
			m.Clusters = append(m.Clusters, decisionModel{Name: fwtypes.StringValue(name)})
		}
		return
	}
	placement, err := fleet.PlacementOfBinding(ctx, client, binding.Name)
	if err != nil {
		appendError(diags, err)
		return
	}
	if placement != nil {
		m.Placement = fwtypes.StringValue(placement.Name)
		m.take(placement, diags)
	}
}

// take puts what a Placement chose into the model.
func (m *placementDecisionModel) take(placement *fleet.Placement, diags *diag.Diagnostics) {
	m.PlacementConditions = flattenConditions(placement.Conditions)
	for _, decision := range atMost(placement.Decisions, "clusters", "Read the PlacementDecisions of the hub for the others.", diags) {
		m.Clusters = append(m.Clusters, decisionModel{
			Name: fwtypes.StringValue(decision.Cluster), Reason: stringOrNull(decision.Reason), Group: stringOrNull(decision.Group),
		})
	}
}
