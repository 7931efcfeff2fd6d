// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestKnown(t *testing.T) {
	tests := []struct {
		reason     string
		properties map[string]any
		want       map[string]any
	}{
		{"what is known stays as it is",
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}},
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}}},
		{"an unknown parameter is left out", map[string]any{"image": "a", "imge": "b"}, map[string]any{"image": "a"}},
		{"also in a list",
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80), "prt": int64(1)}}},
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}}},
		{"a map takes any name", map[string]any{"labels": map[string]any{"any": "x"}}, map[string]any{"labels": map[string]any{"any": "x"}}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			found, err := definition.Builtin().Lookup(definition.Component, "webservice")
			if err != nil {
				t.Fatal(err)
			}
			known := found.Known(test.properties)
			if diff := cmp.Diff(test.want, known); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, finding := range found.Validate(known, "properties") {
				if finding.Reason == definition.UnknownParameter {
					t.Errorf("still unknown: %s", finding)
				}
			}
		})
	}
}
