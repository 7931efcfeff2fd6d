// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// A pass looks at all places of an application, and the agents of a thousand clusters
// answer for minutes: pass after pass, for a few answers each, would take a core that
// the hub needs to take the answers.

const (
	// answersPerPlace is how long the answers of clusters are gathered into one pass, for each
	// place of the application. It is about three times of what a pass takes.
	answersPerPlace = time.Millisecond
	// answersFrom is how many places an application has at least for that: with fewer, a
	// pass is done when the next answer comes.
	answersFrom = 20
	// answersAtMost is how long answers are gathered at most.
	answersAtMost = time.Second
)

// gatherings say how long the answers of the clusters of each application are gathered.
// The zero value is ready, and safe for concurrent use.
type gatherings struct {
	mu     sync.Mutex
	places map[types.NamespacedName]int
}

// note keeps in how many places an application is.
func (g *gatherings) note(application types.NamespacedName, places int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if places < answersFrom {
		delete(g.places, application)
		return
	}
	if g.places == nil {
		g.places = map[types.NamespacedName]int{}
	}
	g.places[application] = places
}

// of is how long answers to an application are gathered; 0 for a pass at once.
func (g *gatherings) of(application types.NamespacedName) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return min(time.Duration(g.places[application])*answersPerPlace, answersAtMost)
}

// gathered wakes applications that an object tells of, those in many places a little later.
func (g *gatherings) gathered(applications handler.MapFunc) handler.EventHandler {
	return ofBoth(func(ctx context.Context, queue queue, object client.Object) {
		for _, request := range applications(ctx, object) {
			if after := g.of(request.NamespacedName); after > 0 {
				queue.AddAfter(request, after)
				continue
			}
			queue.Add(request)
		}
	})
}
