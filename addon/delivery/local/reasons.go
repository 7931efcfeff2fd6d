// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

const (
	// settleCause is how long a new version may take until it is asked why it is
	// not healthy: most become so by themselves, and pods need not be read for that.
	settleCause = 5 * time.Second
	// firstCause is how soon it is asked again; each time that the answer is the
	// same, twice as long passes until the next, up to openCause as long as it is
	// open whether the unit becomes healthy by itself, and else up to lastCause.
	firstCause = 5 * time.Second
	openCause  = 10 * time.Second
	lastCause  = time.Minute
	// openFor is how long a new version may take in all.
	openFor = 10 * time.Minute
)

// unitKey identifies a unit.
type unitKey struct {
	owner     types.UID
	component string
	place     delivery.Place
}

// cause is what was found out of a unit that is not healthy.
type cause struct {
	// version says which objects of which generation it is about.
	version  string
	found    delivery.Cause
	interval time.Duration
	due      time.Time
	// since is when the version was first asked about.
	since time.Time
}

var _ delivery.Explainer = (*Target)(nil)

// Explain says why a unit is not healthy by what its pods and their events say.
// They are read as the tenant, only while the unit is not healthy and ever more
// rarely, and neither watched nor cached: nobody else needs them. The answer
// holds no values of the environment and nothing that a container printed.
func (t *Target) Explain(ctx context.Context, unit delivery.Unit, observation delivery.Observation) (delivery.Cause, time.Duration) {
	objects := observedObjects(unit, observation)
	key := unitKey{owner: unit.Owner.UID, component: unit.Component, place: unit.Place}
	last, known := t.lastCause(key)
	now := t.Clock.Now()
	if version := versionOf(objects); !known || last.version != version {
		last = cause{version: version, since: now, due: now.Add(settleCause)}
		if !known && settled(objects, now) {
			last.due = now // it was not healthy before the addon started, or became so by itself
		}
	}
	if !now.Before(last.due) {
		found := (&inquiry{target: t, namespace: unit.Place.Namespace}).cause(ctx, objects)
		last.interval = askAgain(last, found, now.Sub(last.since))
		last.found, last.due = found, now.Add(last.interval)
	}
	t.rememberCause(key, last)
	return last.found, last.due.Sub(now)
}

// askAgain is when it is asked again after an answer. The one that ends a
// rollout must not be late; a unit that is as it is for long is asked about rarely.
func askAgain(last cause, found delivery.Cause, age time.Duration) time.Duration {
	switch {
	case found != last.found || last.interval == 0:
		return firstCause
	case found.Final || age > openFor:
		return min(2*last.interval, lastCause)
	}
	return min(2*last.interval, openCause)
}

func (t *Target) lastCause(key unitKey) (cause, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.causes[key]
	return last, ok
}

// rememberCause keeps what was found, and forgets units that nobody asked about
// for long: they are healthy, or gone.
func (t *Target) rememberCause(key unitKey, found cause) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.causes == nil {
		t.causes = map[unitKey]cause{}
	}
	if _, known := t.causes[key]; !known {
		for other, earlier := range t.causes {
			if t.Clock.Since(earlier.due) > lastCause {
				delete(t.causes, other)
			}
		}
	}
	t.causes[key] = found
}

// observedObjects are the unit's objects as they were seen, in the unit's order.
func observedObjects(unit delivery.Unit, observation delivery.Observation) []*unstructured.Unstructured {
	var objects []*unstructured.Unstructured
	for _, object := range unit.Result.Objects {
		seen := observation.Outputs[object.Resource]
		if object.Resource == "" && object.Trait == "" {
			seen = observation.Output
		}
		if seen != nil {
			objects = append(objects, &unstructured.Unstructured{Object: seen})
		}
	}
	return objects
}

func versionOf(objects []*unstructured.Unstructured) string {
	var version strings.Builder
	for _, object := range objects {
		fmt.Fprintf(&version, "%s/%d ", object.GetUID(), object.GetGeneration())
	}
	return version.String()
}

// settled says that all objects are there for a while.
func settled(objects []*unstructured.Unstructured, now time.Time) bool {
	return !slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool {
		return now.Sub(o.GetCreationTimestamp().Time) < settleCause
	})
}
