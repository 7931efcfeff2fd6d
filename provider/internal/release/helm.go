// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// requestTimeout bounds one request of the Helm SDK, which knows no context.
const requestTimeout = 30 * time.Second

// configuration returns what actions of the Helm SDK need. Requests for objects
// of the chart are refused once ctx has ended; those for the record of the
// release are not, so that an interrupted action can still be recorded as failed.
func (i *Installer) configuration(ctx context.Context) (*action.Configuration, error) {
	config := i.hub.RESTConfig()
	config.Timeout = requestTimeout
	// With a dialler of its own each client would open connections of its own.
	config.Dial = nil
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the client of the release's record: %w", err)
	}
	capabilities, err := capabilitiesOf(clients.Discovery())
	if err != nil {
		return nil, err
	}
	getter, err := newGetter(bound(ctx, config), i.namespace)
	if err != nil {
		return nil, err
	}
	objects := kube.New(getter)
	objects.Namespace = i.namespace
	return &action.Configuration{
		RESTClientGetter: getter,
		KubeClient:       objects,
		Releases:         storage.Init(driver.NewSecrets(clients.CoreV1().Secrets(i.namespace))),
		Capabilities:     capabilities,
		Log: func(format string, args ...any) {
			tflog.Trace(ctx, fmt.Sprintf(format, args...))
		},
	}, nil
}

// capabilitiesOf asks the hub for its version. The chart's templates tell by it
// which API a hub has, so that the kinds need not be asked for.
func capabilitiesOf(client discovery.ServerVersionInterface) (*chartutil.Capabilities, error) {
	version, err := client.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("read the version of the hub: %w", err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: version.GitVersion, Major: version.Major, Minor: version.Minor}
	return capabilities, nil
}

// bound returns a copy of config whose requests fail once ctx has ended.
func bound(ctx context.Context, config *rest.Config) *rest.Config {
	limited := rest.CopyConfig(config)
	limited.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return next.RoundTrip(request)
		})
	})
	return limited
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// getter gives the Helm SDK its clients from a configuration that is complete:
// no file and no variable of the environment is looked at.
type getter struct {
	config    *rest.Config
	namespace string
	discovery discovery.CachedDiscoveryInterface
	mapper    meta.ResettableRESTMapper
}

// newGetter returns a getter for a namespace.
func newGetter(config *rest.Config, namespace string) (*getter, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the discovery client of the hub: %w", err)
	}
	cached := memory.NewMemCacheClient(client)
	return &getter{
		config:    config,
		namespace: namespace,
		discovery: cached,
		mapper:    restmapper.NewDeferredDiscoveryRESTMapper(cached),
	}, nil
}

// ToRESTConfig returns a copy of the configuration.
func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.config), nil }

// ToDiscoveryClient returns a client that remembers its answers.
func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.discovery, nil
}

// ToRESTMapper returns a mapper that looks again for kinds that it does not know.
func (g *getter) ToRESTMapper() (meta.RESTMapper, error) { return g.mapper, nil }

// ToRawKubeConfigLoader returns a kubeconfig that consists of the namespace.
func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: g.namespace}}
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), overrides)
}

// serves asks the hub anew whether it serves the kinds.
func (g *getter) serves(version schema.GroupVersion, kinds ...string) error {
	g.mapper.Reset()
	for _, kind := range kinds {
		if _, err := g.mapper.RESTMapping(version.WithKind(kind).GroupKind(), version.Version); err != nil {
			return err
		}
	}
	return nil
}

// reasonOf returns the class of an error of the Helm SDK.
func reasonOf(err error) hub.Reason {
	switch {
	case apierrors.IsForbidden(err):
		return hub.Forbidden
	case apierrors.IsUnauthorized(err):
		return hub.Unauthorized
	}
	return hub.ReasonOf(err)
}
