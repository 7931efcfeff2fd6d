// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// kubeconfig names the hub for a run of the engine.
func kubeconfig(path string) []string { return []string{"KUBE_CONFIG_PATH=" + path} }

// warningsOf counts the warnings in what the engine prints, but for the one that says
// whose provider is used.
func warningsOf(output string) int {
	return strings.Count(output, "Warning: ") - strings.Count(output, "Warning: Provider development overrides")
}

// TestPlanShowsWhatPoliciesRefuse plans what an admission policy of the hub refuses:
// the plan fails, says at which path, shows no value, and writes nothing. A plan
// that does not ask the hub succeeds.
func TestPlanShowsWhatPoliciesRefuse(t *testing.T) {
	plane := sharedHub(t)
	refuseImage(t, plane, "plan-server", "refused:plan")
	w := newWorkspace(t, application("plan-refused", web("refused:plan")))
	hub := kubeconfig(plane.KubeconfigPath)
	_, problem, found := strings.Cut(w.fails(t, hub, "plan"), "Error: ")
	for _, want := range []string{"Refused by the hub", "this image is refused: (the value of components.web.properties.image)", "nothing was written"} {
		if !strings.Contains(problem, want) {
			t.Errorf("the error lacks %q: %s", want, problem)
		}
	}
	if !found || strings.Contains(problem, "refused:plan") {
		t.Errorf("the error shows the value: %s", problem)
	}
	if err := applicationAbsent(t, plane, "plan-refused")(nil); err != nil {
		t.Errorf("something was written: %v", err)
	}
	for _, preview := range []string{"offline", "off"} {
		w.write(t, withPreview(plane, preview, application("plan-refused", web("refused:plan"))))
		w.run(t, hub, "plan")
	}
}

// TestPlanWithoutRights plans two applications as somebody who may do nothing on the
// hub: one warning, and the same plan.
func TestPlanWithoutRights(t *testing.T) {
	plane := sharedHub(t)
	stranger, err := plane.UserKubeconfig("plan-stranger")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkspace(t, `
resource "fairlead_application" "two" {
  count      = 2
  namespace  = "default"
  name       = "stranger-${count.index}"
  components = { web = { type = "webservice", properties = { image = "nginx:1" } } }
}
`)
	output := oneLine(w.run(t, kubeconfig(stranger), "plan"))
	if warningsOf(output) != 1 || !strings.Contains(output, "Warning: Plan not checked by the hub") || strings.Contains(output, "similar warning") {
		t.Errorf("want one warning:\n%s", output)
	}
	if !strings.Contains(output, "Plan: 2 to add") {
		t.Errorf("want two applications to be added:\n%s", output)
	}
}

// TestPlanBeforeItsNamespace plans an application whose namespace and environment the
// same plan makes: it is warned of what is not there yet, the plan is the same when
// it is made again, one apply converges, and nothing is left to say.
func TestPlanBeforeItsNamespace(t *testing.T) {
	plane := sharedHub(t)
	w := newWorkspace(t, `
resource "fairlead_environment" "this" {
  name                   = "plan-late"
  application_namespaces = { names = ["plan-late"], create = true }
}
resource "fairlead_cluster_binding" "this" {
  name        = "plan-late"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
}
resource "fairlead_application" "this" {
  namespace    = "plan-late"
  name         = "late"
  environments = ["plan-late"]
  `+web("nginx:1")+`
}
`)
	hub := kubeconfig(plane.KubeconfigPath)
	var plans []any
	for range 2 {
		if output := oneLine(w.run(t, hub, "plan", "-out", "plan")); warningsOf(output) != 1 || !strings.Contains(output, `environment "plan-late" does not exist on the hub yet`) {
			t.Errorf("want one warning, of the environment:\n%s", output)
		}
		plans = append(plans, plannedChanges(t, w.run(t, hub, "show", "-json", "plan")))
	}
	if diff := cmp.Diff(plans[0], plans[1]); diff != "" {
		t.Errorf("the plan made again (-first +second):\n%s", diff)
	}
	t.Cleanup(func() { w.run(t, hub, "destroy", "-auto-approve") })
	w.run(t, hub, "apply", "plan")
	if output := w.run(t, hub, "plan", "-detailed-exitcode"); warningsOf(output) > 0 {
		t.Errorf("a plan without changes warns:\n%s", output)
	}
}

