// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// Fleet reads the managed clusters and the decisions of placements. Until OCM
// is installed it knows none.
type Fleet struct {
	reader    client.Reader
	installed atomic.Bool
}

// NewFleet makes a Fleet that reads from a cache.
func NewFleet(reader client.Reader) *Fleet {
	return &Fleet{reader: reader}
}

// SetInstalled records that OCM's kinds are served and cached.
func (f *Fleet) SetInstalled() { f.installed.Store(true) }

// Installed says whether OCM's kinds are served and cached.
func (f *Fleet) Installed() bool { return f.installed.Load() }

// ClusterState is what the hub knows of a managed cluster.
type ClusterState struct {
	// Accepted says that the hub's administrator accepted the cluster.
	Accepted bool
	// Deleting says that the cluster is on its way out of the hub.
	Deleting bool
	// Available says that OCM heard from the cluster within its lease.
	Available bool
	// Since is when Available changed last.
	Since time.Time
	// Lease is how often the cluster tells OCM that it is there; 0 when it is not said.
	Lease time.Duration
	// Version of the cluster's Kubernetes.
	Version string
}

// Cluster is the state of a managed cluster; nil when there is none of that name.
func (f *Fleet) Cluster(ctx context.Context, name string) (*ClusterState, error) {
	if !f.Installed() {
		return nil, nil
	}
	var cluster clusterv1.ManagedCluster
	if err := f.reader.Get(ctx, types.NamespacedName{Name: name}, &cluster); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get ManagedCluster %q: %w", name, err)
	}
	return stateOf(&cluster), nil
}

func stateOf(cluster *clusterv1.ManagedCluster) *ClusterState {
	state := &ClusterState{
		Accepted: cluster.Spec.HubAcceptsClient, Deleting: !cluster.DeletionTimestamp.IsZero(), Version: short(cluster.Status.Version.Kubernetes),
		Lease: time.Duration(cluster.Spec.LeaseDurationSeconds) * time.Second,
	}
	if condition := meta.FindStatusCondition(cluster.Status.Conditions, clusterv1.ManagedClusterConditionAvailable); condition != nil {
		state.Available = condition.Status == metav1.ConditionTrue
		state.Since = condition.LastTransitionTime.Time
	}
	return state
}

// short is bounded for a value of at most 63 bytes, as our CRD has it.
func short(text string) string {
	const most = 63
	if text = bounded(text); len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// Available says whether a managed cluster exists and reports.
func (f *Fleet) Available(ctx context.Context, name string) (bool, error) {
	state, err := f.Cluster(ctx, name)
	return state != nil && state.Available, err
}

// Labels are the labels of a managed cluster, which must not be changed; nil
// when there is none of that name.
func (f *Fleet) Labels(ctx context.Context, name string) (map[string]string, error) {
	if !f.Installed() || name == v1alpha1.LocalCluster {
		return nil, nil
	}
	var cluster clusterv1.ManagedCluster
	if err := f.reader.Get(ctx, types.NamespacedName{Name: name}, &cluster); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get ManagedCluster %q: %w", name, err)
	}
	return cluster.Labels, nil
}

// Decisions are the clusters that the placement of a binding chose, sorted.
// While the placement has not been decided, problem says why.
func (f *Fleet) Decisions(ctx context.Context, binding string) (clusters []string, problem *delivery.Problem, err error) {
	var placement clusterv1beta1.Placement
	key := types.NamespacedName{Namespace: v1alpha1.SystemNamespace, Name: PlacementName(binding)}
	if err := f.reader.Get(ctx, key, &placement); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, pending(binding, "its Placement is being made"), nil
		}
		return nil, nil, fmt.Errorf("get Placement %s: %w", key, err)
	}
	if problem, err := f.unbound(ctx, binding, &placement); problem != nil || err != nil {
		return nil, problem, err
	}
	if problem := undecided(binding, &placement); problem != nil {
		return nil, problem, nil
	}
	clusters, err = f.decided(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if int32(len(clusters)) != placement.Status.NumberOfSelectedClusters {
		// The decisions and the placement's status are separate objects; between
		// their writes the list must not be taken for complete.
		return nil, pending(binding, "its decisions are being written"), nil
	}
	// That name is the hub's own, which is bound by name alone.
	return slices.DeleteFunc(clusters, func(name string) bool { return name == v1alpha1.LocalCluster }), nil, nil
}

// unbound says that a set of the placement is not bound. Decisions without it
// must not empty its clusters because somebody deleted the set's binding, which
// the ClusterBinding's own pass makes again.
func (f *Fleet) unbound(ctx context.Context, binding string, placement *clusterv1beta1.Placement) (*delivery.Problem, error) {
	for i, set := range placement.Spec.ClusterSets {
		var bound clusterv1beta2.ManagedClusterSetBinding
		err := f.reader.Get(ctx, types.NamespacedName{Namespace: placement.Namespace, Name: set}, &bound)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("get ManagedClusterSetBinding %s/%s: %w", placement.Namespace, set, err)
		}
		if apierrors.IsNotFound(err) || !bound.DeletionTimestamp.IsZero() {
			return pending(binding, "cluster set "+set+" is being bound"), nil
		}
		if meta.IsStatusConditionFalse(bound.Status.Conditions, clusterv1beta2.ClusterSetBindingBoundType) {
			return &delivery.Problem{Reason: delivery.ReasonClusterSetNotFound, Message: fmt.Sprintf(
				"ClusterBinding %q: spec.placement.clusterSets[%d]: there is no ManagedClusterSet %q: correct the name, or create the set", binding, i, set)}, nil
		}
	}
	return nil, nil
}

func (f *Fleet) decided(ctx context.Context, placement types.NamespacedName) ([]string, error) {
	var list clusterv1beta1.PlacementDecisionList
	err := f.reader.List(ctx, &list, client.InNamespace(placement.Namespace), client.MatchingLabels{clusterv1beta1.PlacementLabel: placement.Name})
	if err != nil {
		return nil, fmt.Errorf("list the decisions of Placement %s: %w", placement, err)
	}
	var clusters []string
	for i := range list.Items {
		for _, decision := range list.Items[i].Status.Decisions {
			clusters = append(clusters, decision.ClusterName)
		}
	}
	slices.Sort(clusters)
	return slices.Compact(clusters), nil
}

func undecided(binding string, placement *clusterv1beta1.Placement) *delivery.Problem {
	if misconfigured := meta.FindStatusCondition(placement.Status.Conditions, clusterv1beta1.PlacementConditionMisconfigured); misconfigured != nil &&
		misconfigured.Status == metav1.ConditionTrue {
		return &delivery.Problem{Reason: delivery.ReasonPlacementInvalid, Message: fmt.Sprintf(
			"ClusterBinding %q: spec.placement: OCM refuses it: %s", binding, bounded(misconfigured.Message))}
	}
	satisfied := meta.FindStatusCondition(placement.Status.Conditions, clusterv1beta1.PlacementConditionSatisfied)
	if satisfied == nil {
		return pending(binding, "OCM has not decided yet")
	}
	if satisfied.Reason == "NoManagedClusterSetBindings" || satisfied.Reason == "NoIntersection" {
		return pending(binding, "the cluster sets "+fmt.Sprint(placement.Spec.ClusterSets)+" are not bound yet; a set that does not exist never is")
	}
	return nil
}

func pending(binding, why string) *delivery.Problem {
	return &delivery.Problem{Reason: delivery.ReasonPlacementPending, Waiting: true,
		Message: fmt.Sprintf("ClusterBinding %q: waiting for its placement: %s", binding, why)}
}
