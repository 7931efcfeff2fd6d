// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// controllers wires the reconcilers to what they watch.
type controllers struct {
	manager    ctrl.Manager
	config     *rest.Config
	workers    int
	world      *worldReader
	onHub      *local.Target
	onClusters *ocm.Target
	kinds      []schema.GroupVersionKind
	works      *lateReader
	fleet      *ocm.Fleet
	digests    *ocm.Digests
	metrics    *fleetMetrics

	application *ApplicationReconciler
	environment *EnvironmentReconciler
	binding     *ClusterBindingReconciler
	left        *leftReconciler
	built       builtControllers
	passes      atomic.Int64
}

type builtControllers struct {
	application, environment, binding, left controller.Controller
}

// quiet is a reconciler whose passes are counted, see idleRelease.
func (c *controllers) quiet(reconciler reconcile.Reconciler) quiet {
	return quiet{reconciler, &c.passes}
}

type requests = []reconcile.Request

func (c *controllers) start(ctx context.Context) error {
	for _, build := range []func() error{c.buildApplication, c.buildEnvironment, c.buildBinding, c.buildDefinitions, c.buildLeft} {
		if err := build(); err != nil {
			return err
		}
	}
	if err := c.manager.Add(&idleRelease{passes: &c.passes, clock: clock.RealClock{}, release: debug.FreeOSMemory, collect: debug.SetGCPercent}); err != nil {
		return err
	}
	roles := &roleLook{clock: clock.RealClock{}, logger: c.manager.GetLogger(), changed: c.onClusters.RolesChanged, wake: c.wakeByRoles}
	if err := c.manager.Add(roles); err != nil {
		return err
	}
	if err := c.manager.Add(&environmentPolicy{manager: c.manager, ownership: c.application.ownership}); err != nil {
		return err
	}
	return c.startOCM(ctx)
}

func (c *controllers) options() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: c.workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, time.Minute),
	}
}

// described lets pass what changes the description of an object: not its status.
func described() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
		predicate.LabelChangedPredicate{}, deletionStarted())
}

func deletionStarted() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

func (c *controllers) buildApplication() error {
	build := ctrl.NewControllerManagedBy(c.manager).Named("application").WithOptions(c.options()).
		For(&v1beta1.Application{}, builder.WithPredicates(described())).
		Watches(&v1alpha1.Environment{}, handler.EnqueueRequestsFromMapFunc(c.applicationsOfEnvironment), builder.WithPredicates(described())).
		Watches(&v1alpha1.ClusterBinding{}, handler.EnqueueRequestsFromMapFunc(c.applicationsOfBinding), builder.WithPredicates(described())).
		Watches(local.NewNamespace(), handler.EnqueueRequestsFromMapFunc(c.applicationsOfNamespace), builder.WithPredicates(namespaceChanged())).
		Watches(&corev1.ServiceAccount{}, handler.EnqueueRequestsFromMapFunc(c.applicationsOfAccount), builder.WithPredicates(lost(), accountChanged())).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(c.applicationsOfAccount), builder.WithPredicates(lost())).
		WatchesMetadata(newCRD(), handler.EnqueueRequestsFromMapFunc(c.applicationsOfCRD), builder.WithPredicates(predicate.LabelChangedPredicate{}))
	for _, kind := range definitionKinds() {
		build = build.Watches(kind.empty(), c.defined(), builder.WithPredicates(definitionChanged()))
	}
	for _, gvk := range c.kinds {
		build = build.WatchesRawSource(source.Kind[client.Object](c.manager.GetCache(), local.NewObject(gvk), c.delivered()))
	}
	built, err := build.Build(c.quiet(c.application))
	c.built.application = built
	return err
}

// namespaceChanged lets pass what decides about admission and about tenants. A
// new one passes too: an application may be seen before the labels of its namespace.
func namespaceChanged() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) ||
				e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		},
	}
}

// lost lets pass changes and deletions of what was written, not its creation.
func lost() predicate.Predicate {
	return predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }}
}

// accountChanged lets pass what decides whether an account is as wanted. What is
// listed on it changes with every application of the namespace and wakes none.
func accountChanged() predicate.Predicate {
	return predicate.Or(predicate.LabelChangedPredicate{}, deletionStarted())
}

