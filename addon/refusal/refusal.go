// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package refusal tells why an API server refuses an object without repeating what the object holds: it may be secret, and what
// is told ends up in conditions, events, logs and on terminals.
package refusal

import (
	"regexp"
	"strings"
)

// quoted is a value that an API server quotes after what is wrong with it, and which may have been cut: a text, an object or a list,
// or one word such as a number.
var quoted = regexp.MustCompile(`\b((?:Invalid|Unsupported|Duplicate) value): (?:` +
	`"(?:[^"\\]|\\.)*(?:"(: )?|$)` + `|[\w.*&\[\]]*\{.*?(?:\}\]?(: |$)|$)` + `|\[.*?(?:\](: |$)|$)` + `|[^\s:,\]"{]+(: )?` + `)`)

// WithoutValues is what an API server says of an object without the values that it quotes: fields and reasons stay.
func WithoutValues(message string) string {
	return strings.TrimSuffix(quoted.ReplaceAllString(message, "$1$2$3$4$5"), ": ")
}
