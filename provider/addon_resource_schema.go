// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// crdsApply writes the CRDs that are ours, and removes them in the end.
	crdsApply = "apply"
	// crdsSkip leaves CRDs to somebody else.
	crdsSkip = "skip"
	// defaultReplicas is how many managers run unless the configuration says otherwise.
	defaultReplicas = 1
	// maxReplicas is what the chart allows.
	maxReplicas = 10
)

// addonSchema describes fairlead_addon.
func addonSchema(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "The Fairlead addon on the hub: installs, upgrades and removes the Helm chart that this version of the provider carries.\n\n" +
			"Let resources that need the addon depend on it (`depends_on`): a destroy then removes them first. It refuses while applications, environments or " +
			"bindings exist that nobody deletes, waits for those that are going, and removes the controller last.",
		Attributes: map[string]schema.Attribute{
			"namespace": namespaceAttribute(),
			"image": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 1024)},
				MarkdownDescription: "Reference of the addon's image, with tag or digest. Default: the image of this version.",
			},
			"replicas": schema.Int64Attribute{
				Optional:   true,
				Computed:   true,
				Default:    int64default.StaticInt64(defaultReplicas),
				Validators: []validator.Int64{int64validator.Between(0, maxReplicas)},
				MarkdownDescription: "How many managers run; one of them works, the others wait for its lease. With `0` everything but a manager is installed, " +
					"which may then run elsewhere with a token of the service account `fairlead-addon`. Default: `1`.",
			},
			"values": schema.DynamicAttribute{
				Optional: true,
				MarkdownDescription: "Values of the chart as an object, such as `{ resources = { limits = { memory = \"1Gi\" } } }`, spelled as in the chart's `values.yaml`. " +
					"A `null` is left out, as if its key were not there; only below `resources` one drops what the chart has there by default, as `{ resources = { limits = { memory = null } } }` does. " +
					"They are stored in the state: never put a secret here. `image` and `replicas` are attributes of their own.",
			},
			"crds":     crdsAttribute(),
			"wait":     waitAttribute(),
			"id":       computedAddon("The namespace."),
			"version":  computedAddon("Version of the chart that is installed. An upgrade of the provider may change it."),
			"oam_mode": computedAddon("`exclusive`, or `shared` where the CRDs of `core.oam.dev` belong to another OAM controller: then the addon handles only applications annotated `app.oam.dev/controller-version-require: fairlead`, which `fairlead_application` sets."),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "How long an installation may take, such as `10m` (default).",
				UpdateDescription: "How long an upgrade may take. Default: `10m`.",
				DeleteDescription: "How long a removal may take, with everything that has to go before. Default: `15m`.",
			}),
		},
	}
}

// computedAddon is an attribute that the installation decides.
func computedAddon(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// namespaceAttribute is where the addon runs.
func namespaceAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:      true,
		Computed:      true,
		Default:       stringdefault.StaticString(v1alpha1.SystemNamespace),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators: []validator.String{checked{
			description: v1alpha1.SystemNamespace,
			check: func(text string) error {
				if text != v1alpha1.SystemNamespace {
					return fmt.Errorf("this version of the addon cannot run in the namespace %q", text)
				}
				return nil
			},
		}},
		MarkdownDescription: "Namespace of the addon. This version runs in `fairlead-system` (default) and nowhere else. " +
			"It is created when it does not exist; one that was created so is removed with the addon unless something else is in it.",
	}
}

// crdsAttribute says who writes CRDs.
func crdsAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:   true,
		Computed:   true,
		Default:    stringdefault.StaticString(crdsApply),
		Validators: []validator.String{stringvalidator.OneOf(crdsApply, crdsSkip)},
		MarkdownDescription: "`apply` (default) writes the CRDs that do not exist or carry the label `fairlead.dev/managed-by=fairlead`, never those of somebody else, " +
			"and removes them with the addon if no object of them is left. With `skip` they must exist already and are not touched.",
	}
}

// waitAttribute says whether an installation ends before the manager runs.
func waitAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true,
		Computed: true,
		Default:  booldefault.StaticBool(true),
		MarkdownDescription: "Wait until the manager is available, and say what its pods wait for when it is not. Default: `true`; without meaning when " +
			"`replicas` is `0`.",
	}
}
