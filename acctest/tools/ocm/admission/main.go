// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Command admission serves the admission handlers of OCM's registration and work webhooks from one process.
//
// The handlers are OCM's own. OCM's webhook-server commands are not used because both of them also bind the fixed ports
// 8000 (health) and 8080 (metrics) on every address, so that neither the two of them nor two hubs fit on one machine.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	clusterv1 "open-cluster-management.io/api/cluster/v1"
	ocmfeature "open-cluster-management.io/api/feature"
	workv1 "open-cluster-management.io/api/work/v1"
	workv1alpha1 "open-cluster-management.io/api/work/v1alpha1"
	"open-cluster-management.io/ocm/pkg/features"
	registrationv1 "open-cluster-management.io/ocm/pkg/registration/webhook/v1"
	registrationv1beta2 "open-cluster-management.io/ocm/pkg/registration/webhook/v1beta2"
	workwebhook "open-cluster-management.io/ocm/pkg/work/webhook"
	"open-cluster-management.io/ocm/pkg/work/webhook/common"
	workwebhookv1 "open-cluster-management.io/ocm/pkg/work/webhook/v1"
)

// initializer is what each of OCM's webhooks offers to register itself.
type initializer interface {
	Init(mgr ctrl.Manager) error
}

func main() {
	port := flag.Int("port", 0, "TCP port on 127.0.0.1 that serves admission requests")
	certDir := flag.String("certdir", "", "folder with tls.crt and tls.key")
	flag.Parse()
	if err := run(*port, *certDir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(port int, certDir string) error {
	ctrl.SetLogger(klog.Background())
	if err := addFeatureGates(); err != nil {
		return fmt.Errorf("adding feature gates: %w", err)
	}
	mgr, err := newManager(port, certDir)
	if err != nil {
		return err
	}

	// The limit that OCM's webhook-server has by default; it is kept in a package variable there.
	common.ManifestValidator.WithLimit(workwebhook.NewOptions().ManifestLimit)
	for _, w := range []initializer{
		&registrationv1.ManagedClusterWebhook{},
		&registrationv1beta2.ManagedClusterSetBindingWebhook{},
		&workwebhookv1.ManifestWorkWebhook{},
	} {
		if err := w.Init(mgr); err != nil {
			return fmt.Errorf("registering %T: %w", w, err)
		}
	}
	if err := mgr.Start(ctrl.SetupSignalHandler()); err != nil {
		return fmt.Errorf("serving admission on port %d: %w", port, err)
	}
	return nil
}

// addFeatureGates sets the gates as OCM's operator does for a hub: the defaults, and DefaultClusterSet.
func addFeatureGates() error {
	return errors.Join(
		features.HubMutableFeatureGate.Add(ocmfeature.DefaultHubRegistrationFeatureGates),
		features.HubMutableFeatureGate.Add(ocmfeature.DefaultHubWorkFeatureGates),
		features.HubMutableFeatureGate.SetFromMap(map[string]bool{string(ocmfeature.DefaultClusterSet): true}),
	)
}

func newManager(port int, certDir string) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(
		clientgoscheme.AddToScheme(scheme),
		clusterv1.Install(scheme),
		registrationv1beta2.Install(scheme),
		workv1.Install(scheme),
		workv1alpha1.Install(scheme),
	)
	if err != nil {
		return nil, fmt.Errorf("building scheme: %w", err)
	}

	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("loading kubeconfig of the hub: %w", err)
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                 scheme,
		HealthProbeBindAddress: "0",
		Metrics:                server.Options{BindAddress: "0"},
		WebhookServer: webhook.NewServer(webhook.Options{
			Host:    "127.0.0.1",
			Port:    port,
			CertDir: certDir,
			TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }},
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("creating manager: %w", err)
	}
	return mgr, nil
}
