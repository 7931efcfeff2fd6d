// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

const (
	// maxPropertiesBytes is how large the properties of one component or trait may be as JSON.
	maxPropertiesBytes = 512 << 10
	// maxPropertiesDepth is how deeply they may be nested.
	maxPropertiesDepth = 32
	// environmentPrefix begins the names of the policies that stand for environments.
	environmentPrefix = "env-"
	// environmentPolicy is the type of those policies.
	environmentPolicy = "environment"
)

// applicationSpec is what an application's configuration says, in the form of
// the API, with definition.Unknown where a value is not known yet.
type applicationSpec struct {
	// components, sorted by name; definition.Unknown when nothing of them is known.
	components any
	// environments are the policies that stand for environments, sorted by name.
	environments any
	// policies are the configured ones.
	policies any
	// workflow is nil when there is none.
	workflow any
	// findings are all mistakes.
	findings []definition.Finding
	// foreign are the types that no embedded definition has, and none that is given.
	foreign []foreignType
	// given are those that only a definition has which is given, or may have.
	given []foreignType
}

// foreignType is the use of a type that is not built in.
type foreignType struct {
	path string
	err  *definition.UnknownTypeError
	// besides are the types that the hub has beside the embedded ones, as far as they were asked for.
	besides []string
}

// unknown says whether any of it is not known yet.
func (s *applicationSpec) unknown() bool {
	return hclvalue.HasUnknownJSON([]any{s.components, s.environments, s.policies, s.workflow})
}

// object is the spec to be written. It must be fully known.
func (s *applicationSpec) object() map[string]any {
	spec := map[string]any{"components": s.components}
	environments, _ := s.environments.([]any)
	policies, _ := s.policies.([]any)
	if all := slices.Concat(environments, policies); len(all) > 0 {
		spec["policies"] = all
	}
	if s.workflow != nil {
		spec["workflow"] = s.workflow
	}
	return spec
}

// newApplicationSpec reads the four Dynamic attributes of an application.
func newApplicationSpec(m *applicationModel) *applicationSpec {
	renderer, wrong := rendererOf(m)
	_, open := givenFiles(m)
	b := specBuilder{library: renderer.Library(), has: renderer.Has, open: open, findings: wrong}
	components := b.decode(m.Components, "components")
	spec := &applicationSpec{components: b.components(components)}
	b.base, _ = components.(map[string]any)
	spec.environments = b.environments(b.decode(m.Environments, "environments"))
	spec.policies = b.policies(b.decode(m.Policies, "policies"))
	spec.workflow = b.workflow(b.decode(m.Workflow, "workflow"))
	b.references(spec, m)
	spec.findings, spec.foreign, spec.given = b.findings, b.foreign, b.given
	return spec
}

// specBuilder collects what is wrong while it reads, so that a user sees all
// mistakes at once.
type specBuilder struct {
	library *definition.Library
	// has says whether a definition of a type is given.
	has func(definition.Kind, string) bool
	// open says that definitions are given which are not known yet.
	open     bool
	findings []definition.Finding
	foreign  []foreignType
	given    []foreignType
	// base are the components as configured, for what overrides refer to.
	base map[string]any
	// policyPaths are the places of the configured policies, in their order.
	policyPaths []string
}

