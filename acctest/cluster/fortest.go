// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testStartTimeout bounds a start in tests. It leaves room for building the tools from an empty cache.
const testStartTimeout = 45 * time.Minute

// ForTest starts an environment for a test, or for all tests of a package when t is the one that others run under. It is torn
// down when t ends, also by Ctrl-C. When t fails, the ends of the logs are printed.
func ForTest(t testing.TB, o Options) *Env {
	t.Helper()
	if o.Log == nil {
		o.Log = os.Stderr
	}
	ctx, cancel := context.WithTimeout(t.Context(), testStartTimeout)
	defer cancel()
	e, err := Start(ctx, o)
	if err != nil {
		t.Fatalf("starting clusters: %v", err)
	}
	stopWatching := closeOnSignal(e)
	t.Cleanup(func() {
		stopWatching()
		if t.Failed() {
			e.printLogs(t)
		}
		if err := e.Err(); err != nil {
			t.Errorf("the clusters broke during the test: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("closing clusters: %v", err)
		}
	})
	return e
}

// printLogs writes the end of every log to that of the test.
func (e *Env) printLogs(t testing.TB) {
	t.Helper()
	for _, p := range e.Processes() {
		t.Logf("%s (process %d, running: %t)%s", p.Name, p.PID(), p.Running(), p.tail())
	}
}

// closeOnSignal closes e when the process is asked to end, and then ends it in the way it was asked to. The returned function
// takes that back.
func closeOnSignal(e *Env) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
		case s := <-signals:
			_ = e.Close()
			signal.Stop(signals)
			signal.Reset(s)
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal)) //nolint:forcetypeassert // that is what signals are here
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
	})
}
