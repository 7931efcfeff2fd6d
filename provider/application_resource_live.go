// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// liveSpec is the spec of an Application as it was read, split up as the
// attributes of the resource are. Each part is nil when the hub has none.
type liveSpec struct {
	components   []any
	environments []any
	policies     []any
	workflow     any
}

// newLiveSpec splits the spec. A policy stands for an environment if it looks
// like one that the provider writes, unless the prior state has it among policies.
func newLiveSpec(spec map[string]any, prior *applicationModel) *liveSpec {
	live := &liveSpec{workflow: spec["workflow"]}
	live.components, _ = spec["components"].([]any)
	policies, _ := spec["policies"].([]any)
	own := policyNames(jsonWithoutError(prior.Policies))
	for _, policy := range policies {
		if name, ok := environmentOf(policy); ok && !slices.Contains(own, environmentPrefix+name) {
			live.environments = append(live.environments, policy)
			continue
		}
		live.policies = append(live.policies, policy)
	}
	return live
}

// into puts what was read into the model. What the model has already, and what
// would be written of it is what was read, stays as it is.
func (l *liveSpec) into(m *applicationModel) error {
	written := newApplicationSpec(m)
	l.keepIgnored(m, written)
	parts := []struct {
		attribute string
		value     *types.Dynamic
		written   any
		read      any
		form      func(before any) any
	}{
		{"components", &m.Components, written.components, orNil(l.components), l.componentsForm},
		{"environments", &m.Environments, written.environments, orNil(l.environments), l.environmentsForm},
		{"policies", &m.Policies, written.policies, orNil(l.policies), l.policiesForm},
		{"workflow", &m.Workflow, written.workflow, l.workflow, func(any) any { return l.workflow }},
	}
	for _, part := range parts {
		if hclvalue.EqualJSON(noneIfEmpty(part.written), noneIfEmpty(part.read)) && !importing(part.attribute, part.value) {
			continue
		}
		v, err := hclvalue.FromJSON(part.form(jsonWithoutError(*part.value)), *part.value)
		if err != nil {
			return fmt.Errorf("%s as the hub holds it: %w", part.attribute, err)
		}
		dynamic, ok := v.(types.Dynamic)
		if !ok {
			return fmt.Errorf("%s as the hub holds it: got a %T", part.attribute, v)
		}
		*part.value = dynamic
	}
	return nil
}

// keepIgnored shows what is left to others as the state has it.
func (l *liveSpec) keepIgnored(m *applicationModel, written *applicationSpec) {
	ignored, _ := newIgnoredFields(m.IgnoreFields)
	if len(ignored) == 0 || importing("components", &m.Components) {
		return
	}
	list := func(root string, read []any, before any) []any {
		kept, _ := ignored.keep(root, orNil(read), before).([]any)
		return kept
	}
	l.components = list("components", l.components, written.components)
	l.environments = list("environments", l.environments, written.environments)
	l.policies = list("policies", l.policies, written.policies)
	l.workflow = ignored.keep("workflow", l.workflow, written.workflow)
}

// importing says that a required attribute has no value yet.
func importing(attribute string, value *types.Dynamic) bool {
	return attribute == "components" && value.IsNull()
}

// orNil is a list, or nil without a type where there is none.
func orNil(list []any) any {
	if list == nil {
		return nil
	}
	return list
}

// noneIfEmpty makes an empty list the same as none.
func noneIfEmpty(v any) any {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return nil
	}
	return v
}

// jsonWithoutError is a Dynamic as JSON, nil if it is null or cannot be written.
// It only chooses among forms that mean the same.
func jsonWithoutError(v types.Dynamic) any {
	out, err := hclvalue.ToJSON(v)
	if err != nil {
		return nil
	}
	return out
}

// componentsForm is the components as an object keyed by name.
func (l *liveSpec) componentsForm(before any) any {
	prior, _ := before.(map[string]any)
	out := make(map[string]any, len(l.components))
	for _, item := range l.components {
		component, ok := item.(map[string]any)
		if !ok {
			continue
		}
		name, _ := component["name"].(string)
		out[name] = withTraitsForm(component, prior[name])
	}
	return out
}

// withTraitsForm is a component or override without its name, with traits in the
// form that they had before.
func withTraitsForm(component map[string]any, before any) map[string]any {
	prior, _ := before.(map[string]any)
	out := make(map[string]any, len(component))
	for key, v := range component {
		if key != "name" {
			out[key] = v
		}
	}
	traits, _ := component["traits"].([]any)
	if form := traitsForm(traits, prior["traits"]); form != nil {
		out["traits"] = form
	}
	return out
}

