// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// testScraping asks for metrics with the tokens of accounts, of which one may read them.
func testScraping(t *testing.T, h *hub) {
	h.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "scraping"}})
	reader, other := h.token(t, "scraping", "reader"), h.token(t, "scraping", "other")
	h.create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "scraping"}, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "scraping"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scraping"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "scraping", Name: "reader"}},
		})
	ask := scrape(t, h.config)
	h.waitFor(t, "the rights to be known", func(ctx context.Context) (string, error) {
		if got := ask(ctx, http.MethodGet, "/metrics", "Bearer "+reader); got != http.StatusOK {
			return http.StatusText(got), nil
		}
		return "", nil
	})
	tests := []struct {
		reason, method, path, authorization string
		want                                int
	}{
		{"it may read metrics", http.MethodGet, "/metrics", "Bearer " + reader, http.StatusOK},
		{"the scheme is of any case", http.MethodGet, "/metrics", "bearer " + reader, http.StatusOK},
		{"it has no other verb", http.MethodPost, "/metrics", "Bearer " + reader, http.StatusForbidden},
		{"it has no other path", http.MethodGet, "/debug", "Bearer " + reader, http.StatusForbidden},
		{"it has no rights", http.MethodGet, "/metrics", "Bearer " + other, http.StatusForbidden},
		{"the token is none", http.MethodGet, "/metrics", "Bearer x", http.StatusUnauthorized},
		{"there is no token", http.MethodGet, "/metrics", "", http.StatusUnauthorized},
		{"the token is empty", http.MethodGet, "/metrics", "Bearer ", http.StatusUnauthorized},
		{"it is no token", http.MethodGet, "/metrics", "Basic " + reader, http.StatusUnauthorized},
	}
	for _, test := range tests {
		if got := ask(t.Context(), test.method, test.path, test.authorization); got != test.want {
			t.Errorf("%s: got %d, want %d", test.reason, got, test.want)
		}
	}
	if got := crowded(t, ask, "Bearer "+reader); got != http.StatusOK {
		t.Errorf("beside junk: got %d, want %d", got, http.StatusOK)
	}
	nobody := rest.AnonymousClientConfig(h.config)
	if got := scrape(t, nobody)(t.Context(), http.MethodGet, "/metrics", "Bearer "+reader); got != http.StatusInternalServerError {
		t.Errorf("the API server does not answer: got %d, want %d", got, http.StatusInternalServerError)
	}
}

// token makes a service account and gives a token of it.
func (h *hub) token(t *testing.T, namespace, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	h.create(t, account)
	request := &authenticationv1.TokenRequest{}
	if err := h.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// scrape gives what asks for metrics, and returns the status of the answer.
func scrape(t *testing.T, config *rest.Config) func(ctx context.Context, method, path, authorization string) int {
	t.Helper()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := newScrapers(config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, method, path, authorization string) int {
		request := httptest.NewRequestWithContext(ctx, method, path, nil)
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer.Code
	}
}

// crowded asks for metrics while many ask with tokens that are none, each with another.
func crowded(t *testing.T, ask func(ctx context.Context, method, path, authorization string) int, authorization string) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var junk sync.WaitGroup
	defer junk.Wait()
	started := make(chan struct{}, junkScrapers)
	for n := range junkScrapers {
		junk.Go(func() {
			started <- struct{}{}
			for i := 0; ctx.Err() == nil; i++ {
				ask(ctx, http.MethodGet, "/metrics", fmt.Sprintf("Bearer junk-%d-%d", n, i))
			}
		})
	}
	for range junkScrapers {
		<-started
	}
	defer cancel()
	return ask(ctx, http.MethodGet, "/metrics", authorization)
}
