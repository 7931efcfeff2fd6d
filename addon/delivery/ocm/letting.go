// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// An agent takes its work from the owners of an object that is to stay when it applies
// the object, and only if that succeeds. One that it cannot apply, such as one of which
// a field was changed that nobody may change, stays the work's, and would go with it.
// Under the strategy CreateOnly the agent applies no content, and the owners all the
// same: so a work says of such an object before it lets go of it.

// letting is how far a cluster has let go of an object.
type letting int

const (
	// letGone means that the object is not the work's, or that there is none.
	letGone letting = iota
	// letUnsaid means that the cluster has not said it yet.
	letUnsaid
	// letRefused means that the cluster could not apply the object, which may be the work's.
	letRefused
)

// lettingOf reads what a cluster says of an object of the present version of its work.
func (t *Target) lettingOf(work *workv1.ManifestWork, content map[string]any) letting {
	id := identify(content)
	at, held := phases(work)[id]
	if !held || at == phaseObserve || arrived(work, id) || isUnknown(work, content) {
		return letGone
	}
	manifest := findByID(work, id)
	if !fetched(work) || manifest == nil {
		return letUnsaid
	}
	applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
	switch {
	case applied == nil || applied.Status != metav1.ConditionFalse || applied.ObservedGeneration != work.Generation:
		return letUnsaid
	case meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable):
		return letGone // it could not even be made
	case at == phaseProbe:
		return t.lettingOfProbed(work, id)
	}
	return letRefused
}

// lettingOfProbed is lettingOf for an object that the work probes, and that was there:
// an earlier version may have made it.
func (t *Target) lettingOfProbed(work *workv1.ManifestWork, id workv1.ResourceIdentifier) letting {
	labels, isOurs := whose(work)
	switch found := findingOf(work, id, labels, isOurs); {
	case found == findOurs:
		return letRefused
	case found == findNothing && metItself(work, id) && t.saidFor(work) < unseenAge:
		return letUnsaid
	}
	return letGone
}

// lettings are those of the objects of a work that its cluster could not let go of,
// and whether it has not said of all.
func (t *Target) lettings(work *workv1.ManifestWork, objects []map[string]any) (refused map[workv1.ResourceIdentifier]bool, unsaid bool) {
	refused = map[workv1.ResourceIdentifier]bool{}
	for _, content := range objects {
		switch t.lettingOf(work, content) {
		case letUnsaid:
			unsaid = true
		case letRefused:
			refused[identify(content)] = true
		}
	}
	return refused, unsaid
}

// staying are those of the objects of an application's work that are to stay when it
// drops them. What is probed is none of it yet.
func staying(work *workv1.ManifestWork, objects []map[string]any) []map[string]any {
	if !holdsObjects(work) {
		return nil
	}
	at := phases(work)
	return slices.DeleteFunc(slices.Clone(objects), func(content map[string]any) bool {
		id := identify(content)
		return !orphaned(work) && !isOrphaning(work, id) || at[id] != phaseApply && at[id] != phaseKeep
	})
}

// ruled are the objects of a work that are to stay when it is deleted. One that is to
// leave all of them is not deleted before it has.
func ruled(work *workv1.ManifestWork) []map[string]any {
	if orphaned(work) {
		return nil
	}
	return staying(work, contents(work))
}

// letsStay says that the agent has let go of the objects of an application's work
// that are to stay: before, it would delete them with the work.
func (t *Target) letsStay(work *workv1.ManifestWork) bool {
	refused, unsaid := t.lettings(work, ruled(work))
	return len(refused) == 0 && !unsaid
}

// lettingStay is what is said while objects are the work's that could not be applied and
// are to stay; nil when there is none.
func (t *Target) lettingStay(ctx context.Context, work *workv1.ManifestWork, objects []map[string]any) (*delivery.Observation, error) {
	refused, _ := t.lettings(work, objects)
	if len(refused) == 0 {
		return nil, nil
	}
	observation, err := t.letGoAsIs(ctx, work, refused,
		delivery.Observation{State: delivery.Waiting, Message: "waiting for the cluster to let the objects go that stay there"})
	return &observation, err
}

// letGoAsIs lets a cluster let go of objects that it cannot apply.
func (t *Target) letGoAsIs(
	ctx context.Context, work *workv1.ManifestWork, refused map[workv1.ResourceIdentifier]bool, waiting delivery.Observation,
) (delivery.Observation, error) {
	waiting.Message += "; it cannot: " + notApplied(work, byBinding).Message
	at := phases(work)
	maps.DeleteFunc(refused, func(id workv1.ResourceIdentifier, _ bool) bool { return at[id] == phaseKeep })
	if len(refused) > 0 {
		written, err := t.keepAsIs(ctx, work, refused)
		if err != nil || written.State == delivery.Refused && written.Message != "" {
			return written, err
		}
		waiting.RetryAfter = written.RetryAfter
	}
	return t.awayOr(ctx, work.Namespace, t.orOverdue(work, waiting))
}

// keepAsIs writes a work so that it applies nothing of objects that are there.
func (t *Target) keepAsIs(ctx context.Context, work *workv1.ManifestWork, ids map[workv1.ResourceIdentifier]bool) (delivery.Observation, error) {
	return t.rewrite(ctx, work, func(wanted *workv1.ManifestWork) error {
		for id := range ids {
			if err := write(wanted, id); err != nil {
				return err
			}
		}
		for i := range wanted.Spec.ManifestConfigs {
			if config := &wanted.Spec.ManifestConfigs[i]; ids[config.ResourceIdentifier] {
				config.UpdateStrategy = createOnly()
			}
		}
		return nil
	})
}

// createOnly makes an object when it is missing, and changes nothing of it but its owners.
func createOnly() *workv1.UpdateStrategy {
	return &workv1.UpdateStrategy{Type: workv1.UpdateStrategyTypeCreateOnly}
}

// asIs is an entry of which nothing is applied while it is there.
func (e entry) asIs() entry {
	e.phase = phaseKeep
	if e.kept != nil {
		kept := *e.kept
		kept.config.UpdateStrategy = createOnly()
		e.kept = &kept
	}
	return e
}
