// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// restPeriod is how long nothing may be written for a team once all is done.
const restPeriod = 3 * time.Second

// TestRemoval takes away, one after the other, all that an application consists of and is delivered to, on real control
// planes: only what is provably the application's goes, and nothing of it is left.
func TestRemoval(t *testing.T) {
	f := fleetForTest(t, cluster.Options{Clusters: []string{"cluster1", "cluster2"}, AuditLog: true}, false)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fleet)
	}{
		{"PieceByPiece", removedPieceByPiece},
		{"ByPolicy", removedByPolicy},
		{"EnvironmentInUse", environmentRemovedInUse},
		{"HubNamespace", hubNamespaceRemoved},
		{"TerminatingNamespace", terminatingNamespaceIsWaitedFor},
		{"Cluster", clusterDetached}, // which does not come back
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, f) })
	}
}

// The components of these applications: a workload, and data of which the claim stays whatever goes.
const (
	removedWeb  = `{"name":"web","type":"webservice","properties":{"image":"nginx:1","ports":[{"port":80,"expose":true}]}}`
	removedData = `{"name":"data","type":"k8s-objects","properties":{"objects":[
		{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1"}},
		{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data"},
		 "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}`
)

// leaving is a team whose application goes, with objects of others beside it.
type leaving struct {
	*team
	// before is all that was on the control planes without the team.
	before []string
	// others are the objects that somebody else made, by their places.
	others map[site]map[string]string
}

func newLeaving(t *testing.T, f *fleet, name string) *leaving {
	t.Helper()
	before, err := f.deliveredObjects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &leaving{team: newTeam(t, f, name), before: before, others: map[site]map[string]string{}}
}

// deliveredObjects are those of the inventory that go with the applications: what bindings by placement need goes with them.
func (f *fleet) deliveredObjects(ctx context.Context) ([]string, error) {
	all, err := f.inventory(ctx)
	return slices.DeleteFunc(all, func(text string) bool {
		return strings.Contains(text, "placement") || strings.Contains(text, "managedclustersetbindings")
	}), err
}

// kinds of what is delivered here.
func removedKinds() map[string]schema.GroupVersionResource {
	return map[string]schema.GroupVersionResource{"Deployment": deployments, "Service": services, "ConfigMap": configMaps, "PersistentVolumeClaim": claims}
}

// addOthers makes objects in a place that look like the application's and are not: without labels, and with all of the
// application's labels but those of another application of the same name.
func (w *leaving) addOthers(t *testing.T, places ...site) {
	t.Helper()
	for _, at := range places {
		w.make(t, at, configMaps, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web-theirs"}}`))
		web := w.fleet.get(t, at.cluster, deployments, at.namespace, "web")
		labels := maps.Clone(web.GetLabels())
		labels[v1alpha1.LabelApplicationUID] = "00000000-0000-0000-0000-000000000000"
		like := object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings-theirs"}}`)
		like.SetLabels(labels)
		w.make(t, at, configMaps, like)
		like = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "spec": web.Object["spec"]}}
		like.SetName("web-copy-theirs")
		like.SetLabels(labels)
		like.SetAnnotations(map[string]string{v1alpha1.AnnotationRevision: web.GetAnnotations()[v1alpha1.AnnotationRevision]})
		w.make(t, at, deployments, like)
		w.others[at] = w.identities(t, at, true)
	}
}

func (w *leaving) make(t *testing.T, at site, kind schema.GroupVersionResource, object *unstructured.Unstructured) {
	t.Helper()
	if _, err := w.fleet.on(t, at.cluster, kind).Namespace(at.namespace).Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatalf("%s: create %s %s: %v", at.cluster, kind.Resource, object.GetName(), err)
	}
}

// identities are the objects in a place, others' or the rest, and by what it shows that nobody touched them.
func (w *leaving) identities(t *testing.T, at site, others bool) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, kind := range removedKinds() {
		list, err := w.fleet.on(t, at.cluster, kind).Namespace(at.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("%s: list %s: %v", at.cluster, kind.Resource, err)
		}
		for i := range list.Items {
			live := &list.Items[i]
			if live.GetName() != "kube-root-ca.crt" && strings.HasSuffix(live.GetName(), "-theirs") == others {
				version := fmt.Sprint(live.GetGeneration())
				if kind == configMaps {
					version = live.GetResourceVersion() // they have no generation
				}
				found[name+" "+live.GetName()] = fmt.Sprint(live.GetUID(), version, live.GetLabels(), live.GetOwnerReferences(), live.GetDeletionTimestamp())
			}
		}
	}
	return found
}

