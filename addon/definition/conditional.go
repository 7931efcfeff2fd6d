// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// readConditional adds the fields that a struct has under conditions only, such
// as if type == "pvc" {claimName: string}. CUE shows them when the condition
// holds; here they may be given always, and the evaluation judges.
func (r *reader) readConditional(s *schema, v cue.Value, depth int) {
	c := conditional{seen: map[ast.Node]bool{}}
	for _, n := range r.sourcesOf(v) {
		c.visit(n)
	}
	s.open = s.open || c.dynamic
	for _, body := range c.bodies {
		for name, field := range r.readBody(body, depth) {
			known, ok := s.fields[name]
			if ok && !c.added[name] {
				continue
			}
			if ok {
				field = choice(append(slices.Clone(known.flat()), field.flat()...))
			}
			field.optional, field.demanded = true, false
			if s.fields == nil {
				s.fields = map[string]*schema{}
			}
			s.fields[name] = field
			c.add(name)
		}
	}
}

// sourcesOf are the pieces of source that make a value.
func (r *reader) sourcesOf(v cue.Value) []ast.Node {
	sources := []ast.Node{v.Source()}
	if op, args := v.Expr(); op == cue.AndOp {
		for _, a := range args {
			sources = append(sources, a.Source())
		}
	}
	if path := v.Path().Selectors(); len(path) == 1 {
		// A field of the file may be declared several times there.
		sources = append(sources, declarations(r.root, path[0].String())...)
	}
	return sources
}

// readBody reads the fields of what stands under a condition. It is compiled
// on its own, so what it refers to beside it is not known.
func (r *reader) readBody(body *ast.StructLit, depth int) map[string]*schema {
	fields := map[string]*schema{}
	for _, e := range body.Elts {
		field, ok := e.(*ast.Field)
		if !ok {
			continue
		}
		name, _, err := ast.LabelName(field.Label)
		if err != nil || !isParameterName(field.Label, name) {
			continue
		}
		fields[name] = anything()
		text, err := format.Node(&ast.StructLit{Elts: []ast.Decl{field}})
		if err != nil {
			continue
		}
		v := r.root.Context().CompileBytes(text, cue.Scope(r.root), cue.InferBuiltins(true)) //nolint:staticcheck // a scope has to be of the same context
		for _, selector := range []cue.Selector{cue.Str(name), cue.Str(name).Optional()} {
			if found := v.LookupPath(cue.MakePath(selector)); found.Exists() {
				fields[name] = r.read(found, depth+1)
				break
			}
		}
	}
	return fields
}

func isParameterName(label ast.Label, name string) bool {
	_, quoted := label.(*ast.BasicLit)
	return quoted || name != "" && name[0] != '_' && name[0] != '#'
}

// conditional collects the bodies of comprehensions in the source of a struct.
type conditional struct {
	seen   map[ast.Node]bool
	bodies []*ast.StructLit
	added  map[string]bool
	// dynamic says that a name is computed, so that any may exist.
	dynamic bool
}

func (c *conditional) add(name string) {
	if c.added == nil {
		c.added = map[string]bool{}
	}
	c.added[name] = true
}

// visit follows what a struct is made of: conjunctions, disjunctions, embedded
// structs and what they refer to.
func (c *conditional) visit(n ast.Node) {
	if n == nil || c.seen[n] {
		return
	}
	c.seen[n] = true
	switch n := n.(type) {
	case *ast.Field:
		c.visit(n.Value)
	case *ast.EmbedDecl:
		c.visit(n.Expr)
	case *ast.ParenExpr:
		c.visit(n.X)
	case *ast.UnaryExpr:
		c.visit(n.X)
	case *ast.BinaryExpr:
		if n.Op == token.AND || n.Op == token.OR {
			c.visit(n.X)
			c.visit(n.Y)
		}
	case *ast.CallExpr:
		for _, a := range n.Args {
			c.visit(a)
		}
	case *ast.Ident:
		c.visit(n.Node)
	case *ast.StructLit:
		c.visitStruct(n)
	}
}

func (c *conditional) visitStruct(s *ast.StructLit) {
	for _, e := range s.Elts {
		switch e := e.(type) {
		case *ast.EmbedDecl:
			c.visit(e)
		case *ast.Comprehension:
			body, ok := e.Value.(*ast.StructLit)
			if !ok {
				continue
			}
			c.bodies = append(c.bodies, body)
			c.dynamic = c.dynamic || slices.ContainsFunc(body.Elts, isDynamic)
			c.visitStruct(body)
		}
	}
}

func isDynamic(d ast.Decl) bool {
	field, ok := d.(*ast.Field)
	if !ok {
		return false
	}
	_, _, err := ast.LabelName(field.Label)
	return err != nil
}

// markedDefault is the text of a default that CUE cannot evaluate without the
// user's values or the context, such as *context.name | string.
func markedDefault(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Field:
		return markedDefault(n.Value)
	case *ast.ParenExpr:
		return markedDefault(n.X)
	case *ast.BinaryExpr:
		if n.Op != token.AND && n.Op != token.OR {
			return ""
		}
		if text := markedDefault(n.X); text != "" {
			return text
		}
		return markedDefault(n.Y)
	case *ast.UnaryExpr:
		if n.Op != token.MUL {
			return ""
		}
		text, err := format.Node(n.X)
		if err != nil {
			return ""
		}
		return string(text)
	}
	return ""
}

// declarations are the fields of a name at the top of the source.
func declarations(root cue.Value, name string) []ast.Node {
	file, ok := root.Source().(*ast.File)
	if !ok {
		return nil
	}
	var out []ast.Node
	for _, d := range file.Decls {
		if field, ok := d.(*ast.Field); ok && program.LabelOf(field) == name {
			out = append(out, field)
		}
	}
	return out
}
