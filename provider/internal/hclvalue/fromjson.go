// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// precision is that of numbers in HCL, in bits. A number of lesser precision
// would differ from the same number in a configuration.
const precision = 512

// FromJSON converts what was read from the hub into a value.
//
// Where prior, written as JSON, equals what was read, prior itself is the
// result, at the highest level where that holds; below, prior's kinds are kept
// as long as they fit. What is new becomes objects, tuples, strings, numbers and
// bools. A Dynamic prior gives a Dynamic; a nil prior gives what it holds.
func FromJSON(live any, prior attr.Value) (attr.Value, error) {
	dynamic, ok := prior.(basetypes.DynamicValue)
	if !ok {
		return fromJSON(live, prior, "")
	}
	if live == nil && absent(prior) {
		return prior, nil
	}
	v, err := fromJSON(live, dynamic.UnderlyingValue(), "")
	if err != nil {
		return nil, err
	}
	if inner, ok := v.(basetypes.DynamicValue); ok {
		return inner, nil
	}
	return basetypes.NewDynamicValue(v), nil
}

func fromJSON(live any, prior attr.Value, at string) (attr.Value, error) {
	if prior == nil || HasUnknown(prior) {
		return decode(live, nil, at)
	}
	encoded, err := encoder{}.encode(prior, at)
	if err != nil {
		return nil, err
	}
	if equalToLive(encoded, live) {
		return prior, nil
	}
	return decode(live, prior, at)
}

// decode builds a value anew, with the kind of prior where that fits.
func decode(live any, prior attr.Value, at string) (attr.Value, error) {
	if dynamic, ok := prior.(basetypes.DynamicValue); ok {
		prior = dynamic.UnderlyingValue()
	}
	switch live := live.(type) {
	case map[string]any:
		return decodeMap(live, prior, at)
	case []any:
		return decodeList(live, prior, at)
	case nil:
		return basetypes.NewDynamicNull(), nil
	case string:
		return basetypes.NewStringValue(live), nil
	case bool:
		return basetypes.NewBoolValue(live), nil
	}
	return decodeNumber(live, at)
}

func decodeNumber(live any, at string) (attr.Value, error) {
	text := ""
	switch live := live.(type) {
	case int64:
		text = strconv.FormatInt(live, 10)
	case int:
		text = strconv.Itoa(live)
	case float64:
		text = strconv.FormatFloat(live, 'g', -1, 64)
	case json.Number:
		text = live.String()
	}
	n, _, err := big.ParseFloat(text, 10, precision, big.ToNearestEven)
	if err != nil {
		return nil, fmt.Errorf("%s: a %T is not a value of JSON", at, live)
	}
	return basetypes.NewNumberValue(n), nil
}

func decodeMap(live map[string]any, prior attr.Value, at string) (attr.Value, error) {
	known, elementType := mapOf(prior)
	elements := make(map[string]attr.Value, len(live))
	for key, element := range live {
		v, err := fromJSON(element, known[key], Key(at, key))
		if err != nil {
			return nil, err
		}
		elements[key] = v
	}
	for key, v := range known {
		if _, read := live[key]; !read && absent(v) {
			elements[key] = v
		}
	}
	if elementType != nil && allOfType(mapValues(elements), elementType) {
		return checked(basetypes.NewMapValue(elementType, elements))
	}
	return object(elements)
}

// mapOf returns what an object or map holds, and of a map the type of its elements.
func mapOf(v attr.Value) (map[string]attr.Value, attr.Type) {
	switch v := v.(type) {
	case basetypes.ObjectValue:
		return v.Attributes(), nil
	case basetypes.MapValue:
		return v.Elements(), v.ElementType(context.Background())
	}
	return nil, nil
}

func decodeList(live []any, prior attr.Value, at string) (attr.Value, error) {
	known := listOf(prior)
	elements := make([]attr.Value, len(live))
	for i, element := range live {
		var hint attr.Value
		if i < len(known) {
			hint = known[i]
		}
		v, err := fromJSON(element, hint, Index(at, i))
		if err != nil {
			return nil, err
		}
		elements[i] = v
	}
	return listLike(prior, elements)
}

func listOf(v attr.Value) []attr.Value {
	switch v := v.(type) {
	case basetypes.TupleValue:
		return v.Elements()
	case basetypes.ListValue:
		return v.Elements()
	case basetypes.SetValue:
		return v.Elements()
	}
	return nil
}

// listLike makes a list or set where prior is one and the elements fit, and else a tuple.
func listLike(prior attr.Value, elements []attr.Value) (attr.Value, error) {
	ctx := context.Background()
	switch prior := prior.(type) {
	case basetypes.ListValue:
		if t := prior.ElementType(ctx); allOfType(elements, t) {
			return checked(basetypes.NewListValue(t, elements))
		}
	case basetypes.SetValue:
		if t := prior.ElementType(ctx); allOfType(elements, t) && distinct(elements) {
			return checked(basetypes.NewSetValue(t, elements))
		}
	}
	types := make([]attr.Type, len(elements))
	for i, element := range elements {
		types[i] = element.Type(ctx)
	}
	return checked(basetypes.NewTupleValue(types, elements))
}

func object(elements map[string]attr.Value) (attr.Value, error) {
	types := make(map[string]attr.Type, len(elements))
	for key, element := range elements {
		types[key] = element.Type(context.Background())
	}
	return checked(basetypes.NewObjectValue(types, elements))
}

func allOfType(elements []attr.Value, t attr.Type) bool {
	for _, element := range elements {
		if !element.Type(context.Background()).Equal(t) {
			return false
		}
	}
	return true
}

// distinct says that no element occurs twice, which a set could not hold.
func distinct(elements []attr.Value) bool {
	for i, a := range elements {
		for _, b := range elements[:i] {
			if a.Equal(b) {
				return false
			}
		}
	}
	return true
}
