// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// depending are components, each with those that it depends on.
func depending(pairs ...[]string) v1beta1.ApplicationSpec {
	var spec v1beta1.ApplicationSpec
	for _, pair := range pairs {
		spec.Components = append(spec.Components, v1beta1.ApplicationComponent{Name: pair[0], Type: "webservice", DependsOn: pair[1:]})
	}
	return spec
}

func TestOrder(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   v1beta1.ApplicationSpec
		want   string
	}{
		"Chain":   {reason: "Each waits for the next.", spec: depending([]string{"web", "api", "db"}, []string{"api", "db"}, []string{"db"})},
		"Unknown": {reason: "It would wait for ever.", spec: depending([]string{"web", "bd"}, []string{"db"}), want: `spec.components[0].dependsOn[0]: the application has no component "bd". Use one of: web, db`},
		"Itself":  {reason: "It would wait for ever.", spec: depending([]string{"web", "web"}), want: "spec.components[0].dependsOn: the components wait for each other: web -> web; let one of them not depend on the next"},
		"Circle": {
			reason: "Each would wait for the next for ever; who waits for the circle is not part of it.",
			spec:   depending([]string{"web", "a"}, []string{"a", "b"}, []string{"b", "c"}, []string{"c", "a"}),
			want:   "spec.components[0].dependsOn: the components wait for each other: a -> b -> c -> a; let one of them not depend on the next",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Components(tc.spec)
			if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if err == nil && len(got[0].DependsOn) != 2 {
				t.Errorf("dependsOn is not read: %v", got[0])
			}
		})
	}
}

func TestRemovalOrder(t *testing.T) {
	spec := depending([]string{"web", "api", "db"}, []string{"api", "db"}, []string{"db"})
	for properties, want := range map[string]map[string][]string{
		`{"order":"dependency"}`: {"api": {"web"}, "db": {"web", "api"}},
		`{}`:                     nil,
		`{"order":`:              nil, // nothing keeps an application from going
	} {
		spec.Policies = []v1beta1.AppPolicy{{Name: "gc", Type: "garbage-collect", Properties: raw(properties)}}
		if diff := cmp.Diff(want, policy.RemovalOrder(spec)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", properties, diff)
		}
	}
}
