// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// notWaiting is how soon a change reaches a cluster that is there while another one is away: sooner than whoever waits for that one.
const notWaiting = 30 * time.Second

// stray is an application in an environment of its own, in a namespace of the same name.
type stray struct {
	name     string
	clusters string
	// deletion is spec.deletion of the environment.
	deletion string
}

// start creates the environment, its binding and the application, and waits until it runs.
func (s stray) start(t *testing.T, f *fleet) {
	t.Helper()
	hub := hubObjects(t, f.env.Hub())
	text := func(manifest string) *unstructured.Unstructured {
		return object(strings.NewReplacer("NAME", s.name, "CLUSTERS", s.clusters, "DELETION", s.deletion).Replace(manifest))
	}
	create(t, hub, namespaces, "", text(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"NAME"}}`))
	create(t, hub, environments, "", text(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":"NAME"},
		"spec":{"applicationNamespaces":{"names":["NAME"]},"deletion":{DELETION}}}`))
	create(t, hub, bindings, "", text(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":"NAME"},
		"spec":{"environment":"NAME","clusters":[CLUSTERS]}}`))
	create(t, hub, applications, s.name, text(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"NAME"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"nginx:0"}}],
		"policies":[{"name":"env","type":"environment","properties":{"environment":"NAME"}}]}}`))
	eventually(t, patience, s.name+" to run", func() error {
		if phase := nested[string](s.app(t, f), "status", "status"); phase != "running" {
			return fmt.Errorf("it is %q: %v", phase, conditionOf(s.app(t, f), v1alpha1.ConditionReady))
		}
		return nil
	})
}

func (s stray) app(t *testing.T, f *fleet) *unstructured.Unstructured {
	t.Helper()
	return f.get(t, v1alpha1.LocalCluster, applications, s.name, s.name)
}

