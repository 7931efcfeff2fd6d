// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// emptyCheck is how often an environment or binding that is being deleted looks
// whether it is empty. It is also the least time that it stays, so that a pass
// that began before the deletion was seen cannot deliver behind it.
const emptyCheck = time.Second

// EnvironmentReconciler keeps the status of environments, and holds a deleted
// one until nothing is delivered to it.
type EnvironmentReconciler struct {
	client client.Client
	clock  clock.PassiveClock
	world  *worldReader
	engine *delivery.Engine
	// left counts what was left on clusters that are away.
	left func(ctx context.Context, environment string) (int, error)
}

var _ reconcile.Reconciler = (*EnvironmentReconciler)(nil)

// Reconcile brings one environment's status up to date.
func (r *EnvironmentReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	environment := &v1alpha1.Environment{}
	if err := r.client.Get(ctx, request.NamespacedName, environment); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !environment.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, environment)
	}
	if err := hold(ctx, r.client, environment); err != nil {
		return ctrl.Result{}, err
	}
	world, err := r.world.read(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	prepared, errPrepare := r.prepare(ctx, world, environment)
	status, err := r.status(ctx, world, environment, prepared)
	if err != nil {
		return ctrl.Result{}, errors.Join(errPrepare, err)
	}
	return result(prepared.retry(), errPrepare, r.write(ctx, environment, status))
}

func (r *EnvironmentReconciler) status(
	ctx context.Context, world delivery.World, environment *v1alpha1.Environment, prepared prepared,
) (v1alpha1.EnvironmentStatus, error) {
	status := *environment.Status.DeepCopy()
	status.ObservedGeneration = environment.Generation
	applications, err := applicationsOf(ctx, r.client, environment.Name)
	if err != nil {
		return status, err
	}
	known, ok := world[environment.Name]
	if !ok {
		return status, errors.New("the caches of environments differ; tried again")
	}
	using, err := r.world.using(ctx, world, environment.Name, applications, r.engine.Delivered)
	if err != nil {
		return status, err
	}
	left, err := r.left(ctx, environment.Name)
	if err != nil {
		return status, err
	}
	status.Left = int32(left)
	status.Applications = int32(using)
	status.Clusters = int32(len(clustersOf(known)))
	status.Prepared = int32(prepared.Ready)
	setEnvironmentConditions(&status, environment.Generation, known, prepared, metav1.NewTime(r.clock.Now()))
	return status, nil
}

