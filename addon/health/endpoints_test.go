// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestEndpoints checks where what was delivered is reached, alike over whole
// objects and over feedback.
func TestEndpoints(t *testing.T) {
	balancer := func(fields object) object {
		return object{"loadBalancer": object{"ingress": list{fields}}}
	}
	ingress := func(spec object) object {
		return object{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": object{"name": "web"}, "spec": spec}
	}
	service := func(kind string) object {
		return object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "web"},
			"spec": object{"type": kind, "ports": list{object{"port": int64(80)}, object{"port": int64(443)}}}}
	}
	gatewayAPI := func(kind string, spec object) object {
		return object{"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": object{"name": "web"}, "spec": spec}
	}
	rule := func(host string) object { return object{"host": host} }
	many := list{}
	for _, letter := range strings.Split("abcdefghijkl", "") {
		many = append(many, letter+".example.com")
	}
	tests := []struct {
		reason string
		object object
		status object
		want   []string
	}{
		{"hosts of rules, with TLS where it is asked for", ingress(object{
			"rules": list{rule("shop.example.com"), rule("www.example.com"), rule("shop.example.com")}, "tls": list{object{"hosts": list{"shop.example.com"}}},
		}), balancer(object{"ip": "203.0.113.7"}), []string{"https://shop.example.com", "http://www.example.com"}},
		{"without a host the address of the load balancer", ingress(object{"rules": list{}}), balancer(object{"ip": "203.0.113.7"}), []string{"http://203.0.113.7"}},
		{"an address of version 6", ingress(object{}), balancer(object{"ip": "2001:db8::1"}), []string{"http://[2001:db8::1]"}},
		{"no address yet", ingress(object{}), object{}, nil},
		{"a port each", service("LoadBalancer"), balancer(object{"hostname": "lb.example.com"}), []string{"lb.example.com:80", "lb.example.com:443"}},
		{"not reached from outside", service("ClusterIP"), balancer(object{"ip": "203.0.113.7"}), nil},
		{"what a cluster makes up is no address", service("LoadBalancer"), balancer(object{"ip": "\x1b[31m; rm", "hostname": "x y"}), nil},
		{"hosts of a route", gatewayAPI("HTTPRoute", object{"hostnames": list{"shop.example.com", "*.example.com", "no host", int64(1)}}), object{}, []string{"shop.example.com", "*.example.com"}},
		{"as many as there is room for", gatewayAPI("HTTPRoute", object{"hostnames": many}), object{}, []string{
			"a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com", "g.example.com", "h.example.com"}},
		{"address of a gateway", gatewayAPI("Gateway", object{}), object{"addresses": list{object{"value": "203.0.113.9"}}}, []string{"203.0.113.9"}},
		{"another kind", object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "web"}}, object{}, nil},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			r := rendered(t, definition.Builtin(), render.Component{Name: "c", Type: "k8s-objects", Properties: object{"objects": list{test.object}}})
			full, fed := both(t, observe(r, observation{Output: object{"status": test.status}}))
			if diff := cmp.Diff(test.want, full.Endpoints); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(full.Endpoints, fed.Endpoints); diff != "" {
				t.Errorf("-whole +feedback:\n%s", diff)
			}
		})
	}
}
