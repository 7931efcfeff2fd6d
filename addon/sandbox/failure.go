// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// UnavailableError says that the sandbox itself failed, not the definition:
// trying again may help. It wraps a *program.Failure, as every error of a
// program.Runner does.
type UnavailableError struct {
	failure *program.Failure
	// Pending says that the evaluation is under way.
	Pending bool
}

// Error is the failure's text.
func (e *UnavailableError) Error() string { return e.failure.Error() }

// Unwrap is the failure.
func (e *UnavailableError) Unwrap() error { return e.failure }

func unavailable(name, why string) error {
	return &UnavailableError{failure: &program.Failure{Program: name, Temporary: true, Message: "definitions cannot be evaluated now: " + why}}
}

// pending is the error of what is not waited for any longer.
func pending(name string) error {
	return &UnavailableError{Pending: true, failure: &program.Failure{Program: name, Temporary: true, Message: "the definition is being evaluated"}}
}

// refusedInputs says why inputs are not evaluated.
func refusedInputs(name string, err error, l Limits) *program.Failure {
	switch {
	case errors.Is(err, errTooDeep):
		return &program.Failure{Program: name, Message: fmt.Sprintf(
			"the parameters nest deeper than %d levels, which is the most that is allowed; flatten them", maxDepth)}
	case errors.Is(err, errTooLarge):
		return &program.Failure{Program: name, Message: fmt.Sprintf(
			"the definition and its parameters are larger than %s, which is the most that is allowed; make them smaller", size(int64(l.MaxRequest)))}
	}
	return &program.Failure{Program: name, Message: "an input has no JSON form"}
}

// refusedResponse says why a result is not taken.
func refusedResponse(name string, err error, l Limits) *program.Failure {
	switch {
	case errors.Is(err, errTooDeep):
		return &program.Failure{Program: name, Message: fmt.Sprintf(
			"the definition gives a result that nests deeper than %d levels, which is the most that is allowed", maxDepth)}
	case errors.Is(err, errTooMany):
		return &program.Failure{Program: name, Message: fmt.Sprintf(
			"the definition gives a result of more than %d values, which is the most that is allowed; let it give fewer or smaller objects", maxValues)}
	case errors.Is(err, errTooLarge):
		return &program.Failure{Program: name, Message: fmt.Sprintf(
			"the definition gives a result of more than %s, which is the most that is allowed; let it give fewer or smaller objects", size(int64(l.MaxResponse)))}
	}
	return &program.Failure{Program: name, Message: "the result has no JSON form"}
}

// tooSlow is the failure of what did not end in time.
func tooSlow(name string, deadline time.Duration) *program.Failure {
	return &program.Failure{Program: name, Ended: true, Message: fmt.Sprintf("the definition took longer than %s to evaluate; "+
		"use fewer nested loops and disjunctions in it, or give it smaller parameters", seconds(deadline))}
}

// tooLarge is the failure of what needed too much memory.
func tooLarge(name string, limit int64) *program.Failure {
	return &program.Failure{Program: name, Ended: true, Message: fmt.Sprintf("the definition needed more than %s of memory; "+
		"build smaller lists and strings in it, or give it smaller parameters", size(limit))}
}

// crashed is the failure of what ended its process. Only fixed words come from
// what the process wrote, which may hold values.
func crashed(name string, c crash, limit int64) *program.Failure {
	switch c {
	case crashStack:
		return &program.Failure{Program: name, Ended: true, Message: "the definition nests or recurses too deeply to be evaluated; " +
			"use shorter expressions in it, and no recursion that grows with its parameters"}
	case crashMemory:
		return tooLarge(name, limit)
	}
	return &program.Failure{Program: name, Ended: true, Message: "the process that evaluated the definition ended early, twice; " +
		"use fewer nested loops and smaller lists in it, or give it smaller parameters"}
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%g s", d.Seconds())
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
