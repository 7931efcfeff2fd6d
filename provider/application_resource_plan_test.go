// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue/hcltest"
)

const applicationType = "fairlead_application"

// attributes of an application, written in HCL.
func attributes(t *testing.T, expressions map[string]string) map[string]tftypes.Value {
	t.Helper()
	out := map[string]tftypes.Value{}
	for name, expression := range expressions {
		out[name] = attribute(t, name, expression)
	}
	return out
}

// attribute is one attribute, written in HCL.
func attribute(t *testing.T, name, expression string) tftypes.Value {
	t.Helper()
	value, err := hcltest.Evaluate(t, expression).ToTerraformValue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if name != "labels" && name != "annotations" {
		return value
	}
	elements := map[string]tftypes.Value{}
	if err := value.As(&elements); err != nil {
		t.Fatal(err)
	}
	return tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, elements)
}

// planner plans applications without a hub.
type planner struct {
	*engine
	schema *tfprotov6.Schema
}

// planValue is the attribute plan of the provider block.
func planValue(t *testing.T, options map[string]string) tftypes.Value {
	t.Helper()
	block, _ := schemaOf(t).Provider.ValueType().(tftypes.Object)
	kind, _ := block.AttributeTypes["plan"].(tftypes.Object)
	values := map[string]tftypes.Value{}
	for name, value := range options {
		values[name] = text(value)
	}
	return complete(kind, values)
}

func newPlanner(t *testing.T) *planner {
	t.Helper()
	away := map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("x")}
	e, diagnostics := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), away), "plan": planValue(t, map[string]string{"preview": previewOffline})})
	if got := summaries(diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
		t.Fatalf("configure: %s", got)
	}
	return &planner{engine: e, schema: e.schema.ResourceSchemas[applicationType]}
}

// change plans the change from a state to a configuration, as an engine proposes
// it: computed attributes keep what the state says.
func (p *planner) change(state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	return p.changeWith(nil, state, config)
}

// changeWith is change with the private state of the provider.
func (p *planner) changeWith(private []byte, state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	resp := p.tryChange(private, state, config)
	if got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
		p.t.Fatalf("plan: %s", got)
	}
	return resp
}

// tryChange is changeWith for a plan that may fail.
func (p *planner) tryChange(private []byte, state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	p.t.Helper()
	resp, err := p.server.PlanResourceChange(p.t.Context(), p.changeRequest(private, state, config))
	if err != nil {
		p.t.Fatal(err)
	}
	return resp
}

