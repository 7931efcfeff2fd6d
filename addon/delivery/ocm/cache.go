// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps to the case of names
	"k8s.io/utils/ptr"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// observedDigest is an annotation that exists only in the cache: the digest of
// the spec as the API server has it, by which an edit by somebody else shows. The
// API server would refuse the blank in the key, so nobody can forge it.
const observedDigest = "fairlead.dev/observed hash"

// The indexes of cached works.
const (
	indexOwner    = "fairlead.owner"    // UID of the application, and its namespace and name
	indexTenant   = "fairlead.tenant"   // cluster/namespace of application works
	indexSource   = "fairlead.source"   // hub namespace of tenant works
	indexManifest = "fairlead.manifest" // cluster and identity of each delivered object
	indexUnit     = "fairlead.unit"     // cluster, application, component and environment
	indexLeft     = "fairlead.left"     // hub namespace, and environment, of works that were left
)

// CacheOptions say how OCM's kinds are cached: of works only ours and without
// their payload, of clusters what is read, of the others only those in our namespace. What is read from the
// cache is the cache's own and must not be changed: a copy of each work, for each
// look at an application on all its clusters, costs more than all else.
func CacheOptions(digests *Digests) map[client.Object]cache.ByObject {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue})
	uncopied := ptr.To(true)
	return map[client.Object]cache.ByObject{
		&workv1.ManifestWork{}:                     {Label: ours, Transform: digests.stripWork, UnsafeDisableDeepCopy: uncopied},
		&clusterv1.ManagedCluster{}:                {Transform: stripCluster, UnsafeDisableDeepCopy: uncopied},
		&clusterv1beta1.Placement{}:                {Namespaces: inSystemNamespace(), UnsafeDisableDeepCopy: uncopied},
		&clusterv1beta1.PlacementDecision{}:        {Namespaces: inSystemNamespace(), UnsafeDisableDeepCopy: uncopied},
		&clusterv1beta2.ManagedClusterSetBinding{}: {Namespaces: inSystemNamespace(), UnsafeDisableDeepCopy: uncopied},
	}
}

func inSystemNamespace() map[string]cache.Config {
	return map[string]cache.Config{v1alpha1.SystemNamespace: {}}
}

// stripWork replaces the manifests of a work by their identities and how they are
// treated, and keeps the digest of what was there: the payload is never read from the cache, and it
// may hold secrets.
func (d *Digests) stripWork(object any) (any, error) {
	work, ok := object.(*workv1.ManifestWork)
	if !ok || work.Annotations[observedDigest] != "" {
		return object, nil
	}
	digest, err := d.of(work.Spec)
	if err != nil {
		// A work that cannot be read differs from any that is wanted, and is rewritten.
		digest = "unreadable"
	}
	stripped := &workv1.ManifestWork{TypeMeta: work.TypeMeta, ObjectMeta: boundedMeta(&work.ObjectMeta)}
	stripped.Annotations = map[string]string{v1alpha1.AnnotationHash: cutAt(work.Annotations[v1alpha1.AnnotationHash], maxText), observedDigest: digest}
	keepTimes(stripped, work)
	spec, ok := stripSpec(&work.Spec)
	if !ok {
		stripped.Annotations[observedDigest] = "too much"
	}
	stripped.Spec = spec
	noteShared(stripped)
	stripped.Status = boundedStatus(stripped, work.Spec.ManifestConfigs, &work.Status)
	return stripped, nil
}

// What is kept of the objects of a work, which its cluster may write. No work of ours has as much.
const (
	// maxManifests is how many objects a work may have.
	maxManifests = 1024
	// maxKept is how many bytes may tell which objects those are and how they are
	// treated. Ours and what is said of them take a fifth more than maxWork at most;
	// the names of those that are to stay come on top.
	maxKept = 2 * maxWork
)

