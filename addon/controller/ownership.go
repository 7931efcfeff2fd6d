// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// applicationCRD is the CRD whose label says whose the OAM kinds are.
const applicationCRD = "applications.core.oam.dev"

// ownership decides which applications are ours. Where the OAM kinds belong to
// another controller the hub is shared, and only annotated applications are
// ours; alone, all are but those annotated for another controller.
type ownership struct {
	reader client.Reader
}

// newCRD is an empty CRD as it is cached: its metadata alone.
func newCRD() *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	return crd
}

// mode reads whether the hub is shared.
func (o *ownership) mode(ctx context.Context) (shared bool, err error) {
	crd := newCRD()
	if err := o.reader.Get(ctx, types.NamespacedName{Name: applicationCRD}, crd); err != nil {
		return false, fmt.Errorf("get CustomResourceDefinition %s: %w", applicationCRD, err)
	}
	return crd.Labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue, nil
}

// shared is mode for callers that have handled the application already.
func (o *ownership) shared(ctx context.Context) bool {
	shared, err := o.mode(ctx)
	return err == nil && shared
}

// handles says whether the application is ours.
func (o *ownership) handles(ctx context.Context, app *v1beta1.Application) (bool, error) {
	requirement := app.Annotations[v1beta1.AnnotationControllerRequirement]
	if requirement != "" {
		return requirement == v1beta1.ControllerName, nil
	}
	shared, err := o.mode(ctx)
	return err == nil && !shared, err
}
