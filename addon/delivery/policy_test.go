// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// withPolicies is a library with a type of policy that makes one object, and one
// that reads what the components have made.
func withPolicies() *definition.Library {
	return definition.NewLibrary(
		&definition.Definition{Kind: definition.Policy, Name: "note", Digest: "note", Foreign: true, Template: `output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: of: context.appName}
parameter: {}`},
		&definition.Definition{Kind: definition.Policy, Name: "reading", Digest: "reading", Foreign: true, Template: `output: {apiVersion: "v1", kind: "ConfigMap", data: {for n, a in context.artifacts {(n): a.workload.kind + " of " + context.cluster}}}
parameter: {}`},
	).Over(replicated()).Over(definition.Builtin())
}

func TestPolicyUnits(t *testing.T) {
	twice := use("dev")
	twice.Path, twice.Selector = "spec.policies[1]", []string{"web"}
	req := request(use("prod"), twice)
	req.Components = []render.Component{web("web"), web("note")}
	req.Policies = []render.Component{{Policy: true, Name: "notes", Type: "note"}, {Policy: true, Name: "web", Type: "reading"}}
	plan, err := MakePlan(worldOf(environment("prod", "c2", "c1"), environment("dev", "local")), render.New(withPolicies()), req, noneAway)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"prod/c1/shop/policy__notes", "prod/c1/shop/policy__web", "prod/c1/shop/web", "prod/c1/shop/note",
		"prod/c2/shop/policy__notes", "prod/c2/shop/policy__web", "prod/c2/shop/web", "prod/c2/shop/note",
		"dev/local/shop/policy__notes", "dev/local/shop/policy__web", "dev/local/shop/web",
	}
	if diff := cmp.Diff(want, unitNames(plan)); diff != "" {
		t.Fatalf("policies go before the components, into each place of them (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"web": "Deployment of c1", "note": "Deployment of c1"}, plan.Units[1].Result.Objects[0].Content["data"]); diff != "" {
		t.Errorf("a policy sees what the components have made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"web": "Deployment of local"}, plan.Units[9].Result.Objects[0].Content["data"]); diff != "" {
		t.Errorf("it sees those of its place alone (-want +got):\n%s", diff)
	}
	for _, unit := range plan.Units {
		metadata, _ := unit.Result.Objects[0].Content["metadata"].(map[string]any)
		if got := UnitOf(texts(metadata["labels"])); got != unit.Component {
			t.Errorf("by the labels of its object the unit is %q, want %q", got, unit.Component)
		}
		if !plan.Wants(Record{Owner: owner, Component: unit.Component, Place: unit.Place}) {
			t.Errorf("the record of %s is not wanted", unit.Component)
		}
	}
	req.Policies = req.Policies[:1]
	plan, err = MakePlan(worldOf(environment("prod", "c2", "c1"), environment("dev", "local")), render.New(withPolicies()), req, noneAway)
	if err != nil {
		t.Fatal(err)
	}
	gone := Record{Owner: owner, Component: "policy__web", Place: Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}}
	if plan.Wants(gone) {
		t.Error("the record of a policy that is gone stays")
	}
	gone.Component = "web"
	if !plan.Wants(gone) {
		t.Error("the component of the name goes with it")
	}
}

// texts are labels as they are on an object.
func texts(labels any) map[string]string {
	out := map[string]string{}
	object, _ := labels.(map[string]any)
	for key, value := range object {
		out[key], _ = value.(string)
	}
	return out
}

// TestPolicyFailsInOneEnvironment checks that the others have the policy, and what it goes with.
func TestPolicyFailsInOneEnvironment(t *testing.T) {
	copied := func(environment, key string) policy.EnvironmentUse {
		copies := use(environment)
		copies.Replications = []policy.Replication{{Keys: []string{key}, Selector: []string{"web"}}}
		return copies
	}
	req := request(copied("prod", "eu"), copied("dev", "us"))
	req.Components = []render.Component{{Name: "web", Type: "keyed"}}
	req.Policies = []render.Component{{Policy: true, Name: "web-eu", Type: "note", Path: "spec.policies[0]"}}
	plan, err := MakePlan(worldOf(environment("prod", "c1"), environment("dev", "local")), render.New(withPolicies()), req, noneAway)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dev/local/shop/policy__web-eu", "dev/local/shop/web_us"}, unitNames(plan)); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	want := []string{`InvalidObject: environment prod, cluster c1: spec.policies[0]: it makes the ConfigMap "web-eu", as the component web_eu does too: rename the policy or the other`}
	if diff := cmp.Diff(want, problemTexts(plan.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestPolicyErrors(t *testing.T) {
	copies := use("prod")
	copies.Replications = []policy.Replication{{Keys: []string{"eu"}, Selector: []string{"web"}}}
	tests := []struct {
		reason     string
		use        policy.EnvironmentUse
		components []render.Component
		policies   []render.Component
		want       string
	}{
		{
			"a component makes the object too", use("prod"), []render.Component{{Name: "web", Type: "plain"}}, []render.Component{{Policy: true, Name: "web", Type: "note", Path: "spec.policies[2]"}},
			`environment prod, cluster c1: spec.policies[2]: it makes the ConfigMap "web", as the component web does too: rename the policy or the other`,
		},
		{
			"a copy of a component makes it", copies, []render.Component{{Name: "web", Type: "keyed"}}, []render.Component{{Policy: true, Name: "web-eu", Type: "note", Path: "spec.policies[0]"}},
			`environment prod, cluster c1: spec.policies[0]: it makes the ConfigMap "web-eu", as the component web_eu does too: rename the policy or the other`,
		},
		{
			"another policy makes it", use("prod"), []render.Component{web("web")}, []render.Component{{Policy: true, Name: "a", Type: "note"}, {Policy: true, Name: "a", Type: "reading", Path: "spec.policies[1]"}},
			`environment prod, cluster c1: spec.policies[1]: it makes the ConfigMap "a", as the policy a does too: rename the policy or the other`,
		},
		{
			"the properties do not fit", use("prod"), []render.Component{web("web")}, []render.Component{{Policy: true, Name: "a", Type: "note", Properties: map[string]any{"x": "y"}, Path: "spec.policies[0]"}},
			`environment prod, cluster c1: spec.policies[0].properties.x: the policy type "note" has no such parameter here. Use one of: (none); or remove it`,
		},
	}
	for _, test := range tests {
		req := request(test.use)
		req.Components, req.Policies = test.components, test.policies
		_, err := MakePlan(worldOf(environment("prod", "c1")), render.New(withPolicies()), req, noneAway)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestPolicyUnitNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ policy, unit, title, reason string }{
		{"audit", "policy__audit", "policy audit", "it is told from a component and from the copies of one called policy"},
		{long, "policy__" + long[:44] + "_427eec34dd", "policy " + long[:44] + "_427eec34dd", "it stays a label value"},
	}
	for _, test := range tests {
		unit := PolicyUnitName(test.policy)
		if diff := cmp.Diff([]string{test.unit, test.title}, []string{unit, Title(unit)}); diff != "" || len(unit) > 63 {
			t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
		}
		labels := map[string]string{v1beta1.LabelAppComponent: test.policy, v1alpha1.LabelPolicy: test.policy}
		if got := UnitOf(labels); got != unit || !IsPolicy(got) {
			t.Errorf("by labels it is %q, want %q", got, unit)
		}
	}
	if got := Title("web_eu"); got != "component web_eu" || IsPolicy("web_eu") {
		t.Errorf("a copy of a component is called %q", got)
	}
}
