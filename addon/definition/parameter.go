// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"encoding/json"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Bounds of what is read: the depth ends parameters that refer to themselves,
// the number those that multiply.
const (
	maxSchemaDepth = 24
	maxSchemaNodes = 5_000
)

// reader reads one schema out of compiled CUE.
type reader struct {
	root  cue.Value
	nodes int
	// within are the declarations that are being read, since one may name itself.
	within map[string]bool
	// known are the definitions that were read, so that one which is named often is read once.
	known map[referred]reading
}

// referred is a definition at some depth: it decides where the reading ends.
type referred struct {
	path  string
	depth int
}

// reading is what was read of a definition, and how many nodes that took.
type reading struct {
	schema *schema
	nodes  int
}

// newSchema reads the schema of the field parameter of a template. Where CUE
// panics over what it is asked, nothing is known: rendering says what is wrong.
func newSchema(p *program.Program) (s *schema) {
	s = anything()
	defer func() {
		if recover() != nil {
			s = anything()
		}
	}()
	_ = p.Inspect(func(root cue.Value) {
		if v := root.LookupPath(cue.ParsePath("parameter")); v.Exists() {
			r := reader{root: root, within: map[string]bool{}, known: map[referred]reading{}}
			s = r.read(withoutTop(v), 0)
		}
	})
	return s
}

// withoutTop leaves out the declaration parameter: _ that every source has.
func withoutTop(v cue.Value) cue.Value {
	op, args := v.Expr()
	if op != cue.AndOp {
		return v
	}
	args = slices.DeleteFunc(args, func(a cue.Value) bool { return a.IncompleteKind() == cue.TopKind })
	if len(args) == 1 {
		return args[0]
	}
	return v
}

// read reads the type of a value, its default and the text for people.
func (r *reader) read(v cue.Value, depth int) *schema {
	r.nodes++
	if depth > maxSchemaDepth || r.nodes > maxSchemaNodes {
		return anything()
	}
	s := r.readOnce(v, depth)
	s.usage = usage(v)
	s.readDefault(v)
	return s
}

// readOnce is readType, but a definition that was read at this depth before is copied.
func (r *reader) readOnce(v cue.Value, depth int) *schema {
	name, ok := r.refersTo(v, depth)
	if !ok {
		return r.readType(v, depth)
	}
	known, ok := r.known[name]
	if !ok {
		before := r.nodes
		known.schema = r.readType(v, depth)
		known.nodes = r.nodes - before
		r.known[name] = known
		return known.schema.clone()
	}
	if r.nodes+known.nodes > maxSchemaNodes {
		return anything()
	}
	r.nodes += known.nodes
	return known.schema.clone()
}

// refersTo is the definition that a value is and nothing else. The top of the
// parameters is left out: what it is may be written in several places.
func (r *reader) refersTo(v cue.Value, depth int) (referred, bool) {
	if depth < 2 || len(r.within) > 0 {
		return referred{}, false
	}
	root, path := v.ReferencePath()
	if root != r.root || !slices.ContainsFunc(path.Selectors(), cue.Selector.IsDefinition) {
		return referred{}, false
	}
	return referred{path: path.String(), depth: depth}, true
}

// clone is a copy that shares no schema with the original.
func (s *schema) clone() *schema {
	if s == nil {
		return nil
	}
	out := *s
	out.others, out.items = s.others.clone(), s.items.clone()
	if s.fields != nil {
		out.fields = make(map[string]*schema, len(s.fields))
	}
	for name, field := range s.fields {
		out.fields[name] = field.clone()
	}
	out.alternatives = slices.Clone(s.alternatives)
	for i, a := range s.alternatives {
		out.alternatives[i] = a.clone()
	}
	out.bounds.limits, out.bounds.lengths = slices.Clip(s.bounds.limits), slices.Clip(s.bounds.lengths)
	out.bounds.patterns, out.bounds.excluded = slices.Clip(s.bounds.patterns), slices.Clip(s.bounds.excluded)
	return &out
}

func (r *reader) readType(v cue.Value, depth int) *schema {
	kind := kindOfType(v)
	if kind == cue.BottomKind {
		return r.readParts(v, depth)
	}
	if kind == cue.TopKind {
		return anything()
	}
	choices := choicesOf(v)
	if len(choices) > 1 {
		return r.readChoices(v, choices, depth)
	}
	s, only := &schema{kinds: kind}, choices[0]
	switch {
	case kind == cue.StructKind:
		r.readStruct(s, only, depth)
		r.readConditional(s, v, depth)
	case kind == cue.ListKind:
		r.readList(s, only, depth)
	case kind&(cue.StructKind|cue.ListKind) == 0:
		s.readScalar(v, only)
		return s
	default:
		s.open = true
	}
	s.bounds.add(lengthsOf(v))
	s.bounds.add(lengthsOf(only))
	return s
}

