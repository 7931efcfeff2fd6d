// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

type tenantKey struct{}

// asTenant makes requests with the context act as the deployer account of a namespace.
func asTenant(ctx context.Context, namespace string) context.Context {
	return context.WithValue(ctx, tenantKey{}, namespace)
}

// NewTenantClient is a client that acts as the deployer account of the
// namespace that a request's context names, and refuses requests whose context
// names none: nothing is ever applied with the addon's own rights by mistake.
// One client serves all namespaces, so that they share connections.
func NewTenantClient(config *rest.Config) (dynamic.Interface, error) {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return impersonator{next} })
	return dynamic.NewForConfig(config)
}

type impersonator struct{ next http.RoundTripper }

func (i impersonator) RoundTrip(request *http.Request) (*http.Response, error) {
	namespace, ok := request.Context().Value(tenantKey{}).(string)
	if !ok || namespace == "" {
		return nil, errors.New("a request to apply objects names no tenant")
	}
	request = request.Clone(request.Context())
	request.Header.Set(transport.ImpersonateUserHeader, "system:serviceaccount:"+namespace+":"+v1alpha1.DeployerAccount)
	return i.next.RoundTrip(request)
}
