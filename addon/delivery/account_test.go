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

// TestDeployersAccount checks that no application runs as the account that it is
// delivered with, whatever its environment allows.
func TestDeployersAccount(t *testing.T) {
	const runsAs = "no pod may run as fairlead-deployer, the account that applications are delivered with: name another account, or leave the field out"
	secret := func(kind, account string) object {
		content := made("v1", "Secret", nil)
		content["type"] = kind
		content["metadata"] = object{"name": "web", "namespace": "shop", "annotations": object{"kubernetes.io/service-account.name": account}}
		return content
	}
	tests := []struct {
		name, reason string
		object       object
		want         []string
	}{
		{"another account", "it has the rights that the namespace gives it", made("v1", "Pod", object{"serviceAccountName": "web"}), nil},
		{"a pod", "its token writes past the constraints", made("v1", "Pod", object{"serviceAccountName": "fairlead-deployer"}), []string{"Pod shop/web: spec.serviceAccountName: " + runsAs}},
		{
			"a template", "also by the older name of the field", made("apps/v1", "Deployment", template(object{"serviceAccount": "fairlead-deployer"})),
			[]string{"Deployment.apps shop/web: spec.template.spec.serviceAccount: " + runsAs},
		},
		{
			"somebody's kind", "pods are made from templates anywhere", made("x.io/v1", "Farm", object{"groups": []any{object{}, object{"pod": object{"serviceAccountName": "fairlead-deployer"}}}}),
			[]string{"Farm.x.io shop/web: spec.groups[1].pod.serviceAccountName: " + runsAs},
		},
		{"settings", "a ConfigMap runs nothing", object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "web", "namespace": "shop"}, "data": object{"serviceAccountName": "fairlead-deployer"}}, nil},
		{"a token of another account", "it is the tenant's", secret("kubernetes.io/service-account-token", "web"), nil},
		{"a note in another Secret", "nobody makes a token of it", secret("Opaque", "fairlead-deployer"), nil},
		{
			"a token", "whoever reads the Secret is the account", secret("kubernetes.io/service-account-token", "fairlead-deployer"),
			[]string{`Secret shop/web: metadata.annotations["kubernetes.io/service-account.name"]: nobody gets a token of fairlead-deployer, the account that applications are delivered with: name another account, or leave the field out`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, checkObject(t, v1alpha1.Constraints{}, test.object)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestReservedObjects checks that no policy of an application takes over what its
// target namespace has of its own.
func TestReservedObjects(t *testing.T) {
	prod := changed(environment("prod", "c1"), func(e *Environment) {
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Objects: raws(isolation), ImagePullSecrets: []string{"registry"}}
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
