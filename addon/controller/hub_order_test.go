// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// testOrder follows a component that depends on another one and has an object
// that comes when its workload is healthy, to the removal in reverse order.
func testOrder(t *testing.T, h *hub) {
	h.newTenant(t, "order")
	web, db := component("web", "nginx:1", ""), component("db", "nginx:1", `,"cpu":"5000"`) // no node is that large
	web.DependsOn = []string{"db"}
	web.Traits = []v1beta1.ApplicationTrait{traitOf("expose", `{"port":[80]}`)}
	app := appIn("order", "store", web, db)
	app.Spec.Policies = append(app.Spec.Policies, policyOf("garbage-collect", `{"order":"dependency"}`))
	h.create(t, app)
	waiting := `waiting for component "db", which it depends on, to be healthy`
	h.application(t, app.NamespacedName(), func(a *v1beta1.Application) string {
		for _, service := range a.Status.Services {
			if service.Name == "web" && strings.Contains(service.Message, waiting) {
				return ""
			}
		}
		return "web does not wait"
	})
	h.absent(t, deploymentIn("order", "web"), serviceIn("order", "web"))
	resize := func(cpu string) {
		change(t, h, app, func(a *v1beta1.Application) {
			a.Spec.Components[1].Properties = &runtime.RawExtension{Raw: []byte(`{"image":"nginx:1"` + cpu + `}`)}
		})
	}
	resize("")
	h.running(t, app)
	live := h.deployment(t, "order", serves("nginx:1"))
	service := serviceIn("order", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(service), service); err != nil {
		t.Fatal(err)
	}
	if service.CreationTimestamp.Before(&live.CreationTimestamp) {
		t.Error("the Service is older than the workload that it comes after")
	}

	change(t, h, live, func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/hold"} })
	h.remove(t, app)
	h.application(t, app.NamespacedName(), func(a *v1beta1.Application) string {
		if text := strings.Join(conditionTexts(a.Status), " "); !strings.Contains(text, `waiting until component "web", which depends on it, is gone`) {
			return "db does not wait: " + text
		}
		return ""
	})
	standing := deploymentIn("order", "db")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(standing), standing); err != nil || !standing.DeletionTimestamp.IsZero() {
		t.Errorf("%v, deleted %v: what others depend on goes first", err, standing.DeletionTimestamp)
	}
	change(t, h, live, func(d *appsv1.Deployment) { d.Finalizers = nil })
	h.gone(t, app, standing)
	h.empty(t, "order")
}

// testOrderOfAnUpdate drops two components together, of which one depends on the
// other: they go in the reverse order, though the application names neither.
func testOrderOfAnUpdate(t *testing.T, h *hub) {
	h.newTenant(t, "drops")
	web, db, rest := component("web", "nginx:1", ""), component("db", "nginx:1", ""), component("rest", "nginx:1", "")
	web.DependsOn = []string{"db"}
	app := appIn("drops", "store", web, db, rest)
	app.Spec.Policies = append(app.Spec.Policies, policyOf("garbage-collect", `{"order":"dependency"}`))
	h.create(t, app)
	h.running(t, app)
	held := deploymentIn("drops", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(held), held); err != nil {
		t.Fatal(err)
	}
	change(t, h, held, func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/hold"} })
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components = []v1beta1.ApplicationComponent{rest} })
	h.application(t, app.NamespacedName(), func(a *v1beta1.Application) string {
		if text := strings.Join(conditionTexts(a.Status), " "); !strings.Contains(text, `waiting until component "web", which depends on it, is gone`) {
			return "db does not wait: " + text
		}
		return ""
	})
	standing := deploymentIn("drops", "db")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(standing), standing); err != nil || !standing.DeletionTimestamp.IsZero() {
		t.Errorf("%v, deleted %v: what others depend on goes first", err, standing.DeletionTimestamp)
	}
	change(t, h, held, func(d *appsv1.Deployment) { d.Finalizers = nil })
	h.gone(t, held, standing)
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "drops")
}

// absent checks that objects do not exist.
func (h *hub) absent(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := h.Get(context.WithoutCancel(t.Context()), client.ObjectKeyFromObject(object), object); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("%T %s: %v, want it not to be there", object, object.GetName(), err)
		}
	}
}
