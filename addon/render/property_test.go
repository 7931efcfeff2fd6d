// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// hostile are texts that mean something to YAML, CUE, JSON, Go templates or a shell.
var hostile = []string{
	"", " ", "\n", "---", "\n---\nkind: Secret\n", "a: b", "- x", "&anchor", "*anchor", "!!binary x", "%YAML 1.2", "#x", "'", "\"", "`", "|", ">", "~", "null", "true", "0x10", "1e3",
	"\\(context.name)", "\"\\(parameter.image)\"", "\"\"\"", "#\"\"\"", "_|_", "_hidden", "#Definition", "...", "[...]", "{{ .Values.x }}", "{{- end }}", "${x}", "$(x)", "$$", "\u0001", "\u2028", "\ufeff",
	"é", "日本語", "🚀", "\u202e", "İ", strings.Repeat("x", 4096), "}\noutputs: extra: {apiVersion: \"v1\", kind: \"Secret\"}\n{", "output", "context", "parameter",
}

// marker is a word, valid as a name, that stands where a hostile text is put.
const marker = "m4rk3r"

// sampled is the number of spots of which one is tried if there is little time:
// not the same in types that share their parameters.
const sampled = 5

// TestValuesAreData puts hostile texts into every text that the cases give to
// built-in types: what is rendered is what is rendered with a plain word, with
// the hostile text in place of the word. So the objects stay the same in number
// and kind, and the text arrives as it is, wherever it arrives.
func TestValuesAreData(t *testing.T) {
	arrived := arrives(t, false)
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			takesNone := name == "scaler" || name == "resource" // but numbers, and quantities
			if at := string(kind) + "/" + name; arrived[at] == 0 && !takesNone {
				t.Errorf("no text arrives through the %s", at)
			}
		}
	}
}

// TestKeysAreData does the same where the user chooses a key.
func TestKeysAreData(t *testing.T) {
	arrived := arrives(t, true)
	for _, at := range []string{"component/webservice", "component/k8s-objects", "trait/labels", "trait/annotations", "trait/env", "trait/gateway", "trait/storage", "trait/json-merge-patch"} {
		if arrived[at] == 0 {
			t.Errorf("no key arrives through the %s", at)
		}
	}
}

// arrives checks all texts, or all keys, in the cases. It returns how many
// arrived through each type.
func arrives(t *testing.T, keys bool) map[string]int {
	t.Helper()
	r := render.New(definition.Builtin())
	var mutex sync.Mutex
	arrived := map[string]int{}
	t.Run("case", func(t *testing.T) {
		for _, file := range carriers(t) {
			name := strings.TrimPrefix(filepath.ToSlash(file), "testdata/builtin/")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := arrivesIn(t, r, file, keys)
				mutex.Lock()
				defer mutex.Unlock()
				arrived[path.Dir(name)] += n
			})
		}
	})
	return arrived
}

func arrivesIn(t *testing.T, r *render.Renderer, file string, keys bool) (arrived int) {
	t.Helper()
	context, component, _ := readCase(t, file)
	kind := filepath.Base(filepath.Dir(filepath.Dir(file)))
	for number, s := range spots(component, kind, keys) {
		if !long() && arrived > 0 && (number+len(file))%sampled != 0 {
			continue
		}
		want, err := r.Render(context, s.with(marker))
		if err != nil {
			continue // what is taken there is not any text
		}
		for _, text := range textsFor(number) {
			if _, taken := s.beside[text]; taken {
				continue
			}
			got, err := r.Render(context, s.with(text))
			if isRefused(t, err) || text == "" && strings.HasSuffix(s.path, ".name") {
				continue // Kubernetes does not take the text there; an object without a name gets one
			}
			arrived++
			if diff := cmp.Diff(unordered(keys, contents(want, text)), unordered(keys, contents(got, text))); diff != "" {
				t.Errorf("%s: %q does not arrive as it is:\n%s", s.path, text, diff)
			}
		}
	}
	return arrived
}

