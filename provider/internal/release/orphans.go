// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// selectOurs selects what the addon wrote.
const selectOurs = v1alpha1.LabelManagedBy + "=" + v1alpha1.LabelManagedByValue

// release lets environments and bindings go that no manager is there to let go.
// It is called only where no Application exists. Works of tenants may still be
// on clusters; only a manager can remove those and know that they are gone.
func (i *Installer) release(ctx context.Context, going []holder) error {
	works, err := i.listSelected(ctx, schema.GroupVersionResource{Group: "work.open-cluster-management.io", Version: "v1", Resource: "manifestworks"}, "", selectOurs)
	if err != nil {
		return err
	}
	if len(works) > 0 {
		return failed("The addon is not running", "%d ManifestWorks are left on managed clusters, such as %s, and no manager renews its Lease. "+
			"Start one (replicas = 1, or fairlead-addon manager), then apply again.", len(works), nameOf(works[0].Namespace, works[0].Name))
	}
	if err := i.removeSelections(ctx); err != nil {
		return err
	}
	for _, h := range going {
		if err := i.letGo(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// letGo removes our finalizer, and no other, from an object that is being deleted.
func (i *Installer) letGo(ctx context.Context, h holder) error {
	if !slices.Contains(h.Finalizers, v1alpha1.Finalizer) {
		return nil
	}
	tflog.Warn(ctx, "no manager is running and nothing is delivered: letting an object go", map[string]any{"object": h.String()})
	left := slices.DeleteFunc(slices.Clone(h.Finalizers), func(name string) bool { return name == v1alpha1.Finalizer })
	// The version of what was read makes the write fail if anybody has changed it since.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": left, "resourceVersion": h.ResourceVersion}})
	if err != nil {
		return fmt.Errorf("encode the finalizers of %s: %w", h, err)
	}
	_, err = i.meta.Resource(h.resource).Patch(ctx, h.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: hub.FieldManager})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("remove the finalizer %s of %s: %w", v1alpha1.Finalizer, h, err)
}

// removeSelections removes the Placements and set bindings that the addon made
// for cluster bindings. They deliver nothing by themselves.
func (i *Installer) removeSelections(ctx context.Context) error {
	group := "cluster.open-cluster-management.io"
	for _, resource := range []schema.GroupVersionResource{
		{Group: group, Version: "v1beta1", Resource: "placements"},
		{Group: group, Version: "v1beta2", Resource: "managedclustersetbindings"},
	} {
		items, err := i.listSelected(ctx, resource, i.namespace, selectOurs)
		if err != nil {
			return err
		}
		for _, item := range items {
			options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &item.UID}}
			err := i.meta.Resource(resource).Namespace(i.namespace).Delete(ctx, item.Name, options)
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return fmt.Errorf("delete %s %q: %w", resource.Resource, nameOf(item.Namespace, item.Name), err)
			}
		}
	}
	return nil
}
