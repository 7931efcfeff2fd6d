// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// readData reads a data source.
func (e *engine) readData(typeName string, config map[string]tftypes.Value) *tfprotov6.ReadDataSourceResponse {
	e.t.Helper()
	resp, err := e.server.ReadDataSource(e.t.Context(), &tfprotov6.ReadDataSourceRequest{
		TypeName: typeName,
		Config:   e.dynamic(e.schema.DataSourceSchemas[typeName], config),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// TestDataSourcesWithoutHub checks that no data source invents an answer while
// the hub is not known, that each says what to do, and that what is built in can
// be read nevertheless.
func TestDataSourcesWithoutHub(t *testing.T) {
	schema := schemaOf(t)
	unknown := hubValue(schema, map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})
	away := hubValue(schema, map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")})
	scaler := map[string]tftypes.Value{"kind": text("trait"), "name": text("scaler")}
	tests := map[string]map[string]tftypes.Value{
		"fairlead_clusters":           nil,
		"fairlead_environment":        {"name": text("prod")},
		"fairlead_application":        {"name": text("shop")},
		"fairlead_placement_decision": {"binding": text("prod")},
		"fairlead_definition":         scaler,
	}
	for typeName := range schema.DataSourceSchemas {
		if _, tested := tests[typeName]; !tested {
			t.Errorf("data.%s is not tested", typeName)
		}
	}
	for typeName, config := range tests {
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": unknown})
			got := summaries(e.readData(typeName, config).Diagnostics, tfprotov6.DiagnosticSeverityError)
			checkPrefix(t, "error", got, "Hub not known yet: data."+typeName)
			if !strings.Contains(got, "depends_on = [") {
				t.Errorf("the error shows no depends_on: %s", got)
			}
			e, _ = newEngine(t, nil, map[string]tftypes.Value{"hub": away})
			checkPrefix(t, "error", summaries(e.readData(typeName, config).Diagnostics, tfprotov6.DiagnosticSeverityError), "Hub unreachable")
		})
	}
	scaler["source"] = text("builtin")
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": unknown})
	checkPrefix(t, "error", summaries(e.readData("fairlead_definition", scaler).Diagnostics, tfprotov6.DiagnosticSeverityError), "")
}

// TestEnvironmentPrepares reads whether an environment prepares its namespaces: also of one
// that does not say so.
func TestEnvironmentPrepares(t *testing.T) {
	for _, test := range []struct {
		reason  string
		options *v1alpha1.NamespaceOptions
		want    string
	}{
		{"it does", &v1alpha1.NamespaceOptions{Prepare: true}, "true"},
		{"it does not say so", &v1alpha1.NamespaceOptions{Adopt: true}, "false"},
		{"it says nothing of namespaces", nil, "no options"},
	} {
		live := &v1alpha1.Environment{Spec: v1alpha1.EnvironmentSpec{NamespaceOptions: test.options}}
		model, err := flattenEnvironment(live, environmentModel{})
		if err != nil {
			t.Fatal(err)
		}
		got := "no options"
		if options := readEnvironment(model, live).NamespaceOptions; options != nil {
			got = options.Prepare.String()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestApplicationOfAnUnknownNamespace checks that no application of another
// namespace is read while the default one is not known, and that a namespace of its
// own is enough.
func TestApplicationOfAnUnknownNamespace(t *testing.T) {
	schema := schemaOf(t)
	e, _ := newEngine(t, nil, map[string]tftypes.Value{
		"hub":               hubValue(schema, map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")}),
		"default_namespace": tftypes.NewValue(tftypes.String, tftypes.UnknownValue),
	})
	config := map[string]tftypes.Value{"name": text("shop")}
	got := summaries(e.readData("fairlead_application", config).Diagnostics, tfprotov6.DiagnosticSeverityError)
	checkPrefix(t, "error", got, "Hub not known yet: data.fairlead_application cannot be read in this plan: the provider's default_namespace depends")
	if !strings.Contains(got, "depends_on = [") {
		t.Errorf("the error shows no depends_on: %s", got)
	}
	config["namespace"] = text("team")
	checkPrefix(t, "error", summaries(e.readData("fairlead_application", config).Diagnostics, tfprotov6.DiagnosticSeverityError), "Hub unreachable")
}

// TestParametersOf checks how parameters are listed.
func TestParametersOf(t *testing.T) {
	const source = `
own: {
	type: "component"
	attributes: workload: type: "deployments.apps"
}
template: {
	parameter: {
		// +usage=What to run
		image: string
		level: *"info" | "debug"
		retries: *3 | int
		ports?: [...{port: int, name?: string}]
		labels?: [string]: string
		any?: _
		size: int | string
	}
	output: {}
}`
	parsed, err := definition.Parse("own.cue", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	want := []parameterModel{
		parameter("any", "any", false, "", ""),
		parameter("image", "string", true, "", "What to run"),
		parameter("labels", "object", false, "", ""),
		parameter("level", "string", false, `"info"`, "", `"info"`, `"debug"`),
		parameter("ports", "array", false, "", ""),
		parameter("ports[].name", "string", false, "", ""),
		parameter("ports[].port", "integer", true, "", ""),
		parameter("retries", "integer", false, "3", ""),
		parameter("size", "string|integer", true, "", ""),
	}
	if diff := cmp.Diff(want, parametersOf(parsed.OpenAPI())); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

// parameter is a parameter as it is listed.
func parameter(path, kind string, required bool, preset, usage string, allowed ...string) parameterModel {
	return parameterModel{
		Path: types.StringValue(path), Type: types.StringValue(kind), Required: types.BoolValue(required), Default: stringOrNull(preset),
		Description: types.StringValue(usage), Allowed: append([]string{}, allowed...),
	}
}
