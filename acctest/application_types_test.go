// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestApplicationOfOtherTypesBecomesKnown shows the limit of planning what the state
// says where the configuration means the same. The engine has planned a configuration
// with something unknown in it, and at apply wants a value of the same types, whereas
// all of it is known by then and means what the state says, in the types of the state.
// The provider cannot tell that plan from the first one of an edit of types alone: both
// are asked for with the same state, private state and configuration, and to plan the
// configuration would make a change of each such edit and of each import. So the engine
// refuses once, the hub stays as it is, and the next plan is empty.
func TestApplicationOfOtherTypesBecomesKnown(t *testing.T) {
	plane := sharedHub(t)
	config := func(made, cmd, image string) string {
		return withProvider(plane, fmt.Sprintf("resource \"terraform_data\" \"db\" {\n  input = \"db\"\n  triggers_replace = [%q]\n}\n", made)+
			application("other-types", fmt.Sprintf(`components = {
    web = { type = "webservice", properties = { image = %q, cmd = %s, env = [{ name = "DB", value = terraform_data.db.output }] } }
  }`, image, cmd)))
	}
	const tuple, list = `["a", "b"]`, `tolist(["a", "b"])`
	noop := emptyPlan()
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, plane, "other-types"),
		Steps: []resource.TestStep{
			{Config: config("1", tuple, "nginx:1")},
			{Config: config("1", list, "nginx:1"), ConfigPlanChecks: noop},
			{Config: config("2", list, "nginx:1"), ExpectError: wrapped("inconsistent final plan", ".components: wrong final value type")},
			{Config: config("2", list, "nginx:1"), ConfigPlanChecks: noop},
			// What is written next has the types of the configuration, and then nothing is refused.
			{Config: config("2", list, "nginx:2")},
			{Config: config("3", list, "nginx:2")},
			{Config: config("3", list, "nginx:2"), ConfigPlanChecks: noop},
		},
	})
}
