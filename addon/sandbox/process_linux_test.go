// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// workers are the process IDs of this process's children.
func workers(t *testing.T) []int {
	t.Helper()
	return childrenOf(t, os.Getpid())
}

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, file := range files {
		// A thread may be gone by now.
		raw, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(raw)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, pid)
		}
	}
	return out
}

// TestIdle has a clock that stands still but for the test.
func TestIdle(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Now())
	s := newSandbox(t, sandbox.Options{Clock: clock})
	ask := func(i int) {
		// Each source is new, so that all are evaluated by the same worker.
		if _, err := s.Run(program.Source{Name: "test.cue", Text: fmt.Sprintf("a: %d", i)}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	ask(1)
	first := workers(t)
	if len(first) != 1 {
		t.Fatalf("got %d workers, want 1", len(first))
	}
	// The look at the worker that follows a request, and the start of the rest after it.
	clock.Step(time.Second)
	eventually(t, "the watch rests", clock.HasWaiters)
	clock.Step(20 * time.Second)
	ask(2)
	if diff := cmp.Diff(first, workers(t)); diff != "" {
		t.Errorf("The worker is used again before it was idle for long enough. -want +got:\n%s", diff)
	}
	eventually(t, "the worker goes", func() bool {
		clock.Step(10 * time.Second)
		return len(workers(t)) == 0
	})
	ask(3)
}

// TestOrphan wants a worker to go with its manager, whatever it is doing.
func TestOrphan(t *testing.T) {
	command := exec.Command(os.Args[0], manager)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var worker int
	eventually(t, "a worker that works", func() bool {
		all := childrenOf(t, command.Process.Pid)
		if len(all) == 1 {
			worker = all[0]
		}
		return len(all) == 1 && ticks(worker) > 5
	})
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It was killed, so there is an error.
	_ = command.Wait()
	eventually(t, "the worker is gone", func() bool { return !alive(worker) })
}

// alive says whether a process runs; one that only waits to be collected does not.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	return !strings.HasPrefix(after, "Z")
}

// leak opens a file as those are that a parent was started with: nothing closes
// it when another program is run. Its number is one that Go does not use by itself.
func leak(t *testing.T) int {
	t.Helper()
	const number = 500
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := syscall.Dup3(int(file.Fd()), number, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(number) })
	return number
}

// TestIsolation looks at a worker from outside.
func TestIsolation(t *testing.T) {
	t.Setenv("SECRET_OF_THE_MANAGER", "hunter2")
	leaky := leak(t)
	s := newSandbox(t, sandbox.Options{})
	if _, err := askInnocent(s, "x"); err != nil {
		t.Fatal(err)
	}
	pid := workers(t)[0]
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("GOTRACEBACK=none\x00", string(environment)); diff != "" {
		t.Errorf("environment: -want +got:\n%s", diff)
	}
	// The race detector leaves no room for a worker that confines itself.
	if _, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, leaky)); err == nil && !raceDetector {
		t.Errorf("file %d of the manager is open in the worker", leaky)
	}
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid {
		t.Errorf("process group %d (%v), want %d: its own", group, err, pid)
	}
	own, errOwn := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	theirs, errTheirs := syscall.Getpriority(syscall.PRIO_PROCESS, pid)
	if want := max(own-5, 1); errOwn != nil || errTheirs != nil || theirs != want {
		t.Errorf("priority %d (%v), want %d, which gives way to %d (%v)", theirs, errTheirs, want, own, errOwn)
	}
}
