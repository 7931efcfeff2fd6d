// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

// replacedPlatform is what a platform team has; LIFECYCLE is how it is replaced.
const replacedPlatform = `
resource "fairlead_environment" "this" {
  name = "replaced"
  LIFECYCLE
}
resource "fairlead_cluster_binding" "this" {
  name        = "replaced"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
  LIFECYCLE
}
resource "fairlead_definition" "this" {
  kind      = "trait"
  name      = "replaced"
  namespace = "default"
  template  = "parameter: {}\npatch: {}"
  wait      = false
  LIFECYCLE
}
`

// TestPlatformReplacedByItself replaces an environment, its binding and a definition,
// before and after their old instances are destroyed. The objects have the same names
// and must be there afterwards.
func TestPlatformReplacedByItself(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	held := map[string]dynamic.ResourceInterface{
		"environment": objects.Resource(environments), "binding": objects.Resource(bindings), "definition": objects.Resource(traitDefinitions).Namespace("default"),
	}
	check := func(*terraform.State) error {
		for name, kind := range held {
			live, err := kind.Get(t.Context(), "replaced", metav1.GetOptions{})
			if err != nil {
				return fmt.Errorf("the %s was not replaced: %w", name, err)
			}
			if live.GetDeletionTimestamp() != nil {
				return fmt.Errorf("the %s that replaces the old one is being deleted", name)
			}
		}
		return nil
	}
	for _, lifecycle := range []string{"", "lifecycle {\n    create_before_destroy = true\n  }"} {
		config := withProvider(plane, strings.ReplaceAll(replacedPlatform, "LIFECYCLE", lifecycle))
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: providerFactories(),
			CheckDestroy:             absent(t, plane, environments, "replaced"),
			Steps: []resource.TestStep{
				{Config: config},
				{Config: config, Taint: []string{"fairlead_environment.this", "fairlead_cluster_binding.this", thisDefinition}, Check: check},
				{Config: config, ConfigPlanChecks: emptyPlan()},
			},
		})
	}
}

// TestProtectedReplacedByItself replaces what is protected by what has the same name. An
// engine that plans to destroy it is refused in the plan. With create_before_destroy what is
// tainted is taken over by its new instance, and the old one goes without it.
func TestProtectedReplacedByItself(t *testing.T) {
	plane := sharedHub(t)
	const body = `
resource "terraform_data" "replaces" {
  input = %d
}
resource "fairlead_environment" "this" {
  name     = "kept"
  deletion = { protection = %t }
  lifecycle {
    create_before_destroy = %t
    replace_triggered_by  = [terraform_data.replaces]
  }
}
resource "fairlead_application" "this" {
  namespace  = "default"
  name       = "kept"
  components = { web = { type = "webservice", properties = { image = "nginx:1" } } }
  deletion   = { protection = %[2]t }
  lifecycle {
    create_before_destroy = %[3]t
    replace_triggered_by  = [terraform_data.replaces]
  }
}`
	refusals := []string{"Application is protected", "Environment is protected"}
	for _, first := range []bool{false, true} {
		config := func(input int, protection bool) string {
			return withProvider(plane, fmt.Sprintf(body, input, protection, first))
		}
		steps := []resource.TestStep{{Config: config(1, true)}}
		for _, refusal := range refusals {
			steps = append(steps, resource.TestStep{Config: config(2, true), PlanOnly: true, ExpectError: wrapped(refusal)})
		}
		if first {
			steps = append(steps,
				resource.TestStep{Config: config(1, true), Taint: []string{thisApplication, "fairlead_environment.this"}, Check: applicationIs(t, plane, "kept", webSpec("nginx:1"))},
				resource.TestStep{Config: config(1, true), ConfigPlanChecks: emptyPlan()})
		}
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: providerFactories(),
			CheckDestroy:             applicationAbsent(t, plane, "kept"),
			Steps:                    append(steps, resource.TestStep{Config: config(1, false)}),
		})
	}
}
