// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

// tenantWrite remembers when a tenant was written, until the cache shows it.
type tenantWrite struct {
	tenant delivery.Tenant
	at     time.Time
	// changes is how many changes the cache had shown before the write began: one
	// that it shows during the write or later ends the memory of it.
	changes uint64
	// rights are those that were written with it.
	rights trial
}

// AccountCacheOptions restrict the caches of service accounts and role bindings
// to the deployer's, by name: the addon may read no others.
func AccountCacheOptions() cache.ByObject {
	return cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", v1alpha1.DeployerAccount)}
}

// NewNamespace is an empty namespace as it is cached: its metadata alone.
func NewNamespace() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}

// EnsureTenant makes the namespace, the deployer account and its rights.
func (t *Target) EnsureTenant(ctx context.Context, tenant delivery.Tenant) (delivery.Observation, error) {
	tenant, err := t.keepHeldLabels(ctx, tenant)
	if err != nil {
		return delivery.Observation{}, err
	}
	if problem, err := t.ensureAccount(ctx, tenant); problem != nil || err != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	return t.ensureObjects(ctx, tenant)
}

// keepHeldLabels is a tenant with what its namespace has of what may be wanted in a moment.
func (t *Target) keepHeldLabels(ctx context.Context, tenant delivery.Tenant) (delivery.Tenant, error) {
	if len(tenant.Held.Labels)+len(tenant.Held.Annotations) == 0 {
		return tenant, nil
	}
	namespace := NewNamespace()
	if err := t.Reader.Get(ctx, types.NamespacedName{Name: tenant.Namespace}, namespace); err != nil {
		return tenant, client.IgnoreNotFound(err)
	}
	none := func(map[string]any) bool { return false }
	return tenant.Keeping(namespace.Labels, namespace.Annotations, none, nil), nil
}

func (t *Target) ensureAccount(ctx context.Context, tenant delivery.Tenant) (*delivery.Observation, error) {
	if done, err := t.prepared(ctx, tenant); err != nil || done {
		return nil, err
	}
	t.tenantMu.Lock()
	defer t.tenantMu.Unlock()
	if done, err := t.prepared(ctx, tenant); err != nil || done {
		return nil, err
	}
	changes := t.changesOf(tenant.TenantKey)
	if problem, err := t.ensureNamespace(ctx, tenant); problem != nil || err != nil {
		return problem, err
	}
	if err := t.dropOtherRole(ctx, tenant); err != nil {
		return nil, err
	}
	for _, object := range delivery.AccountObjects(tenant) {
		if problem, err := t.writeOwn(ctx, object); problem != nil || err != nil {
			return problem, err
		}
	}
	t.rememberTenant(tenant, changes)
	return nil, nil
}

func (t *Target) rememberTenant(tenant delivery.Tenant, changes uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tenants == nil {
		t.tenants = map[delivery.TenantKey]tenantWrite{}
	}
	t.tenants[tenant.TenantKey] = tenantWrite{tenant: tenant, at: t.Clock.Now(), changes: changes}
}

// TenantChanged is to be called when the cache shows a change of a namespace, or
// of the deployer account or its rights in there: what was written is then no
// longer taken for what is.
func (t *Target) TenantChanged(namespace string) {
	key := delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changes == nil {
		t.changes = lru.New(maxChanged)
	}
	t.changed++
	t.changes.Add(key, t.changed)
}

func (t *Target) changesOf(key delivery.TenantKey) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastChange(key)
}

// lastChange must be called with the mutex held.
func (t *Target) lastChange(key delivery.TenantKey) uint64 {
	if t.changes == nil {
		return 0
	}
	last, _ := t.changes.Get(key)
	number, _ := last.(uint64)
	return number
}

