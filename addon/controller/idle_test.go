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
	idle := &idleRelease{passes: &passes, release: func() { releases++ }, collect: func(int) int { return 50 }}
	quiet := func(looks int) {
		for range looks {
			idle.look()
		}
	}
	var got []int
	for _, work := range []int64{0, 5, 0, 3} {
		passes.Add(work)
		idle.look()
		quiet(idleLooks - 1)
		got = append(got, releases)
		quiet(1)
		got = append(got, releases)
	}
	want := []int{0, 0, 0, 1, 1, 1, 1, 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("releases, just before the time and after it (-want +got):\n%s", diff)
	}
}

// TestBurst checks how much garbage there may be.
func TestBurst(t *testing.T) {
	tests := []struct {
		reason  string
		usual   int
		passes  int64
		during  int
		collect int // how often it is set
	}{
		{"much is done: the processor is what is short", 50, burstPasses, burstPercent, 2},
		{"little is done: nothing changes", 50, burstPasses - 1, 50, 0},
		{"more garbage is allowed anyway", 400, burstPasses, 400, 3},
		{"no garbage is collected at all", -1, burstPasses, -1, 3},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var passes atomic.Int64
			percent, set := test.usual, 0
			idle := &idleRelease{passes: &passes, release: func() {}, collect: func(to int) int {
				before := percent
				percent = to
				set++
				return before
			}}
			passes.Add(test.passes)
			idle.look()
			if percent != test.during {
				t.Errorf("%d %% during the work, want %d", percent, test.during)
			}
			for range idleLooks {
				idle.look()
			}
			if percent != test.usual || set != test.collect {
				t.Errorf("%d %% afterwards, set %d times, want %d, %d times", percent, set, test.usual, test.collect)
			}
		})
	}
}

// TestBurstEnds checks that a burst ends on a hub where something is always done.
func TestBurstEnds(t *testing.T) {
	var passes atomic.Int64
	percent := 50
	idle := &idleRelease{passes: &passes, release: func() { t.Error("memory is given back while something is done") }, collect: func(to int) int {
		before := percent
		percent = to
		return before
	}}
	passes.Add(burstPasses)
	idle.look()
	for i := range idleLooks {
		if percent != burstPercent {
			t.Errorf("%d %% after %d slow looks, want %d", percent, i, burstPercent)
		}
		passes.Add(1)
		idle.look()
	}
	if percent != 50 {
		t.Errorf("%d %% after the burst, want 50", percent)
	}
}
