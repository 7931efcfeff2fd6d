// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// hubValue is the attribute hub with those values.
func hubValue(e *tfprotov6.GetProviderSchemaResponse, values map[string]tftypes.Value) tftypes.Value {
	provider, _ := e.Provider.ValueType().(tftypes.Object)
	kind, _ := provider.AttributeTypes["hub"].(tftypes.Object)
	return complete(kind, values)
}

// schemaOf returns the provider's schema.
func schemaOf(t *testing.T) *tfprotov6.GetProviderSchemaResponse {
	t.Helper()
	e, _ := newEngine(t, nil, nil)
	return e.schema
}

// TestSchema checks that every attribute is described and that there are no blocks.
func TestSchema(t *testing.T) {
	schema := schemaOf(t)
	checkSchema(t, "provider", schema.Provider)
	for name, resource := range schema.ResourceSchemas {
		checkSchema(t, name, resource)
	}
	for name, resource := range schema.EphemeralResourceSchemas {
		checkSchema(t, "ephemeral."+name, resource)
	}
	for name, resource := range schema.ListResourceSchemas {
		checkSchema(t, "list."+name, resource)
	}
	for name, source := range schema.DataSourceSchemas {
		checkSchema(t, "data."+name, source)
	}
}

func checkSchema(t *testing.T, name string, schema *tfprotov6.Schema) {
	t.Helper()
	if len(schema.Block.BlockTypes) > 0 {
		t.Errorf("%s has blocks: only nested attributes are allowed", name)
	}
	if schema.Block.Description == "" {
		t.Errorf("%s has no description", name)
	}
	checkAttributes(t, name, schema.Block.Attributes)
}

func checkAttributes(t *testing.T, at string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, attribute := range attributes {
		here := at + "." + attribute.Name
		// The attribute timeouts is made by a library, which describes its parts only.
		if attribute.Description == "" && attribute.Name != "timeouts" {
			t.Errorf("%s has no description", here)
		}
		if attribute.NestedType != nil {
			checkAttributes(t, here, attribute.NestedType.Attributes)
		}
	}
}

// TestSensitive checks that credentials are marked.
func TestSensitive(t *testing.T) {
	var marked []string
	for _, attribute := range schemaOf(t).Provider.Block.Attributes {
		if attribute.NestedType == nil {
			continue
		}
		for _, nested := range attribute.NestedType.Attributes {
			if nested.Sensitive {
				marked = append(marked, nested.Name)
			}
			if nested.NestedType == nil {
				continue
			}
			for _, inner := range nested.NestedType.Attributes {
				if inner.Sensitive {
					marked = append(marked, nested.Name+"."+inner.Name)
				}
			}
		}
	}
	if diff := cmp.Diff([]string{"client_key", "exec.env", "kubeconfig", "proxy_url", "token"}, marked); diff != "" {
		t.Errorf("sensitive attributes (-want +got):\n%s", diff)
	}
}

