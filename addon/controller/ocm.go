// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// lateReader reads OCM's kinds from a cache that exists only once OCM is
// installed: a cache cannot be told of kinds that the hub does not serve.
type lateReader struct {
	cache atomic.Pointer[cache.Cache]
}

var (
	_               client.Reader = (*lateReader)(nil)
	errOCMNotCached               = errors.New("OCM is not installed")
)

// Get reads one object.
func (l *lateReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if reader := l.cache.Load(); reader != nil {
		return (*reader).Get(ctx, key, object, options...)
	}
	return errOCMNotCached
}

// List reads a list of objects.
func (l *lateReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if reader := l.cache.Load(); reader != nil {
		return (*reader).List(ctx, list, options...)
	}
	return errOCMNotCached
}

// startOCM watches OCM's kinds if the hub serves them, so that nothing is
// concluded from their absence at a start, and else waits for them.
func (c *controllers) startOCM(ctx context.Context) error {
	served, err := c.served()
	if err != nil {
		return err
	}
	if served {
		return c.activate(ctx)
	}
	return c.manager.Add(&ocmWaiter{controllers: c})
}

func (c *controllers) served() (bool, error) {
	for _, object := range ocm.Watched().Kinds() {
		gvk, err := apiutil.GVKForObject(object, c.manager.GetScheme())
		if err != nil {
			return false, err
		}
		if _, err := c.manager.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version); err != nil {
			if meta.IsNoMatchError(err) {
				return false, nil
			}
			return false, fmt.Errorf("ask whether the hub serves %s: %w", gvk, err)
		}
	}
	return true, nil
}

// activate makes the cache of OCM's kinds and watches them.
func (c *controllers) activate(ctx context.Context) error {
	works, err := cache.New(c.config, cache.Options{
		Scheme: c.manager.GetScheme(), Mapper: c.manager.GetRESTMapper(), HTTPClient: c.manager.GetHTTPClient(),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         ocm.CacheOptions(c.digests),
	})
	if err != nil {
		return fmt.Errorf("make the cache of OCM's kinds: %w", err)
	}
	if err := ocm.IndexFields(ctx, works); err != nil {
		return fmt.Errorf("index works: %w", err)
	}
	if err := c.manager.Add(works); err != nil {
		return fmt.Errorf("start the cache of OCM's kinds: %w", err)
	}
	c.works.cache.Store(&works)
	c.fleet.SetInstalled()
	return c.watchOCM(works)
}

func (c *controllers) watchOCM(works cache.Cache) error {
	kinds := ocm.Watched()
	watches := []struct {
		add     func(source.Source) error
		object  client.Object
		handler handler.EventHandler
		when    []predicate.Predicate
	}{
		{c.built.application.Watch, kinds.Work, c.application.gatherings.gathered(c.applicationsOfWork), []predicate.Predicate{c.metrics.noting(), seeing(c.onClusters)}},
		{c.built.application.Watch, kinds.Work, handler.EnqueueRequestsFromMapFunc(c.sharersOfWork), []predicate.Predicate{sharesChanged()}},
		{c.built.application.Watch, kinds.Decision, handler.EnqueueRequestsFromMapFunc(c.applicationsOfPlacement), nil},
		{c.built.application.Watch, kinds.Placement, handler.EnqueueRequestsFromMapFunc(c.applicationsOfPlacement), nil},
		{c.built.application.Watch, kinds.SetBinding, handler.EnqueueRequestsFromMapFunc(c.applicationsOfSet), nil},
		{c.built.application.Watch, kinds.Cluster, handler.EnqueueRequestsFromMapFunc(c.applicationsOfCluster), []predicate.Predicate{c.metrics.noting(), availabilityChanged()}},
		{c.built.application.Watch, kinds.Cluster, handler.EnqueueRequestsFromMapFunc(c.applicationsByLabels), []predicate.Predicate{labelsChanged()}},
		{c.built.binding.Watch, kinds.Placement, handler.EnqueueRequestsFromMapFunc(c.bindingOfPlacement), nil},
		{c.built.binding.Watch, kinds.Decision, handler.EnqueueRequestsFromMapFunc(c.bindingOfPlacement), nil},
		{c.built.binding.Watch, kinds.Cluster, handler.EnqueueRequestsFromMapFunc(c.bindingsOfCluster), []predicate.Predicate{availabilityChanged()}},
		{c.built.binding.Watch, kinds.SetBinding, handler.EnqueueRequestsFromMapFunc(c.bindingsOfSet), nil},
		{c.built.left.Watch, kinds.Work, handler.EnqueueRequestsFromMapFunc(sourceOfWork), nil},
		{c.built.left.Watch, kinds.Work, lastWorks(), nil},
		{c.built.left.Watch, kinds.Work, handler.EnqueueRequestsFromMapFunc(c.sourcesBesideRoles), []predicate.Predicate{rolesGone()}},
		{c.built.left.Watch, kinds.Cluster, handler.EnqueueRequestsFromMapFunc(c.sourcesOfCluster), []predicate.Predicate{availabilityChanged()}},
		{c.built.environment.Watch, kinds.Work, handler.EnqueueRequestsFromMapFunc(environmentOfWork), []predicate.Predicate{leftChanged()}},
		{c.built.environment.Watch, kinds.Work, c.preparing(c.preparingWork), nil},
		{c.built.environment.Watch, kinds.Decision, c.preparing(c.preparingPlacement), nil},
		{c.built.environment.Watch, kinds.Placement, c.preparing(c.preparingPlacement), nil},
		{c.built.environment.Watch, kinds.SetBinding, c.preparing(c.preparingSet), nil},
		{c.built.environment.Watch, kinds.Cluster, c.preparing(c.preparingCluster), []predicate.Predicate{availabilityChanged()}},
	}
	for _, w := range watches {
		if err := w.add(source.Kind(works, w.object, w.handler, w.when...)); err != nil {
			return fmt.Errorf("watch %T: %w", w.object, err)
		}
	}
	return nil
}

