// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

const (
	// refusedFor is how long what ended a child is not tried again: an
	// application is reconciled more often than that.
	refusedFor = 10 * time.Minute
	// maxRefused bounds how many of them are remembered.
	maxRefused = 1024
)

// refusals remembers what ended a child.
type refusals struct {
	clock clock.PassiveClock
	known *lru.Cache
}

type refused struct {
	failure *program.Failure
	until   time.Time
}

func newRefusals(c clock.PassiveClock) *refusals {
	return &refusals{clock: c, known: lru.New(maxRefused)}
}

func (r *refusals) add(key string, f *program.Failure) {
	r.known.Add(key, refused{failure: f, until: r.clock.Now().Add(refusedFor)})
}

// get is the failure that a task had not long ago, nil without one.
func (r *refusals) get(key string) *program.Failure {
	known, ok := r.known.Get(key)
	if !ok {
		return nil
	}
	entry, ok := known.(refused)
	if !ok || !r.clock.Now().Before(entry.until) {
		r.known.Remove(key)
		return nil
	}
	f := *entry.failure
	return &f
}
