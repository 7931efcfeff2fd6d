// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// deletionOrders are tests that delete an application, its environment and its
// binding, in each order, without waiting in between.
func deletionOrders() map[string]func(*testing.T, *hub) {
	orders := map[string]func(*testing.T, *hub){}
	for i, order := range [][]string{
		{"application", "environment", "binding"}, {"application", "binding", "environment"},
		{"environment", "application", "binding"}, {"environment", "binding", "application"},
		{"binding", "application", "environment"}, {"binding", "environment", "application"},
	} {
		orders[strings.Join(order, " ")] = func(t *testing.T, h *hub) {
			name := fmt.Sprintf("order-%d", i)
			tenant := h.newTenant(t, name)
			app := appIn(name, "store", component("web", "nginx:1", exposed))
			h.create(t, app)
			h.running(t, app)
			objects := map[string]client.Object{"application": app, "environment": tenant.environment, "binding": tenant.binding}
			for _, kind := range order {
				h.remove(t, objects[kind])
			}
			for _, kind := range order {
				h.gone(t, objects[kind])
			}
			h.empty(t, name)
		}
	}
	// One after the other: each must end by itself, with the application still there.
	orders["binding, then environment, and the application stays"] = func(t *testing.T, h *hub) {
		tenant := h.newTenant(t, "order-stays")
		app := appIn("order-stays", "store", component("web", "nginx:1", exposed))
		h.create(t, app)
		h.running(t, app)
		h.remove(t, tenant.binding)
		h.gone(t, tenant.binding)
		h.empty(t, "order-stays")
		h.remove(t, tenant.environment)
		h.gone(t, tenant.environment)
		h.stalled(t, app, "EnvironmentNotFound")
		h.remove(t, app)
		h.gone(t, app)
	}
	return orders
}

