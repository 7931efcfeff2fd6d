// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// isList says whether the text alone shows that an expression is a list. It
// follows references within the file, so it is not known of what comes from outside.
func isList(e ast.Expr) bool {
	return anyList(&program.Resolver{}, e)
}

func anyList(r *program.Resolver, e ast.Expr) bool {
	return slices.ContainsFunc(r.Values(e), func(v ast.Expr) bool {
		switch v := v.(type) {
		case *ast.ListLit, *ast.SliceExpr:
			return true
		case *ast.CallExpr:
			return makesList(v)
		case *ast.BinaryExpr:
			return anyList(r, v.X) || anyList(r, v.Y)
		}
		return false
	})
}

// makesList says whether a function of CUE's own packages yields a list.
func makesList(call *ast.CallExpr) bool {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := fun.X.(*ast.Ident)
	if !ok {
		return false
	}
	spec, ok := pkg.Node.(*ast.ImportSpec)
	if !ok {
		return false
	}
	name, _, _ := ast.LabelName(fun.Sel)
	switch importName(spec.Path.Value) {
	case listPackage:
		return slices.Contains([]string{"Concat", "Drop", "FlattenN", "Range", "Repeat", "Reverse", "Slice", "Sort", "SortStable", "SortStrings", "Take"}, name)
	case "strings":
		return slices.Contains([]string{"Fields", "Runes", "Split", "SplitAfter", "SplitAfterN", "SplitN"}, name)
	}
	return false
}
