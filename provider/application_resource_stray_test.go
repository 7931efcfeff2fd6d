// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func TestApplicationStraySecrets(t *testing.T) {
	const refused = "environment_secrets_wo.prd: the application does not go to an environment of that name"
	cases := []struct {
		reason, environments, policies string
		want                           string
	}{
		{"a name that is wrong", `{ prod = any, dev = {} }`, "", refused + " (did you mean prod?); it goes to: dev, prod"},
		{"a name that is wrong beside a list", `["prod"]`, `[{ type = "environment", properties = { environment = "dev" } }]`, refused + " (did you mean prod?); it goes to: prod, dev"},
		{"an application that goes to the default environment", "", `[{ type = "override" }]`, refused + "; it goes to: default"},
		{"the environment is there", `{ prd = any }`, "", ""},
		{"a policy names it", `["dev"]`, `[{ type = "environment", properties = { environment = "prd" } }]`, ""},
		{"environments are not known yet", `any`, "", ""},
		{"one of them is not", `["dev", unknown]`, "", ""},
		{"policies are not known yet", `["dev"]`, `any`, ""},
		{"the environment of a policy is not", `["dev"]`, `[{ type = "environment", properties = { environment = unknown } }]`, ""},
		{"a topology may lead to any environment", "", `[{ type = "topology" }]`, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			m := modelOf(t, someWeb, c.environments, c.policies, "")
			secrets := map[string]attr.Value{
				"prd":   secretsMap(map[string]map[string]string{"db": {"password": "x"}}),
				"none":  types.MapNull(types.MapType{ElemType: types.StringType}),
				"empty": secretsMap(nil),
				"doubt": types.MapValueMust(types.MapType{ElemType: types.StringType}, map[string]attr.Value{
					"db": types.MapNull(types.StringType), "queue": types.MapUnknown(types.StringType),
				}),
				"unsure": types.MapUnknown(types.MapType{ElemType: types.StringType}),
			}
			m.EnvironmentSecretsWO = types.MapValueMust(types.MapType{ElemType: types.MapType{ElemType: types.StringType}}, secrets)
			got := ""
			for _, finding := range straySecrets(m, newApplicationSpec(m)) {
				got += finding.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestApplicationStrayPaths(t *testing.T) {
	const components = `{ website = { type = "webservice", properties = { image = "a" } } }`
	const end = "\n\nSuch a path has no effect. Correct it, or leave it out."
	cases := []struct {
		reason, components, environments string
		paths                            []string
		want                             string
	}{
		{"names that are wrong", components, `["prod"]`, []string{"components.webste.properties.image", "environments.prd.selector"},
			`ignore_fields[0]: there is no component "webste" (did you mean website?)` + "\n" + `ignore_fields[1]: environments has no "prd" (did you mean prod?)` + end},
		{"a name, a type, an index and another attribute", components, `{ prod = any }`,
			[]string{"components.website.properties.image", "components.webservice.properties.image", "components[0].properties.image", "environments.prod.selector", "policies.x.properties"}, ""},
		{"what is not known yet may have any name", `any`, `any`, []string{"components.x.properties.image", "environments.x.selector"}, ""},
		{"a component that is not known yet may have any type", `{ website = any }`, "", []string{"components.worker.properties.image"}, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			m := modelOf(t, c.components, c.environments, "", "")
			m.IgnoreFields = paths(c.paths...)
			var diags diag.Diagnostics
			warnOfStrayPaths(m, newApplicationSpec(m), &diags)
			got := ""
			for _, d := range diags {
				got += d.Detail()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
