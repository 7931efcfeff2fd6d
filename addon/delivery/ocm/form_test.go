// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestForms checks that what is written is the same whether a render was encoded for
// another cluster before or not.
func TestForms(t *testing.T) {
	first := unit(deployment("web", "nginx:1"), service("web"))
	held := []policy.Treatment{{Held: []policy.HeldField{{Path: "spec.replicas", Omit: true}}}}
	tests := []struct {
		name, reason string
		change       func(u *delivery.Unit)
		shared       bool
	}{
		{"another cluster", "it gets the same", func(u *delivery.Unit) { u.Place.Cluster = "c2" }, true},
		{"a copy of the result", "it has the same objects", func(u *delivery.Unit) { again := *u.Result; u.Result = &again }, true},
		{"another render", "it may have other objects", func(u *delivery.Unit) {
			u.Result = unit(deployment("web", "nginx:2"), service("web")).Result
		}, false},
		{"a field that is left to others", "the object is not as it was rendered", func(u *delivery.Unit) { u.Treatments = held }, false},
		{"an order", "the object notes it", func(u *delivery.Unit) { u.Needs = []string{"db"} }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			before := h.entriesFor(t, first)
			changed := first
			test.change(&changed)
			got := h.entriesFor(t, changed)
			if shared := got[0].form == before[0].form; shared != test.shared {
				t.Errorf("shared: %t, since %s", shared, test.reason)
			}
			if diff := cmp.Diff(written(t, newHub(t).entriesFor(t, changed)), written(t, got)); diff != "" {
				t.Errorf("(-alone +after another):\n%s", diff)
			}
		})
	}
}

// entriesFor are the objects of a unit that has no work yet.
func (h *hub) entriesFor(t *testing.T, u delivery.Unit) []entry {
	t.Helper()
	h.forms.keep(u.Result)
	u, err := h.asWritten(t.Context(), u, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return h.entriesOf(u, nil)
}

// written is what works hold of entries, encoded twice.
func written(t *testing.T, entries []entry) []string {
	t.Helper()
	var all []string
	for _, e := range append(entries, entries...) {
		encoded, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		config, err := json.Marshal(encoded.config)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %d", encoded.raw, config, encoded.size))
	}
	return all
}

// TestFormsAreBounded checks that the forms do not grow with the number of renders.
func TestFormsAreBounded(t *testing.T) {
	var f forms
	var results []*render.Result
	for range 2 * maxForms {
		result := unit(service("web")).Result
		results = append(results, result)
		f.keep(result)
	}
	if f.kept.Len() != maxForms || f.find(results[0]) != nil || f.find(results[len(results)-1]) == nil {
		t.Errorf("%d are kept, want the last %d", f.kept.Len(), maxForms)
	}
}
