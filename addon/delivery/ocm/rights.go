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
	tenant, err := t.get(ctx, types.NamespacedName{Namespace: work.Namespace, Name: TenantWorkName(work.Labels[LabelTargetNamespace])})
	if err != nil || tenant == nil {
		return said, err
	}
	if !fetched(tenant) || appliedCondition(tenant).Status != metav1.ConditionTrue || t.saidFor(tenant) >= newRights {
		return said, nil
	}
	retry, err := t.touch(ctx, work)
	return delivery.Observation{
		State: delivery.Applying, RetryAfter: retry, Reported: said.Reported,
		Message: "waiting for the cluster to know of the rights that were given just now; its agent was asked to apply it again",
	}, err
}
