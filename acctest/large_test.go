// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// workLimit is how much the objects of one work may take.
const workLimit = 400 << 10

// ballast is a ConfigMap with that many KiB.
func ballast(name string, kib int) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": map[string]any{"x": strings.Repeat("x", kib<<10)}}
}

// objectsComponent is a component that is those objects.
func objectsComponent(name string, objects ...any) map[string]any {
	return map[string]any{"name": name, "type": "k8s-objects", "properties": map[string]any{"objects": objects}}
}

// TestLargeApplication delivers an application of 1.2 MB, more than three times of what one work may hold, lets an object grow
// until others have no room beside it, and deletes it all.
func TestLargeApplication(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "large")
	prod := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	// The application holds the objects, and etcd takes no more than 1.5 MB of it.
	var components []any
	for i := range 3 {
		var objects []any
		for j := range 4 {
			objects = append(objects, ballast(fmt.Sprintf("part-%d-%d", i, j), 100))
		}
		components = append(components, objectsComponent(fmt.Sprintf("data-%d", i), objects...))
	}
	w.application(t, "big", jsonOf(components), prod)
	w.isReady(t, "big")
	want := map[string]int{"data-0": 2, "data-1": 2, "data-2": 2}
	if diff := cmp.Diff(want, w.sizedWorks(t, "cluster1", "big")); diff != "" {
		t.Errorf("works of each component (-want +got):\n%s", diff)
	}
	before := w.uidsOf(t, "cluster1", prod)
	if len(before) != 12 {
		t.Errorf("%d objects on the cluster, want 12", len(before))
	}

	// With 200 KiB beside 100 there is no room for another 100.
	w.patch(t, "big", fmt.Sprintf(`[{"op":"replace","path":"/spec/components/1/properties/objects/0/data/x","value":%q}]`, strings.Repeat("y", 200<<10)))
	w.isReady(t, "big")
	// An object that moves stays in the work that it leaves until the agent has told that the other one has it.
	eventually(t, patience, "the works to be as small as they may be", func() error {
		counts, err := w.sizesOfWorks(t, "cluster1", "big", workLimit)
		if diff := cmp.Diff(want, counts); diff != "" {
			err = errors.Join(err, fmt.Errorf("works of each component after one object grew (-want +got):\n%s", diff))
		}
		return err
	})
	w.sizedWorks(t, "cluster1", "big")
	if size := len(nested[string](f.get(t, "cluster1", configMaps, prod, "part-1-0"), "data", "x")); size != 200<<10 {
		t.Errorf("the object that grew has %d bytes", size)
	}
	if diff := cmp.Diff(before, w.uidsOf(t, "cluster1", prod)); diff != "" {
		t.Errorf("objects after some moved to another work (-before +after):\n%s", diff)
	}
	w.drop(t, "big")
	if left := w.uidsOf(t, "cluster1", prod); len(left) > 0 {
		t.Errorf("left on the cluster: %v", left)
	}
	if left := w.sizedWorks(t, "cluster1", "big"); len(left) > 0 {
		t.Errorf("works left: %v", left)
	}
}

// sizedWorks counts the works of an application on a cluster by their components, and checks the size of each.
func (w *team) sizedWorks(t *testing.T, clusterName, application string) map[string]int {
	t.Helper()
	counts, err := w.sizesOfWorks(t, clusterName, application, workLimit)
	if err != nil {
		t.Error(err)
	}
	return counts
}

// sizesOfWorks is the same with any limit, and says which works exceed it.
func (w *team) sizesOfWorks(t *testing.T, clusterName, application string, limit int) (map[string]int, error) {
	t.Helper()
	var wrong []error
	counts := map[string]int{}
	for _, work := range w.worksOn(t, clusterName, application) {
		counts[work.GetLabels()[v1beta1.LabelAppComponent]]++
		size := 0
		for _, field := range [][]string{{"spec", "workload", "manifests"}, {"spec", "manifestConfigs"}} {
			raw, err := json.Marshal(nested[[]any](&work, field...))
			if err != nil {
				t.Fatal(err)
			}
			size += len(raw)
		}
		if size > limit {
			wrong = append(wrong, fmt.Errorf("work %s has %d bytes, want at most %d", work.GetName(), size, limit))
		}
	}
	return counts, errors.Join(wrong...)
}

