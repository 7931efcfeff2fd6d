// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package ocm delivers to managed clusters through Open Cluster Management: it
// writes Placements and ManifestWorks and reads decisions and feedback. The
// rules that it follows were measured on OCM's work agent v1.2.1; comments name
// the behaviour behind each.
package ocm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// Labels of works beside those of delivered objects.
const (
	// LabelTargetNamespace is the namespace on the cluster that a work delivers to.
	LabelTargetNamespace = "fairlead.dev/target-namespace"
	// LabelPurpose tells the works apart: see the Purpose constants.
	LabelPurpose = "fairlead.dev/purpose"
	// LabelIndex counts the works of a unit that does not fit into one.
	LabelIndex = "fairlead.dev/index"
)

// The values of LabelPurpose.
const (
	// PurposeApplication is a work with objects of a component.
	PurposeApplication = "application"
	// PurposeLeft is a work of a component that was left on a cluster that is away: its
	// application counts it no more, and it goes when the cluster returns.
	PurposeLeft = "left"
	// PurposeKeep is a work that holds a field of an object while the object's own work lets go of it.
	PurposeKeep = "keep"
	// PurposeTenant is a work with a namespace, its deployer account and rights.
	PurposeTenant = "tenant"
	// PurposeRoles is the one work per cluster with the deployer's ClusterRoles.
	PurposeRoles = "roles"
)

// fieldManager is what the agent applies objects as. OCM's CRD wants the prefix work-agent.
const fieldManager = "work-agent-fairlead"

// AddToScheme registers OCM's kinds that Fairlead uses.
func AddToScheme(scheme *runtime.Scheme) error {
	for _, add := range []func(*runtime.Scheme) error{
		clusterv1.Install, clusterv1beta1.Install, clusterv1beta2.Install, workv1.Install,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	return nil
}

// Watches are the kinds of OCM that must be served before OCM counts as
// installed, and whose changes matter.
type Watches struct {
	Cluster, SetBinding, Placement, Decision, Work client.Object
}

// Watched are empty objects of the kinds.
func Watched() Watches {
	return Watches{
		Cluster: &clusterv1.ManagedCluster{}, SetBinding: &clusterv1beta2.ManagedClusterSetBinding{},
		Placement: &clusterv1beta1.Placement{}, Decision: &clusterv1beta1.PlacementDecision{}, Work: &workv1.ManifestWork{},
	}
}

// Kinds lists the kinds.
func (w Watches) Kinds() []client.Object {
	return []client.Object{w.Cluster, w.SetBinding, w.Placement, w.Decision, w.Work}
}

// PlacementOfDecision is the name of the Placement that decided; empty when the
// object is no PlacementDecision.
func PlacementOfDecision(object client.Object) string {
	return object.GetLabels()[clusterv1beta1.PlacementLabel]
}

// StateChanged says whether what Fairlead reads of a ManagedCluster differs;
// its status is rewritten often.
func StateChanged(before, after client.Object) bool {
	earlier, ok := before.(*clusterv1.ManagedCluster)
	later, alsoOK := after.(*clusterv1.ManagedCluster)
	return !ok || !alsoOK || *stateOf(earlier) != *stateOf(later)
}

// WorksOn lists the applications that have works on a cluster.
func WorksOn(ctx context.Context, reader client.Reader, cluster string) ([]delivery.Owner, error) {
	var works workv1.ManifestWorkList
	err := reader.List(ctx, &works, client.InNamespace(cluster), client.MatchingLabels{LabelPurpose: PurposeApplication}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	owners := make([]delivery.Owner, 0, len(works.Items))
	for i := range works.Items {
		owners = append(owners, recordOf(&works.Items[i]).Owner)
	}
	return owners, nil
}

// OwnersIn lists the applications that have works of an environment, whether they
// name it or not, and whether they exist or not.
func OwnersIn(ctx context.Context, reader client.Reader, environment string) ([]delivery.Owner, error) {
	var works workv1.ManifestWorkList
	err := reader.List(ctx, &works, client.MatchingLabels{LabelPurpose: PurposeApplication, v1alpha1.LabelEnvironment: environment}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the works of environment %q: %w", environment, err)
	}
	return ownersOf(works.Items), nil
}

// ownersOf are the owners of works, each once.
func ownersOf(works []workv1.ManifestWork) []delivery.Owner {
	found := map[delivery.Owner]bool{}
	for i := range works {
		if genuine(&works[i]) {
			found[recordOf(&works[i]).Owner] = true
		}
	}
	owners := slices.Collect(maps.Keys(found))
	slices.SortFunc(owners, func(a, b delivery.Owner) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return owners
}
