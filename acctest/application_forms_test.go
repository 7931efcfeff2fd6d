// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// valueForms are the ways to write a value in HCL.
func valueForms() []string {
	return []string{
		`{ a = { b = 1 } }`,
		`[1, "a", [true, { b = 2 }], null, {}]`,
		`{ "/" = 8080, "8080" = "x", "a.b/c" = true }`,
		`"ünïcode <&> \n $${x} \u2028"`,
		`tomap({ a = "1", b = "2" })`,
		`tolist(["a", "b"])`,
		`toset(["b", "a", "b"])`,
		`merge({ a = { n = 1 } }, { b = { n = "x" } })`,
		`{ for k in ["a", "b"] : k => { type = k } }`,
		`[for k in ["A", "B"] : { name = k, value = "x" }]`,
		`var.anything`,
		`var.optional`,
		`tomap({ n = 1, s = "b" })`,
		`{ a = null, b = { c = null, d = 1 } }`,
		`{ a = var.yes ? null : { b = 1 }, c = var.yes ? { b = 1 } : null }`,
		`[1, 1.0, 1e3, 0.1, 1.5, -3, 9223372036854775807, 0.30000000000000004]`,
		`1 / 3`,
		`["1", "1.0", "true", "null", "", "1e3", "007"]`,
		`{ a = [], b = {}, c = [[]], d = [{}] }`,
		`{ a = tolist([]), b = tomap({}) }`,
		`{}`,
		`{ a = var.yes ? { a = 1 } : {}, b = var.yes ? {} : { a = 1 } }`,
		`var.yes ? { a = 1, b = "x" } : {}`,
		`jsondecode("{\"a\":[1,\"b\",null,{\"c\":true}],\"d\":1.5}")`,
		`yamldecode("a: [1, b, null]\nd: {e: 1.5}\n")`,
		"<<-EOT\n  a\n    b\nEOT\n",
		`!var.yes`,
		`tolist([{ a = "1" }, { a = "2" }])`,
		`sensitive("hidden")`,
		`terraform_data.later.output`,
		`{ "url" = "http://${terraform_data.later.output}/" }`,
	}
}

// wholeForms are the ways to write components as a whole.
func wholeForms() map[string]string {
	return map[string]string{
		"map":         `tomap({ web = { type = "anything" }, api = { type = "anything" } })`,
		"map-objects": `var.components`,
		"merged":      `merge({ a = { type = "anything", properties = { n = 1 } } }, { b = { type = "anything", properties = { n = "x" } } })`,
		"for":         `{ for k in ["a", "b"] : k => { type = "anything", properties = { name = k } } }`,
		"none":        `{}`,
		"null-traits": `{ a = { type = "anything", properties = null, traits = null } }`,
	}
}

const formVariables = `
variable "yes" { default = true }
variable "anything" {
  type    = any
  default = { a = [1, "b"], c = { d = true } }
}
variable "optional" {
  type    = object({ labels = optional(map(string)), n = number, l = optional(list(any), ["a", 1]) })
  default = { n = 3 }
}
variable "components" {
  type    = map(object({ type = string, properties = any, traits = optional(map(any)) }))
  default = { web = { type = "anything", properties = { image = "a", count = 1 } } }
}
resource "terraform_data" "later" {
  input = "known after apply"
}
`

// formApplications are one application with a component for each form of a
// value, and one for each form of components. It returns their addresses too.
func formApplications() (config string, addresses map[string]string) {
	var b strings.Builder
	addresses = map[string]string{"fairlead_application.values": "default/forms-values"}
	b.WriteString(formVariables + "resource \"fairlead_application\" \"values\" {\n  namespace = \"default\"\n  name = \"forms-values\"\n  components = {\n")
	for i, form := range valueForms() {
		fmt.Fprintf(&b, "    form-%02d = {\n      type = \"anything\"\n      properties = {\n        v = %s\n      }\n    }\n", i, form)
	}
	b.WriteString("  }\n}\n")
	for name, form := range wholeForms() {
		fmt.Fprintf(&b, "resource \"fairlead_application\" %q {\n  namespace = \"default\"\n  name = \"forms-%s\"\n  components = %s\n}\n", name, name, form)
		addresses["fairlead_application."+name] = "default/forms-" + name
	}
	return b.String(), addresses
}

// TestApplicationForms applies every form of a value through the engine: the
// next plan is empty, and so is the first plan after an import.
func TestApplicationForms(t *testing.T) {
	plane := sharedHub(t)
	create(t, hubObjects(t, plane), componentDefinitions, "default", anyDefinition("anything"))
	applications, addresses := formApplications()
	var forget, imports strings.Builder
	for address, id := range addresses {
		fmt.Fprintf(&forget, "removed {\n  from = %s\n  lifecycle {\n    destroy = false\n  }\n}\n", address)
		fmt.Fprintf(&imports, "import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	config := withProvider(plane, applications)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config},
			{Config: config, ConfigPlanChecks: emptyPlan()},
			{Config: withProvider(plane, formVariables+forget.String())},
			{
				Config:           config + imports.String(),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{onlyImports{addresses}}},
			},
			{Config: config, ConfigPlanChecks: emptyPlan()},
		},
	})
}

// onlyImports expects that all of the addresses are imported and nothing changes,
// but for marks of sensitive values, which have no meaning outside the engine.
type onlyImports struct {
	addresses map[string]string
}

// CheckPlan checks every change of the plan.
func (o onlyImports) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	imported := 0
	for _, change := range req.Plan.ResourceChanges {
		if _, ours := o.addresses[change.Address]; !ours {
			continue
		}
		if change.Change.Importing != nil {
			imported++
		}
		if !change.Change.Actions.NoOp() && !sameAsBefore(change.Change) {
			resp.Error = fmt.Errorf("%s: the plan after the import is not empty: %v", change.Address, change.Change.Actions)
			return
		}
	}
	if imported != len(o.addresses) {
		resp.Error = fmt.Errorf("%d of %d applications are imported", imported, len(o.addresses))
	}
}

// sameAsBefore says whether a change leaves every value as it is.
func sameAsBefore(change *tfjson.Change) bool {
	return fmt.Sprint(change.Before) == fmt.Sprint(change.After)
}
