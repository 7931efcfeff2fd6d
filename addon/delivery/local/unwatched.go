// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const (
	// compareEvery is how often an object is read that nothing tells of changes
	// of, up to a fifth longer, so that not all are read at once.
	compareEvery = 10 * time.Minute
	// firstCompare is how soon it is read after something happened to it; each
	// time that nothing did, twice as long passes until the next.
	firstCompare = 5 * time.Second
	// removalCompare is how soon it is looked whether an object is gone.
	removalCompare = time.Second
)

// look is what was seen of an object of a kind that is not watched.
type look struct {
	owner     types.UID
	component string
	place     delivery.Place
	revision  string
	// live is the object as far as it may be kept.
	live *unstructured.Unstructured
	// state is the digest of content and status.
	state    string
	interval time.Duration
	due      time.Time
}

// unwatchedObject is an object of a unit on its way.
type unwatchedObject struct {
	key    objectKey
	wanted *unstructured.Unstructured
	// live is what stands, where that is what is wanted.
	live *unstructured.Unstructured
}

// prepareUnwatched reads what is to be compared now of the unit's objects of
// kinds that are not watched, and lists all of them in the inventory, before
// anything of the unit is written.
func (t *Target) prepareUnwatched(ctx context.Context, unit delivery.Unit) (map[objectKey]unwatchedObject, *delivery.Observation, error) {
	objects := map[objectKey]unwatchedObject{}
	var keys []objectKey
	for _, object := range unit.Result.Objects {
		if t.watched(object.GroupVersionKind()) {
			continue
		}
		prepared, problem, err := t.compare(ctx, unit, object)
		if err != nil || problem != nil {
			return nil, problem, err
		}
		objects[prepared.key] = prepared
		keys = append(keys, prepared.key)
	}
	problem, err := t.record(ctx, unit, keys)
	return objects, problem, err
}

// compare looks whether an object is as it is wanted, from time to time.
func (t *Target) compare(ctx context.Context, unit delivery.Unit, object render.Object) (unwatchedObject, *delivery.Observation, error) {
	wanted := wantedObject(unit, object)
	prepared := unwatchedObject{key: objectKey{gvk: object.GroupVersionKind(), key: client.ObjectKeyFromObject(wanted)}, wanted: wanted}
	if problem, err := t.deliverable(prepared.key); problem != nil || err != nil {
		return prepared, problem, err
	}
	last, known := t.lastLook(prepared.key)
	known = known && last.of(unit, wanted)
	if known && t.Clock.Now().Before(last.due) {
		prepared.live = last.live
		return prepared, nil, nil
	}
	live, err := t.read(ctx, prepared.key)
	if err != nil {
		_, problem, err := t.failed(prepared.key, "get", err)
		return prepared, problem, err
	}
	if live == nil {
		return prepared, nil, nil
	}
	if problem := foreign(live, unit); problem != nil {
		return prepared, problem, nil
	}
	if !live.GetDeletionTimestamp().IsZero() {
		return prepared, &delivery.Observation{State: delivery.Waiting, RetryAfter: removalCompare,
			Message: describe(prepared.key) + ": an earlier version is still being removed"}, nil
	}
	if t.upToDate(prepared.key, wanted, live) {
		prepared.live = t.saw(unit, prepared.key, wanted, live, nextInterval(last, known, live))
	}
	return prepared, nil, nil
}

// wantedObject is an object as it is applied.
func wantedObject(unit delivery.Unit, object render.Object) *unstructured.Unstructured {
	content := delivery.WithOwner(delivery.WithRevision(object), unit.Owner)
	if object.GroupVersionKind() == secretKind() {
		content = withoutStringData(content)
	}
	return &unstructured.Unstructured{Object: content}
}

func secretKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
}

// withoutStringData is a Secret as the API server stores it, so that it can be
// compared, and so that a key that goes from stringData goes from the Secret too.
func withoutStringData(content map[string]any) map[string]any {
	texts, ok := content["stringData"].(map[string]any)
	if !ok {
		return content
	}
	data := map[string]any{}
	if given, ok := content["data"].(map[string]any); ok {
		maps.Copy(data, given)
	}
	for key, value := range texts {
		text, ok := value.(string)
		if !ok {
			return content // the API server says what is wrong with it
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	content = maps.Clone(content)
	delete(content, "stringData")
	content["data"] = data
	return content
}

// deliverable says why objects of a kind cannot be delivered.
func (t *Target) deliverable(key objectKey) (*delivery.Observation, error) {
	mapping, err := t.Mapper.RESTMapping(key.gvk.GroupKind(), key.gvk.Version)
	if meta.IsNoMatchError(err) {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, RetryAfter: forbiddenRetry, Message: fmt.Sprintf(
			"%s: the hub serves no kind %s of %s: install what brings its CRD, or correct apiVersion and kind", describe(key), key.gvk.Kind, key.gvk.GroupVersion())}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the resource of %s: %w", describeKind(key.gvk), err)
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, Message: fmt.Sprintf(
			"%s %s: objects of this kind belong to no namespace, and an application is delivered to its target namespace only: remove the object", describeKind(key.gvk), key.key.Name)}, nil
	}
	return nil, nil
}

