// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxUnitName is the length of a label value, which the name of a unit becomes.
const maxUnitName = 63

// UnitName is the name of the unit of a component, or of the copy of it that a
// replica key stands for. No component has the underscore in its name, so that
// no two units have the same.
func UnitName(component, replicaKey string) string {
	if replicaKey == "" {
		return component
	}
	name := component + "_" + replicaKey
	if len(name) <= maxUnitName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:unitHash]
	return cut(component) + "_" + hash
}

// unitHash is how much of a hash is in a name that was cut, and maxCut how much of
// the name of a component.
const (
	unitHash = 10
	maxCut   = maxUnitName - unitHash - 1
)

// cut is as much of the name of a component as the units of its copies may have of it.
func cut(component string) string { return component[:min(len(component), maxCut)] }

// isCut says that the name of a unit may have a part of the name of its component alone.
func isCut(unit string) bool { return len(unit) == maxUnitName && strings.Index(unit, "_") == maxCut }

// collision refuses a copy of a component that makes an object which an earlier
// copy makes too. taken holds what the earlier ones make.
func collision(taken map[string]string, component render.Component, key string, result *render.Result) error {
	for _, o := range result.Objects {
		kind := o.GroupVersionKind().GroupKind()
		id := ObjectID(kind, o.Namespace(), o.Name())
		if other, ok := taken[id]; ok {
			return &render.Error{Component: component.Name, Path: component.Path, Reason: render.ReasonInvalidObject, Message: fmt.Sprintf(
				"the copies %q and %q both make the %s %q: use a type whose template makes context.replicaKey part of the names, or remove the component from the policy of type \"replication\"",
				other, key, kind.Kind, o.Name())}
		}
		taken[id] = key
	}
	return nil
}
