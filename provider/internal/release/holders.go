// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

const (
	// pageSize is how many objects one request of a list returns at most.
	pageSize = 500
	// named is how many objects an error names before it counts the rest.
	named = 10
)

// holder is an object that needs the addon as long as it exists.
type holder struct {
	metav1.PartialObjectMetadata
	kind     string
	resource schema.GroupVersionResource
}

// String names the holder, such as "Application shop/web".
func (h holder) String() string { return h.kind + " " + nameOf(h.Namespace, h.Name) }

// holders are the objects that need the addon, sorted by what they stand for.
type holders struct {
	// kept are not being deleted: somebody wants them.
	kept []holder
	// shipped are the chart's own, not being deleted yet.
	shipped []holder
	// going are being deleted, and wait for the addon.
	going []holder
	// applications is how many of all are Applications.
	applications int
}

// findHolders lists the objects that need the addon.
func (i *Installer) findHolders(ctx context.Context) (holders, error) {
	var found holders
	mode, err := i.mode(ctx)
	if err != nil {
		return found, err
	}
	applications := v1beta1.GroupVersion.WithResource("applications")
	items, err := i.list(ctx, applications)
	if err != nil {
		return found, err
	}
	for _, item := range items {
		if handled(item, mode) {
			found.add(holder{PartialObjectMetadata: item, kind: "Application", resource: applications})
			found.applications++
		}
	}
	for kind, plural := range map[string]string{"Environment": "environments", "ClusterBinding": "clusterbindings"} {
		resource := v1alpha1.GroupVersion.WithResource(plural)
		items, err := i.list(ctx, resource)
		if err != nil {
			return found, err
		}
		for _, item := range items {
			found.add(holder{PartialObjectMetadata: item, kind: kind, resource: resource})
		}
	}
	return found, nil
}

// handled says whether the Application is the addon's, by the rule that the addon follows.
func handled(item metav1.PartialObjectMetadata, mode Mode) bool {
	wanted := item.Annotations[v1beta1.AnnotationControllerRequirement]
	return wanted == v1beta1.ControllerName || (wanted == "" && mode == Exclusive)
}

// add puts the holder where it belongs.
func (f *holders) add(h holder) {
	switch {
	case h.DeletionTimestamp != nil:
		f.going = append(f.going, h)
	case shipped(h):
		f.shipped = append(f.shipped, h)
	default:
		f.kept = append(f.kept, h)
	}
}

// shipped says whether the object came with the chart.
func shipped(h holder) bool {
	return h.kind != "Application" && h.Annotations["meta.helm.sh/release-name"] == Name
}

// list reads the metadata of all objects of a resource; none if the hub does not serve it.
func (i *Installer) list(ctx context.Context, resource schema.GroupVersionResource) ([]metav1.PartialObjectMetadata, error) {
	return i.listSelected(ctx, resource, "", "")
}

// listSelected is list in one namespace, for what a label selector selects.
func (i *Installer) listSelected(ctx context.Context, resource schema.GroupVersionResource, namespace, selector string) ([]metav1.PartialObjectMetadata, error) {
	var items []metav1.PartialObjectMetadata
	options := metav1.ListOptions{Limit: pageSize, LabelSelector: selector}
	for {
		page, err := i.listPage(ctx, resource, namespace, options)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.GroupResource(), err)
		}
		items = append(items, page.Items...)
		if page.Continue == "" {
			return items, nil
		}
		options.Continue = page.Continue
	}
}

// listPage reads one page within the bound of a request.
func (i *Installer) listPage(ctx context.Context, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) (*metav1.PartialObjectMetadataList, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return i.meta.Resource(resource).Namespace(namespace).List(bounded, options)
}

// nameOf returns namespace/name, or the name alone of what has no namespace.
func nameOf(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// describe names holders for a message, one per line, in a stable order.
func describe(list []holder) string {
	var lines []string
	for _, h := range list {
		line := "  " + h.String()
		if h.DeletionTimestamp != nil && len(h.Finalizers) > 0 {
			line += " (waits for " + strings.Join(h.Finalizers, ", ") + ")"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if len(lines) > named {
		lines = append(lines[:named], fmt.Sprintf("  and %d more", len(lines)-named))
	}
	return strings.Join(lines, "\n")
}

// enumerate names things in one line.
func enumerate(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:named], ", ") + fmt.Sprintf(" and %d more", len(names)-named)
}
