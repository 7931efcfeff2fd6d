// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int32validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// The defaults of the API. They stand in the schema too, so that an import finds
// what a configuration means that leaves them out.
const (
	defaultAfterPolicy = "Skip"
	defaultPropagation = "OnNextChange"
	defaultDeletion    = "Delete"
	defaultUnreachable = "Wait"
)

// environmentSchema describes fairlead_environment.
func environmentSchema(ctx context.Context) schema.Schema {
	attributes := map[string]schema.Attribute{
		"application_namespaces": applicationNamespacesSchema(),
		"target_namespace":       targetNamespaceSchema(),
		"namespace_options":      namespaceOptionsSchema(),
		"defaults": schema.DynamicAttribute{
			Optional: true,
			MarkdownDescription: "What components get unless their application says otherwise: an object keyed by component type, each with `properties` and `traits`, " +
				"such as `{ webservice = { traits = { scaler = { replicas = 3 } } } }`. Everything inside is spelled as in OAM. " +
				"A `null` is written where a built-in type takes one, as `labels`, `annotations` and `json-merge-patch` do to remove, and is left out elsewhere. " +
				"No place for what is secret: `ref` repeats it, and plans show it there also if it is marked sensitive. Name a Secret instead, as by `secretKeyRef`.",
		},
		"constraints": constraintsSchema(),
		"after": schema.SetAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			Validators:          []validator.Set{setvalidator.SizeAtMost(16), setvalidator.ValueStringsAre(nameValidators()...)},
			MarkdownDescription: "Environments that must be healthy with the same revision before it goes here. Not honoured by this version: nothing is delivered while it is set.",
		},
		"after_policy": schema.StringAttribute{
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(defaultAfterPolicy),
			Validators: []validator.String{stringvalidator.OneOf("Skip", "Require")},
			MarkdownDescription: "What an environment in `after` that an application does not use means: `Skip` (default) goes on without it, " +
				"`Require` holds the delivery.",
		},
		"approval":    approvalSchema(),
		"propagation": propagationSchema(),
		"permissions": schema.StringAttribute{
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(v1alpha1.DeployerRole),
			Validators: []validator.String{stringvalidator.LengthBetween(1, 253)},
			MarkdownDescription: "ClusterRole that deliveries run with in the target namespace. Default: `fairlead-deployer`. " +
				"Any other has to be in the chart's value `deployer.extraRoles` too: `values = { deployer = { extraRoles = [\"team-extras\"] } }` of `fairlead_addon`.",
		},
		"deletion": deletionSchema(),
		"ref":      refSchema(),
		"timeouts": timeouts.Attributes(ctx, timeoutOptions()),
	}
	maps.Copy(attributes, commonAttributes("environment"))
	return schema.Schema{
		MarkdownDescription: "An environment: which applications may be delivered to it, to which namespace, and what holds there. The platform team owns it; " +
			"clusters are given to it by `fairlead_cluster_binding`.",
		Attributes: withoutNulls(attributes),
	}
}

// commonAttributes are the attributes of every cluster-scoped object of ours.
func commonAttributes(what string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Computed:            true,
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			MarkdownDescription: "The name.",
		},
		"name": schema.StringAttribute{
			Required:            true,
			Validators:          nameValidators(),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Name of the " + what + " on the hub. A change makes a new one.",
		},
		"adopt_existing": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Take over an object of that name that exists already and is not managed here, and fields of it that another tool sets. " +
				"Without it that is an error that shows the import block to paste.",
		},
	}
}

// timeoutOptions are the operations with a timeout.
func timeoutOptions() timeouts.Opts {
	return timeouts.Opts{
		Create: true, Update: true, Delete: true,
		CreateDescription: "How long to wait for the addon's kinds, such as `5m` (default).",
		UpdateDescription: "How long a change may take, such as `5m` (default).",
		DeleteDescription: "How long to wait until the object is gone, such as `10m` (default).",
	}
}

