// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

const (
	// inventoryPrefix begins the annotations of a tenant's account that list what
	// was delivered of kinds that are not watched, each for one application by its UID.
	inventoryPrefix = "inventory.fairlead.dev/"
	// inventoryWriter is another field manager than that of the account's content,
	// so that neither takes away what the other wrote.
	inventoryWriter = "fairlead-inventory"
)

// inventoryKey identifies the inventory of an application in a namespace.
type inventoryKey struct {
	uid       types.UID
	namespace string
}

// inventory is what this process wrote last, or read before it wrote.
type inventory struct {
	entries []string
	at      time.Time
}

// entryOf is an object in the inventory of its application and namespace.
func entryOf(environment, component string, key objectKey) string {
	return strings.Join([]string{environment, component, key.gvk.Group, key.gvk.Version, key.gvk.Kind, key.key.Name}, "/")
}

// recordOfEntry is the reverse of entryOf. The namespace is the account's, never
// one that an entry names.
func recordOfEntry(owner delivery.Owner, namespace, entry string) (delivery.Record, bool) {
	parts := strings.Split(entry, "/")
	if len(parts) != 6 || slices.Contains(slices.Concat(parts[:2], parts[3:]), "") {
		return delivery.Record{}, false
	}
	kind := schema.GroupKind{Group: parts[2], Kind: parts[4]}
	return delivery.Record{
		Owner: owner, Component: parts[1],
		Place:  delivery.Place{Environment: parts[0], Cluster: v1alpha1.LocalCluster, Namespace: namespace},
		ID:     strings.Join([]string{parts[2], parts[3], parts[4], namespace, parts[5]}, "/"),
		Object: delivery.ObjectID(kind, namespace, parts[5]),
	}, true
}

func (t *Target) watched(gvk schema.GroupVersionKind) bool { return slices.Contains(t.Kinds, gvk) }

// listed reads an inventory as the cache has it.
func listed(account *corev1.ServiceAccount, uid types.UID) []string {
	return strings.Fields(account.Annotations[inventoryPrefix+string(uid)])
}

// merged is an inventory as it is known, and whether the account has it. What
// this process wrote counts until the cache must have it; after that what either
// lists does, so that an account that somebody deleted costs nothing.
func (t *Target) merged(key inventoryKey, account *corev1.ServiceAccount) (entries []string, stored bool) {
	cached := listed(account, key.uid)
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.inventories[key]
	if !ok {
		return cached, true
	}
	if t.Clock.Since(last.at) <= unseen {
		return last.entries, true
	}
	entries = union(last.entries, cached)
	return entries, slices.Equal(entries, cached)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// record lists objects in the inventory of their application before they are
// written, so that no crash leaves one behind that nothing tells of.
func (t *Target) record(ctx context.Context, unit delivery.Unit, keys []objectKey) (*delivery.Observation, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	key := inventoryKey{unit.Owner.UID, unit.Place.Namespace}
	known, stored, err := t.inventoryOf(ctx, key)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, object := range keys {
		wanted = append(wanted, entryOf(unit.Place.Environment, unit.Component, object))
	}
	entries := union(known, wanted)
	if stored && len(entries) == len(known) {
		t.keepInventory(key, entries)
		return nil, nil
	}
	return t.writeInventory(ctx, key, entries)
}

func (t *Target) inventoryOf(ctx context.Context, key inventoryKey) (entries []string, stored bool, err error) {
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(key.namespace), &account); client.IgnoreNotFound(err) != nil {
		return nil, false, fmt.Errorf("get ServiceAccount %s: %w", accountKey(key.namespace), err)
	}
	entries, stored = t.merged(key, &account)
	return entries, stored, nil
}

// keepInventory keeps what was read, without taking it for a write.
func (t *Target) keepInventory(key inventoryKey, entries []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.inventories[key]; !ok {
		t.setInventory(key, inventory{entries: entries, at: t.Clock.Now().Add(-2 * unseen)})
	}
}

func (t *Target) setInventory(key inventoryKey, last inventory) {
	if t.inventories == nil {
		t.inventories = map[inventoryKey]inventory{}
	}
	for other, earlier := range t.inventories {
		if len(earlier.entries) == 0 && t.Clock.Since(earlier.at) > unseen {
			delete(t.inventories, other)
		}
	}
	t.inventories[key] = last
}

