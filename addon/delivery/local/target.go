// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package local delivers into the hub itself: by server-side apply, as the
// deployer account of the target namespace.
//
// A fixed list of kinds is watched: their objects are found, judged and
// repaired by what the cache shows. Objects of all other kinds that the account
// may write are read by name, as the account: soon after a write, then ever more
// rarely, at last every ten minutes. Secrets and ConfigMaps are among them, so
// that the addon neither lists nor keeps any. What nothing watches nothing finds
// either, so each such object is listed before it is written, in an annotation of
// the deployer account of its namespace: one for each application. The account
// is watched already, the addon may write no other object there, it goes with the
// namespace and all that is in it, and it is released only when it lists nothing.
// An object that is gone is taken off the list after that is known: a crash leaves
// an object listed that is not there, never one that is there and not listed.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

// FieldManager is what objects on the hub are applied as.
const FieldManager = "fairlead-addon"

const (
	// unseen is how long a write may take to show in the cache before it is read from the API server.
	unseen = 10 * time.Second
	// newRights is how long the API server may take to know of a new RoleBinding,
	// which it learns by a watch of its own; rightsRetry is when a forbidden write
	// is tried again meanwhile, and forbiddenRetry later, as is one that is refused.
	newRights      = 10 * time.Second
	rightsRetry    = 250 * time.Millisecond
	forbiddenRetry = time.Minute
	// conflictRetry is when it is looked again whether what is somebody else's is
	// free: nothing tells of it.
	conflictRetry = 10 * time.Second
)

// Target delivers to the hub. It is safe for concurrent use.
type Target struct {
	// Reader reads delivered objects, namespaces and accounts from the cache.
	Reader client.Reader
	// Writer writes namespaces, accounts and role bindings with the addon's own rights.
	Writer client.Client
	// Tenant applies objects as the deployer account; see NewTenantClient.
	Tenant dynamic.Interface
	// Mapper finds the resource of a kind.
	Mapper meta.RESTMapper
	// Kinds that are watched. Objects of others are read from time to time.
	Kinds []schema.GroupVersionKind
	// Live reads the objects of tenants' namespaces by name, from the API server.
	Live client.Reader
	// Clock is the time.
	Clock clock.PassiveClock
	// Written is called after each write, for metrics.
	Written func(kind string)

	mu      sync.Mutex
	written map[objectKey]write
	// names are of objects that are not the addon's to see in its cache; nil until the first one.
	names *lru.Cache
	// pending are answers to writes that the cache has not shown yet.
	pending map[objectKey]pendingWrite
	// looks are what was seen of objects of kinds that are not watched, and
	// inventories what is listed of them.
	looks       map[objectKey]look
	inventories map[inventoryKey]inventory
	tenants     map[delivery.TenantKey]tenantWrite
	// objects are those of tenants' namespaces as they were looked at last.
	objects map[string]objectsLook
	// causes are why units are not healthy.
	causes map[unitKey]cause
	// changes are the numbers of the last change that the cache showed of a namespace,
	// whosever it is, and changed is the last of all; nil until the first one.
	changes *lru.Cache
	changed uint64
	// tenantMu lets one of the applications of a new namespace prepare it for all.
	tenantMu sync.Mutex
}

type objectKey struct {
	gvk schema.GroupVersionKind
	key types.NamespacedName
}

// write remembers what the API server answered to the last write of an object,
// so that its own defaults are not taken for somebody's edit.
type write struct {
	uid     types.UID
	version string // of what was written; empty when that was not all
	digest  string // of the content as the API server has it since
}

type pendingWrite struct {
	object *unstructured.Unstructured
	owner  string // UID of the application; to read it out of the labels copies them all
	at     time.Time
}

var _ delivery.Target = (*Target)(nil)

