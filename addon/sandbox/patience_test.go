// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
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

// TestSameTaskAtOnce wants callers that ask for the same at the same time to have results of their own: each changes what it gets.
func TestSameTaskAtOnce(t *testing.T) {
	s := newSandbox(t, sandbox.Options{Patience: time.Minute})
	const callers = 16
	start := make(chan struct{})
	results := make([]map[string]any, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			<-start
			got, err := s.Run(program.Source{Name: "same.cue", Text: "output: {a: b: 1, list: [{c: 2}]}"}, nil, []string{"output"})
			if err != nil {
				t.Error(err)
				return
			}
			output := got["output"].(map[string]any)
			output["a"].(map[string]any)["mine"] = i
			output["list"].([]any)[0].(map[string]any)["mine"] = i
			results[i] = output
		})
	}
	close(start)
	group.Wait()
	for i, got := range results {
		want := map[string]any{"a": map[string]any{"b": int64(1), "mine": i}, "list": []any{map[string]any{"c": int64(2), "mine": i}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("caller %d (-want +got):\n%s", i, diff)
		}
	}
}
