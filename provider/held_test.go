// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
