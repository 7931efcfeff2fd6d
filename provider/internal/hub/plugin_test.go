// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// script writes an executable and returns its path.
func script(t *testing.T, folder, text string) string {
	t.Helper()
	path := filepath.Join(folder, "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// execOf is a plugin of that program.
func execOf(path string) *Exec {
	return &Exec{APIVersion: "client.authentication.k8s.io/v1", Command: path}
}

// printing is a script that counts its runs in the file runs and prints a token
// with the number of the run; more goes into the status.
func printing(t *testing.T, folder, more string) string {
	t.Helper()
	return script(t, folder, fmt.Sprintf(`cd %q
echo run >>runs
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-%%s"%s}}' "$(wc -l <runs | tr -d ' ')"
`, folder, more))
}

// runs is how often a script of printing ran.
func runs(t *testing.T, folder string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "runs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(content), "run")
}

// refusing is a server that knows some tokens only.
type refusing struct {
	mutex  sync.Mutex
	known  string
	tokens []string
}

// ServeHTTP answers one request.
func (s *refusing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	handler := &answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")}
	if s.known != "" && r.Header.Get("Authorization") != "Bearer "+s.known {
		handler = &answers{status: http.StatusUnauthorized, body: statusBody("401", "Unauthorized", "Unauthorized")}
	}
	handler.ServeHTTP(w, r)
}

// anyKey is the name of an object.
var anyKey = types.NamespacedName{Namespace: "a", Name: "b"}

// TestPluginIsRunOnceAndAgainAfterRefusal checks how often the plugin runs.
func TestPluginIsRunOnceAndAgainAfterRefusal(t *testing.T) {
	tests := []struct {
		reason string
		more   string
		// known is the token that the server takes, empty for all.
		known string
		reads int
		runs  int
		want  Reason
	}{
		{"a credential without an end is used for all", "", "", 3, 1, Forbidden},
		{"one that ends later too", `,"expirationTimestamp":"2999-01-01T00:00:00Z"`, "", 3, 1, Forbidden},
		{"one that has ended is never used twice", `,"expirationTimestamp":"2020-01-01T00:00:00Z"`, "", 2, 3, Forbidden},
		{"one that the hub does not know any more is replaced", "", "token-2", 3, 2, Forbidden},
		{"a plugin that has nothing better is left alone for a while", "", "other", 5, 2, Unauthorized},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			folder := t.TempDir()
			server := httptest.NewTLSServer(&refusing{known: test.known})
			defer server.Close()
			client := clientOf(t, Settings{Host: server.URL, Insecure: "true", Exec: execOf(printing(t, folder, test.more))})
			for range test.reads {
				if _, err := client.Get(t.Context(), secretKind, anyKey); ReasonOf(err) != test.want {
					t.Errorf("got %v, want %s", err, test.want)
				}
			}
			if got := runs(t, folder); got != test.runs {
				t.Errorf("the plugin ran %d times, want %d", got, test.runs)
			}
		})
	}
}

// TestPluginExpires checks the moment from which a credential is not used any more.
func TestPluginExpires(t *testing.T) {
	folder := t.TempDir()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	config, err := hostREST(Settings{Host: "https://hub", Exec: execOf(printing(t, folder, `,"expirationTimestamp":"2026-01-01T13:00:00Z"`))})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlugin(config, keyExec)
	if err != nil {
		t.Fatal(err)
	}
	fake := clocktesting.NewFakePassiveClock(now)
	p.clock = fake
	var tokens []string
	for _, at := range []time.Duration{0, time.Hour - time.Nanosecond, time.Hour, time.Hour + pluginPause} {
		fake.SetTime(now.Add(at))
		given, err := p.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, string(given.token))
	}
	if diff := cmp.Diff([]string{"token-1", "token-1", "token-2", "token-3"}, tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

// TestPluginRunsOnceForAll checks that requests that are made at once wait for one run.
func TestPluginRunsOnceForAll(t *testing.T) {
	folder := t.TempDir()
	handler := &refusing{known: "token-2"}
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Insecure: "true", Exec: execOf(printing(t, folder, ""))})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = client.Get(t.Context(), secretKind, anyKey) })
	}
	all.Wait()
	if got := runs(t, folder); got != 2 {
		t.Errorf("the plugin ran %d times, want once, and once after the refusal", got)
	}
}

