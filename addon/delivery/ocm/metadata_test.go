// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestBoundedMeta checks that the cache keeps what is read of a work's metadata, and
// of what others put there so much that nobody misses any of it.
func TestBoundedMeta(t *testing.T) {
	work, err := applicationWork(unit(deployment("web", "nginx:1")))
	if err != nil {
		t.Fatal(err)
	}
	work.Labels[labelRights], work.Labels[LabelIndex], work.Labels[v1alpha1.LabelReapply] = "r", "1", "2"
	work.Labels["example.org/team"] = "shop"
	work.Finalizers = []string{"example.org/first", workv1.ManifestWorkFinalizer}
	kept := boundedMeta(&work.ObjectMeta)
	if diff := cmp.Diff(work.Labels, kept.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(work.Finalizers, kept.Finalizers); diff != "" {
		t.Errorf("finalizers (-want +got):\n%s", diff)
	}
	wanted := len(work.Labels)
	for i := range 5000 {
		work.Labels[fmt.Sprint("a.example.org/x", i)] = "x"
		work.Finalizers = slices.Insert(work.Finalizers, 0, fmt.Sprint("example.org/x", i))
		work.OwnerReferences = append(work.OwnerReferences, ownerReference())
	}
	kept = boundedMeta(&work.ObjectMeta)
	if len(kept.Labels) > wanted+maxLabels || len(kept.Finalizers) > maxFinalizers+1 || len(kept.OwnerReferences) != 1 {
		t.Errorf("%d labels, %d finalizers and %d owners are kept", len(kept.Labels), len(kept.Finalizers), len(kept.OwnerReferences))
	}
	if !slices.Contains(kept.Finalizers, workv1.ManifestWorkFinalizer) {
		t.Error("the finalizer of the agent is not kept")
	}
	for _, key := range readLabels {
		if kept.Labels[key] != work.Labels[key] {
			t.Errorf("label %s: got %q, want %q", key, kept.Labels[key], work.Labels[key])
		}
	}
}

// TestStripCluster checks that of a cluster as much is kept as is read, however
// much it says of itself, and that its reports are told apart.
func TestStripCluster(t *testing.T) {
	strip := func(cluster *clusterv1.ManagedCluster) *clusterv1.ManagedCluster {
		t.Helper()
		stripped, err := stripCluster(cluster)
		if err != nil {
			t.Fatal(err)
		}
		return stripped.(*clusterv1.ManagedCluster)
	}
	long := strings.Repeat("x", 100<<10)
	cluster := managedCluster("c1", metav1.ConditionTrue)
	cluster.Labels, cluster.Annotations = map[string]string{"env": "prod"}, map[string]string{"example.org/note": long}
	cluster.Status.Conditions[0].Message = long
	for i := range 1000 {
		cluster.Status.ClusterClaims = append(cluster.Status.ClusterClaims, clusterv1.ManagedClusterClaim{Name: fmt.Sprint("c", i), Value: long[:1000]})
	}
	before := cluster.DeepCopy()
	kept := strip(cluster)
	if *stateOf(kept) != *stateOf(cluster) || kept.Labels["env"] != "prod" {
		t.Errorf("got %+v and labels %v, want what the cluster has", stateOf(kept), kept.Labels)
	}
	if raw, err := json.Marshal(kept); err != nil || len(raw) > 2<<10 {
		t.Errorf("%d bytes are kept, %v", len(raw), err)
	}
	if diff := cmp.Diff(kept, strip(kept)); diff != "" {
		t.Errorf("stripping twice changes it (-once +twice):\n%s", diff)
	}
	if diff := cmp.Diff(before, cluster); diff != "" {
		t.Errorf("what was read was changed (-want +got):\n%s", diff)
	}
	if got := Reported(kept, strip(managedCluster("c1", metav1.ConditionTrue))); got != "c1" {
		t.Errorf("got %q, want that another claim is a report", got)
	}
	cluster.Status.Conditions[0].Status = metav1.ConditionUnknown
	if got := Reported(kept, strip(cluster)); got != "" {
		t.Errorf("got %q, want that a condition is none, which the hub writes", got)
	}
	if problems := qualifiedNameProblems(observedStatus); len(problems) == 0 {
		t.Errorf("the API server would take the annotation %q: a cluster could forge it", observedStatus)
	}
	many := managedCluster("c1", metav1.ConditionTrue)
	many.Labels = map[string]string{}
	for i := range 5000 {
		many.Labels[fmt.Sprint("x", i)] = "y"
	}
	if got := len(strip(many).Labels); got != maxClusterLabels {
		t.Errorf("%d labels are kept, want %d", got, maxClusterLabels)
	}
}
