// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// thisRollout is the address of the rollout in these configurations.
const thisRollout = "fairlead_rollout.this"

// rolledOut is a configuration of an application and of the rollout that waits for it.
func rolledOut(plane *cluster.ControlPlane, name, image, more string) string {
	return withProvider(plane, application(name, web(image))+`
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
`+more+`
}`)
}

// statusWriter writes the status of one application as the addon would: each
// time the application changes it says the same of the new revision.
type statusWriter struct {
	objects dynamic.ResourceInterface
	name    string
	mutex   sync.Mutex
	status  map[string]any
}

// writeStatus starts a statusWriter that ends with the test.
func writeStatus(t *testing.T, plane *cluster.ControlPlane, name string, status map[string]any) *statusWriter {
	t.Helper()
	w := &statusWriter{objects: hubObjects(t, plane).Resource(applications).Namespace("default"), name: name, status: status}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("write the status of %s: %v", name, err)
		}
	})
	return w
}

// say changes what is said of the application, now and from now on.
func (w *statusWriter) say(t *testing.T, status map[string]any) {
	t.Helper()
	w.mutex.Lock()
	w.status = status
	w.mutex.Unlock()
	object, err := w.objects.Get(t.Context(), w.name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("read %s: %v", w.name, err)
	}
	if err := w.write(t.Context(), object); err != nil {
		t.Fatalf("write the status of %s: %v", w.name, err)
	}
}

// run answers every change of the application until ctx ends.
func (w *statusWriter) run(ctx context.Context) error {
	for ctx.Err() == nil {
		watcher, err := w.objects.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", w.name).String()})
		if err != nil {
			return unlessOver(ctx, err)
		}
		for event := range watcher.ResultChan() {
			object, ok := event.Object.(*unstructured.Unstructured)
			if !ok || event.Type == "DELETED" {
				continue
			}
			if err := unlessOver(ctx, w.write(ctx, object)); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
		watcher.Stop()
	}
	return nil
}

// unlessOver is err, or nil when ctx has ended and an error is what to expect.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// write writes the status of the revision that the object carries, unless it says that already.
func (w *statusWriter) write(ctx context.Context, object *unstructured.Unstructured) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	status := map[string]any{
		"observedGeneration": object.GetGeneration(),
		"observedRevision":   object.GetAnnotations()[v1alpha1.AnnotationRevision],
		// What the last status said and this one does not.
		"services": nil, "summary": nil,
	}
	for key, value := range w.status {
		status[key] = value
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	// A patch that changes nothing makes no event.
	_, err = w.objects.Patch(ctx, w.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "fairlead-addon"}, "status")
	return err
}

func statusCondition(kind, status, reason, message string) map[string]any {
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T15:04:05Z"}
}

// healthyStatus is that of an application that runs in two places.
func healthyStatus() map[string]any {
	return map[string]any{
		"status":     "running",
		"conditions": []any{statusCondition("Ready", "True", "Healthy", "2 of 2 places are healthy")},
		"services":   []any{place("eu-1", true, "1 of 1 ready"), place("eu-2", true, "1 of 1 ready")},
	}
}

// progressingStatus is that of an application that is being delivered.
func progressingStatus() map[string]any {
	return map[string]any{
		"status":     "runningWorkflow",
		"conditions": []any{statusCondition("Reconciling", "True", "Delivering", "no cluster is bound to environment \"prod\" yet")},
	}
}

// brokenStatus is that of an application whose image cannot be pulled in one place.
func brokenStatus() map[string]any {
	return map[string]any{
		"status":     "workflowFailed",
		"conditions": []any{statusCondition("Stalled", "True", "Unhealthy", "waiting cannot help")},
		"services":   []any{place("eu-1", true, "1 of 1 ready"), place("eu-2", false, "0 of 1 ready\npod web-1, container web: ImagePullBackOff")},
	}
}

