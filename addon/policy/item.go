// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// itemKeys are the fields by which the API server tells the items of a list
// apart, for lists whose items hold the keys of others too. A list with none is one
// value to the API server, whatever its items hold.
var itemKeys = map[string][][]string{
	"volumeMounts":  {{"mountPath"}},
	"volumeDevices": {{"devicePath"}},
	"listeners":     {{"name"}},

	"addresses": nil, "backendRefs": nil, "certificateRefs": nil, "filters": nil, "httpHeaders": nil, "items": nil, "matchExpressions": nil,
	"matchFields": nil, "metrics": nil, "options": nil, "parentRefs": nil, "policies": nil, "requiredDuringSchedulingIgnoredDuringExecution": nil,
	"rules": nil, "subjects": nil, "sysctls": nil, "tolerations": nil,
}

// usualKeys are the fields of other lists, the first that an item has. A port is
// known by its number, be it named or not.
var usualKeys = [][]string{
	{"containerPort", "protocol"}, {"port", "protocol"}, {"name"}, {"mountPath"}, {"devicePath"},
	{"topologyKey", "whenUnsatisfiable"}, {"ip"}, {"type"}, {"key"},
}

// itemKey is a field that tells an item of a list apart.
type itemKey struct {
	name  string
	value any
}

// ItemKeys are the fields that tell an item of a list with a name apart in the
// API of Kubernetes; none where nothing does.
func ItemKeys(list string, item any) map[string]any {
	var found map[string]any
	for _, key := range keysOf(list, item) {
		if found == nil {
			found = map[string]any{}
		}
		found[key.name] = key.value
	}
	return found
}

func keysOf(list string, item any) []itemKey {
	fields, _ := item.(map[string]any)
	candidates, known := itemKeys[list]
	if !known {
		candidates = usualKeys
	}
	for _, names := range candidates {
		if _, ok := fields[names[0]]; !ok {
			continue
		}
		var found []itemKey
		for _, name := range names {
			if value, ok := fields[name]; ok {
				found = append(found, itemKey{name, value})
			}
		}
		return found
	}
	return nil
}

// Ownable is the longest beginning of the path that somebody can own by themselves: a
// list whose items nothing tells apart has one owner, who has all of it. Of kinds that
// are not Kubernetes' own nobody but the API server knows which lists those are, so
// that each is taken for one.
func (p FieldPath) Ownable(object map[string]any) FieldPath {
	for i, step := range p {
		if _, isIndex := step.(int); !isIndex || i == 0 {
			continue
		}
		item, found := p[:i+1].Value(object)
		list, _ := p[i-1].(string)
		if found && (isCustom(object) || len(ItemKeys(list, item)) == 0) {
			return p[:i]
		}
	}
	return p
}

// isCustom says that an object is of a kind that is not Kubernetes' own.
func isCustom(object map[string]any) bool {
	apiVersion, _ := object["apiVersion"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// In is the way to the same place in another object: the items of lists are
// found there by what tells them apart. It reports whether they are all there.
func (p FieldPath) In(object, other any) (FieldPath, bool) {
	at := make(FieldPath, 0, len(p))
	list := ""
	for _, step := range p {
		switch step := step.(type) {
		case string:
			fields, _ := object.(map[string]any)
			theirs, _ := other.(map[string]any)
			inner, found := theirs[step]
			if !found {
				return nil, false
			}
			object, other, at, list = fields[step], inner, append(at, step), step
		case int:
			item, index := ItemIn(list, step, object, other)
			if index < 0 {
				return nil, false
			}
			items, _ := other.([]any)
			object, other, at = item, items[index], append(at, index)
		}
	}
	return at, true
}

// ItemIn is an item of a list with a name, and where that is in another such
// list, which may be elsewhere; nil for one that nothing tells apart, -1 for one
// that is not there.
func ItemIn(list string, index int, items, others any) (item map[string]any, at int) {
	all, _ := items.([]any)
	if index >= len(all) {
		return nil, -1
	}
	keys := keysOf(list, all[index])
	if len(keys) == 0 {
		return nil, -1
	}
	item, _ = all[index].(map[string]any)
	there, _ := others.([]any)
	return item, slices.IndexFunc(there, func(candidate any) bool {
		fields, ok := candidate.(map[string]any)
		return ok && !slices.ContainsFunc(keys, func(key itemKey) bool {
			value, given := fields[key.name]
			return !given || fmt.Sprint(value) != fmt.Sprint(key.value)
		})
	})
}

// Named is the path as text with the items of lists by what tells them apart in
// an object, such as spec.containers[name=web].image: a list that gets another
// item in front has others at the same numbers. An item that nothing tells apart
// keeps its number.
func (p FieldPath) Named(object any) string {
	var text strings.Builder
	list := ""
	for i, step := range p {
		switch step := step.(type) {
		case string:
			fields, _ := object.(map[string]any)
			object, list = fields[step], step
			writeField(&text, step, i == 0)
		case int:
			items, _ := object.([]any)
			object = nil
			if step < len(items) {
				object = items[step]
			}
			writeItem(&text, list, step, object)
		}
	}
	return text.String()
}

func writeField(text *strings.Builder, field string, first bool) {
	switch {
	case strings.ContainsAny(field, ".[]/"):
		text.WriteString("[" + field + "]")
	case first:
		text.WriteString(field)
	default:
		text.WriteString("." + field)
	}
}

func writeItem(text *strings.Builder, list string, index int, item any) {
	keys := keysOf(list, item)
	if len(keys) == 0 {
		fmt.Fprintf(text, "[%d]", index)
		return
	}
	texts := make([]string, 0, len(keys))
	for _, key := range keys {
		texts = append(texts, fmt.Sprintf("%s=%v", key.name, key.value))
	}
	text.WriteString("[" + strings.Join(texts, ",") + "]")
}

// Indexed says that the path leads into a list.
func (p FieldPath) Indexed() bool {
	return slices.ContainsFunc(p, func(step any) bool { _, index := step.(int); return index })
}

// Compare orders paths: items of a list by their numbers, and what is within
// something after it. Taken out from the last to the first, none moves another.
func (p FieldPath) Compare(q FieldPath) int {
	for i := range min(len(p), len(q)) {
		if order := compareSteps(p[i], q[i]); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(p), len(q))
}

func compareSteps(a, b any) int {
	number, isNumber := a.(int)
	other, otherIsNumber := b.(int)
	switch {
	case isNumber && otherIsNumber:
		return cmp.Compare(number, other)
	case isNumber:
		return -1
	case otherIsNumber:
		return 1
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// WithoutAll is a copy of an object in which none of the paths leads anywhere,
// in whatever order they are: what an index means is as the object has it.
func WithoutAll(object map[string]any, paths []FieldPath) map[string]any {
	paths = slices.SortedFunc(slices.Values(paths), func(a, b FieldPath) int { return b.Compare(a) })
	for _, path := range slices.CompactFunc(paths, func(a, b FieldPath) bool { return a.Compare(b) == 0 }) {
		object = path.Without(object)
	}
	return object
}
