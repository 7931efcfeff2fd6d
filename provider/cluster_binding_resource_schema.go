// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int32validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int32default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The defaults of the API, as for environments.
const (
	defaultRollout       = "All"
	defaultReplacement   = "SurgeFirst"
	defaultMaxSkew       = 1
	defaultUnsatisfiable = "ScheduleAnyway"
	defaultOperator      = "Equal"
	defaultWeight        = 1
)

// clusterBindingSchema describes fairlead_cluster_binding.
func clusterBindingSchema(ctx context.Context) schema.Schema {
	attributes := map[string]schema.Attribute{
		"environment": schema.StringAttribute{
			Required:            true,
			Validators:          nameValidators(),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Name of the environment that gets the clusters. A change makes a new binding.",
		},
		"clusters": schema.SetAttribute{
			Optional:    true,
			ElementType: types.StringType,
			Validators: []validator.Set{
				setvalidator.SizeBetween(1, 1000),
				setvalidator.ValueStringsAre(nameValidators()...),
				setvalidator.ConflictsWith(path.MatchRoot("placement")),
			},
			MarkdownDescription: "Names of managed clusters, or `local` for the hub itself. Exactly one of `clusters` and `placement` is given.",
		},
		"placement": placementSchema(),
		"overrides": schema.DynamicAttribute{
			Optional: true,
			MarkdownDescription: "What is different on these clusters: a list of objects with `application` (a glob), `componentType` and `component` to choose, and `properties` and `traits` to change, " +
				"such as `[{ component = \"web\", traits = { scaler = { replicas = 6 } } }]`. Everything inside is spelled as in OAM; `{ disable = true }` as the whole of a trait removes it. " +
				"A `null` is written where a built-in type takes one, as `labels`, `annotations` and `json-merge-patch` do to remove, and is left out elsewhere.",
		},
		"rollout":  rolloutPolicySchema(),
		"timeouts": timeouts.Attributes(ctx, timeoutOptions()),
	}
	maps.Copy(attributes, commonAttributes("binding"))
	return schema.Schema{
		MarkdownDescription: "Gives clusters to an environment, by name or by an Open Cluster Management placement. The platform team owns it.",
		Attributes:          withoutNulls(attributes),
	}
}

// placementSchema is how OCM chooses clusters.
func placementSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		Validators:          []validator.Object{objectvalidator.ConflictsWith(path.MatchRoot("clusters"))},
		MarkdownDescription: "Chooses managed clusters. Needs Open Cluster Management on the hub.",
		Attributes: map[string]schema.Attribute{
			"cluster_sets": schema.SetAttribute{
				Required:            true,
				ElementType:         types.StringType,
				Validators:          append(nonEmptySet(), setvalidator.SizeAtMost(32)),
				MarkdownDescription: "Cluster sets to choose from, such as `global`.",
			},
			"match_labels": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Labels that a cluster must have.",
			},
			"match_expressions": matchExpressionsSchema("Expressions over labels that must all hold."),
			"claim_selector": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Selects clusters by the claims that they make.",
				Attributes:          map[string]schema.Attribute{"match_expressions": matchExpressionsSchema("Expressions over claims that must all hold.")},
			},
			"cel_expressions": schema.ListAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.List{listvalidator.SizeAtMost(16), listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 4096))},
				MarkdownDescription: "CEL expressions over `managedCluster` that must all hold.",
			},
			"number_of_clusters": schema.Int32Attribute{
				Optional:            true,
				Validators:          []validator.Int32{int32validator.AtLeast(1)},
				MarkdownDescription: "How many clusters to choose. All that match when left out.",
			},
			"spread":       spreadSchema(),
			"tolerations":  tolerationsSchema(),
			"prioritizers": prioritizersSchema(),
		},
	}
}

// spreadSchema distributes the chosen clusters.
func spreadSchema() schema.Attribute {
	return schema.ListNestedAttribute{
		Optional:            true,
		Validators:          []validator.List{listvalidator.SizeAtMost(8)},
		MarkdownDescription: "Distributes the chosen clusters over a label or claim.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"topology_key": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 316)},
				MarkdownDescription: "Label or claim.",
			},
			"topology_key_type": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf("Label", "Claim")},
				MarkdownDescription: "`Label` or `Claim`.",
			},
			"max_skew": schema.Int32Attribute{
				Optional:            true,
				Computed:            true,
				Default:             int32default.StaticInt32(defaultMaxSkew),
				Validators:          []validator.Int32{int32validator.AtLeast(1)},
				MarkdownDescription: "Greatest difference between two values. Default: 1.",
			},
			"when_unsatisfiable": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultUnsatisfiable),
				Validators:          []validator.String{stringvalidator.OneOf("DoNotSchedule", "ScheduleAnyway")},
				MarkdownDescription: "`DoNotSchedule` or `ScheduleAnyway` (default).",
			},
		}},
	}
}

