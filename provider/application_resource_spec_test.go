// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue/hcltest"
)

// modelOf is an application with attributes written in HCL; empty ones are null.
func modelOf(t testing.TB, components, environments, policies, workflow string) *applicationModel {
	t.Helper()
	value := func(expression string) types.Dynamic {
		if expression == "" {
			return types.DynamicNull()
		}
		return hcltest.Evaluate(t, expression)
	}
	return &applicationModel{Components: value(components), Environments: value(environments), Policies: value(policies), Workflow: value(workflow)}
}

const someWeb = `{ web = { type = "webservice", properties = { image = "a" } } }`

// specCase is a configuration and what is written of it.
type specCase struct {
	reason                                       string
	components, environments, policies, workflow string
	// want is the spec as JSON.
	want string
}

func specCases() []specCase {
	webPart := `"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]`
	return []specCase{
		{reason: "components are sorted by name",
			components: `{ b = { type = "webservice", properties = { image = "x" } }, a = { type = "webservice", properties = { image = "y" } } }`,
			want:       `{"components":[{"name":"a","type":"webservice","properties":{"image":"y"}},{"name":"b","type":"webservice","properties":{"image":"x"}}]}`},
		{reason: "traits as an object are sorted by type",
			components: `{ web = { type = "webservice", properties = { image = "a" }, traits = { scaler = { replicas = 2 }, labels = { a = "b" } } } }`,
			want:       `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"},"traits":[{"type":"labels","properties":{"a":"b"}},{"type":"scaler","properties":{"replicas":2}}]}]}`},
		{reason: "traits as a list keep their order, and a type may occur again",
			components: `{ web = { type = "webservice", properties = { image = "a" }, traits = [{ type = "scaler" }, { type = "labels", properties = { a = "b" } }, { type = "scaler", properties = {} }] } }`,
			want:       `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"},"traits":[{"type":"scaler"},{"type":"labels","properties":{"a":"b"}},{"type":"scaler","properties":{}}]}]}`},
		{reason: "nulls are left out, at every level",
			components: `{ web = { type = "webservice", properties = { image = "a", cpu = null }, dependsOn = null, traits = { scaler = null } }, gone = null }`,
			want:       `{` + webPart + `}`},
		{reason: "a null of a label is sent: it removes the label",
			components: `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b", c = null } } } }`,
			want:       `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"},"traits":[{"type":"labels","properties":{"a":"b","c":null}}]}]}`},
		{reason: "a null of a type that is not built in is left out",
			components: `{ web = { type = "custom", properties = { a = 1, b = null, c = { d = null } } } }`,
			want:       `{"components":[{"name":"web","type":"custom","properties":{"a":1,"c":{}}}]}`},
		{reason: "strings become numbers and bools where the definition wants them",
			components: `{ web = { type = "webservice", properties = { image = "a", port = "80", addRevisionLabel = "true", ports = [{ port = "8080" }] }, traits = { scaler = { replicas = "3" } } } }`,
			want:       `{"components":[{"name":"web","type":"webservice","properties":{"image":"a","port":80,"addRevisionLabel":true,"ports":[{"port":8080}]},"traits":[{"type":"scaler","properties":{"replicas":3}}]}]}`},
		{reason: "strings stay strings where it wants strings",
			components: `{ web = { type = "webservice", properties = { image = "1", cpu = "2", env = [{ name = "A", value = "true" }] } } }`,
			want:       `{"components":[{"name":"web","type":"webservice","properties":{"image":"1","cpu":"2","env":[{"name":"A","value":"true"}]}}]}`},
		{reason: "the rest of a component is passed on",
			components: `{ web = { type = "webservice", properties = { image = "a" }, dependsOn = ["db"], inputs = [{ from = "x", parameterKey = "image" }], outputs = [{ name = "y", valueFrom = "output.z" }], externalRevision = "v1" }, db = { type = "worker", properties = { image = "b" } } }`,
			want:       `{"components":[{"name":"db","type":"worker","properties":{"image":"b"}},{"name":"web","type":"webservice","properties":{"image":"a"},"dependsOn":["db"],"inputs":[{"from":"x","parameterKey":"image"}],"outputs":[{"name":"y","valueFrom":"output.z"}],"externalRevision":"v1"}]}`},
		{reason: "environments by name, sorted", components: someWeb, environments: `["prod", "dev"]`,
			want: `{` + webPart + `,"policies":[{"name":"env-dev","type":"environment","properties":{"environment":"dev"}},{"name":"env-prod","type":"environment","properties":{"environment":"prod"}}]}`},
		{reason: "environments as a set", components: someWeb, environments: `toset(["dev"])`,
			want: `{` + webPart + `,"policies":[{"name":"env-dev","type":"environment","properties":{"environment":"dev"}}]}`},
		{reason: "what is different in an environment is written, what the plan knows of it is not", components: someWeb,
			environments: `{ prod = { ref = { namespace = "x" }, selector = ["web"], components = { web = { properties = { cpu = "1" }, traits = { scaler = { replicas = 6 } } } } }, dev = null }`,
			want: `{` + webPart + `,"policies":[{"name":"env-prod","type":"environment","properties":{"environment":"prod","selector":["web"],` +
				`"components":[{"name":"web","properties":{"cpu":"1"},"traits":[{"type":"scaler","properties":{"replicas":6}}]}]}}]}`},
		{reason: "an environment may switch a trait off", components: someWeb,
			environments: `{ prod = { components = { web = { traits = [{ type = "scaler", disable = true }] } } } }`,
			want:         `{` + webPart + `,"policies":[{"name":"env-prod","type":"environment","properties":{"environment":"prod","components":[{"name":"web","traits":[{"type":"scaler","disable":true}]}]}}]}`},
		{reason: "an environment may change a component that a policy adds", components: someWeb,
			environments: `{ prod = { selector = ["extra"], components = { extra = { type = "webservice", properties = { image = "b" } } } } }`,
			policies:     `[{ name = "more", type = "override", properties = { components = [{ name = "extra", type = "webservice", properties = { image = "c" } }] } }]`,
			want: `{` + webPart + `,"policies":[{"name":"env-prod","type":"environment","properties":{"environment":"prod","selector":["extra"],"components":[{"name":"extra","type":"webservice","properties":{"image":"b"}}]}},` +
				`{"name":"more","type":"override","properties":{"components":[{"name":"extra","type":"webservice","properties":{"image":"c"}}]}}]}`},
		{reason: "environments come before policies, which keep their order", components: someWeb, environments: `["dev"]`,
			policies: `[{ name = "z", type = "garbage-collect", properties = { keepLegacyResource = true } }, { name = "a", type = "apply-once" }]`,
			want: `{` + webPart + `,"policies":[{"name":"env-dev","type":"environment","properties":{"environment":"dev"}},` +
				`{"name":"z","type":"garbage-collect","properties":{"keepLegacyResource":true}},{"name":"a","type":"apply-once"}]}`},
		{reason: "policies as an object are sorted by name", components: someWeb, policies: `{ b = { type = "x" }, a = { type = "y", properties = { p = [1] } } }`,
			want: `{` + webPart + `,"policies":[{"name":"a","type":"y","properties":{"p":[1]}},{"name":"b","type":"x"}]}`},
		{reason: "a workflow is passed on", components: someWeb,
			workflow: `{ mode = { steps = "DAG" }, steps = [{ name = "g", type = "step-group", mode = "DAG", subSteps = [{ name = "s", type = "suspend", timeout = "1m", dependsOn = ["x"], meta = { alias = null } }] }] }`,
			want: `{` + webPart + `,"workflow":{"mode":{"steps":"DAG"},"steps":[{"name":"g","type":"step-group","mode":"DAG",` +
				`"subSteps":[{"name":"s","type":"suspend","timeout":"1m","dependsOn":["x"],"meta":{}}]}]}}`},
		{reason: "empty collections write nothing", components: `{ web = { type = "webservice", properties = { image = "a" }, traits = {} } }`,
			environments: `[]`, policies: `[]`, want: `{` + webPart + `}`},
	}
}

