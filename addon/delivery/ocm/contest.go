// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"

	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// Nobody writes an object into a work that another unit's work has already. Yet two
// works may have one: of an earlier version, or of two managers at once. If each were
// refused because of the other, neither could be changed any more, and so one of them
// goes on.

// holderAmong is who has an object that works have: the one of the other units that
// goes first, and the unit's own.
func holderAmong(unit delivery.Unit, works []workv1.ManifestWork, id workv1.ResourceIdentifier) holder {
	var found holder
	for i := range works {
		at := &found.work
		if isWorkOf(unit, &works[i]) {
			at = &found.own
		}
		if *at == nil || goesFirst(&works[i], *at, id) {
			*at = &works[i]
		}
	}
	if found.work != nil {
		found.name = unitOf(found.work.Labels)
	}
	return found
}

// yields says that the unit goes on with an object that another unit's work has too.
func (h holder) yields(id workv1.ResourceIdentifier) bool {
	return h.work != nil && h.own != nil && goesFirst(h.own, h.work, id)
}

// goesFirst says which of two works with an object goes on: the one whose object it
// is as far as the cluster has said, else the older one. Names decide between those
// of one second.
func goesFirst(work, other *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if has, otherHas := hasMade(work, id), hasMade(other, id); has != otherHas {
		return has
	}
	if !work.CreationTimestamp.Equal(&other.CreationTimestamp) {
		return work.CreationTimestamp.Before(&other.CreationTimestamp)
	}
	return strings.Compare(work.Name, other.Name) < 0
}

// hasMade says that an object of a work is known to be its unit's.
func hasMade(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if phases(work)[id] != phaseProbe {
		return true
	}
	return findingOf(work, id, applicationIdentity, func(labels map[string]string) bool {
		return labels[v1beta1.LabelAppNamespace] == work.Labels[v1beta1.LabelAppNamespace] && labels[v1beta1.LabelAppName] == work.Labels[v1beta1.LabelAppName] &&
			labels[v1alpha1.LabelEnvironment] == work.Labels[v1alpha1.LabelEnvironment] &&
			delivery.UnitName(labels[v1beta1.LabelAppComponent], labels[v1beta1.LabelReplicaKey]) == work.Labels[v1beta1.LabelAppComponent]
	}) == findOurs
}

// isInPlaceOf says that the work of a tenant is in the place of the one of another hub
// namespace: it has not got further than to ask whose the namespace is, and its cluster
// says that it is that one's. It could never be had by the first, nor by the second,
// which made the namespace earlier and was gone for a while.
func isInPlaceOf(work *workv1.ManifestWork, source, namespace string) bool {
	manifest := findByID(work, workv1.ResourceIdentifier{Resource: "namespaces", Name: namespace})
	if manifest == nil || source == "" || holdsAccount(work) {
		return false
	}
	return identified(manifest, tenantIdentity, delivery.Tenant{SourceNamespace: source}.OfTenant) == findOurs
}
