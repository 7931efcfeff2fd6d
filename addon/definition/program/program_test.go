// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		inputs map[string]any
		wanted []string
		want   map[string]any
		err    string
	}{
		"Kinds": {
			reason: "Every kind of JSON value keeps its type, integers as int64.",
			source: `output: {i: 3, f: 1.5, s: "x", b: true, n: null, l: [1, "a"], o: {}}`,
			wanted: []string{"output"},
			want: map[string]any{"output": map[string]any{
				"i": int64(3), "f": 1.5, "s": "x", "b": true, "n": nil, "l": []any{int64(1), "a"}, "o": map[string]any{},
			}},
		},
		"AbsentField": {
			reason: "A wanted field that the source does not have is left out.",
			source: `output: 1`,
			wanted: []string{"output", "outputs"},
			want:   map[string]any{"output": int64(1)},
		},
		"Defaults": {
			reason: "A default counts where no value is given, and hidden or optional fields are not results.",
			source: "output: {r: parameter.r, _h: 1, o?: 2, #d: 3}\nparameter: {r: *1 | int, x?: string}",
			inputs: map[string]any{"parameter": map[string]any{}},
			wanted: []string{"output"},
			want:   map[string]any{"output": map[string]any{"r": int64(1)}},
		},
		"All": {
			reason: "Without names all fields but the inputs are results.",
			source: "a: parameter.x\nb: 2\n_c: 3",
			inputs: map[string]any{"parameter": map[string]any{"x": "y"}, "context": map[string]any{}},
			want:   map[string]any{"a": "y", "b": int64(2)},
		},
		"Embedded": {
			reason: "An item that a loop embeds arrives whole.",
			source: "output: [for v in parameter.l if v.n > 0 {v}]\nparameter: _",
			inputs: map[string]any{"parameter": map[string]any{"l": []any{map[string]any{"n": int64(1), "o": map[string]any{"p": "q"}}}}},
			wanted: []string{"output"},
			want:   map[string]any{"output": []any{map[string]any{"n": int64(1), "o": map[string]any{"p": "q"}}}},
		},
		"Given": {
			reason: "What is given arrives as it is, numbers as JSON has them, whatever a key looks like.",
			source: "output: parameter",
			inputs: map[string]any{"parameter": map[string]any{
				"i": 2.0, "big": 1e9, "f": -1.5, "small": 2e-7, "zero": 0.0, "#d": true, "_h": "a\"\\(x)\n", "a.b": nil, "l": []any{}, "for": int64(-3), "n": 7,
			}},
			wanted: []string{"output"},
			want: map[string]any{"output": map[string]any{
				"i": int64(2), "big": int64(1000000000), "f": -1.5, "small": 2e-7, "zero": int64(0), "#d": true, "_h": "a\"\\(x)\n", "a.b": nil, "l": []any{}, "for": int64(-3), "n": int64(7),
			}},
		},
		"NoJSON": {
			reason: "What is no JSON value is refused.",
			source: "output: parameter",
			inputs: map[string]any{"parameter": map[string]any{"x": struct{}{}}},
			err:    "a struct {} is no JSON value",
		},
		"EmptyDefault": {
			reason: "Source whose list is empty without inputs compiles.",
			source: "_l: *parameter.l | []\noutput: _l[0].x",
			inputs: map[string]any{"parameter": map[string]any{"l": []any{map[string]any{"x": "y"}}}},
			wanted: []string{"output"},
			want:   map[string]any{"output": "y"},
		},
		"Missing": {
			reason: "A field that fails is an error with its path, not an absent field.",
			source: `output: name: context.name`,
			inputs: map[string]any{"context": map[string]any{}},
			wanted: []string{"output"},
			err:    "output.name: undefined field: name",
		},
		"Conflict": {
			reason: "Values do not appear in errors, since they may be secrets.",
			source: "output: parameter.password & \"x\"\nparameter: password: string",
			inputs: map[string]any{"parameter": map[string]any{"password": "hunter2"}},
			wanted: []string{"output"},
			err:    "output: conflicting values ... and ...",
		},
		"TooLarge": {
			reason: "Kubernetes has no integers beyond 64 bits.",
			source: `output: 9223372036854775808`,
			wanted: []string{"output"},
			err:    "output: the integer does not fit into 64 bits",
		},
		"NotSound": {
			reason: "A field that nobody wants may refuse the inputs, where that is asked for.",
			source: "output: 1\nif parameter.n > 3 {_tooMany: 0 & \"at most 3\"}",
			inputs: map[string]any{"parameter": map[string]any{"n": int64(4)}},
			wanted: []string{"output", program.Sound},
			err:    "_tooMany: conflicting values ... and ... (mismatched types ... and ...)",
		},
		"Unasked": {
			reason: "Where it is not asked for, such a field does not count.",
			source: "output: 1\nif parameter.n > 3 {_tooMany: 0 & \"at most 3\"}",
			inputs: map[string]any{"parameter": map[string]any{"n": int64(4)}},
			wanted: []string{"output"},
			want:   map[string]any{"output": int64(1)},
		},
		"SoundIncomplete": {
			reason: "What is only incomplete is not wrong.",
			source: "output: 1\nx: parameter.absent\ny: context.output.z + 1\nparameter: {n?: int}",
			inputs: map[string]any{"parameter": map[string]any{}, "context": map[string]any{}},
			wanted: []string{"output", program.Sound},
			want:   map[string]any{"output": int64(1)},
		},
		"Syntax": {
			reason: "Source that does not parse is an error of each run.",
			source: `output: {`,
			wanted: []string{"output"},
			err:    "expected '}', found 'EOF'",
		},
		"Reference": {
			reason: "A reference to nothing is named.",
			source: `output: nowhere`,
			wanted: []string{"output"},
			err:    `output: reference "nowhere" not found`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := program.New("test.cue", tc.source).Run(tc.inputs, tc.wanted...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.err, text(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		err    string
	}{
		"Fine":     {"What waits for inputs is fine.", "output: name: context.name", ""},
		"Empty":    {"So is a list that is empty without inputs.", "_l: *parameter.l | []\noutput: _l[0].x", ""},
		"Syntax":   {"What does not parse is not.", "output: {", "expected '}', found 'EOF'"},
		"Unknown":  {"Nor is a name that nothing has.", "output: nothing", `output: reference "nothing" not found`},
		"Conflict": {"Nor is what cannot be whatever comes.", "output: 1 & 2", "output: conflicting values ... and ..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := program.New("test.cue", tc.source).Check(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.err, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFailureIncomplete(t *testing.T) {
	p := program.New("test.cue", "output: context.a + 1\nitem: context.l[0]")
	cases := map[string]struct {
		reason string
		inputs map[string]any
		wanted string
		want   bool
	}{
		"NoItem":  {reason: "A list may have more items another time.", inputs: map[string]any{"context": map[string]any{"a": int64(1), "l": []any{}}}, wanted: "item", want: true},
		"Missing": {reason: "A missing input may come later.", inputs: map[string]any{"context": map[string]any{}}, wanted: "output", want: true},
		"Wrong":   {reason: "A wrong input stays wrong.", inputs: map[string]any{"context": map[string]any{"a": "x"}}, wanted: "output", want: false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := p.Run(tc.inputs, tc.wanted)
			var f *program.Failure
			if !errors.As(err, &f) || f.Incomplete != tc.want {
				t.Errorf("%s got %#v", tc.reason, err)
			}
		})
	}
}
