// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// testTimeout bounds each wait of a test; what is waited for takes a few seconds on a quiet machine.
const testTimeout = 2 * time.Minute

// startAndKill starts a hub in another process, kills that process the hard way and returns the ids of what it started.
func startAndKill(t *testing.T, dir string, detached bool) []identity {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	if detached {
		child.Env = append(child.Env, childDetached+"=1")
	}
	ids := startChild(t, child, dir)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	return ids
}

// startChild starts another process and returns, once it is ready, the ids of what it started in dir.
func startChild(t *testing.T, child *exec.Cmd, dir string) []identity {
	t.Helper()
	child.Stderr = t.Output()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
		if err := StopDir(dir); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != childReady {
		t.Fatalf("the other process does not start a hub: %q, %v", lines.Text(), lines.Err())
	}
	records, err := readRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]identity, 0, len(records))
	for _, r := range records {
		ids = append(ids, r.identity)
	}
	return ids
}

func living(ids []identity) int {
	return len(slices.DeleteFunc(slices.Clone(ids), func(id identity) bool { return !id.alive() }))
}

func TestStopDirAfterKilledParent(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	dir := filepath.Join(t.TempDir(), "env")
	ids := startAndKill(t, dir, true)
	if living(ids) != len(ids) || len(ids) < 5 {
		t.Fatalf("detached processes outlive who started them: %d of %d live", living(ids), len(ids))
	}

	e, err := Attach(dir)
	if err != nil {
		t.Fatalf("attaching to what another process started: %v", err)
	}
	checkUsable(t, e.Hub())
	if err := e.Process("hub/kwok").Restart(t.Context()); err != nil {
		t.Errorf("restarting a process that another one started: %v", err)
	}
	e.spawner.close()

	if err := StopDir(dir); err != nil {
		t.Fatal(err)
	}
	if n := living(ids); n > 0 {
		t.Errorf("%d processes live after StopDir", n)
	}
	if exists(dir) {
		t.Error("the folder that was made for them is left")
	}
	if _, err := Attach(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("attaching to what was stopped: got %v, want %v", err, ErrNotRunning)
	}
}

func TestStartClearsWhatCrashedRunLeft(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	dir := filepath.Join(t.TempDir(), "env")
	ids := startAndKill(t, dir, false)
	if runtime.GOOS == "linux" {
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		err := waitFor(ctx, "processes to end with who started them", pollFast, func(context.Context) error {
			if living(ids) > 0 {
				return errors.New("some live")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	dirs, err := Dirs()
	if err != nil || !slices.Contains(dirs, dir) {
		t.Fatalf("what a crashed run left is listed: got %v, %v", dirs, err)
	}
	// This is what Start does first.
	if err := stopAbandoned(); err != nil {
		t.Fatal(err)
	}
	if n := living(ids); n > 0 || exists(dir) {
		t.Errorf("%d processes live, folder there: %t", n, exists(dir))
	}
}

// TestChildOfSignalTest is the other process of TestInterruptedTestCleansUp.
func TestChildOfSignalTest(t *testing.T) {
	dir := os.Getenv(childTest)
	if dir == "" {
		t.Skip("runs only as a process that TestInterruptedTestCleansUp starts")
	}
	ForTest(t, Options{Dir: dir})
	fmt.Println(childReady)
	select {}
}

func TestInterruptedTestCleansUp(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	dir := filepath.Join(t.TempDir(), "env")
	child := exec.Command(os.Args[0], "-test.run=^TestChildOfSignalTest$")
	child.Env = append(os.Environ(), childTest+"="+dir)
	ids := startChild(t, child, dir)
	if err := child.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := child.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("an interrupted test ends by the signal: got %v", err)
	}
	if n := living(ids); n > 0 || exists(dir) {
		t.Errorf("after the signal %d processes live, folder there: %t", n, exists(dir))
	}
}