// applicationNamespacesSchema is who may deliver.
func applicationNamespacesSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "Namespaces on the hub whose applications may be delivered here; a namespace that `names` or `selector` admits. None when left out.",
		Attributes: map[string]schema.Attribute{
			"names": schema.SetAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtMost(256), setvalidator.ValueStringsAre(sourceNamespaceValidators()...)},
				MarkdownDescription: "Names of the namespaces.",
			},
			"selector": labelSelectorSchema("Namespaces by label; an empty object admits all."),
			"create": schema.BoolAttribute{
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
				MarkdownDescription: "Create the namespaces in `names` that do not exist. On destroy, or when `names` drops them, those that were created this way, that no other environment asks for and that hold nothing any more " +
					"are removed; others are left.",
			},
		},
	}
}

// labelSelectorSchema is a selector by label.
func labelSelectorSchema(description string) schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"match_labels": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Labels that must all be there.",
			},
			"match_expressions": matchExpressionsSchema("Expressions that must all hold."),
		},
	}
}

// matchExpressionsSchema is a list of requirements.
func matchExpressionsSchema(description string) schema.Attribute {
	return schema.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: description,
		Validators:          []validator.List{listvalidator.SizeAtMost(32)},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 317)},
				MarkdownDescription: "Label or claim.",
			},
			"operator": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf("In", "NotIn", "Exists", "DoesNotExist")},
				MarkdownDescription: "`In`, `NotIn`, `Exists` or `DoesNotExist`.",
			},
			"values": schema.SetAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Values for `In` and `NotIn`.",
			},
		}},
	}
}

// targetNamespaceSchema is where deliveries go.
func targetNamespaceSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "Namespace on the clusters: one `name` for all, or `prefix` and `suffix` of the application's namespace. Default: the application's namespace.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Optional:            true,
				Validators:          append(sourceNamespaceValidators(), stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("prefix"), path.MatchRelative().AtParent().AtName("suffix"))),
				MarkdownDescription: "Name of the namespace.",
			},
			"prefix": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 32)},
				MarkdownDescription: "Put before the name of the application's namespace.",
			},
			"suffix": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 32)},
				MarkdownDescription: "Put behind the name of the application's namespace.",
			},
		},
	}
}

// namespaceOptionsSchema is how target namespaces are made.
func namespaceOptionsSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "How the target namespace is made.",
		Attributes: map[string]schema.Attribute{
			"create": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
				MarkdownDescription: "Create the namespace where it does not exist. Default: `true`.",
			},
			"adopt": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
				MarkdownDescription: "Use a namespace that exists and was not made by Fairlead. Default: `false`.",
			},
			"prepare": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Make the namespaces for what is named in `application_namespaces.names` on every bound cluster before an application needs them, and keep them. " +
					"The first application of a large fleet starts sooner, and what is wrong with a namespace shows in the environment's status. Default: `false`.",
			},
			"labels": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Labels of the namespace.",
			},
			"annotations": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Annotations of the namespace.",
			},
			"image_pull_secrets": schema.SetAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtMost(16), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 253))},
				MarkdownDescription: "Secrets in `fairlead-system` that are copied for pulling images.",
			},
			"objects": schema.DynamicAttribute{
				Optional:            true,
				MarkdownDescription: "List of ResourceQuota, LimitRange and NetworkPolicy objects of the namespace, spelled as in Kubernetes.",
			},
		},
	}
}

// constraintsSchema bounds deliveries.
func constraintsSchema() schema.Attribute {
	texts := func(description string, most, length int) schema.Attribute {
		return schema.SetAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			Validators:          []validator.Set{setvalidator.SizeAtMost(most), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, length))},
			MarkdownDescription: description,
		}
	}
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "What may be delivered, checked on what is really going to be written.",
		Attributes: map[string]schema.Attribute{
			"allowed_registries": texts("Prefixes that images may have, such as `ghcr.io/acme`. Any when left out.", 64, 253),
			"require_image_digest": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
				MarkdownDescription: "Images must be given by digest.",
			},
			"allowed_kinds": texts("Kinds that may be delivered, as `Kind` or `Kind.group`. Any when left out.", 128, 317),
			"denied_kinds":  texts("Kinds that may not be delivered, as `Kind` or `Kind.group`.", 128, 317),
			"allow_cluster_scoped": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
				MarkdownDescription: "Admit objects that have no namespace. Default: `false`.",
			},
			"max_replicas": schema.Int32Attribute{
				Optional:            true,
				Validators:          []validator.Int32{int32validator.AtLeast(0)},
				MarkdownDescription: "Most replicas of one workload.",
			},
		},
	}
}

