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

// CacheOptions say how delivered objects are cached: only ours, without what is never read.
func CacheOptions() cache.ByObject {
	return cache.ByObject{
		Label:     labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}),
		Transform: strip,
	}
}

func strip(object any) (any, error) {
	live, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	if live.GetAnnotations()[observedDigest] != "" {
		return live, nil
	}
	digest := contentDigest(live.Object)
	live.SetManagedFields(nil)
	annotations := live.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[observedDigest] = digest
	live.SetAnnotations(annotations)
	return live, nil
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
