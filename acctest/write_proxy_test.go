// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// writeProxy stands between the manager and the hub. It lets one write pass at a time, counts them, and at a chosen one
// does something after the hub has made the write and before the manager knows of it. What comes after does not reach the hub.
type writeProxy struct {
	// kubeconfig leads to the proxy, with the credential of the addon's account.
	kubeconfig string
	forward    *httputil.ReverseProxy

	// writing lets one write pass at a time, so that exactly k are made.
	writing sync.Mutex
	mu      sync.Mutex
	limit   int
	reached func()
	closed  bool
	writes  []string
	at      time.Time
}

// newWriteProxy starts a proxy for the addon that ends with the test.
func newWriteProxy(t *testing.T, hub *cluster.ControlPlane) *writeProxy {
	t.Helper()
	return newWriteProxyAs(t, hub, v1alpha1.SystemNamespace, addonAccount)
}

// newWriteProxyAs starts a proxy for a service account that ends with the test.
func newWriteProxyAs(t *testing.T, hub *cluster.ControlPlane, namespace, account string) *writeProxy {
	t.Helper()
	direct, err := hub.ServiceAccountKubeconfig(t.Context(), namespace, account, managerToken)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", direct)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(hub.URL())
	if err != nil {
		t.Fatal(err)
	}
	// The token comes with each request: the way to the hub has no credential of its own.
	transport, err := rest.TransportFor(&rest.Config{Host: hub.URL(), TLSClientConfig: rest.TLSClientConfig{CAFile: hub.CAPath()}})
	if err != nil {
		t.Fatal(err)
	}
	p := &writeProxy{
		at: time.Now(),
		forward: &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport:     transport,
			FlushInterval: -1, // watches
			ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		},
	}
	server := httptest.NewUnstartedServer(p)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(kubeconfigOf(server, config.BearerToken), p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return p
}

func kubeconfigOf(server *httptest.Server, token string) clientcmdapi.Config {
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	config := clientcmdapi.NewConfig()
	config.Clusters["hub"] = &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: certificate}
	config.AuthInfos["addon"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["hub"] = &clientcmdapi.Context{Cluster: "hub", AuthInfo: "addon"}
	config.CurrentContext = "hub"
	return *config
}

// arm begins to count anew. At the write of number limit reached is called; 0 lets all pass.
func (p *writeProxy) arm(limit int, reached func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit, p.reached, p.closed, p.writes, p.at = limit, reached, false, nil, time.Now()
}

// count is how many writes there were since arm.
func (p *writeProxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.writes)
}

// last names the last n writes.
func (p *writeProxy) last(n int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes[max(0, len(p.writes)-n):]
}

// sinceLast is how long ago the last write was, or arm.
func (p *writeProxy) sinceLast() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.at)
}

// ServeHTTP passes a request on.
func (p *writeProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !changes(r) {
		p.forward.ServeHTTP(w, r)
		return
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	answer := httptest.NewRecorder()
	p.forward.ServeHTTP(answer, r)
	if reached := p.note(r, answer.Code); reached != nil {
		reached()
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, answer.Body) // who asked may be gone
}

// note counts a write that came through, and returns what is to be done at it.
func (p *writeProxy) note(r *http.Request, code int) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if code >= http.StatusMultipleChoices {
		return nil
	}
	p.writes = append(p.writes, fmt.Sprintf("%s %s (%d)", r.Method, r.URL.Path, code))
	p.at = time.Now()
	if p.limit == 0 || len(p.writes) != p.limit {
		return nil
	}
	p.closed = true
	return p.reached
}

// changes says whether a request is to change something that matters: not leases, events and questions about rights.
func changes(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.URL.Query().Has("dryRun") {
		return false
	}
	for _, ignored := range []string{"/apis/coordination.k8s.io/", "/apis/events.k8s.io/", "/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/", "/events"} {
		if strings.Contains(r.URL.Path, ignored) {
			return false
		}
	}
	return true
}

// dynamicOf is a client for all kinds of a control plane.
func dynamicOf(plane *cluster.ControlPlane) (dynamic.Interface, error) {
	return dynamic.NewForConfig(plane.RESTConfig())
}
