// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// bounds are the limits of a number and the patterns of a text. Those that are
// computed are left to the evaluation of the template.
type bounds struct {
	limits []limit
	// lengths of a text in characters, of a list in items, of a map in fields.
	lengths  []limit
	patterns []pattern
}

// limit compares a number with a fixed one.
type limit struct {
	op    token.Token
	value float64
	text  string
}

// pattern is a regular expression that a text must match, or must not.
type pattern struct {
	expression *regexp.Regexp
	not        bool
}

// boundsOf reads the bounds of a value from its syntax: a disjunction with a
// default has them beside the default.
func boundsOf(v cue.Value) bounds {
	var b bounds
	expr, ok := v.Eval().Syntax().(ast.Expr)
	if !ok {
		return b
	}
	b.read(expr)
	b.limits = slices.DeleteFunc(b.limits, b.isImplied)
	return b
}

// isImplied says that a limit is no news beside a higher one: CUE writes uint & >=1.
func (b *bounds) isImplied(l limit) bool {
	return l.op == token.GEQ && slices.ContainsFunc(b.limits, func(other limit) bool {
		return (other.op == token.GEQ || other.op == token.GTR) && other.value > l.value
	})
}

func (b *bounds) read(e ast.Expr) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		b.read(e.X)
	case *ast.Ident:
		if e.Name == "uint" {
			b.limits = append(b.limits, limit{op: token.GEQ, value: 0, text: "0"})
		}
	case *ast.UnaryExpr:
		b.readUnary(e)
	case *ast.BinaryExpr:
		b.readBinary(e)
	}
}

// readBinary reads both sides of a conjunction. Of a disjunction it reads the
// one side that is no default: two would be a choice between bounds.
func (b *bounds) readBinary(e *ast.BinaryExpr) {
	if e.Op == token.AND {
		b.read(e.X)
		b.read(e.Y)
		return
	}
	if e.Op == token.OR && isDefault(e.X) {
		b.read(e.Y)
	}
}

func isDefault(e ast.Expr) bool {
	u, ok := e.(*ast.UnaryExpr)
	return ok && u.Op == token.MUL
}

func (b *bounds) readUnary(e *ast.UnaryExpr) {
	lit, ok := e.X.(*ast.BasicLit)
	if !ok {
		return
	}
	switch e.Op {
	case token.GEQ, token.LEQ, token.GTR, token.LSS:
		if n, err := strconv.ParseFloat(strings.ReplaceAll(lit.Value, "_", ""), 64); err == nil {
			b.limits = append(b.limits, limit{op: e.Op, value: n, text: lit.Value})
		}
	case token.MAT, token.NMAT:
		s, err := literal.Unquote(lit.Value)
		if err != nil {
			return
		}
		if expression, err := regexp.Compile(s); err == nil {
			b.patterns = append(b.patterns, pattern{expression: expression, not: e.Op == token.NMAT})
		}
	}
}

// admit says whether a number or text is within the bounds.
func (b bounds) admit(value any) bool {
	if s, ok := value.(string); ok {
		return b.admitText(s)
	}
	n, ok := number(value)
	if !ok {
		return true
	}
	for _, l := range b.limits {
		if !l.admit(n) {
			return false
		}
	}
	return true
}

func (b bounds) admitText(s string) bool {
	for _, p := range b.patterns {
		if p.expression.MatchString(s) == p.not {
			return false
		}
	}
	return true
}

func (l limit) admit(n float64) bool {
	switch l.op {
	case token.GEQ:
		return n >= l.value
	case token.LEQ:
		return n <= l.value
	case token.GTR:
		return n > l.value
	case token.LSS:
		return n < l.value
	}
	return true
}

// String says what is allowed, in words.
func (b bounds) String() string {
	words := map[token.Token]string{token.GEQ: "at least ", token.LEQ: "at most ", token.GTR: "more than ", token.LSS: "less than "}
	var all []string
	for _, l := range b.limits {
		all = append(all, words[l.op]+l.text)
	}
	for _, p := range b.patterns {
		if p.not {
			all = append(all, "no match of "+p.expression.String())
			continue
		}
		all = append(all, "a match of "+p.expression.String())
	}
	return strings.Join(all, " and ")
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n)
	}
	return 0, false
}
