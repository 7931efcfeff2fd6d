// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// sharedLook is how often an object is looked at that another application writes.
const sharedLook = time.Minute

// sharersOf are the applications that share an object, the one that writes it first.
func sharersOf(live *unstructured.Unstructured) []string {
	return strings.FieldsFunc(live.GetAnnotations()[delivery.AnnotationSharedBy], func(r rune) bool { return r == ',' || r == ' ' })
}

// sharedByOthers says that an object is written by another application that
// lets it be shared. One that nobody has written since it was this application's
// turn, or that was left where it is, is not.
func (w wish) sharedByOthers(live *unstructured.Unstructured) bool {
	sharers := sharersOf(live)
	if !w.treatment.Shared || len(sharers) == 0 || w.identified(live) || isLeft(live) {
		return false
	}
	return sharers[0] != w.unit.Owner.String() || live.GetLabels()[v1alpha1.LabelApplicationUID] != "" || byAgent(live)
}

// inherits says that the application that wrote an object is gone, and that it
// is this one's turn. It asked for the object when it was shared, whether it does
// so still or not. What one left that shared it is there for whoever comes next.
func (w wish) inherits(live *unstructured.Unstructured) bool {
	return handedOn(live, w.unit.Owner) || w.treatment.Shared && leftShared(live, w.unit.Owner.Namespace)
}

// isLeft says that an object was left where it is, and that nobody has it.
func isLeft(live *unstructured.Unstructured) bool {
	labels := live.GetLabels()
	return labels[delivery.LabelLeft] != "" && labels[v1alpha1.LabelApplicationUID] == "" && !byAgent(live)
}

// leftShared says that an application of a namespace left an object that it shared:
// tenants share nothing.
func leftShared(live *unstructured.Unstructured, namespace string) bool {
	labels, sharers := live.GetLabels(), sharersOf(live)
	return isLeft(live) && len(sharers) > 0 && labels[v1beta1.LabelAppNamespace] == namespace &&
		sharers[0] == namespace+"/"+labels[v1beta1.LabelAppName]
}

// handedOn says that an object was handed on to an application, which has not
// written it yet. Its label of the owner's UID is empty then. Where somebody took
// that label off, the object is let go of, and nobody's.
func handedOn(live *unstructured.Unstructured, owner delivery.Owner) bool {
	uid, labelled := live.GetLabels()[v1alpha1.LabelApplicationUID]
	sharers := sharersOf(live)
	return labelled && uid == "" && len(sharers) > 0 && sharers[0] == owner.String() && !byAgent(live)
}

// share adds the application to those that share an object.
func (t *Target) share(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	sharers, me := sharersOf(live), w.unit.Owner.String()
	if slices.Contains(sharers, me) {
		return live, nil
	}
	return t.markSharers(ctx, w.key, live, nil, append(sharers, me))
}

// shared makes the application the first of those that share an object that it writes.
func (t *Target) shared(ctx context.Context, w wish, live *unstructured.Unstructured) (*unstructured.Unstructured, *delivery.Observation, error) {
	sharers, me := sharersOf(live), w.unit.Owner.String()
	if !w.treatment.Shared || len(sharers) > 0 && sharers[0] == me {
		return live, nil, nil
	}
	marked, err := t.markSharers(ctx, w.key, live, nil, append([]string{me}, without(sharers, me)...))
	return t.answered(w.key, "share", marked, err)
}

func without(sharers []string, sharer string) []string {
	return slices.DeleteFunc(slices.Clone(sharers), func(s string) bool { return s == sharer })
}

func (t *Target) markSharers(ctx context.Context, key objectKey, live *unstructured.Unstructured, labels map[string]any, sharers []string) (*unstructured.Unstructured, error) {
	var value any // null removes the annotation
	if len(sharers) > 0 {
		value = strings.Join(sharers, ",")
	}
	return t.mark(ctx, key, live, labels, map[string]any{delivery.AnnotationSharedBy: value})
}

// letGo lets go of an object that the application only reads, so that it is not
// removed with it either: others that share it have it from then on.
func (t *Target) letGo(ctx context.Context, w wish, live *unstructured.Unstructured) error {
	owner := w.unit.Owner
	waits := live.GetLabels()[v1alpha1.LabelApplicationUID] != string(owner.UID) && slices.Contains(sharersOf(live), owner.String())
	if !w.ours(live) && !waits {
		return nil
	}
	stays, err := t.handOn(ctx, w.key, live, owner)
	if stays || err != nil {
		return err
	}
	return t.leave(ctx, w.key, live, owner)
}

// handOn takes an application off those that share an object, and says whether
// the object stays for the others. When it was the one that wrote the object, or
// was to write it, the next one is named by the labels, so that it learns of it.
func (t *Target) handOn(ctx context.Context, key objectKey, live *unstructured.Unstructured, owner delivery.Owner) (stays bool, err error) {
	sharers := sharersOf(live)
	rest := without(sharers, owner.String())
	writes := live.GetLabels()[v1alpha1.LabelApplicationUID] == string(owner.UID) || handedOn(live, owner)
	if writes { // tenants share nothing
		rest = slices.DeleteFunc(rest, func(s string) bool { return !strings.HasPrefix(s, owner.Namespace+"/") })
	}
	switch {
	case len(rest) == len(sharers) && !writes:
		return true, nil // it is none of the application's
	case len(rest) == 0:
		return !writes, nil
	case !writes:
		_, err := t.markSharers(ctx, key, live, nil, rest)
		return true, err
	}
	namespace, name, _ := strings.Cut(rest[0], "/")
	_, err = t.markSharers(ctx, key, live, map[string]any{
		v1alpha1.LabelApplicationUID: "", v1beta1.LabelAppNamespace: namespace, v1beta1.LabelAppName: name,
	}, rest)
	return true, err
}
