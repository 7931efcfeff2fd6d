// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

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

func nameWithHash(readable string, parts ...string) string {
	// Names hold no NUL, so joined by it different parts never read the same.
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	readable = strings.ReplaceAll(readable, ".", "-")
	if most := maxNameLength - hashLength - 1; len(readable) > most {
		readable = readable[:most]
	}
	return strings.TrimRight(readable, "-") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
