// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// When an application changes on a thousand clusters, their agents answer the first
// works while the last are written, and the cache takes seconds to show all that. Who
// writes by it what is written already asks the hub for nothing, and is refused.

// sweepEvery is how often notes that are too old are looked for: each look takes all.
const sweepEvery = time.Second

// lastWrite is the version of a work that was written last.
type lastWrite struct {
	uid        types.UID
	generation int64
	at         time.Time
}

// tooEarly is how long to wait before a work is written again: what changes at once is
// written at once.
func (t *Target) tooEarly(key types.NamespacedName) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.lastWrites[key]
	if !ok {
		return 0
	}
	return max(0, coalesce-t.Clock.Since(last.at))
}

// lagsFor is how much longer the cache may take to show the version of a work that was
// written last; 0 when it shows it, or should.
func (t *Target) lagsFor(cached *workv1.ManifestWork) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.lastWrites[client.ObjectKeyFromObject(cached)]
	if !ok || last.uid != cached.UID || cached.Generation >= last.generation {
		return 0
	}
	return max(0, unseenClaim-t.Clock.Since(last.at))
}

// wrote notes that a work was written, as it stands now.
func (t *Target) wrote(work *workv1.ManifestWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Clock.Now()
	if t.lastWrites == nil {
		t.lastWrites = map[types.NamespacedName]lastWrite{}
	}
	sweep(t.lastWrites, &t.lastWritesSwept, now, func(last lastWrite) time.Time { return last.at })
	key, note := client.ObjectKeyFromObject(work), lastWrite{uid: work.UID, generation: work.Generation, at: now}
	if last := t.lastWrites[key]; last.uid == note.uid {
		note.generation = max(note.generation, last.generation) // a patch does not tell which it made
	}
	t.lastWrites[key] = note
	if t.Written != nil {
		t.Written(work.Namespace)
	}
}

// sweep drops notes of what the cache shows by now, unless that was done just before.
func sweep[K comparable, V any](notes map[K]V, swept *time.Time, now time.Time, at func(V) time.Time) {
	if since := now.Sub(*swept); since >= 0 && since < sweepEvery {
		return
	}
	*swept = now
	maps.DeleteFunc(notes, func(_ K, note V) bool { return now.Sub(at(note)) >= unseenClaim })
}
