// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"fmt"
	"math"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// NumberError says that a number cannot be kept by JSON as Kubernetes reads it.
type NumberError struct {
	// Path of the number, below the value that was converted.
	Path string
	// Number as it was written.
	Number string
}

// Error names the path, the number and the way out.
func (e *NumberError) Error() string {
	return fmt.Sprintf("%s: the number %s does not fit into 64 bits; write it as a string, or use a smaller number", e.Path, e.Number)
}

// ToJSON converts a value into what the hub is sent: maps, slices, strings,
// bools, int64 and float64. A null is absent from an object and nil in a list.
// What is unknown becomes definition.Unknown. The error is a *NumberError.
func ToJSON(v attr.Value) (any, error) {
	e := encoder{strict: true}
	return e.encode(v, "")
}

// ToJSONWithNulls is ToJSON, but a null stays in an object as nil. Parameters
// that admit null, such as labels to be removed, are sent that way.
func ToJSONWithNulls(v attr.Value) (any, error) {
	e := encoder{strict: true, keepNulls: true}
	return e.encode(v, "")
}

// Prune returns a copy of JSON without the nulls in its objects.
func Prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, element := range v {
			if element != nil {
				out[key] = Prune(element)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = Prune(element)
		}
		return out
	}
	return v
}

// HasUnknown says whether a value is unknown or holds anything unknown.
func HasUnknown(v attr.Value) bool {
	if absent(v) {
		return false
	}
	if v.IsUnknown() {
		return true
	}
	for _, child := range children(v) {
		if HasUnknown(child) {
			return true
		}
	}
	return false
}

// HasUnknownJSON says whether JSON made by ToJSON holds anything unknown.
func HasUnknownJSON(v any) bool {
	switch v := v.(type) {
	case definition.Unknown:
		return true
	case map[string]any:
		for _, element := range v {
			if HasUnknownJSON(element) {
				return true
			}
		}
	case []any:
		for _, element := range v {
			if HasUnknownJSON(element) {
				return true
			}
		}
	}
	return false
}

// children are the values right below v, in no particular order.
func children(v attr.Value) []attr.Value {
	switch v := v.(type) {
	case basetypes.DynamicValue:
		return []attr.Value{v.UnderlyingValue()}
	case basetypes.ObjectValue:
		return mapValues(v.Attributes())
	case basetypes.MapValue:
		return mapValues(v.Elements())
	case basetypes.TupleValue:
		return v.Elements()
	case basetypes.ListValue:
		return v.Elements()
	case basetypes.SetValue:
		return v.Elements()
	}
	return nil
}

func mapValues(m map[string]attr.Value) []attr.Value {
	out := make([]attr.Value, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// absent says that there is no value. A Dynamic that is null or unknown may
// hold a typed null, or nothing at all.
func absent(v attr.Value) bool {
	if v == nil || v.IsNull() {
		return true
	}
	dynamic, ok := v.(basetypes.DynamicValue)
	return ok && dynamic.IsUnderlyingValueNull()
}

// encoder converts values. A strict one refuses numbers that the hub cannot
// keep; the other rounds them, which is what comparing with the hub needs.
type encoder struct {
	strict    bool
	keepNulls bool
}

func (e encoder) encode(v attr.Value, at string) (any, error) {
	if absent(v) {
		return nil, nil
	}
	if v.IsUnknown() {
		return definition.Unknown{}, nil
	}
	switch v := v.(type) {
	case basetypes.DynamicValue:
		return e.encode(v.UnderlyingValue(), at)
	case basetypes.ObjectValue:
		return e.encodeMap(v.Attributes(), at)
	case basetypes.MapValue:
		return e.encodeMap(v.Elements(), at)
	case basetypes.TupleValue:
		return e.encodeList(v.Elements(), at)
	case basetypes.ListValue:
		return e.encodeList(v.Elements(), at)
	case basetypes.SetValue:
		return e.encodeList(v.Elements(), at)
	}
	return e.encodeLeaf(v, at)
}

func (e encoder) encodeLeaf(v attr.Value, at string) (any, error) {
	switch v := v.(type) {
	case basetypes.StringValue:
		return v.ValueString(), nil
	case basetypes.BoolValue:
		return v.ValueBool(), nil
	case basetypes.NumberValue:
		return e.encodeNumber(v.ValueBigFloat(), at)
	}
	return nil, fmt.Errorf("%s: a value of type %T cannot be written as JSON", at, v)
}

func (e encoder) encodeMap(m map[string]attr.Value, at string) (any, error) {
	out := make(map[string]any, len(m))
	for key, element := range m {
		encoded, err := e.encode(element, Key(at, key))
		if err != nil {
			return nil, err
		}
		if encoded != nil || e.keepNulls {
			out[key] = encoded
		}
	}
	return out, nil
}

func (e encoder) encodeList(list []attr.Value, at string) (any, error) {
	out := make([]any, len(list))
	for i, element := range list {
		encoded, err := e.encode(element, Index(at, i))
		if err != nil {
			return nil, err
		}
		out[i] = encoded
	}
	return out, nil
}

func (e encoder) encodeNumber(n *big.Float, at string) (any, error) {
	if i, accuracy := n.Int64(); accuracy == big.Exact {
		return i, nil
	}
	f, _ := n.Float64()
	if e.strict && (n.IsInt() || math.IsInf(f, 0)) {
		return nil, &NumberError{Path: at, Number: n.Text('g', 40)}
	}
	return f, nil
}
