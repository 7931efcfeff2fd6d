// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// leaf is a value somewhere in the attribute hub.
type leaf struct {
	path  string
	value func(unknown bool) map[string]tftypes.Value
}

// leaves are all values of the attribute hub, and the objects that hold some.
func leaves(t *testing.T, schema *tfprotov6.GetProviderSchemaResponse) []leaf {
	t.Helper()
	i := slices.IndexFunc(schema.Provider.Block.Attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == "hub" })
	var all []leaf
	for _, attribute := range schema.Provider.Block.Attributes[i].NestedType.Attributes {
		kind := attribute.ValueType()
		all = append(all, leaf{attribute.Name, func(unknown bool) map[string]tftypes.Value {
			return map[string]tftypes.Value{attribute.Name: valueOf(kind, unknown)}
		}})
		nested, ok := kind.(tftypes.Object)
		if !ok {
			continue
		}
		for _, inner := range attribute.NestedType.Attributes {
			all = append(all, leaf{attribute.Name + "." + inner.Name, func(unknown bool) map[string]tftypes.Value {
				given := map[string]tftypes.Value{}
				for name, kind := range nested.AttributeTypes {
					given[name] = valueOf(kind, unknown && name == inner.Name)
				}
				return map[string]tftypes.Value{attribute.Name: tftypes.NewValue(nested, given)}
			}})
		}
	}
	return all
}

// valueOf is some value of the type, or an unknown one.
func valueOf(kind tftypes.Type, unknown bool) tftypes.Value {
	if unknown {
		return tftypes.NewValue(kind, tftypes.UnknownValue)
	}
	switch {
	case kind.Is(tftypes.String):
		return text("x")
	case kind.Is(tftypes.Bool):
		return tftypes.NewValue(tftypes.Bool, true)
	}
	return tftypes.NewValue(kind, nil)
}

// TestEachLeafMayBeUnknown makes each value of hub unknown in turn, beside a hub
// that would be another one: nothing is asked of that one, and the state stays.
func TestEachLeafMayBeUnknown(t *testing.T) {
	schema := schemaOf(t)
	all := leaves(t, schema)
	if len(all) < 25 {
		t.Errorf("%d leaves found, want all", len(all))
	}
	asked := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another hub was asked: %s %s", r.Method, r.URL)
	}))
	defer asked.Close()
	other := map[string]string{"FAIRLEAD_HOST": asked.URL, "FAIRLEAD_TOKEN": "t", "FAIRLEAD_INSECURE": "true"}
	for _, leaf := range all {
		t.Run(leaf.path, func(t *testing.T) {
			e, diagnostics := newEngine(t, other, map[string]tftypes.Value{"hub": hubValue(schema, leaf.value(true))})
			if got := summaries(diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
				t.Fatal(got)
			}
			checkPrefix(t, "warning", summaries(diagnostics, tfprotov6.DiagnosticSeverityWarning), "Hub not known yet")
			resp := e.read("fairlead_environment", map[string]tftypes.Value{"id": text("prod"), "name": text("prod")})
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "Hub not known yet")
			if e.decodeValue("fairlead_environment", resp.NewState) == nil || e.identityOf("fairlead_environment", resp.NewIdentity) != "prod" {
				t.Error("state and identity must stay")
			}
		})
	}
}

