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
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// TestHub runs what needs a hub on one that all share. The groups follow each
// other: the later ones change what the hub is for everybody.
func TestHub(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a control plane")
	}
	h := startHub(t)
	groups := []struct {
		name  string
		tests map[string]func(*testing.T, *hub)
	}{
		{"applications", map[string]func(*testing.T, *hub){
			"lifecycle": testLifecycle, "steady state": testSteadyState, "drift": testDrift, "foreign object": testForeignObject,
			"conflict": testConflict, "reserved": testReserved, "change": testChange, "shrink": testShrink, "messages": testMessages,
			"unknown parameters": testUnknownParameters, "bad update": testBadUpdate, "given up": testGivenUp, "handed over": testHandedOver, "handed over and moved": testMovedOver, "one environment": testOneEnvironment, "misspelt cluster": testMisspeltCluster, "late label": testLateLabel, "target namespace": testTargetNamespace,
			"namespace deleted": testNamespaceDeleted, "other environment": testOtherEnvironment, "rights": testRights,
			"secrets": testSecrets, "no account": testNoAccount, "definitions": testDefinitions, "type that comes and goes": testTypeComesAndGoes, "crash": testCrash, "quota": testQuota, "scraping": testScraping,
		}},
		{"doctor", map[string]func(*testing.T, *hub){"doctor": testDoctor}},
		{"treatments", treatments()},
		{"policies", ownPolicies()},
		{"pause", pausing()},
		{"deletion", deletionOrders()},
		{"restart", map[string]func(*testing.T, *hub){"restart": testRestart}},
		{"many types", map[string]func(*testing.T, *hub){"start": testManyTypes}},
		{"many types again", map[string]func(*testing.T, *hub){"start": testManyTypesAgain}},
		{"shared", map[string]func(*testing.T, *hub){"shared": testShared}},
		{"ocm", map[string]func(*testing.T, *hub){"late": testLateOCM}},
		{"clusters", map[string]func(*testing.T, *hub){"policies": testPolicyOnCluster}},
		{"without owner", map[string]func(*testing.T, *hub){"finalizer taken": testOwnerless}},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, h)
				})
			}
		})
	}
}

// testLifecycle delivers an application and removes it again.
func testLifecycle(t *testing.T, h *hub) {
	h.newTenant(t, "lifecycle")
	web := component("web", "nginx:1", exposed)
	web.Traits = []v1beta1.ApplicationTrait{
		{Type: "scaler", Properties: &runtime.RawExtension{Raw: []byte(`{"replicas":2}`)}},
		{Type: "labels", Properties: &runtime.RawExtension{Raw: []byte(`{"tier":"front"}`)}},
	}
	app := appIn("lifecycle", "store", web)
	h.create(t, app)
	got := h.running(t, app)
	if !controllerutil.ContainsFinalizer(got, v1alpha1.Finalizer) {
		t.Error("the application has objects and no finalizer")
	}
	want := v1beta1.ApplicationSummary{Places: 1, Healthy: 1}
	if diff := cmp.Diff(want, *got.Status.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	deployment := deploymentIn("lifecycle", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(deployment), deployment); err != nil {
		t.Fatal(err)
	}
	labels := []string{
		deployment.Labels["tier"], deployment.Labels[v1alpha1.LabelApplicationUID], deployment.Labels[v1alpha1.LabelEnvironment],
		fmt.Sprint(*deployment.Spec.Replicas), deployment.Spec.Template.Spec.Containers[0].Image,
	}
	if diff := cmp.Diff([]string{"front", string(got.UID), "lifecycle", "2", "nginx:1"}, labels); diff != "" {
		t.Errorf("the Deployment (-want +got):\n%s", diff)
	}
	h.remove(t, app)
	h.gone(t, app, deployment, serviceIn("lifecycle", "web"))
	h.gone(t, accountIn("lifecycle")...)
	h.empty(t, "lifecycle")
}

// testSteadyState makes the controllers look again at what has not changed, and
// counts what they write.
func testSteadyState(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "steady")
	app := appIn("steady", "store", component("web", "nginx:1", exposed+`,"cpu":"0.1","memory":"1024Mi"`), component("api", "nginx:1", ""))
	start := h.mark(t)
	h.create(t, app)
	h.running(t, app)
	h.settled(t, "steady", start)
	if statuses := count(h.writesIn(t, start, "steady"), "update applications/status"); statuses > 12 {
		t.Errorf("%d writes of the status until the application ran", statuses)
	}
	before, applications, environments := h.mark(t), passes(t, "application"), passes(t, "environment")
	for i := range 5 {
		change(t, h, tenant.environment, func(e *v1alpha1.Environment) { e.Labels = map[string]string{"look": fmt.Sprint(i)} })
		h.waitFor(t, "a pass", func(context.Context) (string, error) {
			if passes(t, "application") >= applications+float64(i)+1 && passes(t, "environment") >= environments+float64(i)+1 {
				return "", nil
			}
			return "nobody looked", nil
		})
	}
	if diff := cmp.Diff([]string(nil), h.writesIn(t, before, "steady")); diff != "" {
		t.Errorf("writes though nothing changed (-want +got):\n%s", diff)
	}
}

