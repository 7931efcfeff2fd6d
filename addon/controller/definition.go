// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// DefinitionReconciler says in the status of X-definitions that this version
// renders the built-in types alone, so that nobody waits for an effect. On a
// shared hub definitions are the other controller's.
type DefinitionReconciler struct {
	client    client.Client
	clock     clock.PassiveClock
	ownership *ownership
	library   *definition.Library
	kind      definitionKind
}

var _ reconcile.Reconciler = (*DefinitionReconciler)(nil)

// definitionKind is one of the four kinds of X-definitions.
type definitionKind struct {
	kind   definition.Kind
	empty  func() client.Object
	status func(client.Object) *v1beta1.DefinitionStatus
}

// kindOf makes a definitionKind from the type of its objects.
func kindOf[T client.Object](kind definition.Kind, empty func() T, status func(T) *v1beta1.DefinitionStatus) definitionKind {
	return definitionKind{
		kind:  kind,
		empty: func() client.Object { return empty() },
		status: func(object client.Object) *v1beta1.DefinitionStatus {
			return status(object.(T)) //nolint:forcetypeassert // it comes from empty
		},
	}
}

func definitionKinds() []definitionKind {
	return []definitionKind{
		kindOf(definition.Component, func() *v1beta1.ComponentDefinition { return &v1beta1.ComponentDefinition{} },
			func(d *v1beta1.ComponentDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.Trait, func() *v1beta1.TraitDefinition { return &v1beta1.TraitDefinition{} },
			func(d *v1beta1.TraitDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.Policy, func() *v1beta1.PolicyDefinition { return &v1beta1.PolicyDefinition{} },
			func(d *v1beta1.PolicyDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.WorkflowStep, func() *v1beta1.WorkflowStepDefinition { return &v1beta1.WorkflowStepDefinition{} },
			func(d *v1beta1.WorkflowStepDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
	}
}

// Reconcile sets the conditions of one definition.
func (r *DefinitionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.kind.empty()
	if err := r.client.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	shared, err := r.ownership.mode(ctx)
	if err != nil || shared {
		return ctrl.Result{}, err
	}
	status := r.kind.status(object)
	before := status.DeepCopy()
	problem := &delivery.Problem{Reason: delivery.ReasonNotImplemented, Message: fmt.Sprintf(
		"this definition has no effect: this version renders the built-in %s types alone (%s)", r.kind.kind, names(r.library.Names(r.kind.kind)))}
	setReadiness(&status.Conditions, object.GetGeneration(), metav1.Condition{}, problem, metav1.NewTime(r.clock.Now()))
	if equality.Semantic.DeepEqual(before, status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, writeOwnStatus(ctx, r.client, object)
}

func names(known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	return strings.Join(known, ", ")
}
