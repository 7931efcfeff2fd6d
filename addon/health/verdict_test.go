// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath" //nolint:depguard // what evaluates feedback rules on managed clusters
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// verdict is what is expected of a state.
type verdict struct {
	Healthy bool              `json:"healthy"`
	Failed  bool              `json:"failed,omitempty"`
	Message string            `json:"message,omitempty"`
	Details map[string]string `json:"details,omitempty"`
}

// observation is a state that the objects of a case are in: what differs from
// how they were delivered, and the verdict on it.
type observation struct {
	Output  object            `json:"output"`
	Outputs map[string]object `json:"outputs"`
	Want    verdict           `json:"want"`
	// Fed is the verdict on what feedback brings where that is another one.
	Fed *verdict `json:"fed"`
}

// writtenCase is a definition with states of its objects.
type writtenCase struct {
	Reason       string                 `json:"reason"`
	Output       object                 `json:"output"`
	Outputs      map[string]object      `json:"outputs"`
	Parameters   object                 `json:"parameters"`
	HealthPolicy string                 `json:"healthPolicy"`
	CustomStatus string                 `json:"customStatus"`
	Details      string                 `json:"details"`
	Findings     []string               `json:"findings"`
	States       map[string]observation `json:"states"`
}

// TestWrittenVerdicts judges objects of definitions in many styles by the whole
// objects and by nothing but what feedback brings of them.
func TestWrittenVerdicts(t *testing.T) {
	for name, tc := range load[writtenCase](t, "testdata/written") {
		t.Run(name, func(t *testing.T) {
			d := tc.definition(t, name)
			var findings []string
			for _, f := range health.Observability(d) {
				findings = append(findings, f.String())
			}
			if diff := cmp.Diff(tc.Findings, findings); diff != "" {
				t.Errorf("%s findings: -want +got:\n%s", tc.Reason, diff)
			}
			r := rendered(t, definition.NewLibrary(d), render.Component{Name: "c", Type: name, Properties: tc.Parameters})
			for state, o := range tc.States {
				t.Run(state, func(t *testing.T) {
					in := observe(r, o)
					full, fed := both(t, in)
					if diff := cmp.Diff(o.Want, said(full)); diff != "" {
						t.Errorf("%s whole objects: -want +got:\n%s", tc.Reason, diff)
					}
					if o.Fed == nil {
						o.Fed = &o.Want
					}
					if diff := cmp.Diff(*o.Fed, said(fed)); diff != "" {
						t.Errorf("%s feedback: -want +got:\n%s", tc.Reason, diff)
					}
					if got, ok := unpruned(d, in, full); ok && got != full.Healthy {
						t.Errorf("%s isHealth = %t over all that is known, %t over what is read", tc.Reason, got, full.Healthy)
					}
				})
			}
		})
	}
}

// kindCase is an object of a kind with states of it.
type kindCase struct {
	Object object                 `json:"object"`
	States map[string]observation `json:"states"`
}

// TestKindVerdicts judges objects of kinds that have built-in health, of a
// definition without a health policy.
func TestKindVerdicts(t *testing.T) {
	for name, tc := range load[kindCase](t, "testdata/kinds") {
		t.Run(name, func(t *testing.T) {
			d := (&writtenCase{Output: tc.Object}).definition(t, name)
			r := rendered(t, definition.NewLibrary(d), render.Component{Name: "c", Type: name})
			for state, o := range tc.States {
				t.Run(state, func(t *testing.T) {
					full, fed := both(t, observe(r, o))
					if diff := cmp.Diff(o.Want, said(full)); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
					if diff := cmp.Diff(full, fed); diff != "" {
						t.Errorf("-whole +feedback:\n%s", diff)
					}
				})
			}
		})
	}
}

