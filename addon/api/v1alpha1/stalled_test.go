// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"
	"time"
)

func TestReadUnchangedSince(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	cases := []struct {
		reason, message string
		want            time.Time
	}{
		{"as it is written", UnchangedSince + at.Format(time.RFC3339) + ": environment prod", at},
		{"another message", "waiting does not help: x", time.Time{}},
		{"no time", UnchangedSince + "yesterday, more or less: x", time.Time{}},
		{"too short", UnchangedSince + "2026", time.Time{}},
	}
	for _, c := range cases {
		if got, ok := ReadUnchangedSince(c.message); !got.Equal(c.want) || ok == c.want.IsZero() {
			t.Errorf("%s: got %s, %t", c.reason, got, ok)
		}
	}
}