// TestConfigureNamesAttributes checks at which attribute mistakes are shown.
func TestConfigureNamesAttributes(t *testing.T) {
	schema := schemaOf(t)
	block, _ := schema.Provider.ValueType().(tftypes.Object)
	kind, _ := block.AttributeTypes["hub"].(tftypes.Object)
	nested := func(name string, values map[string]tftypes.Value) tftypes.Value {
		object, _ := kind.AttributeTypes[name].(tftypes.Object)
		return complete(object, values)
	}
	tests := []struct {
		reason string
		hub    map[string]tftypes.Value
		env    map[string]string
		at     string
		want   string
	}{
		{
			reason: "a plugin beside a token",
			hub: map[string]tftypes.Value{"host": text("https://hub"), "token": text("SECRET-CANARY"),
				"exec": nested("exec", map[string]tftypes.Value{"api_version": text("client.authentication.k8s.io/v1"), "command": text("login")})},
			at: `AttributeName("hub").AttributeName("token")`, want: "hub.token and hub.exec are given together",
		},
		{
			reason: "a nested attribute",
			hub:    map[string]tftypes.Value{"host": text("https://hub"), "exec": nested("exec", map[string]tftypes.Value{"api_version": text("v1"), "command": text("login")})},
			at:     `AttributeName("hub").AttributeName("exec").AttributeName("api_version")`, want: `hub.exec.api_version is "v1"`,
		},
		{
			reason: "nobody to act as",
			hub:    map[string]tftypes.Value{"config_path": text("x"), "impersonate": nested("impersonate", map[string]tftypes.Value{"user": text("")})},
			at:     `AttributeName("hub").AttributeName("impersonate").AttributeName("user")`, want: "hub.impersonate.user is empty",
		},
		{
			reason: "an attribute and a variable",
			hub:    map[string]tftypes.Value{"token_path": text("x")}, env: map[string]string{"KUBE_CONFIG_PATH": "y"},
			at: `AttributeName("hub").AttributeName("token_path")`, want: "hub.token_path belongs to hub.host, but the hub comes from KUBE_CONFIG_PATH",
		},
		{
			reason: "two variables are at no attribute",
			env:    map[string]string{"KUBE_HOST": "https://hub", "KUBE_CONFIG_PATH": "y"},
			want:   "KUBE_HOST and KUBE_CONFIG_PATH are given together",
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, diagnostics := newEngine(t, test.env, map[string]tftypes.Value{"hub": hubValue(schema, test.hub)})
			if len(diagnostics) != 1 || diagnostics[0].Severity != tfprotov6.DiagnosticSeverityError {
				t.Fatalf("got %d diagnostics, want one error: %s", len(diagnostics), summaries(diagnostics, tfprotov6.DiagnosticSeverityError))
			}
			if !strings.Contains(diagnostics[0].Detail, test.want) || strings.Contains(diagnostics[0].Detail, "SECRET-CANARY") {
				t.Errorf("got %q, want %q", diagnostics[0].Detail, test.want)
			}
			if got := diagnostics[0].Attribute.String(); got != test.at {
				t.Errorf("at %s, want %s", got, test.at)
			}
		})
	}
}

// refusingHub answers each request with that status.
func refusingHub(t *testing.T, code int, reason string) string {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":"no"}`, code, reason)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// emptyHub answers the question for the version so, and any other with the 404 of a path
// that there is not.
func emptyHub(t *testing.T, code int, version string) string {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, version)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestReadOfKindsThatAreMissing checks for each resource that its state is dropped with a
// warning that names the hub, where a Kubernetes API server does not serve its kind: the
// addon was removed, or the address is that of another cluster.
func TestReadOfKindsThatAreMissing(t *testing.T) {
	host := emptyHub(t, http.StatusOK, `{"gitVersion":"v1.36.0"}`)
	for typeName, state := range states() {
		if typeName == "fairlead_addon" {
			continue // it has no kind of its own
		}
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{
				"host": text(host), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})})
			resp := e.read(typeName, state)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			warnings := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning)
			checkPrefix(t, "warning", warnings, "Kind not installed on the hub: ")
			for _, part := range []string{"dropped from the state", host, "fairlead_addon"} {
				if !strings.Contains(warnings, part) {
					t.Errorf("the warning lacks %q: %s", part, warnings)
				}
			}
			if e.decodeValue(typeName, resp.NewState) != nil {
				t.Error("the state stays, though the hub does not serve the kind")
			}
		})
	}
}

