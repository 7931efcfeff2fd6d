// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// OCM says that a cluster is away when its lease is not renewed, which another agent
// does than the one that applies works. That one has no lease: what tells of it is that
// it answers. It owes an answer to each version of a work, and to a deletion, of which
// it says that it begins before it removes anything (that of OCM 1.0 does not: nothing
// but the end of the work tells of it). An agent that has much to do answers late, and
// answers something: only one that owes an answer, and from which nothing has come of any
// work of its cluster for that long, is silent.

const (
	// leases is how many leases in a row OCM lets a cluster miss before it is away.
	leases = 5
	// defaultLease is how long one lasts that the ManagedCluster does not say.
	defaultLease = time.Minute
)

// absence is why nothing is to be expected of a cluster now.
type absence struct {
	away delivery.Observation
	// lost is how long it takes until the cluster is given up as one that OCM has lost
	// is; 0 when it is given up.
	lost time.Duration
}

// absent says why no answer to a work is to be expected now; nil when one may come,
// and then when to look again, 0 for an event.
func (t *Target) absent(ctx context.Context, work *workv1.ManifestWork) (*absence, time.Duration, error) {
	away, err := t.away(ctx, work.Namespace)
	if err != nil {
		return nil, 0, err
	}
	if away != nil {
		return &absence{away: *away}, 0, nil
	}
	owed, ok := t.owedSince(work)
	if !ok {
		return nil, 0, nil
	}
	if wait := FetchLimit - t.Clock.Since(owed); wait > 0 {
		return nil, min(wait, FetchLimit), nil // the clocks may differ
	}
	since, err := t.silentSince(ctx, work.Namespace, owed)
	if err != nil {
		return nil, 0, err
	}
	quiet := t.Clock.Since(since)
	if quiet < FetchLimit {
		return nil, min(FetchLimit-quiet, FetchLimit), nil
	}
	lost, err := t.lostAfter(ctx, work.Namespace)
	if err != nil {
		return nil, 0, err
	}
	return &absence{away: silentAgent(work, owed, since), lost: max(lost-quiet, 0)}, 0, nil
}

// explain is an observation, unless what it waits for does not come, which explains more.
func (a *absence) explain(observation delivery.Observation) delivery.Observation {
	if observation.State != delivery.Waiting && observation.State != delivery.Applying {
		return observation
	}
	away := a.away
	away.RetryAfter, away.Reported = observation.RetryAfter, observation.Reported
	if away.RetryAfter > 0 && away.RetryAfter <= conflictRetry {
		away.RetryAfter = awayRetry // it is not looked for every second what an agent that is silent does not do
	}
	return away
}

// absentOr is the observation, unless nothing is to be expected of the cluster, which explains more.
func (t *Target) absentOr(ctx context.Context, work *workv1.ManifestWork, observation delivery.Observation) (delivery.Observation, error) {
	absence, again, err := t.absent(ctx, work)
	if err != nil || absence == nil {
		observation.RetryAfter = sooner(observation.RetryAfter, again)
		return observation, err
	}
	return absence.explain(observation), nil
}

// owedSince is since when the agent owes an answer to a work; ok is false when it does
// not. What it did not fetch before the work was deleted it owes since then.
func (t *Target) owedSince(work *workv1.ManifestWork) (since time.Time, ok bool) {
	if work.DeletionTimestamp.IsZero() {
		if fetched(work) {
			return time.Time{}, false
		}
		return t.writtenAt(work), true
	}
	if !slices.Contains(work.Finalizers, workv1.ManifestWorkFinalizer) || removalBegan(work) {
		return time.Time{}, false
	}
	since = work.DeletionTimestamp.Time
	applied := appliedCondition(work)
	if applied != nil && applied.ObservedGeneration >= work.Generation-1 { // the deletion is a generation
		return since, true
	}
	written, ok := timeIn(work, AnnotationWritten)
	if ok && written.Before(since) && !written.Before(work.CreationTimestamp.Time) {
		since = written
	}
	return since, true
}

// removalBegan says that the agent has begun to remove what a work has.
func removalBegan(work *workv1.ManifestWork) bool {
	return meta.IsStatusConditionTrue(work.Status.Conditions, workv1.WorkDeleting)
}

// silentSince is when the cluster last reported on any of its works, or else since when
// it owes an answer.
func (t *Target) silentSince(ctx context.Context, cluster string, owed time.Time) (time.Time, error) {
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.InNamespace(cluster), client.UnsafeDisableDeepCopy); err != nil {
		return owed, fmt.Errorf("list the works of cluster %q: %w", cluster, err)
	}
	since := owed
	for i := range works.Items {
		if last := lastReport(&works.Items[i]); last.After(since) {
			since = last
		}
	}
	return since, nil
}

// lostAfter is how long OCM gives a cluster of which it hears nothing.
func (t *Target) lostAfter(ctx context.Context, cluster string) (time.Duration, error) {
	state, err := t.Fleet.Cluster(ctx, cluster)
	if err != nil {
		return 0, err
	}
	lease := defaultLease
	if state != nil && state.Lease > 0 {
		lease = state.Lease
	}
	return max(leases*lease, FetchLimit), nil
}

// silentAgent says what an agent owes.
func silentAgent(work *workv1.ManifestWork, owed, since time.Time) delivery.Observation {
	what := "its work agent has not fetched what was written at " + stampOf(owed)
	if deleted := work.DeletionTimestamp; !deleted.IsZero() {
		what = "its work agent has not begun to remove what was deleted at " + stampOf(deleted.Time)
	}
	return delivery.Observation{State: delivery.Away, Reason: delivery.ReasonClusterAway, Message: fmt.Sprintf(
		"cluster is away since %s: %s, though its lease is renewed; look at it there: kubectl -n open-cluster-management-agent logs deploy/klusterlet-work-agent",
		stampOf(since.Add(FetchLimit)), what)}
}

// beingRemoved is what is said of a work that is being deleted. One that its agent has
// begun with may take as long as objects of it have finalizers.
func (t *Target) beingRemoved(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	removing := delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to remove it"}
	if removalBegan(work) {
		deleted := work.DeletionTimestamp.Time
		removing.RetryAfter = min(max(FetchLimit-t.Clock.Since(deleted), 0), FetchLimit)
		if removing.RetryAfter == 0 {
			removing.Message += fmt.Sprintf(" since %s: its agent has begun, and what is left may have a finalizer", stampOf(deleted))
		}
	}
	return t.absentOr(ctx, work, removing)
}
