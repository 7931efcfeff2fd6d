// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// jobs are of a kind whose template nobody may change.
var jobs = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}

// left is something that an application leaves on a cluster.
type left struct {
	kind schema.GroupVersionResource
	name string
}

// TestOrphansOfRefusedEdits edits what a cluster does not let anybody edit, in an environment whose objects stay, and then
// removes the applications: one from the environment, the other one altogether. An agent that cannot apply an object does
// not let go of it by itself. All stays as it was, and nobody's.
func TestOrphansOfRefusedEdits(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "orphans")
	env := w.environment(t, "prod", `"deletion":{"policy":"Orphan"}`, `"clusters":["cluster1"]`)
	other := w.environment(t, "dev", "", `"clusters":["cluster2"]`)
	t.Cleanup(func() { f.dropNamespace(t, site{"cluster1", env}) })
	w.application(t, "leaves", "["+leavesComponents("one")+"]", other, env)
	w.application(t, "ends", "["+endsComponents("None", "nginx:1")+"]", env)
	w.isReady(t, "leaves")
	w.delivers(t, "cluster1", "ends", 2)
	objects := []left{{deployments, "web"}, {configMaps, "settings"}, {services, "front"}, {jobs, "once"}}
	before := w.identities(t, env, objects)

	w.setComponents(t, "leaves", leavesComponents("two"))
	w.setComponents(t, "ends", endsComponents("10.9.9.9", "nginx:2"))
	w.says(t, "leaves", "field is immutable", "Deployment")
	w.says(t, "ends", "may not change once set", "spec.template: Invalid value")

	w.patch(t, "leaves", `[{"op":"remove","path":"/spec/policies/1"}]`)
	w.drop(t, "ends")
	for _, name := range []string{"leaves", "ends"} {
		eventually(t, patience, "the works of "+name+" to be gone", func() error {
			return equal("works", 0, len(w.worksOn(t, "cluster1", name)))
		})
	}
	after := w.identities(t, env, objects)
	if err := equal("identities", before, after); err != nil {
		t.Error(err)
	}
	for _, o := range objects {
		live := f.get(t, "cluster1", o.kind, env, o.name)
		if len(live.GetOwnerReferences()) > 0 || live.GetDeletionTimestamp() != nil {
			t.Errorf("%s %s: %v: want it as it was, let go of", o.kind.Resource, o.name, live.Object["metadata"])
		}
	}
	if address := nested[string](f.get(t, "cluster1", services, env, "front"), "spec", "clusterIP"); address != "None" {
		t.Errorf("the Service has the address %s", address)
	}
}

// leavesComponents are a Deployment with a selector, and a ConfigMap beside it.
func leavesComponents(selector string) string {
	return fmt.Sprintf(`{"name":"web","type":"k8s-objects","properties":{"objects":[
		{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":%[1]q}},
			"template":{"metadata":{"labels":{"app":%[1]q}},"spec":{"containers":[{"name":"web","image":"nginx:1"}]}}}},
		{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"selector":%[1]q}}]}}`, selector)
}

// endsComponents are a Service with an address, and a Job.
func endsComponents(address, image string) string {
	return fmt.Sprintf(`{"name":"front","type":"k8s-objects","properties":{"objects":[
		{"apiVersion":"v1","kind":"Service","metadata":{"name":"front"},"spec":{"clusterIP":%q,"selector":{"app":"one"},"ports":[{"port":80}]}}]}},
		{"name":"once","type":"k8s-objects","properties":{"objects":[{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"once"},
			"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"once","image":%q}]}}}}]}}`, address, image)
}

// delivers waits until an application has that many works on a cluster and all of them are applied.
func (w *team) delivers(t *testing.T, cluster, name string, count int) {
	t.Helper()
	eventually(t, patience, "the works of "+name+" to be applied", func() error {
		found := w.worksOn(t, cluster, name)
		if len(found) != count {
			return fmt.Errorf("%d works, want %d", len(found), count)
		}
		for _, work := range found {
			if applied := conditionOf(&work, "Applied"); applied["status"] != "True" || applied["observedGeneration"] != work.GetGeneration() {
				return fmt.Errorf("work %s: %v", work.GetName(), applied)
			}
		}
		return nil
	})
}

// identities are those of objects on cluster1.
func (w *team) identities(t *testing.T, namespace string, objects []left) map[string]types.UID {
	t.Helper()
	found := map[string]types.UID{}
	for _, o := range objects {
		found[o.kind.Resource+" "+o.name] = w.fleet.get(t, "cluster1", o.kind, namespace, o.name).GetUID()
	}
	return found
}
