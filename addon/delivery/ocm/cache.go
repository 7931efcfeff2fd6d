// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// observedDigest is an annotation that exists only in the cache: the digest of
// the spec as the API server has it, by which an edit by somebody else shows. The
// API server would refuse the blank in the key, so nobody can forge it.
const observedDigest = "fairlead.dev/observed hash"

// The indexes of cached works.
const (
	indexOwner    = "fairlead.owner"    // UID of the application
	indexTenant   = "fairlead.tenant"   // cluster/namespace of application works
	indexSource   = "fairlead.source"   // hub namespace of tenant works
	indexManifest = "fairlead.manifest" // cluster and identity of each delivered object
)

// CacheOptions say how OCM's kinds are cached: of works only ours and without
// their payload, of the others only those in our namespace.
func CacheOptions() map[client.Object]cache.ByObject {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue})
	return map[client.Object]cache.ByObject{
		&workv1.ManifestWork{}:                     {Label: ours, Transform: stripWork},
		&clusterv1beta1.Placement{}:                {Namespaces: inSystemNamespace()},
		&clusterv1beta1.PlacementDecision{}:        {Namespaces: inSystemNamespace()},
		&clusterv1beta2.ManagedClusterSetBinding{}: {Namespaces: inSystemNamespace()},
	}
}

func inSystemNamespace() map[string]cache.Config {
	return map[string]cache.Config{v1alpha1.SystemNamespace: {}}
}

// stripWork replaces the manifests of a work by their identities and keeps the
// digest of what was there: the payload is never read from the cache, and it
// may hold secrets.
func stripWork(object any) (any, error) {
	work, ok := object.(*workv1.ManifestWork)
	if !ok || work.Annotations[observedDigest] != "" {
		return object, nil
	}
	digest, err := specDigest(work.Spec)
	if err != nil {
		// A work that cannot be read differs from any that is wanted, and is rewritten.
		digest = "unreadable"
	}
	stripped := &workv1.ManifestWork{TypeMeta: work.TypeMeta, ObjectMeta: work.ObjectMeta}
	stripped.ManagedFields = nil
	stripped.Annotations = map[string]string{v1alpha1.AnnotationHash: work.Annotations[v1alpha1.AnnotationHash], observedDigest: digest}
	for _, manifest := range work.Spec.Workload.Manifests {
		stripped.Spec.Workload.Manifests = append(stripped.Spec.Workload.Manifests, workv1.Manifest{
			RawExtension: runtime.RawExtension{Raw: identityOnly(manifest.Raw)},
		})
	}
	stripped.Status = boundedStatus(stripped, &work.Status)
	return stripped, nil
}

func identityOnly(raw []byte) []byte {
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace,omitempty"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return []byte(`{}`)
	}
	identity, err := json.Marshal(object)
	if err != nil {
		return []byte(`{}`)
	}
	return identity
}

// identities are the objects in a work, whole or stripped.
func identities(work *workv1.ManifestWork) []workv1.ResourceIdentifier {
	ids := make([]workv1.ResourceIdentifier, 0, len(work.Spec.Workload.Manifests))
	for _, content := range contents(work) {
		ids = append(ids, identify(content))
	}
	return ids
}

// contents are the manifests of a work; of a stripped one their identities.
func contents(work *workv1.ManifestWork) []map[string]any {
	list := make([]map[string]any, 0, len(work.Spec.Workload.Manifests))
	for _, manifest := range work.Spec.Workload.Manifests {
		var content map[string]any
		if err := json.Unmarshal(manifest.Raw, &content); err != nil {
			continue // it cannot be any of the wanted objects
		}
		list = append(list, content)
	}
	return list
}

func manifestKey(cluster string, id workv1.ResourceIdentifier) string {
	return cluster + "|" + id.Group + "|" + id.Resource + "|" + id.Namespace + "|" + id.Name
}

func tenantIndexKey(cluster, namespace string) string { return cluster + "/" + namespace }

// IndexFields adds the indexes that Target reads works by.
func IndexFields(ctx context.Context, indexer client.FieldIndexer) error {
	for name, keys := range map[string]func(*workv1.ManifestWork) []string{
		indexOwner:    ownerKeys,
		indexTenant:   tenantKeys,
		indexSource:   sourceKeys,
		indexManifest: manifestKeys,
	} {
		extract := func(object client.Object) []string {
			work, ok := object.(*workv1.ManifestWork)
			if !ok {
				return nil
			}
			return keys(work)
		}
		if err := indexer.IndexField(ctx, &workv1.ManifestWork{}, name, extract); err != nil {
			return err
		}
	}
	return nil
}

func ownerKeys(work *workv1.ManifestWork) []string {
	return labelKey(work, PurposeApplication, v1alpha1.LabelApplicationUID)
}

func tenantKeys(work *workv1.ManifestWork) []string {
	if work.Labels[LabelPurpose] != PurposeApplication {
		return nil
	}
	return []string{tenantIndexKey(work.Namespace, work.Labels[LabelTargetNamespace])}
}

func sourceKeys(work *workv1.ManifestWork) []string {
	return labelKey(work, PurposeTenant, delivery.LabelSourceNamespace)
}

func manifestKeys(work *workv1.ManifestWork) []string {
	if work.Labels[LabelPurpose] != PurposeApplication {
		return nil
	}
	keys := make([]string, 0, len(work.Spec.Workload.Manifests))
	for _, id := range identities(work) {
		keys = append(keys, manifestKey(work.Namespace, id))
	}
	return keys
}

func labelKey(work *workv1.ManifestWork, purpose, label string) []string {
	if work.Labels[LabelPurpose] != purpose || work.Labels[label] == "" {
		return nil
	}
	return []string{work.Labels[label]}
}
