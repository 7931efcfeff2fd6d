// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuditOf(t *testing.T) {
	tests := []struct {
		reason    string
		env, want map[string]string
	}{
		{"outside of HCP Terraform nothing is said", nil, map[string]string{}},
		{"a run has all", map[string]string{"TFC_WORKSPACE_SLUG": "acme/shop", "TFC_WORKSPACE_NAME": "shop", "TFC_RUN_ID": "run-1"},
			map[string]string{"fairlead.dev/organization": "acme", "fairlead.dev/workspace": "shop", "fairlead.dev/run": "run-1"}},
		{"another system may set the name alone", map[string]string{"TFC_WORKSPACE_NAME": "shop"}, map[string]string{"fairlead.dev/workspace": "shop"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, auditOf(func(name string) string { return test.env[name] })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestWithAuditOf checks that another run does not make an application another one.
func TestWithAuditOf(t *testing.T) {
	wanted := map[string]string{annotationInstance: "2", annotationRun: "run-2", annotationWorkspace: "shop", "own": "x"}
	withAuditOf(wanted, map[string]string{annotationInstance: "1", annotationRun: "run-1", "own": "y"})
	if diff := cmp.Diff(map[string]string{annotationInstance: "1", annotationRun: "run-1", "own": "x"}, wanted); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}
