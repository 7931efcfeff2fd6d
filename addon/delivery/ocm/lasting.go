// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// noted is an object with the notes that its treatment needs.
func noted(unit delivery.Unit, content map[string]any, treatment policy.Treatment, works map[string]*workv1.ManifestWork) map[string]any {
	if len(unit.Needs) > 0 {
		content = delivery.WithAnnotation(content, delivery.AnnotationDependsOn, strings.Join(unit.Needs, ","))
	}
	if treatment.Removal == policy.RemoveOnDelete {
		content = delivery.WithAnnotation(content, delivery.AnnotationRemoval, policy.RemoveOnDelete)
	}
	if note := recreateNote(content, treatment, works); note != "" {
		content = delivery.WithAnnotation(content, delivery.AnnotationRecreate, note)
	}
	return content
}

// recreateNote are the fields whose change makes an object anew, with the values that it
// was written with: while it is left alone, and until its cluster has said whose it is
// after that, those of the work, unless the cluster says that there is no such object. It
// is empty for none.
func recreateNote(content map[string]any, treatment policy.Treatment, works map[string]*workv1.ManifestWork) string {
	if len(treatment.RecreateFields) == 0 {
		return ""
	}
	id := identify(content)
	work := holding(works, id)
	before := noteOf(work, id, delivery.AnnotationRecreate)
	if before != "" && !isMissing(work, id) && (treatment.Once || treatment.ReadOnly || phases(work)[id] == phaseObserve) {
		return before
	}
	var marks []string
	for _, field := range treatment.RecreateFields {
		path, err := policy.ParseFieldPath(field)
		if err != nil {
			continue // the policy was checked; what is no path leads to no value
		}
		value, found := path.Value(content)
		marks = append(marks, mark(policy.HeldField{Path: field, Renew: true}, field, value, found))
	}
	slices.Sort(marks)
	return strings.Join(marks, ",")
}

// isWrittenAs says that a work has an object of the same version, whatever it notes of
// how the object is removed or made anew: no note changes what there is of the object.
func isWrittenAs(work *workv1.ManifestWork, content map[string]any) bool {
	if work == nil {
		return false
	}
	id := identify(content)
	before := revisions(work)[id]
	return before == annotation(content, v1alpha1.AnnotationRevision) || before == withNotesOf(work, id, content).Digest()
}

// withNotesOf is a delivered object as it was rendered, with the notes that a work has of it.
func withNotesOf(work *workv1.ManifestWork, id workv1.ResourceIdentifier, content map[string]any) render.Object {
	metadata, _ := content["metadata"].(map[string]any)
	given, _ := metadata["annotations"].(map[string]any)
	annotations := maps.Clone(given)
	delete(annotations, v1alpha1.AnnotationRevision)
	for _, key := range []string{delivery.AnnotationDependsOn, delivery.AnnotationRemoval, delivery.AnnotationRecreate} {
		delete(annotations, key)
		if note := noteOf(work, id, key); note != "" {
			annotations[key] = note
		}
	}
	metadata = withField(metadata, "annotations", annotations)
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	return render.Object{Content: withField(content, "metadata", metadata)}
}

// lasting says which objects of a work a policy keeps until their application
// goes. One that was never found to be the application's is none of them.
func lasting(work *workv1.ManifestWork) map[workv1.ResourceIdentifier]bool {
	found := map[workv1.ResourceIdentifier]bool{}
	if work.Labels[LabelPurpose] != PurposeApplication {
		return found
	}
	nobody := func(map[string]string) bool { return false }
	at := phases(work)
	for _, content := range contents(work) {
		id := identify(content)
		if annotation(content, delivery.AnnotationRemoval) != policy.RemoveOnDelete {
			continue
		}
		if at[id] != phaseProbe || findingOf(work, id, applicationIdentity, nobody) == findOurs {
			found[id] = true
		}
	}
	return found
}

// lastingHere are the objects that stay in a work until the application goes. Those that
// another one has by now do not, and waiting says that it is to have more of them.
func (t *Target) lastingHere(ctx context.Context, work *workv1.ManifestWork) (kept map[workv1.ResourceIdentifier]bool, waiting bool, err error) {
	kept = lasting(work)
	taken, waiting, err := t.takenOver(ctx, work)
	maps.DeleteFunc(kept, func(id workv1.ResourceIdentifier, _ bool) bool { return taken[id] })
	return kept, waiting, err
}

// rests says that a work has nothing but what stays until the application goes,
// and that its cluster has seen that.
func (t *Target) rests(ctx context.Context, work *workv1.ManifestWork) (bool, error) {
	if len(lasting(work)) == 0 {
		return false, nil
	}
	kept, waiting, err := t.lastingHere(ctx, work)
	return !waiting && len(kept) > 0 && len(kept) == len(work.Spec.Workload.Manifests) && fetched(work), err
}