// Deliver applies the objects of a unit where they differ.
func (t *Target) Deliver(ctx context.Context, unit delivery.Unit) (delivery.Observation, error) {
	if waits, err := t.terminating(ctx, unit.Place.Namespace); waits != nil || err != nil {
		return ptr.Deref(waits, delivery.Observation{}), err
	}
	wishes := make([]wish, len(unit.Result.Objects))
	for i := range wishes {
		wishes[i] = wishOf(unit, i)
	}
	found, problem, err := t.compareListed(ctx, unit, wishes)
	if err != nil || problem != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	observation := delivery.Observation{State: delivery.Delivered, Outputs: map[string]map[string]any{}}
	var missing *delivery.Observation
	for _, w := range wishes {
		live, problem, err := t.deliverObject(ctx, w, found)
		if w.treatment.ReadOnly && err == nil && problem != nil {
			missing = cmp.Or(missing, problem) // which keeps no other object
			continue
		}
		if err != nil || problem != nil {
			return ptr.Deref(problem, delivery.Observation{}), err
		}
		if w.object.Resource == "" && w.object.Trait == "" {
			observation.Output = live.Object
			continue
		}
		observation.Outputs[w.object.Resource] = live.Object
	}
	if missing != nil {
		return *missing, nil
	}
	observation.RetryAfter = t.nextLook(wishes)
	return observation, nil
}

func (t *Target) deliverObject(ctx context.Context, w wish, found map[objectKey]listedObject) (*unstructured.Unstructured, *delivery.Observation, error) {
	t.forgetOther(w)
	if w.treatment.ReadOnly {
		return t.observed(ctx, w)
	}
	if listed, ok := found[w.key]; ok {
		return t.deliverListed(ctx, w, listed)
	}
	live, err := t.known(ctx, w.key)
	if err != nil {
		return t.failed(w.key, "read", err)
	}
	if live == nil && t.isTaken(w.key) {
		if live, err = t.stranger(ctx, w.key); err != nil {
			return t.failed(w.key, "read", err)
		}
	}
	return t.bring(ctx, w, live)
}

// stranger reads an object that the cache does not show, since it is somebody else's.
func (t *Target) stranger(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	live, err := t.read(ctx, key)
	if err != nil {
		return nil, err
	}
	t.taken(key, live != nil)
	return live, nil
}

// live is the object as it is, whosever it is.
func (t *Target) live(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	live, err := t.known(ctx, key)
	if live != nil || err != nil {
		return live, err
	}
	return t.read(ctx, key)
}

// known is the object as the cache has it, or as the answer to a write had it
// that the cache has not seen yet. The cache holds what the addon delivered.
func (t *Target) known(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	pending := t.pendingObject(key) // before the cache, which shows what is seen meanwhile
	object, err := t.cached(ctx, key)
	if apierrors.IsNotFound(err) {
		return pending, nil
	}
	return object, err
}

// isTaken says that something of that name was found that the cache does not show.
func (t *Target) isTaken(key objectKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		return false
	}
	_, taken := t.names.Get(key)
	return taken
}

// taken remembers whether something is there that the cache does not show, so
// that it is read before the next write instead of being run into again.
func (t *Target) taken(key objectKey, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = lru.New(maxTaken)
	}
	if !taken {
		t.names.Remove(key)
		return
	}
	t.names.Add(key, nil)
}

// maxChanged is of how many namespaces the last change is known. One that is
// forgotten costs a look, or is noticed when what was written counts no longer.
const maxChanged = 4096

// maxTaken is how many names are remembered that others have taken. One that is
// forgotten costs a write that the API server refuses.
const maxTaken = 1000

// cached is a copy of an object as the cache shows it.
func (t *Target) cached(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	object := NewObject(key.gvk)
	if err := t.Reader.Get(ctx, key.key, object); err != nil {
		return nil, err
	}
	return object, unpack(object)
}

// upToDate says that the object has the wanted content, and that nobody changed
// it since, or that changes of others are left alone.
func (t *Target) upToDate(w wish, live *unstructured.Unstructured) bool {
	if revisionOf(live) != w.revision() || !w.sameMarks(live) {
		return false
	}
	if w.treatment.LeaveDrift {
		return true
	}
	digest := live.GetAnnotations()[observedDigest]
	if digest == "" {
		digest = contentDigest(live.Object)
	}
	last, ok := t.lastWrite(w.key)
	if ok && last.uid == live.GetUID() && last.version == w.version && last.digest == digest {
		return true
	}
	if !contains(live.Object, w.wanted.Object) {
		return false
	}
	t.remember(w.key, write{uid: live.GetUID(), version: w.version, digest: digest}, nil)
	return true
}

