// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// bounds are the limits of a number, the patterns of a text and the limits of
// lengths. Those that are computed are left to the evaluation of the template.
type bounds struct {
	limits []limit
	// lengths of a text in characters, of a list in items, of an object in fields.
	lengths  []limit
	patterns []pattern
	// excluded are the values that are not allowed.
	excluded []any
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

func (b *bounds) isZero() bool {
	return len(b.limits) == 0 && len(b.lengths) == 0 && len(b.patterns) == 0 && len(b.excluded) == 0
}

// add takes over the bounds that are not known yet.
func (b *bounds) add(other bounds) {
	b.limits = addLimits(b.limits, other.limits)
	b.lengths = addLimits(b.lengths, other.lengths)
	for _, p := range other.patterns {
		if !slices.ContainsFunc(b.patterns, func(known pattern) bool {
			return known.not == p.not && known.expression.String() == p.expression.String()
		}) {
			b.patterns = append(b.patterns, p)
		}
	}
	for _, e := range other.excluded {
		if !slices.Contains(b.excluded, e) {
			b.excluded = append(b.excluded, e)
		}
	}
}

func addLimits(to, more []limit) []limit {
	for _, l := range more {
		if !slices.Contains(to, l) {
			to = append(to, l)
		}
	}
	return to
}

// boundsOf reads the bounds of a scalar from its syntax.
func boundsOf(v cue.Value) bounds {
	var b bounds
	switch syntax := v.Eval().Syntax().(type) {
	case ast.Expr:
		b.read(syntax)
	case *ast.File:
		// A value that uses packages comes as a file, with imports before it.
		for _, d := range syntax.Decls {
			if e, ok := d.(*ast.EmbedDecl); ok {
				b.read(e.Expr)
			}
		}
	}
	b.limits = slices.DeleteFunc(b.limits, b.isImplied)
	return b
}

// lengthsOf reads the bounds of a list or object from its parts: the syntax of
// the whole would be as long as all that is in it.
func lengthsOf(v cue.Value) bounds {
	var b bounds
	op, args := v.Expr()
	if op == cue.CallOp {
		args = []cue.Value{v}
	} else if op != cue.AndOp {
		args = nil
	}
	for _, a := range args {
		if op, _ := a.Expr(); op == cue.CallOp {
			b.add(boundsOf(a))
		}
	}
	return b
}

// writtenItems reads how many items a list must have: those that are written out.
func writtenItems(v cue.Value, open bool) bounds {
	var b bounds
	items, err := v.List()
	if err != nil {
		return b
	}
	n := 0
	for items.Next() {
		n++
	}
	text := strconv.Itoa(n)
	if n > 0 {
		b.lengths = append(b.lengths, limit{op: token.GEQ, value: float64(n), text: text})
	}
	if !open {
		b.lengths = append(b.lengths, limit{op: token.LEQ, value: float64(n), text: text})
	}
	return b
}

// isImplied says that a limit is no news beside a narrower one: CUE writes uint & >=1.
func (b *bounds) isImplied(l limit) bool {
	return slices.ContainsFunc(b.limits, func(other limit) bool {
		switch l.op {
		case token.GEQ:
			return other.op == token.GEQ && other.value > l.value || other.op == token.GTR && other.value >= l.value
		case token.LEQ:
			return other.op == token.LEQ && other.value < l.value || other.op == token.LSS && other.value <= l.value
		}
		return false
	})
}

func (b *bounds) read(e ast.Expr) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		b.read(e.X)
	case *ast.Ident:
		b.readName(e.Name)
	case *ast.UnaryExpr:
		b.readUnary(e)
	case *ast.BinaryExpr:
		b.readBinary(e)
	case *ast.CallExpr:
		b.readCall(e)
	}
}

