// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// prepared is how far the namespaces are that an environment prepares.
type prepared struct {
	delivery.Preparation
	// asked says that the environment prepares namespaces, and wanted how many.
	asked  bool
	wanted int
}

// text says it for people; empty when nothing is prepared.
func (p prepared) text() string {
	if !p.asked {
		return ""
	}
	return fmt.Sprintf("; namespaces prepared: %d of %d", p.Ready, p.wanted)
}

// problem is what keeps namespaces from being prepared, with how far the others are.
func (p prepared) problem() *delivery.Problem {
	if p.Problem == nil {
		return nil
	}
	told := *p.Problem
	told.Message = fmt.Sprintf("namespaces prepared: %d of %d; %s", p.Ready, p.wanted, told.Message)
	return &told
}

// prepare makes the namespaces that an environment prepares, and lets go of those that
// it prepared for clusters which it does not have any more.
func (r *EnvironmentReconciler) prepare(ctx context.Context, world delivery.World, environment *v1alpha1.Environment) (prepared, error) {
	var all prepared
	var errs []error
	for _, name := range delivery.PreparesFor(environment.Spec) {
		all.asked = true
		source, lives, err := r.world.living(ctx, name)
		if err != nil {
			return all, err
		}
		if lives {
			tenants, problem := world.Prepared(environment.Name, source)
			preparation, err := r.engine.Prepare(ctx, tenants)
			errs = append(errs, err)
			all.add(preparation, problem)
			all.wanted += len(tenants)
		}
		left, unproven, err := r.engine.ReleaseTenants(ctx, name)
		errs = append(errs, err)
		if len(left)+len(unproven) > 0 {
			all.RetryAfter = sooner(all.RetryAfter, removalCheck)
		}
	}
	return all, errors.Join(errs...)
}

func (p *prepared) add(other delivery.Preparation, problem *delivery.Problem) {
	p.Ready += other.Ready
	p.RetryAfter = sooner(p.RetryAfter, other.RetryAfter)
	p.Note(problem)
	p.Note(other.Problem)
}

// retry is when to look again, which spares the hub a pass for each answer of a cluster.
func (p prepared) retry() time.Duration {
	if p.RetryAfter == 0 {
		return 0
	}
	return max(p.RetryAfter, settleEnvironment)
}

// preparingFor are the environments that prepare namespaces for a hub namespace.
func (c *controllers) preparingFor(ctx context.Context, source string) []string {
	return c.environmentsThat(ctx, func(environment *v1alpha1.Environment) bool {
		return slices.Contains(delivery.PreparesFor(environment.Spec), source)
	})
}

// preparingAny are the environments that prepare namespaces.
func (c *controllers) preparingAny(ctx context.Context) []string {
	return c.environmentsThat(ctx, func(environment *v1alpha1.Environment) bool { return len(delivery.PreparesFor(environment.Spec)) > 0 })
}

func (c *controllers) environmentsThat(ctx context.Context, wanted func(*v1alpha1.Environment) bool) []string {
	var list v1alpha1.EnvironmentList
	if err := c.manager.GetCache().List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		c.manager.GetLogger().Error(err, "list environments for an event")
		return nil
	}
	var names []string
	for i := range list.Items {
		if wanted(&list.Items[i]) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

// preparing wakes the environments that prepare namespaces and that an object tells
// of. Many clusters answer at once: one look serves them all.
func (c *controllers) preparing(names func(context.Context, client.Object) []string) handler.EventHandler {
	return ofBoth(func(ctx context.Context, queue queue, object client.Object) {
		for _, name := range names(ctx, object) {
			queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, settleEnvironment)
		}
	})
}

// preparingNamespace are the environments that prepare for a namespace of the hub, or in it.
func (c *controllers) preparingNamespace(ctx context.Context, object client.Object) []string {
	return append(c.preparingFor(ctx, object.GetName()), c.preparingAccount(ctx, object)...)
}

// preparingAccount are the environments that prepare the tenant of an account or of its rights.
func (c *controllers) preparingAccount(ctx context.Context, object client.Object) []string {
	source := object.GetLabels()[delivery.LabelSourceNamespace]
	if source == "" {
		return nil
	}
	return c.preparingFor(ctx, source)
}

// preparingWork are the environments that prepare the tenant of a work, or any on the
// cluster of its roles.
func (c *controllers) preparingWork(ctx context.Context, object client.Object) []string {
	if source := ocm.SourceNamespaceOf(object); source != "" {
		return c.preparingFor(ctx, source)
	}
	if object.GetName() != ocm.RolesWorkName {
		return nil
	}
	return c.preparingOn(ctx, object.GetNamespace())
}

// preparingCluster are the environments that prepare namespaces on a cluster.
func (c *controllers) preparingCluster(ctx context.Context, object client.Object) []string {
	return c.preparingOn(ctx, object.GetName())
}

func (c *controllers) preparingOn(ctx context.Context, cluster string) []string {
	preparing := c.preparingAny(ctx)
	if len(preparing) == 0 {
		return nil
	}
	world, err := c.world.read(ctx)
	if err != nil {
		c.manager.GetLogger().Error(err, "read environments for an event", "cluster", cluster)
		return nil
	}
	return slices.DeleteFunc(preparing, func(name string) bool {
		environment, ok := world[name]
		return !ok || !slices.Contains(clustersOf(environment), cluster)
	})
}

// preparingPlacement are the environments that prepare namespaces where a placement decides.
func (c *controllers) preparingPlacement(ctx context.Context, object client.Object) []string {
	return c.environmentsOfBindings(ctx, c.bindingOfPlacement(ctx, object))
}

// preparingSet are the environments that prepare namespaces where a placement chooses
// from a set of clusters.
func (c *controllers) preparingSet(ctx context.Context, object client.Object) []string {
	return c.environmentsOfBindings(ctx, c.bindingsOfSet(ctx, object))
}

func (c *controllers) environmentsOfBindings(ctx context.Context, bindings requests) []string {
	var names []string
	for _, request := range bindings {
		var binding v1alpha1.ClusterBinding
		if err := c.manager.GetCache().Get(ctx, request.NamespacedName, &binding); err != nil {
			continue // a binding that is gone has none
		}
		names = append(names, binding.Spec.Environment)
	}
	return names
}

// preparedBefore wakes the hub namespaces for which an environment prepared namespaces
// before it was changed or went, so that they are released.
func preparedBefore() handler.EventHandler {
	enqueue := func(queue queue, object client.Object) {
		environment, ok := object.(*v1alpha1.Environment)
		if !ok {
			return
		}
		for _, name := range delivery.PreparesFor(environment.Spec) {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
		}
	}
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue queue) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				enqueue(queue, e.ObjectOld)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue queue) { enqueue(queue, e.Object) },
	}
}
