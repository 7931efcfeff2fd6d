// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// answers is a hub that gives set answers, for what a real one does rarely.
type answers struct {
	// application is the content of the application shop, empty while there is none.
	application string
	// secrets is the status of the answer to a request for a Secret.
	secrets int
	// conflicts says that another manager sets fields of the application.
	conflicts bool
	// refusal is the answer to a dry run of the application, as code, reason and message.
	refusal *refusal
	// secret is the content of each Secret, empty while secrets is what is answered.
	secret string
	// environments are those that the hub has, as JSON; none while it serves none.
	environments string
	// denials are the answers to writes, by method and name, dry runs aside.
	denials map[string]*refusal

	mutex  sync.Mutex
	writes []string
	asked  []string
	tries  int
}

// refusal is how an API server refuses.
type refusal struct {
	code            int
	reason, message string
}

// written are the names of what was written, dry runs aside.
func (a *answers) written() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.writes
}

// requests are the paths that were asked for and have that text in them.
func (a *answers) requests(part string) []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(a.asked), func(path string) bool { return !strings.Contains(path, part) })
}

// answer is the answer of the API server.
func (r *refusal) answer(w http.ResponseWriter) {
	answer(w, r.code, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":%q,"details":{"name":"shop","kind":"applications"}}`, r.code, r.reason, r.message))
}

// ServeHTTP answers as an API server does.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	a.asked = append(a.asked, r.URL.Path)
	a.mutex.Unlock()
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	isSecret := strings.Contains(r.URL.Path, "/secrets/")
	const served = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":%q,"resources":[{"name":%q,"kind":%q,"namespaced":true}]}`
	const platform = "/apis/fairlead.dev/v1alpha1"
	switch {
	case r.URL.Path == platform && a.environments != "":
		answer(w, http.StatusOK, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"fairlead.dev/v1alpha1","resources":[
			{"name":"environments","kind":"Environment","namespaced":false},{"name":"clusterbindings","kind":"ClusterBinding","namespaced":false}]}`)
	case r.URL.Path == platform+"/environments" && a.environments != "":
		answer(w, http.StatusOK, `{"kind":"EnvironmentList","apiVersion":"fairlead.dev/v1alpha1","items":[`+a.environments+`]}`)
	case r.URL.Path == platform+"/clusterbindings":
		answer(w, http.StatusOK, `{"kind":"ClusterBindingList","apiVersion":"fairlead.dev/v1alpha1","items":[]}`)
	case r.URL.Path == "/api/v1":
		answer(w, http.StatusOK, fmt.Sprintf(served, "v1", "secrets", "Secret"))
	case r.URL.Path == "/apis/core.oam.dev/v1beta1":
		answer(w, http.StatusOK, fmt.Sprintf(served, "core.oam.dev/v1beta1", "applications", "Application"))
	case a.denials[r.Method+" "+name] != nil && r.URL.Query().Get("dryRun") == "":
		a.denials[r.Method+" "+name].answer(w)
	case r.Method == http.MethodPatch:
		a.patch(w, r, name, isSecret)
	case isSecret && a.secret != "":
		answer(w, http.StatusOK, a.secret)
	case isSecret:
		refuse(w, a.secrets)
	case a.application == "":
		refuse(w, http.StatusNotFound)
	default:
		answer(w, http.StatusOK, a.application)
	}
}

// patch takes a server-side apply, or a patch that names no kind: of an application.
func (a *answers) patch(w http.ResponseWriter, r *http.Request, name string, isSecret bool) {
	query := r.URL.Query()
	if a.conflicts && !isSecret && query.Get("force") != "true" {
		answer(w, http.StatusConflict, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":409,"reason":"Conflict","message":"no","details":{"causes":[
			{"reason":"FieldManagerConflict","message":"conflict with \"argocd-controller\"","field":".spec.components"}]}}`)
		return
	}
	if query.Get("dryRun") != "" && !isSecret {
		a.mutex.Lock()
		a.tries++
		a.mutex.Unlock()
		if no := a.refusal; no != nil {
			no.answer(w)
			return
		}
	}
	var object map[string]any
	if err := json.NewDecoder(r.Body).Decode(&object); err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	if query.Get("dryRun") == "" {
		a.mutex.Lock()
		a.writes = append(a.writes, name)
		a.mutex.Unlock()
	}
	if object["kind"] == nil {
		object["apiVersion"], object["kind"] = "core.oam.dev/v1beta1", "Application"
	}
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata["uid"] = "1"
		if a.application != "" {
			metadata["resourceVersion"] = "1"
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	answer(w, http.StatusOK, string(text))
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func refuse(w http.ResponseWriter, status int) {
	reasons := map[int]string{http.StatusNotFound: "NotFound", http.StatusForbidden: "Forbidden", http.StatusBadRequest: "BadRequest"}
	answer(w, status, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":"no","details":{"name":"x"}}`, status, reasons[status]))
}

// on plans with a hub that gives those answers.
func on(t *testing.T, hub *answers, more map[string]tftypes.Value) *planner {
	t.Helper()
	server := httptest.NewTLSServer(hub)
	t.Cleanup(server.Close)
	block := map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{
		"host": text(server.URL), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})}
	for name, value := range more {
		block[name] = value
	}
	e, diagnostics := newEngine(t, nil, block)
	if got := summaries(diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
		t.Fatalf("configure: %s", got)
	}
	return &planner{engine: e, schema: e.schema.ResourceSchemas[applicationType]}
}

