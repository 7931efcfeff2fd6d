// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// startTime returns the boot of the machine and the clock ticks from there to the start of the process.
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", errNoProcess
	}
	if err != nil {
		return "", fmt.Errorf("reading about process %d: %w", pid, err)
	}
	state, ticks, err := parseStat(stat)
	if err != nil {
		return "", fmt.Errorf("reading about process %d: %w", pid, err)
	}
	if state == "Z" || state == "X" {
		return "", errNoProcess
	}
	boot, err := bootID()
	if err != nil {
		return "", err
	}
	return boot + "/" + ticks, nil
}

// parseStat returns the state and the start time, fields 3 and 22 of /proc/PID/stat as proc(5) numbers them. The second field
// is the name of the program in parentheses, which may itself contain spaces and parentheses.
func parseStat(stat []byte) (state, ticks string, err error) {
	const afterName, startField = 3, 22
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return "", "", fmt.Errorf("unexpected form of the stat file: %q", stat)
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) <= startField-afterName {
		return "", "", fmt.Errorf("unexpected form of the stat file: %q", stat)
	}
	return fields[0], fields[startField-afterName], nil
}

// bootID identifies the running boot of the machine: ticks and ids start over at the next one.
var bootID = sync.OnceValues(func() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the id of the machine's boot: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
})

// sysProcAttr puts a process into a session of its own, so that Ctrl-C at a terminal reaches only who started it. Unless it is
// detached it ends with the thread that started it; see spawner.
func sysProcAttr(detached bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if !detached {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}
