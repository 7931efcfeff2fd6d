// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// autoscalers scale workloads.
var autoscalers = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}

// replicasPolicies leave replicas to others: to an autoscaler that is only read, and by rules for components.
const replicasPolicies = `[
	{"op":"add","path":"/spec/policies/-","value":{"name":"theirs","type":"read-only","properties":{"rules":[
		{"selector":{"resourceTypes":["HorizontalPodAutoscaler"]}}]}}},
	{"op":"add","path":"/spec/policies/-","value":{"name":"start","type":"apply-once","properties":{"enable":true,"rules":[
		{"selector":{"componentNames":["once"]},"strategy":{"path":["spec.replicas"]}},
		{"selector":{"componentNames":["kept"]},"strategy":{"path":["spec.replicas"],"affect":"onStateKeep"}}]}}}]`

// replicasComponents are three Deployments with replicas, and the autoscaler of one of them.
func replicasComponents(image string, replicas int) []string {
	var components []string
	for _, name := range []string{"auto", "once", "kept"} {
		components = append(components, fmt.Sprintf(
			`{"name":%q,"type":"webservice","properties":{"image":%q},"traits":[{"type":"scaler","properties":{"replicas":%d}}]}`, name, image, replicas))
	}
	return append(components, `{"name":"scaling","type":"k8s-objects","properties":{"objects":[`+autoscalerOf("auto")+`]}}`)
}

