// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "time"

// stall is how much later than planned a look at the child is when the machine
// itself stood still. That time is nobody's fault.
const stall = 300 * time.Millisecond

// watch ends the child when it does not get ready, when a request is past its
// deadline, when its memory is above the limit, or when nothing was asked of it
// for a while.
func (c *child) watch() {
	if !c.awaitReady() {
		return
	}
	for c.rest() {
		for busy := true; busy; busy = c.inspect() {
			before := c.clock.Now()
			if !c.pause(poll) {
				return
			}
			if lost := c.clock.Since(before) - poll; lost > stall {
				c.forgive(lost)
			}
		}
	}
}

func (c *child) awaitReady() bool {
	timer := c.clock.NewTimer(startup)
	defer timer.Stop()
	select {
	case <-c.ready:
		return true
	case <-timer.C():
		c.kill(endStart)
	case <-c.gone:
	}
	return false
}

// rest waits for a request, and says whether there is one.
func (c *child) rest() bool {
	timer := c.clock.NewTimer(c.options.Idle)
	defer timer.Stop()
	select {
	case <-c.wake:
		return true
	case <-timer.C():
		return !c.retire()
	case <-c.gone:
		return false
	}
}

// pause says whether the child is still there after it.
func (c *child) pause(d time.Duration) bool {
	timer := c.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-c.gone:
		return false
	}
}

// retire ends the child if it has nothing to do.
func (c *child) retire() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.pending) > 0 {
		return false
	}
	c.killLocked(endRetired)
	return true
}

// forgive gives all requests more time.
func (c *child) forgive(lost time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, waiting := range c.pending {
		waiting.started = waiting.started.Add(lost)
	}
}

// inspect ends the child if it must end, and says whether it is busy.
func (c *child) inspect() bool {
	resident := residentMemory(c.command.Process.Pid)
	now := c.clock.Now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.end != endNone {
		return true
	}
	busy, late := len(c.pending) > 0, false
	for _, waiting := range c.pending {
		waiting.overdue = now.Sub(waiting.started) >= waiting.deadline
		late = late || waiting.overdue
	}
	switch limit := c.options.MemoryLimit; {
	case late:
		c.killLocked(endDeadline)
	case busy && limit > 0 && resident > limit:
		c.killLocked(endMemory)
	case !busy && c.isSwollen(resident):
		// The next request is not to be blamed for what earlier ones left.
		c.killLocked(endRetired)
	}
	return busy
}

// isSwollen says whether so much memory is taken that too little is left for a request.
func (c *child) isSwollen(resident int64) bool {
	return c.options.MemoryLimit > 0 && resident > c.options.MemoryLimit/4*3
}
