// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// Application is all that decides its objects, as JSON. A value that is not
// known yet is definition.Unknown, wherever it stands.
type Application struct {
	// Name and Namespace of the application on the hub, strings.
	Name, Namespace any
	// Labels and Annotations of the application, objects of strings or nil.
	Labels, Annotations any
	// Spec in the form of the API: components, policies, workflow.
	Spec map[string]any
	// Environments is what is known of environments by name: target_namespace
	// (name, prefix, suffix) and defaults (by component type). Of one that is
	// missing nothing is known: its objects have no namespace.
	Environments map[string]any
}

// The parts of the tree that an Application is looked at as.
const (
	namePart         = "name"
	namespacePart    = "namespace"
	labelsPart       = "labels"
	annotationsPart  = "annotations"
	specPart         = "spec"
	environmentsPart = "environments"
)

// tree is the application as one JSON value, without what has no part in its objects.
func (a Application) tree() map[string]any {
	return map[string]any{
		namePart: a.Name, namespacePart: a.Namespace, labelsPart: a.Labels, annotationsPart: a.Annotations,
		specPart: rendered(a.Spec), environmentsPart: a.Environments,
	}
}

// rendered is a spec without what says only when and how objects are delivered.
func rendered(spec map[string]any) map[string]any {
	out := maps.Clone(spec)
	if components, ok := spec["components"].([]any); ok {
		kept := make([]any, len(components))
		for i, item := range components {
			kept[i] = item
			if component, ok := item.(map[string]any); ok {
				component = maps.Clone(component)
				delete(component, "dependsOn")
				delete(component, "outputs")
				delete(component, "scopes")
				kept[i] = component
			}
		}
		out["components"] = kept
	}
	if policies, ok := spec["policies"].([]any); ok {
		out["policies"] = slices.DeleteFunc(slices.Clone(policies), saysHow)
	}
	return out
}

// saysHow says that a policy is about how objects are delivered and not which.
func saysHow(item any) bool {
	fields, _ := item.(map[string]any)
	return slices.Contains([]any{
		policy.GarbageCollectType, policy.ApplyOnceType, policy.SharedResourceType, policy.TakeOverType, policy.ReadOnlyType, policy.ResourceUpdateType,
	}, fields["type"])
}

// unknown are the paths of all values that are not known yet, in a stable order.
func unknown(value any, at []any) [][]any {
	var out [][]any
	switch v := value.(type) {
	case definition.Unknown, *definition.Unknown:
		return [][]any{slices.Clone(at)}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, unknown(v[key], append(at, key))...)
		}
	case []any:
		for i, item := range v {
			out = append(out, unknown(item, append(at, i))...)
		}
	}
	return out
}

// get is the value at a path; nil where there is none.
func get(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// set is a copy of a value with another one at a path, which must exist. What is
// not on the path is shared.
func set(value any, path []any, to any) any {
	if len(path) == 0 {
		return to
	}
	switch step := path[0].(type) {
	case string:
		object, _ := value.(map[string]any)
		object = maps.Clone(object)
		object[step] = set(object[step], path[1:], to)
		return object
	case int:
		list, _ := value.([]any)
		list = slices.Clone(list)
		list[step] = set(list[step], path[1:], to)
		return list
	}
	return value
}

// without is a copy of a value without the key that a path ends with.
func without(value any, path []any) any {
	last := len(path) - 1
	object, _ := get(value, path[:last]...).(map[string]any)
	key, ok := path[last].(string)
	if object == nil || !ok {
		return set(value, path, nil)
	}
	object = maps.Clone(object)
	delete(object, key)
	return set(value, path[:last], object)
}

func textOf(v any) string {
	text, _ := v.(string)
	return text
}

// stringsOf are the strings of an object.
func stringsOf(v any) map[string]string {
	object, _ := v.(map[string]any)
	out := make(map[string]string, len(object))
	for key, item := range object {
		if text, ok := item.(string); ok {
			out[key] = text
		}
	}
	return out
}

// place is a path as a user knows it, such as components.web.properties.image.
func place(tree map[string]any, path []any) string {
	steps := path
	out := ""
	if path[0] == specPart {
		steps = path[1:]
	}
	for i, step := range steps {
		switch step := step.(type) {
		case string:
			if out != "" {
				out += "."
			}
			out += step
		case int:
			name := nameOf(get(tree, append(slices.Clone(path[:len(path)-len(steps)]), steps[:i+1]...)...))
			if name == "" || !isNamed(steps[i-1]) {
				out += fmt.Sprintf("[%d]", step)
				continue
			}
			out += "." + name
		}
	}
	return inEnvironment(out)
}

// inEnvironment is the path of a policy that stands for an environment as it is
// written in a configuration: environments.prod.components and so on.
func inEnvironment(path string) string {
	rest, ok := strings.CutPrefix(path, "policies.env-")
	name, below, found := strings.Cut(rest, ".properties.")
	if !ok || !found {
		return path
	}
	return "environments." + name + "." + below
}

// isNamed says whether the items of a list are known by their names.
func isNamed(list any) bool {
	return slices.Contains([]any{"components", "policies", "traits"}, list)
}

// nameOf is what tells the item of a list apart: a name, or a type.
func nameOf(item any) string {
	fields, _ := item.(map[string]any)
	if name := textOf(fields["name"]); name != "" && fields["type"] != nil {
		return name
	}
	if fields["name"] == nil {
		return textOf(fields["type"])
	}
	return ""
}