// stripSpec is what is kept of a work's spec. Of one that only its cluster can have
// made as large as it is nothing is, so that it is written again.
func stripSpec(spec *workv1.ManifestWorkSpec) (workv1.ManifestWorkSpec, bool) {
	kept := &workv1.ManifestWork{}
	if len(spec.Workload.Manifests) > maxManifests {
		return kept.Spec, false
	}
	for _, manifest := range spec.Workload.Manifests {
		kept.Spec.Workload.Manifests = append(kept.Spec.Workload.Manifests, workv1.Manifest{
			RawExtension: runtime.RawExtension{Raw: stripManifest(manifest.Raw)},
		})
	}
	kept.Spec.ManifestConfigs, kept.Spec.DeleteOption = spec.ManifestConfigs, spec.DeleteOption
	callUsually(kept) // which leaves no more of them than there are objects
	kept.Spec.ManifestConfigs = stripConfigs(kept.Spec.ManifestConfigs)
	if len(rulesOf(kept)) > maxManifests || keptBytes(kept) > maxKept {
		return workv1.ManifestWorkSpec{}, false
	}
	return kept.Spec, true
}

// keptBytes is how long all texts are that are kept of a work's spec.
func keptBytes(work *workv1.ManifestWork) int {
	size := 0
	for _, manifest := range work.Spec.Workload.Manifests {
		size += len(manifest.Raw)
	}
	add := func(id workv1.ResourceIdentifier) {
		size += len(id.Group) + len(id.Resource) + len(id.Namespace) + len(id.Name)
	}
	for i := range work.Spec.ManifestConfigs {
		add(work.Spec.ManifestConfigs[i].ResourceIdentifier)
	}
	for _, rule := range rulesOf(work) {
		add(workv1.ResourceIdentifier(rule))
	}
	return size
}

// metadataOnly is what the cache keeps of a manifest: which object it is, and
// what says how it is treated.
type metadataOnly struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace,omitempty"`
		ResourceVersion string            `json:"resourceVersion,omitempty"`
		Annotations     map[string]string `json:"annotations,omitempty"`
	} `json:"metadata"`
}

// keptAnnotations are those of delivered objects that say how they are treated.
var keptAnnotations = []string{v1alpha1.AnnotationRevision, delivery.AnnotationHeld, delivery.AnnotationRecreate, delivery.AnnotationRemoval, delivery.AnnotationSharedBy,
	delivery.AnnotationDependsOn}

func stripManifest(raw []byte) []byte {
	var object metadataOnly
	if err := json.Unmarshal(raw, &object); err != nil {
		return []byte(`{}`)
	}
	all := object.Metadata.Annotations
	object.Metadata.Annotations = nil
	for _, key := range keptAnnotations {
		if value, ok := all[key]; ok {
			if object.Metadata.Annotations == nil {
				object.Metadata.Annotations = map[string]string{}
			}
			object.Metadata.Annotations[key] = value
		}
	}
	identity, err := json.Marshal(object)
	if err != nil {
		return []byte(`{}`)
	}
	return identity
}

// stripConfigs keeps how each object is written, and not what is fed back of it.
func stripConfigs(configs []workv1.ManifestConfigOption) []workv1.ManifestConfigOption {
	var stripped []workv1.ManifestConfigOption
	for i := range configs {
		config := workv1.ManifestConfigOption{ResourceIdentifier: configs[i].ResourceIdentifier}
		if strategy := configs[i].UpdateStrategy; strategy != nil {
			if strategy.Type == workv1.UpdateStrategyTypeServerSideApply {
				continue // which is the usual, and not worth its memory
			}
			config.UpdateStrategy = &workv1.UpdateStrategy{Type: strategy.Type}
		}
		stripped = append(stripped, config)
	}
	return stripped
}

// identities are the objects in a work, whole or stripped.
func identities(work *workv1.ManifestWork) []workv1.ResourceIdentifier {
	all := heads(work)
	ids := make([]workv1.ResourceIdentifier, len(all))
	for i := range all {
		ids[i] = all[i].id
	}
	return ids
}

