// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// FieldManager is the name under which the provider owns fields.
const FieldManager = "terraform-provider-fairlead"

const (
	// defaultPatience is how long what should be there may be missing.
	defaultPatience = 2 * time.Minute
	// requestTimeout bounds one request that is not a watch.
	requestTimeout = 30 * time.Second
	// pollInterval is how often a missing kind or namespace is looked for.
	pollInterval = time.Second
)

// Client is a client of one hub. It is safe for concurrent use.
type Client struct {
	rest       *rest.Config
	trust      Trust
	dynamic    dynamic.Interface
	discovery  discovery.DiscoveryInterfaceWithContext
	kinds      *kinds
	identity   *identity
	silence    silence
	patience   time.Duration
	origin     string
	credential string
	strict     bool
}

// New returns a client of the hub that cfg names. It sends no request. A
// kubeconfig or token file that cannot be used is a *ConfigError.
func New(cfg Config) (*Client, error) {
	config, trusted, err := restConfig(cfg)
	if err != nil {
		return nil, err
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make the HTTP client of the hub: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the client of the hub: %w", err)
	}
	kindsClient, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the discovery client of the hub: %w", err)
	}
	patience := cfg.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	return &Client{
		rest:       config,
		trust:      trusted,
		dynamic:    objects,
		discovery:  kindsClient,
		kinds:      newKinds(kindsClient),
		identity:   newIdentity(),
		patience:   patience,
		origin:     originOf(cfg.Settings),
		credential: credentialName(cfg.Settings),
		strict:     cfg.Strict,
	}, nil
}

// originOf names where the address of the hub was found, and the way to it.
func originOf(settings Settings) string {
	origin := baseName(settings)
	if settings.ProxyURL != "" {
		origin += ", and the way leads through the proxy " + proxyHost(settings.ProxyURL)
	}
	return origin
}

// baseName names what names the hub.
func baseName(settings Settings) string {
	switch {
	case settings.InCluster != "":
		return "the environment of this pod"
	case settings.Host != "":
		return "the configured host"
	case settings.Kubeconfig != "":
		return "the kubeconfig content" + inContext(settings)
	case settings.ConfigPath != "":
		return "the kubeconfig " + settings.ConfigPath + inContext(settings)
	}
	return "the kubeconfigs " + strings.Join(settings.ConfigPaths, ", ") + inContext(settings)
}

