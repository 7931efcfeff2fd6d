// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Hub is a cluster as a kubeconfig describes it.
type Hub struct {
	// Kubeconfig is the path of the file.
	Kubeconfig string
	// Context is the context to use; the file's current one when empty.
	Context string
}

// RESTConfig returns the client configuration of the kubeconfig's user.
func (h Hub) RESTConfig() (*rest.Config, error) {
	raw, err := h.load()
	if err != nil {
		return nil, err
	}
	// The deferred form would fall back to the cluster that this process may run in.
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, raw.CurrentContext, nil, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s: %w", h.Kubeconfig, err)
	}
	return config, nil
}

// Server returns the address of the API server.
func (h Hub) Server() (string, error) {
	cluster, err := h.cluster()
	if err != nil {
		return "", err
	}
	return cluster.Server, nil
}

// cluster returns how the API server is reached, with the contents of files in place of their paths.
func (h Hub) cluster() (*clientcmdapi.Cluster, error) {
	config, err := h.load()
	if err != nil {
		return nil, err
	}
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return nil, fmt.Errorf("finding context %q in kubeconfig %s: %w", config.CurrentContext, h.Kubeconfig, err)
	}
	cluster, ok := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	if !ok {
		return nil, fmt.Errorf("context %q of kubeconfig %s names no cluster", config.CurrentContext, h.Kubeconfig)
	}
	flat := clientcmdapi.NewConfig()
	flat.Clusters["hub"] = cluster
	if err := clientcmdapi.FlattenConfig(flat); err != nil {
		return nil, fmt.Errorf("reading what kubeconfig %s refers to: %w", h.Kubeconfig, err)
	}
	return flat.Clusters["hub"], nil
}

// load reads this one file: never another by way of the environment.
func (h Hub) load() (*clientcmdapi.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: h.Kubeconfig}
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s: %w", h.Kubeconfig, err)
	}
	if h.Context != "" {
		config.CurrentContext = h.Context
	}
	return config, nil
}
