// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// TestClusterJoinKubeconfig checks that who joins verifies the hub as the provider
// does, whatever the provider's own credential is.
func TestClusterJoinKubeconfig(t *testing.T) {
	const otherAuthority = "-----BEGIN OTHER-----"
	folder := t.TempDir()
	authority, err := os.ReadFile(writeAuthority(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	authorityText := string(authority)
	plugin := &hub.Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "never-run"}
	// The plugin of a kubeconfig, with its authority in a file.
	kubeconfig := filepath.Join(folder, "config")
	content := fmt.Sprintf(`{current-context: hub, clusters: [{name: hub, cluster: {server: "https://hub:6443", certificate-authority: ca.crt, tls-server-name: inner}}],
users: [{name: jane, user: {exec: {apiVersion: %s, command: never-run, interactiveMode: Never}}}], contexts: [{name: hub, context: {cluster: hub, user: jane}}]}`, plugin.APIVersion)
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		reason   string
		settings hub.Settings
		model    clusterJoinModel
		want     api.Cluster
	}{
		{"a token", hub.Settings{Host: "https://hub:6443", Token: "t", ClusterCACertificate: authorityText}, clusterJoinModel{},
			api.Cluster{Server: "https://hub:6443", CertificateAuthorityData: authority}},
		{"a plugin", hub.Settings{Host: "https://hub:6443", Exec: plugin, ClusterCACertificate: authorityText, TLSServerName: "inner"}, clusterJoinModel{},
			api.Cluster{Server: "https://hub:6443", CertificateAuthorityData: authority, TLSServerName: "inner"}},
		{"a plugin of a kubeconfig", hub.Settings{ConfigPath: kubeconfig}, clusterJoinModel{},
			api.Cluster{Server: "https://hub:6443", CertificateAuthorityData: authority, TLSServerName: "inner"}},
		{"nothing is verified", hub.Settings{Host: "https://hub:6443", Exec: plugin, Insecure: "true"}, clusterJoinModel{},
			api.Cluster{Server: "https://hub:6443", InsecureSkipTLSVerify: true}},
		{"an authority makes it verified", hub.Settings{Host: "https://hub:6443", Token: "t", Insecure: "true"},
			clusterJoinModel{ClusterCACertificate: fwtypes.StringValue(otherAuthority)},
			api.Cluster{Server: "https://hub:6443", CertificateAuthorityData: []byte(otherAuthority)}},
		{"another address has a name of its own", hub.Settings{Host: "https://hub:6443", Token: "t", ClusterCACertificate: authorityText, TLSServerName: "inner"},
			clusterJoinModel{Host: fwtypes.StringValue("https://outer")},
			api.Cluster{Server: "https://outer", CertificateAuthorityData: authority}},
		{"another address is verified", hub.Settings{Host: "https://hub:6443", Token: "t", Insecure: "true"},
			clusterJoinModel{Host: fwtypes.StringValue("https://outer")}, api.Cluster{Server: "https://outer"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			client, err := hub.New(hub.Config{Settings: test.settings})
			if err != nil {
				t.Fatal(err)
			}
			way, err := test.model.complete(client)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.model.take(hub.Token{Value: "joins", Expires: time.Unix(0, 0)}, way); err != nil {
				t.Fatal(err)
			}
			written, err := clientcmd.Load([]byte(test.model.Kubeconfig.ValueString()))
			if err != nil {
				t.Fatal(err)
			}
			got := written.Clusters["hub"]
			got.Extensions = nil
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("the cluster of the kubeconfig (-want +got):\n%s", diff)
			}
		})
	}
}

// writeAuthority writes a certificate authority into the folder and returns where.
func writeAuthority(t *testing.T, folder string) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	path := filepath.Join(folder, "ca.crt")
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
