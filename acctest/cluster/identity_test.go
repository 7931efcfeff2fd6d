// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
)

// sleeper starts a process that does nothing and returns its identity.
func sleeper(t *testing.T) identity {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = sysProcAttr(true)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestReusedProcessIDIsNeverSignalled(t *testing.T) {
	id := sleeper(t)
	// The file of a process that had this id before.
	earlier := identity{PID: id.PID, Start: "an earlier time"}

	if earlier.alive() {
		t.Error("a process with the same id and another start time is another process")
	}
	if err := earlier.signal(syscall.SIGKILL); !errors.Is(err, errNoProcess) {
		t.Errorf("signalling it: got %v, want %v", err, errNoProcess)
	}
	if err := earlier.kill(); err != nil {
		t.Errorf("killing it does nothing: got %v", err)
	}
	if !id.alive() {
		t.Error("the process that has the id now was signalled")
	}
}

func TestSignalsReachTheProcess(t *testing.T) {
	id := sleeper(t)
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := id.signal(sig); err != nil {
			t.Errorf("%s: %v", sig, err)
		}
		if !id.alive() {
			t.Errorf("%s ended the process", sig)
		}
	}
	if err := id.kill(); err != nil || id.alive() {
		t.Errorf("kill: %v, alive: %t", err, id.alive())
	}
}

func TestIdentityOfNobody(t *testing.T) {
	for _, pid := range []int{0, -1} {
		if (identity{PID: pid}).alive() {
			t.Errorf("id %d stands for groups, not for a process", pid)
		}
	}
	me, err := self()
	if err != nil || !me.alive() {
		t.Errorf("the test itself: %v, alive: %t", err, me.alive())
	}
}
