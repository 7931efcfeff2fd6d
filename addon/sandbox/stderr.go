// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"strings"
	"sync"
)

// tailSize is how much is kept of what a child writes to its standard error.
const tailSize = 4 << 10

// tail keeps the last bytes that are written to it.
type tail struct {
	mutex sync.Mutex
	kept  []byte
}

// Write takes everything.
func (t *tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-tailSize):]...)
	if excess := len(t.kept) - tailSize; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(p), nil
}

// String is what is kept.
func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(t.kept)
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
