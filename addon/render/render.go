// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package render turns components with their traits into Kubernetes objects.
//
// The package is pure: all it needs is given as values, and the same input
// gives the same bytes.
package render

import (
	"sync/atomic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// cacheLimit is the weight in bytes of the results that a renderer keeps: about
// four thousand usual components.
const cacheLimit = 8 << 20

// Trait is one trait of a component.
type Trait struct {
	// Type of the trait.
	Type string
	// Properties are the parameters of the trait.
	Properties map[string]any
	// Path of the trait in the user's text, for errors; components.NAME.traits.TYPE when empty.
	Path string
}

// Component is one component with everything merged into it, or a policy that
// makes objects.
type Component struct {
	// Policy says that it is a policy: its type is a PolicyDefinition, and it has no traits.
	Policy bool
	// Name of the component.
	Name string
	// Type of the component.
	Type string
	// Properties are the parameters of the component.
	Properties map[string]any
	// Traits in the order in which they are applied.
	Traits []Trait
	// Objects are those that the properties refer to, as they were read; nil when they were not.
	Objects []map[string]any
	// DependsOn are the names of components that must be healthy in the same place before.
	DependsOn []string
	// Path of the component in the user's text, for errors; components.NAME when empty.
	Path string
}

// kind is the kind of definition that the type is of.
func (c Component) kind() definition.Kind {
	if c.Policy {
		return definition.Policy
	}
	return definition.Component
}

func (c Component) path() string {
	if c.Path != "" {
		return c.Path
	}
	return "components." + c.Name
}

func (c Component) traitPath(t Trait) string {
	if t.Path != "" {
		return t.Path
	}
	return c.path() + ".traits." + t.Type
}

// Result is what a component renders to. It is shared: callers must not change it.
type Result struct {
	// Component that was rendered.
	Component Component
	// Context that it was rendered in.
	Context Context
	// Objects of the component: the workload, its further objects by name, then those of the traits.
	Objects []Object
	// Definition of the component's type.
	Definition *definition.Definition
	// Traits are the definitions of the traits, in evaluation order.
	Traits []*definition.Definition
	// Digest of all objects.
	Digest string
	// Secret says that Secrets were added to the objects that no renderer made: they are not to be kept.
	Secret bool
	// Warnings are unknown parameters that a lenient renderer passed over.
	Warnings []definition.Finding
}

// Renderer renders components and keeps the results that were used last. It is
// safe for concurrent use.
type Renderer struct {
	library *definition.Library
	results *cache
	renders *atomic.Uint64
	lenient bool
}

// New is a renderer of the types in a library.
func New(lib *definition.Library) *Renderer {
	return &Renderer{library: lib, results: newCache(cacheLimit), renders: &atomic.Uint64{}}
}

// Render renders a component. The same component in a context that differs only
// in what its templates do not read is answered from what was kept. The error is an *Error.
func (r *Renderer) Render(ctx Context, c Component) (*Result, error) {
	plan, err := r.plan(ctx, c)
	if err != nil {
		return nil, err
	}
	if kept, ok := r.results.get(plan.key); ok {
		return kept.with(ctx, c), nil
	}
	warnings, err := r.validate(plan)
	if err != nil {
		return nil, err
	}
	r.renders.Add(1)
	result, err := plan.evaluate()
	if err != nil {
		return nil, err
	}
	result.Warnings = warnings
	r.results.put(plan.key, result)
	return result.with(ctx, c), nil
}

// Renders is the number of renders that no kept result answered.
func (r *Renderer) Renders() uint64 {
	return r.renders.Load()
}

// with is the result for another component and context that render the same.
func (r *Result) with(ctx Context, c Component) *Result {
	out := *r
	out.Component, out.Context = c, ctx
	return &out
}
