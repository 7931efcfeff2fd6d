// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// exampleFolder holds an Application for each type.
const exampleFolder = "../../../examples/types"

// TestExamples renders the example of each type, and checks its policies.
func TestExamples(t *testing.T) {
	for _, kind := range kinds() {
		for _, name := range definition.Builtin().Names(kind) {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				app := readExample(t, filepath.Join(exampleFolder, string(kind), name+".yaml"))
				if !uses(app.Spec, kind, name) {
					t.Errorf("the example does not use the %s type %q", kind, name)
				}
				checkPolicies(t, app.Spec)
				renderAll(t, app)
			})
		}
	}
}

func readExample(t *testing.T, path string) v1beta1.Application {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(raw), "# ") {
		t.Errorf("%s: the first line is to say in a comment what the example shows", path)
	}
	var app v1beta1.Application
	if err := yaml.UnmarshalStrict(raw, &app); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return app
}

func uses(spec v1beta1.ApplicationSpec, kind definition.Kind, name string) bool {
	found := map[definition.Kind]map[string]bool{definition.Component: {}, definition.Trait: {}, definition.Policy: {}, definition.WorkflowStep: {}}
	for _, c := range spec.Components {
		found[definition.Component][c.Type] = true
		for _, t := range c.Traits {
			found[definition.Trait][t.Type] = true
		}
	}
	for _, p := range spec.Policies {
		found[definition.Policy][p.Type] = true
	}
	if spec.Workflow != nil {
		for _, s := range spec.Workflow.Steps {
			found[definition.WorkflowStep][s.Type] = true
		}
	}
	return found[kind][name]
}

func checkPolicies(t *testing.T, spec v1beta1.ApplicationSpec) {
	t.Helper()
	for _, p := range spec.Policies {
		d, err := definition.Builtin().Lookup(definition.Policy, p.Type)
		if err != nil {
			t.Error(err)
			continue
		}
		var properties map[string]any
		if p.Properties != nil {
			if err := json.Unmarshal(p.Properties.Raw, &properties); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range d.Validate(properties, "policies."+p.Name+".properties") {
			t.Error(f)
		}
	}
}

func renderAll(t *testing.T, app v1beta1.Application) {
	t.Helper()
	components, err := policy.Components(app.Spec)
	if err != nil {
		t.Fatal(err)
	}
	place := render.Context{
		AppName: app.Name, AppNamespace: "team-a", TargetNamespace: "team-a", Environment: "default", Cluster: "local", AppRevision: app.Name + "-v1", AppRevisionNum: 1,
	}
	renderer := render.New(definition.Builtin())
	for _, c := range components {
		if c.Type == "ref-objects" {
			// What is on the hub is read before a component is rendered.
			c.Objects = []map[string]any{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "shop"}}}
		}
		result, err := renderer.Render(place, c)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(result.Objects) == 0 {
			t.Errorf("component %q has no objects", c.Name)
		}
	}
}

// TestExamplesOfTypes finds examples of types that there are not.
func TestExamplesOfTypes(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(exampleFolder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		kind, name := filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".yaml")
		if _, err := definition.Builtin().Lookup(definition.Kind(kind), name); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestRun(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "types")
	gone := filepath.Join(folder, "trait", "gone.md")
	if err := os.MkdirAll(filepath.Dir(gone), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gone, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(exampleFolder, folder); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(gone); !os.IsNotExist(err) {
		t.Errorf("the page of a type that is gone is still there: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "trait", "scaler.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# scaler\n", "| `replicas` | integer (at least 0) | `1` |", "## Example\n\n```yaml\n# "} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestIndex(t *testing.T) {
	got := index(map[definition.Kind][]*definition.Definition{
		definition.Trait: {{Kind: definition.Trait, Name: "a", Description: "Old | new.", Deprecated: true}, {Kind: definition.Trait, Name: "b", Description: "Does it."}},
	})
	_, table, _ := strings.Cut(got, "## ")
	want := "Traits\n\n| Type | What it does |\n|---|---|\n| [`b`](trait/b.md) | Does it. |\n| [`a`](trait/a.md) | Old \\| new. |\n"
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("deprecated types come last: -want +got:\n%s", diff)
	}
}

func TestMissingExample(t *testing.T) {
	_, err := pages(fstest.MapFS{})
	if err == nil || !strings.Contains(err.Error(), `read the example of component type "cron-task"`) {
		t.Errorf("got %v", err)
	}
}
