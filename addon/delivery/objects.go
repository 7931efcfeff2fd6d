// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"maps"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// WithRevision is the content of an object with the annotation that carries the
// digest of that content, by which a reader tells which version it looks at.
// The object itself stays as it is.
func WithRevision(object render.Object) map[string]any {
	return WithAnnotation(object.Content, v1alpha1.AnnotationRevision, object.Digest())
}

// WithAnnotation is content with an annotation. The content itself stays as it is.
func WithAnnotation(content map[string]any, key, value string) map[string]any {
	return withMetadata(content, "annotations", key, value)
}

// WithOwner is content with the label that proves to which application it belongs.
func WithOwner(content map[string]any, owner Owner) map[string]any {
	return withMetadata(content, "labels", v1alpha1.LabelApplicationUID, string(owner.UID))
}

func withMetadata(content map[string]any, field, key, value string) map[string]any {
	metadata, _ := content["metadata"].(map[string]any)
	values, _ := metadata[field].(map[string]any)
	values = cloneOrMake(values)
	values[key] = value
	metadata = cloneOrMake(metadata)
	metadata[field] = values
	content = cloneOrMake(content)
	content["metadata"] = metadata
	return content
}

func cloneOrMake(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// NamespaceObject is the namespace of a tenant.
func NamespaceObject(tenant Tenant) map[string]any {
	labels := map[string]any{}
	for k, v := range tenant.Labels {
		labels[k] = v
	}
	// Ours win: by them a namespace is told from somebody else's.
	maps.Copy(labels, tenant.ownLabels())
	metadata := map[string]any{"name": tenant.Namespace, "labels": labels}
	if len(tenant.Annotations) > 0 {
		annotations := map[string]any{}
		for k, v := range tenant.Annotations {
			annotations[k] = v
		}
		metadata["annotations"] = annotations
	}
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
}

// AccountObjects are the deployer account of a tenant and the binding that gives it its rights.
func AccountObjects(tenant Tenant) []map[string]any {
	metadata := func() map[string]any {
		return map[string]any{"name": v1alpha1.DeployerAccount, "namespace": tenant.Namespace, "labels": tenant.ownLabels()}
	}
	account := map[string]any{
		"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(),
		// The account is only ever checked or impersonated: no pod runs as it.
		"automountServiceAccountToken": false,
	}
	binding := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata(),
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": tenant.Role},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": v1alpha1.DeployerAccount, "namespace": tenant.Namespace}},
	}
	return []map[string]any{account, binding}
}

// ClusterBinding is the name of the RoleBinding that gives the deployer account a
// role on a managed cluster. Another role has another name: no API server lets the
// role of a binding change, and by two names an agent makes the new one before it
// removes the old one.
func ClusterBinding(role string) string {
	if role == v1alpha1.DeployerRole {
		return v1alpha1.DeployerAccount
	}
	return v1alpha1.DeployerAccount + "-" + role
}

// ClusterAccountObjects are AccountObjects as a managed cluster gets them.
func ClusterAccountObjects(tenant Tenant) []map[string]any {
	objects := AccountObjects(tenant)
	for _, object := range objects {
		if metadata, ok := object["metadata"].(map[string]any); ok && object["kind"] == "RoleBinding" {
			metadata["name"] = ClusterBinding(tenant.Role)
		}
	}
	return objects
}

// LabelSourceNamespace is, on the objects of a tenant, the hub namespace that delivers there.
const LabelSourceNamespace = "fairlead.dev/source-namespace"

func (t Tenant) ownLabels() map[string]any {
	return map[string]any{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, LabelSourceNamespace: t.SourceNamespace}
}