// builtins are properties for the built-in types that have health CUE. Types
// that are not there are passed over.
var builtins = map[string]struct {
	on         string
	properties object
}{
	"component/webservice":  {"", object{"image": "nginx", "ports": list{object{"port": int64(80), "expose": true}}}},
	"component/worker":      {"", object{"image": "nginx"}},
	"component/daemon":      {"", object{"image": "nginx", "ports": list{object{"port": int64(80), "expose": true}}}},
	"component/statefulset": {"", object{"image": "nginx", "ports": list{object{"port": int64(80), "expose": true}}}},
	"component/task":        {"", object{"image": "nginx", "count": int64(2)}},
	"component/ref-objects": {"", object{"objects": list{object{"resource": "deployment", "group": "apps", "name": "c"}}}},
	"trait/expose":          {"worker", object{"ports": list{object{"port": int64(80)}}, "type": "LoadBalancer"}},
	"trait/gateway":         {"webservice", object{"domain": "shop.example", "http": object{"/": int64(80)}}},
	"trait/ingress":         {"webservice", object{"domain": "shop.example", "http": object{"/": int64(80)}}},
	"trait/ingress-1-20":    {"webservice", object{"domain": "shop.example", "http": object{"/": int64(80)}}},
	"trait/pure-ingress":    {"webservice", object{"domain": "shop.example", "http": object{"/": int64(80)}}},
}

// TestBuiltinVerdicts judges objects of all built-in definitions that have health
// or status CUE, in each state that is known of their kinds.
func TestBuiltinVerdicts(t *testing.T) {
	kinds := load[kindCase](t, "testdata/kinds")
	for _, d := range withHealth(t) {
		name := string(d.Kind) + "/" + d.Name
		t.Run(name, func(t *testing.T) {
			for _, f := range health.Observability(d) {
				t.Errorf("a built-in definition must be judged the same everywhere: %s", f)
			}
			use, ok := builtins[name]
			if !ok {
				t.Fatalf("give properties for %s in the table", name)
			}
			c := render.Component{Name: "c", Type: d.Name, Properties: use.properties}
			if d.Name == "ref-objects" {
				c.Objects = []map[string]any{kinds["deployment"].Object}
			}
			if d.Kind == definition.Trait {
				c.Type, c.Properties = use.on, object{"image": "nginx"}
				c.Traits = []render.Trait{{Type: d.Name, Properties: use.properties}}
			}
			judgeStates(t, rendered(t, definition.Builtin(), c), kinds)
		})
	}
}

// useCase is a use of a built-in type, as package render tests it.
type useCase struct {
	Objects   []map[string]any `json:"objects"`
	Component struct {
		Name       string `json:"name"`
		Type       string `json:"type"`
		Properties object `json:"properties"`
		Traits     []struct {
			Type       string `json:"type"`
			Properties object `json:"properties"`
		} `json:"traits"`
	} `json:"component"`
}

// TestUsualVerdicts judges what all built-in types make in their usual use: most
// have no health CUE of their own, and change what others with it make.
func TestUsualVerdicts(t *testing.T) {
	kinds := load[kindCase](t, "testdata/kinds")
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				used := 0
				for file, use := range load[useCase](t, filepath.Join("..", "render", "testdata", "builtin", string(kind), name)) {
					if !strings.HasPrefix(file, "usual") {
						continue
					}
					used++
					c := render.Component{Name: use.Component.Name, Type: use.Component.Type, Properties: use.Component.Properties, Objects: use.Objects}
					for _, trait := range use.Component.Traits {
						c.Traits = append(c.Traits, render.Trait{Type: trait.Type, Properties: trait.Properties})
					}
					judgeStates(t, rendered(t, definition.Builtin(), c), kinds)
				}
				if used == 0 {
					t.Error("there is no usual use of it")
				}
			})
		}
	}
}

// judgeStates puts one object after the other into each state of its kind. One of
// a kind without states is there.
func judgeStates(t *testing.T, r *render.Result, kinds map[string]kindCase) {
	t.Helper()
	for _, o := range r.Objects {
		states := kinds[strings.ToLower(o.GroupVersionKind().Kind)].States
		if len(states) == 0 {
			states = map[string]observation{"there": {}}
		}
		for state, observed := range states {
			one := observation{Output: observed.Output}
			if o.Resource != "" {
				one = observation{Output: object{"status": object{}}, Outputs: map[string]object{o.Resource: observed.Output}}
			}
			full, fed := both(t, observe(r, one))
			if diff := cmp.Diff(full, fed); diff != "" {
				t.Errorf("%s of %s: -whole +feedback:\n%s", state, o.GroupVersionKind().Kind, diff)
			}
		}
	}
}

// withHealth are the built-in definitions that look at observed objects.
func withHealth(t *testing.T) []*definition.Definition {
	t.Helper()
	var out []*definition.Definition
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			d, err := definition.Builtin().Lookup(kind, name)
			if err != nil {
				t.Fatal(err)
			}
			if d.HealthPolicy+d.CustomStatus+d.Details != "" {
				out = append(out, d)
			}
		}
	}
	return out
}