func (b *specBuilder) complain(path string, reason definition.Reason, format string, args ...any) {
	b.findings = append(b.findings, definition.Finding{Path: path, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// decode converts a Dynamic to JSON in which nulls are kept.
func (b *specBuilder) decode(v types.Dynamic, at string) any {
	out, err := hclvalue.ToJSONWithNulls(v)
	var number *hclvalue.NumberError
	if errors.As(err, &number) {
		path := at + "." + number.Path
		b.complain(strings.ReplaceAll(path, ".[", "["), definition.OutOfRange, "the number does not fit into 64 bits; write it as a string, or use a smaller number")
		return definition.Unknown{}
	}
	if err != nil {
		b.complain(at, definition.WrongType, "%s", err)
		return definition.Unknown{}
	}
	return out
}

func (b *specBuilder) components(v any) any {
	if notKnown(v) {
		return v
	}
	if v == nil {
		// The engine reports a required attribute that is missing.
		return []any{}
	}
	byName, ok := v.(map[string]any)
	if !ok {
		b.complain("components", definition.WrongType, "must be an object keyed by component name, not %s; %s", kindOf(v), componentsFix(v))
		return []any{}
	}
	out := []any{}
	for _, name := range sortedKeys(byName) {
		if byName[name] == nil {
			continue
		}
		at := hclvalue.Key("components", name)
		b.name(name, at, "component")
		out = append(out, b.component(name, byName[name], at))
	}
	return out
}

// componentsFix shows what to write instead.
func componentsFix(v any) string {
	switch v.(type) {
	case string:
		return `write the object itself, without jsonencode() or yamlencode(), such as components = { web = { type = "webservice", properties = { image = "..." } } }`
	case []any:
		return `make the name the key: components = { for c in [...] : c.name => { type = c.type, properties = c.properties } }`
	}
	return `such as components = { web = { type = "webservice", properties = { image = "..." } } }`
}

func (b *specBuilder) component(name string, v any, at string) any {
	fields, known := b.fields(v, at, "type", "properties", "traits", "dependsOn", "inputs", "outputs", "externalRevision", "scopes")
	if !known {
		return definition.Unknown{}
	}
	out := map[string]any{"name": name}
	kind := b.typeName(fields, at, "the type of the component, such as webservice")
	put(out, "type", kind)
	put(out, "properties", b.properties(use{kind: definition.Component, name: kind, at: hclvalue.Key(at, "type")}, fields["properties"], at+".properties"))
	put(out, "traits", b.traits(fields["traits"], at+".traits", false))
	put(out, "dependsOn", b.texts(fields["dependsOn"], at+".dependsOn"))
	for _, key := range []string{"inputs", "outputs", "externalRevision", "scopes"} {
		put(out, key, hclvalue.Prune(fields[key]))
	}
	return out
}

// put sets a field unless there is nothing to set.
func put(out map[string]any, key string, v any) {
	if v != nil {
		out[key] = v
	}
}

// typeName is the type of a component, trait, policy or step: a string, nil when
// it is missing, or definition.Unknown.
func (b *specBuilder) typeName(fields map[string]any, at, what string) any {
	v, given := fields["type"]
	if !given || v == nil {
		b.complain(hclvalue.Key(at, "type"), definition.MissingParameter, "is required: %s", what)
		return nil
	}
	return b.text(v, hclvalue.Key(at, "type"))
}

func (b *specBuilder) text(v any, at string) any {
	if _, ok := v.(string); ok || notKnown(v) {
		return v
	}
	b.complain(at, definition.WrongType, "must be a string, not %s", kindOf(v))
	return nil
}

// texts is a list of strings; nil when absent.
func (b *specBuilder) texts(v any, at string) any {
	if v == nil || notKnown(v) {
		return v
	}
	list, ok := v.([]any)
	if !ok {
		b.complain(at, definition.WrongType, "must be a list of strings, not %s; write [\"...\"]", kindOf(v))
		return nil
	}
	out := []any{}
	for i, element := range list {
		put := b.text(element, hclvalue.Index(at, i))
		out = append(out, put)
	}
	return out
}

// fields are those of an object with known keys. It is not known when the
// object is not, and then or when it is no object nothing can be said of it.
func (b *specBuilder) fields(v any, at string, keys ...string) (map[string]any, bool) {
	if notKnown(v) {
		return nil, false
	}
	fields, ok := v.(map[string]any)
	if !ok {
		b.complain(at, definition.WrongType, "must be an object, not %s; allowed: %s", kindOf(v), strings.Join(keys, ", "))
		return nil, false
	}
	for _, key := range sortedKeys(fields) {
		if !slices.Contains(keys, key) {
			b.complain(hclvalue.Key(at, key), definition.UnknownParameter, "is not known here%s; allowed: %s", meant(key, keys), strings.Join(keys, ", "))
		}
	}
	return fields, true
}

// meant asks whether a name that is alike was meant. Inside a Dynamic value
// everything is spelled as in OAM, so depends_on is answered with dependsOn.
func meant(key string, keys []string) string {
	suggestion := definition.Suggest(key, keys)
	if suggestion == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", suggestion)
}

func (b *specBuilder) name(name, at, what string) {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		b.complain(at, definition.NotAllowed, "is not a valid name of %s %s: at most 63 characters of a-z, 0-9 and '-', beginning and ending with a letter or digit", article(what), what)
	}
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an"
	}
	return "a"
}

// traits reads an object keyed by type, evaluated in the order of their names,
// or a list of {type, properties}, evaluated in its own. In an override a trait
// may leave required parameters out, and a list may disable one.
func (b *specBuilder) traits(v any, at string, override bool) any {
	if v == nil || notKnown(v) {
		return v
	}
	var out []any
	switch traits := v.(type) {
	case map[string]any:
		out = b.traitObject(traits, at, override)
	case []any:
		out = b.traitList(traits, at, override)
	default:
		b.complain(at, definition.WrongType, "must be an object keyed by trait type, such as { scaler = { replicas = 2 } }, or a list of { type, properties }, not %s", kindOf(v))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (b *specBuilder) traitObject(traits map[string]any, at string, override bool) []any {
	var out []any
	for _, name := range sortedKeys(traits) {
		if traits[name] == nil {
			continue
		}
		here := hclvalue.Key(at, name)
		trait := map[string]any{"type": name}
		properties := b.properties(use{kind: definition.Trait, name: name, at: here, partial: override}, traits[name], here)
		if empty, ok := properties.(map[string]any); !ok || len(empty) > 0 {
			put(trait, "properties", properties)
		}
		out = append(out, trait)
	}
	return out
}

func (b *specBuilder) traitList(traits []any, at string, override bool) []any {
	keys := []string{"type", "properties"}
	if override {
		keys = append(keys, "disable")
	}
	var out []any
	for i, item := range traits {
		if item == nil {
			continue
		}
		here := hclvalue.Index(at, i)
		fields, known := b.fields(item, here, keys...)
		if !known {
			out = append(out, definition.Unknown{})
			continue
		}
		kind := b.typeName(fields, here, "the type of the trait, such as scaler")
		trait := map[string]any{}
		put(trait, "type", kind)
		put(trait, "disable", fields["disable"])
		put(trait, "properties", b.properties(use{kind: definition.Trait, name: kind, at: here + ".type", partial: override || fields["disable"] == true}, fields["properties"], here+".properties"))
		out = append(out, trait)
	}
	return out
}

// use says of properties which definition they are for.
type use struct {
	kind definition.Kind
	// name of the type; not a string while it is unknown or wrong.
	name any
	// at is where the type is named.
	at string
	// partial says that required parameters may be missing, as in an override.
	partial bool
}

// properties checks properties against their definition, and returns them as
// they are written: without nulls that the definition does not take, and with
// strings converted where it wants a number or bool.
func (b *specBuilder) properties(u use, v any, at string) any {
	if notKnown(v) {
		b.lookup(u)
		return v
	}
	properties, ok := v.(map[string]any)
	if v != nil && !ok {
		b.complain(at, definition.WrongType, "must be an object, not %s", kindOf(v))
		return nil
	}
	b.bound(properties, at)
	found := b.lookup(u)
	if found == nil {
		return pruned(u, properties)
	}
	written := found.Coerce(properties)
	for _, finding := range found.Validate(written, at) {
		if !u.partial || !missingAtAll(finding, at) {
			b.findings = append(b.findings, finding)
		}
	}
	if properties == nil {
		return nil
	}
	return written
}

// missingAtAll says that a finding is about a parameter that an override leaves
// to the component. Lists are replaced as a whole, so in their items nothing may miss.
func missingAtAll(finding definition.Finding, at string) bool {
	return finding.Reason == definition.MissingParameter && !strings.Contains(strings.TrimPrefix(finding.Path, at), "[")
}

// pruned is properties of a definition that is not at hand, without nulls,
// except in traits whose parameters give null a meaning.
func pruned(u use, properties map[string]any) any {
	if properties == nil {
		return nil
	}
	if u.kind == definition.Trait && slices.Contains([]any{"labels", "annotations", "json-merge-patch"}, u.name) {
		return properties
	}
	return hclvalue.Prune(properties)
}

// lookup finds the definition of a type, nil when none is embedded.
func (b *specBuilder) lookup(u use) *definition.Definition {
	name, ok := u.name.(string)
	if !ok {
		return nil
	}
	base, _, pinned := strings.Cut(name, "@")
	found, err := b.library.Lookup(u.kind, base)
	var unknown *definition.UnknownTypeError
	// Nothing asks for the definitions of steps: the addon does not run workflows yet.
	if errors.As(err, &unknown) && u.kind != definition.WorkflowStep && !b.has(u.kind, base) {
		b.note(foreignType{path: u.at, err: unknown})
	}
	if b.has(u.kind, base) {
		b.given = append(b.given, foreignType{path: u.at, err: &definition.UnknownTypeError{Kind: u.kind, Name: base, Known: b.library.Names(u.kind)}})
	}
	if err != nil || pinned || b.open {
		return nil
	}
	return found
}

// note keeps a type that no definition at hand has.
func (b *specBuilder) note(use foreignType) {
	if b.open {
		b.given = append(b.given, use)
		return
	}
	b.foreign = append(b.foreign, use)
}

func (b *specBuilder) bound(properties map[string]any, at string) {
	if d := depth(properties); d > maxPropertiesDepth {
		b.complain(at, definition.OutOfRange, "is nested %d levels deep; at most %d are allowed", d, maxPropertiesDepth)
		return
	}
	text, err := json.Marshal(properties)
	if err == nil && len(text) > maxPropertiesBytes {
		b.complain(at, definition.OutOfRange, "is larger than %d KiB as JSON; keep large content in a ConfigMap and refer to it", maxPropertiesBytes>>10)
	}
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, element := range v {
			deepest = max(deepest, depth(element))
		}
	case []any:
		for _, element := range v {
			deepest = max(deepest, depth(element))
		}
	default:
		return 0
	}
	return deepest + 1
}

// notKnown says that a value is not known yet.
func notKnown(v any) bool {
	_, ok := v.(definition.Unknown)
	return ok
}
