// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// seen is an application on the hub and on one managed cluster, and all that can be read of it.
const seen = `
resource "fairlead_environment" "this" {
  name                   = "seen"
  application_namespaces = { names = ["seen"], create = true }
  target_namespace       = { suffix = "-there" }
  namespace_options      = { adopt = false }
}
resource "fairlead_cluster_binding" "hub" {
  name        = "seen-hub"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
}
resource "fairlead_cluster_binding" "fleet" {
  name        = "seen-fleet"
  environment = fairlead_environment.this.name
  placement   = { cluster_sets = ["default"], match_labels = { seen = "yes" } }
}
resource "fairlead_application" "this" {
  name         = "seen"
  namespace    = "seen"
  environments = { seen = { ref = data.fairlead_environment.spec.ref } }
  components   = { web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } } }
  depends_on   = [fairlead_cluster_binding.hub, fairlead_cluster_binding.fleet]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
}
data "fairlead_environment" "spec" {
  name = fairlead_environment.this.id
}
data "fairlead_clusters" "some" {
  cluster_sets      = ["default"]
  match_labels      = { seen = "yes" }
  match_expressions = [{ key = "seen", operator = "In", values = ["yes"] }]
  available         = true
}
data "fairlead_clusters" "all" {
  cluster_sets = ["global"]
}
data "fairlead_placement_decision" "fleet" {
  binding    = fairlead_cluster_binding.fleet.name
  depends_on = [fairlead_rollout.this]
}
data "fairlead_placement_decision" "hub" {
  binding    = fairlead_cluster_binding.hub.name
  depends_on = [fairlead_rollout.this]
}
data "fairlead_placement_decision" "placement" {
  placement  = data.fairlead_placement_decision.fleet.placement
}
data "fairlead_application" "this" {
  namespace  = "seen"
  name       = "seen"
  depends_on = [fairlead_rollout.this]
}
data "fairlead_definition" "own" {
  kind = "component"
  name = "seen-type"
}
`

// TestDataSources reads a fleet, and what is delivered to it.
func TestDataSources(t *testing.T) {
	f := sharedFleet(t)
	f.label(t, "cluster1", "seen", "yes")
	own := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1beta1.GroupVersion.String(), "kind": "ComponentDefinition", "metadata": map[string]any{"name": "seen-type", "namespace": "fairlead-system"},
		"spec": map[string]any{"workload": map[string]any{"type": "deployments.apps"}, "schematic": map[string]any{"cue": map[string]any{"template": ownTemplate}}},
	}}
	create(t, hubObjects(t, f.env.Hub()), componentDefinitions, "fairlead-system", own)
	configuration := withProvider(f.env.Hub(), seen)
	text := knownvalue.StringExact
	names := func(names ...string) knownvalue.Check {
		var checks []knownvalue.Check
		for _, name := range names {
			checks = append(checks, knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": text(name)}))
		}
		return knownvalue.ListExact(checks)
	}
	is := func(address string, at tfjsonpath.Path, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data."+address, at, want)
	}
	at := tfjsonpath.New[string]
	checks := []statecheck.StateCheck{
		is("fairlead_clusters.some", at("clusters"), names("cluster1")),
		is("fairlead_clusters.some", at("clusters").AtSliceIndex(0), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"cluster_set": text("default"), "accepted": knownvalue.Bool(true), "joined": knownvalue.Bool(true), "available": knownvalue.Bool(true),
			"labels":             knownvalue.MapPartial(map[string]knownvalue.Check{"seen": text("yes")}),
			"kubernetes_version": knownvalue.StringRegexp(regexp.MustCompile(`^v1\.`)), "taints": knownvalue.ListSizeExact(0),
			"allocatable": knownvalue.MapPartial(map[string]knownvalue.Check{"cpu": knownvalue.NotNull()}),
		})),
		is("fairlead_clusters.all", at("clusters"), names(sharedClusters()...)),
		is("fairlead_placement_decision.fleet", at("clusters"), names("cluster1")),
		is("fairlead_placement_decision.fleet", at("environment"), text("seen")),
		is("fairlead_placement_decision.fleet", at("placement_conditions"), knownvalue.NotNull()),
		is("fairlead_placement_decision.hub", at("clusters"), names("local")),
		is("fairlead_placement_decision.placement", at("clusters"), names("cluster1")),
		is("fairlead_placement_decision.placement", at("ready"), knownvalue.Bool(true)),
		is("fairlead_environment.spec", at("target_namespace").AtMapKey("suffix"), text("-there")),
		is("fairlead_environment.spec", at("application_namespaces").AtMapKey("names"), knownvalue.SetExact([]knownvalue.Check{text("seen")})),
		is("fairlead_environment.spec", at("namespace_options").AtMapKey("prepare"), knownvalue.Bool(false)),
		is("fairlead_environment.spec", at("after_policy"), text("Skip")),
		is("fairlead_application.this", at("components").AtMapKey("web").AtMapKey("type"), text("webservice")),
		is("fairlead_application.this", at("status").AtMapKey("ready"), knownvalue.Bool(true)),
		is("fairlead_application.this", at("status").AtMapKey("places"), knownvalue.Int64Exact(2)),
		is("fairlead_application.this", at("status").AtMapKey("services").AtSliceIndex(0), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"component": text("web"), "environment": text("seen"), "cluster": text("cluster1"), "namespace": text("seen-there"), "healthy": knownvalue.Bool(true),
		})),
		is("fairlead_definition.own", at("found_in"), text("fairlead-system")),
		is("fairlead_definition.own", at("parameters").AtSliceIndex(0), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"path": text("available"), "type": text("string"), "required": knownvalue.Bool(true),
			"description": text("Status of the condition Available that counts as healthy"),
		})),
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps:                    []resource.TestStep{{Config: configuration, ConfigStateChecks: checks}, {Config: configuration, ConfigPlanChecks: emptyPlan()}},
	})
}

