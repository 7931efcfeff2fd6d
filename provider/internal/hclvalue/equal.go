// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"encoding/json"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// SemanticallyEqual says whether two values are the same JSON, with a null
// taken for absent. Values that hold anything unknown equal nothing.
func SemanticallyEqual(a, b attr.Value) bool {
	if HasUnknown(a) || HasUnknown(b) {
		return false
	}
	ja, errA := encoder{}.encode(a, "")
	jb, errB := encoder{}.encode(b, "")
	return errA == nil && errB == nil && EqualJSON(ja, jb)
}

// EqualJSON says whether two pieces of JSON mean the same: a null in an object
// is absent, and numbers are equal when they are as float64, which is all that
// is left of them once they went through JSON. Unknown equals nothing.
func EqualJSON(a, b any) bool {
	return equal(a, b, sameLeaf)
}

// equalToLive is EqualJSON of a configured value and one that was read, where a
// string is also equal to the number or bool that it spells: the hub is sent
// those where a definition asks for them.
func equalToLive(configured, live any) bool {
	return equal(configured, live, func(configured, live any) bool {
		return sameLeaf(configured, live) || spells(configured, live)
	})
}

func equal(a, b any, leaf func(a, b any) bool) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b, leaf)
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b, leaf)
	}
	return leaf(a, b)
}

func equalMaps(a, b map[string]any, leaf func(a, b any) bool) bool {
	for key, element := range a {
		if !equal(element, b[key], leaf) {
			return false
		}
	}
	for key, element := range b {
		if _, both := a[key]; !both && element != nil {
			return false
		}
	}
	return true
}

func equalLists(a, b []any, leaf func(a, b any) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i], leaf) {
			return false
		}
	}
	return true
}

func sameLeaf(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case definition.Unknown:
		return false
	}
	return sameNumber(a, b)
}

func sameNumber(a, b any) bool {
	ia, integerA := a.(int64)
	ib, integerB := b.(int64)
	if integerA && integerB {
		return ia == ib
	}
	fa, okA := toFloat(a)
	fb, okB := toFloat(b)
	return okA && okB && fa == fb
}

// spells says whether a string is the JSON text of a number or bool.
func spells(text, value any) bool {
	s, ok := text.(string)
	if !ok {
		return false
	}
	if b, ok := value.(bool); ok {
		return s == strconv.FormatBool(b)
	}
	if _, ok := toFloat(value); !ok || !json.Valid([]byte(s)) {
		return false
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && sameNumber(f, value)
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}