// states are states of each resource, as an apply left them.
func states() map[string]map[string]tftypes.Value {
	components := tftypes.NewValue(tftypes.Object{AttributeTypes: map[string]tftypes.Type{"web": tftypes.String}}, map[string]tftypes.Value{"web": text("x")})
	return map[string]map[string]tftypes.Value{
		"fairlead_environment":     {"id": text("prod"), "name": text("prod")},
		"fairlead_cluster_binding": {"id": text("prod"), "name": text("prod"), "environment": text("prod")},
		"fairlead_application":     {"id": text("shop/prod"), "namespace": text("shop"), "name": text("prod"), "components": components, "revision": text("a")},
		"fairlead_rollout":         {"application": text("shop/prod"), "revision": text("a"), "on_failure": text("error")},
		"fairlead_addon":           {"id": text("fairlead-system"), "namespace": text("fairlead-system"), "version": text("1.0.0")},
	}
}

// TestReadOfAHubThatIsAway checks for each resource that the state is kept as it
// is, with its identity and one warning, or that the plan fails where that is wanted.
func TestReadOfAHubThatIsAway(t *testing.T) {
	schema := schemaOf(t)
	tests := []struct {
		reason string
		host   string
		want   string
	}{
		{"nobody listens", "https://127.0.0.1:1", "Hub unreachable: "},
		{"the credential is not known", refusingHub(t, http.StatusUnauthorized, "Unauthorized"), "Hub refused the credential: "},
		{"the credential may not read", refusingHub(t, http.StatusForbidden, "Forbidden"), "Not allowed on the hub: "},
		{"the hub is overloaded", refusingHub(t, http.StatusServiceUnavailable, "ServiceUnavailable"), "Hub unreachable: "},
		{"a load balancer without a backend", emptyHub(t, http.StatusNotFound, "default backend - 404"), "Hub unreachable: "},
		{"a page for each path that there is not", emptyHub(t, http.StatusOK, "<html>not here</html>"), "Hub unreachable: "},
	}
	block, _ := schema.Provider.ValueType().(tftypes.Object)
	planType, _ := block.AttributeTypes["plan"].(tftypes.Object)
	for _, test := range tests {
		for typeName, state := range states() {
			for _, mode := range []string{"", onUnreachableWarn, onUnreachableError} {
				t.Run(test.reason+", "+typeName+", "+mode, func(t *testing.T) {
					values := map[string]tftypes.Value{"hub": hubValue(schema, map[string]tftypes.Value{
						"host": text(test.host), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})}
					if mode != "" {
						values["plan"] = complete(planType, map[string]tftypes.Value{"on_unreachable": text(mode)})
					}
					e, diagnostics := newEngine(t, nil, values)
					checkPrefix(t, "error", summaries(diagnostics, tfprotov6.DiagnosticSeverityError), "")
					resp := e.read(typeName, state)
					warnings, errors := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
					if mode == onUnreachableError {
						checkPrefix(t, "error", errors, test.want)
						checkPrefix(t, "warning", warnings, "")
						return
					}
					checkPrefix(t, "warning", warnings, test.want)
					checkPrefix(t, "error", errors, "")
					e.checkKept(typeName, state, resp)
				})
			}
		}
	}
}

// TestReadOfAHubThatIsNotKnown checks for each resource that the state is kept
// with one warning while the hub is known only after apply, also where a hub
// that is away is an error: a first plan is nobody's fault.
func TestReadOfAHubThatIsNotKnown(t *testing.T) {
	schema := schemaOf(t)
	block, _ := schema.Provider.ValueType().(tftypes.Object)
	planType, _ := block.AttributeTypes["plan"].(tftypes.Object)
	for typeName, state := range states() {
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{
				"hub":  tftypes.NewValue(block.AttributeTypes["hub"], tftypes.UnknownValue),
				"plan": complete(planType, map[string]tftypes.Value{"on_unreachable": text(onUnreachableError)}),
			})
			resp := e.read(typeName, state)
			if len(resp.Diagnostics) != 1 {
				t.Errorf("%d diagnostics, want one", len(resp.Diagnostics))
			}
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "Hub not known yet: ")
			e.checkKept(typeName, state, resp)
		})
	}
}