func TestApplicationSpec(t *testing.T) {
	for _, c := range specCases() {
		t.Run(c.reason, func(t *testing.T) {
			spec := newApplicationSpec(modelOf(t, c.components, c.environments, c.policies, c.workflow))
			if len(spec.findings) > 0 {
				t.Fatalf("findings: %v", spec.findings)
			}
			if spec.unknown() {
				t.Error("a known configuration is taken for unknown")
			}
			if diff := cmp.Diff(decodeJSON(t, c.want), asRead(t, spec.object())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// asRead is a spec as it comes back from the hub.
func asRead(t testing.TB, spec map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return decodeJSON(t, string(text))
}

func decodeJSON(t testing.TB, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := utiljson.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return out
}

// TestApplicationReadsWhatItWrote reads each spec back: beside the state that
// wrote it nothing changes, and imported it writes the same again.
func TestApplicationReadsWhatItWrote(t *testing.T) {
	for _, c := range specCases() {
		t.Run(c.reason, func(t *testing.T) {
			configured := modelOf(t, c.components, c.environments, c.policies, c.workflow)
			live := asRead(t, newApplicationSpec(configured).object())

			kept := *configured
			if err := newLiveSpec(live, &kept).into(&kept); err != nil {
				t.Fatal(err)
			}
			for name, pair := range dynamics(configured, &kept) {
				if !pair[0].Equal(pair[1]) {
					t.Errorf("%s changed on its way:\nbefore: %s\nafter:  %s", name, pair[0], pair[1])
				}
			}

			imported := &applicationModel{}
			if err := newLiveSpec(live, imported).into(imported); err != nil {
				t.Fatal(err)
			}
			again := newApplicationSpec(imported)
			if len(again.findings) > 0 {
				t.Errorf("what was imported is refused: %v", again.findings)
			}
			if diff := cmp.Diff(live, asRead(t, again.object())); diff != "" {
				t.Errorf("what was imported writes something else: -want +got:\n%s", diff)
			}
			planned := *configured
			planned.Revision = types.StringUnknown()
			imported.Revision = types.StringValue("0123456789ab")
			planUpdate(&planned, newApplicationSpec(&planned), imported, origin{imported: true})
			if !planned.Revision.Equal(imported.Revision) {
				t.Error("the first plan after the import is not empty")
			}
		})
	}
}

// dynamics are the four values of two models by name.
func dynamics(a, b *applicationModel) map[string][2]types.Dynamic {
	return map[string][2]types.Dynamic{
		"components":   {a.Components, b.Components},
		"environments": {a.Environments, b.Environments},
		"policies":     {a.Policies, b.Policies},
		"workflow":     {a.Workflow, b.Workflow},
	}
}

// TestApplicationReadsDrift reads what somebody else wrote beside the prior
// state: only what differs is new, in the forms that were configured.
func TestApplicationReadsDrift(t *testing.T) {
	cases := []struct {
		reason                                                       string
		components, environments, policies                           string
		live                                                         string
		wantComponents, wantEnvironments, wantPolicies, wantWorkflow string
	}{
		{reason: "a changed leaf beside a list of traits",
			components:     `{ web = { type = "webservice", properties = { image = "a", cmd = tolist(["x"]) }, traits = [{ type = "scaler", properties = { replicas = 2 } }] } }`,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"b","cmd":["x"]},"traits":[{"type":"scaler","properties":{"replicas":2}}]}]}`,
			wantComponents: `{ web = { type = "webservice", properties = { image = "b", cmd = tolist(["x"]) }, traits = [{ type = "scaler", properties = { replicas = 2 } }] } }`},
		{reason: "a trait was added: an object can still say it",
			components:     `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b" } } } }`,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"},"traits":[{"type":"labels","properties":{"a":"b"}},{"type":"scaler"}]}]}`,
			wantComponents: `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b" }, scaler = {} } } }`},
		{reason: "a trait was added in front: an object cannot say the order",
			components:     `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b" } } } }`,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"},"traits":[{"type":"scaler"},{"type":"labels","properties":{"a":"b"}}]}]}`,
			wantComponents: `{ web = { type = "webservice", properties = { image = "a" }, traits = [{ type = "scaler" }, { type = "labels", properties = { a = "b" } }] } }`},
		{reason: "empty traits stay beside what changed",
			components:     `{ web = { type = "webservice", properties = { image = "a" }, traits = {}, dependsOn = null } }`,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"b"}}]}`,
			wantComponents: `{ web = { type = "webservice", properties = { image = "b" }, traits = {}, dependsOn = null } }`},
		{reason: "a component was added and one removed", components: someWeb,
			live:           `{"components":[{"name":"api","type":"custom"}]}`,
			wantComponents: `{ api = { type = "custom" } }`},
		{reason: "an environment was added to a list of names", components: someWeb, environments: `["prod"]`,
			live: `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}],"policies":[` +
				`{"name":"env-prod","type":"environment","properties":{"environment":"prod"}},{"name":"env-dev","type":"environment","properties":{"environment":"dev"}}]}`,
			wantComponents: someWeb, wantEnvironments: `["prod", "dev"]`},
		{reason: "an override was added, and what the hub does not know stays", components: someWeb, environments: `{ prod = { ref = { namespace = "x" } } }`,
			live: `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}],"policies":[` +
				`{"name":"env-prod","type":"environment","properties":{"environment":"prod","components":[{"name":"web","properties":{"cpu":"1"}}]}}]}`,
			wantComponents: someWeb, wantEnvironments: `{ prod = { ref = { namespace = "x" }, components = { web = { properties = { cpu = "1" } } } } }`},
		{reason: "all environments were removed", components: someWeb, environments: `["prod"]`,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]}`,
			wantComponents: someWeb},
		{reason: "a policy that looks like ours stays where it was configured", components: someWeb,
			policies: `[{ name = "env-prod", type = "environment", properties = { environment = "prod" } }]`,
			live: `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}],"policies":[` +
				`{"name":"env-prod","type":"environment","properties":{"environment":"prod","selector":["web"]}}]}`,
			wantComponents: someWeb, wantPolicies: `[{ name = "env-prod", type = "environment", properties = { environment = "prod", selector = ["web"] } }]`},
		{reason: "a workflow was added", components: someWeb,
			live:           `{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}],"workflow":{"steps":[{"name":"a","type":"suspend"}]}}`,
			wantComponents: someWeb, wantWorkflow: `{ steps = [{ name = "a", type = "suspend" }] }`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got := modelOf(t, c.components, c.environments, c.policies, "")
			if err := newLiveSpec(decodeJSON(t, c.live), got).into(got); err != nil {
				t.Fatal(err)
			}
			want := modelOf(t, c.wantComponents, c.wantEnvironments, c.wantPolicies, c.wantWorkflow)
			for name, pair := range dynamics(want, got) {
				same := pair[0].Equal(pair[1]) || (pair[0].IsNull() && pair[1].IsNull())
				if !same {
					t.Errorf("%s\nwant: %s\ngot:  %s", name, pair[0], pair[1])
				}
			}
		})
	}
}

