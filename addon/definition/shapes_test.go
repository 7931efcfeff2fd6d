// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// shape is one way in which parameters are declared in CUE.
type shape struct {
	reason  string
	imports []string
	// parameter and what stands beside it.
	parameter string
	// fine are properties, as JSON, that both Validate and CUE take.
	fine []string
	// wrong are properties that CUE refuses, with the findings about them.
	wrong map[string][]string
	// stricter are properties that CUE lets pass.
	stricter map[string][]string
}

// TestShapes checks the parameters that definitions have in practice, and each
// judgement against CUE's own: what CUE takes must not be refused, or
// applications that render elsewhere would not render here.
func TestShapes(t *testing.T) {
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			d := &definition.Definition{Kind: definition.Trait, Name: "x", Template: s.template()}
			if err := d.Program(definition.TemplatePart).Check(); err != nil {
				t.Fatalf("%s: %v", s.reason, err)
			}
			for _, p := range s.fine {
				s.judge(t, d, p, nil, true)
			}
			for p, want := range s.wrong {
				s.judge(t, d, p, want, false)
			}
			for p, want := range s.stricter {
				s.judge(t, d, p, want, true)
			}
		})
	}
}

func (s shape) template() string {
	var b strings.Builder
	for _, i := range s.imports {
		b.WriteString("import \"" + i + "\"\n")
	}
	b.WriteString(s.parameter + "\noutput: parameter")
	return b.String()
}

func (s shape) judge(t *testing.T, d *definition.Definition, properties string, want []string, evaluates bool) {
	t.Helper()
	var p map[string]any
	if err := utiljson.Unmarshal([]byte(properties), &p); err != nil {
		t.Fatal(err)
	}
	p = d.Clean(p)
	var got []string
	for _, f := range d.Validate(p, "p") {
		got = append(got, string(f.Reason)+" "+f.Path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s -want +got:\n%s", s.reason, properties, diff)
	}
	_, err := d.Program(definition.TemplatePart).Run(map[string]any{"parameter": p, "context": map[string]any{"name": "ctx"}}, "output")
	if (err == nil) != evaluates {
		t.Errorf("%s\n%s: CUE says %v", s.reason, properties, err)
	}
}

// TestShapeMessages pins the texts of what is new beside those of webservice.
func TestShapeMessages(t *testing.T) {
	d := &definition.Definition{Kind: definition.Trait, Name: "x", Template: `
import ("list", "strings")
parameter: {
	text?:   strings.MinRunes(2) & strings.MaxRunes(4)
	one?:    strings.MinRunes(1)
	items?:  [...string] & list.MaxItems(1)
	pair?:   [int, int]
	named?:  string & !=""
	mixed?:  >=1 & int | "auto" | "off"
	ranges?: int & (>10 | <5)
	choice?: {name: string} | {ref: string}
	bytes?:  bytes
	size?:   =~"^[0-9]+Gi$" & !~"^0"
}`}
	findings := d.Validate(object{
		"text": "x", "one": "", "items": []any{"a", "b"}, "pair": []any{int64(1)}, "named": "", "mixed": int64(0), "ranges": int64(7),
		"choice": object{}, "bytes": "x", "size": "x",
	}, "p")
	golden(t, "validate/shapes", lines(findings))
}
