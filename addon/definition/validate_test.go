// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with a file below testdata, or rewrites the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}

func lookup(t testing.TB, kind definition.Kind, name string) *definition.Definition {
	t.Helper()
	d, err := definition.Builtin().Lookup(kind, name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type object = map[string]any

func TestValidateWebservice(t *testing.T) {
	cases := map[string]struct {
		reason     string
		properties object
	}{
		"Usual":            {reason: "Nothing is wrong with usual properties.", properties: object{"image": "nginx", "ports": []any{object{"port": int64(80), "expose": true}}}},
		"MissingImage":     {reason: "A required parameter is named with its purpose.", properties: object{"cpu": "1"}},
		"None":             {reason: "No properties at all lack the required ones.", properties: nil},
		"NullImage":        {reason: "Null counts as absent where it is no value.", properties: object{"image": nil}},
		"Misspelt":         {reason: "The parameter that was probably meant is proposed.", properties: object{"imgae": "nginx", "image": "nginx"}},
		"SnakeCase":        {reason: "Terraform's way of spelling is recognised.", properties: object{"image": "nginx", "image_pull_policy": "Always"}},
		"NothingAlike":     {reason: "Nothing is proposed when nothing is alike.", properties: object{"image": "nginx", "entirelyDifferent": int64(1)}},
		"NestedMisspelt":   {reason: "The path leads into lists and objects.", properties: object{"image": "nginx", "env": []any{object{"name": "A", "valueFrom": object{"secretRef": object{}}}}}},
		"StringForInteger": {reason: "A number in quotes is told apart from other texts.", properties: object{"image": "nginx", "ports": []any{object{"port": "80"}}}},
		"TextForInteger":   {reason: "A text that is no number cannot just lose its quotes.", properties: object{"image": "nginx", "port": "http"}},
		"NumberForString":  {reason: "CPU is a text.", properties: object{"image": "nginx", "cpu": 0.5}},
		"StringForBool":    {reason: "A bool in quotes is told apart from other texts.", properties: object{"image": "nginx", "addRevisionLabel": "true"}},
		"ObjectForList":    {reason: "One object where a list is wanted is a usual slip.", properties: object{"image": "nginx", "env": object{"name": "A"}}},
		"StringForObject":  {reason: "A text where an object is wanted.", properties: object{"image": "nginx", "limit": "1Gi"}},
		"Fraction":         {reason: "1.5 is no integer.", properties: object{"image": "nginx", "port": 1.5}},
		"WholeFloat":       {reason: "80.0 is an integer: JSON does not tell them apart.", properties: object{"image": "nginx", "port": 80.0}},
		"NotInEnum":        {reason: "The allowed values are listed, the given one is not repeated.", properties: object{"image": "nginx", "imagePullPolicy": "always!"}},
		"NotInDefaulted":   {reason: "A default does not hide the other values.", properties: object{"image": "nginx", "ports": []any{object{"port": int64(80), "protocol": "http"}}}},
		"OutOfRange":       {reason: "Bounds are given in words.", properties: object{"image": "nginx", "ports": []any{object{"port": int64(70000)}}}},
		"ManyAtOnce":       {reason: "All findings come at once, sorted by path.", properties: object{"imgae": "x", "ports": []any{object{"prot": int64(1)}}, "cpu": true}},
		"MapValues":        {reason: "Keys of a map are free, its values are not; an unusual key is quoted.", properties: object{"image": "nginx", "labels": object{"example.com/a": int64(1), "b": "x"}}},
		"AlternativeKnown": {reason: "The type of a volume decides what else it needs.", properties: object{"image": "nginx", "volumes": []any{object{"name": "a", "mountPath": "/a", "type": "pvc"}}}},
		"AlternativeNone":  {reason: "A type of volume that does not exist is reported as such.", properties: object{"image": "nginx", "volumes": []any{object{"name": "a", "mountPath": "/a", "type": "nfs"}}}},
		"AlternativeUnset": {reason: "Without a type the nearest alternative is taken.", properties: object{"image": "nginx", "volumes": []any{object{"name": "a", "mountPath": "/a"}}}},
		"Unknown":          {reason: "What is not known yet is not judged.", properties: object{"image": definition.Unknown{}, "env": []any{object{"name": "A", "value": definition.Unknown{}}, definition.Unknown{}}}},
		"TypedGo":          {reason: "Go's own types of maps, lists and integers are accepted.", properties: object{"image": "nginx", "labels": map[string]string{"a": "b"}, "cmd": []string{"x"}, "port": 80}},
		"NoJSON":           {reason: "A Go value without a JSON form is an error, not a crash.", properties: object{"image": make(chan int)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			findings := lookup(t, definition.Component, "webservice").Validate(tc.properties, "components.web.properties")
			golden(t, "validate/webservice/"+name, tc.reason+"\n"+lines(findings))
		})
	}
}

func TestValidateTraits(t *testing.T) {
	cases := map[string]struct {
		reason     string
		trait      string
		properties object
	}{
		"ScalerDefault":  {reason: "All parameters have defaults.", trait: "scaler", properties: object{}},
		"ScalerNegative": {reason: "A bound beside a default holds.", trait: "scaler", properties: object{"replicas": int64(-1)}},
		"ScalerText":     {reason: "A text is no number.", trait: "scaler", properties: object{"replicas": "three"}},
		"ScalerUnknown":  {reason: "Misspelt.", trait: "scaler", properties: object{"replica": int64(1)}},
		"Labels":         {reason: "The properties are the map itself; null is a value.", trait: "labels", properties: object{"a": "b", "c": nil}},
		"LabelsNumber":   {reason: "A label is a text or null.", trait: "labels", properties: object{"a": int64(1)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			findings := lookup(t, definition.Trait, tc.trait).Validate(tc.properties, "spec.components[0].traits[0].properties")
			golden(t, "validate/traits/"+name, tc.reason+"\n"+lines(findings))
		})
	}
}

func TestValidateChoiceWithDefault(t *testing.T) {
	d, err := definition.Parse("choice.cue", []byte(`
choice: type: "trait"
template: {
	#One: {
		name:  *"" | string
		image: string
	}
	parameter: *#One | close({
		several!: [...#One]
	})
}
`))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason     string
		properties object
		want       string
	}{
		"Default": {reason: "The alternative that is the default is known as before.", properties: object{"image": "a"}},
		"Other":   {reason: "A default does not hide the other alternative.", properties: object{"several": []any{object{"image": "a"}}}},
		"None":    {reason: "A field marked as required is missed, even if it is a list, so that either is what lacks something.", properties: object{}, want: "MissingParameter p"},
		"Nested":  {reason: "The alternative that knows the given field says what is wrong below it.", properties: object{"several": []any{object{"imgae": "a", "image": "b"}}}, want: "UnknownParameter p.several[0].imgae"},
		"Both":    {reason: "Only one alternative counts.", properties: object{"several": []any{}, "image": "a"}, want: "UnknownParameter p.several"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range d.Validate(tc.properties, "p") {
				got = append(got, string(f.Reason)+" "+f.Path)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
	want := []string{"image", "name", "several", "several[].image", "several[].name"}
	if diff := cmp.Diff(want, d.ParameterPaths()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func lines(findings []definition.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(string(f.Reason) + " " + f.String() + "\n")
	}
	return b.String()
}
