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
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// treatments are tests of what policies say of single objects, on a real API server.
func treatments() map[string]func(*testing.T, *hub) {
	return map[string]func(*testing.T, *hub){
		"autoscaler": testAutoscaler, "held image": testHeldImage, "held items": testHeldItems, "held container": testHeldContainer,
		"kept objects": testKeptObjects, "kept again": testKeptAgain, "adoption": testAdoption,
		"recreated": testRecreated, "replaced": testReplaced, "order": testOrder, "order-of-an-update": testOrderOfAnUpdate,
	}
}

func policyOf(kind, properties string) v1beta1.AppPolicy {
	return v1beta1.AppPolicy{Name: kind, Type: kind, Properties: &runtime.RawExtension{Raw: []byte(properties)}}
}

func traitOf(kind, properties string) v1beta1.ApplicationTrait {
	return v1beta1.ApplicationTrait{Type: kind, Properties: &runtime.RawExtension{Raw: []byte(properties)}}
}

// deployment waits until the Deployment web is as it is wanted.
func (h *hub) deployment(t *testing.T, namespace string, missing func(*appsv1.Deployment) string) *appsv1.Deployment {
	t.Helper()
	live := deploymentIn(namespace, "web")
	h.waitFor(t, "Deployment "+namespace+"/web", func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
			return "it is not there", client.IgnoreNotFound(err)
		}
		return missing(live), nil
	})
	return live
}

func serves(image string) func(*appsv1.Deployment) string {
	return func(d *appsv1.Deployment) string {
		if got := d.Spec.Template.Spec.Containers[0].Image; got != image {
			return fmt.Sprintf("it runs %s, want %s", got, image)
		}
		return ""
	}
}

// scale sets the replicas as an autoscaler does.
func (h *hub) scale(t *testing.T, namespace string, replicas int) {
	t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := h.SubResource("scale").Patch(t.Context(), deploymentIn(namespace, "web"), patch, client.FieldOwner("autoscaler")); err != nil {
		t.Fatal(err)
	}
}

