// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"math"
	"strconv"

	"cuelang.org/go/cue"
)

// Coerce returns a copy of properties in which strings that stand for a number
// or bool are converted where the definition wants one and takes no string,
// since conditional expressions and maps make HCL turn 1 into "1". The rest is as after Clean.
func (d *Definition) Coerce(properties map[string]any) map[string]any {
	return convert(d.parameters(), asMap(properties), true).(map[string]any) //nolint:forcetypeassert // an object stays one
}

// Clean returns a copy of properties in the types of unstructured objects:
// nulls where the definition takes none are left out, numbers are int64 or
// float64, and float64 without a fraction is int64 where an integer is wanted.
func (d *Definition) Clean(properties map[string]any) map[string]any {
	return convert(d.parameters(), asMap(properties), false).(map[string]any) //nolint:forcetypeassert // an object stays one
}

func convert(s *schema, value any, fromText bool) any {
	value = normal(value)
	switch s := s.of(value); v := value.(type) {
	case map[string]any:
		return convertObject(s, v, fromText)
	case []any:
		return convertList(s, v, fromText)
	case string:
		if fromText && s.kinds&cue.StringKind == 0 {
			return convertText(s, v)
		}
		return v
	case float64:
		if s.kinds&cue.FloatKind == 0 && s.kinds&cue.IntKind != 0 && isInteger(v) {
			return int64(v)
		}
		return v
	default:
		return v
	}
}

func convertObject(s *schema, object map[string]any, fromText bool) any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		field := s.fields[name]
		if field == nil {
			field = s.others
		}
		if field == nil {
			field = anything()
		}
		if value == nil && field.kinds&cue.NullKind == 0 {
			continue
		}
		out[name] = convert(field, value, fromText)
	}
	return out
}

func convertList(s *schema, items []any, fromText bool) any {
	item := s.items
	if item == nil {
		item = anything()
	}
	out := make([]any, len(items))
	for i, v := range items {
		out[i] = convert(item, v, fromText)
	}
	return out
}

// convertText leaves a text alone that stands for nothing that is wanted:
// validation then says so.
func convertText(s *schema, text string) any {
	if s.kinds&cue.BoolKind != 0 && (text == "true" || text == "false") {
		return text == "true"
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && s.kinds&cue.IntKind != 0 {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && s.kinds&cue.FloatKind != 0 && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	return text
}

// isInteger says that a float is an integer that int64 can hold exactly.
func isInteger(f float64) bool {
	return f == math.Trunc(f) && math.Abs(f) < 1<<53
}
