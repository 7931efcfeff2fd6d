// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
)

const (
	// maxStack ends recursion without end long before it has eaten the memory.
	maxStack = 32 << 20
	// binaryMemory is how much of the resident memory the binary itself takes,
	// which Go's own limit does not count.
	binaryMemory = 64 << 20
)

// confine limits the process it runs in. What is not allowed is left out where
// the parent's watch suffices.
func confine(l Limits) error {
	// A core dump would hold values, which may be secrets.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if err := closeInherited(); err != nil {
		return err
	}
	debug.SetMaxStack(maxStack)
	if l.Memory == 0 {
		return nil
	}
	debug.SetMemoryLimit(max(l.Memory-binaryMemory, l.Memory/2))
	mapped, err := statm(os.Getpid(), statmData)
	if err != nil {
		return err
	}
	// Go has mapped much more than it uses, so the limit counts from there.
	data := uint64(mapped + l.Memory) //nolint:gosec // neither is negative
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: data, Max: data}); err != nil {
		return fmt.Errorf("limit the memory to %d bytes: %w", data, err)
	}
	// When memory is short the kernel is to take the worker, not the manager.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	return nil
}

// closeInherited closes the files that whoever started the parent left open in
// it. Go marks all files of its own to be closed when another program is run.
func closeInherited() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list the open files: %w", err)
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= int(os.Stderr.Fd()) {
			continue
		}
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC != 0 {
			continue
		}
		if err := syscall.Close(fd); err != nil {
			return fmt.Errorf("close inherited file %d: %w", fd, err)
		}
	}
	return nil
}

// attributes make the process a group of its own, which ends with its parent.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// yieldBy is how much lower than the parent's the priority of a worker is, and
// niceZero what Linux counts priorities down from.
const (
	yieldBy  = 5
	niceZero = 20
	niceMost = 19
)

// yield lets a process that has just been started give way to its parent where
// both want the processor. That it cannot be is no reason to do without it.
func yield(pid int) {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return
	}
	_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, min(niceZero-own+yieldBy, niceMost))
}

// residentMemory is the resident memory of a process in bytes; 0 when it is not known.
func residentMemory(pid int) int64 {
	bytes, err := statm(pid, statmResident)
	if err != nil {
		return 0
	}
	return bytes
}

// Columns of /proc/PID/statm.
const (
	statmResident = 1
	statmData     = 5
)

func statm(pid, column int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/statm", pid)
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the memory of a process: %w", err)
	}
	fields := bytes.Fields(raw)
	if len(fields) <= column {
		return 0, fmt.Errorf("%s has %d fields, want at least %d", path, len(fields), column+1)
	}
	pages, err := strconv.ParseInt(string(fields[column]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return pages * int64(os.Getpagesize()), nil
}
