// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// ignoredPath is the path of a field whose value is left to others: the attribute,
// and steps below it. A step is the key of an object, the name or type of the
// entry of a list, or the index of one.
type ignoredPath struct {
	root  string
	steps []string
}

// ignoredFields are those of an application.
type ignoredFields []ignoredPath

// pathStep matches the next step of a path: a plain key, an index, or a key in quotes.
var pathStep = regexp.MustCompile(`^(?:\.?([^.\[\]"]+)|\[(\d+)\]|\["([^"]*)"\])`)

// newIgnoredFields reads the paths of the attribute ignore_fields.
func newIgnoredFields(list types.List) (ignoredFields, []definition.Finding) {
	var out ignoredFields
	var findings []definition.Finding
	for i, element := range list.Elements() {
		text, ok := element.(types.String)
		if !ok || text.IsNull() || text.IsUnknown() {
			continue
		}
		path, problem := newIgnoredPath(text.ValueString())
		if problem != "" {
			findings = append(findings, definition.Finding{Path: hclvalue.Index("ignore_fields", i), Reason: definition.NotAllowed, Message: problem})
			continue
		}
		out = append(out, path)
	}
	return out, findings
}

// newIgnoredPath reads one path, or says what is wrong with it.
func newIgnoredPath(text string) (ignoredPath, string) {
	var steps []string
	for rest := text; rest != ""; {
		match := pathStep.FindStringSubmatch(rest)
		if match == nil {
			return ignoredPath{}, fmt.Sprintf("%q is no path, such as components.web.properties.image", text)
		}
		steps = append(steps, match[1]+match[2]+match[3])
		rest = rest[len(match[0]):]
	}
	roots := []string{"components", "environments", "policies", "workflow"}
	if len(steps) < 2 || !slices.Contains(roots, steps[0]) {
		return ignoredPath{}, fmt.Sprintf("%q must begin with one of %s and name something below it, such as components.web.properties.image", text, strings.Join(roots, ", "))
	}
	if (steps[0] == "components" || steps[0] == "policies") && len(steps) < 3 {
		return ignoredPath{}, fmt.Sprintf("%q must name a field of it, such as %s.properties", text, text)
	}
	if steps[0] == "environments" {
		// In the form of the API an environment is a policy.
		steps[1] = environmentPrefix + steps[1]
		steps = slices.Insert(steps, 2, "properties")
	}
	return ignoredPath{root: steps[0], steps: steps[1:]}, ""
}

// order says whether what components wait for is left to others.
func (f ignoredFields) order() bool {
	return slices.ContainsFunc(f, func(path ignoredPath) bool { return path.root == "components" && path.steps[1] == "dependsOn" })
}

// policies says whether something of policies, or of the environments that are written
// as such, is left to others.
func (f ignoredFields) policies() bool {
	return slices.ContainsFunc(f, func(path ignoredPath) bool { return path.root == "environments" || path.root == "policies" })
}

// keep is a part of a spec, in the form of the API, with the ignored fields as
// they are in another. Neither is changed.
func (f ignoredFields) keep(root string, part, other any) any {
	for _, path := range f {
		if path.root == root && part != nil && other != nil && !notKnown(part) && !notKnown(other) {
			part = withField(part, other, path.steps)
		}
	}
	return part
}

// withField is a value with the field at the path as it is in another one: also
// where only one of them has it. What is on the way there must be in both.
func withField(value, other any, steps []string) any {
	switch value := value.(type) {
	case map[string]any:
		fields, ok := other.(map[string]any)
		if !ok {
			return value
		}
		return withKey(value, fields, steps)
	case []any:
		list, ok := other.([]any)
		if !ok {
			return value
		}
		return withEntry(value, list, steps)
	}
	return value
}

func withKey(value, other map[string]any, steps []string) any {
	out := make(map[string]any, len(value)+1)
	for key, element := range value {
		out[key] = element
	}
	here, ours := value[steps[0]]
	there, theirs := other[steps[0]]
	switch {
	case len(steps) > 1 && ours && theirs:
		out[steps[0]] = withField(here, there, steps[1:])
	case len(steps) > 1 && theirs:
		// Only what the path names is taken over, and what leads to it.
		put(out, steps[0], onlyField(there, steps[1:]))
	case len(steps) > 1 && ours:
		out[steps[0]] = withField(here, noneOf(here), steps[1:])
	case theirs:
		out[steps[0]] = there
	default:
		delete(out, steps[0])
	}
	return out
}

// withEntry is withField for the entry of a list that a step names.
func withEntry(value, other []any, steps []string) any {
	out := slices.Clone(value)
	here, there := entryOf(value, steps[0]), entryOf(other, steps[0])
	below := stepsBelow(value, other, here, there, steps[1:])
	switch {
	case len(below) > 0 && here >= 0 && there >= 0:
		out[here] = withField(value[here], other[there], below)
	case len(below) > 0 && here >= 0:
		out[here] = withField(value[here], noneOf(value[here]), below)
	case len(below) > 0:
	case here >= 0 && there >= 0:
		out[here] = other[there]
	case there >= 0:
		out = append(out, other[there])
	case here >= 0:
		out = slices.Delete(out, here, here+1)
	}
	return out
}

// stepsBelow are the steps below an entry. The parameters of a trait are written
// directly below its type, as in a configuration, and are in its properties.
func stepsBelow(value, other []any, here, there int, steps []string) []string {
	if len(steps) == 0 || steps[0] == "properties" {
		return steps
	}
	for _, entry := range []any{entryAt(value, here), entryAt(other, there)} {
		fields, ok := entry.(map[string]any)
		if ok && fields["type"] != nil && fields["name"] == nil {
			return append([]string{"properties"}, steps...)
		}
	}
	return steps
}

func entryAt(list []any, index int) any {
	if index < 0 || index >= len(list) {
		return nil
	}
	return list[index]
}

// entryOf is the index of the entry with that name, type, or index; -1 for none.
func entryOf(list []any, step string) int {
	for _, key := range []string{"name", "type"} {
		index := slices.IndexFunc(list, func(entry any) bool {
			fields, ok := entry.(map[string]any)
			return ok && fields[key] == step
		})
		if index >= 0 {
			return index
		}
	}
	if index, err := strconv.Atoi(step); err == nil && index < len(list) {
		return index
	}
	return -1
}

// onlyField is what of a value leads to a field, nil when it does not have it.
func onlyField(value any, steps []string) any {
	if len(steps) == 0 {
		return value
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	found := onlyField(fields[steps[0]], steps[1:])
	if found == nil {
		return nil
	}
	return map[string]any{steps[0]: found}
}

// noneOf is an empty value of the same kind.
func noneOf(value any) any {
	if _, ok := value.([]any); ok {
		return []any{}
	}
	return map[string]any{}
}
