// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import "runtime/debug"

// maxStack ends recursion without end long before it has eaten the memory.
const maxStack = 32 << 20

// confine limits the process as far as Go itself can.
func confine(l Limits) error {
	debug.SetMaxStack(maxStack)
	if l.Memory > 0 {
		debug.SetMemoryLimit(l.Memory)
	}
	return nil
}

// yield leaves the priority of a process as it is.
func yield(int) {}

// residentMemory is not known here: the deadline alone ends a worker.
func residentMemory(int) int64 { return 0 }
