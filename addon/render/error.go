// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// Error says why a component cannot be rendered.
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
}

// Error is the path and the message.
func (e *Error) Error() string {
	return e.Path + ": " + e.Message
}
