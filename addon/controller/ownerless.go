// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// An application may go without its finalizer, which somebody took, or come back
// with another UID, as from a backup. Its works stay, since nobody says that they
// are to go; but an environment or a binding that is deleted does not wait for what
// nobody would remove.

// gone looks after an application that is not there: what is left of it is given
// up, and something that carried its labels may have held a tenant longer than the
// application was.
func (r *ApplicationReconciler) gone(ctx context.Context, name types.NamespacedName) (ctrl.Result, error) {
	after, errFormer := r.giveUpFormer(ctx, name, "")
	tenants, unproven, err := r.engine.ReleaseTenants(ctx, name.Namespace)
	if err == nil && len(tenants)+len(unproven) > 0 {
		after = sooner(after, removalCheck)
	}
	return ctrl.Result{RequeueAfter: after}, errors.Join(errFormer, err)
}

// giveUpFormer removes what applications that had a name, and do not exist, have on
// managed clusters in environments and through bindings that are being deleted. uid
// is that of the one that exists; empty when there is none. It returns when to look again.
func (r *ApplicationReconciler) giveUpFormer(ctx context.Context, name types.NamespacedName, uid types.UID) (time.Duration, error) {
	owners, err := r.owners(ctx, name)
	owners = slices.DeleteFunc(owners, func(owner delivery.Owner) bool { return owner.UID == uid })
	if err != nil || len(owners) == 0 {
		return 0, err
	}
	world, err := r.world.read(ctx)
	if err != nil || !world.GivesUp() {
		return 0, err
	}
	if uid == "" {
		if exists, err := r.exists(ctx, name); err != nil || exists {
			return 0, err // which the cache does not show yet; its event comes
		}
	}
	var after time.Duration
	var errs []error
	for _, owner := range owners {
		report, err := r.engine.RemoveOwnerless(ctx, delivery.KeepingPlan(world, owner, r.world.away(ctx)))
		after = sooner(after, report.RetryAfter)
		errs = append(errs, err)
	}
	return after, errors.Join(errs...)
}

// exists asks the API server for an application.
func (r *ApplicationReconciler) exists(ctx context.Context, name types.NamespacedName) (bool, error) {
	err := r.live.Get(ctx, name, &v1beta1.Application{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get Application %s: %w", name, err)
	}
	return true, nil
}
