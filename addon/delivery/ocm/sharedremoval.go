// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// parting is what must happen to a shared object before a work may drop it.
type parting int

const (
	// partNow means that it may be dropped: it stays where others share it, and else goes with it.
	partNow parting = iota
	// partLater means that the cluster has not told enough of it yet.
	partLater
	// partOrphaned means that the cluster must let go of it first, since others share it.
	partOrphaned
	// partOwned means that the work must have it first, so that it goes with the work: nobody else has it.
	partOwned
)

// awayRetry is how often a cluster that is away is looked at, where time alone may
// change what becomes of a shared object. Its return is an event.
const awayRetry = time.Minute

// partingOf says what must happen to a shared object before a work may drop it.
// The caller holds t.sharing until what it concludes is noted: of two that are the
// last together one must see the other go.
func (t *Target) partingOf(ctx context.Context, work *workv1.ManifestWork, content map[string]any) (parting, error) {
	if annotation(content, delivery.AnnotationRemoval) == policy.RemoveNever {
		return partNow, nil // whoever has it, it stays
	}
	id := identify(content)
	others, err := t.shareWith(ctx, work, id)
	if err != nil {
		return partLater, err
	}
	at := phases(work)[id]
	mayOwn := at == phaseApply || at == phaseKeep || at == phaseProbe && arrived(work, id)
	switch {
	case others && !mayOwn:
		return partNow, nil
	case others && isOrphaning(work, id) && arrived(work, id):
		return partNow, nil
	case others:
		return partOrphaned, nil
	case !mayOwn:
		return t.remainder(work, id), nil
	case isOrphaning(work, id):
		return partOwned, nil
	}
	return partNow, nil
}

// remainder is the parting of an object that nobody has any more, by whether it
// is still there.
func (t *Target) remainder(work *workv1.ManifestWork, id workv1.ResourceIdentifier) parting {
	if untouched(work) {
		return partNow
	}
	manifest := findByID(work, id)
	if appliedCondition(work) == nil {
		return partLater
	}
	late := t.saidFor(work) >= silence
	if manifest == nil || meta.FindStatusCondition(manifest.Conditions, workv1.ManifestAvailable) == nil {
		return laterUnless(late)
	}
	if !available(manifest) {
		return partNow
	}
	identity, read := identityIn(manifest, applicationIdentity)
	switch {
	case isShared(identity, work.Labels[v1beta1.LabelAppNamespace]):
		return partOwned
	case read:
		return partNow // it is somebody else's
	}
	return laterUnless(late)
}

func laterUnless(late bool) parting {
	if late {
		return partNow
	}
	return partLater
}

// isOrphaning says that a work says of an object that it is to stay.
func isOrphaning(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	return slices.Contains(rulesOf(work), workv1.OrphaningRule(id))
}

// shareWith says that another work has a shared object, or waits for it.
func (t *Target) shareWith(ctx context.Context, work *workv1.ManifestWork, id workv1.ResourceIdentifier) (bool, error) {
	key := manifestKey(work.Namespace, id)
	for _, index := range []string{key, sharerKey(key)} {
		var list workv1.ManifestWorkList
		if err := t.Reader.List(ctx, &list, client.MatchingFields{indexManifest: index}); err != nil {
			return false, fmt.Errorf("look for others that share an object of work %s/%s: %w", work.Namespace, work.Name, err)
		}
		for i := range list.Items {
			other := &list.Items[i]
			if other.Name == work.Name || !other.DeletionTimestamp.IsZero() || t.hasParted(other, key) {
				continue
			}
			// One that was left on a cluster that is away takes nothing over any more.
			takes := index == key || !IsLeft(other)
			if takes && mayShare(other, work.Labels[v1beta1.LabelAppNamespace]) && noteOf(other, id, delivery.AnnotationSharedBy) != "" {
				return true, nil
			}
		}
	}
	return false, nil
}

// parted notes that a work drops an object, which the cache may not show yet.
func (t *Target) parted(work *workv1.ManifestWork, manifest string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Clock.Now()
	if t.partings == nil {
		t.partings = map[string]time.Time{}
	}
	for other, at := range t.partings {
		if now.Sub(at) >= unseenClaim {
			delete(t.partings, other)
		}
	}
	t.partings[partingKey(work, manifest)] = now
}

func (t *Target) hasParted(work *workv1.ManifestWork, manifest string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.partings[partingKey(work, manifest)]
	return ok && t.Clock.Since(at) < unseenClaim
}

