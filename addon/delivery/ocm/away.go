// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

const (
	// FetchLimit is how long an agent may take to report a version that was
	// written for it, before its cluster is said to be away.
	FetchLimit = 60 * time.Second
	// AnnotationWritten is when the oldest version was written of which the agent
	// has shown nothing yet. It is no part of the digest.
	AnnotationWritten = "fairlead.dev/written"
	// observedReport is an annotation that exists only in the cache, like
	// observedDigest: when the status was written last, by the hub's clock.
	observedReport = "fairlead.dev/observed report"
)

// keepTimes puts into a stripped work when it was written, on its way out, and
// last reported on.
func keepTimes(stripped, work *workv1.ManifestWork) {
	for _, key := range []string{AnnotationWritten, annotationLeaving} {
		if at, ok := timeIn(work, key); ok {
			stripped.Annotations[key] = stampOf(at)
		}
	}
	var last time.Time
	for i := range work.ManagedFields {
		entry := &work.ManagedFields[i]
		if entry.Subresource == "status" && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	if !last.IsZero() {
		stripped.Annotations[observedReport] = stampOf(last)
	}
}

func stampOf(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func timeIn(work *workv1.ManifestWork, annotation string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, work.Annotations[annotation])
	return at, err == nil
}

// lastReport is when the cluster last reported on the work; zero when it never did.
func lastReport(work *workv1.ManifestWork) time.Time {
	at, _ := timeIn(work, observedReport)
	return at
}

// fetched says that the agent reported the present generation, applied or not.
func fetched(work *workv1.ManifestWork) bool {
	condition := appliedCondition(work)
	return condition != nil && condition.ObservedGeneration == work.Generation
}

// stamp notes on a work when it is written. While the agent has shown nothing
// since an earlier write, that one counts: to write ever again must not make a
// cluster look as if it were there.
func (t *Target) stamp(wanted, current *workv1.ManifestWork) {
	wanted.Annotations[AnnotationWritten] = stampOf(t.Clock.Now())
	if current == nil || fetched(current) {
		return
	}
	written, ok := timeIn(current, AnnotationWritten)
	if ok && !written.After(t.Clock.Now()) && !lastReport(current).After(written) {
		wanted.Annotations[AnnotationWritten] = stampOf(written)
	}
}

// orOverdue is the observation, unless the agent has not reported the work's
// present generation in time: then the cluster is away.
func (t *Target) orOverdue(work *workv1.ManifestWork, observation delivery.Observation) delivery.Observation {
	observation.Reported = lastReport(work)
	if fetched(work) {
		return observation
	}
	written := t.writtenAt(work)
	wait := FetchLimit - t.Clock.Since(written)
	if wait > 0 {
		observation.RetryAfter = sooner(observation.RetryAfter, wait)
		return observation
	}
	return delivery.Observation{
		State: delivery.Away, Reason: delivery.ReasonClusterAway, RetryAfter: observation.RetryAfter, Reported: observation.Reported,
		Message: fmt.Sprintf("cluster is away since %s: its agent has not fetched what was written at %s",
			stampOf(written.Add(FetchLimit)), stampOf(written)),
	}
}

// sooner is the shorter of two times to wait, of which 0 means never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// unseenSpec is a generation that the agent has not reported, and when it was
// found that nothing says when it was written.
type unseenSpec struct {
	generation int64
	since      time.Time
}

// writtenAt is when the version was written that the agent has not reported. The
// work says it, which its cluster may change: a time before the work or in the
// future is not believed, and then it counts from when it was first looked at.
func (t *Target) writtenAt(work *workv1.ManifestWork) time.Time {
	now := t.Clock.Now()
	written, ok := timeIn(work, AnnotationWritten)
	if created := work.CreationTimestamp.Time; written.Before(created) {
		written = created
	}
	if ok && !written.After(now) {
		return written
	}
	return t.firstSeen(client.ObjectKeyFromObject(work), work.Generation, now)
}

func (t *Target) firstSeen(key types.NamespacedName, generation int64, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.unseen[key]
	if ok && last.generation == generation && !last.since.After(now) {
		return last.since
	}
	if t.unseen == nil {
		t.unseen = map[types.NamespacedName]unseenSpec{}
	}
	t.unseen[key] = unseenSpec{generation: generation, since: now}
	return now
}

// seen forgets when a work was first looked at: it was reported, or is gone.
func (t *Target) seen(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.unseen, key)
}
