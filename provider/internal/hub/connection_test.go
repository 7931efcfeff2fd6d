// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// secretKind is a kind of the core group, for requests.
var secretKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

// answers is an HTTP server that answers discovery and then as it is told. It
// stands for API servers and proxies that misbehave.
type answers struct {
	mutex  sync.Mutex
	tokens []string
	status int
	body   string
}

// ServeHTTP answers one request.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.tokens = append(a.tokens, r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/api/v1" && a.status != http.StatusUnauthorized {
		_, _ = w.Write([]byte(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get"]}]}`))
		return
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// statusBody is a Status object of the API server.
func statusBody(code, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%s,"reason":%q,"message":%q}`, code, reason, message)
}

// clientOf returns a client of the server at that address that trusts everything.
func clientOf(t *testing.T, settings Settings) *Client {
	t.Helper()
	config, err := Resolve(settings, variables(nil))
	if err != nil {
		t.Fatal(err)
	}
	config.Version = "test"
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestTokenFile checks that the file is read for every request.
func TestTokenFile(t *testing.T) {
	handler := &answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")}
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "token")
	client := func() *Client {
		if err := os.WriteFile(path, []byte("first\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return clientOf(t, Settings{Host: server.URL, TokenPath: path, Insecure: "true"})
	}()
	key := types.NamespacedName{Namespace: "a", Name: "b"}
	_, _ = client.Get(t.Context(), secretKind, key)
	if err := os.WriteFile(path, []byte("second\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = client.Get(t.Context(), secretKind, key)
	want := []string{"Bearer first", "Bearer first", "Bearer second"}
	if diff := cmp.Diff(want, handler.tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

// TestForbiddenNamesARole checks that a role of the addon is named only where one of
// them helps.
func TestForbiddenNamesARole(t *testing.T) {
	client := clientOf(t, Settings{Host: "https://hub", Token: "t"})
	for kind, helps := range map[schema.GroupVersionKind]bool{
		{Group: "fairlead.dev", Version: "v1alpha1", Kind: "Environment"}:                    true,
		{Group: "core.oam.dev", Version: "v1beta1", Kind: "Application"}:                     true,
		{Version: "v1", Kind: "Secret"}:                                                      false,
		{Version: "v1", Kind: "ServiceAccount"}:                                              false,
		{Group: "cluster.open-cluster-management.io", Version: "v1", Kind: "ManagedCluster"}: false,
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"}:             false,
	} {
		text := client.forbidden(metav1.Status{Message: "no"}, attempt{verb: "read", kind: kind, name: "a"}).Detail
		if got := strings.Contains(text, "fairlead-platform-admin"); got != helps {
			t.Errorf("%s: a role of the addon is named: %t, want %t:\n%s", kind, got, helps, text)
		}
	}
}

// TestMissingKindNamesWhoBringsIt checks that nobody is told to install the addon
// for a kind that the addon does not bring.
func TestMissingKindNamesWhoBringsIt(t *testing.T) {
	kinds := []schema.GroupVersionKind{
		{Group: "core.oam.dev", Version: "v1beta1", Kind: "Application"},
		{Group: "fairlead.dev", Version: "v1alpha1", Kind: "Environment"},
		{Group: "cluster.open-cluster-management.io", Version: "v1", Kind: "ManagedCluster"},
		{Group: "work.open-cluster-management.io", Version: "v1", Kind: "ManifestWork"},
		{Group: "not-open-cluster-management.io", Version: "v1", Kind: "ManagedCluster"},
		{Version: "v1", Kind: "Secret"},
	}
	var texts []string
	for _, kind := range kinds {
		failure := kindMissing(attempt{verb: "write", kind: kind, name: "a"})
		texts = append(texts, fmt.Sprintf("# %s\n%s\n%s\n", kind.GroupKind(), failure.Summary, failure.Detail))
	}
	golden(t, "missing_kinds.txt", strings.Join(texts, "\n"))
}

// TestMissingNamespaceNamesWhoMakesIt checks that nobody is told to make the namespace of
// a system by an environment.
func TestMissingNamespaceNamesWhoMakesIt(t *testing.T) {
	for namespace, want := range map[string]string{
		"shop":                        "application_namespaces = { create = true }",
		"fairlead-system":             "with the resource fairlead_addon",
		"open-cluster-management":     "clusteradm init",
		"open-cluster-management-hub": "clusteradm init",
	} {
		status := metav1.Status{Details: &metav1.StatusDetails{Kind: "namespaces", Name: namespace}}
		failure := notFound(status, attempt{verb: "write", kind: secretKind, namespace: namespace, name: "a"})
		if failure.Reason != NamespaceMissing || !strings.Contains(failure.Detail, want) {
			t.Errorf("%s: got %s, want %q in it", namespace, failure, want)
		}
	}
}

// TestCallersTimeIsOver checks that a hub which is slower than a resource's timeouts is
// not said to be unreachable.
func TestCallersTimeIsOver(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for reason, ask := range map[string]func() error{
		"read": func() error {
			_, err := client.Get(ctx, secretKind, anyKey)
			return err
		},
		"contents": func() error {
			_, err := client.Contents(ctx, "a")
			return err
		},
		"managers": func() error { return client.setManagers(ctx, configMap("a", "b", nil), nil) },
		"label":    func() error { return client.SetLabel(ctx, secretKind, anyKey, "a", "b") },
	} {
		if err := ask(); ReasonOf(err) != TimedOut || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want that the time is over", reason, err)
		}
	}
}

// TestErrorTexts checks what failures look like, and that none shows the token.
func TestErrorTexts(t *testing.T) {
	certificate, key := testPair(t)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := testPair(t)
	tests := []struct {
		reason     string
		status     int
		body       string
		ca         string
		wantReason Reason
	}{
		{"an unknown token", http.StatusUnauthorized, statusBody("401", "Unauthorized", "Unauthorized"), certificate, Unauthorized},
		{"a role is missing", http.StatusForbidden, statusBody("403", "Forbidden", `configmaps "b" is forbidden: User \"jane\" cannot get`), certificate, Forbidden},
		{"an overloaded server", http.StatusServiceUnavailable, statusBody("503", "ServiceUnavailable", "etcd has no leader"), certificate, Unreachable},
		{"something that is no API server", http.StatusNotFound, "<html>not here</html>", certificate, Unreachable},
		{"an authority that is not trusted", http.StatusOK, "", foreign, Untrusted},
	}
	var texts []string
	for _, test := range tests {
		server := httptest.NewUnstartedServer(&answers{status: test.status, body: test.body})
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		client := clientOf(t, Settings{Host: server.URL, Token: "SECRET-CANARY", ClusterCACertificate: test.ca})
		_, err := client.Get(t.Context(), secretKind, types.NamespacedName{Namespace: "a", Name: "b"})
		server.Close()
		texts = append(texts, describe(t, test.reason, err, test.wantReason, server.URL))
	}
	texts = append(texts, describe(t, "nobody listens", refusedConnection(t), Unreachable, "https://127.0.0.1:1"))
	all := strings.Join(texts, "\n")
	if strings.Contains(all, "SECRET-CANARY") {
		t.Error("an error shows the token")
	}
	golden(t, "request_errors.txt", all)
}