func autoscalerOf(deployment string) string {
	return fmt.Sprintf(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":%[1]q},
		"spec":{"minReplicas":2,"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":%[1]q}}}`, deployment)
}

// TestReplicasOfOthers checks on a managed cluster that the replicas which others set survive edits of the image: an
// autoscaler's that the application only reads, and those that apply-once leaves to people, until the application changes them
// where it may. An edit is one write of each Deployment, so that there is no time with other replicas.
func TestReplicasOfOthers(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "replicas")
	env := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	at := site{"cluster1", env}
	w.application(t, "app", "[]", env)
	w.patch(t, "app", replicasPolicies)
	w.setComponents(t, "app", replicasComponents("nginx:0", 3)...)
	w.says(t, "app", "HorizontalPodAutoscaler "+env+"/auto: the cluster does not have it")
	scalers := f.on(t, "cluster1", autoscalers).Namespace(env)
	theirs, err := scalers.Create(t.Context(), object(autoscalerOf("auto")), metav1.CreateOptions{FieldManager: "kubectl-create"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the replicas to be let go of", func() error { return letGo(w.worksOn(t, "cluster1", "app"), 4) })
	for name, replicas := range map[string]int64{"auto": 6, "once": 5, "kept": 4} {
		f.scale(t, at, name, replicas)
	}
	f.runs(t, at, "nginx:0", map[string]int64{"auto": 6, "once": 5, "kept": 4})
	before := f.generations(t, at)
	for i := 1; i <= 3; i++ {
		image := fmt.Sprintf("nginx:%d", i)
		w.setComponents(t, "app", replicasComponents(image, 3)...)
		f.runs(t, at, image, map[string]int64{"auto": 6, "once": 5, "kept": 4})
	}
	for name, generation := range f.generations(t, at) {
		if generation != before[name]+3 {
			t.Errorf("Deployment %s has generation %d after %d, want one write of each of three edits", name, generation, before[name])
		}
	}
	// What the application says anew counts where it may, and nowhere else.
	w.setComponents(t, "app", replicasComponents("nginx:3", 7)...)
	f.runs(t, at, "nginx:3", map[string]int64{"auto": 6, "once": 5, "kept": 7})
	w.drop(t, "app")
	isGone(t, f.on(t, "cluster1", deployments).Namespace(env), "auto")
	live, err := scalers.Get(t.Context(), "auto", metav1.GetOptions{})
	if err != nil || live.GetGeneration() != theirs.GetGeneration() || len(live.GetLabels()) > 0 {
		t.Errorf("the autoscaler that is only read is not as it was: %v, %v", live, err)
	}
	f.dropNamespace(t, at)
}

// startingPolicy lets a Deployment start with its replicas.
const startingPolicy = `[{"op":"add","path":"/spec/policies/-","value":{"name":"start","type":"apply-once","properties":{"enable":true,"rules":[
	{"selector":{"resourceTypes":["Deployment"]},"strategy":{"path":["spec.replicas"],"affect":%q}}]}}}]`

// TestScaledAsItStarts checks on a managed cluster that replicas stay which somebody sets as soon as the cluster has told that
// it has the Deployment, when its fields that start with the application's value are not left to others yet: whether the image
// is edited with that, before or after, or not at all.
func TestScaledAsItStarts(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "starting")
	at := site{"cluster1", w.environment(t, "prod", "", `"clusters":["cluster1"]`)}
	want := map[string]int64{}
	for _, affect := range []string{"onUpdate", "onStateKeep"} {
		for i, edit := range []string{"after", "before", "never", "after", "before"} {
			name := strings.ToLower(fmt.Sprintf("%s-%d", affect, i))
			w.scalesAsItStarts(t, at, name, affect, edit)
			want[name] = 5
		}
	}
	f.runs(t, at, "nginx:2", want)
	for name := range want {
		w.drop(t, name)
	}
}

// scalesAsItStarts makes an application with a Deployment that starts with 3 replicas, sets 5 and edits the image at once, and
// edits it again when the replicas were let go of.
func (w *team) scalesAsItStarts(t *testing.T, at site, name, affect, edit string) {
	t.Helper()
	image := "nginx:0"
	setImage := func(version string) {
		image = version
		w.setComponents(t, name, fmt.Sprintf(
			`{"name":%q,"type":"webservice","properties":{"image":%q},"traits":[{"type":"scaler","properties":{"replicas":3}}]}`, name, image))
	}
	w.application(t, name, "[]", at.namespace)
	w.patch(t, name, fmt.Sprintf(startingPolicy, affect))
	applied := w.firstApplied(t, at.cluster, name)
	setImage(image)
	applied()
	if edit == "before" {
		setImage("nginx:1")
	}
	w.fleet.scale(t, at, name, 5)
	if edit == "after" {
		setImage("nginx:1")
	}
	w.fleet.runs(t, at, image, map[string]int64{name: 5}, name)
	eventually(t, patience, "the replicas to be let go of", func() error { return letGo(w.worksOn(t, at.cluster, name), 1) })
	setImage("nginx:2")
}

// firstApplied waits, when it is called, for the first work of an application that its cluster has applied from now on.
func (w *team) firstApplied(t *testing.T, clusterName, application string) func() {
	t.Helper()
	watcher, err := w.hub.Resource(works).Namespace(clusterName).Watch(t.Context(), metav1.ListOptions{
		LabelSelector: v1beta1.LabelAppNamespace + "=" + w.name + "," + v1beta1.LabelAppName + "=" + application})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer watcher.Stop()
		for late := time.After(patience); ; {
			select {
			case event, open := <-watcher.ResultChan():
				if !open {
					t.Fatalf("the watch ended before a work of %s was applied", application)
				}
				if work, ok := event.Object.(*unstructured.Unstructured); ok && conditionOf(work, "Applied")["status"] == "True" {
					return
				}
			case <-late:
				t.Fatalf("waited %s for a work of %s to be applied", patience, application)
			}
		}
	}
}

// scale sets the replicas of a Deployment as an autoscaler or kubectl does.
func (f *fleet) scale(t *testing.T, at site, name string, replicas int64) {
	t.Helper()
	objects := f.on(t, at.cluster, deployments).Namespace(at.namespace)
	eventually(t, patience, name+" to be scaled", func() error {
		_, err := objects.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas),
			metav1.PatchOptions{FieldManager: "kubectl-scale"}, "scale")
		return err
	})
}

// runs waits until the Deployments of a namespace, or those alone that are named, have an image and their replicas.
func (f *fleet) runs(t *testing.T, at site, image string, replicas map[string]int64, names ...string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("image %s and replicas %v", image, replicas), func() error {
		images, found, want := map[string]string{}, map[string]int64{}, map[string]string{}
		for _, live := range f.deploymentsIn(t, at) {
			if len(names) > 0 && !slices.Contains(names, live.GetName()) {
				continue
			}
			images[live.GetName()], found[live.GetName()] = imageOf(&live), nested[int64](&live, "spec", "replicas")
		}
		for name := range replicas {
			want[name] = image
		}
		if err := equal("replicas", replicas, found); err != nil {
			return err
		}
		return equal("images", want, images)
	})
}

func (f *fleet) generations(t *testing.T, at site) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	for _, live := range f.deploymentsIn(t, at) {
		found[live.GetName()] = live.GetGeneration()
	}
	return found
}

func (f *fleet) deploymentsIn(t *testing.T, at site) []unstructured.Unstructured {
	t.Helper()
	list, err := f.on(t, at.cluster, deployments).Namespace(at.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}