// settled waits until the status of the application store says the same as
// some seconds before: the last details are written that late.
func (h *hub) settled(t *testing.T, namespace string, from int64) {
	t.Helper()
	seen, looks := -1, 0
	h.waitFor(t, "an end of writes in "+namespace, func(context.Context) (string, error) {
		now := len(h.writesIn(t, from, namespace))
		if now != seen {
			seen, looks = now, 0
		}
		looks++
		if looks > int(2*lastGather/poll) {
			return "", nil
		}
		return fmt.Sprintf("%d writes", now), nil
	})
}

func count(writes []string, prefix string) int {
	n := 0
	for _, write := range writes {
		if strings.HasPrefix(write, prefix) {
			n++
		}
	}
	return n
}

// testDrift changes and deletes what was delivered by hand.
func testDrift(t *testing.T, h *hub) {
	h.newTenant(t, "drift")
	app := appIn("drift", "store", component("web", "nginx:1", exposed))
	h.create(t, app)
	h.running(t, app)
	read := func(ctx context.Context) *appsv1.Deployment {
		deployment := deploymentIn("drift", "web")
		if err := h.Get(ctx, client.ObjectKeyFromObject(deployment), deployment); err != nil {
			return nil
		}
		return deployment
	}
	uid := read(t.Context()).UID
	h.remove(t, read(t.Context()))
	h.waitFor(t, "the Deployment to come back", func(ctx context.Context) (string, error) {
		if d := read(ctx); d != nil && d.UID != uid && d.DeletionTimestamp.IsZero() {
			return "", nil
		}
		return "it is not back", nil
	})
	edits := map[string]func(*appsv1.Deployment){
		"image":           func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "evil:1" },
		"label":           func(d *appsv1.Deployment) { delete(d.Labels, v1alpha1.LabelEnvironment) },
		"label of caches": func(d *appsv1.Deployment) { delete(d.Labels, v1alpha1.LabelManagedBy) },
		"revision":        func(d *appsv1.Deployment) { d.Annotations[v1alpha1.AnnotationRevision] = "x" },
	}
	for name, edit := range edits {
		change(t, h, deploymentIn("drift", "web"), edit)
		h.waitFor(t, "an edit of the "+name+" to be undone", func(ctx context.Context) (string, error) {
			d := read(ctx)
			if d == nil || d.Labels[v1alpha1.LabelEnvironment] != "drift" || d.Labels[v1alpha1.LabelManagedBy] != "fairlead" ||
				d.Annotations[v1alpha1.AnnotationRevision] == "x" || d.Spec.Template.Spec.Containers[0].Image != "nginx:1" {
				return fmt.Sprintf("%+v", d), nil
			}
			return "", nil
		})
	}
	change(t, h, deploymentIn("drift", "web"), func(d *appsv1.Deployment) { d.Spec.RevisionHistoryLimit = ptr.To(int32(3)) })
	h.remove(t, serviceIn("drift", "web"))
	h.waitFor(t, "the Service to come back", func(ctx context.Context) (string, error) {
		service := serviceIn("drift", "web")
		err := h.Get(ctx, client.ObjectKeyFromObject(service), service)
		if err == nil && service.DeletionTimestamp.IsZero() {
			return "", nil
		}
		return "it is not back", client.IgnoreNotFound(err)
	})
	if got := *read(t.Context()).Spec.RevisionHistoryLimit; got != 3 {
		t.Errorf("a field that is not ours was set back to %d", got)
	}
}

