// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// labelBinding names, on a Placement of the addon, the binding that it was made for.
const labelBinding = "fairlead.dev/cluster-binding"

// ConditionSatisfied is the condition of a Placement which says that it found the
// clusters that it asks for.
const ConditionSatisfied = clusterv1beta1.PlacementConditionSatisfied

// placementKind is the kind of a placement.
func placementKind() schema.GroupVersionKind {
	return schema.GroupVersion(clusterv1beta1.GroupVersion).WithKind("Placement")
}

// decisionKind is the kind of what a placement chose.
func decisionKind() schema.GroupVersionKind {
	return schema.GroupVersion(clusterv1beta1.GroupVersion).WithKind("PlacementDecision")
}

// Placement is what a placement chose.
type Placement struct {
	// Namespace and Name of the Placement.
	Namespace, Name string
	// Conditions of the Placement: whether it is satisfied, and why not.
	Conditions []metav1.Condition
	// Decisions are the chosen clusters, sorted by name.
	Decisions []Decision
}

// Decision is one cluster that was chosen.
type Decision struct {
	// Cluster is its name.
	Cluster string
	// Reason why it was chosen; often empty.
	Reason string
	// Group is the decision group that it is in; empty for none.
	Group string
}

// PlacementOfBinding reads the Placement that the addon made for the binding; nil
// when there is none yet.
func PlacementOfBinding(ctx context.Context, client *hub.Client, binding string) (*Placement, error) {
	selector := labels.SelectorFromSet(labels.Set{labelBinding: binding}).String()
	objects, err := client.List(ctx, placementKind(), v1alpha1.SystemNamespace, selector)
	if hub.IsNoMatch(err) {
		return nil, notInstalled()
	}
	if err != nil || len(objects) == 0 {
		return nil, err
	}
	return decided(ctx, client, &objects[0])
}

// ReadPlacement reads a Placement and what it chose.
func ReadPlacement(ctx context.Context, client *hub.Client, namespace, name string) (*Placement, error) {
	object, err := client.Get(ctx, placementKind(), types.NamespacedName{Namespace: namespace, Name: name})
	if hub.IsNoMatch(err) {
		return nil, notInstalled()
	}
	if err != nil {
		return nil, err
	}
	return decided(ctx, client, object)
}

// decided reads the decisions of a placement, which may be many objects.
func decided(ctx context.Context, client *hub.Client, object *unstructured.Unstructured) (*Placement, error) {
	var live clusterv1beta1.Placement
	if err := decode(object, &live); err != nil {
		return nil, err
	}
	placement := &Placement{Namespace: live.Namespace, Name: live.Name, Conditions: live.Status.Conditions}
	selector := labels.SelectorFromSet(labels.Set{clusterv1beta1.PlacementLabel: live.Name}).String()
	objects, err := client.List(ctx, decisionKind(), live.Namespace, selector)
	if err != nil {
		return nil, err
	}
	for i := range objects {
		var part clusterv1beta1.PlacementDecision
		if err := decode(&objects[i], &part); err != nil {
			return nil, err
		}
		for _, decision := range part.Status.Decisions {
			placement.Decisions = append(placement.Decisions, Decision{
				Cluster: decision.ClusterName, Reason: decision.Reason, Group: part.Labels[clusterv1beta1.DecisionGroupNameLabel],
			})
		}
	}
	slices.SortFunc(placement.Decisions, func(a, b Decision) int { return strings.Compare(a.Cluster, b.Cluster) })
	return placement, nil
}