// head is which object a manifest is, of which revision, and whether it is a probe.
type head struct {
	id       workv1.ResourceIdentifier
	revision string
	probe    bool
}

// heads are those of the manifests of a work, whole or stripped. They are read for each
// look at a work, so that no more is made of a manifest than they need.
func heads(work *workv1.ManifestWork) []head {
	list := make([]head, 0, len(work.Spec.Workload.Manifests))
	for _, manifest := range work.Spec.Workload.Manifests {
		var object struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name            string `json:"name"`
				Namespace       string `json:"namespace"`
				ResourceVersion string `json:"resourceVersion"`
				Annotations     struct {
					Revision string `json:"fairlead.dev/revision"` // v1alpha1.AnnotationRevision
				} `json:"annotations"`
			} `json:"metadata"`
		}
		if err := exactjson.Unmarshal(manifest.Raw, &object); err == nil {
			id := identifier(object.APIVersion, object.Kind, object.Metadata.Namespace, object.Metadata.Name)
			list = append(list, head{id, object.Metadata.Annotations.Revision, object.Metadata.ResourceVersion == neverVersion})
			continue
		}
		var content map[string]any // in which something is of another type
		if err := json.Unmarshal(manifest.Raw, &content); err != nil {
			continue // it cannot be any of the wanted objects
		}
		list = append(list, head{identify(content), annotation(content, v1alpha1.AnnotationRevision), isProbe(content)})
	}
	return list
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
		indexUnit:     unitKeys,
		indexLeft:     leftKeys,
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

// ownerKeys tells UIDs and names apart: no UID has a slash.
func ownerKeys(work *workv1.ManifestWork) []string {
	if purpose := work.Labels[LabelPurpose]; purpose != PurposeApplication && purpose != PurposeKeep {
		return nil
	}
	keys := []string{nameIndexKey(work.Labels[v1beta1.LabelAppNamespace], work.Labels[v1beta1.LabelAppName])}
	if uid := work.Labels[v1alpha1.LabelApplicationUID]; uid != "" {
		keys = append(keys, uid)
	}
	return keys
}

func nameIndexKey(namespace, name string) string { return namespace + "/" + name }

func tenantKeys(work *workv1.ManifestWork) []string {
	if !holdsObjects(work) {
		return nil
	}
	return []string{tenantIndexKey(work.Namespace, work.Labels[LabelTargetNamespace])}
}

func unitKeys(work *workv1.ManifestWork) []string {
	key := unitIndexKey(work.Namespace, work.Labels)
	switch work.Labels[LabelPurpose] {
	case PurposeApplication:
		return []string{key}
	case PurposeKeep:
		return []string{keepIndexKey(key)}
	}
	return nil
}

func keepIndexKey(unit string) string { return "keep:" + unit }

func unitIndexKey(cluster string, labels map[string]string) string {
	return strings.Join([]string{
		cluster, labels[v1beta1.LabelAppNamespace], labels[v1beta1.LabelAppName], labels[v1beta1.LabelAppComponent], labels[v1alpha1.LabelEnvironment],
	}, "/")
}

func sourceKeys(work *workv1.ManifestWork) []string {
	return labelKey(work, PurposeTenant, delivery.LabelSourceNamespace)
}

func manifestKeys(work *workv1.ManifestWork) []string {
	if !holdsObjects(work) {
		return nil
	}
	keys := make([]string, 0, len(work.Spec.Workload.Manifests))
	for id, at := range phases(work) {
		key := manifestKey(work.Namespace, id)
		switch {
		case at != phaseObserve:
			keys = append(keys, key)
		case noteOf(work, id, delivery.AnnotationSharedBy) != "":
			keys = append(keys, sharerKey(key))
		}
	}
	return keys
}

func labelKey(work *workv1.ManifestWork, purpose, label string) []string {
	if work.Labels[LabelPurpose] != purpose || work.Labels[label] == "" {
		return nil
	}
	return []string{work.Labels[label]}
}