// testRestart checks that a manager that starts again writes nothing where
// nothing changed: whatever it remembers is gone.
func testRestart(t *testing.T, h *hub) {
	h.newTenant(t, "restart")
	start := h.mark(t)
	apps := []*v1beta1.Application{
		appIn("restart", "one", component("web", "nginx:1", exposed+`,"cpu":"0.1","memory":"1024Mi","env":[{"name":"A","value":"1"}]`)),
		appIn("restart", "two", component("api", "nginx:1", ""), component("worker", "nginx:1", "")),
	}
	for _, app := range apps {
		h.create(t, app)
	}
	for _, app := range apps {
		h.running(t, app)
	}
	h.settled(t, "restart", start)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	before := h.mark(t)
	applications, environments, bindings := passes(t, "application"), passes(t, "environment"), passes(t, "clusterbinding")
	h.startManager(t)
	var all v1beta1.ApplicationList
	var environmentList v1alpha1.EnvironmentList
	var bindingList v1alpha1.ClusterBindingList
	for _, list := range []client.ObjectList{&all, &environmentList, &bindingList} {
		if err := h.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	h.waitFor(t, "a pass over everything", func(context.Context) (string, error) {
		got := []float64{passes(t, "application") - applications, passes(t, "environment") - environments, passes(t, "clusterbinding") - bindings}
		want := []float64{float64(len(all.Items)), float64(len(environmentList.Items)), float64(len(bindingList.Items))}
		for i := range got {
			if got[i] < want[i] {
				return fmt.Sprintf("passes %v, want %v", got, want), nil
			}
		}
		return "", nil
	})
	h.settled(t, "restart", before)
	if diff := cmp.Diff([]string(nil), h.writesIn(t, before, "restart")); diff != "" {
		t.Errorf("writes after a restart (-want +got):\n%s", diff)
	}
}

// testShared takes our label from the Application CRD, as if the OAM kinds were
// another controller's.
func testShared(t *testing.T, h *hub) {
	h.newTenant(t, "shared")
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: applicationCRD}}
	label := func(value string) {
		change(t, h, crd, func(c *apiextensionsv1.CustomResourceDefinition) {
			if value == "" {
				delete(c.Labels, v1alpha1.LabelManagedBy)
				return
			}
			c.Labels = map[string]string{v1alpha1.LabelManagedBy: value}
		})
	}
	known := appIn("shared", "known", component("known", "nginx:1", ""))
	known.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "fairlead"}
	h.create(t, known)
	h.running(t, known)
	label("")
	t.Cleanup(func() { // the context of the test has ended by now
		if err := h.Get(context.Background(), client.ObjectKeyFromObject(crd), crd); err == nil && crd.Labels[v1alpha1.LabelManagedBy] == "" {
			crd.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}
			_ = h.Update(context.Background(), crd)
		}
	})
	// Applications and CRDs are watched apart: what is created before the manager has seen the CRD would be taken for ours.
	h.application(t, known.NamespacedName(), func(app *v1beta1.Application) string {
		if app.Status.Summary != nil {
			return "the manager has not seen yet whose the CRD is"
		}
		return ""
	})
	h.remove(t, known)
	h.gone(t, known)
	theirs, ours := appIn("shared", "theirs", component("api", "nginx:1", "")), appIn("shared", "ours", component("web", "nginx:1", ""))
	other := appIn("shared", "other", component("worker", "nginx:1", ""))
	ours.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "fairlead"}
	other.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "v1.11"}
	before := passes(t, "application")
	h.create(t, theirs, other)
	h.waitFor(t, "a look at both", func(context.Context) (string, error) {
		if passes(t, "application") >= before+2 {
			return "", nil
		}
		return "nobody looked", nil
	})
	h.create(t, ours)
	got := h.running(t, ours)
	if got.Status.Summary != nil || got.Status.ObservedRevision != "" {
		t.Errorf("the status has fields that another controller's CRD lacks: %+v", got.Status)
	}
	untouched := func(app *v1beta1.Application) {
		t.Helper()
		live := h.application(t, app.NamespacedName(), func(*v1beta1.Application) string { return "" })
		if live.ResourceVersion != app.ResourceVersion || len(live.Finalizers) > 0 || live.Status.Phase != "" {
			t.Errorf("%s was touched: finalizers %v, status %+v", app.Name, live.Finalizers, live.Status)
		}
	}
	untouched(theirs)
	untouched(other)
	left, err := h.leftovers(t.Context(), "shared")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Deployment web", "ServiceAccount fairlead-deployer", "RoleBinding fairlead-deployer"}, left); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	label(v1alpha1.LabelManagedByValue)
	h.running(t, theirs)
	untouched(other)
	h.remove(t, theirs, ours, other)
	h.gone(t, theirs, ours, other)
	h.empty(t, "shared")
}

// testLateOCM installs OCM's kinds under a running manager. No agent runs: what
// they would do is tested elsewhere.
func testLateOCM(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "late")
	binding := &v1alpha1.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Name: "late-c1"}, Spec: v1alpha1.ClusterBindingSpec{Environment: "late", Clusters: []string{"c1"}}}
	placed := &v1alpha1.ClusterBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "late-placed"},
		Spec:       v1alpha1.ClusterBindingSpec{Environment: "late", Placement: &v1alpha1.Placement{ClusterSets: []string{"prod"}}},
	}
	h.create(t, binding, placed)
	app := appIn("late", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	texts := map[string]string{"without OCM": h.stalled(t, app, "OCMNotInstalled")}

	h.installOCM(t)
	texts["cluster not found"] = h.stalled(t, app, "ClusterNotFound")
	h.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "c1"}})
	managed := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cluster.open-cluster-management.io/v1", "kind": "ManagedCluster", "metadata": map[string]any{"name": "c1"}, "spec": map[string]any{},
	}}
	h.create(t, managed)
	texts["cluster not accepted"] = h.stalled(t, app, "ClusterNotAccepted")
	change(t, h, managed, func(m *unstructured.Unstructured) { m.Object["spec"] = map[string]any{"hubAcceptsClient": true} })
	h.report(t, managed)
	h.bound(t, binding)
	golden(t, "ocm.yaml", texts)

	// One work after the other: each is written when the one before it is applied.
	for _, name := range []string{
		ocm.RolesWorkName, ocm.TenantWorkName("late"), ocm.WorkName(delivery.Owner{Namespace: "late", Name: "store"}, "web", "late", "0"),
	} {
		h.applied(t, name)
	}
	h.remove(t, app)
	h.gone(t, app)
	h.remove(t, placed, binding, tenant.binding, tenant.environment)
	h.gone(t, placed, binding, tenant.binding, tenant.environment)
	left := &unstructured.UnstructuredList{}
	left.SetAPIVersion("work.open-cluster-management.io/v1")
	left.SetKind("ManifestWorkList")
	if err := h.List(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	for _, item := range left.Items {
		t.Errorf("work %s/%s is left", item.GetNamespace(), item.GetName())
	}
}

