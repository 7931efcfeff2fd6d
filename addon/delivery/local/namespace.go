// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// annotationObjects lists on a tenant's account the objects of its namespace that
// environments asked for. Nothing watches them, so they are listed before they are
// written and until they are gone.
const annotationObjects = "fairlead.dev/namespace-objects"

// objectsEvery is how often the objects of a namespace are compared.
const objectsEvery = 10 * time.Minute

// objectsLook is what was last seen of the objects of a tenant's namespace.
type objectsLook struct {
	// digest of what was wanted and found.
	digest string
	// entries that the account lists since.
	entries []string
	at, due time.Time
	changes uint64
}

// ensureObjects makes the objects of the tenant's namespace as they are wanted, and
// removes those that no environment asks for any more.
func (t *Target) ensureObjects(ctx context.Context, tenant delivery.Tenant) (delivery.Observation, error) {
	ready := delivery.Observation{State: delivery.Delivered}
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &account); client.IgnoreNotFound(err) != nil {
		return ready, fmt.Errorf("get ServiceAccount %s: %w", accountKey(tenant.Namespace), err)
	}
	known := t.knownObjects(tenant.Namespace, &account)
	if len(known)+len(tenant.Objects) == 0 {
		return ready, nil
	}
	tenant, held := keepHeld(tenant, known)
	digest, err := objectsDigest(tenant.Objects)
	if err != nil {
		return ready, fmt.Errorf("digest of the objects of namespace %q: %w", tenant.Namespace, err)
	}
	digest += strings.Join(held, " ")
	if due := t.objectsDue(tenant.TenantKey, digest); due > 0 {
		ready.RetryAfter = due
		return ready, nil
	}
	t.tenantMu.Lock()
	defer t.tenantMu.Unlock()
	return t.changeObjects(ctx, tenant, known, held, digest)
}

// keepHeld is a tenant with those of the known objects that may be wanted in a moment.
// Of Secrets the entries are kept alone: they stay as they are.
func keepHeld(tenant delivery.Tenant, known []string) (delivery.Tenant, []string) {
	if !tenant.Held.Any() {
		return tenant, nil
	}
	secrets := make([]string, 0, len(tenant.Held.PullSecrets))
	for _, name := range tenant.Held.PullSecrets {
		if entry := "/v1/Secret/" + name; slices.Contains(known, entry) {
			secrets = append(secrets, entry)
		}
	}
	isThere := func(object map[string]any) bool {
		return slices.Contains(known, entriesOf([]map[string]any{object})[0])
	}
	return tenant.Keeping(nil, nil, isThere, nil), secrets
}

// changeObjects brings a namespace from the objects that are known to those that are
// wanted. What is held stays as it is.
func (t *Target) changeObjects(ctx context.Context, tenant delivery.Tenant, known, held []string, digest string) (delivery.Observation, error) {
	ready := delivery.Observation{State: delivery.Delivered}
	changes := t.changesOf(tenant.TenantKey)
	wanted := union(entriesOf(tenant.Objects), held)
	if problem, err := t.list(ctx, tenant.Namespace, known, union(known, wanted)); problem != nil || err != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	for _, object := range tenant.Objects {
		if problem, err := t.ensureObject(ctx, tenant, &unstructured.Unstructured{Object: object}); problem != nil || err != nil {
			return ptr.Deref(problem, delivery.Observation{}), err
		}
	}
	dropped := slices.DeleteFunc(slices.Clone(known), func(e string) bool { return slices.Contains(wanted, e) })
	gone, err := t.removeObjects(ctx, tenant.Namespace, dropped)
	if apierrors.IsForbidden(err) || err == nil && !gone {
		// A role that does not cover it any more holds nobody up: it goes with the tenant.
		return delivery.Observation{State: delivery.Delivered, RetryAfter: forbiddenRetry}, nil
	}
	if err != nil {
		return ready, err
	}
	if problem, err := t.list(ctx, tenant.Namespace, union(known, wanted), wanted); problem != nil || err != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	ready.RetryAfter = t.sawObjects(tenant.TenantKey, digest, wanted, changes)
	return ready, nil
}

