// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Applications of one hub namespace share an object when a policy of each asks for
// it. The work of one of them, the holder, writes the object. The works of the
// others have it too, as an object that is only read: so their feedback tells how
// it is, and they are the record of who shares it. In a work either carries the
// annotation that names the application.
//
// A holder lets go of the object before its work drops it, so that it stays. Whoever
// of the others comes first then probes it, finds the annotation, and writes it.

// observedShared is an annotation that exists only in the cache, like
// observedDigest: objects of the work are shared.
const observedShared = "fairlead.dev/observed shared"

// sharedPath tells which application writes a shared object.
var sharedPath = health.Path{"metadata", "annotations", delivery.AnnotationSharedBy}

// sharedIdentity are what a work with a shared object wants to know of it.
func sharedIdentity() []health.Path {
	return append(identityPaths(applicationIdentity), sharedPath, heldPath)
}

// hasShared says that objects of a work of the cache are shared.
func hasShared(work *workv1.ManifestWork) bool { return work.Annotations[observedShared] != "" }

// noteShared puts into a stripped work whether objects of it are shared.
func noteShared(stripped *workv1.ManifestWork) {
	marked := func(m workv1.Manifest) bool { return strings.Contains(string(m.Raw), delivery.AnnotationSharedBy) }
	if slices.ContainsFunc(stripped.Spec.Workload.Manifests, marked) {
		stripped.Annotations[observedShared] = "true"
	}
}

// sharerKey tells the works that wait for an object apart from the one that has
// it: no cluster has a slash in its name.
func sharerKey(manifest string) string { return "sharer/" + manifest }

// share is the unit whose objects that another application delivers are only read.
func (t *Target) share(ctx context.Context, unit delivery.Unit, works map[string]*workv1.ManifestWork) (delivery.Unit, error) {
	if !slices.ContainsFunc(unit.Treatments, func(treatment policy.Treatment) bool { return treatment.Shared }) {
		return unit, nil
	}
	treatments := make([]policy.Treatment, len(unit.Result.Objects))
	for i, object := range unit.Result.Objects {
		treatments[i] = unit.Treatment(i)
		if treatments[i].ReadOnly {
			treatments[i].Shared = false // who only reads an object shares it with nobody
		}
		if !treatments[i].Shared {
			continue
		}
		holder, err := t.sharedHolder(ctx, unit, identify(object.Content), works)
		if err != nil {
			return unit, fmt.Errorf("look for who delivers %s: %w", describe(object.Content), err)
		}
		if holder != nil {
			treatments[i] = policy.Treatment{Shared: true, ReadOnly: true, Removal: treatments[i].Removal, Propagation: treatments[i].Propagation}
		}
	}
	unit.Treatments = treatments
	return unit, nil
}

// waits says that an object of the unit is delivered by another application that shares it.
func waits(treatment policy.Treatment) bool { return treatment.Shared && treatment.ReadOnly }

// sharedHolder is the work of another application that delivers an object and
// shares it; nil for none. Of two that deliver it, which no hub writes, the one whose name comes first does.
func (t *Target) sharedHolder(ctx context.Context, unit delivery.Unit, id workv1.ResourceIdentifier, works map[string]*workv1.ManifestWork) (*workv1.ManifestWork, error) {
	var list workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &list, client.MatchingFields{indexManifest: manifestKey(unit.Place.Cluster, id)}); err != nil {
		return nil, err
	}
	var holder *workv1.ManifestWork
	for i := range list.Items {
		other := &list.Items[i]
		if isWorkOf(unit, other) {
			continue
		}
		if !mayShare(other, unit.Owner.Namespace) || noteOf(other, id, delivery.AnnotationSharedBy) == "" {
			return nil, nil // which is a conflict
		}
		holder = other
	}
	own := holding(works, id)
	if holder != nil && own != nil && phases(own)[id] != phaseObserve && own.Name < holder.Name {
		return nil, nil
	}
	return holder, nil
}

// mayShare says that a work is of an application of the namespace: those of one
// namespace share, and tenants nothing.
func mayShare(work *workv1.ManifestWork, namespace string) bool {
	return genuine(work) && holdsObjects(work) && work.Labels[v1beta1.LabelAppNamespace] == namespace
}

// marked is an object with the annotation that it is shared. One that was waited
// for keeps it until it is known whose it is, also when the policy is dropped.
func marked(unit delivery.Unit, content map[string]any, treatment policy.Treatment, works map[string]*workv1.ManifestWork) map[string]any {
	if !treatment.Shared && !isAwaited(works, identify(content), treatment) {
		return content
	}
	if stays(treatment) {
		// To tell it from one that stays only until the next application has it.
		content = delivery.WithAnnotation(content, delivery.AnnotationRemoval, policy.RemoveNever)
	}
	return delivery.WithAnnotation(content, delivery.AnnotationSharedBy, unit.Owner.String())
}

// stays says that an object is left where it is when its application lets go of it.
func stays(treatment policy.Treatment) bool {
	return treatment.Removal == policy.RemoveNever || treatment.Propagation == propagationOrphan
}

