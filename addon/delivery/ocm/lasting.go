// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// noted is an object with the notes that its treatment needs.
func noted(content map[string]any, treatment policy.Treatment) map[string]any {
	if treatment.Removal == policy.RemoveOnDelete {
		content = delivery.WithAnnotation(content, delivery.AnnotationRemoval, policy.RemoveOnDelete)
	}
	var marks []string
	for _, field := range treatment.RecreateFields {
		path, err := policy.ParseFieldPath(field)
		if err != nil {
			continue // the policy was checked; what is no path leads to no value
		}
		value, found := path.Value(content)
		marks = append(marks, mark(policy.HeldField{Path: field, Renew: true}, value, found))
	}
	if len(marks) == 0 {
		return content
	}
	slices.Sort(marks)
	return delivery.WithAnnotation(content, delivery.AnnotationRecreate, strings.Join(marks, ","))
}

// anew leaves out the objects that are to be made anew, since a field of them
// changed that a policy names, until the cluster has removed them. It says what
// is waited for.
func anew(unit delivery.Unit, entries []entry, works map[string]*workv1.ManifestWork) (kept []entry, waiting []delivery.Observation) {
	for i, e := range entries {
		if len(unit.Treatment(i).RecreateFields) > 0 && isLeaving(e, works) {
			waiting = append(waiting, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Message: describe(e.content) +
				": it is removed and made anew, since a field changed that a policy of type \"resource-update\" names"})
			continue
		}
		kept = append(kept, e)
	}
	return kept, waiting
}

// isLeaving says that the cluster has, or may still have, the object as it was made.
func isLeaving(e entry, works map[string]*workv1.ManifestWork) bool {
	work := holding(works, e.id())
	if work == nil {
		// It may have been dropped just now. To add it before the agent has seen that would keep the old one.
		return !allApplied(works)
	}
	before := noteOf(work, e.id(), delivery.AnnotationRecreate)
	return before != "" && before != annotation(e.content, delivery.AnnotationRecreate)
}

// lasts says that a policy keeps an object of a work until its application goes:
// then the work stays as it is, when the application has its component no longer.
func lasts(work *workv1.ManifestWork) bool {
	return work.Labels[LabelPurpose] == PurposeApplication && slices.ContainsFunc(contents(work), func(content map[string]any) bool {
		return annotation(content, delivery.AnnotationRemoval) == policy.RemoveOnDelete
	})
}

// legacy are the objects that the application has no longer and that stay in
// their works until it goes. What they are is read from the API server, since
// the cache keeps no payload.
func (t *Target) legacy(ctx context.Context, unit delivery.Unit, works map[string]*workv1.ManifestWork) ([]entry, error) {
	wanted := map[workv1.ResourceIdentifier]bool{}
	for _, object := range unit.Result.Objects {
		wanted[identify(object.Content)] = true
	}
	var entries []entry
	for _, index := range sortedIndexes(works) {
		work := works[index]
		lasts := func(content map[string]any) bool {
			return !wanted[identify(content)] && annotation(content, delivery.AnnotationRemoval) == policy.RemoveOnDelete
		}
		if !slices.ContainsFunc(contents(work), lasts) {
			continue
		}
		var whole workv1.ManifestWork
		if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
			return nil, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
		}
		at := phases(&whole)
		for _, manifest := range whole.Spec.Workload.Manifests {
			var content map[string]any
			if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || !lasts(content) {
				continue
			}
			id := identify(content)
			wanted[id] = true // in two works while it moves
			entries = append(entries, entry{content: content, phase: at[id]})
		}
	}
	return entries, nil
}