// approvalSchema is whether somebody must agree.
func approvalSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "Approval that each revision needs. Not honoured by this version: nothing is delivered while it is required.",
		Attributes: map[string]schema.Attribute{
			"required": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
				MarkdownDescription: "Hold every new revision until it is approved. Default: `false`.",
			},
			"message": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 1024)},
				MarkdownDescription: "Shown to who approves.",
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				Validators:          durationValidators(),
				PlanModifiers:       sameDuration(),
				MarkdownDescription: "How long to wait for the approval, such as `24h`. Without limit when left out.",
			},
		},
	}
}

// propagationSchema is when platform changes arrive.
func propagationSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "When a change of the platform, such as of `defaults`, reaches applications. Without it: all at once. Not honoured by this version: nothing is delivered while it is set.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultPropagation),
				Validators:          []validator.String{stringvalidator.OneOf("OnNextChange", "Rolling")},
				MarkdownDescription: "`OnNextChange` (default): with the application's own next change. `Rolling`: one after the other.",
			},
			"max_concurrent": schema.Int32Attribute{
				Optional:            true,
				Validators:          []validator.Int32{int32validator.AtLeast(1)},
				MarkdownDescription: "How many applications change at once.",
			},
		},
	}
}

// deletionSchema is how the environment goes.
func deletionSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "How the environment and what was delivered to it go.",
		Attributes: map[string]schema.Attribute{
			"protection": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
				MarkdownDescription: "Refuse to delete the environment. Default: `false`.",
			},
			"policy": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultDeletion),
				Validators:          []validator.String{stringvalidator.OneOf("Delete", "Orphan")},
				MarkdownDescription: "What becomes of delivered objects: `Delete` (default) or `Orphan`.",
			},
			"unreachable": schema.StringAttribute{
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultUnreachable),
				Validators:          []validator.String{stringvalidator.OneOf("Wait", "Orphan")},
				MarkdownDescription: "What becomes of objects on a cluster that is away: `Wait` (default) or `Orphan`.",
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				Validators:          durationValidators(),
				PlanModifiers:       sameDuration(),
				MarkdownDescription: "How long to wait for a cluster that is away, such as `1h`. Without limit when left out.",
			},
		},
	}
}

// constraintsRefSchema is what applications are told of constraints.
func constraintsRefSchema() schema.Attribute {
	texts := func(description string) schema.Attribute {
		return schema.SetAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
	}
	return schema.SingleNestedAttribute{
		Computed:            true,
		MarkdownDescription: "What may be delivered there: a plan warns of the objects of an application that break it.",
		Attributes: map[string]schema.Attribute{
			"allowed_registries":   texts("Prefixes that images may have."),
			"require_image_digest": schema.BoolAttribute{Computed: true, MarkdownDescription: "Images must be given by digest."},
			"allowed_kinds":        texts("Kinds that may be delivered."),
			"denied_kinds":         texts("Kinds that may not be delivered."),
			"allow_cluster_scoped": schema.BoolAttribute{Computed: true, MarkdownDescription: "Admit objects that have no namespace."},
			"max_replicas":         schema.Int32Attribute{Computed: true, MarkdownDescription: "Most replicas of one workload."},
		},
	}
}

// refSchema is what applications are told of the environment.
func refSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "What the plan of an application may know of the environment, for `environments = { prod = { ref = fairlead_environment.prod.ref } }`. " +
			"It follows from the environment's own arguments, and from nothing that is known only later. " +
			"Nothing in it is marked sensitive.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the environment."},
			"target_namespace": schema.SingleNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Rule for the namespace on the clusters.",
				Attributes: map[string]schema.Attribute{
					"name":   schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the namespace."},
					"prefix": schema.StringAttribute{Computed: true, MarkdownDescription: "Put before the name of the application's namespace."},
					"suffix": schema.StringAttribute{Computed: true, MarkdownDescription: "Put behind the name of the application's namespace."},
				},
			},
			"after": schema.SetAttribute{
				Computed:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Environments that come first.",
			},
			"defaults":    schema.DynamicAttribute{Computed: true, MarkdownDescription: "What components get there without asking, by component type. Shown in clear."},
			"constraints": constraintsRefSchema(),
		},
	}
}
