// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package acctest holds the acceptance tests: terraform, the provider, and real
// control planes.
package acctest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

// update makes tests write what they compare with anew.
var update = flag.Bool("update", false, "write the golden files anew")

// startTimeout bounds the start of the shared hub. It leaves room for building
// the control plane's binaries from an empty cache.
const startTimeout = 45 * time.Minute

// hubOnce is a hub that the first test that needs it starts and that ends with
// the package.
type hubOnce struct {
	mutex sync.Mutex
	env   *cluster.Env
	err   error
}

// shared is the hub without OCM and without the addon, with the addon's CRDs,
// that tests share. Tests keep apart by the names of their objects.
var shared hubOnce

// TestMain stops what the tests started.
func TestMain(m *testing.M) {
	// A configuration of the developer's terraform must not change what is tested.
	if err := os.Unsetenv("TF_CLI_CONFIG_FILE"); err != nil {
		log.Fatal(err)
	}
	stopWatching := closeOnSignal()
	code := m.Run()
	stopWatching()
	if err := closeAll(); err != nil {
		log.Print(err)
		code = 1
	}
	os.Exit(code)
}

// closeAll ends what the tests of this package share.
func closeAll() error {
	return errors.Join(shared.close(), wholeFleet.close(), binaries.remove())
}

// closeOnSignal ends what the tests share when somebody interrupts them. The
// returned function takes that back.
func closeOnSignal() (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, interrupted := <-signals; interrupted {
			log.Print(closeAll())
			os.Exit(1)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// start starts the hub and installs the CRDs.
func (h *hubOnce) start(ctx context.Context) (*cluster.Env, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.env != nil || h.err != nil {
		return h.env, h.err
	}
	h.env, h.err = cluster.Start(ctx, cluster.Options{AuditLog: true, Log: os.Stderr})
	if h.err != nil {
		return nil, h.err
	}
	h.err = installCRDs(ctx, h.env.Hub().RESTConfig())
	return h.env, h.err
}

// close stops the hub if it was started.
func (h *hubOnce) close() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.env == nil {
		return nil
	}
	return errors.Join(h.env.Err(), h.env.Close())
}

// sharedHub returns the shared hub.
func sharedHub(t *testing.T) *cluster.ControlPlane {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	env, err := shared.start(ctx)
	if err != nil {
		t.Fatalf("start the shared hub: %v", err)
	}
	return env.Hub()
}

// installCRDs creates the addon's CRDs and waits until they are served.
func installCRDs(ctx context.Context, config *rest.Config) error {
	client, err := apiextensions.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client for CRDs: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join("..", "addon", "chart", "crds", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find the CRDs: %w", err)
	}
	for _, path := range paths {
		if err := installCRD(ctx, client, path); err != nil {
			return fmt.Errorf("install %s: %w", path, err)
		}
	}
	return nil
}

// installCRD creates the CRD of a file and waits until it is established.
func installCRD(ctx context.Context, client apiextensions.Interface, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &crd); err != nil {
		return err
	}
	crds := client.ApiextensionsV1().CustomResourceDefinitions()
	if _, err := crds.Create(ctx, &crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		live, err := crds.Get(ctx, crd.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range live.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
}

// hubObjects returns a client for objects of any kind on the hub.
func hubObjects(t *testing.T, plane *cluster.ControlPlane) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatalf("make a client of the hub: %v", err)
	}
	return client
}

// providerFactories serve the provider of this tree inside the test. It reads
// no environment variables.
func providerFactories() map[string]func() (tfprotov6.ProviderServer, error) {
	none := func(string) string { return "" }
	return map[string]func() (tfprotov6.ProviderServer, error){
		"fairlead": func() (tfprotov6.ProviderServer, error) { return provider.Server("test", none), nil },
	}
}

// withProvider puts a provider block for the hub before a configuration.
func withProvider(plane *cluster.ControlPlane, configuration string) string {
	return fmt.Sprintf("provider \"fairlead\" {\n  hub   = { config_path = %q }\n  owner = \"acctest\"\n}\n%s", plane.KubeconfigPath, configuration)
}

// withPreview is withProvider with plans that look ahead only so far.
func withPreview(plane *cluster.ControlPlane, preview, configuration string) string {
	return fmt.Sprintf("provider \"fairlead\" {\n  hub   = { config_path = %q }\n  owner = \"acctest\"\n  plan  = { preview = %q }\n}\n%s", plane.KubeconfigPath, preview, configuration)
}
