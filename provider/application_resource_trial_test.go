// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// tried is how often the hub was asked for a dry run.
func (a *answers) tried() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.tries
}

// TestApplicationTrial plans with a hub that refuses: what is certain to fail the
// apply is an error, what may pass until then is not, and no value is shown.
func TestApplicationTrial(t *testing.T) {
	const forbidden = http.StatusForbidden
	before := stateOf(attributes(t, map[string]string{"components": someWeb}))
	after := configOf(attributes(t, map[string]string{"components": strings.Replace(someWeb, `image = "a"`, `image = "C4N4RY"`, 1)}))
	tests := []struct {
		reason         string
		refusal        *refusal
		error, warning string
	}{
		{"nothing is wrong", nil, "", ""},
		{"a policy", &refusal{http.StatusUnprocessableEntity, "Invalid", `applications "shop" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: C4N4RY is bad`},
			"Refused by the hub: ", ""},
		{"a webhook", &refusal{forbidden, "Forbidden", `admission webhook "w.example.com" denied the request: C4N4RY is bad`}, "Refused by the hub: ", ""},
		{"an addon that the same plan may upgrade", &refusal{http.StatusInternalServerError, "", ".spec.components[0].x: field not declared in schema"}, "", "Not accepted by the hub yet: "},
		{"a quota that the same plan may free", &refusal{forbidden, "Forbidden", `applications "shop" is forbidden: exceeded quota: q, requested: x=1`}, "", "Not accepted by the hub yet: "},
		{"a webhook that is away", &refusal{http.StatusInternalServerError, "InternalError", `failed calling webhook "w": no route`}, "", "Not accepted by the hub yet: "},
		{"a webhook that cannot be tried", &refusal{http.StatusBadRequest, "BadRequest", `admission webhook "w" does not support dry run`}, "", "Plan not checked by the hub: "},
		{"a credential that may only read", &refusal{forbidden, "Forbidden", `applications "shop" is forbidden: User "u" cannot patch resource "applications"`}, "", "Plan not checked by the hub: "},
		{"a namespace that goes", &refusal{forbidden, "Forbidden", `unable to create new content in namespace default because it is being terminated`}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			hub := &answers{refusal: test.refusal}
			p := on(t, hub, nil)
			resp := p.tryChange(nil, before, after)
			failed := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
			warned := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning)
			checkPrefix(t, "error", failed, test.error)
			checkPrefix(t, "warning", warned, test.warning)
			if strings.Contains(failed+warned, "C4N4RY") {
				t.Errorf("the value is shown: %s%s", failed, warned)
			}
			if test.error != "" && !strings.Contains(failed, "(the value of components.web.properties.image) is bad") {
				t.Errorf("the path is not named: %s", failed)
			}
			// The next one is told the same only where it is about itself.
			again := summaries(p.tryChange(nil, before, after).Diagnostics, tfprotov6.DiagnosticSeverityWarning)
			if once := strings.HasPrefix(test.warning, notTried); once != (again == "") && test.warning != "" {
				t.Errorf("the second plan warns: %q", again)
			}
			if got := hub.written(); got != nil {
				t.Errorf("written: %v", got)
			}
		})
	}
}

