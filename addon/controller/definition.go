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
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// DefinitionReconciler says in the status of X-definitions whether applications
// can use them, so that a mistake shows where it was made. On a shared hub
// definitions are the other controller's.
type DefinitionReconciler struct {
	client      client.Client
	clock       clock.PassiveClock
	ownership   *ownership
	definitions *definitionReader
	kind        definitionKind
}

var _ reconcile.Reconciler = (*DefinitionReconciler)(nil)

// definitionKind is one of the four kinds of X-definitions.
type definitionKind struct {
	kind   definition.Kind
	empty  func() client.Object
	list   func(ctx context.Context, reader client.Reader, namespace string) ([]client.Object, error)
	status func(client.Object) *v1beta1.DefinitionStatus
}

// kindOf makes a definitionKind from the types of its objects and their lists.
func kindOf[T client.Object, L client.ObjectList](kind definition.Kind, empty func() T, list func() L, items func(L) []T, status func(T) *v1beta1.DefinitionStatus) definitionKind {
	return definitionKind{
		kind:  kind,
		empty: func() client.Object { return empty() },
		list: func(ctx context.Context, reader client.Reader, namespace string) ([]client.Object, error) {
			found := list()
			if err := reader.List(ctx, found, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
				return nil, err
			}
			var out []client.Object
			for _, item := range items(found) {
				out = append(out, item)
			}
			return out, nil
		},
		status: func(object client.Object) *v1beta1.DefinitionStatus {
			return status(object.(T)) //nolint:forcetypeassert // it comes from empty
		},
	}
}

func definitionKinds() []definitionKind {
	return []definitionKind{
		kindOf(definition.Component,
			func() *v1beta1.ComponentDefinition { return &v1beta1.ComponentDefinition{} },
			func() *v1beta1.ComponentDefinitionList { return &v1beta1.ComponentDefinitionList{} },
			func(l *v1beta1.ComponentDefinitionList) []*v1beta1.ComponentDefinition { return pointers(l.Items) },
			func(d *v1beta1.ComponentDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.Trait,
			func() *v1beta1.TraitDefinition { return &v1beta1.TraitDefinition{} },
			func() *v1beta1.TraitDefinitionList { return &v1beta1.TraitDefinitionList{} },
			func(l *v1beta1.TraitDefinitionList) []*v1beta1.TraitDefinition { return pointers(l.Items) },
			func(d *v1beta1.TraitDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.Policy,
			func() *v1beta1.PolicyDefinition { return &v1beta1.PolicyDefinition{} },
			func() *v1beta1.PolicyDefinitionList { return &v1beta1.PolicyDefinitionList{} },
			func(l *v1beta1.PolicyDefinitionList) []*v1beta1.PolicyDefinition { return pointers(l.Items) },
			func(d *v1beta1.PolicyDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
		kindOf(definition.WorkflowStep,
			func() *v1beta1.WorkflowStepDefinition { return &v1beta1.WorkflowStepDefinition{} },
			func() *v1beta1.WorkflowStepDefinitionList { return &v1beta1.WorkflowStepDefinitionList{} },
			func(l *v1beta1.WorkflowStepDefinitionList) []*v1beta1.WorkflowStepDefinition {
				return pointers(l.Items)
			},
			func(d *v1beta1.WorkflowStepDefinition) *v1beta1.DefinitionStatus { return &d.Status }),
	}
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// Reconcile sets the conditions of one definition.
func (r *DefinitionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.kind.empty()
	if err := r.client.Get(ctx, request.NamespacedName, object); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{}, r.definitions.forget(ctx, request.Namespace)
	}
	shared, err := r.ownership.mode(ctx)
	if err != nil || shared {
		return ctrl.Result{}, err
	}
	status := r.kind.status(object)
	before := status.DeepCopy()
	ready, problem, err := r.judge(ctx, object)
	if err != nil {
		return again(err)
	}
	setReadiness(&status.Conditions, object.GetGeneration(), ready, problem, metav1.NewTime(r.clock.Now()))
	if equality.Semantic.DeepEqual(before, status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, writeOwnStatus(ctx, r.client, object)
}

// Reasons of definitions.
const (
	reasonUsable  = "Usable"
	reasonRefused = "Refused"
	reasonFailed  = "CompileFailed"
)

// judge compiles a definition in the sandbox and says what came of it.
func (r *DefinitionReconciler) judge(ctx context.Context, object client.Object) (metav1.Condition, *delivery.Problem, error) {
	if r.kind.kind == definition.Policy && policy.IsBuiltin(object.GetName()) {
		return metav1.Condition{}, &delivery.Problem{Reason: reasonRefused, Message: fmt.Sprintf(
			"this definition has no effect: policies of the type %q are part of the program; give it another name", object.GetName())}, nil
	}
	if r.kind.kind == definition.WorkflowStep {
		return metav1.Condition{}, &delivery.Problem{Reason: delivery.ReasonNotImplemented, Message: fmt.Sprintf(
			"this definition has no effect: this version knows the built-in %s types alone", r.kind.kind)}, nil
	}
	read, err, refused := r.definitions.definition(ctx, object)
	if err != nil {
		return metav1.Condition{}, nil, err
	}
	if problem := problemWith(refused, reasonRefused); problem != nil {
		return metav1.Condition{}, problem, nil
	}
	err = read.Check()
	if isUnavailable(err) {
		return metav1.Condition{}, nil, fmt.Errorf("check the %s definition %q: %w", r.kind.kind, object.GetName(), err)
	}
	if problem := problemWith(err, reasonFailed); problem != nil {
		return metav1.Condition{}, problem, nil
	}
	return metav1.Condition{Reason: reasonUsable, Message: usable(read)}, nil, nil
}

// problemWith is an error as a problem; nil without one.
func problemWith(err error, reason string) *delivery.Problem {
	if err == nil {
		return nil
	}
	return &delivery.Problem{Reason: reason, Message: err.Error()}
}

// usable says that a type can be used, what was rewritten to make it so, and
// what of its health cannot be seen on managed clusters.
func usable(d *definition.Definition) string {
	texts := []string{"applications can use the type " + d.Name}
	if rewritten, err := d.Rewritten(); err == nil && len(rewritten) > 0 {
		texts = append(texts, "rewritten, since it was written for an older CUE: "+strings.Join(rewritten, "; "))
	}
	texts = append(texts, d.WithoutEffect()...)
	for _, f := range health.Observability(d) {
		texts = append(texts, "on managed clusters: "+f.String())
	}
	return strings.Join(texts, "; ")
}
