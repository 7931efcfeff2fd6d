// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// deliveredTo is an object in a namespace that says it was delivered for an application.
func deliveredTo(namespace, applicationNamespace, application string) client.Object {
	object := local.NewObject(local.DefaultKinds()[0])
	object.SetNamespace(namespace)
	object.SetName("web")
	object.SetLabels(map[string]string{v1beta1.LabelAppNamespace: applicationNamespace, v1beta1.LabelAppName: application})
	return object
}

// TestDelivered checks which applications an event of a delivered object wakes.
func TestDelivered(t *testing.T) {
	target := &local.Target{Clock: clock.RealClock{}, Reader: fake.NewClientBuilder().WithObjects(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mallory"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop-prod", Labels: map[string]string{
			v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: "shop",
		}}},
	).Build()}
	tests := []struct {
		name, reason  string
		before, after client.Object
		want          []string
	}{
		{"own namespace", "the application delivers to its own", deliveredTo("shop", "shop", "store"), deliveredTo("shop", "shop", "store"), []string{"shop/store"}},
		{"target namespace", "its namespace says whose it is", deliveredTo("shop-prod", "shop", "store"), deliveredTo("shop-prod", "shop", "store"), []string{"shop/store"}},
		{"label edited", "the one that lost it repairs it", deliveredTo("shop", "shop", "store"), deliveredTo("shop", "shop", "other"), []string{"shop/other", "shop/store"}},
		{"label removed", "the one that lost it repairs it", deliveredTo("shop", "shop", "store"), deliveredTo("shop", "", ""), []string{"shop/store"}},
		{"forged", "labels in one's own namespace do not wake others", deliveredTo("mallory", "shop", "store"), deliveredTo("mallory", "shop", "store"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			c := &controllers{onHub: target}
			c.delivered().Update(t.Context(), event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.after}, queue)
			var got []string
			for range queue.Len() {
				request, _ := queue.Get()
				got = append(got, request.String())
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// cachedManager is a manager of which there is only the cache.
type cachedManager struct {
	ctrl.Manager
	reader client.Reader
}

func (m cachedManager) GetCache() cache.Cache { return readCache{reader: m.reader} }

type readCache struct {
	cache.Cache
	reader client.Reader
}

func (c readCache) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return c.reader.Get(ctx, key, object, options...)
}

func (c readCache) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return c.reader.List(ctx, list, options...)
}

// watching is a controller that notes what it is to watch.
type watching struct {
	controller.Controller
	sources []string
}

func (w *watching) Watch(watched source.Source) error {
	w.sources = append(w.sources, fmt.Sprint(watched))
	return nil
}

// TestSetBindingWakes checks that all that waits for a set of clusters to be bound is
// woken by it: the binding, its applications, and an environment that prepares namespaces.
func TestSetBindingWakes(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	going := func(name, environment string) client.Object {
		app := appIn("shop", name, component("web", "nginx:1", ""))
		app.Spec.Policies = []v1beta1.AppPolicy{goesTo(environment)}
		return app
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		environmentOf("prod", "shop"), environmentOf("dev", "shop"), placedBinding("eu"), bindingOf("lab", "dev", "local"), going("store", "prod"), going("draft", "dev"),
	).WithIndex(&v1beta1.Application{}, indexEnvironments, func(object client.Object) []string {
		return mayBeIn(object.(*v1beta1.Application))
	}).Build()
	bound := ocm.Watched().SetBinding
	bound.SetName("global")
	application, binding, environment := &watching{}, &watching{}, &watching{}
	c := &controllers{
		manager: cachedManager{reader: reader}, metrics: &fleetMetrics{}, application: &ApplicationReconciler{},
		built: builtControllers{application: application, binding: binding, environment: environment, left: &watching{}},
	}

	if diff := cmp.Diff(requests{{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "store"}}}, c.applicationsOfSet(t.Context(), bound)); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"prod"}, c.preparingSet(t.Context(), bound)); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
	if err := c.watchOCM(readCache{}); err != nil {
		t.Fatal(err)
	}
	for name, built := range map[string]*watching{"application": application, "binding": binding, "environment": environment} {
		if !slices.Contains(built.sources, "kind source: *v1beta2.ManagedClusterSetBinding") {
			t.Errorf("the controller of %s watches no bindings of sets: %q", name, built.sources)
		}
	}
}

// TestStatusWriterForgets checks that nothing is kept of applications that are gone.
func TestStatusWriterForgets(t *testing.T) {
	writer := &statusWriter{clock: clock.RealClock{}}
	app := types.UID("u1")
	writer.remember(app, statusWrite{wanted: v1beta1.ApplicationStatus{ObservedRevision: "dropped by the CRD"}}, false)
	if len(writer.last) != 1 {
		t.Fatal("a status that the API server changed is not remembered")
	}
	writer.forget(app)
	if len(writer.last) != 0 {
		t.Errorf("%d statuses are kept of an application that is gone", len(writer.last))
	}
}
