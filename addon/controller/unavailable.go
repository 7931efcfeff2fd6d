// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// pendingCheck is how soon an evaluation is asked for again that is under way.
const pendingCheck = 250 * time.Millisecond

// isUnavailable says that foreign CUE could not be evaluated for no fault of its own.
func isUnavailable(err error) bool {
	var unavailable *sandbox.UnavailableError
	return errors.As(err, &unavailable)
}

// again is the result of a pass that came to nothing. What is under way is no
// error, and is looked for at a steady pace.
func again(err error) (ctrl.Result, error) {
	var unavailable *sandbox.UnavailableError
	if errors.As(err, &unavailable) && unavailable.Pending {
		return ctrl.Result{RequeueAfter: pendingCheck}, nil
	}
	return ctrl.Result{}, err
}

// inspected makes sure that it is known what the CUE of all definitions of a
// plan reads: what clusters are asked to feed back depends on it.
func inspected(plan *delivery.Plan) error {
	for _, unit := range plan.Units {
		for _, d := range append([]*definition.Definition{unit.Result.Definition}, unit.Result.Traits...) {
			if err := d.Prepare(); err != nil {
				return err
			}
		}
	}
	return nil
}
