// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

const (
	// lookEvery is how often it is looked how much is being done, and idleLooks after
	// how many looks at nothing memory is given back.
	lookEvery = time.Second
	idleLooks = 15
	// burstPasses between two looks are a burst of work.
	burstPasses = 20
	// burstPercent is how much garbage there may be during a burst, in percent of what
	// is in use: processor time is short then, and memory is given back afterwards.
	burstPercent = 100
)

// idleRelease collects less garbage during a burst of work, and gives the memory back
// that it took: the Go runtime would keep most of it, since it cannot know that no
// more work is to come.
type idleRelease struct {
	// passes counts what was reconciled.
	passes *atomic.Int64
	clock  clock.WithTicker
	// release collects garbage and gives free memory to the operating system.
	release func()
	// collect sets how much garbage there may be, as debug.SetGCPercent does, and returns what it was.
	collect func(percent int) int

	seen, released int64
	// still is how many looks saw nothing, and slow how many saw no burst.
	still, slow int
	// usual is how much garbage there may be outside of a burst; 0 outside of one.
	usual int
}

// NeedLeaderElection is false: caches are filled before a manager leads.
func (*idleRelease) NeedLeaderElection() bool { return false }

// Start looks what is being done, until ctx is done.
func (r *idleRelease) Start(ctx context.Context) error {
	return every(ctx, r.clock, lookEvery, r.look)
}

// every does something at an interval, until ctx is done.
func every(ctx context.Context, clock clock.WithTicker, interval time.Duration, do func()) error {
	ticker := clock.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			do()
		}
	}
}

// look releases memory when nothing was reconciled for a while, once after each
// burst of work.
func (r *idleRelease) look() {
	now := r.passes.Load()
	done := now - r.seen
	r.seen = now
	r.pace(done)
	if done > 0 {
		r.still = 0
		return
	}
	if r.still++; r.still < idleLooks || now == r.released {
		return
	}
	r.release()
	r.released = now
}

// pace ends a burst when little has been done for a while: what is never idle is not
// to keep what the burst needed.
func (r *idleRelease) pace(done int64) {
	if done >= burstPasses {
		r.slow = 0
		r.burst()
		return
	}
	if r.slow++; r.slow == idleLooks {
		r.rest()
	}
}

// burst spares the processor while much is done. Somebody who allows more garbage
// anyway, or wants none collected, is not overruled.
func (r *idleRelease) burst() {
	if r.usual != 0 {
		return
	}
	r.usual = r.collect(burstPercent)
	if r.usual < 0 || r.usual > burstPercent {
		r.collect(r.usual)
	}
}

// rest ends a burst.
func (r *idleRelease) rest() {
	if r.usual == 0 {
		return
	}
	r.collect(r.usual)
	r.usual = 0
}
