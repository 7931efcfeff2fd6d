// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// identified says that an object carries the labels by which the application
// knows it: those of the very unit, whatever its UID was when it was delivered.
// What an agent delivered here, where the hub is a managed cluster too, is the agent's.
func (w wish) identified(live *unstructured.Unstructured) bool {
	labels := live.GetLabels()
	return labels[v1beta1.LabelAppNamespace] == w.unit.Owner.Namespace && labels[v1beta1.LabelAppName] == w.unit.Owner.Name &&
		labels[v1alpha1.LabelEnvironment] == w.unit.Place.Environment && delivery.UnitOf(labels) == w.unit.Component && !byAgent(live)
}

// byAgent says that a work agent delivered an object.
func byAgent(live *unstructured.Unstructured) bool {
	return slices.ContainsFunc(live.GetOwnerReferences(), func(owner metav1.OwnerReference) bool {
		return strings.HasPrefix(owner.APIVersion, "work.open-cluster-management.io/")
	})
}

// foreign says whose object it is, when it is not the unit's. What is left of
// the unit from earlier, such as a claim that was kept, is the unit's, and so is
// what another application handed on, which carries that one's other labels.
func (w wish) foreign(live *unstructured.Unstructured) *delivery.Observation {
	if w.identified(live) || w.inherits(live) {
		return nil
	}
	labels := live.GetLabels()
	name := fmt.Sprintf("%s %s/%s", live.GetKind(), live.GetNamespace(), live.GetName())
	if w.moving(live) {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: moveRetry, Message: name +
			": waiting until another component of the application, which is to have it no longer, has let go of it"}
	}
	if labels[v1alpha1.LabelApplicationUID] != "" || byAgent(live) {
		kind, holder := delivery.Named(delivery.UnitOf(labels))
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"%s on cluster local belongs to %s %q of application %s/%s in environment %q already: rename the component or use another target namespace",
			name, kind, holder, labels[v1beta1.LabelAppNamespace], labels[v1beta1.LabelAppName], labels[v1alpha1.LabelEnvironment])}
	}
	if isNamespaces(labels) {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"%s on cluster local belongs to the namespace itself, for which an environment asks for it: rename the object", name)}
	}
	if w.treatment.TakeOver {
		return nil
	}
	return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForeignObject, RetryAfter: conflictRetry, Message: fmt.Sprintf(
		"%s exists on the hub and was not delivered by Fairlead: it is neither changed nor deleted; remove it, rename the component, or take it over by a policy of type \"take-over\"", name)}
}

// isNamespaces says by its labels that an object is what environments ask for in a
// namespace, which no policy of an application takes over.
func isNamespaces(labels map[string]string) bool {
	return labels[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue && labels[delivery.LabelSourceNamespace] != ""
}

// moveRetry is when it is looked again whether an object that moves between
// components is free: it is deleted in the same pass, when nothing keeps it.
const moveRetry = 250 * time.Millisecond

// moving says that an object is on its way to the unit from another component of
// the application in the same place, which is not to have it any more.
func (w wish) moving(live *unstructured.Unstructured) bool {
	labels := live.GetLabels()
	return labels[v1alpha1.LabelApplicationUID] == string(w.unit.Owner.UID) && labels[v1alpha1.LabelEnvironment] == w.unit.Place.Environment &&
		live.GetAnnotations()[delivery.AnnotationRemoval] != policy.RemoveOnDelete && !byAgent(live) &&
		!w.unit.Contested[delivery.ObjectID(w.key.gvk.GroupKind(), w.key.key.Namespace, w.key.key.Name)]
}

// marker is the field manager of labels and annotations that are written beside
// the content of an object.
const marker = "fairlead-marks"

// mark changes labels and annotations of an object that nobody changed since it
// was read; nil removes one. The answer is nil when the object is gone.
func (t *Target) mark(ctx context.Context, key objectKey, live *unstructured.Unstructured, labels, annotations map[string]any) (*unstructured.Unstructured, error) {
	gvr, err := t.resource(key.gvk)
	if err != nil {
		return nil, err
	}
	metadata := map[string]any{"uid": string(live.GetUID()), "resourceVersion": live.GetResourceVersion()}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil, fmt.Errorf("encode the marks of %s: %w", describe(key), err)
	}
	changed, err := t.Tenant.Resource(gvr).Namespace(key.key.Namespace).Patch(asTenant(ctx, key.key.Namespace), key.key.Name,
		types.MergePatchType, patch, metav1.PatchOptions{FieldManager: marker})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.wrote(key)
	return changed, nil
}

// adopt makes an object the unit's, without touching its content: what the
// wanted object has for labels and marks is put on it.
func (t *Target) adopt(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	// An object that was another component's may have the marks of a replica or a policy.
	labels := map[string]any{delivery.LabelLeft: nil, v1beta1.LabelReplicaKey: nil, v1alpha1.LabelPolicy: nil}
	for name, value := range w.wanted.GetLabels() {
		labels[name] = value
	}
	annotations := map[string]any{}
	for _, name := range markNames() {
		annotations[name] = orNull(w.wanted.GetAnnotations()[name])
	}
	if w.treatment.Shared && isLeft(live) {
		annotations[delivery.AnnotationSharedBy] = w.unit.Owner.String() // who left it shares it no longer
	}
	return t.mark(ctx, w.key, live, labels, annotations)
}

// leavesContent says that an object differs in its marks at most from what its application
// wants of it, and that what others have changed in it stays before the application changes it.
func (w wish) leavesContent(live *unstructured.Unstructured) bool {
	held := delivery.AnnotationHeld
	return w.treatment.LeaveDrift && revisionOf(live) == w.revision() && w.wanted.GetAnnotations()[held] == live.GetAnnotations()[held]
}

// differentMark says that a mark is not as it is wanted.
func differentMark(wanted, found string) bool { return wanted != found }

// strayMark says that a mark is there and not wanted. An apply takes off those alone that
// nobody but its manager wrote, not those of an adoption.
func strayMark(wanted, found string) bool { return wanted == "" && found != "" }

// remark writes the marks that differ in that way, and nothing else of the object, and keeps
// the answer, so that the next look finds the object as it is wanted.
func (t *Target) remark(ctx context.Context, w wish, live *unstructured.Unstructured, differs func(wanted, found string) bool) (*unstructured.Unstructured, *delivery.Observation, error) {
	annotations := map[string]any{}
	wanted, found := w.wanted.GetAnnotations(), live.GetAnnotations()
	for _, name := range markNames() {
		if differs(wanted[name], found[name]) {
			annotations[name] = orNull(wanted[name])
		}
	}
	if len(annotations) == 0 {
		return live, nil, nil
	}
	marked, err := t.mark(ctx, w.key, live, nil, annotations)
	marked, problem, err := t.answered(w.key, "mark", marked, err)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	t.keepAnswer(w, marked, true)
	return marked, nil, nil
}

// orNull is a text as a merge patch writes it, which takes off what is empty.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// leave lets go of an object that stays: it is no longer managed, and the same
// application made again knows it by its other labels.
func (t *Target) leave(ctx context.Context, key objectKey, live *unstructured.Unstructured, owner delivery.Owner) error {
	_, err := t.mark(ctx, key, live, map[string]any{
		v1alpha1.LabelApplicationUID: nil, v1alpha1.LabelManagedBy: nil,
		delivery.LabelLeft: string(owner.UID),
	}, nil)
	if err != nil {
		return err
	}
	t.forgetObject(key)
	return nil
}
