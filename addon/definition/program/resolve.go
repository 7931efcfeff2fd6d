// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// maxLookups bounds how many references are followed for one expression, so that
// source that refers to itself, or to much in many ways, takes no time to speak of.
const maxLookups = 4096

// Resolver follows references within one file, by its text alone.
type Resolver struct {
	lookups int
	within  map[ast.Expr]bool
}

// Values are the expressions that an expression stands for: what a name refers
// to, and both sides of unifications and disjunctions. What comes from outside
// the file stands for itself or, reached by a name, for nothing.
func (r *Resolver) Values(e ast.Expr) []ast.Expr {
	if r.within == nil {
		r.within = map[ast.Expr]bool{}
	}
	r.lookups++
	if r.lookups > maxLookups || r.within[e] {
		return nil
	}
	r.within[e] = true
	defer delete(r.within, e)
	switch e := e.(type) {
	case *ast.ParenExpr:
		return r.Values(e.X)
	case *ast.UnaryExpr:
		if e.Op == token.MUL {
			return r.Values(e.X)
		}
	case *ast.Alias:
		return r.Values(e.Expr)
	case *ast.BinaryExpr:
		if e.Op == token.AND || e.Op == token.OR {
			return append(r.Values(e.X), r.Values(e.Y)...)
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return r.reference(e)
	}
	return []ast.Expr{e}
}

// reference are the values that a name or path refers to.
func (r *Resolver) reference(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		return r.all(r.declared(e))
	case *ast.SelectorExpr:
		if name, _, err := ast.LabelName(e.Sel); err == nil {
			return r.all(r.fields(e.X, name))
		}
	case *ast.IndexExpr:
		if name, ok := constantText(e.Index); ok {
			return r.all(r.fields(e.X, name))
		}
		return r.all(r.items(e.X))
	}
	return nil
}

func (r *Resolver) all(expressions []ast.Expr) []ast.Expr {
	var out []ast.Expr
	for _, e := range expressions {
		out = append(out, r.Values(e)...)
	}
	return out
}

// declared are the expressions that a name is declared with.
func (r *Resolver) declared(id *ast.Ident) []ast.Expr {
	switch scope := id.Scope.(type) {
	case *ast.File:
		return r.named(scope.Decls, id.Name)
	case *ast.StructLit:
		return r.named(scope.Elts, id.Name)
	case *ast.ForClause:
		if scope.Value != nil && scope.Value.Name == id.Name {
			return r.items(scope.Source)
		}
	case *ast.LetClause:
		return []ast.Expr{scope.Expr}
	}
	return nil
}

// named are the values of the fields with a name, also of those in
// comprehensions, and of those whose name is computed.
func (r *Resolver) named(decls []ast.Decl, name string) []ast.Expr {
	var out []ast.Expr
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			if own := LabelOf(d); own == name || own == "" {
				out = append(out, d.Value)
			}
			if alias, ok := d.Label.(*ast.Alias); ok && alias.Ident.Name == name {
				out = append(out, d.Value)
			}
		case *ast.LetClause:
			if d.Ident.Name == name {
				out = append(out, d.Expr)
			}
		case *ast.EmbedDecl:
			out = append(out, r.fields(d.Expr, name)...)
		case *ast.Comprehension:
			out = append(out, r.fields(d.Value, name)...)
		}
	}
	return out
}

// fields are the values of a field of what an expression stands for.
func (r *Resolver) fields(e ast.Expr, name string) []ast.Expr {
	var out []ast.Expr
	for _, v := range r.Values(e) {
		if body, ok := v.(*ast.StructLit); ok {
			out = append(out, r.named(body.Elts, name)...)
		}
	}
	return out
}

// items are the items of a list, or the values of a struct.
func (r *Resolver) items(e ast.Expr) []ast.Expr {
	var out []ast.Expr
	for _, v := range r.Values(e) {
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

func constantText(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := literal.Unquote(lit.Value)
	return s, err == nil
}
