// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// loops takes as long as its parameter says.
const loops = "import \"list\"\n_r: list.Range(0, parameter.n, 1)\noutput: len([for a in _r for b in _r for c in _r if a+b+c < 0 {a}])"

func runLoops(s *sandbox.Sandbox, name string, n, i int) error {
	inputs := map[string]any{"parameter": map[string]any{"n": int64(n), "i": int64(i)}}
	_, err := s.Run(program.Source{Name: name, Text: loops}, inputs, []string{"output"})
	return err
}

// keepBusy has a source evaluated all the time until it is stopped.
func keepBusy(t *testing.T, s *sandbox.Sandbox, name string) (stop func()) {
	t.Helper()
	ended := make(chan struct{})
	var group sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(ended)
		group.Wait()
	})
	t.Cleanup(end)
	group.Go(func() {
		for i := 0; ; i++ {
			if err := runLoops(s, name, 4, i); err != nil {
				t.Errorf("request %d of %s: %v", i, name, err)
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	return end
}

// heldUp is how many of the workers that were ended so far a source was evaluated in.
func (k *kills) heldUp(name string) int {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	n := 0
	for _, one := range k.all {
		if slices.Contains(one.Sources, name) {
			n++
		}
	}
	return n
}

// TestStrangers wants what ends its worker when it is run for the first time to
// hold up nothing that was answered before.
func TestStrangers(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Deadline: 3 * time.Second, OnKill: told.add})
	if err := runLoops(s, "regular.cue", 1, 0); err != nil {
		t.Fatal(err)
	}
	stop := keepBusy(t, s, "regular.cue")
	for i := range 3 {
		deep := program.Source{Name: "hostile.cue", Text: fmt.Sprintf("a: %d\noutput: 1%s", i, strings.Repeat("+1", 100000))}
		for name, source := range map[string]program.Source{"sum": deep, "loops": {Name: "hostile.cue", Text: fmt.Sprintf("%s\n_i: %d", endless, i)}} {
			if _, err := s.Run(source, nil, []string{"output"}); failure(err) == nil {
				t.Errorf("%s %d: got %v, want a failure", name, i, err)
			}
		}
	}
	stop()
	if n := told.heldUp("hostile.cue"); n < 6 {
		t.Errorf("%d workers were ended because of what is hostile, want at least 6", n)
	}
	if n := told.heldUp("regular.cue"); n > 0 {
		t.Errorf("%d workers were ended while a source was evaluated in them that was answered before, want none", n)
	}
}

// TestStrangerAgain wants a source that ended the worker of all to be kept from
// the others from then on.
func TestStrangerAgain(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Deadline: 3 * time.Second, OnKill: told.add})
	for _, name := range []string{"regular.cue", "hostile.cue"} {
		if err := runLoops(s, name, 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	stop := keepBusy(t, s, "regular.cue")
	var before int
	for i := range 3 {
		if err := runLoops(s, "hostile.cue", 3000, i); failure(err) == nil {
			t.Errorf("%d: got %v, want a failure", i, err)
		}
		if i == 0 {
			before = told.heldUp("regular.cue")
		}
	}
	stop()
	if before > 1 {
		t.Errorf("the first time %d workers were ended while others were evaluated in them, want at most 1", before)
	}
	if after := told.heldUp("regular.cue"); after > before {
		t.Errorf("after that another %d workers were, want none", after-before)
	}
}
