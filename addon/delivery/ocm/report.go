// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Clusters are the states of all clusters that the hub accepted, by name; nil
// until OCM is installed.
func (f *Fleet) Clusters(ctx context.Context) (map[string]ClusterState, error) {
	if !f.Installed() {
		return nil, nil
	}
	var list clusterv1.ManagedClusterList
	if err := f.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ManagedClusters: %w", err)
	}
	states := make(map[string]ClusterState, len(list.Items))
	for i := range list.Items {
		if state := stateOf(&list.Items[i]); state.Accepted {
			states[list.Items[i].Name] = *state
		}
	}
	return states, nil
}

// Reported is the cluster whose agent reported what changed between two
// versions of a work or cluster; empty when it was somebody else. Conditions of
// a cluster are left out: the hub itself writes that an agent is silent.
func Reported(before, after client.Object) string {
	switch later := after.(type) {
	case *workv1.ManifestWork:
		if earlier, ok := before.(*workv1.ManifestWork); ok && !equality.Semantic.DeepEqual(earlier.Status, later.Status) {
			return later.Namespace
		}
	case *clusterv1.ManagedCluster:
		earlier, ok := before.(*clusterv1.ManagedCluster)
		if !ok {
			return ""
		}
		if observedOf(earlier) != observedOf(later) {
			return later.Name
		}
	}
	return ""
}

// LastReport is when the agent reported what a work says, as far as its conditions tell.
func LastReport(object client.Object) (cluster string, at time.Time) {
	work, ok := object.(*workv1.ManifestWork)
	if !ok {
		return "", time.Time{}
	}
	latest := func(conditions []metav1.Condition) {
		for i := range conditions {
			if changed := conditions[i].LastTransitionTime.Time; changed.After(at) {
				at = changed
			}
		}
	}
	latest(work.Status.Conditions)
	for i := range work.Status.ResourceStatus.Manifests {
		latest(work.Status.ResourceStatus.Manifests[i].Conditions)
	}
	return work.Namespace, at
}
