// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
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

// rendered are the digests of an application as an apply leaves them.
func (p *planner) rendered(of map[string]string) map[string]string {
	p.t.Helper()
	another := stateOf(attributes(p.t, map[string]string{"components": `{ another = { type = "worker", properties = { image = "z" } } }`}))
	return resourcesOf(p.t, p.decodeValue(applicationType, p.update(another, configOf(attributes(p.t, of))).PlannedState))
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
			nil, `components.web: the component type "our-own" is not built into the provider, and its definition is not given`},
		{"a policy of a type that is not built in",
			nil, map[string]string{"components": shopHCL, "policies": `[{ name = "quota", type = "our-own" }]`},
			nil, `policies.quota: the policy type "our-own" is not built into the provider, and its definition is not given`},
		{"a trait that is not for its component: all is known, and nothing comes of it",
			nil, map[string]string{"components": `{ job = { type = "task", properties = { image = "a" }, traits = { scaler = {} } } }`},
			nil, `Application cannot be rendered: Application "shop": components.job.traits.scaler`},
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
		{"what a plan may know of an environment is new",
			map[string]string{"components": shopHCL, "environments": `["dev"]`},
			map[string]string{"components": shopHCL, "environments": `{ dev = { ref = { name = "dev", target_namespace = { suffix = "-dev" } } } }`},
			map[string]string{"dev/web/Deployment/web": known, "dev/web/Service/web": known, "dev/worker/Deployment/worker": known}, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			config := configOf(attributes(t, c.after))
			resp := p.plan(applicationType, config)
			if c.before != nil {
				state := stateOf(attributes(t, c.before))
				state["resources"] = resourcesValue(map[string]string{"state": someDigest})
				if _, kept := c.want["state"]; !kept {
					state["resources"] = resourcesValue(p.rendered(c.before))
				}
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
		{"a null by default that removes a field", `{ name = "prod", target_namespace = { suffix = "-prod" }, defaults = { worker = { traits = { "json-merge-patch" = { spec = { selector = null } } } } } }`,
			[]string{"prod/worker/Deployment/worker"}},
		{"what is null and means nothing", `{ name = "prod", target_namespace = { prefix = null, suffix = "-prod" } }`, nil},
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

// TestApplicationPlanOfDefaults plans what an environment says by default: a text that
// stands for a number is one, a null of what the type does not have is nothing, and what no type
// takes is refused, also where it was not known in an earlier plan.
func TestApplicationPlanOfDefaults(t *testing.T) {
	p := newPlanner(t)
	for replicas, want := range map[string]string{
		`3`: "", `"3"`: "", `unknown`: "", `3, disable = null, domain = null`: "",
		`"many"`: `Invalid application: Application "shop", with what its environments say by default: `,
	} {
		t.Run(replicas, func(t *testing.T) {
			config := configOf(attributes(t, map[string]string{
				"components":   someWeb,
				"environments": fmt.Sprintf(`{ dev = { ref = { name = "dev", target_namespace = { name = "x" }, defaults = { webservice = { traits = { scaler = { replicas = %s } } } } } } }`, replicas),
			}))
			resp := p.tryChange(nil, stateOf(attributes(t, map[string]string{"components": someWeb})), config)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), want)
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "")
		})
	}
}

