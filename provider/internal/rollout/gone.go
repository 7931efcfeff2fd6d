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
	patience := holdPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/3)
	}
	var last *unstructured.Unstructured
	for {
		bounded, cancel := context.WithTimeout(ctx, patience)
		gone, err := watchGone(bounded, source, key, uid, &last)
		cancel()
		ended := err != nil && hub.ReasonOf(err) == hub.TimedOut && ctx.Err() == nil
		switch {
		case gone:
			return nil, nil
		case ended && last != nil && holders(last) != "":
			return last, nil
		case err != nil && !ended:
			return last, err
		}
		tflog.Info(ctx, "waiting for the end of the application", map[string]any{"application": key.String(), "held_by": holders(last)})
	}
}

// watchGone follows the application until it is gone, or something else holds it
// than when it was seen last.
func watchGone(ctx context.Context, source Source, key types.NamespacedName, uid types.UID, last **unstructured.Unstructured) (gone bool, err error) {
	err = source.WaitFor(ctx, Kind(), key, func(object *unstructured.Unstructured) (bool, error) {
		if object == nil || uid != "" && object.GetUID() != uid {
			gone = true
			return true, nil
		}
		before := *last
		*last = object
		return before != nil && holders(before) != holders(object), nil
	})
	return gone, err
}

// holders are the finalizers of somebody else on the application, and the objects
// of it that such hold, as the addon tells of them.
func holders(object *unstructured.Unstructured) string {
	if object == nil {
		return ""
	}
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
