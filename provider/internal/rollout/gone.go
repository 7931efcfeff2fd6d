// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"slices"
	"strings"
	"sync"
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
	end := &ending{gvk: gvk, key: key, uid: uid, holders: holders}
	reporting, stop := context.WithCancel(ctx)
	defer stop()
	go end.report(reporting)
	for {
		bounded, cancel := context.WithTimeout(ctx, patience)
		gone, err := end.watch(bounded, source)
		cancel()
		ended := err != nil && hub.ReasonOf(err) == hub.TimedOut && ctx.Err() == nil
		switch {
		case gone:
			return nil, nil
		case ended && end.heldBy() != "":
			return end.seen(), nil
		case err != nil && !ended:
			return end.seen(), err
		}
	}
}

// ending is an object whose end is waited for.
type ending struct {
	gvk     schema.GroupVersionKind
	key     types.NamespacedName
	uid     types.UID
	holders func(*unstructured.Unstructured) string

	mutex sync.Mutex
	// last is the object as it was seen last, nil before.
	last *unstructured.Unstructured
}

// seen is the object as it was seen last, nil before. Nobody changes it.
func (e *ending) seen() *unstructured.Unstructured {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.last
}

// see keeps the object, and returns the one before.
func (e *ending) see(object *unstructured.Unstructured) (before *unstructured.Unstructured) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	before, e.last = e.last, object
	return before
}

// heldBy is what holds the object as it was seen last.
func (e *ending) heldBy() string {
	if last := e.seen(); last != nil {
		return e.holders(last)
	}
	return ""
}

// report logs what holds the object until ctx ends.
func (e *ending) report(ctx context.Context) {
	started := time.Now()
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			tflog.Info(ctx, "waiting for the end of an object", map[string]any{
				"kind": e.gvk.Kind, "name": e.key.String(), "held_by": e.finalizers(), "waited": time.Since(started).Round(time.Second).String(),
			})
		}
	}
}

// finalizers of the object as it was seen last, and what else holds it.
func (e *ending) finalizers() string {
	last := e.seen()
	if last == nil {
		return ""
	}
	lines := slices.Clone(last.GetFinalizers())
	for _, other := range strings.FieldsFunc(e.holders(last), func(r rune) bool { return r == '\n' || r == ',' }) {
		if other = strings.TrimSpace(other); !slices.Contains(lines, other) {
			lines = append(lines, other)
		}
	}
	return strings.Join(lines, ", ")
}

// watch follows the object until it is gone, or something else holds it than when it
// was seen last.
func (e *ending) watch(ctx context.Context, source Source) (gone bool, err error) {
	err = source.WaitFor(ctx, e.gvk, e.key, func(object *unstructured.Unstructured) (bool, error) {
		if object == nil || e.uid != "" && object.GetUID() != e.uid {
			gone = true
			return true, nil
		}
		before := e.see(object)
		return before != nil && e.holders(before) != e.holders(object), nil
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
