// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// FuzzParameters checks and converts any properties of any built-in type: the
// answer is the same each time, the properties stay as they are, and what was
// cleaned once is clean.
func FuzzParameters(f *testing.F) {
	var types []*definition.Definition
	for _, kind := range []definition.Kind{definition.Component, definition.Trait, definition.Policy} {
		for _, name := range definition.Builtin().Names(kind) {
			d, err := definition.Builtin().Lookup(kind, name)
			if err != nil {
				f.Fatal(err)
			}
			types = append(types, d)
		}
	}
	for i, raw := range []string{
		`{"image":"nginx","ports":[{"port":80,"expose":true,"name":null}],"cpu":0.5}`,
		`{"image":1,"volumes":[{"name":"a","type":"secret","defaultMode":"420"},{"type":{}}],"env":{"a":"b"}}`,
		`{"a":null,"":{"":[]},"b":true}`,
		`{"containers":[{"containerName":"a","image":"b"},[],null,1e9]}`,
		`{"replicas":"3","min":1.0,"cpu":{"value":"50"},"livenessProbe":{"httpGet":{"port":"x"}}}`,
		`{"clusters":["a",1],"clusterLabelSelector":{"a":null},"rules":[{"selector":{"oamTypes":["TRAIT"]}}]}`,
	} {
		f.Add(uint8(7*i), raw)   //nolint:gosec // there are few
		f.Add(uint8(7*i+3), raw) //nolint:gosec // there are few
	}
	f.Fuzz(func(t *testing.T, which uint8, raw string) {
		d := types[int(which)%len(types)]
		var properties map[string]any
		if utiljson.Unmarshal([]byte(raw), &properties) != nil {
			return
		}
		before := asJSON(t, properties)
		findings := lines(d.Validate(properties, "p"))
		if diff := cmp.Diff(findings, lines(d.Validate(properties, "p"))); diff != "" {
			t.Errorf("two checks differ:\n%s", diff)
		}
		for name, convert := range map[string]func(map[string]any) map[string]any{"Clean": d.Clean, "Coerce": d.Coerce, "Known": d.Known, "KnownNulls": d.KnownNulls} {
			once := convert(properties)
			if diff := cmp.Diff(asJSON(t, once), asJSON(t, convert(properties))); diff != "" {
				t.Errorf("%s differs when done again:\n%s", name, diff)
			}
			if diff := cmp.Diff(asJSON(t, once), asJSON(t, convert(once))); diff != "" {
				t.Errorf("%s changes what it made:\n%s", name, diff)
			}
		}
		if diff := cmp.Diff(findings, lines(d.Validate(d.Clean(properties), "p"))); diff != "" {
			t.Errorf("clean properties are judged otherwise:\n%s", diff)
		}
		if findings == "" && lines(d.Validate(d.Coerce(properties), "p")) != "" {
			t.Errorf("what is right is wrong after Coerce")
		}
		if diff := cmp.Diff(before, asJSON(t, properties)); diff != "" {
			t.Errorf("the properties were changed:\n%s", diff)
		}
	})
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// FuzzDocuments reads files with any content: the answer is the same each time,
// and each document says where it is.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(named("t")+"---\n---\n# x\n"+named("u")), uint8(0))
	f.Add([]byte("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\"},1]} {}"), uint8(1))
	f.Add([]byte("a: &x [*x]\n--- !!binary |\n...\n\t"), uint8(0))
	f.Add([]byte("apiVersion: core.oam.dev/v1beta1\nkind: DefinitionRevision\nspec: {revision: 2, componentDefinition: {metadata: {name: a}, spec: {schematic: {cue: {template: 'a: b'}}}}}\n"), uint8(0))
	f.Add([]byte("apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: a}\nspec: {schematic: {terraform: {}, cue: {template: 'import \"vela/op\"'}}}\n"), uint8(0))
	f.Add([]byte("import \"strings\"\n\"a\": type: \"trait\"\ntemplate: {if: a, x: strings.ToUpper(\"\\(for)\")}\n"), uint8(2))
	f.Add([]byte("template: {\"}\"\n}\na: {type: \"policy\", b: template}"), uint8(2))
	for i, source := range builtinSources(f) {
		if i%5 == 0 { // ten seconds of fuzzing must not end with the seeds
			f.Add(source, uint8(2))
		}
	}
	names := []string{"a.yaml", "a.json", "a.cue"}
	f.Fuzz(func(t *testing.T, source []byte, which uint8) {
		name := names[int(which)%len(names)]
		kept := slices.Clone(source)
		found, err := definition.ReadDocuments(name, source)
		again, errAgain := definition.ReadDocuments(name, source)
		if !slices.Equal(kept, source) {
			t.Error("the source was changed")
		}
		if diff := cmp.Diff(describe(found, err), describe(again, errAgain)); diff != "" {
			t.Errorf("two readings differ:\n%s", diff)
		}
		for _, d := range found {
			checkDocument(t, d, name, 1+strings.Count(string(source), "\n"))
		}
	})
}

// checkDocument checks what holds for a document out of any file with so many lines.
func checkDocument(t *testing.T, d definition.Document, file string, lines int) {
	t.Helper()
	if d.File != file || d.Line < 1 || d.Line > lines || d.Number < 1 {
		t.Errorf("a document is at %s", d.Place())
	}
	if d.Object == nil && d.Definition == nil {
		t.Errorf("%s: nothing was read", d.Place())
	}
	if d.Definition != nil && (d.Definition.Kind == "" || d.Definition.Name == "" || d.Definition.Digest == "") {
		t.Errorf("%s: the definition is %+v", d.Place(), d.Definition)
	}
}

// builtinSources are the files of built-in definitions.
func builtinSources(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("builtin", "*", "*.cue"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	out := make([][]byte, len(files))
	for i, file := range files {
		if out[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// describe is what was read, and what was said.
func describe(documents []definition.Document, err error) []string {
	var out []string
	for _, d := range documents {
		text := d.Place()
		if d.Definition != nil {
			text += " " + d.Definition.Name + " " + d.Definition.Digest
		}
		out = append(out, text)
	}
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}