// describe writes an error for the golden file and checks its class.
func describe(t *testing.T, reason string, err error, want Reason, address string) string {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("%s: got %v, want an *Error", reason, err)
	}
	if failure.Reason != want {
		t.Errorf("%s: reason %s, want %s", reason, failure.Reason, want)
	}
	text := "# " + reason + "\n" + failure.Summary + "\n" + failure.Detail + "\n"
	text = strings.ReplaceAll(text, address, "https://HUB")
	return strings.ReplaceAll(text, strings.TrimPrefix(address, "https://"), "HUB")
}

// refusedConnection returns the error of a request to a port where nobody listens.
func refusedConnection(t *testing.T) error {
	t.Helper()
	client := clientOf(t, Settings{Host: "https://127.0.0.1:1", Token: "SECRET-CANARY"})
	_, err := client.Get(t.Context(), secretKind, types.NamespacedName{Namespace: "a", Name: "b"})
	return err
}

// TestCanceledRequest checks that Ctrl-C ends a request that hangs, at once.
func TestCanceledRequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client := clientOf(t, Settings{Host: "https://" + listener.Addr().String(), Token: "t", Insecure: "true"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = client.Get(ctx, secretKind, types.NamespacedName{Namespace: "a", Name: "b"})
	if err == nil {
		t.Fatal("a server that never answers gave an answer")
	}
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("the request went on for %s after it was cancelled", waited)
	}
}
