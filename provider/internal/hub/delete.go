// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Delete deletes the object if it still is the one with that UID; an object of
// the same name made since then is left alone. With an empty UID whatever has
// the name is deleted. Dependents go in the background. An object, or a kind,
// that does not exist is no error.
func (c *Client) Delete(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, uid types.UID) error {
	what := attempt{verb: "delete", kind: gvk, namespace: key.Namespace, name: key.Name}
	objects, err := c.objects(ctx, gvk, key.Namespace)
	if err != nil {
		return ignoreGone(c.failed(ctx, err, what))
	}
	propagation := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &propagation}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = objects.Delete(bounded, key.Name, options)
	if apierrors.IsConflict(err) {
		return c.replaced(ctx, gvk, key, uid, err)
	}
	return ignoreGone(c.failed(ctx, err, what))
}

// replaced decides what a conflict of a delete means: nothing if the object is
// another one by now, else the conflict.
func (c *Client) replaced(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, uid types.UID, conflict error) error {
	object, err := c.Get(ctx, gvk, key)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if object.GetUID() != uid {
		return nil
	}
	return c.explain(conflict, attempt{verb: "delete", kind: gvk, namespace: key.Namespace, name: key.Name})
}

// ignoreGone returns nil for what does not exist.
func ignoreGone(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// WaitGone waits until the object with that UID does not exist any more (until
// the name is free when the UID is empty). When ctx ends first it returns the
// object as it was seen last, so that the caller can say what holds it, and an
// error whose reason is TimedOut or Canceled.
func (c *Client) WaitGone(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, uid types.UID) (*unstructured.Unstructured, error) {
	var last *unstructured.Unstructured
	err := c.WaitFor(ctx, gvk, key, func(object *unstructured.Unstructured) (bool, error) {
		if object == nil || (uid != "" && object.GetUID() != uid) {
			return true, nil
		}
		last = object
		return false, nil
	})
	if err == nil {
		return nil, nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return last, err
	}
	return nil, err
}