// TestPluginIsToldWhatItWants checks what the plugin gets.
func TestPluginIsToldWhatItWants(t *testing.T) {
	certificate, _ := testPair(t)
	tests := []struct {
		reason string
		info   bool
		want   map[string]any
	}{
		{"nobody answers questions", false, map[string]any{"interactive": false}},
		{"the cluster, if it asks for it", true, map[string]any{"interactive": false, "cluster": map[string]any{
			"server": "https://hub:6443", "tls-server-name": "name", "certificate-authority-data": []byte(certificate), "config": nil,
		}}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			folder := t.TempDir()
			plugin := execOf(script(t, folder, fmt.Sprintf(`cd %q
printf '%%s' "$KUBERNETES_EXEC_INFO" >info
printf '%%s %%s %%s' "$1" "$2" "$PASSWORD" >arguments
cat >stdin
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
`, folder)))
			plugin.Args, plugin.Env, plugin.ProvideClusterInfo = []string{"a b", "$c"}, map[string]Secret{"PASSWORD": "p"}, test.info
			config, err := hostREST(Settings{Host: "https://hub:6443", TLSServerName: "name", ClusterCACertificate: certificate, Exec: plugin})
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPlugin(config, keyExec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.get(t.Context()); err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": test.want})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, name := range []string{"info", "arguments", "stdin"} {
				content, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil {
					t.Fatal(err)
				}
				got[name] = string(content)
			}
			got["info"] = sortedJSON(t, got["info"])
			if diff := cmp.Diff(map[string]string{"info": sortedJSON(t, string(want)), "arguments": "a b $c p", "stdin": ""}, got); diff != "" {
				t.Errorf("what the plugin got (-want +got):\n%s", diff)
			}
		})
	}
}

// sortedJSON writes JSON in one order.
func sortedJSON(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestPluginErrors checks the texts, that what the plugin complains of is in them,
// and that nothing of its output is.
func TestPluginErrors(t *testing.T) {
	certificate, _ := testPair(t)
	_, otherKey := testPair(t)
	answer := func(version, status string) string {
		return fmt.Sprintf("cat <<'END'\n{\"apiVersion\":\"client.authentication.k8s.io/%s\",\"kind\":\"ExecCredential\"%s}\nEND\n", version, status)
	}
	text := func(value string) string {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	tests := []struct{ reason, script string }{
		{"it fails and says why", "echo SECRET-CANARY; printf 'session expired\\nrun: \\033[1mlogin\\033[0m\\n' >&2; exit 3\n"},
		{"it fails and says nothing", "exit 1\n"},
		{"it says very much", "i=0; while [ $i -lt 200 ]; do echo 'it does not work at all' >&2; i=$((i+1)); done; exit 1\n"},
		{"it prints no credential", "echo SECRET-CANARY\n"},
		{"it prints another object", "echo '{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":\"SECRET-CANARY\"}'\n"},
		{"it speaks another version", answer("v1beta1", `,"status":{"token":"SECRET-CANARY"}`)},
		{"it prints no status, and a warning", "echo 'not logged in' >&2\n" + answer("v1", "")},
		{"its status is empty", answer("v1", `,"status":{}`)},
		{"it prints a certificate without its key", answer("v1", fmt.Sprintf(`,"status":{"clientCertificateData":%s}`, text(certificate)))},
		{"it prints a key of another certificate", answer("v1", fmt.Sprintf(`,"status":{"clientCertificateData":%s,"clientKeyData":%s}`, text(certificate), text(otherKey)))},
		{"it hangs", "echo 'waiting for the browser' >&2; exec sleep 600\n"},
	}
	var texts []string
	for _, test := range tests {
		folder := t.TempDir()
		path := script(t, folder, test.script)
		limit := time.Minute
		if strings.Contains(test.script, "sleep") {
			limit = time.Second
		}
		texts = append(texts, "# "+test.reason+"\n"+strings.ReplaceAll(pluginFailure(t, path, limit), folder, "FOLDER"))
	}
	texts = append(texts, "# it is not installed\n"+pluginFailure(t, "no-such-plugin", time.Minute))
	all := strings.Join(texts, "\n")
	if strings.Contains(all, "SECRET-CANARY") || strings.Contains(all, "PRIVATE KEY") {
		t.Error("an error shows what the plugin printed")
	}
	golden(t, "plugin_errors.txt", all)
}

// pluginFailure returns the error of a plugin, and checks that it is not run
// again and again.
func pluginFailure(t *testing.T, path string, limit time.Duration) string {
	t.Helper()
	config, err := hostREST(Settings{Host: "https://hub", Exec: execOf(path)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlugin(config, keyExec)
	if err != nil {
		t.Fatal(err)
	}
	p.limit = limit
	_, err = p.get(t.Context())
	var failure *ConfigError
	if !errors.As(err, &failure) {
		t.Fatalf("%s: got %v, want a ConfigError", path, err)
	}
	if _, again := p.get(t.Context()); !errors.Is(again, err) {
		t.Errorf("%s: it was run again: %v", path, again)
	}
	return fmt.Sprintf("attribute: %s\n%s\n%s\n", failure.Field, failure.Summary, failure.Detail)
}

// TestPluginIsInterrupted checks that Ctrl-C does not wait for a plugin, and that
// the next request is not told that it failed.
func TestPluginIsInterrupted(t *testing.T) {
	folder := t.TempDir()
	path := script(t, folder, fmt.Sprintf("cd %q; if [ -e second ]; then printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'; exit; fi; touch second; exec sleep 600\n", folder))
	server := httptest.NewTLSServer(&refusing{})
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Insecure: "true", Exec: execOf(path)})
	ctx, cancel := contextOf(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "second"))
		return err == nil
	})
	defer cancel()
	if _, err := client.Get(ctx, secretKind, anyKey); ReasonOf(err) != Canceled {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	if _, err := client.Get(t.Context(), secretKind, anyKey); ReasonOf(err) != Forbidden {
		t.Errorf("got %v, want the answer of the hub", err)
	}
}