// seeing lets everything pass, and keeps the target's notes of what it created and of
// what agents say.
func seeing(target *ocm.Target) predicate.Predicate {
	seen := func(work client.Object) bool {
		target.Seen(work)
		return true
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return seen(e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return seen(e.ObjectNew) },
		GenericFunc: func(e event.GenericEvent) bool { return seen(e.Object) },
		DeleteFunc: func(e event.DeleteEvent) bool {
			target.Dropped(e.Object)
			return true
		},
	}
}

// applicationsOfWork is the application of a work, or those of a tenant.
func (c *controllers) applicationsOfWork(ctx context.Context, object client.Object) requests {
	if request, ok := ownerRequest(object); ok {
		return requests{request}
	}
	if object.GetLabels()[delivery.LabelSourceNamespace] != "" {
		return c.applicationsOfTenant(ctx, object)
	}
	// The work with a cluster's roles comes before every tenant of the cluster.
	return c.onCluster(ctx, object.GetNamespace())
}

// sharersOfWork are the applications that wait for shared objects of a work.
func (c *controllers) sharersOfWork(ctx context.Context, object client.Object) requests {
	owners, err := ocm.Sharers(ctx, c.works, object)
	if err != nil {
		c.manager.GetLogger().Error(err, "list who shares objects of a work for an event", "work", client.ObjectKeyFromObject(object))
		return nil
	}
	return requestsOfOwners(owners)
}

func requestsOfOwners(owners []delivery.Owner) requests {
	list := make(requests, 0, len(owners))
	for _, owner := range owners {
		list = append(list, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: owner.Namespace, Name: owner.Name}})
	}
	return list
}

// sharesChanged lets works pass that hold shared objects no longer, or others than before.
func sharesChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return ocm.SharesChanged(e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return ocm.HoldsShared(e.Object) },
	}
}

func (c *controllers) applicationsOfPlacement(ctx context.Context, object client.Object) requests {
	return c.applicationsOfBindings(ctx, c.bindingOfPlacement(ctx, object))
}

// applicationsOfSet are those of bindings whose placements choose from a set of
// clusters: while the set is not bound they wait.
func (c *controllers) applicationsOfSet(ctx context.Context, object client.Object) requests {
	return c.applicationsOfBindings(ctx, c.bindingsOfSet(ctx, object))
}

func (c *controllers) applicationsOfBindings(ctx context.Context, bindings requests) requests {
	var list requests
	for _, environment := range c.environmentsOfBindings(ctx, bindings) {
		list = append(list, c.using(ctx, environment)...)
	}
	return list
}

func (c *controllers) bindingOfPlacement(ctx context.Context, object client.Object) requests {
	if name := ocm.BindingOf(object); name != "" {
		return requests{{NamespacedName: types.NamespacedName{Name: name}}}
	}
	placement := ocm.PlacementOfDecision(object)
	if placement == "" {
		return nil
	}
	return c.bindings(ctx, func(b *v1alpha1.ClusterBinding) bool { return ocm.PlacementName(b.Name) == placement })
}

func (c *controllers) applicationsOfCluster(ctx context.Context, object client.Object) requests {
	return c.onCluster(ctx, object.GetName())
}

// applicationsByLabels are those whose topologies select clusters by labels.
func (c *controllers) applicationsByLabels(ctx context.Context, _ client.Object) requests {
	applications, err := indexed(ctx, c.manager.GetCache(), anyEnvironment)
	if err != nil {
		c.manager.GetLogger().Error(err, "list applications for an event")
		return nil
	}
	return requestsFor(slices.DeleteFunc(applications, func(app v1beta1.Application) bool {
		uses, err := policy.Environments(app.Spec)
		return err != nil || !delivery.SelectsByLabels(uses)
	}))
}

