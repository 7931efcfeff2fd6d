// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
)

const (
	// pageSize is how many objects are asked for at once.
	pageSize = 500
	// maxListed bounds how many objects of a kind are read: what is beyond is said not to be checked.
	maxListed = 100_000
	// requestTimeout is how long one request may take.
	requestTimeout = 30 * time.Second
	// maxObject bounds an object that is read by its name, in bytes: etcd takes no larger one.
	maxObject = 4 << 20
)

// Reader reads a hub.
type Reader struct {
	// Progress is told what is read next.
	Progress func(what string)

	rest    *rest.RESTClient
	address string
	clock   *hubClock
}

// NewReader makes a reader. It changes no configuration but its own copy.
func NewReader(config *rest.Config) (*Reader, error) {
	clock := &hubClock{}
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.AcceptContentTypes, config.ContentType = "application/json", "application/json"
	config.GroupVersion, config.APIPath = nil, "/"
	config.Timeout, config.QPS, config.Burst = requestTimeout, 20, 40
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &clockReader{next: next, clock: clock} })
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the hub: %w", err)
	}
	return &Reader{Progress: func(string) {}, rest: client, address: addressOf(config.Host), clock: clock}, nil
}

// addressOf is the address of a hub without a password that may stand in it.
func addressOf(host string) string {
	if parsed, err := url.Parse(host); err == nil {
		return parsed.Redacted()
	}
	return "the hub"
}

// hubClock is how far the hub's clock is before ours, in nanoseconds.
type hubClock struct{ ahead atomic.Int64 }

// clockReader reads the hub's clock from its answers, so that a clock that is
// wrong here makes nothing look old that is not.
type clockReader struct {
	next  http.RoundTripper
	clock *hubClock
}

// RoundTrip passes the request on.
func (c *clockReader) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return response, err
	}
	if at, parseErr := http.ParseTime(response.Header.Get("Date")); parseErr == nil {
		c.clock.ahead.Store(int64(time.Until(at)))
	}
	return response, nil
}

// WrappedRoundTripper lets client-go find what is beneath.
func (c *clockReader) WrappedRoundTripper() http.RoundTripper { return c.next }

