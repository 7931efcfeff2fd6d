// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package policy says what the policies of an application mean, and merges
// what they change into components.
package policy

import (
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// ComponentOverride changes components.
type ComponentOverride struct {
	// Component is the name of the component that is changed; empty means any.
	Component string
	// Type is the type of the components that are changed; empty means any.
	Type string
	// Properties are merged into the component's.
	Properties map[string]any
	// Traits are merged into the component's by their type.
	Traits []TraitOverride
}

// TraitOverride changes the trait of its type.
type TraitOverride struct {
	// Type of the trait.
	Type string
	// Properties are merged into the trait's.
	Properties map[string]any
	// Disable removes the trait.
	Disable bool
}

// EnvironmentUse is the use of one environment by an application.
type EnvironmentUse struct {
	// Environment is the name of the environment.
	Environment string
	// Policy is the name of the policy that asks for it; empty when none does.
	Policy string
	// Path of the policy, such as spec.policies[0].
	Path string
	// Selector are the names of the components that go there; empty means all.
	Selector []string
	// Overrides change components there.
	Overrides []ComponentOverride
}

// Environments lists the environments that an application goes to.
func Environments(spec v1beta1.ApplicationSpec) ([]EnvironmentUse, error) {
	return nil, nil
}

// Merge merges overrides into a component; later ones win. Inputs are not changed.
func Merge(base render.Component, layers ...ComponentOverride) render.Component {
	return base
}

// Components decodes the components of an application.
func Components(spec v1beta1.ApplicationSpec) ([]render.Component, error) {
	return nil, nil
}

// NotImplemented lists the fields in use that are accepted and have no effect
// yet: one line each, with path and remedy.
func NotImplemented(spec v1beta1.ApplicationSpec) []string {
	return nil
}

// TooLargeError says that the properties of a component exceed a bound.
type TooLargeError struct {
	// Path of the field.
	Path string
	// Message says which bound, and what to do.
	Message string
}

// Error is the path and the message.
func (e *TooLargeError) Error() string {
	return e.Path + ": " + e.Message
}