// awayStatus is that of an application that one cluster has not taken over.
func awayStatus() map[string]any {
	return map[string]any{
		"status":     "runningWorkflow",
		"conditions": []any{statusCondition("Stalled", "True", "ClusterAway", "cluster eu-2 does not report")},
		"services":   []any{place("eu-1", true, "1 of 1 ready"), place("eu-2", false, "cluster is away since 2026-01-02T15:04:05Z: agent does not report")},
	}
}

func place(cluster string, healthy bool, message string) map[string]any {
	return map[string]any{
		"name": "web", "namespace": "default-prod", "env": "prod", "cluster": cluster, "healthy": healthy, "message": message,
		"workloadDefinition": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"},
	}
}

// planned expects an action for the rollout, and that the application is not touched.
func planned(action plancheck.ResourceActionType, application plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction(thisRollout, action),
		plancheck.ExpectResourceAction(thisApplication, application),
	}}
}

// untainted checks that an error left the application in the state as it is.
func untainted(state *terraform.State) error {
	if primary := state.RootModule().Resources[thisApplication].Primary; primary == nil || primary.Tainted {
		return fmt.Errorf("the application is tainted")
	}
	return nil
}

// TestRolloutWaitsUntilHealthy waits for a first rollout, for that of a change,
// and plans nothing while an application that was rolled out is unhealthy later.
func TestRolloutWaitsUntilHealthy(t *testing.T) {
	plane := sharedHub(t)
	addon := writeStatus(t, plane, "rollout-ok", healthyStatus())
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: rolledOut(plane, "rollout-ok", "nginx:1", "")},
			{Config: rolledOut(plane, "rollout-ok", "nginx:1", ""), ConfigPlanChecks: emptyPlan()},
			{Config: rolledOut(plane, "rollout-ok", "nginx:2", ""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, plancheck.ResourceActionUpdate)},
			{
				PreConfig: func() { addon.say(t, brokenStatus()) },
				Config:    rolledOut(plane, "rollout-ok", "nginx:2", ""), ConfigPlanChecks: emptyPlan(),
			},
		},
	})
}

// TestRolloutFails checks that a failed rollout is an error that says why, leaves
// the application alone, and stays in the plan until it has succeeded.
func TestRolloutFails(t *testing.T) {
	plane := sharedHub(t)
	addon := writeStatus(t, plane, "rollout-fails", brokenStatus())
	failure := wrapped(
		`application "rollout-fails" is not healthy in 1 of 2 places`,
		"environment prod, cluster eu-1: component web, 1 of 1 ready",
		"environment prod, cluster eu-2: component web, Deployment default-prod/web, 0 of 1 ready pod web-1, container web: ImagePullBackOff",
		"waiting cannot repair this.",
	)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: rolledOut(plane, "rollout-fails", "nginx:1", ""), ExpectError: failure},
			{
				PreConfig: func() { addon.say(t, healthyStatus()) },
				Config:    rolledOut(plane, "rollout-fails", "nginx:1", ""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, plancheck.ResourceActionNoop),
				Check: untainted,
			},
			{
				PreConfig: func() { addon.say(t, brokenStatus()) },
				Config:    rolledOut(plane, "rollout-fails", "nginx:2", ""), ExpectError: failure,
			},
			{
				PreConfig: func() { addon.say(t, healthyStatus()) },
				Config:    rolledOut(plane, "rollout-fails", "nginx:2", ""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, plancheck.ResourceActionNoop),
				Check: untainted,
			},
			{Config: rolledOut(plane, "rollout-fails", "nginx:2", ""), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestRolloutNamesClustersThatAreAway stops at once when all that is missing is
// on a cluster that does not report.
func TestRolloutNamesClustersThatAreAway(t *testing.T) {
	plane := sharedHub(t)
	writeStatus(t, plane, "rollout-away", awayStatus())
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: rolledOut(plane, "rollout-away", "nginx:1", ""),
			ExpectError: wrapped("ClusterAway: cluster eu-2 does not report",
				"cluster eu-2: component web, Deployment default-prod/web, cluster is away since 2026-01-02T15:04:05Z: agent does not report",
				"Clusters that are away get this revision when they are back"),
		}},
	})
}

