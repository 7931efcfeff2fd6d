// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// byPlacement is a binding of cluster sets.
func byPlacement(name string, sets ...string) *v1alpha1.ClusterBinding {
	return &v1alpha1.ClusterBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)},
		Spec:       v1alpha1.ClusterBindingSpec{Environment: "prod", Placement: &v1alpha1.Placement{ClusterSets: sets}},
	}
}

func TestPlacementOf(t *testing.T) {
	full := byPlacement("eu", "prod", "test")
	full.Spec.Placement = &v1alpha1.Placement{
		ClusterSets:      []string{"prod", "test"},
		LabelSelector:    &metav1.LabelSelector{MatchLabels: map[string]string{"region": "eu"}},
		ClaimSelector:    &v1alpha1.ClaimSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "version", Operator: "In", Values: []string{"1"}}}},
		CELExpressions:   []string{`managedCluster.metadata.name != "c9"`},
		NumberOfClusters: ptr.To(int32(2)),
		Spread: []v1alpha1.SpreadConstraint{
			{MaxSkew: 1, TopologyKey: "zone", TopologyKeyType: "Label", WhenUnsatisfiable: "DoNotSchedule"},
			{MaxSkew: 2, TopologyKey: "region.open-cluster-management.io", TopologyKeyType: "Claim", WhenUnsatisfiable: "ScheduleAnyway"},
		},
		Tolerations: []v1alpha1.ClusterToleration{
			{Key: "gpu", Operator: "Equal", Value: "true", Effect: "NoSelect"},
			{Operator: "Exists", TolerationSeconds: ptr.To(int64(300))},
		},
		Prioritizers: []v1alpha1.Prioritizer{
			{BuiltIn: "Steady"}, {BuiltIn: "ResourceAllocatableCPU", Weight: ptr.To(int32(-3))},
			{AddOn: &v1alpha1.AddOnScore{ResourceName: "cost", ScoreName: "price"}, Weight: ptr.To(int32(10))},
		},
	}
	noLimit := byPlacement("limited", "prod")
	noLimit.Spec.Placement.Tolerations = []v1alpha1.ClusterToleration{{Key: "gpu", Operator: "Exists"}}
	for file, binding := range map[string]*v1alpha1.ClusterBinding{
		"placement-default.yaml": byPlacement("default", "global"), "placement-full.yaml": full, "placement-tolerations.yaml": noLimit,
	} {
		t.Run(file, func(t *testing.T) { golden(t, file, placementOf(binding)) })
	}
}

// placements works on the hub with the kinds that it writes.
func (h *hub) placements() *Placements { return &Placements{Reader: h.client, Writer: h.client} }

func TestEnsurePlacement(t *testing.T) {
	h := newHub(t)
	binding := byPlacement("eu", "prod", "test")
	ensure := func(reason string, want ...string) {
		t.Helper()
		h.writes = nil
		if err := h.placements().Ensure(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.writes); diff != "" {
			t.Errorf("writes (-want +got), since %s:\n%s", reason, diff)
		}
	}
	key := "fairlead-system/" + PlacementName("eu")
	ensure("nothing is there", "create fairlead-system/prod", "create fairlead-system/test", "create "+key)
	ensure("everything is there")

	var placement clusterv1beta1.Placement
	at := types.NamespacedName{Namespace: "fairlead-system", Name: PlacementName("eu")}
	if err := h.client.Get(t.Context(), at, &placement); err != nil {
		t.Fatal(err)
	}
	placement.Spec.SortBy, placement.Spec.ScoreRateLimit = clusterv1beta1.PlacementSortByScore, "5m"
	placement.Spec.DecisionStrategy.GroupStrategy.ClustersPerDecisionGroup.StrVal = "100%"
	if err := h.client.Update(t.Context(), &placement); err != nil {
		t.Fatal(err)
	}
	ensure("what OCM defaults is no difference")

	placement.Spec.ClusterSets = nil
	if err := h.client.Update(t.Context(), &placement); err != nil {
		t.Fatal(err)
	}
	ensure("without sets it would reach every set that is bound", "update "+key)

	binding.Spec.Placement.NumberOfClusters = ptr.To(int32(1))
	ensure("the binding changed", "update "+key)
}

// TestReleasePlacement checks that what other bindings or other people use stays.
func TestReleasePlacement(t *testing.T) {
	foreign := &clusterv1beta2.ManagedClusterSetBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "fairlead-system", Name: "theirs"}, Spec: clusterv1beta2.ManagedClusterSetBindingSpec{ClusterSet: "theirs"},
	}
	h := newHub(t, foreign)
	eu, us, dying := byPlacement("eu", "prod", "eu", "theirs"), byPlacement("us", "prod"), byPlacement("old", "eu")
	dying.DeletionTimestamp = ptr.To(metav1.NewTime(now))
	for _, binding := range []*v1alpha1.ClusterBinding{eu, us} {
		if err := h.placements().Ensure(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
	}
	others := []v1alpha1.ClusterBinding{*eu, *us, *dying, {Spec: v1alpha1.ClusterBindingSpec{Clusters: []string{"c1"}}}}
	h.writes = nil
	for i, want := range []bool{false, true} {
		gone, err := h.placements().Release(t.Context(), eu, others)
		if err != nil || gone != want {
			t.Errorf("pass %d: gone %t, %v, want %t", i, gone, err, want)
		}
	}
	if diff := cmp.Diff([]string{"delete fairlead-system/" + PlacementName("eu"), "delete fairlead-system/eu"}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"prod": true, "theirs": true, "eu": false} {
		err := h.client.Get(t.Context(), types.NamespacedName{Namespace: "fairlead-system", Name: name}, &clusterv1beta2.ManagedClusterSetBinding{})
		if client.IgnoreNotFound(err) != nil || apierrors.IsNotFound(err) == want {
			t.Errorf("set binding %s: %v, want it there: %t", name, err, want)
		}
	}
}

// TestReleaseWaitsForTheEnd checks that an object which is going is not gone.
func TestReleaseWaitsForTheEnd(t *testing.T) {
	h := newHub(t)
	binding := byPlacement("eu", "prod")
	if err := h.placements().Ensure(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	var placement clusterv1beta1.Placement
	if err := h.client.Get(t.Context(), types.NamespacedName{Namespace: "fairlead-system", Name: PlacementName("eu")}, &placement); err != nil {
		t.Fatal(err)
	}
	placement.Finalizers = []string{"example.com/hold"}
	if err := h.client.Update(t.Context(), &placement); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
	for range 3 {
		gone, err := h.placements().Release(t.Context(), binding, nil)
		if err != nil || gone {
			t.Errorf("gone %t, %v: want it to wait for the finalizer", gone, err)
		}
	}
	if diff := cmp.Diff([]string{"delete fairlead-system/" + PlacementName("eu"), "delete fairlead-system/prod"}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestBindingOf(t *testing.T) {
	if got := BindingOf(placementOf(byPlacement("eu", "prod"))); got != "eu" {
		t.Errorf("got %q, want eu", got)
	}
	if got := BindingOf(decision("a")); got != "" {
		t.Errorf("of somebody else's object: got %q", got)
	}
}

// TestReleaseSets checks that a binding which changed its sets leaves none of
// the set bindings behind that it made.
func TestReleaseSets(t *testing.T) {
	h := newHub(t)
	before, after := byPlacement("eu", "prod", "eu"), byPlacement("eu", "prod")
	if err := h.placements().Ensure(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
	for range 2 {
		if err := h.placements().ReleaseSets(t.Context(), []v1alpha1.ClusterBinding{*after}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"delete fairlead-system/eu"}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