// plannedChanges are the changes of a plan as JSON.
func plannedChanges(t *testing.T, text string) any {
	t.Helper()
	var plan struct {
		Changes any `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatal(err)
	}
	return plan.Changes
}

// TestPlanLooksAtEnvironments plans an application for environments that are in no
// configuration: what is in the way is a warning.
func TestPlanLooksAtEnvironments(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	places := v1alpha1.GroupVersion.WithResource("environments")
	for name, admitted := range map[string]string{"open": `{"selector":{}}`, "closed": `{"names":["other"],"selector":{"matchLabels":{"team":"other"}}}`, "empty": `{"names":["default"]}`} {
		create(t, objects, places, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":"look-%s"},"spec":{"applicationNamespaces":%s}}`, name, admitted)))
	}
	for _, name := range []string{"open", "closed"} {
		createBinding(t, plane, name)
	}
	w := newWorkspace(t, application("plan-looks", `  environments = ["look-open", "look-closed", "look-empty", "look-opne"]
  `+web("nginx:1")))
	output := oneLine(w.run(t, kubeconfig(plane.KubeconfigPath), "plan"))
	if warningsOf(output) != 1 {
		t.Errorf("want one warning:\n%s", output)
	}
	for _, want := range []string{
		`cluster binding "look-closed" of environment "look-closed" selects no cluster yet`,
		`environment "look-closed" does not admit applications of the namespace "default" yet`,
		`environment "look-empty" has no cluster binding yet`,
		`environment "look-opne" does not exist on the hub yet; did you mean "look-open"?`,
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the plan:\n%s", want, output)
		}
	}
	if strings.Contains(output, `environment "look-open"`) {
		t.Errorf("the plan complains of an environment that is in order:\n%s", output)
	}
}

// createBinding binds an environment; the addon has seen that the one of closed
// selects no cluster.
func createBinding(t *testing.T, plane *cluster.ControlPlane, name string) {
	t.Helper()
	objects := hubObjects(t, plane)
	bindings := v1alpha1.GroupVersion.WithResource("clusterbindings")
	create(t, objects, bindings, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":"look-%s"},"spec":{"environment":"look-%s","clusters":["local"]}}`, name, name)))
	live, err := objects.Resource(bindings).Get(t.Context(), "look-"+name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	decisions := int64(1)
	if name == "closed" {
		decisions = 0
	}
	if err := unstructured.SetNestedMap(live.Object, map[string]any{"observedGeneration": live.GetGeneration(), "decisions": decisions}, "status"); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Resource(bindings).UpdateStatus(t.Context(), live, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestPlanOfWhatExists plans an application that somebody else has made already: the
// plan says how to take it over.
func TestPlanOfWhatExists(t *testing.T) {
	plane := sharedHub(t)
	create(t, hubObjects(t, plane), applications, "default", foreignApplication("plan-exists", nil))
	w := newWorkspace(t, application("plan-exists", web("nginx:1")))
	output := oneLine(w.run(t, kubeconfig(plane.KubeconfigPath), "plan"))
	for _, want := range []string{"Warning: Application exists already", `id = "default/plan-exists"`, "Plan: 1 to add"} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the plan:\n%s", want, output)
		}
	}
}

// TestPlanKnowsConstraints plans an application that breaks a constraint of its
// environment, without any hub: the plan says so. With one, what was planned is applied,
// and a change of the constraint shows again.
func TestPlanKnowsConstraints(t *testing.T) {
	plane := sharedHub(t)
	config := func(provider, constraints string) string {
		return provider + `
resource "fairlead_environment" "this" {
  name                   = "strict"
  application_namespaces = { names = ["default"] }
  constraints            = ` + constraints + `
}
` + application("strict", `  environments = { strict = { ref = fairlead_environment.this.ref } }
  `+web("docker.io/library/nginx:1"))
	}
	away := "provider \"fairlead\" {\n  hub  = { host = \"https://127.0.0.1:1\", token = \"t\" }\n  plan = { preview = \"offline\" }\n}\n"
	const broken = `environment "strict", component "web", Deployment web: spec.template.spec.containers[0].image: `
	w := newWorkspace(t, config(away, `{ allowed_registries = ["ghcr.io/acme"] }`))
	output := oneLine(w.run(t, nil, "plan"))
	if !strings.Contains(output, broken+"is of no registry that constraints.allowed_registries allows ghcr.io/acme") || !strings.Contains(output, "Plan: 2 to add") {
		t.Errorf("want a warning of the registry:\n%s", output)
	}
	here := fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\n", plane.KubeconfigPath)
	t.Cleanup(func() { w.run(t, nil, "destroy", "-auto-approve") })
	for _, constraints := range []string{`{ allowed_registries = ["docker.io"], max_replicas = 3 }`, `{ require_image_digest = true }`, `null`} {
		w.write(t, config(here, constraints))
		output := oneLine(w.run(t, nil, "apply", "-auto-approve"))
		if warned := strings.Contains(output, broken+"is named without a digest"); warned != strings.Contains(constraints, "digest") {
			t.Errorf("constraints %s: the warning is there: %t\n%s", constraints, warned, output)
		}
		w.run(t, nil, "plan", "-detailed-exitcode")
	}
}
