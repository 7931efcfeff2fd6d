// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"strings"

	"github.com/agext/levenshtein"
)

// Suggest is the candidate that is most alike to a name that does not exist, or
// "" when none is alike enough to have been meant.
func Suggest(name string, candidates []string) string {
	best, bestDistance := "", tolerance(name)+1
	for _, c := range candidates {
		if fold(c) == fold(name) {
			return c
		}
		if d := levenshtein.Distance(fold(name), fold(c), nil); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// tolerance is how many letters may differ: two, so that swapped letters are
// forgiven, except in very short names: a single letter is like no other.
func tolerance(name string) int {
	if len(name) < 2 {
		return 0
	}
	if len(name) < 4 {
		return 1
	}
	return max(2, len(name)/3)
}

// fold makes image_pull_policy and ImagePullPolicy alike.
func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}
