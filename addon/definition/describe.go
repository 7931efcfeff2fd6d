// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// kindOf is the kind of a JSON value. A float without a fraction counts as an
// integer too, since JSON does not tell them apart.
func kindOf(value any) cue.Kind {
	switch v := value.(type) {
	case nil:
		return cue.NullKind
	case string:
		return cue.StringKind
	case bool:
		return cue.BoolKind
	case int64:
		return cue.IntKind
	case float64:
		if v == float64(int64(v)) {
			return cue.NumberKind
		}
		return cue.FloatKind
	case map[string]any:
		return cue.StructKind
	case []any:
		return cue.ListKind
	}
	return cue.BottomKind
}

func kindName(k cue.Kind) string {
	switch {
	case k == cue.BottomKind:
		return "a value that is no JSON"
	case k == cue.NullKind:
		return "null"
	case k&cue.StringKind != 0:
		return "a string"
	case k&cue.BoolKind != 0:
		return "a bool"
	case k&cue.NumberKind == cue.IntKind:
		return "an integer"
	case k&cue.NumberKind != 0:
		return "a number"
	case k&cue.StructKind != 0:
		return "an object"
	case k&cue.ListKind != 0:
		return "a list"
	case k&cue.BytesKind != 0:
		return "bytes, which properties cannot hold"
	}
	return "another value"
}

// kindNames names all kinds, the most usual first.
func kindNames(kinds cue.Kind) string {
	if kinds == cue.TopKind {
		return "any value"
	}
	var names []string
	for _, k := range []cue.Kind{cue.StringKind, cue.NumberKind, cue.BoolKind, cue.StructKind, cue.ListKind, cue.BytesKind, cue.NullKind} {
		if kinds&k != 0 {
			names = append(names, kindName(kinds&k))
		}
	}
	return strings.Join(names, " or ")
}

// typeRemedy says how to write a value of the right type.
func typeRemedy(kinds cue.Kind, value any) string {
	text, isText := value.(string)
	_, numberErr := strconv.ParseFloat(text, 64)
	_, isNumber := number(value)
	_, isBool := value.(bool)
	switch {
	case isText && kinds&cue.NumberKind != 0 && numberErr == nil:
		return "write it without quotes"
	case isText && kinds&cue.BoolKind != 0 && (text == "true" || text == "false"):
		return "write it without quotes"
	case (isNumber || isBool) && kinds&cue.StringKind != 0:
		return "write it in quotes"
	case kinds&cue.ListKind != 0:
		return "write a list, such as [...]"
	case kinds&cue.StructKind != 0:
		return "write an object, such as {...}"
	}
	if kinds == cue.BytesKind {
		return "leave it out, and let the definition take a string"
	}
	return "change it to " + kindNames(kinds)
}

// purpose is the usage of a parameter as an addition to its type.
func purpose(s *schema) string {
	if s.usage == "" {
		return ""
	}
	return ": " + s.usage
}

// didYouMean ends a sentence, with a proposal if there is one.
func didYouMean(name string) string {
	if name == "" {
		return "."
	}
	return "; did you mean " + strconv.Quote(name) + "?"
}

// list joins names up to a bound.
func list(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// quoted are values as they are written in JSON.
func quoted(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			out[i] = "null"
		case string:
			out[i] = strconv.Quote(v)
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}
