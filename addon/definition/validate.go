// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"reflect"
	"slices"
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
	got := kindOf(value)
	if s.kinds&got == 0 {
		c.add(path, WrongType, "%s was given where the %s takes %s; %s", kindName(got), c.title, kindNames(s.kinds), typeRemedy(s.kinds, value))
		return
	}
	if len(s.alternatives) > 0 {
		c.choice(s, value, path)
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

// choice checks a value that may be one of several things.
func (c *check) choice(s *schema, value any, path string) {
	fitting := s.ofKind(kindOf(value))
	object, isObject := value.(map[string]any)
	if isObject && len(fitting) > 1 {
		c.alternatives(fitting, object, path)
		return
	}
	var best []Finding
	for i, a := range fitting {
		found := c.try(a, value, path)
		if len(found) == 0 {
			return
		}
		if i == 0 || len(found) < len(best) {
			best = found
		}
	}
	if _, isList := value.([]any); isList || isObject {
		c.findings = append(c.findings, best...)
		return
	}
	c.noScalar(s.alternatives, value, path)
}

// try is what is wrong with a value if it is meant as one alternative.
func (c *check) try(s *schema, value any, path string) []Finding {
	trial := check{title: c.title}
	trial.value(s, value, path)
	return trial.findings
}

// noScalar says all that the alternatives take.
func (c *check) noScalar(alternatives []*schema, value any, path string) {
	var allowed []any
	var ranges []string
	for _, a := range alternatives {
		if a.allowed != nil {
			allowed = append(allowed, a.allowed...)
			continue
		}
		text := kindNames(a.kinds)
		if words := a.bounds.words("characters", ""); words != "" {
			text += " (" + words + ")"
		}
		ranges = append(ranges, text)
	}
	if len(allowed) == 0 {
		c.add(path, OutOfRange, "the value is out of range: the %s takes %s; change it", c.title, strings.Join(ranges, ", or "))
		return
	}
	c.notAllowed(allowed, value, path, ranges...)
}

func (c *check) scalar(s *schema, value any, path string) {
	if s.allowed != nil && !contains(s.allowed, value) {
		c.notAllowed(s.allowed, value, path)
		return
	}
	if !s.bounds.admit(value) {
		c.outOfRange(s, path, "characters")
	}
}

func (c *check) outOfRange(s *schema, path, unit string) {
	c.add(path, OutOfRange, "the value is out of range: the %s takes %s; change it", c.title, s.bounds.words(unit, ""))
}

// notAllowed lists the values that are allowed, and then the ranges.
func (c *check) notAllowed(allowed []any, value any, path string, ranges ...string) {
	names := texts(allowed)
	hint := didYouMean("")
	if s, ok := value.(string); ok {
		hint = didYouMean(Suggest(s, names))
	}
	c.add(path, NotAllowed, "the value is not one of those that the %s takes%s Use one of: %s", c.title, hint, list(append(quoted(allowed), ranges...)))
}

func (c *check) list(s *schema, items []any, path string) {
	if !s.bounds.admitLength(len(items)) {
		c.outOfRange(s, path, "items")
	}
	if s.items == nil {
		return
	}
	for i, item := range items {
		c.value(s.items, item, path+"["+strconv.Itoa(i)+"]")
	}
}

func (c *check) object(s *schema, object map[string]any, path string) {
	if !s.bounds.admitLength(len(object)) {
		c.outOfRange(s, path, "fields")
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
	if !s.open {
		c.unknown(s.names(), name, path)
	}
}

func (c *check) unknown(names []string, name, path string) {
	c.add(join(path, name), UnknownParameter, "the %s has no such parameter here%s Use one of: %s; or remove it", c.title, didYouMean(Suggest(name, names)), list(names))
}

// alternatives takes the alternative that the fixed fields point to, else the
// one with the fewest findings. What no alternative knows is said once, with the
// names of all.
func (c *check) alternatives(all []*schema, object map[string]any, path string) {
	fitting, name := fitting(all, object)
	if len(fitting) == 0 {
		c.notAllowed(fixedValues(all, name), normal(object[name]), join(path, name))
		return
	}
	union := union(fitting)
	known := make(map[string]any, len(object))
	for name, value := range object {
		if union.fields[name] == nil && !union.open {
			c.unknown(union.names(), name, path)
			continue
		}
		known[name] = value
	}
	var trials [][]Finding
	best := 0
	for i, a := range fitting {
		trials = append(trials, c.try(a, known, path))
		if distance(a, known, trials[i]) < distance(fitting[best], known, trials[best]) {
			best = i
		}
	}
	c.nearest(trials, best, path)
}

// nearest adds the findings of the best alternative. Where each lacks something
// else it is said what there is to choose from.
func (c *check) nearest(trials [][]Finding, best int, path string) {
	var missing []string
	for _, trial := range trials {
		if len(trial) == 0 || !isMissing(trial) || len(trial) > len(trials[best]) {
			continue
		}
		missing = append(missing, strings.TrimPrefix(strings.TrimPrefix(trial[0].Path, path), "."))
	}
	if len(trials[best]) != 1 || len(missing) < 2 {
		c.findings = append(c.findings, trials[best]...)
		return
	}
	sort.Strings(missing)
	c.add(path, MissingParameter, "the %s requires one of these parameters here: %s; set one", c.title, list(slices.Compact(missing)))
}

// distance says how far an alternative is from what was meant: the names that
// it does not know count most.
func distance(s *schema, object map[string]any, findings []Finding) int {
	n := len(findings)
	for name := range object {
		if s.fields[name] == nil && !s.open {
			n += 1000
		}
	}
	return n
}

func isMissing(findings []Finding) bool {
	return len(findings) > 0 && !slices.ContainsFunc(findings, func(f Finding) bool { return f.Reason != MissingParameter })
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
