// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// TestThreeEnvironments delivers one application to three environments on the hub and three clusters, with defaults of an
// environment and overrides of a binding, changes the image once, and then what concerns one cluster alone.
func TestThreeEnvironments(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "trio")
	dev := w.environment(t, "dev", "", `"clusters":["local"]`)
	staging := w.environment(t, "staging", `"defaults":[{"type":"webservice","properties":{"cpu":"100m"},"traits":[{"type":"scaler","properties":{"replicas":2}}]}]`, `"clusters":["cluster1"]`)
	prod := w.environment(t, "prod", `"defaults":[{"type":"webservice","properties":{"cpu":"100m"},"traits":[{"type":"scaler","properties":{"replicas":3}}]}]`,
		`"clusters":["cluster2","cluster3"],"overrides":[{"component":"web","properties":{"cpu":"250m"}}]`)
	w.application(t, "shop", `[{"name":"web","type":"webservice","properties":{"image":"nginx:1"}},
		{"name":"jobs","type":"worker","properties":{"image":"busybox:1","cmd":["sleep"]}}]`, dev, staging, prod)
	w.isReady(t, "shop")
	places := []site{{v1alpha1.LocalCluster, dev}, {"cluster1", staging}, {"cluster2", prod}, {"cluster3", prod}}
	checkShop(t, f, places, "nginx:1")

	written := f.auditFromNow(t)
	w.patch(t, "shop", `[{"op":"replace","path":"/spec/components/0/properties/image","value":"nginx:2"}]`)
	w.isReady(t, "shop")
	checkShop(t, f, places, "nginx:2")
	if diff := cmp.Diff(w.worksOf(t, "web", "cluster1", "cluster2", "cluster3"), w.writtenWorks(t, written)); diff != "" {
		t.Errorf("works written by a change of the image (-want +got):\n%s", diff)
	}

	written = f.auditFromNow(t)
	w.changeBinding(t, prod, `{"spec":{"overrides":[{"component":"web","properties":{"cpu":"300m"}}]}}`)
	eventually(t, patience, "the override to arrive", func() error {
		for _, name := range []string{"cluster2", "cluster3"} {
			if cpu := cpuOf(t, f, site{name, prod}); cpu != "300m" {
				return fmt.Errorf("%s has cpu %q", name, cpu)
			}
		}
		return nil
	})
	w.isReady(t, "shop")
	if diff := cmp.Diff(w.worksOf(t, "web", "cluster2", "cluster3"), w.writtenWorks(t, written)); diff != "" {
		t.Errorf("works written by a change of one binding (-want +got):\n%s", diff)
	}
	w.drop(t, "shop")
}

// writtenWorks counts how often the addon wrote which works, less those that other tests left: these may be removed late. Works that
// were deleted meanwhile are counted.
func (w *team) writtenWorks(t *testing.T, written *audit) map[string]int {
	t.Helper()
	counts := written.written(t, "manifestworks")
	list, err := w.hub.Resource(works).List(t.Context(), metav1.ListOptions{LabelSelector: v1beta1.LabelAppNamespace})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if work := &list.Items[i]; work.GetLabels()[v1beta1.LabelAppNamespace] != w.name {
			delete(counts, work.GetNamespace()+"/"+work.GetName())
		}
	}
	return counts
}

// checkShop checks what every environment makes of the one application.
func checkShop(t *testing.T, f *fleet, places []site, image string) {
	t.Helper()
	want := map[site]string{}
	for at, text := range map[int]string{0: "replicas 1, cpu ", 1: "replicas 2, cpu 100m", 2: "replicas 3, cpu 250m", 3: "replicas 3, cpu 250m"} {
		want[places[at]] = "image " + image + ", " + text
	}
	got := map[site]string{}
	for _, at := range places {
		live := f.get(t, at.cluster, deployments, at.namespace, "web")
		got[at] = fmt.Sprintf("image %s, replicas %d, cpu %s", imageOf(live), nested[int64](live, "spec", "replicas"), cpuOf(t, f, at))
		f.get(t, at.cluster, deployments, at.namespace, "jobs")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what runs (-want +got):\n%s", diff)
	}
}

// cpuOf is the limit of the Deployment web at a place.
func cpuOf(t *testing.T, f *fleet, at site) string {
	t.Helper()
	containers := nested[[]any](f.get(t, at.cluster, deployments, at.namespace, "web"), "spec", "template", "spec", "containers")
	resources, _ := containers[0].(map[string]any)["resources"].(map[string]any)
	limits, _ := resources["limits"].(map[string]any)
	cpu, _ := limits["cpu"].(string)
	return cpu
}

// worksOf are the works of a component on clusters, each counted once, as audit.written counts them.
func (w *team) worksOf(t *testing.T, component string, clusters ...string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, name := range clusters {
		list, err := w.hub.Resource(works).Namespace(name).List(t.Context(), metav1.ListOptions{
			LabelSelector: "app.oam.dev/namespace=" + w.name + ",app.oam.dev/component=" + component})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			found[name+"/"+list.Items[i].GetName()] = 1
		}
	}
	if len(found) != len(clusters) {
		t.Fatalf("the works of component %s are %s, want one on each of %s", component, slices.Sorted(maps.Keys(found)), strings.Join(clusters, ", "))
	}
	return found
}

// TestTwoEnvironmentsOnOneCluster lets two environments of one application meet in one namespace of a cluster: the second
// is refused, and the message names both.
func TestTwoEnvironmentsOnOneCluster(t *testing.T) {
	f := sharedFleet(t)
	for _, where := range []string{v1alpha1.LocalCluster, "cluster1"} {
		t.Run(where, func(t *testing.T) {
			w := newTeam(t, f, "twice-"+where)
			clusters := fmt.Sprintf(`"clusters":[%q]`, where)
			w.environment(t, "one", "", clusters)
			second := w.name + "-two"
			create(t, w.hub, environments, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},
				"spec":{"applicationNamespaces":{"names":[%q]},"targetNamespace":{"name":%q}}}`, second, w.name, w.name+"-one")))
			create(t, w.hub, bindings, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},"spec":{"environment":%q,%s}}`, second, second, clusters)))
			w.application(t, "app", `[{"name":"web","type":"webservice","properties":{"image":"nginx:1"}}]`, w.name+"-one", second)
			message := w.stalls(t, "app", "PlacementConflict")
			for _, name := range []string{w.name + "-one", second} {
				if !strings.Contains(message, fmt.Sprintf("%q", name)) && !strings.Contains(message, "environment "+name) {
					t.Errorf("the message does not name environment %q: %s", name, message)
				}
			}
			w.drop(t, "app")
		})
	}
}
