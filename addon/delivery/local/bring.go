// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// bring makes an object what is wanted. live is what stands; nil for nothing.
func (t *Target) bring(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	if live == nil {
		return t.make(ctx, w)
	}
	if w.sharedByOthers(live) {
		observed, err := t.share(ctx, w, live)
		return t.answered(w.key, "share", observed, err)
	}
	if problem := w.foreign(live); problem != nil {
		return nil, problem, nil
	}
	if !live.GetDeletionTimestamp().IsZero() {
		return nil, &delivery.Observation{State: delivery.Waiting, RetryAfter: t.removalLook(w.key.gvk), Message: describe(w.key) + ": an earlier version is still being removed"}, nil
	}
	if w.treatment.Once || live.GetLabels()[delivery.LabelLeft] != "" {
		adopted, err := t.once(ctx, w, live)
		if err != nil || adopted == nil || w.treatment.Once {
			return t.answered(w.key, "adopt", adopted, err)
		}
		live = adopted
	}
	if w.ours(live) && t.upToDate(w, live) {
		return t.shared(ctx, w, live)
	}
	written, problem, err := t.rewrite(ctx, w, live)
	if err != nil || problem != nil {
		return written, problem, err
	}
	return t.shared(ctx, w, written)
}

// rewrite writes an object that stands, with the marks that are wanted and no others.
func (t *Target) rewrite(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	if w.ours(live) && w.leavesContent(live) {
		return t.remark(ctx, w, live, differentMark)
	}
	written, problem, err := t.write(ctx, w, live)
	if err != nil || problem != nil {
		return written, problem, err
	}
	return t.remark(ctx, w, written, strayMark)
}

// answered is what came of a write: an object that is gone meanwhile is looked for again.
func (t *Target) answered(key objectKey, verb string, live *unstructured.Unstructured, err error) (*unstructured.Unstructured, *delivery.Observation, error) {
	if err != nil {
		return t.failed(key, verb, err)
	}
	if live == nil {
		return nil, &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: describe(key) + ": it went away meanwhile"}, nil
	}
	return live, nil, nil
}

// make creates an object, and then leaves to others what it only starts with. An
// object of that name that stands is brought instead.
func (t *Target) make(ctx context.Context, w wish) (*unstructured.Unstructured, *delivery.Observation, error) {
	since, waits := t.tryRights(w.key)
	if waits != nil {
		return nil, waits, nil
	}
	live, err := t.send(ctx, w, FieldManager, onlyNew(w.made), !w.handsOver())
	t.triedRights(w.key, since, err)
	if apierrors.IsConflict(err) {
		return t.bringStranger(ctx, w, err)
	}
	if err != nil {
		return t.failed(w.key, "apply", err)
	}
	var problem *delivery.Observation
	if w.handsOver() {
		if live, problem, err = t.write(ctx, w, live); err != nil || problem != nil {
			return nil, problem, err
		}
	}
	return t.shared(ctx, w, live)
}

// bringStranger brings an object that stood in the way of its creation. Where
// nothing stands any more, the creation is tried again later.
func (t *Target) bringStranger(ctx context.Context, w wish, conflict error) (*unstructured.Unstructured, *delivery.Observation, error) {
	live, err := t.stranger(ctx, w.key)
	if err != nil {
		return t.failed(w.key, "read", err)
	}
	if live == nil {
		return t.failed(w.key, "apply", conflict)
	}
	return t.bring(ctx, w, live)
}

// onlyNew is an object that is applied only where there is none of its name: an
// object that stands is never of the version 1, which the store has itself before
// anything is written, and a version that is not the object's is refused as a
// conflict. So nothing of others is touched, without a look before each write.
func onlyNew(object *unstructured.Unstructured) *unstructured.Unstructured {
	created := &unstructured.Unstructured{Object: maps.Clone(object.Object)}
	metadata, _ := created.Object["metadata"].(map[string]any)
	created.Object["metadata"] = maps.Clone(metadata)
	created.SetResourceVersion("1")
	return created
}

// handsOver says that an object starts with fields that are left to others.
func (w wish) handsOver() bool {
	return slices.ContainsFunc(w.held, func(h heldField) bool { return !h.Omit })
}