// changeRequest proposes what a configuration makes of a state; without one, its end.
func (p *planner) changeRequest(private []byte, state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeRequest {
	p.t.Helper()
	if config == nil {
		none, err := tfprotov6.NewDynamicValue(p.schema.ValueType(), tftypes.NewValue(p.schema.ValueType(), nil))
		if err != nil {
			p.t.Fatal(err)
		}
		return &tfprotov6.PlanResourceChangeRequest{
			TypeName: applicationType, PriorState: p.dynamic(p.schema, state), ProposedNewState: &none, Config: &none, PriorPrivate: private,
		}
	}
	proposed := map[string]tftypes.Value{}
	for name, value := range config {
		proposed[name] = value
	}
	for _, attribute := range p.schema.Block.Attributes {
		if attribute.WriteOnly {
			delete(proposed, attribute.Name) // engines plan them as null
		}
		if _, given := config[attribute.Name]; attribute.Computed && !given {
			if value, known := state[attribute.Name]; known {
				proposed[attribute.Name] = value
			}
		}
	}
	return &tfprotov6.PlanResourceChangeRequest{
		TypeName:         applicationType,
		PriorState:       p.dynamic(p.schema, state),
		ProposedNewState: p.dynamic(p.schema, proposed),
		Config:           p.dynamic(p.schema, config),
		PriorPrivate:     private,
	}
}

// TestApplicationPlanKeepsTheState plans configurations that mean what the state
// says: what is planned is the state, with its own types.
func TestApplicationPlanKeepsTheState(t *testing.T) {
	p := newPlanner(t)
	cases := []struct {
		reason        string
		before, after map[string]string
	}{
		{"nothing changed",
			map[string]string{"components": someWeb},
			map[string]string{"components": someWeb}},
		{"a list for a tuple",
			map[string]string{"components": `{ web = { type = "custom", properties = { cmd = ["a", "b"] } } }`},
			map[string]string{"components": `{ web = { type = "custom", properties = { cmd = tolist(["a", "b"]) } } }`}},
		{"a null leaf is gone",
			map[string]string{"components": `{ web = { type = "custom", properties = { a = 1, b = null } } }`},
			map[string]string{"components": `{ web = { type = "custom", properties = { a = 1 } } }`}},
		{"a string for the number that is written of it",
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = { scaler = { replicas = 2 } } } }`},
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = { scaler = { replicas = "2" } } } }`}},
		{"traits as a list in the same order",
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b" }, scaler = {} } } }`},
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = [{ type = "labels", properties = { a = "b" } }, { type = "scaler" }] } }`}},
		{"environments as an object",
			map[string]string{"components": someWeb, "environments": `["prod", "dev"]`},
			map[string]string{"components": someWeb, "environments": `{ dev = {}, prod = {} }`}},
		{"policies as an object",
			map[string]string{"components": someWeb, "policies": `[{ name = "a", type = "x" }, { name = "b", type = "y" }]`},
			map[string]string{"components": someWeb, "policies": `{ a = { type = "x" }, b = { type = "y" } }`}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			before := attributes(t, c.before)
			state := stateOf(before)
			resp := p.change(state, configOf(attributes(t, c.after)))
			planned := p.decodeValue(applicationType, resp.PlannedState)
			for name, value := range state {
				if !planned[name].Equal(value) {
					t.Errorf("%s: got %s, want %s", name, planned[name], value)
				}
			}
		})
	}
}

// stateOf is the state of an application with those attributes.
func stateOf(attributes map[string]tftypes.Value) map[string]tftypes.Value {
	state := configOf(attributes)
	state["id"], state["namespace"], state["revision"] = text("default/shop"), text("default"), text("0123456789ab")
	return state
}

// configOf is a configuration with those attributes.
func configOf(attributes map[string]tftypes.Value) map[string]tftypes.Value {
	config := map[string]tftypes.Value{"name": text("shop")}
	for name, value := range attributes {
		config[name] = value
	}
	return config
}

// TestApplicationPlanChanges plans what is a change: the configuration is planned
// as it is, and the revision is unknown.
func TestApplicationPlanChanges(t *testing.T) {
	p := newPlanner(t)
	cases := []struct {
		reason        string
		before, after map[string]string
		// kept is an attribute that still keeps the state's value.
		kept string
	}{
		{"a leaf", map[string]string{"components": someWeb}, map[string]string{"components": `{ web = { type = "webservice", properties = { image = "b" } } }`}, ""},
		{"a leaf that is not known yet", map[string]string{"components": someWeb}, map[string]string{"components": `{ web = { type = "webservice", properties = { image = unknown } } }`}, ""},
		{"all of it is not known yet", map[string]string{"components": someWeb}, map[string]string{"components": `any`}, ""},
		{"a null that removes a label",
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b" } } } }`},
			map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a" }, traits = { labels = { a = "b", c = null } } } }`}, ""},
		{"the order of traits",
			map[string]string{"components": `{ web = { type = "custom", traits = [{ type = "a" }, { type = "b" }] } }`},
			map[string]string{"components": `{ web = { type = "custom", traits = [{ type = "b" }, { type = "a" }] } }`}, ""},
		{"an environment, with other types in the components",
			map[string]string{"components": `{ web = { type = "custom", properties = { cmd = ["a"] } } }`, "environments": `["dev"]`},
			map[string]string{"components": `{ web = { type = "custom", properties = { cmd = tolist(["a"]) } } }`, "environments": `["dev", "prod"]`}, "components"},
		{"what a plan may know of an environment is new",
			map[string]string{"components": someWeb, "environments": `["prod"]`},
			map[string]string{"components": someWeb, "environments": `{ prod = { ref = { name = "prod", target_namespace = { name = "x" } } } }`}, "components"},
		{"what a plan may know of an environment is left out",
			map[string]string{"components": someWeb, "environments": `{ prod = { ref = { name = "prod", target_namespace = { name = "x" } } } }`},
			map[string]string{"components": someWeb, "environments": `["prod"]`}, "components"},
		{"labels", map[string]string{"components": someWeb}, map[string]string{"components": someWeb, "labels": `{ a = "b" }`}, "components"},
		{"annotations", map[string]string{"components": someWeb, "annotations": `{ a = "b" }`}, map[string]string{"components": someWeb, "annotations": `{ a = "c" }`}, "components"},
		{"a label that is not known yet", map[string]string{"components": someWeb, "labels": `{ a = "b" }`}, map[string]string{"components": someWeb, "labels": `{ a = unknown }`}, "components"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			state, config := stateOf(attributes(t, c.before)), configOf(attributes(t, c.after))
			resp := p.change(state, config)
			planned := p.decodeValue(applicationType, resp.PlannedState)
			if planned["revision"].IsKnown() {
				t.Error("the revision must be unknown while anything changes")
			}
			if !planned["id"].Equal(state["id"]) || len(resp.RequiresReplace) > 0 {
				t.Errorf("a change in place must keep the id, got %s, replaced for %v", planned["id"], resp.RequiresReplace)
			}
			for name, value := range config {
				want := value
				if name == c.kept {
					want = state[name]
				}
				if !planned[name].Equal(want) {
					t.Errorf("%s: got %s, want %s", name, planned[name], want)
				}
			}
		})
	}
}

