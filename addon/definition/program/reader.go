// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// maxDepth bounds how far references are followed, and ends cycles of names.
const maxDepth = 128

// reader finds out where a source reads an input. It follows loops, and names
// that stand for a part of the input alone: let clauses and hidden fields.
type reader struct {
	input    string
	aliases  map[ast.Node]ast.Expr
	bound    map[ast.Node][]ref
	accesses []Access
	depth    int
}

// ref is a part of the input that an expression stands for.
type ref struct {
	path []Step
	// list says that the expression is a list of what the path picks: the items
	// that a loop yields.
	list bool
}

func newReader(input string, file *ast.File) *reader {
	return &reader{input: input, aliases: aliases(file), bound: map[ast.Node][]ref{}}
}

func (r *reader) read(file *ast.File) []Access {
	r.visit(file)
	slices.SortFunc(r.accesses, compareAccess)
	return slices.CompactFunc(r.accesses, func(a, b Access) bool { return compareAccess(a, b) == 0 })
}

func (r *reader) record(path []Step, use Use) {
	r.accesses = append(r.accesses, Access{Path: path, Use: use})
}

func (r *reader) recordAll(refs []ref, use Use) {
	for _, to := range refs {
		r.record(to.path, use)
	}
}

func (r *reader) visit(n ast.Node) {
	if n != nil {
		ast.Walk(n, r.before, nil)
	}
}

// before records what a node reads, and says whether to look further down.
func (r *reader) before(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Field:
		return r.field(n)
	case *ast.LetClause:
		if _, ok := r.refs(n.Expr); !ok {
			r.visit(n.Expr)
		}
		r.computed(n.Expr)
		return false
	case *ast.Comprehension:
		r.comprehension(n, false, func() { r.visit(n.Value) })
		return false
	case *ast.ListLit:
		return r.listLit(n)
	case *ast.BinaryExpr:
		return r.binary(n)
	case *ast.CallExpr:
		return r.call(n)
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
		return r.chain(n.(ast.Expr)) //nolint:forcetypeassert // all three are expressions
	}
	return true
}

// field visits a field. The label is no reference, and a hidden field that stands
// for a part of the input is read where its name is used.
func (r *reader) field(n *ast.Field) bool {
	if _, ok := n.Label.(*ast.Ident); !ok {
		return true
	}
	if _, ok := r.aliases[n.Value]; ok {
		if _, ok := r.refs(n.Value); ok {
			r.computed(n.Value)
			return false
		}
	}
	r.visit(n.Value)
	return false
}

// chain records a chain such as context.output.status["x"], used as it is.
func (r *reader) chain(e ast.Expr) bool {
	refs, ok := r.refs(e)
	if ok {
		r.recordAll(refs, Value)
		r.computed(e)
		return false
	}
	switch e := e.(type) {
	case *ast.SelectorExpr:
		r.visit(e.X)
		return false
	case *ast.Ident:
		return false
	}
	return true
}

func (r *reader) listLit(n *ast.ListLit) bool {
	if refs, ok := r.refs(n); ok {
		r.recordAll(refs, Value)
		return false
	}
	for _, item := range n.Elts {
		if c, ok := item.(*ast.Comprehension); ok {
			r.comprehension(c, true, func() { r.visit(c.Value) })
			continue
		}
		r.visit(item)
	}
	return false
}

// binary records comparisons that look at a value less than as it is, or that
// need more of it.
func (r *reader) binary(n *ast.BinaryExpr) bool {
	return !r.compared(n.Op, n.X, n.Y) && !r.compared(n.Op, n.Y, n.X)
}

// compared records what comparing an expression with a literal uses of it; false
// when that is nothing special.
func (r *reader) compared(op token.Token, e, with ast.Expr) bool {
	use := Test
	switch lit := with.(type) {
	case *ast.BottomLit:
		if op != token.EQL && op != token.NEQ {
			return false
		}
	case *ast.BasicLit:
		use = Fraction
		if counted, ok := lengthOf(e); ok && lit.Value == "0" {
			e, use = counted, Empty
		} else if lit.Kind != token.FLOAT {
			return false
		}
	default:
		return false
	}
	refs, ok := r.refs(e)
	if !ok {
		return false
	}
	r.count(refs, use)
	r.computed(e)
	return true
}

// count records a use of refs. Whether a loop yields something is whether there
// is what it picks.
func (r *reader) count(refs []ref, use Use) {
	for _, to := range refs {
		if to.list && (use == Empty || use == Length) {
			r.record(to.path, Test)
			continue
		}
		r.record(to.path, use)
	}
}

// call records what len counts.
func (r *reader) call(n *ast.CallExpr) bool {
	counted, ok := lengthOf(n)
	if !ok {
		return true
	}
	refs, ok := r.refs(counted)
	if !ok {
		return true
	}
	r.count(refs, Length)
	r.computed(counted)
	return false
}

// lengthOf is what len counts.
func lengthOf(e ast.Expr) (ast.Expr, bool) {
	n, ok := e.(*ast.CallExpr)
	if !ok || len(n.Args) != 1 {
		return nil, false
	}
	name, ok := n.Fun.(*ast.Ident)
	if !ok || name.Name != "len" || name.Node != nil {
		return nil, false
	}
	return n.Args[0], true
}

