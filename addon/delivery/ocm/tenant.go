// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// tenantEntries are the objects of a tenant as its work has them in the end, the
// namespace first. A namespace that others are to make is only read.
func tenantEntries(tenant delivery.Tenant) []entry {
	entries := []entry{{content: delivery.NamespaceObject(tenant), phase: phaseApply, orphan: true, identity: tenantIdentity}}
	if !tenant.Create {
		entries[0] = readNamespace(tenant)
	}
	for _, object := range slices.Concat(delivery.ClusterAccountObjects(tenant), tenant.Objects) {
		entries = append(entries, entry{content: object, phase: phaseApply, identity: tenantIdentity})
	}
	return entries
}

// readNamespace is the namespace of a tenant as it is when it is only read.
func readNamespace(tenant delivery.Tenant) entry {
	return entry{
		content:  map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": tenant.Namespace}},
		phase:    phaseObserve,
		feedback: identityPaths(tenantIdentity),
		orphan:   true, // also of an earlier version of the work, which wrote it
	}
}

// probedTenant is the tenant work as it may be written now: while it is not known
// whose the namespace is, it holds the namespace alone, which is probed or read. What
// environments ask for in the namespace is probed as well.
func probedTenant(digests *Digests, tenant delivery.Tenant, current *workv1.ManifestWork) (*workv1.ManifestWork, finding, error) {
	found := namespaceFound(tenant, current)
	entries := tenantEntries(tenant)
	probeObjects(tenant, entries[len(entries)-len(tenant.Objects):], current)
	switch prepared := holdsAccount(current); {
	case found == findOurs:
	case prepared && (found == findForeign || found == findTaken):
		entries[0] = readNamespace(tenant) // somebody else made it anew
	case prepared:
		// It was found before, and the cluster has not said anything since.
		if found == findNothing || tenant.Create {
			found = findOurs
		}
	default:
		entries = entries[:1]
		if tenant.Create {
			entries[0].phase = phaseProbe
		}
	}
	work, err := tenantWork(digests, tenant, entries)
	return work, found, err
}

// probeObjects probes what environments ask for in the namespace of a tenant, as long
// as it is not known to be theirs: somebody may have made one of that name.
func probeObjects(tenant delivery.Tenant, entries []entry, current *workv1.ManifestWork) {
	held := phases(current)
	for i, e := range entries {
		at, isHeld := held[e.id()]
		if !isHeld || at == phaseProbe && findingOf(current, e.id(), tenantIdentity, tenant.OfTenant) != findOurs {
			entries[i].phase = phaseProbe
		}
	}
}

// keepHeld is a tenant with what its work has of what may be wanted in a moment. The
// cache has no payload, so that the work is read.
func (t *Target) keepHeld(ctx context.Context, tenant delivery.Tenant, current *workv1.ManifestWork) (delivery.Tenant, error) {
	if current == nil || !tenant.Held.Any() {
		return tenant, nil
	}
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(current), &whole); err != nil {
		if apierrors.IsNotFound(err) {
			return tenant, nil
		}
		return tenant, fmt.Errorf("read work %s/%s: %w", current.Namespace, current.Name, err)
	}
	there, secrets := map[workv1.ResourceIdentifier]bool{}, []map[string]any(nil)
	var namespace map[string]any
	for _, content := range contents(&whole) {
		id := identify(content)
		there[id] = true
		switch {
		case id == (workv1.ResourceIdentifier{Resource: "namespaces", Name: tenant.Namespace}):
			namespace = content
		case id.Group == "" && id.Resource == "secrets" && id.Namespace == tenant.Namespace && slices.Contains(tenant.Held.PullSecrets, id.Name):
			secrets = append(secrets, unprobed(content))
		}
	}
	isThere := func(object map[string]any) bool { return there[identify(object)] }
	return tenant.Keeping(textsOf(namespace, "labels"), textsOf(namespace, "annotations"), isThere, secrets), nil
}

// textsOf are the labels or annotations of an object.
func textsOf(content map[string]any, field string) map[string]string {
	metadata, _ := content["metadata"].(map[string]any)
	values, _ := metadata[field].(map[string]any)
	texts := make(map[string]string, len(values))
	for key, value := range values {
		if text, ok := value.(string); ok {
			texts[key] = text
		}
	}
	return texts
}

// holdsAccount says that a work has the account of its tenant, so that it was known
// before whose the namespace is.
func holdsAccount(work *workv1.ManifestWork) bool {
	return work != nil && slices.ContainsFunc(identities(work), func(id workv1.ResourceIdentifier) bool {
		return id.Resource == "serviceaccounts" && id.Name == v1alpha1.DeployerAccount
	})
}

// namespaceFound is what is known of the namespace of a tenant. What the present
// work writes was found to be the tenant's before.
func namespaceFound(tenant delivery.Tenant, current *workv1.ManifestWork) finding {
	id := workv1.ResourceIdentifier{Resource: "namespaces", Name: tenant.Namespace}
	at, held := phases(current)[id]
	found := findNothing
	switch {
	case !held:
	case at == phaseProbe:
		isOurs := func(labels map[string]string) bool { return mayUse(tenant, labels) }
		found = findingOf(current, id, tenantIdentity, isOurs)
	case at == phaseObserve:
		found = readingOf(tenant, current, id)
	default:
		return findOurs
	}
	if found == findForeign && isOthers(tenant, sourceOf(current, id)) {
		return findTaken
	}
	return found
}