// TestApplicationPlanAfterImport plans a configuration that has what an import cannot
// put into the state: what environments say. It is a change where the import has seen
// something else on the hub, and not where it may be the same.
func TestApplicationPlanAfterImport(t *testing.T) {
	p := newPlanner(t)
	const salt = "pepper"
	target := &v1alpha1.TargetNamespace{Name: "x"}
	digest, err := seenDigest(salt, target, []v1alpha1.ComponentDefaults{
		{Type: "webservice", Traits: []v1alpha1.TraitPatch{{Type: "scaler", Properties: &runtime.RawExtension{Raw: []byte(`{"replicas":3}`)}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	private := func(seen map[string]string) []byte {
		content := map[string][]byte{privateImported: []byte("true"), privateSalt: []byte(`"` + salt + `"`)}
		if seen != nil {
			content[privateSeen], err = json.Marshal(seen)
		}
		raw, failed := json.Marshal(content)
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		return raw
	}
	seen := private(map[string]string{"prod": digest})
	const unnamed = `target_namespace = { name = "x", prefix = null, suffix = null }`
	for _, c := range []struct {
		reason, ref string
		private     []byte
		changes     bool
	}{
		{"what the import has seen", unnamed + `, defaults = { webservice = { traits = { scaler = { replicas = 3 } } } }`, seen, false},
		{"the same in another form", unnamed + `, defaults = { webservice = { traits = [{ type = "scaler", properties = { replicas = "3" } }] } }`, seen, false},
		{"other defaults", unnamed + `, defaults = { webservice = { traits = { scaler = { replicas = 4 } } } }`, seen, true},
		{"no defaults any more", unnamed, seen, true},
		{"another namespace", `target_namespace = { name = "y" }, defaults = { webservice = { traits = { scaler = { replicas = 3 } } } }`, seen, true},
		{"what is not known yet, and may be the same", unnamed + `, defaults = unknown`, seen, false},
		{"what is not known yet beside what is the same", unnamed + `, defaults = { webservice = { traits = { scaler = { replicas = 3 } } } }, constraints = { allowed_registries = unknown }`, seen, false},
		{"what is not known yet beside other defaults", unnamed + `, defaults = { webservice = { traits = { scaler = { replicas = 4 } } } }, constraints = { allowed_registries = unknown }`, seen, true},
		{"other defaults, one of which is not known yet", unnamed + `, defaults = { webservice = { traits = { scaler = { replicas = unknown } } } }`, seen, false},
		{"an environment that the import could not read", unnamed, private(map[string]string{"dev": digest}), false},
		{"an import that could read none", unnamed, private(nil), false},
	} {
		state := stateOf(attributes(t, map[string]string{"components": someWeb, "environments": `["prod"]`}))
		state["resources"] = resourcesValue(map[string]string{"prod/web/Deployment/web": someDigest})
		config := configOf(attributes(t, map[string]string{"components": someWeb, "environments": `{ prod = { ref = { name = "prod", ` + c.ref + ` } } }`}))
		planned := p.decodeValue(applicationType, p.changeWith(c.private, state, config).PlannedState)
		if c.changes {
			if planned["revision"].IsKnown() || !planned["environments"].Equal(config["environments"]) {
				t.Errorf("%s: planned revision %s and environments %s", c.reason, planned["revision"], planned["environments"])
			}
			continue
		}
		for name, value := range state {
			if !planned[name].Equal(value) {
				t.Errorf("%s: %s: got %s, want %s", c.reason, name, planned[name], value)
			}
		}
	}
}

// TestApplicationPlanProtects plans what would destroy a protected application.
func TestApplicationPlanProtects(t *testing.T) {
	p := newPlanner(t)
	deletion, _ := p.schema.ValueType().(tftypes.Object).AttributeTypes["deletion"].(tftypes.Object)
	cases := []struct {
		reason  string
		planned map[string]string
		want    string
	}{
		{"it is to go", nil, "Application is protected"},
		{"another name replaces it", map[string]string{"name": `"other"`}, "Application is protected"},
		{"so does another namespace", map[string]string{"namespace": `"other"`}, "Application is protected"},
		{"a name that is not known yet may be the same", map[string]string{"name": `unknown`}, ""},
		{"a change in place", map[string]string{"labels": `{ a = "b" }`}, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			state := stateOf(attributes(t, map[string]string{"components": someWeb}))
			state["deletion"] = complete(deletion, map[string]tftypes.Value{"protection": tftypes.NewValue(tftypes.Bool, true)})
			var config map[string]tftypes.Value
			if c.planned != nil {
				config = configOf(attributes(t, map[string]string{"components": someWeb}))
				config["deletion"] = state["deletion"]
				maps.Copy(config, attributes(t, c.planned))
			}
			checkPrefix(t, "error", summaries(p.tryChange(nil, state, config).Diagnostics, tfprotov6.DiagnosticSeverityError), c.want)
		})
	}
}

// TestRevisionOf checks what makes another revision.
func TestRevisionOf(t *testing.T) {
	spec := map[string]any{"components": []any{}}
	secrets := map[string]string{"db": "1"}
	refs := map[string]any{"prod": map[string]any{"defaults": map[string]any{"worker": map[string]any{}}}}
	seen := map[string]string{}
	for _, c := range []struct {
		reason  string
		spec    map[string]any
		secrets map[string]string
		refs    map[string]any
	}{
		{"the spec alone", spec, nil, nil},
		{"another spec", map[string]any{"components": nil}, nil, nil},
		{"Secrets", spec, secrets, nil},
		{"another value in a Secret", spec, map[string]string{"db": "2"}, nil},
		{"what environments say", spec, nil, refs},
		{"an environment that says something else", spec, nil, map[string]any{"prod": map[string]any{}}},
		{"Secrets and environments", spec, secrets, refs},
	} {
		revision, err := revisionOf(c.spec, c.secrets, c.refs)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[revision]; taken {
			t.Errorf("%s and %s are one revision", c.reason, other)
		}
		seen[revision] = c.reason
	}
}

// TestApplicationPlanOfOwnAttributes plans and applies changes that do not reach the hub: the
// revision stays known, also with Secrets, unless one of them changes. None is written.
func TestApplicationPlanOfOwnAttributes(t *testing.T) {
	const application = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]}}`
	const held = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"default","uid":"2",
		"labels":{"fairlead.dev/secret-of":"shop"},"annotations":{"fairlead.dev/salt":"salt"}},"data":{"password":"QzRONFJZ"}}`
	digest, err := hidden(map[string]string{"password": "C4N4RY"}).digest("salt", "db")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := newPlanner(t).schema.ValueType().(tftypes.Object)
	object := func(attribute, name string, value tftypes.Value) tftypes.Value {
		kind, _ := block.AttributeTypes[attribute].(tftypes.Object)
		return complete(kind, map[string]tftypes.Value{name: value})
	}
	yes, fields := tftypes.NewValue(tftypes.Bool, true), tftypes.List{ElementType: tftypes.String}
	own := map[string]tftypes.Value{
		"adopt_existing": yes, "deletion": object("deletion", "protection", yes), "timeouts": object("timeouts", "delete", text("9m")),
		"ignore_fields": tftypes.NewValue(fields, []tftypes.Value{text("components.web.properties.image")}),
	}
	for attribute, value := range own {
		for _, c := range []struct {
			reason, secret string
			known          bool
			written        []string
		}{
			{"without Secrets", "", true, []string{"shop"}},
			{"with one that is the same", held, true, []string{"shop"}},
			{"with one that somebody edited", strings.Replace(held, "QzRONFJZ", "ZWRpdGVk", 1), false, []string{"db", "shop"}},
		} {
			t.Run(attribute+" "+c.reason, func(t *testing.T) {
				state, config := stateOf(attributes(t, map[string]string{"components": someWeb})), configOf(attributes(t, map[string]string{"components": someWeb}))
				config[attribute] = value
				if c.secret != "" {
					state["secrets"], config["secrets_wo"] = resourcesValue(map[string]string{"db": digest}), secretsValue("db")
				}
				hub := &answers{application: application, secret: c.secret, secrets: http.StatusNotFound}
				p := on(t, hub, nil)
				resp := p.change(state, config)
				planned := p.decodeValue(applicationType, resp.PlannedState)
				if known := planned["revision"].Equal(state["revision"]); known != c.known {
					t.Errorf("the revision is planned as %s, want that it stays: %t", planned["revision"], c.known)
				}
				checkPrefix(t, "error", summaries(p.apply(state, config, resp).Diagnostics, tfprotov6.DiagnosticSeverityError), "")
				if diff := cmp.Diff(c.written, hub.written()); diff != "" {
					t.Errorf("writes (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestApplicationPlanOfCreate plans a new application: what follows from the
// configuration is known.
func TestApplicationPlanOfCreate(t *testing.T) {
	p := newPlanner(t)
	planned := p.decodeValue(applicationType, p.plan(applicationType, configOf(attributes(t, map[string]string{"components": someWeb}))).PlannedState)
	if want := text("default/shop"); !planned["id"].Equal(want) {
		t.Errorf("id: got %s, want %s", planned["id"], want)
	}
	if planned["revision"].IsKnown() {
		t.Error("the revision of a new application must be unknown")
	}
	unknown := configOf(attributes(t, map[string]string{"components": someWeb}))
	unknown["namespace"] = tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	if planned := p.decodeValue(applicationType, p.plan(applicationType, unknown).PlannedState); planned["id"].IsKnown() {
		t.Errorf("the id must be unknown while the namespace is, got %s", planned["id"])
	}
}

// TestApplicationValidate checks that all mistakes are one diagnostic, and where it points.
func TestApplicationValidate(t *testing.T) {
	p := newPlanner(t)
	long := `{ web = { type = "webservice", properties = { imag = "a", env = [` + strings.Repeat(`{ name = "A", value = "b" },`, 10) + `] } } }`
	cases := []struct {
		reason, components string
		path               string
		lines              int
	}{
		{"a short attribute is pointed at", `{ web = { type = "webservice", properties = { imag = "a" } } }`, `AttributeName("components")`, 2},
		{"a long one is not, since an engine would print all of it", long, "", 2},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			resp, err := p.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
				TypeName: applicationType,
				Config:   p.dynamic(p.schema, configOf(attributes(t, map[string]string{"components": c.components}))),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Diagnostics) != 1 {
				t.Fatalf("got %d diagnostics, want 1", len(resp.Diagnostics))
			}
			got := resp.Diagnostics[0]
			if path := attributePath(got); path != c.path {
				t.Errorf("path: got %q, want %q", path, c.path)
			}
			if lines := strings.Count(got.Detail, "\n") + 1; lines != c.lines {
				t.Errorf("got %d lines, want %d:\n%s", lines, c.lines, got.Detail)
			}
		})
	}
}

func attributePath(d *tfprotov6.Diagnostic) string {
	if d.Attribute == nil {
		return ""
	}
	return d.Attribute.String()
}

// TestApplicationWarnsOfForeignTypes checks who warns of a type that is not built
// in: validation of what looks misspelt, a plan of what the hub is not known to have.
func TestApplicationWarnsOfForeignTypes(t *testing.T) {
	p := newPlanner(t)
	unconfigured := Server("test", func(string) string { return "" })
	for component, validateWarns := range map[string]bool{"webservise": true, "something-else": false} {
		config := configOf(attributes(t, map[string]string{"components": fmt.Sprintf(`{ web = { type = %q } }`, component)}))
		checkPrefix(t, component+" in a plan", summaries(p.plan(applicationType, config).Diagnostics, tfprotov6.DiagnosticSeverityWarning), "Type is not built in")
		resp, err := unconfigured.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: applicationType, Config: p.dynamic(p.schema, config)})
		if err != nil {
			t.Fatal(err)
		}
		if got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning) != ""; got != validateWarns {
			t.Errorf("%s: validation warns: %t, want %t", component, got, validateWarns)
		}
	}
}

// TestApplicationReadWithoutHub checks that the state stays as it is while the
// hub cannot be asked, with the identity, which some engines insist on.
func TestApplicationReadWithoutHub(t *testing.T) {
	state := stateOf(attributes(t, map[string]string{"components": `{ web = { type = "webservice", properties = { image = "a", cmd = tolist(["x"]) } } }`}))
	unknown := map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)}
	for warning, hub := range map[string]map[string]tftypes.Value{
		"Hub unreachable":   {"host": text("https://127.0.0.1:1"), "token": text("x")},
		"Hub not known yet": unknown,
	} {
		e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), hub)})
		resp := e.read(applicationType, state)
		checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), warning)
		checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		got := e.decodeValue(applicationType, resp.NewState)
		for name, value := range state {
			if !got[name].Equal(value) {
				t.Errorf("%s, %s: got %s, want %s", warning, name, got[name], value)
			}
		}
		if name := e.identityOf(applicationType, resp.NewIdentity); name != "shop" {
			t.Errorf("%s: got identity %q, want shop", warning, name)
		}
	}
}

