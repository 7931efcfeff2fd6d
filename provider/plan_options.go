// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The values of plan.preview.
const (
	previewServer  = "server"
	previewOffline = "offline"
	previewOff     = "off"
)

// The values of plan.on_unreachable.
const (
	onUnreachableWarn  = "warn"
	onUnreachableError = "error"
)

// planSchema is the attribute plan of the provider block.
func planSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "How plans are made.",
		Attributes: map[string]schema.Attribute{
			"preview": schema.StringAttribute{
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(previewServer, previewOffline, previewOff)},
				MarkdownDescription: "How far a plan looks ahead of applications that change. `server`: `resources` lists the objects, and the hub is asked: a dry run of the Application " +
					"shows what admission policies, webhooks, schemas and other field managers refuse, and environments that do not exist, do not admit the namespace or have no cluster " +
					"are a warning. That writes nothing, and costs no request where nothing changes. `offline`: `resources` alone, without the hub, and types that are not built in are a warning. " +
					"`off`: neither; `resources` is known after apply wherever an application changes. What the configuration alone shows to be wrong is an error in any case, and Secrets without `secrets_wo_version` " +
					"are compared with those of the hub in any case. Default: `server`.",
			},
			"on_unreachable": schema.StringAttribute{
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(onUnreachableWarn, onUnreachableError)},
				MarkdownDescription: "What a plan does while the hub gives no answer, is not trusted, or refuses the credential: `warn` keeps the state as it is, " +
					"with a warning, so that a plan works without the hub; `error` fails, so that nobody approves a plan that does not show what changed on the hub. " +
					"What is to be created is planned likewise while no credential is to be had, as of a plugin that fails. " +
					"Default: `warn`. A hub that is known only after apply is a warning always.",
			},
		},
	}
}

// previewOf is how far a plan looks ahead. While that is unknown it does not: what
// the plan says has to hold when it is known.
func previewOf(plan types.Object) string {
	value, _ := plan.Attributes()["preview"].(types.String)
	switch {
	case plan.IsUnknown(), value.IsUnknown():
		return previewOff
	case value.ValueString() == "":
		return previewServer
	}
	return value.ValueString()
}

// failsUnreachable says whether a hub that cannot be asked is to fail plans. While
// that is unknown it is not.
func failsUnreachable(plan types.Object) bool {
	value, ok := plan.Attributes()["on_unreachable"].(types.String)
	return ok && value.ValueString() == onUnreachableError
}