func objectsDigest(objects []map[string]any) (string, error) {
	raw, err := json.Marshal(objects)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// entriesOf list objects as group/version/kind/name.
func entriesOf(objects []map[string]any) []string {
	entries := make([]string, 0, len(objects))
	for _, object := range objects {
		o := unstructured.Unstructured{Object: object}
		gvk := o.GroupVersionKind()
		entries = append(entries, strings.Join([]string{gvk.Group, gvk.Version, gvk.Kind, o.GetName()}, "/"))
	}
	slices.Sort(entries)
	return slices.Compact(entries)
}

// knownObjects are what the account lists: as this process wrote it, until the
// cache must show that.
func (t *Target) knownObjects(namespace string, account *corev1.ServiceAccount) []string {
	cached := strings.Fields(account.Annotations[annotationObjects])
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.objects[namespace]
	if ok && t.Clock.Since(last.at) <= unseen {
		return last.entries
	}
	return union(cached, nil)
}

// objectsDue is how long what was seen of a namespace's objects still holds.
func (t *Target) objectsDue(key delivery.TenantKey, digest string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.objects[key.Namespace]
	if !ok || last.digest != digest || last.changes != t.lastChange(key) {
		return 0
	}
	return last.due.Sub(t.Clock.Now())
}

func (t *Target) sawObjects(key delivery.TenantKey, digest string, entries []string, changes uint64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.objects[key.Namespace]
	last.digest, last.entries, last.changes = digest, entries, changes
	interval := spread(objectsEvery, types.UID(key.Namespace))
	last.due = t.Clock.Now().Add(interval)
	t.setObjects(key.Namespace, last)
	return interval
}

func (t *Target) setObjects(namespace string, look objectsLook) {
	if t.objects == nil {
		t.objects = map[string]objectsLook{}
	}
	t.objects[namespace] = look
}

// list writes the list of a namespace's objects where it differs.
func (t *Target) list(ctx context.Context, namespace string, before, entries []string) (*delivery.Observation, error) {
	if slices.Equal(before, entries) {
		return nil, nil
	}
	var value any // null removes the annotation
	if len(entries) > 0 {
		value = strings.Join(entries, " ")
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotationObjects: value}}})
	if err != nil {
		return nil, fmt.Errorf("encode the list of objects of namespace %q: %w", namespace, err)
	}
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = namespace, v1alpha1.DeployerAccount
	err = t.Writer.Patch(ctx, account, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(inventoryWriter))
	if apierrors.IsNotFound(err) {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: 2 * time.Second, Message: fmt.Sprintf(
			"account %s/%s is gone: waiting until it is there again", namespace, v1alpha1.DeployerAccount)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the objects of namespace %q on its account: %w", namespace, err)
	}
	if t.Written != nil {
		t.Written("ServiceAccount")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.objects[namespace]
	last.entries, last.at = entries, t.Clock.Now()
	t.setObjects(namespace, last)
	return nil, nil
}

// ensureObject writes one object where it differs. Copies of Secrets are read and
// written as the tenant: the addon itself may not.
func (t *Target) ensureObject(ctx context.Context, tenant delivery.Tenant, wanted *unstructured.Unstructured) (*delivery.Observation, error) {
	key := keyOf(wanted)
	live, err := t.readOwn(ctx, key)
	if err != nil {
		return t.ownFailed(key, "read", err)
	}
	if live != nil && !tenant.OfTenant(live.GetLabels()) {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForeignObject, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"%s exists on the hub and was not made for an environment: it is neither changed nor deleted; remove it, or rename what spec.namespaceOptions asks for", describe(key))}, nil
	}
	if live != nil && contains(live.Object, wanted.Object) {
		return nil, nil
	}
	if !isSecret(key) {
		return t.writeOwn(ctx, wanted.Object)
	}
	_, err = t.Tenant.Resource(secrets()).Namespace(key.key.Namespace).Apply(asTenant(ctx, key.key.Namespace), key.key.Name, wanted,
		metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	if err != nil {
		return t.ownFailed(key, "write", err)
	}
	if t.Written != nil {
		t.Written("Secret")
	}
	return nil, nil
}

func secrets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
}

func isSecret(key objectKey) bool { return key.gvk.Group == "" && key.gvk.Kind == "Secret" }

