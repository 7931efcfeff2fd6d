// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// leavingPatience is how long an object of another component of the application
// may stand in the way of one that is to be made. An agent does not report the
// end of what a work drops, and looks for what is missing from time to time.
const leavingPatience = 20 * time.Second

// holder is who has an object.
type holder struct {
	// name of the application and environment; empty when nobody has the object.
	name string
	// work that has it; nil when it is about to be written.
	work *workv1.ManifestWork
	// own is the unit's work that has it as well; nil for none.
	own *workv1.ManifestWork
	// claimed says that the unit has claimed it just now, and that nobody has it.
	claimed bool
}

// moving says that an object is on its way to the unit from another component of
// the application, which is not to have it any more.
func (h holder) moving(unit delivery.Unit, e entry) bool {
	if h.name != unitOf(unitLabels(unit)) || unit.Contested[objectID(e.content)] {
		return false
	}
	if h.work == nil {
		return true // it is written in a moment, or not at all
	}
	return genuine(h.work) && noteOf(h.work, e.id(), delivery.AnnotationRemoval) != policy.RemoveOnDelete
}

func objectID(content map[string]any) string {
	object := &unstructured.Unstructured{Object: content}
	return delivery.ObjectID(object.GroupVersionKind().GroupKind(), object.GetNamespace(), object.GetName())
}

// moved is an object that is on its way to the unit.
type moved struct {
	entry entry
	from  holder
}

// releaseMoved takes objects that are on their way out of the works that have them,
// and says what is waited for. It does not leave that to the component that had
// them: that one may wait itself, for an object of this unit or for its turn.
func (t *Target) releaseMoved(ctx context.Context, all []moved) (*delivery.Observation, error) {
	if len(all) == 0 {
		return nil, nil
	}
	var works []*workv1.ManifestWork
	ids := map[string]map[workv1.ResourceIdentifier]bool{}
	for _, m := range all {
		work := m.from.work
		if work == nil {
			continue
		}
		if ids[work.Name] == nil {
			ids[work.Name] = map[workv1.ResourceIdentifier]bool{}
			works = append(works, work)
		}
		ids[work.Name][m.entry.id()] = true
	}
	waiting := delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Message: describe(all[0].entry.content) +
		": waiting until another component of the application, which is to have it no longer, has let go of it"}
	for _, work := range works {
		said, err := t.takeOut(ctx, work, ids[work.Name])
		if err != nil || said.State == delivery.Refused || said.State == delivery.Away {
			return &said, err
		}
	}
	return &waiting, nil
}

// takeOut takes objects out of a work. As always, its agent must have recorded
// what it has. A work that holds a field of one of them goes before; what becomes of
// those of others is of no account: they may wait for an object of this unit.
func (t *Target) takeOut(ctx context.Context, work *workv1.ManifestWork, ids map[workv1.ResourceIdentifier]bool) (delivery.Observation, error) {
	if !work.DeletionTimestamp.IsZero() {
		return delivery.Observation{State: delivery.Waiting}, nil
	}
	keeps, err := t.keepsOf(ctx, work)
	if err != nil || slices.ContainsFunc(keeps, func(keep workv1.ManifestWork) bool { return hasOneOf(&keep, ids) }) {
		return delivery.Observation{State: delivery.Waiting}, err
	}
	if !slices.ContainsFunc(identities(work), func(id workv1.ResourceIdentifier) bool { return !ids[id] }) {
		return t.delete(ctx, client.ObjectKeyFromObject(work))
	}
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
		return delivery.Observation{}, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	if whole.ResourceVersion != work.ResourceVersion {
		return delivery.Observation{State: delivery.Waiting}, nil // the cache lags behind
	}
	callUsually(&whole)
	without, err := workWithout(t.Digests, &whole, ids)
	if err != nil {
		return delivery.Observation{}, err
	}
	return t.update(ctx, without, work)
}

// hasOneOf says that a work has one of the objects.
func hasOneOf(work *workv1.ManifestWork, ids map[workv1.ResourceIdentifier]bool) bool {
	return slices.ContainsFunc(identities(work), func(id workv1.ResourceIdentifier) bool { return ids[id] })
}

