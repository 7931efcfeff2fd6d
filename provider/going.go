// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// privateGoing marks an object that was being deleted when it was read, as when a
// destroy was killed. It stays in the state, so that another destroy waits for its end. An
// update waits for that too and makes it anew, since it would be missing otherwise.
const privateGoing = "going"

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

// planAnew plans an update of an object that is being deleted, by a computed attribute that
// is known again when the update has made it anew. It is no replacement: engines destroy
// what they replace before they change what it refers to, and the object may be held by
// just that, as by an environment that waits for a cluster.
func planAnew(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, computed string) {
	if req.State.Raw.IsNull() || !isGoing(ctx, req.Private) || resp.Diagnostics.HasError() {
		return
	}
	kind, diags := resp.Plan.Schema.TypeAtPath(ctx, path.Root(computed))
	resp.Diagnostics.Append(diags...)
	if diags.HasError() {
		return
	}
	unknown, err := kind.ValueFromTerraform(ctx, tftypes.NewValue(kind.TerraformType(ctx), tftypes.UnknownValue))
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root(computed), "Plan not writable", err.Error())
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(computed), unknown)...)
}

// updateLimit is how long an update may take: as long as a deletion where it waits for the
// end of what is being deleted.
func updateLimit(ctx context.Context, private privateStore, limits timeouts.Value) (timeoutOf, time.Duration) {
	if isGoing(ctx, private) {
		return limits.Delete, defaultDeleteTimeout
	}
	return limits.Update, defaultWriteTimeout
}

// waitWhileGoing waits for the end of an object that was being deleted when it was read, so
// that the write that follows makes it anew. It says whether it was.
func waitWhileGoing(ctx context.Context, before privateStore, private privateWriter, waitGone func(context.Context, k8stypes.UID) error) (anew bool, err error) {
	if !isGoing(ctx, before) {
		return false, nil
	}
	if err := waitGone(ctx, loadUID(ctx, before)); err != nil {
		return false, err
	}
	return true, forgetGone(ctx, private)
}

// waitWhileGoing waits for the end of an object of that name.
func (o platformObject) waitWhileGoing(ctx context.Context, name string, before privateStore, private privateWriter) error {
	_, err := waitWhileGoing(ctx, before, private, func(ctx context.Context, uid k8stypes.UID) error { return o.waitGone(ctx, name, uid) })
	return err
}

// forgetGone forgets the object that is gone: an error from here on keeps what is in the
// private state, and a destroy has to remove the object that may have been made since.
func forgetGone(ctx context.Context, private privateWriter) error {
	for _, key := range []string{privateGoing, privateUID} {
		if diags := private.SetKey(ctx, key, nil); diags.HasError() {
			return fmt.Errorf("forget the object that is gone: %s", diags.Errors()[0].Detail())
		}
	}
	return nil
}