// checkKept checks that the answer has the state that was asked with, and the identity.
func (e *engine) checkKept(typeName string, state map[string]tftypes.Value, resp *tfprotov6.ReadResourceResponse) {
	e.t.Helper()
	want, err := e.dynamic(e.schema.ResourceSchemas[typeName], state).Unmarshal(e.schema.ResourceSchemas[typeName].ValueType())
	if err != nil {
		e.t.Fatal(err)
	}
	got, err := resp.NewState.Unmarshal(e.schema.ResourceSchemas[typeName].ValueType())
	if err != nil {
		e.t.Fatal(err)
	}
	if !got.Equal(want) {
		e.t.Errorf("state %s, want it as it was: %s", got, want)
	}
	if typeName == "fairlead_rollout" {
		return // it has no identity
	}
	if resp.NewIdentity == nil || resp.NewIdentity.IdentityData == nil {
		e.t.Error("the answer has no identity: engines refuse it")
	}
}

// TestImportWithoutHub checks that an import says what to do instead.
func TestImportWithoutHub(t *testing.T) {
	schema := schemaOf(t)
	unknown := map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)}
	away := map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")}
	ids := map[string]string{"fairlead_environment": "prod", "fairlead_cluster_binding": "prod", "fairlead_application": "shop/prod", "fairlead_addon": "fairlead-system"}
	for typeName, id := range ids {
		for reason, test := range map[string]struct {
			hub  map[string]tftypes.Value
			want []string
		}{
			"the hub is known only after apply": {unknown, []string{"Hub not known yet", typeName, "terraform apply -target", "depends_on"}},
			"nobody listens":                    {away, []string{"Hub unreachable", "127.0.0.1:1"}},
		} {
			t.Run(reason+", "+typeName, func(t *testing.T) {
				e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, test.hub)})
				imported, err := e.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
				if err != nil || len(imported.ImportedResources) != 1 {
					t.Fatalf("import: %v, %s", err, summaries(imported.Diagnostics, tfprotov6.DiagnosticSeverityError))
				}
				one := imported.ImportedResources[0]
				resp, err := e.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
					TypeName: typeName, CurrentState: one.State, Private: one.Private, CurrentIdentity: one.Identity})
				if err != nil {
					t.Fatal(err)
				}
				got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
				for _, part := range test.want {
					if !strings.Contains(got, part) {
						t.Errorf("the error lacks %q: %s", part, got)
					}
				}
			})
		}
	}
}

// TestPlanOptions checks which values plan takes.
func TestPlanOptions(t *testing.T) {
	schema := schemaOf(t)
	block, _ := schema.Provider.ValueType().(tftypes.Object)
	planType, _ := block.AttributeTypes["plan"].(tftypes.Object)
	got := map[string]bool{}
	for _, value := range []string{onUnreachableWarn, onUnreachableError, "ignore", ""} {
		e, _ := newEngine(t, nil, nil)
		resp, err := e.server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{
			Config: e.dynamic(schema.Provider, map[string]tftypes.Value{"plan": complete(planType, map[string]tftypes.Value{"on_unreachable": text(value)})})})
		if err != nil {
			t.Fatal(err)
		}
		got[value] = summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError) == ""
	}
	if diff := cmp.Diff(map[string]bool{onUnreachableWarn: true, onUnreachableError: true, "ignore": false, "": false}, got); diff != "" {
		t.Errorf("values that are taken (-want +got):\n%s", diff)
	}
}

// TestDefaultNamespace refuses what the hub would refuse, before there is one.
func TestDefaultNamespace(t *testing.T) {
	schema := schemaOf(t)
	e, _ := newEngine(t, nil, nil)
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	for reason, c := range map[string]struct {
		value tftypes.Value
		taken bool
	}{
		"a team's":     {text("team-a"), true},
		"not known":    {unknown, true},
		"empty":        {text(""), false},
		"a system's":   {text("kube-system"), false},
		"no namespace": {text("Team A"), false},
	} {
		resp, err := e.server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{
			Config: e.dynamic(schema.Provider, map[string]tftypes.Value{"default_namespace": c.value})})
		if err != nil {
			t.Fatal(err)
		}
		if taken := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError) == ""; taken != c.taken {
			t.Errorf("%s: taken %t, want %t", reason, taken, c.taken)
		}
	}
}
