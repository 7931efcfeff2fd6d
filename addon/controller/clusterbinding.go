// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// ClusterBindingReconciler turns bindings into OCM Placements, keeps their
// status, and holds a deleted one until nothing is delivered through it.
type ClusterBindingReconciler struct {
	client     client.Client
	clock      clock.PassiveClock
	world      *worldReader
	engine     *delivery.Engine
	placements *ocm.Placements
}

var _ reconcile.Reconciler = (*ClusterBindingReconciler)(nil)

// Reconcile brings one binding's placement and status up to date.
func (r *ClusterBindingReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	binding := &v1alpha1.ClusterBinding{}
	if err := r.client.Get(ctx, request.NamespacedName, binding); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !binding.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, binding)
	}
	if err := hold(ctx, r.client, binding); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.ensurePlacement(ctx, binding); err != nil {
		return ctrl.Result{}, err
	}
	status, err := r.status(ctx, binding)
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.write(ctx, binding, status)
}

// ensurePlacement makes what the binding needs of OCM, and gives up the cluster
// sets that it needed before.
func (r *ClusterBindingReconciler) ensurePlacement(ctx context.Context, binding *v1alpha1.ClusterBinding) error {
	if !r.world.fleet.Installed() || binding.Spec.Placement == nil {
		return nil
	}
	if err := r.placements.Ensure(ctx, binding); err != nil {
		return err
	}
	bindings, err := r.all(ctx)
	if err != nil {
		return err
	}
	return r.placements.ReleaseSets(ctx, bindings)
}

func (r *ClusterBindingReconciler) all(ctx context.Context) ([]v1alpha1.ClusterBinding, error) {
	var bindings v1alpha1.ClusterBindingList
	if err := r.client.List(ctx, &bindings, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list cluster bindings: %w", err)
	}
	return bindings.Items, nil
}

func (r *ClusterBindingReconciler) write(ctx context.Context, binding *v1alpha1.ClusterBinding, status v1alpha1.ClusterBindingStatus) error {
	if equality.Semantic.DeepEqual(binding.Status, status) {
		return nil
	}
	binding.Status = status
	return writeOwnStatus(ctx, r.client, binding)
}

func (r *ClusterBindingReconciler) status(ctx context.Context, binding *v1alpha1.ClusterBinding) (v1alpha1.ClusterBindingStatus, error) {
	status := *binding.Status.DeepCopy()
	status.ObservedGeneration = binding.Generation
	resolved, err := r.world.resolve(ctx, binding)
	if err != nil {
		return status, err
	}
	status.Decisions = int32(len(resolved.Clusters))
	if status.Clusters, err = r.clusters(ctx, resolved.Clusters); err != nil {
		return status, err
	}
	problem, err := r.problem(ctx, binding, resolved)
	if err != nil {
		return status, err
	}
	ready := metav1.Condition{Reason: "Bound", Message: "bound to " + counted(status.Decisions, "cluster")}
	setReadiness(&status.Conditions, binding.Generation, ready, problem, metav1.NewTime(r.clock.Now()))
	return status, nil
}

func (r *ClusterBindingReconciler) problem(ctx context.Context, binding *v1alpha1.ClusterBinding, resolved delivery.Binding) (*delivery.Problem, error) {
	if len(resolved.Problems) > 0 {
		return &resolved.Problems[0], nil
	}
	var environment v1alpha1.Environment
	err := r.client.Get(ctx, types.NamespacedName{Name: binding.Spec.Environment}, &environment)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if apierrors.IsNotFound(err) {
		return &delivery.Problem{Reason: delivery.ReasonEnvironmentNotFound, Waiting: true, Message: fmt.Sprintf(
			"spec.environment: environment %q does not exist yet: create it", binding.Spec.Environment)}, nil
	}
	if len(resolved.Clusters) == 0 {
		return &delivery.Problem{Reason: delivery.ReasonNoClusterBound, Waiting: true, Message: fmt.Sprintf(
			"spec.placement: no cluster of the sets %s matches yet: check the selectors against the labels of the ManagedClusters",
			strings.Join(binding.Spec.Placement.ClusterSets, ", "))}, nil
	}
	return nil, nil
}

// clusters are the bound clusters, the unreachable first, bounded.
func (r *ClusterBindingReconciler) clusters(ctx context.Context, names []string) ([]v1alpha1.BoundCluster, error) {
	var bound []v1alpha1.BoundCluster
	for _, name := range names {
		if name == v1alpha1.LocalCluster {
			bound = append(bound, v1alpha1.BoundCluster{Name: name, Reachable: true})
			continue
		}
		state, err := r.world.fleet.Cluster(ctx, name)
		if err != nil {
			return nil, err
		}
		if state == nil {
			state = &ocm.ClusterState{}
		}
		bound = append(bound, v1alpha1.BoundCluster{Name: name, Reachable: state.Available, Version: state.Version})
	}
	slices.SortStableFunc(bound, func(a, b v1alpha1.BoundCluster) int { return cmp.Compare(rank(a.Reachable), rank(b.Reachable)) })
	if len(bound) > maxEntries {
		bound = bound[:maxEntries]
	}
	return bound, nil
}

// finalize waits until nothing is delivered to clusters that only this binding gave.
func (r *ClusterBindingReconciler) finalize(ctx context.Context, binding *v1alpha1.ClusterBinding) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(binding, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	left, err := r.left(ctx, binding)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(left) > 0 {
		return ctrl.Result{RequeueAfter: emptyCheck}, r.writeDeleting(ctx, binding, left)
	}
	if r.clock.Since(binding.DeletionTimestamp.Time) < emptyCheck {
		return ctrl.Result{RequeueAfter: emptyCheck}, nil
	}
	if r.world.fleet.Installed() {
		gone, err := r.releasePlacement(ctx, binding)
		if err != nil || !gone {
			return ctrl.Result{RequeueAfter: emptyCheck}, err
		}
	}
	return ctrl.Result{}, letGo(ctx, r.client, binding)
}

func (r *ClusterBindingReconciler) writeDeleting(ctx context.Context, binding *v1alpha1.ClusterBinding, left []string) error {
	status := *binding.Status.DeepCopy()
	problem := &delivery.Problem{Reason: reasonDeleting, Waiting: true,
		Message: "being deleted: waiting until what was delivered through it is removed: " + enumerate(left)}
	setReadiness(&status.Conditions, binding.Generation, metav1.Condition{}, problem, metav1.NewTime(r.clock.Now()))
	return r.write(ctx, binding, status)
}

// left are the places of the environment that go with bindings that are being
// deleted. All of an environment go that is being deleted itself.
func (r *ClusterBindingReconciler) left(ctx context.Context, binding *v1alpha1.ClusterBinding) ([]string, error) {
	places, err := r.engine.Places(ctx, binding.Spec.Environment)
	if err != nil {
		return nil, err
	}
	world, err := r.world.read(ctx)
	if err != nil {
		return nil, err
	}
	environment, ok := world[binding.Spec.Environment]
	if !ok || environment.Deleting {
		return placeNames(places), nil
	}
	return placeNames(slices.DeleteFunc(places, func(p delivery.Place) bool { return !environment.Leaves(p.Cluster) })), nil
}

func (r *ClusterBindingReconciler) releasePlacement(ctx context.Context, binding *v1alpha1.ClusterBinding) (bool, error) {
	others, err := r.all(ctx)
	if err != nil {
		return false, err
	}
	return r.placements.Release(ctx, binding, others)
}