// isAwaited says that the unit waits, or waited just now, for an object that
// another application delivers.
func isAwaited(works map[string]*workv1.ManifestWork, id workv1.ResourceIdentifier, treatment policy.Treatment) bool {
	if treatment.ReadOnly {
		return false
	}
	for _, work := range works {
		if !hasShared(work) || noteOf(work, id, delivery.AnnotationSharedBy) == "" {
			continue
		}
		at := phases(work)[id]
		return at == phaseObserve || at == phaseProbe
	}
	return false
}

// owns says by its labels whether an object is the unit's. One that is shared may
// have been handed on by another application of the same namespace.
func owns(unit delivery.Unit, shared bool) func(map[string]string) bool {
	return func(labels map[string]string) bool {
		return isUnits(unit, labels) || shared && isShared(labels, unit.Owner.Namespace)
	}
}

// isShared says by its identity that an application of the namespace delivered an object and shares it.
func isShared(identity map[string]string, namespace string) bool {
	return identity[v1beta1.LabelAppNamespace] == namespace &&
		identity[delivery.AnnotationSharedBy] == namespace+"/"+identity[v1beta1.LabelAppName]
}

// awaited is what is said while the application that delivers a shared object has
// not made it; nil when it has.
func (t *Target) awaited(ctx context.Context, unit delivery.Unit, object render.Object, manifest *workv1.ManifestCondition) (*delivery.Observation, error) {
	if manifest != nil && available(manifest) {
		identity, _ := identityIn(manifest, applicationIdentity)
		if isShared(identity, unit.Owner.Namespace) {
			return nil, nil
		}
	}
	holder, err := t.sharedHolder(ctx, unit, identify(object.Content), nil)
	if err != nil {
		return nil, fmt.Errorf("look for who delivers %s: %w", describe(object.Content), err)
	}
	name := "another application"
	if holder != nil {
		name = unitOf(holder.Labels)
	}
	return &delivery.Observation{State: delivery.Waiting, Message: fmt.Sprintf("%s: waiting for %s, which delivers it", describe(object.Content), name)}, nil
}

// Sharers are the applications that wait for objects that a work has, or had.
func Sharers(ctx context.Context, reader client.Reader, object client.Object) ([]delivery.Owner, error) {
	work, ok := object.(*workv1.ManifestWork)
	if !ok || !hasShared(work) {
		return nil, nil
	}
	var owners []delivery.Owner
	for _, key := range heldKeys(work) {
		var list workv1.ManifestWorkList
		if err := reader.List(ctx, &list, client.MatchingFields{indexManifest: sharerKey(key)}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list the works that share objects of work %s/%s: %w", work.Namespace, work.Name, err)
		}
		for i := range list.Items {
			if mayShare(&list.Items[i], work.Labels[v1beta1.LabelAppNamespace]) {
				owners = append(owners, recordOf(&list.Items[i]).Owner)
			}
		}
	}
	return owners, nil
}

// HoldsShared says that a work holds objects that others may share.
func HoldsShared(object client.Object) bool {
	work, ok := object.(*workv1.ManifestWork)
	return ok && hasShared(work) && len(heldKeys(work)) > 0
}

// SharesChanged says that others may share other objects of a work than before.
func SharesChanged(before, after client.Object) bool {
	earlier, ok := before.(*workv1.ManifestWork)
	later, alsoOK := after.(*workv1.ManifestWork)
	if !ok || !alsoOK || !hasShared(earlier) && !hasShared(later) || earlier.Generation == later.Generation {
		return false
	}
	return !slices.Equal(heldKeys(earlier), heldKeys(later))
}

// heldKeys are the shared objects that a work holds, sorted.
func heldKeys(work *workv1.ManifestWork) []string {
	var keys []string
	at := phases(work)
	for _, content := range contents(work) {
		if id := identify(content); annotation(content, delivery.AnnotationSharedBy) != "" && at[id] != phaseObserve {
			keys = append(keys, manifestKey(work.Namespace, id))
		}
	}
	slices.Sort(keys)
	return keys
}

// claimAnew keeps others from taking a shared object that is removed to be made anew.
func (t *Target) claimAnew(unit delivery.Unit, all, kept []entry) {
	for _, e := range all {
		if !e.shared || slices.ContainsFunc(kept, func(k entry) bool { return k.id() == e.id() }) {
			continue
		}
		t.mu.Lock()
		labels := unitLabels(unit)
		t.claim(manifestKey(unit.Place.Cluster, e.id()), unitIndexKey(unit.Place.Cluster, labels), unitOf(labels))
		t.mu.Unlock()
	}
}

// cameFirst is what is said of an object that the unit shares with one that came
// just before it, whose work the last look did not show; nil for others.
func (t *Target) cameFirst(ctx context.Context, unit delivery.Unit, e entry, name string, shown bool) (*delivery.Observation, error) {
	if !e.asks {
		return nil, nil
	}
	holder, err := t.sharedHolder(ctx, unit, e.id(), nil)
	if err != nil || shown && holder == nil {
		return nil, err
	}
	return &delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce,
		Message: fmt.Sprintf("%s: waiting for %s, which is about to deliver it", describe(e.content), name)}, nil
}
