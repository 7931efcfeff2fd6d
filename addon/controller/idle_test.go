// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIdleRelease checks that memory is given back once after each burst of work,
// and not while it lasts: to collect all garbage takes processor time.
func TestIdleRelease(t *testing.T) {
	var passes atomic.Int64
	releases := 0
	idle := &idleRelease{passes: &passes, release: func() { releases++ }}
	var got []int
	for _, work := range []int64{0, 5, 0, 0, 1, 1, 0, 0} {
		passes.Add(work)
		idle.look()
		got = append(got, releases)
	}
	want := []int{0, 0, 1, 1, 1, 1, 2, 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("releases after each look (-want +got):\n%s", diff)
	}
}
