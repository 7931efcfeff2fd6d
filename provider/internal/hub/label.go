// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// ControlManager is the name under which a label is owned that was set by an
// action. It is not FieldManager: what a resource applies later leaves the label alone.
const ControlManager = "terraform-provider-fairlead-control"

// SetLabel sets a label of an object that exists, and changes nothing else of it.
func (c *Client) SetLabel(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, name, value string) error {
	return c.patchLabel(ctx, attempt{verb: "set label " + name + " of", kind: gvk, namespace: key.Namespace, name: key.Name}, name, value)
}

// RemoveLabel takes a label off an object that exists, whoever set it.
func (c *Client) RemoveLabel(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, name string) error {
	return c.patchLabel(ctx, attempt{verb: "remove label " + name + " of", kind: gvk, namespace: key.Namespace, name: key.Name}, name, nil)
}

// patchLabel gives a label a value, nil for none.
func (c *Client) patchLabel(ctx context.Context, what attempt, name string, value any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{name: value}}})
	if err != nil {
		return fmt.Errorf("encode label %s: %w", name, err)
	}
	objects, err := c.objects(ctx, what.kind, what.namespace)
	if err != nil {
		return c.failed(ctx, err, what)
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = objects.Patch(bounded, what.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: ControlManager})
	return c.failed(ctx, err, what)
}
