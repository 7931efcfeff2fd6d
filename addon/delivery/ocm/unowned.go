// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// An agent makes an object and then, in a second request, its work the owner of
// it. When a controller of the cluster writes to the object in between, as that of
// Deployments does, the agent starts anew, and a probe then meets the object that it
// made itself. That object has no owner: it would stay behind when its work is
// deleted or drops it now. So the work applies it once before, which makes it the
// owner.

// unowned are the objects of a work that it probes and that are its own, without
// being owned. unknown says that the cluster does not tell of one whose it is.
func unowned(work *workv1.ManifestWork) (ids map[workv1.ResourceIdentifier]bool, unknown bool) {
	labels, isOurs := whose(work)
	ids = map[workv1.ResourceIdentifier]bool{}
	for id, at := range phases(work) {
		if at != phaseProbe || !metItself(work, id) || isOrphaning(work, id) {
			continue
		}
		switch findingOf(work, id, labels, isOurs) {
		case findOurs:
			ids[id] = true
		case findNothing:
			unknown = true
		}
	}
	return ids, unknown
}

// whose are the labels that say whose an object is, and which of them are those of a work.
func whose(work *workv1.ManifestWork) (labels []string, isOurs func(map[string]string) bool) {
	switch work.Labels[LabelPurpose] {
	case PurposeTenant:
		return tenantIdentity, delivery.Tenant{SourceNamespace: work.Labels[delivery.LabelSourceNamespace]}.OfTenant
	case PurposeRoles:
		return roleIdentity, isOurRole
	}
	record := recordOf(work)
	unit := delivery.Unit{Owner: record.Owner, Component: record.Component, Place: record.Place}
	return applicationIdentity, func(labels map[string]string) bool { return isUnits(unit, labels) }
}

// isProbing says that the cluster may be making a probed object now, or making the
// work the owner of one.
func isProbing(work *workv1.ManifestWork) bool {
	if appliedCondition(work).ObservedGeneration == work.Generation {
		return false
	}
	for id, at := range phases(work) {
		if (at == phaseProbe || metItself(work, id)) && !isOrphaning(work, id) {
			return true
		}
	}
	return false
}

// metItself says that an object could not be made, since there was one, maybe of
// the agent's own making.
func metItself(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	manifest := findByID(work, id)
	if manifest == nil {
		return false
	}
	applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
	return applied != nil && applied.Status == metav1.ConditionFalse && isConflict(applied.Message)
}

// ownFirst makes a work that was reported the owner of what its agent made for it,
// before it is deleted or drops objects; nil when it is.
func (t *Target) ownFirst(ctx context.Context, work *workv1.ManifestWork) (*delivery.Observation, error) {
	reported := appliedCondition(work)
	probing := []string{PurposeApplication, PurposeTenant, PurposeRoles}
	if reported == nil || !slices.Contains(probing, purposeOf(work.Labels)) {
		return nil, nil
	}
	waiting := &delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Message: "waiting until the cluster has said whose its objects are"}
	if isProbing(work) {
		return waiting, nil
	}
	ids, unknown := unowned(work)
	if len(ids) > 0 {
		return waiting, t.own(ctx, work, ids)
	}
	if unknown && t.saidFor(work) < unseenAge {
		return waiting, nil
	}
	return nil, nil
}

// own writes a work so that it applies objects that it probed.
func (t *Target) own(ctx context.Context, work *workv1.ManifestWork, ids map[workv1.ResourceIdentifier]bool) error {
	_, err := t.rewrite(ctx, work, func(owning *workv1.ManifestWork) error {
		for i := range owning.Spec.Workload.Manifests {
			manifest := &owning.Spec.Workload.Manifests[i]
			var content map[string]any
			if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || !ids[identify(content)] {
				continue
			}
			raw, err := json.Marshal(unprobed(content))
			if err != nil {
				return fmt.Errorf("encode an object of work %s: %w", work.Name, err)
			}
			manifest.Raw = raw
		}
		return nil
	})
	return err
}

// rewrite writes a work as it stands, but for a change. It does nothing while the cache
// lags behind, whose event brings us back.
func (t *Target) rewrite(ctx context.Context, work *workv1.ManifestWork, change func(*workv1.ManifestWork) error) (delivery.Observation, error) {
	var whole workv1.ManifestWork
	err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole)
	if client.IgnoreNotFound(err) != nil {
		return delivery.Observation{}, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	if apierrors.IsNotFound(err) || whole.ResourceVersion != work.ResourceVersion {
		return delivery.Observation{}, nil
	}
	callUsually(&whole)
	wanted := newWork(whole.Namespace, whole.Name, whole.Labels[LabelPurpose])
	wanted.Labels, wanted.Annotations, wanted.Spec = whole.Labels, whole.Annotations, *whole.Spec.DeepCopy()
	if err := change(wanted); err != nil {
		return delivery.Observation{}, err
	}
	sealed, err := t.Digests.seal(wanted)
	if err != nil {
		return delivery.Observation{}, err
	}
	return t.update(ctx, sealed, work)
}