// readName reads the bounds of CUE's sized integers.
func (b *bounds) readName(name string) {
	sized := map[string][2]string{
		"uint": {"0", ""}, "uint8": {"0", "255"}, "uint16": {"0", "65535"}, "uint32": {"0", "4294967295"}, "uint64": {"0", "18446744073709551615"},
		"int8": {"-128", "127"}, "int16": {"-32768", "32767"}, "int32": {"-2147483648", "2147483647"},
	}[name]
	for i, op := range []token.Token{token.GEQ, token.LEQ} {
		if l, ok := newLimit(op, sized[i]); ok {
			b.limits = append(b.limits, l)
		}
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
	switch e.Op {
	case token.GEQ, token.LEQ, token.GTR, token.LSS:
		if l, ok := newLimit(e.Op, literalText(e.X)); ok {
			b.limits = append(b.limits, l)
		}
	case token.MAT, token.NMAT:
		if s, err := literal.Unquote(literalText(e.X)); err == nil {
			b.addPattern(s, e.Op == token.NMAT)
		}
	case token.NEQ:
		if s, err := literal.Unquote(literalText(e.X)); err == nil {
			b.excluded = append(b.excluded, s)
		}
	}
}

func (b *bounds) addPattern(text string, not bool) {
	if expression, err := regexp.Compile(text); err == nil {
		b.patterns = append(b.patterns, pattern{expression: expression, not: not})
	}
}

// readCall reads the checks of lengths that CUE has as functions.
func (b *bounds) readCall(e *ast.CallExpr) {
	selector, ok := e.Fun.(*ast.SelectorExpr)
	if !ok || len(e.Args) != 1 {
		return
	}
	name, _, err := ast.LabelName(selector.Sel)
	if err != nil {
		return
	}
	op := map[string]token.Token{
		"MinRunes": token.GEQ, "MinItems": token.GEQ, "MinFields": token.GEQ,
		"MaxRunes": token.LEQ, "MaxItems": token.LEQ, "MaxFields": token.LEQ,
	}[name]
	if l, ok := newLimit(op, literalText(e.Args[0])); ok && op != token.ILLEGAL {
		b.lengths = append(b.lengths, l)
	}
}

// literalText is the text of a literal, with the sign that a number may have.
func literalText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.UnaryExpr:
		if lit, ok := e.X.(*ast.BasicLit); ok && e.Op == token.SUB {
			return "-" + lit.Value
		}
	}
	return ""
}

// newLimit reads a number in any of the ways in which CUE writes one.
func newLimit(op token.Token, text string) (limit, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	var info literal.NumInfo
	if digits == "" || literal.ParseNum(digits, &info) != nil {
		return limit{}, false
	}
	n, err := strconv.ParseFloat(info.String(), 64)
	if negative {
		n = -n
	}
	return limit{op: op, value: n, text: text}, err == nil
}

// admit says whether a number or text is within the bounds.
func (b *bounds) admit(value any) bool {
	if slices.ContainsFunc(b.excluded, func(e any) bool { return e == value }) {
		return false
	}
	if s, ok := value.(string); ok {
		return b.admitLength(utf8.RuneCountInString(s)) && b.admitText(s)
	}
	n, ok := number(value)
	return !ok || admitAll(b.limits, n)
}

// admitLength says whether a text, list or object of that length is within the bounds.
func (b *bounds) admitLength(n int) bool {
	return admitAll(b.lengths, float64(n))
}

func (b *bounds) admitText(s string) bool {
	for _, p := range b.patterns {
		if p.expression.MatchString(s) == p.not {
			return false
		}
	}
	return true
}

func admitAll(limits []limit, n float64) bool {
	return !slices.ContainsFunc(limits, func(l limit) bool { return !l.admit(n) })
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

// words says what is allowed. unit is what a length counts, quote what stands
// around patterns.
func (b *bounds) words(unit, quote string) string {
	var all []string
	for _, l := range b.limits {
		all = append(all, l.words())
	}
	if l := b.lengths; len(l) == 2 && l[0].op == token.GEQ && l[1].op == token.LEQ && l[0].value == l[1].value {
		all = append(all, "exactly "+count(l[0].text, unit))
	} else {
		for _, l := range b.lengths {
			all = append(all, count(l.words(), unit))
		}
	}
	for _, p := range b.patterns {
		if p.not {
			all = append(all, "no match of "+quote+p.expression.String()+quote)
			continue
		}
		all = append(all, "a match of "+quote+p.expression.String()+quote)
	}
	for _, e := range quoted(b.excluded) {
		all = append(all, "anything but "+e)
	}
	return strings.Join(all, " and ")
}

func (l limit) words() string {
	words := map[token.Token]string{token.GEQ: "at least ", token.LEQ: "at most ", token.GTR: "more than ", token.LSS: "less than "}
	return words[l.op] + l.text
}

// count writes a number of things; unit is in the plural.
func count(number, unit string) string {
	if number == "1" || strings.HasSuffix(number, " 1") {
		unit = strings.TrimSuffix(unit, "s")
	}
	return number + " " + unit
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
