// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// terminatingRetry is when it is looked again whether a namespace is gone.
const terminatingRetry = 2 * time.Second

// terminating waits for the end of a namespace that is being deleted: nothing
// can be made there, and what is there goes by itself.
func (t *Target) terminating(ctx context.Context, namespace string) (*delivery.Observation, error) {
	found := NewNamespace()
	err := t.Reader.Get(ctx, types.NamespacedName{Name: namespace}, found)
	if err != nil || found.DeletionTimestamp.IsZero() {
		return nil, client.IgnoreNotFound(err)
	}
	return waitForEnd(namespace), nil
}

func waitForEnd(namespace string) *delivery.Observation {
	return &delivery.Observation{State: delivery.Waiting, RetryAfter: terminatingRetry,
		Message: fmt.Sprintf("namespace %q is being deleted: waiting for its end", namespace)}
}

// removalLook is how soon it is looked whether an object is gone; 0 where an event tells it.
func (t *Target) removalLook(gvk schema.GroupVersionKind) time.Duration {
	if t.watched(gvk) {
		return 0
	}
	return removalCompare
}

// fate is what becomes of an object that its application does not want any more.
type fate int

const (
	// notOurs means that the object is another's by now, or gone.
	notOurs fate = iota
	// goes means that it is deleted.
	goes
	// stays means that it stays as long as the application does.
	stays
	// left means that it stays for ever.
	left
)

// fateOf decides by what an object carries. What it carries can only keep more:
// nothing is deleted that does not carry the application's UID as well, or was
// handed on to the application.
func fateOf(record delivery.Record, live *unstructured.Unstructured, options delivery.RemoveOptions) fate {
	if live == nil || !falls(record, live) {
		return notOurs
	}
	removal := live.GetAnnotations()[delivery.AnnotationRemoval]
	if removal == "" {
		removal = policy.UsualRemoval(live.GroupVersionKind().GroupKind())
	}
	switch {
	case options.Leave || removal == policy.RemoveNever:
		return left
	case removal == policy.RemoveOnDelete && !options.Final:
		return stays
	}
	return goes
}

// Needs reads what an object notes.
func (t *Target) Needs(ctx context.Context, record delivery.Record) ([]string, error) {
	key, err := parse(record)
	if err != nil {
		return nil, err
	}
	live, err := t.standingObject(ctx, key)
	if meta.IsNoMatchError(err) || apierrors.IsForbidden(err) {
		return nil, nil // there is nothing to read, and its removal tells what is wrong
	}
	if err != nil || live == nil || !standsFor(record, live) {
		return nil, err
	}
	return delivery.SplitNeeds(live.GetAnnotations()[delivery.AnnotationDependsOn]), nil
}

// Remove deletes an object that is labelled as the owner's, or lets it go, as
// its marks say.
func (t *Target) Remove(ctx context.Context, record delivery.Record, options delivery.RemoveOptions) (delivery.Observation, error) {
	key, err := parse(record)
	if err != nil {
		return delivery.Observation{}, err
	}
	if last, known := t.lastLook(key); known && last.kept && last.owner == record.Owner.UID && !options.Final && !options.Leave && t.Clock.Now().Before(last.due) {
		return delivery.Observation{State: delivery.Delivered}, nil
	}
	gone, message, err := t.remove(ctx, key, record, options)
	if meta.IsNoMatchError(err) {
		gone, err = true, nil // its CRD is gone, and with that all objects of the kind
	}
	if err != nil {
		return t.removalFailed(ctx, key, record, err)
	}
	if message != "" {
		return delivery.Observation{State: delivery.Applying, RetryAfter: t.removalLook(key.gvk), Message: describe(key) + ": " + message}, nil
	}
	if !gone {
		return delivery.Observation{State: delivery.Delivered}, nil
	}
	return t.unrecord(ctx, record, key)
}

// waitingForItsEnd is said of an object that is deleted and still there.
const waitingForItsEnd = "waiting for its end"

// remove takes the next step of an object on its way out. gone says that it is
// the application's no longer, a text what is waited for; neither, that it stays.
func (t *Target) remove(ctx context.Context, key objectKey, record delivery.Record, options delivery.RemoveOptions) (gone bool, waits string, err error) {
	live, err := t.standingObject(ctx, key)
	if err != nil {
		return false, "", err
	}
	if live != nil && len(sharersOf(live)) > 0 && (standsFor(record, live) || live.GetLabels()[v1alpha1.LabelApplicationUID] != string(record.Owner.UID)) {
		if others, err := t.handOn(ctx, key, live, record.Owner); others || err != nil {
			return others, "", err
		}
	}
	switch fateOf(record, live, options) {
	case left:
		if err := t.leave(ctx, key, live, record.Owner); err != nil {
			return false, "", lettingGo{err}
		}
		return true, "", nil
	case stays:
		t.keepLook(key, record)
		return false, "", nil
	case goes:
		return t.deleteObject(ctx, key, record, live)
	}
	return true, "", nil
}

// standingObject is an object as it is: kinds that are not watched are read.
func (t *Target) standingObject(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	if t.watched(key.gvk) {
		return t.live(ctx, key)
	}
	return t.read(ctx, key)
}

