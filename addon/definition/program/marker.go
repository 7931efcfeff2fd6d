// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"

	"cuelang.org/go/cue/ast"
)

// Markers is the tree of the comments of the form +name=value at the fields of
// a struct. OAM's patches are steered by them.
type Markers struct {
	// Values are the markers of the field itself, by name.
	Values map[string]string
	// Fields are the markers below a field, by its key; "" stands for every key that is computed.
	Fields map[string]*Markers
	// Items are the markers below the items of a list.
	Items *Markers
	// Open says that a list ends in "...", so that it may have more items.
	Open bool
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
	c := &collector{within: map[ast.Node]bool{}}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.Field); ok && LabelOf(f) == field {
			p.markers[field] = merge(p.markers[field], c.ofField(f, nil))
		}
	}
	return p.markers[field], nil
}

// maxMarked bounds how many pieces of syntax are looked at, so that source that
// refers to much in many ways takes no time to speak of.
const maxMarked = 1 << 16

// collector reads markers the way CUE shows comments of an evaluated value.
type collector struct {
	seen   int
	within map[ast.Node]bool
}

// ofField is what a field says, and what stands below it. Where fields are
// written in a row, as in a: b: c, a comment above them belongs to the last one.
func (c *collector) ofField(f *ast.Field, above map[string]string) *Markers {
	values := markersOf(f)
	for k, v := range above {
		if _, own := values[k]; !own {
			values[k] = v
		}
	}
	if inner := rowOf(f); inner != nil {
		return fieldMarkers(LabelOf(inner), c.ofField(inner, values))
	}
	out := c.ofExpr(f.Value)
	if len(values) == 0 {
		return out
	}
	return merge(&Markers{Values: values}, out)
}

// rowOf is the next field of fields in a row; nil at the last.
func rowOf(f *ast.Field) *ast.Field {
	body, ok := f.Value.(*ast.StructLit)
	if !ok || body.Lbrace.IsValid() || len(body.Elts) != 1 {
		return nil
	}
	inner, ok := body.Elts[0].(*ast.Field)
	if !ok || LabelOf(inner) == "" {
		return nil
	}
	return inner
}

// fieldMarkers are the markers of a struct with one field; nil without any.
func fieldMarkers(field string, markers *Markers) *Markers {
	if markers == nil {
		return nil
	}
	return &Markers{Fields: map[string]*Markers{field: markers}}
}

func (c *collector) ofExpr(e ast.Expr) *Markers {
	c.seen++
	if e == nil || c.within[e] || c.seen > maxMarked {
		return nil
	}
	c.within[e] = true
	defer delete(c.within, e)
	switch e := e.(type) {
	case *ast.StructLit:
		return c.ofDecls(e.Elts)
	case *ast.ListLit:
		return c.ofItems(e.Elts)
	case *ast.BinaryExpr:
		return merge(c.ofExpr(e.X), c.ofExpr(e.Y))
	case *ast.UnaryExpr:
		return c.ofExpr(e.X)
	case *ast.ParenExpr:
		return c.ofExpr(e.X)
	case *ast.Alias:
		return c.ofExpr(e.Expr)
	case *ast.Comprehension:
		return c.ofExpr(e.Value)
	case *ast.CallExpr:
		return c.ofCall(e)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return c.ofReference(e)
	}
	return nil
}

func (c *collector) ofReference(e ast.Expr) *Markers {
	var out *Markers
	var r Resolver
	for _, v := range r.Values(e) {
		out = merge(out, c.ofExpr(v))
	}
	return out
}

// ofCall looks through functions that hand structs or lists on, such as close
// and list.Concat, which takes a list of lists.
func (c *collector) ofCall(call *ast.CallExpr) *Markers {
	var out *Markers
	for _, arg := range call.Args {
		lists, ok := arg.(*ast.ListLit)
		if !ok {
			out = merge(out, c.ofExpr(arg))
			continue
		}
		for _, l := range lists.Elts {
			out = merge(out, c.ofExpr(l))
		}
	}
	return out
}

func (c *collector) ofDecls(decls []ast.Decl) *Markers {
	var out *Markers
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			out = merge(out, fieldMarkers(LabelOf(d), c.ofField(d, nil)))
		case *ast.EmbedDecl:
			out = merge(out, c.ofExpr(d.Expr))
		case *ast.Comprehension:
			out = merge(out, c.ofExpr(d.Value))
		}
	}
	return out
}

func (c *collector) ofItems(items []ast.Expr) *Markers {
	var all *Markers
	open := false
	for _, item := range items {
		if more, ok := item.(*ast.Ellipsis); ok {
			open, item = true, more.Type
		}
		all = merge(all, c.ofExpr(item))
	}
	if all == nil && !open {
		return nil
	}
	return &Markers{Items: all, Open: open}
}

// merge is what either says; the second wins where both speak of one marker.
func merge(a, b *Markers) *Markers {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := &Markers{Values: map[string]string{}, Fields: map[string]*Markers{}, Items: merge(a.Items, b.Items), Open: a.Open || b.Open}
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

// LabelOf is the name of a field; empty when it is computed.
func LabelOf(f *ast.Field) string {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		return ""
	}
	return name
}

// markersOf reads the lines of the form +name=value in the comments above a
// field. A comment that an empty line sets off is none of the field's.
func markersOf(f *ast.Field) map[string]string {
	out := map[string]string{}
	for _, group := range ast.Comments(f) {
		if !group.Doc {
			continue
		}
		for _, line := range strings.Split(group.Text(), "\n") {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && strings.HasPrefix(name, "+") {
				out[strings.TrimSpace(name[1:])] = strings.TrimSpace(value)
			}
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
	if computed := m.Fields[""]; computed != nil {
		return merge(computed, m.Fields[field])
	}
	return m.Fields[field]
}
