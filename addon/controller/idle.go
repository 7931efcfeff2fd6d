// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// idleAfter is for how long nothing may have been reconciled before memory is given back.
const idleAfter = 15 * time.Second

// idleRelease gives the memory back that a burst of work took: the Go runtime would
// keep most of it, since it cannot know that no more work is to come.
type idleRelease struct {
	// passes counts what was reconciled.
	passes *atomic.Int64
	clock  clock.WithTicker
	// release collects garbage and gives free memory to the operating system.
	release func()

	seen, released int64
}

// NeedLeaderElection is false: caches are filled before a manager leads.
func (*idleRelease) NeedLeaderElection() bool { return false }

// Start looks whether nothing happens any more, until ctx is done.
func (r *idleRelease) Start(ctx context.Context) error {
	ticker := r.clock.NewTicker(idleAfter)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			r.look()
		}
	}
}

// look releases memory when nothing was reconciled since the last look, once after
// each burst of work.
func (r *idleRelease) look() {
	now := r.passes.Load()
	if now == r.seen && now != r.released {
		r.release()
		r.released = now
	}
	r.seen = now
}
