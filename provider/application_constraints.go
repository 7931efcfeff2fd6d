// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

// maxBreaches is how many broken constraints one warning has.
const maxBreaches = 20

// warnOfBreaches warns of objects that break a constraint of their environment, as far
// as the plan knows both. It is no error: a cluster binding may still change the object.
func warnOfBreaches(found preview.Preview, refs map[string]any, diags *diag.Diagnostics) {
	rules := map[string]constraint.Constraints{}
	for name, ref := range refs {
		if known, ok := constraintsIn(name, ref); ok {
			rules[name] = known
		}
	}
	if len(rules) == 0 {
		return
	}
	var lines []string
	for _, object := range found.Certain() {
		known, ok := rules[object.Environment]
		if !ok {
			continue
		}
		rendered := render.Object{Content: object.Content}
		for _, breach := range known.Check(rendered) {
			lines = append(lines, breachLine(object, rendered, breach))
		}
	}
	if len(lines) == 0 {
		return
	}
	if more := len(lines) - maxBreaches; more > 0 {
		lines = append(lines[:maxBreaches:maxBreaches], fmt.Sprintf("and %d more", more))
	}
	diags.AddWarning("Constraints of an environment are broken", strings.Join(lines, "\n")+
		"\n\nThe application is written all the same, but such an environment takes nothing of it, and keeps what it has, unless the overrides of "+
		"all its cluster bindings mend this. Change the application, or ask the platform team.")
}

// breachLine says which object breaks a constraint, and where. What the object has
// there is not shown: it may be sensitive.
func breachLine(object preview.Object, rendered render.Object, breach constraint.Breach) string {
	where := fmt.Sprintf("environment %q, component %q, %s %s", object.Environment, object.Component, rendered.GroupVersionKind().Kind, rendered.Name())
	if breach.At != "" {
		where += ": " + breach.At
	}
	switch breach.Rule {
	case "":
		return fmt.Sprintf("%s: %s", where, breach.Cause)
	case "allowedRegistries":
		return strings.TrimSpace(fmt.Sprintf("%s: is of no registry that constraints.allowed_registries %s", where, breach.Allowed))
	case "requireImageDigest":
		return where + ": is named without a digest, and constraints.require_image_digest is true"
	case "maxReplicas":
		return fmt.Sprintf("%s: is more than constraints.max_replicas, which %s", where, breach.Allowed)
	}
	return fmt.Sprintf("%s: %s (constraints.%s %s)", where, breach.Cause, snakeCase(breach.Rule), breach.Allowed)
}

// constraintsIn are the constraints of a ref, and whether all of them are known.
func constraintsIn(name string, ref any) (constraint.Constraints, bool) {
	fields, _ := ref.(map[string]any)
	given, isObject := fields["constraints"].(map[string]any)
	if !isObject || hclvalue.HasUnknownJSON(given) {
		return constraint.Constraints{}, false
	}
	camel := map[string]any{}
	for key, value := range given {
		camel[camelCase(key)] = value
	}
	raw, err := json.Marshal(camel)
	var spec v1alpha1.Constraints
	if err != nil || json.Unmarshal(raw, &spec) != nil {
		return constraint.Constraints{}, false
	}
	known, err := constraint.Read(name, &spec)
	return known, err == nil
}

// camelCase spells an attribute as the API does.
func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}
