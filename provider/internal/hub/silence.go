// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"sync"
	"time"
)

const (
	// slowFailure is how long a request must have got no answer for others to
	// be spared the same wait.
	slowFailure = 5 * time.Second
	// silenceSpan is how long they are spared it.
	silenceSpan = 10 * time.Second
)

// silence remembers that the hub did not answer, so that a plan of hundreds of
// objects on a hub that is away takes as long as one of them. A connection that
// is refused at once is not remembered: asking again costs nothing.
type silence struct {
	mutex sync.Mutex
	until time.Time
	err   error
}

// broken returns the failure that is still remembered at that time, nil if none is.
func (s *silence) broken(now time.Time) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if now.Before(s.until) {
		return s.err
	}
	return nil
}

// unlessSilent asks the hub, unless it is remembered not to answer.
func (c *Client) unlessSilent(ctx context.Context, ask func() error) error {
	began := time.Now()
	if err := c.silence.broken(began); err != nil {
		return err
	}
	err := ask()
	// That the caller has no more time says nothing of the hub.
	if ctx.Err() == nil {
		c.silence.note(err, began, time.Now())
	}
	return err
}

// note remembers err if it was a long wait for nothing.
func (s *silence) note(err error, began, now time.Time) {
	if ReasonOf(err) != Unreachable || now.Sub(began) < slowFailure {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.until, s.err = now.Add(silenceSpan), err
}
