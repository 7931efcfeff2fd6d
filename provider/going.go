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
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// privateGoing marks an object that was being deleted when it was read, as when a
// destroy was killed. It stays in the state, so that another destroy waits for its end;
// anything but a destroy makes it anew, which would be missing otherwise when it is gone.
const privateGoing = "going"

// privateAnew marks the plan of what is made in the place of an object that is being
// deleted. Engines destroy what they replace before they update what it refers to, and an
// object may be held by just that, as by an environment that waits for a cluster: so the
// destroy does not wait for the end. The creation does, which comes after the update.
const privateAnew = "anew"

// keepGoing keeps whether the object is being deleted, and says so.
func keepGoing(ctx context.Context, private privateWriter, live *unstructured.Unstructured) diag.Diagnostics {
	since := live.GetDeletionTimestamp()
	if since == nil {
		return private.SetKey(ctx, privateGoing, nil)
	}
	diags := private.SetKey(ctx, privateGoing, []byte("true"))
	diags.AddWarning(live.GetKind()+" is being deleted", fmt.Sprintf(
		"%s %q is being deleted since %s: a destroy was interrupted, or somebody has deleted it. An apply waits until it is gone and makes it anew; a destroy waits until it is gone.",
		live.GetKind(), hub.NameOf(live), since.UTC().Format(time.RFC3339)))
	return diags
}

// isGoing says whether the object was being deleted when it was read.
func isGoing(ctx context.Context, private privateStore) bool {
	mark, diags := private.GetKey(ctx, privateGoing)
	return !diags.HasError() && len(mark) > 0
}

// isAnew says whether what is destroyed is going already, and made anew by the same plan.
func isAnew(ctx context.Context, private privateStore) bool {
	mark, diags := private.GetKey(ctx, privateAnew)
	return !diags.HasError() && len(mark) > 0
}

// forgetGoing forgets both marks of an object that was written.
func forgetGoing(ctx context.Context, private privateWriter) diag.Diagnostics {
	diags := private.SetKey(ctx, privateGoing, nil)
	diags.Append(private.SetKey(ctx, privateAnew, nil)...)
	return diags
}

// planAnew plans to replace an object that is being deleted. Engines replace what
// changes, so the id is open in this plan; they plan a second time, as what is created in
// place of the first, and there it is known: nothing that refers to it changes.
func planAnew(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !isGoing(ctx, req.Private) || resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateAnew, []byte("true"))...)
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), types.StringUnknown())...)
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("id"))
}