// readOwn reads an object of a tenant's namespace from the API server; nil when there is none.
func (t *Target) readOwn(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	live := NewObject(key.gvk)
	var err error
	if isSecret(key) {
		live, err = t.Tenant.Resource(secrets()).Namespace(key.key.Namespace).Get(asTenant(ctx, key.key.Namespace), key.key.Name, metav1.GetOptions{})
	} else {
		err = t.Live.Get(ctx, key.key, live)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, err
}

// ownFailed says what became of an object of the namespace. An error of the API
// server may quote what it refused: of a Secret only its reason is told.
func (t *Target) ownFailed(key objectKey, verb string, err error) (*delivery.Observation, error) {
	if apierrors.IsForbidden(err) && isSecret(key) {
		return t.forbidden(key, verb, err), nil
	}
	if isSecret(key) && !errors.Is(err, delivery.ErrPaused) {
		return nil, fmt.Errorf("%s %s: %s", verb, describe(key), apierrors.ReasonForError(err))
	}
	return nil, fmt.Errorf("%s %s: %w", verb, describe(key), err)
}

// releaseObjects removes all objects of a namespace that environments asked for.
func (t *Target) releaseObjects(ctx context.Context, namespace string) (bool, error) {
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(namespace), &account); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	known := t.knownObjects(namespace, &account)
	gone, err := t.removeObjects(ctx, namespace, known)
	if apierrors.IsForbidden(err) {
		return false, t.lendRights(ctx, namespace)
	}
	if err != nil || !gone {
		return false, err
	}
	if _, err := t.list(ctx, namespace, known, nil); err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.objects, namespace)
	return true, nil
}

// removeObjects deletes listed objects that are ours, and says whether they are gone.
func (t *Target) removeObjects(ctx context.Context, namespace string, entries []string) (bool, error) {
	for _, entry := range entries {
		parts := strings.Split(entry, "/")
		if len(parts) != 4 {
			continue // nobody's object: somebody edited the list
		}
		key := objectKey{gvk: schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]}, key: types.NamespacedName{Namespace: namespace, Name: parts[3]}}
		if !removable(key) {
			continue
		}
		gone, err := t.removeObject(ctx, key)
		if err != nil || !gone {
			return gone, err
		}
	}
	return true, nil
}

// removable says that a kind is one of those that environments may ask for.
func removable(key objectKey) bool {
	switch key.gvk.String() {
	case "/v1, Kind=Secret", "/v1, Kind=ResourceQuota", "/v1, Kind=LimitRange", "networking.k8s.io/v1, Kind=NetworkPolicy":
		return true
	}
	return false
}

func (t *Target) removeObject(ctx context.Context, key objectKey) (bool, error) {
	live, err := t.readOwn(ctx, key)
	if apierrors.IsForbidden(err) {
		return false, err // its text is about the account alone
	}
	if err != nil {
		_, err = t.ownFailed(key, "read", err)
		return false, err
	}
	labels := map[string]string{}
	if live != nil {
		labels = live.GetLabels()
	}
	if labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue || labels[delivery.LabelSourceNamespace] == "" || labels[v1alpha1.LabelApplicationUID] != "" {
		return true, nil // there is none, or it is somebody else's
	}
	uid := live.GetUID()
	if isSecret(key) {
		err = t.Tenant.Resource(secrets()).Namespace(key.key.Namespace).Delete(asTenant(ctx, key.key.Namespace), key.key.Name,
			metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	} else {
		err = t.Writer.Delete(ctx, live, client.Preconditions{UID: &uid})
	}
	if apierrors.IsForbidden(err) {
		return false, err
	}
	if client.IgnoreNotFound(err) != nil {
		_, err = t.ownFailed(key, "delete", err)
		return false, err
	}
	return true, nil
}

// lendRights gives the deployer its usual rights, with which it may remove the
// copy of a Secret that a later role does not cover.
func (t *Target) lendRights(ctx context.Context, namespace string) error {
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(namespace), &account); err != nil {
		return client.IgnoreNotFound(err)
	}
	tenant := delivery.Tenant{
		TenantKey:       delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace},
		SourceNamespace: account.Labels[delivery.LabelSourceNamespace], Role: v1alpha1.DeployerRole,
	}
	if err := t.dropOtherRole(ctx, tenant); err != nil {
		return err
	}
	for _, object := range delivery.AccountObjects(tenant) {
		if problem, err := t.writeOwn(ctx, object); problem != nil || err != nil {
			return err
		}
	}
	return nil
}
