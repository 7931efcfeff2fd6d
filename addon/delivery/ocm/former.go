// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"

	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// A work is applied as the deployer account of one namespace, which may touch nothing in
// another one. When an environment gets another namespace, the works of its units are
// written for that, and what is in the former one goes. What a policy keeps there until
// the application goes could then not be applied any more, and the component with it.
// So a work with such objects stays the former namespace's, as that of a component that
// the application drops, and the unit has other works beside it.

// maxFormer is how many works of a unit may be of former namespaces. A cluster may label
// its works as it likes, and must not have the hub make one more each time.
const maxFormer = 16

// ofPresent are those of the works of a unit that are, or are to be, in its namespace.
// former are the indexes of the others.
func ofPresent(unit delivery.Unit, works map[string]*workv1.ManifestWork) (present map[string]*workv1.ManifestWork, former []string) {
	present = map[string]*workv1.ManifestWork{}
	for _, index := range sortedIndexes(works) {
		if len(former) < maxFormer && isFormer(works[index], unit.Place.Namespace) {
			former = append(former, index)
			continue
		}
		present[index] = works[index]
	}
	return present, former
}

// isFormer says that a work of an environment which has that namespace now keeps objects
// in another one. Whether they are the application's its cluster may not have said yet.
func isFormer(work *workv1.ManifestWork, namespace string) bool {
	if work.Labels[LabelPurpose] != PurposeApplication || work.Labels[LabelTargetNamespace] == namespace {
		return false
	}
	return slices.ContainsFunc(contents(work), func(content map[string]any) bool {
		in := identify(content).Namespace
		return in != "" && in != namespace && annotation(content, delivery.AnnotationRemoval) == policy.RemoveOnDelete
	})
}

// takenOver are the objects of a work that another work of its unit has in another
// namespace: those that are in none themselves. waiting says that its cluster does not
// have all of them there yet.
func (t *Target) takenOver(ctx context.Context, work *workv1.ManifestWork) (taken map[workv1.ResourceIdentifier]bool, waiting bool, err error) {
	ids := slices.DeleteFunc(identities(work), func(id workv1.ResourceIdentifier) bool { return id.Namespace != "" })
	if len(ids) == 0 {
		return nil, false, nil
	}
	var works workv1.ManifestWorkList
	err = t.Reader.List(ctx, &works, client.MatchingFields{indexUnit: unitIndexKey(work.Namespace, work.Labels)})
	if err != nil {
		return nil, false, fmt.Errorf("list the works beside work %s/%s: %w", work.Namespace, work.Name, err)
	}
	taken = map[workv1.ResourceIdentifier]bool{}
	for _, id := range ids {
		for i := range works.Items {
			other := &works.Items[i]
			if !t.takesOver(other, work, id) {
				continue
			}
			taken[id] = taken[id] || arrived(other, id)
			waiting = waiting || !arrived(other, id)
		}
	}
	return taken, waiting, nil
}

// takesOver says that another work of the unit is to have an object of a work. Of two
// that would leave it to each other one does.
func (t *Target) takesOver(other, work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if other.Name == work.Name || !genuine(other) || !other.DeletionTimestamp.IsZero() ||
		other.Labels[LabelTargetNamespace] == work.Labels[LabelTargetNamespace] || t.hasParted(other, manifestKey(work.Namespace, id)) {
		return false
	}
	at, has := phases(other)[id]
	return has && at != phaseObserve
}