// refs are the parts of the input that an expression stands for; false when it
// is no plain reference to it.
func (r *reader) refs(e ast.Expr) ([]ref, bool) {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		r.record(nil, Value) // what cannot be followed may read anything
		return nil, false
	}
	switch e := e.(type) {
	case *ast.Ident:
		return r.named(e)
	case *ast.ParenExpr:
		return r.refs(e.X)
	case *ast.UnaryExpr:
		if e.Op == token.MUL {
			return r.refs(e.X)
		}
	case *ast.BinaryExpr:
		if e.Op == token.OR {
			return r.either(e.X, e.Y)
		}
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(e.Sel)
		refs, ok := r.refs(e.X)
		if !ok || err != nil {
			return nil, false
		}
		return below(refs, Step{Key: name}), true
	case *ast.IndexExpr:
		refs, ok := r.refs(e.X)
		if !ok {
			return nil, false
		}
		if key, constant := constantKey(e.Index); constant {
			return below(refs, Step{Key: key}), true
		}
		return below(refs, Step{Each: true}), true
	case *ast.ListLit:
		return r.yielded(e)
	}
	return nil, false
}

func (r *reader) named(e *ast.Ident) ([]ref, bool) {
	if refs, ok := r.bound[e.Node]; ok && e.Node != nil {
		return refs, len(refs) > 0
	}
	if of, ok := r.aliases[e.Node]; ok && e.Node != nil {
		return r.refs(of)
	}
	if e.Name == r.input {
		return []ref{{}}, true
	}
	return nil, false
}

// either is what an alternative stands for: a part of the input, or a default that is no reference.
func (r *reader) either(x, y ast.Expr) ([]ref, bool) {
	var out []ref
	for _, side := range []ast.Expr{x, y} {
		if refs, ok := r.refs(side); ok {
			out = append(out, refs...)
			continue
		}
		if !isPlain(side) {
			return nil, false
		}
	}
	return out, len(out) > 0
}

// isPlain says that an expression refers to nothing.
func isPlain(e ast.Expr) bool {
	plain := true
	ast.Walk(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			plain = plain && n.Node == nil && slices.Contains([]string{"string", "int", "bool", "number", "float", "_"}, n.Name)
		case *ast.Comprehension, *ast.Field:
			plain = false
		}
		return plain
	}, nil)
	return plain
}

// yielded is what a list stands for that consists of a loop over the input whose
// items are parts of it: [for c in context.output.status.conditions if c.type == "Ready" {c}].
func (r *reader) yielded(n *ast.ListLit) (out []ref, ok bool) {
	c, isLoop := single(n)
	if !isLoop {
		return nil, false
	}
	value, isStruct := c.Value.(*ast.StructLit)
	if !isStruct || len(value.Elts) != 1 || c.Fallback != nil {
		return nil, false
	}
	embedded, isEmbedded := value.Elts[0].(*ast.EmbedDecl)
	if !isEmbedded {
		return nil, false
	}
	r.comprehension(c, true, func() {
		out, ok = r.refs(embedded.Expr)
		r.computed(embedded.Expr)
	})
	for i := range out {
		out[i].list = true
	}
	return out, ok && picked(out)
}

// picked says that a literal has picked what refs stand for.
func picked(refs []ref) bool {
	return !slices.ContainsFunc(refs, func(to ref) bool {
		return !slices.ContainsFunc(to.path, func(s Step) bool { return s.Field != "" })
	})
}

func single(n *ast.ListLit) (*ast.Comprehension, bool) {
	if len(n.Elts) != 1 {
		return nil, false
	}
	c, ok := n.Elts[0].(*ast.Comprehension)
	if !ok {
		return nil, false
	}
	_, ok = c.Clauses[0].(*ast.ForClause)
	return c, ok
}

// below is what a step leads to. Any index of a list that a loop yields is an item of it.
func below(refs []ref, s Step) []ref {
	out := make([]ref, 0, len(refs))
	for _, to := range refs {
		if to.list {
			out = append(out, ref{path: to.path})
			continue
		}
		out = append(out, ref{path: append(slices.Clone(to.path), s)})
	}
	return out
}

// computed visits the computed keys in a chain, which may be references themselves.
func (r *reader) computed(e ast.Expr) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		r.computed(e.X)
	case *ast.UnaryExpr:
		r.computed(e.X)
	case *ast.BinaryExpr:
		r.computed(e.X)
		r.computed(e.Y)
	case *ast.SelectorExpr:
		r.computed(e.X)
	case *ast.IndexExpr:
		r.computed(e.X)
		if _, constant := constantKey(e.Index); !constant {
			r.visit(e.Index)
		}
	}
}

// constantKey is the key or index that a literal stands for.
func constantKey(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	switch lit.Kind {
	case token.STRING:
		s, err := literal.Unquote(lit.Value)
		return s, err == nil
	case token.INT:
		n, err := strconv.ParseInt(strings.ReplaceAll(lit.Value, "_", ""), 0, 64)
		return strconv.FormatInt(n, 10), err == nil
	}
	return "", false
}

// aliases are the names that may stand for a part of an input alone: let clauses,
// and hidden fields of the file that are declared once and used by their bare name.
func aliases(file *ast.File) map[ast.Node]ast.Expr {
	out := map[ast.Node]ast.Expr{}
	uses := map[string]int{}
	ast.Walk(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.LetClause:
			out[n], out[n.Ident] = n.Expr, n.Expr
		case *ast.Field:
			if name, _, err := ast.LabelName(n.Label); err == nil {
				uses[name]++
			}
		case *ast.SelectorExpr:
			if name, _, err := ast.LabelName(n.Sel); err == nil {
				uses[name]++
			}
		}
		return true
	}, nil)
	for _, d := range file.Decls {
		f, ok := d.(*ast.Field)
		if !ok || f.Alias != nil || f.Constraint != token.ILLEGAL {
			continue
		}
		name, isIdent := f.Label.(*ast.Ident)
		if isIdent && strings.HasPrefix(name.Name, "_") && uses[name.Name] == 1 {
			out[f.Value] = f.Value
		}
	}
	return out
}
