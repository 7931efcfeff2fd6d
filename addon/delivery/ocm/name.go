// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// maxNameLength keeps the names that the agent derives from a work's name valid.
const maxNameLength = 63

// hashLength is how many hex digits tell works apart whose readable part is equal.
const hashLength = 10

// RolesWorkName is the name of the work with a cluster's ClusterRoles.
const RolesWorkName = "fairlead-roles"

// WorkName is the name of the work of a unit: readable, at most 63 characters,
// the same for every pass, and different for every unit on a cluster. index
// counts the works of one unit.
func WorkName(owner delivery.Owner, component, environment string, index string) string {
	return nameWithHash(owner.Name+"-"+component, owner.Namespace, owner.Name, component, environment, index)
}

// TenantWorkName is the name of the tenant work of a target namespace.
func TenantWorkName(namespace string) string {
	return nameWithHash("tenant-"+namespace, namespace)
}

// nameByLabels is the name of a work by what its labels say it is. A cluster's
// agent may change the labels of its works, not their names, so that a work of
// another name only pretends to be what its labels say.
func nameByLabels(labels map[string]string) string {
	switch labels[LabelPurpose] {
	case PurposeTenant:
		return TenantWorkName(labels[LabelTargetNamespace])
	case PurposeRoles:
		return RolesWorkName
	}
	owner := delivery.Owner{Namespace: labels[v1beta1.LabelAppNamespace], Name: labels[v1beta1.LabelAppName]}
	return WorkName(owner, labels[v1beta1.LabelAppComponent], labels[v1alpha1.LabelEnvironment], indexOf(labels))
}

// firstIndex is that of the one work that most units have.
const firstIndex = "0"

// indexOf counts the works of a unit. The first one says nothing of it.
func indexOf(labels map[string]string) string {
	if index := labels[LabelIndex]; index != "" {
		return index
	}
	return firstIndex
}

// sameWorkByLabels says that two works are of one unit, tenant or cluster.
func sameWorkByLabels(a, b map[string]string) bool {
	if purposeOf(a) != purposeOf(b) {
		return false
	}
	if a[LabelPurpose] == PurposeTenant {
		return a[LabelTargetNamespace] == b[LabelTargetNamespace]
	}
	return indexOf(a) == indexOf(b) && sameUnit(a, b)
}

// sameUnit says that two works of applications are of one unit.
func sameUnit(a, b map[string]string) bool {
	return a[v1beta1.LabelAppNamespace] == b[v1beta1.LabelAppNamespace] && a[v1beta1.LabelAppName] == b[v1beta1.LabelAppName] &&
		a[v1beta1.LabelAppComponent] == b[v1beta1.LabelAppComponent] && a[v1alpha1.LabelEnvironment] == b[v1alpha1.LabelEnvironment]
}

func nameWithHash(readable string, parts ...string) string {
	// Names hold no NUL, so joined by it different parts never read the same.
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	readable = strings.NewReplacer(".", "-", "_", "-").Replace(readable)
	if most := maxNameLength - hashLength - 1; len(readable) > most {
		readable = readable[:most]
	}
	return strings.TrimRight(readable, "-") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
