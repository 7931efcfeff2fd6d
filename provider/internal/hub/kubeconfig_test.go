// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// twoContexts is a kubeconfig with a current context and another one.
const twoContexts = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- {name: dev, cluster: {server: "https://dev:6443"}}
- {name: hub, cluster: {server: "https://hub:6443"}}
- {name: empty, cluster: {}}
users:
- {name: jane, user: {token: SECRET-CANARY}}
contexts:
- {name: dev, context: {cluster: dev, user: jane}}
- {name: hub, context: {cluster: hub, user: jane}}
- {name: broken, context: {cluster: nowhere, user: jane}}
- {name: empty, context: {cluster: empty, user: jane}}
`

// TestKubeconfig checks which server a kubeconfig leads to.
func TestKubeconfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		reason   string
		settings Settings
		want     string
	}{
		{"the current context", Settings{ConfigPath: path}, "https://dev:6443"},
		{"a chosen context", Settings{ConfigPath: path, ConfigContext: "hub"}, "https://hub:6443"},
		{"content", Settings{Kubeconfig: twoContexts, ConfigContext: "hub"}, "https://hub:6443"},
		{"several files", Settings{ConfigPaths: []string{path}, ConfigContext: "hub"}, "https://hub:6443"},
		{"another cluster than the context's", Settings{ConfigPath: path, ConfigContext: "dev", ConfigContextCluster: "hub"}, "https://hub:6443"},
		{"a context that lacks its cluster is completed", Settings{ConfigPath: path, ConfigContext: "broken", ConfigContextCluster: "hub"}, "https://hub:6443"},
		{"cluster and user make a context dispensable", Settings{Kubeconfig: Secret(strings.Replace(twoContexts, "current-context: dev", "", 1)),
			ConfigContextCluster: "hub", ConfigContextAuthInfo: "jane"}, "https://hub:6443"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			client, err := New(Config{Settings: test.settings, Version: "1.2.3"})
			if err != nil {
				t.Fatal(err)
			}
			config := client.RESTConfig()
			if client.Host() != test.want {
				t.Errorf("host %q, want %q", client.Host(), test.want)
			}
			if config.UserAgent != "terraform-provider-fairlead/1.2.3" {
				t.Errorf("user agent %q", config.UserAgent)
			}
			if config.QPS >= 0 {
				t.Errorf("the client throttles itself: %v requests a second", config.QPS)
			}
			if _, quiet := config.WarningHandler.(rest.NoWarnings); !quiet {
				t.Errorf("warnings of the server would be printed by %T", config.WarningHandler)
			}
		})
	}
}

// userOf is a kubeconfig whose only user has that credential.
func userOf(credential string) Secret {
	return Secret("{current-context: hub, clusters: [{name: hub, cluster: {server: 'https://hub:6443'}}], users: [{name: jane, user: {" + credential +
		"}}], contexts: [{name: hub, context: {cluster: hub, user: jane}}]}")
}

// TestKubeconfigUsers checks that the credential of a kubeconfig's user is found
// as client-go finds it: programs and files relative to the kubeconfig.
func TestKubeconfigUsers(t *testing.T) {
	tests := []struct{ reason, user, want string }{
		{"a token", "token: inline", "Bearer inline"},
		{"a token file beside the kubeconfig", "tokenFile: token", "Bearer file"},
		{"a plugin beside the kubeconfig", `exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: IfAvailable, provideClusterInfo: true}`, "Bearer token-1"},
		{"a provider with a token that has not expired", "auth-provider: {name: oidc, config: {idp-issuer-url: https://issuer, client-id: a, id-token: " + unexpired + "}}", "Bearer " + unexpired},
		{"a token goes before a plugin", `token: inline, exec: {apiVersion: client.authentication.k8s.io/v1, command: ./missing, interactiveMode: Never}`, "Bearer inline"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			handler := &refusing{}
			server := httptest.NewTLSServer(handler)
			defer server.Close()
			folder := t.TempDir()
			printing(t, folder, "")
			if err := os.WriteFile(filepath.Join(folder, "token"), []byte("file\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			content := strings.Replace(string(userOf(test.user)), "{server: 'https://hub:6443'}", fmt.Sprintf("{server: %q, insecure-skip-tls-verify: true}", server.URL), 1)
			path := filepath.Join(folder, "config")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := clientOf(t, Settings{ConfigPath: path}).Get(t.Context(), secretKind, anyKey); ReasonOf(err) != Forbidden {
				t.Errorf("got %v, want the answer of the hub", err)
			}
			if len(handler.tokens) == 0 || handler.tokens[0] != test.want {
				t.Errorf("credentials %q, want %q", handler.tokens, test.want)
			}
		})
	}
}

// proxied is a kubeconfig whose only cluster is behind that proxy.
func proxied(proxy string) Secret {
	server := "server: 'https://hub:6443'"
	return Secret(strings.Replace(string(userOf("token: t")), server, server+", proxy-url: '"+proxy+"'", 1))
}

// servedAt is a kubeconfig whose only cluster has that address.
func servedAt(address string) Secret {
	return Secret(strings.Replace(string(userOf("token: t")), "https://hub:6443", address, 1))
}

// unexpired is a token of an OpenID provider, signed by nobody, that expires in the year 2999.
const unexpired = "eyJhbGciOiJub25lIn0.eyJleHAiOjMyNDcyMTQ0MDAwfQ."

// TestKubeconfigErrors checks the texts, and that none shows the content.
func TestKubeconfigErrors(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config")
	if err := os.WriteFile(path, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(folder, "garbage")
	if err := os.WriteFile(garbage, []byte("SECRET-CANARY: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		reason   string
		settings Settings
	}{
		{"no such file", Settings{ConfigPath: filepath.Join(folder, "missing")}},
		{"no such file in a list", Settings{ConfigPaths: []string{path, filepath.Join(folder, "missing")}}},
		{"no kubeconfig", Settings{ConfigPath: garbage}},
		{"content that is no kubeconfig", Settings{Kubeconfig: "SECRET-CANARY"}},
		{"no such context", Settings{ConfigPath: path, ConfigContext: "prod"}},
		{"no current context", Settings{Kubeconfig: Secret(strings.Replace(twoContexts, "current-context: dev", "", 1))}},
		{"a context without its cluster", Settings{ConfigPath: path, ConfigContext: "broken"}},
		{"a cluster without a server must not lead to localhost", Settings{ConfigPath: path, ConfigContext: "empty"}},
		{"no such cluster", Settings{ConfigPath: path, ConfigContextCluster: "prod"}},
		{"no such user", Settings{ConfigPath: path, ConfigContextAuthInfo: "joe"}},
		{"a plugin that asks on a terminal", Settings{Kubeconfig: userOf(`exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Always}`)}},
		{"a plugin of a version that is gone", Settings{Kubeconfig: userOf(`exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: login, interactiveMode: Never}`)}},
		{"a provider that client-go has dropped", Settings{Kubeconfig: userOf(`auth-provider: {name: gcp}`)}},
		{"a provider that nobody knows", Settings{Kubeconfig: userOf(`auth-provider: {name: nobody}`)}},
		{"a provider that lacks its settings", Settings{Kubeconfig: userOf(`auth-provider: {name: oidc}`)}},
		{"a certificate that is missing", Settings{Kubeconfig: userOf(`client-certificate: /nowhere/cert, client-key: /nowhere/key`)}},
		{"a password in the address of the server", Settings{Kubeconfig: servedAt("https://jane:SECRET-CANARY@hub:6443")}},
		{"a password in an address without a scheme", Settings{Kubeconfig: servedAt("jane:SECRET-CANARY@hub:6443")}},
		{"a user in the address of the server", Settings{Kubeconfig: servedAt("https://SECRET-CANARY@hub:6443")}},
		{"an address that cannot be read", Settings{Kubeconfig: servedAt("https://jane:SECRET-CANARY%@hub:6443")}},
		{"a proxy without a scheme that is known", Settings{Kubeconfig: proxied("ftp://jane:SECRET-CANARY@proxy:3128")}},
		{"a proxy that cannot be read", Settings{Kubeconfig: proxied("http://jane:SECRET-CANARY%@proxy:3128")}},
		{"a proxy without a name", Settings{Kubeconfig: proxied("jane:SECRET-CANARY@proxy:3128")}},
		{"no token file", Settings{Host: "https://hub", TokenPath: filepath.Join(folder, "missing")}},
	}
	var texts []string
	for _, test := range tests {
		_, err := New(Config{Settings: test.settings})
		var config *ConfigError
		if !errors.As(err, &config) {
			t.Errorf("%s: got %v, want a ConfigError", test.reason, err)
			continue
		}
		texts = append(texts, fmt.Sprintf("# %s\n%s\n%s\n", test.reason, config.Summary, config.Detail))
	}
	all := strings.ReplaceAll(strings.Join(texts, "\n"), folder, "FOLDER")
	if strings.Contains(all, "SECRET-CANARY") {
		t.Error("an error shows the content of a kubeconfig")
	}
	golden(t, "kubeconfig_errors.txt", all)
}
