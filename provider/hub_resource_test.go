// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// TestTimeoutsOfNothing checks that a hub is not said to be away where the timeouts
// leave no time to ask it.
func TestTimeoutsOfNothing(t *testing.T) {
	schema := schemaOf(t)
	away := hubValue(schema, map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")})
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": away})
	config := conform(t, schema.ResourceSchemas["fairlead_environment"].ValueType(), valueOfHCL(t, `{ name = "prod", timeouts = { create = "-5m" } }`))
	planned, _ := e.propose("fairlead_environment", tftypes.NewValue(config.Type(), nil), config)
	resp, err := e.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: "fairlead_environment", PriorState: e.null("fairlead_environment"), PlannedState: e.wire(planned), Config: e.wire(config),
	})
	if err != nil {
		t.Fatal(err)
	}
	checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError),
		"Invalid timeouts: "+"timeouts: -5m0s leaves no time to create the environment. Give more than zero, such as 5m.")
}

// TestImportIDOfNames checks that what cannot be a name is not looked for.
func TestImportIDOfNames(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	for _, typeName := range []string{"fairlead_environment", "fairlead_cluster_binding", "fairlead_managed_cluster"} {
		for id, want := range map[string]string{"eu-1": "", "not/here": `Invalid import id: The id is the name of the object on the hub, such as eu-1, and not "not/here".`} {
			resp, err := e.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, typeName, summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), want)
		}
	}
}
