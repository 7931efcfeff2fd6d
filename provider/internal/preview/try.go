// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// try is one way in which the unknown values may turn out.
type try struct {
	// values of the leaves; nil is null, and gone one that is not there.
	values []any
	// optional says that the try says nothing where the definition refuses it.
	optional bool
	// leaf is the one that differs from the first try; -1 for several.
	leaf int
}

// gone is what a null comes to where the parameter does not take one.
type gone struct{}

// maxAlone is up to how many tries each unknown value is tried on its own with
// all that it may be. Beyond that, those at the same parameter go together only.
const maxAlone = 200

// tries begins with the two that stand for any value; they must render.
func tries(leaves []leaf) iter.Seq[try] {
	return func(yield func(try) bool) {
		first, second, null := make([]any, len(leaves)), make([]any, len(leaves)), make([]any, len(leaves))
		for i, l := range leaves {
			first[i], second[i] = l.values[0], l.values[min(1, len(l.values)-1)]
		}
		only := -1
		if len(leaves) == 1 {
			only = 0
		}
		if !yield(try{first, false, only}) || !yield(try{second, false, only}) || !yield(try{null, true, only}) {
			return
		}
		if !eachNull(leaves, first, yield) || !together(leaves, first, yield) {
			return
		}
		if count(leaves) > maxAlone || len(leaves) == 1 {
			return
		}
		if alone(leaves, first, yield) {
			alone(leaves, null, yield)
		}
	}
}

// eachNull has one value after the other turn out to be null, or not to be there.
func eachNull(leaves []leaf, base []any, yield func(try) bool) bool {
	for i := range leaves {
		if !yield(try{changed(base, i, nil), true, i}) || !yield(try{changed(base, i, gone{}), true, i}) {
			return false
		}
	}
	return true
}

// together has all values at the same parameter turn out to be the same.
func together(leaves []leaf, base []any, yield func(try) bool) bool {
	groups := map[string][]int{}
	var order []string
	for i, l := range leaves {
		group := parameterOf(l)
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], i)
	}
	for _, group := range order {
		members := groups[group]
		for _, v := range leaves[members[0]].values {
			values := append([]any{}, base...)
			for _, i := range members {
				values[i] = v
			}
			differs := -1
			if len(members) == 1 {
				differs = members[0]
			}
			if !yield(try{values, true, differs}) {
				return false
			}
		}
	}
	return true
}

// count is how many values all leaves may have together.
func count(leaves []leaf) int {
	n := 0
	for _, l := range leaves {
		n += len(l.values)
	}
	return n
}

// alone has each value turn out to be all that it may be, beside the others.
func alone(leaves []leaf, base []any, yield func(try) bool) bool {
	for i, l := range leaves {
		for _, v := range l.values {
			if !yield(try{changed(base, i, v), true, i}) {
				return false
			}
		}
	}
	return true
}

func changed(values []any, at int, to any) []any {
	out := append([]any{}, values...)
	out[at] = to
	return out
}

// parameterOf names the parameter that a leaf is: items of a list are the same one.
func parameterOf(l leaf) string {
	var b strings.Builder
	for i, step := range l.path {
		if _, isIndex := step.(int); isIndex && i >= len(l.properties) {
			step = "*"
		}
		fmt.Fprintf(&b, "%v\x00", step)
	}
	return b.String()
}

// assign is a tree in which the leaves have values. Null is absent, except for a
// parameter that takes null.
func assign(tree map[string]any, leaves []leaf, values []any) map[string]any {
	var out any = tree
	for i, l := range leaves {
		_, absent := values[i].(gone)
		if absent || values[i] == nil && (l.definition == nil || l.path[0] == environmentsPart) {
			out = without(out, l.path)
			continue
		}
		out = set(out, l.path, values[i])
	}
	for _, l := range leaves {
		if l.definition == nil {
			continue
		}
		properties, _ := get(out, l.properties...).(map[string]any)
		out = set(out, l.properties, l.definition.Coerce(properties))
	}
	return objectOf(out)
}

// refused says that a definition does not take the properties, so that an apply
// with such values ends with an error that says so.
func refused(err error) bool { return refusal(err) != nil }

// refusal is an error that says what a definition does not take; nil for others.
func refusal(err error) *render.Error {
	var e *render.Error
	if errors.As(err, &e) && e.Reason == render.ReasonInvalidProperties {
		return e
	}
	return nil
}