// kindOfType is the kind of a value. A struct with a condition that cannot be
// decided without the user's values is one all the same.
func kindOfType(v cue.Value) cue.Kind {
	kind := v.IncompleteKind()
	if kind != cue.BottomKind {
		return kind
	}
	if fields, err := v.Fields(cue.Optional(true)); err == nil && fields.Next() {
		return cue.StructKind
	}
	return cue.BottomKind
}

// readParts reads a value that CUE cannot evaluate without the user's: it has
// bounds that its empty form does not keep, or that depend on other values.
func (r *reader) readParts(v cue.Value, depth int) *schema {
	op, args := v.Expr()
	if op == cue.SelectorOp {
		return r.readReference(v, depth)
	}
	if op != cue.AndOp || depth > maxSchemaDepth {
		return anything()
	}
	var rest *cue.Value
	for _, a := range args {
		if call, _ := a.Expr(); call == cue.CallOp || a.IncompleteKind() == cue.BottomKind {
			continue
		}
		if rest == nil {
			rest = &a
			continue
		}
		both := rest.Unify(a)
		rest = &both
	}
	if rest == nil || rest.IncompleteKind() == cue.BottomKind {
		return anything()
	}
	s := r.readType(*rest, depth+1)
	if s.kinds&(cue.StructKind|cue.ListKind) != 0 {
		s.bounds.add(lengthsOf(v))
	} else {
		s.bounds.add(boundsOf(v))
	}
	return s
}

// readReference reads what refers to a declaration that refers to itself, one
// time deep: below nothing is known.
func (r *reader) readReference(v cue.Value, depth int) *schema {
	_, path := v.ReferencePath()
	target := cue.Dereference(v)
	if r.within[path.String()] || target.IncompleteKind() == cue.BottomKind {
		return anything()
	}
	r.within[path.String()] = true
	defer delete(r.within, path.String())
	return r.readType(target, depth+1)
}

// choicesOf are the disjuncts of a value, without defaults that another one
// includes; the value itself where it is no choice.
func choicesOf(v cue.Value) []cue.Value {
	_, preset := v.Default()
	// What is written is more exact than what it evaluates to, but may be in parts.
	for _, form := range []cue.Value{cue.Dereference(v), v.Eval()} {
		op, args := form.Expr()
		if op == cue.OrOp || op == cue.NoOp && preset && len(args) == 1 {
			return args
		}
	}
	return []cue.Value{v}
}

// readChoices reads a choice: single values become one list of what is
// allowed, and what another choice includes is left out.
func (r *reader) readChoices(v cue.Value, choices []cue.Value, depth int) *schema {
	values := &schema{}
	var all []*schema
	for i, c := range choices {
		if kindOfType(c) == cue.BottomKind || isIncluded(choices, i) {
			continue
		}
		if value, ok := scalar(c); ok && c.IsConcrete() {
			values.kinds |= c.Kind()
			values.allowed = append(values.allowed, value)
			continue
		}
		all = append(all, r.read(c, depth+1).flat()...)
	}
	if values.allowed != nil {
		all = append([]*schema{values}, all...)
	}
	s := choice(all)
	for _, a := range s.flat() {
		if a.kinds == cue.StructKind {
			r.readConditional(a, v, depth)
		}
	}
	return s
}

// isIncluded says that a choice is a value, such as a default, which another
// choice takes too. CUE does not tell {} from a map: the map is kept.
func isIncluded(choices []cue.Value, i int) bool {
	if choices[i].Validate(cue.Concrete(true)) != nil || isMap(choices[i]) {
		return false
	}
	for j, other := range choices {
		if i == j || other.Subsume(choices[i]) != nil {
			continue
		}
		if j < i || isMap(other) || choices[i].Subsume(other) != nil {
			return true
		}
	}
	return false
}

func isMap(v cue.Value) bool {
	return v.IncompleteKind() == cue.StructKind && v.LookupPath(cue.MakePath(cue.AnyString)).Exists()
}

// flat are the alternatives of a schema, or itself.
func (s *schema) flat() []*schema {
	if len(s.alternatives) > 0 {
		return s.alternatives
	}
	return []*schema{s}
}

