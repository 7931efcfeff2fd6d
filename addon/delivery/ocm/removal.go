// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// Records lists the owner's works, those too that the cache does not show yet.
func (t *Target) Records(ctx context.Context, owner delivery.Owner) ([]delivery.Record, error) {
	if !t.Fleet.Installed() {
		return nil, nil
	}
	unseen := t.unseenRecords(owner) // before the list, which shows what is seen meanwhile
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingFields{indexOwner: string(owner.UID)}); err != nil {
		return nil, err
	}
	records := make([]delivery.Record, 0, len(works.Items))
	for i := range works.Items {
		// The name of a work tells whose it is; the UID by which it was listed stands in a label alone.
		record := recordOf(&works.Items[i])
		if genuine(&works.Items[i]) && record.Owner == owner {
			records = append(records, record)
		}
	}
	for _, record := range unseen {
		if !slices.ContainsFunc(records, func(r delivery.Record) bool { return r.ID == record.ID }) {
			records = append(records, record)
		}
	}
	slices.SortFunc(records, func(a, b delivery.Record) int { return strings.Compare(a.ID, b.ID) })
	return records, nil
}

// Owners lists the owners of works of applications of a name: one by its UID for
// each that has had the name, whether it exists or not.
func (t *Target) Owners(ctx context.Context, name types.NamespacedName) ([]delivery.Owner, error) {
	if !t.Fleet.Installed() {
		return nil, nil
	}
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingFields{indexOwner: nameIndexKey(name.Namespace, name.Name)}); err != nil {
		return nil, fmt.Errorf("list the works of applications %s: %w", name, err)
	}
	return ownersOf(works.Items), nil
}

// genuine says that the work is what its labels say. A cluster that labels a
// work as another application's must not hold that application's removal.
func genuine(work *workv1.ManifestWork) bool { return work.Name == nameByLabels(work.Labels) }

func recordOf(work *workv1.ManifestWork) delivery.Record {
	labels := work.Labels
	return delivery.Record{
		Owner: delivery.Owner{
			Namespace: labels[v1beta1.LabelAppNamespace], Name: labels[v1beta1.LabelAppName], UID: types.UID(labels[v1alpha1.LabelApplicationUID]),
		},
		Component: labels[v1beta1.LabelAppComponent],
		Place:     delivery.Place{Environment: labels[v1alpha1.LabelEnvironment], Cluster: work.Namespace, Namespace: labels[LabelTargetNamespace]},
		ID:        work.Namespace + "/" + work.Name,
	}
}

// Needs reads what the objects of a work note.
func (t *Target) Needs(ctx context.Context, record delivery.Record) ([]string, error) {
	namespace, name, _ := strings.Cut(record.ID, "/")
	work, err := t.get(ctx, types.NamespacedName{Namespace: namespace, Name: name})
	if err != nil || work == nil {
		return nil, err
	}
	var needs []string
	for _, content := range contents(work) {
		needs = append(needs, delivery.SplitNeeds(annotation(content, delivery.AnnotationDependsOn))...)
	}
	slices.Sort(needs)
	return slices.Compact(needs), nil
}

// Places lists where works of an environment are.
func (t *Target) Places(ctx context.Context, environment string) ([]delivery.Place, error) {
	if !t.Fleet.Installed() {
		return nil, nil
	}
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingLabels{LabelPurpose: PurposeApplication, v1alpha1.LabelEnvironment: environment}); err != nil {
		return nil, err
	}
	places := map[delivery.Place]bool{}
	for i := range works.Items {
		if genuine(&works.Items[i]) {
			places[recordOf(&works.Items[i]).Place] = true
		}
	}
	return slices.Collect(maps.Keys(places)), nil
}

func (t *Target) delete(ctx context.Context, key types.NamespacedName) (delivery.Observation, error) {
	work, err := t.get(ctx, key)
	if err != nil {
		return delivery.Observation{}, err
	}
	if work != nil && work.DeletionTimestamp.IsZero() && hasShared(work) {
		t.sharing.Lock()
		defer t.sharing.Unlock()
		if waiting, err := t.handOn(ctx, work, nil); waiting != nil || err != nil {
			return ptr.Deref(waiting, delivery.Observation{}), err
		}
	}
	return t.deleteWork(ctx, work)
}