// testAutoscaler checks that the replicas that an autoscaler sets survive every
// change of the application, with the autoscaler there from the start and added later.
func testAutoscaler(t *testing.T, h *hub) {
	scaled := traitOf("hpa", `{"min":1,"max":20}`)
	later := traitOf("scaler", `{"replicas":3}`)
	for name, start := range map[string][]v1beta1.ApplicationTrait{
		"scaled": {scaled}, "scaled-later": {later}, "scaled-drifting": {scaled}, "scaled-later-drifting": {later},
	} {
		h.newTenant(t, name)
		web := component("web", "nginx:0", "")
		web.Traits = start
		app := appIn(name, "store", web)
		if strings.HasSuffix(name, "drifting") {
			app.Spec.Policies = append(app.Spec.Policies, policyOf("apply-once", `{"enable":true}`))
		}
		h.create(t, app)
		h.deployment(t, name, serves("nginx:0"))
		change(t, h, app, func(a *v1beta1.Application) {
			a.Spec.Components[0] = component("web", "nginx:1", "")
			a.Spec.Components[0].Traits = []v1beta1.ApplicationTrait{scaled}
		})
		live := h.deployment(t, name, serves("nginx:1"))
		if want := map[string]int32{"scaled": 1, "scaled-later": 3, "scaled-drifting": 1, "scaled-later-drifting": 3}[name]; *live.Spec.Replicas != want {
			t.Errorf("%s: %d replicas when the autoscaler comes, want %d", name, *live.Spec.Replicas, want)
		}
		for edit := range 10 {
			h.scale(t, name, 4+edit)
			image := fmt.Sprintf("nginx:1.%d", edit)
			change(t, h, app, func(a *v1beta1.Application) {
				a.Spec.Components[0].Properties = &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"image":%q}`, image)}
			})
			if live := h.deployment(t, name, serves(image)); *live.Spec.Replicas != int32(4+edit) { //nolint:gosec // at most 13
				t.Errorf("%s: %d replicas after an edit, want %d", name, *live.Spec.Replicas, 4+edit)
			}
		}
		change(t, h, app, func(a *v1beta1.Application) {
			a.Spec.Components[0].Traits = []v1beta1.ApplicationTrait{traitOf("scaler", `{"replicas":2}`)}
		})
		h.deployment(t, name, func(d *appsv1.Deployment) string {
			if *d.Spec.Replicas != 2 || d.Annotations[delivery.AnnotationHeld] != "" {
				return fmt.Sprintf("%d replicas without an autoscaler, held %q", *d.Spec.Replicas, d.Annotations[delivery.AnnotationHeld])
			}
			return ""
		})
		h.remove(t, app)
		h.gone(t, app)
		h.empty(t, name)
	}
}

// testHeldImage checks a field of an item of a list: others may change it, and a
// change by the application is written where the policy says so.
func testHeldImage(t *testing.T, h *hub) {
	h.newTenant(t, "held")
	app := appIn("held", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(app.Spec.Policies, policyOf("apply-once",
		`{"enable":true,"rules":[{"selector":{"resourceTypes":["Deployment"]},"strategy":{"affect":"onStateKeep","path":["spec.template.spec.containers[0].image"]}}]}`))
	h.create(t, app)
	live := h.deployment(t, "held", func(d *appsv1.Deployment) string {
		if d.Annotations[delivery.AnnotationHeld] == "" {
			return "its image is not left to others yet"
		}
		return ""
	})
	// A patch, since the Deployment's own controller writes at the same time.
	before := live.DeepCopy()
	live.Spec.Template.Spec.Containers[0].Image = "others:1"
	if err := h.Patch(t.Context(), live, client.MergeFrom(before), client.FieldOwner("others")); err != nil {
		t.Fatal(err)
	}
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:1", `,"cpu":"0.1"`) })
	live = h.deployment(t, "held", func(d *appsv1.Deployment) string {
		if d.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().IsZero() {
			return "no change yet"
		}
		return ""
	})
	if image := live.Spec.Template.Spec.Containers[0].Image; image != "others:1" || len(live.Spec.Template.Spec.Containers) != 1 {
		t.Errorf("after a change of another field it runs %s", image)
	}
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = component("web", "nginx:2", `,"cpu":"0.1"`) })
	h.deployment(t, "held", serves("nginx:2"))
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
}

// claims is a component with a claim and a ConfigMap.
func claims(name string) v1beta1.ApplicationComponent {
	return v1beta1.ApplicationComponent{Name: name, Type: "k8s-objects", Properties: &runtime.RawExtension{Raw: []byte(`{"objects":[
		{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","annotations":{"app.oam.dev/disable-health-check":"true"}},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}},
		{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"b"}}]}`)}}
}

// testKeptObjects checks that a claim outlives its application and is known by
// the same application made again, and that what goes with the application stays until then.
func testKeptObjects(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "kept")
	withPolicy := func() *v1beta1.Application {
		app := appIn("kept", "store", component("web", "nginx:1", ""), claims("data"))
		app.Spec.Policies = append(app.Spec.Policies, policyOf("garbage-collect", `{"rules":[{"selector":{"resourceTypes":["ConfigMap"]},"strategy":"onAppDelete"}]}`))
		return app
	}
	app := withPolicy()
	h.create(t, app)
	h.running(t, app)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "kept", Name: "data"}}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kept", Name: "settings"}}
	get := func(object client.Object) {
		t.Helper()
		if err := h.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Fatal(err)
		}
	}
	get(claim)
	uid := claim.UID
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components = a.Spec.Components[:1] })
	h.waitFor(t, "the claim to be let go", func(ctx context.Context) (string, error) {
		err := h.Get(ctx, client.ObjectKeyFromObject(claim), claim)
		if claim.Labels[delivery.LabelLeft] != string(app.UID) || claim.Labels[v1alpha1.LabelApplicationUID] != "" {
			return fmt.Sprintf("labels %v", claim.Labels), err
		}
		return "", err
	})
	h.running(t, app)
	get(settings)
	h.remove(t, app)
	h.gone(t, app, settings)
	h.empty(t, "kept")
	get(claim)
	again := withPolicy()
	h.create(t, again)
	h.running(t, again)
	get(claim)
	if claim.UID != uid || claim.Labels[v1alpha1.LabelApplicationUID] != string(again.UID) || claim.Labels[delivery.LabelLeft] != "" {
		t.Errorf("claim %s, labels %v, want that of before, and it adopted", claim.UID, claim.Labels)
	}
	// An environment that goes takes all with it but for what is kept for ever.
	h.remove(t, tenant.environment)
	h.gone(t, tenant.environment, settings, deploymentIn("kept", "web"))
	get(claim)
	h.remove(t, again)
	h.gone(t, again)
	h.empty(t, "kept")
}

// testKeptAgain checks that a claim which was adopted with a policy that removes it
// outlives its application once the policy is gone, as claims usually do.
func testKeptAgain(t *testing.T, h *hub) {
	h.newTenant(t, "kept-again")
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "kept-again", Name: "data"}}
	removal := func(want string) {
		t.Helper()
		h.waitFor(t, "what becomes of the claim", func(ctx context.Context) (string, error) {
			*claim = corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "kept-again", Name: "data"}}
			err := h.Get(ctx, client.ObjectKeyFromObject(claim), claim)
			return cmp.Diff(want, claim.Annotations[delivery.AnnotationRemoval]), err
		})
	}
	app := appIn("kept-again", "store", claims("data"))
	h.create(t, app)
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	removal("")
	again := appIn("kept-again", "store", claims("data"))
	again.Spec.Policies = append(again.Spec.Policies, policyOf("garbage-collect", `{"rules":[{"selector":{"resourceTypes":["PersistentVolumeClaim"]},"strategy":"onAppDelete"}]}`))
	h.create(t, again)
	h.running(t, again)
	removal("onAppDelete")
	change(t, h, again, func(a *v1beta1.Application) { a.Spec.Policies = a.Spec.Policies[:1] })
	removal("")
	h.running(t, again)
	h.remove(t, again)
	h.gone(t, again)
	removal("")
	if !claim.DeletionTimestamp.IsZero() || claim.Labels[delivery.LabelLeft] != string(again.UID) {
		t.Errorf("the claim is being deleted, or was not let go: %v", claim.ObjectMeta)
	}
}

// testAdoption checks that what carries the application's own labels is adopted
// whatever its UID, and that a foreign object is taken over where a policy says so.
func testAdoption(t *testing.T, h *hub) {
	h.newTenant(t, "adoption")
	app := appIn("adoption", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	live := h.deployment(t, "adoption", serves("nginx:1"))
	for _, value := range []string{"", "5a4e6a2c-0000-4000-8000-000000000000"} {
		change(t, h, live, func(d *appsv1.Deployment) {
			d.Labels[v1alpha1.LabelApplicationUID] = value
			if value == "" {
				delete(d.Labels, v1alpha1.LabelApplicationUID)
			}
		})
		h.deployment(t, "adoption", func(d *appsv1.Deployment) string {
			if d.UID != live.UID || d.Labels[v1alpha1.LabelApplicationUID] != string(app.UID) {
				return fmt.Sprintf("UID label %q", d.Labels[v1alpha1.LabelApplicationUID])
			}
			return ""
		})
	}
	h.remove(t, app)
	h.gone(t, app, live)

	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "adoption", Name: "settings"}, Data: map[string]string{"a": "theirs", "c": "theirs"}}
	h.create(t, theirs)
	taking := appIn("adoption", "taking", claims("data"))
	h.create(t, taking)
	h.stalled(t, taking, delivery.ReasonForeignObject)
	change(t, h, taking, func(a *v1beta1.Application) {
		a.Spec.Policies = append(a.Spec.Policies, policyOf("take-over", `{"rules":[{"selector":{"resourceTypes":["ConfigMap"]}}]}`))
	})
	h.running(t, taking)
	got := &corev1.ConfigMap{}
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(theirs), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "theirs"}, got.Data); diff != "" || got.UID != theirs.UID {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	h.remove(t, taking)
	h.gone(t, taking, theirs)
}

// testRecreated checks that an object is made anew for a field that the API server does not let change.
func testRecreated(t *testing.T, h *hub) {
	h.newTenant(t, "recreated")
	job := func(image string) v1beta1.ApplicationComponent {
		return v1beta1.ApplicationComponent{Name: "web", Type: "task", Properties: &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"image":%q}`, image)}}
	}
	app := appIn("recreated", "store", job("busybox:1"))
	app.Spec.Policies = append(app.Spec.Policies, policyOf("resource-update",
		`{"rules":[{"selector":{"resourceTypes":["Job"]},"strategy":{"recreateFields":["spec.template.spec.containers[0].image"]}}]}`))
	h.create(t, app)
	uid := h.job(t, "recreated", "busybox:1").GetUID()
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = job("busybox:2") })
	if again := h.job(t, "recreated", "busybox:2"); again.GetUID() == uid {
		t.Error("the Job is still the same")
	}
	h.remove(t, app)
	h.gone(t, app)
}