// testForeignObject checks that somebody's object is left alone, and that the
// application goes on when it is gone.
func testForeignObject(t *testing.T, h *hub) {
	h.newTenant(t, "foreign")
	labels := map[string]string{"app": "theirs"}
	theirs := deploymentIn("foreign", "web")
	theirs.Spec = appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "theirs:1"}}}},
	}
	h.create(t, theirs)
	app := appIn("foreign", "store", component("web", "nginx:1", exposed))
	h.create(t, app)
	want := "environment foreign, cluster local: component web: Deployment foreign/web exists on the hub and was not delivered by Fairlead: it is neither changed nor deleted; remove it, rename the component, or take it over by a policy of type \"take-over\""
	if diff := cmp.Diff(want, h.stalled(t, app, "ForeignObject")); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	live := deploymentIn("foreign", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
		t.Fatal(err)
	}
	if live.UID != theirs.UID || live.Generation != theirs.Generation || len(live.Labels) > 0 {
		t.Errorf("the object was touched: %+v", live.ObjectMeta)
	}
	h.remove(t, theirs)
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "foreign")
}

// testConflict lets two applications of a namespace want the same object.
func testConflict(t *testing.T, h *hub) {
	h.newTenant(t, "conflict")
	first, second := appIn("conflict", "first", component("web", "nginx:1", "")), appIn("conflict", "second", component("web", "nginx:2", ""))
	h.create(t, first)
	h.running(t, first)
	h.create(t, second)
	want := `environment conflict, cluster local: component web: Deployment conflict/web on cluster local belongs to component "web" of application conflict/first in environment "conflict" already: rename the component or use another target namespace`
	if diff := cmp.Diff(want, h.stalled(t, second, "PlacementConflict")); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	h.running(t, first)
	h.remove(t, first)
	h.gone(t, first)
	h.running(t, second)
}

// testReserved checks that nothing is delivered from or to a reserved namespace.
func testReserved(t *testing.T, h *hub) {
	app := appIn("kube-public", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.stalled(t, app, "ReservedNamespace")
	got := h.application(t, app.NamespacedName(), func(*v1beta1.Application) string { return "" })
	if len(got.Finalizers) > 0 {
		t.Errorf("finalizers %v on an application without objects", got.Finalizers)
	}
	tenant := h.newTenant(t, "system")
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Prefix: "kube-"} })
	lured := appIn("system", "store", component("web", "nginx:1", ""))
	h.create(t, lured)
	h.stalled(t, lured, "ReservedNamespace")
	for _, namespace := range []string{"kube-public", "kube-system"} {
		if left, err := h.leftovers(t.Context(), namespace); err != nil || len(left) > 0 {
			t.Errorf("in %s: %v, %v", namespace, left, err)
		}
	}
	h.remove(t, app, lured)
	h.gone(t, app, lured)
}

// testChange checks that a change rewrites exactly what it changes.
func testChange(t *testing.T, h *hub) {
	h.newTenant(t, "change")
	app := appIn("change", "store", component("web", "nginx:1", exposed), component("api", "nginx:1", exposed))
	start := h.mark(t)
	h.create(t, app)
	h.running(t, app)
	h.settled(t, "change", start)
	before := h.mark(t)
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:2", exposed) })
	h.running(t, app)
	h.settled(t, "change", before)
	writes := slices.DeleteFunc(h.writesIn(t, before, "change"), func(w string) bool { return strings.Contains(w, "applications/status") })
	if diff := cmp.Diff([]string{"patch deployments change/web"}, writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	got := h.running(t, app)
	if got.Status.LatestRevision.Name != "store-v2" {
		t.Errorf("revision %s, want store-v2", got.Status.LatestRevision.Name)
	}
}

// testShrink takes an object from a component, and then a component from the application.
func testShrink(t *testing.T, h *hub) {
	h.newTenant(t, "shrink")
	app := appIn("shrink", "store", component("web", "nginx:1", exposed), component("api", "nginx:1", exposed))
	h.create(t, app)
	h.running(t, app)
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:1", "") })
	h.gone(t, serviceIn("shrink", "web"))
	h.running(t, app)
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components = a.Spec.Components[:1] })
	h.gone(t, deploymentIn("shrink", "api"), serviceIn("shrink", "api"))
	h.running(t, app)
	left, err := h.leftovers(t.Context(), "shrink")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Deployment web", "ServiceAccount fairlead-deployer", "RoleBinding fairlead-deployer"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// testMessages pins what people read when something is wrong.