// has waits until a place has those objects, and no other but those of others, which nobody has touched.
func (w *leaving) has(t *testing.T, at site, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, patience, fmt.Sprintf("namespace %s on %s to have %v", at.namespace, at.cluster, want), func() error {
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(w.identities(t, at, false)))); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	w.othersStay(t, at)
}

func (w *leaving) othersStay(t *testing.T, at site) {
	t.Helper()
	if w.others[at] == nil {
		return
	}
	if diff := cmp.Diff(w.others[at], w.identities(t, at, true)); diff != "" {
		t.Errorf("%s, namespace %s: objects of others (-before +after):\n%s", at.cluster, at.namespace, diff)
	}
}

// untouched returns a check that places are as they are now.
func (w *leaving) untouched(t *testing.T, places ...site) func(what string) {
	t.Helper()
	before := map[site]map[string]string{}
	for _, at := range places {
		before[at] = w.identities(t, at, false)
	}
	return func(what string) {
		t.Helper()
		for at, was := range before {
			if diff := cmp.Diff(was, w.identities(t, at, false)); diff != "" {
				t.Errorf("%s: %s, namespace %s (-before +after):\n%s", what, at.cluster, at.namespace, diff)
			}
			w.othersStay(t, at)
		}
	}
}

// rests waits until nothing is written for the team any more, and returns how many writes there were since then.
func (w *leaving) rests(t *testing.T, since *audit) int {
	t.Helper()
	count := 0
	last := time.Now()
	eventually(t, patience, "nothing to be written for "+w.name, func() error {
		events, err := since.writes()
		if err != nil {
			return err
		}
		events = slices.DeleteFunc(events, func(e auditEvent) bool {
			return !e.changed() || e.ObjectRef.Resource == "events" || !strings.Contains(e.ObjectRef.Namespace+"/"+e.ObjectRef.Name, w.name)
		})
		if len(events) != count {
			count, last = len(events), time.Now()
		}
		if time.Since(last) < restPeriod {
			return fmt.Errorf("%d writes, the last: %v", len(events), events[max(0, len(events)-1):])
		}
		return nil
	})
	return count
}

// isGone waits until the application does not exist, takes away what others made and what stays by intent, and waits until
// the control planes are as they were before the team came.
func (w *leaving) isGone(t *testing.T, places ...site) {
	t.Helper()
	eventually(t, patience, "application "+w.name+" to be gone", func() error {
		return isAbsent(w.hub.Resource(applications).Namespace(w.name), w.name)
	})
	for _, at := range places {
		w.has(t, at, "PersistentVolumeClaim data")
		for _, kind := range removedKinds() {
			objects := w.fleet.on(t, at.cluster, kind).Namespace(at.namespace)
			if err := objects.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
				t.Fatalf("%s: delete what is left of %s: %v", at.cluster, kind.Resource, err)
			}
		}
	}
	w.rests(t, w.fleet.auditFromNow(t))
	eventually(t, patience, "nothing of "+w.name+" to be left", func() error {
		after, err := w.fleet.deliveredObjects(t.Context())
		if err != nil {
			return err
		}
		if diff := cmp.Diff(w.before, after); diff != "" {
			return fmt.Errorf("objects (-before +after):\n%s", diff)
		}
		return nil
	})
}