// both are the verdicts over whole objects, and over what feedback brings of them.
func both(t *testing.T, in health.Input) (full, fed health.Verdict) {
	t.Helper()
	full, fullErr := health.Evaluate(in)
	paths := health.Feedback(in.Result)
	out := health.Input{Result: in.Result, Outputs: map[string]map[string]any{}, Feedback: true}
	for i, o := range in.Result.Objects {
		if o.Resource == "" {
			out.Output = health.Overlay(o.Content, extracted(t, in.Output, paths[i]))
			continue
		}
		out.Outputs[o.Resource] = health.Overlay(o.Content, extracted(t, in.Outputs[o.Resource], paths[i]))
	}
	fed, fedErr := health.Evaluate(out)
	if err := errors.Join(fullErr, fedErr); err != nil {
		t.Error(err)
	}
	return full, fed
}

// extracted is what an agent feeds back of an object: texts, bools and integers,
// of several matches the first.
func extracted(t *testing.T, of object, paths []health.Path) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, p := range paths {
		j := jsonpath.New(p.JSONPath()).AllowMissingKeys(true)
		if err := j.Parse("{" + p.JSONPath() + "}"); err != nil {
			t.Fatalf("the agent refuses the path %s: %v", p.JSONPath(), err)
		}
		results, err := j.FindResults(of)
		if err != nil || len(results) == 0 || len(results[0]) == 0 {
			continue
		}
		switch v := results[0][0].Interface().(type) {
		case int64, bool, string:
			out[p.JSONPath()] = v
		case float64:
			if v == float64(int64(v)) {
				out[p.JSONPath()] = int64(v)
			}
		}
	}
	return out
}

// unpruned is what the health policy says over all that is known.
func unpruned(d *definition.Definition, in health.Input, v health.Verdict) (healthy, ok bool) {
	p := d.Program(definition.HealthPart)
	if p == nil {
		return false, false
	}
	outputs := object{}
	for name, o := range in.Outputs {
		outputs[name] = o
	}
	context := in.Result.Context.Values(in.Result.Component, &program.Reads{All: true})
	details := object{}
	for label, text := range v.Details {
		details[label] = text
	}
	context["output"], context["outputs"], context["status"] = in.Output, outputs, object{"details": details}
	fields, err := p.Run(object{"context": context, "parameter": in.Result.Component.Properties}, "isHealth")
	if err != nil {
		return false, true
	}
	healthy, _ = fields["isHealth"].(bool)
	return healthy, true
}

// observe puts a state into the objects of a result.
func observe(r *render.Result, o observation) health.Input {
	in := health.Input{Result: r, Outputs: map[string]map[string]any{}}
	for _, made := range r.Objects {
		if made.Resource == "" {
			in.Output = merged(made.Content, o.Output)
			continue
		}
		in.Outputs[made.Resource] = merged(made.Content, o.Outputs[made.Resource])
	}
	return in
}

func merged(base, over object) object {
	out := runtime.DeepCopyJSON(base)
	for k, v := range over {
		below, isObject := v.(object)
		under, wasObject := out[k].(object)
		if isObject && wasObject {
			out[k] = merged(under, below)
			continue
		}
		out[k] = v
	}
	return out
}

func said(v health.Verdict) verdict {
	return verdict{Healthy: v.Healthy, Failed: v.Failed, Message: v.Message, Details: v.Details}
}

// definition makes a definition that renders the given objects as they are.
func (tc *writtenCase) definition(t *testing.T, name string) *definition.Definition {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"output": tc.Output, "outputs": tc.Outputs})
	if err != nil {
		t.Fatal(err)
	}
	if tc.Outputs == nil {
		raw, _ = json.Marshal(map[string]any{"output": tc.Output})
	}
	return &definition.Definition{
		Kind: definition.Component, Name: name, Digest: name, Template: string(raw) + "\nparameter: {...}",
		HealthPolicy: tc.HealthPolicy, CustomStatus: tc.CustomStatus, Details: tc.Details,
	}
}

// load reads a directory of YAML files, by name without extension.
func load[T any](t *testing.T, dir string) map[string]T {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	out := make(map[string]T, len(files))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var one T
		raw, err = yaml.YAMLToJSONStrict(raw)
		if err == nil {
			err = kubejson.Unmarshal(raw, &one) // keeps integers
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = one
	}
	return out
}
