// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// TestImpostor checks that only a Kubernetes API server is believed that a kind does not
// exist, for each request that can be answered so, and that it is asked once.
func TestImpostor(t *testing.T) {
	const listed = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get"]}]}`
	tests := []struct {
		reason  string
		kinds   string // the answer to discovery; 404 when empty
		code    int    // of the answer to the question for the version
		version string
		want    Reason
	}{
		{"an API server without the kind", "", http.StatusOK, `{"major":"1","gitVersion":"v1.36.0"}`, KindMissing},
		{"an API server that stopped to serve the kind", listed, http.StatusOK, `{"gitVersion":"v1.36.0"}`, KindMissing},
		{"an API server that keeps its version from the credential", "", http.StatusForbidden, statusBody("403", "Forbidden", "no"), KindMissing},
		{"a load balancer without a backend", "", http.StatusNotFound, "default backend - 404", Unreachable},
		{"a load balancer that has lost its backend since", listed, http.StatusNotFound, "default backend - 404", Unreachable},
		{"a page for each path", "", http.StatusOK, "<html>SECRET-CANARY</html>", Unreachable},
		{"JSON of another service", "", http.StatusOK, `{"version":"1.0"}`, Unreachable},
		{"a firewall", "", http.StatusForbidden, "<html>SECRET-CANARY</html>", Unreachable},
		{"an API server without a leader", "", http.StatusServiceUnavailable, statusBody("503", "ServiceUnavailable", "no"), Unreachable},
		{"the credential has expired meanwhile", "", http.StatusUnauthorized, statusBody("401", "Unauthorized", "no"), Unauthorized},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			questions := &atomic.Int64{}
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/version":
					questions.Add(1)
					if strings.HasPrefix(test.version, "{") {
						w.Header().Set("Content-Type", "application/json")
					}
					w.WriteHeader(test.code)
					_, _ = w.Write([]byte(test.version))
				case r.URL.Path == "/api/v1" && test.kinds != "":
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(test.kinds))
				default:
					http.NotFound(w, r)
				}
			}))
			defer server.Close()
			client := clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
			object := configMap("a", "b", nil)
			for name, ask := range map[string]func() error{
				"read": func() error { _, err := client.Get(t.Context(), secretKind, anyKey); return err },
				"list": func() error { _, err := client.List(t.Context(), secretKind, "a", ""); return err },
				"try":  func() error { return tryOf(t, client, object) },
			} {
				err := ask()
				if got := ReasonOf(err); got != test.want || IsNotFound(err) != (test.want == KindMissing) {
					t.Errorf("%s: got %s, which counts as not found: %t (%v); want %s", name, got, IsNotFound(err), err, test.want)
				}
				if strings.Contains(err.Error(), "SECRET-CANARY") || !strings.Contains(err.Error(), "ConfigMap") {
					t.Errorf("%s: %v", name, err)
				}
			}
			err := client.Delete(t.Context(), secretKind, types.NamespacedName{Namespace: "a", Name: "b"}, "uid")
			if (err == nil) != (test.want == KindMissing) {
				t.Errorf("delete: %v", err)
			}
			if got := questions.Load(); got != 1 {
				t.Errorf("%d questions for the version, want one", got)
			}
		})
	}
}

// tryOf is the error of a dry run.
func tryOf(t *testing.T, client *Client, object *unstructured.Unstructured) error {
	t.Helper()
	_, err := client.Try(t.Context(), object, ApplyOptions{})
	return err
}

// TestNobodyIsIdentifiedInTheGoodCase checks that the version is not asked for where an
// object is there, or is not there, since a plan may ask once for each object.
func TestNobodyIsIdentifiedInTheGoodCase(t *testing.T) {
	inner := &answers{status: http.StatusNotFound, body: `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound","details":{"name":"b","kind":"configmaps"}}`}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			t.Error("the version was asked for")
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
	if _, err := client.Get(t.Context(), secretKind, anyKey); ReasonOf(err) != NotFound {
		t.Errorf("got %v, want that it does not exist", err)
	}
}
