// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

const (
	// maxReviews bounds how many scrapes of strangers the API server is asked about at
	// once, and maxKnownReviews those with a token that was admitted before: whoever
	// reaches the port can send requests.
	maxReviews, maxKnownReviews = 4, 2
	// maxAdmitted and maxRefused bound how many tokens are remembered.
	maxAdmitted, maxRefused = 64, 1024
	// refusedFor is how long a token that was refused is not asked about again.
	refusedFor = 10 * time.Second
)

// tokenDigest stands for a token, which is not kept.
type tokenDigest [sha256.Size]byte

// scrapeGate decides whose scrapes the API server is asked about next. Tokens that
// were admitted before do not queue with those that were not. Of those each address
// has one turn at a time, so that one that sends junk is in its own way alone. It is
// safe for concurrent use.
type scrapeGate struct {
	clock clock.PassiveClock
	// strangers and known hold an entry for each scrape that is being asked about.
	strangers, known chan struct{}
	// admitted are tokens whose last answer was yes; they are asked about all the same.
	admitted *lru.Cache
	// refused are tokens that were nobody's, with the time until which that is believed.
	refused *lru.Cache

	mu    sync.Mutex
	turns map[string]*turn
}

// turn is that of an address, while somebody has or wants it.
type turn struct {
	taken chan struct{}
	users int
}

func newScrapeGate(c clock.PassiveClock) *scrapeGate {
	return &scrapeGate{
		clock: c, strangers: make(chan struct{}, maxReviews), known: make(chan struct{}, maxKnownReviews),
		admitted: lru.New(maxAdmitted), refused: lru.New(maxRefused), turns: map[string]*turn{},
	}
}

// enter waits until the API server may be asked about a token from an address. It
// is false when the context ends before.
func (g *scrapeGate) enter(ctx context.Context, token tokenDigest, address string) (leave func(), ok bool) {
	if _, admitted := g.admitted.Get(token); admitted {
		return occupy(ctx, g.known)
	}
	next := g.line(address)
	done, ok := occupy(ctx, next.taken)
	if !ok {
		g.quit(address, next)
		return nil, false
	}
	free, ok := occupy(ctx, g.strangers)
	if !ok {
		done()
		g.quit(address, next)
		return nil, false
	}
	return func() { free(); done(); g.quit(address, next) }, true
}

// occupy takes one of a number of places.
func occupy(ctx context.Context, places chan struct{}) (leave func(), ok bool) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	case <-ctx.Done():
		return nil, false
	}
}

// line is the turn of an address, to be quitted.
func (g *scrapeGate) line(address string) *turn {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := g.turns[address]
	if next == nil {
		next = &turn{taken: make(chan struct{}, 1)}
		g.turns[address] = next
	}
	next.users++
	return next
}

func (g *scrapeGate) quit(address string, next *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if next.users--; next.users == 0 {
		delete(g.turns, address)
	}
}

// admit remembers a token that may read metrics.
func (g *scrapeGate) admit(token tokenDigest) { g.admitted.Add(token, nil) }

// refuse remembers a token that is nobody's.
func (g *scrapeGate) refuse(token tokenDigest) {
	g.admitted.Remove(token)
	g.refused.Add(token, g.clock.Now().Add(refusedFor))
}

// isRefused says that a token was nobody's a moment ago.
func (g *scrapeGate) isRefused(token tokenDigest) bool {
	value, _ := g.refused.Get(token)
	until, known := value.(time.Time)
	return known && g.clock.Now().Before(until)
}
