// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// big is a ConfigMap of about so many KiB.
func big(name string, kib int) render.Object {
	return labelled(render.Object{Resource: name, Content: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop-prod"},
		"data": map[string]any{"a": strings.Repeat("x", kib<<10)},
	}}, identity("store", "web", "prod"))
}

// works are the objects in each work of the unit, by the work's index.
func (s *spoke) works(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	all, err := s.unitWorks(t.Context(), unit())
	if err != nil {
		t.Fatal(err)
	}
	for index, work := range all {
		for _, id := range identities(work) {
			found[index] = append(found[index], id.Name)
		}
	}
	return found
}

// TestSplit delivers versions of a unit one after the other, and checks how they
// are spread over works, and that no object was ever made a second time.
func TestSplit(t *testing.T) {
	tests := []struct {
		name, reason string
		versions     [][]render.Object
		want         map[string][]string
	}{
		{
			name: "small", reason: "one work is enough", versions: [][]render.Object{{big("a", 1), big("b", 1)}},
			want: map[string][]string{"0": {"a", "b"}},
		},
		{
			name: "large", reason: "more than three works hold make four", versions: [][]render.Object{{big("a", 30), big("b", 30), big("c", 30), big("d", 30), big("e", 5)}},
			want: map[string][]string{"0": {"a", "e"}, "1": {"b"}, "2": {"c"}, "3": {"d"}},
		},
		{
			name: "grown", reason: "what was there first stays, and the other one moves",
			versions: [][]render.Object{{big("a", 10), big("b", 25)}, {big("a", 30), big("b", 25)}},
			want:     map[string][]string{"0": {"a"}, "1": {"b"}},
		},
		{
			name: "one more in front", reason: "nothing moves for it",
			versions: [][]render.Object{{big("b", 30), big("c", 30)}, {big("a", 30), big("b", 30), big("c", 30)}},
			want:     map[string][]string{"0": {"b"}, "1": {"c"}, "2": {"a"}},
		},
		{
			name: "in another order", reason: "an order is no reason to move",
			versions: [][]render.Object{{big("a", 30), big("b", 30)}, {big("b", 30), big("a", 30)}},
			want:     map[string][]string{"0": {"a"}, "1": {"b"}},
		},
		{
			name: "first gone", reason: "an empty work is deleted, and its place is taken by what comes",
			versions: [][]render.Object{{big("a", 30), big("b", 30)}, {big("b", 30)}, {big("b", 30), big("c", 20)}},
			want:     map[string][]string{"0": {"c"}, "1": {"b"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.limit = 40 << 10
			uids := map[workv1.ResourceIdentifier]string{}
			for i, version := range test.versions {
				if diff := cmp.Diff("delivered", said(s.settle(t, unit(version...)))); diff != "" {
					t.Fatalf("version %d (-want +got):\n%s", i, diff)
				}
				if len(s.objects) != len(version) {
					t.Errorf("version %d: %d objects, want %d", i, len(s.objects), len(version))
				}
				for _, object := range version {
					id := identify(object.Content)
					if last, ok := uids[id]; ok && last != s.objects[id].uid {
						t.Errorf("version %d: %s was made a second time", i, id.Name)
					}
					uids[id] = s.objects[id].uid
				}
			}
			if diff := cmp.Diff(test.want, s.works(t)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			s.removeAll(t)
			if len(s.objects) > 0 {
				t.Errorf("%d objects stay", len(s.objects))
			}
		})
	}
}

// TestSplitLimit checks that no work is ever larger than OCM takes, and that one
// object beyond the limit is refused with its size and the limit.
func TestSplitLimit(t *testing.T) {
	s := newSpoke(t)
	s.limit = 40 << 10
	got, err := s.Deliver(t.Context(), unit(big("a", 1), big("b", 45)))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("refused TooLarge: ConfigMap shop-prod/b has 47370 bytes, more than the %d that a cluster can be sent at once: make it smaller, or split it into several objects", 40<<10)
	if diff := cmp.Diff(want, said(got)); diff != "" || len(s.writes) > 0 {
		t.Errorf("(-want +got):\n%s\nwrites %v", diff, s.writes)
	}
	if got.Reason != delivery.ReasonTooLarge {
		t.Errorf("reason %q", got.Reason)
	}
}

// TestMoveIsMakeBeforeBreak checks, at every step of a move, that the object is in
// one of the works, and that no work outgrows what OCM takes.
func TestMoveIsMakeBeforeBreak(t *testing.T) {
	s := newSpoke(t)
	s.limit = 40 << 10
	s.settle(t, unit(big("a", 10), big("b", 25)))
	after := unit(big("a", 30), big("b", 25))
	for step := range 40 {
		if _, err := s.Deliver(t.Context(), after); err != nil {
			t.Fatal(err)
		}
		found := false
		for index, names := range s.works(t) {
			for _, name := range names {
				found = found || name == "b"
			}
			work := s.work(t, WorkName(owner, "web", "prod", index))
			size := 0
			for _, manifest := range work.Spec.Workload.Manifests {
				size += len(manifest.Raw)
			}
			if size > 50<<10 {
				t.Errorf("step %d: work %s has %d bytes", step, index, size)
			}
		}
		if !found {
			t.Errorf("step %d: b is in no work", step)
		}
		if step%3 == 2 {
			s.sync(t)
			s.pass(1e9)
		}
	}
	if diff := cmp.Diff(map[string][]string{"0": {"a"}, "1": {"b"}}, s.works(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