// apply applies what was planned.
func (p *planner) apply(state, config map[string]tftypes.Value, plan *tfprotov6.PlanResourceChangeResponse) *tfprotov6.ApplyResourceChangeResponse {
	p.t.Helper()
	prior := p.dynamic(p.schema, state)
	if state == nil {
		null, err := tfprotov6.NewDynamicValue(p.schema.ValueType(), tftypes.NewValue(p.schema.ValueType(), nil))
		if err != nil {
			p.t.Fatal(err)
		}
		prior = &null
	}
	resp, err := p.server.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: applicationType, PriorState: prior, PlannedState: plan.PlannedState, PlannedPrivate: plan.PlannedPrivate, Config: p.dynamic(p.schema, config),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp
}

// TestApplicationResourcesOfIgnoredFields writes an application whose fields that are
// left to others decide which objects there are: the state has those of the plan,
// else the engine refuses the answer, and taints the application.
func TestApplicationResourcesOfIgnoredFields(t *testing.T) {
	hub := &answers{application: `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}},{"name":"worker","type":"worker","properties":{"image":"z"}}]}}`}
	p := on(t, hub, nil)
	config := configOf(attributes(t, map[string]string{"components": shopHCL}))
	config["adopt_existing"] = tftypes.NewValue(tftypes.Bool, true)
	config["ignore_fields"] = tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, []tftypes.Value{text("components.web.properties.ports")})
	state := stateOf(attributes(t, map[string]string{"components": strings.Replace(shopHCL, `worker", properties = { image = "a"`, `worker", properties = { image = "b"`, 1)}))
	for reason, test := range map[string]struct {
		state map[string]tftypes.Value
		plan  *tfprotov6.PlanResourceChangeResponse
	}{
		"an application that is taken over":                     {nil, p.plan(applicationType, config)},
		"a change of one whose digests are known only by apply": {state, p.change(state, config)},
	} {
		resp := p.apply(test.state, config, test.plan)
		checkPrefix(t, reason, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
		planned := resourcesOf(t, p.decodeValue(applicationType, test.plan.PlannedState))
		applied := resourcesOf(t, p.decodeValue(applicationType, resp.NewState))
		if problem := inconsistent(planned, applied); problem != "" || len(planned) != 3 {
			t.Errorf("%s: planned %v, applied %v: %s", reason, planned, applied, problem)
		}
	}
	if diff := cmp.Diff([]string{"shop", "shop"}, hub.written()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// secretsValue is a value of secrets_wo with Secrets of those names.
func secretsValue(names ...string) tftypes.Value {
	secret := tftypes.Map{ElementType: tftypes.String}
	secrets := map[string]tftypes.Value{}
	for _, name := range names {
		secrets[name] = tftypes.NewValue(secret, map[string]tftypes.Value{"password": text("C4N4RY")})
	}
	return tftypes.NewValue(tftypes.Map{ElementType: secret}, secrets)
}

// TestApplicationPlanMayNotReadSecrets plans with a credential that may not read
// Secrets: without another change that the hub sees their digests and the revision stay,
// with a warning, or the plan fails where that is wanted. With one they are open, because
// the apply may read them and find that they change.
func TestApplicationPlanMayNotReadSecrets(t *testing.T) {
	strict := map[string]tftypes.Value{"plan": planValue(t, map[string]string{"on_unreachable": onUnreachableError})}
	components := attributes(t, map[string]string{"components": someWeb})
	state := stateOf(components)
	state["secrets"] = resourcesValue(map[string]string{"api": someDigest, "db": someDigest})
	with := func(name string, value tftypes.Value) map[string]tftypes.Value {
		config := configOf(components)
		config["secrets_wo"] = secretsValue("api", "db")
		config[name] = value
		return config
	}
	same, renamed := with("name", text("shop")), with("secrets_wo", secretsValue("api", "database"))
	adopting, labelled := with("adopt_existing", tftypes.NewValue(tftypes.Bool, true)), with("labels", resourcesValue(map[string]string{"tier": "gold"}))
	cases := []struct {
		reason         string
		provider       map[string]tftypes.Value
		config         map[string]tftypes.Value
		known          bool
		warning, error string
	}{
		{"no other change", nil, same, true, "Secrets not compared: ", ""},
		{"no other change, and a hub that cannot be asked is an error", strict, same, true, "", "Secrets not compared: "},
		{"another attribute changes, which the hub does not see", nil, adopting, true, "Secrets not compared: ", ""},
		{"another attribute changes, which the hub sees", nil, labelled, false, "", ""},
		{"one Secret takes the place of another", nil, renamed, false, `Secrets of application "default/shop" are deleted: `, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			p := on(t, &answers{secrets: http.StatusForbidden}, c.provider)
			resp := p.tryChange(nil, state, c.config)
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), c.warning)
			failed := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
			checkPrefix(t, "error", failed, c.error)
			if strings.Contains(failed, "C4N4RY") {
				t.Errorf("the error shows the value: %s", failed)
			}
			if c.error != "" {
				return
			}
			planned := p.decodeValue(applicationType, resp.PlannedState)
			for name, digest := range resourcesOf(t, map[string]tftypes.Value{"resources": planned["secrets"]}) {
				if known := digest != "?"; known != c.known || planned["revision"].IsKnown() != c.known {
					t.Errorf("known must be: %t, got %q for %s, and the revision %s", c.known, digest, name, planned["revision"])
				}
			}
		})
	}
}