// read reads an object as the tenant; nil when there is none.
func (t *Target) read(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	gvr, err := t.resource(key.gvk)
	if err != nil {
		return nil, err
	}
	object, err := t.Tenant.Resource(gvr).Namespace(key.key.Namespace).Get(asTenant(ctx, key.key.Namespace), key.key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}

// deliverUnwatched writes an object if it is not as it is wanted.
func (t *Target) deliverUnwatched(ctx context.Context, unit delivery.Unit, object unwatchedObject) (*unstructured.Unstructured, *delivery.Observation, error) {
	if object.live != nil {
		return object.live, nil, nil
	}
	applied, problem, err := t.apply(ctx, object.key, object.wanted)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	return t.saw(unit, object.key, object.wanted, applied, firstCompare), nil, nil
}

// saw remembers what was seen of an object, and says what of it may be kept.
func (t *Target) saw(unit delivery.Unit, key objectKey, wanted, live *unstructured.Unstructured, interval time.Duration) *unstructured.Unstructured {
	seen := look{
		owner: unit.Owner.UID, component: unit.Component, place: unit.Place, revision: revisionOf(wanted),
		live: kept(live), state: stateDigest(live), interval: interval, due: t.Clock.Now().Add(spread(interval, unit.Owner.UID)),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looks == nil {
		t.looks = map[objectKey]look{}
	}
	t.looks[key] = seen
	return seen.live
}

func revisionOf(object *unstructured.Unstructured) string {
	return object.GetAnnotations()[v1alpha1.AnnotationRevision]
}

func stateDigest(live *unstructured.Unstructured) string {
	return contentDigest(map[string]any{"content": contentDigest(live.Object), "state": live.Object["status"]})
}

// of says that a look was at what the unit wants now.
func (l look) of(unit delivery.Unit, wanted *unstructured.Unstructured) bool {
	return l.owner == unit.Owner.UID && l.component == unit.Component && l.place == unit.Place && l.revision == revisionOf(wanted)
}

// kept is what of an object is kept in memory: of Secrets and ConfigMaps only
// that they exist.
func kept(live *unstructured.Unstructured) *unstructured.Unstructured {
	gvk := live.GroupVersionKind()
	if gvk.Group == "" && (gvk.Kind == "Secret" || gvk.Kind == "ConfigMap") {
		bare := NewObject(gvk)
		bare.SetNamespace(live.GetNamespace())
		bare.SetName(live.GetName())
		bare.SetUID(live.GetUID())
		return bare
	}
	copied := live.DeepCopy()
	copied.SetManagedFields(nil)
	return copied
}

// nextInterval is how long an object is left alone: ever longer while nothing
// happens to it. After a start nothing is known: one with a status may be about
// to become healthy.
func nextInterval(last look, known bool, live *unstructured.Unstructured) time.Duration {
	if !known {
		if _, reports := live.Object["status"]; reports {
			return firstCompare
		}
		return compareEvery
	}
	if last.state != stateDigest(live) {
		return firstCompare
	}
	return min(2*last.interval, compareEvery)
}

// spread is up to a fifth longer than the interval, by the same part for all
// objects of an application, so that one pass compares them all.
func spread(interval time.Duration, owner types.UID) time.Duration {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(owner)) // it never fails
	return interval + interval/5*time.Duration(hash.Sum32()%1000)/1000
}

func (t *Target) lastLook(key objectKey) (look, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.looks[key]
	return last, ok
}

// forgetObject drops what is known of an object that is not watched.
func (t *Target) forgetObject(key objectKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.looks, key)
	delete(t.written, key)
}

// nextCompare is how long it is until the first of the objects is compared again.
func (t *Target) nextCompare(objects map[objectKey]unwatchedObject) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Duration
	for key := range objects {
		if after := max(t.looks[key].due.Sub(t.Clock.Now()), removalCompare); next == 0 || after < next {
			next = after
		}
	}
	return next
}

// removeUnwatched deletes an object of a kind that is not watched if it is what
// the record stands for, and takes it out of the inventory when it is gone.
func (t *Target) removeUnwatched(ctx context.Context, key objectKey, record delivery.Record) (delivery.Observation, error) {
	gone, err := t.deleteUnwatched(ctx, key, record)
	if meta.IsNoMatchError(err) {
		gone, err = true, nil // its CRD is gone, and with that all objects of the kind
	}
	if err != nil {
		return t.removalFailed(ctx, key, record, err)
	}
	if gone {
		return t.unrecord(ctx, record, key)
	}
	return delivery.Observation{State: delivery.Applying, RetryAfter: removalCompare, Message: describe(key) + ": waiting for its end"}, nil
}

func (t *Target) deleteUnwatched(ctx context.Context, key objectKey, record delivery.Record) (gone bool, err error) {
	live, err := t.read(ctx, key)
	if err != nil || live == nil || !standsFor(record, live) {
		return err == nil, err
	}
	if !live.GetDeletionTimestamp().IsZero() {
		return false, nil
	}
	if err := t.delete(ctx, key, live.GetUID()); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	live, err = t.read(ctx, key)
	return err == nil && (live == nil || !standsFor(record, live)), err
}

// standsFor says that an object is the one that was recorded: another component
// may have taken the name since.
func standsFor(record delivery.Record, live *unstructured.Unstructured) bool {
	labels := live.GetLabels()
	return labels[v1alpha1.LabelApplicationUID] == string(record.Owner.UID) &&
		labels[v1alpha1.LabelEnvironment] == record.Place.Environment && delivery.UnitOf(labels) == record.Component
}

func (t *Target) delete(ctx context.Context, key objectKey, uid types.UID) error {
	gvr, err := t.resource(key.gvk)
	if err != nil {
		return err
	}
	propagation := metav1.DeletePropagationBackground
	return t.Tenant.Resource(gvr).Namespace(key.key.Namespace).Delete(asTenant(ctx, key.key.Namespace), key.key.Name,
		metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &propagation})
}