// unrecord takes an object that is gone out of the inventory.
func (t *Target) unrecord(ctx context.Context, record delivery.Record, object objectKey) (delivery.Observation, error) {
	t.forgetObject(object)
	gone := delivery.Observation{State: delivery.Delivered}
	key := inventoryKey{record.Owner.UID, record.Place.Namespace}
	known, _, err := t.inventoryOf(ctx, key)
	if err != nil {
		return delivery.Observation{}, err
	}
	entry := entryOf(record.Place.Environment, record.Component, object)
	if !slices.Contains(known, entry) {
		return gone, nil
	}
	without := slices.DeleteFunc(slices.Clone(known), func(e string) bool { return e == entry })
	problem, err := t.writeInventory(ctx, key, without)
	if err != nil || problem != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	return gone, nil
}

func (t *Target) writeInventory(ctx context.Context, key inventoryKey, entries []string) (*delivery.Observation, error) {
	var value any // null removes the annotation
	if len(entries) > 0 {
		value = strings.Join(entries, " ")
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{inventoryPrefix + string(key.uid): value}}})
	if err != nil {
		return nil, fmt.Errorf("encode the inventory of namespace %q: %w", key.namespace, err)
	}
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = key.namespace, v1alpha1.DeployerAccount
	err = t.Writer.Patch(ctx, account, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(inventoryWriter))
	if apierrors.IsNotFound(err) && len(entries) > 0 {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: 2 * time.Second, Message: fmt.Sprintf(
			"account %s/%s is gone: waiting until it is there again", key.namespace, v1alpha1.DeployerAccount)}, nil
	}
	if apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, RetryAfter: forbiddenRetry, Message: fmt.Sprintf(
			"namespace %q holds more objects of kinds that are not watched than can be listed on its account %s: spread the applications over several namespaces",
			key.namespace, v1alpha1.DeployerAccount)}, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("list what is delivered on ServiceAccount %s: %w", accountKey(key.namespace), err)
	}
	if t.Written != nil {
		t.Written("ServiceAccount")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setInventory(key, inventory{entries: entries, at: t.Clock.Now()})
	return nil, nil
}

// inventoriesOf are those of the tenants that match, of one application or of all.
// A namespace that is being deleted takes all that is in it along: it has none.
func (t *Target) inventoriesOf(ctx context.Context, uid types.UID, options ...client.ListOption) (map[inventoryKey][]string, error) {
	var accounts corev1.ServiceAccountList
	options = append(options, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}, client.UnsafeDisableDeepCopy)
	if err := t.Reader.List(ctx, &accounts, options...); err != nil {
		return nil, fmt.Errorf("list the deployer accounts: %w", err)
	}
	cached := map[inventoryKey]*corev1.ServiceAccount{}
	for i := range accounts.Items {
		for _, owner := range listedOwners(&accounts.Items[i], uid) {
			cached[inventoryKey{owner, accounts.Items[i].Namespace}] = &accounts.Items[i]
		}
	}
	found := map[inventoryKey][]string{}
	for _, key := range t.inventoryKeys(uid, cached) {
		entries, err := t.standing(ctx, key, cached[key])
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			found[key] = entries
		}
	}
	return found, nil
}

// listedOwners are the applications that an account lists something of: the one
// that is asked for, or all.
func listedOwners(account *corev1.ServiceAccount, uid types.UID) []types.UID {
	if uid != "" {
		if _, ok := account.Annotations[inventoryPrefix+string(uid)]; ok {
			return []types.UID{uid}
		}
		return nil
	}
	var owners []types.UID
	for name := range account.Annotations {
		if owner, ok := strings.CutPrefix(name, inventoryPrefix); ok {
			owners = append(owners, types.UID(owner))
		}
	}
	return owners
}

// inventoryKeys are those that the cache shows, and those that this process knows of.
func (t *Target) inventoryKeys(uid types.UID, cached map[inventoryKey]*corev1.ServiceAccount) []inventoryKey {
	keys := slices.Collect(maps.Keys(cached))
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.inventories {
		if _, ok := cached[key]; !ok && (uid == "" || key.uid == uid) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b inventoryKey) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.uid, b.uid))
	})
	return keys
}

// standing is an inventory of a namespace that is there to stay.
func (t *Target) standing(ctx context.Context, key inventoryKey, account *corev1.ServiceAccount) ([]string, error) {
	namespace := NewNamespace()
	err := t.Reader.Get(ctx, types.NamespacedName{Name: key.namespace}, namespace)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get namespace %q: %w", key.namespace, err)
	}
	gone := err != nil || !namespace.DeletionTimestamp.IsZero()
	if gone && t.forgetInventory(key) {
		return nil, nil
	}
	if account == nil {
		account = &corev1.ServiceAccount{}
	}
	entries, _ := t.merged(key, account)
	return entries, nil
}

