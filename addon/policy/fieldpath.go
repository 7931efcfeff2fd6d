// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// FieldPath is a way into an object: a string for each field and an int for
// each index of a list.
type FieldPath []any

// ParseFieldPath reads a path as policies have it: fields after dots, indexes
// and fields with other characters in brackets, such as
// spec.template.spec.containers[0].image or metadata.annotations[example.com/a].
// Fields in brackets may be quoted. It returns an error that names the place
// for a path that is not of this form.
func ParseFieldPath(text string) (FieldPath, error) {
	var path FieldPath
	rest := text
	for rest != "" {
		step, tail, err := nextStep(rest, len(path) == 0)
		if step == "*" {
			err = errors.New("a path leads to one place: want each item by its index, or the list as a whole, not *")
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w at character %d", text, err, len(text)-len(rest)+1)
		}
		path, rest = append(path, step), tail
	}
	if len(path) == 0 {
		return nil, fmt.Errorf("path %q: want a field such as spec.replicas", text)
	}
	return path, nil
}

func nextStep(rest string, first bool) (any, string, error) {
	if rest[0] == '[' {
		return bracketed(rest)
	}
	if !first {
		if rest[0] != '.' {
			return nil, "", fmt.Errorf("want a dot or a bracket")
		}
		rest = rest[1:]
	}
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return nil, "", fmt.Errorf("want the name of a field")
	}
	return rest[:end], rest[end:], nil
}

func bracketed(rest string) (any, string, error) {
	end := strings.IndexByte(rest, ']')
	if end <= 1 {
		return nil, "", fmt.Errorf("want an index or a field in brackets")
	}
	inner, tail := rest[1:end], rest[end+1:]
	if index, err := strconv.Atoi(inner); err == nil && index >= 0 {
		return index, tail, nil
	}
	if len(inner) > 2 && (inner[0] == '"' || inner[0] == '\'') && inner[len(inner)-1] == inner[0] {
		inner = inner[1 : len(inner)-1]
	}
	return inner, tail, nil
}

// Value is what the path leads to in an object.
func (p FieldPath) Value(object any) (value any, found bool) {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			fields, ok := object.(map[string]any)
			if !ok {
				return nil, false
			}
			if object, ok = fields[step]; !ok {
				return nil, false
			}
		case int:
			items, ok := object.([]any)
			if !ok || step >= len(items) {
				return nil, false
			}
			object = items[step]
		}
	}
	return object, true
}

// Without is a copy of an object in which the path leads nowhere. What is not on
// the way is shared with the object. A list keeps its other items.
func (p FieldPath) Without(object map[string]any) map[string]any {
	changed, _ := p.without(object).(map[string]any)
	return changed
}

func (p FieldPath) without(value any) any {
	if _, found := p.Value(value); !found {
		return value
	}
	switch step := p[0].(type) {
	case string:
		fields, _ := value.(map[string]any)
		fields = maps.Clone(fields)
		if len(p) == 1 {
			delete(fields, step)
			return fields
		}
		fields[step] = p[1:].without(fields[step])
		return fields
	case int:
		items, _ := value.([]any)
		items = slices.Clone(items)
		if len(p) == 1 {
			return slices.Delete(items, step, step+1)
		}
		items[step] = p[1:].without(items[step])
		return items
	}
	return value
}

// Set is a copy of an object in which the path leads to a value. Fields on the
// way are made; an index must exist. It reports whether that was possible.
func (p FieldPath) Set(object map[string]any, value any) (map[string]any, bool) {
	changed, ok := p.set(object, value)
	fields, isObject := changed.(map[string]any)
	return fields, ok && isObject
}

func (p FieldPath) set(at, value any) (any, bool) {
	if len(p) == 0 {
		return value, true
	}
	switch step := p[0].(type) {
	case string:
		fields, ok := at.(map[string]any)
		if !ok && at != nil {
			return at, false
		}
		changed, done := p[1:].set(fields[step], value)
		fields = cloneOrMake(fields)
		fields[step] = changed
		return fields, done
	case int:
		items, ok := at.([]any)
		if !ok || step >= len(items) {
			return at, false
		}
		changed, done := p[1:].set(items[step], value)
		items = slices.Clone(items)
		items[step] = changed
		return items, done
	}
	return at, false
}

func cloneOrMake(fields map[string]any) map[string]any {
	if fields == nil {
		return map[string]any{}
	}
	return maps.Clone(fields)
}