// contains says that every field of wanted is in live with the same value.
func contains(live, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		current, ok := live.(map[string]any)
		return ok && containsFields(current, wanted)
	case []any:
		current, ok := live.([]any)
		return ok && slices.EqualFunc(current, wanted, contains)
	default:
		return live == wanted
	}
}

func containsFields(live, wanted map[string]any) bool {
	for key, value := range wanted {
		if value == nil || contains(live[key], value) {
			continue
		}
		// The API server writes quantities in their canonical form: 0.1 as 100m.
		if key != "limits" && key != "requests" || !sameQuantities(live[key], value) {
			return false
		}
	}
	return true
}

// sameQuantities compares the resources of a container or claim.
func sameQuantities(live, wanted any) bool {
	current, ok := live.(map[string]any)
	asked, alsoOK := wanted.(map[string]any)
	if !ok || !alsoOK {
		return false
	}
	for name, value := range asked {
		if !sameQuantity(current[name], value) {
			return false
		}
	}
	return true
}

func sameQuantity(live, wanted any) bool {
	a, errA := resource.ParseQuantity(fmt.Sprint(live))
	b, errB := resource.ParseQuantity(fmt.Sprint(wanted))
	return errA == nil && errB == nil && a.Cmp(b) == 0
}

// failed tells what a change by somebody can mend from what passes.
func (t *Target) failed(key objectKey, verb string, err error) (*unstructured.Unstructured, *delivery.Observation, error) {
	if apierrors.HasStatusCause(err, "NamespaceTerminating") {
		return nil, waitForEnd(key.key.Namespace), nil
	}
	if apierrors.IsConflict(err) {
		return nil, &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: describe(key) + ": it changed meanwhile and is looked at again"}, nil
	}
	if apierrors.IsForbidden(err) {
		return nil, t.forbidden(key, verb, err), nil
	}
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || undecodable(err) {
		refused := &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed,
			Message: fmt.Sprintf("%s: the API server refuses it: %s", describe(key), delivery.WithRemedy(said(key, err)))}
		if !undecodable(err) {
			// What it refuses may depend on others: on a port that is taken, on an admission policy.
			refused.RetryAfter = forbiddenRetry
		}
		return nil, refused, nil
	}
	var answered apierrors.APIStatus
	if isSecret(key) && errors.As(err, &answered) {
		// Policies and webhooks answer with any code, and may quote what they refuse.
		return nil, nil, fmt.Errorf("%s %s: %s", verb, describe(key), cmp.Or(string(apierrors.ReasonForError(err)), refusal.OfSecretHidden))
	}
	return nil, nil, fmt.Errorf("%s %s: %w", verb, describe(key), err)
}

// said is what the API server says of an object that it refuses, without values: of a
// Secret only which fields it does not take, since other texts may hold some too.
func said(key objectKey, err error) string {
	if key.gvk != secretKind() {
		return delivery.Bounded(errors.New(refusal.WithoutValues(err.Error())))
	}
	var status apierrors.APIStatus
	var fields []string
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Field == "" { // what a policy says has none
				continue
			}
			fields = append(fields, fmt.Sprintf("%s (%s)", cause.Field, cause.Type))
		}
	}
	if len(fields) == 0 {
		return refusal.OfSecretHidden
	}
	return delivery.Bounded(errors.New(strings.Join(fields, ", ")))
}

// undecodable says that the API server cannot read a value, such as a quantity
// that is none: it calls that an internal error, which no retry mends.
func undecodable(err error) bool {
	return apierrors.IsInternalError(err) &&
		(strings.Contains(err.Error(), "failed to convert") || strings.Contains(err.Error(), "failed to create typed patch"))
}

func (t *Target) resource(gvk schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	mapping, err := t.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return schema.GroupVersionResource{}, fmt.Errorf("find the resource of %s: %w", describeKind(gvk), err)
	}
	return mapping.Resource, nil
}

