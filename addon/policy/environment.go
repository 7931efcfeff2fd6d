// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// EnvironmentType is the type of the policies that name an environment.
const EnvironmentType = "environment"

// EnvironmentUse is the use of one environment by an application.
type EnvironmentUse struct {
	// Environment is the name of the environment.
	Environment string
	// Policy is the name of the policy that asks for it; empty when none does.
	Policy string
	// Path of the policy, such as spec.policies[0]; spec.policies when there is none.
	Path string
	// Selector are the names of the components that go there; empty means all.
	Selector []string
	// Overrides change components there.
	Overrides []ComponentOverride
}

// Selects says whether a component goes to the environment.
func (u EnvironmentUse) Selects(component string) bool {
	return len(u.Selector) == 0 || slices.Contains(u.Selector, component)
}

// Environments lists the environments that an application goes to, in the order
// of its policies: those of type environment, or else the environment default.
// The error is an *InvalidError or a *TooLargeError.
func Environments(spec v1beta1.ApplicationSpec) ([]EnvironmentUse, error) {
	var out []EnvironmentUse
	users := map[string]string{}
	for i, p := range spec.Policies {
		if p.Type != EnvironmentType {
			continue
		}
		r := reader{path: fmt.Sprintf("spec.policies[%d]", i), spec: spec}
		use, err := r.environment(p)
		if err != nil {
			return nil, err
		}
		if other, taken := users[use.Environment]; taken {
			return nil, &InvalidError{Path: r.path + ".properties.environment", Message: fmt.Sprintf("%s names the environment %q too; use each environment once", other, use.Environment)}
		}
		users[use.Environment] = r.path
		out = append(out, use)
	}
	if len(out) == 0 {
		return []EnvironmentUse{{Environment: v1alpha1.DefaultEnvironment, Path: "spec.policies"}}, nil
	}
	return out, nil
}

// reader decodes one policy and says what is wrong with it.
type reader struct {
	path string
	spec v1beta1.ApplicationSpec
}

func (r reader) environment(p v1beta1.AppPolicy) (EnvironmentUse, error) {
	use := EnvironmentUse{Policy: p.Name, Path: r.path}
	at := r.path + ".properties"
	properties, err := decode(p.Properties, at)
	if err != nil {
		return use, err
	}
	if err := checkFields(properties, at, "environment", "selector", "components"); err != nil {
		return use, err
	}
	if err := take(properties, "environment", &use.Environment, "the name of an environment", at); err != nil {
		return use, err
	}
	if problems := validation.IsDNS1123Label(use.Environment); len(problems) > 0 {
		return use, &InvalidError{Path: at + ".environment", Message: "the name of an Environment is wanted here; set it"}
	}
	if use.Selector, err = takeList[string](properties, "selector", "a list of names of components", at); err != nil {
		return use, err
	}
	for i, name := range use.Selector {
		if err := r.checkComponent(name, fmt.Sprintf("%s.selector[%d]", at, i)); err != nil {
			return use, err
		}
	}
	use.Overrides, err = r.overrides(properties, at)
	return use, err
}

func (r reader) overrides(properties map[string]any, at string) ([]ComponentOverride, error) {
	list, err := takeList[map[string]any](properties, "components", "a list of objects", at)
	if err != nil {
		return nil, err
	}
	var out []ComponentOverride
	for i, item := range list {
		o, err := r.override(item, fmt.Sprintf("%s.components[%d]", at, i))
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (r reader) override(item map[string]any, at string) (ComponentOverride, error) {
	var o ComponentOverride
	if err := checkFields(item, at, "name", "type", "properties", "traits"); err != nil {
		return o, err
	}
	if err := take(item, "name", &o.Component, "the name of a component", at); err != nil {
		return o, err
	}
	if err := take(item, "type", &o.Type, "a type of component", at); err != nil {
		return o, err
	}
	if o.Component != "" {
		if err := r.checkComponent(o.Component, at+".name"); err != nil {
			return o, err
		}
	}
	if err := take(item, "properties", &o.Properties, "an object", at); err != nil {
		return o, err
	}
	traits, err := takeList[map[string]any](item, "traits", "a list of objects", at)
	if err != nil {
		return o, err
	}
	for i, t := range traits {
		trait, err := readTrait(t, fmt.Sprintf("%s.traits[%d]", at, i))
		if err != nil {
			return o, err
		}
		o.Traits = append(o.Traits, trait)
	}
	return o, nil
}

func readTrait(item map[string]any, at string) (TraitOverride, error) {
	var t TraitOverride
	if err := checkFields(item, at, "type", "properties", "disable"); err != nil {
		return t, err
	}
	if err := take(item, "type", &t.Type, "a type of trait", at); err != nil {
		return t, err
	}
	if t.Type == "" {
		return t, &InvalidError{Path: at + ".type", Message: "the type of the trait is missing; set it"}
	}
	if err := take(item, "disable", &t.Disable, "true or false", at); err != nil {
		return t, err
	}
	return t, take(item, "properties", &t.Properties, "an object", at)
}

func (r reader) checkComponent(name, at string) error {
	names := make([]string, len(r.spec.Components))
	for i, c := range r.spec.Components {
		names[i] = c.Name
	}
	if slices.Contains(names, name) {
		return nil
	}
	return &InvalidError{Path: at, Message: fmt.Sprintf("the application has no component %q%s Use one of: %s", name, hint(name, names), strings.Join(names, ", "))}
}

// hint ends a sentence about a name, with the one that was probably meant.
func hint(name string, known []string) string {
	suggestion := definition.Suggest(name, known)
	if suggestion == "" {
		return "."
	}
	return fmt.Sprintf("; did you mean %q?", suggestion)
}

// take copies one field into a variable of the wanted type, if it is given.
func take[T any](object map[string]any, name string, into *T, wanted, at string) error {
	value, given := object[name]
	if !given || value == nil {
		return nil
	}
	typed, ok := value.(T)
	if !ok {
		return &InvalidError{Path: at + "." + name, Message: wanted + " is wanted here; change it"}
	}
	*into = typed
	return nil
}

// takeList copies a list of values of the wanted type, if it is given.
func takeList[T any](object map[string]any, name, wanted, at string) ([]T, error) {
	var items []any
	if err := take(object, name, &items, wanted, at); err != nil {
		return nil, err
	}
	var out []T
	for i, item := range items {
		typed, ok := item.(T)
		if !ok {
			return nil, &InvalidError{Path: fmt.Sprintf("%s.%s[%d]", at, name, i), Message: wanted + " is wanted here; change this item"}
		}
		out = append(out, typed)
	}
	return out, nil
}

// checkFields refuses fields that nobody would read.
func checkFields(object map[string]any, at string, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(known, name) {
			continue
		}
		return &InvalidError{Path: at + "." + name, Message: fmt.Sprintf("there is no such field here%s Use one of: %s; or remove it", hint(name, known), strings.Join(known, ", "))}
	}
	return nil
}