// labelsChanged lets pass changes of labels alone; the rest is availabilityChanged's.
func labelsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: predicate.LabelChangedPredicate{}.Update,
	}
}

// onCluster are the applications of environments that have the cluster.
func (c *controllers) onCluster(ctx context.Context, cluster string) requests {
	world, err := c.world.read(ctx)
	if err != nil {
		c.manager.GetLogger().Error(err, "read environments for an event", "cluster", cluster)
		return nil
	}
	var list requests
	for _, name := range world.Names() {
		for _, bound := range clustersOf(world[name]) {
			if bound == cluster {
				list = append(list, c.using(ctx, name)...)
			}
		}
	}
	// A binding that names the cluster waits for it while it is not bound.
	naming := c.bindings(ctx, func(b *v1alpha1.ClusterBinding) bool { return slices.Contains(b.Spec.Clusters, cluster) })
	list = append(list, c.applicationsOfBindings(ctx, naming)...)
	return dedupe(append(list, c.withWorksOn(ctx, cluster)...))
}

// withWorksOn are the applications that still have works on the cluster.
func (c *controllers) withWorksOn(ctx context.Context, cluster string) requests {
	works, err := ocm.WorksOn(ctx, c.works, cluster)
	if err != nil {
		c.manager.GetLogger().Error(err, "list works for an event", "cluster", cluster)
		return nil
	}
	return requestsOfOwners(works)
}

// bindingsOfCluster are all bindings: one by name may wait for the cluster, one
// by placement shows whether it is reachable.
func (c *controllers) bindingsOfCluster(ctx context.Context, _ client.Object) requests {
	return c.bindings(ctx, func(*v1alpha1.ClusterBinding) bool { return true })
}

func (c *controllers) bindingsOfSet(ctx context.Context, object client.Object) requests {
	return c.bindings(ctx, func(b *v1alpha1.ClusterBinding) bool {
		return b.Spec.Placement != nil && slices.Contains(b.Spec.Placement.ClusterSets, object.GetName())
	})
}

// availabilityChanged lets pass what deliveries look at of a ManagedCluster,
// whose status is rewritten often.
func availabilityChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return ocm.StateChanged(e.ObjectOld, e.ObjectNew)
	}}
}

// ocmWaiter waits until OCM is installed.
type ocmWaiter struct {
	controllers *controllers
}

// NeedLeaderElection lets the cache be filled before this manager leads.
func (w *ocmWaiter) NeedLeaderElection() bool { return false }

// Start waits for CRDs of OCM and then activates it.
func (w *ocmWaiter) Start(ctx context.Context) error {
	arrived, err := w.arrivals(ctx)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-arrived:
		}
		if installed, err := w.try(ctx); err != nil || installed {
			return err
		}
	}
}

// try looks a few times, since a CRD is served only some time after it was created.
func (w *ocmWaiter) try(ctx context.Context) (bool, error) {
	for range 10 {
		served, err := w.controllers.served()
		if err == nil && served {
			w.controllers.manager.GetLogger().Info("OCM was installed")
			return true, w.installed(ctx)
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(time.Second):
		}
	}
	return false, nil
}

func (w *ocmWaiter) installed(ctx context.Context) error {
	if err := w.controllers.activate(ctx); err != nil {
		return err
	}
	return w.controllers.wakeBindings(ctx)
}

// arrivals signals when a CRD of OCM appears or changes.
func (w *ocmWaiter) arrivals(ctx context.Context) (<-chan struct{}, error) {
	arrived := make(chan struct{}, 1)
	signal := func(object any) {
		crd, ok := object.(client.Object)
		if !ok || !strings.HasSuffix(crd.GetName(), ".open-cluster-management.io") {
			return
		}
		select {
		case arrived <- struct{}{}:
		default: // one signal is waiting already
		}
	}
	informer, err := w.controllers.manager.GetCache().GetInformer(ctx, newCRD())
	if err != nil {
		return nil, fmt.Errorf("watch for OCM's CRDs: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: signal, UpdateFunc: func(_, after any) { signal(after) },
	})
	return arrived, err
}

// wakeBindings looks at all bindings and applications again, which an event of
// a kind that has no objects yet would not.
func (c *controllers) wakeBindings(ctx context.Context) error {
	bindings := requestsOf(c.bindings(ctx, func(*v1alpha1.ClusterBinding) bool { return true }))
	if err := c.built.binding.Watch(bindings); err != nil {
		return err
	}
	return c.built.application.Watch(requestsOf(requestsFor(c.applications(ctx))))
}

// requestsOf is a source that gives a list of requests once.
func requestsOf(list requests) source.Source {
	return source.Func(func(_ context.Context, queue queue) error {
		for _, request := range list {
			queue.Add(request)
		}
		return nil
	})
}