// TestApplicationImport imports by id and by identity, which engines before 1.12 cannot.
func TestApplicationImport(t *testing.T) {
	p := newPlanner(t)
	schemas, err := p.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	kind := schemas.IdentitySchemas[applicationType].ValueType()
	encoded, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, map[string]tftypes.Value{"namespace": text("team"), "name": text("shop")}))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason string
		req    *tfprotov6.ImportResourceStateRequest
		error  string
	}{
		{"by id", &tfprotov6.ImportResourceStateRequest{ID: "team/shop"}, ""},
		{"by identity", &tfprotov6.ImportResourceStateRequest{Identity: &tfprotov6.ResourceIdentityData{IdentityData: &encoded}}, ""},
		{"without a namespace", &tfprotov6.ImportResourceStateRequest{ID: "shop"}, "Invalid import id"},
		{"with too much", &tfprotov6.ImportResourceStateRequest{ID: "a/b/c"}, "Invalid import id"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			c.req.TypeName = applicationType
			resp, err := p.server.ImportResourceState(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), c.error)
			if c.error != "" {
				return
			}
			got := p.decodeValue(applicationType, resp.ImportedResources[0].State)
			for name, want := range map[string]string{"id": "team/shop", "namespace": "team", "name": "shop"} {
				if !got[name].Equal(text(want)) {
					t.Errorf("%s: got %s, want %s", name, got[name], want)
				}
			}
			if name := p.identityOf(applicationType, resp.ImportedResources[0].Identity); name != "shop" {
				t.Errorf("got identity %q, want shop", name)
			}
		})
	}
}

