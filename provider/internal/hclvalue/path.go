// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"regexp"
	"strconv"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// Key extends a path by an attribute or map key: `.name`, or `["a/b"]` where
// HCL would need quotes.
func Key(at, key string) string {
	if !identifier.MatchString(key) {
		return at + "[" + strconv.Quote(key) + "]"
	}
	if at == "" {
		return key
	}
	return at + "." + key
}

// Index extends a path by the index of a list.
func Index(at string, i int) string {
	return at + "[" + strconv.Itoa(i) + "]"
}
