// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// OwnersIn lists the applications that have objects of an environment on the hub,
// whether they name it or not.
func (t *Target) OwnersIn(ctx context.Context, environment string) ([]types.NamespacedName, error) {
	owners := map[types.NamespacedName]bool{}
	for _, gvk := range t.Kinds {
		list, err := t.listIn(ctx, gvk, environment)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if owner, ok := t.OwnerOf(ctx, &list.Items[i]); ok {
				owners[owner] = true
			}
		}
	}
	if err := t.unwatchedOwners(ctx, environment, owners); err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Keys(owners), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}), nil
}

// unwatchedOwners adds those that have objects of kinds that are not watched.
func (t *Target) unwatchedOwners(ctx context.Context, environment string, owners map[types.NamespacedName]bool) error {
	found, err := t.inventoriesOf(ctx, "")
	if err != nil {
		return err
	}
	for key, entries := range found {
		if !listsAny(entries, delivery.Place{Environment: environment, Cluster: v1alpha1.LocalCluster, Namespace: key.namespace}) {
			continue
		}
		namespace := NewNamespace()
		err := t.Reader.Get(ctx, types.NamespacedName{Name: key.namespace}, namespace)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get namespace %q: %w", key.namespace, err)
		}
		owner, lives, err := t.applicationByUID(ctx, cmp.Or(namespace.Labels[delivery.LabelSourceNamespace], key.namespace), key.uid)
		if err != nil {
			return err
		}
		if lives {
			owners[owner] = true
		}
	}
	return nil
}