// deleteWork deletes a work of which nothing is to be handed on; nil is gone already.
func (t *Target) deleteWork(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	if work == nil {
		return delivery.Observation{State: delivery.Delivered}, nil
	}
	key := client.ObjectKeyFromObject(work)
	if !work.DeletionTimestamp.IsZero() {
		t.noteTerminating(work)
		return t.beingRemoved(ctx, work)
	}
	if held, err := t.isHeld(ctx, work); err != nil || held {
		return t.untilLetGo(ctx, work, err)
	}
	if waiting, err := t.lettingStay(ctx, work, ruled(work)); waiting != nil || err != nil {
		return ptr.Deref(waiting, delivery.Observation{}), err
	}
	if wait, ok := t.deletable(work); !ok {
		return t.awayOr(ctx, key.Namespace, delivery.Observation{State: delivery.Waiting, RetryAfter: wait,
			Message: "waiting until the cluster has applied it: a work that goes before can leave its objects behind"})
	}
	waiting, err := t.ownFirst(ctx, work)
	if err != nil {
		return delivery.Observation{}, err
	}
	if waiting != nil {
		return t.untilBack(ctx, key.Namespace, *waiting)
	}
	return t.deleteNow(ctx, work)
}

// deleteNow deletes a work as it was looked at: one that changed since is looked at again.
func (t *Target) deleteNow(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	removing := delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to remove it"}
	uid, version := work.UID, work.ResourceVersion
	err := t.Writer.Delete(ctx, work, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if apierrors.IsConflict(err) {
		removing.RetryAfter = coalesce
		return removing, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return delivery.Observation{}, fmt.Errorf("delete work %s/%s: %w", work.Namespace, work.Name, err)
	}
	t.deleted(work)
	for _, content := range contents(work) {
		if hasShared(work) && annotation(content, delivery.AnnotationSharedBy) != "" {
			t.parted(work, manifestKey(work.Namespace, identify(content)))
		}
	}
	return t.awayOr(ctx, work.Namespace, removing)
}

// deletable says whether the agent has reported the work once, or will not have
// begun to apply it.
func (t *Target) deletable(work *workv1.ManifestWork) (wait time.Duration, ok bool) {
	if appliedCondition(work) != nil {
		return 0, t.letsStay(work) // what comes is an event
	}
	if len(work.Finalizers) > 0 {
		return unseenAge, false // its agent has begun, and its first report is an event
	}
	age := t.Clock.Since(work.CreationTimestamp.Time)
	if age >= unseenAge {
		return 0, true
	}
	return min(unseenAge-age, unseenAge), false
}

// isHeld says that a work holds a field of an object of this one. It would make
// what is left of the object when that is gone, and goes before.
func (t *Target) isHeld(ctx context.Context, work *workv1.ManifestWork) (bool, error) {
	keeps, err := t.keepsOf(ctx, work)
	return len(keeps) > 0, err
}

// keepsOf are the works that hold fields of objects of the unit of a work.
func (t *Target) keepsOf(ctx context.Context, work *workv1.ManifestWork) ([]workv1.ManifestWork, error) {
	if !holdsObjects(work) {
		return nil, nil
	}
	var keeps workv1.ManifestWorkList
	err := t.Reader.List(ctx, &keeps, client.MatchingFields{indexUnit: keepIndexKey(unitIndexKey(work.Namespace, work.Labels))})
	if err != nil {
		return nil, fmt.Errorf("list the works that hold fields of work %s/%s: %w", work.Namespace, work.Name, err)
	}
	return slices.DeleteFunc(keeps.Items, func(keep workv1.ManifestWork) bool { return !genuine(&keep) }), nil
}

// untilLetGo is what is said of a work of which another one holds a field.
func (t *Target) untilLetGo(ctx context.Context, work *workv1.ManifestWork, err error) (delivery.Observation, error) {
	if err != nil {
		return delivery.Observation{}, err
	}
	return t.untilBack(ctx, work.Namespace, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce,
		Message: "waiting until the work is gone that holds a field of it"})
}

// IdleTenants lists the tenants of a hub namespace that no application work uses.
func (t *Target) IdleTenants(ctx context.Context, sourceNamespace string) ([]delivery.TenantKey, error) {
	if !t.Fleet.Installed() {
		return nil, nil
	}
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingFields{indexSource: sourceNamespace}); err != nil {
		return nil, err
	}
	var idle []delivery.TenantKey
	for i := range works.Items {
		if !genuine(&works.Items[i]) {
			continue
		}
		key := delivery.TenantKey{Cluster: works.Items[i].Namespace, Namespace: works.Items[i].Labels[LabelTargetNamespace]}
		used, err := t.used(ctx, key)
		if err != nil {
			return nil, err
		}
		if !used {
			idle = append(idle, key)
		}
	}
	return idle, nil
}

func (t *Target) used(ctx context.Context, key delivery.TenantKey) (bool, error) {
	if t.unseenIn(key) {
		return true, nil
	}
	var works workv1.ManifestWorkList
	err := t.Reader.List(ctx, &works, client.MatchingFields{indexTenant: tenantIndexKey(key.Cluster, key.Namespace)}, client.Limit(1))
	return len(works.Items) > 0, err
}

