// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// FuzzRender renders a component of any built-in type with a trait of any
// built-in type and any properties: the answer is an *Error or the same objects
// each time, of kinds and with names, and never a crash.
func FuzzRender(f *testing.F) {
	library := definition.Builtin()
	components, traits := library.Names(definition.Component), library.Names(definition.Trait)
	addCases(f)
	f.Add("webservice", `{"image":"nginx","env":[{"name":"\u2028","value":"---"}],"labels":{"":""}}`, "labels", `{"a":null}`)
	f.Add("worker", `{"image":"nginx","cpu":1e400,"volumes":[{"name":"a","mountPath":"/","type":"emptyDir"}]}`, "annotations", `{"_x":"#y"}`)
	f.Fuzz(func(t *testing.T, componentType, properties, traitType, traitProperties string) {
		c := render.Component{Name: "web", Type: chosen(components, componentType), Traits: []render.Trait{{Type: chosen(traits, traitType)}}}
		if utiljson.Unmarshal([]byte(properties), &c.Properties) != nil || utiljson.Unmarshal([]byte(traitProperties), &c.Traits[0].Properties) != nil {
			return
		}
		before := encoded(t, c)
		got, err := render.New(library).Render(place(), c)
		again, errAgain := render.New(library).Render(place(), c)
		if diff := cmp.Diff(before, encoded(t, c)); diff != "" {
			t.Errorf("the component was changed:\n%s", diff)
		}
		if isRefused(t, err) {
			if errAgain == nil || err.Error() != errAgain.Error() {
				t.Errorf("two renders differ: %v; %v", err, errAgain)
			}
			return
		}
		if errAgain != nil || got.Digest != again.Digest {
			t.Fatalf("two renders differ: %v", errAgain)
		}
		for _, o := range got.Objects {
			if o.GroupVersionKind().Kind == "" || o.Name() == "" {
				t.Errorf("an object without kind or name: %v", o.Content)
			}
		}
	})
}

// addCases adds some of the cases of TestBuiltin: not all, since ten seconds of
// fuzzing must not end with the seeds.
func addCases(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "builtin", "*", "*", "every.yaml"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no cases: %v", err)
	}
	for i, file := range files {
		if i%5 != 0 {
			continue
		}
		_, c, _ := readCase(f, file)
		trait := render.Trait{Type: "labels"}
		if len(c.Traits) > 0 {
			trait = c.Traits[len(c.Traits)-1]
		}
		f.Add(c.Type, encoded(f, c.Properties), trait.Type, encoded(f, trait.Properties))
	}
}

// chosen is a name, or the known one that stands for it.
func chosen(known []string, name string) string {
	sum := 0
	for _, k := range known {
		if k == name {
			return k
		}
	}
	for _, b := range []byte(name) {
		sum += int(b)
	}
	return known[sum%len(known)]
}

func encoded(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// isRefused says that a component is not rendered, for a reason that is told.
func isRefused(t *testing.T, err error) bool {
	t.Helper()
	var refused *render.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%T is no *render.Error: %v", err, err)
	}
	return err != nil
}
