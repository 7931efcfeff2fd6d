// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// patchCheck checks what an environment or a binding gives to components against the
// types that are built in. What is not known yet, and what other types take, is passed over.
type patchCheck struct {
	findings []definition.Finding
	// unlike are types that are none, and much like one that is built in.
	unlike []string
}

// checkDefaults says what of an environment's defaults no component of the type takes.
func checkDefaults(value types.Dynamic, diags *diag.Diagnostics) {
	content, err := jsonWithNulls(value)
	byType, _ := coercedDefaults(content).(map[string]any)
	if err != nil || byType == nil {
		return
	}
	var c patchCheck
	for _, name := range sortedKeys(byType) {
		c.patch(name, byType[name], hclvalue.Key("defaults", name))
	}
	c.report("defaults", diags)
}

// checkOverrides says what of a binding's overrides no component of the type takes.
func checkOverrides(value types.Dynamic, diags *diag.Diagnostics) {
	content, err := jsonWithNulls(value)
	items, _ := content.([]any)
	if err != nil {
		return
	}
	var c patchCheck
	for i, item := range items {
		override, _ := coercedOverride(item).(map[string]any)
		component, _ := override["componentType"].(string)
		c.patch(component, override, hclvalue.Index("overrides", i))
	}
	c.report("overrides", diags)
}

// patch checks what components of a type get. Without a type its traits can be checked.
func (c *patchCheck) patch(component string, patch any, at string) {
	fields, _ := patch.(map[string]any)
	c.properties(definition.Component, component, fields["properties"], at, hclvalue.Key(at, "properties"))
	at = hclvalue.Key(at, "traits")
	switch traits := fields["traits"].(type) {
	case map[string]any:
		for _, name := range sortedKeys(traits) {
			here := hclvalue.Key(at, name)
			if removes(traits[name]) || notKnown(objectIn(traits[name])["disable"]) {
				continue
			}
			c.properties(definition.Trait, name, traits[name], here, here)
		}
	case []any:
		for i, item := range traits {
			trait, _ := item.(map[string]any)
			name, _ := trait["type"].(string)
			here := hclvalue.Index(at, i)
			c.properties(definition.Trait, name, trait["properties"], hclvalue.Key(here, "type"), hclvalue.Key(here, "properties"))
		}
	}
}

// properties checks those of a type, which is named at one path and has them at another.
// What may be missing is for the component to give.
func (c *patchCheck) properties(kind definition.Kind, name string, properties any, named, at string) {
	base, _, pinned := strings.Cut(name, "@")
	if base == "" {
		return
	}
	found, err := definition.Builtin().Lookup(kind, base)
	var unknown *definition.UnknownTypeError
	if errors.As(err, &unknown) && unknown.Suggestion != "" {
		c.unlike = append(c.unlike, foreignType{path: named, err: unknown}.line())
	}
	given, _ := properties.(map[string]any)
	if err != nil || pinned || given == nil {
		return
	}
	for _, finding := range found.Validate(given, at) {
		if !missingAtAll(finding, at) {
			c.findings = append(c.findings, finding)
		}
	}
}

// report warns of all that may be a mistake: the hub may have definitions in the place of
// those that are built in.
func (c *patchCheck) report(attribute string, diags *diag.Diagnostics) {
	if len(c.findings) > 0 {
		diags.AddAttributeWarning(path.Root(attribute), "Not taken by types that are built in", findingsText(c.findings)+
			"\n\nUnless the hub has a definition of its own in the place of such a type, this has no effect, and applications of strict namespaces fail.")
	}
	if len(c.unlike) > 0 {
		diags.AddAttributeWarning(path.Root(attribute), "Type is not built in", fmt.Sprintf(
			"%s\n\nWhere the hub has no definition of that name either, it has no effect.", strings.Join(c.unlike, "\n")))
	}
}
