// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update rewrites the golden files.
var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read the golden file (make it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// variables returns a getenv over pairs.
func variables(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// TestResolve checks which hub is chosen.
func TestResolve(t *testing.T) {
	certificate, key := testPair(t)
	encoded := base64.StdEncoding.EncodeToString([]byte(certificate))
	tests := []struct {
		reason string
		block  Settings
		env    map[string]string
		want   Settings
	}{
		{
			reason: "the block wins over both families of variables",
			block:  Settings{ConfigPath: "block"},
			env:    map[string]string{"FAIRLEAD_CONFIG_PATH": "own", "KUBE_CONFIG_PATH": "kube"},
			want:   Settings{ConfigPath: "block"},
		},
		{
			reason: "own variables win over those of other providers",
			env:    map[string]string{"FAIRLEAD_CONFIG_PATH": "own", "KUBE_CONFIG_PATH": "kube"},
			want:   Settings{ConfigPath: "own"},
		},
		{
			reason: "a host in the block is never mixed up with a kubeconfig in the environment",
			block:  Settings{Host: "https://hub", Token: "t"},
			env:    map[string]string{"KUBE_CONFIG_PATH": "kube", "KUBE_CTX": "other"},
			want:   Settings{Host: "https://hub", Token: "t"},
		},
		{
			reason: "a workspace with dynamic credentials gives host and token apart",
			block:  Settings{Host: "https://hub"},
			env:    map[string]string{"KUBE_TOKEN": "t"},
			want:   Settings{Host: "https://hub", Token: "t"},
		},
		{
			reason: "a credential in the block hides one of another kind in the environment",
			block:  Settings{Host: "https://hub", TokenPath: "file"},
			env:    map[string]string{"KUBE_TOKEN": "t"},
			want:   Settings{Host: "https://hub", TokenPath: "file"},
		},
		{
			reason: "the context may come from the environment",
			block:  Settings{ConfigPath: "block"},
			env:    map[string]string{"KUBE_CTX": "hub"},
			want:   Settings{ConfigPath: "block", ConfigContext: "hub"},
		},
		{
			reason: "lists of paths are split",
			env:    map[string]string{"KUBE_CONFIG_PATHS": "a" + string(os.PathListSeparator) + "b"},
			want:   Settings{ConfigPaths: []string{"a", "b"}},
		},
		{
			reason: "a host without a scheme is https, not http",
			block:  Settings{Host: "hub:6443", Token: "t"},
			want:   Settings{Host: "https://hub:6443", Token: "t"},
		},
		{
			reason: "certificates come in base64 too",
			block:  Settings{Host: "https://hub", ClusterCACertificate: encoded, ClientCertificate: encoded, ClientKey: Secret(base64.StdEncoding.EncodeToString([]byte(key)))},
			want:   Settings{Host: "https://hub", ClusterCACertificate: certificate, ClientCertificate: certificate, ClientKey: Secret(key)},
		},
		{
			reason: "verification is switched off only when asked for",
			block:  Settings{Host: "https://hub", Token: "t", Insecure: "true"},
			want:   Settings{Host: "https://hub", Token: "t", Insecure: "true"},
		},
		{
			reason: "a plugin is a credential of a host",
			block:  Settings{Host: "https://hub", Exec: &Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "login"}},
			env:    map[string]string{"KUBE_TOKEN": "t"},
			want:   Settings{Host: "https://hub", Exec: &Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "login"}},
		},
		{
			reason: "the key of a certificate may come from the environment",
			block:  Settings{Host: "https://hub", ClientCertificate: certificate},
			env:    map[string]string{"FAIRLEAD_CLIENT_KEY": key},
			want:   Settings{Host: "https://hub", ClientCertificate: certificate, ClientKey: Secret(key)},
		},
		{
			reason: "the account of a pod is used when the block says so",
			block:  Settings{InCluster: "true"},
			env:    map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBE_CONFIG_PATH": "kube", "KUBE_TOKEN": "t"},
			want:   Settings{InCluster: "true", Host: "https://10.0.0.1:443"},
		},
		{
			reason: "an address of IPv6 is bracketed",
			env:    map[string]string{"FAIRLEAD_IN_CLUSTER": "1", "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"},
			want:   Settings{InCluster: "true", Host: "https://[fd00::1]:443"},
		},
		{
			reason: "what the block denies no variable brings back",
			block:  Settings{InCluster: "false"},
			env:    map[string]string{"FAIRLEAD_IN_CLUSTER": "true", "KUBE_CONFIG_PATH": "kube", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"},
			want:   Settings{ConfigPath: "kube"},
		},
		{
			reason: "cluster and user of a kubeconfig have the variables of other providers",
			env:    map[string]string{"KUBE_CONFIG_PATH": "kube", "KUBE_CTX_CLUSTER": "c", "KUBE_CTX_AUTH_INFO": "u"},
			want:   Settings{ConfigPath: "kube", ConfigContextCluster: "c", ConfigContextAuthInfo: "u"},
		},
		{
			reason: "a proxy and an impersonation belong to any hub",
			block:  Settings{ConfigPath: "block", Impersonate: &Impersonate{User: "jane", Groups: []string{"ops"}}},
			env:    map[string]string{"KUBE_PROXY_URL": "socks5://proxy:1080"},
			want:   Settings{ConfigPath: "block", Impersonate: &Impersonate{User: "jane", Groups: []string{"ops"}}, ProxyURL: "socks5://proxy:1080"},
		},
		{
			reason: "the own variable for the proxy goes first",
			env:    map[string]string{"KUBE_CONFIG_PATH": "kube", "FAIRLEAD_PROXY_URL": "http://own:1", "KUBE_PROXY_URL": "http://kube:1"},
			want:   Settings{ConfigPath: "kube", ProxyURL: "http://own:1"},
		},
		{
			reason: "a token in the environment is not asked for where the block has a kubeconfig",
			block:  Settings{Kubeconfig: "content"},
			env:    map[string]string{"KUBE_TOKEN": "t", "FAIRLEAD_TOKEN": "t"},
			want:   Settings{Kubeconfig: "content"},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got, err := Resolve(test.block, variables(test.env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Settings); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResolveErrors checks what is refused, and the texts.
func TestResolveErrors(t *testing.T) {
	certificate, key := testPair(t)
	_, otherKey := testPair(t)
	plugin := &Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "login", Env: map[string]Secret{"PASSWORD": "SECRET-CANARY"}}
	tests := []struct {
		reason string
		block  Settings
		env    map[string]string
	}{
		{reason: "nothing is configured"},
		{reason: "variables that are not ours are not looked at", env: map[string]string{"KUBECONFIG": "x", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}},
		{reason: "two kubeconfigs", block: Settings{ConfigPath: "a", ConfigPaths: []string{"b"}}},
		{reason: "host and kubeconfig", block: Settings{ConfigPath: "a", Host: "https://hub", Token: "t"}},
		{reason: "host and kubeconfig in variables", env: map[string]string{"KUBE_HOST": "https://hub", "KUBE_CONFIG_PATH": "a"}},
		{reason: "two credentials", block: Settings{Host: "https://hub", Token: "t", TokenPath: "p"}},
		{reason: "token and certificate", block: Settings{Host: "https://hub", Token: "t", ClientCertificate: certificate, ClientKey: Secret(key)}},
		{reason: "no credential", block: Settings{Host: "https://hub"}},
		{reason: "certificate without key", block: Settings{Host: "https://hub", ClientCertificate: certificate}},
		{reason: "key of another certificate", block: Settings{Host: "https://hub", ClientCertificate: certificate, ClientKey: Secret(otherKey)}},
		{reason: "token beside a kubeconfig", block: Settings{Token: "t"}, env: map[string]string{"KUBE_CONFIG_PATH": "a"}},
		{reason: "context beside a host", block: Settings{Host: "https://hub", Token: "t", ConfigContext: "c"}},
		{reason: "authority that is no certificate", block: Settings{Host: "https://hub", Token: "t", ClusterCACertificate: "SECRET-CANARY"}},
		{reason: "authority and insecure", block: Settings{Host: "https://hub", Token: "t", ClusterCACertificate: certificate, Insecure: "true"}},
		{reason: "plain http would show the token", block: Settings{Host: "http://hub", Token: "SECRET-CANARY"}},
		{reason: "insecure is a bool", env: map[string]string{"KUBE_HOST": "https://hub", "KUBE_TOKEN": "t", "KUBE_INSECURE": "maybe"}},
		{reason: "plugin and token", block: Settings{Host: "https://hub", Token: "SECRET-CANARY", Exec: plugin}},
		{reason: "plugin and file", block: Settings{Host: "https://hub", TokenPath: "p", Exec: plugin}},
		{reason: "plugin and certificate", block: Settings{Host: "https://hub", ClientCertificate: certificate, Exec: plugin}},
		{reason: "plugin beside a kubeconfig of the environment", block: Settings{Exec: plugin}, env: map[string]string{"FAIRLEAD_CONFIG_PATH": "a"}},
		{reason: "plugin of a version that is gone", block: Settings{Host: "https://hub", Exec: &Exec{APIVersion: "client.authentication.k8s.io/v1alpha1", Command: "login"}}},
		{reason: "plugin without a program", block: Settings{Host: "https://hub", Exec: &Exec{APIVersion: "client.authentication.k8s.io/v1"}}},
		{reason: "two variables of one family", env: map[string]string{"FAIRLEAD_HOST": "https://hub", "FAIRLEAD_TOKEN": "SECRET-CANARY", "FAIRLEAD_TOKEN_PATH": "p"}},
		{reason: "a token variable beside a kubeconfig variable of its family", env: map[string]string{"KUBE_CONFIG_PATH": "a", "KUBE_TOKEN": "SECRET-CANARY"}},
		{reason: "certificate of the block beside a kubeconfig of the environment", block: Settings{ClientCertificate: certificate, ClientKey: Secret(key)}, env: map[string]string{"FAIRLEAD_KUBECONFIG": "SECRET-CANARY"}},
		{reason: "key alone in the environment", block: Settings{Host: "https://hub"}, env: map[string]string{"FAIRLEAD_CLIENT_KEY": key}},
		{reason: "the account of the pod and a kubeconfig", block: Settings{InCluster: "true", ConfigPath: "a"}},
		{reason: "the account of the pod and a host", block: Settings{InCluster: "true", Host: "https://hub"}},
		{reason: "the account of the pod and a token", block: Settings{InCluster: "true", Token: "SECRET-CANARY"}},
		{reason: "the account of the pod, by a variable, and an authority", block: Settings{ClusterCACertificate: certificate, Token: "t"}, env: map[string]string{"FAIRLEAD_IN_CLUSTER": "true"}},
		{reason: "the account of the pod and a context", block: Settings{InCluster: "true", ConfigContext: "c", ConfigContextCluster: "d"}},
		{reason: "no pod", block: Settings{InCluster: "true"}, env: map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}},
		{reason: "in_cluster is a bool", env: map[string]string{"FAIRLEAD_IN_CLUSTER": "maybe"}},
		{reason: "user of a kubeconfig beside a host", block: Settings{Host: "https://hub", Token: "t", ConfigContextAuthInfo: "u"}},
		{reason: "an empty user would impersonate nobody", block: Settings{Host: "https://hub", Token: "t", Impersonate: &Impersonate{Groups: []string{"ops"}}}},
		{reason: "a proxy without a scheme", block: Settings{Host: "https://hub", Token: "t", ProxyURL: "user:SECRET-CANARY@proxy:3128"}},
		{reason: "a proxy of a scheme that is none", block: Settings{ConfigPath: "a"}, env: map[string]string{"KUBE_PROXY_URL": "ftp://user:SECRET-CANARY@proxy:3128"}},
		{reason: "user in the address", block: Settings{Host: "https://user:SECRET-CANARY@hub", Token: "t"}},
		{reason: "user in an address without a scheme", block: Settings{Host: "user:SECRET-CANARY@hub:6443", Token: "t"}},
		{reason: "user in the address of a variable", env: map[string]string{"KUBE_HOST": "https://user:SECRET-CANARY@hub", "KUBE_TOKEN": "t"}},
		{reason: "an address that cannot be read", block: Settings{Host: "https://user:SECRET-CANARY%@hub", Token: "t"}},
	}
	var texts []string
	for _, test := range tests {
		_, err := Resolve(test.block, variables(test.env))
		var config *ConfigError
		if !errors.As(err, &config) {
			t.Errorf("%s: got %v, want a ConfigError", test.reason, err)
			continue
		}
		texts = append(texts, fmt.Sprintf("# %s\nattribute: %s\n%s\n%s\n", test.reason, config.Field, config.Summary, config.Detail))
	}
	all := strings.Join(texts, "\n")
	if strings.Contains(all, "SECRET-CANARY") {
		t.Error("an error shows a configured value")
	}
	golden(t, "resolve_errors.txt", all)
}

// TestSecretNeverPrints checks every way in which a value is written.
func TestSecretNeverPrints(t *testing.T) {
	config := Config{Settings: Settings{Token: "SECRET-CANARY", Kubeconfig: "SECRET-CANARY", ClientKey: "SECRET-CANARY",
		ProxyURL: "http://u:SECRET-CANARY@proxy", Exec: &Exec{Env: map[string]Secret{"A": "SECRET-CANARY"}}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, config); strings.Contains(text, "SECRET-CANARY") {
			t.Errorf("%s shows a secret: %s", format, text)
		}
	}
}
