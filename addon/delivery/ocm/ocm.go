// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package ocm delivers to managed clusters through Open Cluster Management: it
// writes Placements and ManifestWorks and reads decisions and feedback. The
// rules that it follows were measured on OCM's work agent v1.2.1; comments name
// the behaviour behind each.
package ocm

import (
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Labels of works beside those of delivered objects.
const (
	// LabelTargetNamespace is the namespace on the cluster that a work delivers to.
	LabelTargetNamespace = "fairlead.dev/target-namespace"
	// LabelPurpose tells the works apart: see the Purpose constants.
	LabelPurpose = "fairlead.dev/purpose"
)

// The values of LabelPurpose.
const (
	// PurposeApplication is a work with objects of a component.
	PurposeApplication = "application"
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

// Kinds are the kinds of OCM that must be served before OCM counts as installed.
func Kinds() []client.Object {
	return []client.Object{
		&clusterv1.ManagedCluster{}, &clusterv1beta2.ManagedClusterSetBinding{},
		&clusterv1beta1.Placement{}, &clusterv1beta1.PlacementDecision{}, &workv1.ManifestWork{},
	}
}
