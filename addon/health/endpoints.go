// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxEndpoints is how many endpoints are told of one place.
const maxEndpoints = 8

// Where the status of objects has the first address at which they are reached.
var (
	balancerPaths = [...]string{"status.loadBalancer.ingress.0.hostname", "status.loadBalancer.ingress.0.ip"}
	gatewayPaths  = [...]string{"status.addresses.0.value"}
)

// endpoints are where what was delivered is reached from outside of its cluster,
// in the order of the objects: the URLs of the hosts of an Ingress, or of its load
// balancer where it names none; host and port of a Service of type LoadBalancer;
// the hosts of routes of the Gateway API and the address of a Gateway. An address
// comes from a cluster, so that what is none is left out.
func endpoints(in Input) []string {
	var found []string
	for _, o := range in.Result.Objects {
		observed := in.Output
		if o.Resource != "" {
			observed = in.Outputs[o.Resource]
		}
		if observed == nil {
			continue
		}
		for _, endpoint := range endpointsOf(o, observed) {
			if len(found) < maxEndpoints && !slices.Contains(found, endpoint) {
				found = append(found, endpoint)
			}
		}
	}
	return found
}

func endpointsOf(o render.Object, observed map[string]any) []string {
	gvk := o.GroupVersionKind()
	switch gvk.Group + "/" + gvk.Kind {
	case "networking.k8s.io/Ingress":
		return ingressEndpoints(observed)
	case "/Service":
		return serviceEndpoints(observed)
	case "gateway.networking.k8s.io/Gateway":
		return addressIn(observed, gatewayPaths[:])
	case "gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute", "gateway.networking.k8s.io/TLSRoute":
		return slices.DeleteFunc(textsIn(listIn(observed, "spec", "hostnames")), notHost)
	}
	return nil
}

// endpointPaths are the fields of an object's status that its endpoints need.
func endpointPaths(o render.Object) []Path {
	gvk := o.GroupVersionKind()
	var texts []string
	switch gvk.Group + "/" + gvk.Kind {
	case "networking.k8s.io/Ingress":
		if len(hostsOf(o.Content)) == 0 {
			texts = balancerPaths[:]
		}
	case "/Service":
		if isBalanced(o.Content) {
			texts = balancerPaths[:]
		}
	case "gateway.networking.k8s.io/Gateway":
		texts = gatewayPaths[:]
	}
	paths := make([]Path, 0, len(texts))
	for _, text := range texts {
		paths = append(paths, keysOf(text))
	}
	return paths
}

func ingressEndpoints(ingress map[string]any) []string {
	hosts := hostsOf(ingress)
	if len(hosts) == 0 {
		hosts = addressIn(ingress, balancerPaths[:])
	}
	var secured []string
	for _, item := range listIn(ingress, "spec", "tls") {
		secured = append(secured, textsIn(listIn(item, "hosts"))...)
	}
	urls := make([]string, 0, len(hosts))
	for _, host := range hosts {
		scheme := "http"
		if slices.Contains(secured, host) {
			scheme = "https"
		}
		if net.ParseIP(host).To4() == nil && net.ParseIP(host) != nil {
			host = "[" + host + "]"
		}
		urls = append(urls, scheme+"://"+host)
	}
	return urls
}

// hostsOf are the hosts that the rules of an Ingress name.
func hostsOf(ingress map[string]any) []string {
	var hosts []string
	for _, item := range listIn(ingress, "spec", "rules") {
		host, _ := at(item, Path{"host"})
		if text, ok := host.(string); ok && !notHost(text) {
			hosts = append(hosts, text)
		}
	}
	return hosts
}

func isBalanced(service map[string]any) bool {
	kind, _ := at(service, Path{"spec", "type"})
	return kind == "LoadBalancer"
}

func serviceEndpoints(service map[string]any) []string {
	if !isBalanced(service) {
		return nil
	}
	var found []string
	for _, address := range addressIn(service, balancerPaths[:]) {
		for _, item := range listIn(service, "spec", "ports") {
			port, _ := at(item, Path{"port"})
			if number, ok := port.(int64); ok {
				found = append(found, net.JoinHostPort(address, strconv.FormatInt(number, 10)))
			}
		}
	}
	return found
}

// addressIn is the first address that a status has, if it has one.
func addressIn(object map[string]any, paths []string) []string {
	for _, path := range paths {
		value, _ := at(object, keysOf(path))
		text, _ := value.(string)
		if net.ParseIP(text) != nil || text != "" && !notHost(text) {
			return []string{text}
		}
	}
	return nil
}

// notHost says that a text is neither the name of a host nor a wildcard of such.
func notHost(text string) bool {
	return len(validation.IsDNS1123Subdomain(text)) > 0 && len(validation.IsWildcardDNS1123Subdomain(text)) > 0
}

func listIn(value any, path ...string) []any {
	found, _ := at(value, path)
	list, _ := found.([]any)
	return list
}

// textsIn are the texts in a list.
func textsIn(list []any) []string {
	var texts []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func keysOf(text string) Path { return strings.Split(text, ".") }
