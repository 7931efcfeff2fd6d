// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

// patchApplication changes an application of the namespace default as another tool does.
func patchApplication(t *testing.T, plane *cluster.ControlPlane, name, manager, patch string) func() {
	return func() {
		t.Helper()
		objects := hubObjects(t, plane).Resource(applications).Namespace("default")
		if _, err := objects.Patch(t.Context(), name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
			t.Fatalf("patch application %s: %v", name, err)
		}
	}
}

// setImage sets the image of the first component.
func setImage(image string) string {
	return fmt.Sprintf(`[{"op":"replace","path":"/spec/components/0/properties/image","value":%q}]`, image)
}

// TestApplicationIgnoresFields leaves the image to another tool: no plan shows it, no write undoes it, and what the
// configuration says of it changes nothing.
func TestApplicationIgnoresFields(t *testing.T) {
	plane := sharedHub(t)
	config := func(image string, port int) string {
		return withProvider(plane, application("ignores", fmt.Sprintf(
			`ignore_fields = ["components.web.properties.image"]
  components = { web = { type = "webservice", properties = { image = %q, ports = [{ port = %d }] } } }`, image, port)))
	}
	spec := func(image string, port int64) map[string]any {
		return map[string]any{"components": []any{map[string]any{"name": "web", "type": "webservice",
			"properties": map[string]any{"image": image, "ports": []any{map[string]any{"port": port}}}}}}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("nginx:1", 80), Check: applicationIs(t, plane, "ignores", spec("nginx:1", 80))},
			{PreConfig: patchApplication(t, plane, "ignores", "image-updater", setImage("nginx:9")), Config: config("nginx:1", 80), ConfigPlanChecks: emptyPlan()},
			{Config: config("nginx:2", 80), ConfigPlanChecks: emptyPlan()},
			{
				Config: config("nginx:2", 81),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
					plancheck.ExpectUnknownValue(thisApplication, tfjsonpath.New("revision")),
				}},
				Check: applicationIs(t, plane, "ignores", spec("nginx:9", 81)),
			},
			{Config: config("nginx:2", 81), ConfigPlanChecks: emptyPlan()},
			{PreConfig: patchApplication(t, plane, "ignores", "kubectl-edit", `[{"op":"replace","path":"/spec/components/0/properties/ports/0/port","value":99}]`),
				Config: config("nginx:2", 81), Check: applicationIs(t, plane, "ignores", spec("nginx:9", 81))},
		},
	})
}

// TestApplicationProtected refuses to destroy a protected application, in the plan.
func TestApplicationProtected(t *testing.T) {
	plane := sharedHub(t)
	config := func(protection bool) string {
		return withProvider(plane, application("protected", web("nginx:1")+fmt.Sprintf("\ndeletion = { protection = %t }", protection)))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config(true)},
			{Config: withProvider(plane, "# nothing"), PlanOnly: true, ExpectError: wrapped("Application is protected", "protection = false")},
			{Config: config(false), Check: applicationIs(t, plane, "protected", webSpec("nginx:1"))},
		},
	})
}

// TestApplicationAudit writes which run of HCP Terraform changed an application, and does not write it for that alone.
func TestApplicationAudit(t *testing.T) {
	plane := sharedHub(t)
	run := "run-1"
	factories := map[string]func() (tfprotov6.ProviderServer, error){
		"fairlead": func() (tfprotov6.ProviderServer, error) {
			env := map[string]string{"TFC_WORKSPACE_SLUG": "acme/shop", "TFC_RUN_ID": run}
			return provider.Server("test", func(name string) string { return env[name] }), nil
		},
	}
	config := func(image string) string { return withProvider(plane, application("audited", web(image))) }
	is := func(run string) resource.TestCheckFunc {
		return annotated(t, plane, "audited", map[string]string{
			"fairlead.dev/organization": "acme", "fairlead.dev/workspace": "shop", "fairlead.dev/run": run})
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: config("nginx:1"), Check: is("run-1")},
			{PreConfig: func() { run = "run-2" }, Config: config("nginx:1"), ConfigPlanChecks: emptyPlan(), Check: is("run-1")},
			{Config: config("nginx:2"), Check: is("run-2")},
		},
	})
}
