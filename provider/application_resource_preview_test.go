// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// shopHCL is an application of two components, of which one has a Service.
const shopHCL = `{
  web    = { type = "webservice", properties = { image = "a", ports = [{ port = 80, expose = true }] } }
  worker = { type = "worker", properties = { image = "a" } }
}`

// The digest in a state that says nothing of what is rendered.
const someDigest = "000000000000"

// resourcesOf are the planned digests: "?" for one that is not known, nil where
// the map is not known as a whole.
func resourcesOf(t *testing.T, planned map[string]tftypes.Value) map[string]string {
	t.Helper()
	value := planned["resources"]
	if !value.IsKnown() {
		return nil
	}
	elements := map[string]tftypes.Value{}
	if err := value.As(&elements); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for key, element := range elements {
		out[key] = "?"
		if element.IsKnown() {
			var text string
			if err := element.As(&text); err != nil {
				t.Fatal(err)
			}
			out[key] = text
		}
	}
	return out
}

func resourcesValue(digests map[string]string) tftypes.Value {
	values := map[string]tftypes.Value{}
	for key, digest := range digests {
		values[key] = text(digest)
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, values)
}

// update plans a change with a salt in the private state.
func (p *planner) update(state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	private, err := json.Marshal(map[string][]byte{privateSalt: []byte(`"salt"`)})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.changeWith(private, state, config)
}