// BenchmarkApplicationSpec reads and checks an application of three components,
// which a plan does several times for each application.
func BenchmarkApplicationSpec(b *testing.B) {
	component := `{ type = "webservice", properties = { image = "a", ports = [{ port = 80, expose = true }], env = [{ name = "A", value = "b" }] }, traits = { scaler = { replicas = 2 }, labels = { a = "b" } } }`
	model := modelOf(b, fmt.Sprintf(`{ a = %[1]s, b = %[1]s, c = %[1]s }`, component), `["dev", "prod"]`, "", "")
	for b.Loop() {
		if spec := newApplicationSpec(model); len(spec.findings) > 0 {
			b.Fatal(spec.findings)
		}
	}
}

func TestPlannedNamespace(t *testing.T) {
	configured := &applicationModel{Namespace: types.StringValue("team")}
	open := &applicationModel{Namespace: types.StringNull()}
	state := &applicationModel{Namespace: types.StringValue("old")}
	tests := []struct {
		reason        string
		hub           *Hub
		config, state *applicationModel
		want          types.String
	}{
		{"what is configured wins", &Hub{DefaultNamespace: "shop"}, configured, state, types.StringValue("team")},
		{"else the provider's default holds", &Hub{DefaultNamespace: "shop"}, open, state, types.StringValue("shop")},
		{"a default that is unknown makes a new application's unknown", &Hub{namespaceUnknown: true}, open, nil, types.StringUnknown()},
		{"and moves no application that exists", &Hub{namespaceUnknown: true}, open, state, types.StringValue("old")},
	}
	for _, test := range tests {
		resource := &applicationResource{hubResource: hubResource{hub: test.hub}}
		if got := resource.plannedNamespace(test.config, test.state); !got.Equal(test.want) {
			t.Errorf("%s: got %s, want %s", test.reason, got, test.want)
		}
	}
}
