// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// examples is the folder with the examples of the documentation.
const examples = "../examples"

// TestExamplesOfResources applies the example of each resource as it stands in the documentation, plans it again, imports it
// as its import.sh says, and destroys it.
func TestExamplesOfResources(t *testing.T) {
	f := sharedFleet(t)
	for _, name := range []string{"cluster1", "cluster2"} {
		f.label(t, name, "region", "eu") // the examples choose by this label
	}
	folders, err := filepath.Glob(filepath.Join(examples, "resources", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples found (error: %v)", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(folder, "resource.tf"))
			if err != nil {
				t.Fatal(err)
			}
			configuration := withProvider(f.env.Hub(), string(content))
			if filepath.Base(folder) == "fairlead_addon" {
				// The addon is installed here. Its example is applied to a hub of its own by the tests of the demo.
				resource.UnitTest(t, resource.TestCase{
					ProtoV6ProviderFactories: providerFactories(),
					Steps:                    []resource.TestStep{{Config: configuration, PlanOnly: true, ExpectNonEmptyPlan: true}},
				})
				return
			}
			steps := []resource.TestStep{{Config: configuration}, {Config: configuration, ConfigPlanChecks: emptyPlan()}}
			if address, id := importCommand(t, folder); address != "" {
				steps = append(steps, resource.TestStep{
					ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: id, Config: configuration,
				})
			}
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(), CheckDestroy: f.leavesNothing(t), Steps: steps,
			})
		})
	}
}

// seenByExamples is what the examples of data sources look at, when it is quiet.
const seenByExamples = `
resource "fairlead_environment" "seen" {
  name                   = "live"
  application_namespaces = { names = ["shop"], create = true }
}
resource "fairlead_cluster_binding" "seen" {
  name        = "live-eu"
  environment = fairlead_environment.seen.name
  placement   = { cluster_sets = ["default"], match_labels = { region = "eu" } }
}
resource "fairlead_application" "seen" {
  name         = "web"
  namespace    = "shop"
  environments = ["live"]
  components   = { web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } } }
  depends_on   = [fairlead_cluster_binding.seen]
}
resource "fairlead_rollout" "seen" {
  application = fairlead_application.seen.id
  revision    = fairlead_application.seen.revision
}
`

// TestExamplesOfDataSources reads the example of each data source as it stands in the documentation.
func TestExamplesOfDataSources(t *testing.T) {
	f := sharedFleet(t)
	f.label(t, "cluster1", "region", "eu") // the examples choose by this label
	folders, err := filepath.Glob(filepath.Join(examples, "data-sources", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples found (error: %v)", err)
	}
	before := withProvider(f.env.Hub(), seenByExamples)
	steps := []resource.TestStep{{Config: before}}
	for _, folder := range folders {
		content, err := os.ReadFile(filepath.Join(folder, "data-source.tf"))
		if err != nil {
			t.Fatal(err)
		}
		configuration := before + string(content)
		steps = append(steps, resource.TestStep{Config: configuration}, resource.TestStep{Config: configuration, ConfigPlanChecks: emptyPlan()})
	}
	// An error of the last step leaves its configuration for the destroy: it must not need what is read.
	steps = append(steps, resource.TestStep{Config: before})
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: providerFactories(), CheckDestroy: f.leavesNothing(t), Steps: steps})
}

// TestExamplesOfEphemeralResources opens the example of each ephemeral resource.
func TestExamplesOfEphemeralResources(t *testing.T) {
	f := sharedFleet(t)
	files, err := filepath.Glob(filepath.Join(examples, "ephemeral-resources", "*", "ephemeral-resource.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples found (error: %v)", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: providerFactories(), Steps: []resource.TestStep{{Config: withProvider(f.env.Hub(), string(content))}},
		})
	}
}

// importCommand reads what an example imports, and by which id.
func importCommand(t *testing.T, folder string) (address, id string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "import.sh"))
	if os.IsNotExist(err) {
		return "", ""
	}
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(content))
	if len(words) != 4 || words[0] != "terraform" || words[1] != "import" {
		t.Fatalf("%s/import.sh is %q, want: terraform import ADDRESS ID", folder, content)
	}
	return words[2], words[3]
}

// label labels a managed cluster until the end of the test.
func (f *fleet) label(t *testing.T, name, key, value string) {
	t.Helper()
	patch := func(value string) error {
		body := []byte(`{"metadata":{"labels":{"` + key + `":` + value + `}}}`)
		_, err := f.on(t, v1alpha1.LocalCluster, managedClusters).Patch(context.Background(), name, types.MergePatchType, body, metav1.PatchOptions{})
		return err
	}
	if err := patch(`"` + value + `"`); err != nil {
		t.Fatalf("label cluster %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := patch("null"); err != nil {
			t.Errorf("take the label from cluster %s: %v", name, err)
		}
	})
}

// TestExamplesOfConfigurations applies the examples that are whole configurations.
func TestExamplesOfConfigurations(t *testing.T) {
	f := sharedFleet(t)
	// They name the provider by its address in the registry.
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "fairlead-io")
	kubeconfig := config.StringVariable(f.env.Hub().KubeconfigPath)
	variables := map[string]config.Variables{
		"provider":   {"kubeconfig": kubeconfig},
		"quickstart": {"kubeconfig": kubeconfig},
		// On a hub without the addon: by the tests of the demo.
		"addon": nil,
	}
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, entry := range entries {
		// What is there besides are no configurations: a test of their own renders or applies them. No engine
		// of these tests can parse an action block: those are checked beside the guides, and TestPause invokes the action itself.
		if entry.IsDir() && !slices.Contains([]string{"resources", "data-sources", "ephemeral-resources", "list-resources", "actions", "functions", "definitions", "types", "modules"}, entry.Name()) {
			found[entry.Name()] = true
		}
	}
	known := map[string]bool{}
	for name := range variables {
		known[name] = true
	}
	if diff := cmp.Diff(known, found); diff != "" {
		t.Errorf("examples that this test knows and those that there are (-known +found):\n%s", diff)
	}
	f.defineExamples(t)
	for name, values := range variables {
		if values == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			folder := config.StaticDirectory(filepath.Join(examples, name))
			resource.UnitTest(t, resource.TestCase{
				CheckDestroy: f.leavesNothing(t),
				Steps: []resource.TestStep{
					{ProtoV6ProviderFactories: providerFactories(), ConfigDirectory: folder, ConfigVariables: values},
					{ProtoV6ProviderFactories: providerFactories(), ConfigDirectory: folder, ConfigVariables: values, ConfigPlanChecks: emptyPlan()},
				},
			})
		})
	}
}

// defineExamples puts the types of the platform team onto the hub, which examples use.
func (f *fleet) defineExamples(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "definitions", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions found (error: %v)", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(content, &object.Object); err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		kind := v1beta1.GroupVersion.WithResource(strings.ToLower(object.GetKind()) + "s")
		client := f.on(t, v1alpha1.LocalCluster, kind).Namespace(object.GetNamespace())
		if _, err := client.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
			t.Fatalf("create what %s holds: %v", file, err)
		}
		t.Cleanup(func() {
			if err := client.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Errorf("delete what %s holds: %v", file, err)
			}
		})
	}
}
