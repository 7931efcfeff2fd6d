// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// decided is the Placement of binding eu with conditions and a number of clusters.
func decided(number int32, conditions ...metav1.Condition) *clusterv1beta1.Placement {
	return &clusterv1beta1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: "fairlead-system", Name: PlacementName("eu")},
		Spec:       clusterv1beta1.PlacementSpec{ClusterSets: []string{"prod", "test"}},
		Status:     clusterv1beta1.PlacementStatus{Conditions: conditions, NumberOfSelectedClusters: number},
	}
}

// decision is one PlacementDecision of binding eu.
func decision(name string, clusters ...string) *clusterv1beta1.PlacementDecision {
	d := &clusterv1beta1.PlacementDecision{ObjectMeta: metav1.ObjectMeta{
		Namespace: "fairlead-system", Name: name, Labels: map[string]string{clusterv1beta1.PlacementLabel: PlacementName("eu")},
	}}
	for _, cluster := range clusters {
		d.Status.Decisions = append(d.Status.Decisions, clusterv1beta1.ClusterDecision{ClusterName: cluster})
	}
	return d
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

func TestDecisions(t *testing.T) {
	satisfied := condition(clusterv1beta1.PlacementConditionSatisfied, "True", "AllDecisionsScheduled", "")
	partly := condition(clusterv1beta1.PlacementConditionSatisfied, "False", "NotAllDecisionsScheduled", "")
	foreign := decision("x", "c9")
	foreign.Labels[clusterv1beta1.PlacementLabel] = "other"
	tests := []struct {
		name, reason string
		objects      []client.Object
		want         []string
		problem      string
	}{
		{name: "no placement", reason: "it is made by the binding's own pass", problem: `PlacementPending: ClusterBinding "eu": waiting for its placement: its Placement is being made`},
		{name: "no word", reason: "OCM has not looked yet", objects: []client.Object{decided(0)}, problem: `PlacementPending: ClusterBinding "eu": waiting for its placement: OCM has not decided yet`},
		{
			name: "set not bound", reason: "a misspelt set looks the same, and the message says so",
			objects: []client.Object{decided(0, condition(clusterv1beta1.PlacementConditionSatisfied, "False", "NoManagedClusterSetBindings", ""))},
			problem: `PlacementPending: ClusterBinding "eu": waiting for its placement: the cluster sets [prod test] are not bound yet; a set that does not exist never is`,
		},
		{
			name: "misconfigured", reason: "waiting does not help",
			objects: []client.Object{decided(0, satisfied, condition(clusterv1beta1.PlacementConditionMisconfigured, "True", "x", "bad CEL\n"+strings.Repeat("y", 1000)))},
			problem: `PlacementInvalid: ClusterBinding "eu": spec.placement: OCM refuses it: bad CEL ` + strings.Repeat("y", 501) + "...",
		},
		{name: "none", reason: "no cluster matches, which is a decision", objects: []client.Object{decided(0, condition(clusterv1beta1.PlacementConditionSatisfied, "False", "NoManagedClusterMatched", ""))}},
		{
			name: "some", reason: "clusters of all decisions, each once, sorted", want: []string{"c1", "c2", "c3"},
			objects: []client.Object{decided(3, satisfied), decision("b", "c3", "c1"), decision("a", "c2", "c1"), foreign},
		},
		{name: "too few", reason: "fewer than asked for are decided", want: []string{"c1"}, objects: []client.Object{decided(1, partly), decision("a", "c1")}},
		{
			name: "being written", reason: "placement and decisions are written one after the other; a part must not be taken for all",
			objects: []client.Object{decided(3, satisfied), decision("a", "c1", "c2")},
			problem: `PlacementPending: ClusterBinding "eu": waiting for its placement: its decisions are being written`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clusters, problem, err := newHub(t, append(test.objects, bound("prod"), bound("test"))...).Fleet.Decisions(t.Context(), "eu")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if problem != nil {
				got = problem.Reason + ": " + problem.Message
				if problem.Waiting == (problem.Reason == "PlacementInvalid") {
					t.Errorf("waiting: %t, want it for what passes by itself", problem.Waiting)
				}
			}
			if diff := cmp.Diff(test.problem, got); diff != "" {
				t.Errorf("problem (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, clusters); diff != "" {
				t.Errorf("clusters (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

func TestClusterState(t *testing.T) {
	h := newHub(t, managedCluster("away", metav1.ConditionUnknown), managedCluster("new", ""))
	hostile := managedCluster("hostile", metav1.ConditionTrue)
	hostile.Status.Version.Kubernetes = "v1\n" + strings.Repeat("9", 1<<20)
	if err := h.client.Create(t.Context(), hostile); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, reason string
		want         *ClusterState
	}{
		{"c1", "it reports", &ClusterState{Accepted: true, Available: true, Version: "v1.37.0"}},
		{"away", "its lease ran out", &ClusterState{Accepted: true, Version: "v1.37.0"}},
		{"new", "it has never reported", &ClusterState{Accepted: true, Version: "v1.37.0"}},
		{"none", "there is none", nil},
		{"hostile", "its version is cut to what the status of a binding can hold", &ClusterState{Accepted: true, Available: true, Version: "v1 " + strings.Repeat("9", 60)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := h.Fleet.Cluster(t.Context(), test.name)
			if err != nil {
				t.Fatal(err)
			}
			if got != nil {
				got.Since = test.want.Since
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if available, err := h.Fleet.Available(t.Context(), test.name); err != nil || available != (test.want != nil && test.want.Available) {
				t.Errorf("available: %t, %v", available, err)
			}
		})
	}
	if state, err := NewFleet(h.client).Cluster(t.Context(), "c1"); state != nil || err != nil {
		t.Errorf("before OCM is installed: got %v, %v, want none", state, err)
	}
}

func TestStateChanged(t *testing.T) {
	base := managedCluster("c1", metav1.ConditionTrue)
	with := func(change func(*clusterv1.ManagedCluster)) *clusterv1.ManagedCluster {
		changed := base.DeepCopy()
		change(changed)
		return changed
	}
	tests := []struct {
		reason string
		after  client.Object
		want   bool
	}{
		{"nothing changed", base, false},
		{"capacity is reported often and not read", with(func(c *clusterv1.ManagedCluster) { c.Status.Capacity = clusterv1.ResourceList{"cpu": {}} }), false},
		{"labels are OCM's to match", with(func(c *clusterv1.ManagedCluster) { c.Labels = map[string]string{"a": "b"} }), false},
		{"it was accepted no more", with(func(c *clusterv1.ManagedCluster) { c.Spec.HubAcceptsClient = false }), true},
		{"it is away", with(func(c *clusterv1.ManagedCluster) { c.Status.Conditions[0].Status = "Unknown" }), true},
		{"it was upgraded", with(func(c *clusterv1.ManagedCluster) { c.Status.Version.Kubernetes = "v2" }), true},
		{"it is no cluster, and nothing is known of it", &workv1.ManifestWork{}, true},
	}
	for _, test := range tests {
		if got := StateChanged(base, test.after); got != test.want {
			t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

func TestWatched(t *testing.T) {
	h := newHub(t)
	var kinds []string
	for _, object := range Watched().Kinds() {
		gvk, err := h.client.GroupVersionKindFor(object)
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, gvk.Group+"/"+gvk.Version+" "+gvk.Kind)
	}
	golden(t, "watched.yaml", kinds)
	if got := PlacementOfDecision(decision("a")); got != PlacementName("eu") {
		t.Errorf("placement of a decision: got %q", got)
	}
}
