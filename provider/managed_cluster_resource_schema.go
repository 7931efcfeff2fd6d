// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
)

const (
	// defaultLease is how often agents report.
	defaultLease = "1m"
	// hubsChoice is the cluster set of a cluster for which none is chosen.
	hubsChoice = "default"
)

// managedClusterModel is fairlead_managed_cluster.
type managedClusterModel struct {
	ID            types.String   `tfsdk:"id"`
	Name          types.String   `tfsdk:"name"`
	Labels        types.Map      `tfsdk:"labels"`
	ClusterSet    types.String   `tfsdk:"cluster_set"`
	LeaseDuration types.String   `tfsdk:"lease_duration"`
	Taints        []taintModel   `tfsdk:"taints"`
	AdoptExisting types.Bool     `tfsdk:"adopt_existing"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

// managedClusterSchema describes fairlead_managed_cluster.
func managedClusterSchema(ctx context.Context) schema.Schema {
	attributes := map[string]schema.Attribute{
		"labels": schema.MapAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Labels of the cluster, added to the provider's `default_labels`; bindings choose by them. The cluster itself may change its labels: do not place by them what must not run elsewhere.",
		},
		"cluster_set": schema.StringAttribute{
			Optional: true,
			Validators: []validator.String{
				stringvalidator.LengthBetween(1, 63),
				stringvalidator.NoneOf("global"),
			},
			MarkdownDescription: "The cluster set that it is in, other than `global`, in which all are. When left out the hub decides, which puts it into `default`.",
		},
		"lease_duration": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(defaultLease),
			Validators:          append(durationValidators(), wholeSeconds()),
			PlanModifiers:       []planmodifier.String{durationSpelling{}},
			MarkdownDescription: "How often its agent reports, such as `30s`. Default: `1m`. A cluster that has not for five times as long is unavailable.",
		},
		"taints": schema.ListNestedAttribute{
			Optional:            true,
			Validators:          []validator.List{listvalidator.SizeAtMost(16)},
			MarkdownDescription: "Taints that keep applications away whose bindings do not tolerate them. Those that Open Cluster Management sets itself are left alone, and those of others too when it is left out.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"key": schema.StringAttribute{
					Required: true,
					Validators: []validator.String{stringvalidator.LengthBetween(1, 316), checked{
						description: "a key that does not begin with cluster.open-cluster-management.io/",
						check:       refuseOwnTaint,
					}},
					MarkdownDescription: "Key of the taint.",
				},
				"value": schema.StringAttribute{
					Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 1024)}, MarkdownDescription: "Its value.",
				},
				"effect": schema.StringAttribute{
					Required:            true,
					Validators:          []validator.String{stringvalidator.OneOf("NoSelect", "PreferNoSelect", "NoSelectIfNew")},
					MarkdownDescription: "`NoSelect`, `PreferNoSelect` or `NoSelectIfNew`.",
				},
			}},
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "How long to wait for Open Cluster Management's kinds, such as `5m` (default).",
			UpdateDescription: "How long a change may take, such as `5m` (default).",
			DeleteDescription: "How long to wait until nothing is delivered to the cluster any more and it is gone, such as `10m` (default).",
		}),
	}
	maps.Copy(attributes, commonAttributes("cluster"))
	return schema.Schema{
		MarkdownDescription: "Accepts a cluster into the fleet: a ManagedCluster of Open Cluster Management, to which its agent may then report. " +
			"The agent joins with a token that lives for an hour and is never stored: see the ephemeral resource `fairlead_cluster_join`.\n\n" +
			"A destroy detaches the cluster and never empties it: it waits until nothing is delivered to the cluster any more, and ends with an error that names the applications if there is. " +
			"Take it out of its bindings first.\n\nThe guide \"Clusters of the fleet\" lists the rights that it needs on the hub: no role of the addon has them.",
		Attributes: withoutNulls(attributes),
	}
}

// acceptance is what the hub is to say of the cluster.
func (m *managedClusterModel) acceptance(ctx context.Context, diags *diag.Diagnostics) fleet.Acceptance {
	acceptance := fleet.Acceptance{
		Name:   m.Name.ValueString(),
		Labels: stringMap(ctx, m.Labels, diags),
		Set:    m.ClusterSet.ValueString(),
		Lease:  time.Minute,
	}
	if lease := duration(m.LeaseDuration); lease != nil {
		acceptance.Lease = lease.Duration
	}
	if m.Taints != nil {
		acceptance.Taints = []fleet.Taint{}
	}
	for _, taint := range m.Taints {
		acceptance.Taints = append(acceptance.Taints, fleet.Taint{
			Key: taint.Key.ValueString(), Value: taint.Value.ValueString(), Effect: taint.Effect.ValueString(),
		})
	}
	return acceptance
}

// take puts what the hub holds into the model.
func (m *managedClusterModel) take(cluster fleet.Cluster, lease time.Duration, defaults map[string]string, diags *diag.Diagnostics) {
	importing := m.ID.IsNull()
	m.ID, m.AdoptExisting = types.StringValue(cluster.Name), types.BoolValue(m.AdoptExisting.ValueBool())
	var besides []string
	for key, value := range cluster.Labels {
		if importing && !fleet.IsOwnLabel(key) && defaults[key] != value {
			besides = append(besides, key)
		}
	}
	m.Labels = readStrings(m.Labels, cluster.Labels, besides, diags)
	// Where nothing is configured the hub decides, and an import finds what it would decide.
	if !m.ClusterSet.IsNull() || (importing && cluster.Set != hubsChoice) {
		m.ClusterSet = stringOrNull(cluster.Set)
	}
	m.LeaseDuration = keepDuration(&metav1.Duration{Duration: lease}, m.LeaseDuration)
	if !importing && m.Taints == nil {
		return // they are somebody else's
	}
	taints := emptyLike(m.Taints)
	for _, taint := range cluster.Taints {
		taints = append(taints, taintModel{
			Key: types.StringValue(taint.Key), Value: stringOrNull(taint.Value), Effect: types.StringValue(taint.Effect),
		})
	}
	m.Taints = taints
}