// once leaves an object as it is, but for whose it is and how it is removed. Which
// fields have keepers, and what it was made with, stays noted for the time when it
// is written again.
func (t *Target) once(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	w = w.listing(decodeMark(live.GetAnnotations()[delivery.AnnotationHeld])).madeAs(live)
	if w.ours(live) && w.sameMarks(live) && live.GetLabels()[delivery.LabelLeft] == "" {
		return live, nil
	}
	return t.adopt(ctx, w, live)
}

// write changes an object that stands.
func (t *Target) write(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	if w.recreated(live) {
		return t.recreate(ctx, w, live)
	}
	live, problem, err := t.handOver(ctx, w, live)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	write := t.applyWanted
	if w.treatment.Replace {
		write = t.replace
	}
	returned := w.returned(live)
	if len(returned) == 0 {
		return write(ctx, w, live)
	}
	if _, problem, err = write(ctx, w.listing(returned), live); err != nil || problem != nil {
		return nil, problem, err
	}
	if live, problem, err = t.takeBack(ctx, w, slices.Sorted(maps.Keys(returned))); err != nil || problem != nil {
		return nil, problem, err
	}
	return write(ctx, w, live)
}

// madeAs is the wish with an object that notes what the one that stands was made
// with: its content is not written. What notes nothing is looked at itself later.
func (w wish) madeAs(live *unstructured.Unstructured) wish {
	marks := map[string]string{}
	maps.Copy(marks, w.wanted.GetAnnotations())
	marks[delivery.AnnotationRecreate] = live.GetAnnotations()[delivery.AnnotationRecreate]
	w.wanted = marked(w.wanted.Object, marks)
	return w
}

func (t *Target) applyWanted(ctx context.Context, w wish, _ *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	return t.apply(ctx, w, FieldManager, w.wanted, true)
}

// recreated says that a field has changed that cannot be changed in place. An
// object that does not say what it was made with is looked at itself.
func (w wish) recreated(live *unstructured.Unstructured) bool {
	before := decodeMark(live.GetAnnotations()[delivery.AnnotationRecreate])
	now := decodeMark(w.wanted.GetAnnotations()[delivery.AnnotationRecreate])
	for field, digest := range now {
		if earlier, known := before[field]; known {
			if earlier != digest {
				return true
			}
			continue
		}
		if path, err := policy.ParseFieldPath(field); err == nil && w.differs(path, live) {
			return true
		}
	}
	return false
}

// differs compares a field as drift is looked for, since the API server adds
// defaults and writes quantities in its own form.
func (w wish) differs(path policy.FieldPath, live *unstructured.Unstructured) bool {
	wanted, found := path.Value(w.wanted.Object)
	current, stands := path.Value(live.Object)
	if !found {
		return false // the API server may have its own default for it
	}
	return !stands || !contains(current, wanted) && !sameQuantity(current, wanted)
}

// recreate deletes an object. It is made anew when it is gone.
func (t *Target) recreate(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	err := t.delete(ctx, w.key, live.GetUID(), propagationOf(w.treatment.Propagation))
	if err != nil && !apierrors.IsNotFound(err) {
		return t.failed(w.key, "delete", err)
	}
	return nil, &delivery.Observation{State: delivery.Applying, RetryAfter: t.removalLook(w.key.gvk), Message: describe(w.key) + ": a field changed whose change makes it anew: waiting for the end of the earlier object"}, nil
}

// replace writes an object as a whole, so that what the application does not say goes.
func (t *Target) replace(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	whole := w.replacement(live)
	gvr, err := t.resource(w.key.gvk)
	if err != nil {
		return t.failed(w.key, "find the resource of", err)
	}
	updated, err := t.Tenant.Resource(gvr).Namespace(w.key.key.Namespace).Update(asTenant(ctx, w.key.key.Namespace), whole, metav1.UpdateOptions{FieldManager: FieldManager})
	if err != nil {
		return t.failed(w.key, "replace", err)
	}
	t.remembered(w, updated, true)
	return updated, nil, nil
}

