// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig writes a kubeconfig for user to path, with all certificates inside it so that it can be copied anywhere.
func writeKubeconfig(path, server, name, caPath string, user *clientcmdapi.AuthInfo) error {
	ca, err := os.ReadFile(caPath)
	if err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = user
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	// Written in one step: OCM's agents and people may be reading it.
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig %s: %w", path, err)
	}
	return writeFileAtomic(path, content)
}

// clientCertificate returns the user that the files prefix.crt and prefix.key hold.
func clientCertificate(prefix string) (*clientcmdapi.AuthInfo, error) {
	cert, err := os.ReadFile(prefix + ".crt")
	if err != nil {
		return nil, fmt.Errorf("reading a client certificate: %w", err)
	}
	key, err := os.ReadFile(prefix + ".key")
	if err != nil {
		return nil, fmt.Errorf("reading a client key: %w", err)
	}
	return &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}, nil
}
