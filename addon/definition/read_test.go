// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

const trait = "apiVersion: core.oam.dev/v1beta1\nkind: TraitDefinition\nmetadata: {name: NAME}\nspec: {schematic: {cue: {template: 'patch: {}'}}}\n"

func named(name string) string {
	return strings.ReplaceAll(trait, "NAME", name)
}

// titles are kind and name of what documents hold, with their places.
func titles(documents []definition.Document) []string {
	var out []string
	for _, d := range documents {
		title := d.Place() + " "
		if d.Definition != nil {
			title += string(d.Definition.Kind) + "/" + d.Definition.Name
		} else {
			title += d.Object["kind"].(string)
		}
		out = append(out, title)
	}
	return out
}

func TestReadDocuments(t *testing.T) {
	application := "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: a}\n"
	cases := map[string]struct {
		reason string
		file   string
		source string
		want   []string
		err    string
	}{
		"Mixed": {
			reason: "Documents of any kind, with comments and empty ones between them.",
			file:   "f.yaml",
			source: "# all of it\n---\n" + application + "---\n# nothing\n---\n\n# the trait\n" + named("t") + "--- # the end\n",
			want:   []string{"f.yaml:3 (document 1) Application", "f.yaml:11 (document 2) trait/t"},
		},
		"Folded": {
			reason: "Dashes within a text do not end a document.",
			file:   "f.yaml",
			source: "apiVersion: v1\nkind: ConfigMap\ndata:\n  x: |\n    ---\n    y\n  z: ---a\n",
			want:   []string{"f.yaml:1 (document 1) ConfigMap"},
		},
		"Windows": {
			reason: "Lines may end as on Windows.",
			file:   "f.yml",
			source: strings.ReplaceAll(application+"---\n"+named("t"), "\n", "\r\n"),
			want:   []string{"f.yml:1 (document 1) Application", "f.yml:5 (document 2) trait/t"},
		},
		"JSON": {
			reason: "JSON objects in a row.",
			file:   "f.json",
			source: `{"apiVersion":"v1","kind":"ConfigMap"} {"apiVersion":"v1","kind":"Secret"}`,
			want:   []string{"f.json:1 (document 1) ConfigMap", "f.json:1 (document 1) Secret"},
		},
		"List": {
			reason: "A list as kubectl writes it.",
			file:   "f.yaml",
			source: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap}\n- {apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, metadata: {name: t}, spec: {schematic: {cue: {template: x}}}}\n",
			want:   []string{"f.yaml:1 (document 1) ConfigMap", "f.yaml:1 (document 1) trait/t"},
		},
		"CUE": {
			reason: "A definition file.",
			file:   "f.cue",
			source: "t: {type: \"trait\"}\ntemplate: {patch: {}}",
			want:   []string{"f.cue:1 (document 1) trait/t"},
		},
		"Empty":    {reason: "A file without documents.", file: "f.yaml", source: "# nothing\n---\n"},
		"BadYAML":  {reason: "The line counts from the begin of the file, and the rest is read.", file: "f.yaml", source: application + "---\na: b: c\n---\n" + named("t"), want: []string{"f.yaml:1 (document 1) Application", "f.yaml:7 (document 3) trait/t"}, err: "f.yaml:5 (document 2): no valid YAML: yaml: line 5: mapping values are not allowed in this context"},
		"Twice":    {reason: "A key that is written twice is a mistake.", file: "f.yaml", source: application + "kind: x\n", err: "f.yaml:1 (document 1): no valid YAML: yaml: unmarshal errors:\n  line 4: key \"kind\" already set in map"},
		"NoObject": {reason: "A list at the top.", file: "f.yaml", source: "- a\n", err: "f.yaml:1 (document 1): the document is no object; write apiVersion, kind and metadata"},
		"NoKind":   {reason: "An object without a kind.", file: "f.yaml", source: "a: b\n", err: "f.yaml:1 (document 1): the document has no apiVersion or no kind, which every Kubernetes object has"},
		"BadItem":  {reason: "An item without a kind.", file: "f.yaml", source: "{apiVersion: v1, kind: List, items: [{a: b}]}\n", err: "f.yaml:1 (document 1): item 1 of the list: the document has no apiVersion or no kind, which every Kubernetes object has"},
		"BadDefinition": {
			reason: "A definition that is not supported.", file: "f.yaml",
			source: "\n" + `{apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, metadata: {name: t}}`,
			err:    `f.yaml:2 (document 1): read TraitDefinition "t": spec.schematic is missing; write the template as spec.schematic.cue.template`,
		},
		"BadCUE":  {reason: "The line of a mistake in CUE.", file: "f.cue", source: "t: {type: \"trait\"}\ntemplate: {", err: "parse definition f.cue:2: expected '}', found 'EOF'"},
		"BadType": {reason: "A type of definition that does not exist.", file: "f.cue", source: "t: {type: \"thing\"}\ntemplate: {}", err: `read definition f.cue: t.type is "thing"; use "component", "trait", "policy" or "workflow-step"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := definition.ReadDocuments(tc.file, []byte(tc.source))
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, titles(got)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadDocumentsNumbers(t *testing.T) {
	got, err := definition.ReadDocuments("f.yaml", []byte("apiVersion: v1\nkind: X\na: 12345678901\nb: 1.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"apiVersion": "v1", "kind": "X", "a": int64(12345678901), "b": 1.5}
	if diff := cmp.Diff(want, got[0].Object); diff != "" {
		t.Errorf("integers stay integers\n-want +got:\n%s", diff)
	}
}

func TestReadFiles(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"b.yaml": named("b"), "a/x.cue": "x: {type: \"component\"}\ntemplate: {output: {}}", "a/note.md": "no definition", ".hidden.yaml": "no: object", ".git/c.yaml": "no: object", "cue.mod/m.cue": "x",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := definition.ReadFiles(folder, filepath.Join(folder, "b.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, title := range titles(got) {
		all = append(all, strings.ReplaceAll(title, folder, ""))
	}
	want := []string{"/a/x.cue:1 (document 1) component/x", "/b.yaml:1 (document 1) trait/b", "/b.yaml:1 (document 1) trait/b"}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := definition.ReadFiles(filepath.Join(folder, "absent.yaml")); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestDefinitions(t *testing.T) {
	documents, err := definition.ReadDocuments("f.yaml", []byte(named("t")+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := definition.Definitions(documents)
	if len(got) != 1 || got[0].Name != "t" {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff(`f.yaml:6 (document 2): Secret "s" is no definition; only definitions can be read here`, errorText(err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
