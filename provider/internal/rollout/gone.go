// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// holdPatience is how long a finalizer may hold something while nothing changes,
// before waiting ends: controllers that are there take less. Of a short limit it
// is a third.
const holdPatience = 2 * time.Minute

// WaitGone waits until the application with that UID is gone. It returns it as it
// was seen last, with an error whose reason is TimedOut or Canceled when ctx ends
// first, and with none when finalizers of somebody else hold it, or what was
// delivered for it, for so long that nobody seems to remove them.
func WaitGone(ctx context.Context, source Source, key types.NamespacedName, uid types.UID) (*unstructured.Unstructured, error) {
	return WaitHeld(ctx, source, Kind(), key, uid, holders)
}

// WaitHeld is WaitGone for an object of any kind; holders tells what of somebody else
// holds it, empty where nothing does.
func WaitHeld(
	ctx context.Context, source Source, gvk schema.GroupVersionKind, key types.NamespacedName, uid types.UID, holders func(*unstructured.Unstructured) string,
) (*unstructured.Unstructured, error) {
	patience := holdPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/3)
	}
	end := ending{gvk: gvk, key: key, uid: uid, holders: holders}
	for {
		bounded, cancel := context.WithTimeout(ctx, patience)
		gone, err := end.watch(bounded, source)
		cancel()
		ended := err != nil && hub.ReasonOf(err) == hub.TimedOut && ctx.Err() == nil
		switch {
		case gone:
			return nil, nil
		case ended && end.heldBy() != "":
			return end.last, nil
		case err != nil && !ended:
			return end.last, err
		}
		tflog.Info(ctx, "waiting for the end of an object", map[string]any{"kind": gvk.Kind, "name": key.String(), "held_by": end.heldBy()})
	}
}

// ending is an object whose end is waited for.
type ending struct {
	gvk     schema.GroupVersionKind
	key     types.NamespacedName
	uid     types.UID
	holders func(*unstructured.Unstructured) string
	// last is the object as it was seen last, nil before.
	last *unstructured.Unstructured
}

// heldBy is what holds the object as it was seen last.
func (e *ending) heldBy() string {
	if e.last == nil {
		return ""
	}
	return e.holders(e.last)
}

// watch follows the object until it is gone, or something else holds it than when it
// was seen last.
func (e *ending) watch(ctx context.Context, source Source) (gone bool, err error) {
	err = source.WaitFor(ctx, e.gvk, e.key, func(object *unstructured.Unstructured) (bool, error) {
		if object == nil || e.uid != "" && object.GetUID() != e.uid {
			gone = true
			return true, nil
		}
		first, before := e.last == nil, e.heldBy()
		e.last = object
		return !first && before != e.heldBy(), nil
	})
	return gone, err
}

// holders are the finalizers of somebody else on the application, and the objects
// of it that such hold, as the addon tells of them.
func holders(object *unstructured.Unstructured) string {
	lines := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(name string) bool { return name == v1alpha1.Finalizer })
	app := &v1beta1.Application{}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, app) == nil {
		for _, service := range app.Status.Services {
			if _, _, ok := heldObject(service.Message); ok {
				lines = append(lines, service.Cluster+" "+service.Message)
			}
		}
	}
	return strings.Join(lines, "\n")
}
