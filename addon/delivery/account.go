// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
)

// namespaceOwned are the objects, by their names for people, that a tenant has in
// its namespace besides applications: the account, its rights, and what
// environments ask for there.
func (t Tenant) namespaceOwned() map[string]bool {
	owned := map[string]bool{ObjectID(schema.GroupKind{Kind: "ServiceAccount"}, t.Namespace, v1alpha1.DeployerAccount): true}
	for _, name := range []string{v1alpha1.DeployerAccount, ClusterBinding(t.Role)} {
		owned[ObjectID(schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, t.Namespace, name)] = true
	}
	for _, name := range t.PullSecrets {
		owned[ObjectID(schema.GroupKind{Kind: "Secret"}, t.Namespace, name)] = true
	}
	for _, object := range t.Objects {
		apiVersion, _ := object["apiVersion"].(string)
		kind, _ := object["kind"].(string)
		metadata, _ := object["metadata"].(map[string]any)
		name, _ := metadata["name"].(string)
		owned[ObjectID(schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind(), t.Namespace, name)] = true
	}
	return owned
}

// reserve takes the environments out of the plan in which a component would write
// what the target namespace has of its own, such as the NetworkPolicy that keeps
// tenants apart: no policy of an application takes that over.
func (p *Plan) reserve(world World) {
	claims := map[string][]string{}
	owned := map[TenantKey]map[string]bool{}
	for _, unit := range p.Units {
		key := unit.Place.Tenant()
		if owned[key] == nil {
			owned[key] = p.Tenants[key].namespaceOwned()
		}
		for i, object := range unit.Result.Objects {
			id := idOf(object)
			if owned[key][id] && !unit.Treatment(i).ReadOnly {
				claims[unit.Place.Environment] = append(claims[unit.Place.Environment], fmt.Sprintf("component %q: %s [on %s]", unit.Component, id, unit.Place.Cluster))
			}
		}
	}
	for _, name := range world.Names() {
		if len(claims[name]) == 0 {
			continue
		}
		p.exclude(name)
		p.problem(Problem{Reason: ReasonPlacementConflict, Message: fmt.Sprintf(
			"environment %q: the target namespace has an object of this name of its own, by its environments (spec.namespaceOptions) or for the account of deliveries; rename yours: %s",
			name, constraint.Enumerate(claims[name]))})
	}
}

// Grant are the commands that make the account of an application's namespace and let it
// read these Secrets; without any, what the account may do where something is delivered
// to. The names are to be valid ones, since somebody runs this.
func Grant(namespace string, secrets []string) string {
	const account = v1alpha1.DeployerAccount
	kubectl := "kubectl -n " + namespace + " create "
	made := kubectl + "serviceaccount " + account + "; "
	bound := " --serviceaccount=" + namespace + ":" + account
	if len(secrets) == 0 {
		return made + kubectl + "rolebinding fairlead-secrets --clusterrole=" + v1alpha1.DeployerRole + bound
	}
	return made + kubectl + "role fairlead-secrets --verb=get --resource=secrets --resource-name=" + strings.Join(secrets, " --resource-name=") +
		"; " + kubectl + "rolebinding fairlead-secrets --role=fairlead-secrets" + bound
}