// TestRolloutTimesOut says what it waited for when the time is over, also when
// nobody looks at the application at all.
func TestRolloutTimesOut(t *testing.T) {
	plane := sharedHub(t)
	limit := `timeouts = { create = "10s" }`
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: rolledOut(plane, "rollout-unseen", "nginx:1", limit),
			ExpectError: wrapped("Stopped waiting after", "s, which is all that timeouts allow. Last seen: the addon has not looked at this revision yet.",
				"kubectl -n fairlead-system get pods"),
		}},
	})
	writeStatus(t, plane, "rollout-slow", progressingStatus())
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config:      rolledOut(plane, "rollout-slow", "nginx:1", limit),
			ExpectError: wrapped(`Last seen: no cluster is bound to environment "prod" yet`),
		}},
	})
}

// TestRolloutWarns checks that on_failure = "warn" lets the apply go on, and that
// the rollout is in the plan until it has succeeded.
func TestRolloutWarns(t *testing.T) {
	plane := sharedHub(t)
	addon := writeStatus(t, plane, "rollout-warns", brokenStatus())
	warn := `on_failure = "warn"`
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: rolledOut(plane, "rollout-warns", "nginx:1", warn), ExpectNonEmptyPlan: true},
			{
				PreConfig:          func() { addon.say(t, brokenStatus()) },
				Config:             rolledOut(plane, "rollout-warns", "nginx:1", warn),
				ConfigPlanChecks:   planned(plancheck.ResourceActionUpdate, plancheck.ResourceActionNoop),
				ExpectNonEmptyPlan: true,
			},
			{
				PreConfig: func() { addon.say(t, healthyStatus()) },
				Config:    rolledOut(plane, "rollout-warns", "nginx:1", warn), ConfigPlanChecks: emptyPlan(),
			},
		},
	})
}

// TestRolloutOfAnImportedApplication waits for an application that another tool
// wrote, which carries no revision.
func TestRolloutOfAnImportedApplication(t *testing.T) {
	plane := sharedHub(t)
	create(t, hubObjects(t, plane), applications, "default", &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": map[string]any{"name": "rollout-import"}, "spec": webSpec("nginx:1"),
	}})
	writeStatus(t, plane, "rollout-import", healthyStatus())
	config := rolledOut(plane, "rollout-import", "nginx:1", "") + "\nimport {\n  to = fairlead_application.this\n  id = \"default/rollout-import\"\n}\n"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps:                    []resource.TestStep{{Config: config}, {Config: config, ConfigPlanChecks: emptyPlan()}},
	})
}

// TestRolloutBadInput checks what is refused in the plan.
func TestRolloutBadInput(t *testing.T) {
	tests := []struct {
		reason, body string
		want         []string
	}{
		{"rolling back is not offered", "application = \"a/b\"\n  revision = \"x\"\n  on_failure = \"rollback\"",
			[]string{"rolling back is not available in this version; to go back, apply the previous configuration", "Allowed: error, warn"}},
		{"a misspelt answer", "application = \"a/b\"\n  revision = \"x\"\n  on_failure = \"warning\"", []string{"on_failure:", "Allowed: error, warn"}},
		{"no id of an application", "application = \"shop\"\n  revision = \"x\"", []string{"application:", "Allowed: namespace/name"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				Steps: []resource.TestStep{{
					Config:      "provider \"fairlead\" {\n  hub = { host = \"https://127.0.0.1:1\", token = \"x\" }\n}\nresource \"fairlead_rollout\" \"this\" {\n  " + test.body + "\n}",
					PlanOnly:    true,
					ExpectError: wrapped(test.want...),
				}},
			})
		})
	}
}