func partingKey(work *workv1.ManifestWork, manifest string) string {
	return work.Name + "|" + string(work.UID) + "|" + manifest
}

// stillShared are the shared objects that the application has no longer and that
// its works cannot drop yet, and what is waited for.
func (t *Target) stillShared(ctx context.Context, unit delivery.Unit, works map[string]*workv1.ManifestWork) ([]entry, []delivery.Observation, error) {
	if !slices.ContainsFunc(sortedIndexes(works), func(index string) bool { return hasShared(works[index]) }) {
		return nil, nil, nil
	}
	wanted := map[workv1.ResourceIdentifier]bool{}
	for _, object := range unit.Result.Objects {
		wanted[identify(object.Content)] = true
	}
	t.sharing.Lock()
	defer t.sharing.Unlock()
	var entries []entry
	var waiting []delivery.Observation
	for _, index := range sortedIndexes(works) {
		if !hasShared(works[index]) {
			continue
		}
		kept, after, err := t.keptShared(ctx, works[index], wanted)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range kept {
			wanted[e.id()] = true // in two works while it moves
			waiting = append(waiting, delivery.Observation{State: delivery.Applying, RetryAfter: after,
				Message: describe(e.content) + ": waiting until the cluster knows who has it, since other applications share it"})
		}
		entries = append(entries, kept...)
	}
	return entries, waiting, nil
}

// keptShared are the shared objects of a work that are not wanted and that it
// cannot drop yet, and when to look again where no event tells.
func (t *Target) keptShared(ctx context.Context, work *workv1.ManifestWork, wanted map[workv1.ResourceIdentifier]bool) ([]entry, time.Duration, error) {
	next := map[workv1.ResourceIdentifier]parting{}
	var after time.Duration
	for _, content := range contents(work) {
		id := identify(content)
		lasts := annotation(content, delivery.AnnotationRemoval) == policy.RemoveOnDelete
		if wanted[id] || lasts || annotation(content, delivery.AnnotationSharedBy) == "" {
			continue
		}
		how, err := t.partingOf(ctx, work, content)
		if err != nil {
			return nil, 0, err
		}
		if how == partNow {
			t.parted(work, manifestKey(work.Namespace, id))
			continue
		}
		if how == partLater {
			after = coalesce
		}
		next[id] = how
	}
	if len(next) == 0 {
		return nil, 0, nil
	}
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
		return nil, 0, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	callUsually(&whole)
	return partingEntries(&whole, next), after, nil
}

// partingEntries are the objects of a whole work as it is to have them before it drops them.
func partingEntries(whole *workv1.ManifestWork, next map[workv1.ResourceIdentifier]parting) []entry {
	at := phases(whole)
	var entries []entry
	for i := range whole.Spec.Workload.Manifests {
		var content map[string]any
		if err := exactjson.Unmarshal(whole.Spec.Workload.Manifests[i].Raw, &content); err != nil {
			continue // it is none of ours
		}
		id := identify(content)
		how, ok := next[id]
		if !ok {
			continue
		}
		e := entry{content: unprobed(content), phase: at[id], orphan: how == partOrphaned, shared: true, waits: true}
		if how == partOwned && e.phase != phaseKeep || how == partOrphaned && e.phase == phaseProbe {
			e.phase = phaseApply // a probe of what is there changes nothing, its owner neither
		}
		if e.phase == phaseObserve || e.phase == phaseProbe {
			e.feedback = append(e.feedback, sharedIdentity()...)
		}
		entries = append(entries, e)
	}
	return entries
}

// handOn takes the next step of what a work shares, before the work is deleted, or drops
// all but the kept objects; nil when nothing is left to do. The caller holds t.sharing
// until it has done that.
func (t *Target) handOn(ctx context.Context, work *workv1.ManifestWork, kept map[workv1.ResourceIdentifier]bool) (*delivery.Observation, error) {
	next := map[workv1.ResourceIdentifier]parting{}
	for _, content := range contents(work) {
		if kept[identify(content)] || annotation(content, delivery.AnnotationSharedBy) == "" {
			continue
		}
		how, err := t.partingOf(ctx, work, content)
		if err != nil {
			return nil, err
		}
		if how != partNow {
			next[identify(content)] = how
		}
	}
	reported := appliedCondition(work)
	if len(next) == 0 && (reported == nil || fetched(work)) {
		return nil, nil
	}
	waiting := delivery.Observation{State: delivery.Waiting, Reported: lastReport(work),
		Message: "waiting until the cluster knows who has what other applications share"}
	if err := t.prepareParting(ctx, work, next, &waiting); err != nil {
		return nil, err
	}
	said, err := t.awayOr(ctx, work.Namespace, t.orOverdue(work, waiting))
	if said.State == delivery.Away && said.RetryAfter > 0 {
		said.RetryAfter = max(said.RetryAfter, awayRetry)
	}
	return &said, err
}

