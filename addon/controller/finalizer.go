// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// hold adds the finalizer of an application, environment or binding.
func hold(ctx context.Context, writer client.Client, object client.Object) error {
	if controllerutil.ContainsFinalizer(object, v1alpha1.Finalizer) {
		return nil
	}
	before := object.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of its original
	controllerutil.AddFinalizer(object, v1alpha1.Finalizer)
	err := writer.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("add finalizer to %s: %w", toolscache.MetaObjectToName(object), err)
	}
	return nil
}

// letGo removes the finalizer; an object that is gone already is let go.
func letGo(ctx context.Context, writer client.Client, object client.Object) error {
	before := object.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of its original
	controllerutil.RemoveFinalizer(object, v1alpha1.Finalizer)
	err := writer.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release %s: %w", toolscache.MetaObjectToName(object), err)
	}
	return nil
}
