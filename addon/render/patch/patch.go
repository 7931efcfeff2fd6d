// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package patch merges what a trait says into an object, as OAM's patch
// strategies have it, on plain JSON values.
package patch

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/runtime"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// keyMarker names the fields that tell the items of a list apart.
const keyMarker = "patchKey"

// The strategies of a patch.
const (
	// retainKeys replaces a field that is no list or, in a list with a key, whole items.
	retainKeys = "retainKeys"
	// replace replaces a list.
	replace = "replace"
	// mergePatch treats the whole patch, or an object in it, after RFC 7396.
	mergePatch = "jsonMergePatch"
	// operations treats the whole patch after RFC 6902.
	operations = "jsonPatch"
)

// operationsField holds the operations of RFC 6902.
const operationsField = "operations"

// Error says that a patch does not fit the object.
type Error struct {
	// Path of the field by its keys.
	Path []string
	// Message says why. It holds no values.
	Message string
}

// Error is where and why.
func (e *Error) Error() string {
	if len(e.Path) == 0 {
		return e.Message
	}
	return strings.Join(e.Path, ".") + ": " + e.Message
}

// Apply returns base with the patch in it. Markers are those of the patch in
// the template. Of those at the patch itself only the strategies for the whole
// patch count. Neither argument is changed. The error is an *Error.
func Apply(base, patch map[string]any, markers *program.Markers) (map[string]any, error) {
	base = runtime.DeepCopyJSON(base)
	patch = runtime.DeepCopyJSON(patch)
	switch markers.Strategy() {
	case mergePatch:
		return mergeObject(base, patch), nil
	case operations:
		return operate(base, patch)
	}
	if markers.Below(operationsField).Strategy() == operations {
		// Written as patch: operations: [...], the marker is that of the last field.
		return operate(base, patch)
	}
	merged, err := merger{}.object(base, patch, directives{markers: markers}, nil)
	if err != nil {
		return nil, err
	}
	return merged.(map[string]any), nil //nolint:forcetypeassert // an object stays one
}

// mergeObject is RFC 7396: null removes, objects merge, all else replaces.
func mergeObject(base, patch map[string]any) map[string]any {
	for k, v := range patch {
		if v == nil {
			delete(base, k)
			continue
		}
		below, ok := v.(map[string]any)
		if !ok {
			base[k] = v
			continue
		}
		old, _ := base[k].(map[string]any)
		if old == nil {
			old = map[string]any{}
		}
		base[k] = mergeObject(old, below)
	}
	return base
}

// operate is RFC 6902 with the operations below the field operations.
func operate(base, patch map[string]any) (map[string]any, error) {
	raw, err := json.Marshal(patch[operationsField])
	if err != nil {
		return nil, &Error{Path: []string{operationsField}, Message: "no list of operations"}
	}
	decoded, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		return nil, &Error{Path: []string{operationsField}, Message: "no list of operations"}
	}
	document, err := json.Marshal(base)
	if err != nil {
		return nil, fmt.Errorf("encode the object: %w", err)
	}
	patched, err := decoded.Apply(document)
	if err != nil {
		return nil, &Error{Path: []string{operationsField}, Message: "an operation does not fit the object: its path must exist and its test must hold"}
	}
	return decode(patched)
}

func decode(raw []byte) (map[string]any, error) {
	var object map[string]any
	if err := exactjson.Unmarshal(raw, &object); err != nil || object == nil {
		return nil, &Error{Message: "the patched object is no object"}
	}
	return object, nil
}

// merger is OAM's default: what both say must be equal, unless a marker has it otherwise.
type merger struct{}

// directives are the markers at a field, with the key that was inherited from above.
type directives struct {
	markers *program.Markers
	key     string
}

func (d directives) field(name string) directives {
	return directives{key: d.key, markers: d.markers.Below(name)}.inherit()
}

func (d directives) item() directives {
	below := directives{key: d.key}
	if d.markers != nil {
		below.markers = d.markers.Items
	}
	return below.inherit()
}

func (d directives) inherit() directives {
	if d.markers != nil && d.markers.Values[keyMarker] != "" {
		d.key = d.markers.Values[keyMarker]
	}
	return d
}

