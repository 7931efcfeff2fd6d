// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Environment is what a policy of type environment says.
type Environment struct {
	// Name of the environment.
	Name string
	// Selector are the names of the components that go there; empty means all.
	Selector []string
	// Overrides change components there.
	Overrides []ComponentOverride
}

func readEnvironment(v values, at string) *Environment {
	return &Environment{Name: v.text("environment"), Selector: v.texts("selector"), Overrides: readComponentOverrides(v, at)}
}

func (e *Environment) check(at string) error {
	if problems := validation.IsDNS1123Label(e.Name); len(problems) > 0 {
		return &InvalidError{Path: at + ".environment", Message: "the name of an Environment is wanted here; change it"}
	}
	return nil
}

// readComponentOverrides reads the field components of a policy.
func readComponentOverrides(v values, at string) []ComponentOverride {
	var out []ComponentOverride
	for i, item := range v.list("components") {
		o := ComponentOverride{
			Component: item.text("name"), Type: item.text("type"), Properties: item.object("properties"),
			Path: fmt.Sprintf("%s.components[%d]", at, i),
		}
		for _, t := range item.list("traits") {
			o.Traits = append(o.Traits, TraitOverride{Type: t.text("type"), Properties: t.object("properties"), Disable: t.flag("disable")})
		}
		out = append(out, o)
	}
	return out
}
