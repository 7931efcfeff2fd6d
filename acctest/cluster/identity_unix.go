// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package cluster

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// startTime returns when the process started and what it runs, as ps prints it.
func startTime(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=,comm=", "-p", strconv.Itoa(pid)).Output()
	state, rest, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if state == "" || strings.HasPrefix(state, "Z") {
		return "", errNoProcess
	}
	if err != nil {
		return "", fmt.Errorf("reading about process %d: %w", pid, err)
	}
	return strings.TrimSpace(rest), nil
}

// sysProcAttr puts a process into a session of its own, so that Ctrl-C at a terminal reaches only who started it.
func sysProcAttr(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
