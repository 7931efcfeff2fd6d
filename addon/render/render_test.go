// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
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

type object = map[string]any
type list = []any

// place is where the tests render.
func place() render.Context {
	return render.Context{
		AppName: "shop", AppNamespace: "team-a", TargetNamespace: "shop-prod", Environment: "prod", Cluster: "cluster1",
		AppRevision: "shop-v3", AppRevisionNum: 3, Revision: "web-v3", Components: []string{"web", "db"},
	}
}

func usual() render.Component {
	return render.Component{Name: "web", Type: "webservice", Properties: object{
		"image": "ghcr.io/acme/shop:1.2", "cpu": "100m", "memory": "64Mi",
		"ports": list{object{"port": int64(8080), "expose": true}},
		"env":   list{object{"name": "DB_HOST", "value": "db.example.com"}},
	}}
}

// every has each parameter of a webservice that can be given beside the others.
func every(t *testing.T) render.Component {
	t.Helper()
	_, c, _ := readCase(t, filepath.Join("testdata", "builtin", "component", "webservice", "every.yaml"))
	return c
}

func with(c render.Component, traits ...render.Trait) render.Component {
	c.Traits = traits
	return c
}

func without(c render.Component, names ...string) render.Component {
	for _, n := range names {
		delete(c.Properties, n)
	}
	return c
}

func TestRenderGolden(t *testing.T) {
	inheriting := place()
	inheriting.AppLabels = map[string]string{"cost-centre": "42", "secret-label": "x", "argocd.argoproj.io/instance": "y", "controller.core.oam.dev/pause": "true"}
	inheriting.AppAnnotations = map[string]string{
		"contact": "team-a", "fairlead.dev/revision": "r1", "app.oam.dev/publishVersion": "v1", "kubectl.kubernetes.io/last-applied-configuration": "{}",
		"app.oam.dev/filter-label-keys": "secret-label", "app.oam.dev/disable-health-check": "true",
	}
	open := place()
	open.TargetNamespace, open.Environment = "", ""
	cases := map[string]struct {
		reason    string
		context   render.Context
		component render.Component
	}{
		"webservice/open":    {"Where the target is not known yet, nothing is said of it.", open, render.Component{Name: "web", Type: "webservice", Properties: object{"image": "nginx"}}},
		"webservice/inherit": {"Objects inherit what the application is labelled with, but not what speaks of the Application itself.", inheriting, usual()},
		"scaler/default":     {"One replica unless said otherwise.", place(), with(usual(), render.Trait{Type: "scaler"})},
		"scaler/replicas":    {"The number of replicas.", place(), with(usual(), render.Trait{Type: "scaler", Properties: object{"replicas": int64(5)}})},
		"scaler/twice":       {"A later trait replaces what an earlier one set.", place(), with(usual(), render.Trait{Type: "scaler", Properties: object{"replicas": int64(5)}}, render.Trait{Type: "scaler", Properties: object{"replicas": int64(2)}})},
		"labels/usual":       {"Labels on the workload and on its pods.", place(), with(usual(), render.Trait{Type: "labels", Properties: object{"tier": "front"}})},
		"labels/null":        {"Null removes a label that the component set.", place(), with(every(t), render.Trait{Type: "labels", Properties: object{"team": nil, "tier": "front"}})},
		"both":               {"Two traits, in order.", place(), with(usual(), render.Trait{Type: "labels", Properties: object{"tier": "front"}}, render.Trait{Type: "scaler", Properties: object{"replicas": int64(2)}})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := render.New(definition.Builtin()).Render(tc.context, tc.component)
			if err != nil {
				t.Fatalf("%s %v", tc.reason, err)
			}
			golden(t, name, "# "+tc.reason+"\n"+documents(t, r))
		})
	}
}

// documents are the objects as YAML, each after a line that says where it comes from.
func documents(t *testing.T, r *render.Result) string {
	t.Helper()
	var b strings.Builder
	for _, o := range r.Objects {
		raw, err := yaml.Marshal(o.Content)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "--- # trait=%q resource=%q digest=%s\n%s", o.Trait, o.Resource, o.Digest(), raw)
	}
	return b.String()
}

