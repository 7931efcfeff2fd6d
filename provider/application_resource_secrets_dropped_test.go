// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// imported imports the application shop, and returns its private and its other state.
func (p *planner) imported() (private []byte, state map[string]tftypes.Value) {
	p.t.Helper()
	imported, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: applicationType, ID: "default/shop"})
	if err != nil || len(imported.ImportedResources) != 1 {
		p.t.Fatal(imported, err)
	}
	one := imported.ImportedResources[0]
	read, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: applicationType, CurrentState: one.State, Private: one.Private})
	if err != nil {
		p.t.Fatal(err)
	}
	checkPrefix(p.t, "import: error", summaries(read.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	return read.Private, p.decodeValue(applicationType, read.NewState)
}

// TestDroppedSecrets plans an application whose Secrets are on the hub: those that the
// apply would delete are named, and where an import cannot have brought them it is
// refused until the configuration speaks of them.
func TestDroppedSecrets(t *testing.T) {
	const live = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1",
		"annotations":{"fairlead.dev/secrets":"{\"api\":\"0123456789abcdef\",\"db\":\"0123456789abcdef\",\"prod/db\":\"0123456789abcdef\"}"}},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]}}`
	const refused, deleted = "Secrets of an imported application would be deleted: ", `Secrets of application "default/shop" are deleted: `
	inProd := func(names ...string) tftypes.Value {
		return tftypes.NewValue(tftypes.Map{ElementType: secretsValue().Type()}, map[string]tftypes.Value{"prod": secretsValue(names...)})
	}
	type config map[string]tftypes.Value
	all := config{"secrets_wo": secretsValue("api", "db"), "environment_secrets_wo": inProd("db")}
	for _, test := range []struct {
		reason         string
		managed        bool
		config         config
		error, warning string
		named          []string
	}{
		{"a generated configuration cannot have them", false, nil, refused, "", []string{"api, db", "get secret api db -o", "destroy with -refresh=false, write secrets_wo = {} before", "prod/db", "get secret db.prod -o"}},
		{"all are configured", false, all, "", "", nil},
		{"those of an environment are forgotten", false, config{"secrets_wo": secretsValue("api", "db")}, refused, "", []string{"of: prod/db.", "environment_secrets_wo = {}"}},
		{"one is left out of those that are configured", false, config{"secrets_wo": secretsValue("db"), "environment_secrets_wo": inProd("db")}, "", deleted, []string{"them: api.", "get secret api -o"}},
		{"none is wanted, and the configuration says so", false, config{"secrets_wo": secretsValue(), "environment_secrets_wo": inProd()}, "", deleted, []string{"them: api, db.", "them: prod/db."}},
		{"they are taken out of the configuration", true, nil, "", deleted, []string{"them: api, db.", "them: prod/db."}},
		{"nothing is taken out", true, all, "", "", nil},
		{"it is known only after apply which there are", true, config{"secrets_wo": tftypes.NewValue(secretsValue().Type(), tftypes.UnknownValue)}, "", "", nil},
	} {
		t.Run(test.reason, func(t *testing.T) {
			p := on(t, &answers{application: live, secrets: http.StatusNotFound}, nil)
			private, state := p.imported()
			if test.managed {
				private = nil
			}
			configured := configOf(attributes(t, map[string]string{"components": someWeb}))
			for name, value := range test.config {
				configured[name] = value
			}
			resp := p.tryChange(private, state, configured)
			failed := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
			warned := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning)
			checkPrefix(t, "error", failed, test.error)
			checkPrefix(t, "warning", warned, test.warning)
			for _, name := range test.named {
				if !strings.Contains(failed+warned, name) {
					t.Errorf("%q is not said: %s%s", name, failed, warned)
				}
			}
			for _, diagnostic := range resp.Diagnostics {
				if diff := cmp.Diff(true, strings.HasSuffix(diagnostic.Attribute.String(), `secrets_wo")`)); diff != "" {
					t.Errorf("it is about the attribute %s", diagnostic.Attribute)
				}
			}
		})
	}
}