func (m merger) value(base, patch any, d directives, path []string) (any, error) {
	if patched, ok := patch.([]any); ok {
		return m.list(base, patched, d, path)
	}
	if d.markers.Strategy() == retainKeys {
		return patch, nil
	}
	patched, ok := patch.(map[string]any)
	if old, exists := base.(map[string]any); ok && exists && d.markers.Strategy() == mergePatch {
		return mergeObject(old, patched), nil
	}
	if ok {
		return m.object(base, patched, d, path)
	}
	if !reflect.DeepEqual(base, patch) {
		return nil, &Error{Path: path, Message: "the patch has another value than the object; a patch with this strategy may only add"}
	}
	return base, nil
}

func (m merger) object(base any, patch map[string]any, d directives, path []string) (any, error) {
	object, ok := base.(map[string]any)
	if !ok {
		return nil, &Error{Path: path, Message: "the patch has an object where there is none"}
	}
	for _, k := range slices.Sorted(maps.Keys(patch)) {
		v := patch[k]
		old, exists := object[k]
		if below, ok := v.(map[string]any); ok && !exists && d.field(k).markers.Strategy() == mergePatch {
			// What is removed is not there.
			old, exists = map[string]any{}, true
			v = below
		}
		if !exists {
			object[k] = v
			continue
		}
		merged, err := m.value(old, v, d.field(k), append(path[:len(path):len(path)], k))
		if err != nil {
			return nil, err
		}
		object[k] = merged
	}
	return object, nil
}

func (m merger) list(base any, patch []any, d directives, path []string) (any, error) {
	if d.markers.Strategy() == replace {
		return patch, nil
	}
	items, ok := base.([]any)
	if !ok {
		return nil, &Error{Path: path, Message: "the patch has a list where there is none"}
	}
	if keys := strings.Split(d.key, ","); d.key != "" && (len(patch) == 0 || slices.ContainsFunc(patch, func(v any) bool { return hasKey(v, keys) })) {
		return m.keyed(items, patch, keys, d, path)
	}
	return m.positional(items, patch, d, path)
}

// positional merges items by their place: a patch may be longer. It may be
// shorter only where its list ends in "...".
func (m merger) positional(base, patch []any, d directives, path []string) (any, error) {
	if len(patch) < len(base) && !d.open() {
		return nil, &Error{Path: path, Message: "the patch has fewer items than the object"}
	}
	for i, v := range patch {
		if i >= len(base) {
			base = append(base, v)
			continue
		}
		merged, err := m.value(base[i], v, d.item(), append(path[:len(path):len(path)], fmt.Sprint(i)))
		if err != nil {
			return nil, err
		}
		base[i] = merged
	}
	return base, nil
}

// keyed merges items that have the same keys, and appends the others in order,
// which may have the same keys among themselves. Items that have none of the
// keys are left out, as in the existing implementation.
func (m merger) keyed(base, patch []any, keys []string, d directives, path []string) (any, error) {
	var further []any
	for _, v := range patch {
		if !hasKey(v, keys) {
			continue
		}
		i := indexOf(base, v, keys)
		if i < 0 {
			further = append(further, v)
			continue
		}
		if d.markers.Strategy() == retainKeys {
			base[i] = v
			continue
		}
		merged, err := m.value(base[i], v, d.item(), append(path[:len(path):len(path)], fmt.Sprint(i)))
		if err != nil {
			return nil, err
		}
		base[i] = merged
	}
	return append(base, further...), nil
}

// open says that the list of the patch ends in "...".
func (d directives) open() bool {
	return d.markers != nil && d.markers.Open
}

// hasKey says whether an item has any of the keys.
func hasKey(item any, keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		v, ok := at(item, k)
		return ok && isKey(v)
	})
}

// isKey says whether a value can tell items apart: what has parts cannot.
func isKey(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// indexOf finds the item that has the same values at all keys that both have;
// one at least. A key may have dots. Keys may exclude each other, as
// secretRef.name and configMapRef.name do.
func indexOf(items []any, wanted any, keys []string) int {
	return slices.IndexFunc(items, func(item any) bool {
		shared, same := false, true
		for _, k := range keys {
			v, ok := at(wanted, k)
			old, exists := at(item, k)
			if !ok || !exists || !isKey(v) {
				continue
			}
			shared = true
			same = same && reflect.DeepEqual(v, old)
		}
		return shared && same
	})
}

func at(value any, key string) (any, bool) {
	for _, k := range strings.Split(strings.TrimSpace(key), ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[k]; !ok {
			return nil, false
		}
	}
	return value, true
}
