// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// NotImplemented lists the fields in use that are accepted and have no effect
// in this version: one line each, with path and remedy, in the order of the spec.
func NotImplemented(spec v1beta1.ApplicationSpec) []string {
	var out []string
	for i, c := range spec.Components {
		out = append(out, unusedOf(c, fmt.Sprintf("spec.components[%d]", i))...)
	}
	for i, p := range spec.Policies {
		if remedy := remedyOf(p.Type); remedy != "" {
			out = append(out, fmt.Sprintf("spec.policies[%d]: policies of type %q have no effect in this version; %s", i, p.Type, remedy))
		}
	}
	if spec.Workflow != nil {
		out = append(out, "spec.workflow: workflows have no effect in this version; remove it, the application is then delivered to all its environments")
	}
	return out
}

// remedyOf says what to do about a policy that has no effect; empty for one that has.
func remedyOf(kind string) string {
	switch kind {
	case EnvironmentType, TopologyType, OverrideType, ReplicationType,
		GarbageCollectType, ApplyOnceType, SharedResourceType, TakeOverType, ReadOnlyType, ResourceUpdateType:
		return ""
	}
	return "remove it: objects that policies of your own make are not delivered; let a component make them"
}

// unusedOf lists the fields of a component.
func unusedOf(c v1beta1.ApplicationComponent, path string) []string {
	var out []string
	add := func(used bool, field, remedy string) {
		if used {
			out = append(out, fmt.Sprintf("%s.%s: it has no effect in this version; %s", path, field, remedy))
		}
	}
	add(len(c.Inputs) > 0, "inputs", "write the value into properties")
	add(len(c.Outputs) > 0, "outputs", "write the value into the properties that need it")
	add(c.ExternalRevision != "", "externalRevision", "write what the revision holds into properties")
	add(len(c.Scopes) > 0, "scopes", "remove it")
	add(c.ReplicaKey != "", "replicaKey", "use a policy of type \"replication\"")
	return out
}
