// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAdmissionIsNoLackOfRights checks that admission is told from authorization,
// which may both be answered with 403, as API servers and webhooks word it.
func TestAdmissionIsNoLackOfRights(t *testing.T) {
	tests := []struct {
		reason, message string
		want            Reason
	}{
		{"no right", `configmaps "a" is forbidden: User "u" cannot patch resource "configmaps" in API group "" in the namespace "default"`, Forbidden},
		{"a webhook", `admission webhook "a.example.com" denied the request: no`, Invalid},
		{"a policy", `configmaps "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, Invalid},
		{"a quota", `configmaps "a" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`, Exhausted},
		{"a namespace that goes", `configmaps "a" is forbidden: unable to create new content in namespace default because it is being terminated`, Terminating},
		{"a webhook that cannot be tried", `admission webhook "a.example.com" does not support dry run`, NoDryRun},
	}
	for _, test := range tests {
		err := tried(t, http.StatusForbidden, "Forbidden", test.message)
		if got := ReasonOf(err); got != test.want {
			t.Errorf("%s: got %s (%v), want %s", test.reason, got, err, test.want)
		}
	}
}

// tried is the error of a dry run that an API server refuses so.
func tried(t *testing.T, status int, reason, message string) error {
	t.Helper()
	server := httptest.NewTLSServer(&answers{status: status, body: statusBody(strconv.Itoa(status), reason, message)})
	defer server.Close()
	config, err := Resolve(Settings{Host: server.URL, Token: "t", Insecure: "true"}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Try(t.Context(), configMap("default", "a", nil), ApplyOptions{})
	return err
}

// TestKindThatPoliciesDoNotKnowYet checks that what admission policies cannot change yet
// is waited for like a kind that is missing, and is not taken for a hub that is away.
func TestKindThatPoliciesDoNotKnowYet(t *testing.T) {
	for _, test := range []struct {
		reason, message string
		want            Reason
	}{
		{"its definition was made a moment ago", "Resource kind core.oam.dev/v1beta1, Kind=Application not found. There can be a delay between when CustomResourceDefinitions are created and when they are available.", KindMissing},
		{"the API server has too much to do", "the server is currently unable to handle the request", Unreachable},
	} {
		err := tried(t, http.StatusServiceUnavailable, "ServiceUnavailable", test.message)
		if got := ReasonOf(err); got != test.want {
			t.Errorf("%s: %v is %q, want %q", test.reason, err, got, test.want)
		}
	}
}

// TestMasked checks that only what the hub said is masked.
func TestMasked(t *testing.T) {
	failure := &Error{Summary: "Refused", Detail: "Could not write a: no a here.", told: "no a here"}
	got := failure.Masked(func(told string) string { return strings.ReplaceAll(told, "a", "b") })
	if diff := cmp.Diff("Refused: Could not write a: no b here.", got.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
