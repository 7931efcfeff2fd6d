// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package filelock lets processes of one machine exclude each other by locking a file.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// poll is how often a busy lock is tried again. flock cannot be waited for with a context.
const poll = 500 * time.Millisecond

// Lock takes an exclusive lock on the file at path, creating it; busy is called once when somebody else holds it. The kernel
// releases the lock when its holder ends, however that happens, so there are no stale ones. The file itself stays: removing it
// would let two processes lock two files of one name.
func Lock(ctx context.Context, path string, busy func()) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := flock(ctx, f, busy); err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, errors.Join(err, f.Close()))
	}
	return func() { _ = f.Close() }, nil
}

func flock(ctx context.Context, f *os.File, busy func()) error {
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if first {
			busy()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}
