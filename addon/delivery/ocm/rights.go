// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// newRights is how long the API server of a cluster may take to know of a new RoleBinding,
// which it learns by a watch of its own. Where there are several, each has its own.
const newRights = 10 * time.Second

// untilRightsAreKnown is what is said of a work, unless it lacks a right that its tenant was
// given a moment ago: its agent, which would try that again after a minute, is asked to. A
// work that follows its tenant at once is refused where the cluster is busy.
func (t *Target) untilRightsAreKnown(ctx context.Context, work *workv1.ManifestWork, said delivery.Observation) (delivery.Observation, error) {
	if said.Reason != delivery.ReasonForbidden {
		return said, nil
	}
	isNew, err := t.hasNewRights(ctx, work)
	if !isNew || err != nil {
		return said, err
	}
	retry, err := t.touch(ctx, work)
	return delivery.Observation{
		State: delivery.Applying, RetryAfter: retry, Reported: said.Reported,
		Message: "waiting for the cluster to know of the rights that were given just now; its agent was asked to apply it again",
	}, err
}

// hasNewRights says that the tenant of a work, or the roles of its cluster, were applied a
// moment ago.
func (t *Target) hasNewRights(ctx context.Context, work *workv1.ManifestWork) (bool, error) {
	for _, name := range []string{TenantWorkName(work.Labels[LabelTargetNamespace]), RolesWorkName} {
		giving, err := t.get(ctx, types.NamespacedName{Namespace: work.Namespace, Name: name})
		if err != nil {
			return false, err
		}
		if giving != nil && fetched(giving) && appliedCondition(giving).Status == metav1.ConditionTrue && t.saidFor(giving) < newRights {
			return true, nil
		}
	}
	return false, nil
}