// worksOn are the works of an application of the team on a cluster.
func (w *team) worksOn(t *testing.T, clusterName, application string) []unstructured.Unstructured {
	t.Helper()
	var list *unstructured.UnstructuredList
	eventually(t, patience, "the works of cluster "+clusterName, func() (err error) {
		list, err = w.hub.Resource(works).Namespace(clusterName).List(t.Context(), metav1.ListOptions{
			LabelSelector: v1beta1.LabelAppNamespace + "=" + w.name + "," + v1beta1.LabelAppName + "=" + application})
		return err
	})
	return list.Items
}

// uidsOf are the identities of the ConfigMaps of applications in a namespace.
func (w *team) uidsOf(t *testing.T, clusterName, namespace string) map[string]types.UID {
	t.Helper()
	list, err := w.fleet.on(t, clusterName, configMaps).Namespace(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: v1beta1.LabelAppName})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]types.UID{}
	for i := range list.Items {
		found[list.Items[i].GetName()] = list.Items[i].GetUID()
	}
	return found
}

// TestTooLargeObject has one object that no work can hold: what is said names it, with its size and the limit, and nothing of
// its component is delivered or changed.
func TestTooLargeObject(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "toolarge")
	prod := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	refused := func() {
		t.Helper()
		message := w.stalls(t, "app", "TooLarge")
		for _, part := range []string{"component data: ", "ConfigMap " + prod + "/b has 46", fmt.Sprintf("more than the %d", workLimit)} {
			if !strings.Contains(message, part) {
				t.Errorf("the message lacks %q: %s", part, message)
			}
		}
	}
	w.application(t, "app", jsonOf([]any{objectsComponent("data", ballast("a", 1), ballast("b", 450))}), prod)
	refused()
	if found := w.uidsOf(t, "cluster1", prod); len(found) > 0 || len(w.worksOn(t, "cluster1", "app")) > 0 {
		t.Errorf("half of the component was delivered: %v", found)
	}

	w.patch(t, "app", fmt.Sprintf(`[{"op":"replace","path":"/spec/components","value":%s}]`, jsonOf([]any{objectsComponent("data", ballast("a", 1), ballast("b", 10))})))
	w.isReady(t, "app")
	before, written := f.get(t, "cluster1", configMaps, prod, "a").GetResourceVersion(), f.auditFromNow(t)
	w.patch(t, "app", fmt.Sprintf(`[{"op":"replace","path":"/spec/components","value":%s}]`, jsonOf([]any{objectsComponent("data", ballast("a", 2), ballast("b", 450), ballast("c", 1))})))
	refused()
	counts := written.written(t, "manifestworks")
	for _, work := range w.worksOn(t, "cluster1", "app") {
		if writes := counts["cluster1/"+work.GetName()]; writes > 0 {
			t.Errorf("work %s was written %d times", work.GetName(), writes)
		}
	}
	if after := f.get(t, "cluster1", configMaps, prod, "a").GetResourceVersion(); after != before || len(w.uidsOf(t, "cluster1", prod)) != 2 {
		t.Errorf("half of a change was delivered: version %s of a after %s, objects %v", after, before, w.uidsOf(t, "cluster1", prod))
	}
	w.drop(t, "app")
}

// TestLongNames has applications and components whose names are as long as names may be and differ only at their ends, which
// the names of works have no room for: each has a work of its own.
func TestLongNames(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "long")
	prod := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	want, names := map[string]string{}, map[string]bool{}
	for i := range 2 {
		application := fmt.Sprintf("%s%d", strings.Repeat("a", 62), i)
		var components []any
		for j := range 2 {
			component := fmt.Sprintf("%s%d", strings.Repeat("c", 62), j)
			components = append(components, objectsComponent(component, ballast(fmt.Sprintf("map-%d-%d", i, j), 1)))
			want[fmt.Sprintf("map-%d-%d", i, j)] = application + " " + component
		}
		w.application(t, application, jsonOf(components), prod)
		w.isReady(t, application)
		for _, work := range w.worksOn(t, "cluster1", application) {
			names[work.GetName()] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("works %v, want four", names)
	}
	got := map[string]string{}
	for name := range w.uidsOf(t, "cluster1", prod) {
		labels := f.get(t, "cluster1", configMaps, prod, name).GetLabels()
		got[name] = labels[v1beta1.LabelAppName] + " " + labels[v1beta1.LabelAppComponent]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("whose objects are on the cluster (-want +got):\n%s", diff)
	}
	for i := range 2 {
		w.drop(t, fmt.Sprintf("%s%d", strings.Repeat("a", 62), i))
	}
	if left := w.uidsOf(t, "cluster1", prod); len(left) > 0 {
		t.Errorf("left on the cluster: %v", left)
	}
}
