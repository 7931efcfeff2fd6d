// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestGivenDefinition applies an application together with the definition of its type,
// on a hub that the plan does not know yet: the plan lists its objects, the apply makes
// what was planned, and a change of the definition shows at the application.
func TestGivenDefinition(t *testing.T) {
	plane := sharedHub(t)
	hub := fmt.Sprintf("resource \"terraform_data\" \"hub\" {\n  input = %q\n}\nprovider \"fairlead\" {\n  hub   = { config_path = terraform_data.hub.output }\n  owner = \"acctest\"\n}\n", plane.KubeconfigPath)
	body := func(says, properties string) string {
		return fmt.Sprintf(definitionFile, "given-says", says, "namespace = \"default\"\n  wait      = false") + application("given", `
  definitions = [fairlead_definition.this.ref]
  components  = { hello = { type = "given-says", properties = { `+properties+` } } }`)
	}
	resources := tfjsonpath.New("resources")
	object := resources.AtMapKey("default/hello/ConfigMap/hello")
	listed := statecheck.ExpectKnownValue(thisApplication, resources, knownvalue.MapExact(map[string]knownvalue.Check{"default/hello/ConfigMap/hello": knownvalue.NotNull()}))
	digest := statecheck.CompareValue(compare.ValuesDiffer())
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: hub + body("!", `sya = "hello"`), ExpectError: wrapped("Invalid application", `components.hello.properties.sya`)},
			{
				Config: hub + body("!", `say = "hello"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(thisApplication, object),
					plancheck.ExpectUnknownValue(thisApplication, tfjsonpath.New("revision")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{listed, digest.AddStateValue(thisApplication, object)},
			},
			{Config: hub + body("!", `say = "hello"`), ConfigPlanChecks: emptyPlan()},
			{
				Config: hub + body("?", `say = "hello"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{listed, digest.AddStateValue(thisApplication, object)},
			},
			{Config: hub + body("?", `say = "hello"`), ConfigPlanChecks: emptyPlan()},
		},
	})
}
