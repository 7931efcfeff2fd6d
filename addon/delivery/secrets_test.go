// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// withPassword is a component that refers to Secrets.
func withPassword(name string, needs []string, secrets ...string) render.Component {
	c := web(name)
	var env []any
	for i, secret := range secrets {
		env = append(env, map[string]any{"name": fmt.Sprintf("S%d", i), "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": "password"}}})
	}
	c.Properties = map[string]any{"image": "nginx:1", "env": env}
	c.DependsOn = needs
	return c
}

// secretsOf reads Secrets of the application store: those whose names begin with
// "gone" do not exist, and "foreign" is somebody else's.
func secretsOf(t *testing.T, annotation string) *Secrets {
	t.Helper()
	secrets, err := NewSecrets(map[string]string{v1alpha1.AnnotationSecrets: annotation}, func(name string) (map[string]any, string, error) {
		if strings.HasPrefix(name, "gone") {
			return nil, fmt.Sprintf("there is no secret %q", name), nil
		}
		labels := map[string]any{v1alpha1.LabelSecretOf: "store"}
		if name == "foreign" {
			labels = map[string]any{v1alpha1.LabelSecretOf: "another"}
		}
		return map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"read": name}, "metadata": map[string]any{"name": name, "labels": labels}}, "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

// deliveredSecrets are the Secrets of a plan: where, with what, under which name, from which.
func deliveredSecrets(plan *Plan) []string {
	var out []string
	for _, unit := range plan.Units {
		for _, object := range unit.Result.Objects {
			if data, ok := object.Content["data"].(map[string]any); ok && object.GroupVersionKind().Kind == "Secret" {
				out = append(out, fmt.Sprintf("%s/%s %s: %s/%s from %s", unit.Place.Environment, unit.Place.Cluster, unit.Component, object.Namespace(), object.Name(), data["read"]))
			}
		}
	}
	return out
}

func TestAddSecrets(t *testing.T) {
	tests := []struct {
		name, reason, annotation string
		components               []render.Component
		want, problems           []string
	}{
		{
			name: "one for each environment", reason: "an environment may have its own under the same name; at home it is in its place", annotation: `{"db":"1","prod/db":"2"}`,
			components: []render.Component{withPassword("web", nil, "db")},
			want:       []string{"prod/c1 web: shop/db from db.prod", "test/c2 web: shop/db from db"},
		},
		{
			name: "two that refer to one", reason: "the first in the order of dependency has it, since an object has one maker", annotation: `{"db":"1"}`,
			components: []render.Component{withPassword("api", []string{"migrate"}, "db"), withPassword("migrate", nil, "db")},
			want:       []string{"prod/c1 migrate: shop/db from db", "test/c2 migrate: shop/db from db"},
		},
		{
			name: "not listed", reason: "what an application does not list is none of its Secrets", annotation: `{"db":"1"}`,
			components: []render.Component{withPassword("web", nil, "other")},
		},
		{
			name: "somebody else's", reason: "to name a Secret is not enough to have it read out", annotation: `{"foreign":"1"}`,
			components: []render.Component{withPassword("web", nil, "foreign")},
			problems: []string{
				`ReferenceNotFound: environment prod, cluster c1: component "web": Secret "foreign" in namespace "shop" is not labelled fairlead.dev/secret-of=store: it is not the application's, and is not delivered`,
				`ReferenceNotFound: environment test, cluster c2: component "web": Secret "foreign" in namespace "shop" is not labelled fairlead.dev/secret-of=store: it is not the application's, and is not delivered`,
			},
		},
		{
			name: "gone in one environment", reason: "the other environments go on, and of that one nothing is concluded", annotation: `{"gone":"1","prod/gone":"2","test/db":"3"}`,
			components: []render.Component{withPassword("web", nil, "gone")},
			problems: []string{
				`ReferenceNotFound: environment prod, cluster c1: component "web": there is no secret "gone.prod"`,
				`ReferenceNotFound: environment test, cluster c2: component "web": there is no secret "gone"`,
			},
		},
		{
			name: "no name", reason: "the annotation is written by others", annotation: `{"a/../b":"1","prod/db":"1","../db":"2"}`,
			components: []render.Component{withPassword("web", nil, "a/../b")},
			problems: []string{
				`ReferenceNotFound: environment prod, cluster c1: component "web": "a/../b", which the application lists, is no name of a Secret`,
				`ReferenceNotFound: environment test, cluster c2: component "web": "a/../b", which the application lists, is no name of a Secret`,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wanted := request(use("dev"), use("prod"), use("test"))
			wanted.Components, wanted.Secrets = test.components, secretsOf(t, test.annotation)
			plan := planOf(t, worldOf(environment("dev", "local"), environment("prod", "c1"), environment("test", "c2")), wanted, noneAway)
			if diff := cmp.Diff(test.want, deliveredSecrets(plan)); diff != "" {
				t.Errorf("Secrets, since %s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.problems, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems, since %s (-want +got):\n%s", test.reason, diff)
			}
			for _, unit := range plan.Units {
				record := Record{Owner: owner, Component: unit.Component, Place: unit.Place, Object: "Secret shop/db"}
				if got, want := plan.Wants(record), strings.Contains(strings.Join(deliveredSecrets(plan), "\n"), fmt.Sprintf("%s/%s %s:", unit.Place.Environment, unit.Place.Cluster, unit.Component)); got != want {
					t.Errorf("wants the Secret of %s in %s: %t", unit.Component, unit.Place, got)
				}
			}
		})
	}
}

// TestSecretsAnnotation checks that what is no list of Secrets is refused.
func TestSecretsAnnotation(t *testing.T) {
	many := "{"
	for i := range maxSecrets + 1 {
		many += fmt.Sprintf(`"s%d":"x",`, i)
	}
	for _, test := range []struct{ annotation, want string }{
		{"", "<nil>"}, {"{}", "<nil>"}, {`["db"]`, ErrSecrets.Error()}, {"db", ErrSecrets.Error()},
		{strings.TrimSuffix(many, ",") + "}", "lists 65 Secrets, at most 64 are delivered"},
	} {
		_, err := NewSecrets(map[string]string{v1alpha1.AnnotationSecrets: test.annotation}, nil)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%.20q: error %q, want %q", test.annotation, got, test.want)
		}
	}
}