// choice is the schema of a choice. Kinds without more to say of them are one.
func choice(all []*schema) *schema {
	var plain cue.Kind
	for _, a := range all {
		if a.isPlain() {
			plain |= a.kinds
		}
	}
	s := &schema{kinds: plain}
	if plain != 0 {
		s.alternatives = append(s.alternatives, &schema{kinds: plain})
	}
	for _, a := range all {
		if a.kinds&^plain == 0 && a.kinds&(cue.StructKind|cue.ListKind) == 0 {
			continue
		}
		s.kinds |= a.kinds
		s.alternatives = append(s.alternatives, a)
	}
	if len(s.alternatives) == 1 {
		return s.alternatives[0]
	}
	if s.kinds == cue.TopKind {
		s.open = true
	}
	return s
}

// isPlain says that every scalar of the kinds will do.
func (s *schema) isPlain() bool {
	return s.kinds&(cue.StructKind|cue.ListKind) == 0 && s.allowed == nil && s.bounds.isZero()
}

func (r *reader) readStruct(s *schema, v cue.Value, depth int) {
	if others := v.LookupPath(cue.MakePath(cue.AnyString)); others.Exists() {
		s.open, s.others = true, r.read(others, depth+1)
	}
	fields, err := v.Fields(cue.Optional(true), cue.Patterns(true))
	if err != nil {
		s.open = true
		return
	}
	s.fields = map[string]*schema{}
	for fields.Next() {
		if fields.FieldType().ConstraintType() == cue.PatternConstraint {
			s.open = true
			continue
		}
		field := r.read(fields.Value(), depth+1)
		if field.optional = fields.IsOptional(); field.optional {
			// What is not given is absent then, whatever the default says.
			field.value, field.computed = nil, ""
		}
		field.demanded = fields.Selector().ConstraintType() == cue.RequiredConstraint
		s.fields[fields.Selector().Unquoted()] = field
	}
}

func (r *reader) readList(s *schema, v cue.Value, depth int) {
	item := v.LookupPath(cue.MakePath(cue.AnyIndex))
	if item.Exists() {
		s.items = r.read(item, depth+1)
	}
	s.bounds = writtenItems(v, item.Exists())
}

// readScalar reads what is allowed beyond the kind; only is the value without its default.
func (s *schema) readScalar(v, only cue.Value) {
	if value, ok := scalar(only); ok && only.IsConcrete() {
		s.fixed, s.allowed = value, []any{value}
		return
	}
	s.bounds = boundsOf(v)
	s.bounds.add(boundsOf(only))
}

// readDefault reads what counts where the user says nothing.
func (s *schema) readDefault(v cue.Value) {
	preset, has := v.Default()
	s.preset = has || v.IncompleteKind() != cue.BottomKind && v.IsConcrete() && v.IncompleteKind()&cue.StructKind == 0
	if s.preset {
		s.value = concrete(preset)
		return
	}
	s.computed = markedDefault(v.Source())
	s.preset = s.computed != "" || isDerived(v)
}

// isDerived says that a value follows from other parameters or the context.
func isDerived(v cue.Value) bool {
	switch op, _ := v.Expr(); op {
	case cue.SelectorOp, cue.IndexOp:
		root, path := v.ReferencePath()
		first := path.Selectors()
		return !root.Exists() || len(first) > 0 && !first[0].IsDefinition() && first[0].LabelType() == cue.StringLabel
	case cue.InterpolationOp, cue.AddOp, cue.SubtractOp, cue.MultiplyOp:
		return true
	}
	return false
}

// concrete is the JSON value of a default; nil where it is none, and for the
// empty list, which is what each list is where nothing is said.
func concrete(v cue.Value) any {
	if n, err := v.Len().Int64(); err == nil && n == 0 && v.Kind() == cue.ListKind {
		return nil
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		return nil
	}
	var value exact
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil
	}
	return value.value
}

func scalar(v cue.Value) (any, bool) {
	switch v.Kind() {
	case cue.StringKind:
		s, err := v.String()
		return s, err == nil
	case cue.IntKind:
		n, err := v.Int64()
		return n, err == nil
	case cue.FloatKind, cue.NumberKind:
		f, err := v.Float64()
		return f, err == nil
	case cue.BoolKind:
		b, err := v.Bool()
		return b, err == nil
	case cue.NullKind:
		return nil, true
	}
	return nil, false
}

// usage is the text of the marker +usage at a parameter.
func usage(v cue.Value) string {
	for _, group := range v.Doc() {
		for _, line := range strings.Split(group.Text(), "\n") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "+usage="); ok {
				return text
			}
		}
	}
	return ""
}
