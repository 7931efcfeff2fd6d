// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStanding checks which objects of a unit are known to be in its works.
func TestStanding(t *testing.T) {
	h := newHub(t)
	if _, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1"))); err != nil {
		t.Fatal(err)
	}
	whole := unit(deployment("web", "nginx:2"), deployment("late", "nginx:1"))
	other := whole
	other.Component = "other"
	got, err := h.Standing(t.Context(), whole)
	if diff := cmp.Diff(map[string]bool{"Deployment.apps shop-prod/web": true}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := h.Standing(t.Context(), other); err != nil || len(got) > 0 {
		t.Errorf("another component: %v, %v, want nothing", got, err)
	}
}
