// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"sort"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Notice says what was rewritten in a definition that was written for an older CUE.
type Notice struct {
	// Part of the definition.
	Part Part
	// Line in the part, from 1, as its author wrote it.
	Line int
	// Message says what was written and what it was read as.
	Message string
}

// String is the notice in one line.
func (n Notice) String() string {
	return fmt.Sprintf("%s, line %d: %s", n.Part, n.Line, n.Message)
}

// maxOperators and maxEdits bound the work on one source. What has more is left
// as it is.
const (
	maxOperators = 8192
	maxEdits     = 512
)

// listPackage is the package that has what lists were added and multiplied with.
const listPackage = "list"

// modernize rewrites what the CUE of today refuses, or takes for something else
// than the CUE that a definition was written for. All else stays as it is, to
// the byte. Source that does not parse is returned as it is: running it says why.
func modernize(part Part, source string) (string, []Notice) {
	quoted, notices := quoteKeywords(source)
	file, err := parser.ParseFile(string(part), quoted, parser.ParseComments)
	if err != nil {
		return source, nil
	}
	m := modernizer{source: quoted, file: file}
	ast.Walk(file, nil, m.visit)
	if m.usesList {
		m.importList()
	}
	if len(m.edits) == 0 && len(notices) == 0 || m.replaced > maxEdits || m.operators > maxOperators {
		return source, nil
	}
	out := m.apply(0, len(quoted))
	if _, err := parser.ParseFile(string(part), out); err != nil {
		return source, nil
	}
	notices = append(notices, m.notices...)
	for i := range notices {
		notices[i].Part = part
	}
	sort.SliceStable(notices, func(i, j int) bool { return notices[i].Line < notices[j].Line })
	return out, notices
}

// quoteKeywords quotes labels that have become keywords. The parser refuses
// them, so this looks at tokens alone, and only where the parser does refuse.
func quoteKeywords(source string) (string, []Notice) {
	if _, err := parser.ParseFile("", source); err == nil {
		return source, nil
	}
	var out strings.Builder
	var notices []Notice
	all := tokens(source)
	done := 0
	for i, t := range all {
		if t.text != "try" || i+1 == len(all) || !isLabelEnd(all, i+1) {
			continue
		}
		out.WriteString(source[done:t.offset] + `"try"`)
		done = t.offset + len(t.text)
		notices = append(notices, Notice{Part: TemplatePart, Line: t.line, Message: `the field try is read as "try": try has become a keyword`})
	}
	return out.String() + source[done:], notices
}

// isLabelEnd says whether a label ends before a token: at a colon, or at the
// mark of an optional or required field.
func isLabelEnd(all []lexeme, i int) bool {
	if all[i].token == token.OPTION || all[i].token == token.NOT {
		i++
	}
	return i < len(all) && all[i].token == token.COLON
}

// modernizer collects edits of the text of one source.
type modernizer struct {
	source   string
	file     *ast.File
	edits    []edit
	notices  []Notice
	usesList bool
	// list is the name under which the package list is used, once it is known.
	list string
	// operators is the number of those that were looked at, replaced of those that were replaced.
	operators, replaced int
}

// edit replaces the text between two offsets.
type edit struct {
	from, to int
	text     string
}

// visit is called after what is below a node was visited, so that the text of
// operands is rewritten already.
func (m *modernizer) visit(n ast.Node) {
	e, ok := n.(*ast.BinaryExpr)
	if !ok || m.operators > maxOperators || m.replaced > maxEdits {
		return
	}
	m.operators++
	switch e.Op {
	case token.ADD, token.MUL:
		m.arithmetic(e)
	case token.AND:
		m.singleValue(e)
		m.guard(e)
	}
}

// arithmetic turns the sum of lists and the product of a list and a number into
// the functions that came instead.
func (m *modernizer) arithmetic(e *ast.BinaryExpr) {
	left, right := isList(e.X), isList(e.Y)
	if !left && !right {
		return
	}
	name := m.listName()
	if e.Op == token.MUL {
		items, count := e.X, e.Y
		if !left {
			items, count = e.Y, e.X
		}
		m.replace(e, name+".Repeat("+m.text(items)+", "+m.text(count)+")", "the product of a list is read as list.Repeat")
		return
	}
	m.replace(e, name+".Concat(["+m.operand(e.X)+", "+m.operand(e.Y)+"])", "the sum of lists is read as list.Concat")
}

// operand is the text of a list to be joined. A sum that was rewritten already
// need not be nested.
func (m *modernizer) operand(e ast.Expr) string {
	text := m.text(e)
	sum, ok := e.(*ast.BinaryExpr)
	if !ok || sum.Op != token.ADD {
		return text
	}
	inner, ok := strings.CutPrefix(text, m.listName()+".Concat([")
	if !ok {
		return text
	}
	m.notices = m.notices[:len(m.notices)-1]
	return strings.TrimSuffix(inner, "])")
}

// singleValue turns >=1 & <=1 into 1: bounds that leave one value were that value once.
func (m *modernizer) singleValue(e *ast.BinaryExpr) {
	low, lowOp := bound(e.X)
	high, highOp := bound(e.Y)
	if low == "" || low != high || lowOp == highOp || lowOp != token.GEQ && lowOp != token.LEQ || highOp != token.GEQ && highOp != token.LEQ {
		return
	}
	m.replace(e, low, "bounds that leave one value are read as that value")
}

