// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// describer describes sources, or fails to while it has a failure.
type describer struct {
	failure *program.Failure
	asked   int
}

func (d *describer) Run(program.Source, map[string]any, []string) (map[string]any, error) {
	return nil, &program.Failure{Message: "is not run"}
}

func (d *describer) Describe(source program.Source) (*program.Description, error) {
	d.asked++
	if d.failure != nil {
		return nil, d.failure
	}
	reads, err := program.New(source.Name, source.Text).Accesses("context")
	return &program.Description{Accesses: map[string][]program.Access{"context": reads}}, err
}

// blindHealth is a component type whose health feedback cannot judge.
func blindHealth() *definition.Definition {
	return &definition.Definition{Kind: definition.Component, Name: "c", HealthPolicy: `isHealth: len(context.output.status.list) == 2`}
}

// TestObservableIsKept checks that what is found out about a definition is kept
// with it, and only when it is known for good.
func TestObservableIsKept(t *testing.T) {
	tests := []struct {
		name, reason string
		failure      *program.Failure
		later        bool // what is said once there is no failure any more
	}{
		{"known", "a list's length does not come back", nil, false},
		{"temporary", "nothing was looked at, so that it says nothing about later", &program.Failure{Temporary: true}, false},
		{"ended", "a child was ended, and the next one need not be", &program.Failure{Ended: true}, false},
		{"broken", "what does not compile reads nothing, today as tomorrow", &program.Failure{Message: "no CUE"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			runner := &describer{failure: test.failure}
			d := blindHealth().In(runner)
			observable(d, definition.HealthPart)
			runner.failure = nil
			if got := observable(d, definition.HealthPart); got != test.later {
				t.Errorf("got %t, want %t, since %s", got, test.later, test.reason)
			}
			asked := runner.asked
			observable(d, definition.HealthPart)
			observable(d, definition.StatusPart)
			if runner.asked != asked {
				t.Errorf("was looked at again %d times", runner.asked-asked)
			}
		})
	}
}

// BenchmarkObservable asks what is known of a part.
func BenchmarkObservable(b *testing.B) {
	d := blindHealth()
	b.ReportAllocs()
	for b.Loop() {
		observable(d, definition.HealthPart)
	}
}
