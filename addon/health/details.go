// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// maxLabel is the length from which OAM drops the label of a detail.
	maxLabel = 32
	// maxDetails is how many details a status holds.
	maxDetails = 32
)

// details are the fields of a status as text, the first by name when there are
// too many. A label that starts with a dollar sign is for the CUE itself; one that
// is not fit to be read may come from a cluster and is left out.
func details(fields map[string]any) map[string]string {
	out := map[string]string{}
	for _, label := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(label, "$") || len(label) >= maxLabel || len(out) == maxDetails || label != clip(label) {
			continue
		}
		out[label] = clip(textOf(fields[label]))
	}
	return out
}

func textOf(value any) string {
	switch value.(type) {
	case map[string]any, []any:
		raw, err := json.Marshal(value)
		if err == nil {
			return string(raw)
		}
	}
	return fmt.Sprint(value)
}
