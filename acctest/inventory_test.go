// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// inventory lists what carries our labels on the hub and on every cluster, of whatever kind, with what holds it.
// Namespaces are left out: they stay by design, since they may hold what is not ours.
func (f *fleet) inventory(ctx context.Context) ([]string, error) {
	var all []string
	for _, name := range f.names() {
		found, err := labelled(ctx, f.plane(name))
		if err != nil {
			return nil, fmt.Errorf("list what is on %s: %w", name, err)
		}
		for _, object := range found {
			all = append(all, name+": "+object)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// labelled lists the objects of a control plane that carry a label of ours. What is in a namespace that is being deleted is
// left out: it goes whatever the addon does, at a time that Kubernetes chooses.
func labelled(ctx context.Context, plane *cluster.ControlPlane) ([]string, error) {
	kinds, err := listableKinds(plane)
	if err != nil {
		return nil, err
	}
	config := plane.RESTConfig()
	config.WarningHandler = rest.NoWarnings{} // of kinds that are deprecated and listed all the same
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	type labelledObject struct{ namespace, text string }
	var found []labelledObject
	for _, kind := range kinds {
		for _, selector := range selectorsOf(kind) {
			list, err := client.Resource(kind).List(ctx, metav1.ListOptions{LabelSelector: selector})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", kind, err)
			}
			for i := range list.Items {
				found = append(found, labelledObject{list.Items[i].Namespace, describe(kind, &list.Items[i])})
			}
		}
	}
	living, err := livingNamespaces(ctx, client)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, object := range found {
		if object.namespace == "" || living.Has(object.namespace) {
			texts = append(texts, object.text)
		}
	}
	return texts, nil
}

// livingNamespaces are the namespaces that are not being deleted. They are listed after the objects in them, so that a
// namespace whose deletion began meanwhile counts as one.
func livingNamespaces(ctx context.Context, client metadata.Interface) (sets.Set[string], error) {
	list, err := client.Resource(namespaces).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	living := sets.New[string]()
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			living.Insert(list.Items[i].Name)
		}
	}
	return living, nil
}

// selectorsOf are the labels by which ours are found among the objects of a kind. What is ours alone to write is listed as a whole.
func selectorsOf(kind schema.GroupVersionResource) []string {
	if slices.Contains([]string{"manifestworks", "appliedmanifestworks", "placements", "placementdecisions", "managedclustersetbindings"}, kind.Resource) {
		return []string{""}
	}
	return []string{v1alpha1.LabelManagedBy + "=" + v1alpha1.LabelManagedByValue, v1beta1.LabelAppName}
}

func describe(kind schema.GroupVersionResource, object *metav1.PartialObjectMetadata) string {
	text := fmt.Sprintf("%s %s/%s", kind.GroupResource(), object.Namespace, object.Name)
	if object.DeletionTimestamp != nil {
		text += fmt.Sprintf(" (being deleted, finalizers %q)", object.Finalizers)
	}
	return text
}

// listableKinds are the kinds of a control plane that can be listed, without those that come and go by themselves.
func listableKinds(plane *cluster.ControlPlane) ([]schema.GroupVersionResource, error) {
	client, err := discovery.NewDiscoveryClientForConfig(plane.RESTConfig())
	if err != nil {
		return nil, err
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		return nil, err
	}
	var kinds []schema.GroupVersionResource
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, kind := range list.APIResources {
			if !slices.Contains([]string{"namespaces", "events", "componentstatuses"}, kind.Name) {
				kinds = append(kinds, version.WithResource(kind.Name))
			}
		}
	}
	return kinds, nil
}

// leavesNothing notes what is there now, and checks after a destroy that nothing else is.
func (f *fleet) leavesNothing(t *testing.T) resource.TestCheckFunc {
	t.Helper()
	before, err := f.inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(*terraform.State) error {
		// Kubernetes' garbage collector follows the objects that the addon has removed.
		return waitUntil(patience, "what was delivered to be gone", func() error {
			after, err := f.inventory(context.Background())
			if err != nil {
				return err
			}
			// What an earlier test left behind may go meanwhile.
			left := slices.DeleteFunc(after, func(object string) bool { return slices.Contains(before, object) })
			if len(left) > 0 {
				return fmt.Errorf("what was not there before: %s", strings.Join(left, "\n"))
			}
			return nil
		})
	}
}
