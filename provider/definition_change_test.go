// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// TestConcernedByDefinition checks which applications find a definition.
func TestConcernedByDefinition(t *testing.T) {
	application := func(namespace, spec string) typeUser {
		user, err := newTypeUser(&unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"namespace": namespace, "name": "app"}, "spec": decodeJSON(t, spec),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	of := func(component string) string { return `{"components":[{"name":"a","type":"` + component + `"}]}` }
	tests := []struct {
		reason    string
		spec      string
		kind      definition.Kind
		namespace string
		others    []string
		want      []string
	}{
		{"all find what is for everybody", of("cache"), definition.Component, "fairlead-system", nil, []string{"red/app", "shop/app"}},
		{"only its namespace finds that of a team", of("cache"), definition.Component, "shop", nil, []string{"shop/app"}},
		{"a team's own comes first", of("cache"), definition.Component, "fairlead-system", []string{"shop"}, []string{"red/app"}},
		{"what comes later hides nothing", of("cache"), definition.Component, "fairlead-system", []string{"vela-system"}, []string{"red/app", "shop/app"}},
		{"what comes first hides all", of("cache"), definition.Component, "vela-system", []string{"fairlead-system"}, nil},
		{"another version may not be there any more", of("cache@1"), definition.Component, "shop", nil, []string{"shop/app"}},
		{"a type of another name", of("cached"), definition.Component, "shop", nil, nil},
		{"a type of another kind", of("cache"), definition.Trait, "shop", nil, nil},
		{"a trait", `{"components":[{"name":"a","type":"worker","traits":[{"type":"cache"}]}]}`, definition.Trait, "shop", nil, []string{"shop/app"}},
		{"a trait that an environment gives", `{"components":[],"policies":[{"name":"p","type":"environment","properties":{"environment":"prod","components":[{"name":"a","traits":[{"type":"cache"}]}]}}]}`,
			definition.Trait, "shop", nil, []string{"shop/app"}},
		{"a component that an override makes", `{"components":[],"policies":[{"name":"p","type":"override","properties":{"components":[{"name":"a","type":"cache@1"}]}}]}`,
			definition.Component, "shop", nil, []string{"shop/app"}},
		{"properties of another form", `{"components":[],"policies":[{"name":"p","type":"own","properties":{"components":"cache"}}]}`, definition.Component, "shop", nil, nil},
		{"a policy", `{"components":[],"policies":[{"name":"p","type":"cache"}]}`, definition.Policy, "shop", nil, []string{"shop/app"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			users := []typeUser{application("shop", test.spec), application("red", test.spec)}
			if diff := cmp.Diff(test.want, concernedBy(users, typeUse{test.kind, "cache"}, test.namespace, test.others)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestListedUsers checks how many applications are named.
func TestListedUsers(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for number, want := range map[int]string{1: "a", 5: "a, b, c, d, e", 7: "a, b, c, d, e and 2 more"} {
		if got := listed(names[:number]); got != want {
			t.Errorf("%d: got %q, want %q", number, got, want)
		}
	}
}