// job waits until the Job web runs an image.
func (h *hub) job(t *testing.T, namespace, image string) *batchv1.Job {
	t.Helper()
	live := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
	h.waitFor(t, "Job "+namespace+"/web", func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
			return "it is not there", client.IgnoreNotFound(err)
		}
		if got := live.Spec.Template.Spec.Containers[0].Image; got != image {
			return "it runs " + got, nil
		}
		return "", nil
	})
	return live
}

// testReplaced checks that what the application does not say goes from an object.
func testReplaced(t *testing.T, h *hub) {
	h.newTenant(t, "replaced")
	app := appIn("replaced", "store", component("web", "nginx:1", exposed), claims("data"))
	app.Spec.Policies = append(app.Spec.Policies, policyOf("resource-update",
		`{"rules":[{"selector":{"resourceTypes":["ConfigMap","Service","Deployment"]},"strategy":{"op":"replace"}}]}`))
	h.create(t, app)
	h.running(t, app)
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "replaced", Name: "settings"}}
	change(t, h, settings, func(c *corev1.ConfigMap) { c.Data["more"] = "x" })
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Components[0] = component("web", "nginx:2", exposed)
		a.Spec.Components[1].Properties.Raw = []byte(`{"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"c"}}]}`)
	})
	h.deployment(t, "replaced", serves("nginx:2"))
	h.waitFor(t, "the ConfigMap", func(ctx context.Context) (string, error) {
		err := h.Get(ctx, client.ObjectKeyFromObject(settings), settings)
		return cmp.Diff(map[string]string{"a": "c"}, settings.Data), err
	})
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app, settings)
}

