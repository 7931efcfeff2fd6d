// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// thisBinding is the address of the binding in these configurations.
const thisBinding = "fairlead_cluster_binding.this"

// fullBinding uses every attribute of a placement.
const fullBinding = `
resource "fairlead_cluster_binding" "this" {
  name        = "binding-full"
  environment = "prod"
  placement = {
    cluster_sets       = ["production", "edge"]
    match_labels       = { region = "eu" }
    match_expressions  = [{ key = "tier", operator = "NotIn", values = ["silver", "bronze"] }, { key = "gpu", operator = "Exists" }]
    claim_selector     = { match_expressions = [{ key = "version", operator = "In", values = ["v1.36"] }] }
    cel_expressions    = ["managedCluster.metadata.name.startsWith('eu')"]
    number_of_clusters = 2
    spread             = [{ topology_key = "zone", topology_key_type = "Label" }]
    tolerations = [
      { key = "cluster.open-cluster-management.io/unreachable", operator = "Exists", toleration_seconds = 300 },
      { key = "gpu", value = "true", effect = "NoSelect" },
    ]
    prioritizers = [
      { built_in = "Steady" },
      { add_on = { resource_name = "cost", score_name = "price" }, weight = -2 },
    ]
  }
  overrides = [
    { component = "web", traits = { labels = { team = null }, scaler = { replicas = 6 } } },
    { application = "shop-*", componentType = "worker", properties = { cpu = "1" }, traits = [{ type = "gateway", disable = true }] },
  ]
  rollout = {
    type                      = "Progressive"
    max_concurrency           = 1
    mandatory_decision_groups = ["canary"]
    min_success_time          = "2m"
    progress_deadline         = "10m"
    max_failures              = "25%"
    stall_after               = "90s"
  }
}
`

// fullBindingSpec is what fullBinding writes, with the defaults of the API.
func fullBindingSpec() map[string]any {
	expression := func(key, operator string, values ...any) map[string]any {
		requirement := map[string]any{"key": key, "operator": operator}
		if len(values) > 0 {
			requirement["values"] = values
		}
		return requirement
	}
	return map[string]any{
		"environment": "prod",
		"placement": map[string]any{
			"clusterSets": []any{"edge", "production"},
			"labelSelector": map[string]any{
				"matchLabels":      map[string]any{"region": "eu"},
				"matchExpressions": []any{expression("tier", "NotIn", "bronze", "silver"), expression("gpu", "Exists")},
			},
			"claimSelector":    map[string]any{"matchExpressions": []any{expression("version", "In", "v1.36")}},
			"celExpressions":   []any{"managedCluster.metadata.name.startsWith('eu')"},
			"numberOfClusters": int64(2),
			"spread": []any{map[string]any{
				"topologyKey": "zone", "topologyKeyType": "Label", "maxSkew": int64(1), "whenUnsatisfiable": "ScheduleAnyway",
			}},
			"tolerations": []any{
				map[string]any{"key": "cluster.open-cluster-management.io/unreachable", "operator": "Exists", "tolerationSeconds": int64(300)},
				map[string]any{"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSelect"},
			},
			"prioritizers": []any{
				map[string]any{"builtIn": "Steady", "weight": int64(1)},
				map[string]any{"addOn": map[string]any{"resourceName": "cost", "scoreName": "price"}, "weight": int64(-2)},
			},
		},
		"overrides": []any{
			map[string]any{"component": "web", "traits": []any{
				map[string]any{"type": "labels", "properties": map[string]any{"team": nil}}, map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(6)}}}},
			map[string]any{"application": "shop-*", "componentType": "worker", "properties": map[string]any{"cpu": "1"},
				"traits": []any{map[string]any{"type": "gateway", "disable": true}}},
		},
		"rollout": map[string]any{
			"type": "Progressive", "maxConcurrency": int64(1), "mandatoryDecisionGroups": []any{"canary"}, "minSuccessTime": "2m0s",
			"progressDeadline": "10m0s", "maxFailures": "25%", "stallAfter": "1m30s", "replacement": "SurgeFirst",
		},
	}
}

