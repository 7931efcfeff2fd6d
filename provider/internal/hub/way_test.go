// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tunnel is a proxy that counts the connections that it makes.
type tunnel struct {
	t           *testing.T
	connections atomic.Int64
}

// ServeHTTP makes one connection.
func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		p.t.Errorf("the proxy was asked for %s %s", r.Method, r.URL)
		return
	}
	p.connections.Add(1)
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

// TestProxy checks that each kind of credential goes through the proxy.
func TestProxy(t *testing.T) {
	server := httptest.NewTLSServer(&answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")})
	defer server.Close()
	kubeconfig := fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: hub
clusters: [{name: hub, cluster: {server: %q, insecure-skip-tls-verify: true, proxy-url: "http://127.0.0.1:1"}}]
users: [{name: jane, user: {token: t}}]
contexts: [{name: hub, context: {cluster: hub, user: jane}}]
`, server.URL)
	tests := []struct {
		reason   string
		settings Settings
	}{
		{"a token", Settings{Host: server.URL, Token: "t", Insecure: "true"}},
		{"a plugin", Settings{Host: server.URL, Insecure: "true", Exec: execOf(printing(t, t.TempDir(), ""))}},
		{"a kubeconfig, instead of its own proxy", Settings{Kubeconfig: Secret(kubeconfig)}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			handler := &tunnel{t: t}
			proxy := httptest.NewServer(handler)
			defer proxy.Close()
			test.settings.ProxyURL = Secret(proxy.URL)
			client := clientOf(t, test.settings)
			for range 3 {
				if _, err := client.Get(t.Context(), secretKind, anyKey); ReasonOf(err) != Forbidden {
					t.Errorf("got %v, want the answer of the hub", err)
				}
			}
			if got := handler.connections.Load(); got != 1 {
				t.Errorf("%d connections through the proxy, want one for all requests", got)
			}
		})
	}
}

// TestProxyAway checks that the error names the proxy, and not its password.
func TestProxyAway(t *testing.T) {
	client := clientOf(t, Settings{Host: "https://hub.example.com", Token: "t", ProxyURL: "http://user:SECRET-CANARY@127.0.0.1:1"})
	_, err := client.Get(t.Context(), secretKind, anyKey)
	if ReasonOf(err) != Unreachable || !strings.Contains(err.Error(), "the way leads through the proxy 127.0.0.1:1") || strings.Contains(err.Error(), "SECRET-CANARY") {
		t.Errorf("got %v, want an error that names the proxy and nothing secret of it", err)
	}
}

// headers is a server that notes the headers of the last request.
type headers struct {
	mutex sync.Mutex
	last  http.Header
}

// ServeHTTP answers one request.
func (h *headers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.last = r.Header
	(&answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")}).ServeHTTP(w, r)
}

// TestImpersonate checks that each kind of credential acts as somebody else.
func TestImpersonate(t *testing.T) {
	handler := &headers{}
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	as := &Impersonate{User: "jane", UID: "42", Groups: []string{"ops", "dev"}, Extra: map[string][]string{"example.com/reason": {"a", "b"}}}
	want := http.Header{
		"Impersonate-User":                       {"jane"},
		"Impersonate-Uid":                        {"42"},
		"Impersonate-Group":                      {"ops", "dev"},
		"Impersonate-Extra-Example.com%2freason": {"a", "b"},
	}
	tests := []struct {
		reason   string
		settings Settings
	}{
		{"a token", Settings{Host: server.URL, Token: "t", Insecure: "true", Impersonate: as}},
		{"a plugin", Settings{Host: server.URL, Insecure: "true", Impersonate: as, Exec: execOf(printing(t, t.TempDir(), ""))}},
		{"a kubeconfig that would act as another one", Settings{Impersonate: as, Kubeconfig: Secret(fmt.Sprintf(
			"{current-context: hub, clusters: [{name: hub, cluster: {server: %q, insecure-skip-tls-verify: true}}], users: [{name: jane, user: {token: t, as: joe}}], contexts: [{name: hub, context: {cluster: hub, user: jane}}]}", server.URL))}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, err := clientOf(t, test.settings).Get(t.Context(), secretKind, anyKey)
			if ReasonOf(err) != Forbidden || !strings.Contains(err.Error(), `acts as the user "jane"`) {
				t.Errorf("got %v, want a refusal that says as whom", err)
			}
			got := http.Header{}
			for name, values := range handler.last {
				if strings.HasPrefix(name, "Impersonate-") {
					got[name] = values
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInCluster checks that the account of a pod is used, and its token read anew.
func TestInCluster(t *testing.T) {
	handler := &refusing{}
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config, err := Resolve(Settings{InCluster: "true"}, variables(map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}))
	if err != nil {
		t.Fatal(err)
	}
	config.account = t.TempDir()
	var missing *ConfigError
	if _, err := New(config); !errors.As(err, &missing) || missing.Summary != "Not in a pod" {
		t.Errorf("without an account: got %v, want an error that says so", err)
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(config.account, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	write("token", "first\n")
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Get(t.Context(), secretKind, anyKey)
	if ReasonOf(err) != Forbidden || !strings.Contains(err.Error(), "the account of this pod") {
		t.Errorf("got %v, want the answer of the hub", err)
	}
	write("token", "second\n")
	_, _ = client.Get(t.Context(), secretKind, anyKey)
	if diff := cmp.Diff([]string{"Bearer first", "Bearer first", "Bearer second"}, handler.tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

// TestKindIsAskedForOnce checks that requests that are made at once share one
// question for how a kind is served.
func TestKindIsAskedForOnce(t *testing.T) {
	questions := &atomic.Int64{}
	inner := &answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1" {
			questions.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { _, _ = client.Get(t.Context(), secretKind, anyKey) })
	}
	all.Wait()
	if got := questions.Load(); got != 1 {
		t.Errorf("%d questions for one kind, want one", got)
	}
}

// TestStrict checks that nothing is kept where the user wants an error.
func TestStrict(t *testing.T) {
	for _, strict := range []bool{false, true} {
		config, err := Resolve(Settings{Host: "https://127.0.0.1:1", Token: "t"}, variables(nil))
		if err != nil {
			t.Fatal(err)
		}
		config.Strict = strict
		client, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(t.Context(), secretKind, anyKey)
		if ReasonOf(err) != Unreachable || IsAway(err) == strict {
			t.Errorf("strict %t: %v counts as away: %t", strict, err, IsAway(err))
		}
		if failure := client.Failure(Forbidden, "s", "d"); IsAway(failure) == strict {
			t.Errorf("strict %t: what another library met counts as away: %t", strict, !strict)
		}
	}
}
