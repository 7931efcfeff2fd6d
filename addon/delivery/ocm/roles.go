// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// A role that a cluster has of its own is used as it is, and only read. Above all the
// hub may be one of its managed clusters: its roles are those that are read, and to
// write them there would undo the next change of them, and delete them with the last
// tenant of that cluster.

// roleIdentity are the labels that say whose a ClusterRole is.
var roleIdentity = []string{v1alpha1.LabelManagedBy}

func isOurRole(labels map[string]string) bool {
	return labels[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue
}

// rolesWork is the one work with a cluster's deployer roles. They are in a work
// of their own because no object may be in two works.
func rolesWork(digests *Digests, cluster string, entries []entry) (*workv1.ManifestWork, error) {
	work := newWork(cluster, RolesWorkName, PurposeRoles)
	for _, entry := range entries {
		if err := addEntry(work, entry); err != nil {
			return nil, err
		}
	}
	return digests.seal(work)
}

// roleEntries are roles as the work of a cluster is to have them now.
func roleEntries(roles []rbacv1.ClusterRole, current *workv1.ManifestWork) ([]entry, error) {
	entries := make([]entry, 0, len(roles))
	for _, role := range roles {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&rbacv1.ClusterRole{Rules: role.Rules})
		if err != nil {
			return nil, fmt.Errorf("encode ClusterRole %q: %w", role.Name, err)
		}
		content["apiVersion"], content["kind"] = rbacv1.SchemeGroupVersion.String(), "ClusterRole"
		content["metadata"] = map[string]any{
			"name":   role.Name,
			"labels": map[string]any{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue},
		}
		e := entry{content: content, identity: roleIdentity}
		if e.phase = rolePhase(current, e.id()); e.phase == phaseObserve {
			// The rules are left out: what is only read need not be written when they change.
			e.content = map[string]any{"apiVersion": content["apiVersion"], "kind": content["kind"], "metadata": map[string]any{"name": role.Name}}
			e.feedback = identityPaths(roleIdentity)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// rolePhase is how a role is to be treated on a cluster now.
func rolePhase(current *workv1.ManifestWork, id workv1.ResourceIdentifier) phase {
	at, held := phases(current)[id]
	switch {
	case !held:
		return phaseProbe
	case at == phaseObserve:
		if manifest := findByID(current, id); manifest != nil && fetched(current) && meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
			return phaseProbe // the cluster's own is gone
		}
		return phaseObserve
	case at != phaseProbe:
		return phaseApply
	}
	switch findingOf(current, id, roleIdentity, isOurRole) {
	case findOurs:
		return phaseApply
	case findForeign:
		return phaseObserve
	default:
		return phaseProbe
	}
}

// unreadyRoles is why the roles of a cluster, whose work is written as it may be now,
// are not there yet; what was said when they are.
func (t *Target) unreadyRoles(ctx context.Context, entries []entry, current *workv1.ManifestWork, said delivery.Observation) (delivery.Observation, error) {
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.phase == phaseProbe }) {
		return said, nil
	}
	if said.State == delivery.Delivered {
		return untilWhose(said, "roles are"), nil
	}
	if said.Reason != delivery.ReasonApplyFailed || current == nil {
		return said, nil
	}
	for _, e := range entries {
		if e.phase == phaseProbe && findingOf(current, e.id(), roleIdentity, isOurRole) == findFreed {
			return t.freed(ctx, current, describe(e.content))
		}
	}
	return untilWhose(said, "roles are"), nil
}
