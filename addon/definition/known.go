// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import "maps"

// Known returns a copy of properties without the parameters that Validate calls
// unknown, which is how applications of other tools are rendered: there such
// parameters have no effect.
func (d *Definition) Known(properties map[string]any) map[string]any {
	return known(d.parameters(), asMap(properties)).(map[string]any) //nolint:forcetypeassert // an object stays one
}

func known(s *schema, value any) any {
	switch v := normal(value).(type) {
	case map[string]any:
		return knownFields(s, v)
	case []any:
		if s.items == nil {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = known(s.items, v[i])
		}
		return out
	default:
		return v
	}
}

func knownFields(s *schema, object map[string]any) map[string]any {
	fields, open := s.fieldsOf(object)
	out := make(map[string]any, len(object))
	for name, value := range object {
		switch field := fields[name]; {
		case field != nil:
			out[name] = known(field, value)
		case s.others != nil:
			out[name] = known(s.others, value)
		case open:
			out[name] = value
		}
	}
	return out
}

// fieldsOf are the fields that an object may have: of a struct with
// alternatives, those of the alternatives that fit.
func (s *schema) fieldsOf(object map[string]any) (fields map[string]*schema, open bool) {
	if len(s.alternatives) == 0 {
		return s.fields, s.open
	}
	fields, open = map[string]*schema{}, s.open
	fitting, _ := s.fitting(object)
	for _, a := range fitting {
		maps.Copy(fields, a.fields)
		open = open || a.open
	}
	return fields, open
}