// replacement is the wanted object with what is not the application's to say:
// what the API server and controllers keep of the object, and fields that are left to others.
func (w wish) replacement(live *unstructured.Unstructured) *unstructured.Unstructured {
	whole := w.withStanding(live)
	whole.SetResourceVersion(live.GetResourceVersion())
	whole.SetUID(live.GetUID())
	whole.SetFinalizers(live.GetFinalizers())
	whole.SetOwnerReferences(live.GetOwnerReferences())
	if status, ok := live.Object["status"]; ok {
		whole.Object["status"] = status
	}
	if shared, ok := live.GetAnnotations()[delivery.AnnotationSharedBy]; ok {
		annotations := maps.Clone(whole.GetAnnotations())
		annotations[delivery.AnnotationSharedBy] = shared
		whole.SetAnnotations(annotations)
	}
	return whole
}

// withStanding is the wanted object with the fields that are left to others as
// they stand.
func (w wish) withStanding(live *unstructured.Unstructured) *unstructured.Unstructured {
	content := w.whole.DeepCopy().Object
	standing := func(field heldField) bool { _, found := field.standing(w, live); return found }
	for _, field := range w.held {
		value, found := field.standing(w, live)
		if !found {
			continue
		}
		if changed, ok := field.path.Set(content, value); ok {
			content = changed
		}
	}
	return &unstructured.Unstructured{Object: lessHeld(content, w.held, func(field heldField) bool { return !standing(field) })}
}

// apply applies an object as a field manager of the tenant. complete says that
// it is then as it is wanted.
func (t *Target) apply(ctx context.Context, w wish, manager string, content *unstructured.Unstructured, complete bool) (*unstructured.Unstructured, *delivery.Observation, error) {
	applied, err := t.send(ctx, w, manager, content, complete)
	if err != nil {
		return t.failed(w.key, "apply", err)
	}
	return applied, nil, nil
}

// send is apply with the error as the API server has it.
func (t *Target) send(ctx context.Context, w wish, manager string, content *unstructured.Unstructured, complete bool) (*unstructured.Unstructured, error) {
	gvr, err := t.resource(w.key.gvk)
	if err != nil {
		return nil, fmt.Errorf("find the resource: %w", err)
	}
	applied, err := t.Tenant.Resource(gvr).Namespace(w.key.key.Namespace).Apply(asTenant(ctx, w.key.key.Namespace), w.key.key.Name, content,
		metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		return nil, err
	}
	t.remembered(w, applied, complete)
	return applied, nil
}

// remembered keeps what the API server answered to a write.
func (t *Target) remembered(w wish, answer *unstructured.Unstructured, complete bool) {
	t.keepAnswer(w, answer, complete)
	if t.Written != nil {
		t.Written(w.key.gvk.Kind)
	}
}

func (t *Target) keepAnswer(w wish, answer *unstructured.Unstructured, complete bool) {
	last := write{uid: answer.GetUID(), digest: contentDigest(answer.Object)}
	if complete {
		last.version = w.version
	}
	pending := answer
	if !t.watched(w.key.gvk) {
		pending = nil // no cache will show it
	}
	t.remember(w.key, last, pending)
}

// wrote forgets what was remembered of an object that was changed otherwise.
func (t *Target) wrote(key objectKey) {
	t.mu.Lock()
	delete(t.written, key)
	delete(t.pending, key)
	t.mu.Unlock()
	if t.Written != nil {
		t.Written(key.gvk.Kind)
	}
}

// observed reads an object that is not to be written. One that the application
// delivered earlier is let go, so that it is not removed with it either.
func (t *Target) observed(ctx context.Context, w wish) (*unstructured.Unstructured, *delivery.Observation, error) {
	if problem, err := t.deliverable(w.key); problem != nil || err != nil {
		return nil, problem, err
	}
	last, known := t.lastLook(w.key)
	known = known && last.of(w)
	if known && t.Clock.Now().Before(last.due) {
		return last.live, nil, nil
	}
	live, err := t.read(ctx, w.key)
	if err != nil {
		return t.failed(w.key, "get", err)
	}
	if live == nil {
		t.forgetObject(w.key)
		return nil, &delivery.Observation{State: delivery.Waiting, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"%s does not exist, and a policy of type \"read-only\" keeps it from being made: waiting for somebody to create it", describe(w.key))}, nil
	}
	interval := nextInterval(last, known, live)
	if err := t.letGo(ctx, w, live); err != nil {
		return t.failed(w.key, "let go of", err)
	}
	return t.saw(w, live, interval), nil, nil
}