// TestConfigure checks what is an error when the provider is configured.
func TestConfigure(t *testing.T) {
	schema := schemaOf(t)
	hub := func(values map[string]tftypes.Value) map[string]tftypes.Value {
		return map[string]tftypes.Value{"hub": hubValue(schema, values)}
	}
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	provider, _ := schema.Provider.ValueType().(tftypes.Object)
	tests := []struct {
		reason string
		env    map[string]string
		block  map[string]tftypes.Value
		want   string
	}{
		{reason: "nothing given", want: "No hub configured"},
		{reason: "an empty object is nothing given", block: hub(nil), want: "No hub configured"},
		{reason: "the hub as a whole may be unknown", block: map[string]tftypes.Value{"hub": tftypes.NewValue(provider.AttributeTypes["hub"], tftypes.UnknownValue)}},
		{reason: "a leaf may be unknown", block: hub(map[string]tftypes.Value{"host": unknown})},
		{reason: "an unknown leaf never gives way to a variable", env: map[string]string{"KUBE_CONFIG_PATH": "/nowhere"}, block: hub(map[string]tftypes.Value{"config_path": unknown})},
		{reason: "an unknown leaf hides a conflict, which is found at apply", block: hub(map[string]tftypes.Value{"host": unknown, "config_path": text("x")})},
		{reason: "a variable that turned out empty is a mistake", block: hub(map[string]tftypes.Value{"config_path": text("")}), want: "Empty hub configuration"},
		{reason: "so is a list of files", env: map[string]string{"KUBE_HOST": "https://hub", "KUBE_TOKEN": "t"},
			block: hub(map[string]tftypes.Value{"config_paths": tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, []tftypes.Value{})}), want: "Empty hub configuration"},
		{reason: "families exclude each other", block: hub(map[string]tftypes.Value{"config_path": text("x"), "kubeconfig": text("y")}), want: "Conflicting hub credentials"},
		{reason: "a missing file is found when the hub is needed", block: hub(map[string]tftypes.Value{"config_path": text("/nowhere")})},
		{reason: "variables are enough", env: map[string]string{"KUBE_HOST": "https://hub", "KUBE_TOKEN": "t"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, diagnostics := newEngine(t, test.env, test.block)
			got := summaries(diagnostics, tfprotov6.DiagnosticSeverityError)
			if test.want == "" && got != "" {
				t.Errorf("unexpected error: %s", got)
			}
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestReadWithoutHub checks that the state is kept, with the identity, whenever
// the hub cannot be asked, and that only a missing kubeconfig is an error.
func TestReadWithoutHub(t *testing.T) {
	schema := schemaOf(t)
	expired := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(expired, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		reason  string
		hub     map[string]tftypes.Value
		warning string
		error   string
	}{
		{
			reason:  "the hub is known only after apply",
			hub:     map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)},
			warning: "Hub not known yet",
		},
		{
			reason:  "nobody listens",
			hub:     map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")},
			warning: "Hub unreachable",
		},
		{
			reason: "the kubeconfig is missing",
			hub:    map[string]tftypes.Value{"config_path": text("/nowhere")},
			error:  "Kubeconfig not readable",
		},
	}
	for _, test := range tests {
		for _, typeName := range []string{"fairlead_environment", "fairlead_cluster_binding", "fairlead_managed_cluster", "fairlead_definition"} {
			t.Run(test.reason+", "+typeName, func(t *testing.T) {
				e, diagnostics := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, test.hub)})
				if got := summaries(diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
					t.Fatal(got)
				}
				resp := e.read(typeName, map[string]tftypes.Value{"id": text("prod"), "name": text("prod")})
				checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), test.warning)
				checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.error)
				if test.error != "" {
					return
				}
				if e.decodeValue(typeName, resp.NewState) == nil {
					t.Error("the state was dropped")
				}
				if got := e.identityOf(typeName, resp.NewIdentity); got != "prod" {
					t.Errorf("identity %q, want prod", got)
				}
			})
		}
	}
}

// checkPrefix checks how the diagnostics begin; an empty want means none.
func checkPrefix(t *testing.T, kind, got, want string) {
	t.Helper()
	if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
		t.Errorf("%s %q, want one that begins with %q", kind, got, want)
	}
}

// TestPlanOffline checks that a plan needs no hub, and that what follows from the
// configuration is known in it.
func TestPlanOffline(t *testing.T) {
	schema := schemaOf(t)
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, map[string]tftypes.Value{"host": unknown})})
	kind, _ := schema.ResourceSchemas["fairlead_environment"].ValueType().(tftypes.Object)
	target, _ := kind.AttributeTypes["target_namespace"].(tftypes.Object)
	resp := e.plan("fairlead_environment", map[string]tftypes.Value{
		"name":             text("prod"),
		"target_namespace": complete(target, map[string]tftypes.Value{"suffix": unknown}),
	})
	if got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError); got != "" {
		t.Fatal(got)
	}
	planned := e.decodeValue("fairlead_environment", resp.PlannedState)
	ref := map[string]tftypes.Value{}
	rule := map[string]tftypes.Value{}
	if err := planned["ref"].As(&ref); err != nil {
		t.Fatal(err)
	}
	if err := ref["target_namespace"].As(&rule); err != nil {
		t.Fatal(err)
	}
	if !planned["id"].Equal(text("prod")) || !ref["name"].Equal(text("prod")) {
		t.Errorf("id %s and ref.name %s must be known", planned["id"], ref["name"])
	}
	if rule["suffix"].IsKnown() || !rule["prefix"].IsNull() {
		t.Errorf("only what is unknown in the configuration may be unknown: %s", ref["target_namespace"])
	}
}
