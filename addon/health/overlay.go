// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// maxText bounds a text that comes back from a cluster: OCM itself does not.
const maxText = 4096

// Overlay is a rendered object with observed values put in, by the text of their
// paths. It shares with the rendered object what was observed as it was rendered,
// so that nobody may change it; the rendered object itself stays as it is. Values come from a cluster that is not trusted: what is
// no integer, text or bool, or does not fit the object, is left out.
//
// A value of a picked item goes into the item of the list that has the picking
// text, which is made where there is none yet. One of any item makes the list.
func Overlay(rendered map[string]any, values map[string]any) map[string]any {
	out := maps.Clone(rendered)
	copied := map[string]bool{}
	// In this order an item by its index comes before the items that are picked,
	// so that both speak of the same item.
	for _, text := range slices.Sorted(maps.Keys(values)) {
		path := parse(text)
		leaf, ok := leafOf(values[text])
		if len(path) == 0 || !ok || !isKey(path[0]) {
			continue
		}
		if slices.ContainsFunc(path, func(step string) bool { return !isKey(step) }) || !has(out, path, leaf) {
			copyOnce(out, path[0], copied)
			put(out, path, leaf)
		}
	}
	return out
}

// copyOnce makes a field of an object its own.
func copyOnce(object map[string]any, field string, copied map[string]bool) {
	value, found := object[field]
	if found && !copied[field] {
		object[field] = runtime.DeepCopyJSONValue(value)
	}
	copied[field] = true
}

// has says that an object has a value already.
func has(object map[string]any, path Path, leaf any) bool {
	value, found := At(object, path)
	return found && isLeaf(value) && value == leaf
}

// isKey says that a step is the key of an object.
func isKey(step string) bool {
	_, isIndex := index(step)
	_, _, isPick := picked(step)
	return !isIndex && !isPick && step != anyItem
}

// leafOf is a value as feedback may carry it.
func leafOf(value any) (any, bool) {
	switch v := value.(type) {
	case int64, bool:
		return v, true
	case int:
		return int64(v), true
	case string:
		return v, len(v) <= maxText
	}
	return nil, false
}

// put sets a field, making objects and lists on the way, and returns what holds
// it then. What has another kind on the way stays as it is.
func put(holder any, path Path, leaf any) any {
	if len(path) == 0 {
		if isLeaf(holder) {
			return leaf
		}
		return holder
	}
	if i, ok := index(path[0]); ok {
		return putItem(holder, i, path, leaf)
	}
	if path[0] == anyItem {
		if holder == nil && len(path) == 2 && isKey(path[1]) {
			return []any{}
		}
		return holder
	}
	if field, text, ok := picked(path[0]); ok {
		return putPicked(holder, field, text, path[1:], leaf)
	}
	object, ok := holder.(map[string]any)
	if !ok && holder != nil {
		return holder
	}
	if !ok {
		object = map[string]any{}
	}
	if below := put(object[path[0]], path[1:], leaf); below != nil {
		object[path[0]] = below
	}
	return object
}

func putItem(holder any, i int, path Path, leaf any) any {
	items, ok := holder.([]any)
	if !ok && holder != nil {
		return holder
	}
	for len(items) <= i {
		items = append(items, nil)
	}
	items[i] = put(items[i], path[1:], leaf)
	return items
}

// putPicked sets a field of the first item whose field has the text. The field
// that picks keeps its text, whatever the cluster says.
func putPicked(holder any, field, text string, path Path, leaf any) any {
	items, ok := holder.([]any)
	if !ok && holder != nil || len(path) == 0 {
		return holder
	}
	if path[0] == field && (len(path) > 1 || leaf != any(text)) || !isKey(path[0]) {
		return holder
	}
	i := slices.IndexFunc(items, func(item any) bool {
		fields, _ := item.(map[string]any)
		return fields[field] == any(text)
	})
	if i < 0 {
		i, items = len(items), append(items, map[string]any{field: text})
	}
	items[i] = put(items[i], path, leaf)
	return items
}

func isLeaf(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}