func (c *controllers) buildEnvironment() error {
	built, err := ctrl.NewControllerManagedBy(c.manager).Named("environment").WithOptions(c.options()).
		Watches(local.NewNamespace(), c.preparing(c.preparingNamespace), builder.WithPredicates(namespaceChanged())).
		Watches(&corev1.ServiceAccount{}, c.preparing(c.preparingAccount), builder.WithPredicates(lost(), accountChanged())).
		Watches(&rbacv1.RoleBinding{}, c.preparing(c.preparingAccount), builder.WithPredicates(lost())).
		For(&v1alpha1.Environment{}, builder.WithPredicates(described())).
		Watches(&v1alpha1.ClusterBinding{}, handler.EnqueueRequestsFromMapFunc(environmentOfBinding)).
		Watches(&v1beta1.Application{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, queue queue) {
				c.enqueueEnvironments(ctx, queue, e.Object)
			},
			UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue queue) {
				if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
					c.enqueueEnvironments(ctx, queue, e.ObjectOld)
					c.enqueueEnvironments(ctx, queue, e.ObjectNew)
				}
			},
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue queue) {
				c.enqueueEnvironments(ctx, queue, e.Object)
			},
		}).Build(c.quiet(c.environment))
	c.built.environment = built
	return err
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// settleEnvironment gathers the changes of many applications into one look at their environment.
const settleEnvironment = time.Second

func (c *controllers) enqueueEnvironments(ctx context.Context, queue queue, object client.Object) {
	app, ok := object.(*v1beta1.Application)
	if !ok {
		return
	}
	names := environmentsOf(app)
	if slices.Contains(names, anyEnvironment) {
		names = c.environments(ctx)
	}
	for _, name := range names {
		queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, settleEnvironment)
	}
}

// environments are the names of all environments.
func (c *controllers) environments(ctx context.Context) []string {
	return c.environmentsThat(ctx, func(*v1alpha1.Environment) bool { return true })
}

func environmentOfBinding(_ context.Context, object client.Object) requests {
	binding, ok := object.(*v1alpha1.ClusterBinding)
	if !ok {
		return nil
	}
	return requests{{NamespacedName: types.NamespacedName{Name: binding.Spec.Environment}}}
}

func (c *controllers) buildBinding() error {
	built, err := ctrl.NewControllerManagedBy(c.manager).Named("clusterbinding").
		For(&v1alpha1.ClusterBinding{}, builder.WithPredicates(described())).
		Watches(&v1alpha1.Environment{}, handler.EnqueueRequestsFromMapFunc(c.bindingsOfEnvironment), builder.WithPredicates(described())).
		Build(c.quiet(c.binding))
	c.built.binding = built
	return err
}

func (c *controllers) buildDefinitions() error {
	for _, kind := range definitionKinds() {
		reconciler := &DefinitionReconciler{
			client: c.manager.GetClient(), clock: c.environment.clock, ownership: c.application.ownership, definitions: c.application.definitions, kind: kind,
		}
		err := ctrl.NewControllerManagedBy(c.manager).Named(string(kind.kind)+"-definition").
			For(kind.empty(), builder.WithPredicates(described())).Complete(c.quiet(reconciler))
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *controllers) bindingsOfEnvironment(ctx context.Context, object client.Object) requests {
	return c.bindings(ctx, func(binding *v1alpha1.ClusterBinding) bool { return binding.Spec.Environment == object.GetName() })
}

func (c *controllers) bindings(ctx context.Context, wanted func(*v1alpha1.ClusterBinding) bool) requests {
	var bindings v1alpha1.ClusterBindingList
	if err := c.manager.GetCache().List(ctx, &bindings, client.UnsafeDisableDeepCopy); err != nil {
		c.manager.GetLogger().Error(err, "list cluster bindings for an event")
		return nil
	}
	var list requests
	for i := range bindings.Items {
		if wanted(&bindings.Items[i]) {
			list = append(list, reconcile.Request{NamespacedName: types.NamespacedName{Name: bindings.Items[i].Name}})
		}
	}
	return list
}

func (c *controllers) applicationsOfEnvironment(ctx context.Context, object client.Object) requests {
	return c.concerned(ctx, object.GetName())
}

func (c *controllers) applicationsOfBinding(ctx context.Context, object client.Object) requests {
	var list requests
	for _, request := range environmentOfBinding(ctx, object) {
		list = append(list, c.concerned(ctx, request.Name)...)
	}
	return list
}

// concerned are the applications that use an environment, and those of which
// something is there still, whatever they say by now: that may wait for the
// environment, or a binding, to give it up.
func (c *controllers) concerned(ctx context.Context, environment string) requests {
	list := c.using(ctx, environment)
	onHub, err := c.onHub.OwnersIn(ctx, environment)
	if err != nil {
		c.manager.GetLogger().Error(err, "list objects for an event", "environment", environment)
	}
	for _, owner := range onHub {
		list = append(list, reconcile.Request{NamespacedName: owner})
	}
	if !c.fleet.Installed() {
		return dedupe(list)
	}
	onClusters, err := ocm.OwnersIn(ctx, c.works, environment)
	if err != nil {
		c.manager.GetLogger().Error(err, "list works for an event", "environment", environment)
	}
	return dedupe(append(list, requestsOfOwners(onClusters)...))
}

func (c *controllers) using(ctx context.Context, environment string) requests {
	applications, err := applicationsOf(ctx, c.manager.GetCache(), environment)
	if err != nil {
		c.manager.GetLogger().Error(err, "list applications for an event", "environment", environment)
		return nil
	}
	return requestsFor(applications)
}

func requestsFor(applications []v1beta1.Application) requests {
	list := make(requests, len(applications))
	for i := range applications {
		list[i].NamespacedName = applications[i].NamespacedName()
	}
	return list
}

func (c *controllers) applications(ctx context.Context, options ...client.ListOption) []v1beta1.Application {
	var applications v1beta1.ApplicationList
	if err := c.manager.GetCache().List(ctx, &applications, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		c.manager.GetLogger().Error(err, "list applications for an event")
		return nil
	}
	return applications.Items
}

// applicationsOfNamespace are those that live in a namespace or are delivered to it.
func (c *controllers) applicationsOfNamespace(ctx context.Context, object client.Object) requests {
	c.onHub.TenantChanged(object.GetName())
	list := requestsFor(c.applications(ctx, client.InNamespace(object.GetName())))
	if source := object.GetLabels()[delivery.LabelSourceNamespace]; source != "" {
		list = append(list, requestsFor(c.applications(ctx, client.InNamespace(source)))...)
	}
	return list
}

// applicationsOfAccount are those of a tenant on the hub whose account or rights changed.
func (c *controllers) applicationsOfAccount(ctx context.Context, object client.Object) requests {
	c.onHub.TenantChanged(object.GetNamespace())
	return c.applicationsOfTenant(ctx, object)
}

func (c *controllers) applicationsOfTenant(ctx context.Context, object client.Object) requests {
	source := object.GetLabels()[delivery.LabelSourceNamespace]
	if source == "" {
		return nil
	}
	return requestsFor(c.applications(ctx, client.InNamespace(source)))
}

// definitionChanged lets pass what changes what a definition defines. On a shared
// hub the other controller says later which revision it is.
func definitionChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		// One that was deleted and made again may come as one change.
		return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || !stateOf(e.ObjectOld).equal(stateOf(e.ObjectNew))
	}}
}

