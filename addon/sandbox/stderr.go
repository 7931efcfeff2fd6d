// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"strings"
	"sync"
)

const (
	// headSize and tailSize are how much is kept of the beginning and the end of
	// what a child writes to its standard error. Go says at the beginning why it
	// gives up, and then shows all its goroutines.
	headSize = 1 << 10
	tailSize = 3 << 10
)

// excerpt keeps the first and the last bytes that are written to it.
type excerpt struct {
	mutex sync.Mutex
	head  []byte
	kept  []byte
}

// Write takes everything.
func (t *excerpt) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	first := min(len(p), headSize-len(t.head))
	t.head = append(t.head, p[:first]...)
	rest := p[first:]
	t.kept = append(t.kept, rest[max(0, len(rest)-tailSize):]...)
	if excess := len(t.kept) - tailSize; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(p), nil
}

// String is what is kept.
func (t *excerpt) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(t.head) + string(t.kept)
}

// crash says what Go ended a process for.
type crash int

const (
	crashUnknown crash = iota
	crashStack
	crashMemory
)

// crashOf reads the cause out of what Go writes when it gives up.
func crashOf(stderr string) crash {
	switch {
	case strings.Contains(stderr, "stack overflow"), strings.Contains(stderr, "goroutine stack exceeds"):
		return crashStack
	case strings.Contains(stderr, "out of memory"), strings.Contains(stderr, "cannot allocate memory"):
		return crashMemory
	}
	return crashUnknown
}