func clustersOf(environment *delivery.Environment) []string {
	var clusters []string
	for _, binding := range environment.Bindings {
		clusters = append(clusters, binding.Clusters...)
	}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

func setEnvironmentConditions(
	status *v1alpha1.EnvironmentStatus, generation int64, environment *delivery.Environment, prepared prepared, now metav1.Time,
) {
	ready := metav1.Condition{Reason: "Bound", Message: "bound to " + counted(status.Clusters, "cluster") + prepared.text()}
	problem := cmp.Or(environmentProblem(environment), prepared.problem())
	setReadiness(&status.Conditions, generation, ready, problem, now)
}

func environmentProblem(environment *delivery.Environment) *delivery.Problem {
	if problem := environment.Unusable(); problem != nil {
		return problem
	}
	for i := range environment.Bindings {
		if problems := environment.Bindings[i].Problems; len(problems) > 0 {
			return &problems[0]
		}
	}
	if len(clustersOf(environment)) == 0 {
		return &delivery.Problem{Reason: delivery.ReasonNoClusterBound, Waiting: true, Message: fmt.Sprintf(
			"no cluster is bound yet: create a ClusterBinding with spec.environment %q", environment.Name)}
	}
	return nil
}

// setReadiness sets Ready, Reconciling and Stalled: ready without a problem,
// reconciling while a problem is waited out, stalled else.
func setReadiness(conditions *[]metav1.Condition, generation int64, ready metav1.Condition, problem *delivery.Problem, now metav1.Time) {
	set := func(kind string, value bool, reason, message string) {
		setCondition(conditions, metav1.Condition{
			Type: kind, Status: asStatus(value), Reason: reason, Message: cut(message), ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	if problem == nil {
		set(v1alpha1.ConditionReady, true, ready.Reason, ready.Message)
		set(v1alpha1.ConditionReconciling, false, ready.Reason, ready.Message)
		set(v1alpha1.ConditionStalled, false, ready.Reason, ready.Message)
		return
	}
	set(v1alpha1.ConditionReady, false, problem.Reason, problem.Message)
	set(v1alpha1.ConditionReconciling, problem.Waiting, problem.Reason, problem.Message)
	set(v1alpha1.ConditionStalled, !problem.Waiting, problem.Reason, problem.Message)
}

func (r *EnvironmentReconciler) write(ctx context.Context, environment *v1alpha1.Environment, status v1alpha1.EnvironmentStatus) error {
	if equality.Semantic.DeepEqual(environment.Status, status) {
		return nil
	}
	environment.Status = status
	return writeOwnStatus(ctx, r.client, environment)
}

// writeOwnStatus writes the status of an environment, binding or definition.
func writeOwnStatus(ctx context.Context, writer client.Client, object client.Object) error {
	err := writer.Status().Update(ctx, object)
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("write the status of %s: %w", object.GetName(), err)
}

// finalize waits until nothing is delivered to the environment any more.
func (r *EnvironmentReconciler) finalize(ctx context.Context, environment *v1alpha1.Environment) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(environment, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	left, err := r.remaining(ctx, environment)
	if err != nil {
		return ctrl.Result{}, err
	}
	if left == "" && r.clock.Since(environment.DeletionTimestamp.Time) >= emptyCheck {
		return ctrl.Result{}, letGo(ctx, r.client, environment)
	}
	if left != "" {
		status := *environment.Status.DeepCopy()
		setReadiness(&status.Conditions, environment.Generation, metav1.Condition{},
			&delivery.Problem{Reason: reasonDeleting, Waiting: true, Message: "being deleted: waiting until what was delivered is removed: " + left},
			metav1.NewTime(r.clock.Now()))
		if err := r.write(ctx, environment, status); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: emptyCheck}, nil
}

// remaining says what is still delivered to the environment; empty when nothing is.
func (r *EnvironmentReconciler) remaining(ctx context.Context, environment *v1alpha1.Environment) (string, error) {
	places, err := r.engine.Places(ctx, environment.Name)
	if err != nil {
		return "", err
	}
	if len(places) > 0 {
		return enumerate(placeNames(places)), nil
	}
	applications, err := applicationsOf(ctx, r.client, environment.Name)
	if err != nil {
		return "", err
	}
	for _, namespace := range namespacesOf(applications, delivery.PreparesFor(environment.Spec)...) {
		tenants, _, err := r.engine.ReleaseTenants(ctx, namespace)
		if err != nil || len(tenants) > 0 {
			return "the deployer accounts of namespace " + namespace, err
		}
	}
	return "", nil
}

func placeNames(places []delivery.Place) []string {
	names := make([]string, len(places))
	for i, place := range places {
		names[i] = fmt.Sprintf("namespace %s on cluster %s", place.Namespace, place.Cluster)
	}
	return names
}

// namespacesOf are the namespaces of applications and others, each once.
func namespacesOf(applications []v1beta1.Application, others ...string) []string {
	namespaces := slices.Clone(others)
	for i := range applications {
		namespaces = append(namespaces, applications[i].Namespace)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// indexEnvironments indexes applications by the environments that they use, or
// have something in.
const indexEnvironments = "fairlead.environments"

// applicationsOf lists the applications that use an environment, may do so by a
// topology, or may have something there still. They are the cache's own and must not be changed.
func applicationsOf(ctx context.Context, reader client.Reader, environment string) ([]v1beta1.Application, error) {
	named, err := indexed(ctx, reader, environment)
	if err != nil {
		return nil, err
	}
	byAny, err := indexed(ctx, reader, anyEnvironment)
	if err != nil {
		return nil, err
	}
	for i := range byAny {
		if !slices.Contains(mayBeIn(&byAny[i]), environment) {
			named = append(named, byAny[i])
		}
	}
	return named, nil
}

func indexed(ctx context.Context, reader client.Reader, environment string) ([]v1beta1.Application, error) {
	var applications v1beta1.ApplicationList
	if err := reader.List(ctx, &applications, client.MatchingFields{indexEnvironments: environment}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the applications of environment %q: %w", environment, err)
	}
	return applications.Items, nil
}
