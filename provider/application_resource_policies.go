// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// environments reads a list of names, or an object from name to what is
// different there, into one policy for each, sorted by name.
func (b *specBuilder) environments(v any) any {
	if v == nil || notKnown(v) {
		return v
	}
	byName, known := b.environmentsByName(v)
	if !known {
		return definition.Unknown{}
	}
	out := []any{}
	for _, name := range sortedKeys(byName) {
		at := hclvalue.Key("environments", name)
		b.name(name, at, "environment")
		out = append(out, b.environment(name, byName[name], at))
	}
	return out
}

// environmentsByName turns both forms into one. It is not known when a name is not.
func (b *specBuilder) environmentsByName(v any) (map[string]any, bool) {
	byName := map[string]any{}
	switch environments := v.(type) {
	case map[string]any:
		for name, fields := range environments {
			put(byName, name, fields)
		}
		return byName, true
	case []any:
		known := true
		for i, name := range environments {
			known = b.addEnvironment(byName, name, hclvalue.Index("environments", i)) && known
		}
		return byName, known
	}
	b.complain("environments", definition.WrongType, "must be a list of names, such as [\"dev\", \"prod\"], or an object from name to what is different there, such as { dev = {}, prod = {} }, not %s", kindOf(v))
	return byName, true
}

// addEnvironment adds the item of a list, and says whether it is known.
func (b *specBuilder) addEnvironment(byName map[string]any, item any, at string) bool {
	if notKnown(item) {
		return false
	}
	name, ok := item.(string)
	if !ok {
		b.complain(at, definition.WrongType, "must be the name of an environment, not %s", kindOf(item))
		return true
	}
	if _, twice := byName[name]; twice {
		b.complain(at, definition.NotAllowed, "names an environment that is in the list already")
	}
	byName[name] = map[string]any{}
	return true
}

// environment is the policy of one environment. What `ref` says is for the plan
// alone and not written.
func (b *specBuilder) environment(name string, v any, at string) any {
	properties := map[string]any{"environment": name}
	policy := map[string]any{"name": environmentPrefix + name, "type": environmentPolicy, "properties": properties}
	fields, known := b.fields(v, at, "ref", "components", "selector")
	if !known {
		return definition.Unknown{}
	}
	put(properties, "components", b.overrides(fields["components"], at+".components"))
	put(properties, "selector", b.texts(fields["selector"], at+".selector"))
	return policy
}

// overrides reads an object from component name to what is different.
func (b *specBuilder) overrides(v any, at string) any {
	if v == nil || notKnown(v) {
		return v
	}
	byName, ok := v.(map[string]any)
	if !ok {
		b.complain(at, definition.WrongType, "must be an object keyed by component name, not %s", kindOf(v))
		return nil
	}
	var out []any
	for _, name := range sortedKeys(byName) {
		if byName[name] != nil {
			out = append(out, b.override(name, byName[name], hclvalue.Key(at, name)))
		}
	}
	if out == nil {
		return nil
	}
	return out
}

func (b *specBuilder) override(name string, v any, at string) any {
	fields, known := b.fields(v, at, "type", "properties", "traits")
	if !known {
		return definition.Unknown{}
	}
	out := map[string]any{"name": name}
	kind := fields["type"]
	if kind == nil {
		kind = b.typeOf(name)
	}
	if fields["type"] != nil {
		put(out, "type", b.text(kind, at+".type"))
	}
	put(out, "properties", b.properties(use{kind: definition.Component, name: kind, at: at, partial: true}, fields["properties"], at+".properties"))
	put(out, "traits", b.traits(fields["traits"], at+".traits", true))
	return out
}

// typeOf is the type of a component that an override names, nil while it is not known.
func (b *specBuilder) typeOf(name string) any {
	return objectIn(b.base[name])["type"]
}

// policies reads a list of policies as in OAM, or an object keyed by name.
func (b *specBuilder) policies(v any) any {
	if v == nil || notKnown(v) {
		return v
	}
	out := []any{}
	switch policies := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(policies) {
			if policies[name] != nil {
				at := hclvalue.Key("policies", name)
				b.policyPaths = append(b.policyPaths, at)
				out = append(out, b.policy(policies[name], at, map[string]any{"name": name}, "type", "properties"))
			}
		}
	case []any:
		for i, policy := range policies {
			if policy != nil {
				at := hclvalue.Index("policies", i)
				b.policyPaths = append(b.policyPaths, at)
				out = append(out, b.policy(policy, at, map[string]any{}, "name", "type", "properties"))
			}
		}
	default:
		b.complain("policies", definition.WrongType, "must be a list of { name, type, properties }, or an object keyed by name, not %s", kindOf(v))
	}
	return out
}

// policy reads one policy into out, which holds its name where that is the key.
func (b *specBuilder) policy(v any, at string, out map[string]any, keys ...string) any {
	fields, known := b.fields(v, at, keys...)
	if !known {
		return definition.Unknown{}
	}
	if slices.Contains(keys, "name") && fields["name"] != nil {
		put(out, "name", b.text(fields["name"], at+".name"))
	}
	kind := b.typeName(fields, at, "the type of the policy, such as override")
	put(out, "type", kind)
	put(out, "properties", b.properties(use{kind: definition.Policy, name: kind, at: at + ".type"}, fields["properties"], at+".properties"))
	return out
}

// workflow reads an object with steps, mode or ref, as in OAM.
func (b *specBuilder) workflow(v any) any {
	if v == nil || notKnown(v) {
		return v
	}
	fields, known := b.fields(v, "workflow", "steps", "mode", "ref")
	if !known {
		return nil
	}
	out := map[string]any{}
	put(out, "ref", hclvalue.Prune(fields["ref"]))
	put(out, "mode", hclvalue.Prune(fields["mode"]))
	put(out, "steps", b.steps(fields["steps"], "workflow.steps", true))
	return out
}

func (b *specBuilder) steps(v any, at string, nested bool) any {
	if v == nil || notKnown(v) {
		return v
	}
	list, ok := v.([]any)
	if !ok {
		b.complain(at, definition.WrongType, "must be a list of steps, such as [{ name = \"go\", type = \"deploy\", properties = {} }], not %s", kindOf(v))
		return nil
	}
	out := []any{}
	for i, step := range list {
		if step != nil {
			out = append(out, b.step(step, hclvalue.Index(at, i), nested))
		}
	}
	return out
}

func (b *specBuilder) step(v any, at string, nested bool) any {
	keys := []string{"name", "type", "meta", "if", "timeout", "dependsOn", "inputs", "outputs", "properties"}
	if nested {
		keys = append(keys, "mode", "subSteps")
	}
	fields, known := b.fields(v, at, keys...)
	if !known {
		return definition.Unknown{}
	}
	out := map[string]any{}
	kind := b.typeName(fields, at, "the type of the step, such as deploy")
	for _, key := range keys {
		put(out, key, hclvalue.Prune(fields[key]))
	}
	put(out, "type", kind)
	put(out, "dependsOn", b.texts(fields["dependsOn"], at+".dependsOn"))
	put(out, "properties", b.properties(use{kind: definition.WorkflowStep, name: kind, at: at + ".type"}, fields["properties"], at+".properties"))
	put(out, "subSteps", b.steps(fields["subSteps"], at+".subSteps", false))
	return out
}