// workWithout is a work without some of its objects.
func workWithout(digests *Digests, whole *workv1.ManifestWork, ids map[workv1.ResourceIdentifier]bool) (*workv1.ManifestWork, error) {
	without := newWork(whole.Namespace, whole.Name, PurposeApplication)
	without.Labels, without.Spec = whole.Labels, *whole.Spec.DeepCopy()
	all := contents(whole)
	if len(all) != len(whole.Spec.Workload.Manifests) {
		return nil, fmt.Errorf("work %s/%s has an object that cannot be read", whole.Namespace, whole.Name)
	}
	var manifests []workv1.Manifest
	for i, content := range all {
		if !ids[identify(content)] {
			manifests = append(manifests, whole.Spec.Workload.Manifests[i])
		}
	}
	without.Spec.Workload.Manifests = manifests
	without.Spec.ManifestConfigs = slices.DeleteFunc(without.Spec.ManifestConfigs, func(c workv1.ManifestConfigOption) bool {
		return ids[c.ResourceIdentifier]
	})
	if rules := rulesOf(whole); len(rules) > 0 {
		without.Spec.DeleteOption = optionOf(slices.DeleteFunc(rules, func(r workv1.OrphaningRule) bool { return ids[workv1.ResourceIdentifier(r)] }))
	}
	return digests.seal(without)
}

// dropping is a write that took an object out of a work.
type dropping struct {
	work types.NamespacedName
	unit string
	// generation of the work without it.
	generation int64
	at         time.Time
}

// noteDropped remembers which objects a write took out of a work: the cluster
// has them until its agent has applied that.
func (t *Target) noteDropped(before, after *workv1.ManifestWork) {
	now, kept := t.Clock.Now(), identities(after)
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, last := range t.dropped {
		if now.Sub(last.at) >= leavingPatience {
			delete(t.dropped, key)
		}
	}
	for _, id := range identities(before) {
		if slices.Contains(kept, id) {
			continue
		}
		if t.dropped == nil {
			t.dropped = map[string]dropping{}
		}
		t.dropped[manifestKey(before.Namespace, id)] = dropping{
			work: client.ObjectKeyFromObject(after), unit: unitIndexKey(after.Namespace, after.Labels), generation: after.Generation, at: now,
		}
	}
}

// leaving says which object of the unit the cluster has for another unit still,
// which dropped it just now. To make it already would find the old one.
func (t *Target) leaving(ctx context.Context, unit delivery.Unit, entries []entry) (*delivery.Observation, error) {
	for _, e := range entries {
		t.mu.Lock()
		last, ok := t.dropped[manifestKey(unit.Place.Cluster, e.id())]
		t.mu.Unlock()
		if !ok || e.phase != phaseProbe || last.unit == unitIndexKey(unit.Place.Cluster, unitLabels(unit)) || t.Clock.Since(last.at) >= leavingPatience {
			continue
		}
		work, err := t.get(ctx, last.work)
		if err != nil {
			return nil, err
		}
		if work == nil {
			continue
		}
		if reported := appliedCondition(work); reported == nil || reported.ObservedGeneration < last.generation {
			return &delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Message: describe(e.content) +
				": waiting until the cluster has removed the one of another component"}, nil
		}
	}
	return nil, nil
}

// siblingLeaves is how long an object of another component of the application is
// waited for that is in the place of the unit's; 0 when it does not go.
func (t *Target) siblingLeaves(unit delivery.Unit, e entry, work *workv1.ManifestWork) time.Duration {
	manifest := findByID(work, e.id())
	if manifest == nil || appliedCondition(work) == nil || unit.Contested[objectID(e.content)] {
		return 0
	}
	labels, _ := identityIn(manifest, applicationIdentity)
	labels[v1beta1.LabelAppComponent] = unit.Component
	delete(labels, v1beta1.LabelReplicaKey)
	if !isUnits(unit, labels) {
		return 0
	}
	return max(0, leavingPatience-t.saidFor(work))
}
