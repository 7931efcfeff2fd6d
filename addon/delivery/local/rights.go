// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// trial is what is known of the rights of a tenant that were written a moment ago.
// The API server learns of them by a watch of its own, and refuses until then: one
// unit tries, instead of all that are delivered at once.
type trial struct {
	known   bool // a unit was delivered with them
	running bool // a unit tries now
	refused time.Time
}

// tryRights lets a unit be delivered, or has it wait for another that tries rights
// which the API server may not know yet.
func (t *Target) tryRights(namespace string) *delivery.Observation {
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.tenants[key]
	if !ok || last.rights.known || t.Clock.Since(last.at) >= newRights {
		return nil
	}
	if last.rights.running || t.Clock.Since(last.rights.refused) < rightsRetry {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: fmt.Sprintf(
			"namespace %q: waiting until the API server knows the new rights of account %s/%s", namespace, namespace, v1alpha1.DeployerAccount)}
	}
	last.rights.running = true
	t.tenants[key] = last
	return nil
}

// triedRights ends a trial. Rights that were not refused are known; an error tells nothing of them.
func (t *Target) triedRights(namespace string, err error) {
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.tenants[key]
	if !ok || !last.rights.running {
		return
	}
	last.rights.running = false
	last.rights.known = err == nil
	t.tenants[key] = last
}

// refusedRights says whether rights are so new that the API server may not know
// them, and notes that it refused.
func (t *Target) refusedRights(namespace string) bool {
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.tenants[key]
	if !ok || t.Clock.Since(last.at) >= newRights {
		return false
	}
	last.rights = trial{refused: t.Clock.Now()}
	t.tenants[key] = last
	return true
}