// TestDataSourcesOfNothing checks that what does not exist is an error that helps.
func TestDataSourcesOfNothing(t *testing.T) {
	f := sharedFleet(t)
	tests := []struct{ reason, source, want string }{
		{"a cluster", `"fairlead_clusters" "this" { names = ["cluster11"] }`, `(?s)Managed cluster not found.*did\s+you\s+mean\s+"cluster1"`},
		{"a cluster set", `"fairlead_clusters" "this" { cluster_sets = ["defaultx"] }`, `(?s)Cluster set not found.*did\s+you\s+mean\s+"default"`},
		{"a selector", "\"fairlead_clusters\" \"this\" {\n  match_expressions = [{ key = \"a\", operator = \"In\" }]\n}", `(?s)Invalid selector.*values`},
		{"an environment", `"fairlead_environment" "this" { name = "defolt" }`, `(?s)Environment not found.*did\s+you\s+mean\s+"default"`},
		{"a binding", `"fairlead_placement_decision" "this" { binding = "nobody" }`, `(?s)ClusterBinding not found.*"nobody"`},
		{"a placement", `"fairlead_placement_decision" "this" { placement = "nobody" }`, `(?s)"fairlead-system/nobody"`},
		{"an application", `"fairlead_application" "this" { name = "nobody" }`, `(?s)Application not found.*"default"`},
		{"a type", "\"fairlead_definition\" \"this\" {\n  kind = \"component\"\n  name = \"webservise\"\n}", `(?s)Type not found.*webservice`},
		{"a version", "\"fairlead_definition\" \"this\" {\n  kind = \"component\"\n  name = \"webservice@9\"\n}", `(?s)Type not found.*no\s+versions`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				Steps: []resource.TestStep{{
					Config: withProvider(f.env.Hub(), "data "+test.source), PlanOnly: true, ExpectError: regexp.MustCompile(test.want),
				}},
			})
		})
	}
}

// TestDataSourcesOfUnknownHub checks that a data source of a hub that is known only after apply says what to do, that doing so
// works, and that a hub without OCM says so.
func TestDataSourcesOfUnknownHub(t *testing.T) {
	plane := sharedHub(t)
	config := func(more, source string) string {
		return fmt.Sprintf(`
resource "terraform_data" "hub" {
  input = %q
}
provider "fairlead" {
  hub   = { config_path = terraform_data.hub.output }
  owner = "acctest"
}
resource "fairlead_environment" "this" {
  name = "read-later"
}
data %q "this" {
  %s
}
`, plane.KubeconfigPath, source, more)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config(`name = "read-later"`, "fairlead_environment"), ExpectError: regexp.MustCompile(`(?s)Hub not known yet.*depends_on\s+=`)},
			{
				Config: config("name       = \"read-later\"\n  depends_on = [fairlead_environment.this]", "fairlead_environment"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.fairlead_environment.this", tfjsonpath.New("after_policy"), knownvalue.StringExact("Skip")),
				},
			},
			{Config: config("", "fairlead_clusters"), ExpectError: regexp.MustCompile(`Open Cluster Management is not installed`)},
			{Config: config("kind   = \"trait\"\n  name   = \"scaler\"\n  source = \"builtin\"", "fairlead_definition")},
		},
	})
}