// TestApplyWithoutDryRun has a webhook that allows no dry run: an apply goes on without
// it, and the write decides.
func TestApplyWithoutDryRun(t *testing.T) {
	untried := &refusal{http.StatusBadRequest, "BadRequest", `admission webhook "w.example.com" does not support dry run`}
	const live = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"z"}}]}}`
	plain := configOf(attributes(t, map[string]string{"components": someWeb}))
	adopting := maps.Clone(plain)
	adopting["adopt_existing"] = tftypes.NewValue(tftypes.Bool, true)
	secret := maps.Clone(plain)
	secret["secrets_wo"] = secretsValue("db")
	prior := stateOf(attributes(t, map[string]string{"components": strings.Replace(someWeb, `image = "a"`, `image = "b"`, 1)}))
	tests := []struct {
		reason        string
		live          string
		state, config map[string]tftypes.Value
		denials       map[string]*refusal
		error         string
		want          []string
	}{
		{"a create", "", nil, plain, nil, "", []string{"shop"}},
		{"a create with a Secret", "", nil, secret, nil, "", []string{"db", "shop"}},
		{"one that takes over", live, nil, adopting, nil, "", []string{"shop"}},
		{"a change", live, prior, plain, nil, "", []string{"shop"}},
		{"a change with a Secret more", live, prior, secret, nil, "", []string{"db", "shop"}},
		{"a webhook that denies the write", "", nil, plain,
			map[string]*refusal{"PATCH shop": {http.StatusForbidden, "Forbidden", `admission webhook "w.example.com" denied the request: no`}}, "Refused by the hub: ", nil},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			hub := &answers{secrets: http.StatusNotFound, application: test.live, refusal: untried, denials: test.denials}
			p := on(t, hub, nil)
			planned := func() *tfprotov6.PlanResourceChangeResponse {
				if test.state == nil {
					return p.plan(applicationType, test.config)
				}
				return p.change(test.state, test.config)
			}
			plan := planned()
			if warned := summaries(plan.Diagnostics, tfprotov6.DiagnosticSeverityWarning); strings.Count(warned, `webhook "w.example.com"`) != 1 {
				t.Errorf("the plan says %q, want the webhook's name", warned)
			}
			resp := p.apply(test.state, test.config, plan)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.error)
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "")
			if diff := cmp.Diff(test.want, hub.written()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApplicationTrialCounts counts the dry runs of plans: one where something
// changes and all of it is known, none otherwise.
func TestApplicationTrialCounts(t *testing.T) {
	same := attributes(t, map[string]string{"components": someWeb})
	other := configOf(attributes(t, map[string]string{"components": strings.Replace(someWeb, `image = "a"`, `image = "b"`, 1)}))
	unknown := configOf(attributes(t, map[string]string{"components": someWeb}))
	unknown["labels"] = tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, tftypes.UnknownValue)
	secret := configOf(same)
	secret["secrets_wo"] = secretsValue("db")
	state := stateOf(same)
	tests := []struct {
		reason  string
		preview string
		plan    func(p *planner) *tfprotov6.PlanResourceChangeResponse
		want    int
	}{
		{"no change", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, configOf(same)) }, 0},
		{"a change", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, other) }, 1},
		{"a Secret more", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, secret) }, 1},
		{"a create", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.plan(applicationType, other) }, 1},
		{"a change that is not known yet", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, unknown) }, 0},
		{"a change while definitions are not known yet, which say what is written", "", func(p *planner) *tfprotov6.PlanResourceChangeResponse {
			open := maps.Clone(other)
			open["definitions"] = definitionsValue(p, nil)
			return p.change(state, open)
		}, 0},
		{"a change, offline", previewOffline, func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, other) }, 0},
		{"a change, without any preview", previewOff, func(p *planner) *tfprotov6.PlanResourceChangeResponse { return p.change(state, other) }, 0},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			hub := &answers{secrets: http.StatusNotFound}
			more := map[string]tftypes.Value{}
			if test.preview != "" {
				more["plan"] = planValue(t, map[string]string{"preview": test.preview})
			}
			p := on(t, hub, more)
			planned := p.decodeValue(applicationType, test.plan(p).PlannedState)
			if diff := cmp.Diff(test.want, hub.tried()); diff != "" {
				t.Errorf("dry runs (-want +got):\n%s", diff)
			}
			if test.preview != "" && planned["resources"].IsKnown() != (test.preview == previewOffline) {
				t.Errorf("resources: %s", planned["resources"])
			}
		})
	}
}

// TestApplicationWithoutPreview applies what was planned without a preview: the state
// has the objects, so that another plan compares with them.
func TestApplicationWithoutPreview(t *testing.T) {
	p := on(t, &answers{}, map[string]tftypes.Value{"plan": planValue(t, map[string]string{"preview": previewOff})})
	config := configOf(attributes(t, map[string]string{"components": someWeb}))
	resp := p.apply(nil, config, p.plan(applicationType, config))
	checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	if got := resourcesOf(t, p.decodeValue(applicationType, resp.NewState)); len(got) == 0 {
		t.Error("the state has no objects")
	}
}

// TestPreviewUnknown has plan known only after apply: nothing is planned that the
// apply could plan otherwise.
func TestPreviewUnknown(t *testing.T) {
	kind := planValue(t, nil).Type()
	hub := &answers{}
	p := on(t, hub, map[string]tftypes.Value{"plan": tftypes.NewValue(kind, tftypes.UnknownValue)})
	planned := p.decodeValue(applicationType, p.plan(applicationType, configOf(attributes(t, map[string]string{"components": someWeb}))).PlannedState)
	if planned["resources"].IsKnown() || hub.tried() > 0 {
		t.Errorf("resources %s, %d dry runs", planned["resources"], hub.tried())
	}
}

// TestApplicationTrialUnreachable plans while the hub is away: that follows on_unreachable.
func TestApplicationTrialUnreachable(t *testing.T) {
	away := hubValue(schemaOf(t), map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("x")})
	config := configOf(attributes(t, map[string]string{"components": someWeb}))
	for mode, want := range map[string]struct{ error, warning string }{
		onUnreachableWarn:  {"", "Hub unreachable: "},
		onUnreachableError: {"Hub unreachable: ", ""},
	} {
		e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": away, "plan": planValue(t, map[string]string{"on_unreachable": mode})})
		resp := e.plan(applicationType, config)
		checkPrefix(t, mode+": error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), want.error)
		checkPrefix(t, mode+": warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), want.warning)
	}
}

// TestApplicationTrialWithoutCredential plans while no credential for the hub is to be had: that follows on_unreachable, is
// said once, and nothing else is asked. It is so for Secrets that cannot be compared.
func TestApplicationTrialWithoutCredential(t *testing.T) {
	kind, _ := hubValue(schemaOf(t), nil).Type().(tftypes.Object)
	plugin, _ := kind.AttributeTypes["exec"].(tftypes.Object)
	gone := filepath.Join(t.TempDir(), "gone")
	host := text("https://127.0.0.1:1")
	config := configOf(attributes(t, map[string]string{"components": someWeb, "environments": `["prod"]`}))
	holding := configOf(attributes(t, map[string]string{"components": someWeb}))
	holding["secrets_wo"] = secretsValue("db")
	state := stateOf(attributes(t, map[string]string{"components": someWeb}))
	state["secrets"] = resourcesValue(map[string]string{"db": someDigest})
	for _, test := range []struct {
		reason string
		hub    map[string]tftypes.Value
		want   string
	}{
		{"a plugin that fails", map[string]tftypes.Value{"host": host, "exec": complete(plugin, map[string]tftypes.Value{
			"api_version": text("client.authentication.k8s.io/v1"), "command": text("false")})}, "Credential plugin failed: "},
		{"a token file that is gone", map[string]tftypes.Value{"host": host, "token_path": text(gone)}, "Token file not readable: "},
		{"a kubeconfig that is gone", map[string]tftypes.Value{"config_path": text(gone)}, "Kubeconfig not readable: "},
	} {
		for _, mode := range []string{onUnreachableWarn, onUnreachableError} {
			t.Run(test.reason+", "+mode, func(t *testing.T) {
				if err := os.WriteFile(gone, []byte("t"), 0o600); err != nil {
					t.Fatal(err)
				}
				e, diagnostics := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), test.hub), "plan": planValue(t, map[string]string{"on_unreachable": mode})})
				checkPrefix(t, "configure", summaries(diagnostics, tfprotov6.DiagnosticSeverityError), "")
				if err := os.Remove(gone); err != nil {
					t.Fatal(err)
				}
				p := &planner{engine: e, schema: e.schema.ResourceSchemas[applicationType]}
				first, second := p.plan(applicationType, config), p.plan(applicationType, config)
				compared := p.tryChange(nil, state, holding)
				told, silent := tfprotov6.DiagnosticSeverityWarning, tfprotov6.DiagnosticSeverityError
				if mode == onUnreachableError {
					told, silent = silent, told
				}
				checkPrefix(t, "it is told", summaries(first.Diagnostics, told), test.want)
				checkPrefix(t, "in no other way", summaries(first.Diagnostics, silent), "")
				checkPrefix(t, "of Secrets", summaries(compared.Diagnostics, told), "Secrets not compared: ")
				checkPrefix(t, "of Secrets, in no other way", summaries(compared.Diagnostics, silent), "")
				if again := summaries(second.Diagnostics, told); mode == onUnreachableWarn && again != "" {
					t.Errorf("it is told again: %s", again)
				}
			})
		}
	}
}

// TestNoSecondQuestion has a hub answer the dry run of an application with
// environments: only one that answers is asked for these, too.
func TestNoSecondQuestion(t *testing.T) {
	config := configOf(attributes(t, map[string]string{"components": someWeb, "environments": `["prod"]`}))
	tests := []struct {
		reason  string
		refusal *refusal
		asked   bool
	}{
		{"it accepts", nil, true},
		{"it has not what the same plan may bring", &refusal{http.StatusInternalServerError, "", ".spec.x: field not declared in schema"}, true},
		{"it gives no answer", &refusal{http.StatusGatewayTimeout, "Timeout", "no"}, false},
		{"it does not know the credential", &refusal{http.StatusUnauthorized, "Unauthorized", "no"}, false},
	}
	for _, test := range tests {
		hub := &answers{refusal: test.refusal}
		checkPrefix(t, test.reason, summaries(on(t, hub, nil).plan(applicationType, config).Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		if asked := len(hub.requests("/apis/fairlead.dev/")) > 0; asked != test.asked || hub.tried() == 0 {
			t.Errorf("%s: asked for environments: %t", test.reason, asked)
		}
	}
}

// TestForeignTypesAreAskedFor counts the requests of plans of types that are not built
// in: the hub is asked for them where something changes, unless plans are to do without.
func TestForeignTypesAreAskedFor(t *testing.T) {
	custom := func(cmd string) map[string]tftypes.Value {
		return attributes(t, map[string]string{"components": `{ web = { type = "custom", properties = { cmd = ` + cmd + ` } } }`})
	}
	const none = "Type is not built in: "
	for _, test := range []struct {
		reason, preview, after string
		asks                   bool
		warning                string
	}{
		{"only types of the configuration change", previewServer, `tolist(["a"])`, false, ""},
		{"it changes", previewServer, `["b"]`, true, none},
		{"it changes, offline", previewOffline, `["b"]`, false, none},
		{"it changes, without any preview", previewOff, `["b"]`, false, none},
	} {
		hub := &answers{}
		p := on(t, hub, map[string]tftypes.Value{"plan": planValue(t, map[string]string{"preview": test.preview})})
		resp := p.change(stateOf(custom(`["a"]`)), configOf(custom(test.after)))
		if got := hub.requests(""); (len(got) > 0) != test.asks {
			t.Errorf("%s: requests %v", test.reason, got)
		}
		if got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning); strings.Contains(got, none) != (test.warning != "") {
			t.Errorf("%s: warnings %q", test.reason, got)
		}
	}
}

// TestTrialOfAnApplicationThatExists creates what exists: fields that are left to others
// are no reason to adopt it, neither in the plan nor in the apply.
func TestTrialOfAnApplicationThatExists(t *testing.T) {
	hub := &answers{application: `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]}}`}
	p := on(t, hub, nil)
	config := configOf(attributes(t, map[string]string{"components": someWeb}))
	ignoring := maps.Clone(config)
	ignoring["ignore_fields"] = tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, []tftypes.Value{text("components.web.properties.ports")})
	adopting := maps.Clone(ignoring)
	adopting["adopt_existing"] = tftypes.NewValue(tftypes.Bool, true)
	const exists = "Application exists already: "
	for _, test := range []struct {
		reason string
		config map[string]tftypes.Value
		want   string
	}{
		{"nothing is said of it", config, exists},
		{"fields are left to others", ignoring, exists},
		{"it is adopted", adopting, ""},
	} {
		planned := p.plan(applicationType, test.config)
		checkPrefix(t, test.reason, summaries(planned.Diagnostics, tfprotov6.DiagnosticSeverityWarning), test.want)
		checkPrefix(t, test.reason+": apply", summaries(p.apply(nil, test.config, planned).Diagnostics, tfprotov6.DiagnosticSeverityError), test.want)
	}
}
