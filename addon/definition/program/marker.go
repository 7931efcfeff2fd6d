// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"

	"cuelang.org/go/cue/ast"
)

// maxReferences bounds how many references are followed one after the other
// while markers are collected, so that references in a circle end.
const maxReferences = 16

// Markers is the tree of the comments of the form +name=value at the fields of
// a struct. OAM's patches are steered by them.
type Markers struct {
	// Values are the markers of the field itself, by name.
	Values map[string]string
	// Fields are the markers below a field, by its key.
	Fields map[string]*Markers
	// Items are the markers below the items of a list.
	Items *Markers
}

// Markers are the markers of a top-level field, seen through references to
// other top-level fields; nil when there are none. The result is shared:
// callers must not change it.
func (p *Program) Markers(field string) (*Markers, error) {
	if p.runner != nil {
		d, err := p.Description()
		if err != nil {
			return nil, err
		}
		return d.Markers[field], nil
	}
	file, err := p.syntax()
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if known, ok := p.markers[field]; ok {
		return known, nil
	}
	if p.markers == nil {
		p.markers = map[string]*Markers{}
	}
	p.markers[field] = collector{top: file.Decls}.field(field, 0)
	return p.markers[field], nil
}

type collector struct {
	top []ast.Decl
}

// field collects the markers of all declarations of a top-level field.
func (c collector) field(name string, depth int) *Markers {
	if depth > maxReferences {
		return nil
	}
	var out *Markers
	for _, d := range c.top {
		f, ok := d.(*ast.Field)
		if !ok || labelOf(f) != name {
			continue
		}
		out = merge(out, c.ofField(f, depth))
	}
	return out
}

func (c collector) ofField(f *ast.Field, depth int) *Markers {
	out := c.ofExpr(f.Value, depth)
	values := markersOf(f)
	if len(values) == 0 {
		return out
	}
	return merge(&Markers{Values: values}, out)
}

func (c collector) ofExpr(e ast.Expr, depth int) *Markers {
	switch e := e.(type) {
	case *ast.StructLit:
		return c.ofDecls(e.Elts, depth)
	case *ast.ListLit:
		return c.ofItems(e.Elts, depth)
	case *ast.BinaryExpr:
		return merge(c.ofExpr(e.X, depth), c.ofExpr(e.Y, depth))
	case *ast.UnaryExpr:
		return c.ofExpr(e.X, depth)
	case *ast.ParenExpr:
		return c.ofExpr(e.X, depth)
	case *ast.Comprehension:
		return c.ofExpr(e.Value, depth)
	case *ast.Ellipsis:
		return c.ofExpr(e.Type, depth)
	case *ast.Ident:
		return c.field(e.Name, depth+1)
	}
	return nil
}

func (c collector) ofDecls(decls []ast.Decl, depth int) *Markers {
	var out *Markers
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			if below := c.ofField(d, depth); below != nil {
				out = merge(out, &Markers{Fields: map[string]*Markers{labelOf(d): below}})
			}
		case *ast.EmbedDecl:
			out = merge(out, c.ofExpr(d.Expr, depth))
		case *ast.Comprehension:
			out = merge(out, c.ofExpr(d, depth))
		}
	}
	return out
}

func (c collector) ofItems(items []ast.Expr, depth int) *Markers {
	var below *Markers
	for _, item := range items {
		below = merge(below, c.ofExpr(item, depth))
	}
	if below == nil {
		return nil
	}
	return &Markers{Items: below}
}

// merge is what either says; the second wins where both speak of one marker.
func merge(a, b *Markers) *Markers {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := &Markers{Values: map[string]string{}, Fields: map[string]*Markers{}, Items: merge(a.Items, b.Items)}
	for _, m := range []*Markers{a, b} {
		for k, v := range m.Values {
			out.Values[k] = v
		}
		for k, below := range m.Fields {
			out.Fields[k] = merge(out.Fields[k], below)
		}
	}
	return out
}

func labelOf(f *ast.Field) string {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		return ""
	}
	return name
}

// markersOf reads the lines of the form +name=value in the comments of a field.
func markersOf(f *ast.Field) map[string]string {
	var out map[string]string
	for _, group := range append(ast.Comments(f), ast.Comments(f.Label)...) {
		for _, line := range strings.Split(group.Text(), "\n") {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if !ok || !strings.HasPrefix(name, "+") {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[name[1:]] = value
		}
	}
	return out
}

// Strategy is the value of the marker patchStrategy; "" without one. It may be
// asked of nil.
func (m *Markers) Strategy() string {
	if m == nil {
		return ""
	}
	return m.Values["patchStrategy"]
}

// Below are the markers at a field; nil without any. It may be asked of nil.
func (m *Markers) Below(field string) *Markers {
	if m == nil {
		return nil
	}
	return m.Fields[field]
}
