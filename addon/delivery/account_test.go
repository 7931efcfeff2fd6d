// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

type object = map[string]any

// TestReservedObjects checks that no policy of an application takes over what its
// target namespace has of its own.
func TestReservedObjects(t *testing.T) {
	prod := changed(environment("prod", "c1"), func(e *Environment) {
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Objects: raws(isolation), ImagePullSecrets: []string{"registry"}}
		e.Spec.Permissions = "big"
	})
	const refused = `PlacementConflict: environment "prod": the target namespace has an object of this name of its own, by its environments (spec.namespaceOptions) or for the account of deliveries; rename yours: component "own": `
	tests := []struct {
		name, reason, apiVersion, kind, object string
		treatment                              policy.Treatment
		want                                   []string
	}{
		{"another", "a tenant has policies of its own", "networking.k8s.io/v1", "NetworkPolicy", "allow", policy.Treatment{TakeOver: true}, nil},
		{"isolation", "it keeps tenants apart", "networking.k8s.io/v1", "NetworkPolicy", "deny", policy.Treatment{TakeOver: true}, []string{refused + "NetworkPolicy.networking.k8s.io shop/deny [on c1]"}},
		{"read only", "it is only read", "networking.k8s.io/v1", "NetworkPolicy", "deny", policy.Treatment{ReadOnly: true}, nil},
		{"pull secret", "it is copied again and again", "v1", "Secret", "registry", policy.Treatment{TakeOver: true}, []string{refused + "Secret shop/registry [on c1]"}},
		{"account", "deliveries would lose their rights", "v1", "ServiceAccount", "fairlead-deployer", policy.Treatment{}, []string{refused + "ServiceAccount shop/fairlead-deployer [on c1]"}},
		{"rights", "a role that may write RBAC kinds must not extend itself", "rbac.authorization.k8s.io/v1", "RoleBinding", "fairlead-deployer", policy.Treatment{}, []string{refused + "RoleBinding.rbac.authorization.k8s.io shop/fairlead-deployer [on c1]"}},
		{"other rights", "on a cluster the binding has the name of its role", "rbac.authorization.k8s.io/v1", "RoleBinding", "fairlead-deployer-big", policy.Treatment{}, []string{refused + "RoleBinding.rbac.authorization.k8s.io shop/fairlead-deployer-big [on c1]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := request(use("prod"))
			asked.Components = []render.Component{{Name: "own", Type: "k8s-objects", Path: "spec.components[0]", Properties: object{
				"objects": []any{object{"apiVersion": test.apiVersion, "kind": test.kind, "metadata": object{"name": test.object}}},
			}}}
			asked.Treat = func(policy.Resource) policy.Treatment { return test.treatment }
			plan := planOf(t, worldOf(prod), asked, noneAway)
			if diff := cmp.Diff(test.want, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
			if delivered := len(plan.Units) > 0; delivered != (test.want == nil) {
				t.Errorf("delivered %t, since %s", delivered, test.reason)
			}
		})
	}
}
