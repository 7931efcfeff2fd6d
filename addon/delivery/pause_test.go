// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestGuard checks which requests reach the hub.
func TestGuard(t *testing.T) {
	cases := []struct {
		method, reason string
		paused, want   bool
	}{
		{http.MethodGet, "it only looks", true, true},
		{http.MethodHead, "it changes nothing", true, true},
		{http.MethodPost, "it makes something", true, false},
		{http.MethodPut, "it changes something", true, false},
		{http.MethodPatch, "it changes something", true, false},
		{http.MethodDelete, "it removes something", true, false},
		{http.MethodPatch, "others are not paused", false, true},
		{http.MethodDelete, "others are not paused", false, true},
	}
	for _, c := range cases {
		t.Run(c.method, func(t *testing.T) {
			arrived := false
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived = true }))
			defer server.Close()
			ctx := t.Context()
			if c.paused {
				ctx = Paused(ctx)
			}
			// A target passes its context on, with values of its own.
			type key struct{}
			request, err := http.NewRequestWithContext(context.WithValue(ctx, key{}, ""), c.method, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := (&http.Client{Transport: Guard(http.DefaultTransport)}).Do(request)
			if err == nil {
				err = response.Body.Close()
			}
			if arrived != c.want || errors.Is(err, ErrPaused) == c.want {
				t.Errorf("%s: arrived: %t, error: %v", c.reason, arrived, err)
			}
		})
	}
}