func TestApplicationSpecOfUnknowns(t *testing.T) {
	cases := []struct{ reason, components, environments string }{
		{"a leaf", `{ web = { type = "webservice", properties = { image = unknown } } }`, ""},
		{"a leaf in a list", `{ web = { type = "webservice", properties = { image = "a", env = [{ name = "A", value = any }] } } }`, ""},
		{"properties", `{ web = { type = "webservice", properties = any } }`, ""},
		{"traits", `{ web = { type = "webservice", properties = { image = "a" }, traits = any } }`, ""},
		{"a trait", `{ web = { type = "webservice", properties = { image = "a" }, traits = { scaler = any } } }`, ""},
		{"a trait of a list", `{ web = { type = "webservice", properties = { image = "a" }, traits = [any] } }`, ""},
		{"the type of a component", `{ web = { type = unknown, properties = { a = 1 } } }`, ""},
		{"a component", `{ web = any }`, ""},
		{"all components", `any`, ""},
		{"the name of an environment", someWeb, `["dev", unknown]`},
		{"an environment", someWeb, `{ dev = any }`},
		{"all environments", someWeb, `any`},
		{"an override", someWeb, `{ dev = { components = { web = { properties = { image = unknown } } } } }`},
		{"an override of a component that is not known", `any`, `{ dev = { components = { web = { properties = { x = 1 } } } } }`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			spec := newApplicationSpec(modelOf(t, c.components, c.environments, "", ""))
			if len(spec.findings) > 0 {
				t.Errorf("what is not known yet is refused: %v", spec.findings)
			}
			if !spec.unknown() {
				t.Error("the spec is taken for known")
			}
		})
	}
	t.Run("what the plan alone knows of an environment", func(t *testing.T) {
		if newApplicationSpec(modelOf(t, someWeb, `{ dev = { ref = any } }`, "", "")).unknown() {
			t.Error("ref is not written, so it cannot make the spec unknown")
		}
	})
}

