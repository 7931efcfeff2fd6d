// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// maxName is the length of a label value, which a component's name becomes.
const maxName = 63

// step is one template to evaluate with its properties.
type step struct {
	path       string
	definition *definition.Definition
	properties map[string]any
	given      map[string]any
	template   *program.Program
	reads      *program.Reads
}

// plan is all that decides what a component renders to.
type plan struct {
	context   Context
	component Component
	workload  step
	traits    []step
	labels    map[string]string
	notes     map[string]string
	key       string
}

// plan looks the definitions up and computes the key of the result.
func (r *Renderer) plan(ctx Context, c Component) (*plan, error) {
	if err := checkName(c); err != nil {
		return nil, err
	}
	p := &plan{context: ctx, component: c}
	p.labels, p.notes = inherited(ctx)
	if c.Policy {
		p.labels, p.notes = map[string]string{}, healthNotes(ctx)
	}
	var err error
	if p.workload, err = r.step(c, c.kind(), c.Type, c.Properties, c.path()); err != nil {
		return nil, err
	}
	for _, t := range c.Traits {
		s, err := r.step(c, definition.Trait, t.Type, t.Properties, c.traitPath(t))
		if err != nil {
			return nil, err
		}
		p.traits = append(p.traits, s)
	}
	if err := p.checkRules(); err != nil {
		return nil, err
	}
	return p, p.seal(r.lenient)
}

func checkName(c Component) error {
	problems := validation.IsDNS1123Subdomain(c.Name)
	if len(c.Name) > maxName {
		problems = append(problems, validation.MaxLenError(maxName))
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{
		Component: c.Name, Path: c.path() + ".name", Reason: ReasonInvalidName,
		Message: "the name of a " + string(c.kind()) + " becomes the name of objects, so " + problems[0] + "; change it",
	}
}

func (r *Renderer) step(c Component, kind definition.Kind, name string, properties map[string]any, path string) (step, error) {
	d, err := r.library.Lookup(kind, name)
	if err != nil {
		return step{}, unknownType(c, path+".type", err)
	}
	template := d.Program(definition.TemplatePart)
	if template == nil {
		return step{}, &Error{Component: c.Name, Path: path + ".type", Reason: ReasonTemplateFailed, Message: fmt.Sprintf("the %s type %q has no CUE template", kind, name)}
	}
	reads, err := template.Reads("context")
	if err != nil {
		return step{}, templateFailed(c, path, d, err)
	}
	s := step{path: path + ".properties", definition: d, given: properties, template: template, reads: reads}
	s.properties = r.parameters(d, properties)
	return s, checkValues(c, s.properties, s.path)
}

// checkValues refuses what cannot be put into an object: a value that is not
// known yet, and text that is no UTF-8 or holds a NUL.
func checkValues(c Component, value any, path string) error {
	bad := findBad(value)
	if bad == nil {
		return nil
	}
	path += bad.below
	if bad.unknown {
		return &Error{Component: c.Name, Path: path, Reason: ReasonUnknownValue, Message: "the value is not known yet; objects can be rendered when it is"}
	}
	return &Error{Component: c.Name, Path: strings.ToValidUTF8(path, "?"), Reason: ReasonInvalidProperties, Message: "the text is no valid UTF-8 or holds a NUL character; remove what is no text"}
}

// badValue is a value that cannot be put into an object, and its path. The path
// is made on the way back, since nearly always all is well.
type badValue struct {
	below   string
	unknown bool
}

func (b *badValue) in(step string) *badValue {
	b.below = step + b.below
	return b
}

func findBad(value any) *badValue {
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			if !isText(k) {
				return &badValue{}
			}
			if bad := findBad(item); bad != nil {
				return bad.in("." + k)
			}
		}
	case []any:
		for i, item := range v {
			if bad := findBad(item); bad != nil {
				return bad.in(fmt.Sprintf("[%d]", i))
			}
		}
	case definition.Unknown, *definition.Unknown:
		return &badValue{unknown: true}
	case string:
		if !isText(v) {
			return &badValue{}
		}
	}
	return nil
}

func isText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// seal computes the key: a digest of the definitions, the properties, the part
// of the context that the templates read, and what every object is labelled with.
func (p *plan) seal(lenient bool) error {
	type part struct {
		Digest     string
		Type       string
		Properties map[string]any
		Context    map[string]any
	}
	parts := make([]part, 0, 1+len(p.traits))
	for _, s := range append([]step{p.workload}, p.traits...) {
		parts = append(parts, part{s.definition.Digest, s.definition.Name, s.properties, p.context.Values(p.component, s.reads)})
	}
	raw, err := json.Marshal([]any{
		parts, p.component.Name, p.component.Type, p.context.AppName, p.context.AppNamespace, p.context.TargetNamespace, p.context.Environment, p.context.ReplicaKey, p.labels, p.notes, lenient,
	})
	if err != nil {
		return &Error{Component: p.component.Name, Path: p.workload.path, Reason: ReasonInvalidProperties, Message: "the properties hold a value that has no JSON form; change it"}
	}
	sum := sha256.Sum256(raw)
	p.key = string(sum[:])
	return nil
}

// validate checks the properties of the component and all its traits at once.
func (r *Renderer) validate(p *plan) ([]definition.Finding, error) {
	var all, findings []definition.Finding
	for _, s := range append([]step{p.workload}, p.traits...) {
		warnings, found := r.sort(s.definition.Validate(s.given, s.path))
		all, findings = append(all, warnings...), append(findings, found...)
	}
	if len(findings) > 0 {
		return all, invalid(p.component, findings)
	}
	return all, nil
}