func testMessages(t *testing.T, h *hub) {
	h.newTenant(t, "messages")
	strict := h.newTenant(t, "strict")
	change(t, h, strict.namespace, func(n *corev1.Namespace) { n.Labels[v1alpha1.LabelStrict] = "true" })
	h.newTenant(t, "closed")
	far := h.newTenant(t, "far")
	h.create(t, &v1alpha1.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Name: "far-c9"}, Spec: v1alpha1.ClusterBindingSpec{Environment: "far", Clusters: []string{"c9"}}})
	after := h.newTenant(t, "gated")
	change(t, h, after.environment, func(e *v1alpha1.Environment) { e.Spec.After = []string{"far"} })
	withPolicy := func(app *v1beta1.Application, policies ...v1beta1.AppPolicy) *v1beta1.Application {
		app.Spec.Policies = policies
		return app
	}
	plain := func(namespace, name string) *v1beta1.Application {
		return appIn(namespace, name, component("web", "nginx:1", ""))
	}
	retyped := plain("messages", "unknown-type")
	retyped.Spec.Components[0].Type = "webservce"
	untyped := plain("messages", "unknown-trait")
	untyped.Spec.Components[0].Traits = []v1beta1.ApplicationTrait{{Type: "scalr"}}
	workflow := plain("messages", "workflow")
	workflow.Spec.Workflow = &v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{{WorkflowStepBase: v1beta1.WorkflowStepBase{Name: "go", Type: "deploy"}}}}
	tests := []struct {
		reason string
		app    *v1beta1.Application
	}{
		{"InvalidParameters", appIn("strict", "misspelt", component("web", "nginx:1", `,"imagePullPolcy":"Always"`))},
		{"InvalidParameters", appIn("messages", "wrong-type", component("web", "nginx:1", `,"ports":[{"port":"eighty"}]`))},
		{"InvalidParameters", appIn("messages", "missing-image", v1beta1.ApplicationComponent{Name: "web", Type: "webservice"})},
		{"UnknownType", retyped},
		{"UnknownType", untyped},
		{"NotImplemented", workflow},
		{"NamespaceNotAdmitted", withPolicy(plain("messages", "not-admitted"), goesTo("closed"))},
		{"EnvironmentNotFound", withPolicy(plain("messages", "misspelt-environment"), goesTo("mesages"))},
		{"InvalidPolicy", withPolicy(plain("messages", "bad-policy"), v1beta1.AppPolicy{Name: "p", Type: "environment", Properties: &runtime.RawExtension{Raw: []byte(`{"enviroment":"x"}`)}})},
		{"OCMNotInstalled", plain("far", "no-ocm")},
		{"NotImplemented", plain("gated", "gated")},
		{"ReservedNamespace", withPolicy(plain("kube-system", "reserved"), goesTo("messages"))},
		{"EnvironmentNotFound", withPolicy(plain("messages", "no-default"))},
	}
	texts := map[string]string{}
	for _, test := range tests {
		h.create(t, test.app)
	}
	for _, test := range tests {
		// What other tests make at the same time is not part of the message.
		text := h.stalled(t, test.app, test.reason)
		if before, _, found := strings.Cut(text, "there are: "); found {
			text = before + "there are: ..."
		}
		texts[test.app.Name] = test.reason + ": " + text
	}
	golden(t, "messages.yaml", texts)
	binding := &v1alpha1.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Name: "far-c9"}}
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(binding), binding); err != nil {
		t.Fatal(err)
	}
	golden(t, "binding-without-ocm.yaml", conditionTexts(v1beta1.ApplicationStatus{Conditions: binding.Status.Conditions}))
	for _, test := range tests {
		h.remove(t, test.app)
		h.gone(t, test.app)
	}
	h.remove(t, far.binding, binding)
	h.gone(t, far.binding, binding)
}

