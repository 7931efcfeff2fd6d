// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// replicated is a library with a type that names its objects by the key, and one that does not.
func replicated() *definition.Library {
	const object = `output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: `
	return definition.NewLibrary(
		&definition.Definition{Kind: definition.Component, Name: "keyed", Digest: "keyed", Template: object + "context.name + \"-\" + context.replicaKey}\nparameter: {}"},
		&definition.Definition{Kind: definition.Component, Name: "plain", Digest: "plain", Template: object + "context.name}\nparameter: {}"},
	)
}

func TestReplication(t *testing.T) {
	u := use("prod")
	u.Replications = []policy.Replication{{Keys: []string{"eu", "us"}, Selector: []string{"web"}}}
	req := request(u)
	req.Components = []render.Component{{Name: "web", Type: "keyed"}, {Name: "db", Type: "plain"}}
	plan, err := MakePlan(worldOf(environment("prod", "c1")), render.New(replicated()), req, noneAway)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod/c1/shop/web_eu", "prod/c1/shop/web_us", "prod/c1/shop/db"}, unitNames(plan)); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	var objects []string
	for _, unit := range plan.Units {
		labels, _ := unit.Result.Objects[0].Content["metadata"].(map[string]any)["labels"].(map[string]any)
		key, _ := labels["app.oam.dev/replicaKey"].(string)
		component, _ := labels["app.oam.dev/component"].(string)
		objects = append(objects, strings.Join([]string{unit.Result.Objects[0].Name(), component, key}, "/"))
		if UnitName(component, key) != unit.Component {
			t.Errorf("the unit %q is not found by the labels of its object, which are %v", unit.Component, labels)
		}
	}
	if diff := cmp.Diff([]string{"web-eu/web/eu", "web-us/web/us", "db/db/"}, objects); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"web_eu": true, "web_us": true, "web": false, "web_asia": false, "db": true} {
		if got := plan.Wants(Record{Owner: owner, Component: name, Place: plan.Units[0].Place}); got != want {
			t.Errorf("the record of %s is wanted: %t, want %t", name, got, want)
		}
	}
}

// TestReplicasCollide checks that a type whose template does not read the key cannot be replicated.
func TestReplicasCollide(t *testing.T) {
	u := use("prod")
	u.Replications = []policy.Replication{{Keys: []string{"eu", "us"}, Selector: []string{"web"}}}
	req := request(u)
	req.Components = []render.Component{{Name: "web", Type: "plain", Path: "spec.components[0]"}}
	_, err := MakePlan(worldOf(environment("prod", "c1")), render.New(replicated()), req, noneAway)
	var failure *RenderError
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a RenderError", err)
	}
	want := []string{"web_us", "InvalidObject", `environment prod, cluster c1: spec.components[0]: the copies "eu" and "us" both make the ConfigMap "web": use a type whose template makes context.replicaKey part of the names, or remove the component from the policy of type "replication"`}
	if diff := cmp.Diff(want, []string{failure.Component, reasonOf(failure), failure.Error()}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnitName(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ component, key, want, reason string }{
		{"web", "", "web", "without a copy it is the component's own"},
		{"web", "eu", "web_eu", "the key follows"},
		{long, "eu", strings.Repeat("a", 52) + "_ae88706af6", "it stays a label value"},
		{long, "us", strings.Repeat("a", 52) + "_87abef5ad6", "and differs from the other's"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, UnitName(test.component, test.key)); diff != "" {
			t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
		}
	}
}
