// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// solo is an application without Terraform: its namespace, and its environment on a managed cluster, have its name.
type solo struct {
	f    *fleet
	name string
}

// newSolo makes the environment, and leaves it.
func newSolo(t *testing.T, f *fleet, name, clusterName string) solo {
	t.Helper()
	environment := strings.NewReplacer("NAME", name, "CLUSTER", clusterName).Replace(`
resource "fairlead_environment" "this" {
  name                   = "NAME"
  application_namespaces = { names = ["NAME"], create = true }
}
resource "fairlead_cluster_binding" "this" {
  name        = "NAME"
  environment = fairlead_environment.this.name
  clusters    = ["CLUSTER"]
}
`)
	forgotten := ""
	for _, address := range []string{"fairlead_environment.this", "fairlead_cluster_binding.this"} {
		forgotten += fmt.Sprintf("removed {\n  from = %s\n  lifecycle {\n    destroy = false\n  }\n}\n", address)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps:                    []resource.TestStep{{Config: withProvider(f.env.Hub(), environment)}, {Config: withProvider(f.env.Hub(), forgotten)}},
	})
	return solo{f, name}
}

// oam is the application with those components and further policies.
func (s solo) oam(components, policies string) *unstructured.Unstructured {
	return object(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"namespace":%q},
		"spec":{"components":[%s],"policies":[{"name":"where","type":"environment","properties":{"environment":%q}}%s]}}`, s.name, s.name, components, s.name, policies))
}

// put writes the application.
func (s solo) put(t *testing.T, components, policies string) {
	t.Helper()
	objects, application := s.applications(t), s.oam(components, policies)
	if _, err := objects.Apply(t.Context(), application.GetName(), application, metav1.ApplyOptions{FieldManager: "test", Force: true}); err != nil {
		t.Fatal(err)
	}
}

func (s solo) applications(t *testing.T) dynamic.ResourceInterface {
	t.Helper()
	return s.f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name)
}

// drop deletes the application and waits until it is gone.
func (s solo) drop(t *testing.T) {
	t.Helper()
	objects := s.applications(t)
	if err := objects.Delete(t.Context(), s.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "application "+s.name+" to be gone", func() error {
		if left, err := objects.Get(t.Context(), s.name, metav1.GetOptions{}); err == nil {
			return fmt.Errorf("it is still there: %v", left.Object["status"])
		}
		return nil
	})
}

// says waits until the application has a text in its status.
func (s solo) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("application %s to say %q", s.name, text), func() error {
		status, err := s.applications(t).Get(t.Context(), s.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if said := fmt.Sprint(status.Object["status"]); !strings.Contains(said, text) {
			return errors.New(said)
		}
		return nil
	})
}

// ready waits until the application is delivered and healthy at its present generation.
func (s solo) ready(t *testing.T) {
	t.Helper()
	eventually(t, patience, "application "+s.name+" to be ready", func() error {
		live, err := s.applications(t).Get(t.Context(), s.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready := conditionOf(live, "Ready")
		if ready["status"] != "True" || ready["observedGeneration"] != live.GetGeneration() {
			return fmt.Errorf("%v", live.Object["status"])
		}
		return nil
	})
}

// configMap is a component that is one ConfigMap.
func configMap(name string, data string) string {
	return fmt.Sprintf(`{"name":%q,"type":"k8s-objects","properties":{"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":%s}]}}`, name, name, data)
}

// TestForeignObjects checks, with a real agent, that an object of somebody else is neither changed, adopted nor deleted, that
// it is taken over when a policy asks for it, and that what an application drops goes from the object.
func TestForeignObjects(t *testing.T) {
	f := fleetForTest(t, cluster.Options{Clusters: []string{"cluster1"}}, false)
	const name = "foreign"
	s := newSolo(t, f, name, "cluster1")
	objects := f.on(t, "cluster1", configMaps).Namespace(name)
	s.put(t, configMap("first", `{"a":"1","b":"2"}`), "")
	s.ready(t)

	theirs, err := objects.Create(t.Context(), object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"1"}}`), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	untouched := func(when string) {
		t.Helper()
		live, err := objects.Get(t.Context(), "theirs", metav1.GetOptions{})
		if err != nil || live.GetResourceVersion() != theirs.GetResourceVersion() {
			t.Fatalf("%s: the object is not as it was: %v, %v", when, live, err)
		}
	}
	both := configMap("first", `{"a":"1"}`) + "," + configMap("theirs", `{"a":"1"}`)
	s.put(t, both, "")
	s.says(t, "was not delivered for this component")
	untouched("refused")
	eventually(t, patience, "what is ours to be delivered beside it", func() error {
		data := f.get(t, "cluster1", configMaps, name, "first").Object["data"]
		return equal("data", map[string]any{"a": "1"}, data)
	})
	s.put(t, configMap("first", `{"a":"1"}`), "")
	s.ready(t)
	untouched("dropped")
	s.put(t, both, "")
	s.says(t, "was not delivered for this component")
	s.drop(t)
	untouched("application deleted")

	// It is delivered as soon as its place is free.
	s.put(t, both, "")
	s.says(t, "was not delivered for this component")
	if err := objects.Delete(t.Context(), "theirs", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.ready(t)
	s.drop(t)

	// It is taken over when a policy says so, and then goes with the application.
	if _, err := objects.Create(t.Context(), object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"0"}}`), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.put(t, both, `,{"name":"take","type":"take-over","properties":{"rules":[{"selector":{"resourceTypes":["ConfigMap"]}}]}}`)
	s.ready(t)
	if err := equal("data", map[string]any{"a": "1"}, f.get(t, "cluster1", configMaps, name, "theirs").Object["data"]); err != nil {
		t.Error(err)
	}
	s.drop(t)
	isGone(t, objects, "theirs")

	// What another policy leaves to others stays as it was when it is taken over.
	for path, want := range map[string]map[string]any{"*": {"a": "0"}, "data.a": {"a": "0", "b": "2"}} {
		if _, err := objects.Create(t.Context(), object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"0"}}`), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		s.put(t, configMap("first", `{"a":"1"}`)+","+configMap("theirs", `{"a":"1","b":"2"}`), fmt.Sprintf(
			`,{"name":"take","type":"take-over","properties":{"rules":[{"selector":{"resourceTypes":["ConfigMap"]}}]}}
			,{"name":"once","type":"apply-once","properties":{"enable":true,"rules":[{"selector":{"resourceTypes":["ConfigMap"]},"strategy":{"path":[%q]}}]}}`, path))
		s.ready(t)
		if err := equal("data", want, f.get(t, "cluster1", configMaps, name, "theirs").Object["data"]); err != nil {
			t.Errorf("%s is left to others: %v", path, err)
		}
		s.drop(t)
		isGone(t, objects, "theirs")
	}
}
