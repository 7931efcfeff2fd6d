// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

func TestPathText(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   Path
		want   string
	}{
		"Keys":   {"Keys and indexes.", Path{"status", "l", "0", "x"}, ".status.l[0].x"},
		"Dots":   {"Dots in keys are escaped.", Path{"metadata", "annotations", "a.b/c-d"}, `.metadata.annotations.a\.b/c-d`},
		"Picked": {"Items by a text, whose dots are its own.", Path{"status", "l", Where("type", "a.b/c"), "m", Where("name", "x"), "y"}, `.status.l[?(@.type=="a.b/c")].m[?(@.name=="x")].y`},
		"Any":    {"Any item.", Path{"status", "l", anyItem, "type"}, ".status.l[*].type"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.path.JSONPath()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.path, parse(tc.want)); diff != "" {
				t.Errorf("%s read back\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPathOf(t *testing.T) {
	l := program.Step{Key: "l"}
	cases := map[string]struct {
		reason string
		step   program.Step
		want   bool
	}{
		"Key":      {"A usual key.", program.Step{Key: "a-b/c.d"}, true},
		"Picked":   {"A usual text.", program.Step{Field: "type", Value: "Ready"}, true},
		"Each":     {"All items cannot come back.", program.Step{Each: true}, false},
		"Blank":    {"A blank ends a path.", program.Step{Key: "a b"}, false},
		"Escape":   {"A backslash would escape.", program.Step{Key: `a\`}, false},
		"Filter":   {"A key is no filter.", program.Step{Key: Where("type", "Ready")}, false},
		"Any":      {"Nor is it any item.", program.Step{Key: anyItem}, false},
		"NoField":  {"A field is a name.", program.Step{Field: "a.b", Value: "x"}, false},
		"Quote":    {"A quote would end the text.", program.Step{Field: "type", Value: `a"b`}, false},
		"Closing":  {"So would a bracket.", program.Step{Field: "type", Value: `a")].x[?(@.b=="c`}, false},
		"Control":  {"Control characters are no text.", program.Step{Field: "type", Value: "a\x00b"}, false},
		"NoText":   {"An empty text picks nothing.", program.Step{Field: "type"}, false},
		"LongText": {"A text has bounds.", program.Step{Field: "type", Value: string(make([]byte, 300))}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, ok := pathOf([]program.Step{l, tc.step})
			if ok != tc.want {
				t.Fatalf("%s got %q, %t", tc.reason, p, ok)
			}
			if ok && !slices.Equal(parse(p.JSONPath()), p) {
				t.Errorf("%s %q is read back as %q", tc.reason, p.JSONPath(), parse(p.JSONPath()))
			}
		})
	}
}

// FuzzPath reads any text as a path: one that feedback can express is read back
// as it is.
func FuzzPath(f *testing.F) {
	for _, text := range []string{".status.l[0].x", `.a.b\.c/d`, `.l[?(@.type=="Ready")].status`, ".l[*].type", `.l[?(@.a=="]")]`, `.\[?(@.x=="y")]`, ".a[64]", `.a\`, "[?(", `[?(@.=="")]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := parse(text)
		if p == nil || !writable(p) {
			return
		}
		if diff := cmp.Diff(p, parse(p.JSONPath())); diff != "" {
			t.Errorf("%q is written as %q:\n%s", text, p.JSONPath(), diff)
		}
	})
}
