// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// leaf is a place whose value is not known yet.
type leaf struct {
	path []any
	// structural says that no values stand for what it may be.
	structural bool
	// values stand for what it may be; the first two for anything that is not among the others.
	values []any
	// definition of the properties that it is in, and their path; nil outside of properties.
	definition *definition.Definition
	properties []any
	// feeds says whether an object may be made of it.
	feeds func(Object) bool
}

func everything(Object) bool { return true }

// structure is a leaf that decides on its own which objects there are.
func structure(path []any) leaf { return leaf{path: path, structural: true, feeds: everything} }

// words are two texts that may be a name or a part of one.
func words() []any { return []any{"unknown-a", "b-unknown"} }

// leaf says of a place what its value may be, and what is made of it.
func (r *Renderer) leaf(tree map[string]any, path []any) leaf {
	switch path[0] {
	case namePart, namespacePart:
		return leaf{path: path, values: words(), feeds: everything}
	case labelsPart, annotationsPart:
		if len(path) == 1 {
			return leaf{path: path, values: []any{map[string]any{}, map[string]any{"unknown-a": "b"}}, feeds: everything}
		}
		return leaf{path: path, values: words(), feeds: everything}
	case environmentsPart:
		return r.environmentLeaf(tree, path)
	}
	if len(path) < 4 || path[0] != specPart {
		return structure(path)
	}
	switch path[1] {
	case "components":
		component := get(tree, path[:3]...)
		name := get(component, "name")
		return r.propertiesLeaf(tree, path, 3, textOf(get(component, "type")), func(o Object) bool { return o.Component == name })
	case "policies":
		return r.policyLeaf(tree, path)
	}
	return structure(path)
}

// environmentLeaf is one of what is known of an environment.
func (r *Renderer) environmentLeaf(tree map[string]any, path []any) leaf {
	if len(path) < 3 {
		return structure(path)
	}
	inside := func(o Object) bool { return o.Environment == path[1] }
	if path[2] == "target_namespace" {
		l := leaf{path: path, values: words(), feeds: inside}
		if len(path) == 3 {
			l.values = []any{map[string]any{"name": "unknown-a"}, map[string]any{"suffix": "-unknown"}}
		}
		return l
	}
	if path[2] != "defaults" || len(path) < 6 {
		return structure(path)
	}
	kind := textOf(path[3])
	of := func(o Object) bool { return inside(o) && o.Type == kind }
	if trait, ok := path[5].(string); ok && path[4] == "traits" && len(path) > 6 {
		return r.definedLeaf(tree, path, 6, definition.Trait, trait, of)
	}
	return r.propertiesLeaf(tree, path, 4, kind, of)
}

// policyLeaf is one of a policy: those that change components say of each what changes.
func (r *Renderer) policyLeaf(tree map[string]any, path []any) leaf {
	kind := get(tree, append(slices.Clone(path[:3]), "type")...)
	if len(path) < 7 || path[4] != "components" || kind != policy.EnvironmentType && kind != policy.OverrideType {
		return structure(path)
	}
	override := get(tree, path[:6]...)
	name, of := textOf(get(override, "name")), textOf(get(override, "type"))
	if of == "" {
		of = componentType(tree, name)
	}
	environment := textOf(get(tree, append(slices.Clone(path[:3]), "properties", "environment")...))
	return r.propertiesLeaf(tree, path, 6, of, func(o Object) bool {
		if kind == policy.EnvironmentType && o.Environment != environment {
			return false
		}
		return name == "" || strings.Contains(name, "*") || o.Component == name
	})
}

// componentType is the type of a component of the application.
func componentType(tree map[string]any, name string) string {
	components, _ := get(tree, specPart, "components").([]any)
	for _, c := range components {
		if get(c, "name") == name {
			return textOf(get(c, "type"))
		}
	}
	return ""
}

// propertiesLeaf is one of the properties of a component or of its traits, at
// the path of the component's type.
func (r *Renderer) propertiesLeaf(tree map[string]any, path []any, at int, kind string, feeds func(Object) bool) leaf {
	switch {
	case len(path) > at+1 && path[at] == "properties":
		return r.definedLeaf(tree, path, at+1, definition.Component, kind, feeds)
	case len(path) > at+3 && path[at] == "traits" && path[at+2] == "properties":
		trait := textOf(get(tree, append(slices.Clone(path[:at+2]), "type")...))
		return r.definedLeaf(tree, path, at+3, definition.Trait, trait, feeds)
	}
	return structure(path)
}

// definedLeaf is a parameter of a definition. root is the length of the path of its properties.
func (r *Renderer) definedLeaf(tree map[string]any, path []any, root int, kind definition.Kind, name string, feeds func(Object) bool) leaf {
	found, err := r.library.Lookup(kind, name)
	if err != nil {
		return structure(path)
	}
	properties, _ := get(tree, path[:root]...).(map[string]any)
	further := append(r.compared(tree, found), names(tree[specPart])...)
	candidates := found.Candidates(properties, path[root:], further)
	if candidates.Structural || len(candidates.Values) == 0 {
		return structure(path)
	}
	return leaf{path: path, values: candidates.Values, definition: found, properties: path[:root], feeds: feeds}
}

// compared are the values that those definitions compare with which see a
// parameter: its own, and all traits, since they see what a component has made.
func (r *Renderer) compared(tree map[string]any, own *definition.Definition) []any {
	out := slices.Clone(own.Compared())
	for _, name := range usedTraits(tree) {
		if found, err := r.library.Lookup(definition.Trait, name); err == nil && found != own {
			out = append(out, found.Compared()...)
		}
	}
	return out
}

// maxNames bounds how many names a value is tried to be the same as.
const maxNames = 32

// names are the names in an application: what gets the name of something else is
// put together with it.
func names(spec any) []any {
	var out []any
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if name, ok := v["name"].(string); ok && !slices.Contains(out, any(name)) && len(out) < maxNames {
				out = append(out, name)
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(spec)
	return out
}

// usedTraits are the types of all traits in a tree, each once.
func usedTraits(tree map[string]any) []string {
	var out []string
	add := func(v any) {
		for _, t := range traitsOf(get(v, "traits")) {
			if !slices.Contains(out, t.Type) {
				out = append(out, t.Type)
			}
		}
	}
	each := func(list any) {
		items, _ := list.([]any)
		for _, item := range items {
			add(item)
		}
	}
	each(get(tree, specPart, "components"))
	policies, _ := get(tree, specPart, "policies").([]any)
	for _, p := range policies {
		each(get(p, "properties", "components"))
	}
	for _, e := range objectOf(tree[environmentsPart]) {
		for _, defaults := range objectOf(get(e, "defaults")) {
			add(defaults)
		}
	}
	return out
}
