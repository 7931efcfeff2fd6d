// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// failure is a class of rollouts that fail.
type failure struct {
	// name of the class, its component and of what that makes.
	name string
	// stage is the end of the name of the environment.
	stage string
	// broken and fixed are the components, in HCL, with NAME for the name.
	broken, fixed string
}

const (
	runsHere = `type = "webservice", properties = { image = "nginx:1" }`
	// setOf is a component of objects in HCL.
	setOf = `type = "k8s-objects", properties = { objects = [%s] }`
)

func withImage(image string) string {
	return strings.Replace(runsHere, "nginx:1", image, 1)
}

func objectHCL(apiVersion, kind, name, rest string) string {
	return fmt.Sprintf(setOf, fmt.Sprintf("{ apiVersion = %q, kind = %q, metadata = { name = %q }, %s }", apiVersion, kind, name, rest))
}

func jobHCL(name, image string) string {
	return objectHCL("batch/v1", "Job", name, fmt.Sprintf(
		`spec = { backoffLimit = 0, template = { spec = { restartPolicy = "Never", containers = [{ name = "main", image = %q }] } } }`, image))
}

func deploymentHCL(image string) string {
	return objectHCL("apps/v1", "Deployment", "NAME", fmt.Sprintf(`spec = {
        progressDeadlineSeconds = 3, selector = { matchLabels = { runs = "NAME" } }
        template = { metadata = { labels = { runs = "NAME" } }, spec = { containers = [{ name = "main", image = %q }] } }
      }`, image))
}

// failures are the classes, each in a place of either kind.
func failures() []failure {
	scaled := func(replicas int) string {
		return fmt.Sprintf("%s, traits = { scaler = { replicas = %d } }", runsHere, replicas)
	}
	unscheduled := func(cpu string) string {
		return strings.Replace(runsHere, `image = "nginx:1"`, fmt.Sprintf(`image = "nginx:1", cpu = %q`, cpu), 1)
	}
	mapOf := func(name string) string { return objectHCL("v1", "ConfigMap", name, `data = { a = "b" }`) }
	serviceOf := func(port int) string {
		return objectHCL("v1", "Service", "NAME", fmt.Sprintf("spec = { ports = [{ port = %d }], selector = { runs = \"NAME\" } }", port))
	}
	return []failure{
		{name: "image-pull", broken: withImage("broken/image-pull:1"), fixed: runsHere},
		{name: "crash-loop", broken: withImage("broken/crash-loop:1"), fixed: runsHere},
		{name: "config-error", broken: withImage("broken/config:1"), fixed: runsHere},
		{name: "quota", stage: "-small", broken: scaled(2), fixed: scaled(1)},
		{name: "admission", broken: withImage("denied/web:1"), fixed: runsHere},
		{name: "unschedulable", broken: unscheduled("100000"), fixed: unscheduled("100m")},
		{name: "job", broken: jobHCL("NAME-1", "broken/job:1"), fixed: jobHCL("NAME-2", "busybox:1")},
		{name: "deadline", broken: deploymentHCL("broken/starting:1"), fixed: deploymentHCL("nginx:1")},
		{name: "conflict", broken: mapOf("taken"), fixed: mapOf("free")},
		{name: "forbidden", broken: objectHCL("rbac.authorization.k8s.io/v1", "Role", "NAME", "rules = []"), fixed: mapOf("NAME")},
		{name: "invalid", broken: serviceOf(70000), fixed: serviceOf(80)},
	}
}

// failingPlaces are the kinds of places: the cluster by the word that names of
// environments begin with, after that of the test.
func failingPlaces() map[string]string {
	return map[string]string{"local": v1alpha1.LocalCluster, "managed": "cluster1"}
}

// failing is the configuration of the test: for each class and place an
// application and the rollout that waits for it.
type failing struct {
	fleet *fleet
	// name of the test, its namespace, and the beginning of the names of environments.
	name string
}

// localStall is after how long without progress a rollout on the hub has failed.
const localStall = "15s"

