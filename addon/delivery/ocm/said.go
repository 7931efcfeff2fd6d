// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How long an agent has said what it says of a work decides how far it can be believed:
// it says that it applied a version before it has recorded what it applied, and before all
// that it tells was read of that version. Its condition Applied does not tell since when.
// It keeps the time at which it became true through all later versions, and that time is
// the cluster's. So it is remembered when the hub was first shown it.

const (
	// maxReports bounds of how many works it is remembered. What is forgotten counts from
	// when the work was last reported on.
	maxReports = 1 << 16
	// reportGrain is how exact the time is at which a work was last reported on.
	reportGrain = time.Second
)

// saidApplied is what an agent says of a work: of which version, and whether it was applied.
type saidApplied struct {
	uid        types.UID
	generation int64
	status     metav1.ConditionStatus
	// since is when the hub was first shown it, or knows that it was said before.
	since time.Time
	// good says that what it told of that version was all as it was delivered.
	good bool
}

func (s saidApplied) same(other saidApplied) bool {
	return s.uid == other.uid && s.generation == other.generation && s.status == other.status
}

// saidOf is what an agent says of a work now, and since when; false when it says nothing.
// What it said before this manager looked was said no later than the last report.
func (t *Target) saidOf(work *workv1.ManifestWork) (saidApplied, bool) {
	applied := appliedCondition(work)
	if applied == nil {
		return saidApplied{}, false
	}
	key, now := client.ObjectKeyFromObject(work), t.Clock.Now()
	says := saidApplied{uid: work.UID, generation: applied.ObservedGeneration, status: applied.Status, since: now}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, known := t.said[key]
	if known && last.same(says) && !last.since.After(now) {
		return last, true
	}
	if reported := lastReport(work); !known && !reported.IsZero() && reported.Add(reportGrain).Before(now) {
		says.since = reported.Add(reportGrain)
	}
	put(&t.said, key, says, maxReports)
	return says, true
}

// saidFor is how long an agent has said what it says of a work; 0 when it says nothing.
func (t *Target) saidFor(work *workv1.ManifestWork) time.Duration {
	says, ok := t.saidOf(work)
	if !ok {
		return 0
	}
	return t.Clock.Since(says.since)
}

// isGood says that what an agent told of the present version of a work was all as it was
// delivered: what it tells now is no longer of the version before.
func (t *Target) isGood(work *workv1.ManifestWork) bool {
	says, ok := t.saidOf(work)
	return ok && says.good && says.generation == work.Generation
}

// noteGood notes that all that an agent tells of a work is as it was delivered.
func (t *Target) noteGood(work *workv1.ManifestWork) {
	says, ok := t.saidOf(work)
	if !ok || says.good {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := client.ObjectKeyFromObject(work)
	if last, ok := t.said[key]; ok && last.same(says) {
		last.good = true
		t.said[key] = last
	}
}

// Dropped is to be called for every work that the cache drops: nothing of it need be
// remembered any longer.
func (t *Target) Dropped(work client.Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetCreated(work)
	key := client.ObjectKeyFromObject(work)
	if last, ok := t.said[key]; ok && last.uid == work.GetUID() {
		delete(t.said, key)
	}
}
