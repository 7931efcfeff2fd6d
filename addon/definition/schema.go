// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"
	"sort"

	"cuelang.org/go/cue"
)

// schema is what a template says of a parameter, without the CUE around it, so
// that messages can speak of the user's field.
type schema struct {
	// kinds that a value may have; all of them when nothing is known.
	kinds cue.Kind
	// usage is the text for people.
	usage string
	// optional says that the field may be absent.
	optional bool
	// demanded says that the field is marked as required, whatever its value is.
	demanded bool
	// preset says that the value has a default or is fixed.
	preset bool
	// value is the default; nil when there is none or it is not concrete.
	value any
	// computed is the CUE expression of a default that depends on the context.
	computed string
	// fixed is the only value, if there is one; it tells alternatives apart.
	fixed any
	// fields of a struct, by name.
	fields map[string]*schema
	// open says that a struct takes other fields too, which others describes if it is known.
	open   bool
	others *schema
	// items of a list; nil when nothing is known of them.
	items *schema
	// alternatives of the value, one of which must fit; where there are some,
	// the other details are those of the alternatives.
	alternatives []*schema
	// allowed are the only values; nil when there is no such list.
	allowed []any
	// bounds of a number, text or length; zero when there are none.
	bounds bounds
}

// anything is the schema of which nothing is known.
func anything() *schema {
	return &schema{kinds: cue.TopKind, open: true}
}

// ofKind are the alternatives that a value of a kind may be; itself where
// there is no choice.
func (s *schema) ofKind(kind cue.Kind) []*schema {
	if len(s.alternatives) == 0 {
		return []*schema{s}
	}
	var out []*schema
	for _, a := range s.alternatives {
		if a.kinds&kind != 0 {
			out = append(out, a)
		}
	}
	return out
}

// of is the part of the schema that describes a value. Of several alternatives
// for an object it has the fields of all that fit.
func (s *schema) of(value any) *schema {
	all := s.ofKind(kindOf(value))
	if object, ok := value.(map[string]any); ok && len(all) > 1 {
		fitting, _ := fitting(all, object)
		return union(fitting)
	}
	if len(all) != 1 {
		return s
	}
	return all[0]
}

// union has the fields of all alternatives for an object.
func union(all []*schema) *schema {
	s := &schema{kinds: cue.StructKind, fields: map[string]*schema{}}
	for _, a := range all {
		s.open = s.open || a.open
		if a.others != nil {
			s.others = a.others
		}
		for name, field := range a.fields {
			if known := s.fields[name]; known != nil {
				field = choice(append(slices.Clone(known.flat()), field.flat()...))
			}
			s.fields[name] = field
		}
	}
	return s
}

// fitting are the alternatives whose fixed fields are as given. When there are
// none it names the field that rules them out.
func fitting(all []*schema, object map[string]any) (out []*schema, ruledOutBy string) {
	for _, a := range all {
		conflict := a.conflict(object)
		if conflict == "" {
			out = append(out, a)
			continue
		}
		ruledOutBy = conflict
	}
	return out, ruledOutBy
}

// conflict is a fixed field that has another value in the object; "" for none.
func (s *schema) conflict(object map[string]any) string {
	for _, name := range s.names() {
		fixed := s.fields[name].fixed
		value, given := object[name]
		if fixed == nil || !given || value == nil || isUnknown(value) {
			continue
		}
		if !contains([]any{fixed}, normal(value)) {
			return name
		}
	}
	return ""
}

// fixedValues are the values that a field has in the alternatives.
func fixedValues(all []*schema, name string) []any {
	var out []any
	for _, a := range all {
		if f := a.fields[name]; f != nil && f.fixed != nil {
			out = append(out, f.fixed)
		}
	}
	return out
}

// required says that a value must be given: it has no default, and without it
// the template would have nothing concrete.
func (s *schema) required() bool {
	if s.demanded {
		return true
	}
	if s.optional || s.preset || s.open && s.kinds == cue.TopKind {
		return false
	}
	if s.kinds&cue.StructKind == 0 {
		return s.kinds&cue.ListKind == 0
	}
	if len(s.alternatives) > 0 {
		return !slices.ContainsFunc(s.alternatives, func(a *schema) bool { return !a.required() })
	}
	for _, f := range s.fields {
		if f.required() {
			return true
		}
	}
	return false
}

// names are the sorted names of the fields.
func (s *schema) names() []string {
	names := make([]string, 0, len(s.fields))
	for name := range s.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