func TestRenderErrors(t *testing.T) {
	cases := map[string]struct {
		reason    string
		component render.Component
	}{
		"UnknownType":    {"A type of component that does not exist.", render.Component{Name: "web", Type: "webservise"}},
		"UnknownTrait":   {"A type of trait that does not exist.", with(usual(), render.Trait{Type: "scale"})},
		"MissingImage":   {"A required parameter.", without(usual(), "image")},
		"ManyFindings":   {"Component and traits are checked at once.", with(without(usual(), "image"), render.Trait{Type: "scaler", Properties: object{"replicas": "3"}}, render.Trait{Type: "labels", Properties: object{"a": true}})},
		"Name":           {"A name that Kubernetes would refuse.", render.Component{Name: "Web_1", Type: "webservice", Properties: object{"image": "nginx"}}},
		"LongName":       {"A name becomes a label value.", render.Component{Name: strings.Repeat("a", 64), Type: "webservice", Properties: object{"image": "nginx"}}},
		"UnknownValue":   {"A value that is not known yet cannot be rendered.", render.Component{Name: "web", Type: "webservice", Properties: object{"image": "a", "env": list{object{"name": "A", "value": definition.Unknown{}}}}}},
		"NUL":            {"Text with a NUL is no text for Kubernetes.", render.Component{Name: "web", Type: "webservice", Properties: object{"image": "a\x00"}}},
		"ReservedLabel":  {"The labels by which pods are found cannot be set to something else; the value is not shown.", render.Component{Name: "web", Type: "webservice", Properties: object{"image": "a", "labels": object{"app.oam.dev/name": "hidden"}}}},
		"SelectorBroken": {"A trait may not take the pods away from their workload.", with(usual(), render.Trait{Type: "labels", Properties: object{"app.oam.dev/component": nil}})},
		"NotRead":        {"Objects that are referred to have to be read first.", render.Component{Name: "shop", Type: "ref-objects", Properties: object{"objects": list{object{"resource": "deployment", "name": "shop"}}}}},
		"NoneRead":       {"A reference to nothing.", render.Component{Name: "shop", Type: "ref-objects", Objects: []map[string]any{}, Properties: object{"objects": list{object{"resource": "deployment", "name": "shop"}}}}},
		"NoObjects":      {"A list without objects.", render.Component{Name: "base", Type: "k8s-objects"}},
		"ObjectKind":     {"An object without a kind.", render.Component{Name: "base", Type: "raw", Properties: object{"apiVersion": "v1"}}},
		"Restart":        {"A task that is started again for ever is none.", render.Component{Name: "once", Type: "task", Properties: object{"image": "a", "restart": "Always"}}},
		"Path":           {"The caller's own path is used.", render.Component{Name: "web", Type: "webservice", Path: "spec.components[3]", Traits: []render.Trait{{Type: "scaler", Path: "spec.components[3].traits[0]", Properties: object{"replica": int64(1)}}}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := render.New(definition.Builtin()).Render(place(), tc.component)
			var e *render.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s %v", tc.reason, err)
			}
			golden(t, "errors/"+name, "# "+tc.reason+"\n"+e.Reason+"\n"+strings.Join(strings.Split(e.Error(), "; components"), ";\n components")+"\n")
		})
	}
}

