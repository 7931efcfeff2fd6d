// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// ownPolicies are tests of policy types that a platform team wrote.
func ownPolicies() map[string]func(*testing.T, *hub) {
	return map[string]func(*testing.T, *hub){"places": testPolicyPlaces, "parameters": testPolicyParameters}
}

// guardTemplate makes two objects, of which one tells what the components have made.
const guardTemplate = `
output: {apiVersion: "v1", kind: "ConfigMap", data: {
	level: parameter.level
	guards: "\(context.appName) in \(context.namespace)"
	for name, made in context.artifacts {(name): made.workload.kind}
}}
outputs: more: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name + "-more", data: level: parameter.level}
parameter: level: "low" | "high"
`

// guardType is a policy type of a platform team.
func guardType(namespace, template string) *v1beta1.PolicyDefinition {
	return &v1beta1.PolicyDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "guard"},
		Spec:       v1beta1.PolicyDefinitionSpec{Schematic: &v1beta1.Schematic{CUE: &v1beta1.CUE{Template: template}}},
	}
}

// guards is the entry of a policy of the type in an application.
func guards(properties string) v1beta1.AppPolicy {
	return v1beta1.AppPolicy{Name: "fence", Type: "guard", Properties: &runtime.RawExtension{Raw: []byte(properties)}}
}

func configMapIn(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// testPolicyPlaces follows the objects of a policy from their delivery to all
// places of the application until the policy is removed from it.
func testPolicyPlaces(t *testing.T, h *hub) {
	h.newTenant(t, "policed")
	h.create(t, guardType("policed", guardTemplate),
		&v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "policed-prod"}, Spec: v1alpha1.EnvironmentSpec{
			ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"policed"}}, TargetNamespace: &v1alpha1.TargetNamespace{Suffix: "-prod"},
		}},
		bindingOf("policed-prod", "policed-prod", v1alpha1.LocalCluster))
	app := appIn("policed", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(app.Spec.Policies, goesTo("policed-prod"), guards(`{"level":"low"}`))
	start := h.mark(t)
	h.create(t, app)
	got := h.running(t, app)
	places := []string{"policed", "policed-prod"}
	for _, place := range places {
		h.guarded(t, place, map[string]string{"level": "low", "guards": "store in " + place, "web": "Deployment"})
		h.precedes(t, h.writesIn(t, start, place), "patch configmaps "+place+"/fence", "patch configmaps "+place+"/fence-more", "patch deployments "+place+"/web")
	}
	var services []string
	for _, service := range got.Status.Services {
		services = append(services, service.Env+"/"+service.Name)
	}
	slices.Sort(services)
	if diff := cmp.Diff([]string{"policed-prod/web", "policed/web"}, services); diff != "" {
		t.Errorf("a policy is no service (-want +got):\n%s", diff)
	}

	changed := guardType("policed", "")
	change(t, h, changed, func(d *v1beta1.PolicyDefinition) {
		d.Spec.Schematic.CUE.Template = strings.Replace(guardTemplate, "level: parameter.level", `level: "very " + parameter.level`, 1)
	})
	for _, place := range places {
		h.guarded(t, place, map[string]string{"level": "very low", "guards": "store in " + place, "web": "Deployment"})
	}

	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = a.Spec.Policies[:2] })
	for _, place := range places {
		h.gone(t, configMapIn(place, "fence"), configMapIn(place, "fence-more"))
	}
	h.running(t, app)
	for _, place := range places {
		if err := h.Get(t.Context(), client.ObjectKeyFromObject(deploymentIn(place, "web")), deploymentIn(place, "web")); err != nil {
			t.Errorf("the component goes with the policy: %v", err)
		}
	}
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = append(a.Spec.Policies, guards(`{"level":"high"}`)) })
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	for _, place := range places {
		h.gone(t, configMapIn(place, "fence"), configMapIn(place, "fence-more"))
		h.empty(t, place)
	}
}

// guarded waits until the object of the policy fence says what it should.
func (h *hub) guarded(t *testing.T, namespace string, want map[string]string) {
	t.Helper()
	made := configMapIn(namespace, "fence")
	h.waitFor(t, "the objects of a policy in "+namespace, func(ctx context.Context) (string, error) {
		made.Data = nil // which would be added to
		if err := h.Get(ctx, client.ObjectKeyFromObject(made), made); err != nil {
			return "they are not there", client.IgnoreNotFound(err)
		}
		return cmp.Diff(want, made.Data), nil
	})
	labels := map[string]string{
		v1alpha1.LabelPolicy: made.Labels[v1alpha1.LabelPolicy], v1beta1.LabelAppComponent: made.Labels[v1beta1.LabelAppComponent], "unit": delivery.UnitOf(made.Labels),
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.LabelPolicy: "fence", v1beta1.LabelAppComponent: "fence", "unit": "policy__fence"}, labels); diff != "" {
		t.Errorf("labels in %s (-want +got):\n%s", namespace, diff)
	}
}