// TestApplicationPlanOfResources plans which objects an application becomes.
func TestApplicationPlanOfResources(t *testing.T) {
	p := newPlanner(t)
	const known = "known"
	cases := []struct {
		reason        string
		before, after map[string]string
		want          map[string]string
		warning       string
	}{
		{"a new application has names and no digests, since only an apply makes a salt",
			nil, map[string]string{"components": shopHCL, "environments": `["dev", "prod"]`},
			map[string]string{
				"dev/web/Deployment/web": "?", "dev/web/Service/web": "?", "dev/worker/Deployment/worker": "?",
				"prod/web/Deployment/web": "?", "prod/web/Service/web": "?", "prod/worker/Deployment/worker": "?",
			}, ""},
		{"without a change the state's own digests stay, whatever they are of",
			map[string]string{"components": shopHCL}, map[string]string{"components": shopHCL},
			map[string]string{"state": someDigest}, ""},
		{"a change has digests",
			map[string]string{"components": shopHCL}, map[string]string{"components": strings.Replace(shopHCL, "worker\", properties = { image = \"a\"", "worker\", properties = { image = \"b\"", 1)},
			map[string]string{"default/web/Deployment/web": known, "default/web/Service/web": known, "default/worker/Deployment/worker": known}, ""},
		{"a component with a value that is not known yet has none",
			map[string]string{"components": shopHCL}, map[string]string{"components": strings.Replace(shopHCL, `worker", properties = { image = "a"`, `worker", properties = { image = unknown`, 1)},
			map[string]string{"default/web/Deployment/web": known, "default/web/Service/web": known, "default/worker/Deployment/worker": "?"}, ""},
		{"a value that decides which objects there are",
			map[string]string{"components": shopHCL}, map[string]string{"components": strings.Replace(shopHCL, "expose = true", "expose = unknown", 1)},
			nil, "components.web.properties.ports[0].expose is not known yet, and decides which objects there are"},
		{"a component that is not known at all",
			map[string]string{"components": shopHCL}, map[string]string{"components": `{ web = any }`},
			nil, "components.web.type is not known yet, and decides which objects there are"},
		{"an environment that some components go to, and which of them is not known",
			map[string]string{"components": shopHCL}, map[string]string{"components": shopHCL, "environments": `{ prod = { selector = [unknown] } }`},
			nil, "environments.prod.selector[0] is not known yet, and decides which objects there are"},
		{"a type that is not built in",
			nil, map[string]string{"components": `{ web = { type = "our-own" } }`},
			nil, `components.web: the component type "our-own" is not built into the provider`},
		{"an override in one environment that is not known yet",
			map[string]string{"components": shopHCL}, map[string]string{"components": shopHCL, "environments": `{ dev = {}, prod = { components = { worker = { properties = { image = unknown } } } } }`},
			map[string]string{
				"dev/web/Deployment/web": known, "dev/web/Service/web": known, "dev/worker/Deployment/worker": known,
				"prod/web/Deployment/web": known, "prod/web/Service/web": known, "prod/worker/Deployment/worker": "?",
			}, ""},
		{"a label that is not known yet is on every object",
			map[string]string{"components": `{ worker = { type = "worker", properties = { image = "a" } } }`},
			map[string]string{"components": `{ worker = { type = "worker", properties = { image = "a" } } }`, "labels": `{ a = unknown }`},
			map[string]string{"default/worker/Deployment/worker": "?"}, ""},
		{"defaults of an environment, one of which is not known yet",
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = { name = "dev" } } }`},
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = { name = "dev", defaults = { worker = { properties = { image = unknown }, traits = { hpa = {} } } } } } }`},
			map[string]string{"dev/web/Deployment/web": known, "dev/web/Service/web": known, "dev/worker/Deployment/worker": "?", "dev/worker/HorizontalPodAutoscaler/worker": "?"}, ""},
		{"a namespace that is not known yet changes no name",
			map[string]string{"components": `{ worker = { type = "worker", properties = { image = "a" } } }`, "environments": `{ dev = { ref = { name = "dev" } } }`},
			map[string]string{"components": `{ worker = { type = "worker", properties = { image = "a" } } }`, "environments": `{ dev = { ref = { name = "dev", target_namespace = { suffix = unknown } } } }`},
			map[string]string{"dev/worker/Deployment/worker": "?"}, ""},
		{"an environment that is not known at all may have any defaults",
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = { name = "dev" } } }`},
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = any } }`},
			nil, "environments.dev is not known yet, and decides which objects there are"},
		{"what an import did not know of an environment is no change",
			map[string]string{"components": shopHCL, "environments": `["dev"]`},
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = { name = "dev", target_namespace = { suffix = "-dev" } } } }`},
			map[string]string{"state": someDigest}, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			config := configOf(attributes(t, c.after))
			resp := p.plan(applicationType, config)
			if c.before != nil {
				state := stateOf(attributes(t, c.before))
				state["resources"] = resourcesValue(map[string]string{"state": someDigest})
				resp = p.update(state, config)
			}
			got := resourcesOf(t, p.decodeValue(applicationType, resp.PlannedState))
			for key, digest := range got {
				if len(digest) == 12 && digest != someDigest {
					got[key] = known
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("resources: -want +got:\n%s", diff)
			}
			if warning := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning); !strings.Contains(warning, c.warning) {
				t.Errorf("warnings: got %q, want one with %q", warning, c.warning)
			}
		})
	}
}

// TestApplicationResourcesOfEnvironment plans the change of what an application
// sees of an environment: its objects change, and what is written does not.
func TestApplicationResourcesOfEnvironment(t *testing.T) {
	p := newPlanner(t)
	of := func(ref string) map[string]tftypes.Value {
		return attributes(t, map[string]string{"components": shopHCL, "environments": `{ prod = { ref = ` + ref + ` } }`})
	}
	plain := `{ name = "prod", target_namespace = { suffix = "-prod" } }`
	state := stateOf(of(plain))
	other := configOf(of(`{ name = "dev" }`))
	checkPrefix(t, "error", summaries(p.plan(applicationType, other).Diagnostics, tfprotov6.DiagnosticSeverityError), `Invalid application: environments.prod.ref: is the ref of the environment "dev"`)
	digests := func(ref string) map[string]string {
		t.Helper()
		state := stateOf(of(`{ name = "other" }`))
		return resourcesOf(t, p.decodeValue(applicationType, p.update(state, configOf(of(ref))).PlannedState))
	}
	state["resources"] = resourcesValue(digests(plain))
	for _, c := range []struct {
		reason, ref string
		changed     []string
	}{
		{"nothing", plain, nil},
		{"defaults of one type", `{ name = "prod", target_namespace = { suffix = "-prod" }, defaults = { worker = { traits = { scaler = { replicas = 3 } } } } }`, []string{"prod/worker/Deployment/worker"}},
		{"the namespace", `{ name = "prod", target_namespace = { suffix = "-live" } }`, []string{"prod/web/Deployment/web", "prod/web/Service/web", "prod/worker/Deployment/worker"}},
	} {
		planned := p.decodeValue(applicationType, p.update(state, configOf(of(c.ref))).PlannedState)
		before, after := resourcesOf(t, state), resourcesOf(t, planned)
		var changed []string
		for _, key := range []string{"prod/web/Deployment/web", "prod/web/Service/web", "prod/worker/Deployment/worker"} {
			if before[key] != after[key] {
				changed = append(changed, key)
			}
		}
		if diff := cmp.Diff(c.changed, changed); diff != "" {
			t.Errorf("%s: changed objects: -want +got:\n%s", c.reason, diff)
		}
		if known := planned["revision"].IsKnown(); known != (c.changed == nil) {
			t.Errorf("%s: the revision is known: %t", c.reason, known)
		}
	}
}