// testUnknownParameters checks that what another tool wrote is delivered without
// what nobody knows, and that this is told.
func testUnknownParameters(t *testing.T, h *hub) {
	h.newTenant(t, "unknown")
	app := appIn("unknown", "store", component("web", "nginx:1", `,"imagePullPolcy":"Always","ports":[{"port":80,"exposed":true}]`))
	h.create(t, app)
	got := h.running(t, app)
	golden(t, "unknown-parameters.yaml", conditionTexts(got.Status))
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:1", "") })
	h.application(t, app.NamespacedName(), func(a *v1beta1.Application) string {
		if len(a.Status.Conditions) == 3 {
			return ""
		}
		return "the warning stays"
	})
}

// testBadUpdate checks that an application that becomes invalid keeps what it has.
func testBadUpdate(t *testing.T, h *hub) {
	h.newTenant(t, "badupdate")
	app := appIn("badupdate", "store", component("web", "nginx:1", exposed), component("api", "nginx:1", ""))
	start := h.mark(t)
	h.create(t, app)
	h.running(t, app)
	h.settled(t, "badupdate", start)
	before := h.mark(t)
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Components = []v1beta1.ApplicationComponent{component("web", "nginx:2", ""), {Name: "new", Type: "none"}}
	})
	h.stalled(t, app, "UnknownType")
	writes := slices.DeleteFunc(h.writesIn(t, before, "badupdate"), func(w string) bool { return strings.Contains(w, "applications/status") })
	if diff := cmp.Diff([]string{}, writes); diff != "" {
		t.Errorf("it was half applied (-want +got):\n%s", diff)
	}
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "badupdate")
}

// testGivenUp checks that an application that is invalid does not hold the deletion
// of an environment or a binding, and keeps what it has elsewhere.
func testGivenUp(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "givenup")
	other := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "givenup-other"}, Spec: v1alpha1.EnvironmentSpec{
		ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"givenup"}}, TargetNamespace: &v1alpha1.TargetNamespace{Suffix: "-other"},
	}}
	binding := &v1alpha1.ClusterBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "givenup-other"}, Spec: v1alpha1.ClusterBindingSpec{Environment: "givenup-other", Clusters: []string{"local"}},
	}
	h.create(t, other, binding)
	app := appIn("givenup", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(app.Spec.Policies, goesTo("givenup-other"))
	h.create(t, app)
	h.running(t, app)
	// It names the environment no longer, and is wrong from the same change on.
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Components[0].Type, a.Spec.Policies = "none", []v1beta1.AppPolicy{goesTo("givenup-other")}
	})
	h.stalled(t, app, "UnknownType")
	elsewhere := deploymentIn("givenup-other", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(deploymentIn("givenup", "web")), deploymentIn("givenup", "web")); err != nil {
		t.Fatalf("it went before its environment was deleted: %v", err)
	}
	h.remove(t, tenant.environment)
	h.gone(t, tenant.environment, deploymentIn("givenup", "web"))
	h.gone(t, accountIn("givenup")...)
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(elsewhere), elsewhere); err != nil || !elsewhere.DeletionTimestamp.IsZero() {
		t.Errorf("it is not kept in the other environment: %v", err)
	}
	// Nobody can read where it goes.
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = policies("topology", `{"clusters":1}`) })
	h.stalled(t, app, "InvalidPolicy")
	h.remove(t, binding)
	h.gone(t, binding, elsewhere)
	h.gone(t, accountIn("givenup-other")...) // which nobody else uses, and the application stays
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "givenup-other")
}

// testHandedOver checks that an application that another controller has by now keeps
// what was delivered of it, and does not hold the deletion of its environment.
func testHandedOver(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "handedover")
	app := appIn("handedover", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	before := passes(t, "application")
	change(t, h, app, func(a *v1beta1.Application) {
		a.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "another"}
	})
	h.waitFor(t, "a pass", func(context.Context) (string, error) {
		if passes(t, "application") > before {
			return "", nil
		}
		return "nobody looked", nil
	})
	h.staysUntilGivenUp(t, app, tenant.environment)
}

// staysUntilGivenUp checks that the Deployment web of an application stays, but holds
// no deletion of its environment.
func (h *hub) staysUntilGivenUp(t *testing.T, app *v1beta1.Application, environment *v1alpha1.Environment) {
	t.Helper()
	web := deploymentIn(app.Namespace, "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil || !web.DeletionTimestamp.IsZero() {
		t.Errorf("it does not stay: %v", err)
	}
	h.remove(t, environment)
	h.gone(t, environment, web)
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, app.Namespace)
}