// readingOf is what a cluster says of a namespace that its work only reads.
func readingOf(tenant delivery.Tenant, work *workv1.ManifestWork, id workv1.ResourceIdentifier) finding {
	manifest := findByID(work, id)
	if !fetched(work) || manifest == nil {
		return findNothing
	}
	if meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
		return findMissing
	}
	return identified(manifest, tenantIdentity, func(labels map[string]string) bool { return mayUse(tenant, labels) })
}

// mayUse says that a tenant may use a namespace with those labels: one that was made
// for it, or one that is nobody's and that its environment adopts.
func mayUse(tenant delivery.Tenant, labels map[string]string) bool {
	return tenant.OfTenant(labels) || tenant.Adopt && !isOthers(tenant, labels[delivery.LabelSourceNamespace])
}

// isOthers says that a namespace was made for another namespace of the hub.
func isOthers(tenant delivery.Tenant, source string) bool {
	return source != "" && source != tenant.SourceNamespace
}

// sourceOf is the namespace of the hub that a cluster says a namespace is for.
func sourceOf(work *workv1.ManifestWork, id workv1.ResourceIdentifier) string {
	manifest := findByID(work, id)
	if manifest == nil {
		return ""
	}
	labels, _ := identityIn(manifest, tenantIdentity)
	return labels[delivery.LabelSourceNamespace]
}

// unreadyTenant is why a tenant cannot be had yet whose work is written as it may be
// now; what was said when there is nothing more to say.
func (t *Target) unreadyTenant(ctx context.Context, tenant delivery.Tenant, current *workv1.ManifestWork, found finding, said delivery.Observation) (delivery.Observation, error) {
	applied := said.State == delivery.Delivered
	if !applied && said.Reason != delivery.ReasonApplyFailed {
		return said, nil
	}
	switch found {
	case findTaken:
		return namespaceTaken(tenant.TenantKey, sourceOf(current, workv1.ResourceIdentifier{Resource: "namespaces", Name: tenant.Namespace})), nil
	case findForeign:
		return namespaceNotOurs(tenant), nil
	case findMissing:
		return namespaceMissing(tenant), nil
	case findFreed:
		return t.freed(ctx, current, "namespace "+tenant.Namespace)
	case findNothing:
		if applied && !tenant.Create {
			return untilSaid(said, "namespace is"), nil
		}
		return untilWhose(said, "namespace is"), nil
	}
	return t.unreadyObjects(ctx, tenant, current, said)
}

// unreadyObjects is why what environments ask for in the namespace of a tenant is not
// there; what was said when all of it is known to be theirs.
func (t *Target) unreadyObjects(ctx context.Context, tenant delivery.Tenant, current *workv1.ManifestWork, said delivery.Observation) (delivery.Observation, error) {
	held, probing := phases(current), false
	for _, object := range tenant.Objects {
		id := identify(object)
		if held[id] != phaseProbe {
			continue
		}
		probing = true
		switch findingOf(current, id, tenantIdentity, tenant.OfTenant) {
		case findForeign:
			return foreignTenantObject(tenant, object), nil
		case findFreed:
			return t.freed(ctx, current, describe(object))
		}
	}
	if probing {
		return untilWhose(said, "objects are"), nil
	}
	return said, nil
}

// foreignTenantObject says that what an environment asks for is somebody else's.
func foreignTenantObject(tenant delivery.Tenant, object map[string]any) delivery.Observation {
	return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForeignObject, Message: fmt.Sprintf(
		"%s exists on cluster %q and was not made for an environment: it is neither changed nor deleted; remove it, or rename what spec.namespaceOptions asks for",
		describe(object), tenant.Cluster)}
}

// namespaceNotOurs says that a namespace is somebody else's.
func namespaceNotOurs(tenant delivery.Tenant) delivery.Observation {
	return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonNamespaceNotOurs, Message: fmt.Sprintf(
		"namespace %q exists on cluster %q and was not made by Fairlead: set spec.namespaceOptions.adopt of its environment, or choose another spec.targetNamespace",
		tenant.Namespace, tenant.Cluster)}
}

// namespaceTaken says that a namespace is for another namespace of the hub.
func namespaceTaken(tenant delivery.TenantKey, source string) delivery.Observation {
	return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
		"namespace %q on cluster %q belongs to applications of namespace %q: choose another spec.targetNamespace",
		tenant.Namespace, tenant.Cluster, bounded(source))}
}

// namespaceMissing says that nobody has made the namespace yet.
func namespaceMissing(tenant delivery.Tenant) delivery.Observation {
	return delivery.Observation{State: delivery.Waiting, Message: fmt.Sprintf(
		"namespace %q does not exist on cluster %q, and spec.namespaceOptions.create of its environment is false: waiting for somebody to create it",
		tenant.Namespace, tenant.Cluster)}
}