// TestClusterBindingPlacement creates, imports and changes a binding by placement.
func TestClusterBindingPlacement(t *testing.T) {
	plane := sharedHub(t)
	full := withProvider(plane, fullBinding)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             absent(t, plane, bindings, "binding-full"),
		Steps: []resource.TestStep{
			{Config: full, Check: specIs(t, plane, bindings, "binding-full", fullBindingSpec())},
			{Config: full, ConfigPlanChecks: emptyPlan()},
			{
				ResourceName: thisBinding, ImportState: true, ImportStateId: "binding-full", ImportStateVerify: true,
				// Other spellings of the same: the plan of the next step must be empty nevertheless.
				ImportStateVerifyIgnore: []string{"rollout.stall_after", "overrides"},
			},
			{ResourceName: thisBinding, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "binding-full", Config: full},
			{
				Config: withProvider(plane, `
resource "fairlead_cluster_binding" "this" {
  name        = "binding-full"
  environment = "prod"
  clusters    = ["eu-2", "eu-1"]
}`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisBinding, plancheck.ResourceActionUpdate),
				}},
				Check: specIs(t, plane, bindings, "binding-full", map[string]any{"environment": "prod", "clusters": []any{"eu-1", "eu-2"}}),
			},
		},
	})
}

// TestClusterBindingEnvironment checks that another environment means another binding.
func TestClusterBindingEnvironment(t *testing.T) {
	plane := sharedHub(t)
	config := func(environment string) string {
		return withProvider(plane, fmt.Sprintf(`
resource "fairlead_environment" "a" { name = "binding-a" }
resource "fairlead_environment" "b" { name = "binding-b" }
resource "fairlead_cluster_binding" "this" {
  name        = "binding-moved"
  environment = fairlead_environment.%s.name
  clusters    = ["local"]
}`, environment))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             absent(t, plane, bindings, "binding-moved"),
		Steps: []resource.TestStep{
			{
				Config: config("a"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(thisBinding, tfjsonpath.New("id"), knownvalue.StringExact("binding-moved")),
				},
			},
			{
				Config: config("b"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisBinding, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				Check: specIs(t, plane, bindings, "binding-moved", map[string]any{"environment": "binding-b", "clusters": []any{"local"}}),
			},
		},
	})
}

// TestClusterBindingBadInput checks that mistakes are found at plan.
func TestClusterBindingBadInput(t *testing.T) {
	plane := sharedHub(t)
	tests := []struct {
		reason, body, want string
	}{
		{"something must be bound", "", `(?s)No clusters given.*cluster_sets`},
		{"names and placement exclude each other", `clusters = ["local"], placement = { cluster_sets = ["global"] }`, `(?s)placement.*cannot be\s+specified when.*clusters`},
		{"no clusters is a mistake", `clusters = []`, `(?s)clusters set must contain at least 1`},
		{"a placement needs a set", `placement = { cluster_sets = [] }`, `(?s)cluster_sets set must contain at\s+least 1`},
		{"a percentage ends at 100", `clusters = ["local"], rollout = { max_failures = "200%" }`, `(?s)max_failures.*number such as 2`},
		{"a score is built in or of an add-on", `placement = { cluster_sets = ["a"], prioritizers = [{ weight = 2 }] }`, `(?s)built_in.*add_on`},
		{"snake case inside overrides is corrected", `clusters = ["local"], overrides = [{ component_type = "worker" }]`, `(?s)overrides\[0\]\.component_type is not known \(did you mean\s+componentType\?\)`},
		{"overrides are a list", `clusters = ["local"], overrides = { web = {} }`, `(?s)overrides must be a list of objects`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			body := regexp.MustCompile(`, (placement|rollout|overrides) =`).ReplaceAllString(test.body, "\n  $1 =")
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				Steps: []resource.TestStep{{
					Config:      withProvider(plane, fmt.Sprintf("resource \"fairlead_cluster_binding\" \"this\" {\n  name        = \"bad\"\n  environment = \"prod\"\n  %s\n}", body)),
					PlanOnly:    true,
					ExpectError: regexp.MustCompile(test.want),
				}},
			})
		})
	}
}