// testMovedOver checks that an application which another controller has by now does
// not hold the deletion of an environment that it names no longer, by its status neither.
func testMovedOver(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "movedover")
	app := appIn("movedover", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	change(t, h, app, func(a *v1beta1.Application) {
		a.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "another"}
		a.Spec.Policies = []v1beta1.AppPolicy{goesTo("elsewhere")}
	})
	h.waitFor(t, "a status of the other controller", func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, app.NamespacedName(), app); err != nil {
			return err.Error(), nil
		}
		app.Status = v1beta1.ApplicationStatus{Phase: v1beta1.PhaseRunning}
		if err := h.Status().Update(ctx, app); err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
	h.staysUntilGivenUp(t, app, tenant.environment)
}

// testOneEnvironment checks that an environment which breaks an application keeps
// what it has, and no other environment from a new version.
func testOneEnvironment(t *testing.T, h *hub) {
	h.newTenant(t, "oneenv")
	other := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "oneenv-other"}, Spec: v1alpha1.EnvironmentSpec{
		ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"oneenv"}}, TargetNamespace: &v1alpha1.TargetNamespace{Suffix: "-other"},
	}}
	h.create(t, other, &v1alpha1.ClusterBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "oneenv-other"}, Spec: v1alpha1.ClusterBindingSpec{Environment: "oneenv-other", Clusters: []string{"local"}},
	})
	app := appIn("oneenv", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = []v1beta1.AppPolicy{goesTo("oneenv-other"), goesTo("oneenv")}
	h.create(t, app)
	h.running(t, app)
	change(t, h, other, func(e *v1alpha1.Environment) {
		e.Spec.Defaults = []v1alpha1.ComponentDefaults{{Type: "webservice", Properties: &runtime.RawExtension{Raw: []byte(`{"ports":"x"}`)}}}
	})
	if message := h.stalled(t, app, "InvalidParameters"); !strings.HasPrefix(message, "environment oneenv-other, cluster local: ") {
		t.Errorf("message %q does not begin with the place", message)
	}
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:2", "") })
	h.waitFor(t, "the new version", func(ctx context.Context) (string, error) {
		web := deploymentIn("oneenv", "web")
		if err := h.Get(ctx, client.ObjectKeyFromObject(web), web); err != nil {
			return "", err
		}
		if image := web.Spec.Template.Spec.Containers[0].Image; image != "nginx:2" {
			return image, nil
		}
		return "", nil
	})
	web := deploymentIn("oneenv-other", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil || web.Spec.Template.Spec.Containers[0].Image != "nginx:1" {
		t.Errorf("the environment that breaks it has %v, %v", web.Spec.Template.Spec.Containers, err)
	}
	change(t, h, other, func(e *v1alpha1.Environment) { e.Spec.Defaults = nil })
	h.running(t, app)
}

// testMisspeltCluster checks that a cluster that is not found does not hold what the
// application drops on the others.
func testMisspeltCluster(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "misspelt")
	app := appIn("misspelt", "store", component("web", "nginx:1", exposed), component("api", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	change(t, h, tenant.binding, func(b *v1alpha1.ClusterBinding) { b.Spec.Clusters = []string{"local", "ghost"} })
	h.stalled(t, app, "OCMNotInstalled")
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Components = []v1beta1.ApplicationComponent{component("web", "nginx:1", "")}
	})
	h.gone(t, deploymentIn("misspelt", "api"), serviceIn("misspelt", "web"))
	web := deploymentIn("misspelt", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil || !web.DeletionTimestamp.IsZero() {
		t.Errorf("what the application has still: %v", err)
	}
	h.stalled(t, app, "OCMNotInstalled")
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "misspelt")
}

// testLateLabel labels a namespace after its application was refused for want of the label.
func testLateLabel(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "latelabel")
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) {
		e.Spec.ApplicationNamespaces = &v1alpha1.ApplicationNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"late": "yes"}}}
	})
	app := appIn("latelabel", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.stalled(t, app, "NamespaceNotAdmitted")
	change(t, h, tenant.namespace, func(n *corev1.Namespace) { n.Labels["late"] = "yes" })
	h.running(t, app)
	// A namespace that is no longer admitted keeps what it has, and gets no more.
	change(t, h, tenant.namespace, func(n *corev1.Namespace) { delete(n.Labels, "late") })
	h.stalled(t, app, "NamespaceNotAdmitted")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(deploymentIn("latelabel", "web")), deploymentIn("latelabel", "web")); err != nil {
		t.Errorf("what was delivered: %v", err)
	}
}