// TestApplicationPlanOfOpenChange plans a value that is not known yet, and plans
// again, as an apply does, when it turns out to be what it was and when it does
// not: what the first plan knows of the objects must hold in both, also where the
// state has other objects than are rendered now.
func TestApplicationPlanOfOpenChange(t *testing.T) {
	p := newPlanner(t)
	shop := func(worker string, more ...string) map[string]string {
		return map[string]string{"components": strings.Replace(shopHCL, `worker", properties = { image = "a"`,
			strings.Join(append([]string{`worker", properties = { image = ` + worker}, more...), ", "), 1)}
	}
	now := p.rendered(shop(`"a"`))
	with := func(change func(map[string]string)) map[string]string {
		out := maps.Clone(now)
		change(out)
		return out
	}
	const web, service, worker = "default/web/Deployment/web", "default/web/Service/web", "default/worker/Deployment/worker"
	cases := []struct {
		reason string
		state  map[string]string
		more   []string
		want   map[string]string
	}{
		{"what is rendered now", now, nil, map[string]string{web: now[web], service: now[service], worker: "?"}},
		{"a digest of another version of the provider", with(func(m map[string]string) { m[web] = someDigest }), nil,
			map[string]string{web: "?", service: now[service], worker: "?"}},
		{"an object more", with(func(m map[string]string) { m["default/web/Ingress/web"] = someDigest }), nil, nil},
		{"an object less", with(func(m map[string]string) { delete(m, service) }), nil, nil},
		{"another object", with(func(m map[string]string) { delete(m, service); m["default/web/Service/other"] = someDigest }), nil, nil},
		{"nothing of its objects", nil, nil, nil},
		{"a change besides is a change for certain", with(func(m map[string]string) { m[web] = someDigest }), []string{`cpu = "1"`},
			map[string]string{web: now[web], service: now[service], worker: "?"}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			state := stateOf(attributes(t, shop(`"a"`)))
			if c.state != nil {
				state["resources"] = resourcesValue(c.state)
			}
			plan := func(image string) *tfprotov6.PlanResourceChangeResponse {
				return p.update(state, configOf(attributes(t, shop(image, c.more...))))
			}
			first := plan("unknown")
			planned := resourcesOf(t, p.decodeValue(applicationType, first.PlannedState))
			if diff := cmp.Diff(c.want, planned); diff != "" {
				t.Errorf("first plan (-want +got):\n%s", diff)
			}
			if got := summaries(first.Diagnostics, tfprotov6.DiagnosticSeverityWarning); got != "" {
				t.Errorf("warnings: %s", got)
			}
			for _, image := range []string{`"a"`, `"b"`} {
				final := resourcesOf(t, p.decodeValue(applicationType, plan(image).PlannedState))
				if problem := inconsistent(planned, final); problem != "" {
					t.Errorf("the value is %s: %s", image, problem)
				}
			}
		})
	}
}

// inconsistent says why an engine refuses a final plan of `resources`.
func inconsistent(planned, final map[string]string) string {
	if planned == nil {
		return ""
	}
	if len(planned) != len(final) {
		return fmt.Sprintf("planned %d objects, and then %d", len(planned), len(final))
	}
	for key, digest := range planned {
		if later, ok := final[key]; !ok || digest != "?" && digest != later {
			return fmt.Sprintf("%s was %q, and then %q", key, digest, later)
		}
	}
	return ""
}

// TestMayBe says of values that are not known yet whether they may be another one.
func TestMayBe(t *testing.T) {
	unknown := definition.Unknown{}
	type object = map[string]any
	type list = []any
	named := func(properties any) object { return object{"name": "web", "type": "worker", "properties": properties} }
	cases := []struct {
		reason       string
		value, other any
		want         bool
	}{
		{"the same", object{"a": int64(1)}, object{"a": int64(1)}, true},
		{"another known value", object{"a": int64(1)}, object{"a": int64(2)}, false},
		{"no value and an empty list", nil, list{}, true},
		{"all of it", unknown, object{"a": "b"}, true},
		{"a leaf", list{named(object{"a": unknown, "b": "x"})}, list{named(object{"a": "y", "b": "x"})}, true},
		{"a leaf, besides a change", list{named(object{"a": unknown, "b": "x"})}, list{named(object{"a": "y", "b": "z"})}, false},
		{"a leaf that may be null", object{"a": unknown, "b": "x"}, object{"b": "x"}, true},
		{"a leaf, besides a key that is gone", object{"a": unknown}, object{"a": "x", "b": "x"}, false},
		{"a component more", list{named(object{"a": unknown}), named(object{"b": "x"})}, list{named(object{"b": "x"})}, false},
		{"a component more that may be null", list{unknown, named(object{"b": "x"})}, list{named(object{"b": "x"})}, true},
		{"a trait whose parameters may be null", list{object{"type": "scaler", "properties": unknown}}, nil, true},
		{"a trait with a parameter that may be null", object{"type": "scaler", "properties": object{"replicas": unknown}}, object{"type": "scaler"}, true},
		{"a type decides how the rest is written", object{"type": unknown, "properties": object{"replicas": "2"}}, object{"type": "scaler", "properties": object{"replicas": int64(2)}}, true},
	}
	for _, c := range cases {
		if got := mayBe(c.value, c.other); got != c.want {
			t.Errorf("%s: got %t, want %t", c.reason, got, c.want)
		}
	}
}
