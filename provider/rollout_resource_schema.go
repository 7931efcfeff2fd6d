// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What a rollout that fails is.
const (
	// onFailureError makes it an error of the apply.
	onFailureError = "error"
	// onFailureWarn makes it a warning; the next plan shows the rollout again.
	onFailureWarn = "warn"
)

// rolloutModel is fairlead_rollout.
type rolloutModel struct {
	Application types.String   `tfsdk:"application"`
	Revision    types.String   `tfsdk:"revision"`
	OnFailure   types.String   `tfsdk:"on_failure"`
	Endpoints   types.Map      `tfsdk:"endpoints"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

// rolloutSchema describes fairlead_rollout.
func rolloutSchema(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Waits until a revision of an application is healthy in all its environments and clusters, and says where it is not and why. " +
			"It stops waiting as soon as waiting cannot help. A rollout that failed stays in the plan until it has succeeded; the application itself is never tainted by it. " +
			"That no cluster is bound to an environment yet is waited for.",
		Attributes: map[string]schema.Attribute{
			"application": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{applicationIDValidator()},
				MarkdownDescription: "The application: `fairlead_application.x.id`, which is `namespace/name`.",
			},
			"revision": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "The revision to wait for: `fairlead_application.x.revision`.",
			},
			"on_failure": schema.StringAttribute{
				Optional:   true,
				Computed:   true,
				Default:    stringdefault.StaticString(onFailureError),
				Validators: []validator.String{onFailureValidator()},
				MarkdownDescription: "What a rollout that fails is: `error` (default), or `warn`, which goes on with the apply. " +
					"Either way the next plan shows the rollout again.",
			},
			"endpoints": schema.MapAttribute{
				Computed:    true,
				ElementType: endpointsType(),
				MarkdownDescription: "Where components are reached from outside of their clusters, by `environment/cluster/component`: the URLs of hosts of an Ingress " +
					"(of its load balancer, where it names no host), host and port of a Service of type `LoadBalancer`, the hosts of routes of the Gateway API and the " +
					"address of a Gateway. At most eight of a component in a place, and of the first hundred places; none where the hub's Application kind belongs to " +
					"another OAM controller. Known after a rollout that changes, and read anew while the revision is healthy. A host that is marked sensitive is not marked here.",
			},
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, Update: true,
				CreateDescription: "How long to wait for the first rollout, such as `20m` (default).",
				UpdateDescription: "How long to wait for a rollout, such as `20m` (default).",
			}),
		},
	}
}

// endpointsType is that of the endpoints of one component in one place.
func endpointsType() attr.Type { return types.ListType{ElemType: types.StringType} }

// applicationIDValidator checks namespace/name.
func applicationIDValidator() validator.String {
	return checked{
		description: "namespace/name, such as shop/web; take it from fairlead_application.x.id",
		check: func(text string) error {
			if _, _, ok := splitApplicationID(text); !ok {
				return errors.New("it is not the id of an application")
			}
			return nil
		},
	}
}

// onFailureValidator checks on_failure. Rolling back is not offered yet, and
// whoever asks for it must not be left with less than an answer.
func onFailureValidator() validator.String {
	return checked{
		description: "error, warn",
		check: func(text string) error {
			switch text {
			case onFailureError, onFailureWarn:
				return nil
			case "rollback":
				return errors.New("rolling back is not available in this version; to go back, apply the previous configuration")
			}
			return errors.New("it is not a known answer to a failed rollout")
		},
	}
}
