// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// keeper begins the names of the field managers that keep a field which is left
// to others: each field has its own, so that one can be kept or let go without
// the others.
const keeper = "fairlead-keep"

// keeperOf is the field manager of a field, by its name. It is bounded, as the
// API server has it.
func keeperOf(name string) string {
	const most = 128
	manager := keeper + "/" + name
	if len(manager) <= most {
		return manager
	}
	return keeper + "/" + digestOf(name)
}

// handOver gives fields to their keepers that are left to others from now on,
// with the value that they have, so that they keep it when the application says
// nothing of them any more. Items of lists that the object does not have are made first.
func (t *Target) handOver(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	listed := decodeMark(live.GetAnnotations()[delivery.AnnotationHeld])
	if problem, err := t.handOverFrom(ctx, w, live, listed); problem != nil || err != nil {
		return nil, problem, err
	}
	missing := w.missing(live)
	if len(missing) == 0 {
		return live, nil, nil
	}
	for _, field := range w.held {
		listed[field.name] = field.digest()
	}
	maps.DeleteFunc(listed, func(name, _ string) bool { return missing[name] })
	marks := w.marks(w.whole.Object)
	marks[delivery.AnnotationHeld] = encodeMark(listed)
	content := marked(lessHeld(w.whole.Object, w.held, func(field heldField) bool { return !missing[field.name] }), marks)
	live, problem, err := t.apply(ctx, w, FieldManager, content, false)
	if problem != nil || err != nil {
		return nil, problem, err
	}
	problem, err = t.handOverFrom(ctx, w, live, listed)
	return live, problem, err
}

// missing are the names of the fields of items of lists that the application has
// and the object has not: the application added them, or somebody removed them. A
// keeper alone would make an item with nothing but its field.
func (w wish) missing(live *unstructured.Unstructured) map[string]bool {
	missing := map[string]bool{}
	for _, field := range w.held {
		if _, stands := field.standing(w, live); !stands && field.found && !field.Omit && field.path.Indexed() {
			missing[field.name] = true
		}
	}
	return missing
}

// handOverFrom gives those fields to their keepers that the object has and that
// are not listed yet. A field whose value the application changed is written by
// its keeper where the policy wants that.
func (t *Target) handOverFrom(ctx context.Context, w wish, live *unstructured.Unstructured, listed map[string]string) (*delivery.Observation, error) {
	for _, field := range w.held {
		before, known := listed[field.name]
		value, found := field.standing(w, live)
		if !found && field.path.Indexed() {
			continue
		}
		if field.Renew && field.found && (!known || before != digestOf(field.value)) {
			value, found, known = field.value, true, false
		}
		if known || !found {
			continue
		}
		if problem, err := t.keep(ctx, w, live, field, value); problem != nil || err != nil {
			return problem, err
		}
	}
	return nil, nil
}

// keep writes a field as its keeper. A list that is one value to the API server,
// though its items look as if something told them apart, would be replaced by the one
// item: that is found out before.
func (t *Target) keep(ctx context.Context, w wish, live *unstructured.Unstructured, field heldField, value any) (*delivery.Observation, error) {
	content, ok := w.only(field.path, live, value)
	if ok && field.path.Indexed() {
		fits, problem, err := t.changesNothingElse(ctx, w, live, field, value, content)
		if problem != nil || err != nil {
			return problem, err
		}
		ok = fits
	}
	if !ok {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, RetryAfter: forbiddenRetry, Message: fmt.Sprintf(
			"%s: %s, which a policy leaves to others, is an item of a list whose items nothing tells apart: let the policy name the list as a whole", describe(w.key), field.Path)}, nil
	}
	_, problem, err := t.apply(ctx, w, keeperOf(field.name), content, false)
	return problem, err
}

