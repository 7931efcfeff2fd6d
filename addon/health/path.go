// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

const (
	// maxIndex bounds the index of a list in a path.
	maxIndex = 63
	// maxLiteral bounds the text that picks an item in a path.
	maxLiteral = 253
	// reserved are the characters that a path cannot carry inside a key or literal.
	reserved = " \t\r\n[]{}()'\"\\,*@?$|=!<>&"
)

// Path is the path of a field by its keys. An index is its decimal number; a key
// that Where has made picks the items of a list, and anyItem is the first item
// that has the field.
type Path []string

// anyItem is the step to any item of a list: its field shows that there is a list
// and says nothing else.
const anyItem = "[*]"

// Where is the step to those items of a list whose field has a text. It is
// written as OCM's feedback rules have it: [?(@.type=="Ready")].
func Where(field, value string) string {
	return `[?(@.` + field + `=="` + value + `")]`
}

// picked takes a step that Where has made apart. No other key looks like one:
// a key cannot hold brackets.
func picked(step string) (field, value string, ok bool) {
	inner, ok := strings.CutPrefix(step, "[?(@.")
	if !ok {
		return "", "", false
	}
	inner, ok = strings.CutSuffix(inner, `")]`)
	if !ok {
		return "", "", false
	}
	field, value, ok = strings.Cut(inner, `=="`)
	return field, value, ok && pickable(field, value)
}

// pickable says that OCM's feedback can pick items by a field and a text.
func pickable(field, value string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	return field != "" && value != "" && len(field)+len(value) <= maxLiteral &&
		!strings.ContainsFunc(field, other) && clean(value)
}

// clean says that a text may stand in a path as it is.
func clean(text string) bool {
	return !strings.ContainsAny(text, reserved) && !strings.ContainsFunc(text, isControl)
}

// writable says that OCM's feedback can express a path.
func writable(p Path) bool {
	return !slices.ContainsFunc(p, func(key string) bool {
		_, _, ok := picked(key)
		return !ok && key != anyItem && (key == "" || !clean(key))
	})
}

// JSONPath is the path as OCM's feedback rules write it, such as
// .status.readyReplicas, with the dots in keys escaped.
func (p Path) JSONPath() string {
	var b strings.Builder
	for _, key := range p {
		if _, ok := index(key); ok {
			b.WriteString("[" + key + "]")
			continue
		}
		if _, _, ok := picked(key); ok || key == anyItem {
			b.WriteString(key)
			continue
		}
		b.WriteString("." + strings.ReplaceAll(key, ".", "\\."))
	}
	return b.String()
}

// parse is the path that JSONPath has written; nil for anything else.
func parse(text string) Path {
	var out Path
	for text != "" {
		key, rest, ok := next(text)
		if !ok {
			return nil
		}
		out, text = append(out, key), rest
	}
	return out
}

// next takes one key, index or pick off a path.
func next(text string) (key, rest string, ok bool) {
	if text[0] == '[' {
		return nextItem(text)
	}
	if text[0] != '.' {
		return "", "", false
	}
	var b strings.Builder
	i := 1
	for ; i < len(text) && text[i] != '.' && text[i] != '['; i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), text[i:], b.Len() > 0
}

func nextItem(text string) (key, rest string, ok bool) {
	inner, rest, ok := strings.Cut(text[1:], "]")
	if _, isNumber := index(inner); isNumber || !ok {
		return inner, rest, ok
	}
	key = "[" + inner + "]"
	_, _, ok = picked(key)
	return key, rest, ok || key == anyItem
}

func index(key string) (int, bool) {
	n, err := strconv.Atoi(key)
	return n, err == nil && n >= 0 && n <= maxIndex && strconv.Itoa(n) == key
}

// pathOf is the path of the steps of an access; false when feedback cannot
// express it.
func pathOf(steps []program.Step) (Path, bool) {
	out := make(Path, 0, len(steps))
	for _, s := range steps {
		if s.Each {
			return nil, false
		}
		if s.Field == "" {
			if !writable(Path{s.Key}) || strings.HasPrefix(s.Key, "[") {
				return nil, false
			}
			out = append(out, s.Key)
			continue
		}
		if !pickable(s.Field, s.Value) {
			return nil, false
		}
		out = append(out, Where(s.Field, s.Value))
	}
	return out, true
}

// At is the field of an object with a path: of several picked items the first
// that has it, as feedback takes it.
func At(object map[string]any, path Path) (any, bool) {
	return at(object, path)
}

func at(value any, path Path) (any, bool) {
	if len(path) == 0 {
		return value, value != nil
	}
	if i, ok := index(path[0]); ok {
		items, _ := value.([]any)
		if i >= len(items) {
			return nil, false
		}
		return at(items[i], path[1:])
	}
	field, text, isPick := picked(path[0])
	if isPick || path[0] == anyItem {
		items, _ := value.([]any)
		for _, item := range items {
			fields, _ := item.(map[string]any)
			if isPick && fields[field] != any(text) {
				continue
			}
			if found, ok := at(item, path[1:]); ok {
				return found, true
			}
		}
		return nil, false
	}
	fields, _ := value.(map[string]any)
	below, ok := fields[path[0]]
	if !ok {
		return nil, false
	}
	return at(below, path[1:])
}

// compact sorts paths and leaves repeated ones out.
func compact(paths []Path) []Path {
	slices.SortFunc(paths, func(a, b Path) int { return slices.Compare(a, b) })
	return slices.CompactFunc(paths, func(a, b Path) bool { return slices.Equal(a, b) })
}
