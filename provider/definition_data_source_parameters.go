// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// parametersOf lists the parameters that a schema in the words of OpenAPI has,
// sorted by path. Those in objects, lists and choices follow what they are in.
func parametersOf(openapi map[string]any) []parameterModel {
	found := map[string]parameterModel{}
	collectParameters(openapi, "", found)
	parameters := make([]parameterModel, 0, len(found))
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if len(parameters) == maxEntries {
			break
		}
		parameters = append(parameters, found[path])
	}
	return parameters
}

// collectParameters puts what is below a schema into found. The schema is a tree
// that its reader has bounded.
func collectParameters(schema map[string]any, at string, found map[string]parameterModel) {
	for _, alternative := range choices(schema) {
		collectParameters(alternative, at, found)
	}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for name, value := range properties {
		field, ok := value.(map[string]any)
		if !ok {
			continue
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		if _, known := found[path]; !known {
			found[path] = parameterOf(path, field, slices.Contains(required, any(name)))
		}
		collectParameters(field, path, found)
	}
	if items, ok := schema["items"].(map[string]any); ok && at != "" {
		collectParameters(items, at+"[]", found)
	}
	if others, ok := schema["additionalProperties"].(map[string]any); ok && at != "" {
		collectParameters(others, at+".NAME", found)
	}
}

// choices are the alternatives of a schema.
func choices(schema map[string]any) []map[string]any {
	all, _ := schema["oneOf"].([]any)
	var out []map[string]any
	for _, one := range all {
		if alternative, ok := one.(map[string]any); ok {
			out = append(out, alternative)
		}
	}
	return out
}

// parameterOf describes one parameter.
func parameterOf(path string, field map[string]any, required bool) parameterModel {
	description, _ := field["description"].(string)
	model := parameterModel{
		Path:        types.StringValue(path),
		Type:        types.StringValue(typeOf(field)),
		Required:    types.BoolValue(required),
		Description: types.StringValue(bounded(description)),
		Allowed:     []string{},
	}
	if value, ok := field["default"]; ok {
		model.Default = types.StringValue(asJSON(value))
	}
	allowed, _ := field["enum"].([]any)
	for _, value := range allowed {
		model.Allowed = append(model.Allowed, asJSON(value))
	}
	return model
}

// typeOf names the type of a parameter.
func typeOf(field map[string]any) string {
	if name, ok := field["type"].(string); ok {
		return name
	}
	var names []string
	for _, alternative := range choices(field) {
		if name := typeOf(alternative); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, "|")
}

// asJSON writes a value of a schema.
func asJSON(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}