// inContext names the chosen context.
func inContext(settings Settings) string {
	var parts []string
	switch settings.ConfigContext {
	case "":
		parts = append(parts, "current context")
	default:
		parts = append(parts, fmt.Sprintf("context %q", settings.ConfigContext))
	}
	if settings.ConfigContextCluster != "" {
		parts = append(parts, fmt.Sprintf("cluster %q", settings.ConfigContextCluster))
	}
	if settings.ConfigContextAuthInfo != "" {
		parts = append(parts, fmt.Sprintf("user %q", settings.ConfigContextAuthInfo))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// credentialName names the kind of the credential and whom it acts as, never its content.
func credentialName(settings Settings) string {
	if settings.Impersonate != nil {
		return fmt.Sprintf("%s, and acts as the user %q", familyName(settings), settings.Impersonate.User)
	}
	return familyName(settings)
}

// familyName names the kind of the credential.
func familyName(settings Settings) string {
	switch {
	case settings.InCluster != "":
		return "the account of this pod"
	case settings.Host == "":
		return baseName(settings)
	case settings.TokenPath != "":
		return "the token file " + settings.TokenPath
	case settings.Token != "":
		return "the configured token"
	case settings.Exec != nil:
		return fmt.Sprintf("the credential plugin %q", settings.Exec.Command)
	}
	return "the configured client certificate"
}

// Host returns the address of the hub.
func (c *Client) Host() string { return c.rest.Host }

// Trust returns how the hub is verified, for others who are to reach it.
func (c *Client) Trust() Trust { return c.trust }

// RESTConfig returns a copy of the client configuration, for libraries that make
// their own clients. It holds the credential: never print it. What it says of TLS
// is not how the hub is verified: with a credential plugin it says nothing, see Trust.
func (c *Client) RESTConfig() *rest.Config { return rest.CopyConfig(c.rest) }

// Get reads an object. An object or a kind that does not exist is an error for
// which IsNotFound holds; IsNoMatch tells the second from the first.
func (c *Client) Get(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName) (*unstructured.Unstructured, error) {
	var object *unstructured.Unstructured
	err := c.unlessSilent(ctx, func() (err error) {
		object, err = c.get(ctx, gvk, key)
		return err
	})
	return object, err
}

// get sends the request of Get.
func (c *Client) get(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName) (*unstructured.Unstructured, error) {
	what := attempt{verb: "read", kind: gvk, namespace: key.Namespace, name: key.Name}
	objects, err := c.objects(ctx, gvk, key.Namespace)
	if err != nil {
		return nil, c.failed(ctx, err, what)
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	object, err := objects.Get(bounded, key.Name, metav1.GetOptions{})
	if err != nil {
		return nil, c.failed(ctx, err, what)
	}
	return object, nil
}

// pageSize is how many objects one request of a list returns at most, and visitSize where
// each is let go of again.
const pageSize, visitSize = 500, 100

// List reads the objects of a kind in a namespace (all namespaces when empty)
// that the label selector selects (all when empty).
func (c *Client) List(ctx context.Context, gvk schema.GroupVersionKind, namespace, labelSelector string) ([]unstructured.Unstructured, error) {
	var items []unstructured.Unstructured
	err := c.unlessSilent(ctx, func() error {
		return c.list(ctx, gvk, namespace, metav1.ListOptions{LabelSelector: labelSelector, Limit: pageSize}, func(page *unstructured.UnstructuredList) {
			items = append(items, page.Items...)
		})
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Visit calls visit for each object of a kind in a namespace (all namespaces when empty),
// of which there may be more than fit into memory at once.
func (c *Client) Visit(ctx context.Context, gvk schema.GroupVersionKind, namespace string, visit func(*unstructured.Unstructured)) error {
	return c.unlessSilent(ctx, func() error {
		return c.list(ctx, gvk, namespace, metav1.ListOptions{Limit: visitSize}, func(page *unstructured.UnstructuredList) {
			for i := range page.Items {
				visit(&page.Items[i])
			}
		})
	})
}

// list sends the requests of List and Visit.
func (c *Client) list(ctx context.Context, gvk schema.GroupVersionKind, namespace string, options metav1.ListOptions, take func(*unstructured.UnstructuredList)) error {
	what := attempt{verb: "list", kind: gvk, namespace: namespace}
	objects, err := c.objects(ctx, gvk, namespace)
	if err != nil {
		return c.failed(ctx, err, what)
	}
	for {
		page, err := listPage(ctx, objects, options)
		if err != nil {
			return c.failed(ctx, err, what)
		}
		take(page)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// listPage reads one page within the bound of a request.
func listPage(ctx context.Context, objects dynamic.ResourceInterface, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return objects.List(bounded, options)
}

// objects returns the client of a kind. The namespace is ignored for kinds that
// have none.
func (c *Client) objects(ctx context.Context, gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	kind, err := c.kinds.lookup(ctx, gvk)
	if err != nil {
		return nil, err
	}
	if kind.namespaced && namespace != "" {
		return c.dynamic.Resource(kind.resource).Namespace(namespace), nil
	}
	return c.dynamic.Resource(kind.resource), nil
}

// failed explains err and forgets how the kind is served if it is not any more. That
// the caller's time is over says nothing of the hub, and neither does a 404 of something
// else that answers at its address.
func (c *Client) failed(ctx context.Context, err error, what attempt) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return stopped(ctx, what)
	}
	explained := c.explain(err, what)
	if !IsNoMatch(explained) {
		return explained
	}
	c.kinds.forget(what.kind)
	if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return explained
	}
	if impostor := c.impostor(ctx, what); impostor != nil {
		return impostor
	}
	return explained
}
