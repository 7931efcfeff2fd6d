// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// Topology is what a policy of type topology says: the clusters that are
// wanted. Whether they may be reached is for the environments to say.
type Topology struct {
	// Clusters are names of clusters; nil when the policy names none.
	Clusters []string
	// ClusterLabelSelector are labels that clusters must have. It counts only
	// without Clusters; nil when the policy has none, and empty for all clusters.
	ClusterLabelSelector map[string]string
	// AllowEmpty accepts that no cluster is selected.
	AllowEmpty bool
	// Namespace on the clusters; empty for the one that the environment gives.
	Namespace string
}

// readTopology reads a policy. Without any field that selects clusters the hub is meant.
func readTopology(v values) *Topology {
	t := &Topology{
		Clusters: v.texts("clusters"), ClusterLabelSelector: v.mapping("clusterLabelSelector"),
		AllowEmpty: v.flag("allowEmpty"), Namespace: v.text("namespace"),
	}
	if t.ClusterLabelSelector == nil {
		t.ClusterLabelSelector = v.mapping("clusterSelector")
	}
	if t.Clusters == nil && t.ClusterLabelSelector == nil {
		t.Clusters = []string{v1alpha1.LocalCluster}
	}
	return t
}

// ByLabels says that clusters are selected by their labels.
func (t *Topology) ByLabels() bool {
	return t.Clusters == nil
}
