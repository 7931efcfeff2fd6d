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
	for typeName, tc := range map[string]struct{ config, want string }{
		"fairlead_environment": {`{ name = "prod", timeouts = { create = "-5m" } }`, "-5m0s leaves no time to create the environment. Give more than zero, such as 5m."},
		"fairlead_application": {`{ name = "web", components = { web = { type = "webservice", properties = { image = "nginx" } } }, environments = ["prod"], timeouts = { create = "0s" } }`,
			"0s leaves no time to create the application. Give more than zero, such as 5m."},
		"fairlead_addon":   {`{ timeouts = { create = "-1s" } }`, "-1s leaves no time to install the addon. Give more than zero, such as 10m."},
		"fairlead_rollout": {`{ application = "shop/web", revision = "abc", timeouts = { create = "-2h" } }`, "-2h0m0s leaves no time to wait for the rollout. Give more than zero, such as 20m."},
	} {
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": away})
			config := conform(t, schema.ResourceSchemas[typeName].ValueType(), valueOfHCL(t, tc.config))
			planned, _ := e.propose(typeName, tftypes.NewValue(config.Type(), nil), config)
			resp, err := e.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
				TypeName: typeName, PriorState: e.null(typeName), PlannedState: e.wire(planned), Config: e.wire(config),
			})
			if err != nil {
				t.Fatal(err)
			}
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "Invalid timeouts: "+"timeouts: "+tc.want)
		})
	}
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