// removedPieceByPiece drops a component, then a cluster leaves the placement, then the environment leaves the application, and
// at last the application goes.
func removedPieceByPiece(t *testing.T, f *fleet) {
	f.label(t, "cluster2", "leaves", "yes")
	w := newLeaving(t, f, "leaves")
	dev := site{v1alpha1.LocalCluster, w.environment(t, "dev", "", `"clusters":["local"]`)}
	f.label(t, "cluster1", "leaves", "yes")
	prod := w.environment(t, "prod", "", `"placement":{"clusterSets":["default"],"labelSelector":{"matchLabels":{"leaves":"yes"}}}`)
	first, second := site{"cluster1", prod}, site{"cluster2", prod}
	w.application(t, w.name, "["+removedWeb+","+removedData+"]", dev.namespace, prod)
	w.isReady(t, w.name)
	web := []string{"Deployment web", "Service web"}
	claim := "PersistentVolumeClaim data"
	for _, at := range []site{dev, first, second} {
		w.has(t, at, append(web, "ConfigMap settings", claim)...)
	}
	w.addOthers(t, dev, first, second)

	since := f.auditFromNow(t)
	w.patch(t, w.name, `[{"op":"remove","path":"/spec/components/1"}]`)
	w.isReady(t, w.name)
	for _, at := range []site{dev, first, second} {
		w.has(t, at, append(web, claim)...)
		if live := f.get(t, at.cluster, claims, at.namespace, "data"); len(live.GetOwnerReferences()) > 0 || live.GetDeletionTimestamp() != nil {
			t.Errorf("%s: the claim is not let go of: %v", at.cluster, live.Object["metadata"])
		}
	}
	if label := f.get(t, dev.cluster, claims, dev.namespace, "data").GetLabels()[delivery.LabelLeft]; label == "" {
		t.Error("the claim on the hub does not say that it was left")
	}
	w.rests(t, since)

	same := w.untouched(t, dev, first)
	f.label(t, "cluster2", "leaves", "no")
	w.has(t, second, claim)
	w.isReady(t, w.name)
	w.rests(t, f.auditFromNow(t))
	same("a cluster left the placement")

	same = w.untouched(t, dev)
	w.patch(t, w.name, `[{"op":"remove","path":"/spec/policies/1"}]`)
	w.has(t, first, claim)
	w.isReady(t, w.name)
	w.rests(t, f.auditFromNow(t))
	same("an environment left the application")

	w.delete(t)
	w.isGone(t, dev, first, second)
}

