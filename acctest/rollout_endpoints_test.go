// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// reached is an application in one environment that is everywhere: on the hub and
// on all clusters. Both are reached from outside, by a host and by an address.
func reached(name, rollout string) string {
	return strings.NewReplacer("NAME", name, "ROLLOUT", rollout).Replace(`
resource "fairlead_environment" "this" {
  name                   = "NAME"
  application_namespaces = { names = ["NAME"], create = true }
  target_namespace       = { name = "NAME-everywhere" }
}
resource "fairlead_cluster_binding" "this" {
  name        = "NAME"
  environment = fairlead_environment.this.name
  clusters    = ["local", "cluster1", "cluster2", "cluster3"]
}
resource "fairlead_application" "this" {
  name         = "shop"
  namespace    = "NAME"
  environments = ["NAME"]
  components = {
    web = {
      type       = "webservice"
      properties = { image = "nginx:1", ports = [{ port = 8080, expose = true }] }
      traits     = { gateway = { domain = "NAME.example.com", http = { "/" = 8080 } } }
    }
    tcp = {
      type = "k8s-objects"
      properties = { objects = [{
        apiVersion = "v1", kind = "Service", metadata = { name = "tcp" }
        spec = { type = "LoadBalancer", ports = [{ port = 5432 }], selector = { app = "tcp" } }
      }] }
    }
  }
  depends_on = [fairlead_cluster_binding.this]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  ROLLOUT
}
`)
}

// balance gives the Service tcp of a cluster an address, as a cloud's controller does.
func (f *fleet) balance(t *testing.T, cluster, namespace, address string) error {
	patch := fmt.Appendf(nil, `{"status":{"loadBalancer":{"ingress":[{"ip":%q}]}}}`, address)
	return waitUntil(patience, "the Service of "+cluster, func() error {
		_, err := f.on(t, cluster, services).Namespace(namespace).Patch(context.Background(), "tcp", types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	})
}

// TestPain12OneProviderForManyClusters delivers to the hub and to three clusters with one provider block, which has the hub's
// credential and no other, and tells where the application is reached on each.
func TestPain12OneProviderForManyClusters(t *testing.T) {
	f := sharedFleet(t)
	const name, rollout = "pain12", "fairlead_rollout.this"
	config := func(more string) string { return withProvider(f.env.Hub(), reached(name, more)) }
	if blocks := strings.Count(config(""), "provider \""); blocks != 1 {
		t.Fatalf("%d provider blocks, want one", blocks)
	}
	balanced := make(chan error, 1)
	want := map[string]any{}
	for i, cluster := range f.names() {
		want[name+"/"+cluster+"/web"] = []any{"http://" + name + ".example.com"}
		want[name+"/"+cluster+"/tcp"] = []any{fmt.Sprintf("203.0.113.%d:5432", i)}
	}
	e := newWorkspace(t, config(""))
	e.destroyAtTheEnd(t)
	go func() {
		var errs []error
		for i, cluster := range f.names() {
			errs = append(errs, f.balance(t, cluster, name+"-everywhere", fmt.Sprintf("203.0.113.%d", i)))
		}
		balanced <- errors.Join(errs...)
	}()
	e.mustApply(t)
	if err := <-balanced; err != nil {
		t.Fatal(err)
	}
	endpoints := func() any { return e.state(t)[rollout].Attributes["endpoints"] }
	if diff := cmp.Diff(any(want), endpoints()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	for _, cluster := range f.names() {
		f.get(t, cluster, deployments, name+"-everywhere", "web")
	}
	if diff := cmp.Diff(map[string]string{}, e.plan(t)); diff != "" {
		t.Errorf("the plan after the apply (-want +got):\n%s", diff)
	}

	e.write(t, config(`on_failure = "warn"`))
	for _, change := range e.changes(t) {
		if _, unknown := change.Change.Unknown["endpoints"]; unknown && change.Address == rollout {
			t.Error("the endpoints are unknown though the same revision is waited for")
		}
	}
	e.mustApply(t)
	if diff := cmp.Diff(any(want), endpoints()); diff != "" {
		t.Errorf("endpoints after a change of how failures are taken (-want +got):\n%s", diff)
	}

	// Another address is no change of the rollout, and the next refresh tells it.
	if err := f.balance(t, "cluster1", name+"-everywhere", "203.0.113.99"); err != nil {
		t.Fatal(err)
	}
	want[name+"/cluster1/tcp"] = []any{"203.0.113.99:5432"}
	eventually(t, patience, "the other address", func() error {
		if diff := cmp.Diff(map[string]string{}, e.plan(t)); diff != "" {
			t.Fatalf("the plan after a change of an address (-want +got):\n%s", diff)
		}
		e.mustApply(t)
		return equal("endpoints", any(want), endpoints())
	})
}