// carriers are the cases of TestBuiltin with every parameter, or all if there is time.
func carriers(t *testing.T) []string {
	t.Helper()
	pattern := "every*.yaml"
	if long() {
		pattern = "*.yaml"
	}
	files, err := filepath.Glob(filepath.Join("testdata", "builtin", "*", "*", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	return files
}

// long says that there is time for everything.
func long() bool { return os.Getenv("FAIRLEAD_TEST_LONG") != "" }

// textsFor are hostile texts for the spot with a number: all in one text, and for
// some spots one alone, which is another each time; or several if there is time.
func textsFor(number int) []string {
	out := []string{strings.Join(hostile, "")}
	if !long() {
		if number%2 == 0 {
			out = append(out, hostile[number/2%len(hostile)])
		}
		return out
	}
	const step = 6
	for i := number % step; i < len(hostile); i += step {
		out = append(out, hostile[i])
	}
	return out
}

// spot is one text, or one key, in the properties of a component or of a trait.
type spot struct {
	path string
	with func(text string) render.Component
	// beside are the keys next to a key, which it must not become.
	beside object
}

// spots are those in the properties of the component, or else of its traits: one
// for each parameter, or all if there is time.
func spots(c render.Component, kind string, keys bool) []spot {
	var out []spot
	if kind == string(definition.Component) {
		out = spotsIn(c.Properties, "properties", keys, func(properties any) render.Component {
			with := c
			with.Properties, _ = properties.(object)
			return with
		})
	}
	for i, trait := range c.Traits {
		if kind != string(definition.Trait) {
			break
		}
		out = append(out, spotsIn(trait.Properties, trait.Type, keys, func(properties any) render.Component {
			with := c
			with.Traits = slices.Clone(c.Traits)
			with.Traits[i].Properties, _ = properties.(object)
			return with
		})...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(s spot) bool {
		again := seen[s.path] && !long()
		seen[s.path] = true
		return again
	})
}

// spotsIn are those in a value; whole makes a component of the changed value.
func spotsIn(value any, path string, keys bool, whole func(any) render.Component) []spot {
	var out []spot
	switch v := value.(type) {
	case object:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			changed := func(item any) render.Component {
				with := maps.Clone(v)
				with[k] = item
				return whole(with)
			}
			out = append(out, spotsIn(v[k], path+"."+k, keys, changed)...)
			if keys {
				out = append(out, spot{path: path + ".*", beside: v, with: func(text string) render.Component {
					with := maps.Clone(v)
					delete(with, k)
					with[text] = v[k]
					return whole(with)
				}})
			}
		}
	case list:
		for i := range v {
			changed := func(item any) render.Component {
				with := slices.Clone(v)
				with[i] = item
				return whole(with)
			}
			out = append(out, spotsIn(v[i], path+"[]", keys, changed)...)
		}
	case string:
		if !keys {
			out = append(out, spot{path: path, with: func(text string) render.Component { return whole(text) }})
		}
	}
	return out
}

// contents are the objects of a result, with a text in place of the marker, and
// with JSON in texts read: it may be written in several ways. They are sorted,
// since the names that decide their order may come from the text.
func contents(r *render.Result, text string) list {
	out := make(list, len(r.Objects))
	for i, o := range r.Objects {
		out[i] = unmarked(o.Content, text)
	}
	slices.SortStableFunc(out, compareText)
	return out
}

func compareText(a, b any) int { return strings.Compare(fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b)) }

func unmarked(value any, text string) any {
	switch v := value.(type) {
	case object:
		out := make(object, len(v))
		for k, item := range v {
			out[strings.ReplaceAll(k, marker, text)] = unmarked(item, text)
		}
		return out
	case list:
		out := make(list, len(v))
		for i := range v {
			out[i] = unmarked(v[i], text)
		}
		return out
	case string:
		var written object
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &written) == nil {
			return unmarked(written, text)
		}
		return strings.ReplaceAll(v, marker, text)
	}
	return value
}

// unordered sorts all lists, if wanted: a list that is made of an object is in
// the order of its keys.
func unordered(wanted bool, value any) any {
	items, isList := value.(list)
	if !wanted {
		return value
	}
	if o, ok := value.(object); ok {
		out := make(object, len(o))
		for k, item := range o {
			out[k] = unordered(wanted, item)
		}
		return out
	}
	if !isList {
		return value
	}
	out := make(list, len(items))
	for i := range items {
		out[i] = unordered(wanted, items[i])
	}
	slices.SortStableFunc(out, compareText)
	return out
}

func at(value any, keys ...string) any {
	for _, k := range keys {
		m, ok := value.(object)
		if !ok {
			return nil
		}
		value = m[k]
	}
	return value
}
