// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"time"
)

const (
	// pollFast is the interval for conditions that are cheap to look at.
	pollFast = 20 * time.Millisecond
	// pollRequest is the interval for conditions that cost a request; two cores are busy starting everything meanwhile.
	pollRequest = 150 * time.Millisecond
)

// waitFor calls check at every interval until it returns nil. When ctx ends first, the error says what was waited for and what
// check said last.
func waitFor(ctx context.Context, what string, interval time.Duration, check func(context.Context) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			if last == nil {
				return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
			}
			return fmt.Errorf("waiting for %s: %w (last seen: %w)", what, context.Cause(ctx), last)
		case <-timer.C:
		}
		if err := check(ctx); err != nil {
			if ctx.Err() == nil {
				last = err
			}
			timer.Reset(interval)
			continue
		}
		return nil
	}
}