// TestApplicationRefusedWritesNoSecret changes an application with a Secret while
// another manager sets fields of it: it is refused, and nothing was written.
func TestApplicationRefusedWritesNoSecret(t *testing.T) {
	before := attributes(t, map[string]string{"components": someWeb})
	after := configOf(attributes(t, map[string]string{"components": strings.Replace(someWeb, `image = "a"`, `image = "b"`, 1)}))
	after["secrets_wo"] = secretsValue("db")
	for _, c := range []struct {
		reason    string
		conflicts bool
		error     string
		want      []string
	}{
		{"nobody else sets its fields", false, "", []string{"db", "shop"}},
		{"another manager does", true, "Fields managed by somebody else: ", nil},
	} {
		hub := &answers{secrets: http.StatusNotFound, conflicts: c.conflicts}
		p := on(t, hub, map[string]tftypes.Value{"plan": planValue(t, map[string]string{"preview": previewOffline})})
		state := stateOf(before)
		resp := p.apply(state, after, p.change(state, after))
		checkPrefix(t, c.reason, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), c.error)
		if diff := cmp.Diff(c.want, hub.written()); diff != "" {
			t.Errorf("%s: writes (-want +got):\n%s", c.reason, diff)
		}
	}
}

// TestDenialsShowNoValue has a webhook deny each write but the dry run, and quote what
// it denies: no value is shown, and that nothing was written is said where it is so.
func TestDenialsShowNoValue(t *testing.T) {
	quoting := &refusal{http.StatusForbidden, "Forbidden", `admission webhook "w.example.com" denied the request: C4N4RY or QzRONFJZ is bad`}
	const live = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"C4N4RY","cmd":["QzRONFJZ"]}}]}}`
	const secret = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"default","uid":"2","labels":{"fairlead.dev/secret-of":"shop"}},"data":{"password":"QzRONFJZ"}}`
	plain := configOf(attributes(t, map[string]string{"components": someWeb}))
	secrets := configOf(attributes(t, map[string]string{"components": someWeb}))
	secrets["secrets_wo"] = secretsValue("db")
	holding := stateOf(attributes(t, map[string]string{"components": someWeb}))
	holding["secrets"] = resourcesValue(map[string]string{"db": someDigest})
	const path, key = "(the value of components.web.properties.image)", "(the value of data.password)"
	cases := []struct {
		reason, denied string
		do             func(p *planner) []*tfprotov6.Diagnostic
		want           string
		nothing        bool
	}{
		{"a Secret", "PATCH db", func(p *planner) []*tfprotov6.Diagnostic {
			return p.apply(nil, secrets, p.plan(applicationType, secrets)).Diagnostics
		}, key, false},
		{"a Secret that goes, after the application was written", "DELETE db", func(p *planner) []*tfprotov6.Diagnostic {
			return p.apply(holding, plain, p.change(holding, plain)).Diagnostics
		}, key, false},
		{"the label of a pause", "PATCH shop", func(p *planner) []*tfprotov6.Diagnostic {
			_, diagnostics := p.control("default/shop", commandPause)
			return diagnostics
		}, path, true},
		{"a deletion", "DELETE shop", func(p *planner) []*tfprotov6.Diagnostic {
			resp, err := p.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
				TypeName: applicationType, PriorState: p.dynamic(p.schema, holding), PlannedState: p.null(applicationType), Config: p.null(applicationType),
			})
			if err != nil {
				t.Fatal(err)
			}
			return resp.Diagnostics
		}, path, false},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			hub := &answers{secrets: http.StatusNotFound, application: live, denials: map[string]*refusal{c.denied: quoting}}
			if c.denied == "DELETE db" {
				hub.secret = secret
			}
			if c.denied == "PATCH db" {
				hub.application = ""
			}
			failed := summaries(c.do(on(t, hub, nil)), tfprotov6.DiagnosticSeverityError)
			checkPrefix(t, "error", failed, "Refused by the hub: ")
			if strings.Contains(failed, "C4N4RY") || strings.Contains(failed, "QzRONFJZ") || !strings.Contains(failed, c.want) {
				t.Errorf("got %s, want %s in place of the value", failed, c.want)
			}
			if strings.Contains(failed, "Nothing was written.") != c.nothing {
				t.Errorf("what is said of writes: %s", failed)
			}
		})
	}
}

