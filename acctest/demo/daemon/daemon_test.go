// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleEnv makes the test binary play the program that runs as a daemon.
const roleEnv = "FAIRLEAD_TEST_DAEMON"

const (
	roleObedient = "obedient"
	roleStubborn = "stubborn"
)

// patience is long enough for a busy machine. Nothing waits for it when all is well.
const patience = time.Minute

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case roleObedient:
		playObedient()
	case roleStubborn:
		signal.Ignore(syscall.SIGTERM)
		playObedient()
	default:
		os.Exit(m.Run())
	}
}

// playObedient says that it lives and goes on until a signal ends it.
func playObedient() {
	fmt.Println("alive")
	<-time.After(time.Hour)
}

func newDaemon(t *testing.T) Daemon {
	t.Helper()
	dir := t.TempDir()
	d := Daemon{PIDFile: filepath.Join(dir, "pid"), LogFile: filepath.Join(dir, "log")}
	t.Cleanup(func() {
		if err := d.Stop(context.Background(), time.Millisecond); err != nil {
			t.Errorf("stopping what the test left: %v", err)
		}
	})
	return d
}

// start starts the daemon in role and waits until it plays it.
func start(t *testing.T, d Daemon, role string) int {
	t.Helper()
	t.Setenv(roleEnv, role)
	if err := d.Start(os.Args[0]); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if log, err := os.ReadFile(d.LogFile); err == nil && strings.Contains(string(log), "alive") {
			return pidOf(t, d)
		}
		<-time.After(poll)
	}
	t.Fatal("the daemon does not say that it lives")
	return 0
}

func pidOf(t *testing.T, d Daemon) int {
	t.Helper()
	pid, err := d.PID()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestNoneRuns(t *testing.T) {
	d := newDaemon(t)
	if pid := pidOf(t, d); pid != 0 {
		t.Errorf("PID of a daemon that was never started: want 0, got %d", pid)
	}
	if err := d.Stop(t.Context(), patience); err != nil {
		t.Errorf("stopping a daemon that does not run: %v", err)
	}
}

func TestStartTwice(t *testing.T) {
	d := newDaemon(t)
	first := start(t, d, roleObedient)
	if err := d.Start(os.Args[0]); !errors.Is(err, ErrRunning) {
		t.Errorf("second start: want ErrRunning, got %v", err)
	}
	if pid := pidOf(t, d); pid != first || pid == 0 {
		t.Errorf("PID: want that of the first start, %d, got %d", first, pid)
	}
}

func TestStop(t *testing.T) {
	for _, role := range []string{roleObedient, roleStubborn} {
		t.Run(role, func(t *testing.T) {
			d := newDaemon(t)
			pid := start(t, d, role)
			grace := patience
			if role == roleStubborn {
				grace = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := d.Stop(ctx, grace); err != nil {
				t.Errorf("stopping process %d: %v", pid, err)
			}
			if left := pidOf(t, d); left != 0 {
				t.Errorf("process %d runs after Stop", left)
			}
		})
	}
}

// TestStartAfterCrash kills the daemon behind the back of its keeper: the file with its id stays and must not matter.
func TestStartAfterCrash(t *testing.T) {
	d := newDaemon(t)
	first := start(t, d, roleObedient)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); pidOf(t, d) != 0; {
		if time.Now().After(deadline) {
			t.Fatal("a killed daemon still counts as running")
		}
		<-time.After(poll)
	}
	if second := start(t, d, roleObedient); second == first {
		t.Errorf("the second daemon has the id of the first, %d", first)
	}
}

// TestLockedWithoutID is what a run leaves that is killed between starting the program and noting its id.
func TestLockedWithoutID(t *testing.T) {
	d := newDaemon(t)
	file, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.PID()
	if err == nil || !strings.Contains(err.Error(), d.PIDFile) {
		t.Errorf("PID: want an error that names %s, got %v", d.PIDFile, err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
