// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// builtinCase is a file testdata/builtin/KIND/TYPE/NAME.yaml: a use of a
// built-in type, whose objects are in the golden file beside it.
type builtinCase struct {
	// Reason says what the case shows.
	Reason string `json:"reason"`
	// KubeVersion is the minor version of the cluster, such as 24; the default when zero.
	KubeVersion int64 `json:"kubeVersion"`
	// Objects that the component refers to.
	Objects []map[string]any `json:"objects"`
	// Component with its traits, as in an Application.
	Component struct {
		Name       string         `json:"name"`
		Type       string         `json:"type"`
		Properties map[string]any `json:"properties"`
		Traits     []struct {
			Type       string         `json:"type"`
			Properties map[string]any `json:"properties"`
		} `json:"traits"`
	} `json:"component"`
}

func readCase(t testing.TB, file string) (render.Context, render.Component, string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c builtinCase
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	component := render.Component{Name: c.Component.Name, Type: c.Component.Type, Properties: c.Component.Properties, Objects: c.Objects}
	for _, trait := range c.Component.Traits {
		component.Traits = append(component.Traits, render.Trait{Type: trait.Type, Properties: trait.Properties})
	}
	context := place()
	if c.KubeVersion != 0 {
		context.ClusterVersion = render.ClusterVersion{Major: 1, Minor: c.KubeVersion, GitVersion: "v1.x", Platform: "linux/amd64"}
	}
	return context, component, c.Reason
}

// TestBuiltin renders every use of a built-in type below testdata/builtin.
func TestBuiltin(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "builtin", "*", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".yaml")
		t.Run(strings.TrimPrefix(name, "builtin/"), func(t *testing.T) {
			context, component, reason := readCase(t, file)
			r, err := render.New(definition.Builtin()).Render(context, component)
			if err != nil {
				t.Fatalf("%s %v", reason, err)
			}
			golden(t, name, "# "+reason+"\n"+documents(t, r))
		})
	}
}

// TestBuiltinIsTested wants, of every component and trait type, the usual use and one with every parameter.
func TestBuiltinIsTested(t *testing.T) {
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			for _, use := range []string{"usual", "every"} {
				files, err := filepath.Glob(filepath.Join("testdata", "builtin", string(kind), name, use+"*.yaml"))
				if err != nil || len(files) == 0 {
					t.Errorf("%s %q has no case %q", kind, name, use)
				}
			}
			if d, err := definition.Builtin().Lookup(kind, name); err != nil || d.Description == "" || d.Name != name {
				t.Errorf("%s %q: %v, description %q", kind, name, err, d.Description)
			}
		}
	}
}

// TestEveryParameter wants each parameter of each built-in type to be given in some case.
func TestEveryParameter(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "builtin", "*", "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []render.Component
	for _, file := range files {
		_, c, _ := readCase(t, file)
		cases = append(cases, c)
	}
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				d, err := definition.Builtin().Lookup(kind, name)
				if err != nil {
					t.Fatal(err)
				}
				missing := d.ParameterPaths()
				for _, c := range cases {
					for _, properties := range propertiesOf(c, kind, name) {
						missing = slices.DeleteFunc(missing, func(path string) bool { return given(properties, strings.Split(path, ".")) })
					}
				}
				if len(missing) > 0 {
					t.Errorf("no case gives: %s", strings.Join(missing, ", "))
				}
			})
		}
	}
}

// propertiesOf are the properties of all uses of a type in a component.
func propertiesOf(c render.Component, kind definition.Kind, name string) []map[string]any {
	var out []map[string]any
	if kind == definition.Component && c.Type == name {
		out = append(out, c.Properties)
	}
	for _, trait := range c.Traits {
		if kind == definition.Trait && trait.Type == name {
			out = append(out, trait.Properties)
		}
	}
	return out
}

// given says whether a path such as ports[].name exists in a value.
func given(value any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	key, isList := strings.CutSuffix(path[0], "[]")
	below, ok := object[key]
	if !ok || !isList {
		return ok && given(below, path[1:])
	}
	items, _ := below.([]any)
	return slices.ContainsFunc(items, func(item any) bool { return given(item, path[1:]) })
}
