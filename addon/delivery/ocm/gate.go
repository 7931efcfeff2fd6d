// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// An agent removes what a work drops only if it has recorded that object, which it
// does after it has reported the version with it. Until then a work that drops an
// object keeps it as it has it, and all else of the new version is written: the agent
// of a cluster that was away finds the last version of every object, and removes what
// was dropped one version later.

// holdBack are the entries of a work with the objects that it is to drop and may not
// yet, and what is waited for. Those that are too large to stay beside the others
// are not among them: then the whole work waits, but for what its cluster does not know.
func (t *Target) holdBack(ctx context.Context, wanted, all []entry, current *workv1.ManifestWork) ([]entry, *delivery.Observation, error) {
	if current == nil || !current.DeletionTimestamp.IsZero() {
		return wanted, nil, nil
	}
	ids := make([]workv1.ResourceIdentifier, 0, len(wanted))
	for _, e := range wanted {
		ids = append(ids, e.id())
	}
	held := lessOf(contents(current), ids)
	held = slices.DeleteFunc(held, func(content map[string]any) bool { return isUnknown(current, content) })
	if len(held) == 0 {
		return wanted, nil, nil
	}
	refused, _ := t.lettings(current, staying(current, held))
	waiting, err := t.heldFor(ctx, current, held, refused)
	if waiting == nil || err != nil {
		return wanted, nil, err
	}
	leaving, err := t.asTheyStand(ctx, current, held, all)
	if err != nil {
		return nil, nil, err
	}
	for i, at := 0, phases(current); i < len(leaving); i++ {
		if id := leaving[i].id(); refused[id] || at[id] == phaseKeep {
			leaving[i] = leaving[i].asIs()
		}
	}
	entries := inOrder(wanted, leaving, identities(current))
	fits, err := t.fits(entries)
	if err != nil || fits {
		return entries, waiting, err
	}
	return t.lessUnknown(ctx, wanted, current, waiting)
}

// lessUnknown are the entries of a work that is to wait as a whole: those that it has,
// without the objects of kinds that its cluster does not know. While it has one of
// these, its agent does not record the others, and the work would wait for ever.
func (t *Target) lessUnknown(
	ctx context.Context, wanted []entry, current *workv1.ManifestWork, waiting *delivery.Observation,
) ([]entry, *delivery.Observation, error) {
	all := contents(current)
	known := slices.DeleteFunc(slices.Clone(all), func(content map[string]any) bool { return isUnknown(current, content) })
	if len(known) == len(all) {
		return wanted, nil, nil
	}
	standing, err := t.asTheyStand(ctx, current, known, nil)
	if err != nil || len(standing) == 0 {
		return wanted, nil, err
	}
	return standing, waiting, nil
}

// heldFor is what is waited for before a work drops objects, some of which its cluster
// could not let go of; nil when it may.
func (t *Target) heldFor(ctx context.Context, work *workv1.ManifestWork, held []map[string]any, refused map[workv1.ResourceIdentifier]bool) (*delivery.Observation, error) {
	said := delivery.Observation{State: delivery.Applying,
		Message: bounded(describe(held[0])) + ": it is no part of this version, and is removed once the cluster has applied the rest"}
	waiting, err := t.unsettled(ctx, work, said)
	if waiting != nil || err != nil || len(refused) == 0 {
		return waiting, err
	}
	said.Message = "objects that this version drops are to stay, and the cluster cannot let go of all: " + notApplied(work, byPermissions).Message
	observation, err := t.awayOr(ctx, work.Namespace, said)
	return &observation, err
}

// asTheyStand are objects of a work as it has them. One that moved to another work of
// the unit is as it is there: of two versions the one applied last would win.
func (t *Target) asTheyStand(ctx context.Context, current *workv1.ManifestWork, held []map[string]any, all []entry) ([]entry, error) {
	var whole workv1.ManifestWork
	err := t.Live.Get(ctx, client.ObjectKeyFromObject(current), &whole)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read work %s/%s: %w", current.Namespace, current.Name, err)
	}
	if apierrors.IsNotFound(err) || whole.UID != current.UID || whole.Generation != current.Generation {
		return nil, nil // the cache lags behind, and its event brings us back
	}
	callUsually(&whole)
	var leaving []entry
	for _, content := range held {
		id := identify(content)
		at := slices.IndexFunc(all, func(e entry) bool { return e.id() == id })
		if at >= 0 {
			moved := all[at]
			moved.leaves = true
			leaving = append(leaving, moved)
			continue
		}
		e, err := standingEntry(&whole, id)
		if err != nil {
			return nil, err
		}
		leaving = append(leaving, e)
	}
	return leaving, nil
}

