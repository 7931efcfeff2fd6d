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
		{reason: "user in the address", block: Settings{Host: "https://user:SECRET-CANARY@hub", Token: "t"}},
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
	config := Config{Settings: Settings{Token: "SECRET-CANARY", Kubeconfig: "SECRET-CANARY", ClientKey: "SECRET-CANARY"}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, config); strings.Contains(text, "SECRET-CANARY") {
			t.Errorf("%s shows a secret: %s", format, text)
		}
	}
}