// bound is the literal of a bound such as >=1, with its operator.
func bound(e ast.Expr) (string, token.Token) {
	unary, ok := e.(*ast.UnaryExpr)
	if !ok {
		return "", token.ILLEGAL
	}
	lit, ok := unary.X.(*ast.BasicLit)
	if !ok {
		return "", token.ILLEGAL
	}
	return lit.Value, unary.Op
}

// opposites are the bounds that hold where a comparison does not.
func opposite(op token.Token) (string, bool) {
	switch op {
	case token.LSS:
		return ">=", true
	case token.LEQ:
		return ">", true
	case token.GTR:
		return "<=", true
	case token.GEQ:
		return "<", true
	case token.EQL:
		return "!=", true
	}
	return "", false
}

// guard turns int & {if x < 1 {_|_}}, where x is the field itself, into int & >=1.
// A struct beside a number was once let pass where it came out empty.
func (m *modernizer) guard(e *ast.BinaryExpr) {
	body, ok := e.Y.(*ast.StructLit)
	if !ok || len(body.Elts) == 0 {
		return
	}
	var bounds []string
	for _, d := range body.Elts {
		c, ok := d.(*ast.Comprehension)
		if !ok || len(c.Clauses) != 1 || !isBottom(c.Value) {
			return
		}
		clause, ok := c.Clauses[0].(*ast.IfClause)
		if !ok {
			return
		}
		compared, ok := clause.Condition.(*ast.BinaryExpr)
		if !ok || !refersTo(compared.X, e) {
			return
		}
		lit, isLiteral := compared.Y.(*ast.BasicLit)
		op, known := opposite(compared.Op)
		if !isLiteral || !known {
			return
		}
		bounds = append(bounds, op+lit.Value)
	}
	m.replace(body, strings.Join(bounds, " & "), "a check of the field itself is read as a bound")
}

// isBottom says whether a value is a struct with nothing but the error literal.
func isBottom(e ast.Expr) bool {
	body, ok := e.(*ast.StructLit)
	if !ok || len(body.Elts) != 1 {
		return false
	}
	embedded, ok := body.Elts[0].(*ast.EmbedDecl)
	if !ok {
		return false
	}
	_, ok = embedded.Expr.(*ast.BottomLit)
	return ok
}

// refersTo says whether a name stands for a field whose value has a node in it.
func refersTo(name ast.Expr, inside ast.Node) bool {
	id, ok := name.(*ast.Ident)
	if !ok || id.Node == nil {
		return false
	}
	found := false
	ast.Walk(id.Node, func(n ast.Node) bool {
		found = found || n == inside
		return !found
	}, nil)
	return found
}

// replace puts text in the place of a node, instead of what was put within it.
func (m *modernizer) replace(n ast.Node, text, message string) {
	m.replaced++
	from, to := n.Pos().Offset(), n.End().Offset()
	kept := m.edits[:0]
	for _, e := range m.edits {
		if e.from < from || e.to > to {
			kept = append(kept, e)
		}
	}
	m.edits = append(kept, edit{from, to, text})
	m.notices = append(m.notices, Notice{Line: n.Pos().Line(), Message: message})
}

// text is the text of a node with the edits in it.
func (m *modernizer) text(n ast.Node) string {
	return m.apply(n.Pos().Offset(), n.End().Offset())
}

func (m *modernizer) apply(from, to int) string {
	sort.SliceStable(m.edits, func(i, j int) bool { return m.edits[i].from < m.edits[j].from })
	var out strings.Builder
	for _, e := range m.edits {
		if e.from < from || e.to > to {
			continue
		}
		out.WriteString(m.source[from:e.from] + e.text)
		from = e.to
	}
	return out.String() + m.source[from:to]
}

// listName is the name under which the package list is used.
func (m *modernizer) listName() string {
	m.usesList = true
	if m.list != "" {
		return m.list
	}
	for _, spec := range m.imports() {
		if path, err := literal.Unquote(spec.Path.Value); err == nil && path == listPackage {
			m.list = listPackage
			if spec.Name != nil {
				m.list = spec.Name.Name
			}
			return m.list
		}
	}
	m.list = listPackage
	for m.isTaken(m.list) {
		m.list += "s"
	}
	return m.list
}

func (m *modernizer) imports() []*ast.ImportSpec {
	var out []*ast.ImportSpec
	for _, d := range m.file.Decls {
		if i, ok := d.(*ast.ImportDecl); ok {
			out = append(out, i.Specs...)
		}
	}
	return out
}

// isTaken says whether a label, clause or import in the file has a name.
func (m *modernizer) isTaken(name string) bool {
	taken := false
	ast.Walk(m.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			taken = taken || program.LabelOf(n) == name
		case *ast.Ident:
			taken = taken || n.Name == name
		case *ast.ImportSpec:
			taken = taken || importName(n.Path.Value) == name
		}
		return !taken
	}, nil)
	return taken
}

// importList imports the package, after the other imports, or else where the
// first declaration begins with its comments.
func (m *modernizer) importList() {
	name := m.listName()
	line := "import "
	if name != listPackage {
		line += name + " "
	}
	line += `"` + listPackage + `"`
	at, after := 0, false
	for _, d := range m.file.Decls {
		switch d := d.(type) {
		case *ast.Package:
			at, after = d.End().Offset(), true
		case *ast.ImportDecl:
			for _, spec := range d.Specs {
				if path, err := literal.Unquote(spec.Path.Value); err == nil && path == listPackage {
					return
				}
			}
			at, after = d.End().Offset(), true
		}
	}
	text := line + "\n"
	if after {
		text = "\n" + line
	}
	m.edits = append(m.edits, edit{at, at, text})
}
