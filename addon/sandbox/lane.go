// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"sync/atomic"
	"time"
)

const (
	// slowAge parts suspects: most requests are done long before, so whoever had
	// run for longer is more likely to be to blame.
	slowAge = 500 * time.Millisecond
	// fastDeadline is how long a suspect may keep others waiting that were
	// likely just there at the wrong time.
	fastDeadline = time.Second
)

// lane runs suspects one after the other, each alone in a child. The child is
// used again while it does well and somebody waits.
type lane struct {
	slot    chan *child
	waiting atomic.Int32
}

func newLane() *lane {
	l := &lane{slot: make(chan *child, 1)}
	l.slot <- nil
	return l
}

// retryAlone finds out whether a suspect is to blame. Those that look innocent
// do not wait for those that do not. The time that it has had already counts, so
// that its application learns of it soon; a second is more than almost any needs.
func (s *Sandbox) retryAlone(t *task, age time.Duration) outcome {
	if age < slowAge && fastDeadline < s.options.Deadline {
		if out := s.alone(s.fast, t, fastDeadline); out.fate != overdue {
			return out
		}
		age += fastDeadline
	}
	left := min(s.options.Deadline, max(fastDeadline, s.options.Deadline+fastDeadline-age))
	return s.alone(s.slow, t, left)
}

// alone runs a task in a child that runs nothing else.
func (s *Sandbox) alone(l *lane, t *task, deadline time.Duration) outcome {
	l.waiting.Add(1)
	var c *child
	select {
	case c = <-l.slot:
		l.waiting.Add(-1)
	case <-s.closing:
		l.waiting.Add(-1)
		return outcome{fate: closed}
	}
	defer func() { l.slot <- c }()
	out := outcome{fate: unsent}
	for try := 0; out.fate == unsent && try < maxTries; try++ {
		if c == nil || !c.usable() {
			c = s.spawn()
		}
		if c == nil {
			return outcome{fate: closed}
		}
		out = c.ask(t, deadline)
	}
	if out.fate == answered && l.waiting.Load() > 0 && !c.isSwollen(residentMemory(c.command.Process.Pid)) {
		return out
	}
	c.kill(endRetired)
	<-c.gone
	c = nil
	return out
}
