// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// TestCheckPatches checks what is said at validation of what environments and bindings give to components.
func TestCheckPatches(t *testing.T) {
	const environment, binding = "fairlead_environment", "fairlead_cluster_binding"
	const image = `the component type "webservice" has no such parameter here; did you mean "image"? Use one of: addRevisionLabel, annotations, args, cmd, cpu, env, ` +
		`exposeType, hostAliases, image, imagePullPolicy, imagePullSecrets, labels, limit, livenessProbe, memory, port, ports, readinessProbe, volumeMounts, volumes; or remove it`
	tests := []struct {
		reason   string
		typeName string
		given    string
		want     string
	}{
		{"what components and traits take", environment, `{ webservice = { properties = { cpu = "1" }, traits = { scaler = { replicas = 3 } } } }`, ""},
		{"what may be missing is for the component to give", environment, `{ webservice = { properties = {}, traits = { hpa = {} } } }`, ""},
		{"a trait that is removed takes nothing", environment, `{ webservice = { traits = { scaler = { disable = true } } } }`, ""},
		{"a misspelt parameter of a trait", environment, `{ webservice = { traits = { scaler = { replica = 3 } } } }`,
			`defaults.webservice.traits.scaler.replica: the trait type "scaler" has no such parameter here; did you mean "replicas"? Use one of: replicas; or remove it`},
		{"a misspelt parameter in a list of traits", environment, `{ webservice = { traits = [{ type = "scaler", properties = { replica = 3 } }] } }`,
			`defaults.webservice.traits[0].properties.replica: the trait type "scaler" has no such parameter here; did you mean "replicas"? Use one of: replicas; or remove it`},
		{"all mistakes are told together", environment, `{ webservice = { properties = { imge = "a" }, traits = { scaler = { replicas = "many" } } } }`,
			`defaults.webservice.properties.imge: ` + image + "\n" +
				`defaults.webservice.traits.scaler.replicas: a string was given where the trait type "scaler" takes an integer; change it to an integer`},
		{"whether a trait is removed may not be known yet", environment, `{ webservice = { traits = { scaler = { disable = unknown } } } }`, ""},
		{"types of one's own are for the hub to know", environment, `{ ours = { properties = { any = 1 }, traits = { our-own = { any = 1 } } } }`, ""},
		{"one version of a type is for the hub to know", environment, `{ "webservice@v3" = { properties = { any = 1 } } }`, ""},
		{"a type that is much like one that is built in", environment, `{ webservise = {} }`, `defaults.webservise: no component type "webservise" is built in (did you mean webservice?)`},
		{"overrides by type", binding, `[{ componentType = "webservice", properties = { imge = "a" } }]`,
			`overrides[0].properties.imge: ` + image},
		{"overrides by name have checked traits, and null is none", binding, `[null, { component = "web", properties = { any = 1 }, traits = { scaler = { replica = 3 } } }]`,
			`overrides[1].traits.scaler.replica: the trait type "scaler" has no such parameter here; did you mean "replicas"? Use one of: replicas; or remove it`},
	}
	schema := schemaOf(t)
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			e, _ := newEngine(t, nil, nil)
			config := map[string]tftypes.Value{"name": text("prod"), "defaults": valueOfHCL(t, test.given)}
			if test.typeName == binding {
				config = map[string]tftypes.Value{"name": text("prod"), "environment": text("prod"), "overrides": valueOfHCL(t, test.given),
					"clusters": tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, []tftypes.Value{text("local")})}
			}
			said := e.validate(test.typeName, objectOf(object(schema.ResourceSchemas[test.typeName], config)))
			checkPrefix(t, "error", summaries(said, tfprotov6.DiagnosticSeverityError), "")
			got := ""
			for _, d := range said {
				told, _, _ := strings.Cut(d.Detail, "\n\n")
				got += told
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
