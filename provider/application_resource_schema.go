// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// applicationModel is fairlead_application.
type applicationModel struct {
	ID            types.String   `tfsdk:"id"`
	Name          types.String   `tfsdk:"name"`
	Namespace     types.String   `tfsdk:"namespace"`
	Labels        types.Map      `tfsdk:"labels"`
	Annotations   types.Map      `tfsdk:"annotations"`
	Components    types.Dynamic  `tfsdk:"components"`
	Environments  types.Dynamic  `tfsdk:"environments"`
	Policies      types.Dynamic  `tfsdk:"policies"`
	Workflow      types.Dynamic  `tfsdk:"workflow"`
	AdoptExisting types.Bool     `tfsdk:"adopt_existing"`
	Revision      types.String   `tfsdk:"revision"`
	Resources     types.Map      `tfsdk:"resources"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

// applicationSchema describes fairlead_application.
func applicationSchema(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "An application: components with their traits, and the environments that they are delivered to. " +
			"Creating it hands it over to the addon and does not wait until it runs: that is what `fairlead_rollout` is for, so that a failed rollout never taints an application.\n\n" +
			"Inside `components`, `environments`, `policies` and `workflow` everything is spelled as in OAM, such as `dependsOn`. " +
			"To ignore changes of one value, write its path with dots: `ignore_changes = [components.web.properties.image]`; the form with brackets has no effect.",
		Attributes: map[string]schema.Attribute{
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
				MarkdownDescription: "The workflow: an object with `steps` and `mode`, or `ref`. Default: the addon derives it from the environments and their order.",
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
			"adopt_existing": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Take over an application of that name that exists already and is not managed here, and fields of it that another tool sets. " +
					"Without it that is an error that shows the import block to paste.",
			},
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "`namespace/name`.",
			},
			"revision": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Names what was written: a digest of the application's spec. Known after apply whenever anything changes.",
			},
			"resources": resourcesSchema(),
			"timeouts":  timeouts.Attributes(ctx, timeoutOptions()),
		},
	}
}

// componentsSchema is what an application consists of.
func componentsSchema() schema.Attribute {
	return schema.DynamicAttribute{
		Required: true,
		MarkdownDescription: "The components: an object keyed by component name. Each has a `type`, and may have `properties`, `traits`, `dependsOn`, `inputs`, `outputs`. " +
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

// applicationIdentity is what identifies an application on a hub.
func applicationIdentity() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"namespace": identityschema.StringAttribute{RequiredForImport: true, Description: "Namespace of the application on the hub."},
		"name":      identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the application."},
	}}
}
