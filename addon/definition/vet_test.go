// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestVet(t *testing.T) {
	cases := map[string]struct {
		reason     string
		definition *definition.Definition
		want       []string
	}{
		"Fine": {
			reason: "Nothing is said of a definition in order; helpers that are used are no mistakes.",
			definition: &definition.Definition{
				Kind: definition.Component, Description: "Runs.", HealthPolicy: "isHealth: context.output.status.ready == parameter.m", CustomStatus: `message: "x"`, Details: "a: context.status.healthy",
				Template: "import \"strings\"\noutput: {metadata: name: context.name, data: [for m in mounts {m}], v: \"\\(parameter.m)\", k: parameter.sub.k}\nmounts: [strings.ToUpper(\"x\")]\n#D: string\nif parameter.m > 1 {outputs: x: {}}\nparameter: {n: int, m: n, sub: {k: #D}}",
			},
		},
		"Syntax": {
			reason:     "What does not parse is told with its line.",
			definition: &definition.Definition{Kind: definition.Component, Description: "x", Template: "output: {\n\ta: 1\n"},
			want:       []string{"true template:2 expected '}', found 'EOF'"},
		},
		"References": {
			reason:     "So are references to nothing and packages that do not exist.",
			definition: &definition.Definition{Kind: definition.Trait, Description: "x", Template: "import \"nope/x\"\npatch: a: x.B\n", HealthPolicy: "isHealth: nowhere"},
			want:       []string{`true template:1 builtin package "nope/x" undefined`, `true healthPolicy:1 isHealth: reference "nowhere" not found`},
		},
		"Conflict": {
			reason:     "So are values that can never be.",
			definition: &definition.Definition{Kind: definition.Component, Description: "x", Template: "output: {\n\ta: 1\n\ta: 2\n}"},
			want:       []string{"true template:2 output.a: conflicting values 2 and 1"},
		},
		"Nothing": {
			reason:     "A component without workload cannot be used, a trait without effect can.",
			definition: &definition.Definition{Kind: definition.Component, Description: "x", Template: "outpu: {}\nparameter: {}"},
			want:       []string{"true template:0 the template has no field output, which is the workload; write it", `false template:1 the field outpu is not used; did you mean "output"?`},
		},
		"Policy": {
			reason:     "A policy makes an object, and sees what components made.",
			definition: &definition.Definition{Kind: definition.Policy, Foreign: true, Description: "x", Template: "outputs: x: {a: context.artifacts.web.workload.kind, b: context.componentType}\nprocessing: {}"},
			want: []string{
				"true template:2 processing asks for data by HTTP while objects are rendered, which is not supported; give the data as properties",
				"true template:0 the template has no field output, which is the object that the policy makes; write it",
				"false template:1 the context has no field componentType; did you mean \"components\"?",
			},
		},
		"NoEffect": {
			reason:     "A trait without effect.",
			definition: &definition.Definition{Kind: definition.Trait, Template: "patc: {}"},
			want: []string{
				"false :0 it has no description; say in a sentence what the type is for", "false template:0 the template has none of the fields patch, patchOutputs, outputs, errs, so the trait does nothing",
				`false template:1 the field patc is not used; did you mean "patch"?`,
			},
		},
		"Processing": {
			reason:     "HTTP while rendering is refused.",
			definition: &definition.Definition{Kind: definition.Trait, Description: "x", Template: "processing: http: url: \"x\"\npatch: {}"},
			want:       []string{"true template:1 processing asks for data by HTTP while objects are rendered, which is not supported; give the data as properties"},
		},
		"Unused": {
			reason:     "Parameters that nothing reads, and names that the context does not have.",
			definition: &definition.Definition{Kind: definition.Trait, Description: "x", Template: "patch: {a: parameter.a, b: context.nam, c: parameter[\"c\"]}\nparameter: {\n\ta: string\n\tb: string\n\tc: int\n}", HealthPolicy: "isHealth: context.parametr.x"},
			want:       []string{"false template:4 the parameter b is not used", `false template:1 the context has no field nam; did you mean "name"?`, `false healthPolicy:1 the context has no field parametr; did you mean "parameter"?`},
		},
		"Whole":     {reason: "Who reads all parameters uses each.", definition: &definition.Definition{Kind: definition.Trait, Description: "x", Template: "patch: metadata: labels: {for k, v in parameter {(k): v}}\nparameter: {a: string}"}},
		"Judgement": {reason: "Health and status have one field that counts.", definition: &definition.Definition{Kind: definition.Component, Description: "x", Template: "output: {}", HealthPolicy: "isHealthy: true", CustomStatus: "msg: \"x\""}, want: []string{`true healthPolicy:0 it has no field isHealth, which is what it is evaluated for; write it; did you mean "isHealthy"?`, "true customStatus:0 it has no field message, which is what it is evaluated for; write it."}},
		"Names": {
			reason:     "Workloads and traits that do not exist.",
			definition: &definition.Definition{Kind: definition.Trait, Description: "x", Template: "patch: {}", AppliesTo: []string{"deployments.apps", "*", "webservice", "webservise", "pods", "Deployment", "*.apps"}, ConflictsWith: []string{"scaler", "scalr", "*.x"}},
			want: []string{
				`false :0 appliesToWorkloads names "webservise", which is neither a resource such as deployments.apps nor a component type; did you mean "webservice"?`,
				`false :0 appliesToWorkloads names "Deployment", which is neither a resource such as deployments.apps nor a component type.`,
				`false :0 conflictsWith names the trait "scalr", which does not exist; did you mean "scaler"?`,
			},
		},
		"Step": {reason: "Steps may import what acts.", definition: &definition.Definition{Kind: definition.WorkflowStep, Description: "x", Template: "import \"vela/op\"\na: op.#Apply & {value: parameter.x}\nparameter: x: {...}"}},
		"Notices": {
			reason:     "What was rewritten is told.",
			definition: &definition.Definition{Kind: definition.Component, Description: "x", Template: "output: {}", Notices: []definition.Notice{{Part: definition.TemplatePart, Line: 3, Message: "rewritten"}}},
			want:       []string{"false template:3 rewritten"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range definition.Vet(tc.definition, definition.Builtin()) {
				got = append(got, fmt.Sprintf("%t %s:%d %s", r.Fatal, r.Part, r.Line, r.Message))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestWithoutEffect wants what a definition says in vain to be told.
func TestWithoutEffect(t *testing.T) {
	trait := func(change func(*definition.Definition)) *definition.Definition {
		d := &definition.Definition{Kind: definition.Trait, Name: "t"}
		change(d)
		return d
	}
	cases := map[string]struct {
		reason string
		given  *definition.Definition
		want   int
	}{
		"Nothing":  {"A trait without any of them.", trait(func(*definition.Definition) {}), 0},
		"Default":  {"The default stage is what is done.", trait(func(d *definition.Definition) { d.Stage = "DefaultDispatch" }), 0},
		"Before":   {"An earlier stage.", trait(func(d *definition.Definition) { d.Stage = "PreDispatch" }), 0},
		"After":    {"A later stage.", trait(func(d *definition.Definition) { d.Stage = "PostDispatch" }), 0},
		"Workload": {"A trait that makes the workload.", trait(func(d *definition.Definition) { d.ManageWorkload = true }), 1},
		"Hub":      {"A trait whose objects stay on the hub.", trait(func(d *definition.Definition) { d.ControlPlaneOnly = true }), 1},
	}
	for name, tc := range cases {
		if got := tc.given.WithoutEffect(); len(got) != tc.want {
			t.Errorf("%s: %s got %q", name, tc.reason, got)
		}
	}
}

// TestVetBuiltin wants nothing to be said of the types of the product, but of
// parameters that are there only so that nobody's properties are refused.
func TestVetBuiltin(t *testing.T) {
	withoutEffect := map[string]bool{
		"component/cron-task livenessProbe": true, "component/cron-task readinessProbe": true, "component/task livenessProbe": true, "component/task readinessProbe": true,
		"trait/k8s-update-strategy targetAPIVersion": true,
		// These are read before the template is evaluated.
		"component/ref-objects objects": true, "component/ref-objects urls": true,
	}
	for _, kind := range []definition.Kind{definition.Component, definition.Trait, definition.Policy, definition.WorkflowStep} {
		for _, name := range definition.Builtin().Names(kind) {
			for _, r := range definition.Vet(lookup(t, kind, name), definition.Builtin()) {
				parameter := strings.TrimSuffix(strings.TrimPrefix(r.Message, "the parameter "), " is not used")
				if !withoutEffect[string(kind)+"/"+name+" "+parameter] {
					t.Errorf("%s/%s: %+v", kind, name, r)
				}
			}
		}
	}
}
