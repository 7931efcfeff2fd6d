// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// An object of which a field changed that a policy of type resource-update names is made
// anew: its work drops it, its agent removes it, and then the work has it again. What is
// to stay when its work drops it is not the work's, so that the agent would leave it:
// the work takes it first, as it stands, and drops it when the cluster has said so.

// endingPath tells that an object is being deleted, and is there until its finalizers
// are gone: a claim that pods use is as long as they run.
var endingPath = health.Path{"metadata", "deletionTimestamp"}

// remakes says that a change of some fields makes an object anew. What is only read or
// left alone is not written, and not removed for that either. An agent deletes nothing
// without what it owns, so that what is to keep that is changed in place.
func remakes(treatment policy.Treatment) bool {
	return len(treatment.RecreateFields) > 0 && !treatment.ReadOnly && !treatment.Once && treatment.Propagation != propagationOrphan
}

// anew leaves out the objects that are to be made anew until the cluster has removed
// them, but for those that their works must take first. It says what is waited for.
func (t *Target) anew(
	ctx context.Context, unit delivery.Unit, entries []entry, works map[string]*workv1.ManifestWork,
) (kept []entry, waiting []delivery.Observation, err error) {
	for i, e := range entries {
		if !remakes(unit.Treatment(i)) || !isLeaving(e, works) {
			kept = append(kept, e)
			continue
		}
		waiting = append(waiting, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Message: describe(e.content) +
			": it is removed and made anew, since a field changed that a policy of type \"resource-update\" names"})
		standing, err := t.beforeItGoes(ctx, unit, e, works)
		if err != nil {
			return nil, nil, err
		}
		kept = append(kept, standing...)
	}
	return kept, waiting, nil
}

// isLeaving says that the cluster has, or may still have, the object as it was made.
func isLeaving(e entry, works map[string]*workv1.ManifestWork) bool {
	work := holding(works, e.id())
	if work == nil {
		// It may have been dropped just now. To add it before the agent has seen that would keep the old one.
		return slices.ContainsFunc(slices.Collect(maps.Values(works)), func(work *workv1.ManifestWork) bool { return !workedOff(work) })
	}
	before := noteOf(work, e.id(), delivery.AnnotationRecreate)
	return before != "" && before != annotation(e.content, delivery.AnnotationRecreate)
}

// taking is whether a work must take an object before it drops it.
type taking int

const (
	// takenAlready means that the object goes when the work drops it, or is not the work's.
	takenAlready taking = iota
	// takeUnsaid means that its cluster has not said yet whose it is.
	takeUnsaid
	// takeFirst means that the work would leave it.
	takeFirst
)

// takingOf says whether a work must take an object of the unit before it drops it.
func (t *Target) takingOf(unit delivery.Unit, work *workv1.ManifestWork, e entry) taking {
	id := e.id()
	stays := orphaned(work) || isOrphaning(work, id)
	switch at := phases(work)[id]; {
	case at == phaseKeep && !stays && !arrived(work, id) && !isMissing(work, id):
		return takeFirst // it is asked for, and the cluster has not done it yet
	case at == phaseObserve || !stays && (at != phaseProbe || arrived(work, id)):
		return takenAlready // what a probe met is not the work's, be it that it goes when a work has it
	case at != phaseProbe:
		return takeFirst
	}
	switch found := findingOf(work, id, applicationIdentity, owns(unit, e.shared)); {
	case found == findOurs:
		return takeFirst
	case found == findNothing && metItself(work, id) && t.saidFor(work) < unseenAge:
		return takeUnsaid
	}
	return takenAlready
}

// beforeItGoes is an object that is to be made anew as its work is to have it before it
// drops it; nothing when it may drop it.
func (t *Target) beforeItGoes(ctx context.Context, unit delivery.Unit, e entry, works map[string]*workv1.ManifestWork) ([]entry, error) {
	work := holding(works, e.id())
	if work == nil {
		return nil, nil
	}
	how := t.takingOf(unit, work, e)
	if how == takenAlready {
		return nil, nil
	}
	standing, err := t.asTheyStand(ctx, work, []map[string]any{e.content}, nil)
	if err != nil {
		return nil, err
	}
	if len(standing) == 0 {
		return nil, errChanged
	}
	if how == takeUnsaid {
		return standing, nil
	}
	taken, err := standing[0].taken()
	return []entry{taken}, err
}

// taken is an entry of which the work is the owner, and of which nothing is applied while
// it is there: the cluster may refuse its content.
func (e entry) taken() (entry, error) {
	e = e.asIs()
	e.orphan = false
	if !isProbe(e.content) {
		return e, nil
	}
	e.content = unprobed(e.content)
	raw, err := json.Marshal(e.content)
	if err != nil {
		return e, fmt.Errorf("encode %s: %w", describe(e.content), err)
	}
	e.kept.raw = raw
	return e, nil
}
