// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// applications is the resource of Applications.
var applications = v1beta1.GroupVersion.WithResource("applications")

// application is a configuration of one application; the arguments are its
// namespace, its name, and further attributes.
func application(namespace, name, body string) string {
	return fmt.Sprintf("resource \"fairlead_application\" \"this\" {\n  namespace = %q\n  name = %q\n%s\n}\n", namespace, name, body)
}

// TestApplicationLifecycle creates, reads, imports and destroys an application,
// with an empty plan after each step.
func TestApplicationLifecycle(t *testing.T) {
	plane := sharedHub(t)
	minimal := withProvider(plane, application("default", "lifecycle", `components = { web = { type = "webservice", properties = { image = "nginx:1" } } }`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             absent(t, plane, applications, "lifecycle"),
		Steps: []resource.TestStep{
			{
				Config: minimal,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("fairlead_application.this", tfjsonpath.New("id"), knownvalue.StringExact("default/lifecycle")),
				},
			},
			{ResourceName: "fairlead_application.this", ImportState: true, ImportStateId: "default/lifecycle", ImportStateVerify: true},
			{Config: minimal, ConfigPlanChecks: emptyPlan()},
		},
	})
}
