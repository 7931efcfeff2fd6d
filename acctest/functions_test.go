// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// exampleOfFunction is the example of a function as it stands in the documentation.
func exampleOfFunction(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, "functions", name, "function.tf"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestExamplesOfFunctions evaluates the example of each function: without a hub.
func TestExamplesOfFunctions(t *testing.T) {
	const image = "ghcr.io/stefanprodan/podinfo:6.9.0"
	for name, check := range map[string]statecheck.StateCheck{
		"merge": statecheck.ExpectKnownOutputValue("web", knownvalue.ObjectExact(map[string]knownvalue.Check{
			"type":       knownvalue.StringExact("webservice"),
			"properties": knownvalue.ObjectExact(map[string]knownvalue.Check{"image": knownvalue.StringExact(image), "cpu": knownvalue.StringExact("100m")}),
			"traits":     knownvalue.ObjectExact(map[string]knownvalue.Check{"scaler": knownvalue.ObjectExact(map[string]knownvalue.Check{"replicas": knownvalue.Int64Exact(3)})}),
		})),
		"parse_application": statecheck.ExpectKnownOutputValueAtPath("components", tfjsonpath.New("web").AtMapKey("traits").AtMapKey("scaler").AtMapKey("replicas"), knownvalue.Int64Exact(2)),
		"render":            statecheck.ExpectKnownOutputValue("manifests", knownvalue.NotNull()),
	} {
		t.Run(name, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
				Steps:                    []resource.TestStep{{Config: exampleOfFunction(t, name), ConfigStateChecks: []statecheck.StateCheck{check}}},
			})
		})
	}
}

// TestMergeInAnApplication merges components with a value that is not known yet:
// what stands beside it is planned, and one apply is enough.
func TestMergeInAnApplication(t *testing.T) {
	plane := sharedHub(t)
	config := func(input string) string {
		return withProvider(plane, "resource \"terraform_data\" \"db\" {\n  input = \""+input+"\"\n}\n"+application("merged", `components = provider::fairlead::merge(
    { web = { type = "webservice", properties = { image = "nginx:1", cpu = "1" } } },
    { web = { properties = { cpu = null, env = [{ name = "DB", value = terraform_data.db.output }], cmd = [terraform_data.db.output] } } },
  )`))
	}
	properties := func() tfjsonpath.Path {
		return tfjsonpath.New("components").AtMapKey("web").AtMapKey("properties")
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		Steps: []resource.TestStep{
			{
				Config: config("db-1"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(thisApplication, properties().AtMapKey("image"), knownvalue.StringExact("nginx:1")),
					plancheck.ExpectUnknownValue(thisApplication, properties().AtMapKey("env").AtSliceIndex(0).AtMapKey("value")),
				}},
			},
			{Config: config("db-1"), ConfigPlanChecks: emptyPlan()},
			{Config: config("db-2")},
			{Config: config("db-2"), ConfigPlanChecks: emptyPlan()},
		},
	})
}
