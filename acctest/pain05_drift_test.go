// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
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
      traits = {
        scaler = { replicas = 1 }
        hpa    = { min = 3, max = 9, cpu = { type = "Utilization", value = 80 } }
      }
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

// autoscale runs the controller of autoscalers until the end of the test.
func autoscale(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	store, err := tools.DefaultStore(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	kubernetes, err := store.Ensure(t.Context(), "kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	controller := &manager{logPath: filepath.Join(t.TempDir(), "autoscaler.log"), ended: make(chan error, 1)}
	if err := controller.start(kubernetes.Binary("kube-controller-manager"), "--kubeconfig="+plane.KubeconfigPath,
		"--controllers=horizontal-pod-autoscaler-controller", "--horizontal-pod-autoscaler-sync-period=1s", "--leader-elect=false", "--secure-port=0"); err != nil {
		t.Fatalf("start the controller of autoscalers: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of the controller of autoscalers:\n%s", controller.log(0))
		}
		_ = controller.cmd.Process.Kill()
		if err := <-controller.ended; err == nil {
			t.Error("the controller of autoscalers ended by itself")
		}
	})
}

// TestPain05NobodyElsesChangesAreDrift plans twenty times while an autoscaler, which wants more replicas than the Deployment has,
// scales it, and the hub labels what is written: every plan is empty. Two plans of one change say the same.
func TestPain05NobodyElsesChangesAreDrift(t *testing.T) {
	f := sharedFleet(t)
	create(t, hubObjects(t, f.env.Hub()), namespaces, "", object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pain05"}}`))
	labelEverything(t, f.env.Hub(), "pain05", "pain05")
	config := func(image string) string { return withProvider(f.env.Hub(), fmt.Sprintf(scaledApplication, image)) }
	w := newWorkspace(t, config("nginx:1"))
	w.destroyAtTheEnd(t)
	w.mustApply(t)
	autoscale(t, f.env.Hub())
	replicas := func() int64 {
		return nested[int64](f.get(t, v1alpha1.LocalCluster, deployments, "pain05", "web"), "spec", "replicas")
	}
	eventually(t, patience, "the autoscaler to scale", func() error { return equal("replicas", int64(3), replicas()) })
	workload := f.on(t, v1alpha1.LocalCluster, deployments).Namespace("pain05")
	for i := range 20 {
		// There are no metrics here: this stands for what they make the autoscaler want.
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, 3+i%7)
		if _, err := workload.Patch(t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "horizontal-pod-autoscaler"}, "scale"); err != nil {
			t.Fatal(err)
		}
		w.isSettled(t, fmt.Sprintf("plan %d", i+1))
	}
	if got := replicas(); got != 3+19%7 {
		t.Errorf("the Deployment has %d replicas, want what the autoscaler wanted last", got)
	}
	for name, kind := range map[string]schema.GroupVersionResource{"web": deployments, "pain05": applications} {
		if labels := f.get(t, v1alpha1.LocalCluster, kind, "pain05", name).GetLabels(); labels["example.com/cost-centre"] != "shop" {
			t.Errorf("%s %s has the labels %v, want that of the policy too", kind.Resource, name, labels)
		}
	}
	w.write(t, config("nginx:2"))
	var first, second struct {
		Changes []any `json:"resource_changes"`
	}
	w.planned(t, "first.tfplan", &first)
	w.planned(t, "second.tfplan", &second)
	if diff := cmp.Diff(first, second); diff != "" || len(first.Changes) == 0 {
		t.Errorf("two plans of one change, of %d resources (-first +second):\n%s", len(first.Changes), diff)
	}
}
