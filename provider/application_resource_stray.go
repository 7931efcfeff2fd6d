// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// straySecrets refuses Secrets for an environment that the application does not go to:
// they would be written and delivered nowhere.
func straySecrets(m *applicationModel, spec *applicationSpec) []definition.Finding {
	names, known := destinations(m, spec)
	if !known {
		return nil
	}
	var out []definition.Finding
	for _, name := range sortedStringKeys(m.EnvironmentSecretsWO) {
		secrets, ok := m.EnvironmentSecretsWO.Elements()[name].(types.Map)
		// What is not known yet may turn out to be null.
		if !ok || !hasGiven(secrets) || slices.Contains(names, name) {
			continue
		}
		out = append(out, definition.Finding{Path: hclvalue.Key("environment_secrets_wo", name), Reason: definition.NotAllowed, Message: fmt.Sprintf(
			"the application does not go to an environment of that name%s; it goes to: %s", meant(name, names), strings.Join(names, ", "))})
	}
	return out
}

// hasGiven says whether a map has an element that is known not to be null.
func hasGiven(m types.Map) bool {
	for _, element := range m.Elements() {
		if !element.IsNull() && !element.IsUnknown() {
			return true
		}
	}
	return false
}

// destinations are the environments that an application goes to. They are not known
// where something that is not known yet, or left to others, may name one, nor with a
// topology or a workflow.
func destinations(m *applicationModel, spec *applicationSpec) (names []string, known bool) {
	ignored, _ := newIgnoredFields(m.IgnoreFields)
	if hclvalue.HasUnknown(m.IgnoreFields) || ignored.policies() || spec.workflow != nil || notKnown(spec.policies) {
		return nil, false
	}
	names, known = environmentNames(m)
	for _, item := range listOf(spec.policies) {
		fields := objectIn(item)
		name, named := objectIn(fields["properties"])["environment"].(string)
		kind, typed := fields["type"].(string)
		if !typed || kind == policy.TopologyType || kind == policy.EnvironmentType && !named {
			return nil, false
		}
		if kind == policy.EnvironmentType {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = []string{v1alpha1.DefaultEnvironment}
	}
	return names, known
}

// environmentNames are the names in environments, and whether all are known.
func environmentNames(m *applicationModel) (names []string, known bool) {
	content, err := hclvalue.ToJSONWithNulls(m.Environments)
	if err != nil {
		return nil, false
	}
	switch environments := content.(type) {
	case nil:
		return nil, true
	case map[string]any:
		return slices.DeleteFunc(sortedKeys(environments), func(name string) bool { return environments[name] == nil }), true
	case []any:
		for _, item := range environments {
			name, ok := item.(string)
			if !ok {
				return nil, false
			}
			names = append(names, name)
		}
		return names, true
	}
	return nil, false
}

// warnOfStrayPaths warns of paths that lead to no component or environment, so that
// nothing is left to others. It is no error: what they led to may be gone.
func warnOfStrayPaths(m *applicationModel, spec *applicationSpec, diags *diag.Diagnostics) {
	components, known := entryNames(spec.components)
	environments, alsoKnown := environmentNames(m)
	var lines []string
	for i, element := range m.IgnoreFields.Elements() {
		text, _ := element.(types.String)
		ignored, problem := newIgnoredPath(text.ValueString())
		if problem != "" || text.IsUnknown() {
			continue
		}
		at, step := hclvalue.Index("ignore_fields", i), ignored.steps[0]
		if _, err := strconv.Atoi(step); err != nil && ignored.root == "components" && known && !slices.Contains(components, step) {
			lines = append(lines, fmt.Sprintf("%s: there is no component %q%s", at, step, meant(step, components)))
		}
		name := strings.TrimPrefix(step, environmentPrefix)
		if ignored.root == "environments" && alsoKnown && !slices.Contains(environments, name) {
			lines = append(lines, fmt.Sprintf("%s: environments has no %q%s", at, name, meant(name, environments)))
		}
	}
	if len(lines) > 0 {
		diags.AddAttributeWarning(path.Root("ignore_fields"), "Nothing to ignore", strings.Join(lines, "\n")+"\n\nSuch a path has no effect. Correct it, or leave it out.")
	}
}

// entryNames are the names and types by which a path finds components, and whether all are known.
func entryNames(components any) (names []string, known bool) {
	if notKnown(components) {
		return nil, false
	}
	for _, item := range listOf(components) {
		fields := objectIn(item)
		if fields == nil || notKnown(fields["type"]) {
			return nil, false
		}
		for _, key := range []string{"name", "type"} {
			if text, ok := fields[key].(string); ok {
				names = append(names, text)
			}
		}
	}
	return names, true
}
