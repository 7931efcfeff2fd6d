// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// TestPlatformHeldByFinalizer explains objects that finalizers of somebody else hold: who removes
// them, and the command that helps, which leaves the other finalizers.
func TestPlatformHeldByFinalizer(t *testing.T) {
	for typeName, test := range platformConfigs() {
		t.Run(typeName, func(t *testing.T) {
			t.Parallel()
			live := &unstructured.Unstructured{Object: map[string]any{}}
			live.SetName("prod")
			live.SetFinalizers([]string{"fairlead.dev/delivery", "example.com/backup"})
			if test.kind.Namespaced {
				live.SetNamespace("shop")
			}
			got := held(test.kind.Kind, live, true)
			scope := ""
			if test.kind.Namespaced {
				scope = "-n shop "
			}
			name := strings.ToLower(test.kind.Kind) + " prod"
			for _, want := range []string{
				"Finalizer example.com/backup is removed by the controller of example.com",
				"kubectl " + scope + "describe " + name,
				"kubectl " + scope + "patch " + name + ` --type=merge -p '{"metadata":{"finalizers":["fairlead.dev/delivery"]}}'`,
				"kubectl " + scope + "get " + name + " -o yaml",
				"Stopped waiting before timeouts.delete is over",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in:\n%s", want, got)
				}
			}
			live.SetFinalizers([]string{"fairlead.dev/delivery", "cluster.open-cluster-management.io/api-resource-cleanup"})
			if got := foreignFinalizers(live); len(got) > 0 {
				t.Errorf("%q are taken for somebody else's", got)
			}
		})
	}
}

// TestNotGone checks what is said of a wait for the end of an object, by how it ended.
func TestNotGone(t *testing.T) {
	live := &unstructured.Unstructured{Object: map[string]any{}}
	tests := []struct {
		reason string
		last   *unstructured.Unstructured
		err    error
		want   string
	}{
		{"it is gone", nil, nil, ""},
		{"somebody holds it for too long", live, nil, "Environment is not gone yet: Environment \"prod\" is being deleted and still exists.\nheld, early true"},
		{"the time is over", live, &hub.Error{Reason: hub.TimedOut}, "Environment is not gone yet: Environment \"prod\" is being deleted and still exists.\nheld, early false"},
		{"Ctrl-C", live, &hub.Error{Reason: hub.Canceled}, "Interrupted: Interrupted while waiting for the end of Environment \"prod\". The deletion goes on.\nheld, early false"},
		{"Ctrl-C before it was seen", nil, &hub.Error{Reason: hub.Canceled, Summary: "Interrupted", Detail: "By you."}, "Interrupted: By you."},
		{"the hub is away", live, &hub.Error{Reason: hub.Unreachable, Summary: "Away", Detail: "It does not answer."}, "Away: It does not answer."},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var diags diag.Diagnostics
			if err := notGone("Environment", "prod", test.last, test.err, func(early bool) string { return fmt.Sprintf("held, early %t", early) }); err != nil {
				appendError(&diags, err)
			}
			got := ""
			for _, found := range diags {
				got += found.Summary() + ": " + found.Detail()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