// environments are those of a platform team. In the small one there is room for one pod.
func (w failing) environments() string {
	var text strings.Builder
	write := func(stage, cluster, options string) {
		patience := "30s" // an agent that is busy takes some of that for each step
		if cluster == v1alpha1.LocalCluster {
			patience = localStall
		}
		text.WriteString(strings.NewReplacer("PATIENCE", patience, "KEY", strings.ReplaceAll(stage, "-", "_"), "NAME", w.name+"-"+stage, "TEAM", w.name, "CLUSTER", cluster, "OPTIONS", options).Replace(`
resource "fairlead_environment" "KEY" {
  name                   = "NAME"
  application_namespaces = { names = ["TEAM"], create = true }
  target_namespace       = { name = "NAME" }
  namespace_options      = OPTIONS
}
resource "fairlead_cluster_binding" "KEY" {
  name        = "NAME"
  environment = fairlead_environment.KEY.name
  clusters    = ["CLUSTER"]
  rollout     = { stall_after = "PATIENCE" }
}
`))
	}
	// Prepared, so that the quota counts before there are pods to be counted.
	quota := `{ prepare = true, objects = [{ apiVersion = "v1", kind = "ResourceQuota", metadata = { name = "small" }, spec = { hard = { pods = "1" } } }] }`
	for place, cluster := range failingPlaces() {
		write(place, cluster, "{ adopt = true }")
		write(place+"-small", cluster, quota)
	}
	write("away", "cluster3", "{}")
	return text.String()
}

// application is an application with one component, and its rollout.
func (w failing) application(key, component, environment, body string) string {
	return strings.NewReplacer("KEY", strings.ReplaceAll(key, "-", "_"), "APP", key, "TEAM", w.name, "ENVIRONMENT", w.name+"-"+environment,
		"BINDING", strings.ReplaceAll(environment, "-", "_"), "BODY", body, "NAME", component).Replace(`
resource "fairlead_application" "KEY" {
  name         = "APP"
  namespace    = "TEAM"
  environments = ["ENVIRONMENT"]
  components   = { NAME = { BODY } }
  depends_on   = [fairlead_cluster_binding.BINDING]
}
resource "fairlead_rollout" "KEY" {
  application = fairlead_application.KEY.id
  revision    = fairlead_application.KEY.revision
  timeouts    = { create = "3m", update = "3m" }
}
`)
}

// configuration has the broken or the fixed applications.
func (w failing) configuration(fixed bool) string {
	text := w.environments()
	for _, class := range failures() {
		body := class.broken
		if fixed {
			body = class.fixed
		}
		body = strings.ReplaceAll(body, "NAME", class.name)
		for place := range failingPlaces() {
			text += w.application(class.name+"-"+place, class.name, place+class.stage, body)
		}
	}
	return withProvider(w.fleet.env.Hub(), text+w.application("away-managed", "away", "away", runsHere))
}

// keys are the names of the applications as they are in addresses.
func (w failing) keys() []string {
	keys := []string{"away_managed"}
	for _, class := range failures() {
		for place := range failingPlaces() {
			keys = append(keys, strings.ReplaceAll(class.name, "-", "_")+"_"+place)
		}
	}
	return keys
}

// deniedImages is an admission policy of the cluster's owner.
const deniedImages = `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"denied-images"},"spec":{
	"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]},
	"validations":[{"expression":"object.spec.containers.all(c, !c.image.startsWith('denied/'))","message":"images of denied/ may not run here"}]}}`