// prepareParting writes a work such that the cluster lets go of what others share,
// and has what nobody else has.
func (t *Target) prepareParting(ctx context.Context, work *workv1.ManifestWork, next map[workv1.ResourceIdentifier]parting, waiting *delivery.Observation) error {
	key := client.ObjectKeyFromObject(work)
	writes := false
	for id, how := range next {
		writes = writes || how == partOwned || how == partOrphaned && !isOrphaning(work, id)
		if how == partLater {
			waiting.RetryAfter = coalesce
		}
	}
	if !writes {
		return nil
	}
	if waiting.RetryAfter = t.tooEarly(key); waiting.RetryAfter > 0 {
		return nil
	}
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, key, &whole); err != nil {
		return client.IgnoreNotFound(err)
	}
	if whole.ResourceVersion != work.ResourceVersion {
		waiting.RetryAfter = coalesce
		return nil
	}
	callUsually(&whole)
	if err := partWith(&whole, next); err != nil {
		return fmt.Errorf("change work %s: %w", key, err)
	}
	t.callAsReported(&whole, work)
	t.stampLeaving(&whole)
	if err := t.Writer.Update(ctx, &whole); err != nil {
		if apierrors.IsConflict(err) {
			waiting.RetryAfter = coalesce
			return nil
		}
		return fmt.Errorf("change work %s on its way out: %w", key, err)
	}
	t.wrote(&whole)
	return nil
}

// stampLeaving notes when a work was written, and since when it is on its way out.
func (t *Target) stampLeaving(whole *workv1.ManifestWork) {
	now := stampOf(t.Clock.Now())
	orEmpty(&whole.Annotations)[AnnotationWritten] = now
	if _, known := t.leavingSince(whole); !known {
		whole.Annotations[annotationLeaving] = now
	}
}

// partWith changes what a whole work says of objects that it shares.
func partWith(whole *workv1.ManifestWork, next map[workv1.ResourceIdentifier]parting) error {
	for id, how := range next {
		switch how {
		case partOrphaned:
			addOrphan(whole, id)
		case partOwned:
			removeOrphan(whole, id)
		default:
			continue
		}
		if at := phases(whole)[id]; at == phaseProbe || at == phaseObserve {
			if err := write(whole, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func addOrphan(whole *workv1.ManifestWork, id workv1.ResourceIdentifier) {
	if isOrphaning(whole, id) || orphaned(whole) {
		return
	}
	whole.Spec.DeleteOption = optionOf(append(rulesOf(whole), workv1.OrphaningRule(id)))
}

func removeOrphan(whole *workv1.ManifestWork, id workv1.ResourceIdentifier) {
	option := whole.Spec.DeleteOption
	if option == nil || option.SelectivelyOrphan == nil {
		return
	}
	rules := slices.DeleteFunc(option.SelectivelyOrphan.OrphaningRules, func(r workv1.OrphaningRule) bool { return r == workv1.OrphaningRule(id) })
	option.SelectivelyOrphan.OrphaningRules = rules
	if len(rules) == 0 {
		whole.Spec.DeleteOption = &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeForeground}
	}
}

// write lets a work write an object that it only reads, or probes.
func write(whole *workv1.ManifestWork, id workv1.ResourceIdentifier) error {
	for i := range whole.Spec.ManifestConfigs {
		if config := &whole.Spec.ManifestConfigs[i]; config.ResourceIdentifier == id {
			config.UpdateStrategy = forced()
		}
	}
	for i := range whole.Spec.Workload.Manifests {
		manifest := &whole.Spec.Workload.Manifests[i]
		var content map[string]any
		if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || identify(content) != id {
			continue // it is another one
		}
		raw, err := json.Marshal(unprobed(content))
		if err != nil {
			return fmt.Errorf("encode %s: %w", describe(content), err)
		}
		manifest.Raw = raw
	}
	return nil
}
