// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// watchSpan is how long one watch lasts at most; then the object is read again,
// which repairs whatever a watch may have missed.
const watchSpan = 30 * time.Second

// Condition looks at an object, nil if it does not exist, and says whether the
// wait is over. An error ends the wait.
type Condition func(object *unstructured.Unstructured) (done bool, err error)

// WaitFor waits until the condition holds for the object: it reads, then
// watches, and polls where watching is not allowed. A hub that does not answer
// for less than two minutes is waited for. When ctx ends the error unwraps to
// ctx.Err() and its reason is TimedOut or Canceled.
func (c *Client) WaitFor(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, cond Condition) error {
	what := attempt{verb: "wait for", kind: gvk, namespace: key.Namespace, name: key.Name}
	var awaySince time.Time
	for {
		object, err := c.Get(ctx, gvk, key)
		if ctx.Err() != nil {
			return stopped(ctx, what)
		}
		switch {
		case err == nil || IsNotFound(err):
			awaySince = time.Time{}
		case ReasonOf(err) != Unreachable:
			return err
		case awaySince.IsZero():
			awaySince = time.Now()
		case time.Since(awaySince) > c.patience:
			return err
		}
		if err == nil || IsNotFound(err) {
			done, err := c.observe(ctx, gvk, key, object, cond)
			if done || err != nil {
				return err
			}
		}
		if !pause(ctx, pollInterval) {
			return stopped(ctx, what)
		}
	}
}

// observe checks the condition for the object and then for each change of it
// until the watch ends.
func (c *Client) observe(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, object *unstructured.Unstructured, cond Condition) (bool, error) {
	done, err := cond(object)
	if done || err != nil {
		return done, err
	}
	events, stop := c.watch(ctx, gvk, key, object)
	if events == nil {
		return false, nil
	}
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case event, ok := <-events:
			if !ok || event.Type == watch.Error {
				return false, nil
			}
			done, err := cond(changed(event))
			if done || err != nil {
				return done, err
			}
		}
	}
}

// changed returns the object of the event, nil if it was deleted.
func changed(event watch.Event) *unstructured.Unstructured {
	if event.Type == watch.Deleted {
		return nil
	}
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	return object
}

// watch starts a watch of one object from the state that was read. It returns
// nil where the object cannot be watched: the caller polls then.
func (c *Client) watch(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, object *unstructured.Unstructured) (<-chan watch.Event, func()) {
	if object == nil {
		return nil, nil
	}
	objects, err := c.objects(ctx, gvk, key.Namespace)
	if err != nil {
		return nil, nil
	}
	seconds := int64(watchSpan / time.Second)
	watcher, err := objects.Watch(ctx, metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", key.Name).String(),
		ResourceVersion: object.GetResourceVersion(),
		TimeoutSeconds:  &seconds,
	})
	if err != nil {
		tflog.Debug(ctx, "cannot watch, polling instead", map[string]any{"kind": gvk.Kind, "name": key.Name})
		return nil, nil
	}
	return watcher.ResultChan(), watcher.Stop
}

// stopped is the error of a wait that ctx ended.
func stopped(ctx context.Context, what attempt) error {
	failure := &Error{
		Reason:  TimedOut,
		Summary: "Timed out",
		Detail:  fmt.Sprintf("The time that timeouts allow ran out while trying to %s.", what),
		cause:   ctx.Err(),
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		failure.Reason = Canceled
		failure.Summary = "Interrupted"
		failure.Detail = fmt.Sprintf("Interrupted while trying to %s.", what)
	}
	return failure
}
