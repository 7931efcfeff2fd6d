// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// annotationCreatedBy marks namespaces that an environment created. Only these
// are ever removed again.
const (
	annotationCreatedBy = "fairlead.dev/created-by"
	createdByEnv        = "fairlead_environment"
)

// hubNamespaces creates and removes the namespaces of applications on the hub.
type hubNamespaces struct {
	client *hub.Client
	hub    *Hub
}

// namespaceKind is the kind of a namespace.
func namespaceKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Namespace") }

// create makes those of the namespaces that do not exist. One that is on its way
// out is waited for.
func (n hubNamespaces) create(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := n.createOne(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// createOne makes one namespace. What exists stays as it is.
func (n hubNamespaces) createOne(ctx context.Context, name string) error {
	key := types.NamespacedName{Name: name}
	existing, err := n.client.Get(ctx, namespaceKind(), key)
	if err == nil && existing.GetDeletionTimestamp() == nil {
		return nil
	}
	if err != nil && !hub.IsNotFound(err) {
		return err
	}
	if existing != nil {
		if _, err := n.client.WaitGone(ctx, namespaceKind(), key, existing.GetUID()); err != nil {
			return err
		}
	}
	namespace := &unstructured.Unstructured{}
	namespace.SetGroupVersionKind(namespaceKind())
	namespace.SetName(name)
	namespace.SetLabels(n.hub.labels(nil))
	namespace.SetAnnotations(map[string]string{annotationCreatedBy: createdByEnv})
	_, err = n.client.Apply(ctx, namespace, hub.ApplyOptions{})
	return err
}

// removeEmpty removes those of the namespaces that an environment created, that
// no other environment asks for and that hold nothing. It warns about what stays.
func (n hubNamespaces) removeEmpty(ctx context.Context, names []string, diags *diag.Diagnostics) {
	for _, name := range names {
		left, err := n.removeOne(ctx, name)
		if err != nil {
			diags.AddWarning("Namespace left on the hub", fmt.Sprintf("The namespace %q was created for the environment and could not be removed: %s", name, err))
			continue
		}
		if len(left) > 0 {
			diags.AddWarning("Namespace left on the hub", fmt.Sprintf("The namespace %q was created for the environment and still holds %s. Remove it when it is not needed: kubectl delete namespace %s",
				name, summarize(left), name))
		}
	}
}

// removeOne removes one namespace and returns what it holds if it does hold anything.
func (n hubNamespaces) removeOne(ctx context.Context, name string) ([]string, error) {
	key := types.NamespacedName{Name: name}
	existing, err := n.client.Get(ctx, namespaceKind(), key)
	if hub.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if existing.GetAnnotations()[annotationCreatedBy] != createdByEnv {
		return nil, nil
	}
	wanted, err := n.wantedElsewhere(ctx, name)
	if err != nil || wanted {
		return nil, err
	}
	left, err := n.client.Contents(ctx, name)
	if err != nil || len(left) > 0 {
		return left, err
	}
	// Once more: to look at what it holds takes a while, in which the same apply may have
	// written an environment that the namespace goes to.
	if wanted, err := n.wantedElsewhere(ctx, name); err != nil || wanted {
		return nil, err
	}
	if err := n.client.Delete(ctx, namespaceKind(), key, existing.GetUID()); err != nil {
		return nil, err
	}
	_, err = n.client.WaitGone(ctx, namespaceKind(), key, existing.GetUID())
	return nil, err
}

// isLeft says that an environment created a namespace that no environment asks for any
// more. What cannot be read is not said to be left.
func (n hubNamespaces) isLeft(ctx context.Context, name string) bool {
	existing, err := n.client.Get(ctx, namespaceKind(), types.NamespacedName{Name: name})
	if err != nil || existing.GetDeletionTimestamp() != nil || existing.GetAnnotations()[annotationCreatedBy] != createdByEnv {
		return false
	}
	wanted, err := n.wantedElsewhere(ctx, name)
	return err == nil && !wanted
}

// wantedElsewhere says whether an environment that stays asks for the namespace, whether or
// not it would create it.
func (n hubNamespaces) wantedElsewhere(ctx context.Context, name string) (bool, error) {
	environments, err := n.client.List(ctx, v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind), "", "")
	if hub.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(environments, func(environment unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedStringSlice(environment.Object, "spec", "applicationNamespaces", "names")
		return environment.GetDeletionTimestamp() == nil && slices.Contains(names, name)
	}), nil
}

// summarize names the first few of many.
func summarize(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
