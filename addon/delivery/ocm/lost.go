// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// restored has the agent make again what its cluster lost of a work that tenants need:
// a namespace, the deployer's account, roles, or what environments ask for. The agent
// itself looks after minutes, and refuses the works of applications until then. said is
// what is said of the work otherwise.
func (t *Target) restored(ctx context.Context, work *workv1.ManifestWork, said delivery.Observation) (delivery.Observation, error) {
	if work == nil || said.State != delivery.Delivered {
		return said, nil
	}
	lost := lostOf(work)
	if lost == nil {
		t.mended(client.ObjectKeyFromObject(work))
		t.noteGood(work)
		return said, nil
	}
	// A work that was applied a moment ago may be reported from before: nothing waits for that.
	gone := difference{is: "the cluster does not have it", after: feedbackDelay}
	if wait := gone.after - t.believedFor(work, gone); wait > 0 {
		said.RetryAfter = wait
		return said, nil
	}
	return t.reapply(ctx, work, reportedName(lost), gone)
}

// lostOf is the first object that a work applies and its cluster has not.
func lostOf(work *workv1.ManifestWork) *workv1.ManifestCondition {
	held := phases(work)
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		at, ok := held[reportedID(manifest)]
		if ok && at != phaseProbe && at != phaseObserve && meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
			return manifest
		}
	}
	return nil
}

// reportedName names an object that a cluster reports for people.
func reportedName(manifest *workv1.ManifestCondition) string {
	at := manifest.ResourceMeta
	return fmt.Sprintf("%s %s", bounded(at.Kind), bounded(strings.TrimPrefix(at.Namespace+"/"+at.Name, "/")))
}
