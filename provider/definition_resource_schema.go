// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// maxSource is the length that the API admits of a template and of other CUE.
const (
	maxTemplate = 512 << 10
	maxSource   = 64 << 10
)

// inClear warns of secrets in a definition.
const inClear = "No place for what is secret: `ref` repeats it, and plans show it there also if it is marked sensitive. Have objects name a Secret instead."

// definitionModel is fairlead_definition.
type definitionModel struct {
	ID                types.String   `tfsdk:"id"`
	Kind              types.String   `tfsdk:"kind"`
	Namespace         types.String   `tfsdk:"namespace"`
	Name              types.String   `tfsdk:"name"`
	CUE               types.String   `tfsdk:"cue"`
	Description       types.String   `tfsdk:"description"`
	Version           types.String   `tfsdk:"version"`
	Labels            types.Map      `tfsdk:"labels"`
	Workload          types.Object   `tfsdk:"workload"`
	AppliesTo         types.List     `tfsdk:"applies_to"`
	ConflictsWith     types.List     `tfsdk:"conflicts_with"`
	Stage             types.String   `tfsdk:"stage"`
	PodDisruptive     types.Bool     `tfsdk:"pod_disruptive"`
	ManageWorkload    types.Bool     `tfsdk:"manage_workload"`
	ManageHealthCheck types.Bool     `tfsdk:"manage_health_check"`
	WorkloadRefPath   types.String   `tfsdk:"workload_ref_path"`
	Template          types.String   `tfsdk:"template"`
	HealthPolicy      types.String   `tfsdk:"health_policy"`
	CustomStatus      types.String   `tfsdk:"custom_status"`
	Details           types.String   `tfsdk:"details"`
	Wait              types.Bool     `tfsdk:"wait"`
	AdoptExisting     types.Bool     `tfsdk:"adopt_existing"`
	Ref               types.Object   `tfsdk:"ref"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

// workloadTypes are the types of the attribute workload.
func workloadTypes() map[string]attr.Type {
	return map[string]attr.Type{"type": types.StringType, "api_version": types.StringType, "kind": types.StringType}
}

// definitionSchema describes fairlead_definition.
func definitionSchema(ctx context.Context) schema.Schema {
	attributes := map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			MarkdownDescription: "`kind/namespace/name`, by which a definition is imported.",
		},
		"cue": schema.StringAttribute{
			Optional:   true,
			Validators: []validator.String{stringvalidator.LengthBetween(1, maxTemplate+maxSource), stringvalidator.ExactlyOneOf(path.MatchRoot("template"))},
			MarkdownDescription: "The definition as a CUE file: a field that describes the type, and `template`, as `fairlead-addon definition show -o cue` writes it, such as `file(\"cache.cue\")`. " +
				"Then kind and name come from the file, and nothing else of the type is given; where the file is known only after apply give these two beside it, and the plan knows them. Exactly one of `cue` and `template` is given. " +
				"Another layout of the same is no change. " + inClear,
		},
		"namespace": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(v1alpha1.SystemNamespace),
			Validators: nameValidators(), PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Namespace on the hub. Applications find definitions of their own namespace, of `fairlead-system` (default) and of `vela-system`. A change makes a new definition.",
		},
		"wait": schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(true),
			MarkdownDescription: "Wait until the addon has checked the definition, for up to 30 seconds (default). If it refuses the definition that is an error, and the hub is left as it was before.",
		},
		"adopt_existing": commonAttributes("definition")["adopt_existing"],
		"ref":            definitionRefSchema(),
		"timeouts":       timeouts.Attributes(ctx, timeoutOptions()),
	}
	maps.Copy(attributes, definitionTypeSchema())
	maps.Copy(attributes, definitionSourceSchema())
	return schema.Schema{
		MarkdownDescription: "A type of your own that applications can use: a component, trait or policy type in CUE, as an object on the hub. " +
			"What is wrong with it is found at `terraform validate`, without a hub.\n\n" +
			"Every application that uses the type gets a changed definition at once, wherever it is delivered: a plan with a reachable hub names those that name the type themselves. A type that is built in is hidden by one of the same name.",
		Attributes: withoutNulls(attributes),
	}
}

