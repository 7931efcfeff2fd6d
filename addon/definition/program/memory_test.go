// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// faulty is a runner that fails the first time.
type faulty struct {
	failure *program.Failure
	runs    int
}

func (f *faulty) Run(program.Source, map[string]any, []string) (map[string]any, error) {
	f.runs++
	if f.runs == 1 {
		return nil, fmt.Errorf("run it: %w", f.failure)
	}
	return map[string]any{"isHealth": true}, nil
}

func (f *faulty) Describe(program.Source) (*program.Description, error) {
	return &program.Description{}, nil
}

func TestRecallOfFailures(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		failure      program.Failure
		runs         int
	}{
		{"wrong", "the same inputs fail again", program.Failure{Message: "conflicting values"}, 1},
		{"temporary", "what was not evaluated is tried again", program.Failure{Message: "not now", Temporary: true}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			runner := &faulty{failure: &test.failure}
			p := program.NewIn(runner, "health", "isHealth: true")
			if _, err := p.Recall(nil, "isHealth"); err == nil {
				t.Fatal("got no error of a runner that fails")
			}
			_, _ = p.Recall(nil, "isHealth")
			if diff := cmp.Diff(test.runs, runner.runs); diff != "" {
				t.Errorf("runs, since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
