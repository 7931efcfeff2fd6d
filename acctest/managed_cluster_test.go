// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

const (
	// thisCluster is the address of the cluster in these configurations.
	thisCluster = "fairlead_managed_cluster.this"
	// joining makes a credential to join, which the provider echo shows to the test.
	joining = `
ephemeral "fairlead_cluster_join" "this" {}
provider "echo" {
  data = { kubeconfig = ephemeral.fairlead_cluster_join.this.kubeconfig, expires = ephemeral.fairlead_cluster_join.this.expires_at }
}
resource "echo" "this" {}
`
	// accepted is a cluster of the fleet; %s is what else is said of it.
	accepted = `
resource "fairlead_managed_cluster" "this" {
  name     = "edge"
  labels   = { region = "eu" }
  timeouts = { delete = "10s" }
  %s
}
`
	// edgeInUse delivers an application to it.
	edgeInUse = `
resource "fairlead_environment" "this" {
  name                   = "edge"
  application_namespaces = { names = ["edge"], create = true }
}
resource "fairlead_cluster_binding" "this" {
  name        = "edge"
  environment = fairlead_environment.this.name
  clusters    = ["edge"]
}
resource "fairlead_application" "this" {
  name         = "on-edge"
  namespace    = "edge"
  environments = [fairlead_environment.this.name]
  components   = { web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } } }
  depends_on   = [fairlead_cluster_binding.this]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
}
`
)

// TestManagedCluster accepts a cluster, joins its real agents with the credential that Terraform makes, changes what the hub says
// of it, delivers to it, and checks that it is not detached while something is delivered to it. A work of an add-on, which the hub
// removes with the cluster, keeps it from nothing.
func TestManagedCluster(t *testing.T) {
	f := fleetForTest(t, cluster.Options{OCM: true}, raceDetector)
	factories := providerFactories()
	factories["echo"] = echoprovider.NewProviderServer()
	config := func(more, rest string) string { return withProvider(f.env.Hub(), fmt.Sprintf(accepted, more)+rest) }
	taints := `taints = [{ key = "gpu", value = "yes", effect = "NoSelect" }]`
	step := func(config string) resource.TestStep {
		return resource.TestStep{Config: config}
	}
	empty := func(config string) resource.TestStep {
		return resource.TestStep{Config: config, ConfigPlanChecks: emptyPlan()}
	}
	join := step(config("", joining))
	join.Check = joinWithEcho(t, f, "edge")
	tainted := step(config(taints, ""))
	tainted.ConfigPlanChecks = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(thisCluster, plancheck.ResourceActionUpdate)}}
	tainted.Check = taintsOf(t, f, "edge", "gpu")
	untimed := strings.Replace(config("", ""), `timeouts = { delete = "10s" }`, "", 1)
	used := config("", edgeInUse)
	refused := step(withProvider(f.env.Hub(), edgeInUse))
	refused.ExpectError = regexp.MustCompile(`(?s)Cluster in use.*edge/on-edge`)
	last := step(strings.Replace(config("", ""), `timeouts = { delete = "10s" }`, `timeouts = { delete = "2m" }`, 1))
	last.Check = func(*terraform.State) error { return errors.Join(stopAgents(f, "edge"), enableAddOn(t, f, "edge")) }
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             absent(t, f.env.Hub(), managedClusters, "edge"),
		Steps: []resource.TestStep{
			join,
			empty(config("", joining)), // the agent has added labels, an address and a lease of its own
			step(config("", "")),
			{ResourceName: thisCluster, ImportState: true, ImportStateId: "edge", ImportStateVerify: true, ImportStateVerifyIgnore: []string{"timeouts"}},
			// The hub knows no timeouts: configured ones are a change after any import.
			{ResourceName: thisCluster, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "edge", Config: untimed},
			tainted, empty(config(taints, "")),
			step(used), empty(used), refused, step(used), last,
		},
	})
}

// joinWithEcho starts a cluster whose agents join with the kubeconfig that the provider echo shows.
func joinWithEcho(t *testing.T, f *fleet, name string) resource.TestCheckFunc {
	t.Helper()
	return func(state *terraform.State) error {
		shown := state.RootModule().Resources["echo.this"]
		if shown == nil || shown.Primary.Attributes["data.kubeconfig"] == "" {
			return errors.New("there is no credential to join")
		}
		path := filepath.Join(t.TempDir(), "bootstrap")
		if err := os.WriteFile(path, []byte(shown.Primary.Attributes["data.kubeconfig"]), 0o600); err != nil {
			return err
		}
		return f.env.StartCluster(t.Context(), name, path)
	}
}

// taintsOf checks that a managed cluster has the taint.
func taintsOf(t *testing.T, f *fleet, name, key string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		live, err := hubObjects(t, f.env.Hub()).Resource(managedClusters).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		taints := nested[[]any](live, "spec", "taints")
		if !slices.ContainsFunc(taints, func(item any) bool { taint, ok := item.(map[string]any); return ok && taint["key"] == key }) {
			return fmt.Errorf("the cluster has the taints %v, want one with the key %s", taints, key)
		}
		return nil
	}
}

// stopAgents ends the agents of a cluster before it is detached: they have nothing to report to any more.
func stopAgents(f *fleet, name string) error {
	var errs []error
	for _, agent := range []string{"registration-agent", "work-agent"} {
		errs = append(errs, f.env.Process(name+"/"+agent).Kill())
	}
	return errors.Join(errs...)
}

// enableAddOn makes the work of an add-on as Open Cluster Management does for a cluster that has it.
func enableAddOn(t *testing.T, f *fleet, name string) error {
	t.Helper()
	work := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "work.open-cluster-management.io/v1", "kind": "ManifestWork",
		"metadata": map[string]any{"name": "addon-search-deploy-0", "namespace": name, "labels": map[string]any{"open-cluster-management.io/addon-name": "search"}},
		"spec": map[string]any{"workload": map[string]any{"manifests": []any{
			map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "search", "namespace": "default"}},
		}}},
	}}
	_, err := hubObjects(t, f.env.Hub()).Resource(works).Namespace(name).Create(t.Context(), work, metav1.CreateOptions{})
	return err
}
