// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestCandidates(t *testing.T) {
	ports := map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}}
	cases := map[string]struct {
		reason     string
		properties map[string]any
		path       []any
		first      []any
		structural bool
	}{
		"Text":    {"Two words stand for any text.", ports, []any{"image"}, []any{"unknown-a", "b-unknown"}, false},
		"Bool":    {"A bool is one of two.", ports, []any{"ports", 0, "expose"}, []any{true, false}, false},
		"Integer": {"Numbers are within the bounds of the parameter.", ports, []any{"ports", 0, "port"}, []any{int64(7001), int64(7002)}, false},
		"Pattern": {"Texts have the form that the parameter demands.", ports, []any{"cpu"}, []any{"8001m", "1Gi"}, false},
		"Choice":  {"Of a choice all values are tried.", ports, []any{"exposeType"}, []any{"ClusterIP", "NodePort"}, false},
		"Texts":   {"Lists of scalars can be tried.", ports, []any{"cmd"}, []any{[]any{}, []any{"unknown-a"}}, false},
		"Objects": {"Objects cannot: nothing stands for all that is in them.", ports, []any{"ports"}, nil, true},
	}
	web, err := definition.Builtin().Lookup(definition.Component, "webservice")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := web.Candidates(tc.properties, tc.path, nil)
			if got.Structural != tc.structural {
				t.Errorf("%s\nstructural: got %t, want %t", tc.reason, got.Structural, tc.structural)
			}
			if diff := cmp.Diff(tc.first, got.Values[:min(len(got.Values), len(tc.first))]); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCompared(t *testing.T) {
	found := &definition.Definition{Kind: definition.Component, Name: "x", Template: `
output: kind: [if parameter.kind == "set" {"DaemonSet"}, "Deployment"][0]
outputs: {
	if parameter.port > 1024 {a: {}}
	if strings.HasPrefix(parameter.name, "db-") {b: {}}
}
`}
	got := found.Compared()
	for _, want := range []any{"set", int64(1024), "db-"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %v, want %v among them", got, want)
		}
	}
	if slices.Contains(got, any("DaemonSet")) {
		t.Error("what is only written is compared with nothing")
	}
}
