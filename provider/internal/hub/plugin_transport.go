// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"crypto/tls"
	"io"
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/util/connrotation"
)

// withPlugin replaces client-go's own way to run the credential plugin of the
// configuration, if it has one, by ours.
func withPlugin(config *rest.Config, field string) (*rest.Config, error) {
	if config.ExecProvider == nil {
		return config, nil
	}
	if identified(config) {
		// As for client-go, whatever else the kubeconfig gives goes first.
		config.ExecProvider = nil
		return config, nil
	}
	run, err := newPlugin(config, field)
	if err != nil {
		return nil, err
	}
	return run.attach(config)
}

// identified says whether the configuration has a credential beside the plugin.
func identified(config *rest.Config) bool {
	return config.BearerToken != "" || config.BearerTokenFile != "" || config.Username != "" || len(config.CertData) > 0 || config.CertFile != ""
}

// attach returns a configuration whose requests carry what the plugin gives. It
// holds a transport in place of what that transport is made of.
func (p *plugin) attach(config *rest.Config) (*rest.Config, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, &ConfigError{Summary: "Invalid kubeconfig", Detail: "The server of the cluster is not an address."}
	}
	sender := &pluginTransport{plugin: p}
	lower := rest.AnonymousClientConfig(config)
	lower.UserAgent, lower.WrapTransport = "", nil
	parts, err := lower.TransportConfig()
	if err != nil {
		return nil, err
	}
	connections := connrotation.NewConnectionTracker()
	parts.DialHolder = &transport.DialHolder{Dial: connrotation.NewDialerWithTracker(config.Dial, connections).DialContext}
	parts.TLS.GetCertHolder = &transport.GetCertHolder{GetCert: sender.clientCertificate}
	p.rotated = connections.CloseAll
	if sender.next, err = transport.New(parts); err != nil {
		return nil, err
	}
	upper := rest.CopyConfig(config)
	upper.Host = base.String()
	upper.Transport = sender
	upper.TLSClientConfig = rest.TLSClientConfig{}
	upper.ExecProvider, upper.Dial, upper.Proxy = nil, nil, nil
	return upper, nil
}

// pluginTransport sends requests with what a plugin gives.
type pluginTransport struct {
	plugin *plugin
	next   http.RoundTripper
	// certificate is that of the last request. A connection that is made for a
	// request is made after the plugin gave its credential.
	certificate atomic.Pointer[tls.Certificate]
}

// clientCertificate returns the certificate for a new connection, nil if the
// credential has none.
func (t *pluginTransport) clientCertificate() (*tls.Certificate, error) {
	return t.certificate.Load(), nil
}

// RoundTrip sends the request. What the hub refuses is sent once more with a new
// credential, if the plugin has one.
func (t *pluginTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	given, err := t.plugin.get(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, given)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	again, ok := repeatable(req)
	if !ok {
		return resp, nil
	}
	fresh, err := t.plugin.replace(req.Context(), given)
	if err != nil || fresh == nil {
		// The refusal says more than why there is no other credential.
		return resp, nil //nolint:nilerr // explained above
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxCredential))
	_ = resp.Body.Close()
	return t.send(again, fresh)
}

// send sends the request with the credential.
func (t *pluginTransport) send(req *http.Request, given *pluginCredential) (*http.Response, error) {
	t.certificate.Store(given.certificate)
	clone := req.Clone(req.Context())
	if given.token != "" {
		clone.Header.Set("Authorization", "Bearer "+string(given.token))
	}
	return t.next.RoundTrip(clone)
}

// repeatable returns the request with its body from the beginning, if it can be had.
func repeatable(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	again := req.Clone(req.Context())
	again.Body = body
	return again, true
}
