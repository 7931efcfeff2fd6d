// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// trial is what is known of the rights of a tenant that were written a moment ago.
// The API server learns of them by a watch of its own, and refuses until then: one
// object is tried, instead of one of each application that is delivered at once.
type trial struct {
	known   bool // an object was made with them
	running bool
	refused time.Time          // when an object was refused
	objects map[objectKey]bool // those that were refused
}

// tryRights lets an object be made, or has it wait for another that tries rights
// which the API server may not know yet. What was refused lets others go first:
// the rights may be known, and not suffice for it. It returns when the rights were
// written, for triedRights.
func (t *Target) tryRights(object objectKey) (time.Time, *delivery.Observation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: object.key.Namespace}
	last, ok := t.tenants[key]
	if !ok || last.rights.known || t.Clock.Since(last.at) >= newRights {
		return time.Time{}, nil
	}
	pause := rightsRetry
	if last.rights.objects[object] {
		pause = 2 * rightsRetry
	}
	if last.rights.running || t.Clock.Since(last.rights.refused) < pause {
		return time.Time{}, &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: fmt.Sprintf(
			"%s: waiting until the API server knows the new rights of account %s/%s", describe(object), object.key.Namespace, v1alpha1.DeployerAccount)}
	}
	last.rights.running = true
	t.tenants[key] = last
	return last.at, nil
}

// triedRights ends a trial of rights, unless they were written again meanwhile. An
// API server that reports a conflict knows them; other errors tell nothing.
func (t *Target) triedRights(object objectKey, since time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: object.key.Namespace}
	last, ok := t.tenants[key]
	if !ok || !last.rights.running || !last.at.Equal(since) {
		return
	}
	last.rights.running = false
	last.rights.known = err == nil || apierrors.IsConflict(err)
	if apierrors.IsForbidden(err) {
		last.rights.refused = t.Clock.Now()
		if last.rights.objects == nil {
			last.rights.objects = map[objectKey]bool{}
		}
		last.rights.objects[object] = true
	}
	t.tenants[key] = last
}
