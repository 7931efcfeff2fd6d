// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// maxNames bounds how many names or values a message lists.
const maxNames = 32

// Validate checks properties against the parameters of the definition and
// says of each field of the user what is wrong with it, sorted by path. at is
// the path of the properties. Values do not appear in messages: they may be
// secrets. A null where none is allowed counts as absent.
func (d *Definition) Validate(properties map[string]any, at string) []Finding {
	c := check{title: d.title()}
	c.value(d.parameters(), asMap(properties), at)
	sort.SliceStable(c.findings, func(i, j int) bool { return c.findings[i].Path < c.findings[j].Path })
	return c.findings
}

// check collects what is wrong with one set of properties.
type check struct {
	title    string
	findings []Finding
}

func (c *check) add(path string, reason Reason, format string, args ...any) {
	c.findings = append(c.findings, Finding{Path: path, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

func (c *check) value(s *schema, value any, path string) {
	if isUnknown(value) {
		return
	}
	value = normal(value)
	if got := kindOf(value); s.kinds&got == 0 {
		c.add(path, WrongType, "%s was given where the %s takes %s; %s", kindName(got), c.title, kindNames(s.kinds), typeRemedy(s.kinds, value))
		return
	}
	switch v := value.(type) {
	case map[string]any:
		c.object(s, v, path)
	case []any:
		c.list(s, v, path)
	default:
		c.scalar(s, v, path)
	}
}

func (c *check) scalar(s *schema, value any, path string) {
	if s.allowed != nil && !contains(s.allowed, value) {
		c.notAllowed(s.allowed, value, path)
		return
	}
	if !s.bounds.admit(value) {
		c.add(path, OutOfRange, "the value is out of range: the %s takes %s; change it", c.title, s.bounds)
	}
}

func (c *check) notAllowed(allowed []any, value any, path string) {
	names := texts(allowed)
	hint := didYouMean("")
	if s, ok := value.(string); ok {
		hint = didYouMean(Suggest(s, names))
	}
	c.add(path, NotAllowed, "the value is not one of those that the %s takes%s Use one of: %s", c.title, hint, list(quoted(allowed)))
}

func (c *check) list(s *schema, items []any, path string) {
	if s.items == nil {
		return
	}
	for i, item := range items {
		c.value(s.items, item, path+"["+strconv.Itoa(i)+"]")
	}
}

func (c *check) object(s *schema, object map[string]any, path string) {
	if len(s.alternatives) > 0 {
		c.alternatives(s, object, path)
		return
	}
	for name, value := range object {
		c.field(s, name, value, path)
	}
	for name, field := range s.fields {
		if !isPresent(object, name, field) && field.required() {
			c.add(join(path, name), MissingParameter, "the %s requires this parameter (%s%s); set it", c.title, kindNames(field.kinds), purpose(field))
		}
	}
}

func (c *check) field(s *schema, name string, value any, path string) {
	field, known := s.fields[name]
	if !known {
		field = s.others
	}
	if value == nil && (field == nil || field.kinds&cue.NullKind == 0) && (known || s.open) {
		return
	}
	if field != nil {
		c.value(field, value, join(path, name))
		return
	}
	if s.open {
		return
	}
	names := s.names()
	c.add(join(path, name), UnknownParameter, "the %s has no such parameter here%s Use one of: %s; or remove it", c.title, didYouMean(Suggest(name, names)), list(names))
}

// alternatives takes the alternative that the fixed fields point to, else the
// one that knows most of the given fields, and of several the one with the
// fewest findings.
func (c *check) alternatives(s *schema, object map[string]any, path string) {
	fitting, name := s.fitting(object)
	if len(fitting) == 0 {
		c.notAllowed(s.fixedValues(name), normal(object[name]), join(path, name))
		return
	}
	var best []Finding
	var strange int
	for i, a := range fitting {
		trial := check{title: c.title}
		trial.object(a, object, path)
		unknown := a.unknown(object)
		if i == 0 || unknown < strange || unknown == strange && len(trial.findings) < len(best) {
			best, strange = trial.findings, unknown
		}
		if len(best) == 0 {
			return
		}
	}
	c.findings = append(c.findings, best...)
}

// unknown is how many fields of an object the schema does not have.
func (s *schema) unknown(object map[string]any) int {
	if s.open {
		return 0
	}
	count := 0
	for name := range object {
		if s.fields[name] == nil {
			count++
		}
	}
	return count
}

// fitting are the alternatives whose fixed fields are as given. When there are
// none it names the field that rules them out.
func (s *schema) fitting(object map[string]any) (out []*schema, ruledOutBy string) {
	for _, a := range s.alternatives {
		conflict := a.conflict(object)
		if conflict == "" {
			out = append(out, a)
			continue
		}
		ruledOutBy = conflict
	}
	return out, ruledOutBy
}

// conflict is a fixed field that has another value in the object; "" for none.
func (s *schema) conflict(object map[string]any) string {
	for _, name := range s.names() {
		fixed := s.fields[name].fixed
		value, given := object[name]
		if fixed == nil || !given || value == nil || isUnknown(value) {
			continue
		}
		if normal(value) != fixed {
			return name
		}
	}
	return ""
}

// fixedValues are the values that a field has in the alternatives.
func (s *schema) fixedValues(name string) []any {
	var out []any
	for _, a := range s.alternatives {
		if f := a.fields[name]; f != nil && f.fixed != nil {
			out = append(out, f.fixed)
		}
	}
	return out
}

// isPresent says whether a field is given: null counts only where it is a value.
func isPresent(object map[string]any, name string, field *schema) bool {
	value, given := object[name]
	return given && (value != nil || field.kinds&cue.NullKind != 0)
}

func isUnknown(value any) bool {
	switch value.(type) {
	case Unknown, *Unknown:
		return true
	}
	return false
}

func contains(allowed []any, value any) bool {
	for _, a := range allowed {
		if a == value {
			return true
		}
		n, isNumber := number(a)
		m, given := number(value)
		if isNumber && given && n == m {
			return true
		}
	}
	return false
}

func asMap(properties map[string]any) map[string]any {
	if properties == nil {
		return map[string]any{}
	}
	return properties
}

// normal turns the Go types that callers may use into those of JSON values.
func normal(value any) any {
	switch v := value.(type) {
	case nil, string, bool, int64, float64, map[string]any, []any, Unknown, *Unknown:
		return value
	case int:
		return int64(v)
	case int32:
		return int64(v)
	}
	return normalByReflection(reflect.ValueOf(value))
}

func normalByReflection(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = v.Index(i).Interface()
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for _, k := range v.MapKeys() {
			out[fmt.Sprint(k.Interface())] = v.MapIndex(k).Interface()
		}
		return out
	case reflect.Int8, reflect.Int16:
		return v.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(v.Uint())
	case reflect.Float32:
		return v.Float()
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

// join appends a key to a path; a key with other characters than a name has is quoted.
func join(path, name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\"/ \t\n\\") {
		return path + "[" + strconv.Quote(name) + "]"
	}
	return path + "." + name
}
