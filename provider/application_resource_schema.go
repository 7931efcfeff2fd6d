// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// applicationModel is fairlead_application.
type applicationModel struct {
	ID            types.String  `tfsdk:"id"`
	Name          types.String  `tfsdk:"name"`
	Namespace     types.String  `tfsdk:"namespace"`
	Labels        types.Map     `tfsdk:"labels"`
	Annotations   types.Map     `tfsdk:"annotations"`
	Components    types.Dynamic `tfsdk:"components"`
	Environments  types.Dynamic `tfsdk:"environments"`
	Policies      types.Dynamic `tfsdk:"policies"`
	Workflow      types.Dynamic `tfsdk:"workflow"`
	AdoptExisting types.Bool    `tfsdk:"adopt_existing"`
	IgnoreFields  types.List    `tfsdk:"ignore_fields"`
	Definitions   types.List    `tfsdk:"definitions"`
	Deletion      types.Object  `tfsdk:"deletion"`

	SecretsWO            types.Map    `tfsdk:"secrets_wo"`
	EnvironmentSecretsWO types.Map    `tfsdk:"environment_secrets_wo"`
	SecretsWOVersion     types.String `tfsdk:"secrets_wo_version"`
	Secrets              types.Map    `tfsdk:"secrets"`

	Revision  types.String   `tfsdk:"revision"`
	Resources types.Map      `tfsdk:"resources"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

// applicationSchema describes fairlead_application.
func applicationSchema(ctx context.Context) schema.Schema {
	attributes := applicationAttributes(ctx)
	maps.Copy(attributes, treatmentAttributes())
	maps.Copy(attributes, secretAttributes())
	return schema.Schema{
		Attributes: attributes,
		MarkdownDescription: "An application: components with their traits, and the environments that they are delivered to. " +
			"Creating it hands it over to the addon and does not wait until it runs: that is what `fairlead_rollout` is for, so that a failed rollout never taints an application.\n\n" +
			"Inside `components`, `environments`, `policies` and `workflow` everything is spelled as in OAM, such as `dependsOn`. " +
			"To ignore changes of one value, write its path with dots: `ignore_changes = [components.web.properties.image]`; the form with brackets has no effect.",
	}
}

// applicationAttributes are what an application is, and what is known of it.
func applicationAttributes(ctx context.Context) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			Required:            true,
			Validators:          nameValidators(),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Name of the application. A change makes a new one.",
		},
		"components": componentsSchema(),
		"namespace": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Validators:          sourceNamespaceValidators(),
			MarkdownDescription: "Namespace of the application on the hub. Default: the provider's `default_namespace`. A change makes a new application.",
		},
		"environments": environmentsSchema(),
		"policies": schema.DynamicAttribute{
			Optional:            true,
			MarkdownDescription: "Further policies: a list of `{ name, type, properties }`, or an object keyed by name.",
		},
		"workflow": schema.DynamicAttribute{
			Optional:            true,
			MarkdownDescription: "The workflow: an object with `steps` and `mode`, or `ref`. Not honoured by this version: an application that has one is not delivered.",
		},
		"labels": schema.MapAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Labels of the application, added to the provider's `default_labels`.",
		},
		"annotations": schema.MapAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Annotations of the application.",
		},
		"id": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "`namespace/name`.",
		},
		"revision": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Names what was written: a digest of the application's spec, of the digests of its Secrets, and of what the `ref` of its environments says. Known after apply whenever anything changes for the hub, which `adopt_existing`, `deletion`, `ignore_fields` and `timeouts` do not.",
		},
		"definitions": givenDefinitionsSchema(),
		"resources":   resourcesSchema(),
		"timeouts":    timeouts.Attributes(ctx, timeoutOptions()),
	}
}

// treatmentAttributes say what becomes of what others do, and of the application.
func treatmentAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"adopt_existing": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Take over an application of that name that exists already and is not managed here, and fields of it that another tool sets. " +
				"Without it that is an error that shows the import block to paste.",
		},
		"ignore_fields": schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Fields that are left to others, such as a tool that updates images: `components.web.properties.image`, `components.web.traits.scaler.replicas` or " +
				"`environments.prod.components.web.properties.image`. A new application starts with what is configured. From then on the plan does not compare them, and they stay as the hub has them " +
				"whatever else changes. An entry of a list is named by its `name` or index, a key with dots or slashes is written as `[\"a.b/c\"]`.",
		},
		"deletion": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "How the application goes.",
			Attributes: map[string]schema.Attribute{
				"protection": schema.BoolAttribute{
					Optional:            true,
					MarkdownDescription: "Refuses to destroy the application, also when its block or module is removed. Apply `false` first.",
				},
			},
		},
	}
}