// ReleaseTenant deletes the tenant work. With the last one of a cluster goes the
// work with its roles, and before it: the tenant work is what shows that there
// is something left to be released. One is released at a time, so that of two
// that are the last together one sees the other go.
//
// Whose tenant it is stands in a label, which the cluster may change. Only where
// it was written for that hub namespace, or something of that one was removed there,
// this is more than its word.
func (t *Target) ReleaseTenant(ctx context.Context, key delivery.TenantKey) (delivery.Observation, error) {
	work, err := t.get(ctx, types.NamespacedName{Namespace: key.Cluster, Name: TenantWorkName(key.Namespace)})
	if err != nil {
		return delivery.Observation{}, err
	}
	observation, err := t.releaseTenant(ctx, key)
	if work == nil {
		return observation, err
	}
	of := tenantOf{source: work.Labels[delivery.LabelSourceNamespace], key: key}
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.proven[of]
	observation.Unproven = !ok || t.Clock.Since(at) > provenFor
	return observation, err
}

func (t *Target) releaseTenant(ctx context.Context, key delivery.TenantKey) (delivery.Observation, error) {
	t.release.Lock()
	defer t.release.Unlock()
	last, err := t.isLastTenant(ctx, key)
	if err != nil {
		return delivery.Observation{}, err
	}
	if last {
		roles, err := t.delete(ctx, types.NamespacedName{Namespace: key.Cluster, Name: RolesWorkName})
		if err != nil || roles.State != delivery.Delivered {
			return roles, err
		}
	}
	return t.delete(ctx, types.NamespacedName{Namespace: key.Cluster, Name: TenantWorkName(key.Namespace)})
}

// isLastTenant says that every other tenant of the cluster is on its way out,
// which the cache may not show yet.
func (t *Target) isLastTenant(ctx context.Context, key delivery.TenantKey) (bool, error) {
	var tenants workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &tenants, client.InNamespace(key.Cluster), client.MatchingLabels{LabelPurpose: PurposeTenant}); err != nil {
		return false, fmt.Errorf("list the tenants of cluster %q: %w", key.Cluster, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !slices.ContainsFunc(tenants.Items, func(work workv1.ManifestWork) bool {
		last, deleted := t.gone[client.ObjectKeyFromObject(&work)]
		leaving := !work.DeletionTimestamp.IsZero() || deleted && last.uid == work.UID
		return work.Name != TenantWorkName(key.Namespace) && !leaving
	}), nil
}

// deleted notes that a work was deleted.
func (t *Target) deleted(work *workv1.ManifestWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := client.ObjectKeyFromObject(work)
	delete(t.kept, key)
	delete(t.unseen, key)
	t.forgetCreated(work)
	t.forgetNames(work)
	t.noteRemoval(work, t.Clock.Now())
	if work.Labels[LabelPurpose] != PurposeTenant {
		return
	}
	if t.gone == nil {
		t.gone = map[types.NamespacedName]goneWork{}
	}
	for other, last := range t.gone {
		if t.Clock.Since(last.at) > unseenDeletion {
			delete(t.gone, other)
		}
	}
	t.gone[key] = goneWork{uid: work.UID, at: t.Clock.Now()}
}

// noteTerminating notes in which tenant something is on its way out, which a manager
// before this one may have deleted. Its cluster can keep it, but not make it younger.
func (t *Target) noteTerminating(work *workv1.ManifestWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noteRemoval(work, work.DeletionTimestamp.Time)
}

// noteRemoval notes in which tenant something of a hub namespace was removed, and when. The caller holds the lock.
func (t *Target) noteRemoval(work *workv1.ManifestWork, removed time.Time) {
	if !holdsObjects(work) || !genuine(work) {
		return
	}
	now := t.Clock.Now()
	maps.DeleteFunc(t.proven, func(_ tenantOf, at time.Time) bool { return now.Sub(at) > provenFor })
	if now.Sub(removed) > provenFor {
		return
	}
	t.proveLocked(tenantOf{
		source: work.Labels[v1beta1.LabelAppNamespace],
		key:    delivery.TenantKey{Cluster: work.Namespace, Namespace: work.Labels[LabelTargetNamespace]},
	}, removed)
}

// prove notes that a tenant is a hub namespace's.
func (t *Target) prove(of tenantOf) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proveLocked(of, t.Clock.Now())
}

func (t *Target) proveLocked(of tenantOf, at time.Time) {
	if t.proven == nil {
		t.proven = map[tenantOf]time.Time{}
	}
	if last, ok := t.proven[of]; !ok || at.After(last) {
		t.proven[of] = at
	}
}