// TestApplicationFindings pins the texts of mistakes.
func TestApplicationFindings(t *testing.T) {
	deep := strings.Repeat(`{ a = `, 40) + "1" + strings.Repeat(` }`, 40)
	var text strings.Builder
	for _, c := range []struct{ reason, components, environments, policies, workflow string }{
		{reason: "components as a string", components: `"{}"`},
		{reason: "components as a list", components: `[{ name = "web" }]`},
		{reason: "components as a number", components: `1`},
		{reason: "a component that is no object", components: `{ web = "x" }`},
		{reason: "a component without a type, with wrong keys", components: `{ web = { Type = "webservice", depends_on = [], name = "web", properties = {} } }`},
		{reason: "wrong kinds", components: `{ web = { type = 1, properties = "x", traits = "x", dependsOn = "db" } }`},
		{reason: "wrong names", components: `{ Web = { type = "webservice", properties = { image = "a" } }, "a/b" = { type = "webservice", properties = { image = "a" } } }`},
		{reason: "properties", components: `{ web = { type = "webservice", properties = { imag = "a", ports = [{ port = "x" }] }, traits = { scaler = { replicas = {} } } } }`},
		{reason: "too deep", components: `{ web = { type = "custom", properties = ` + deep + ` } }`},
		{reason: "too large", components: `{ web = { type = "custom", properties = { s = "` + strings.Repeat("x", maxPropertiesBytes) + `" } } }`},
		{reason: "a number that does not fit", components: `{ web = { type = "custom", properties = { "a/b" = [1, 1e30] } } }`},
		{reason: "traits", components: `{ web = { type = "webservice", properties = { image = "a" }, traits = [{ properties = {} }, "x", { type = "scaler", disable = true }] } }`},
		{reason: "environments", components: someWeb, environments: `["dev", "dev", 1, "Prod"]`},
		{reason: "environments as a number", components: someWeb, environments: `1`},
		{reason: "an environment", components: someWeb, environments: `{ dev = { component = {}, components = [], selector = "web" } }`},
		{reason: "overrides", components: someWeb, environments: `{ dev = { components = { wbe = {}, other = { properties = {} }, web = { properties = { imag = "a", ports = [{}] }, dependsOn = [] } } } }`},
		{reason: "policies", components: someWeb, policies: `"x"`},
		{reason: "a policy", components: someWeb, policies: `[{ kind = "override" }, 1]`},
		{reason: "a workflow", components: someWeb, workflow: `[{ type = "deploy" }]`},
		{reason: "steps", components: someWeb, workflow: `{ step = [], steps = [{ depends_on = ["a"], subSteps = [{ type = "suspend", subSteps = [] }] }] }`},
	} {
		spec := newApplicationSpec(modelOf(t, c.components, c.environments, c.policies, c.workflow))
		text.WriteString("# " + c.reason + "\n")
		for _, finding := range spec.findings {
			text.WriteString(finding.String() + "\n")
		}
	}
	checkGolden(t, "application-findings", text.String())
}