// testHeldItems checks fields of items of lists that others may change, while the
// application puts an item in front, removes one, and wants its fields back.
func testHeldItems(t *testing.T, h *hub) {
	const environment, resources = "spec.template.spec.containers[0].env[1]", "spec.template.spec.containers[0].resources"
	h.newTenant(t, "items")
	app := appIn("items", "store", envOf("nginx:1", "A", "B", "C"))
	held := policyOf("apply-once", fmt.Sprintf(`{"enable":true,"rules":[{"selector":{"resourceTypes":["Deployment"]},"strategy":{"path":[%q,%q,%q]}}]}`,
		"spec.template.spec.containers[0].env[0]", environment, resources))
	app.Spec.Policies = append(app.Spec.Policies, held)
	h.create(t, app)
	has := func(want ...string) func(*appsv1.Deployment) string {
		return func(d *appsv1.Deployment) string {
			var got []string
			for _, variable := range d.Spec.Template.Spec.Containers[0].Env {
				got = append(got, variable.Name+"="+variable.Value)
			}
			slices.Sort(got)
			return cmp.Diff(want, got)
		}
	}
	live := h.deployment(t, "items", func(d *appsv1.Deployment) string {
		if d.Annotations[delivery.AnnotationHeld] == "" {
			return "nothing is left to others yet"
		}
		return has("A=app", "B=app", "C=app")(d)
	})
	patch := `{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"B","value":"others"}]}]}}}}`
	if err := h.Patch(t.Context(), live, client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.FieldOwner("others")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		reason string
		names  []string
		want   []string
	}{
		{"what others changed stays, beside an item that is written", []string{"A", "B", "D"}, []string{"A=app", "B=others", "D=app"}},
		{"a new item is made, and what moved away is the application's again", []string{"N", "A", "B", "D"}, []string{"A=app", "B=app", "D=app", "N=app"}},
		{"items that the application removed go, and the others move up", []string{"B", "D"}, []string{"B=app", "D=app"}},
	} {
		change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = envOf("nginx:1", step.names...) })
		t.Log(step.reason)
		h.deployment(t, "items", has(step.want...))
		h.running(t, app)
	}
	change(t, h, app, func(a *v1beta1.Application) {
		a.Spec.Components[0], a.Spec.Policies = envOf("nginx:1", "A"), slices.DeleteFunc(a.Spec.Policies, func(p v1beta1.AppPolicy) bool { return p.Type == "apply-once" })
	})
	h.deployment(t, "items", has("A=app"))
	h.remove(t, app)
	h.gone(t, app)
}

