// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package constraint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
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