// standingEntry is an object of a whole work, with what the work says of it.
func standingEntry(whole *workv1.ManifestWork, id workv1.ResourceIdentifier) (entry, error) {
	e := entry{phase: phases(whole)[id], orphan: orphaned(whole) || isOrphaning(whole, id), leaves: true}
	for _, manifest := range whole.Spec.Workload.Manifests {
		var content map[string]any
		if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || identify(content) != id {
			continue // it is another one
		}
		e.content, e.kept = content, &encoded{raw: manifest.Raw, config: manifestConfig(content, nil)}
	}
	if e.kept == nil {
		return e, fmt.Errorf("work %s/%s has an object that cannot be read", whole.Namespace, whole.Name)
	}
	if at := slices.IndexFunc(whole.Spec.ManifestConfigs, func(c workv1.ManifestConfigOption) bool { return c.ResourceIdentifier == id }); at >= 0 {
		e.kept.config = whole.Spec.ManifestConfigs[at]
	}
	config, err := json.Marshal(e.kept.config)
	if err != nil {
		return e, fmt.Errorf("encode what is said of %s: %w", describe(e.content), err)
	}
	e.kept.size = len(e.kept.raw) + len(config)
	return e, nil
}

// inOrder puts objects that leave a work between the others where the work has them,
// so that one of which nothing else changed is not written.
func inOrder(wanted, leaving []entry, ids []workv1.ResourceIdentifier) []entry {
	merged := slices.Clone(wanted)
	for _, e := range leaving {
		after := 0
		for at := slices.Index(ids, e.id()) - 1; at >= 0 && after == 0; at-- {
			after = 1 + slices.IndexFunc(merged, func(m entry) bool { return m.id() == ids[at] })
		}
		merged = slices.Insert(merged, after, e)
	}
	return merged
}

// fits says that a work may hold the entries while some leave it.
func (t *Target) fits(entries []entry) (bool, error) {
	limit := cmp.Or(t.limit, maxWork)
	size := 0
	for _, e := range entries {
		encoded, err := e.encode()
		if err != nil {
			return false, err
		}
		size += encoded.size
	}
	return size <= limit+limit/5, nil
}

// lessOf are the objects less those of the ids.
func lessOf(objects []map[string]any, ids []workv1.ResourceIdentifier) []map[string]any {
	return slices.DeleteFunc(objects, func(content map[string]any) bool { return slices.Contains(ids, identify(content)) })
}

// gate is what must be waited for before objects may be dropped from a work; nil when they may.
func (t *Target) gate(ctx context.Context, work *workv1.ManifestWork, leaving []map[string]any) (*delivery.Observation, error) {
	if !slices.ContainsFunc(leaving, func(content map[string]any) bool { return !isUnknown(work, content) }) {
		return nil, nil
	}
	waiting, err := t.unsettled(ctx, work, delivery.Observation{State: delivery.Waiting,
		Message: "waiting until the cluster has applied the previous version, since this one drops an object of it"})
	if waiting != nil || err != nil {
		return waiting, err
	}
	if waiting, err := t.lettingStay(ctx, work, staying(work, leaving)); waiting != nil || err != nil {
		return waiting, err
	}
	return t.ownFirst(ctx, work)
}

// unsettled is what is said while the agent may not have recorded all objects of a
// work; nil when it has.
func (t *Target) unsettled(ctx context.Context, work *workv1.ManifestWork, said delivery.Observation) (*delivery.Observation, error) {
	settled, wait := t.settled(work)
	if settled {
		return nil, nil
	}
	said.RetryAfter = wait
	waiting, err := t.awayOr(ctx, work.Namespace, t.orOverdue(work, said))
	return &waiting, err
}

// dropped are the objects of the current work that are not in the wanted one.
func dropped(wanted, current *workv1.ManifestWork) []map[string]any {
	return lessOf(contents(current), identities(wanted))
}

// isUnknown says that the cluster does not know the kind of an object of this version
// of its work: there is no such object, and nothing to be recorded of it.
func isUnknown(work *workv1.ManifestWork, content map[string]any) bool {
	manifest := find(work, render.Object{Content: content})
	if manifest == nil || manifest.ResourceMeta.Resource != "" || !fetched(work) {
		return false
	}
	applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
	return applied != nil && applied.Status == metav1.ConditionFalse && applied.ObservedGeneration == work.Generation
}

// recorded says that the agent has recorded what it applied of a work of which
// it could not apply all: it does, unless it does not know the kind of one.
func recorded(work *workv1.ManifestWork) bool {
	failed := firstFailed(work)
	return failed != nil && !slices.ContainsFunc(work.Status.ResourceStatus.Manifests, func(m workv1.ManifestCondition) bool {
		return m.ResourceMeta.Resource == ""
	})
}

// workedOff says that the agent has applied what it can of a work, and removes what the
// work has dropped.
func workedOff(work *workv1.ManifestWork) bool {
	return fetched(work) && (appliedCondition(work).Status == metav1.ConditionTrue || recorded(work))
}

// settled says that an object may be dropped from a work.
func (t *Target) settled(work *workv1.ManifestWork) (bool, time.Duration) {
	if !workedOff(work) {
		return false, 0
	}
	wait := t.unripe(work)
	return wait == 0, wait
}

// unripe is how long an agent may still take to record what it has reported of a work.
func (t *Target) unripe(work *workv1.ManifestWork) time.Duration {
	return max(0, settle-t.saidFor(work))
}