// prepare makes what is on the clusters before: objects of somebody else, and the policy.
func (w failing) prepare(t *testing.T) {
	t.Helper()
	admission := func(kind string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: kind}
	}
	for place, cluster := range failingPlaces() {
		client := hubObjects(t, w.fleet.plane(cluster))
		namespace := w.name + "-" + place
		create(t, client, namespaces, "", object(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, namespace)))
		create(t, client, configMaps, namespace, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"taken"},"data":{"whose":"another team's"}}`))
		create(t, client, admission("validatingadmissionpolicies"), "", object(deniedImages))
		create(t, client, admission("validatingadmissionpolicybindings"), "", object(
			`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"denied-images"},
			"spec":{"policyName":"denied-images","validationActions":["Deny"]}}`))
	}
}

// changing is what differs from run to run, and what stands in its place.
var changing = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\bafter (\d+m)?(\d+s)? of\b`), "after DURATION of"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\bpod ([a-z0-9-]+?)(-[a-z0-9]{7,10})?-[a-z0-9]{5}([,:])`), "pod $1-ID$3"},
}

// normal replaces what differs from run to run.
func normal(text string) string {
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.by)
	}
	return text
}

// checkFailure compares a diagnostic with what is kept of it.
func checkFailure(t *testing.T, key string, got diagnostic) {
	t.Helper()
	path := filepath.Join("testdata", "rollout-failures", key+".golden")
	text := normal(got.Severity + ": " + got.Summary + "\n\n" + got.Detail + "\n")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", key, diff)
	}
}

// TestPain08FailuresNameTheReason rolls out one application of each class of failure, on the hub and on a managed cluster. Each
// ends with an error that says why, long before its time is over. The applications are in the state and not tainted, the next
// plan shows the rollouts, and a fix is applied in place.
func TestPain08FailuresNameTheReason(t *testing.T) {
	f := sharedFleet(t)
	w := failing{fleet: f, name: "pain08"}
	w.prepare(t)
	f.leave(t, "cluster3")
	e := newWorkspace(t, withProvider(f.env.Hub(), w.environments()))
	e.destroyAtTheEnd(t)
	e.mustApply(t)
	w.quotasCount(t)

	e.write(t, w.configuration(false))
	code, found := e.apply(t)
	if code != 1 {
		t.Errorf("the apply ended with status %d, want 1", code)
	}
	pending, updates := map[string]string{}, map[string]string{}
	for _, key := range w.keys() {
		checkFailure(t, key, found["fairlead_rollout."+key])
		pending["fairlead_rollout."+key] = "create"
		updates["fairlead_rollout."+key] = "create"
		if key != "away_managed" {
			updates["fairlead_application."+key] = "update"
		}
	}
	w.isToldSoon(t, found)
	w.isInState(t, e)
	if diff := cmp.Diff(pending, e.plan(t)); diff != "" {
		t.Errorf("the plan after the failure (-want +got):\n%s", diff)
	}

	before := w.identities(t)
	f.come(t, "cluster3")
	e.write(t, w.configuration(true))
	if diff := cmp.Diff(updates, e.plan(t)); diff != "" {
		t.Errorf("the plan of the fix (-want +got):\n%s", diff)
	}
	e.mustApply(t)
	if diff := cmp.Diff(before, w.identities(t)); diff != "" {
		t.Errorf("a fix made something anew (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{}, e.plan(t)); diff != "" {
		t.Errorf("the plan after the fix (-want +got):\n%s", diff)
	}
}

// quotasCount waits until the quotas of the small environments are in force: an API server counts nothing by one that has no status.
func (w failing) quotasCount(t *testing.T) {
	t.Helper()
	quotas := schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	for place, cluster := range failingPlaces() {
		eventually(t, patience, "the quota on "+cluster+" to count pods", func() error {
			live, err := w.fleet.on(t, cluster, quotas).Namespace(w.name+"-"+place+"-small").Get(t.Context(), "small", metav1.GetOptions{})
			if err == nil && nested[string](live, "status", "hard", "pods") != "1" {
				err = fmt.Errorf("its status is %v", live.Object["status"])
			}
			return err
		})
	}
}

// toldWithin is how long after the addon has seen that an application does not get further the engine has the error.
const toldWithin = 30 * time.Second

// isToldSoon checks how long the errors took, from the condition of the application to the end of the rollout.
func (w failing) isToldSoon(t *testing.T, found map[string]diagnostic) {
	t.Helper()
	list, err := w.fleet.on(t, v1alpha1.LocalCluster, applications).Namespace(w.name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		name := list.Items[i].GetName()
		diagnostic := found["fairlead_rollout."+strings.ReplaceAll(name, "-", "_")]
		failed := diagnostic.FailedAt
		if failed.IsZero() {
			t.Errorf("application %s: the engine does not say when its rollout failed", name)
		}
		since, ok := stalledSince(&list.Items[i])
		if !ok {
			t.Errorf("application %s: its rollout failed, and it is not Stalled any more: %s", name, jsonOf(nested[[]any](&list.Items[i], "status", "conditions")))
			continue
		}
		if took := failed.Sub(since); took > toldWithin && !w.wasStuckBefore(&list.Items[i], diagnostic) {
			t.Errorf("application %s: the error came %s after its condition Stalled, want at most %s", name, took, toldWithin)
		}
	}
}

// wasStuckBefore says that an application had not got on since before the engine came to wait for it, as where the engine itself
// was held up. A rollout waits for 90 seconds then.
func (w failing) wasStuckBefore(app *unstructured.Unstructured, told diagnostic) bool {
	unchanged, ok := v1alpha1.ReadUnchangedSince(nested[string](&unstructured.Unstructured{Object: conditionOf(app, v1alpha1.ConditionStalled)}, "message"))
	return ok && unchanged.Before(told.StartedAt) && told.FailedAt.Sub(told.StartedAt) < 90*time.Second+toldWithin
}

// stalledSince is since when an application does not get further, if it does not.
func stalledSince(app *unstructured.Unstructured) (time.Time, bool) {
	for _, item := range nested[[]any](app, "status", "conditions") {
		condition := &unstructured.Unstructured{Object: item.(map[string]any)}
		if nested[string](condition, "type") != v1alpha1.ConditionStalled || nested[string](condition, "status") != "True" {
			continue
		}
		since, err := time.Parse(time.RFC3339, nested[string](condition, "lastTransitionTime"))
		return since, err == nil
	}
	return time.Time{}, false
}

// isInState checks that the applications are in the state as they were written, and no rollout is.
func (w failing) isInState(t *testing.T, e *workspace) {
	t.Helper()
	state := e.state(t)
	for _, key := range w.keys() {
		application, ok := state["fairlead_application."+key]
		if !ok || application.Status != "" {
			t.Errorf("application %s: in the state %t, status %q", key, ok, application.Status)
		}
		if _, ok := state["fairlead_rollout."+key]; ok {
			t.Errorf("rollout %s is in the state", key)
		}
	}
}

// identities are those of the applications and of the Deployments that there are.
func (w failing) identities(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	list, err := w.fleet.on(t, v1alpha1.LocalCluster, applications).Namespace(w.name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		found["application "+list.Items[i].GetName()] = string(list.Items[i].GetUID())
	}
	for place, cluster := range failingPlaces() {
		list, err := w.fleet.on(t, cluster, deployments).Namespace(w.name+"-"+place).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			found[place+" "+list.Items[i].GetName()] = string(list.Items[i].GetUID())
		}
	}
	return found
}

// web is one application with one component in a place, and its rollout.
func (w failing) web(place, image, rollout string) string {
	text := w.environments() + w.application("web-"+place, "web-"+place, place, withImage(image))
	return withProvider(w.fleet.env.Hub(), strings.Replace(text, `timeouts    = { create = "3m", update = "3m" }`, rollout, 1))
}

// TestPain09FailedUpdates changes an application that runs so that its pods fail: what ran goes on and is not taken for the new
// version, the state keeps the revision that was complete, the plan shows the rollout until it has succeeded, and nothing is made anew.
func TestPain09FailedUpdates(t *testing.T) {
	f := sharedFleet(t)
	for place, cluster := range failingPlaces() {
		t.Run(place, func(t *testing.T) {
			w := failing{fleet: f, name: "pain09-" + place}
			key, namespace := "web_"+place, w.name+"-"+place
			application, rollout := "fairlead_application."+key, "fairlead_rollout."+key
			limits := `timeouts = { create = "3m", update = "3m" }`
			e := newWorkspace(t, w.web(place, "nginx:1", limits))
			e.destroyAtTheEnd(t)
			e.mustApply(t)
			complete := e.state(t)[rollout].Attributes["revision"]
			before := f.get(t, cluster, deployments, namespace, "web-"+place)

			e.write(t, w.web(place, "broken/image-pull:1", limits))
			code, found := e.apply(t)
			if code != 1 || !strings.Contains(found[rollout].Summary, "is not healthy in 1 of 1 place") {
				t.Fatalf("the apply ended with %d: %s", code, jsonOf(found))
			}
			state := e.state(t)
			if got := state[rollout].Attributes["revision"]; got != complete || state[rollout].Status != "" {
				t.Errorf("the rollout in the state has revision %v and status %q, want %v and none", got, state[rollout].Status, complete)
			}
			if got := state[application]; got.Attributes["revision"] == complete || got.Status != "" {
				t.Errorf("the application in the state has revision %v and status %q", got.Attributes["revision"], got.Status)
			}
			after := f.get(t, cluster, deployments, namespace, "web-"+place)
			if after.GetUID() != before.GetUID() || nested[int64](after, "status", "readyReplicas") != 1 {
				t.Errorf("what ran does not go on: ready %d, made anew %t", nested[int64](after, "status", "readyReplicas"), after.GetUID() != before.GetUID())
			}
			if diff := cmp.Diff(map[string]string{rollout: "update"}, e.plan(t)); diff != "" {
				t.Errorf("the plan after the failure (-want +got):\n%s", diff)
			}

			if cluster == v1alpha1.LocalCluster {
				w.goesOn(t, e, place)
			}

			e.write(t, w.web(place, "nginx:2", limits))
			e.mustApply(t)
			if live := f.get(t, cluster, deployments, namespace, "web-"+place); live.GetUID() != before.GetUID() || imageOf(live) != "nginx:2" {
				t.Errorf("the fix did not arrive in place: image %s, made anew %t", imageOf(live), live.GetUID() != before.GetUID())
			}
			if diff := cmp.Diff(map[string]string{}, e.plan(t)); diff != "" {
				t.Errorf("the plan after the fix (-want +got):\n%s", diff)
			}
			w.goesBack(t, e, place, limits)
		})
	}
}

// goesOn checks that a failed rollout that is only warned of stays in the plan.
func (w failing) goesOn(t *testing.T, e *workspace, place string) {
	t.Helper()
	rollout := "fairlead_rollout.web_" + place
	e.write(t, w.web(place, "broken/image-pull:1", `on_failure = "warn"`))
	if code, found := e.apply(t); code != 0 || found[rollout].Severity != "warning" {
		t.Errorf("with a warning the apply ended with %d: %s", code, jsonOf(found))
	}
	if diff := cmp.Diff(map[string]string{rollout: "update"}, e.plan(t)); diff != "" {
		t.Errorf("the plan after the warning (-want +got):\n%s", diff)
	}
}

// goesBack takes back an update that failed: what was complete before it is there again when the apply ends.
func (w failing) goesBack(t *testing.T, e *workspace, place, limits string) {
	t.Helper()
	e.write(t, w.web(place, "broken/image-pull:1", limits))
	if code, found := e.apply(t); code != 1 {
		t.Fatalf("the apply ended with %d, want 1: %s", code, jsonOf(found))
	}
	e.write(t, w.web(place, "nginx:2", limits))
	e.mustApply(t)
	live := w.fleet.get(t, failingPlaces()[place], deployments, w.name+"-"+place, "web-"+place)
	if updated := nested[int64](live, "status", "updatedReplicas"); imageOf(live) != "nginx:2" || updated != 1 {
		t.Errorf("the apply that went back ended with image %s and %d pods of it", imageOf(live), updated)
	}
	if diff := cmp.Diff(map[string]string{}, e.plan(t)); diff != "" {
		t.Errorf("the plan after going back (-want +got):\n%s", diff)
	}
}

// TestPain15InterruptEndsTheWait interrupts an engine that waits for a rollout.
func TestPain15InterruptEndsTheWait(t *testing.T) {
	f := sharedFleet(t)
	w := failing{fleet: f, name: "pain15"}
	const rollout, application = "fairlead_rollout.web_local", "fairlead_application.web_local"
	limits := `timeouts = { create = "1h" }`
	patient := func(image string) string {
		return strings.ReplaceAll(w.web("local", image, limits), fmt.Sprintf("stall_after = %q", localStall), `stall_after = "1h"`)
	}
	e := newWorkspace(t, patient("broken/starting:1"))
	e.destroyAtTheEnd(t)
	run := e.start(t, nil, "apply", "-auto-approve", "-json")
	interrupt(t, run, rollout+": Still creating", func() error { return nil })
	found := run.diagnostics()
	got := found[rollout]
	if code := run.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(got.Detail, "interrupted.\n  The application was accepted and is in the state; apply again to go on waiting.") {
		t.Errorf("the interrupted apply ended with %s: %s", run.cmd.ProcessState, jsonOf(found))
	}
	state := e.state(t)
	if _, ok := state[rollout]; ok || state[application].Status != "" || state[application].Attributes == nil {
		t.Errorf("state: rollout %t, application %q", ok, state[application].Status)
	}
	if diff := cmp.Diff(map[string]string{rollout: "create"}, e.plan(t)); diff != "" {
		t.Errorf("the next plan (-want +got):\n%s", diff)
	}
	e.write(t, patient("nginx:1"))
	e.mustApply(t)
}