func (t *Target) deleteObject(ctx context.Context, key objectKey, record delivery.Record, live *unstructured.Unstructured) (gone bool, waits string, err error) {
	if !live.GetDeletionTimestamp().IsZero() {
		return false, waitingForItsEnd + heldBy(live), nil
	}
	err = t.delete(ctx, key, live.GetUID(), propagationOf(live.GetAnnotations()[delivery.AnnotationPropagation]))
	if err != nil {
		return apierrors.IsNotFound(err), "", client.IgnoreNotFound(err)
	}
	if t.watched(key.gvk) {
		return false, waitingForItsEnd, nil // an event tells
	}
	live, err = t.read(ctx, key)
	if err != nil || live == nil || !falls(record, live) {
		return true, "", err
	}
	return false, waitingForItsEnd + heldBy(live), nil
}

// heldBy names the finalizers that hold an object that is deleted. Those of
// Kubernetes' own garbage collector go as soon as its dependents are dealt with.
func heldBy(live *unstructured.Unstructured) string {
	names := slices.DeleteFunc(slices.Clone(live.GetFinalizers()), func(name string) bool {
		return name == metav1.FinalizerDeleteDependents || name == metav1.FinalizerOrphanDependents
	})
	if len(names) == 0 {
		return ""
	}
	if most := 3; len(names) > most {
		names = append(names[:most], "...")
	}
	return ": " + v1alpha1.HeldByFinalizer + strings.Join(names, ", ")
}

// keepLook leaves an object alone for a while that stays with its application,
// since nothing tells of changes of most.
func (t *Target) keepLook(key objectKey, record delivery.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looks == nil {
		t.looks = map[objectKey]look{}
	}
	t.looks[key] = look{owner: record.Owner.UID, kept: true, due: t.Clock.Now().Add(spread(compareEvery, record.Owner.UID))}
}

// propagationOf is what becomes of what an object owns. Usually it goes, in the
// background; cascading means that the object is there until it is gone.
func propagationOf(said string) metav1.DeletionPropagation {
	switch said {
	case "orphan":
		return metav1.DeletePropagationOrphan
	case "cascading":
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// standsFor says that an object is the one that was recorded: another component
// may have taken the name since.
func standsFor(record delivery.Record, live *unstructured.Unstructured) bool {
	labels := live.GetLabels()
	return labels[v1alpha1.LabelApplicationUID] == string(record.Owner.UID) &&
		labels[v1alpha1.LabelEnvironment] == record.Place.Environment && delivery.UnitOf(labels) == record.Component
}

// falls says that an object is its application's to remove. One that was handed on to
// the application carries the component and the environment of the one before.
func falls(record delivery.Record, live *unstructured.Unstructured) bool {
	return standsFor(record, live) || handedOn(live, record.Owner)
}

func (t *Target) delete(ctx context.Context, key objectKey, uid types.UID, propagation metav1.DeletionPropagation) error {
	gvr, err := t.resource(key.gvk)
	if err != nil {
		return err
	}
	return t.Tenant.Resource(gvr).Namespace(key.key.Namespace).Delete(asTenant(ctx, key.key.Namespace), key.key.Name,
		metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &propagation})
}

func (t *Target) removalFailed(ctx context.Context, key objectKey, record delivery.Record, err error) (delivery.Observation, error) {
	if waits, err := t.terminating(ctx, key.key.Namespace); waits != nil || err != nil {
		return ptr.Deref(waits, delivery.Observation{}), err
	}
	if apierrors.IsForbidden(err) {
		if restored, err := t.restoreRights(ctx, record); restored || err != nil {
			return delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: fmt.Sprintf(
				"%s: the rights of account %s/%s were missing and are given again", describe(key), key.key.Namespace, v1alpha1.DeployerAccount)}, err
		}
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return t.mayNotRemove(ctx, key, err)
		}
	}
	_, observation, err := t.failed(key, "delete", err)
	return ptr.Deref(observation, delivery.Observation{}), err
}

// lettingGo is why an object cannot be let go of that stays.
type lettingGo struct{ error }

func (l lettingGo) Unwrap() error { return l.error }

// mayNotRemove tells of rights that were there and do not suffice any more, and how
// the object goes, or stays, without them.
func (t *Target) mayNotRemove(ctx context.Context, key objectKey, err error) (delivery.Observation, error) {
	var binding rbacv1.RoleBinding
	if err := t.Reader.Get(ctx, accountKey(key.key.Namespace), &binding); client.IgnoreNotFound(err) != nil {
		return delivery.Observation{}, fmt.Errorf("get RoleBinding %s: %w", accountKey(key.key.Namespace), err)
	}
	object := strings.ToLower(describeKind(key.gvk)) + " " + key.key.Name
	verb, otherwise := "delete", fmt.Sprintf("delete it yourself: kubectl -n %s delete %s", key.key.Namespace, object)
	if errors.As(err, new(lettingGo)) {
		verb = "let go of"
		otherwise = fmt.Sprintf("take the label from it by which it is held: kubectl -n %s label %s %s-", key.key.Namespace, object, v1alpha1.LabelApplicationUID)
	}
	remedy := fmt.Sprintf("let ClusterRole %q, to which the account is bound, allow it, or %s", cmp.Or(binding.RoleRef.Name, v1alpha1.DeployerRole), otherwise)
	return *t.lacksRight(key, verb, err, remedy), nil
}
