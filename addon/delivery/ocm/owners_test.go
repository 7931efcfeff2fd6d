// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
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

// TestOwners checks that the owners of works are found by their name, also those
// with a UID that no application has, and that a cluster cannot name another.
func TestOwners(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	look := func(name string) []delivery.Owner {
		t.Helper()
		owners, err := h.Owners(t.Context(), types.NamespacedName{Namespace: "shop", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return owners
	}
	if diff := cmp.Diff([]delivery.Owner{owner}, look("store")); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	h.relabel(t, v1alpha1.LabelApplicationUID, "u9")
	former := delivery.Owner{Namespace: "shop", Name: "store", UID: "u9"}
	if diff := cmp.Diff([]delivery.Owner{former}, look("store")); diff != "" {
		t.Errorf("owners by another UID (-want +got):\n%s", diff)
	}
	if records, err := h.Records(t.Context(), former); err != nil || len(records) != 1 {
		t.Errorf("records %v, %v of that owner: want one", records, err)
	}
	h.relabel(t, v1beta1.LabelAppName, "other")
	if owners := append(look("store"), look("other")...); len(owners) > 0 {
		t.Errorf("owners %v of a work that has another name than its labels give", owners)
	}
	h.Fleet = NewFleet(h.Reader)
	if owners := look("store"); len(owners) > 0 {
		t.Errorf("owners %v without OCM", owners)
	}
}
