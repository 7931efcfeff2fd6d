// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// autoscaler is a component that is an autoscaler of the Deployment web.
const autoscaler = `,{"name":"auto","type":"k8s-objects","properties":{"objects":[{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",
	"metadata":{"name":"web"},"spec":{"minReplicas":1,"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}}]}}`

// webComponent is a Deployment web with three replicas.
func webComponent(image string) string {
	return fmt.Sprintf(`{"name":"web","type":"webservice","properties":{"image":%q},"traits":[{"type":"scaler","properties":{"replicas":3}}]}`, image)
}

// TestHandOver checks, with a real agent, that the replicas which an autoscaler set survive ten edits of the image, whether it
// was there from the start or came later, and that an object which moves to another work is the same object.
func TestHandOver(t *testing.T) {
	f := fleetForTest(t, cluster.Options{Clusters: []string{"cluster1"}}, false)
	t.Run("AutoscalerLater", func(t *testing.T) {
		s := newSolo(t, f, "scaled-later", "cluster1")
		s.put(t, webComponent("nginx:0"), "")
		s.ready(t)
		uid := s.web(t).GetUID()
		fewest := s.fewestReplicas(t)
		s.put(t, webComponent("nginx:0")+autoscaler, "")
		eventually(t, patience, "the replicas to be let go of", func() error { return s.letsGo(t) })
		if replicas := nested[int64](s.web(t), "spec", "replicas"); replicas != 3 {
			t.Errorf("%d replicas after the autoscaler came, want 3", replicas)
		}
		s.survivesEdits(t, uid)
		if got := fewest(); got != 3 {
			t.Errorf("%d replicas at some time, want never less than 3", got)
		}
	})
	t.Run("AutoscalerFromTheStart", func(t *testing.T) {
		s := newSolo(t, f, "scaled", "cluster1")
		s.put(t, webComponent("nginx:0")+autoscaler, "")
		eventually(t, patience, "the Deployment to be written without replicas", func() error { return s.letsGo(t) })
		s.survivesEdits(t, s.web(t).GetUID())
	})
	t.Run("Moved", func(t *testing.T) { movesObjects(t, f) })
}

// web is the Deployment on the cluster.
func (s solo) web(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	return s.f.get(t, "cluster1", deployments, s.name, "web")
}

// fewestReplicas notes, from now on, how few replicas the Deployment wants at some time.
func (s solo) fewestReplicas(t *testing.T) func() int64 {
	t.Helper()
	live := s.web(t)
	watcher, err := s.f.on(t, "cluster1", deployments).Namespace(s.name).Watch(t.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=web", ResourceVersion: live.GetResourceVersion(),
	})
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan int64, 1)
	go func() {
		fewest := nested[int64](live, "spec", "replicas")
		for event := range watcher.ResultChan() {
			if object, ok := event.Object.(*unstructured.Unstructured); ok {
				fewest = min(fewest, nested[int64](object, "spec", "replicas"))
			}
		}
		found <- fewest
	}()
	return func() int64 {
		watcher.Stop()
		return <-found
	}
}

// works are those of the application on the cluster.
func (s solo) works(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	list, err := s.f.on(t, v1alpha1.LocalCluster, works).Namespace("cluster1").List(t.Context(), metav1.ListOptions{LabelSelector: "app.oam.dev/name=" + s.name})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// letsGo says whether both components are applied and no work has the replicas any more. No controller of autoscalers runs
// here, so that the application is not ready.
func (s solo) letsGo(t *testing.T) error {
	t.Helper()
	return letGo(s.works(t), 2)
}

// letGo says whether at least so many works of an application are applied and none has replicas of a Deployment.
func letGo(found []unstructured.Unstructured, least int) error {
	if len(found) < least {
		return fmt.Errorf("%d works", len(found))
	}
	for _, work := range found {
		if strings.Contains(fmt.Sprint(nested[map[string]any](&work, "spec", "workload")), "replicas:") {
			return errors.New(work.GetName() + " has them")
		}
		if applied := conditionOf(&work, "Applied"); applied["status"] != "True" || applied["observedGeneration"] != work.GetGeneration() {
			return fmt.Errorf("%s: %v", work.GetName(), applied)
		}
		if work.GetLabels()["fairlead.dev/purpose"] == "keep" {
			return errors.New(work.GetName() + " is still there")
		}
	}
	return nil
}

// survivesEdits scales the Deployment as an autoscaler does and edits its image ten times.
func (s solo) survivesEdits(t *testing.T, uid types.UID) {
	t.Helper()
	objects := s.f.on(t, "cluster1", deployments).Namespace(s.name)
	if _, err := objects.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"spec":{"replicas":6}}`), metav1.PatchOptions{FieldManager: "autoscaler"}, "scale"); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		image := fmt.Sprintf("nginx:%d", i)
		s.put(t, webComponent(image)+autoscaler, "")
		eventually(t, patience, "image "+image, func() error {
			live := s.web(t)
			if replicas := nested[int64](live, "spec", "replicas"); replicas != 6 {
				t.Fatalf("edit %d: %d replicas, want 6", i, replicas)
			}
			if !strings.Contains(fmt.Sprint(live.Object["spec"]), image) {
				return errors.New("it has another image")
			}
			return nil
		})
	}
	if s.web(t).GetUID() != uid {
		t.Error("the Deployment was made anew")
	}
	s.drop(t)
	isGone(t, objects, "web")
}

// movesObjects lets objects grow until they do not fit into one work any more.
func movesObjects(t *testing.T, f *fleet) {
	s := newSolo(t, f, "moved", "cluster1")
	grown := func(a, b int) string {
		objects := ""
		for i, kib := range []int{a, b} {
			name := string(rune('a' + i))
			objects += fmt.Sprintf(`,{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"x":%q}}`, name, strings.Repeat("x", kib<<10))
		}
		return `{"name":"data","type":"k8s-objects","properties":{"objects":[` + objects[1:] + `]}}`
	}
	uids := func() [2]types.UID {
		return [2]types.UID{f.get(t, "cluster1", configMaps, s.name, "a").GetUID(), f.get(t, "cluster1", configMaps, s.name, "b").GetUID()}
	}
	s.put(t, grown(100, 250), "")
	s.ready(t)
	before := uids()
	if n := len(s.works(t)); n != 1 {
		t.Errorf("%d works, want one", n)
	}
	s.put(t, grown(200, 250), "")
	s.ready(t)
	if n := len(s.works(t)); n != 2 {
		t.Errorf("%d works of what has no room in one, want 2", n)
	}
	if after := uids(); after != before {
		t.Errorf("objects %v, want the same as before: %v", after, before)
	}
	s.put(t, grown(10, 450), "")
	s.says(t, "ConfigMap moved/b has")
	s.put(t, grown(10, 20), "")
	s.ready(t)
	if after := uids(); after != before {
		t.Errorf("objects %v, want the same as before: %v", after, before)
	}
	s.drop(t)
	for _, name := range []string{"a", "b"} {
		isGone(t, f.on(t, "cluster1", configMaps).Namespace(s.name), name)
	}
}
