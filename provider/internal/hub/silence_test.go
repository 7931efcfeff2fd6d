// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSilence checks which failures are remembered, and for how long.
func TestSilence(t *testing.T) {
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	away := &Error{Reason: Unreachable}
	tests := []struct {
		reason string
		err    error
		took   time.Duration
		later  time.Duration
		want   bool
	}{
		{"no answer for long spares others the wait", away, slowFailure, silenceSpan - 1, true},
		{"it is asked again after a while", away, slowFailure, silenceSpan, false},
		{"a refusal at once costs nothing", away, time.Millisecond, 0, false},
		{"another failure is an answer", &Error{Reason: Forbidden}, slowFailure, 0, false},
		{"so is an error of something else", errors.New("no"), slowFailure, 0, false},
	}
	for _, test := range tests {
		var s silence
		noted := began.Add(test.took)
		s.note(test.err, began, noted)
		if got := s.broken(noted.Add(test.later)) != nil; got != test.want {
			t.Errorf("%s: remembered %t, want %t", test.reason, got, test.want)
		}
	}
}

// TestSilentHubIsSpared checks that nothing a plan asks is sent to a hub that did not
// answer just now.
func TestSilentHubIsSpared(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the hub was asked") }))
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
	now := time.Now()
	client.silence.note(&Error{Reason: Unreachable}, now.Add(-slowFailure), now)
	for reason, ask := range map[string]func() error{
		"read": func() error {
			_, err := client.Get(t.Context(), secretKind, anyKey)
			return err
		},
		"list": func() error {
			_, err := client.List(t.Context(), secretKind, "", "")
			return err
		},
		"try": func() error {
			_, err := client.Try(t.Context(), configMap("a", "b", nil), ApplyOptions{})
			return err
		},
	} {
		if err := ask(); ReasonOf(err) != Unreachable {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}
