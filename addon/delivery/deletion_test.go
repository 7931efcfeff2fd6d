// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// goes is environment prod with what it says of deletion.
func goes(deletion v1alpha1.DeletionPolicy, clusters ...string) World {
	return worldOf(changed(environment("prod", clusters...), func(e *Environment) { e.Spec.Deletion = &deletion }))
}

// TestRemoveOptions checks what an environment's spec.deletion means for what leaves it.
func TestRemoveOptions(t *testing.T) {
	tests := []struct {
		name, reason string
		world        World
		want         RemoveOptions
	}{
		{"nothing said", "what leaves is deleted, and a cluster that is away is waited for", worldOf(environment("prod")), RemoveOptions{Final: true}},
		{"environment gone", "nothing is known of it", World{}, RemoveOptions{Final: true}},
		{"defaults", "as the API server fills them in", goes(v1alpha1.DeletionPolicy{Policy: "Delete", Unreachable: "Wait"}), RemoveOptions{Final: true}},
		{"orphan", "objects stay", goes(v1alpha1.DeletionPolicy{Policy: "Orphan"}), RemoveOptions{Final: true, Leave: true}},
		{"unreachable", "nobody waits", goes(v1alpha1.DeletionPolicy{Unreachable: "Orphan"}), RemoveOptions{Final: true, Abandon: true}},
		{"timeout", "it is waited for that long", goes(v1alpha1.DeletionPolicy{Timeout: &metav1.Duration{Duration: time.Hour}}), RemoveOptions{Final: true, Patience: time.Hour}},
		{"no time", "none is not the same as for ever", goes(v1alpha1.DeletionPolicy{Timeout: &metav1.Duration{}}), RemoveOptions{Final: true, Patience: time.Nanosecond}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := RemovalPlan(owner).In(test.world).removeOptions(recordIn("prod", "c1", "shop"))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestClusterLeavesWhileAway checks that a cluster which is away and no longer
// selected keeps what it has, unless the environment says that nobody waits.
func TestClusterLeavesWhileAway(t *testing.T) {
	away := func(cluster string) bool { return cluster == "c1" }
	for unreachable, want := range map[string]bool{"": true, "Wait": true, "Orphan": false} {
		world := goes(v1alpha1.DeletionPolicy{Unreachable: unreachable}, "c2")
		if got := planOf(t, world, request(use("prod")), away).Wants(recordIn("prod", "c1", "shop")); got != want {
			t.Errorf("unreachable %q: it keeps what it has: %t, want %t", unreachable, got, want)
		}
		there := goes(v1alpha1.DeletionPolicy{Unreachable: unreachable}, "c1")
		if !planOf(t, there, request(use("prod")), away).Wants(recordIn("prod", "c1", "shop")) {
			t.Errorf("unreachable %q: a cluster that is selected loses what it has while it is away", unreachable)
		}
	}
}

// TestCarryReportsWhatIsLeft checks that what is left is told and holds nobody,
// nor does a tenant on a cluster that is away.
func TestCarryReportsWhatIsLeft(t *testing.T) {
	left := Observation{State: Delivered, Left: true, Message: "work c1/web was left"}
	ocm := &scripted{
		records: []Record{record("c1", "c1/web")}, removes: map[string]Observation{"c1/web": left},
		idle: []TenantKey{{"c1", "shop"}}, release: Observation{State: Away},
	}
	world := goes(v1alpha1.DeletionPolicy{Unreachable: "Orphan"}, "c1")
	report, err := engineOf(&scripted{}, ocm).Carry(t.Context(), RemovalPlan(owner).In(world))
	if err != nil {
		t.Fatal(err)
	}
	if !report.Gone() {
		t.Errorf("removals %v, tenants %v: want none", report.Removals, report.Tenants)
	}
	if diff := cmp.Diff([]Removal{{Record: record("c1", "c1/web"), Observe: left}}, report.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]RemoveOptions{{Final: true, Abandon: true}}, ocm.options); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}
