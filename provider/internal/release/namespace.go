// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// createdBy is the annotation of a namespace that the installation made, and may remove.
const createdBy = "fairlead.dev/created-by"

var (
	namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")
	leaseKind     = schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}
)

// ensureNamespace makes the namespace unless it exists. One that is going is waited for.
func (i *Installer) ensureNamespace(ctx context.Context) error {
	key := types.NamespacedName{Name: i.namespace}
	live, err := i.hub.Get(ctx, namespaceKind, key)
	if err == nil && live.GetDeletionTimestamp() == nil {
		return nil
	}
	if err == nil {
		_, err = i.hub.WaitGone(ctx, namespaceKind, key, live.GetUID())
	}
	if err != nil && !hub.IsNotFound(err) {
		return err
	}
	namespace := &unstructured.Unstructured{}
	namespace.SetGroupVersionKind(namespaceKind)
	namespace.SetName(i.namespace)
	namespace.SetAnnotations(map[string]string{createdBy: hub.FieldManager})
	namespace.SetLabels(map[string]string{
		"app.kubernetes.io/part-of":          "fairlead",
		"pod-security.kubernetes.io/enforce": "restricted",
	})
	_, err = i.hub.Apply(ctx, namespace, hub.ApplyOptions{Force: true})
	return err
}

// removeNamespace removes the namespace if the installation made it and nothing
// of anybody is left in it. It returns why it is kept.
func (i *Installer) removeNamespace(ctx context.Context) (string, error) {
	key := types.NamespacedName{Name: i.namespace}
	live, err := i.hub.Get(ctx, namespaceKind, key)
	if hub.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if live.GetAnnotations()[createdBy] != hub.FieldManager {
		return "", nil
	}
	if err := i.hub.Delete(ctx, leaseKind, types.NamespacedName{Namespace: i.namespace, Name: addonchart.Lease}, ""); err != nil {
		return "", err
	}
	left, err := i.contents(ctx)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return fmt.Sprintf("Namespace %s: it holds %s", i.namespace, enumerate(left)), nil
	}
	if err := i.hub.Delete(ctx, namespaceKind, key, live.GetUID()); err != nil {
		return "", err
	}
	_, err = i.hub.WaitGone(ctx, namespaceKind, key, live.GetUID())
	return "", err
}

// contents names what is left in the namespace, apart from what every namespace has.
func (i *Installer) contents(ctx context.Context) ([]string, error) {
	client, err := discovery.NewDiscoveryClientForConfig(i.hub.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the discovery client of the hub: %w", err)
	}
	lists, err := client.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("find the kinds that the namespace %q may hold: %w", i.namespace, err)
	}
	var left []string
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("discovery of the hub: %w", err)
		}
		for _, resource := range list.APIResources {
			named, err := i.contentsOf(ctx, version.WithResource(resource.Name), resource.Kind)
			if err != nil {
				return nil, err
			}
			left = append(left, named...)
		}
	}
	slices.Sort(left)
	return slices.Compact(left), nil
}

// contentsOf names the objects of one kind in the namespace.
func (i *Installer) contentsOf(ctx context.Context, resource schema.GroupVersionResource, kind string) ([]string, error) {
	if byproduct(kind) {
		return nil, nil
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := i.meta.Resource(resource).Namespace(i.namespace).List(bounded, metav1.ListOptions{Limit: pageSize})
	if err != nil {
		return nil, fmt.Errorf("list %s in the namespace %q: %w", resource.GroupResource(), i.namespace, err)
	}
	var names []string
	for _, item := range list.Items {
		if !standard(kind, item) {
			names = append(names, kind+" "+item.Name)
		}
	}
	return names, nil
}

// byproduct says whether objects of the kind follow from others.
func byproduct(kind string) bool {
	return kind == "Event" || kind == "Endpoints" || kind == "EndpointSlice"
}

// standard says whether every namespace has the object, or whether it goes with another.
func standard(kind string, item metav1.PartialObjectMetadata) bool {
	switch {
	case len(item.OwnerReferences) > 0 || item.DeletionTimestamp != nil:
		return true
	case kind == "ConfigMap":
		return item.Name == "kube-root-ca.crt" || item.Name == "openshift-service-ca.crt"
	case kind == "ServiceAccount":
		return item.Name == "default"
	case kind == "Secret":
		return strings.HasPrefix(item.Name, "default-token-")
	}
	return false
}
