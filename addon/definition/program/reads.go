// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"sort"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// Reads is what a source reads of one input: a tree by constant keys. What it
// reaches by a computed key counts as read altogether.
type Reads struct {
	// All says that the value is read as it is, with everything below.
	All bool
	// Below are the parts that are read by a constant key or index.
	Below map[string]*Reads
}

// Reads says what the source reads of the input with the given name. It looks at
// the text alone, so it may name more than an evaluation needs, never less. The
// result is shared: callers must not change it.
func (p *Program) Reads(input string) (*Reads, error) {
	if p.runner != nil {
		d, err := p.Description()
		if err != nil {
			return nil, err
		}
		if r := d.Reads[input]; r != nil {
			return r, nil
		}
		return &Reads{}, nil
	}
	file, err := p.syntax()
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if known, ok := p.reads[input]; ok {
		return known, nil
	}
	reads := &Reads{}
	ast.Walk(file, func(n ast.Node) bool { return reads.visit(input, n) }, nil)
	if p.reads == nil {
		p.reads = map[string]*Reads{}
	}
	p.reads[input] = reads
	return reads, nil
}

// visit records a reference to the input, and says whether to look further down.
func (r *Reads) visit(input string, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Field:
		// The label of a field is no reference.
		if _, ok := n.Label.(*ast.Ident); ok {
			ast.Walk(n.Value, func(n ast.Node) bool { return r.visit(input, n) }, nil)
			return false
		}
	case *ast.SelectorExpr, *ast.IndexExpr:
		return r.visitChain(input, n.(ast.Expr)) //nolint:forcetypeassert // both kinds are expressions
	case *ast.Ident:
		if n.Name == input {
			r.All = true
		}
	}
	return true
}

// visitChain records a chain such as context.output.status["x"]. Computed keys
// in it may be references themselves.
func (r *Reads) visitChain(input string, e ast.Expr) bool {
	keys, computed, ok := chain(e, input)
	if !ok {
		return true
	}
	r.at(keys).All = true
	for _, c := range computed {
		ast.Walk(c, func(n ast.Node) bool { return r.visit(input, n) }, nil)
	}
	return false
}

// at is the part with the given keys, made where it is not there yet.
func (r *Reads) at(keys []string) *Reads {
	for _, k := range keys {
		if r.Below == nil {
			r.Below = map[string]*Reads{}
		}
		if r.Below[k] == nil {
			r.Below[k] = &Reads{}
		}
		r = r.Below[k]
	}
	return r
}

// chain takes selectors and indexes apart. The keys end before the first computed one.
func chain(e ast.Expr, input string) (keys []string, computed []ast.Expr, ok bool) {
	switch e := e.(type) {
	case *ast.Ident:
		return nil, nil, e.Name == input
	case *ast.ParenExpr:
		return chain(e.X, input)
	case *ast.SelectorExpr:
		keys, computed, ok = chain(e.X, input)
		name, _, err := ast.LabelName(e.Sel)
		if err == nil && len(computed) == 0 {
			keys = append(keys, name)
		}
		return keys, computed, ok
	case *ast.IndexExpr:
		keys, computed, ok = chain(e.X, input)
		key, constant := constantKey(e.Index)
		if !constant {
			return keys, append(computed, e.Index), ok
		}
		if len(computed) == 0 {
			keys = append(keys, key)
		}
		return keys, computed, ok
	}
	return nil, nil, false
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
		return lit.Value, true
	}
	return "", false
}

// Union is what is read by either.
func Union(all ...*Reads) *Reads {
	out := &Reads{}
	for _, r := range all {
		if r == nil {
			continue
		}
		out.All = out.All || r.All
		for k, below := range r.Below {
			if out.Below == nil {
				out.Below = map[string]*Reads{}
			}
			out.Below[k] = Union(out.Below[k], below)
		}
	}
	return out
}

// Get is what is read below a key: nothing is an empty tree.
func (r *Reads) Get(key string) *Reads {
	if r.All && r.Below[key] == nil {
		return &Reads{All: true}
	}
	if r.Below[key] == nil {
		return &Reads{}
	}
	return &Reads{All: r.All || r.Below[key].All, Below: r.Below[key].Below}
}

// Any says whether anything is read.
func (r *Reads) Any() bool {
	return r.All || len(r.Below) > 0
}

// Leaves are the paths that are read and have no longer path below them, sorted.
func (r *Reads) Leaves() [][]string {
	var out [][]string
	r.leaves(nil, &out)
	return out
}

func (r *Reads) leaves(path []string, out *[][]string) {
	if len(r.Below) == 0 {
		*out = append(*out, append([]string(nil), path...))
		return
	}
	keys := make([]string, 0, len(r.Below))
	for k := range r.Below {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		r.Below[k].leaves(append(path, k), out)
	}
}

// Prune is the part of a JSON value that is read. Parts of the value are shared.
// A list keeps its length where any of its items is read.
func (r *Reads) Prune(value any) any {
	if r.All {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(r.Below))
		for k, below := range r.Below {
			if item, ok := v[k]; ok {
				out[k] = below.Prune(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = r.Get(strconv.Itoa(i)).Prune(item)
		}
		return out
	}
	return value
}
