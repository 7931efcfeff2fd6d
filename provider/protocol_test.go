// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// engine speaks to the provider as an engine does, for what no engine here can drive.
type engine struct {
	t      *testing.T
	server tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
}

// newEngine starts the provider with the attributes of its block, and with
// environment variables.
func newEngine(t *testing.T, env map[string]string, block map[string]tftypes.Value) (*engine, []*tfprotov6.Diagnostic) {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	server := Server("test", getenv)
	schema, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, server: server, schema: schema}
	resp, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
		TerraformVersion: "1.11.4",
		Config:           e.dynamic(schema.Provider, block),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, resp.Diagnostics
}

// object completes values with nulls to an object of the schema.
func object(schema *tfprotov6.Schema, values map[string]tftypes.Value) tftypes.Value {
	kind, _ := schema.ValueType().(tftypes.Object)
	return complete(kind, values)
}

// complete completes values with nulls to an object of the type.
func complete(kind tftypes.Object, values map[string]tftypes.Value) tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, attribute := range kind.AttributeTypes {
		all[name] = tftypes.NewValue(attribute, nil)
	}
	for name, value := range values {
		all[name] = value
	}
	return tftypes.NewValue(kind, all)
}

// dynamic encodes an object of the schema.
func (e *engine) dynamic(schema *tfprotov6.Schema, values map[string]tftypes.Value) *tfprotov6.DynamicValue {
	e.t.Helper()
	encoded, err := tfprotov6.NewDynamicValue(schema.ValueType(), object(schema, values))
	if err != nil {
		e.t.Fatal(err)
	}
	return &encoded
}

// decodeValue decodes an object of a resource type, as attributes.
func (e *engine) decodeValue(typeName string, encoded *tfprotov6.DynamicValue) map[string]tftypes.Value {
	e.t.Helper()
	value, err := encoded.Unmarshal(e.schema.ResourceSchemas[typeName].ValueType())
	if err != nil {
		e.t.Fatal(err)
	}
	if value.IsNull() {
		return nil
	}
	attributes := map[string]tftypes.Value{}
	if err := value.As(&attributes); err != nil {
		e.t.Fatal(err)
	}
	return attributes
}

// read reads a resource with that state.
func (e *engine) read(typeName string, state map[string]tftypes.Value) *tfprotov6.ReadResourceResponse {
	e.t.Helper()
	resp, err := e.server.ReadResource(e.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName:     typeName,
		CurrentState: e.dynamic(e.schema.ResourceSchemas[typeName], state),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// plan plans the creation of a resource. Computed attributes are unknown in the
// proposal, as an engine makes it.
func (e *engine) plan(typeName string, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	e.t.Helper()
	resp, err := e.server.PlanResourceChange(context.WithoutCancel(e.t.Context()), e.creation(typeName, config))
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// creation asks for the plan of a creation.
func (e *engine) creation(typeName string, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeRequest {
	e.t.Helper()
	schema := e.schema.ResourceSchemas[typeName]
	null := tftypes.NewValue(schema.ValueType(), nil)
	prior, err := tfprotov6.NewDynamicValue(schema.ValueType(), null)
	if err != nil {
		e.t.Fatal(err)
	}
	proposed := map[string]tftypes.Value{}
	for name, value := range config {
		proposed[name] = value
	}
	for _, attribute := range schema.Block.Attributes {
		if _, given := config[attribute.Name]; attribute.Computed && !given {
			proposed[attribute.Name] = tftypes.NewValue(attribute.ValueType(), tftypes.UnknownValue)
		}
	}
	return &tfprotov6.PlanResourceChangeRequest{
		TypeName:         typeName,
		PriorState:       &prior,
		ProposedNewState: e.dynamic(schema, proposed),
		Config:           e.dynamic(schema, config),
	}
}

// identityOf decodes the name of an identity, empty if there is none.
func (e *engine) identityOf(typeName string, identity *tfprotov6.ResourceIdentityData) string {
	e.t.Helper()
	if identity == nil || identity.IdentityData == nil {
		return ""
	}
	schemas, err := e.server.GetResourceIdentitySchemas(e.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		e.t.Fatal(err)
	}
	value, err := identity.IdentityData.Unmarshal(schemas.IdentitySchemas[typeName].ValueType())
	if err != nil {
		e.t.Fatal(err)
	}
	attributes := map[string]tftypes.Value{}
	var name string
	if err := value.As(&attributes); err != nil {
		e.t.Fatal(err)
	}
	if err := attributes["name"].As(&name); err != nil {
		e.t.Fatal(err)
	}
	return name
}

// summaries joins the diagnostics of that severity as "summary: detail".
func summaries(diagnostics []*tfprotov6.Diagnostic, severity tfprotov6.DiagnosticSeverity) string {
	var lines []string
	for _, diagnostic := range diagnostics {
		if diagnostic.Severity == severity {
			lines = append(lines, diagnostic.Summary+": "+diagnostic.Detail)
		}
	}
	return strings.Join(lines, "\n")
}

// text is a string value.
func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
