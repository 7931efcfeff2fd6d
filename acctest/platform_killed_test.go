// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// killedPlatform is what a platform team configures; %[1]q is the hub's kubeconfig, %[2]s a word that changes in each resource.
const killedPlatform = `
provider "fairlead" {
  hub = { config_path = %[1]q }
}
resource "fairlead_environment" "this" {
  name                   = "killed"
  application_namespaces = { names = ["killed"], create = true }
  defaults               = { webservice = { properties = { labels = { word = "%[2]s" } } } }
}
# Open Cluster Management makes a namespace of its name.
resource "fairlead_managed_cluster" "this" {
  name   = "killed-cluster"
  labels = { word = "%[2]s" }
}
resource "fairlead_cluster_binding" "this" {
  name        = "killed"
  environment = fairlead_environment.this.name
  clusters    = [fairlead_managed_cluster.this.name]
  overrides   = [{ application = "%[2]s-*", component = "web", properties = { image = "nginx" } }]
}
resource "fairlead_definition" "this" {
  namespace = fairlead_environment.this.name
  kind      = "component"
  name      = "killed"
  workload  = { api_version = "v1", kind = "ConfigMap" }
  template  = <<-CUE
    output: {apiVersion: "v1", kind: "ConfigMap", data: word: "%[2]s"}
    parameter: {}
  CUE
}
`

// platformPart is a part of the life of the resources of a platform: how it begins, a command, and how many writes it makes.
type platformPart struct {
	name, before, after string
	begin, args         []string
	writes              int
	// word is in the objects at the end; there are none without it.
	word string
}

// platformParts are the parts. The writes of a create and of a destroy are those of the four objects and of the namespace.
func platformParts() []platformPart {
	apply, destroy := []string{"apply", "-auto-approve", "-parallelism=1"}, []string{"destroy", "-auto-approve", "-parallelism=1"}
	return []platformPart{
		{name: "create", before: "amber", begin: destroy, after: "amber", args: apply, writes: 5, word: "amber"},
		{name: "update", before: "amber", begin: apply, after: "violet", args: apply, writes: 4, word: "violet"},
		{name: "destroy", before: "amber", begin: apply, after: "amber", args: destroy, writes: 5},
	}
}

// TestPlatformOfKilledEngine kills the engine with its provider at writes of a create, an update and a destroy of an environment, a
// managed cluster, a binding and a definition. The same command again does the rest: nothing asks for an import, nothing is made
// anew, and nothing is left over. The long test kills at each write, and either alone as well.
func TestPlatformOfKilledEngine(t *testing.T) {
	f := sharedFleet(t)
	terraformAccount(t, f.env.Hub())
	proxy := newWriteProxyAs(t, f.env.Hub(), "default", "terraform")
	victims, step := []casualty{everybody}, 2
	if os.Getenv("FAIRLEAD_TEST_LONG") != "" {
		victims, step = append(victims, engineAlone, providerOnly), 1
	}
	w := newWorkspace(t, "")
	for _, v := range victims {
		for _, part := range platformParts() {
			for k := 1; k <= part.writes+1; k += step {
				part.goesOn(t, w, f, proxy, k, v)
			}
		}
	}
	w.run(t, nil, "destroy", "-auto-approve")
}

// goesOn goes through a part, of which the k-th write kills somebody, and does it again.
func (p platformPart) goesOn(t *testing.T, w *workspace, f *fleet, proxy *writeProxy, k int, v casualty) {
	t.Helper()
	when := fmt.Sprintf("%s without %s, write %d", p.name, v, k)
	w.write(t, fmt.Sprintf(killedPlatform, proxy.kubeconfig, p.before))
	w.run(t, nil, p.begin...)
	old := platformObjects(t, f)
	w.write(t, fmt.Sprintf(killedPlatform, proxy.kubeconfig, p.after))
	if killed := w.killed(t, proxy, k, v, p.args...); killed != (k <= p.writes) {
		t.Errorf("%s: killed %t; the last writes: %s", when, killed, strings.Join(proxy.last(p.writes+1), ", "))
	}
	told := w.run(t, nil, p.args...)
	if strings.Contains(oneLine(told), "remove it: kubectl delete namespace killed") {
		// The environment went, and nobody lived to remove its namespace.
		if err := f.on(t, v1alpha1.LocalCluster, namespaces).Delete(t.Context(), "killed", metav1.DeleteOptions{}); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	eventually(t, patience, when, func() error { return p.ends(t, f, old) })
	if p.word != "" {
		w.isSettled(t, when)
	}
}

// ends says what is wrong at the end of a part; old are the objects that were there before it.
func (p platformPart) ends(t *testing.T, f *fleet, old map[string]types.UID) error {
	t.Helper()
	live := platformObjects(t, f)
	if p.word == "" {
		if len(live) > 0 {
			return fmt.Errorf("left over: %v", live)
		}
		return nil
	}
	var errs []error
	for kind, uid := range old {
		if live[kind] != uid {
			errs = append(errs, fmt.Errorf("%s was made anew", kind))
		}
	}
	for _, kind := range platformKinds() {
		object, err := f.on(t, v1alpha1.LocalCluster, kind.resource).Namespace(kind.namespace).Get(t.Context(), kind.name, metav1.GetOptions{})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		text, err := object.MarshalJSON()
		if err == nil && kind.resource != namespaces && !strings.Contains(string(text), p.word) {
			err = fmt.Errorf("%s does not say %q: %s", kind.resource.Resource, p.word, text)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// platformKind is a kind of which the platform has an object, in a namespace or in none.
type platformKind struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

// platformKinds are the kinds.
func platformKinds() []platformKind {
	return []platformKind{
		{environments, "", "killed"},
		{managedClusters, "", "killed-cluster"},
		{bindings, "", "killed"},
		{namespaces, "", "killed"},
		{v1beta1.GroupVersion.WithResource("componentdefinitions"), "killed", "killed"},
	}
}

// platformObjects are the platform's objects on the hub by resource.
func platformObjects(t *testing.T, f *fleet) map[string]types.UID {
	t.Helper()
	objects := map[string]types.UID{}
	for _, kind := range platformKinds() {
		object, err := f.on(t, v1alpha1.LocalCluster, kind.resource).Namespace(kind.namespace).Get(t.Context(), kind.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		objects[kind.resource.Resource] = object.GetUID()
	}
	return objects
}
