// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// goes is what of a use says where which components go.
type goes struct {
	To       string
	Clusters []string
	Step     string
	Path     string
	// Components with how many changes each has and its replica keys.
	Components []used
}

type used struct {
	Name, Type string
	Changes    int
	Keys       []string
}

func goesOf(uses []policy.EnvironmentUse) []goes {
	components := []render.Component{{Name: "web", Type: "webservice"}, {Name: "db", Type: "statefulset"}}
	var out []goes
	for _, use := range uses {
		g := goes{To: use.Environment, Step: use.Step, Path: use.Path}
		if use.Topology != nil {
			g.Clusters = use.Topology.Clusters
		}
		for _, c := range use.Components(components) {
			g.Components = append(g.Components, used{c.Name, c.Type, len(c.Overrides), c.ReplicaKeys})
		}
		out = append(out, g)
	}
	return out
}

func named(name string, p v1beta1.AppPolicy) v1beta1.AppPolicy {
	p.Name = name
	return p
}

func step(name, kind, properties string) v1beta1.WorkflowStep {
	return v1beta1.WorkflowStep{WorkflowStepBase: v1beta1.WorkflowStepBase{Name: name, Type: kind, Properties: raw(properties)}}
}

func group(steps ...v1beta1.WorkflowStep) v1beta1.WorkflowStep {
	out := step("group", "step-group", "")
	for _, s := range steps {
		out.SubSteps = append(out.SubSteps, s.WorkflowStepBase)
	}
	return out
}

