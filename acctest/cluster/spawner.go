// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import "runtime"

// spawner starts processes from one thread that lives as long as it does. Linux ends a process that asked to end with its
// parent when the *thread* that started it ends, and the Go runtime ends threads at will, unless a goroutine is locked to one.
type spawner struct {
	jobs chan func()
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

// run calls start on the spawner's thread.
func (s *spawner) run(start func() error) error {
	result := make(chan error, 1)
	s.jobs <- func() { result <- start() }
	return <-result
}

// close ends the spawner; nothing may be started after it.
func (s *spawner) close() { close(s.jobs) }
