// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"slices"

	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// An object that a policy takes over is written at once, whoever made it. Where another
// policy leaves it, or fields of it, to others once it exists, that would undo what they
// set: it is probed first, and taken as it is when its cluster has it already.

// takesOver says that an object is taken over now, whoever made it.
func takesOver(treatment policy.Treatment, work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	return treatment.TakeOver && (!leavesWhatIs(treatment) || isMet(work, id))
}

// leavesWhatIs says that something of an object is left to others which is written when
// the object is made, and not when it is there.
func leavesWhatIs(treatment policy.Treatment) bool {
	return treatment.Once || slices.ContainsFunc(treatment.Held, func(h policy.HeldField) bool { return !h.Omit && !h.Renew })
}

// isMet says that the cluster has an object that its work has not written: one of
// somebody else, or one that was only read.
func isMet(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if work == nil {
		return false
	}
	switch at, held := phases(work)[id]; {
	case held && at == phaseObserve:
		manifest := findByID(work, id)
		return manifest != nil && available(manifest)
	case held && at == phaseProbe:
		labels, isOurs := whose(work)
		return findingOf(work, id, labels, isOurs) == findForeign
	}
	return false
}

// nobodys says by its labels that no application delivered an object that was probed, so
// that no work has a field of it.
func nobodys(manifest *workv1.ManifestCondition) bool {
	if manifest == nil {
		return false
	}
	labels, read := identityIn(manifest, applicationIdentity)
	return read && len(labels) == 0
}
