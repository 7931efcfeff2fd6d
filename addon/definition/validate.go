// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

// Validate checks properties against the parameters of the definition and
// says of each field of the user what is wrong with it. at is the path of the properties.
func (d *Definition) Validate(properties map[string]any, at string) []Finding {
	return nil
}
