// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

func TestReads(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		want   [][]string
		all    bool
	}{
		"Chains": {
			reason: "Selectors, quoted keys and indexes are constant keys.",
			source: `a: context.output.status.readyReplicas, b: context.output.metadata.annotations["app.oam.dev/x"], c: context.output.spec.rules[0].host`,
			want:   [][]string{{"output", "metadata", "annotations", "app.oam.dev/x"}, {"output", "spec", "rules", "0", "host"}, {"output", "status", "readyReplicas"}},
		},
		"Guards": {
			reason: "Guards, interpolations and arguments read too.",
			source: `if context.a != _|_ {x: "\(context.b)"}, y: len(context.c)`,
			want:   [][]string{{"a"}, {"b"}, {"c"}},
		},
		"Computed": {
			reason: "A computed key reads everything above it, and what computes it.",
			source: `x: context.outputs[context.name].status`,
			want:   [][]string{{"name"}, {"outputs"}},
		},
		"Comprehension": {
			reason: "A loop reads the whole list.",
			source: `x: [for c in context.output.status.conditions {c.type}]`,
			want:   [][]string{{"output", "status", "conditions"}},
		},
		"Bare": {
			reason: "The input as a value is read altogether.",
			source: `x: context`,
			want:   [][]string{nil},
			all:    true,
		},
		"Label": {
			reason: "A field that has the input's name is no reference.",
			source: `x: context: 1`,
			want:   [][]string{nil},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reads, err := program.New("test.cue", tc.source).Reads("context")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, reads.Leaves()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if reads.All != tc.all {
				t.Errorf("%s All = %t, want %t", tc.reason, reads.All, tc.all)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	reads, err := program.New("test.cue", `a: context.s.x, b: context.l[1].y, c: context.whole, d: context.absent`).Reads("context")
	if err != nil {
		t.Fatal(err)
	}
	got := reads.Prune(map[string]any{
		"s":     map[string]any{"x": int64(1), "z": "not read"},
		"l":     []any{map[string]any{"y": "not read"}, map[string]any{"y": "read", "z": "not read"}},
		"whole": map[string]any{"k": "v"},
		"other": "not read",
	})
	want := map[string]any{
		"s":     map[string]any{"x": int64(1)},
		"l":     []any{map[string]any{}, map[string]any{"y": "read"}},
		"whole": map[string]any{"k": "v"},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMarkers(t *testing.T) {
	source := `
// +patchStrategy=jsonMergePatch
patch: spec: {
	if parameter.x {
		template: spec: {
			// +patchKey=name
			containers: [{
				name: "a"
				// +usage=no directive but a marker all the same
				// +patchStrategy=retainKeys
				image: "b"
			}]
			_shared
		}
	}
}
_shared: {
	// +patchKey=ip
	hostAliases: [...{ip: string}]
}
`
	got, err := program.New("test.cue", source).Markers("patch")
	if err != nil {
		t.Fatal(err)
	}
	want := &program.Markers{
		Values: map[string]string{"patchStrategy": "jsonMergePatch"},
		Fields: map[string]*program.Markers{"spec": {Fields: map[string]*program.Markers{"template": {Fields: map[string]*program.Markers{"spec": {Fields: map[string]*program.Markers{
			"containers": {
				Values: map[string]string{"patchKey": "name"},
				Items: &program.Markers{Fields: map[string]*program.Markers{"image": {
					Values: map[string]string{"usage": "no directive but a marker all the same", "patchStrategy": "retainKeys"},
				}}},
			},
			"hostAliases": {Values: map[string]string{"patchKey": "ip"}},
		}}}}}}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(equalMarkers)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// equalMarkers takes a missing map for an empty one.
func equalMarkers(a, b *program.Markers) bool {
	if a == nil || b == nil {
		return a == b
	}
	if len(a.Values) != len(b.Values) || len(a.Fields) != len(b.Fields) || !equalMarkers(a.Items, b.Items) {
		return false
	}
	for k, v := range a.Values {
		if b.Values[k] != v {
			return false
		}
	}
	for k, below := range a.Fields {
		if !equalMarkers(below, b.Fields[k]) {
			return false
		}
	}
	return true
}
