// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestWarnOfUse checks what is said of the applications that a change concerns.
func TestWarnOfUse(t *testing.T) {
	tests := map[string]struct {
		reason       string
		applications int32
		changed      []string
		want         string
	}{
		"Unused": {"nobody is concerned", 0, []string{"defaults"}, ""},
		"Used": {"all that changes is named", 2, []string{"constraints", "defaults"},
			`The environment "prod" has 2 applications on 3 clusters. The change of constraints, defaults concerns them.`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			environment := &v1alpha1.Environment{Status: v1alpha1.EnvironmentStatus{Applications: test.applications, Clusters: 3}}
			warnOfUse("environment", "prod", "has", test.changed, environment, &diags)
			got := ""
			for _, diagnostic := range diags {
				got += diagnostic.Detail()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestPlanOfChangeNeedsNoHub plans changes of what applications use while the hub is unknown or away: nothing is said of them.
func TestPlanOfChangeNeedsNoHub(t *testing.T) {
	schema := schemaOf(t)
	environment := func(permissions string) map[string]tftypes.Value {
		return map[string]tftypes.Value{"id": text("prod"), "name": text("prod"), "permissions": text(permissions)}
	}
	binding := func(environment string) map[string]tftypes.Value {
		return map[string]tftypes.Value{"id": text("prod"), "name": text("prod"), "environment": text(environment)}
	}
	ownType := func(value string) map[string]tftypes.Value {
		return map[string]tftypes.Value{"id": text("component/shop/own"), "kind": text("component"), "namespace": text("shop"), "name": text("own"), "description": text("Says something."),
			"template": text(fmt.Sprintf("parameter: {}\noutput: {apiVersion: \"v1\", kind: \"ConfigMap\", data: a: %q}", value))}
	}
	hubs := map[string]map[string]tftypes.Value{
		"unknown": {"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)},
		"away":    {"host": text("https://127.0.0.1:1"), "token": text("t")},
	}
	for state, values := range hubs {
		t.Run(state, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, values)})
			for _, resp := range []*tfprotov6.PlanResourceChangeResponse{
				e.change("fairlead_environment", environment("reader"), environment("editor")),
				e.change("fairlead_cluster_binding", binding("prod"), binding("dev")),
				e.change("fairlead_definition", ownType("a"), ownType("b")),
			} {
				if len(resp.Diagnostics) > 0 {
					t.Errorf("diagnostics: %s, want none", resp.Diagnostics[0].Detail)
				}
			}
		})
	}
}