// changesNothingElse tries to write a field of an item of a list.
func (t *Target) changesNothingElse(ctx context.Context, w wish, live *unstructured.Unstructured, field heldField, value any, content *unstructured.Unstructured) (bool, *delivery.Observation, error) {
	at, stands := field.place(w, live)
	if !stands {
		return false, nil, nil
	}
	gvr, err := t.resource(w.key.gvk)
	if err != nil {
		return false, nil, err
	}
	tried, err := t.Tenant.Resource(gvr).Namespace(w.key.key.Namespace).Apply(asTenant(ctx, w.key.key.Namespace), w.key.key.Name, content,
		metav1.ApplyOptions{FieldManager: keeperOf(field.name), Force: true, DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		_, problem, err := t.failed(w.key, "apply", err)
		if problem != nil && problem.Reason == delivery.ReasonApplyFailed {
			return false, nil, nil // an item lacks what identifies it
		}
		return false, problem, err
	}
	expected, ok := at.Set(bare(live).Object, value)
	return ok && contentDigest(tried.Object) == contentDigest(expected), nil, nil
}

// bare is an object without what only the cache has of it.
func bare(live *unstructured.Unstructured) *unstructured.Unstructured {
	annotations := live.GetAnnotations()
	if _, cached := annotations[observedDigest]; !cached {
		return live
	}
	delete(annotations, observedDigest) // of a copy
	copied := live.DeepCopy()
	copied.SetAnnotations(annotations)
	return copied
}

// only is the object with nothing but one field, and what tells the items of
// lists on the way apart.
func (w wish) only(path policy.FieldPath, live *unstructured.Unstructured, value any) (*unstructured.Unstructured, bool) {
	field, ok := build(path, "", w.whole.Object, live.Object, value)
	fields, isObject := field.(map[string]any)
	if !ok || !isObject {
		return nil, false
	}
	content := w.nothing()
	for name, inner := range fields {
		if name == "metadata" {
			inner = withIdentity(inner, w)
		}
		content.Object[name] = inner
	}
	return content, true
}

// nothing is the object with its identity alone.
func (w wish) nothing() *unstructured.Unstructured {
	content := NewObject(w.key.gvk)
	content.SetNamespace(w.key.key.Namespace)
	content.SetName(w.key.key.Name)
	return content
}

func withIdentity(metadata any, w wish) any {
	fields, ok := metadata.(map[string]any)
	if !ok {
		return metadata
	}
	fields = maps.Clone(fields)
	fields["namespace"], fields["name"] = w.key.key.Namespace, w.key.key.Name
	return fields
}

// build is a value with nothing but what a path leads to. list is the name of the
// list whose item the path begins with.
func build(path policy.FieldPath, list string, wanted, live, value any) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch step := path[0].(type) {
	case string:
		inWanted, _ := wanted.(map[string]any)
		inLive, _ := live.(map[string]any)
		inner, ok := build(path[1:], step, inWanted[step], inLive[step], value)
		return map[string]any{step: inner}, ok
	case int:
		item, at := policy.ItemIn(list, step, wanted, live)
		if item == nil {
			return nil, false
		}
		var current any
		if standing, _ := live.([]any); at >= 0 {
			current = standing[at]
		}
		inner, ok := build(path[1:], "", item, current, value)
		fields, isObject := inner.(map[string]any)
		if !ok || !isObject {
			return nil, false
		}
		fields = maps.Clone(fields)
		maps.Copy(fields, policy.ItemKeys(list, item))
		return []any{fields}, true
	}
	return nil, false
}

// place is the way to the field in the object as it stands.
func (h heldField) place(w wish, live *unstructured.Unstructured) (policy.FieldPath, bool) {
	return h.path.In(w.whole.Object, live.Object)
}

// standing is the value of the field as the object has it.
func (h heldField) standing(w wish, live *unstructured.Unstructured) (any, bool) {
	at, found := h.place(w, live)
	if !found {
		return nil, false
	}
	return at.Value(live.Object)
}

// returned are the names of fields that were left to others and no longer are,
// with what the object says of them: those of which the policy says nothing any
// more, and those of items that the application removed.
func (w wish) returned(live *unstructured.Unstructured) map[string]string {
	listed := decodeMark(live.GetAnnotations()[delivery.AnnotationHeld])
	for _, field := range w.held {
		delete(listed, field.name)
	}
	return listed
}

// listing is the wish with an object that lists further fields as left to others,
// until they are taken back.
func (w wish) listing(more map[string]string) wish {
	marks := w.marks(w.whole.Object)
	listed := decodeMark(marks[delivery.AnnotationHeld])
	maps.Copy(listed, more)
	marks[delivery.AnnotationHeld] = encodeMark(listed)
	w.wanted, w.whole = marked(w.wanted.Object, marks), marked(w.whole.Object, marks)
	return w
}

// takeBack lets the keepers go of fields that the application has again, and has
// written by now. Of an item that goes with them the API server takes no half:
// what it refuses is tried again after the others.
func (t *Target) takeBack(ctx context.Context, w wish, names []string) (*unstructured.Unstructured, *delivery.Observation, error) {
	var written *unstructured.Unstructured
	for len(names) > 0 {
		var refused []string
		var last *delivery.Observation
		for _, name := range names {
			released, problem, err := t.apply(ctx, w, keeperOf(name), w.nothing(), false)
			if err != nil || problem != nil && problem.Reason != delivery.ReasonApplyFailed {
				return nil, problem, err
			}
			if problem != nil {
				refused, last = append(refused, name), problem
				continue
			}
			written = released
		}
		if len(refused) == len(names) {
			return nil, last, nil
		}
		names = refused
	}
	return written, nil, nil
}
