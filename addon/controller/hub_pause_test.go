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
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// pausing are the tests of applications that are paused.
func pausing() map[string]func(*testing.T, *hub) {
	return map[string]func(*testing.T, *hub){"whole": testPause, "from the start": testPausedFromTheStart, "deleted": testPausedAndDeleted}
}

// setPause pauses or resumes an application.
func (h *hub) setPause(t *testing.T, app *v1beta1.Application, paused bool) {
	t.Helper()
	change(t, h, app.DeepCopy(), func(app *v1beta1.Application) {
		delete(app.Labels, v1beta1.LabelPause)
		if paused {
			app.Labels = map[string]string{v1beta1.LabelPause: v1beta1.LabelPauseValue}
		}
	})
}

// pauseSeen waits until the status says that the application is paused, or that it is not.
func (h *hub) pauseSeen(t *testing.T, app *v1beta1.Application, paused bool) *v1beta1.Application {
	t.Helper()
	return h.application(t, app.NamespacedName(), func(app *v1beta1.Application) string {
		if meta.IsStatusConditionTrue(app.Status.Conditions, v1alpha1.ConditionPaused) != paused {
			return fmt.Sprintf("paused is not %t", paused)
		}
		return ""
	})
}

// held waits until the application is stalled as it is now, since it is paused, and what is said contains all the texts.
func (h *hub) held(t *testing.T, app *v1beta1.Application, texts ...string) *v1beta1.Application {
	t.Helper()
	return h.application(t, app.NamespacedName(), func(app *v1beta1.Application) string {
		condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
		if !isTrue(condition) || condition.Reason != v1alpha1.ReasonPaused || app.Status.ObservedGeneration != app.Generation {
			return "it is not held back"
		}
		for _, text := range texts {
			if !strings.Contains(condition.Message, text) {
				return "nothing is said of " + text
			}
		}
		return ""
	})
}

// onlyStatuses checks that nothing but statuses was written in a namespace, and how many.
// What is written of the environment of that name is not the application's.
func (h *hub) onlyStatuses(t *testing.T, from int64, namespace string, most int) {
	t.Helper()
	writes := h.writesIn(t, from, namespace)
	statuses := count(writes, "update applications/status")
	if statuses > most {
		t.Errorf("%d writes of the status, want at most %d", statuses, most)
	}
	others := slices.DeleteFunc(writes, func(w string) bool {
		return strings.HasPrefix(w, "update applications/status") || strings.HasSuffix(w, " /"+namespace)
	})
	if len(others) > 0 {
		t.Errorf("writes for an application that is paused: %v", others)
	}
}

// testPause pauses an application, changes it and what was delivered, and resumes it.
func testPause(t *testing.T, h *hub) {
	const namespace = "pause"
	tenant := h.newTenant(t, namespace)
	settings := v1beta1.ApplicationComponent{Name: "settings", Type: "k8s-objects", Properties: &runtime.RawExtension{
		Raw: []byte(`{"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1"}}]}`)}}
	app := appIn(namespace, "store", component("web", "nginx:1", exposed), component("old", "nginx:1", ""), settings)
	start := h.mark(t)
	h.create(t, app)
	before := h.running(t, app)
	h.settled(t, namespace, start)

	paused := h.mark(t)
	h.setPause(t, app, true)
	got := h.pauseSeen(t, app, true)
	if got.Status.Phase != v1beta1.PhaseRunning || !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("what is delivered and healthy stays so: %v", conditionTexts(got.Status))
	}
	h.looksAgain(t, tenant)
	h.onlyStatuses(t, paused, namespace, 1)

	drifted := h.mark(t)
	h.remove(t, serviceIn(namespace, "web"))
	got = h.held(t, app, "component web: paused: what is there is left as it is")
	if got.Status.Phase != v1beta1.PhaseWorkflowSuspending {
		t.Errorf("phase %s", got.Status.Phase)
	}
	change(t, h, app.DeepCopy(), func(app *v1beta1.Application) {
		settings.Properties.Raw = []byte(strings.Replace(string(settings.Properties.Raw), `"1"`, `"2"`, 1))
		app.Spec.Components = []v1beta1.ApplicationComponent{component("web", "nginx:2", exposed), component("new", "nginx:1", ""), settings}
	})
	got = h.held(t, app, `its label controller.core.oam.dev/pause is "true": environment pause, cluster local: component `, "; and 1 more")
	if diff := cmp.Diff(before.Status.LatestRevision, got.Status.LatestRevision); diff != "" {
		t.Errorf("the latest revision is what is there (-want +got):\n%s", diff)
	}
	h.looksAgain(t, tenant)
	h.onlyStatuses(t, drifted, namespace, 6)
	h.isAsBefore(t, namespace)

	h.setPause(t, app, false)
	h.running(t, app)
	if got := h.pauseSeen(t, app, false); got.Status.LatestRevision.Revision != 2 {
		t.Errorf("revision %d, want 2", got.Status.LatestRevision.Revision)
	}
	h.gone(t, deploymentIn(namespace, "old"))
	h.isResumed(t, namespace)
	h.told(t, namespace, v1alpha1.ReasonPaused, reasonResumed)
}

