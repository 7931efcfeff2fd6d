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
