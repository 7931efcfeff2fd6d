// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"maps"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// pick is a guard that compares a field of a loop's item with literals: any of
// the values will do.
type pick struct {
	item   ast.Node
	field  string
	values []string
}

// better are the fields that usually tell the items of a list apart, the best
// first: of several guards one picks the items, and the others are read of them.
var better = [...]string{"type", "name", "key", "id"}

func (p pick) rank() int {
	if i := slices.Index(better[:], p.field); i >= 0 {
		return i
	}
	return len(better)
}

// comprehension visits the clauses of a comprehension and then its value, with
// the variables of loops bound to the items that they stand for. inList says that
// each round is an item of a list, even one that yields nothing.
func (r *reader) comprehension(n *ast.Comprehension, inList bool, value func()) {
	outer := r.bound
	r.bound = maps.Clone(outer)
	guards := picks(n.Clauses)
	for item := range r.bound {
		r.narrow(item, guards)
	}
	for _, c := range n.Clauses {
		r.clause(n, c, guards, inList)
	}
	value()
	r.bound = outer
	if n.Fallback != nil {
		r.visit(n.Fallback.Body)
	}
}

func (r *reader) clause(n *ast.Comprehension, c ast.Clause, guards []pick, inList bool) {
	switch c := c.(type) {
	case *ast.ForClause:
		r.loop(n, c, guards, inList)
	case *ast.IfClause:
		r.visit(c.Condition)
	case *ast.LetClause:
		r.before(c)
	case *ast.TryClause:
		if c.Expr != nil {
			r.visit(c.Expr)
		}
	}
}

// loop binds the variable of a loop to the items of what it goes through.
func (r *reader) loop(n *ast.Comprehension, c *ast.ForClause, guards []pick, inList bool) {
	refs, ok := r.refs(c.Source)
	r.computed(c.Source)
	if !ok {
		r.visit(c.Source)
	}
	var items []ref
	for _, to := range refs {
		if to.list {
			items = append(items, ref{path: to.path})
			r.record(to.path, Test)
			continue
		}
		items = append(items, ref{path: append(slices.Clone(to.path), Step{Each: true})})
	}
	r.bound[c.Value] = items
	if c.Key != nil {
		r.bound[c.Key] = nil
	}
	r.narrow(c.Value, guards)
	counted := c.Key != nil && refersTo(n, c.Key)
	if !counted && (picked(r.bound[c.Value]) || !inList && guarded(n.Value, c.Value)) {
		return
	}
	r.recordAll(items, Loop)
}

// narrow binds a variable to those of its items that the best guard picks.
func (r *reader) narrow(item ast.Node, guards []pick) {
	var best *pick
	for i := range guards {
		if guards[i].item == item && (best == nil || guards[i].rank() < best.rank()) {
			best = &guards[i]
		}
	}
	if best == nil {
		return
	}
	var out []ref
	for _, to := range r.bound[item] {
		last := len(to.path) - 1
		if last < 0 || !to.path[last].Each {
			out = append(out, to)
			continue
		}
		for _, v := range best.values {
			out = append(out, ref{path: append(slices.Clone(to.path[:last]), Step{Field: best.field, Value: v})})
		}
	}
	r.bound[item] = out
}

// guarded says that each round of a loop yields nothing but what guards on its
// variable let through: {if c.type == "Ready" {...}}.
func guarded(value ast.Expr, item ast.Node) bool {
	body, ok := value.(*ast.StructLit)
	if !ok || len(body.Elts) == 0 {
		return false
	}
	for _, d := range body.Elts {
		c, ok := d.(*ast.Comprehension)
		if !ok || c.Fallback != nil {
			return false
		}
		if !slices.ContainsFunc(picks(c.Clauses), func(p pick) bool { return p.item == item }) {
			return false
		}
	}
	return true
}

// refersTo says that a comprehension uses a variable that it declares.
func refersTo(n *ast.Comprehension, variable *ast.Ident) bool {
	found := false
	ast.Walk(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id != variable && id.Node == ast.Node(variable) {
			found = true
		}
		return !found
	}, nil)
	return found
}

// picks are the guards among clauses that compare with literals.
func picks(clauses []ast.Clause) []pick {
	var out []pick
	for _, c := range clauses {
		if guard, ok := c.(*ast.IfClause); ok {
			out = appendPicks(out, guard.Condition)
		}
	}
	return out
}

// appendPicks takes a condition apart by its conjunctions.
func appendPicks(out []pick, e ast.Expr) []pick {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return appendPicks(out, e.X)
	case *ast.BinaryExpr:
		if e.Op == token.LAND {
			return appendPicks(appendPicks(out, e.X), e.Y)
		}
	}
	if p, ok := pickOf(e); ok {
		return append(out, p)
	}
	return out
}

// pickOf is a comparison with a literal, or several of one field joined by ||.
func pickOf(e ast.Expr) (pick, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return pickOf(e.X)
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LOR:
			x, ok := pickOf(e.X)
			y, both := pickOf(e.Y)
			if ok && both && x.item == y.item && x.field == y.field {
				return pick{item: x.item, field: x.field, values: append(x.values, y.values...)}, true
			}
		case token.EQL:
			if p, ok := equals(e.X, e.Y); ok {
				return p, true
			}
			return equals(e.Y, e.X)
		}
	}
	return pick{}, false
}

func equals(e, with ast.Expr) (pick, bool) {
	lit, ok := with.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return pick{}, false
	}
	text, err := literal.Unquote(lit.Value)
	if err != nil {
		return pick{}, false
	}
	item, field, ok := fieldOf(e)
	if !ok || item.Node == nil {
		return pick{}, false
	}
	return pick{item: item.Node, field: field, values: []string{text}}, true
}

// fieldOf takes c.type or c["type"] apart.
func fieldOf(e ast.Expr) (*ast.Ident, string, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return fieldOf(e.X)
	case *ast.SelectorExpr:
		item, ok := e.X.(*ast.Ident)
		name, _, err := ast.LabelName(e.Sel)
		return item, name, ok && err == nil
	case *ast.IndexExpr:
		item, ok := e.X.(*ast.Ident)
		lit, isText := e.Index.(*ast.BasicLit)
		if !ok || !isText || lit.Kind != token.STRING {
			return nil, "", false
		}
		name, err := literal.Unquote(lit.Value)
		return item, name, err == nil
	}
	return nil, "", false
}