// forgetInventory drops what is known of a namespace that goes, unless it was
// written so lately that the cache may not show the namespace yet.
func (t *Target) forgetInventory(key inventoryKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.inventories[key]; ok && t.Clock.Since(last.at) <= unseen {
		return false
	}
	delete(t.inventories, key)
	for object := range t.looks {
		if object.key.Namespace == key.namespace {
			delete(t.looks, object)
			delete(t.written, object)
		}
	}
	return true
}

// unwatchedRecords are the owner's objects of kinds that are not watched.
func (t *Target) unwatchedRecords(ctx context.Context, owner delivery.Owner) ([]delivery.Record, error) {
	found, err := t.inventoriesOf(ctx, owner.UID, client.MatchingLabels{delivery.LabelSourceNamespace: owner.Namespace})
	if err != nil {
		return nil, err
	}
	var records []delivery.Record
	for key, entries := range found {
		// Whoever may edit accounts in a namespace of theirs may list there what they like.
		belongs, err := t.belongs(ctx, key.namespace, owner.Namespace)
		if err != nil {
			return nil, fmt.Errorf("get namespace %q: %w", key.namespace, err)
		}
		if !belongs {
			continue
		}
		for _, entry := range entries {
			if record, ok := recordOfEntry(owner, key.namespace, entry); ok {
				records = append(records, record)
			}
		}
	}
	return records, nil
}

// unwatchedPlaces adds where objects of an environment are of which the kinds are not watched.
func (t *Target) unwatchedPlaces(ctx context.Context, environment string, places map[delivery.Place]bool) error {
	found, err := t.inventoriesOf(ctx, "")
	if err != nil {
		return err
	}
	for key, entries := range found {
		place := delivery.Place{Environment: environment, Cluster: v1alpha1.LocalCluster, Namespace: key.namespace}
		if places[place] || !listsAny(entries, place) {
			continue
		}
		lives, err := t.listedForLiving(ctx, key)
		if err != nil {
			return err
		}
		if lives {
			places[place] = true
		}
	}
	return nil
}

// listsAny says that one of the entries is of the place.
func listsAny(entries []string, place delivery.Place) bool {
	return slices.ContainsFunc(entries, func(entry string) bool {
		record, ok := recordOfEntry(delivery.Owner{}, place.Namespace, entry)
		return ok && record.Place == place
	})
}

// listedForLiving says that a list is of an application that exists and delivers
// to the namespace. What an account lists does not show it: whoever may edit
// accounts in a namespace of theirs can list there what would hold an environment.
func (t *Target) listedForLiving(ctx context.Context, key inventoryKey) (bool, error) {
	namespace := NewNamespace()
	if err := t.Reader.Get(ctx, types.NamespacedName{Name: key.namespace}, namespace); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err) // which the cache does not show yet
	}
	_, lives, err := t.applicationByUID(ctx, cmp.Or(namespace.Labels[delivery.LabelSourceNamespace], key.namespace), key.uid)
	return lives, err
}

// applicationByUID is the application of a namespace that has a UID; ok is false when none has.
func (t *Target) applicationByUID(ctx context.Context, namespace string, uid types.UID) (name types.NamespacedName, ok bool, err error) {
	var applications v1beta1.ApplicationList
	if err := t.Reader.List(ctx, &applications, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return name, false, fmt.Errorf("list the applications of namespace %q: %w", namespace, err)
	}
	at := slices.IndexFunc(applications.Items, func(a v1beta1.Application) bool { return a.UID == uid })
	if at < 0 {
		return name, false, nil
	}
	return applications.Items[at].NamespacedName(), true, nil
}

// inventoried says that an object of a kind that is not watched may be in a namespace.
func (t *Target) inventoried(ctx context.Context, namespace string) (bool, error) {
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(namespace), &account); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("get ServiceAccount %s: %w", accountKey(namespace), err)
	}
	for name, entries := range account.Annotations {
		if strings.HasPrefix(name, inventoryPrefix) && entries != "" {
			return true, nil
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, last := range t.inventories {
		if key.namespace == namespace && len(last.entries) > 0 {
			return true, nil
		}
	}
	return false, nil
}
