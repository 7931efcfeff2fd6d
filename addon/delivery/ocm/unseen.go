// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// createdWork is a work that was created and that the cache may not show yet. An
// application that is deleted at this moment would go without it.
type createdWork struct {
	// record is empty for what is no application's.
	record delivery.Record
	uid    types.UID
	at     time.Time
}

// remember notes a work that was created, and forgets those that the cache would show by now.
func (t *Target) remember(work *workv1.ManifestWork) {
	note := createdWork{uid: work.UID, at: t.Clock.Now()}
	if len(ownerKeys(work)) > 0 {
		note.record = recordOf(work)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.created == nil {
		t.created = map[types.NamespacedName]createdWork{}
	}
	sweep(t.created, &t.createdSwept, note.at, func(last createdWork) time.Time { return last.at })
	t.created[client.ObjectKeyFromObject(work)] = note
}

// Seen is to be called for every work that the cache adds or updates: that it was created
// need not be remembered any longer, and what its agent says of it now is.
func (t *Target) Seen(object client.Object) {
	t.mu.Lock()
	t.forgetCreated(object)
	t.mu.Unlock()
	if work, ok := object.(*workv1.ManifestWork); ok {
		t.saidOf(work)
	}
}

// forgetCreated forgets a work that was created, but not for the end of the one
// before it, which may come late. The caller holds the lock.
func (t *Target) forgetCreated(work client.Object) {
	key := client.ObjectKeyFromObject(work)
	if last, ok := t.created[key]; ok && last.uid == work.GetUID() {
		delete(t.created, key)
	}
}

// isPending says that the cache may not show a work yet.
func (t *Target) isPending(last createdWork) bool { return t.Clock.Since(last.at) < unseenClaim }

// unseenRecords are works that were created and that the cache has not seen.
func (t *Target) unseenRecords(owner delivery.Owner) []delivery.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var records []delivery.Record
	for _, last := range t.created {
		if last.record.Owner == owner && t.isPending(last) {
			records = append(records, last.record)
		}
	}
	return records
}

// isUnseen says that a work was created and that the cache has not seen it.
func (t *Target) isUnseen(key types.NamespacedName) bool { return t.unseenFor(key) > 0 }

// unseenFor is how much longer the cache may take to see a work that was created; 0 when
// it has seen it, or should have.
func (t *Target) unseenFor(key types.NamespacedName) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.created[key]
	if !ok {
		return 0
	}
	return max(0, unseenClaim-t.Clock.Since(last.at))
}

// unseenIn says that a work in a tenant was created and that the cache has not seen it.
func (t *Target) unseenIn(key delivery.TenantKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, last := range t.created {
		if last.record.Place.Cluster == key.Cluster && last.record.Place.Namespace == key.Namespace && t.isPending(last) {
			return true
		}
	}
	return false
}
