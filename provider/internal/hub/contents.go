// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// contentsLimit is how many objects of each kind Contents looks at: enough to
// name what is left.
const contentsLimit = 20

// settleTime is how long objects that are on their way out are waited for.
const settleTime = 30 * time.Second

// Contents returns what a namespace holds beside what every namespace has, as
// "Kind/name", sorted. Objects that are being deleted or that belong to another
// object are waited for, half a minute at most. It reads names only, and fails
// if any kind cannot be listed: what cannot be seen may be there.
func (c *Client) Contents(ctx context.Context, namespace string) ([]string, error) {
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		lasting, leaving, err := c.contentsNow(ctx, namespace)
		if err != nil || len(lasting) > 0 || len(leaving) == 0 {
			return lasting, err
		}
		if !pause(settling, pollInterval) {
			return leaving, nil
		}
	}
}

// contentsNow tells objects that stay from objects that are on their way out.
func (c *Client) contentsNow(ctx context.Context, namespace string) (lasting, leaving []string, err error) {
	what := attempt{verb: "list the contents of", kind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, name: namespace}
	lists, err := c.discovery.ServerPreferredNamespacedResourcesWithContext(ctx)
	if err != nil {
		return nil, nil, c.failed(ctx, err, what)
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, nil, fmt.Errorf("list the contents of namespace %q: group %q: %w", namespace, list.GroupVersion, err)
		}
		for _, resource := range list.APIResources {
			if !countsAsContent(version, resource) {
				continue
			}
			objects, err := c.contentsOf(ctx, version.WithResource(resource.Name), namespace)
			if err != nil {
				return nil, nil, c.failed(ctx, err, what)
			}
			stay, leave := sortOut(resource.Kind, objects)
			lasting, leaving = append(lasting, stay...), append(leaving, leave...)
		}
	}
	sort.Strings(lasting)
	sort.Strings(leaving)
	return lasting, leaving, nil
}

// countsAsContent leaves out what cannot be listed, what is computed, and
// events, which outlive everything.
func countsAsContent(version schema.GroupVersion, resource metav1.APIResource) bool {
	if strings.Contains(resource.Name, "/") || !slices.Contains(resource.Verbs, "list") || !slices.Contains(resource.Verbs, "delete") {
		return false
	}
	return resource.Kind != "Event" && version.Group != "metrics.k8s.io"
}

// contentsOf reads the first objects of a kind.
func (c *Client) contentsOf(ctx context.Context, resource schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := c.dynamic.Resource(resource).Namespace(namespace).List(bounded, metav1.ListOptions{Limit: contentsLimit})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// sortOut tells which objects stay, and which go by themselves.
func sortOut(kind string, objects []unstructured.Unstructured) (lasting, leaving []string) {
	for _, object := range objects {
		label := kind + "/" + object.GetName()
		switch {
		case inEveryNamespace(kind, object.GetName()):
		case goesByItself(kind, object):
			leaving = append(leaving, label)
		default:
			lasting = append(lasting, label)
		}
	}
	return lasting, leaving
}

// goesByItself says whether the object is being deleted, belongs to another, or
// is kept up by a controller for a Service.
func goesByItself(kind string, object unstructured.Unstructured) bool {
	return object.GetDeletionTimestamp() != nil || len(object.GetOwnerReferences()) > 0 || kind == "Endpoints" || kind == "EndpointSlice"
}

// inEveryNamespace says whether the cluster puts the object into each namespace.
func inEveryNamespace(kind, name string) bool {
	return (kind == "ServiceAccount" && name == "default") || (kind == "ConfigMap" && name == "kube-root-ca.crt")
}
