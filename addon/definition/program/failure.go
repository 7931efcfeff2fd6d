// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	stderrors "errors"
	"regexp"
	"slices"
	"sort"
	"strings"

	"cuelang.org/go/cue/errors"
)

// Failure says why an evaluation has no result. Its text holds no value that
// was put in, since such a value may be a secret.
type Failure struct {
	// Program is the name of the source.
	Program string
	// Path of the field that fails; empty when it is the source as a whole.
	Path []string
	// Message says what is wrong, in one line.
	Message string
	// Incomplete says that a value is missing, so that other inputs may give a result.
	Incomplete bool
	// Temporary says that nothing was evaluated: trying again may help.
	Temporary bool
	// Ended says that the evaluation was ended, since it took more than it may.
	Ended bool
}

// Error is where and what.
func (f *Failure) Error() string {
	if len(f.Path) == 0 {
		return f.Message
	}
	return strings.Join(f.Path, ".") + ": " + f.Message
}

// named are the beginnings of CUE's messages whose arguments are names or types, never values.
var named = []string{
	"undefined field", "field not allowed", "field is required", "reference ", "import ",
	"builtin package", "expected ", "missing ", "non-concrete value", "package ", "imported and not used", "illegal ", "invalid character",
}

var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

// typeOnly is a message whose value is but a type.
var typeOnly = regexp.MustCompile(`^incomplete value (string|int|number|float|bool|bytes|_|\[\.\.\.\]|\{\}|[|() ])+$`)

// failure is the first of CUE's errors, by path and message, as a *Failure.
func (p *Program) failure(err error) *Failure {
	var f *Failure
	if stderrors.As(err, &f) {
		f.Program = p.name
		return f
	}
	var incomplete *evaluationError
	stderrors.As(err, &incomplete)
	all := errors.Errors(err)
	sort.SliceStable(all, func(i, j int) bool { return sortKey(all[i]) < sortKey(all[j]) })
	if len(all) == 0 {
		return &Failure{Program: p.name, Message: "the evaluation failed"}
	}
	return &Failure{
		Program:    p.name,
		Path:       unquoted(all[0].Path()),
		Message:    message(all[0]),
		Incomplete: incomplete != nil && incomplete.incomplete || !slices.ContainsFunc(all, isComplete),
	}
}

// isComplete says that an error is not for want of an item: a list that is read
// by an index may have more items another time.
func isComplete(e errors.Error) bool {
	format, _ := e.Msg()
	return !strings.HasPrefix(format, "index out of range")
}

func sortKey(e errors.Error) string {
	format, _ := e.Msg()
	return strings.Join(e.Path(), ".") + "\x00" + format
}

// message is CUE's text with the values in it left out.
func message(e errors.Error) string {
	format, _ := e.Msg()
	if whole := oneLine(text(e)); typeOnly.MatchString(whole) {
		return whole
	}
	for _, prefix := range named {
		if strings.HasPrefix(format, prefix) {
			return oneLine(text(e))
		}
	}
	return oneLine(verb.ReplaceAllString(format, "..."))
}

// text is the message of an error itself, without those that it wraps.
func text(e errors.Error) string {
	format, args := e.Msg()
	return errors.Newf(e.Position(), format, args...).Error()
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}

func unquoted(path []string) []string {
	out := make([]string, len(path))
	for i, s := range path {
		out[i] = strings.Trim(s, "\"")
	}
	return out
}
