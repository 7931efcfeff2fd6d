// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// relabel changes a label of the unit's work, as its cluster may.
func (h *hub) relabel(t *testing.T, label, value string) {
	t.Helper()
	work := h.work(t, webWork)
	work.Labels[label] = value
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

// TestOwnersIn checks that the owner of a work is found by the environment of the
// work, and that a cluster cannot name another.
func TestOwnersIn(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	look := func(environment string) []delivery.Owner {
		t.Helper()
		owners, err := OwnersIn(t.Context(), h.Reader, environment)
		if err != nil {
			t.Fatal(err)
		}
		return owners
	}
	if diff := cmp.Diff([]delivery.Owner{owner}, look("prod")); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	if owners := look("dev"); len(owners) > 0 {
		t.Errorf("owners %v in an environment that has no work", owners)
	}
	h.relabel(t, v1beta1.LabelAppName, "other")
	if owners := look("prod"); len(owners) > 0 {
		t.Errorf("owners %v of a work that has another name than its labels give", owners)
	}
}
