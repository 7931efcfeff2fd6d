// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// maxInferDepth bounds how many references are followed one after the other.
const maxInferDepth = 24

// isList says whether the text alone shows that an expression is a list. It
// follows references within the file, so it is not known of what comes from outside.
func isList(e ast.Expr) bool {
	return listAt(e, 0)
}

func listAt(e ast.Expr, depth int) bool {
	for _, v := range operandsOf(e, depth) {
		switch v := v.(type) {
		case *ast.ListLit, *ast.SliceExpr:
			return true
		case *ast.CallExpr:
			if makesList(v) {
				return true
			}
		case *ast.BinaryExpr:
			if depth < maxInferDepth && (listAt(v.X, depth+1) || listAt(v.Y, depth+1)) {
				return true
			}
		}
	}
	return false
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

// operandsOf are the expressions that an expression stands for: what a name
// refers to, and both sides of unifications and disjunctions.
func operandsOf(e ast.Expr, depth int) []ast.Expr {
	if depth > maxInferDepth {
		return nil
	}
	depth++
	switch e := e.(type) {
	case *ast.ParenExpr:
		return operandsOf(e.X, depth)
	case *ast.UnaryExpr:
		if e.Op == token.MUL {
			return operandsOf(e.X, depth)
		}
	case *ast.Alias:
		return operandsOf(e.Expr, depth)
	case *ast.BinaryExpr:
		if e.Op == token.AND || e.Op == token.OR {
			return append(operandsOf(e.X, depth), operandsOf(e.Y, depth)...)
		}
	case *ast.Ident:
		return each(declared(e, depth), depth)
	case *ast.SelectorExpr:
		if name, _, err := ast.LabelName(e.Sel); err == nil {
			return each(fieldsOf(e.X, name, depth), depth)
		}
	case *ast.IndexExpr:
		if name, ok := textOf(e.Index); ok {
			return each(fieldsOf(e.X, name, depth), depth)
		}
		return each(itemsOf(e.X, depth), depth)
	}
	return []ast.Expr{e}
}

func each(all []ast.Expr, depth int) []ast.Expr {
	var out []ast.Expr
	for _, e := range all {
		out = append(out, operandsOf(e, depth)...)
	}
	return out
}

// declared are the expressions that a name is declared with.
func declared(id *ast.Ident, depth int) []ast.Expr {
	switch scope := id.Scope.(type) {
	case *ast.File:
		return named(scope.Decls, id.Name, depth)
	case *ast.StructLit:
		return named(scope.Elts, id.Name, depth)
	case *ast.ForClause:
		if scope.Value != nil && scope.Value.Name == id.Name {
			return itemsOf(scope.Source, depth)
		}
	}
	return nil
}

// named are the values of the fields with a name, also of those in comprehensions.
func named(decls []ast.Decl, name string, depth int) []ast.Expr {
	var out []ast.Expr
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			_, isPattern := d.Label.(*ast.ListLit)
			if isPattern || labelName(d) == name {
				out = append(out, d.Value)
			}
		case *ast.LetClause:
			if d.Ident.Name == name {
				out = append(out, d.Expr)
			}
		case *ast.EmbedDecl:
			out = append(out, fieldsOf(d.Expr, name, depth)...)
		case *ast.Comprehension:
			out = append(out, fieldsOf(d.Value, name, depth)...)
		}
	}
	return out
}

// fieldsOf are the values of a field of what an expression stands for.
func fieldsOf(e ast.Expr, name string, depth int) []ast.Expr {
	var out []ast.Expr
	for _, v := range operandsOf(e, depth) {
		if body, ok := v.(*ast.StructLit); ok && depth <= maxInferDepth {
			out = append(out, named(body.Elts, name, depth+1)...)
		}
	}
	return out
}

// itemsOf are the items of a list, or the values of a struct.
func itemsOf(e ast.Expr, depth int) []ast.Expr {
	var out []ast.Expr
	for _, v := range operandsOf(e, depth) {
		switch v := v.(type) {
		case *ast.ListLit:
			for _, item := range v.Elts {
				if more, ok := item.(*ast.Ellipsis); ok {
					item = more.Type
				}
				if item != nil {
					out = append(out, item)
				}
			}
		case *ast.StructLit:
			for _, d := range v.Elts {
				if f, ok := d.(*ast.Field); ok {
					out = append(out, f.Value)
				}
			}
		}
	}
	return out
}

func textOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := literal.Unquote(lit.Value)
	return s, err == nil
}