// tolerationsSchema is which taints do not matter.
func tolerationsSchema() schema.Attribute {
	return schema.ListNestedAttribute{
		Optional:   true,
		Validators: []validator.List{listvalidator.SizeAtMost(16)},
		MarkdownDescription: "Taints of clusters that are tolerated. When left out, clusters that are unreachable or unavailable are tolerated without limit, " +
			"so that lost contact moves nothing; give a toleration with `toleration_seconds` to ask for failover.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 316)},
				MarkdownDescription: "Key of the taint. Any when left out.",
			},
			"operator": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultOperator),
				Validators:          []validator.String{stringvalidator.OneOf("Equal", "Exists")},
				MarkdownDescription: "`Equal` (default) or `Exists`.",
			},
			"value": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 1024)},
				MarkdownDescription: "Value of the taint, for `Equal`.",
			},
			"effect": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf("NoSelect", "PreferNoSelect", "NoSelectIfNew")},
				MarkdownDescription: "`NoSelect`, `PreferNoSelect` or `NoSelectIfNew`. Any when left out.",
			},
			"toleration_seconds": schema.Int64Attribute{
				Optional:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(0)},
				MarkdownDescription: "How long the taint is tolerated, in seconds. Without limit when left out.",
			},
		}},
	}
}

// prioritizersSchema is which clusters are better.
func prioritizersSchema() schema.Attribute {
	return schema.ListNestedAttribute{
		Optional:            true,
		Validators:          []validator.List{listvalidator.SizeAtMost(16)},
		MarkdownDescription: "Scores that order the clusters that match.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"built_in": schema.StringAttribute{
				Optional: true,
				Validators: []validator.String{
					stringvalidator.LengthBetween(1, 63),
					stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("add_on")),
				},
				MarkdownDescription: "One of OCM's prioritizers, such as `Steady` or `ResourceAllocatableCPU`. Exactly one of `built_in` and `add_on` is given.",
			},
			"add_on": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "A score of an AddOnPlacementScore.",
				Attributes: map[string]schema.Attribute{
					"resource_name": schema.StringAttribute{
						Required:            true,
						Validators:          []validator.String{stringvalidator.LengthBetween(1, 253)},
						MarkdownDescription: "Name of the AddOnPlacementScore.",
					},
					"score_name": schema.StringAttribute{
						Required:            true,
						Validators:          []validator.String{stringvalidator.LengthBetween(1, 253)},
						MarkdownDescription: "Name of the score in it.",
					},
				},
			},
			"weight": schema.Int32Attribute{
				Optional:            true,
				Computed:            true,
				Default:             int32default.StaticInt32(defaultWeight),
				Validators:          []validator.Int32{int32validator.Between(-10, 10)},
				MarkdownDescription: "Weight of the score, from -10 to 10. Default: 1.",
			},
		}},
	}
}

// rolloutPolicySchema is in which steps clusters get a revision.
func rolloutPolicySchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "In which steps the clusters get a new revision. All at once when left out.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultRollout),
				Validators:          []validator.String{stringvalidator.OneOf("All", "Progressive", "ProgressivePerGroup")},
				MarkdownDescription: "`All` (default), `Progressive` or `ProgressivePerGroup`. This version honours `All` alone: with another, or with one of the arguments that belong to it, nothing is delivered to these clusters.",
			},
			"max_concurrency": schema.StringAttribute{
				Optional:            true,
				Validators:          countValidators(),
				MarkdownDescription: "How many clusters change at once: a number, or a percentage such as `25%`.",
			},
			"mandatory_decision_groups": schema.ListAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.List{listvalidator.SizeAtMost(32), listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 63))},
				MarkdownDescription: "Decision groups that go first, one after the other.",
			},
			"min_success_time": schema.StringAttribute{
				Optional:            true,
				Validators:          durationValidators(),
				PlanModifiers:       sameDuration(),
				MarkdownDescription: "How long a cluster must be healthy before the next goes, such as `2m`.",
			},
			"progress_deadline": schema.StringAttribute{
				Optional:            true,
				Validators:          durationValidators(),
				PlanModifiers:       sameDuration(),
				MarkdownDescription: "How long a cluster may take, such as `10m`.",
			},
			"max_failures": schema.StringAttribute{
				Optional:            true,
				Validators:          countValidators(),
				MarkdownDescription: "How many clusters may fail before the rollout stops: a number or a percentage.",
			},
			"stall_after": schema.StringAttribute{
				Optional:            true,
				Validators:          durationValidators(),
				PlanModifiers:       sameDuration(),
				MarkdownDescription: "How long no progress is waited for. Default: `90s`.",
			},
			"replacement": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultReplacement),
				Validators:          []validator.String{stringvalidator.OneOf("SurgeFirst", "DeleteFirst")},
				MarkdownDescription: "When a cluster that was replaced is cleaned: `SurgeFirst` (default) after its replacement is healthy, or `DeleteFirst`.",
			},
		},
	}
}
