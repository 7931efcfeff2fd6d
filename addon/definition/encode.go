// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
)

// schemaForm is the JSON form of a schema, in which one process hands it to another.
type schemaForm struct {
	Kinds        cue.Kind               `json:"kinds"`
	Usage        string                 `json:"usage,omitempty"`
	Optional     bool                   `json:"optional,omitempty"`
	Demanded     bool                   `json:"demanded,omitempty"`
	Preset       bool                   `json:"preset,omitempty"`
	Default      *exact                 `json:"default,omitempty"`
	Computed     string                 `json:"computed,omitempty"`
	Fixed        *exact                 `json:"fixed,omitempty"`
	Fields       map[string]*schemaForm `json:"fields,omitzero"`
	Open         bool                   `json:"open,omitempty"`
	Others       *schemaForm            `json:"others,omitempty"`
	Items        *schemaForm            `json:"items,omitempty"`
	Alternatives []*schemaForm          `json:"alternatives,omitzero"`
	Allowed      []exact                `json:"allowed,omitzero"`
	Limits       []limitForm            `json:"limits,omitzero"`
	Lengths      []limitForm            `json:"lengths,omitzero"`
	Patterns     []patternForm          `json:"patterns,omitzero"`
	Excluded     []exact                `json:"excluded,omitzero"`
}

type limitForm struct {
	Op    string `json:"op"`
	Value exact  `json:"value"`
	Text  string `json:"text"`
}

type patternForm struct {
	Expression string `json:"expression"`
	Not        bool   `json:"not,omitempty"`
}

// MarshalJSON writes all that the schema says. The whole is written at once: the
// text of what writes itself is copied for each level that it is below.
func (s *schema) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(s.form())
	if err != nil {
		return nil, fmt.Errorf("encode a schema: %w", err)
	}
	return raw, nil
}

func (s *schema) form() *schemaForm {
	if s == nil {
		return nil
	}
	form := &schemaForm{
		Kinds: s.kinds, Usage: s.usage, Optional: s.optional, Demanded: s.demanded, Preset: s.preset,
		Default: exactOf(s.value), Computed: s.computed, Fixed: exactOf(s.fixed),
		Open: s.open, Others: s.others.form(), Items: s.items.form(),
		Limits: limitForms(s.bounds.limits), Lengths: limitForms(s.bounds.lengths),
	}
	if s.fields != nil {
		form.Fields = make(map[string]*schemaForm, len(s.fields))
	}
	for name, field := range s.fields {
		form.Fields[name] = field.form()
	}
	for _, a := range s.alternatives {
		form.Alternatives = append(form.Alternatives, a.form())
	}
	form.Allowed, form.Excluded = exactly(s.allowed), exactly(s.bounds.excluded)
	for _, p := range s.bounds.patterns {
		form.Patterns = append(form.Patterns, patternForm{Expression: p.expression.String(), Not: p.not})
	}
	return form
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *schema) UnmarshalJSON(raw []byte) error {
	var form schemaForm
	if err := json.Unmarshal(raw, &form); err != nil {
		return fmt.Errorf("decode a schema: %w", err)
	}
	made, err := form.schema()
	if err != nil {
		return err
	}
	*s = *made
	return nil
}

func (form *schemaForm) schema() (*schema, error) {
	if form == nil {
		return nil, nil
	}
	s := &schema{
		kinds: form.Kinds, usage: form.Usage, optional: form.Optional, demanded: form.Demanded, preset: form.Preset,
		value: form.Default.get(), computed: form.Computed, fixed: form.Fixed.get(), open: form.Open,
	}
	s.allowed, s.bounds.excluded = plain(form.Allowed), plain(form.Excluded)
	if err := s.bounds.decode(form); err != nil {
		return nil, err
	}
	return s, s.decodeParts(form)
}

// decodeParts reads the schemas that a schema is made of.
func (s *schema) decodeParts(form *schemaForm) (err error) {
	if s.others, err = form.Others.schema(); err != nil {
		return err
	}
	if s.items, err = form.Items.schema(); err != nil {
		return err
	}
	if form.Fields != nil {
		s.fields = make(map[string]*schema, len(form.Fields))
	}
	for name, field := range form.Fields {
		if s.fields[name], err = field.schema(); err != nil {
			return err
		}
	}
	if form.Alternatives != nil {
		s.alternatives = make([]*schema, len(form.Alternatives))
	}
	for i, a := range form.Alternatives {
		if s.alternatives[i], err = a.schema(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bounds) decode(form *schemaForm) (err error) {
	if b.limits, err = limitsOf(form.Limits); err != nil {
		return err
	}
	if b.lengths, err = limitsOf(form.Lengths); err != nil {
		return err
	}
	for _, p := range form.Patterns {
		expression, err := regexp.Compile(p.Expression)
		if err != nil {
			return fmt.Errorf("decode the pattern of a schema: %w", err)
		}
		b.patterns = append(b.patterns, pattern{expression: expression, not: p.Not})
	}
	return nil
}

func limitForms(limits []limit) []limitForm {
	var out []limitForm
	for _, l := range limits {
		out = append(out, limitForm{Op: l.op.String(), Value: exact{l.value}, Text: l.text})
	}
	return out
}

func limitsOf(forms []limitForm) ([]limit, error) {
	var out []limit
	for _, f := range forms {
		op, ok := operator(f.Op)
		value, isNumber := number(f.Value.value)
		if !ok || !isNumber {
			return nil, fmt.Errorf("decode the limit %q of a schema: it compares no number", f.Op)
		}
		out = append(out, limit{op: op, value: value, text: f.Text})
	}
	return out, nil
}

func operator(text string) (token.Token, bool) {
	for _, op := range []token.Token{token.GEQ, token.LEQ, token.GTR, token.LSS} {
		if op.String() == text {
			return op, true
		}
	}
	return token.ILLEGAL, false
}

// exact is a JSON value that keeps integers and floats apart: JSON itself has
// only numbers, so a float without a fraction is written with one.
type exact struct{ value any }

func exactOf(value any) *exact {
	if value == nil {
		return nil
	}
	return &exact{value}
}

func (e *exact) get() any {
	if e == nil {
		return nil
	}
	return e.value
}

func exactly(values []any) []exact {
	var out []exact
	for _, v := range values {
		out = append(out, exact{v})
	}
	return out
}

func plain(all []exact) []any {
	var out []any
	for _, e := range all {
		out = append(out, e.value)
	}
	return out
}

// MarshalJSON writes the value.
func (e exact) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(withFractions(e.value))
	if err != nil {
		return nil, fmt.Errorf("encode a value of a schema: %w", err)
	}
	return raw, nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *exact) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("decode a value of a schema: %w", err)
	}
	var err error
	e.value, err = fromNumbers(value)
	return err
}

func withFractions(value any) any {
	switch v := value.(type) {
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return json.Number(text)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withFractions(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = withFractions(v[k])
		}
		return out
	}
	return value
}

// fromNumbers changes lists and objects in place: nobody else has them yet.
func fromNumbers(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			value, err = v.Float64()
		} else {
			value, err = v.Int64()
		}
		if err != nil {
			return nil, fmt.Errorf("decode a number of a schema: %w", err)
		}
	case []any:
		for i := range v {
			if v[i], err = fromNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = fromNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}