func (w *leaving) delete(t *testing.T) {
	t.Helper()
	if err := w.hub.Resource(applications).Namespace(w.name).Delete(t.Context(), w.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// hold keeps a Deployment from being gone, or lets it go.
func (w *leaving) hold(t *testing.T, at site, name, finalizers string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"finalizers":%s}}`, finalizers)
	if _, err := w.fleet.on(t, at.cluster, deployments).Namespace(at.namespace).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// removedByPolicy drops components together: one that others depend on goes after them, and of another what a rule keeps stays
// alone until the application goes.
func removedByPolicy(t *testing.T, f *fleet) {
	w := newLeaving(t, f, "ruled")
	name := w.environment(t, "all", "", `"clusters":["local","cluster1"]`)
	places := []site{{v1alpha1.LocalCluster, name}, {"cluster1", name}}
	component := func(name, more string) string {
		return fmt.Sprintf(`{"name":%q,"type":"webservice","properties":{"image":"nginx:1","ports":[{"port":80,"expose":true}]}%s}`, name, more)
	}
	w.application(t, w.name, "["+strings.Join([]string{
		component("rest", ""), removedData, component("base", ""), component("web", `,"dependsOn":["base"]`), component("kept", ""),
	}, ",")+"]", name)
	w.patch(t, w.name, `[{"op":"add","path":"/spec/policies/-","value":{"name":"gc","type":"garbage-collect","properties":{"order":"dependency","rules":[
		{"selector":{"componentNames":["kept"],"resourceTypes":["Service"]},"strategy":"onAppDelete"}]}}}]`)
	w.isReady(t, w.name)
	kept := map[site]types.UID{}
	for _, at := range places {
		w.hold(t, at, "web", `["example.com/hold"]`)
		kept[at] = f.get(t, at.cluster, services, at.namespace, "kept").GetUID()
	}
	w.addOthers(t, places...)

	w.patch(t, w.name, `[{"op":"remove","path":"/spec/components/4"},{"op":"remove","path":"/spec/components/3"},{"op":"remove","path":"/spec/components/2"}]`)
	rest := []string{"Deployment rest", "Service rest", "ConfigMap settings", "PersistentVolumeClaim data"}
	for _, at := range places {
		w.has(t, at, append(rest, "Service kept", "Deployment web", "Deployment base", "Service base")...)
		if base := f.get(t, at.cluster, deployments, at.namespace, "base"); base.GetDeletionTimestamp() != nil {
			t.Errorf("%s: what web depends on goes before web is gone", at.cluster)
		}
	}
	eventually(t, patience, "the application to say what it waits for", func() error {
		message, _ := conditionOf(f.get(t, v1alpha1.LocalCluster, applications, w.name, w.name), v1alpha1.ConditionReady)["message"].(string)
		if !strings.Contains(message, `component base: being removed: waiting until component "web", which depends on it, is gone`) {
			return errors.New(message)
		}
		return nil
	})
	for _, at := range places {
		w.hold(t, at, "web", "null")
	}
	for _, at := range places {
		w.has(t, at, append(rest, "Service kept")...)
		if uid := f.get(t, at.cluster, services, at.namespace, "kept").GetUID(); uid != kept[at] {
			t.Errorf("%s: what the rule keeps was made anew", at.cluster)
		}
	}
	w.isReady(t, w.name)
	w.rests(t, f.auditFromNow(t))
	w.delete(t)
	w.isGone(t, places...)
}

// environmentRemovedInUse deletes an environment that an application names: what is there goes, and nothing else.
func environmentRemovedInUse(t *testing.T, f *fleet) {
	w := newLeaving(t, f, "inuse")
	stays := site{v1alpha1.LocalCluster, w.environment(t, "stays", "", `"clusters":["local"]`)}
	goes := site{"cluster1", w.environment(t, "goes", "", `"clusters":["cluster1"]`)}
	w.application(t, w.name, "["+removedWeb+","+removedData+"]", stays.namespace, goes.namespace)
	w.isReady(t, w.name)
	w.addOthers(t, stays, goes)
	same := w.untouched(t, stays)
	if err := w.hub.Resource(environments).Delete(t.Context(), goes.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.has(t, goes, "PersistentVolumeClaim data")
	isGone(t, w.hub.Resource(environments), goes.namespace)
	w.stalls(t, w.name, string(delivery.ReasonEnvironmentNotFound))
	w.rests(t, f.auditFromNow(t))
	same("another environment was deleted")
	w.delete(t)
	w.isGone(t, stays, goes)
}

// hubNamespaceRemoved deletes the namespace of applications on the hub. One is delivered to that namespace itself.
func hubNamespaceRemoved(t *testing.T, f *fleet) {
	w := newLeaving(t, f, "vanishes")
	dev := site{v1alpha1.LocalCluster, w.environment(t, "dev", "", `"clusters":["local"]`)}
	prod := w.environment(t, "prod", "", `"clusters":["cluster1","cluster2"]`)
	first, second := site{"cluster1", prod}, site{"cluster2", prod}
	here := w.name + "-here"
	create(t, w.hub, environments, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},"spec":{"applicationNamespaces":{"names":[%q]}}}`, here, w.name)))
	create(t, w.hub, bindings, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},"spec":{"environment":%q,"clusters":["local","cluster1"]}}`, here, here)))
	w.application(t, w.name, "["+removedWeb+","+removedData+"]", dev.namespace, prod)
	w.application(t, here, "["+strings.ReplaceAll(removedData, "settings", "here")+"]", here)
	w.isReady(t, w.name)
	w.isReady(t, here)
	w.addOthers(t, dev, first, second)
	since := f.auditFromNow(t)
	if err := w.hub.Resource(namespaces).Delete(t.Context(), w.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	isGone(t, w.hub.Resource(namespaces), w.name)
	t.Logf("%d writes until the namespace was gone", w.rests(t, since))
	w.has(t, site{"cluster1", w.name}, "PersistentVolumeClaim data")
	w.isGone(t, dev, first, second, site{"cluster1", w.name})
	for _, at := range []site{dev, first, second, {"cluster1", w.name}} {
		if live := f.get(t, at.cluster, namespaces, "", at.namespace); live.GetDeletionTimestamp() != nil {
			t.Errorf("%s: namespace %s goes", at.cluster, at.namespace)
		}
	}
}

// maxTerminatingWrites bounds what may be written until a namespace that goes is waited for: the status, which may change as
// objects go, and what was on its way when the namespace began to.
const maxTerminatingWrites = 5

// terminatingNamespaceIsWaitedFor deletes the target namespace on the hub, which something holds: nothing is written meanwhile,
// and the application is delivered anew when it is gone.
func terminatingNamespaceIsWaitedFor(t *testing.T, f *fleet) {
	w := newLeaving(t, f, "ends")
	at := site{v1alpha1.LocalCluster, w.environment(t, "dev", "", `"clusters":["local"]`)}
	w.application(t, w.name, "["+removedWeb+","+removedData+"]", at.namespace)
	w.isReady(t, w.name)
	before := f.get(t, at.cluster, deployments, at.namespace, "web").GetUID()
	w.make(t, at, configMaps, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held","finalizers":["example.com/hold"]}}`))
	w.rests(t, f.auditFromNow(t))
	since := f.auditFromNow(t)
	if err := w.hub.Resource(namespaces).Delete(t.Context(), at.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the application to say what it waits for", func() error {
		message, _ := conditionOf(f.get(t, at.cluster, applications, w.name, w.name), v1alpha1.ConditionReady)["message"].(string)
		if !strings.Contains(message, fmt.Sprintf("namespace %q is being deleted: waiting for its end", at.namespace)) {
			return errors.New(message)
		}
		return nil
	})
	if writes := w.rests(t, since); writes > maxTerminatingWrites {
		t.Errorf("%d writes until the namespace was waited for, want at most %d", writes, maxTerminatingWrites)
	} else {
		t.Logf("%d writes until the namespace was waited for", writes)
	}
	patch := []byte(`{"metadata":{"finalizers":null}}`)
	if _, err := f.on(t, at.cluster, configMaps).Namespace(at.namespace).Patch(t.Context(), "held", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.has(t, at, "Deployment web", "Service web", "ConfigMap settings", "PersistentVolumeClaim data")
	w.isReady(t, w.name)
	if f.get(t, at.cluster, deployments, at.namespace, "web").GetUID() == before {
		t.Error("the Deployment is the one of the namespace that went")
	}
	w.delete(t)
	w.isGone(t, at)
}

