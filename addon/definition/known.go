// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

// Known returns a copy of properties without the parameters that Validate calls
// unknown, which is how applications of other tools are rendered: there such
// parameters have no effect.
func (d *Definition) Known(properties map[string]any) map[string]any {
	return known(d.parameters(), asMap(properties), false).(map[string]any) //nolint:forcetypeassert // an object stays one
}

// KnownNulls returns a copy of properties without the nulls of parameters that
// Validate calls unknown. They say nothing: objects with optional attributes have
// a null for each that is not given.
func (d *Definition) KnownNulls(properties map[string]any) map[string]any {
	return known(d.parameters(), asMap(properties), true).(map[string]any) //nolint:forcetypeassert // an object stays one
}

// known leaves unknown parameters out: all of them, or only those that are null.
func known(s *schema, value any, onlyNulls bool) any {
	value = normal(value)
	s = s.of(value)
	switch v := value.(type) {
	case map[string]any:
		return knownFields(s, v, onlyNulls)
	case []any:
		if s.items == nil {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = known(s.items, v[i], onlyNulls)
		}
		return out
	default:
		return v
	}
}

func knownFields(s *schema, object map[string]any, onlyNulls bool) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		switch field := s.fields[name]; {
		case field != nil:
			out[name] = known(field, value, onlyNulls)
		case s.others != nil:
			out[name] = known(s.others, value, onlyNulls)
		case s.open, onlyNulls && value != nil:
			out[name] = value
		}
	}
	return out
}
