// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

// Reason says in one word what is wrong with a property.
type Reason string

// The reasons of findings.
const (
	// UnknownParameter is a property that the definition does not have.
	UnknownParameter Reason = "UnknownParameter"
	// MissingParameter is a property that the definition requires.
	MissingParameter Reason = "MissingParameter"
	// WrongType is a value of another type than the definition wants.
	WrongType Reason = "WrongType"
	// NotAllowed is a value that is not one of those that the definition allows.
	NotAllowed Reason = "NotAllowed"
	// OutOfRange is a number or length outside the bounds of the definition.
	OutOfRange Reason = "OutOfRange"
)

// Finding is one thing that is wrong with the properties of a component or trait.
type Finding struct {
	// Path of the user's field.
	Path string
	// Reason in one word.
	Reason Reason
	// Message says in one line what is wrong, what is allowed and what to do.
	Message string
}

// String is the finding in one line: path and message.
func (f Finding) String() string {
	return f.Path + ": " + f.Message
}

// Unknown stands for a value that is not known yet, such as one that Terraform
// learns only while it applies. It may stand anywhere in properties.
type Unknown struct{}
