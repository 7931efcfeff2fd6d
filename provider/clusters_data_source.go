// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
)

var (
	_ datasource.DataSource              = (*clustersDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*clustersDataSource)(nil)
)

// clustersDataSource is fairlead_clusters.
type clustersDataSource struct{ hubReader }

// NewClustersDataSource returns the data source fairlead_clusters.
func NewClustersDataSource() datasource.DataSource { return &clustersDataSource{} }

// Metadata names the data source.
func (d *clustersDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_clusters"
}

// clustersModel is fairlead_clusters.
type clustersModel struct {
	Names            types.Set              `tfsdk:"names"`
	ClusterSets      types.Set              `tfsdk:"cluster_sets"`
	MatchLabels      types.Map              `tfsdk:"match_labels"`
	MatchExpressions []matchExpressionModel `tfsdk:"match_expressions"`
	Available        types.Bool             `tfsdk:"available"`
	Clusters         []clusterModel         `tfsdk:"clusters"`
}

// clusterModel is one cluster of it.
type clusterModel struct {
	Name              types.String      `tfsdk:"name"`
	Labels            map[string]string `tfsdk:"labels"`
	ClusterSet        types.String      `tfsdk:"cluster_set"`
	Accepted          types.Bool        `tfsdk:"accepted"`
	Joined            types.Bool        `tfsdk:"joined"`
	Available         types.Bool        `tfsdk:"available"`
	KubernetesVersion types.String      `tfsdk:"kubernetes_version"`
	Capacity          map[string]string `tfsdk:"capacity"`
	Allocatable       map[string]string `tfsdk:"allocatable"`
	Claims            map[string]string `tfsdk:"claims"`
	Taints            []taintModel      `tfsdk:"taints"`
	Conditions        []conditionModel  `tfsdk:"conditions"`
}

// taintModel is a taint of a cluster.
type taintModel struct {
	Key    types.String `tfsdk:"key"`
	Value  types.String `tfsdk:"value"`
	Effect types.String `tfsdk:"effect"`
}

// Schema describes the data source.
func (d *clustersDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Managed clusters of the hub that match all that is given; every one when nothing is. It is what Open Cluster Management knows of them when it is read: " +
			"to have applications follow the fleet, bind clusters by `placement` in `fairlead_cluster_binding`.",
		Attributes: map[string]schema.Attribute{
			"names": schema.SetAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.Set{noNulls{}, setvalidator.ValueStringsAre(nameValidators()...)},
				MarkdownDescription: "Names of clusters. One that does not exist is an error.",
			},
			"cluster_sets": schema.SetAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.Set{noNulls{}, setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 253))},
				MarkdownDescription: "Cluster sets, one of which a cluster must be in, such as `global`. One that does not exist is an error.",
			},
			"match_labels": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Labels that a cluster must have.",
			},
			"match_expressions": schema.ListNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Expressions over labels that must all hold.",
				Validators:          []validator.List{noNulls{}, listvalidator.SizeAtMost(32)},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"key": schema.StringAttribute{Required: true, MarkdownDescription: "Label."},
					"operator": schema.StringAttribute{
						Required:            true,
						Validators:          []validator.String{stringvalidator.OneOf("In", "NotIn", "Exists", "DoesNotExist")},
						MarkdownDescription: "`In`, `NotIn`, `Exists` or `DoesNotExist`.",
					},
					"values": schema.SetAttribute{
						Optional: true, ElementType: types.StringType, Validators: []validator.Set{noNulls{}}, MarkdownDescription: "Values for `In` and `NotIn`.",
					},
				}},
			},
			"available": schema.BoolAttribute{Optional: true, MarkdownDescription: "Leave out clusters that are away. Default: `false`."},
			"clusters":  clustersSchema(),
		},
	}
}

// clustersSchema is what is read of clusters.
func clustersSchema() schema.Attribute {
	return schema.ListNestedAttribute{
		Computed:            true,
		MarkdownDescription: "The clusters, sorted by name; at most 1000. Labels and claims come from the cluster itself: do not place by them what must not run elsewhere.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":               readString("Name of the cluster."),
			"labels":             readStringMap("Its labels."),
			"cluster_set":        readString("The exclusive cluster set that it is in."),
			"accepted":           readBool("The hub takes it in."),
			"joined":             readBool("Its agent has registered."),
			"available":          readBool("Its agent has reported lately."),
			"kubernetes_version": readString("Version of its Kubernetes."),
			"capacity":           readStringMap("Sums over its nodes by resource, such as `cpu`."),
			"allocatable":        readStringMap("What pods may use of it, by resource."),
			"claims":             readStringMap("What it claims of itself, by name."),
			"taints": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Its taints.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"key":    readString("Key of the taint."),
					"value":  readString("Its value."),
					"effect": readString("`NoSelect`, `PreferNoSelect` or `NoSelectIfNew`."),
				}},
			},
			"conditions": conditionsSchema("Conditions of the ManagedCluster."),
		}},
	}
}

// Read reads the clusters.
func (d *clustersDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model clustersModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client, diags := d.client(ctx, "fairlead_clusters")
	resp.Diagnostics.Append(diags...)
	selection := model.selection(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	clusters, err := fleet.Clusters(ctx, client, selection)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	model.Clusters = []clusterModel{}
	for _, cluster := range atMost(clusters, "clusters", "Select fewer, for example by cluster_sets or match_labels.", &resp.Diagnostics) {
		model.Clusters = append(model.Clusters, flattenCluster(cluster))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// selection says which clusters are meant.
func (m *clustersModel) selection(ctx context.Context, diags *diag.Diagnostics) fleet.Selection {
	selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{
		MatchLabels:      stringMap(ctx, m.MatchLabels, diags),
		MatchExpressions: expandExpressions(ctx, m.MatchExpressions, diags),
	})
	if err != nil {
		diags.AddAttributeError(path.Root("match_expressions"), "Invalid selector", err.Error()+".")
	}
	return fleet.Selection{
		Names:     stringsOf(ctx, m.Names, diags),
		Sets:      stringsOf(ctx, m.ClusterSets, diags),
		Labels:    selector,
		Available: m.Available.ValueBool(),
	}
}

// flattenCluster converts a cluster.
func flattenCluster(cluster fleet.Cluster) clusterModel {
	taints := make([]taintModel, 0, len(cluster.Taints))
	for _, taint := range cluster.Taints {
		taints = append(taints, taintModel{
			Key: types.StringValue(taint.Key), Value: types.StringValue(taint.Value), Effect: types.StringValue(taint.Effect),
		})
	}
	return clusterModel{
		Name:              types.StringValue(cluster.Name),
		Labels:            cluster.Labels,
		ClusterSet:        stringOrNull(cluster.Set),
		Accepted:          types.BoolValue(cluster.Accepted),
		Joined:            types.BoolValue(cluster.Joined),
		Available:         types.BoolValue(cluster.Available),
		KubernetesVersion: stringOrNull(cluster.Version),
		Capacity:          cluster.Capacity,
		Allocatable:       cluster.Allocatable,
		Claims:            cluster.Claims,
		Taints:            taints,
		Conditions:        flattenConditions(cluster.Conditions),
	}
}
