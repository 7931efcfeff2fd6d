// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package refusal tells why an API server refuses an object without repeating what the object holds: it may be secret, and what
// is told ends up in conditions, events, logs and on terminals.
package refusal

import (
	"regexp"
	"strings"
)

// inner is what an object or a list holds. What is quoted in it ends nothing.
const inner = `(?:[^"]|"(?:[^"\\]|\\.)*(?:"|$))*?`

// quoted is a value that an API server quotes after what is wrong with it, and which may have been cut: a text, an object or a list,
// or one word such as a number. Older API servers write an object as Go does.
var quoted = regexp.MustCompile(`\b((?:Invalid|Unsupported|Duplicate) value): (?:` +
	`"(?:[^"\\]|\\.)*(?:"(: )?|$)` + `|[\w.*&\[\]]*(?: \{\})?\{` + inner + `(?:\}\]?(: |$)|$)` + `|\[` + inner + `(?:\](: |$)|$)` + `|[^\s:,\]"{]+(: )?` + `)`)

// typed is what server-side apply found in place of a type, up to the end: nothing tells where it ends.
var typed = regexp.MustCompile(`(?s)\b(expected (?:list|map|string|boolean|any scalar)), got .*`)

// WithoutValues is what an API server says of an object without the values that it quotes: fields and reasons stay.
func WithoutValues(message string) string {
	message = typed.ReplaceAllString(message, "$1")
	return strings.TrimSuffix(quoted.ReplaceAllString(message, "$1$2$3$4$5"), ": ")
}

// Forbidden is a refusal without what comes before it: the name of a pod that is refused is made up anew at each try, and would make
// a change of each. Values are left out too.
func Forbidden(message string) string {
	if _, rest, ok := strings.Cut(message, " is forbidden: "); ok {
		message = "forbidden: " + rest
	}
	return WithoutValues(message)
}