// traitsForm is an object keyed by type where that says all there is to say, and
// else, or where it was a list before, a list.
func traitsForm(traits []any, before any) any {
	if len(traits) == 0 {
		return emptyOrNil(before)
	}
	if _, asList := before.([]any); asList {
		return traits
	}
	byType, ok := keyed(traits, "type", func(fields map[string]any) any {
		if fields["properties"] == nil {
			return map[string]any{}
		}
		return fields["properties"]
	}, "properties")
	if !ok {
		return traits
	}
	return byType
}

// emptyOrNil keeps an empty list or object that was configured; the hub has none of it.
func emptyOrNil(before any) any {
	switch before := before.(type) {
	case map[string]any:
		if len(before) == 0 {
			return before
		}
	case []any:
		if len(before) == 0 {
			return before
		}
	}
	return nil
}

// keyed turns a list into an object keyed by a field. That is possible where
// each key occurs once, in the order in which an object is written, and no
// item has other fields than the key and those named.
func keyed(list []any, key string, value func(map[string]any) any, fields ...string) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	last := ""
	for _, item := range list {
		entry, ok := item.(map[string]any)
		if !ok {
			return nil, false
		}
		name, _ := entry[key].(string)
		if name <= last {
			return nil, false
		}
		for field := range entry {
			if field != key && !slices.Contains(fields, field) {
				return nil, false
			}
		}
		out[name], last = value(entry), name
	}
	return out, true
}

// environmentOf is the environment that a policy stands for, if it looks like
// one that the provider writes.
func environmentOf(policy any) (string, bool) {
	fields, _ := policy.(map[string]any)
	properties, _ := fields["properties"].(map[string]any)
	name, _ := properties["environment"].(string)
	if name == "" || fields["type"] != environmentPolicy || fields["name"] != environmentPrefix+name {
		return "", false
	}
	for key := range properties {
		if !slices.Contains([]string{"environment", "components", "selector"}, key) {
			return "", false
		}
	}
	return name, true
}

// environmentsForm is a list of names where nothing is different in any of
// them, and else, or where it was an object before, an object.
func (l *liveSpec) environmentsForm(before any) any {
	if l.environments == nil {
		return emptyOrNil(before)
	}
	prior, asObject := before.(map[string]any)
	names, byName := []any{}, map[string]any{}
	for _, policy := range l.environments {
		name, _ := environmentOf(policy)
		fields := environmentForm(policy, prior[name])
		asObject = asObject || len(fields) > 0
		names = append(names, name)
		byName[name] = fields
	}
	if asObject {
		return byName
	}
	return names
}

// environmentForm is what is different in one environment. The hub knows nothing
// of ref, so that it stays as it was.
func environmentForm(policy, before any) map[string]any {
	prior, _ := before.(map[string]any)
	out := map[string]any{}
	put(out, "ref", prior["ref"])
	fields, _ := policy.(map[string]any)
	properties, _ := fields["properties"].(map[string]any)
	put(out, "selector", properties["selector"])
	overrides, _ := properties["components"].([]any)
	if len(overrides) == 0 {
		put(out, "components", emptyOrNil(prior["components"]))
		return out
	}
	priorOverrides, _ := prior["components"].(map[string]any)
	byName := map[string]any{}
	for _, item := range overrides {
		override, _ := item.(map[string]any)
		name, _ := override["name"].(string)
		byName[name] = withTraitsForm(override, priorOverrides[name])
	}
	out["components"] = byName
	return out
}

// policiesForm is a list, or an object keyed by name where it was one before.
func (l *liveSpec) policiesForm(before any) any {
	if l.policies == nil {
		return emptyOrNil(before)
	}
	if _, asObject := before.(map[string]any); !asObject {
		return l.policies
	}
	byName, ok := keyed(l.policies, "name", func(fields map[string]any) any {
		out := map[string]any{}
		put(out, "type", fields["type"])
		put(out, "properties", fields["properties"])
		return out
	}, "type", "properties")
	if !ok {
		return l.policies
	}
	return byName
}

// policyNames are the names in configured policies of either form.
func policyNames(policies any) []string {
	switch policies := policies.(type) {
	case map[string]any:
		return sortedKeys(policies)
	case []any:
		var names []string
		for _, item := range policies {
			policy, _ := item.(map[string]any)
			if name, ok := policy["name"].(string); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return nil
}