func TestUses(t *testing.T) {
	both := func(changes int, keys ...string) []used {
		return []used{{"web", "webservice", changes, keys}, {"db", "statefulset", changes, keys}}
	}
	east, west := named("east", of("topology", `{"clusters":["e1"]}`)), named("west", of("topology", `{"clusters":["w1","w2"]}`))
	more := named("more", of("override", `{"components":[{"properties":{"cpu":"2"}}]}`))
	onlyWeb := named("only-web", of("override", `{"selector":["web"],"components":[{"name":"web","properties":{"port":1}}]}`))
	cases := map[string]struct {
		reason   string
		policies []v1beta1.AppPolicy
		steps    []v1beta1.WorkflowStep
		want     []goes
	}{
		"Topologies": {
			reason:   "One delivery for each topology, each with all overrides.",
			policies: []v1beta1.AppPolicy{east, more, west, onlyWeb},
			want: []goes{
				{Clusters: []string{"e1"}, Path: "spec.policies[0]", Components: []used{{"web", "webservice", 2, nil}}},
				{Clusters: []string{"w1", "w2"}, Path: "spec.policies[2]", Components: []used{{"web", "webservice", 2, nil}}},
			},
		},
		"OnlyOverrides": {reason: "One delivery with all overrides.", policies: []v1beta1.AppPolicy{more}, want: []goes{{To: "default", Path: "spec.policies", Components: both(1)}}},
		"Mixed": {
			reason:   "Environments and topologies are one use each; overrides apply to both, an environment's own come on top.",
			policies: []v1beta1.AppPolicy{environment("p", `{"environment":"prod","components":[{"name":"db","properties":{"cpu":"4"}}]}`), east, more},
			want: []goes{
				{To: "prod", Path: "spec.policies[0]", Components: []used{{"web", "webservice", 1, nil}, {"db", "statefulset", 2, nil}}},
				{Clusters: []string{"e1"}, Path: "spec.policies[1]", Components: both(1)},
			},
		},
		"Replication": {
			reason:   "Keys of two policies come together.",
			policies: []v1beta1.AppPolicy{of("replication", `{"keys":["a","b"],"selector":["web","db"]}`), of("replication", `{"keys":["b","c"],"selector":["db"]}`)},
			want:     []goes{{To: "default", Path: "spec.policies", Components: []used{{"web", "webservice", 0, []string{"a", "b"}}, {"db", "statefulset", 0, []string{"a", "b", "c"}}}}},
		},
		"Added": {
			reason:   "An override adds a component that another selects, and replaces one of another type.",
			policies: []v1beta1.AppPolicy{of("override", `{"components":[{"name":"cache","type":"worker","properties":{"image":"x"}},{"name":"db","type":"worker"},{"name":"cache","properties":{"cpu":"1"}},{"type":"worker","properties":{"a":1}}]}`), of("override", `{"selector":["cache","db"]}`)},
			want:     []goes{{To: "default", Path: "spec.policies", Components: []used{{"db", "worker", 1, nil}, {"cache", "worker", 2, nil}}}},
		},
		"Pattern": {
			reason:   "A pattern changes all that fit, and adds nothing.",
			policies: []v1beta1.AppPolicy{of("override", `{"components":[{"name":"*b","properties":{"a":1}},{"name":"w*b*","properties":{"a":1}},{"name":"x*","type":"worker"}]}`)},
			want:     []goes{{To: "default", Path: "spec.policies", Components: []used{{"web", "webservice", 2, nil}, {"db", "statefulset", 1, nil}}}},
		},
		"Steps": {
			reason:   "Each step has its own policies; steps that deliver nothing are passed over.",
			policies: []v1beta1.AppPolicy{east, west, more, onlyWeb},
			steps: []v1beta1.WorkflowStep{
				step("canary", "deploy", `{"policies":["only-web","east"]}`), step("", "suspend", ""), step("tell", "notification", `{"slack":{}}`),
				group(step("rest", "deploy", `{"policies":["west","east"],"parallelism":2}`), step("here", "deploy", "")),
			},
			want: []goes{
				{Clusters: []string{"e1"}, Step: "canary", Path: "spec.policies[0]", Components: []used{{"web", "webservice", 1, nil}}},
				{Clusters: []string{"w1", "w2"}, Step: "rest", Path: "spec.policies[1]", Components: both(0)},
				{Clusters: []string{"e1"}, Step: "rest", Path: "spec.policies[0]", Components: both(0)},
				{To: "default", Step: "here", Path: "spec.workflow.steps[3].subSteps[1].properties.policies", Components: both(0)},
			},
		},
		"ApplyComponent": {
			reason:   "One component, without policies; a cluster is reached as by a topology.",
			policies: []v1beta1.AppPolicy{more},
			steps:    []v1beta1.WorkflowStep{step("a", "apply-component", `{"component":"web"}`), step("", "apply-component", `{"component":"db","cluster":"c1"}`), step("c", "builtin-apply-component", `{"component":"db","namespace":"n"}`)},
			want: []goes{
				{To: "default", Step: "a", Path: "spec.policies", Components: []used{{"web", "webservice", 0, nil}}},
				{Clusters: []string{"c1"}, Step: "spec.workflow.steps[1]", Path: "spec.workflow.steps[1]", Components: []used{{"db", "statefulset", 0, nil}}},
				{Clusters: []string{"local"}, Step: "c", Path: "spec.workflow.steps[2]", Components: []used{{"db", "statefulset", 0, nil}}},
			},
		},
		"NothingDelivered": {reason: "A workflow without such steps delivers nothing.", policies: []v1beta1.AppPolicy{east}, steps: []v1beta1.WorkflowStep{step("s", "suspend", "")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := shop(tc.policies...)
			if tc.steps != nil {
				spec.Workflow = &v1beta1.Workflow{Steps: tc.steps}
			}
			uses, err := policy.Environments(spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, goesOf(uses), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestAddedComponent checks what an override makes of a component that is not
// there, or is of another type.
func TestAddedComponent(t *testing.T) {
	spec := shop(of("override", `{"components":[{"name":"cache","type":"worker","properties":{"image":"x"},"traits":[{"type":"scaler","properties":{"replicas":2}},{"type":"labels","disable":true}]}]}`))
	uses, err := policy.Environments(spec)
	if err != nil {
		t.Fatal(err)
	}
	got := uses[0].Components(nil)
	want := []policy.UsedComponent{{Component: render.Component{
		Name: "cache", Type: "worker", Path: "spec.policies[0].properties.components[0]", Properties: object{"image": "x"},
		Traits: []render.Trait{{Type: "scaler", Properties: object{"replicas": int64(2)}}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWorkflowErrors(t *testing.T) {
	policies := []v1beta1.AppPolicy{named("east", of("topology", "{}")), named("twice", of("override", "{}")), named("twice", of("override", "{}")), {Type: "override"}}
	cases := map[string]struct {
		reason   string
		workflow v1beta1.Workflow
		want     string
	}{
		"Ref":           {reason: "The Workflow object is not at hand.", workflow: v1beta1.Workflow{Ref: "w"}, want: "spec.workflow.ref: what a Workflow object delivers cannot be read here; write its steps into spec.workflow.steps"},
		"UnknownPolicy": {reason: "The name that was meant is proposed.", workflow: v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{step("s", "deploy", `{"policies":["esat"]}`)}}, want: `spec.workflow.steps[0].properties.policies[0]: spec.policies has no policy "esat"; did you mean "east"? Use one of: east, twice, twice; policies outside of the application cannot be named`},
		"Ambiguous":     {reason: "Two policies of the name.", workflow: v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{step("s", "deploy", `{"policies":["twice"]}`)}}, want: `spec.workflow.steps[0].properties.policies[0]: both spec.policies[1] and spec.policies[2] are called "twice"; give each policy its own name`},
		"WrongType":     {reason: "The path leads to the item.", workflow: v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{group(step("s", "deploy", `{"policies":["east",1]}`))}}, want: "spec.workflow.steps[0].subSteps[0].properties.policies[1]: a list of names of policies is wanted here; change this item"},
		"NoComponent":   {reason: "The component must exist.", workflow: v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{step("s", "apply-component", `{"component":"webb"}`)}}, want: `spec.workflow.steps[0].properties.component: the application has no component "webb"; did you mean "web"? Use one of: web, db`},
		"Old":           {reason: "To pass it over would leave out what it delivers.", workflow: v1beta1.Workflow{Steps: []v1beta1.WorkflowStep{step("s", "apply-remaining", "")}}, want: `spec.workflow.steps[0].type: what a step of type "apply-remaining" delivers cannot be read; use a step of type "deploy"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := shop(policies...)
			spec.Workflow = &tc.workflow
			_, err := policy.Environments(spec)
			if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
