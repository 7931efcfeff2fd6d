// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// TestValuesAreData puts each hostile text into every place that takes text: the
// objects stay the same in number and kind, and the text arrives as it is.
func TestValuesAreData(t *testing.T) {
	r := render.New(definition.Builtin())
	for i, s := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := render.Component{Name: "web", Type: "webservice", Properties: object{
				"image": s, "cmd": list{s}, "args": list{s, s},
				"env":         list{object{"name": "N", "value": s}},
				"annotations": object{"k": s}, "labels": object{"k": s},
				"ports": list{object{"port": int64(80), "expose": true, "name": s}},
			}}
			c.Traits = []render.Trait{{Type: "labels", Properties: object{"trait": s}}}
			got, err := r.Render(place(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"Deployment", "Service"}, kinds(got)); diff != "" {
				t.Errorf("%q changes the objects:\n%s", s, diff)
			}
			deployment := got.Objects[0].Content
			container := at(deployment, "spec", "template", "spec", "containers").(list)[0].(object)
			want := list{s, list{s}, list{s, s}, s, s, s, s}
			have := list{
				container["image"], container["command"], container["args"], at(container["env"].(list)[0], "value"),
				at(deployment, "spec", "template", "metadata", "annotations", "k"), at(deployment, "spec", "template", "metadata", "labels", "k"), at(deployment, "metadata", "labels", "trait"),
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("%q did not arrive as it is:\n%s", s, diff)
			}
		})
	}
}

// TestKeysAreData puts hostile texts where the user chooses the key.
func TestKeysAreData(t *testing.T) {
	r := render.New(definition.Builtin())
	for i, s := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := usual()
			c.Properties["annotations"] = object{s: "v"}
			got, err := r.Render(place(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"Deployment", "Service"}, kinds(got)); diff != "" {
				t.Errorf("%q changes the objects:\n%s", s, diff)
			}
			if v := at(got.Objects[0].Content, "spec", "template", "metadata", "annotations", s); v != "v" {
				t.Errorf("the key %q did not arrive as it is", s)
			}
		})
	}
}

func kinds(r *render.Result) []string {
	var out []string
	for _, o := range r.Objects {
		out = append(out, o.GroupVersionKind().Kind)
	}
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

// FuzzRender renders any properties: the answer is an *Error or objects of the
// known kinds, the same each time, and never a crash.
func FuzzRender(f *testing.F) {
	f.Add(`{"image":"nginx","ports":[{"port":80,"expose":true}]}`, `{"a":null}`)
	f.Add(`{"image":"nginx","volumes":[{"name":"a","mountPath":"/","type":"emptyDir"}]}`, `{"app.oam.dev/name":"x"}`)
	f.Add(`{"image":"nginx","env":[{"name":"\u2028","value":"---"}],"labels":{"":""}}`, `{}`)
	f.Add(`{"image":"nginx","livenessProbe":{"httpGet":{"path":"/","port":1}}}`, `{"_x":"#y"}`)
	library := definition.Builtin()
	f.Fuzz(func(t *testing.T, properties, labels string) {
		var p, l object
		if json.Unmarshal([]byte(properties), &p) != nil || json.Unmarshal([]byte(labels), &l) != nil {
			return
		}
		c := render.Component{Name: "web", Type: "webservice", Properties: p, Traits: []render.Trait{{Type: "labels", Properties: l}}}
		got, err := render.New(library).Render(place(), c)
		if err != nil {
			var e *render.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T is no *render.Error: %v", err, err)
			}
			return
		}
		if k := strings.Join(kinds(got), ","); k != "Deployment" && k != "Deployment,Service" {
			t.Fatalf("the objects are %s", k)
		}
		again, err := render.New(library).Render(place(), c)
		if err != nil || again.Digest != got.Digest {
			t.Fatalf("the second render differs: %v", err)
		}
	})
}
