// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// keeper begins the names of the field managers that keep a field which is left
// to others: each field has its own, so that one can be kept or let go without
// the others.
const keeper = "fairlead-keep"

// keeperOf is the field manager of a field, by its path. It is bounded, as the
// API server has it.
func keeperOf(path string) string {
	const most = 128
	name := keeper + "/" + path
	if len(name) <= most {
		return name
	}
	return keeper + "/" + digestOf(path)
}

// handOver gives fields to their keepers that are left to others from now on,
// with the value that they have, so that they keep it when the application says
// nothing of them any more. A field whose value the application changed is
// written by its keeper where the policy wants that, and so is one of an item of
// a list that the application made anew.
func (t *Target) handOver(ctx context.Context, w wish, live *unstructured.Unstructured) (*delivery.Observation, error) {
	listed := decodeMark(live.GetAnnotations()[delivery.AnnotationHeld])
	for _, field := range w.held {
		before, known := listed[field.Path]
		value, found := field.standing(w, live)
		renewed := field.Renew && field.found && (!known || before != digestOf(field.value))
		missing := !found && field.found && !field.Omit && field.indexed()
		if renewed || missing {
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

// keep writes a field as its keeper. A list whose items nothing tells apart, or
// that is one value to the API server, would be replaced by the one item: that
// is found out before.
func (t *Target) keep(ctx context.Context, w wish, live *unstructured.Unstructured, field heldField, value any) (*delivery.Observation, error) {
	content, ok := w.only(field.path, live, value)
	if ok && field.indexed() {
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
	_, problem, err := t.apply(ctx, w, keeperOf(field.Path), content, false)
	return problem, err
}

// changesNothingElse tries to write a field of an item of a list.
func (t *Target) changesNothingElse(ctx context.Context, w wish, live *unstructured.Unstructured, field heldField, value any, content *unstructured.Unstructured) (bool, *delivery.Observation, error) {
	at, stands := field.place(w, live)
	if !stands {
		return true, nil, nil // it makes the item
	}
	gvr, err := t.resource(w.key.gvk)
	if err != nil {
		return false, nil, err
	}
	tried, err := t.Tenant.Resource(gvr).Namespace(w.key.key.Namespace).Apply(asTenant(ctx, w.key.key.Namespace), w.key.key.Name, content,
		metav1.ApplyOptions{FieldManager: keeperOf(field.Path), Force: true, DryRun: []string{metav1.DryRunAll}})
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
	field, ok := build(path, w.made.Object, live.Object, value)
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

// build is a value with nothing but what a path leads to.
func build(path policy.FieldPath, wanted, live, value any) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch step := path[0].(type) {
	case string:
		inWanted, _ := wanted.(map[string]any)
		inLive, _ := live.(map[string]any)
		inner, ok := build(path[1:], inWanted[step], inLive[step], value)
		return map[string]any{step: inner}, ok
	case int:
		item, at := itemOf(step, wanted, live)
		if item == nil {
			return nil, false
		}
		var current any
		if standing, _ := live.([]any); at >= 0 {
			current = standing[at]
		}
		inner, ok := build(path[1:], item, current, value)
		fields, isObject := inner.(map[string]any)
		if !ok || !isObject {
			return nil, false
		}
		fields = maps.Clone(fields)
		maps.Copy(fields, identifying(item))
		return []any{fields}, true
	}
	return nil, false
}

// itemOf is an item of a list of the application, and where that stands in the
// live list, which may be elsewhere; nil for one that nothing tells apart, -1 for
// one that is not there.
func itemOf(index int, wanted, live any) (item map[string]any, at int) {
	items, _ := wanted.([]any)
	if index >= len(items) {
		return nil, -1
	}
	item, _ = items[index].(map[string]any)
	keys := identifying(item)
	if len(keys) == 0 {
		return nil, -1
	}
	standing, _ := live.([]any)
	return item, slices.IndexFunc(standing, func(candidate any) bool {
		current, ok := candidate.(map[string]any)
		return ok && containsFields(current, keys)
	})
}

// identifying are the fields that tell an item of a list apart in the API of
// Kubernetes. A port is known by its number, be it named or not.
func identifying(item map[string]any) map[string]any {
	for _, names := range [][]string{
		{"containerPort", "protocol"}, {"port", "protocol"}, {"name"}, {"mountPath"}, {"devicePath"},
		{"topologyKey", "whenUnsatisfiable"}, {"ip"}, {"type"}, {"key"},
	} {
		found := map[string]any{}
		for _, name := range names {
			if value, ok := item[name]; ok {
				found[name] = value
			}
		}
		if _, ok := found[names[0]]; ok {
			return found
		}
	}
	return nil
}

// indexed says that the path leads into a list.
func (h heldField) indexed() bool {
	return slices.ContainsFunc(h.path, func(step any) bool { _, index := step.(int); return index })
}

// place is the way to the field in the object as it stands.
func (h heldField) place(w wish, live *unstructured.Unstructured) (policy.FieldPath, bool) {
	var wanted, current any = w.made.Object, live.Object
	at := make(policy.FieldPath, 0, len(h.path))
	for _, step := range h.path {
		switch step := step.(type) {
		case string:
			inWanted, _ := wanted.(map[string]any)
			inLive, _ := current.(map[string]any)
			inner, found := inLive[step]
			if !found {
				return nil, false
			}
			wanted, current, at = inWanted[step], inner, append(at, step)
		case int:
			item, found := itemOf(step, wanted, current)
			standing, _ := current.([]any)
			if found < 0 {
				return nil, false
			}
			wanted, current, at = item, standing[found], append(at, found)
		}
	}
	return at, true
}

// standing is the value of the field as the object has it.
func (h heldField) standing(w wish, live *unstructured.Unstructured) (any, bool) {
	at, found := h.place(w, live)
	if !found {
		return nil, false
	}
	return at.Value(live.Object)
}

// takeBack lets the keepers go of fields that are no longer left to others. The
// application has written what it says of them by now.
func (t *Target) takeBack(ctx context.Context, w wish, live, written *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	listed := decodeMark(live.GetAnnotations()[delivery.AnnotationHeld])
	for _, path := range slices.Sorted(maps.Keys(listed)) {
		if slices.ContainsFunc(w.held, func(h heldField) bool { return h.Path == path }) {
			continue
		}
		released, problem, err := t.apply(ctx, w, keeperOf(path), w.nothing(), true)
		if err != nil || problem != nil {
			return nil, problem, err
		}
		written = released
	}
	return written, nil, nil
}
