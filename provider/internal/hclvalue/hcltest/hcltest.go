// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package hcltest evaluates HCL for tests, and hands the result over as an engine does.
package hcltest

import (
	"context"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/msgpack"
)

// Evaluate evaluates an HCL expression and hands the result over as an engine
// does: as msgpack, with the type beside the value. The variables unknown and any
// are a string and a value of any type that are not known yet.
func Evaluate(t testing.TB, expression string) types.Dynamic {
	t.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(expression), "test.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("parse %s: %s", expression, diags)
	}
	value, diags := parsed.Value(evaluationContext())
	if diags.HasErrors() {
		t.Fatalf("evaluate %s: %s", expression, diags)
	}
	return received(t, value)
}

// received is what a provider receives when the engine sends the value.
func received(t testing.TB, value cty.Value) types.Dynamic {
	t.Helper()
	encoded, err := msgpack.Marshal(value, cty.DynamicPseudoType)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	wire := tfprotov6.DynamicValue{MsgPack: encoded}
	decoded, err := wire.Unmarshal(tftypes.DynamicPseudoType)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	v, err := types.DynamicType.ValueFromTerraform(context.Background(), decoded)
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	dynamic, ok := v.(types.Dynamic)
	if !ok {
		t.Fatalf("got a %T, want a Dynamic", v)
	}
	return dynamic
}

// evaluationContext has the functions and variables that the forms use.
func evaluationContext() *hcl.EvalContext {
	return &hcl.EvalContext{
		Functions: map[string]function.Function{
			"tomap":      conversion(cty.Map(cty.DynamicPseudoType)),
			"tolist":     conversion(cty.List(cty.DynamicPseudoType)),
			"toset":      conversion(cty.Set(cty.DynamicPseudoType)),
			"merge":      stdlib.MergeFunc,
			"jsondecode": stdlib.JSONDecodeFunc,
		},
		Variables: map[string]cty.Value{
			"unknown": cty.UnknownVal(cty.String),
			"any":     cty.DynamicVal,
			// What a module's variable of type map(object({type = string, properties = any})) holds.
			"typed": cty.MapVal(map[string]cty.Value{
				"web": cty.ObjectVal(map[string]cty.Value{
					"type":       cty.StringVal("webservice"),
					"properties": cty.ObjectVal(map[string]cty.Value{"image": cty.StringVal("a")}),
				}),
			}),
			// What a variable of type object({labels = optional(map(any))}) holds when labels is left out.
			"optional": cty.ObjectVal(map[string]cty.Value{
				"labels": cty.NullVal(cty.Map(cty.String)),
				"n":      cty.NumberIntVal(3),
			}),
		},
	}
}

// conversion is a function that converts its argument, as tomap and its like do.
func conversion(to cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			converted, err := convert.Convert(args[0], to)
			return converted.Type(), err
		},
		Impl: func(args []cty.Value, result cty.Type) (cty.Value, error) {
			return convert.Convert(args[0], result)
		},
	})
}