func (s stray) remove(t *testing.T, f *fleet) {
	t.Helper()
	if err := f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name).Delete(t.Context(), s.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// image is what the application runs on a cluster.
func (s stray) image(t *testing.T, f *fleet, cluster string) string {
	t.Helper()
	containers := nested[[]any](f.get(t, cluster, deployments, s.name, "web"), "spec", "template", "spec", "containers")
	image, _ := containers[0].(map[string]any)["image"].(string)
	return image
}

// works are all works on a cluster that belong to the application's namespace, its tenant included.
func (s stray) works(t *testing.T, f *fleet, cluster string) []unstructured.Unstructured {
	t.Helper()
	list, err := f.on(t, v1alpha1.LocalCluster, works).Namespace(cluster).List(t.Context(), metav1.ListOptions{LabelSelector: "fairlead.dev/target-namespace=" + s.name})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// left is how many works the environment counts that were left.
func (s stray) left(t *testing.T, f *fleet) int64 {
	t.Helper()
	return nested[int64](f.get(t, v1alpha1.LocalCluster, environments, "", s.name), "status", "left")
}

// isGone waits until an object does not exist any more.
func isGone(t *testing.T, objects dynamic.ResourceInterface, name string) {
	t.Helper()
	eventually(t, patience, name+" to be gone", func() error {
		found, err := objects.Get(context.Background(), name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("it is there: %v", found.Object["status"])
	})
}

// patch changes the application by a JSON patch.
func (s stray) patch(t *testing.T, f *fleet, patch string) {
	t.Helper()
	objects := f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name)
	if _, err := objects.Patch(t.Context(), s.name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Edits of the application while a cluster is away.
const (
	editImage = `{"op":"replace","path":"/spec/components/0/properties/image","value":%q}`
	// addMaps adds two components: one of two ConfigMaps, one of another.
	addMaps = `[{"op":"add","path":"/spec/components/-","value":{"name":"pair","type":"k8s-objects","properties":{"objects":[
		{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"stays"}},{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"goes"}}]}}},
		{"op":"add","path":"/spec/components/-","value":{"name":"extra","type":"k8s-objects","properties":{"objects":[
		{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"extra"}}]}}}]`
	dropObject    = `{"op":"remove","path":"/spec/components/1/properties/objects/1"}`
	dropComponent = `{"op":"remove","path":"/spec/components/2"}`
)

// TestEditsWhileAway stops the agents of one cluster and edits an application 20 times: the other cluster follows each
// edit, and the one that was away gets the last version alone, without the object and the component that two of the edits drop.
func TestEditsWhileAway(t *testing.T) {
	f := sharedFleet(t)
	s := stray{name: "edited", clusters: `"cluster1","cluster2"`}
	s.start(t, f)
	s.patch(t, f, addMaps)
	all := []string{"extra", "goes", "stays"}
	s.has(t, f, "cluster1", all...)
	s.has(t, f, "cluster2", all...)
	before := f.get(t, "cluster2", deployments, s.name, "web")
	f.leave(t, "cluster2")
	last := ""
	for i := range 20 {
		last = fmt.Sprintf("nginx:%d", i+1)
		patches := []string{fmt.Sprintf(editImage, last)}
		switch i {
		case 5:
			patches = append(patches, dropObject)
		case 10:
			patches = append(patches, dropComponent)
		}
		s.patch(t, f, "["+strings.Join(patches, ",")+"]")
		// Nobody waits for the cluster that is away, before or after it is known to be.
		eventually(t, notWaiting, "cluster1 to run "+last, func() error {
			if image := s.image(t, f, "cluster1"); image != last {
				return fmt.Errorf("it runs %s", image)
			}
			return nil
		})
	}
	if image := s.image(t, f, "cluster2"); image != "nginx:0" {
		t.Fatalf("a cluster without agents runs %s", image)
	}
	s.has(t, f, "cluster1", "stays")
	s.has(t, f, "cluster2", all...)
	eventually(t, patience, "the status to say that cluster2 is away", func() error {
		for _, entry := range nested[[]any](s.app(t, f), "status", "services") {
			service := entry.(map[string]any)
			message, _ := service["message"].(string)
			if service["cluster"] == "cluster2" && service["healthy"] == false && strings.Contains(message, "cluster is away since") && strings.Contains(message, "; last report ") {
				return nil
			}
		}
		return fmt.Errorf("services %v", nested[[]any](s.app(t, f), "status", "services"))
	})
	f.come(t, "cluster2")
	eventually(t, patience, "cluster2 to run the last version", func() error {
		if image := s.image(t, f, "cluster2"); image != last {
			return fmt.Errorf("it runs %s", image)
		}
		return nil
	})
	s.has(t, f, "cluster2", "stays")
	after := f.get(t, "cluster2", deployments, s.name, "web")
	if after.GetUID() != before.GetUID() || after.GetGeneration() != before.GetGeneration()+1 {
		t.Errorf("generation %d after %d, same object %t: want one change, to the last version", after.GetGeneration(), before.GetGeneration(), after.GetUID() == before.GetUID())
	}
}

// has waits until the application has those ConfigMaps on a cluster and no other.
func (s stray) has(t *testing.T, f *fleet, cluster string, names ...string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("the ConfigMaps %q on %s", names, cluster), func() error {
		list, err := f.on(t, cluster, configMaps).Namespace(s.name).List(t.Context(), metav1.ListOptions{LabelSelector: v1beta1.LabelAppName + "=" + s.name})
		if err != nil {
			return err
		}
		var found []string
		for _, live := range list.Items {
			found = append(found, live.GetName())
		}
		return equal("ConfigMaps", names, found)
	})
}

// TestDeleteWhileAway deletes applications of both policies while their cluster is away. What is not waited for stays
// there and is told; what is waited for goes when the cluster returns. Nothing of either is left on the hub.
func TestDeleteWhileAway(t *testing.T) {
	f := sharedFleet(t)
	waits := stray{name: "waits", clusters: `"cluster2"`}
	leaves := stray{name: "leaves", clusters: `"cluster2"`, deletion: `"unreachable":"Orphan"`}
	stays := stray{name: "stays", clusters: `"cluster2"`, deletion: `"policy":"Orphan"`}
	for _, s := range []stray{waits, leaves, stays} {
		s.start(t, f)
	}
	identities := map[string]types.UID{}
	for _, s := range []stray{leaves, stays} {
		identities[s.name] = f.get(t, "cluster2", deployments, s.name, "web").GetUID()
	}
	// The objects of a policy Orphan stay also where the cluster is there.
	stays.remove(t, f)
	isGone(t, f.on(t, v1alpha1.LocalCluster, applications).Namespace(stays.name), stays.name)
	f.leave(t, "cluster2")
	waits.remove(t, f)
	leaves.remove(t, f)
	isGone(t, f.on(t, v1alpha1.LocalCluster, applications).Namespace(leaves.name), leaves.name)
	eventually(t, patience, "the environment to count what was left", func() error {
		if left := leaves.left(t, f); left != 1 {
			return fmt.Errorf("it counts %d", left)
		}
		return nil
	})
	eventually(t, patience, "the application to say what it waits for", func() error {
		message, _ := conditionOf(waits.app(t, f), v1alpha1.ConditionReady)["message"].(string)
		if !strings.Contains(message, "cluster is away since") || !strings.Contains(message, "waits for it") {
			return errors.New(message)
		}
		return nil
	})
	f.come(t, "cluster2")
	isGone(t, f.on(t, v1alpha1.LocalCluster, applications).Namespace(waits.name), waits.name)
	isGone(t, f.on(t, "cluster2", deployments).Namespace(waits.name), "web")
	for _, s := range []stray{waits, leaves, stays} {
		eventually(t, patience, "nothing of "+s.name+" to be on the hub", func() error {
			for _, work := range s.works(t, f, "cluster2") {
				return fmt.Errorf("there is work %s with labels %v", work.GetName(), work.GetLabels())
			}
			if left := s.left(t, f); left > 0 {
				return fmt.Errorf("the environment counts %d", left)
			}
			return nil
		})
	}
	for _, s := range []stray{leaves, stays} {
		found := f.get(t, "cluster2", deployments, s.name, "web")
		if found.GetUID() != identities[s.name] || len(found.GetOwnerReferences()) > 0 || found.GetDeletionTimestamp() != nil {
			t.Errorf("%s: %v: want the object as it was, let go of", s.name, found.Object["metadata"])
		}
	}
}
