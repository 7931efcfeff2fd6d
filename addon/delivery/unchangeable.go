// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import "strings"

// unchangeable are words of API servers about a change that an object does not allow:
// of fields that are validated as immutable, as the template of a Job, and of the rest
// of a StatefulSet's spec.
func unchangeable() []string {
	return []string{"field is immutable", "updates to statefulset spec for fields other than"}
}

// WithRemedy is what an API server says of an object that it refuses, with what helps
// where a field cannot be changed in place.
func WithRemedy(message string) string {
	for _, words := range unchangeable() {
		if strings.Contains(message, words) {
			return message + `; a policy of type "resource-update" with recreateFields removes the object and makes it anew when such a field changes`
		}
	}
	return message
}
