// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// Check looks up the types of components and their traits, and validates all
// properties at once, so that a user sees every mistake in one go. The errors
// are in the order of the components.
//
// A lenient renderer passes unknown parameters over: other tools write them and
// the existing OAM implementation ignores them. They are warnings then. Of a
// component that partial names nothing is missed: others fill in the rest.
func (r *Renderer) Check(components []Component, partial func(Component) bool) (warnings []definition.Finding, errs []*Error) {
	for _, c := range components {
		isPartial := partial != nil && partial(c)
		for _, u := range c.uses() {
			d, err := r.library.Lookup(u.kind, u.name)
			if err != nil {
				errs = append(errs, unknownType(c, u.path+".type", err))
				continue
			}
			w, findings := r.sort(d.Validate(u.properties, u.path+".properties"))
			warnings = append(warnings, w...)
			if isPartial {
				findings = slices.DeleteFunc(findings, func(f definition.Finding) bool { return f.Reason == definition.MissingParameter })
			}
			if len(findings) > 0 {
				errs = append(errs, invalid(c, findings))
			}
		}
	}
	return warnings, errs
}

// use is one use of a type, by the component itself or by a trait.
type use struct {
	kind       definition.Kind
	name, path string
	properties map[string]any
}

func (c Component) uses() []use {
	out := []use{{c.kind(), c.Type, c.path(), c.Properties}}
	for _, t := range c.Traits {
		out = append(out, use{definition.Trait, t.Type, c.traitPath(t), t.Properties})
	}
	return out
}

// sort tells what is passed over from what is an error.
func (r *Renderer) sort(found []definition.Finding) (warnings, findings []definition.Finding) {
	for _, f := range found {
		if r.lenient && f.Reason == definition.UnknownParameter {
			warnings = append(warnings, f)
			continue
		}
		findings = append(findings, f)
	}
	return warnings, findings
}

// Lenient is the renderer with unknown parameters passed over. What was
// rendered before is shared.
func (r *Renderer) Lenient() *Renderer {
	return &Renderer{library: r.library, results: r.results, renders: r.renders, lenient: true}
}

// With is the renderer with other definitions. What was rendered before is
// shared: the key of a result holds the digests of the definitions.
func (r *Renderer) With(library *definition.Library) *Renderer {
	return &Renderer{library: library, results: r.results, renders: r.renders, lenient: r.lenient}
}

// parameters are the properties that a template is given.
func (r *Renderer) parameters(d *definition.Definition, properties map[string]any) map[string]any {
	if r.lenient {
		properties = d.Known(properties)
	}
	return d.Clean(properties)
}
