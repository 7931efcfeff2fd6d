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

// isEnding is what an API server says of an object that is to be made in a namespace
// which is being deleted.
const isEnding = "because it is being terminated"

// restored has the agent make again what its cluster lost of a work that tenants need:
// a namespace, the deployer's account, roles, or what environments ask for. The agent
// itself looks after minutes, and refuses the works of applications until then. Only
// what is needed to apply them is waited for. said is what is said of the work otherwise.
func (t *Target) restored(
	ctx context.Context, work *workv1.ManifestWork, said delivery.Observation, needed func(workv1.ResourceIdentifier) bool,
) (delivery.Observation, error) {
	if work == nil {
		return said, nil
	}
	if said.State == delivery.Refused && strings.Contains(said.Message, isEnding) {
		retry, err := t.touch(ctx, work) // the agent waits longer after each failure
		return delivery.Observation{State: delivery.Waiting, RetryAfter: retry, Message: "the cluster deletes it: waiting for its end"}, err
	}
	if said.State != delivery.Delivered {
		return said, nil
	}
	lost := lostOf(work)
	if len(lost) == 0 {
		t.mended(client.ObjectKeyFromObject(work))
		t.noteGood(work)
		return said, nil
	}
	// A work that was applied a moment ago may be reported from before: nothing waits for that.
	gone := difference{is: "the cluster does not have it", after: feedbackDelay}
	if wait := gone.after - t.believedFor(work, gone); wait > 0 {
		said.RetryAfter = sooner(said.RetryAfter, wait)
		return said, nil
	}
	for _, manifest := range lost {
		if needed(reportedID(manifest)) {
			return t.reapply(ctx, work, reportedName(manifest), gone)
		}
	}
	retry, err := t.touch(ctx, work)
	said.RetryAfter = sooner(said.RetryAfter, retry)
	return said, err
}

// lostOf are the objects that a work applies and its cluster has not.
func lostOf(work *workv1.ManifestWork) []*workv1.ManifestCondition {
	held := phases(work)
	var lost []*workv1.ManifestCondition
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		at, ok := held[reportedID(manifest)]
		if ok && at != phaseProbe && at != phaseObserve && meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
			lost = append(lost, manifest)
		}
	}
	return lost
}

// neededByWorks says that no work of an application can be applied without an object of
// the tenant. What its environment asks for besides, such as a quota, holds none.
func neededByWorks(id workv1.ResourceIdentifier) bool {
	return id.Resource == "namespaces" || id.Resource == "serviceaccounts" || id.Resource == "rolebindings"
}

// isRoleNamed says whether an object is the role that a tenant needs. What others need
// is none of its business.
func isRoleNamed(name string) func(workv1.ResourceIdentifier) bool {
	return func(id workv1.ResourceIdentifier) bool { return isRole(id) && id.Name == name }
}

// reportedName names an object that a cluster reports for people.
func reportedName(manifest *workv1.ManifestCondition) string {
	at := manifest.ResourceMeta
	return fmt.Sprintf("%s %s", bounded(at.Kind), bounded(strings.TrimPrefix(at.Namespace+"/"+at.Name, "/")))
}
