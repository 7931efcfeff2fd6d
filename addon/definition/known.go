// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

// Known returns a copy of properties without the parameters that Validate calls
// unknown, which is how applications of other tools are rendered: there such
// parameters have no effect.
func (d *Definition) Known(properties map[string]any) map[string]any {
	return known(d.parameters(), asMap(properties)).(map[string]any) //nolint:forcetypeassert // an object stays one
}

func known(s *schema, value any) any {
	value = normal(value)
	s = s.of(value)
	switch v := value.(type) {
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
	out := make(map[string]any, len(object))
	for name, value := range object {
		switch field := s.fields[name]; {
		case field != nil:
			out[name] = known(field, value)
		case s.others != nil:
			out[name] = known(s.others, value)
		case s.open:
			out[name] = value
		}
	}
	return out
}
