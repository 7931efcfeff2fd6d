// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

const (
	// roleTTL is how long a ClusterRole that was read is used: the roles are not
	// watched, since the addon may read only those that it hands out.
	roleTTL = time.Minute
	// maxRoles is how many names of roles are read that a cluster has and nobody asked for
	// yet. It may change its works as it likes, and must not have the hub read ever more names.
	maxRoles = 64
	// maxRoleName is how long the name of a role may be.
	maxRoleName = 253
)

// cachedRole is a role as it was read.
type cachedRole struct {
	role rbacv1.ClusterRole
	read time.Time
	// told are its rules when clusters were last told of a change, or it was first read.
	told []rbacv1.PolicyRule
}

// roleNames are the roles that the work of a cluster is to have; true for those that
// must exist. A role that another tenant needs stays.
func roleNames(tenant delivery.Tenant, current *workv1.ManifestWork, known func(name string) bool) map[string]bool {
	names, unknown := map[string]bool{v1alpha1.DeployerRole: true, tenant.Role: true}, 0
	if current == nil {
		return names
	}
	for _, id := range identities(current) {
		if !isRole(id) || names[id.Name] {
			continue
		}
		if !known(id.Name) {
			if unknown == maxRoles {
				continue
			}
			unknown++
		}
		names[id.Name] = false
	}
	return names
}

// isRole says that an object of a work can be a role: its cluster may have written it.
func isRole(id workv1.ResourceIdentifier) bool {
	return id.Group == rbacv1.GroupName && id.Resource == "clusterroles" && id.Namespace == "" &&
		id.Name != "" && len(id.Name) <= maxRoleName && len(content.IsPathSegmentName(id.Name)) == 0
}

// readRoles reads the roles of those names. Of those that need not exist it leaves out
// what was deleted, or put into the work by somebody.
func (t *Target) readRoles(ctx context.Context, names map[string]bool) ([]rbacv1.ClusterRole, error) {
	var roles []rbacv1.ClusterRole
	for _, name := range sorted(names) {
		if !names[name] && t.isNoRole(name) {
			continue
		}
		role, err := t.readRole(ctx, name)
		if err != nil && !names[name] {
			if isUnreadable(err) {
				t.noRole(name)
				continue
			}
			if last, ok := t.lastRole(name); ok {
				role, err = last.role, nil // another tenant's, which does not go for an error that passes
			}
		}
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}

// isUnreadable says that an answer stays the same until somebody changes something.
func isUnreadable(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

func (t *Target) readRole(ctx context.Context, name string) (rbacv1.ClusterRole, error) {
	if last, ok := t.lastRole(name); ok && t.Clock.Since(last.read) < roleTTL {
		return last.role, nil
	}
	return t.readRoleNow(ctx, name)
}

func (t *Target) readRoleNow(ctx context.Context, name string) (rbacv1.ClusterRole, error) {
	var role rbacv1.ClusterRole
	if err := t.Live.Get(ctx, types.NamespacedName{Name: name}, &role); err != nil {
		return role, fmt.Errorf("read ClusterRole %q, which an environment gives to its deployer: %w", name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.roles == nil {
		t.roles = map[string]cachedRole{}
	}
	told := role.Rules
	if last, ok := t.roles[name]; ok {
		told = last.told
	}
	t.roles[name] = cachedRole{role: role, read: t.Clock.Now(), told: told}
	delete(t.noRoles, name)
	return role, nil
}

func (t *Target) lastRole(name string) (cachedRole, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.roles[name]
	return last, ok
}

// isNoRole says that there was no role of that name to be read a moment ago.
func (t *Target) isNoRole(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.noRoles[name]
	return ok && t.Clock.Since(at) < roleTTL
}

// noRole notes that there is no role of that name to be read.
func (t *Target) noRole(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.noRoles == nil {
		t.noRoles = map[string]time.Time{}
	}
	now := t.Clock.Now()
	maps.DeleteFunc(t.noRoles, func(_ string, at time.Time) bool { return now.Sub(at) >= roleTTL })
	t.noRoles[name] = now
	delete(t.roles, name)
}

// RolesChanged reads again which roles clusters were given, and says whether one has
// other rules than they were told, or is gone: no event tells of it. It reads nothing
// while no cluster has any. After a change no tenant counts as known.
func (t *Target) RolesChanged(ctx context.Context) (bool, error) {
	given, err := t.givesRoles(ctx)
	if err != nil || !given {
		return false, err
	}
	changed := false
	var errs []error
	for _, name := range t.namesRead() {
		_, err := t.readRoleNow(ctx, name)
		if isUnreadable(err) {
			t.noRole(name)
			changed = true
			continue
		}
		errs = append(errs, err)
		changed = t.tell(name) || changed
	}
	if changed {
		t.mu.Lock()
		t.rolesTold++
		t.mu.Unlock()
	}
	return changed, errors.Join(errs...)
}

// givesRoles says that there is a cluster with roles.
func (t *Target) givesRoles(ctx context.Context) (bool, error) {
	if !t.Fleet.Installed() {
		return false, nil
	}
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingLabels{LabelPurpose: PurposeRoles}, client.Limit(1), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list the works with roles: %w", err)
	}
	return len(works.Items) > 0, nil
}

// namesRead are those of the roles that were read.
func (t *Target) namesRead() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.roles))
}

// isRead says that a role was read.
func (t *Target) isRead(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.roles[name]
	return ok
}

// tell notes that clusters are told of the rules of a role, and says whether they are others.
func (t *Target) tell(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.roles[name]
	if !ok || equality.Semantic.DeepEqual(last.told, last.role.Rules) {
		return false
	}
	last.told = last.role.Rules
	t.roles[name] = last
	return true
}

// timesTold is how often roles have changed.
func (t *Target) timesTold() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rolesTold
}
