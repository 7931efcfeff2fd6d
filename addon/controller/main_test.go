// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// worker is the argument that makes this test binary evaluate definitions, as
// render-worker does the addon's.
const worker = "render-worker"

func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != worker {
		os.Exit(m.Run())
	}
	if err := work(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// work serves without the limits that a worker sets itself: the race detector
// maps more memory than any. What they hold back is tested with the sandbox.
func work(argument string) error {
	limits, err := sandbox.ParseLimits(argument)
	if err != nil {
		return err
	}
	return sandbox.Serve(context.Background(), os.Stdin, os.Stdout, definition.NewEvaluator(16), limits)
}

// newRunner is the sandbox as a manager has it.
func newRunner(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	runner, err := sandbox.New(sandbox.Options{MemoryLimit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return runner
}