// Read reads all that is examined. Only a hub that does not answer is an error:
// what may not be read, or fails, is noted.
func (r *Reader) Read(ctx context.Context) (*Hub, error) {
	hub := &Hub{
		Address: r.address, CRDs: map[string]map[string]any{}, Definitions: map[string][]Definition{}, unread: map[resource]unread{},
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	r.Progress("the version of the API server")
	if err := r.get(ctx, "/version", &version); apierrors.IsForbidden(err) {
		hub.note(versionResource, "get", err)
	} else if err != nil {
		return nil, fmt.Errorf("connect to the hub %s: %w", r.address, err)
	}
	hub.Kubernetes = version.GitVersion
	hub.Now = time.Now().Add(time.Duration(r.clock.ahead.Load()))
	if err := hub.readChart(); err != nil {
		return nil, err
	}
	r.readInstallation(ctx, hub)
	r.readDeliveries(ctx, hub)
	r.readFleet(ctx, hub)
	// What there was no time for is noted, and what was read is worth telling.
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return hub, nil
}

// readChart takes what the hub is compared with from the chart in this program.
func (h *Hub) readChart() (err error) {
	if h.Chart, err = chart.ReadMetadata(); err != nil {
		return err
	}
	if h.Policies, err = chart.AdmissionPolicies(); err != nil {
		return err
	}
	crds, err := chart.CRDs()
	if err != nil {
		return err
	}
	for _, crd := range crds {
		raw, err := json.Marshal(crd)
		if err != nil {
			return fmt.Errorf("encode the CRD %s: %w", crd.Name, err)
		}
		var content map[string]any
		if err := json.Unmarshal(raw, &content); err != nil {
			return fmt.Errorf("decode the CRD %s: %w", crd.Name, err)
		}
		h.Wanted = append(h.Wanted, content)
	}
	return nil
}

func (r *Reader) readInstallation(ctx context.Context, hub *Hub) {
	r.Progress("CustomResourceDefinitions")
	names := ocmCRDs()
	for _, crd := range hub.Wanted {
		names = append(names, nameOf(crd))
	}
	for _, name := range names {
		crd, ok := readOne[map[string]any](ctx, r, hub, crdResource, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name)
		if ok && crd != nil {
			hub.CRDs[name] = *crd
		}
	}
	const admission = "/apis/admissionregistration.k8s.io/v1/"
	hub.AdmissionPolicies = readAll[Named](ctx, r, hub, policyResource, admission+"validatingadmissionpolicies", nil)
	hub.PolicyBindings = readAll[PolicyBinding](ctx, r, hub, policyBindingResource, admission+"validatingadmissionpolicybindings", nil)
	const system = "/namespaces/" + v1alpha1.SystemNamespace
	hub.Deployment, _ = readOne[appsv1.Deployment](ctx, r, hub, deploymentResource, "/apis/apps/v1"+system+"/deployments/"+chart.Deployment)
	hub.Lease, _ = readOne[coordinationv1.Lease](ctx, r, hub, leaseResource, "/apis/coordination.k8s.io/v1"+system+"/leases/"+chart.Lease)
}

func (r *Reader) readDeliveries(ctx context.Context, hub *Hub) {
	const oam, fairlead = "/apis/core.oam.dev/v1beta1/", "/apis/fairlead.dev/v1alpha1/"
	hub.Environments = readAll[v1alpha1.Environment](ctx, r, hub, environmentResource, fairlead+"environments", nil)
	hub.Bindings = readAll[v1alpha1.ClusterBinding](ctx, r, hub, bindingResource, fairlead+"clusterbindings", nil)
	for _, plural := range definitionKinds() {
		hub.Definitions[plural] = readAll[Definition](ctx, r, hub, resource(plural+oamGroup), oam+plural, nil)
	}
	hub.Accounts = readAll[Named](ctx, r, hub, accountResource, "/api/v1/serviceaccounts",
		url.Values{"fieldSelector": {"metadata.name=" + v1alpha1.DeployerAccount}})
	// Before the works: one that is made meanwhile is new, and is told by its age.
	hub.Applications = readAll[Application](ctx, r, hub, applicationResource, oam+"applications", nil)
}

func (r *Reader) readFleet(ctx context.Context, hub *Hub) {
	hub.Clusters = readAll[Cluster](ctx, r, hub, clusterResource, "/apis/cluster.open-cluster-management.io/v1/managedclusters", nil)
	if u := hub.unread[clusterResource]; u.absent {
		return // OCM is not installed, as the CRDs say
	}
	hub.Works = readAll[Work](ctx, r, hub, workResource, "/apis/work.open-cluster-management.io/v1/manifestworks",
		url.Values{"labelSelector": {v1alpha1.LabelManagedBy + "=" + v1alpha1.LabelManagedByValue}})
	hub.ClusterLeases = readAll[coordinationv1.Lease](ctx, r, hub, clusterLeaseResource, "/apis/coordination.k8s.io/v1/leases",
		url.Values{"fieldSelector": {"metadata.name=" + clusterLease}})
	hub.OCMControllers = readAll[appsv1.Deployment](ctx, r, hub, ocmDeploymentResource, "/apis/apps/v1/namespaces/"+ocmNamespace+"/deployments", nil)
	hub.ClusterManagers = readAll[ClusterManager](ctx, r, hub, clusterManagerResource, "/apis/operator.open-cluster-management.io/v1/clustermanagers", nil)
	hub.Webhooks = readAll[Webhook](ctx, r, hub, webhookResource, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", nil)
}

// note keeps why a resource was not read.
func (h *Hub) note(r resource, verb string, err error) {
	h.unread[r] = unread{verb: verb, forbidden: apierrors.IsForbidden(err), absent: apierrors.IsNotFound(err), err: err}
}

// readOne reads an object, nil if there is none. Whether it was read is false when that is not known.
func readOne[T any](ctx context.Context, r *Reader, hub *Hub, of resource, path string) (*T, bool) {
	if !hub.has(of) {
		return nil, false // what failed once fails again, after as long a wait
	}
	object := new(T)
	err := r.get(ctx, path, object)
	if apierrors.IsNotFound(err) {
		return nil, true
	}
	if err != nil {
		hub.note(of, "get", err)
		return nil, false
	}
	return object, true
}

func (r *Reader) get(ctx context.Context, path string, into any) error {
	body, err := r.rest.Get().AbsPath(path).Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(io.LimitReader(body, maxObject)).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

var errTooMany = errors.New("there are too many")

// readAll lists objects page by page. A list that took so long that the hub has
// forgotten its beginning is begun anew, once.
func readAll[T any](ctx context.Context, r *Reader, hub *Hub, of resource, path string, query url.Values) []T {
	name, _, _ := strings.Cut(string(of), " ")
	r.Progress(name)
	items, err := readPages[T](ctx, r, path, query)
	if apierrors.IsResourceExpired(err) {
		items, err = readPages[T](ctx, r, path, query)
	}
	if err != nil {
		hub.note(of, "list", err)
		return nil
	}
	return items
}

func readPages[T any](ctx context.Context, r *Reader, path string, query url.Values) ([]T, error) {
	var items []T
	next := ""
	for {
		request := r.rest.Get().AbsPath(path).Param("limit", fmt.Sprint(pageSize))
		for key, values := range query {
			request = request.Param(key, values[0])
		}
		if next != "" {
			request = request.Param("continue", next)
		}
		body, err := request.Stream(ctx)
		if err != nil {
			return nil, err
		}
		var more []T
		more, next, err = decodeList[T](body)
		_ = body.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("read the answer to %s: %w", path, err)
		}
		if items = append(items, more...); next == "" {
			return items, nil
		}
		if len(items) >= maxListed {
			return nil, fmt.Errorf("%w: more than %d", errTooMany, maxListed)
		}
	}
}

// decodeList reads a list one object at a time, so that works with all their
// manifests are never in memory together.
func decodeList[T any](body io.Reader) (items []T, next string, err error) {
	decoder := json.NewDecoder(body)
	if _, err := decoder.Token(); err != nil {
		return nil, "", err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, "", err
		}
		switch key {
		case "items":
			items, err = decodeItems[T](decoder)
		case "metadata":
			var meta metav1.ListMeta
			err = decoder.Decode(&meta)
			next = meta.Continue
		default:
			var other json.RawMessage
			err = decoder.Decode(&other)
		}
		if err != nil {
			return nil, "", err
		}
	}
	return items, next, nil
}

func decodeItems[T any](decoder *json.Decoder) ([]T, error) {
	opening, err := decoder.Token()
	if err != nil || opening == nil {
		return nil, err // an empty list may be null
	}
	var items []T
	for decoder.More() {
		var item T
		if err := decoder.Decode(&item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err = decoder.Token()
	return items, err
}
