// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// mayStay says whether a change may turn out to be none, because what is not known
// yet may be what the state says already. In doubt it may.
func mayStay(plan *applicationModel, after *applicationSpec, state *applicationModel, from origin) bool {
	before := newApplicationSpec(state)
	for _, part := range partsOf(plan, after, state, before) {
		if !mayBe(part.after, part.before) {
			return false
		}
	}
	return mayKeepRefs(environmentRefs(plan.Environments), environmentRefs(state.Environments), from) && mayHold(plan.Labels, state.Labels) && mayHold(plan.Annotations, state.Annotations) &&
		(plan.ID.IsUnknown() || plan.ID.Equal(state.ID)) &&
		(hclvalue.HasUnknown(plan.Definitions) || sameDefinitions(plan, state))
}

// mayKeepRefs says whether what is known of environments may be what it was, as
// changedRefs sees it.
func mayKeepRefs(planned, known map[string]any, from origin) bool {
	for name, ref := range planned {
		earlier, both := known[name]
		if both && !mayBe(ref, earlier) || !both && (from.differs(name, ref) || !from.imported && !mayVanish(ref)) {
			return false
		}
	}
	for name := range known {
		if _, both := planned[name]; !both && !from.imported {
			return false
		}
	}
	return true
}

// mayHold says whether a map holds the same strings as another, or may do so.
func mayHold(after, before types.Map) bool {
	return hclvalue.HasUnknown(after) || sameStrings(after, before)
}

// mayBe says whether a value, once all of it is known, may be another one.
func mayBe(value, other any) bool {
	if !hclvalue.HasUnknownJSON(value) {
		return hclvalue.EqualJSON(noneIfEmpty(value), noneIfEmpty(other))
	}
	switch value := value.(type) {
	case map[string]any:
		fields, ok := other.(map[string]any)
		return ok && mayHaveFields(value, fields)
	case []any:
		// What is none, or no list, is like a list without entries.
		list, _ := other.([]any)
		return slices.ContainsFunc(value, mayVanish) || slices.EqualFunc(value, list, mayBe)
	}
	return true
}

func mayHaveFields(value, other map[string]any) bool {
	if notKnown(value["type"]) {
		return true // the type decides how the rest is written
	}
	for key := range other {
		if _, ours := value[key]; !ours {
			return false
		}
	}
	for key, element := range value {
		there, both := other[key]
		if both && !mayBe(element, there) || !both && !mayVanish(element) {
			return false
		}
	}
	return true
}

// mayVanish says whether a value may not be written at all once it is known: null
// is left out, and so is what has nothing left in it, such as a trait without parameters.
func mayVanish(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			if key == "properties" && notKnown(element) {
				return true
			}
		}
		return len(value) > 0 && !slices.ContainsFunc(sortedKeys(value), func(key string) bool { return !mayVanish(value[key]) })
	case []any:
		return len(value) > 0 && !slices.ContainsFunc(value, func(element any) bool { return !mayVanish(element) })
	}
	return notKnown(value)
}

// eitherOf is what can be said of the objects while it is open whether they will be
// those that are planned or those that the state has: known is what both agree on.
func eitherOf(planned, state types.Map) types.Map {
	if planned.IsNull() || planned.IsUnknown() {
		return planned
	}
	unknown := types.MapUnknown(types.StringType)
	before := state.Elements()
	if state.IsNull() || len(before) != len(planned.Elements()) {
		return unknown
	}
	elements := map[string]attr.Value{}
	for key, digest := range planned.Elements() {
		stored, both := before[key]
		if !both {
			return unknown
		}
		elements[key] = digest
		if !digest.Equal(stored) {
			elements[key] = types.StringUnknown()
		}
	}
	return types.MapValueMust(types.StringType, elements)
}