func (t *Target) lastWrite(key objectKey) (write, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.written[key]
	return last, ok
}

func (t *Target) remember(key objectKey, last write, answer *unstructured.Unstructured) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written == nil {
		t.written, t.pending = map[objectKey]write{}, map[objectKey]pendingWrite{}
	}
	t.written[key] = last
	for other, earlier := range t.pending {
		// An apply that changed nothing makes no event that would take its answer away.
		if t.Clock.Since(earlier.at) > unseen {
			delete(t.pending, other)
		}
	}
	if answer != nil {
		t.pending[key] = pendingWrite{object: answer, owner: answer.GetLabels()[v1alpha1.LabelApplicationUID], at: t.Clock.Now()}
	}
}

func (t *Target) pendingObject(key objectKey) *unstructured.Unstructured {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.pending[key]
	if !ok || t.Clock.Since(last.at) > unseen {
		delete(t.pending, key)
		return nil
	}
	return last.object
}

// Forget is to be called for every object that the cache drops, so that a
// deleted object is not taken for one that the cache has not seen yet.
func (t *Target) Forget(object client.Object) {
	key := keyOf(object)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written[key].uid == object.GetUID() {
		delete(t.written, key)
		delete(t.pending, key)
	}
}

// Seen is to be called for every object that the cache adds or updates: the
// answer to the write need not be kept any longer.
func (t *Target) Seen(object client.Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, keyOf(object))
}

func keyOf(object client.Object) objectKey {
	return objectKey{gvk: object.GetObjectKind().GroupVersionKind(), key: client.ObjectKeyFromObject(object)}
}

// belongs says whether applications of the source namespace deliver to a
// namespace. The labels of an object do not show it: whoever may write to a
// namespace can put another application's on an object, which would then hold
// that application or its environment for ever.
func (t *Target) belongs(ctx context.Context, namespace, source string) (bool, error) {
	if namespace == source || source == "" {
		return source != "", nil
	}
	t.mu.Lock()
	last, ok := t.tenants[delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}]
	t.mu.Unlock()
	if ok && last.tenant.SourceNamespace == source {
		return true, nil
	}
	found := NewNamespace()
	if err := t.Reader.Get(ctx, types.NamespacedName{Name: namespace}, found); err != nil {
		// One that the cache does not show was made just now, or is gone with all that was in it.
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	return found.Labels[delivery.LabelSourceNamespace] == source, nil
}

// OwnerOf is the application that an object on the hub was delivered for; ok is
// false for an object that only says so.
func (t *Target) OwnerOf(ctx context.Context, object client.Object) (owner types.NamespacedName, ok bool) {
	labels := object.GetLabels()
	owner = types.NamespacedName{Namespace: labels[v1beta1.LabelAppNamespace], Name: labels[v1beta1.LabelAppName]}
	if owner.Name == "" {
		return owner, false
	}
	ok, err := t.belongs(ctx, object.GetNamespace(), owner.Namespace)
	return owner, ok || err != nil && owner.Namespace != ""
}

// Records lists the objects that are labelled as the owner's, in namespaces
// that its applications deliver to.
func (t *Target) Records(ctx context.Context, owner delivery.Owner) ([]delivery.Record, error) {
	written := t.unseenRecords(owner) // before the lists, which show what is seen meanwhile
	var records []delivery.Record
	belongs := map[string]bool{}
	for _, gvk := range t.Kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err := t.Reader.List(ctx, list, client.MatchingFields{indexOwner: string(owner.UID)}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list %s: %w", describeKind(gvk), err)
		}
		for i := range list.Items {
			namespace := list.Items[i].GetNamespace()
			if _, known := belongs[namespace]; !known {
				var err error
				if belongs[namespace], err = t.belongs(ctx, namespace, owner.Namespace); err != nil {
					return nil, fmt.Errorf("get namespace %q: %w", namespace, err)
				}
			}
			if belongs[namespace] {
				records = append(records, recordOf(owner, gvk, &list.Items[i]))
			}
		}
	}
	unwatched, err := t.unwatchedRecords(ctx, owner)
	if err != nil {
		return nil, err
	}
	for _, record := range slices.Concat(unwatched, written) { // some are shared and of kinds that are watched
		if !slices.ContainsFunc(records, func(r delivery.Record) bool { return r.ID == record.ID }) {
			records = append(records, record)
		}
	}
	// The cache lists them in any order, and conditions name the first.
	slices.SortFunc(records, func(a, b delivery.Record) int { return strings.Compare(a.ID, b.ID) })
	return records, nil
}

