// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// junkScrapers is how many ask with tokens that are none.
const junkScrapers = 100

// reviews asks an API server that knows the tokens "good" and "other", and answers
// about those that begin with "junk" only when it is told to.
type reviews struct {
	*scrapers
	answer chan struct{}
	// arrived is told of each of these.
	arrived chan struct{}

	mu    sync.Mutex
	asked []string
	down  bool
}

func newReviews(t *testing.T, c clock.PassiveClock) *reviews {
	t.Helper()
	r := &reviews{answer: make(chan struct{}), arrived: make(chan struct{}, junkScrapers)}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	tokens, err := authentication.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	access, err := authorization.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	r.scrapers = &scrapers{tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(), gate: newScrapeGate(c)}
	return r
}

func (r *reviews) serve(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(request.Body) // to its end, or the server does not notice that the client is gone
	if strings.HasSuffix(request.URL.Path, "subjectaccessreviews") {
		var review authorizationv1.SubjectAccessReview
		_ = json.Unmarshal(body, &review)
		review.Status.Allowed = review.Spec.User == "good"
		_ = json.NewEncoder(answer).Encode(review)
		return
	}
	var review authenticationv1.TokenReview
	_ = json.Unmarshal(body, &review)
	token := review.Spec.Token
	r.mu.Lock()
	r.asked = append(r.asked, token)
	down := r.down
	r.mu.Unlock()
	if down {
		answer.WriteHeader(http.StatusForbidden)
		return
	}
	if strings.HasPrefix(token, "junk") {
		r.arrived <- struct{}{}
		select {
		case <-r.answer:
		case <-request.Context().Done():
		}
	}
	review.Status.Authenticated, review.Status.User.Username = token == "good" || token == "other", token
	_ = json.NewEncoder(answer).Encode(review)
}

// scrape asks with a token from an address, and returns the status of the answer.
func (r *reviews) scrape(ctx context.Context, token, address string) int {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	request.RemoteAddr = address + ":1234"
	status, _ := r.admit(request)
	return status
}

// junk sends as many scrapes as there are addresses, and waits until one of each
// place that they can have is being answered.
func (r *reviews) junk(t *testing.T, places int, address func(n int) string) {
	t.Helper()
	var sent sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for n := range junkScrapers {
		sent.Go(func() { r.scrape(ctx, fmt.Sprint("junk-", n), address(n)) })
	}
	t.Cleanup(func() { cancel(); sent.Wait() })
	for range places {
		<-r.arrived
	}
}

func (r *reviews) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

// TestJunkScrapesKeepNobodyOut checks that those who send tokens that are none do
// not take the place of one who may read metrics, though the API server takes as
// long as it likes to tell.
func TestJunkScrapesKeepNobodyOut(t *testing.T) {
	one := func(int) string { return "10.0.0.1" }
	each := func(n int) string { return fmt.Sprintf("10.0.1.%d", n) }
	t.Run("from one address", func(t *testing.T) {
		r := newReviews(t, clock.RealClock{})
		r.junk(t, 1, one)
		if got := r.scrape(t.Context(), "good", "10.0.0.2"); got != http.StatusOK {
			t.Errorf("another address: got %d", got)
		}
		if got := r.count(); got != 2 {
			t.Errorf("%d reviews, want that of one junk token and the good one's", got)
		}
	})
	t.Run("a known token", func(t *testing.T) {
		r := newReviews(t, clock.RealClock{})
		if got := r.scrape(t.Context(), "good", "10.0.0.1"); got != http.StatusOK {
			t.Fatalf("got %d", got)
		}
		r.junk(t, maxReviews, each)
		for _, address := range []string{"10.0.0.1", "10.0.1.1"} {
			if got := r.scrape(t.Context(), "good", address); got != http.StatusOK {
				t.Errorf("from %s: got %d", address, got)
			}
		}
	})
	t.Run("in its turn", func(t *testing.T) {
		r := newReviews(t, clock.RealClock{})
		r.junk(t, maxReviews, each)
		status := make(chan int)
		go func() { status <- r.scrape(t.Context(), "good", "10.0.1.1") }()
		close(r.answer)
		if got := <-status; got != http.StatusOK {
			t.Errorf("among the others: got %d", got)
		}
	})
}

// TestScrapesAreAskedAbout checks when the API server is asked about a token.
func TestScrapesAreAskedAbout(t *testing.T) {
	c := clocktesting.NewFakePassiveClock(now.Time)
	r := newReviews(t, c)
	ask := func(reason, token string, want, reviews int) {
		t.Helper()
		before := r.count()
		if got := r.scrape(t.Context(), token, "10.0.0.1"); got != want || r.count()-before != reviews {
			t.Errorf("%s: got %d after %d reviews, want %d after %d", reason, got, r.count()-before, want, reviews)
		}
	}
	ask("it is no token", "a b", http.StatusUnauthorized, 0)
	ask("nor is this", "a\x7f", http.StatusUnauthorized, 0)
	ask("it is too long for one", strings.Repeat("a", maxToken+1), http.StatusUnauthorized, 0)
	ask("nobody's", "stale", http.StatusUnauthorized, 1)
	ask("it was nobody's a moment ago", "stale", http.StatusUnauthorized, 0)
	c.SetTime(c.Now().Add(refusedFor))
	ask("it may be somebody's by now", "stale", http.StatusUnauthorized, 1)
	ask("rights are asked for each time", "other", http.StatusForbidden, 1)
	ask("they may have been given", "other", http.StatusForbidden, 1)
	ask("who was admitted", "good", http.StatusOK, 1)
	ask("need not be the next time", "good", http.StatusOK, 1)
	r.down = true
	ask("the API server cannot tell", "new", http.StatusInternalServerError, 1)
	r.down = false
	ask("which says nothing of the token", "new", http.StatusUnauthorized, 1)
	if diff := cmp.Diff(map[string]*turn{}, r.gate.turns, cmp.AllowUnexported(turn{})); diff != "" {
		t.Errorf("turns that nobody wants are kept (-want +got):\n%s", diff)
	}
}

// TestScrapersAreBounded checks that a scrape waits for its turn, and not for ever.
func TestScrapersAreBounded(t *testing.T) {
	taken := map[string]func(*scrapeGate) chan struct{}{
		"all places": func(g *scrapeGate) chan struct{} { return g.strangers },
		"its turn":   func(g *scrapeGate) chan struct{} { return g.line("10.0.0.1").taken },
		"known": func(g *scrapeGate) chan struct{} {
			g.admit(tokenDigest{})
			return g.known
		},
	}
	for name, places := range taken {
		t.Run(name, func(t *testing.T) {
			gate := newScrapeGate(clock.RealClock{})
			busy := places(gate)
			for range cap(busy) {
				busy <- struct{}{}
			}
			users := len(gate.turns)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, ok := gate.enter(ctx, tokenDigest{}, "10.0.0.1"); ok || len(gate.turns) != users {
				t.Errorf("entered %t, %d turns are kept, want %d", ok, len(gate.turns), users)
			}
			<-busy
			leave, ok := gate.enter(t.Context(), tokenDigest{}, "10.0.0.1")
			if !ok {
				t.Fatal("the place that is free is not had")
			}
			leave()
		})
	}
}