// installOCM makes OCM's CRDs.
func (h *hub) installOCM(t *testing.T) {
	t.Helper()
	store, err := tools.DefaultStore(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	build, err := store.Ensure(t.Context(), tools.OCM)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clusters.open-cluster-management.io_*", "work.open-cluster-management.io_manifestworks"} {
		paths, err := filepath.Glob(filepath.Join(build.Asset("manifests/cluster-manager/hub"), "crds", "*_"+name+".crd.yaml"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("OCM's CRDs: %v, %v", paths, err)
		}
		h.installCRDs(t, paths)
	}
}

func (h *hub) installCRDs(t *testing.T, paths []string) {
	t.Helper()
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		crd.Spec.Conversion = nil // by a webhook that does not run
		h.create(t, crd)
	}
}

// report makes a cluster available, with a version that is longer than our status may hold.
func (h *hub) report(t *testing.T, managed *unstructured.Unstructured) {
	t.Helper()
	managed.Object["status"] = map[string]any{
		"version": map[string]any{"kubernetes": strings.Repeat("9", 500)},
		"conditions": []any{map[string]any{
			"type": "ManagedClusterConditionAvailable", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
		}},
	}
	if err := h.Status().Update(t.Context(), managed); err != nil {
		t.Fatal(err)
	}
}

// bound waits until a binding shows its cluster as reachable.
func (h *hub) bound(t *testing.T, binding *v1alpha1.ClusterBinding) {
	t.Helper()
	h.waitFor(t, "a cluster in binding "+binding.Name, func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, client.ObjectKeyFromObject(binding), binding); err != nil {
			return "", err
		}
		want := []v1alpha1.BoundCluster{{Name: "c1", Reachable: true, Version: strings.Repeat("9", 63)}}
		return cmp.Diff(want, binding.Status.Clusters), nil
	})
}

// applied waits for a work and reports it as its agent would, until nothing in it
// is left whose owner is asked for.
func (h *hub) applied(t *testing.T, name string) {
	t.Helper()
	work := &unstructured.Unstructured{}
	work.SetAPIVersion("work.open-cluster-management.io/v1")
	work.SetKind("ManifestWork")
	h.waitFor(t, "work "+name, func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, types.NamespacedName{Namespace: "c1", Name: name}, work); err != nil {
			return err.Error(), nil
		}
		manifests, _, _ := unstructured.NestedSlice(work.Object, "spec", "workload", "manifests")
		var reported []any
		probed := ""
		for _, manifest := range manifests {
			object := &unstructured.Unstructured{Object: manifest.(map[string]any)}
			if object.GetResourceVersion() != "" {
				probed = object.GetName() + " is asked for"
			}
			resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
			reported = append(reported, map[string]any{
				"resourceMeta": map[string]any{"ordinal": int64(0), "group": resource.Group, "version": resource.Version, "kind": object.GetKind(),
					"resource": resource.Resource, "namespace": object.GetNamespace(), "name": object.GetName()},
				"conditions": []any{appliedAt(work.GetGeneration())}, "statusFeedback": map[string]any{},
			})
		}
		work.Object["status"] = map[string]any{"conditions": []any{appliedAt(work.GetGeneration())}, "resourceStatus": map[string]any{"manifests": reported}}
		if err := h.Status().Update(ctx, work); err != nil {
			return err.Error(), nil
		}
		return probed, nil
	})
}

// appliedAt is the condition Applied of a work or object.
func appliedAt(generation int64) map[string]any {
	return map[string]any{
		"type": "Applied", "status": "True", "reason": "x", "message": "", "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
	}
}