// precedes checks that writes came in an order.
func (h *hub) precedes(t *testing.T, writes []string, order ...string) {
	t.Helper()
	var found []string
	for _, write := range writes {
		if slices.Contains(order, write) && !slices.Contains(found, write) {
			found = append(found, write)
		}
	}
	if diff := cmp.Diff(order, found); diff != "" {
		t.Errorf("order of the first writes (-want +got):\n%s", diff)
	}
}

// testPolicyParameters checks that the parameters of a policy are checked as those
// of components are, and that a mistake in them leaves what is delivered as it is.
func testPolicyParameters(t *testing.T, h *hub) {
	strict := h.newTenant(t, "policed-strict")
	change(t, h, strict.namespace, func(n *corev1.Namespace) { n.Labels[v1alpha1.LabelStrict] = "true" })
	h.create(t, guardType("policed-strict", guardTemplate))
	app := appIn("policed-strict", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(app.Spec.Policies, guards(`{"level":"low"}`))
	start := h.mark(t)
	h.create(t, app)
	h.running(t, app)
	h.settled(t, "policed-strict", start)

	before := h.mark(t)
	texts := map[string]string{}
	for name, mistake := range map[string][]v1beta1.AppPolicy{
		"unknown":          {guards(`{"level":"low","levl":"low"}`)},
		"missing":          {guards(`{}`)},
		"choice":           {guards(`{"level":"medium"}`)},
		"no such type":     {{Name: "fence", Type: "gard", Properties: &runtime.RawExtension{Raw: []byte(`{}`)}}},
		"two of one name":  {guards(`{"level":"low"}`), guards(`{"level":"high"}`)},
		"without any name": {{Type: "guard", Properties: &runtime.RawExtension{Raw: []byte(`{"level":"low"}`)}}},
	} {
		change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = append(a.Spec.Policies[:1], mistake...) })
		got := h.application(t, app.NamespacedName(), func(a *v1beta1.Application) string {
			if a.Status.ObservedGeneration == a.Generation {
				return ""
			}
			return "it was not looked at"
		})
		texts[name] = strings.Join(conditionTexts(got.Status), "\n")
	}
	golden(t, "own-policies.yaml", texts)
	writes := slices.DeleteFunc(h.writesIn(t, before, "policed-strict"), func(w string) bool { return strings.Contains(w, "applications/status") })
	if diff := cmp.Diff([]string{}, writes); diff != "" {
		t.Errorf("it was half applied (-want +got):\n%s", diff)
	}
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Policies = append(a.Spec.Policies[:1], guards(`{"level":"high"}`))
	})
	h.running(t, app)
	h.guarded(t, "policed-strict", map[string]string{"level": "high", "guards": "store in policed-strict", "web": "Deployment"})
	h.remove(t, app)
	h.gone(t, app, configMapIn("policed-strict", "fence"))
}

// testPolicyOnCluster delivers what a policy makes to the managed cluster that an
// earlier test left.
func testPolicyOnCluster(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "policed-far")
	change(t, h, tenant.binding, func(b *v1alpha1.ClusterBinding) { b.Spec.Clusters = []string{"c1"} })
	h.bound(t, tenant.binding)
	h.create(t, guardType("policed-far", guardTemplate))
	app := appIn("policed-far", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(app.Spec.Policies, guards(`{"level":"low"}`))
	start := h.mark(t)
	h.create(t, app)
	var order []string
	for _, unit := range []string{delivery.PolicyUnitName("fence"), "web"} {
		order = append(order, fmt.Sprintf("create manifestworks c1/%s", ocm.WorkName(delivery.Owner{Namespace: "policed-far", Name: "store"}, unit, "policed-far", "0")))
	}
	h.applied(t, ocm.RolesWorkName)
	h.applied(t, ocm.TenantWorkName("policed-far"))
	for _, write := range order {
		h.applied(t, strings.TrimPrefix(write, "create manifestworks c1/"))
	}
	h.precedes(t, h.writesIn(t, start, "c1"), order...)
	h.remove(t, app)
	h.gone(t, app)
	h.remove(t, tenant.binding, tenant.environment)
	h.gone(t, tenant.binding, tenant.environment)
}
