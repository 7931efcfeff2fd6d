// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// isPending says that an evaluation goes on.
func isPending(err error) bool {
	var unavailable *sandbox.UnavailableError
	return errors.As(err, &unavailable) && unavailable.Pending
}

// TestPatience wants a caller to be kept for a moment alone, and the result of what goes on to be there when it is asked for again.
func TestPatience(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Patience: time.Millisecond, OnKill: told.add})
	run := func(text string) (map[string]any, error) {
		return s.Run(program.Source{Name: "some.cue", Text: text}, nil, []string{"output"})
	}
	if _, err := run("output: 1"); !isPending(err) {
		t.Fatalf("got %v before a worker can have started, want that it is pending", err)
	}
	eventually(t, "the result", func() bool {
		got, err := run("output: 1")
		if err != nil && !isPending(err) {
			t.Fatal(err)
		}
		return err == nil && cmp.Equal(map[string]any{"output": int64(1)}, got)
	})
	start := time.Now()
	for i := range 40 {
		if _, err := run(fmt.Sprintf("%s\n_i: %d", endless, i%4)); !isPending(err) {
			t.Fatalf("got %v of what comes to no end, want that it is pending", err)
		}
	}
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("callers of what comes to no end were kept for %s", took)
	}
	for i := range 4 {
		eventually(t, "a verdict", func() bool {
			_, err := run(fmt.Sprintf("%s\n_i: %d", endless, i))
			return !isPending(err) && err != nil && strings.HasPrefix(failure(err).Message, slow)
		})
	}
	if n := len(told.reasons()); n > 8 {
		t.Errorf("%d workers were ended for four requests", n)
	}
}
