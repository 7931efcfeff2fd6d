// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// What is kept of metadata that a cluster may write, of its works and of its own
// ManagedCluster. Labels and finalizers of others are written back with a work, so
// that as many are kept as anybody in earnest has.
const (
	// maxLabels is how many labels are kept beside those that are read.
	maxLabels = 64
	// maxClusterLabels is how many labels are kept of a ManagedCluster.
	maxClusterLabels = 256
	// maxFinalizers is how many finalizers are kept beside that of the agent.
	maxFinalizers = 8
	// maxName is how many bytes a key, or the name of a finalizer, can have.
	maxName = 317
)

// observedStatus is an annotation that exists only in the cache, like observedDigest:
// the digest of what a cluster reported of itself.
const observedStatus = "fairlead.dev/observed status"

// readLabels are the labels of works that are read.
var readLabels = []string{
	v1alpha1.LabelManagedBy, LabelPurpose, LabelTargetNamespace, LabelIndex, labelRights, v1alpha1.LabelReapply, delivery.LabelSourceNamespace,
	v1alpha1.LabelApplicationUID, v1alpha1.LabelEnvironment, v1beta1.LabelAppName, v1beta1.LabelAppNamespace, v1beta1.LabelAppComponent,
}

// boundedMeta is what is kept of a work's metadata, but for its annotations.
func boundedMeta(work *metav1.ObjectMeta) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{
		Name: work.Name, Namespace: work.Namespace, UID: work.UID, ResourceVersion: work.ResourceVersion, Generation: work.Generation,
		CreationTimestamp: work.CreationTimestamp, DeletionTimestamp: work.DeletionTimestamp, DeletionGracePeriodSeconds: work.DeletionGracePeriodSeconds,
		Labels: boundedLabels(work.Labels, readLabels, maxLabels), Finalizers: boundedFinalizers(work.Finalizers),
	}
	if len(work.OwnerReferences) > 0 {
		kept.OwnerReferences = []metav1.OwnerReference{{}} // that there is one is all that is read
	}
	return kept
}

// boundedLabels are those of certain keys, and as many of others.
func boundedLabels(labels map[string]string, keys []string, most int) map[string]string {
	if labels == nil {
		return nil
	}
	kept := make(map[string]string, min(len(labels), len(keys)+most))
	for _, key := range keys {
		if value, ok := labels[key]; ok {
			kept[key] = cutAt(value, maxText)
		}
	}
	others := labels
	if len(labels) > most {
		others = maps.Clone(labels)
		maps.DeleteFunc(others, func(key, _ string) bool { return slices.Contains(keys, key) })
		for _, key := range slices.Sorted(maps.Keys(others))[min(len(others), most):] {
			delete(others, key)
		}
	}
	for key, value := range others {
		if _, has := kept[key]; !has {
			kept[cutAt(key, maxName)] = cutAt(value, maxText)
		}
	}
	return kept
}

func boundedFinalizers(finalizers []string) []string {
	var kept []string
	others := 0
	for _, name := range finalizers {
		if name != workv1.ManifestWorkFinalizer {
			if others++; others > maxFinalizers {
				continue
			}
		}
		kept = append(kept, cutAt(name, maxName))
	}
	return kept
}

// cutAt is at most the beginning of a text, which does not hold on to the memory of all of it.
func cutAt(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.Clone(text[:most])
}

// stripCluster keeps of a ManagedCluster what is read of it. The cluster itself
// writes its labels, its annotations and what its status says.
func stripCluster(object any) (any, error) {
	cluster, ok := object.(*clusterv1.ManagedCluster)
	if !ok || cluster.Annotations[observedStatus] != "" {
		return object, nil
	}
	kept := &clusterv1.ManagedCluster{TypeMeta: cluster.TypeMeta, ObjectMeta: boundedMeta(&cluster.ObjectMeta)}
	kept.Labels = boundedLabels(cluster.Labels, nil, maxClusterLabels)
	kept.Annotations = map[string]string{observedStatus: statusDigest(&cluster.Status)}
	kept.Spec.HubAcceptsClient, kept.Spec.LeaseDurationSeconds = cluster.Spec.HubAcceptsClient, cluster.Spec.LeaseDurationSeconds
	kept.Status.Version.Kubernetes = short(cluster.Status.Version.Kubernetes)
	if condition := meta.FindStatusCondition(cluster.Status.Conditions, clusterv1.ManagedClusterConditionAvailable); condition != nil {
		kept.Status.Conditions = []metav1.Condition{{
			Type: clusterv1.ManagedClusterConditionAvailable, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime,
		}}
	}
	return kept, nil
}

// statusDigest tells two reports of a cluster on itself apart. What the hub writes
// there is no part of it: that is in conditions.
func statusDigest(status *clusterv1.ManagedClusterStatus) string {
	reported := *status
	reported.Conditions = nil
	raw, err := json.Marshal(reported)
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:16]
}

// observedOf is the digest of what a cluster reported of itself, from the cache or whole.
func observedOf(cluster *clusterv1.ManagedCluster) string {
	if digest := cluster.Annotations[observedStatus]; digest != "" {
		return digest
	}
	return statusDigest(&cluster.Status)
}
