// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// SetLabel is the label of a managed cluster that names its cluster set.
const SetLabel = clusterv1beta2.ClusterSetLabel

// Kind is the kind of a managed cluster.
func Kind() schema.GroupVersionKind {
	return schema.GroupVersion(clusterv1.GroupVersion).WithKind("ManagedCluster")
}

// setKind is the kind of a cluster set.
func setKind() schema.GroupVersionKind {
	return schema.GroupVersion(clusterv1beta2.GroupVersion).WithKind("ManagedClusterSet")
}

// Cluster is a managed cluster as the hub knows it.
type Cluster struct {
	// Name of the cluster.
	Name string
	// Labels of the cluster; it may set them itself.
	Labels map[string]string
	// Set is the exclusive cluster set that it is in; empty for none.
	Set string
	// Accepted says that the hub takes it in.
	Accepted bool
	// Joined says that its agent has registered.
	Joined bool
	// Available says that its agent reported lately.
	Available bool
	// Version of its Kubernetes.
	Version string
	// Capacity and Allocatable are sums over its nodes, by resource.
	Capacity, Allocatable map[string]string
	// Claims that it makes of itself, by name.
	Claims map[string]string
	// Taints keep applications away that do not tolerate them.
	Taints []Taint
	// Conditions of the cluster.
	Conditions []metav1.Condition
}

// Taint keeps applications away.
type Taint struct{ Key, Value, Effect string }

// Selection says which clusters are meant: those that all of it selects. What
// is empty selects every cluster.
type Selection struct {
	// Names of the clusters. Each must exist.
	Names []string
	// Sets are cluster sets, one of which a cluster must be in. Each must exist.
	Sets []string
	// Labels that a cluster must have.
	Labels labels.Selector
	// Available leaves out clusters that are away.
	Available bool
}

// Clusters reads the selected clusters, sorted by name. A name or set that does
// not exist, and a hub without Open Cluster Management, is a *hub.ConfigError.
func Clusters(ctx context.Context, client *hub.Client, selection Selection) ([]Cluster, error) {
	objects, err := client.List(ctx, Kind(), "", "")
	if hub.IsNoMatch(err) {
		return nil, notInstalled()
	}
	if err != nil {
		return nil, err
	}
	sets, err := selectorsOf(ctx, client, selection.Sets)
	if err != nil {
		return nil, err
	}
	var all []string
	var clusters []Cluster
	for i := range objects {
		cluster, err := read(&objects[i])
		if err != nil {
			return nil, err
		}
		all = append(all, cluster.Name)
		if selection.selects(cluster, sets) {
			clusters = append(clusters, cluster)
		}
	}
	if err := missing(selection.Names, all); err != nil {
		return nil, err
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return clusters, nil
}

// notInstalled is the error of a hub that knows no managed clusters.
func notInstalled() error {
	return &hub.ConfigError{
		Summary: "Open Cluster Management is not installed",
		Detail:  "The hub does not know managed clusters. Install Open Cluster Management on it; without it applications can be delivered to the hub itself, which is called local.",
	}
}

// selects says whether the cluster is selected. There is a selector for each set.
func (s Selection) selects(cluster Cluster, sets []labels.Selector) bool {
	of := labels.Set(cluster.Labels)
	switch {
	case len(s.Names) > 0 && !slices.Contains(s.Names, cluster.Name):
		return false
	case s.Labels != nil && !s.Labels.Matches(of):
		return false
	case s.Available && !cluster.Available:
		return false
	}
	return len(sets) == 0 || slices.ContainsFunc(sets, func(set labels.Selector) bool { return set.Matches(of) })
}

// missing is the error about a name that is not among all.
func missing(names, all []string) error {
	for _, name := range names {
		if slices.Contains(all, name) {
			continue
		}
		return &hub.ConfigError{
			Field: "names", Summary: "Managed cluster not found",
			Detail: fmt.Sprintf("names: the hub has no managed cluster %q%s", name, hub.Known(name, all)),
		}
	}
	return nil
}

// selectorsOf reads what selects the clusters of each set.
func selectorsOf(ctx context.Context, client *hub.Client, names []string) ([]labels.Selector, error) {
	if len(names) == 0 {
		return nil, nil
	}
	objects, err := client.List(ctx, setKind(), "", "")
	if hub.IsNoMatch(err) {
		return nil, notInstalled()
	}
	if err != nil {
		return nil, err
	}
	var all []string
	byName := map[string]labels.Selector{}
	for i := range objects {
		name := objects[i].GetName()
		all = append(all, name)
		if !slices.Contains(names, name) {
			continue
		}
		if byName[name], err = setSelector(&objects[i]); err != nil {
			return nil, err
		}
	}
	var selectors []labels.Selector
	for _, name := range names {
		selector, exists := byName[name]
		if !exists {
			return nil, &hub.ConfigError{
				Field: "cluster_sets", Summary: "Cluster set not found",
				Detail: fmt.Sprintf("cluster_sets: the hub has no ManagedClusterSet %q%s", name, hub.Known(name, all)),
			}
		}
		selectors = append(selectors, selector)
	}
	return selectors, nil
}

// setSelector is what selects the clusters of a set: its label, unless the set
// selects by labels of its own, as the set global does.
func setSelector(object *unstructured.Unstructured) (labels.Selector, error) {
	var set clusterv1beta2.ManagedClusterSet
	if err := decode(object, &set); err != nil {
		return nil, err
	}
	if set.Spec.ClusterSelector.SelectorType != clusterv1beta2.LabelSelector {
		return labels.SelectorFromSet(labels.Set{SetLabel: set.Name}), nil
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.ClusterSelector.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("read the label selector of the cluster set %q: %w", set.Name, err)
	}
	return selector, nil
}

// read takes out of the object what matters.
func read(object *unstructured.Unstructured) (Cluster, error) {
	var live clusterv1.ManagedCluster
	if err := decode(object, &live); err != nil {
		return Cluster{}, err
	}
	cluster := Cluster{
		Name:        live.Name,
		Labels:      live.Labels,
		Set:         live.Labels[SetLabel],
		Accepted:    live.Spec.HubAcceptsClient,
		Joined:      meta.IsStatusConditionTrue(live.Status.Conditions, clusterv1.ManagedClusterConditionJoined),
		Available:   meta.IsStatusConditionTrue(live.Status.Conditions, clusterv1.ManagedClusterConditionAvailable),
		Version:     live.Status.Version.Kubernetes,
		Capacity:    quantities(live.Status.Capacity),
		Allocatable: quantities(live.Status.Allocatable),
		Claims:      map[string]string{},
		Conditions:  live.Status.Conditions,
	}
	for _, claim := range live.Status.ClusterClaims {
		cluster.Claims[claim.Name] = claim.Value
	}
	for _, taint := range live.Spec.Taints {
		cluster.Taints = append(cluster.Taints, Taint{Key: taint.Key, Value: taint.Value, Effect: string(taint.Effect)})
	}
	return cluster, nil
}

// quantities writes amounts as text.
func quantities(list clusterv1.ResourceList) map[string]string {
	texts := make(map[string]string, len(list))
	for name, quantity := range list {
		texts[string(name)] = quantity.String()
	}
	return texts
}

// decode converts what the hub holds into a typed object.
func decode(object *unstructured.Unstructured, typed any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		return fmt.Errorf("read %s %q as the hub holds it: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