// shrink takes out of a work what does not stay until the application goes, when
// the application has its component no longer, or has it in another namespace.
func (t *Target) shrink(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	removing := delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to remove what does not stay until the application goes"}
	kept, waiting, err := t.lastingHere(ctx, work)
	switch {
	case err != nil:
		return delivery.Observation{}, err
	case waiting:
		return t.awayOr(ctx, work.Namespace, delivery.Observation{State: delivery.Waiting, Message: "waiting until another work of the component has what both have"})
	case len(kept) == 0:
		t.partWithout(work, kept)
		return t.delete(ctx, client.ObjectKeyFromObject(work))
	case len(kept) == len(work.Spec.Workload.Manifests) && fetched(work):
		return delivery.Observation{State: delivery.Delivered}, nil
	case len(kept) == len(work.Spec.Workload.Manifests):
		return t.awayOr(ctx, work.Namespace, t.orOverdue(work, removing))
	}
	if waiting, err := t.beforeItShrinks(ctx, work); waiting != nil || err != nil {
		return ptr.Deref(waiting, delivery.Observation{}), err
	}
	if hasShared(work) {
		t.sharing.Lock()
		defer t.sharing.Unlock()
		if waiting, err := t.handOn(ctx, work, kept); waiting != nil || err != nil {
			return ptr.Deref(waiting, delivery.Observation{}), err
		}
	}
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
		if apierrors.IsNotFound(err) {
			return removing, nil // the cache lags behind, and its event brings us back
		}
		return delivery.Observation{}, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	callUsually(&whole)
	wanted, err := reduced(t.Digests, &whole, kept)
	if err != nil {
		return delivery.Observation{}, err
	}
	// What is left of it stays: a removal of that, at some time, has all of its patience.
	delete(wanted.Annotations, annotationLeaving)
	t.partWithout(work, kept)
	return t.update(ctx, wanted, work)
}

// beforeItShrinks is what is waited for before objects are taken out of a work; nil when
// they may be.
func (t *Target) beforeItShrinks(ctx context.Context, work *workv1.ManifestWork) (*delivery.Observation, error) {
	if departed, err := t.departed(ctx, work.Namespace); departed != nil || err != nil {
		return departed, err
	}
	if held, err := t.isHeld(ctx, work); err != nil || held {
		waiting, err := t.untilLetGo(ctx, work, err)
		return &waiting, err
	}
	if waiting, err := t.lettingStay(ctx, work, ruled(work)); waiting != nil || err != nil {
		return waiting, err
	}
	if t.letsStay(work) {
		return nil, nil
	}
	waiting, err := t.untilBack(ctx, work.Namespace, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce,
		Message: "waiting for the cluster to let the objects go that stay there"})
	return &waiting, err
}

// partWithout notes that a work leaves objects to others, those that are in no namespace
// and those that are shared, all but the kept ones.
func (t *Target) partWithout(work *workv1.ManifestWork, kept map[workv1.ResourceIdentifier]bool) {
	for _, content := range contents(work) {
		id := identify(content)
		if !kept[id] && (id.Namespace == "" || annotation(content, delivery.AnnotationSharedBy) != "") {
			t.parted(work, manifestKey(work.Namespace, id))
		}
	}
}

// reduced is a work with some of its objects alone. One that was probed was found
// to be the application's, and is written from now on.
func reduced(digests *Digests, work *workv1.ManifestWork, kept map[workv1.ResourceIdentifier]bool) (*workv1.ManifestWork, error) {
	wanted := work.DeepCopy()
	wanted.Spec.Workload.Manifests = nil
	for _, manifest := range work.Spec.Workload.Manifests {
		var content map[string]any
		if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || !kept[identify(content)] {
			continue
		}
		raw, err := json.Marshal(unprobed(content))
		if err != nil {
			return nil, fmt.Errorf("encode an object of work %s: %w", work.Name, err)
		}
		wanted.Spec.Workload.Manifests = append(wanted.Spec.Workload.Manifests, workv1.Manifest{RawExtension: runtime.RawExtension{Raw: raw}})
	}
	wanted.Spec.ManifestConfigs = slices.DeleteFunc(wanted.Spec.ManifestConfigs, func(config workv1.ManifestConfigOption) bool {
		return !kept[config.ResourceIdentifier]
	})
	wanted.Spec.DeleteOption = optionOf(slices.DeleteFunc(rulesOf(work), func(rule workv1.OrphaningRule) bool {
		return !kept[workv1.ResourceIdentifier(rule)]
	}))
	return digests.seal(wanted)
}

// rulesOf lists the objects of a work that stay when it lets go of them.
func rulesOf(work *workv1.ManifestWork) []workv1.OrphaningRule {
	if option := work.Spec.DeleteOption; option != nil && option.SelectivelyOrphan != nil {
		return slices.Clone(option.SelectivelyOrphan.OrphaningRules)
	}
	return nil
}

// unprobed is content that is written whatever is there.
func unprobed(content map[string]any) map[string]any {
	metadata, _ := content["metadata"].(map[string]any)
	if _, has := metadata["resourceVersion"]; !has {
		return content
	}
	metadata = maps.Clone(metadata)
	delete(metadata, "resourceVersion")
	return withField(content, "metadata", metadata)
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
		kept := lasting(work)
		maps.DeleteFunc(kept, func(id workv1.ResourceIdentifier, _ bool) bool { return wanted[id] })
		if len(kept) == 0 {
			continue
		}
		var whole workv1.ManifestWork
		if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
			return nil, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
		}
		callUsually(&whole)
		for _, manifest := range whole.Spec.Workload.Manifests {
			var content map[string]any
			if err := exactjson.Unmarshal(manifest.Raw, &content); err != nil || !kept[identify(content)] {
				continue
			}
			id := identify(content)
			wanted[id] = true // in two works while it moves
			entries = append(entries, entry{
				content: unprobed(content), phase: max(phases(&whole)[id], phaseApply),
				orphan: isOrphaning(&whole, id),
			})
		}
	}
	return entries, nil
}
