// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// waits is an application of which one component waits for another.
const waits = `{
  web     = { type = "webservice", properties = { image = unknown }, dependsOn = ["migrate"] }
  migrate = { type = "task", properties = { image = "a" } }
}`

// TestApplicationReferences refuses what the addon refuses of the parts of an
// application together, with the path in the configuration, and nothing else.
func TestApplicationReferences(t *testing.T) {
	const noSuch = ` is no component of this application`
	cases := []struct {
		reason                             string
		components, environments, policies string
		ignore                             []string
		want                               []string
	}{
		{reason: "names that are right", components: waits, environments: `{ prod = { selector = ["web"], components = { migrate = {}, "*" = { properties = {} } } } }`,
			policies: `[{ type = "override", properties = { selector = ["web", "more"], components = [{ name = "more", type = "worker" }, { name = "mig*" }, { type = "task" }] } }, ` +
				`{ type = "replication", properties = { keys = ["a"], selector = ["web"] } }]`},
		{reason: "all mistakes at once, whatever else is not known yet",
			components: `{
  web     = { type = "webservice", properties = { image = unknown }, dependsOn = [unknown, "migrte"] }
  migrate = { type = unknown, dependsOn = ["web", "db"] }
}`,
			environments: `{ prod = { selector = ["weeb", unknown], components = { migrat = { properties = { image = unknown } } } } }`,
			policies:     `[null, { type = "override", properties = { selector = ["web", "x"], components = [{ name = "weeb", properties = { image = unknown } }] } }]`,
			want: []string{
				`components.migrate.dependsOn[1]: "db"` + noSuch + `; use one of: migrate, web`,
				`components.web.dependsOn[1]: "migrte"` + noSuch + ` (did you mean migrate?); use one of: migrate, web`,
				`environments.prod.selector[0]: "weeb"` + noSuch + ` (did you mean web?); use one of: migrate, web`,
				`environments.prod.components.migrat:` + noSuch + ` (did you mean migrate?); use one of: migrate, web; to add one use a policy of type override`,
				`policies[1].properties.selector[1]: "x"` + noSuch + `; use one of: migrate, web`,
				`policies[1].properties.components[0].name: "weeb"` + noSuch + ` (did you mean web?); use one of: migrate, web; to add one here give its type too`,
			}},
		{reason: "a circle", components: `{
  a = { type = "worker", properties = { image = "a" }, dependsOn = ["b"] }
  b = { type = "our-own", dependsOn = ["a"] }
}`, want: []string{"components.a.dependsOn: the components wait for each other: a -> b -> a; let one of them not depend on the next"}},
		{reason: "a component that is null is none", components: `{ web = { type = "worker", properties = { image = "a" }, dependsOn = ["db"] }, db = null }`,
			want: []string{`components.web.dependsOn[0]: "db"` + noSuch + `; use one of: web`}},
		{reason: "a component that is not known yet may be one", components: `{ web = { type = "worker", properties = { image = "a" }, dependsOn = ["db"] }, db = any }`},
		{reason: "components that are not known yet may be any", components: `any`, environments: `{ prod = { selector = ["wbe"] } }`},
		{reason: "lists that are not known yet", components: `{ web = { type = "worker", properties = { image = "a" }, dependsOn = any } }`, environments: `{ prod = { selector = any, components = any }, dev = any }`,
			policies: `[{ type = "replication", properties = any }]`},
		{reason: "policies that are not known yet may add components", components: someWeb, environments: `{ prod = { selector = ["more"] } }`, policies: `any`},
		{reason: "one of them may", components: someWeb, environments: `{ prod = { selector = ["more"] } }`, policies: `[any]`},
		{reason: "one of a type that is not known yet may", components: someWeb, environments: `{ prod = { selector = ["more"] } }`, policies: `[{ type = unknown }]`},
		{reason: "an override with names that are not known yet may", components: someWeb, environments: `{ prod = { selector = ["more"] } }`,
			policies: `[{ type = "override", properties = { components = [{ name = unknown, type = "worker" }] } }]`},
		{reason: "policies of other types say nothing of components", components: someWeb, policies: `[{ name = "a", type = "ours", properties = { selector = ["x"] } }, { name = "b", type = "override@v2", properties = { selector = ["x"] } }]`},
		{reason: "what policies say for themselves", components: someWeb,
			policies: `{ copies = { type = "replication", properties = { keys = [], selector = ["web"] } }, more = { type = "environment", properties = { environment = "No Name" } } }`,
			want: []string{
				"policies.copies.properties.keys: at least one key is wanted here; without any the components would be delivered nowhere",
				"policies.more.properties.environment: the name of an Environment is wanted here; change it",
			}},
		{reason: "an environment that is there twice", components: someWeb, environments: `["dev", "prod"]`, policies: `[null, { type = "environment", properties = { environment = "prod" } }]`,
			want: []string{`policies[1].properties.environment: environments.prod names the environment "prod" too; use each environment once`}},
		{reason: "what is left to others is not what is configured", components: `{ web = { type = "worker", properties = { image = "a" }, dependsOn = ["db"] } }`,
			environments: `{ prod = { selector = ["db"] } }`, ignore: []string{"components.web.dependsOn", "environments.prod.selector"}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			m := modelOf(t, c.components, c.environments, c.policies, "")
			if c.ignore != nil {
				m.IgnoreFields = paths(c.ignore...)
			}
			var got []string
			for _, finding := range newApplicationSpec(m).findings {
				got = append(got, finding.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("ignore_fields that are not known yet may leave anything to others", func(t *testing.T) {
		m := modelOf(t, someWeb, `{ prod = { selector = ["db"] } }`, "", "")
		m.IgnoreFields = types.ListUnknown(types.StringType)
		if found := newApplicationSpec(m).findings; len(found) > 0 {
			t.Errorf("refused: %v", found)
		}
	})
}

// TestApplicationForeignPolicies looks for the definitions of policies on the hub, as for
// those of components.
func TestApplicationForeignPolicies(t *testing.T) {
	spec := newApplicationSpec(modelOf(t, someWeb, "", `[null, { name = "a", type = "overide" }, { name = "b", type = "topology@v1" }]`, `{ steps = [{ name = "go", type = "ours" }] }`))
	var got []string
	for _, use := range spec.foreign {
		got = append(got, use.line())
	}
	if diff := cmp.Diff([]string{`policies[1].type: no policy type "overide" is built in (did you mean override?)`}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