func TestApplicationForeignTypes(t *testing.T) {
	spec := newApplicationSpec(modelOf(t, `{
    web = { type = "webservise", properties = { a = 1 }, traits = [{ type = "scale" }] }
    api = { type = "webservice@v2", properties = { whatever = true }, traits = { mine = {} } }
    job = { type = "mine@v1" }
  }`, "", "", ""))
	var got []string
	for _, use := range spec.foreign {
		got = append(got, use.path+" "+string(use.err.Kind)+" "+use.err.Name)
	}
	want := []string{"components.api.traits.mine trait mine", "components.job.type component mine", "components.web.type component webservise", "components.web.traits[0].type trait scale"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(spec.findings) > 0 {
		t.Errorf("a type that is pinned or not built in cannot be checked, but got %v", spec.findings)
	}
}

// FuzzApplicationSpec checks that no configuration makes the provider panic, and
// that what it accepts it also reads back.
func FuzzApplicationSpec(f *testing.F) {
	for _, c := range specCases() {
		f.Add(c.components, c.environments)
	}
	seeds := []string{`{"web":{"type":"webservice","properties":{"image":"a"},"traits":{"scaler":{"replicas":2}}}}`, `{"web":{"type":"custom","traits":[{"type":"x","properties":{"a":[null]}}]}}`, `[]`, `"x"`}
	for _, seed := range seeds {
		f.Add(seed, `["dev"]`)
		f.Add(seed, `{"dev":{"components":{"web":{"traits":[{"type":"x","disable":true}]}}}}`)
	}
	f.Fuzz(func(t *testing.T, components, environments string) {
		model := &applicationModel{Components: dynamicOfJSON(t, components), Environments: dynamicOfJSON(t, environments)}
		spec := newApplicationSpec(model)
		if len(spec.findings) > 0 {
			return
		}
		live := asRead(t, spec.object())
		kept := *model
		if err := newLiveSpec(live, &kept).into(&kept); err != nil {
			t.Fatal(err)
		}
		if !kept.Environments.Equal(model.Environments) || (!kept.Components.Equal(model.Components) && !model.Components.IsNull()) {
			t.Errorf("changed on its way: %s, %s", components, environments)
		}
	})
}

// dynamicOfJSON is JSON as jsondecode would give it; skips what is none.
func dynamicOfJSON(t *testing.T, text string) types.Dynamic {
	t.Helper()
	var decoded any
	if utiljson.Unmarshal([]byte(text), &decoded) != nil {
		t.Skip("not JSON")
	}
	v, err := hclvalue.FromJSON(decoded, types.DynamicNull())
	dynamic, ok := v.(types.Dynamic)
	if err != nil || !ok {
		t.Skip("no value")
	}
	return dynamic
}

func TestForeignTypeLine(t *testing.T) {
	many := make([]string, maxBesides+2)
	for i := range many {
		many[i] = fmt.Sprintf("type-%02d", i)
	}
	cases := map[string]struct {
		reason, name string
		besides      []string
		want         string
	}{
		"BuiltIn": {"a built-in type was meant", "webservise", nil, `components.web.type: no component type "webservise" is built in (did you mean webservice?)`},
		"Hub":     {"a type of the hub was meant", "legder", []string{"ledger"}, `components.web.type: no component type "legder" is built in (did you mean ledger?)`},
		"Neither": {"all that there is to choose from", "x", []string{"ledger"}, `components.web.type: no component type "x" is built in; built in are task, webservice; the hub has ledger`},
		"Many": {"a line has bounds", "x", many,
			`components.web.type: no component type "x" is built in; built in are task, webservice; the hub has ` + strings.Join(many[:maxBesides], ", ") + " and 2 more"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			use := foreignType{path: "components.web.type", err: &definition.UnknownTypeError{Kind: definition.Component, Name: c.name, Known: []string{"task", "webservice"}}}
			if diff := cmp.Diff(c.want, use.among(c.besides).line()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
