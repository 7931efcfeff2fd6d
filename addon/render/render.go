// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package render turns components with their traits into Kubernetes objects.
//
// The package is pure: all it needs is given as values, and the same input
// gives the same bytes.
package render

import (
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// Trait is one trait of a component.
type Trait struct {
	// Type of the trait.
	Type string
	// Properties are the parameters of the trait.
	Properties map[string]any
}

// Component is one component with everything merged into it.
type Component struct {
	// Name of the component.
	Name string
	// Type of the component.
	Type string
	// Properties are the parameters of the component.
	Properties map[string]any
	// Traits in the order in which they are applied.
	Traits []Trait
}

// Context is what templates may know of where they are rendered.
type Context struct {
	// AppName is the name of the application.
	AppName string
	// AppNamespace is the hub namespace of the application.
	AppNamespace string
	// TargetNamespace is the namespace that the objects go to.
	TargetNamespace string
	// Environment that the objects are rendered for.
	Environment string
	// Cluster that the objects are rendered for.
	Cluster string
	// AppLabels are the labels of the application.
	AppLabels map[string]string
	// AppAnnotations are the annotations of the application.
	AppAnnotations map[string]string
	// AppRevision is the name of the application's revision.
	AppRevision string
	// Components are the names of all components of the application.
	Components []string
}

// Result is what a component renders to. It is shared: callers must not change it.
type Result struct {
	// Component that was rendered.
	Component Component
	// Context that it was rendered in.
	Context Context
	// Objects of the component, the workload first, then in a stable order.
	Objects []Object
	// Definition of the component's type.
	Definition *definition.Definition
	// Traits are the definitions of the traits, in evaluation order.
	Traits []*definition.Definition
	// Digest of all objects.
	Digest string
}

// Renderer renders components and keeps results. It is safe for concurrent use.
type Renderer struct{}

// New is a renderer of the types in a library.
func New(lib *definition.Library) *Renderer {
	return &Renderer{}
}

// Render renders a component. The error is an *Error.
func (r *Renderer) Render(ctx Context, c Component) (*Result, error) {
	return nil, &Error{Component: c.Name}
}

// Renders is the number of renders that no kept result answered.
func (r *Renderer) Renders() uint64 {
	return 0
}
