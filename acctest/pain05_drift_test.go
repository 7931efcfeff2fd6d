// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

var (
	mutatingPolicies = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicies"}
	mutatingBindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicybindings"}
)

// labelEverything makes the hub put a label on applications and Deployments of a namespace whenever they are written, and
// returns when it does.
func labelEverything(t *testing.T, plane *cluster.ControlPlane, name, namespace string) {
	t.Helper()
	objects := hubObjects(t, plane)
	create(t, objects, mutatingPolicies, "", object(fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicy","metadata":{"name":%q},
		"spec":{"failurePolicy":"Fail","reinvocationPolicy":"Never","matchConstraints":{"resourceRules":[
			{"apiGroups":["core.oam.dev"],"apiVersions":["*"],"operations":["CREATE","UPDATE"],"resources":["applications"]},
			{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE","UPDATE"],"resources":["deployments"]}]},
		"matchConditions":[{"name":"here","expression":"request.namespace == '%s'"}],
		"mutations":[{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{metadata: Object.metadata{labels: {'example.com/cost-centre': 'shop'}}}"}}]}}`, name, namespace)))
	create(t, objects, mutatingBindings, "", object(fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicyBinding","metadata":{"name":%q},"spec":{"policyName":%q}}`, name, name)))
	probe := foreignApplication("mutation-probe", nil)
	probe.Object["spec"] = webSpec("nginx:1")
	eventually(t, patience, "the policy to label", func() error {
		made, err := objects.Resource(applications).Namespace(namespace).Create(t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && made.GetLabels()["example.com/cost-centre"] == "" {
			return fmt.Errorf("no label yet")
		}
		return err
	})
}

// TestPain04ApplyIsConsistent applies what engines and servers are known to turn into something else: nulls, empty texts, maps
// and lists, while the hub adds labels of its own to what is written.
func TestPain04ApplyIsConsistent(t *testing.T) {
	plane := sharedHub(t)
	create(t, hubObjects(t, plane), namespaces, "", object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pain04"}}`))
	labelEverything(t, plane, "pain04", "pain04")
	config := func(image string) string {
		return withProvider(plane, fmt.Sprintf(`resource "fairlead_application" "this" {
  name         = "pain04"
  namespace    = "pain04"
  labels       = { a = "", b = null }
  annotations  = {}
  policies     = []
  environments = { default = { components = { web = { properties = {}, traits = null } } } }
  components = {
    web = {
      type       = "webservice"
      properties = { image = %q, cmd = [], cpu = null, env = [{ name = "EMPTY", value = "" }, { name = "NULL", value = null }] }
      traits     = { labels = { a = "", gone = null }, scaler = { replicas = "2" } }
      dependsOn  = []
    }
  }
}`, image))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("nginx:1")},
			{Config: config("nginx:1"), ConfigPlanChecks: emptyPlan()},
			{Config: config("nginx:2")},
			{Config: config("nginx:2"), ConfigPlanChecks: emptyPlan()},
		},
	})
}

const scaledApplication = `
resource "fairlead_environment" "this" {
  name                   = "pain05"
  application_namespaces = { names = ["pain05"], create = true }
}
resource "fairlead_cluster_binding" "this" {
  name        = "pain05"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
}
resource "fairlead_application" "this" {
  name         = "pain05"
  namespace    = "pain05"
  environments = ["pain05"]
  components = {
    web = {
      type       = "webservice"
      properties = { image = "%s" }
      traits     = { hpa = { min = 2, max = 9, cpu = { type = "Utilization", value = 80 } } }
    }
  }
  depends_on = [fairlead_cluster_binding.this]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  timeouts    = { create = "3m", update = "3m" }
}
`

// TestPain05NobodyElsesChangesAreDrift plans twenty times while an autoscaler scales the workload and the hub labels what is
// written: every plan is empty. Two plans of one change say the same.
func TestPain05NobodyElsesChangesAreDrift(t *testing.T) {
	f := sharedFleet(t)
	create(t, hubObjects(t, f.env.Hub()), namespaces, "", object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pain05"}}`))
	labelEverything(t, f.env.Hub(), "pain05", "pain05")
	w := newProviderWorkspace(t)
	config := func(image string) string { return withProvider(f.env.Hub(), fmt.Sprintf(scaledApplication, image)) }
	w.configure(t, config("nginx:1"), nil)
	w.apply(t)
	workload := f.on(t, v1alpha1.LocalCluster, deployments).Namespace("pain05")
	for i := range 20 {
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, 2+i%7)
		if _, err := workload.Patch(t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "horizontal-pod-autoscaler"}, "scale"); err != nil {
			t.Fatal(err)
		}
		w.isSettled(t, fmt.Sprintf("plan %d", i+1))
	}
	live := f.get(t, v1alpha1.LocalCluster, deployments, "pain05", "web")
	if live.GetLabels()["example.com/cost-centre"] != "shop" || nested[int64](live, "spec", "replicas") != 2+19%7 {
		t.Errorf("the Deployment has labels %v and %d replicas", live.GetLabels(), nested[int64](live, "spec", "replicas"))
	}
	w.configure(t, config("nginx:2"), nil)
	first, second := w.changes(t, "first.tfplan"), w.changes(t, "second.tfplan")
	if diff := cmp.Diff(first, second); diff != "" || len(first) == 0 {
		t.Errorf("two plans of one change, of %d resources (-first +second):\n%s", len(first), diff)
	}
	w.must(t, "destroy", "-input=false", "-auto-approve")
}

// changes are the changes of a plan, as the engine shows them to programs.
func (w *providerWorkspace) changes(t *testing.T, file string) []any {
	t.Helper()
	w.must(t, "plan", "-input=false", "-out="+file)
	var plan struct {
		ResourceChanges []any `json:"resource_changes"`
	}
	if err := json.Unmarshal(w.output(t, "show", "-json", file), &plan); err != nil {
		t.Fatal(err)
	}
	return plan.ResourceChanges
}