// looksAgain makes the controllers look at the applications of a tenant.
func (h *hub) looksAgain(t *testing.T, tenant tenant) {
	t.Helper()
	for i := range 3 {
		before := passes(t, "application")
		change(t, h, tenant.environment, func(e *v1alpha1.Environment) { e.Labels = map[string]string{"look": fmt.Sprintf("%.0f-%d", before, i)} })
		h.waitFor(t, "a pass", func(context.Context) (string, error) {
			if passes(t, "application") > before {
				return "", nil
			}
			return "nobody looked", nil
		})
	}
}

// isAsBefore checks what stands while the application is paused.
func (h *hub) isAsBefore(t *testing.T, namespace string) {
	t.Helper()
	web, old := deploymentIn(namespace, "web"), deploymentIn(namespace, "old")
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil {
		t.Fatal(err)
	}
	if err := h.Get(t.Context(), client.ObjectKeyFromObject(old), old); err != nil {
		t.Errorf("what the application has no longer is removed when it is resumed: %v", err)
	}
	if image := web.Spec.Template.Spec.Containers[0].Image; image != "nginx:1" {
		t.Errorf("image %s", image)
	}
	for _, object := range []client.Object{serviceIn(namespace, "web"), deploymentIn(namespace, "new")} {
		if err := h.Get(t.Context(), client.ObjectKeyFromObject(object), object); err == nil {
			t.Errorf("%T %s is there", object, object.GetName())
		}
	}
}

// isResumed checks what stands after the application was resumed.
func (h *hub) isResumed(t *testing.T, namespace string) {
	t.Helper()
	web, settings := deploymentIn(namespace, "web"), &corev1.ConfigMap{}
	settings.Namespace, settings.Name = namespace, "settings"
	for _, object := range []client.Object{web, settings, serviceIn(namespace, "web"), deploymentIn(namespace, "new")} {
		if err := h.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Errorf("%T %s: %v", object, object.GetName(), err)
		}
	}
	got := []string{web.Spec.Template.Spec.Containers[0].Image, settings.Data["a"], web.Labels[v1beta1.LabelPause]}
	if diff := cmp.Diff([]string{"nginx:2", "2", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// told waits until there are events with these reasons in a namespace.
func (h *hub) told(t *testing.T, namespace string, reasons ...string) {
	t.Helper()
	h.waitFor(t, "events", func(ctx context.Context) (string, error) {
		var list corev1.EventList
		if err := h.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return "", err
		}
		missing := slices.Clone(reasons)
		for _, event := range list.Items {
			missing = slices.DeleteFunc(missing, func(reason string) bool { return reason == event.Reason })
		}
		return strings.Join(missing, ", "), nil
	})
}

// testPausedFromTheStart checks that nothing of an application arrives that was paused before it was delivered.
func testPausedFromTheStart(t *testing.T, h *hub) {
	const namespace = "pause-new"
	tenant := h.newTenant(t, namespace)
	h.delivers(t, tenant)
	app := appIn(namespace, "store", component("web", "nginx:1", ""))
	app.Labels = map[string]string{v1beta1.LabelPause: v1beta1.LabelPauseValue}
	start := h.mark(t)
	h.create(t, app)
	got := h.held(t, app, "component web")
	if len(got.Finalizers) > 0 || got.Status.LatestRevision != nil || len(got.Status.AppliedResources) > 0 {
		t.Errorf("nothing was delivered: finalizers %v, revision %v, objects %v", got.Finalizers, got.Status.LatestRevision, got.Status.AppliedResources)
	}
	h.looksAgain(t, tenant)
	h.onlyStatuses(t, start, namespace, 1)
	left, err := h.leftovers(t.Context(), namespace)
	if err != nil || len(left) > 0 {
		t.Errorf("in the namespace: %v (error: %v)", left, err)
	}
	h.setPause(t, app, false)
	h.running(t, app)
	h.remove(t, app)
	h.gone(t, app)
	h.empty(t, namespace)
}

// testPausedAndDeleted checks that a deletion is carried out.
func testPausedAndDeleted(t *testing.T, h *hub) {
	const namespace = "pause-deleted"
	h.newTenant(t, namespace)
	app := appIn(namespace, "store", component("web", "nginx:1", exposed))
	h.create(t, app)
	h.running(t, app)
	h.setPause(t, app, true)
	h.pauseSeen(t, app, true)
	h.remove(t, app)
	h.gone(t, app, deploymentIn(namespace, "web"))
	h.empty(t, namespace)
}