// clusterDetached deletes a ManagedCluster to which an environment is bound by its name, and another by a placement. OCM has
// the works of the cluster removed; nothing is written for it again, and nothing else is touched.
func clusterDetached(t *testing.T, f *fleet) {
	w := newLeaving(t, f, "detached")
	zone := w.environment(t, "zone", "", `"placement":{"clusterSets":["default"]}`)
	named := w.environment(t, "named", "", `"clusters":["local","cluster2"]`)
	stays := []site{{v1alpha1.LocalCluster, named}, {"cluster1", zone}}
	goes := []site{{"cluster2", named}, {"cluster2", zone}}
	w.application(t, w.name, "["+removedWeb+","+removedData+"]", zone, named)
	w.isReady(t, w.name)
	w.addOthers(t, append(slices.Clone(stays), goes...)...)
	same := w.untouched(t, stays...)
	since := f.auditFromNow(t)
	if err := w.hub.Resource(managedClusters).Delete(t.Context(), "cluster2", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	isGone(t, w.hub.Resource(managedClusters), "cluster2")
	for _, at := range goes {
		w.has(t, at, "PersistentVolumeClaim data")
	}
	eventually(t, patience, "the application to say that the cluster is gone", func() error {
		message := w.stalls(t, w.name, string(delivery.ReasonClusterNotFound))
		if !strings.Contains(message, `there is no ManagedCluster "cluster2"`) {
			return errors.New(message)
		}
		return nil
	})
	w.rests(t, since)
	writes, err := since.writes()
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range writes {
		if write.ObjectRef.Resource == works.Resource && write.Verb != "delete" {
			t.Errorf("%s: a cluster that goes changes no work", write)
		}
	}
	same("another cluster was detached")

	patch := []byte(`{"spec":{"clusters":["local"]}}`)
	if _, err := w.hub.Resource(bindings).Patch(t.Context(), named, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.isReady(t, w.name)
	same("the binding names the cluster no longer")
	w.before = slices.DeleteFunc(w.before, func(text string) bool { return strings.Contains(text, " cluster2/") })
	w.delete(t)
	w.isGone(t, append(slices.Clone(stays), goes...)...)
}
