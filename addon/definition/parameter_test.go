// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"strings"
	"testing"
)

// TestSchemaIsBounded reads parameters that are few in the source and half a
// million when they are written out.
func TestSchemaIsBounded(t *testing.T) {
	var source strings.Builder
	source.WriteString("#L0: {a: string}\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&source, "#L%d: {x?: #L%d, y?: #L%d}\n", i, i-1, i-1)
	}
	d := &Definition{Kind: Trait, Name: "x", Template: source.String() + "parameter: #L19"}
	// Fields beyond the bound are there, and nothing is said of what they hold.
	if n := size(d.parameters()); n > 2*maxSchemaNodes {
		t.Errorf("the schema has %d parts", n)
	}
	if found := d.Validate(map[string]any{"z": int64(1)}, "p"); len(found) != 1 || found[0].Reason != UnknownParameter {
		t.Errorf("got %v", found)
	}
	if found := d.Validate(map[string]any{"y": map[string]any{"x": map[string]any{}}}, "p"); len(found) != 0 {
		t.Errorf("got %v", found)
	}
}

// size is the number of parts of a schema.
func size(s *schema) int {
	if s == nil {
		return 0
	}
	n := 1 + size(s.items) + size(s.others)
	for _, f := range s.fields {
		n += size(f)
	}
	for _, a := range s.alternatives {
		n += size(a)
	}
	return n
}