// TestImportSeesEnvironments imports an application and plans it: what the import saw of
// an environment is no change, and what the environment is made since then is one. So is
// it no more where the hub does not show its environments.
func TestImportSeesEnvironments(t *testing.T) {
	const live = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}],"policies":[{"name":"env-prod","type":"environment","properties":{"environment":"prod"}}]}}`
	const prod = `{"kind":"Environment","apiVersion":"fairlead.dev/v1alpha1","metadata":{"name":"prod"},"spec":{"targetNamespace":{"suffix":"-prod"},
		"defaults":[{"type":"webservice","traits":[{"type":"scaler","properties":{"replicas":3}}]}]}}`
	having := func(webservice string) string {
		return strings.Replace(prod, `"type":"webservice","traits":[{"type":"scaler","properties":{"replicas":3}}]`, `"type":"webservice",`+webservice, 1)
	}
	config := func(webservice string) map[string]tftypes.Value {
		return configOf(attributes(t, map[string]string{"components": someWeb, "environments": `{ prod = { ref = { name = "prod", target_namespace = { name = null, prefix = null, suffix = "-prod" },
			defaults = { webservice = ` + webservice + ` } } } }`}))
	}
	const three, four = `{ traits = { scaler = { replicas = 3 } } }`, `{ traits = { scaler = { replicas = 4 } } }`
	for _, test := range []struct {
		reason, environments, webservice string
		changes                          bool
	}{
		{"nothing has changed", prod, three, false},
		{"the defaults change", prod, four, true},
		{"the environment is not there yet", `{"kind":"Environment","apiVersion":"fairlead.dev/v1alpha1","metadata":{"name":"dev"},"spec":{}}`, four, false},
		{"environments cannot be read", "", four, false},
		{"the hub has a number as text", having(`"traits":[{"type":"scaler","properties":{"replicas":"3"}}]`), three, false},
		{"the text is another number", having(`"traits":[{"type":"scaler","properties":{"replicas":"3"}}]`), four, true},
		{"the hub has a trait without properties", having(`"traits":[{"type":"gateway"}]`), `{ traits = { gateway = {} } }`, false},
		{"such a trait goes", having(`"traits":[{"type":"gateway"}]`), `{ traits = {} }`, true},
		{"the hub has a null in properties", having(`"properties":{"cpu":"1","memory":null}`), `{ properties = { cpu = "1" } }`, false},
		{"a null as generated configuration has it", having(`"properties":{"cpu":"1","memory":null}`), `{ properties = { cpu = "1", memory = null } }`, false},
		{"a null that gets a value", having(`"properties":{"cpu":"1","memory":null}`), `{ properties = { cpu = "1", memory = "1Gi" } }`, true},
	} {
		t.Run(test.reason, func(t *testing.T) {
			p := on(t, &answers{application: live, environments: test.environments}, map[string]tftypes.Value{"plan": planValue(t, map[string]string{"preview": previewOffline})})
			imported, err := p.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: applicationType, ID: "default/shop"})
			if err != nil || len(imported.ImportedResources) != 1 {
				t.Fatal(imported, err)
			}
			one := imported.ImportedResources[0]
			read, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: applicationType, CurrentState: one.State, Private: one.Private})
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "error", summaries(read.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			if strings.Contains(string(read.Private), "replicas") {
				t.Errorf("the private state has what environments say: %s", read.Private)
			}
			planned := p.decodeValue(applicationType, p.changeWith(read.Private, p.decodeValue(applicationType, read.NewState), config(test.webservice)).PlannedState)
			if planned["revision"].IsKnown() == test.changes {
				t.Errorf("revision %s", planned["revision"])
			}
		})
	}
}