// defined tells the reader of a definition that comes, changes or goes, and then
// wakes the applications that may use it.
func (c *controllers) defined() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) requests {
		c.application.definitions.changed(object.GetNamespace())
		return c.applicationsOfDefinition(ctx, object)
	})
}

// applicationsOfDefinition are those that may use a definition: environments
// and policies bring in types too, so they are not told apart by their own.
func (c *controllers) applicationsOfDefinition(ctx context.Context, object client.Object) requests {
	if slices.Contains(systemNamespaces(), object.GetNamespace()) {
		return requestsFor(c.applications(ctx))
	}
	return requestsFor(c.applications(ctx, client.InNamespace(object.GetNamespace())))
}

// applicationsOfCRD are all, when the CRD that says whose they are changes.
func (c *controllers) applicationsOfCRD(ctx context.Context, object client.Object) requests {
	if object.GetName() != applicationCRD {
		return nil
	}
	return requestsFor(c.applications(ctx))
}

// ownerRequest is the application that a work names.
func ownerRequest(object client.Object) (reconcile.Request, bool) {
	labels := object.GetLabels()
	key := types.NamespacedName{Namespace: labels[v1beta1.LabelAppNamespace], Name: labels[v1beta1.LabelAppName]}
	return reconcile.Request{NamespacedName: key}, key.Namespace != "" && key.Name != ""
}

// delivered passes events of delivered objects to their application, and keeps
// the target's notes of what it wrote.
func (c *controllers) delivered() handler.EventHandler {
	enqueue := func(ctx context.Context, queue queue, object client.Object) {
		if owner, ok := c.onHub.OwnerOf(ctx, object); ok {
			queue.Add(reconcile.Request{NamespacedName: owner})
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue queue) {
			c.onHub.Seen(e.Object)
			enqueue(ctx, queue, e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue queue) {
			c.onHub.Seen(e.ObjectNew)
			enqueue(ctx, queue, e.ObjectOld) // the new one may name nobody, or somebody else
			enqueue(ctx, queue, e.ObjectNew)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue queue) {
			c.onHub.Forget(e.Object)
			enqueue(ctx, queue, e.Object)
		},
	}
}

// ofBoth wakes whom an object tells of, and whom it told of before its labels were changed:
// the new one may name nobody, or somebody else.
func ofBoth(enqueue func(context.Context, queue, client.Object)) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue queue) { enqueue(ctx, queue, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue queue) {
			if !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
				enqueue(ctx, queue, e.ObjectOld)
			}
			enqueue(ctx, queue, e.ObjectNew)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue queue) { enqueue(ctx, queue, e.Object) },
	}
}

func dedupe(list requests) requests {
	seen := map[reconcile.Request]bool{}
	return slices.DeleteFunc(list, func(r reconcile.Request) bool {
		before := seen[r]
		seen[r] = true
		return before
	})
}
