// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// policyType is a PolicyDefinition named p, evaluated as the manager does it:
// by a runner, without being parsed here.
func policyType(t *testing.T, template string) *definition.Definition {
	t.Helper()
	d, err := definition.FromObjectIn(definition.NewEvaluator(4), object{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "PolicyDefinition", "metadata": object{"name": "p"},
		"spec": object{"schematic": object{"cue": object{"template": template}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPolicies(t *testing.T) {
	cases := map[string]struct {
		reason, template string
		properties       object
		err              string
	}{
		"Objects": {
			reason:   "Object and further objects without a name get the policy's; they carry its name in OAM's label for the component, and no label or annotation of the application but the one about health.",
			template: config(`a: parameter.a`) + "\noutputs: s: {apiVersion: \"v1\", kind: \"Secret\"}\nparameter: a: *\"b\" | string",
		},
		"Context": {
			reason:     "What the context has for policies, and what is for components alone.",
			template:   config(`n: context.name, a: context.appName, ns: context.namespace, cl: context.cluster, r: context.appRevision, num: "\(context.appRevisionNum)", second: context.components[1].name, l: context.appLabels.team, note: context.appAnnotations["example.com/note"], v: context.clusterVersion.gitVersion, p: context.publishVersion, w: context.workflowName, kind: context.artifacts.web.workload.kind, if context.componentType == _|_ {t: "none"}, if context.revision == _|_ {rev: "none"}, if context.replicaKey == _|_ {k: "none"}, if context.config == _|_ {config: "none"}`),
			properties: object{},
		},
		"Unknown": {
			reason: "Parameters are checked as those of components.", template: config("") + "\nparameter: level: int", properties: object{"levl": int64(1)},
			err: `InvalidProperties spec.policies[1].properties.level: the policy type "p" requires this parameter (an integer); set it; spec.policies[1].properties.levl: the policy type "p" has no such parameter here; did you mean "level"? Use one of: level; or remove it`,
		},
		"Errs":       {reason: "A policy may refuse.", template: config("") + "\nerrs: [\"no\"]", err: "Refused spec.policies[1].properties: no"},
		"Processing": {reason: "Data by HTTP is refused.", template: config("") + "\nprocessing: http: url: \"http://example.com\"", err: `TemplateFailed spec.policies[1].properties: the policy type "p" asks for data by HTTP while it is rendered (processing), which is not supported; give the data as properties`},
		"Import":     {reason: "So are packages that act.", template: "import \"vela/kube\"\n" + config("") + "\nx: kube.#Get", err: `TemplateFailed spec.policies[1]: the template of the policy type "p" gives no result: line 1 of template imports "vela/kube", which is not supported in a policy: objects are made of properties and context alone; give what it fetches as properties, or remove the import if it is not used; change the properties that it uses there`},
		"NoOutput":   {reason: "A policy without an object.", template: "x: 1", err: `InvalidObject spec.policies[1].properties: output of the policy type "p" is missing; change the properties that make it, or the definition`},
		"Elsewhere":  {reason: "Its objects go to the target namespace too.", template: `output: {apiVersion: "v1", kind: "ConfigMap", metadata: namespace: "kube-system"}`, err: `InvalidObject spec.policies[1].properties: output of the policy type "p" goes to the namespace "kube-system", but this delivery reaches "shop-prod" only; change the properties that make it, or the definition`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			where := place()
			where.AppLabels = map[string]string{"team": "a"}
			where.AppAnnotations = map[string]string{"example.com/note": "n", "app.oam.dev/disable-health-check": "true"}
			where.PublishVersion, where.WorkflowName = "v7", "deliver"
			where.Artifacts = object{"web": object{"workload": object{"kind": "Deployment", "spec": object{}}}}
			c := render.Component{Policy: true, Name: "audit", Type: "p", Properties: tc.properties, Path: "spec.policies[1]"}
			r, err := render.New(definition.NewLibrary(policyType(t, tc.template)).Over(definition.Builtin())).Render(where, c)
			if tc.err == "" && err == nil {
				golden(t, "policy/"+name, "# "+tc.reason+"\n"+documents(t, r))
				return
			}
			var e *render.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.err, e.Reason+" "+e.Error()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPolicyIsNoComponent checks that a component and a policy of one name and
// type are two things, also for what was kept.
func TestPolicyIsNoComponent(t *testing.T) {
	component := &definition.Definition{Kind: definition.Component, Name: "p", Digest: "same", Template: config(`a: "component"`)}
	renderer := render.New(definition.NewLibrary(component, policyType(t, config(`a: "policy"`))))
	for _, policy := range []bool{false, true, false, true} {
		r, err := renderer.Render(place(), render.Component{Policy: policy, Name: "x", Type: "p"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{false: "component", true: "policy"}[policy]
		if got := r.Objects[0].Content["data"].(object)["a"]; got != want {
			t.Errorf("got the object of the %v, want that of the %s", got, want)
		}
	}
	if got := renderer.Renders(); got != 2 {
		t.Errorf("%d renders, want one for each", got)
	}
}