// testTargetNamespace delivers into a namespace of its own.
func testTargetNamespace(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "target")
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) {
		e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Suffix: "-prod"}
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Labels: map[string]string{"stage": "prod"}}
	})
	theirs := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "target-prod"}}
	h.create(t, theirs)
	app := appIn("target", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.stalled(t, app, "NamespaceNotOurs")
	h.remove(t, theirs)
	h.gone(t, theirs)
	h.running(t, app)
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "target-prod"}}
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(made), made); err != nil || made.Labels["stage"] != "prod" {
		t.Errorf("labels %v, %v", made.Labels, err)
	}
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "target-prod")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(made), made); err != nil {
		t.Errorf("the namespace may hold data and must stay: %v", err)
	}
}

// testNamespaceDeleted deletes the namespace of an application with all that is in it.
func testNamespaceDeleted(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "dying")
	app := appIn("dying", "store", component("web", "nginx:1", exposed))
	h.create(t, app)
	h.running(t, app)
	h.remove(t, tenant.namespace)
	h.gone(t, tenant.namespace)
	h.remove(t, tenant.environment, tenant.binding)
	h.gone(t, tenant.environment, tenant.binding)
}

// testOtherEnvironment moves an application to another environment of the same place.
func testOtherEnvironment(t *testing.T, h *hub) {
	h.newTenant(t, "moving")
	other := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Name: "moved"}, Spec: v1alpha1.EnvironmentSpec{ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"moving"}}},
	}
	binding := &v1alpha1.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Name: "moved"}, Spec: v1alpha1.ClusterBindingSpec{Environment: "moved", Clusters: []string{"local"}}}
	h.create(t, other, binding)
	app := appIn("moving", "store", component("web", "nginx:1", exposed))
	h.create(t, app)
	h.running(t, app)
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = []v1beta1.AppPolicy{goesTo("moved")} })
	h.running(t, app)
	deployment := deploymentIn("moving", "web")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(deployment), deployment); err != nil || deployment.Labels[v1alpha1.LabelEnvironment] != "moved" {
		t.Errorf("the Deployment is of environment %q, %v", deployment.Labels[v1alpha1.LabelEnvironment], err)
	}
}

// testRights takes the deployer's account and rights away by hand.
func testRights(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "rights")
	app := appIn("rights", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	h.remove(t, accountIn("rights")...)
	for _, object := range accountIn("rights") {
		h.waitFor(t, fmt.Sprintf("%T to come back", object), func(ctx context.Context) (string, error) {
			err := h.Get(ctx, client.ObjectKeyFromObject(object), object)
			if err == nil && object.GetDeletionTimestamp().IsZero() {
				return "", nil
			}
			return "it is not back", client.IgnoreNotFound(err)
		})
	}
	// roleRef cannot be changed: another role is another binding.
	h.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "big"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "create", "update", "patch", "delete"}},
	}})
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) { e.Spec.Permissions = "big" })
	h.waitFor(t, "the other role", func(ctx context.Context) (string, error) {
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "rights", Name: v1alpha1.DeployerAccount}}
		err := h.Get(ctx, client.ObjectKeyFromObject(binding), binding)
		if err == nil && binding.RoleRef.Name == "big" {
			return "", nil
		}
		return "the role is " + binding.RoleRef.Name, client.IgnoreNotFound(err)
	})
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:2", "") })
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, "rights")
}

// testDefinitions checks that it is said of a definition why it cannot be used.
func testDefinitions(t *testing.T, h *hub) {
	h.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "definitions"}})
	trait := &v1beta1.TraitDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "definitions", Name: "gateway"}}
	h.create(t, trait)
	h.waitFor(t, "the status of a definition", func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, client.ObjectKeyFromObject(trait), trait); err != nil {
			return "", err
		}
		if len(trait.Status.Conditions) == 0 {
			return "there is none", nil
		}
		return "", nil
	})
	golden(t, "definition.yaml", conditionTexts(v1beta1.ApplicationStatus{Conditions: trait.Status.Conditions}))
}
