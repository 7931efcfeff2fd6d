// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// Candidates stand for what a parameter that is not known yet may turn out to be.
type Candidates struct {
	// Values that the parameter takes, without null. The first two differ where
	// the parameter takes more than one value.
	Values []any
	// Structural says that the parameter may be an object, or a list of objects:
	// no values stand for all that it may hold.
	Structural bool
}

// candidatePools are values of one kind each, of which each parameter with bounds
// takes some. Of each pool the first two that are taken stand for all others.
// Neighbours are not alike, so that what is made of them differs.
func candidatePools() [][]any {
	return [][]any{
		{
			"unknown-a", "b-unknown", "8001m", "1Gi", "2Mi", "10s", "3m", "25%", "30%", "/unknown/a", "/b", "unknown.example.com",
			"b.example.org/x", "http://unknown.example.com/a", "*/7 * * * *", "0 3 * * 1", "7", "8",
		},
		{int64(7001), int64(7002), int64(2), int64(1), int64(50), int64(99), int64(-2), int64(-3)},
		{0.5, 1.5, 7000.5},
		{true, false},
	}
}

// extremes are values of which definitions may make something else: the empty
// text, one that is a number, one that is longer than a name may be, and zero.
func extremes() []any {
	return []any{"", "7", strings.Repeat("long", 16), int64(0), int64(-1)}
}

// Candidates are those of the parameter at a path of names (string) and indices
// (int) below properties. further are values that somebody compares with.
func (d *Definition) Candidates(properties map[string]any, path []any, further []any) Candidates {
	s := d.parameters()
	var value any = asMap(properties)
	for _, step := range path {
		s = s.of(value)
		value, s = below(s, value, step)
	}
	return s.candidates(neighbours(further))
}

// below is what is one step down, and its schema.
func below(s *schema, value, step any) (any, *schema) {
	var next any
	inner := s.items
	switch step := step.(type) {
	case int:
		if list, ok := value.([]any); ok && step < len(list) {
			next = list[step]
		}
	case string:
		object, _ := value.(map[string]any)
		next, inner = object[step], s.fields[step]
		if inner == nil {
			inner = s.others
		}
	}
	if inner == nil {
		inner = anything()
	}
	return next, inner
}

// neighbours are values with the numbers next to them, for what compares by order.
func neighbours(values []any) []any {
	var out []any
	for _, v := range values {
		out = append(out, v)
		if n, ok := v.(int64); ok {
			out = append(out, n-1, n+1)
		}
	}
	return out
}

// candidates begins with the values that stand for all others.
func (s *schema) candidates(further []any) Candidates {
	found := collected{schema: s, seen: map[string]bool{}}
	for _, a := range s.flat() {
		found.add(len(a.allowed), a.allowed)
	}
	for _, pool := range candidatePools() {
		found.add(2, pool)
	}
	found.add(len(further), further)
	more := extremes()
	found.add(len(more), more)
	structural := false
	for _, a := range s.flat() {
		values, ok := a.composites()
		structural = structural || !ok
		found.add(len(values), values)
	}
	return Candidates{Values: found.values, Structural: structural}
}

// collected are values that a parameter takes, each once.
type collected struct {
	schema *schema
	values []any
	seen   map[string]bool
}

// add adds up to so many of the values that the parameter takes.
func (c *collected) add(most int, values []any) {
	for _, v := range values {
		trial := check{}
		trial.value(c.schema, v, "")
		if v == nil || len(trial.findings) > 0 {
			continue
		}
		if most--; most < 0 {
			return
		}
		if key := fmt.Sprintf("%T %v", v, v); !c.seen[key] {
			c.seen[key] = true
			c.values = append(c.values, v)
		}
	}
}

// composites are the objects and lists that an alternative may be, and whether
// they stand for all of them: those whose items are all scalars are, and those
// of which the definition knows nothing, since it cannot look into them.
func (s *schema) composites() ([]any, bool) {
	if s.kinds == cue.TopKind && len(s.fields) == 0 && s.items == nil && s.others == nil {
		return []any{map[string]any{}, map[string]any{"unknown-a": "b"}, map[string]any{"name": "unknown-a"}, []any{}, []any{"unknown-a"}, []any{"b-unknown", "unknown-a"}}, true
	}
	var out []any
	if s.kinds&cue.StructKind != 0 {
		if len(s.fields) > 0 || s.others == nil || !s.others.isScalar() {
			return nil, false
		}
		out = append(out, map[string]any{})
		for i, v := range s.others.candidates(nil).Values {
			out = append(out, map[string]any{fmt.Sprintf("unknown-%d", i%2): v})
		}
	}
	if s.kinds&cue.ListKind != 0 {
		if s.items == nil || !s.items.isScalar() {
			return nil, false
		}
		out = append(out, []any{})
		for _, v := range s.items.candidates(nil).Values {
			out = append(out, []any{v}, []any{v, v})
		}
	}
	return out, true
}

// isScalar says that no object or list will do.
func (s *schema) isScalar() bool {
	return s.kinds&(cue.StructKind|cue.ListKind) == 0
}

// Compared are the values that the template compares something with, or hands
// to a function: what is not one of them makes no difference, as far as the
// template's text tells. The result is shared: callers must not change it.
func (d *Definition) Compared() []any {
	d.compiled.mutex.Lock()
	defer d.compiled.mutex.Unlock()
	if d.compiled.compared == nil {
		d.compiled.compared = comparedIn(d.Template)
	}
	return d.compiled.compared
}

func comparedIn(source string) []any {
	out := []any{}
	file, err := parser.ParseFile("template", source)
	if err != nil {
		return out
	}
	seen := map[string]bool{}
	compared := 0 // how many comparisons and calls the walk is in
	ast.Walk(file, func(n ast.Node) bool {
		if isCompared(n) {
			compared++
		}
		lit, ok := n.(*ast.BasicLit)
		if !ok || compared == 0 {
			return true
		}
		v, ok := literalValue(lit)
		if key := fmt.Sprintf("%T %v", v, v); ok && !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
		return true
	}, func(n ast.Node) {
		if isCompared(n) {
			compared--
		}
	})
	return out
}

// isCompared says that a node compares what is in it, or hands it to a function.
func isCompared(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return isComparison(n.Op)
	case *ast.CallExpr:
		return true
	}
	return false
}

func isComparison(op token.Token) bool {
	switch op {
	case token.EQL, token.NEQ, token.LSS, token.GTR, token.LEQ, token.GEQ, token.MAT, token.NMAT:
		return true
	}
	return false
}

// literalValue is the JSON value of a literal that is no null.
func literalValue(lit *ast.BasicLit) (any, bool) {
	switch lit.Kind {
	case token.STRING:
		text, err := literal.Unquote(lit.Value)
		return text, err == nil
	case token.INT:
		var n literal.NumInfo
		if err := literal.ParseNum(lit.Value, &n); err != nil {
			return nil, false
		}
		var i int64
		_, err := fmt.Sscan(n.String(), &i)
		return i, err == nil
	case token.TRUE:
		return true, true
	case token.FALSE:
		return false, true
	}
	return nil, false
}
