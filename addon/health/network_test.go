// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"slices"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestNetworkHealth judges the traits that lead requests to a workload by what
// comes back from a cluster: single fields by their paths.
func TestNetworkHealth(t *testing.T) {
	const ip, host = ".status.loadBalancer.ingress[0].ip", ".status.loadBalancer.ingress[0].hostname"
	port := list{object{"port": int64(80)}}
	path := object{"/": int64(80)}
	exposed := object{"image": "nginx", "ports": list{object{"port": int64(80), "expose": true}}}
	balanced := object{"type": "LoadBalancer", "ports": port}
	cases := map[string]struct {
		reason     string
		component  object
		trait      string
		properties object
		resource   string
		values     object
		healthy    bool
		message    string
	}{
		"Expose":         {"A Service in the cluster shows its address.", nil, "expose", object{"ports": port}, "service", object{".spec.clusterIP": "10.0.0.1"}, true, "ClusterIP: 10.0.0.1"},
		"ExposeNodePort": {"There is nothing to wait for or to tell.", nil, "expose", object{"type": "NodePort", "ports": port}, "service", nil, true, ""},
		"ExposePending":  {"A load balancer is waited for.", nil, "expose", balanced, "service", object{".spec.clusterIP": "10.0.0.1"}, false, "ExternalIP: Pending"},
		"ExposeIP":       {"It has an address.", nil, "expose", balanced, "service", object{ip: "192.0.2.1"}, true, "ExternalIP: 192.0.2.1"},
		"ExposeHost":     {"It has the name of a host, as in some clouds.", nil, "expose", balanced, "service", object{host: "lb.example.com"}, true, "ExternalIP: lb.example.com"},
		"ExposeShared":   {"The Service is the component's own.", exposed, "expose", balanced, "webserviceExpose", object{ip: "192.0.2.1"}, true, "ExternalIP: 192.0.2.1"},
		"ExposeSharedNo": {"The component's own Service is waited for.", exposed, "expose", balanced, "webserviceExpose", nil, false, "ExternalIP: Pending"},
		"Gateway":        {"Not every controller tells an address.", nil, "gateway", object{"domain": "shop.example.com", "http": path}, "ingress", nil, true, "Visiting URL: shop.example.com, no load balancer found yet"},
		"GatewayIP":      {"The address is found.", nil, "gateway", object{"domain": "shop.example.com", "http": path}, "ingress", object{ip: "192.0.2.1"}, true, "Visiting URL: shop.example.com, IP: 192.0.2.1"},
		"GatewayHost":    {"So is the name of a host.", nil, "gateway", object{"domain": "shop.example.com", "http": path}, "ingress", object{host: "lb.example.com"}, true, "Visiting URL: shop.example.com, IP: lb.example.com"},
		"GatewayAny":     {"Without a domain the address is what counts.", nil, "gateway", object{"http": path}, "ingress", object{ip: "192.0.2.1"}, true, "No domain is set, visit the load balancer, IP: 192.0.2.1"},
		"GatewayNothing": {"Neither domain nor address.", nil, "gateway", object{"http": path}, "ingress", nil, true, "No domain is set, and no load balancer found yet"},
		"GatewayNamed":   {"The Ingress has the name in its own.", nil, "gateway", object{"name": "public", "domain": "shop.example.com", "http": path}, "ingress-public", object{ip: "192.0.2.1"}, true, "Visiting URL: shop.example.com, IP: 192.0.2.1"},
		"Pure":           {"Without an address.", nil, "pure-ingress", object{"domain": "shop.example.com", "http": path}, "ingress", nil, true, "Visiting URL: shop.example.com, no load balancer found yet"},
		"PureIP":         {"With an address.", nil, "pure-ingress", object{"domain": "shop.example.com", "http": path}, "ingress", object{ip: "192.0.2.1"}, true, "Visiting URL: shop.example.com, IP: 192.0.2.1"},
		"Older":          {"The older trait tells the same.", nil, "ingress", object{"domain": "shop.example.com", "http": path}, "ingress", object{ip: "192.0.2.1"}, true, "Visiting URL: shop.example.com, IP: 192.0.2.1"},
		"OlderClass":     {"So does the one with a class.", nil, "ingress-1-20", object{"domain": "shop.example.com", "http": path}, "ingress", nil, true, "Visiting URL: shop.example.com, no load balancer found yet"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := render.Component{Name: "web", Type: "webservice", Properties: tc.component, Traits: []render.Trait{{Type: tc.trait, Properties: tc.properties}}}
			if c.Properties == nil {
				c.Properties = object{"image": "nginx"}
			}
			r := rendered(t, definition.Builtin(), c)
			got, err := health.Evaluate(health.Input{Result: r, Output: r.Objects[0].Content, Outputs: fromCluster(r, tc.resource, tc.values)})
			if err != nil {
				t.Fatal(err)
			}
			if v := got.Traits[0]; v.Healthy != tc.healthy || v.Message != tc.message {
				t.Errorf("%s healthy = %t, message %q, want %t, %q", tc.reason, v.Healthy, v.Message, tc.healthy, tc.message)
			}
		})
	}
}

// fromCluster are the further objects of a result, one of them with fields from a cluster.
func fromCluster(r *render.Result, resource string, values object) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, o := range r.Objects[1:] {
		out[o.Resource] = o.Content
		if o.Resource == resource {
			out[o.Resource] = health.Overlay(o.Content, values)
		}
	}
	return out
}

// TestNetworkFeedback wants the fields that the traits tell about to come back from clusters.
func TestNetworkFeedback(t *testing.T) {
	cases := map[string]struct {
		reason     string
		trait      string
		properties object
		resource   string
		want       []string
	}{
		"Expose":  {"Address of a load balancer and address in the cluster.", "expose", object{"ports": list{object{"port": int64(80)}}}, "service", []string{".spec.clusterIP", ".status.loadBalancer.ingress[0].hostname", ".status.loadBalancer.ingress[0].ip"}},
		"Gateway": {"Address of the load balancer.", "gateway", object{"http": object{"/": int64(80)}}, "ingress", []string{".status.loadBalancer.ingress[0].hostname", ".status.loadBalancer.ingress[0].ip"}},
		"Pure":    {"Address of the load balancer.", "pure-ingress", object{"domain": "shop.example.com", "http": object{"/": int64(80)}}, "ingress", []string{".status.loadBalancer.ingress[0].hostname", ".status.loadBalancer.ingress[0].ip"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := rendered(t, definition.Builtin(), render.Component{
				Name: "web", Type: "webservice", Properties: object{"image": "nginx"}, Traits: []render.Trait{{Type: tc.trait, Properties: tc.properties}},
			})
			var got []string
			for i, paths := range health.Feedback(r) {
				if r.Objects[i].Resource != tc.resource {
					continue
				}
				for _, p := range paths {
					got = append(got, p.JSONPath())
				}
			}
			for _, path := range tc.want {
				if !slices.Contains(got, path) {
					t.Errorf("%s %s does not come back, only %v", tc.reason, path, got)
				}
			}
		})
	}
}