// definitionRefSchema is what an application may know of the definition.
func definitionRefSchema() schema.Attribute {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	return schema.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "The definition for `definitions` of a `fairlead_application`, so that its plan knows the type before the hub exists. " +
			"It follows from the configuration alone, and nothing in it is marked sensitive.",
		Attributes: map[string]schema.Attribute{
			"kind": text("Kind of the type."), "name": text("Name of the type."), "namespace": text("Namespace on the hub."), "cue": text("The definition as a CUE file. Shown in clear."),
		},
	}
}

// definitionTypeSchema says what the type is.
func definitionTypeSchema() map[string]schema.Attribute {
	flag := func(description string) schema.Attribute {
		return schema.BoolAttribute{Optional: true, MarkdownDescription: description}
	}
	list := func(description string) schema.Attribute {
		return schema.ListAttribute{
			Optional: true, ElementType: types.StringType, MarkdownDescription: description,
			Validators: []validator.List{listvalidator.SizeAtMost(64), listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 253))},
		}
	}
	return map[string]schema.Attribute{
		"kind": schema.StringAttribute{
			Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf(definitionKindNames()...)},
			MarkdownDescription: "`component`, `trait`, `policy` or `workflow-step` (which this version of the addon keeps without using it). Comes from `cue`, and is required without it; beside `cue` the file must be of this kind. A change makes a new definition.",
		},
		"name": schema.StringAttribute{
			Optional: true, Computed: true, Validators: nameValidators(),
			MarkdownDescription: "Name of the type, as applications write it. Comes from `cue`, and is required without it; beside `cue` the file must be of this name. A change makes a new definition.",
		},
		"description": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 4096)},
			MarkdownDescription: "What the type is for, in a sentence.",
		},
		"version": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 63)},
			MarkdownDescription: "Version of the definition, as `type@version` refers to it.",
		},
		"labels": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Labels of the object, added to the provider's `default_labels`.",
		},
		"workload":            workloadSchema(),
		"applies_to":          list("What a trait may be used with, such as `deployments.apps` or a component type. All when left out."),
		"conflicts_with":      list("Traits that may not be used together with this one."),
		"pod_disruptive":      flag("A change of the trait restarts pods."),
		"manage_workload":     flag("The trait makes the workload itself."),
		"manage_health_check": flag("The health of what a policy makes counts."),
		"stage": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.OneOf("PreDispatch", "DefaultDispatch", "PostDispatch")},
			MarkdownDescription: "When the objects of a trait are delivered: `PreDispatch` before the workload, `DefaultDispatch` with it, `PostDispatch` when it is healthy.",
		},
		"workload_ref_path": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 1024)},
			MarkdownDescription: "Path in the objects of a trait that takes a reference to the workload.",
		},
	}
}

// workloadSchema says what a component type makes.
func workloadSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "What a component type makes: `type`, or `api_version` and `kind`. Left out when it differs by use.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 253), stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("kind"))},
				MarkdownDescription: "Resource with its group, such as `deployments.apps`.",
			},
			"api_version": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 253), stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("kind"))},
				MarkdownDescription: "API version of the kind, such as `apps/v1`.",
			},
			"kind": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 253), stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("api_version"))},
				MarkdownDescription: "Kind of the workload, such as `Deployment`.",
			},
		},
	}
}

// definitionSourceSchema are the sources in CUE.
func definitionSourceSchema() map[string]schema.Attribute {
	source := func(most int, description string) schema.Attribute {
		return schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, most)}, MarkdownDescription: description}
	}
	return map[string]schema.Attribute{
		"template":      source(maxTemplate, "CUE that yields the objects: `parameter`, and `output` and `outputs`, or `patch` and `patchOutputs` in a trait. "+inClear),
		"health_policy": source(maxSource, "CUE that yields `isHealth`."),
		"custom_status": source(maxSource, "CUE that yields `message`."),
		"details":       source(maxSource, "CUE whose top-level fields are shown in the status."),
	}
}

// definitionIdentity is what identifies a definition on a hub.
func definitionIdentity() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"kind":      identityschema.StringAttribute{RequiredForImport: true, Description: "component, trait, policy or workflow-step."},
		"namespace": identityschema.StringAttribute{RequiredForImport: true, Description: "Namespace of the definition on the hub."},
		"name":      identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the type."},
	}}
}
