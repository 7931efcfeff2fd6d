// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
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
	version   string
	// kept says that the object is the application's no longer, and stays with it.
	kept bool
	// live is the object as far as it may be kept.
	live *unstructured.Unstructured
	// state is the digest of content and status.
	state    string
	interval time.Duration
	due      time.Time
}

// listedObject is an object of a unit on its way that is listed in the inventory.
type listedObject struct {
	// live is what stands, as it was read now; nil for nothing.
	live *unstructured.Unstructured
	// seen is what was seen of it a while ago, where it is too early to read it again.
	seen *unstructured.Unstructured
}

// compareListed reads what is to be compared now of the unit's objects that
// nothing would find, and lists all of them in the inventory, before anything of
// the unit is written.
func (t *Target) compareListed(ctx context.Context, unit delivery.Unit, wishes []wish) (map[objectKey]listedObject, *delivery.Observation, error) {
	found := map[objectKey]listedObject{}
	var keys []objectKey
	for _, w := range wishes {
		if !t.listed(w) {
			continue
		}
		listed, problem, err := t.compare(ctx, w)
		if err != nil || problem != nil {
			return nil, problem, err
		}
		found[w.key] = listed
		keys = append(keys, w.key)
	}
	problem, err := t.record(ctx, unit, keys)
	return found, problem, err
}

// compare looks at an object, from time to time if its kind is not watched.
func (t *Target) compare(ctx context.Context, w wish) (listedObject, *delivery.Observation, error) {
	if problem, err := t.deliverable(w.key); problem != nil || err != nil {
		return listedObject{}, problem, err
	}
	watched := t.watched(w.key.gvk)
	if last, known := t.lastLook(w.key); !watched && known && last.of(w) && t.Clock.Now().Before(last.due) {
		return listedObject{seen: last.live}, nil, nil
	}
	live, err := t.standingObject(ctx, w.key)
	if err != nil {
		_, problem, err := t.failed(w.key, "get", err)
		return listedObject{}, problem, err
	}
	if live != nil && !w.sharedByOthers(live) {
		if problem := w.foreign(live); problem != nil {
			return listedObject{}, problem, nil
		}
	}
	return listedObject{live: live}, nil, nil
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

// deliverListed writes an object if it is not as it is wanted.
func (t *Target) deliverListed(ctx context.Context, w wish, listed listedObject) (*unstructured.Unstructured, *delivery.Observation, error) {
	if listed.seen != nil {
		return listed.seen, nil, nil
	}
	last, known := t.lastLook(w.key)
	known = known && last.of(w)
	live, problem, err := t.bring(ctx, w, listed.live)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	interval := firstCompare
	if listed.live != nil && listed.live.GetResourceVersion() == live.GetResourceVersion() && contentDigest(listed.live.Object) == contentDigest(live.Object) {
		interval = nextInterval(last, known, live)
	}
	if w.treatment.Shared {
		interval = min(interval, sharedLook)
	}
	return t.saw(w, live, interval), nil, nil
}

// saw remembers what was seen of an object, and says what of it may be kept.
func (t *Target) saw(w wish, live *unstructured.Unstructured, interval time.Duration) *unstructured.Unstructured {
	seen := look{
		owner: w.unit.Owner.UID, component: w.unit.Component, place: w.unit.Place, version: w.version,
		live: kept(live), state: stateDigest(live), interval: interval, due: t.Clock.Now().Add(spread(interval, w.unit.Owner.UID)),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looks == nil {
		t.looks = map[objectKey]look{}
	}
	t.looks[w.key] = seen
	return seen.live
}

func revisionOf(object *unstructured.Unstructured) string {
	return object.GetAnnotations()[v1alpha1.AnnotationRevision]
}

func stateDigest(live *unstructured.Unstructured) string {
	return contentDigest(map[string]any{"content": contentDigest(live.Object), "state": live.Object["status"]})
}

// of says that a look was at what the unit wants now.
func (l look) of(w wish) bool {
	return l.owner == w.unit.Owner.UID && l.component == w.unit.Component && l.place == w.unit.Place && l.version == w.version
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

// forgetOther drops a look at an object that something else was wanted of: it would
// count again as soon as that is wanted once more, whatever happened in between.
func (t *Target) forgetOther(w wish) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.looks[w.key]; ok && !last.of(w) {
		delete(t.looks, w.key)
	}
}

// forgetObject drops what is known of an object that is not watched.
func (t *Target) forgetObject(key objectKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.looks, key)
	delete(t.written, key)
	delete(t.pending, key)
}

// nextLook is how long it is until the first of the objects is looked at again
// of which nothing tells.
func (t *Target) nextLook(wishes []wish) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Duration
	for _, w := range wishes {
		last, ok := t.looks[w.key]
		if !ok || !last.of(w) {
			continue
		}
		if after := max(last.due.Sub(t.Clock.Now()), removalCompare); next == 0 || after < next {
			next = after
		}
	}
	return next
}

// Standing says which objects of a unit are delivered for it already.
func (t *Target) Standing(ctx context.Context, unit delivery.Unit) (map[string]bool, error) {
	standing := map[string]bool{}
	listed, _, err := t.inventoryOf(ctx, inventoryKey{unit.Owner.UID, unit.Place.Namespace})
	if err != nil {
		return nil, err
	}
	for i := range unit.Result.Objects {
		w := wishOf(unit, i)
		id := delivery.ObjectID(w.key.gvk.GroupKind(), w.key.key.Namespace, w.key.key.Name)
		if slices.Contains(listed, entryOf(unit.Place.Environment, unit.Component, w.key)) {
			standing[id] = true
			continue
		}
		if !t.watched(w.key.gvk) {
			continue
		}
		live, err := t.cached(ctx, w.key)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", describe(w.key), err)
		}
		if w.ours(live) {
			standing[id] = true
		}
	}
	return standing, nil
}
