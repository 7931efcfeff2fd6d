// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ function.Function = mergeFunction{}

// mergeFunction is provider::fairlead::merge.
type mergeFunction struct{}

// NewMergeFunction returns the function merge.
func NewMergeFunction() function.Function { return mergeFunction{} }

// Metadata names the function.
func (mergeFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "merge"
}

// Definition describes the function.
func (mergeFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Merge objects deeply",
		MarkdownDescription: "Merges objects deeply; later ones win. Objects and maps are merged key by key, anything else, lists too, is replaced. " +
			"A `null` removes the key. Values may be unknown: what is known beside them stays known.\n\n" +
			"If any value is sensitive, engines treat the whole result as sensitive and show no difference within it: then use the engine's own `merge()` where its one level is enough.",
		VariadicParameter: function.DynamicParameter{
			Name:                "objects",
			AllowNullValue:      true,
			AllowUnknownValues:  true,
			MarkdownDescription: "Objects or maps. One that is null is passed over.",
		},
		Return: function.DynamicReturn{},
	}
}

// Run merges.
func (mergeFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var objects []types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &objects); resp.Error != nil {
		return
	}
	var merged attr.Value = types.ObjectValueMust(map[string]attr.Type{}, map[string]attr.Value{})
	for i, object := range objects {
		value := bare(object)
		if value == nil || value.IsNull() {
			continue
		}
		if _, ok := fieldsIn(value); !ok && !mayBeObject(value) {
			resp.Error = function.NewArgumentFuncError(int64(i), fmt.Sprintf("objects[%d] must be an object, such as { properties = { cpu = \"1\" } }", i))
			return
		}
		merged = mergeValue(merged, value)
	}
	resp.Error = resp.Result.Set(ctx, asDynamic(merged))
}

// bare is a value without the Dynamic around it; nil for a Dynamic that is null
// or unknown without a type.
func bare(v attr.Value) attr.Value {
	dynamic, ok := v.(types.Dynamic)
	if !ok {
		return v
	}
	if dynamic.UnderlyingValue() == nil && dynamic.IsUnknown() {
		return dynamic
	}
	return dynamic.UnderlyingValue()
}

func asDynamic(v attr.Value) types.Dynamic {
	if dynamic, ok := v.(types.Dynamic); ok {
		return dynamic
	}
	return types.DynamicValue(v)
}

// fieldsIn are the fields of a known object or map.
func fieldsIn(v attr.Value) (map[string]attr.Value, bool) {
	if v == nil || v.IsNull() || v.IsUnknown() {
		return nil, false
	}
	switch v := v.(type) {
	case types.Object:
		return v.Attributes(), true
	case types.Map:
		return v.Elements(), true
	}
	return nil, false
}

// mayBeObject says that a value is unknown and may turn out to be an object.
func mayBeObject(v attr.Value) bool {
	switch v.(type) {
	case types.Object, types.Map, types.Dynamic:
		return v.IsUnknown()
	}
	return false
}

// mergeValue lays a value over another one. Where either may turn out to be an
// object nothing is known of the result.
func mergeValue(base, over attr.Value) attr.Value {
	if mayBeObject(over) || isUntyped(over) {
		return types.DynamicUnknown()
	}
	fields, ok := fieldsIn(over)
	if !ok {
		return over
	}
	if mayBeObject(base) {
		return types.DynamicUnknown()
	}
	below, _ := fieldsIn(base)
	out := maps.Clone(below)
	if out == nil {
		out = map[string]attr.Value{}
	}
	for key, value := range fields {
		value = bare(value)
		if value == nil {
			delete(out, key)
			continue
		}
		if isUntyped(value) {
			// It may be the null that removes the key: then the object has another type.
			return types.DynamicUnknown()
		}
		out[key] = mergeValue(bare(out[key]), value)
	}
	return objectOfValues(out)
}

// isUntyped says that nothing at all is known of a value, not even its type.
func isUntyped(v attr.Value) bool {
	dynamic, ok := v.(types.Dynamic)
	return ok && dynamic.IsUnknown()
}

func objectOfValues(fields map[string]attr.Value) attr.Value {
	kinds := make(map[string]attr.Type, len(fields))
	for key, value := range fields {
		kinds[key] = value.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, fields)
}