// secretAttributes are the Secrets that come with an application.
func secretAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"secrets_wo":             secretsSchema(),
		"environment_secrets_wo": environmentSecretsSchema(),
		"secrets_wo_version": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Any text, such as the version of a secret in its store. With it, Secrets are written when it changes, and not otherwise: " +
				"for values that are new at each run, and for plans that cannot read Secrets of the hub.",
		},
		"secrets": schema.MapAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "The application's Secrets: from name, or `environment/name`, to a digest that changes with the content and is keyed by the hub. " +
				"Known after apply where the `revision` is: until then a Secret may change too, unless `secrets_wo_version` says otherwise.",
		},
	}
}

// componentsSchema is what an application consists of.
func componentsSchema() schema.Attribute {
	return schema.DynamicAttribute{
		Required: true,
		MarkdownDescription: "The components: an object keyed by component name. Each has a `type`, and may have `properties`, `traits`, `dependsOn`, `inputs`, `outputs` (with one of the last two it is not delivered by this version). " +
			"`traits` is an object keyed by type, evaluated in the order of their names, or a list of `{ type, properties }` evaluated in that order. " +
			"A value that is null is left out.",
	}
}

// environmentsSchema is where an application goes.
func environmentsSchema() schema.Attribute {
	return schema.DynamicAttribute{
		Optional: true,
		MarkdownDescription: "The environments that the application is delivered to: a list of names, or an object from name to what is different there: " +
			"`components` (`properties` and `traits` by component name), `selector` (names of the components that go there) and `ref` (`fairlead_environment.x.ref`). " +
			"Default, without any policy: the environment `default`.",
	}
}

// secretsSchema are the Secrets that come with an application.
func secretsSchema() schema.Attribute {
	return schema.MapAttribute{
		Optional:    true,
		WriteOnly:   true,
		ElementType: types.MapType{ElemType: types.StringType},
		MarkdownDescription: "Secrets of the application: from the name of a Secret to its keys and values, in every environment. Components refer to them as to any Secret, such as " +
			"`valueFrom = { secretKeyRef = { name = \"db\", key = \"password\" } }`, and what they refer to is delivered with them. Values may be ephemeral; they are in no plan and no state. " +
			"A Secret becomes one of that name in the application's namespace on the hub, which must not have one yet that is somebody else's. It goes with the application. " +
			"No import brings Secrets: without them here a plan of an imported application that has some fails, since they would be deleted; `{}` says that they are to be. " +
			"Needs Terraform 1.11 or OpenTofu 1.11.",
	}
}

// environmentSecretsSchema are the Secrets that are different in one environment.
func environmentSecretsSchema() schema.Attribute {
	return schema.MapAttribute{
		Optional:    true,
		WriteOnly:   true,
		ElementType: types.MapType{ElemType: types.MapType{ElemType: types.StringType}},
		MarkdownDescription: "Secrets that one environment has in place of those of `secrets_wo`, or alone: from the name of the environment to what `secrets_wo` has. " +
			"A Secret is replaced as a whole. On the hub it is named `<name>.<environment>`.",
	}
}

// applicationIdentity is what identifies an application on a hub.
func applicationIdentity() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"namespace": identityschema.StringAttribute{RequiredForImport: true, Description: "Namespace of the application on the hub."},
		"name":      identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the application."},
	}}
}
