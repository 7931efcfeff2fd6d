// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// hubResource is what resources have in common: they act on the hub.
type hubResource struct {
	hub *Hub
}

// Configure takes the Hub over.
func (r *hubResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.hub = hubOf(req.ProviderData, &resp.Diagnostics)
}

// begin begins an operation that cannot do without the hub, and bounds it as the
// resource's timeouts say. With an error the client is nil.
func (r *hubResource) begin(
	ctx context.Context, action string, timeout timeoutOf, preset time.Duration, diags *diag.Diagnostics,
) (context.Context, *hub.Client, context.CancelFunc) {
	limit := timeLimit(ctx, action, timeout, preset, diags)
	client, problems := r.hub.require(ctx, action)
	diags.Append(problems...)
	if diags.HasError() {
		return ctx, nil, func() {}
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	return bounded, client, cancel
}

// timeoutOf returns what a resource's timeouts say about an operation, or a preset.
type timeoutOf func(context.Context, time.Duration) (time.Duration, diag.Diagnostics)

// timeLimit is how long an operation may take. A limit that leaves no time is an error.
func timeLimit(ctx context.Context, action string, timeout timeoutOf, preset time.Duration, diags *diag.Diagnostics) time.Duration {
	limit, problems := timeout(ctx, preset)
	diags.Append(problems...)
	if limit <= 0 {
		diags.AddAttributeError(path.Root("timeouts"), "Invalid timeouts",
			fmt.Sprintf("timeouts: %s leaves no time to %s. Give more than zero, such as %s.", limit, action, shortDuration(preset)))
	}
	return limit
}

// namedResource is a hubResource whose objects are known by their name alone.
type namedResource struct{ hubResource }

// ImportState takes the name as the import id, or the identity.
func (r *namedResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if req.ID != "" && len(validation.IsDNS1123Label(req.ID)) > 0 {
		resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf("The id is the name of the object on the hub, such as eu-1, and not %q.", req.ID))
		return
	}
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("name"), path.Root("name"), req, resp)
}
