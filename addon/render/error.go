// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// The reasons of errors, each in one word, fit for a condition.
const (
	// ReasonUnknownType is a type of component or trait that does not exist.
	ReasonUnknownType = "UnknownType"
	// ReasonInvalidName is a name that Kubernetes would refuse.
	ReasonInvalidName = "InvalidName"
	// ReasonInvalidProperties is a set of properties that the definition does not take.
	ReasonInvalidProperties = "InvalidProperties"
	// ReasonUnknownValue is a property that is not known yet.
	ReasonUnknownValue = "UnknownValue"
	// ReasonNotApplicable is a trait on a component that it is not for.
	ReasonNotApplicable = "NotApplicable"
	// ReasonConflict is a trait beside another that it excludes.
	ReasonConflict = "TraitConflict"
	// ReasonRefused is what a definition itself refuses, by errs.
	ReasonRefused = "Refused"
	// ReasonTemplateFailed is a template that gives no result for these properties.
	ReasonTemplateFailed = "TemplateFailed"
	// ReasonPatchFailed is a patch that does not fit what it changes.
	ReasonPatchFailed = "PatchFailed"
	// ReasonInvalidObject is a rendered object that Kubernetes would refuse.
	ReasonInvalidObject = "InvalidObject"
)

// maxFindings bounds how many findings the text of an error holds.
const maxFindings = 8

// Error says why a component cannot be rendered. It holds no values of properties.
type Error struct {
	// Component is the name of the component.
	Component string
	// Path of the field that is at fault, such as components.web.properties.image.
	Path string
	// Reason in one word.
	Reason string
	// Message says what is wrong and what to do.
	Message string
	// Findings are what is wrong with the properties, if that is the cause.
	Findings []definition.Finding
	// Cause is what a template failed with; nil for other errors.
	Cause error
}

// Unwrap is the cause, so that a failure of the machine can be told from one of the template.
func (e *Error) Unwrap() error { return e.Cause }

// Error is the path and the message, or all findings in a line.
func (e *Error) Error() string {
	if len(e.Findings) == 0 {
		return e.Path + ": " + e.Message
	}
	var all []string
	for i, f := range e.Findings {
		if i == maxFindings {
			all = append(all, fmt.Sprintf("and %d more", len(e.Findings)-maxFindings))
			break
		}
		all = append(all, f.String())
	}
	return strings.Join(all, "; ")
}

// invalid is the error of properties that the definition does not take.
func invalid(c Component, findings []definition.Finding) *Error {
	return &Error{Component: c.Name, Path: findings[0].Path, Reason: ReasonInvalidProperties, Message: findings[0].Message, Findings: findings}
}

// unknownType is the error of a type that cannot be used.
func unknownType(c Component, path string, err error) *Error {
	reason := ReasonTemplateFailed
	var unknown *definition.UnknownTypeError
	if errors.As(err, &unknown) {
		reason = ReasonUnknownType
	}
	return &Error{Component: c.Name, Path: path, Reason: reason, Message: err.Error()}
}

// templateFailed is the error of a template that gave no result.
func templateFailed(c Component, path string, d *definition.Definition, err error) *Error {
	where, cause := "", err
	var f *program.Failure
	if errors.As(err, &f) && len(f.Path) > 0 {
		where = " at " + strings.Join(f.Path, ".")
		err = errors.New(f.Message)
	}
	return &Error{
		Component: c.Name, Path: path, Reason: ReasonTemplateFailed, Cause: cause,
		Message: fmt.Sprintf("the template of the %s type %q gives no result%s: %s; change the properties that it uses there", d.Kind, d.Name, where, err),
	}
}
