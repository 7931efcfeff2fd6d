// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// maxKnown is how many names a message lists.
const maxKnown = 20

// Known ends a message about a name that does not exist: which names do, and
// which of them was probably meant.
func Known(name string, existing []string) string {
	if len(existing) == 0 {
		return "; there are none at all."
	}
	names := slices.Sorted(slices.Values(existing))
	hint := "."
	if meant := definition.Suggest(name, names); meant != "" {
		hint = fmt.Sprintf("; did you mean %q?", meant)
	}
	more := ""
	if len(names) > maxKnown {
		more = fmt.Sprintf(" and %d more", len(names)-maxKnown)
		names = names[:maxKnown]
	}
	return fmt.Sprintf("%s There are: %s%s.", hint, strings.Join(names, ", "), more)
}
