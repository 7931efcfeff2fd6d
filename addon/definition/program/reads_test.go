// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// uses are the names of uses in the tests.
var uses = [...]string{program.Value: "", program.Test: " tested", program.Loop: " looped", program.Empty: " empty", program.Length: " counted", program.Fraction: " fraction"}

func TestAccesses(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		want   []string
	}{
		"Chains": {
			reason: "Selectors, quoted keys and indexes are constant keys.",
			source: `a: context.output.status.readyReplicas, b: context.output.metadata.annotations["app.oam.dev/x"], c: context.output.spec.rules[0x1].host`,
			want:   []string{`output.metadata.annotations["app.oam.dev/x"]`, "output.spec.rules[1].host", "output.status.readyReplicas"},
		},
		"Guards": {
			reason: "A guard looks whether a value is there, len counts, an interpolation uses the value.",
			source: `if context.a != _|_ {x: "\(context.b)"}, y: len(context.c), z: len(context.d) > 0, u: 0 == len(context.e), v: _|_ == context.f`,
			want:   []string{"a tested", "b", "c counted", "d empty", "e empty", "f tested"},
		},
		"Fraction": {
			reason: "A number with a fraction is compared with one.",
			source: `x: context.a > 0.5, y: *context.b | 1.5, z: 2 * context.c`,
			want:   []string{"a fraction", "b fraction", "c"},
		},
		"Computed": {
			reason: "A computed key may be any, and what computes it is read.",
			source: `x: context.outputs[context.name].status.y, y: context.outputs["\(context.appName)-x"].z`,
			want:   []string{"appName", "name", "outputs[*].status.y", "outputs[*].z"},
		},
		"Picked": {
			reason: "A guard that compares with a literal picks items.",
			source: `for c in context.conditions if c.type == "Ready" {x: c.status}`,
			want:   []string{`conditions[type="Ready"].status`, `conditions[type="Ready"].type`},
		},
		"PickedOtherOrder": {
			reason: "The literal may be on the left, the key quoted, the guards several; the type picks.",
			source: `for c in context.conditions if c.status == "True" if "Ready" == c["type"] && c.n > 1 {x: 1}`,
			want:   []string{`conditions[type="Ready"].n`, `conditions[type="Ready"].status`, `conditions[type="Ready"].type`},
		},
		"PickedByEither": {
			reason: "Two literals pick two items.",
			source: `for c in context.conditions if c.type == "A" || c.type == "B" {x: c.s}`,
			want:   []string{`conditions[type="A"].s`, `conditions[type="A"].type`, `conditions[type="B"].s`, `conditions[type="B"].type`},
		},
		"PickedInside": {
			reason: "A guard in the loop picks as well.",
			source: `for c in context.conditions { if c.type == "A" {a: c.s}, if c.type == "B" {b: c.t} }`,
			want:   []string{`conditions[type="A"].s`, `conditions[type="A"].type`, `conditions[type="B"].t`, `conditions[type="B"].type`},
		},
		"PickedInsideNotOnly": {
			reason: "A round that yields something without a guard counts.",
			source: `for c in context.conditions { any: true, if c.type == "A" {a: c.s} }`,
			want:   []string{`conditions[type="A"].s`, `conditions[type="A"].type`, "conditions[*] looped"},
		},
		"PickedInsideList": {
			reason: "Each round of a list is an item of it, even an empty one.",
			source: `x: [for c in context.conditions { if c.type == "A" {a: c.s} }]`,
			want:   []string{`conditions[type="A"].s`, `conditions[type="A"].type`, "conditions[*] looped"},
		},
		"Indexed": {
			reason: "A loop that uses the index reads how many items there are.",
			source: `for i, c in context.conditions if c.type == "A" {"\(i)": c.s}`,
			want:   []string{`conditions[type="A"].s`, `conditions[type="A"].type`, "conditions[*] looped"},
		},
		"Yielded": {
			reason: "An item of a list that a loop yields is what was picked; its length says whether there is one.",
			source: `x: [for c in context.a if c.type == "A" {c}][0].status, y: len([for c in context.b if c.type == "B" {c}]) > 0, z: len([for c in context.c if c.name == "C" && c.s == "x" {c.t}]), u: [for c in context.d if c.type == "D" {c}]`,
			want:   []string{`a[type="A"].status`, `a[type="A"].type`, `b[type="B"] tested`, `b[type="B"].type`, `c[name="C"].name`, `c[name="C"].s`, `c[name="C"].t tested`, `d[type="D"]`, `d[type="D"].type`},
		},
		"Names": {
			reason: "A name that stands for a part of the input is read where it is used.",
			source: `let s = context.output.status, _c: *s.conditions | [], _r: [for c in _c if c.type == "R" {c}], x: len(_r) > 0 && _r[0].status == "True", y: s.phase`,
			want:   []string{`output.status.conditions[type="R"] tested`, `output.status.conditions[type="R"].status`, `output.status.conditions[type="R"].type`, "output.status.phase"},
		},
		"NamesInLoops": {
			reason: "A name may stand for a part of an item.",
			source: `for c in context.l if c.name == "A" let s = c.state if s.x != _|_ {y: s.y}`,
			want:   []string{`l[name="A"].name`, `l[name="A"].state.x tested`, `l[name="A"].state.y`},
		},
		"NamesTwice": {
			reason: "A field that is declared twice, or selected, stands for itself.",
			source: `_a: context.a, _a: {b: 1}, x: _a.c, _s: {_d: context.d}, y: _s._d.e`,
			want:   []string{"a", "d"},
		},
		"NamesInCircles": {
			reason: "What cannot be followed reads everything.",
			source: `_a: _b.x, _b: _a.y, x: _a`,
			want:   []string{""},
		},
		"Nested": {
			reason: "Loops in loops.",
			source: `for p in context.parents if p.name == "P" for c in p.conditions if c.type == "R" {x: c.status}`,
			want:   []string{`parents[name="P"].conditions[type="R"].status`, `parents[name="P"].conditions[type="R"].type`, `parents[name="P"].name`},
		},
		"Loop": {
			reason: "A loop without a literal reads of all items.",
			source: `x: [for c in context.l {c.type}], y: [for c in context.m if c.type == parameter.t {c.s}], for o in context.outputs {z: o.kind}`,
			want:   []string{"l[*] looped", "l[*].type", "m[*] looped", "m[*].s", "m[*].type", "outputs[*] looped", "outputs[*].kind"},
		},
		"Shadowed": {
			reason: "The variable of another loop is another.",
			source: `for c in context.a if c.type == "A" {x: [for c in parameter.b {c.z}]}`,
			want:   []string{`a[type="A"].type`},
		},
		"Whole": {
			reason: "A list that is handed on is read as it is.",
			source: `x: list.Sum(context.l), y: context.m[1:2]`,
			want:   []string{"l", "m"},
		},
		"Bare": {
			reason: "The input as a value is read altogether.",
			source: `x: context`,
			want:   []string{""},
		},
		"Label": {
			reason: "A label or selector that has the input's name is no reference.",
			source: `x: context: 1, y: x.context`,
			want:   nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			accesses, err := program.New("test.cue", tc.source).Accesses("context")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range accesses {
				got = append(got, a.String()+uses[a.Use])
			}
			slices.Sort(got)
			slices.Sort(tc.want)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
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

// TestPruneLoops prunes for loops: each item keeps what is read of any, each key its place.
func TestPruneLoops(t *testing.T) {
	reads, err := program.New("test.cue", `x: [for c in context.l if c.type == "A" {c.s}], for k, v in context.m {"\(k)": v.n}, y: context.o[context.k].p, z: context.u != _|_`).Reads("context")
	if err != nil {
		t.Fatal(err)
	}
	got := reads.Prune(map[string]any{
		"l": []any{map[string]any{"type": "A", "s": "1", "z": "not read"}, map[string]any{"type": "B", "s": "2", "z": "not read"}},
		"m": map[string]any{"a": map[string]any{"n": int64(1), "z": "not read"}, "b": map[string]any{}},
		"o": map[string]any{"a": map[string]any{"p": int64(1), "z": "not read"}},
		"k": "a",
		"u": map[string]any{"z": "not read"},
	})
	want := map[string]any{
		"l": []any{map[string]any{"type": "A", "s": "1"}, map[string]any{"type": "B", "s": "2"}},
		"m": map[string]any{"a": map[string]any{"n": int64(1)}, "b": map[string]any{}},
		"o": map[string]any{"a": map[string]any{"p": int64(1)}},
		"k": "a",
		"u": map[string]any{},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
