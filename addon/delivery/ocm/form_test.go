// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"
	sigsjson "sigs.k8s.io/json"

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
	u, _, err := h.asWritten(t.Context(), u, nil, "")
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

// TestWorksShareNothing checks that the answer to one work, which a client reads into
// what it has sent, changes nothing of the next one.
func TestWorksShareNothing(t *testing.T) {
	h := newHub(t)
	first := unit(deployment("web", "nginx:1"), service("web"))
	second := first
	second.Place.Cluster = "c2"
	workOf := func(u delivery.Unit) *workv1.ManifestWork {
		t.Helper()
		work, err := unitWork(new(Digests), u, firstIndex, h.entriesFor(t, u))
		if err != nil {
			t.Fatal(err)
		}
		return work
	}
	want := workOf(second)
	work := workOf(first)
	answer := work.DeepCopy()
	for i := range answer.Spec.Workload.Manifests {
		answer.Spec.Workload.Manifests[i].Raw = []byte(`{"kind":"Other"}`)
	}
	for i := range answer.Spec.ManifestConfigs {
		answer.Spec.ManifestConfigs[i].ResourceIdentifier.Name = "other"
		answer.Spec.ManifestConfigs[i].UpdateStrategy = &workv1.UpdateStrategy{Type: workv1.UpdateStrategyTypeReadOnly}
		for j := range answer.Spec.ManifestConfigs[i].FeedbackRules {
			answer.Spec.ManifestConfigs[i].FeedbackRules[j].JsonPaths = []workv1.JsonPath{{Name: "other", Path: ".other"}}
		}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := sigsjson.UnmarshalCaseSensitivePreserveInts(raw, work); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, workOf(second)); diff != "" {
		t.Errorf("the next work (-before +after):\n%s", diff)
	}
}

// TestSecretsAreNotKept checks that Secrets that were read are in no cache.
func TestSecretsAreNotKept(t *testing.T) {
	h := newHub(t)
	u := unit(service("web"))
	u.Result = u.Result.WithSecret("db", map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db"}, "data": map[string]any{"k": "UzNDUjNU"}})
	h.forms.keep(u.Result)
	if h.forms.find(u.Result) != nil {
		t.Error("its encoded form is kept")
	}
	now := seen{works: "w1", at: time.Now()}
	var k known
	k.keepUnit(u, now, delivery.Observation{State: delivery.Delivered}, nil)
	if len(k.units) != 0 {
		t.Error("what was found of the unit is kept with its objects")
	}
	for _, object := range u.Result.Objects {
		if content := shown(object); object.GroupVersionKind().Kind == "Secret" && content["data"] != nil {
			t.Errorf("a definition's health sees %v", content)
		}
	}
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