// TestPluginCertificate checks that a client certificate of a plugin is used, and
// that a new one is used on new connections.
func TestPluginCertificate(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"1", "2"} {
		certificate, key := testPair(t)
		encoded, err := json.Marshal(map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
			"status": map[string]any{"clientCertificateData": certificate, "clientKeyData": key}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), encoded, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := script(t, folder, fmt.Sprintf("cd %q; echo run >>runs; cat \"$(wc -l <runs | tr -d ' ')\"\n", folder))
	handler := &certificates{}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = requestCertificates()
	server.StartTLS()
	defer server.Close()
	client := clientOf(t, Settings{Host: server.URL, Insecure: "true", Exec: execOf(path)})
	_, _ = client.Get(t.Context(), secretKind, anyKey)
	first := handler.last()
	handler.refuse(first)
	if _, err := client.Get(t.Context(), secretKind, anyKey); ReasonOf(err) != Forbidden {
		t.Errorf("got %v, want the answer of the hub", err)
	}
	if second := handler.last(); first == "" || second == "" || first == second {
		t.Errorf("certificates %q and then %q: want two", first, second)
	}
}

// certificates is a server that notes the client certificates it sees, and that
// may refuse one of them.
type certificates struct {
	mutex   sync.Mutex
	seen    string
	refused string
}

// requestCertificates makes a server ask for client certificates of any authority.
func requestCertificates() *tls.Config {
	return &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
}

// ServeHTTP answers one request.
func (c *certificates) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.seen = ""
	if len(r.TLS.PeerCertificates) > 0 {
		c.seen = fmt.Sprintf("%x", r.TLS.PeerCertificates[0].Signature)
	}
	handler := &answers{status: http.StatusForbidden, body: statusBody("403", "Forbidden", "no")}
	if c.seen == c.refused {
		handler = &answers{status: http.StatusUnauthorized, body: statusBody("401", "Unauthorized", "Unauthorized")}
	}
	handler.ServeHTTP(w, r)
}

// last is the certificate of the last request, empty for none.
func (c *certificates) last() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.seen
}

// refuse makes the server not know that certificate any more.
func (c *certificates) refuse(certificate string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.refused = certificate
}

// contextOf returns a context that is cancelled as soon as the condition holds.
func contextOf(t *testing.T, condition func() bool) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for !condition() {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return ctx, cancel
}
