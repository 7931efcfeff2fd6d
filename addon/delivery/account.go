// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// accountRemedy is what to do about an object that uses the account of deliveries.
const accountRemedy = "name another account, or leave the field out"

// annotationTokenOf names the account that a Secret is to hold a token of.
const annotationTokenOf = "kubernetes.io/service-account.name"

// accountBreaches are where an object would run as the account that applications
// are delivered with, or hold a token of it. With that token a pod writes what it
// likes in the target namespace, past the constraints of the environment.
func accountBreaches(kind schema.GroupKind, content map[string]any) []breach {
	switch kind {
	case schema.GroupKind{Kind: "ConfigMap"}:
		return nil // its keys are somebody's data
	case schema.GroupKind{Kind: "Secret"}:
		return tokenBreach(content)
	}
	var found []breach
	fields := accountFields(content)
	slices.Sort(fields)
	for _, at := range fields {
		found = append(found, breach{at: at, cause: fmt.Sprintf("no pod may run as %s, the account that applications are delivered with", v1alpha1.DeployerAccount), remedy: accountRemedy})
	}
	return found
}

func tokenBreach(content map[string]any) []breach {
	metadata, _ := content["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if content["type"] != "kubernetes.io/service-account-token" || annotations[annotationTokenOf] != v1alpha1.DeployerAccount {
		return nil
	}
	return []breach{{
		at: fmt.Sprintf(".metadata.annotations[%q]", annotationTokenOf), remedy: accountRemedy,
		cause: fmt.Sprintf("nobody gets a token of %s, the account that applications are delivered with", v1alpha1.DeployerAccount),
	}}
}

// accountFields are the paths of all fields that give pods the account of
// deliveries. Pods are made from templates in many places, also of kinds that
// nobody knows here, so each counts wherever it is.
func accountFields(value any) []string {
	var found []string
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			for _, at := range accountFields(item) {
				found = append(found, fmt.Sprintf("[%d]%s", i, at))
			}
		}
	case map[string]any:
		for key, inner := range value {
			if inner == v1alpha1.DeployerAccount && isAccountField(key) {
				found = append(found, "."+key)
			}
			for _, at := range accountFields(inner) {
				found = append(found, "."+key+at)
			}
		}
	}
	return found
}

func isAccountField(key string) bool { return key == "serviceAccountName" || key == "serviceAccount" }

// namespaceOwned are the objects, by their names for people, that a tenant has in
// its namespace besides applications: the account, its rights, and what
// environments ask for there.
func (t Tenant) namespaceOwned() map[string]bool {
	owned := map[string]bool{ObjectID(schema.GroupKind{Kind: "ServiceAccount"}, t.Namespace, v1alpha1.DeployerAccount): true}
	owned[ObjectID(schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, t.Namespace, v1alpha1.DeployerAccount)] = true
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
		key := TenantKey{Cluster: unit.Place.Cluster, Namespace: unit.Place.Namespace}
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
			name, enumerate(claims[name]))})
	}
}