func TestRenderIsStable(t *testing.T) {
	c := with(every(t), render.Trait{Type: "labels", Properties: object{"a": "1", "b": "2", "c": "3"}}, render.Trait{Type: "scaler"})
	first, err := render.New(definition.Builtin()).Render(place(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := documents(t, first)
	for range 20 {
		again, err := render.New(definition.Builtin()).Render(place(), c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, documents(t, again)); diff != "" || first.Digest != again.Digest {
			t.Fatalf("two renders differ:\n%s", diff)
		}
	}
}

func TestRenderKeepsResults(t *testing.T) {
	elsewhere, otherSpace := place(), place()
	elsewhere.Cluster, elsewhere.AppRevision, elsewhere.Components = "cluster2", "shop-v4", nil
	otherSpace.TargetNamespace = "shop-dev"
	cases := map[string]struct {
		reason    string
		context   render.Context
		component render.Component
		renders   uint64
	}{
		"Same":           {"The same again is not rendered again.", place(), usual(), 1},
		"OtherCluster":   {"No template of these reads cluster or revision.", elsewhere, usual(), 1},
		"OtherNamespace": {"The namespace is in every object.", otherSpace, usual(), 2},
		"OtherImage":     {"Another property.", place(), without(usual(), "cpu"), 2},
		"OtherTrait":     {"Another trait.", place(), with(usual(), render.Trait{Type: "scaler"}), 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := render.New(definition.Builtin())
			if _, err := r.Render(place(), usual()); err != nil {
				t.Fatal(err)
			}
			got, err := r.Render(tc.context, tc.component)
			if err != nil {
				t.Fatal(err)
			}
			if r.Renders() != tc.renders {
				t.Errorf("%s %d renders, want %d", tc.reason, r.Renders(), tc.renders)
			}
			if diff := cmp.Diff(tc.context, got.Context); diff != "" {
				t.Errorf("the result has the context of another call:\n%s", diff)
			}
		})
	}
}

func TestOtherReadObjectsRenderAnew(t *testing.T) {
	r := render.New(definition.Builtin())
	for _, mode := range []string{"fast", "slow"} {
		c := render.Component{Name: "base", Type: "ref-objects", Objects: []map[string]any{{"apiVersion": "v1", "kind": "ConfigMap", "data": object{"mode": mode}}}}
		got, err := r.Render(place(), c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(mode, at(got.Objects[0].Content, "data", "mode")); diff != "" {
			t.Errorf("the object that was read last is not delivered:\n%s", diff)
		}
	}
}

func TestRenderLeavesInputsAlone(t *testing.T) {
	c := with(every(t), render.Trait{Type: "labels", Properties: object{"a": nil}})
	before, _ := json.Marshal(c)
	if _, err := render.New(definition.Builtin()).Render(place(), c); err != nil {
		t.Fatal(err)
	}
	after, _ := json.Marshal(c)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the component was changed:\n%s", diff)
	}
}

func TestRenderConcurrently(t *testing.T) {
	r := render.New(definition.Builtin())
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 20 {
				c := with(usual(), render.Trait{Type: "scaler", Properties: object{"replicas": int64(i)}}, render.Trait{Type: "labels", Properties: object{"worker": fmt.Sprint(worker % 2)}})
				got, err := r.Render(place(), c)
				if err != nil {
					t.Errorf("worker %d: %v", worker, err)
					return
				}
				if n := got.Objects[0].Content["spec"].(object)["replicas"]; n != int64(i) {
					t.Errorf("replicas %v, want %d", n, i)
				}
			}
		})
	}
	group.Wait()
}

func TestLenient(t *testing.T) {
	c := usual()
	c.Properties["imagePullPolicie"] = "Always"
	c.Traits = []render.Trait{{Type: "scaler", Properties: object{"replicas": int64(2), "max": int64(3)}}}
	strict := render.New(definition.Builtin())
	if _, err := strict.Render(place(), c); err == nil {
		t.Error("unknown parameters are an error unless said otherwise")
	}
	lenient := strict.Lenient()
	got, err := lenient.Render(place(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`components.web.properties.imagePullPolicie: the component type "webservice" has no such parameter here; did you mean "imagePullPolicy"?`,
		`components.web.traits.scaler.properties.max: the trait type "scaler" has no such parameter here.`,
	}
	checked, errs := lenient.Check([]render.Component{c}, nil)
	for _, warnings := range [][]definition.Finding{got.Warnings, checked} {
		var texts []string
		for _, w := range warnings {
			text, _, _ := strings.Cut(w.String(), " Use one of")
			texts = append(texts, text)
		}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Errorf("warnings -want +got:\n%s", diff)
		}
	}
	if len(errs) > 0 {
		t.Errorf("a lenient check: %v", errs)
	}
	clean, err := lenient.Render(place(), with(usual(), render.Trait{Type: "scaler", Properties: object{"replicas": int64(2)}}))
	if err != nil || clean.Digest != got.Digest {
		t.Errorf("an unknown parameter changes the objects: %v", err)
	}
	if _, err := strict.Render(place(), c); err == nil {
		t.Error("what a lenient renderer kept answers a strict one")
	}
	delete(c.Properties, "image")
	c.Traits = append(c.Traits, render.Trait{Type: "none"})
	if _, errs := lenient.Check([]render.Component{c}, nil); len(errs) != 2 {
		t.Errorf("a lenient check passes over more than unknown parameters: %v", errs)
	}
	if _, errs := lenient.Check([]render.Component{c}, func(render.Component) bool { return true }); len(errs) != 1 {
		t.Errorf("of a component that others complete nothing is missed: %v", errs)
	}
}