// prepared says that the cache shows the tenant as wanted, or that it was
// written so lately that the cache may not show it yet.
func (t *Target) prepared(ctx context.Context, tenant delivery.Tenant) (bool, error) {
	t.mu.Lock()
	last, ok := t.tenants[tenant.TenantKey]
	changed := last.changes != t.lastChange(tenant.TenantKey)
	t.mu.Unlock()
	if ok && !changed && t.Clock.Since(last.at) < unseen && equality.Semantic.DeepEqual(last.tenant, tenant) {
		return true, nil
	}
	same, err := t.sameNamespace(ctx, tenant)
	if err != nil || !same {
		return false, err
	}
	var account corev1.ServiceAccount
	if err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &account); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	var binding rbacv1.RoleBinding
	if err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &binding); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return account.DeletionTimestamp.IsZero() && owned(&account, tenant) && owned(&binding, tenant) && sameBinding(&binding, tenant), nil
}

func accountKey(namespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: v1alpha1.DeployerAccount}
}

func owned(object client.Object, tenant delivery.Tenant) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue &&
		object.GetLabels()[delivery.LabelSourceNamespace] == tenant.SourceNamespace
}

func sameBinding(binding *rbacv1.RoleBinding, tenant delivery.Tenant) bool {
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: v1alpha1.DeployerAccount, Namespace: tenant.Namespace}
	return binding.RoleRef.Kind == "ClusterRole" && binding.RoleRef.Name == tenant.Role &&
		equality.Semantic.DeepEqual(binding.Subjects, []rbacv1.Subject{subject})
}

// sameNamespace says that the namespace is as wanted. The application's own
// namespace is whoever made it's, and left alone, unless an environment gave it
// to another: two would rewrite its account in turn for ever.
func (t *Target) sameNamespace(ctx context.Context, tenant delivery.Tenant) (bool, error) {
	own := tenant.Namespace == tenant.SourceNamespace
	namespace := NewNamespace()
	if err := t.Reader.Get(ctx, types.NamespacedName{Name: tenant.Namespace}, namespace); err != nil {
		return own && apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if own {
		source := namespace.Labels[delivery.LabelSourceNamespace]
		return source == "" || source == tenant.SourceNamespace, nil
	}
	wanted := &unstructured.Unstructured{Object: delivery.NamespaceObject(tenant)}
	return namespace.DeletionTimestamp.IsZero() && subset(wanted.GetLabels(), namespace.Labels) &&
		subset(wanted.GetAnnotations(), namespace.Annotations), nil
}

func subset(part, whole map[string]string) bool {
	for key, value := range part {
		if whole[key] != value {
			return false
		}
	}
	return true
}

func (t *Target) ensureNamespace(ctx context.Context, tenant delivery.Tenant) (*delivery.Observation, error) {
	if same, err := t.sameNamespace(ctx, tenant); same || err != nil {
		return nil, err
	}
	namespace := NewNamespace()
	err := t.Reader.Get(ctx, types.NamespacedName{Name: tenant.Namespace}, namespace)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get namespace %q: %w", tenant.Namespace, err)
	}
	if exists := err == nil; exists {
		var account corev1.ServiceAccount
		if err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &account); client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("get ServiceAccount %s: %w", accountKey(tenant.Namespace), err)
		}
		if problem := usable(namespace, &account, tenant); problem != nil {
			return problem, nil
		}
	} else if !tenant.Create {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"namespace %q does not exist, and spec.namespaceOptions.create of its environment is false: waiting for somebody to create it", tenant.Namespace)}, nil
	}
	return t.writeOwn(ctx, delivery.NamespaceObject(tenant))
}

// usable says why a namespace that exists is not for the tenant. An application's
// own namespace carries no label that says whose it is: its account does.
func usable(namespace *metav1.PartialObjectMetadata, account *corev1.ServiceAccount, tenant delivery.Tenant) *delivery.Observation {
	if !namespace.DeletionTimestamp.IsZero() {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: 2 * time.Second,
			Message: fmt.Sprintf("namespace %q is being deleted: waiting for its end", tenant.Namespace)}
	}
	source := cmp.Or(namespace.Labels[delivery.LabelSourceNamespace], account.Labels[delivery.LabelSourceNamespace])
	if source != "" && source != tenant.SourceNamespace {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"namespace %q on the hub belongs to applications of namespace %q: choose another spec.targetNamespace", tenant.Namespace, source)}
	}
	if namespace.Labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue && !tenant.Adopt {
		return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonNamespaceNotOurs, RetryAfter: conflictRetry, Message: fmt.Sprintf(
			"namespace %q exists on the hub and was not made by Fairlead: set spec.namespaceOptions.adopt of its environment, or choose another spec.targetNamespace",
			tenant.Namespace)}
	}
	return nil
}