func recordOf(owner delivery.Owner, gvk schema.GroupVersionKind, object *unstructured.Unstructured) delivery.Record {
	labels := object.GetLabels()
	return delivery.Record{
		Owner: owner, Component: delivery.UnitOf(labels),
		Place:  delivery.Place{Environment: labels[v1alpha1.LabelEnvironment], Cluster: v1alpha1.LocalCluster, Namespace: object.GetNamespace()},
		ID:     strings.Join([]string{gvk.Group, gvk.Version, gvk.Kind, object.GetNamespace(), object.GetName()}, "/"),
		Object: delivery.ObjectID(gvk.GroupKind(), object.GetNamespace(), object.GetName()),
	}
}

// parse is the reverse of recordOf's ID.
func parse(record delivery.Record) (objectKey, error) {
	parts := strings.Split(record.ID, "/")
	if len(parts) != 5 {
		return objectKey{}, fmt.Errorf("record %q names no object", record.ID)
	}
	return objectKey{
		gvk: schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]},
		key: types.NamespacedName{Namespace: parts[3], Name: parts[4]},
	}, nil
}

// lives says that an application exists. What carries the labels of one that does
// not is nobody's, and would hold an environment for ever: whoever may write to a
// namespace of theirs can put any environment's label on an object.
func (t *Target) lives(ctx context.Context, owner types.NamespacedName, uid string) (bool, error) {
	var application v1beta1.Application
	if err := t.Reader.Get(ctx, owner, &application); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("get Application %s: %w", owner, err)
	}
	return string(application.UID) == uid, nil
}

// listIn lists the objects of a watched kind in an environment. They are the cache's own
// and must not be changed.
func (t *Target) listIn(ctx context.Context, gvk schema.GroupVersionKind, environment string) (*unstructured.UnstructuredList, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := t.Reader.List(ctx, list, client.MatchingLabels{v1alpha1.LabelEnvironment: environment}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list %s of environment %q: %w", describeKind(gvk), environment, err)
	}
	return list, nil
}

// Places lists where objects of an environment are.
func (t *Target) Places(ctx context.Context, environment string) ([]delivery.Place, error) {
	places := map[delivery.Place]bool{}
	for _, gvk := range t.Kinds {
		list, err := t.listIn(ctx, gvk, environment)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			place := delivery.Place{Environment: environment, Cluster: v1alpha1.LocalCluster, Namespace: list.Items[i].GetNamespace()}
			owner, ok := t.OwnerOf(ctx, &list.Items[i])
			if places[place] || !ok {
				continue
			}
			lives, err := t.lives(ctx, owner, list.Items[i].GetLabels()[v1alpha1.LabelApplicationUID])
			if err != nil {
				return nil, err
			}
			if lives {
				places[place] = true
			}
		}
	}
	if err := t.unwatchedPlaces(ctx, environment, places); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(places)), nil
}

// unseenRecords are objects that were written and that the cache has not seen.
func (t *Target) unseenRecords(owner delivery.Owner) []delivery.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var records []delivery.Record
	for key, last := range t.pending {
		if last.owner == string(owner.UID) && t.Clock.Since(last.at) <= unseen {
			records = append(records, recordOf(owner, key.gvk, last.object))
		}
	}
	return records
}

func describe(key objectKey) string {
	return describeKind(key.gvk) + " " + key.key.String()
}

func describeKind(gvk schema.GroupVersionKind) string {
	if gvk.Group == "" {
		return gvk.Kind
	}
	return gvk.Kind + "." + gvk.Group
}