// envOf is a component whose container has variables, all of one value.
func envOf(image string, names ...string) v1beta1.ApplicationComponent {
	variables := make([]string, 0, len(names))
	for _, name := range names {
		variables = append(variables, fmt.Sprintf(`{"name":%q,"value":"app"}`, name))
	}
	return component("web", image, `,"cpu":"0.1","env":[`+strings.Join(variables, ",")+`]`)
}

// testHeldContainer checks the image of the first container, when another one
// comes in front of it and when both go.
func testHeldContainer(t *testing.T, h *hub) {
	h.newTenant(t, "containers")
	of := func(names ...string) v1beta1.ApplicationComponent {
		containers := make([]string, 0, len(names))
		for _, name := range names {
			containers = append(containers, fmt.Sprintf(`{"name":%q,"image":"app:1"}`, name))
		}
		return v1beta1.ApplicationComponent{Name: "web", Type: "k8s-objects", Properties: &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"objects":[
			{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","annotations":{"app.oam.dev/disable-health-check":"true"}},"spec":{"selector":{"matchLabels":{"a":"b"}},
			"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[%s]}}}}]}`, strings.Join(containers, ","))}}
	}
	app := appIn("containers", "store", of("web"))
	app.Spec.Policies = append(app.Spec.Policies, policyOf("apply-once",
		`{"enable":true,"rules":[{"selector":{"resourceTypes":["Deployment"]},"strategy":{"path":["spec.template.spec.containers[0].image","spec.template.spec.containers[0].imagePullPolicy"]}}]}`))
	h.create(t, app)
	runs := func(want ...string) func(*appsv1.Deployment) string {
		return func(d *appsv1.Deployment) string {
			var got []string
			for _, container := range d.Spec.Template.Spec.Containers {
				got = append(got, container.Name+" "+container.Image)
			}
			slices.Sort(got)
			return cmp.Diff(want, got) // by name, since the order of items is the API server's
		}
	}
	h.deployment(t, "containers", runs("web app:1"))
	for _, names := range [][]string{{"proxy", "web"}, {"web"}, {"other", "proxy"}, {"web"}} {
		change(t, h, app, func(a *v1beta1.Application) { a.Spec.Components[0] = of(names...) })
		want := make([]string, 0, len(names))
		for _, name := range names {
			want = append(want, name+" app:1")
		}
		h.deployment(t, "containers", runs(want...))
	}
	h.remove(t, app)
	h.gone(t, app)
}
