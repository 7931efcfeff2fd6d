// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"slices"
	"sort"
	"strings"

	"cuelang.org/go/cue"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// maxSchemaDepth bounds how deep a schema follows a parameter that refers to itself.
const maxSchemaDepth = 24

// schema is what a template says of a parameter, without the CUE around it, so
// that messages can speak of the user's field.
type schema struct {
	// kinds that a value may have; all of them when nothing is known.
	kinds cue.Kind
	// usage is the text for people.
	usage string
	// optional says that the field may be absent.
	optional bool
	// demanded says that the field is marked as required, whatever its value is.
	demanded bool
	// preset says that the value has a default or is fixed.
	preset bool
	// value is the default; nil when there is none or it is not concrete.
	value any
	// fixed is the only value, if there is one; it tells alternatives apart.
	fixed any
	// fields of a struct, by name.
	fields map[string]*schema
	// open says that a struct takes other fields too, which others describes if it is known.
	open   bool
	others *schema
	// items of a list; nil when nothing is known of them.
	items *schema
	// alternatives of a struct, one of which must fit.
	alternatives []*schema
	// allowed are the only values; nil when there is no such list.
	allowed []any
	// bounds of a number or text; zero when there are none.
	bounds bounds
}

// anything is the schema of which nothing is known.
func anything() *schema {
	return &schema{kinds: cue.TopKind, open: true}
}

// newSchema reads the schema of the field parameter of a template.
func newSchema(p *program.Program) *schema {
	s := anything()
	_ = p.Inspect(func(root cue.Value) {
		if v := root.LookupPath(cue.ParsePath("parameter")); v.Exists() {
			s = readSchema(v, 0)
		}
	})
	return s
}

func readSchema(v cue.Value, depth int) *schema {
	kind := v.IncompleteKind()
	if depth > maxSchemaDepth || kind == cue.BottomKind || kind == cue.TopKind {
		return anything()
	}
	s := &schema{kinds: kind, usage: usage(v)}
	preset, has := v.Default()
	s.preset = has || v.IsConcrete() && kind&cue.StructKind == 0
	switch {
	case kind == cue.StructKind:
		s.readStruct(v, depth)
	case kind == cue.ListKind:
		s.readItems(v, depth)
	case kind&(cue.StructKind|cue.ListKind) == 0:
		s.readScalar(v, preset)
	default:
		s.open = true
	}
	return s
}

// readStruct reads fields, or alternatives where the struct is a choice.
func (s *schema) readStruct(v cue.Value, depth int) {
	if choices := choicesOf(v); len(choices) > 1 {
		for _, c := range choices {
			s.alternatives = append(s.alternatives, readSchema(c, depth+1))
		}
		return
	}
	if others := v.LookupPath(cue.MakePath(cue.AnyString)); others.Exists() {
		s.open, s.others = true, readSchema(others, depth+1)
	}
	fields, err := v.Fields(cue.Optional(true))
	if err != nil {
		s.open = true
		return
	}
	s.fields = map[string]*schema{}
	for fields.Next() {
		field := readSchema(fields.Value(), depth+1)
		field.optional = fields.IsOptional()
		field.demanded = fields.Selector().ConstraintType() == cue.RequiredConstraint
		s.fields[fields.Selector().Unquoted()] = field
	}
}

// choicesOf are the disjuncts of a struct, each with what stands beside the disjunction.
func choicesOf(v cue.Value) []cue.Value {
	op, args := v.Expr()
	if op == cue.OrOp {
		return args
	}
	if op != cue.AndOp {
		return nil
	}
	for i, a := range args {
		choices := choicesOf(a)
		for _, other := range slices.Delete(slices.Clone(args), i, i+1) {
			for j := range choices {
				choices[j] = choices[j].Unify(other)
			}
		}
		if len(choices) > 1 {
			return choices
		}
	}
	return nil
}

func (s *schema) readItems(v cue.Value, depth int) {
	if item := v.LookupPath(cue.MakePath(cue.AnyIndex)); item.Exists() {
		s.items = readSchema(item, depth+1)
	}
}

// readScalar reads what is allowed beyond the kind.
func (s *schema) readScalar(v, preset cue.Value) {
	if v.IsConcrete() && v.Kind() == v.IncompleteKind() && !s.hasChoice(v) {
		s.fixed, _ = scalar(preset)
		s.allowed = []any{s.fixed}
		return
	}
	if op, args := v.Expr(); op == cue.OrOp {
		s.allowed = scalars(args)
	}
	if s.allowed == nil {
		s.bounds = boundsOf(v)
	}
}

// hasChoice tells a default among others from a value that is fixed.
func (s *schema) hasChoice(v cue.Value) bool {
	preset, has := v.Default()
	return has && preset.Subsume(v) != nil
}

// scalars are the values of disjuncts; nil when one of them is no single value.
func scalars(values []cue.Value) []any {
	var out []any
	for _, v := range values {
		value, ok := scalar(v)
		if !ok {
			return nil
		}
		out = append(out, value)
	}
	return out
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

// required says that a value must be given: it has no default, and without it
// the template would have nothing concrete.
func (s *schema) required() bool {
	if s.demanded {
		return true
	}
	if s.optional || s.preset || s.open && s.kinds == cue.TopKind {
		return false
	}
	if s.kinds&cue.StructKind == 0 {
		return s.kinds&cue.ListKind == 0
	}
	if len(s.alternatives) > 0 {
		return !slices.ContainsFunc(s.alternatives, func(a *schema) bool { return !a.required() })
	}
	for _, f := range s.fields {
		if f.required() {
			return true
		}
	}
	return false
}

// names are the sorted names of the fields.
func (s *schema) names() []string {
	names := make([]string, 0, len(s.fields))
	for name := range s.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
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
