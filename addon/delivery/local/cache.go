// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/compact"
)

// DefaultKinds are the kinds that are watched on the hub for drift, health and removal.
func DefaultKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "apps", Version: "v1", Kind: "StatefulSet"},
		{Group: "apps", Version: "v1", Kind: "DaemonSet"},
		{Group: "batch", Version: "v1", Kind: "Job"},
		{Group: "batch", Version: "v1", Kind: "CronJob"},
		{Version: "v1", Kind: "Service"},
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	}
}

// observedDigest is an annotation that exists only in the cache: the digest of
// everything in the object that a delivery can set. The API server would refuse
// the blank in the key, so nobody can forge it.
const observedDigest = "fairlead.dev/observed hash"

// indexOwner indexes delivered objects by the UID of their application.
const indexOwner = "fairlead.owner"

// NewObject is an empty object of a kind, as a key for caches and watches.
func NewObject(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object
}

// packedObject is a field of the metadata that exists only in the cache: the whole
// object, packed. No API server keeps a field of metadata that it does not know, so
// nobody can forge it.
const packedObject = "fairlead.dev/packed object"

// CacheOptions say how delivered objects are cached: only ours, without what is never
// read, and packed, since there are thousands of them. What they are found by stands
// beside; unpack gives the rest.
func CacheOptions() cache.ByObject {
	return cache.ByObject{
		Label:     labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}),
		Transform: pack,
	}
}

// listedLabels are those by which objects in the cache are found, and their owners.
func listedLabels() []string {
	return []string{
		v1alpha1.LabelApplicationUID, v1alpha1.LabelEnvironment, v1alpha1.LabelPolicy,
		v1beta1.LabelAppName, v1beta1.LabelAppNamespace, v1beta1.LabelAppComponent, v1beta1.LabelReplicaKey,
	}
}

// pack strips an object, and leaves of it what it is listed by beside its packed form.
func pack(object any) (any, error) {
	live, ok := object.(*unstructured.Unstructured)
	if !ok || isPacked(live) {
		return object, nil
	}
	strip(live)
	packed, ok := compact.Pack(live.Object)
	if !ok {
		return live, nil
	}
	metadata := map[string]any{packedObject: packed}
	for _, field := range []string{"name", "namespace", "uid", "resourceVersion"} {
		if value, _, _ := unstructured.NestedString(live.Object, "metadata", field); value != "" {
			metadata[field] = value
		}
	}
	found := map[string]any{}
	for _, name := range listedLabels() {
		if value, ok, _ := unstructured.NestedString(live.Object, "metadata", "labels", name); ok {
			found[name] = value
		}
	}
	metadata["labels"] = found
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": live.GetAPIVersion(), "kind": live.GetKind(), "metadata": metadata,
	}}, nil
}

func isPacked(object *unstructured.Unstructured) bool {
	_, packed, _ := unstructured.NestedFieldNoCopy(object.Object, "metadata", packedObject)
	return packed
}

// unpack makes the whole of a copy of what the cache holds.
func unpack(object *unstructured.Unstructured) error {
	metadata, _ := object.Object["metadata"].(map[string]any)
	packed, ok := metadata[packedObject].(string)
	if !ok {
		return nil
	}
	content, ok := compact.Unpack(packed)
	if !ok {
		return fmt.Errorf("the packed form of %s %s/%s cannot be read", object.GetKind(), object.GetNamespace(), object.GetName())
	}
	object.Object = content
	return nil
}

// strip leaves out of an object what is never read of it, and notes the digest of its content.
func strip(live *unstructured.Unstructured) {
	if live.GetAnnotations()[observedDigest] != "" {
		return
	}
	digest := contentDigest(live.Object)
	live.SetManagedFields(nil)
	annotations := live.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[observedDigest] = digest
	live.SetAnnotations(annotations)
}

// contentDigest is the digest of an object without what the API server and
// controllers write beside the content: status and system metadata.
func contentDigest(object map[string]any) string {
	content := make(map[string]any, len(object))
	for key, value := range object {
		if key != "status" && key != "metadata" {
			content[key] = value
		}
	}
	metadata, _ := object["metadata"].(map[string]any)
	content["labels"], content["annotations"] = metadata["labels"], metadata["annotations"]
	raw, err := json.Marshal(content)
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:16]
}

// IndexFields adds the indexes that Target reads delivered objects by.
func IndexFields(ctx context.Context, indexer client.FieldIndexer, kinds []schema.GroupVersionKind) error {
	for _, gvk := range kinds {
		if err := indexer.IndexField(ctx, NewObject(gvk), indexOwner, func(object client.Object) []string {
			return []string{object.GetLabels()[v1alpha1.LabelApplicationUID]}
		}); err != nil {
			return fmt.Errorf("index %s by owner: %w", gvk.Kind, err)
		}
	}
	return nil
}