// dropOtherRole removes a binding to another role: roleRef cannot be changed.
func (t *Target) dropOtherRole(ctx context.Context, tenant delivery.Tenant) error {
	var binding rbacv1.RoleBinding
	if err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &binding); err != nil {
		return client.IgnoreNotFound(err)
	}
	if binding.RoleRef.Name == tenant.Role && binding.RoleRef.Kind == "ClusterRole" {
		return nil
	}
	uid := binding.UID
	if err := t.Writer.Delete(ctx, &binding, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("replace RoleBinding %s: %w", accountKey(tenant.Namespace), err)
	}
	return nil
}

// writeOwn applies an object with the addon's own rights.
func (t *Target) writeOwn(ctx context.Context, content map[string]any) (*delivery.Observation, error) {
	object := &unstructured.Unstructured{Object: content}
	err := t.Writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(FieldManager), client.ForceOwnership)
	if apierrors.HasStatusCause(err, "NamespaceTerminating") || apierrors.IsNotFound(err) {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: 2 * time.Second,
			Message: fmt.Sprintf("namespace %q is being deleted: waiting for its end", object.GetNamespace())}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("apply %s %s: %w", object.GetKind(), client.ObjectKeyFromObject(object), err)
	}
	if t.Written != nil {
		t.Written(object.GetKind())
	}
	return nil, nil
}

// forbidden waits for rights that are new, and reports those that are missing.
func (t *Target) forbidden(key objectKey, verb string, err error) *delivery.Observation {
	return t.lacksRight(key, verb, err, "ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out")
}

// lacksRight is forbidden with what is to be done about it.
func (t *Target) lacksRight(key objectKey, verb string, err error, remedy string) *delivery.Observation {
	message := fmt.Sprintf("%s: account %s/%s may not %s it: %s; %s",
		describe(key), key.key.Namespace, v1alpha1.DeployerAccount, verb, deniedText(key, err), remedy)
	t.mu.Lock()
	last, ok := t.tenants[delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: key.key.Namespace}]
	t.mu.Unlock()
	if ok && t.Clock.Since(last.at) < newRights {
		return &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry, Message: message}
	}
	return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForbidden, RetryAfter: forbiddenRetry, Message: message}
}

// deniedText is what the API server says of what is not allowed. Policies and webhooks answer so too and may quote
// a Secret: of one only what holds no values is told.
func deniedText(key objectKey, err error) string {
	if !isSecret(key) {
		return delivery.Bounded(errors.New(refusal.WithoutValues(err.Error())))
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return said(key, err)
	}
	told := refusal.OfSecret(status.Status().Message)
	if told == refusal.OfSecretHidden {
		return said(key, err)
	}
	return delivery.Bounded(errors.New(told))
}

// IdleTenants lists the tenants of a hub namespace that hold no delivered object.
func (t *Target) IdleTenants(ctx context.Context, sourceNamespace string) ([]delivery.TenantKey, error) {
	of := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: sourceNamespace}
	var accounts corev1.ServiceAccountList
	if err := t.Reader.List(ctx, &accounts, of, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the deployer accounts of namespace %q: %w", sourceNamespace, err)
	}
	var bindings rbacv1.RoleBindingList
	if err := t.Reader.List(ctx, &bindings, of, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the deployer's rights of namespace %q: %w", sourceNamespace, err)
	}
	namespaces := map[string]bool{}
	for i := range accounts.Items {
		namespaces[accounts.Items[i].Namespace] = true
	}
	for i := range bindings.Items { // rights outlive an account that was deleted by hand
		namespaces[bindings.Items[i].Namespace] = true
	}
	var idle []delivery.TenantKey
	for _, namespace := range slices.Sorted(maps.Keys(namespaces)) {
		used, err := t.used(ctx, namespace)
		if err != nil {
			return nil, err
		}
		if !used {
			idle = append(idle, delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace})
		}
	}
	return idle, nil
}

