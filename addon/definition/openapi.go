// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
)

// The types of OpenAPI.
const (
	stringType  = "string"
	integerType = "integer"
	numberType  = "number"
	booleanType = "boolean"
	objectType  = "object"
	arrayType   = "array"
)

// OpenAPI is the schema of the parameters in the words of OpenAPI 3.0, made of
// JSON values.
func (d *Definition) OpenAPI() map[string]any {
	out := d.parameters().openAPI()
	if _, described := out["description"]; !described && d.Description != "" {
		out["description"] = d.Description
	}
	return out
}

func (s *schema) openAPI() map[string]any {
	out := map[string]any{}
	if len(s.alternatives) > 0 {
		s.openAPIChoice(out)
	} else {
		s.openAPIType(out)
	}
	if s.usage != "" {
		out["description"] = s.usage
	}
	if s.value != nil {
		out["default"] = s.value
	}
	return out
}

// openAPIChoice says null by the word for it, and the rest as alternatives.
func (s *schema) openAPIChoice(out map[string]any) {
	var all []any
	for _, a := range s.alternatives {
		if a.kinds == cue.NullKind {
			continue
		}
		one := a.openAPI()
		a.requireFixed(one)
		all = append(all, one)
	}
	if s.kinds&cue.NullKind != 0 {
		out["nullable"] = true
	}
	if len(all) == 1 {
		for k, v := range all[0].(map[string]any) { //nolint:forcetypeassert // it was put there above
			out[k] = v
		}
		return
	}
	out["oneOf"] = all
}

// requireFixed demands the constant fields, which say which alternative is meant.
func (s *schema) requireFixed(out map[string]any) {
	var required []any
	for _, name := range s.names() {
		if f := s.fields[name]; f.required() || f.fixed != nil {
			required = append(required, name)
		}
	}
	if len(required) > 0 {
		out["required"] = required
	}
}

func (s *schema) openAPIType(out map[string]any) {
	if s.kinds == cue.TopKind {
		return
	}
	if s.kinds&cue.NullKind != 0 {
		out["nullable"] = true
	}
	if types := typesOf(s.kinds); len(types) == 1 {
		out["type"] = types[0]
	} else if len(types) > 1 {
		var all []any
		for _, t := range types {
			all = append(all, map[string]any{"type": t})
		}
		out["oneOf"] = all
	}
	if s.allowed != nil {
		out["enum"] = slices.Clone(s.allowed)
	}
	if s.kinds&cue.StructKind != 0 {
		s.openAPIFields(out)
	}
	if s.items != nil {
		out["items"] = s.items.openAPI()
	} else if s.kinds&cue.ListKind != 0 {
		out["items"] = map[string]any{}
	}
	s.bounds.openAPI(out, lengthNames(s.kinds))
}

func (s *schema) openAPIFields(out map[string]any) {
	properties := map[string]any{}
	var required []any
	for _, name := range s.names() {
		properties[name] = s.fields[name].openAPI()
		if s.fields[name].required() {
			required = append(required, name)
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	switch {
	case s.others != nil && s.others.kinds != cue.TopKind:
		out["additionalProperties"] = s.others.openAPI()
	default:
		out["additionalProperties"] = s.open
	}
}

// typesOf are the types of OpenAPI for the kinds. Bytes come as text.
func typesOf(kinds cue.Kind) []string {
	var types []string
	add := func(kind cue.Kind, name string) {
		if kinds&kind != 0 {
			types = append(types, name)
		}
	}
	add(cue.StringKind|cue.BytesKind, stringType)
	if kinds&cue.FloatKind != 0 {
		add(cue.NumberKind, numberType)
	} else {
		add(cue.IntKind, integerType)
	}
	add(cue.BoolKind, booleanType)
	add(cue.StructKind, objectType)
	add(cue.ListKind, arrayType)
	return types
}

// lengthNames are the words for the least and greatest length.
func lengthNames(kinds cue.Kind) [2]string {
	switch {
	case kinds&cue.ListKind != 0:
		return [2]string{"minItems", "maxItems"}
	case kinds&cue.StructKind != 0:
		return [2]string{"minProperties", "maxProperties"}
	}
	return [2]string{"minLength", "maxLength"}
}

func (b *bounds) openAPI(out map[string]any, lengths [2]string) {
	for _, l := range b.limits {
		switch l.op {
		case token.GEQ:
			out["minimum"] = l.number()
		case token.GTR:
			out["minimum"], out["exclusiveMinimum"] = l.number(), true
		case token.LEQ:
			out["maximum"] = l.number()
		case token.LSS:
			out["maximum"], out["exclusiveMaximum"] = l.number(), true
		}
	}
	for _, l := range b.lengths {
		if l.op == token.GEQ {
			out[lengths[0]] = l.number()
			continue
		}
		out[lengths[1]] = l.number()
	}
	b.openAPIPatterns(out)
}

// openAPIPatterns has to gather patterns, since a schema has one only.
func (b *bounds) openAPIPatterns(out map[string]any) {
	var all []any
	for _, p := range b.patterns {
		rule := map[string]any{"pattern": p.expression.String()}
		if p.not {
			rule = map[string]any{"not": rule}
		}
		all = append(all, rule)
	}
	if len(b.excluded) > 0 {
		all = append(all, map[string]any{"not": map[string]any{"enum": slices.Clone(b.excluded)}})
	}
	if len(all) == 1 {
		for k, v := range all[0].(map[string]any) { //nolint:forcetypeassert // it was put there above
			out[k] = v
		}
		return
	}
	if len(all) > 1 {
		out["allOf"] = all
	}
}

// number is the limit as an integer where it is one.
func (l limit) number() any {
	if isInteger(l.value) {
		return int64(l.value)
	}
	return l.value
}
