// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
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
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// settleTenants gathers the works of an application that go at once into one look at its tenants.
const settleTenants = time.Second

// reasonLeft is the reason of events about what was left on a cluster.
const reasonLeft = "LeftOnCluster"

// leftWorks takes works away that were left on clusters which are back.
type leftWorks interface {
	CollectLeft(ctx context.Context, sourceNamespace string) (time.Duration, error)
}

// leftReconciler finishes, by hub namespace, what applications and environments
// did not wait for: works that were left on clusters that were away, and the
// tenants there.
type leftReconciler struct {
	works  leftWorks
	engine *delivery.Engine
}

var _ reconcile.Reconciler = (*leftReconciler)(nil)

// Reconcile takes the next steps of what was left by a hub namespace, which may
// be gone.
func (r *leftReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	after, err := r.works.CollectLeft(ctx, request.Name)
	tenants, unproven, errTenants := r.engine.ReleaseTenants(ctx, request.Name)
	if len(tenants)+len(unproven) > 0 && (after == 0 || after > removalCheck) {
		after = removalCheck
	}
	if after > 0 {
		after = max(after, minRetry)
	}
	return ctrl.Result{RequeueAfter: after}, errors.Join(err, errTenants)
}

func (c *controllers) buildLeft() error {
	built, err := controller.New("left", c.manager, controller.Options{Reconciler: c.quiet(c.left), RateLimiter: c.options().RateLimiter})
	if err != nil {
		return err
	}
	c.built.left = built
	accounts := source.Kind[client.Object](c.manager.GetCache(), &corev1.ServiceAccount{}, handler.EnqueueRequestsFromMapFunc(sourceOfAccount), accountChanged())
	if err := built.Watch(accounts); err != nil {
		return err
	}
	return built.Watch(source.Kind[client.Object](c.manager.GetCache(), &v1alpha1.Environment{}, preparedBefore()))
}

// sourceOfWork is the hub namespace of a tenant, or of a work that was left.
func sourceOfWork(_ context.Context, object client.Object) requests {
	if name := ocm.SourceNamespaceOf(object); name != "" {
		return requests{{NamespacedName: types.NamespacedName{Name: name}}}
	}
	return nil
}

// lastWorks wakes the hub namespace of an application of which a work is gone. It may
// have been the last one in a tenant, and its application does not release that while it
// names an environment that is not there.
func lastWorks() handler.EventHandler {
	return handler.Funcs{DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue queue) {
		if name := ocm.ApplicationNamespaceOf(e.Object); name != "" {
			queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, settleTenants)
		}
	}}
}

// sourceOfAccount is the hub namespace of a tenant on the hub itself.
func sourceOfAccount(_ context.Context, object client.Object) requests {
	if name := object.GetLabels()[delivery.LabelSourceNamespace]; name != "" {
		return requests{{NamespacedName: types.NamespacedName{Name: name}}}
	}
	return nil
}

// sourcesOfCluster are the hub namespaces that have something on a managed cluster.
func (c *controllers) sourcesOfCluster(ctx context.Context, object client.Object) requests {
	return c.sourcesOnCluster(ctx, object.GetName())
}

// sourcesBesideRoles are the hub namespaces that have something on the cluster of a
// work with roles: the last tenant there goes after it.
func (c *controllers) sourcesBesideRoles(ctx context.Context, object client.Object) requests {
	return c.sourcesOnCluster(ctx, object.GetNamespace())
}

// rolesGone lets pass works with roles that are gone.
func rolesGone() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool { return e.Object.GetName() == ocm.RolesWorkName },
	}
}

// sourcesOnCluster are the hub namespaces that have tenants on a cluster, or
// left something there.
func (c *controllers) sourcesOnCluster(ctx context.Context, clusterName string) requests {
	names, err := ocm.SourceNamespaces(ctx, c.works, clusterName)
	if err != nil {
		c.manager.GetLogger().Error(err, "list what was left for an event", "cluster", clusterName)
		return nil
	}
	list := make(requests, 0, len(names))
	for _, name := range names {
		list = append(list, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	}
	return list
}

func environmentOfWork(_ context.Context, object client.Object) requests {
	if name := object.GetLabels()[v1alpha1.LabelEnvironment]; name != "" {
		return requests{{NamespacedName: types.NamespacedName{Name: name}}}
	}
	return nil
}

// leftChanged lets pass works that were left, or that are no longer.
func leftChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return ocm.IsLeft(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return ocm.IsLeft(e.ObjectOld) != ocm.IsLeft(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return ocm.IsLeft(e.Object) },
	}
}

// tellLeft says what was left on clusters that are away: on the application,
// which may be gone soon, and on each environment.
func (r *ApplicationReconciler) tellLeft(ctx context.Context, app *v1beta1.Application, report *delivery.Report) {
	if report == nil || len(report.Left) == 0 {
		return
	}
	texts := map[string][]string{}
	var all []string
	for _, left := range report.Left {
		environment := left.Record.Place.Environment
		texts[environment] = append(texts[environment], left.Observe.Message)
		all = append(all, left.Observe.Message)
	}
	r.recorder.Eventf(app, nil, "Warning", reasonLeft, "Remove", "%s", shorten(strings.Join(all, "; ")))
	names := make([]string, 0, len(texts))
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		environment := &v1alpha1.Environment{}
		if err := r.client.Get(ctx, types.NamespacedName{Name: name}, environment); err != nil {
			continue // it is gone, and the application's event says the same
		}
		r.recorder.Eventf(environment, nil, "Warning", reasonLeft, "Remove", "%s",
			shorten(fmt.Sprintf("application %s: %s", ownerOf(app), strings.Join(texts[name], "; "))))
	}
}