// used says that something of an application is in a namespace. What was left
// there for good is nobody's.
func (t *Target) used(ctx context.Context, namespace string) (bool, error) {
	if t.pendingIn(namespace) { // before the lists, which show what is seen meanwhile
		return true, nil
	}
	owned := client.HasLabels{v1alpha1.LabelApplicationUID}
	for _, gvk := range t.Kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err := t.Reader.List(ctx, list, client.InNamespace(namespace), owned, client.Limit(1), client.UnsafeDisableDeepCopy); err != nil {
			return false, fmt.Errorf("list %s in namespace %q: %w", describeKind(gvk), namespace, err)
		}
		if len(list.Items) > 0 {
			return true, nil
		}
	}
	return t.inventoried(ctx, namespace)
}

func (t *Target) pendingIn(namespace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, last := range t.pending {
		if key.key.Namespace == namespace && t.Clock.Since(last.at) <= unseen {
			return true
		}
	}
	return false
}

// ReleaseTenant removes the deployer's rights and account.
func (t *Target) ReleaseTenant(ctx context.Context, key delivery.TenantKey) (delivery.Observation, error) {
	t.tenantMu.Lock()
	defer t.tenantMu.Unlock()
	t.mu.Lock()
	delete(t.tenants, key)
	if t.changes != nil {
		t.changes.Remove(key)
	}
	t.mu.Unlock()
	if gone, err := t.releaseObjects(ctx, key.Namespace); err != nil || !gone {
		return delivery.Observation{State: delivery.Applying, RetryAfter: rightsRetry}, err
	}
	// The account goes last: it is what shows that there is something to be released.
	for _, object := range []client.Object{&rbacv1.RoleBinding{}, &corev1.ServiceAccount{}} {
		gone, err := t.removeOwn(ctx, object, accountKey(key.Namespace))
		if err != nil || !gone {
			return delivery.Observation{State: delivery.Applying}, err
		}
	}
	return delivery.Observation{State: delivery.Delivered}, nil
}

// removeOwn deletes an object of the tenant if it is ours, and says whether it is gone.
func (t *Target) removeOwn(ctx context.Context, object client.Object, key types.NamespacedName) (bool, error) {
	if err := t.Reader.Get(ctx, key, object); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if object.GetLabels()[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue {
		return true, nil
	}
	// An account that lists more by now than the cache shows must stay.
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := t.Writer.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("delete %T %s: %w", object, key, err)
	}
	return true, nil
}

// restoreRights gives the deployer the rights back that somebody took, since an
// application that is being deleted prepares no tenant and would never go
// without. It says whether it did.
func (t *Target) restoreRights(ctx context.Context, record delivery.Record) (bool, error) {
	t.tenantMu.Lock()
	defer t.tenantMu.Unlock()
	tenant := delivery.Tenant{
		TenantKey:       delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: record.Place.Namespace},
		SourceNamespace: record.Owner.Namespace, Role: v1alpha1.DeployerRole,
	}
	var binding rbacv1.RoleBinding
	err := t.Reader.Get(ctx, accountKey(tenant.Namespace), &binding)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("get RoleBinding %s: %w", accountKey(tenant.Namespace), err)
	}
	if exists := err == nil; exists {
		tenant.Role = binding.RoleRef.Name
	}
	if sameBinding(&binding, tenant) {
		return false, nil // the rights are there, and do not suffice
	}
	changes := t.changesOf(tenant.TenantKey)
	for _, object := range delivery.AccountObjects(tenant) {
		if problem, err := t.writeOwn(ctx, object); problem != nil || err != nil {
			return false, err
		}
	}
	t.rememberTenant(tenant, changes)
	return true, nil
}
