// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"strings"
	"unicode"
)

// clean removes what could steer a terminal: messages come from clusters, where
// anybody who runs a pod can have a say in them. Line ends stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return -1
	}, strings.TrimSpace(s))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// restLines are the lines after the first, each with the indent.
func restLines(s, indent string) []string {
	_, rest, found := strings.Cut(s, "\n")
	if !found {
		return nil
	}
	var out []string
	for line := range strings.SplitSeq(rest, "\n") {
		if line = strings.TrimRight(line, " "); line != "" {
			out = append(out, indent+line)
		}
	}
	return out
}
