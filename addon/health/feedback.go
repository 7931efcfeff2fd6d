// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const (
	// maxIndex bounds the index of a list in a path.
	maxIndex = 63
	// maxText bounds a text that comes back from a cluster: OCM itself does not.
	maxText = 4096
)

// Path is the path of a field by its keys; an index is its decimal number.
type Path []string

// JSONPath is the path as OCM's feedback rules write it, such as
// .status.readyReplicas, with the dots in keys escaped.
func (p Path) JSONPath() string {
	var b strings.Builder
	for _, key := range p {
		if _, ok := index(key); ok {
			b.WriteString("[" + key + "]")
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

// next takes one key or index off a path.
func next(text string) (key, rest string, ok bool) {
	if inner, isIndex := strings.CutPrefix(text, "["); isIndex {
		key, rest, ok = strings.Cut(inner, "]")
		_, isNumber := index(key)
		return key, rest, ok && isNumber
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

func index(key string) (int, bool) {
	n, err := strconv.Atoi(key)
	return n, err == nil && n >= 0 && n <= maxIndex && strconv.Itoa(n) == key
}

// Feedback lists, for each object of a result by its index, the fields that its
// delivery and the judging of its health need: the annotation with the digest
// of what was delivered, for a workload the generations, and what the health
// and status CUE of component and traits reads of it by constant keys.
func Feedback(r *render.Result) map[int][]Path {
	out := make(map[int][]Path, len(r.Objects))
	reads := observed(r)
	for i, o := range r.Objects {
		paths := []Path{{"metadata", "annotations", v1alpha1.AnnotationRevision}}
		tree := reads.Get("outputs").Get(o.Resource)
		if o.Resource == "" {
			paths = append(paths, Path{"metadata", "generation"}, Path{"status", "observedGeneration"})
			tree = reads.Get("output")
		}
		for _, leaf := range tree.Leaves() {
			if len(leaf) > 0 && writable(leaf) {
				paths = append(paths, leaf)
			}
		}
		out[i] = compact(paths)
	}
	return out
}

// observed is what all health and status CUE of a result reads of the context.
// CUE that does not parse reads nothing; judging reports it.
func observed(r *render.Result) *program.Reads {
	var all []*program.Reads
	for _, d := range append([]*definition.Definition{r.Definition}, r.Traits...) {
		for _, part := range []definition.Part{definition.HealthPart, definition.StatusPart, definition.DetailsPart} {
			p := d.Program(part)
			if p == nil {
				continue
			}
			if reads, err := p.Reads("context"); err == nil {
				all = append(all, reads)
			}
		}
	}
	return program.Union(all...)
}

// writable says that OCM's feedback can express a path.
func writable(p Path) bool {
	return !slices.ContainsFunc(p, func(key string) bool {
		return key == "" || strings.ContainsAny(key, " \t\r\n[]{}()'\"\\,*@?$|=!<>&")
	})
}

// compact sorts paths and leaves repeated ones out.
func compact(paths []Path) []Path {
	slices.SortFunc(paths, func(a, b Path) int { return slices.Compare(a, b) })
	return slices.CompactFunc(paths, func(a, b Path) bool { return slices.Equal(a, b) })
}

// Overlay is a copy of a rendered object with observed values put in, by the
// text of their paths. Values come from a cluster that is not trusted: what is
// no integer, text or bool, or does not fit the object, is left out.
func Overlay(rendered map[string]any, values map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(rendered)
	for _, text := range slices.Sorted(maps.Keys(values)) {
		path := parse(text)
		leaf, ok := leafOf(values[text])
		if len(path) == 0 || !ok {
			continue
		}
		if _, isIndex := index(path[0]); !isIndex {
			put(out, path, leaf)
		}
	}
	return out
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
	object, ok := holder.(map[string]any)
	if !ok && holder != nil {
		return holder
	}
	if !ok {
		object = map[string]any{}
	}
	object[path[0]] = put(object[path[0]], path[1:], leaf)
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

func isLeaf(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}
