// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	workv1 "open-cluster-management.io/api/work/v1"
)

// TestDigest checks what makes a difference, whether digests are kept or not.
func TestDigest(t *testing.T) {
	kept := NewDigests()
	spec := func(raw string) workv1.ManifestWorkSpec {
		return workv1.ManifestWorkSpec{Workload: workv1.ManifestsTemplate{Manifests: []workv1.Manifest{{RawExtension: runtime.RawExtension{Raw: []byte(raw)}}}}}
	}
	tests := []struct {
		reason, a, b string
		same         bool
	}{
		{"the order of keys means nothing", `{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		{"nor does white space", `{"a":[1,2]}`, "{ \"a\" : [ 1,\n2 ] }", true},
		{"the order of a list does", `{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{"a value does", `{"a":1}`, `{"a":2}`, false},
		{"a missing key is not an empty one", `{}`, `{"a":""}`, false},
		{"large integers differ", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
	}
	for _, test := range tests {
		for _, digests := range []*Digests{nil, kept, kept} {
			a, errA := digests.of(spec(test.a))
			b, errB := digests.of(spec(test.b))
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if (a == b) != test.same {
				t.Errorf("%s and %s: same digest %t, want %t: %s", test.a, test.b, a == b, test.same, test.reason)
			}
		}
	}
}

// TestDigestsAreOfOneOwner checks that a spec is computed once by those who share
// digests, that no other hub of the process sees them, and that they are bounded.
func TestDigestsAreOfOneOwner(t *testing.T) {
	ours, others := NewDigests(), NewDigests()
	cache := CacheOptions(ours)
	for cluster := range 3 {
		placed := unit(deployment("web", "nginx:1"))
		placed.Place.Cluster = fmt.Sprintf("c%d", cluster)
		work, err := unitWork(ours, placed, firstIndex, nil)
		if err != nil {
			t.Fatal(err)
		}
		for object, by := range cache {
			if _, isWork := object.(*workv1.ManifestWork); !isWork {
				continue
			}
			if _, err := by.Transform(work); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ours.kept.Len() != 1 || others.kept.Len() != 0 {
		t.Errorf("%d digests are kept of one spec on three clusters, and %d by somebody else, want 1 and 0", ours.kept.Len(), others.kept.Len())
	}
	for i := range maxDigests + 1 {
		option := &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyType(fmt.Sprint(i))}
		if _, err := ours.of(workv1.ManifestWorkSpec{DeleteOption: option}); err != nil {
			t.Fatal(err)
		}
	}
	if ours.kept.Len() != maxDigests {
		t.Errorf("%d digests are kept, want at most %d", ours.kept.Len(), maxDigests)
	}
}

// BenchmarkDigest digests the spec of a work that was digested before.
func BenchmarkDigest(b *testing.B) {
	work, err := applicationWork(unit(deployment("web", "nginx:1"), service("web")))
	if err != nil {
		b.Fatal(err)
	}
	digests := NewDigests()
	for b.Loop() {
		if _, err := digests.of(work.Spec); err != nil {
			b.Fatal(err)
		}
	}
}
