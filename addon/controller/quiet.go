// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// quiet asks for another pass when a write lost against another one: that is
// how optimistic locking works, and no error that anybody needs to see.
type quiet struct {
	reconcile.Reconciler
	// passes counts what was reconciled.
	passes *atomic.Int64
}

// Reconcile passes everything else through.
func (q quiet) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	q.passes.Add(1)
	result, err := q.Reconciler.Reconcile(ctx, request)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: minRetry}, nil
	}
	return result, err
}
