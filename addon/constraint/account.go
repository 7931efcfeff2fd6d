// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package constraint

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
func accountBreaches(kind schema.GroupKind, content map[string]any) []Breach {
	switch kind {
	case schema.GroupKind{Kind: "ConfigMap"}:
		return nil // its keys are somebody's data
	case schema.GroupKind{Kind: "Secret"}:
		return tokenBreach(content)
	}
	var found []Breach
	fields := accountFields(content)
	slices.Sort(fields)
	for _, at := range fields {
		found = append(found, Breach{At: at, Cause: fmt.Sprintf("no pod may run as %s, the account that applications are delivered with", v1alpha1.DeployerAccount), Remedy: accountRemedy})
	}
	return found
}

func tokenBreach(content map[string]any) []Breach {
	metadata, _ := content["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if content["type"] != "kubernetes.io/service-account-token" || annotations[annotationTokenOf] != v1alpha1.DeployerAccount {
		return nil
	}
	return []Breach{{
		At: fmt.Sprintf(".metadata.annotations[%q]", annotationTokenOf), Remedy: accountRemedy,
		Cause: fmt.Sprintf("nobody gets a token of %s, the account that applications are delivered with", v1alpha1.DeployerAccount),
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
