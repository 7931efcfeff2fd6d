// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

const salt = "salt"

// sample is an application that uses a built-in type.
type sample struct {
	name string
	spec map[string]any
}

func readYAML(t *testing.T, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = yaml.YAMLToJSON(raw); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return decoded(t, raw)
}

// decoded has int64 for integers, as configurations have.
func decoded(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := utiljson.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// samples are the reference examples of all types, and in a long test all cases
// of the renderer too.
func samples(t *testing.T) []sample {
	t.Helper()
	var out []sample
	files, err := filepath.Glob("../../../examples/types/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		documents := readYAML(t, file)
		if spec, ok := documents["spec"].(map[string]any); ok && documents["kind"] == "Application" {
			out = append(out, sample{strings.TrimPrefix(file, "../../../"), spec})
		}
	}
	if os.Getenv("FAIRLEAD_TEST_LONG") == "" {
		return out
	}
	files, err = filepath.Glob("../../../addon/render/testdata/builtin/*/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		if component, ok := readYAML(t, file)["component"].(map[string]any); ok {
			out = append(out, sample{strings.TrimPrefix(file, "../../../"), map[string]any{"components": []any{component}}})
		}
	}
	return out
}

func application(spec any) preview.Application {
	return preview.Application{Name: "shop", Namespace: "team", Spec: spec.(map[string]any)}
}

// places are the paths of all values inside properties, of objects and lists too.
func places(spec map[string]any) [][]any {
	var out [][]any
	var walk func(v any, at []any, inside bool)
	walk = func(v any, at []any, inside bool) {
		if inside {
			out = append(out, slices.Clone(at))
		}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key], append(at, key), inside || at[len(at)-1] == "properties")
			}
		case []any:
			for i, item := range v {
				walk(item, append(at, i), inside)
			}
		}
	}
	components, _ := spec["components"].([]any)
	for i, c := range components {
		for _, part := range []string{"properties", "traits"} {
			if v := c.(map[string]any)[part]; v != nil {
				walk(v, []any{"components", i, part}, false)
			}
		}
	}
	return out
}

// with is a copy of a value with another one at a path; absent removes it.
func with(v any, path []any, to any) any {
	if len(path) == 0 {
		return to
	}
	switch step := path[0].(type) {
	case string:
		object := maps.Clone(v.(map[string]any))
		if _, gone := to.(absent); gone && len(path) == 1 {
			delete(object, step)
			return object
		}
		object[step] = with(object[step], path[1:], to)
		return object
	case int:
		list := slices.Clone(v.([]any))
		if _, gone := to.(absent); gone && len(path) == 1 {
			return slices.Delete(list, step, step+1)
		}
		list[step] = with(list[step], path[1:], to)
		return list
	}
	return v
}

// absent stands for a value that is not there.
type absent struct{}

func at(v any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

// outcomes are what an unknown value may turn out to be: what it was, nothing, and
// all sorts of things, those that the definitions speak of among them.
func outcomes(sample sample, path []any) []any {
	out := []any{at(sample.spec, path), absent{}, "word", "x.example.com", "9090", "12", "web", int64(3), int64(443), int64(0), true, false, "", []any{}, map[string]any{}, []any{"a"}, map[string]any{"a": "b"}}
	if _, isIndex := path[len(path)-1].(int); isIndex {
		out = slices.Delete(out, 1, 2) // the length of a list is known
	}
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			if !strings.Contains(sample.name, name) {
				continue
			}
			if found, err := definition.Builtin().Lookup(kind, name); err == nil {
				out = append(out, found.Compared()...)
			}
		}
	}
	return out
}

// TestUnknownFuzz has each value of each built-in type unknown in turn. What the
// plan says must hold whatever the value turns out to be.
func TestUnknownFuzz(t *testing.T) {
	all := samples(t)
	var known, unknown int
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			renderer := preview.New()
			if p := renderer.Preview(application(s.spec)); p.Unknown != "" {
				t.Logf("cannot be rendered offline: %s", p.Unknown)
				return
			}
			for _, path := range places(s.spec) {
				planned := renderer.Preview(application(with(s.spec, path, definition.Unknown{})))
				switch at(s.spec, path).(type) {
				case map[string]any, []any:
				default:
					if planned.Unknown != "" {
						unknown++
						t.Logf("not known with %v: %s", path, planned.Unknown)
					} else {
						known++
					}
				}
				if planned.Unknown != "" {
					continue
				}
				for _, outcome := range outcomes(s, path) {
					compare(t, renderer, planned, s, with(s.spec, path, outcome), fmt.Sprintf("%v = %v", path, outcome))
				}
			}
		})
	}
	t.Logf("%d applications; which objects there are was known for %d unknown values and not for %d", len(all), known, unknown)
	if known < 2*unknown {
		t.Errorf("which objects there are is known for %d unknown values, and not for %d: too few to be of use", known, unknown)
	}
}

// compare says what of a plan does not hold at apply.
func compare(t *testing.T, renderer *preview.Renderer, planned preview.Preview, s sample, spec any, what string) {
	t.Helper()
	applied := renderer.Preview(application(spec))
	if applied.Unknown != "" {
		if _, err := renderer.Objects(application(spec)); !refused(err) {
			t.Errorf("%s: %s: planned as known, and at apply: %v", s.name, what, err)
		}
		return
	}
	want, got := planned.Digests(salt), applied.Digests(salt)
	for key, digest := range want {
		if digest == "" && got[key] != "" {
			want[key] = got[key]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s: -planned +applied:\n%s", s.name, what, diff)
	}
}

// TestUnknownPairsFuzz has two values unknown at once.
func TestUnknownPairsFuzz(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range samples(t) {
		renderer := preview.New()
		paths := places(s.spec)
		if len(paths) < 2 || renderer.Preview(application(s.spec)).Unknown != "" {
			continue
		}
		for range 6 {
			a, b := paths[random.IntN(len(paths))], paths[random.IntN(len(paths))]
			if overlap(a, b) {
				continue
			}
			planned := renderer.Preview(application(with(with(s.spec, a, definition.Unknown{}), b, definition.Unknown{})))
			if planned.Unknown != "" {
				continue
			}
			for range 12 {
				of := func(path []any) any {
					all := outcomes(s, path)
					if v := all[random.IntN(len(all))]; v != (any)(absent{}) {
						return v
					}
					return nil
				}
				x, y := of(a), of(b)
				compare(t, renderer, planned, s, with(with(s.spec, a, x), b, y), fmt.Sprintf("%v = %v, %v = %v", a, x, b, y))
			}
		}
	}
}

// overlap says that one path is inside the other.
func overlap(a, b []any) bool {
	n := min(len(a), len(b))
	return slices.Equal(a[:n], b[:n])
}
