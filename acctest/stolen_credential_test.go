// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

const (
	// forgeryGrowsBy is by how much forged feedback of one cluster may let the manager grow, in bytes.
	forgeryGrowsBy = 5_000_000
	// restingTime is longer than a manager that has nothing to do waits until it gives memory back.
	restingTime = 20 * time.Second
	// pages are memory that a manager at rest takes and gives back again, in bytes.
	pages = 64 << 10
	// statusLimit bounds an application's status, in bytes of JSON.
	statusLimit = 32 << 10
)

// asCluster is a client of the hub with the credential of a cluster's agents.
func (f *fleet) asCluster(t *testing.T, name string) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", f.plane(name).AgentKubeconfigPath())
	if err != nil {
		t.Fatalf("the credential of %s: %v", name, err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// besieged is an application on all clusters, and one that has no part in it.
func besieged(t *testing.T, f *fleet, name string) *team {
	t.Helper()
	w := newTeam(t, f, name)
	all := w.environment(t, "all", "", `"clusters":["cluster1","cluster2","cluster3"]`)
	others := w.environment(t, "others", "", `"clusters":["local","cluster2"]`)
	const web = `[{"name":"web","type":"webservice","properties":{"image":"nginx:1"}}]`
	w.application(t, "target", web, all)
	w.application(t, "bystander", web, others)
	w.isReady(t, "target")
	w.isReady(t, "bystander")
	return w
}

// TestStolenCredential uses the real credential of a cluster's agents for all that it must not be good for.
func TestStolenCredential(t *testing.T) {
	f := sharedFleet(t)
	w := besieged(t, f, "stolen")
	thief := f.asCluster(t, "cluster1")
	other := w.workOn(t, "target", "cluster2")
	forged := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Applied","status":"False","reason":"Forged","message":"forged","lastTransitionTime":"2020-01-01T00:00:00Z"}]}}`)
	status := func(kind schema.GroupVersionResource, namespace, name string) func(dynamic.Interface) error {
		return func(client dynamic.Interface) error {
			_, err := client.Resource(kind).Namespace(namespace).Patch(context.Background(), name, types.MergePatchType, forged, metav1.PatchOptions{}, "status")
			return err
		}
	}
	for _, test := range []struct {
		reason string
		do     func(dynamic.Interface) error
	}{
		{"it reads no works of another cluster", listOf(works, "cluster2")},
		{"it reads not one work of another cluster", getOf(works, "cluster2", other.GetName())},
		{"it reads no applications", listOf(applications, w.name)},
		{"it reads no secrets of a team", listOf(secrets, w.name)},
		{"it reads no secrets of the addon", listOf(secrets, v1alpha1.SystemNamespace)},
		{"it reads no secrets of its own namespace", listOf(secrets, "cluster1")},
		{"it reads no environments", listOf(environments, "")},
		{"it reads no bindings", listOf(bindings, "")},
		{"it forges no status of another cluster's work", status(works, "cluster2", other.GetName())},
		{"it forges no status of an application", status(applications, w.name, "target")},
		{"it forges no status of another cluster", status(managedClusters, "", "cluster2")},
		{"it makes no works for itself", makeOf(works, "cluster1", `{"apiVersion":"work.open-cluster-management.io/v1","kind":"ManifestWork","metadata":{"name":"own","namespace":"cluster1"},"spec":{}}`)},
		{"it makes no works for others", makeOf(works, "cluster2", `{"apiVersion":"work.open-cluster-management.io/v1","kind":"ManifestWork","metadata":{"name":"own","namespace":"cluster2"},"spec":{}}`)},
	} {
		t.Run(test.reason, func(t *testing.T) {
			if err := test.do(thief); !apierrors.IsForbidden(err) {
				t.Errorf("want 403, got %v", err)
			}
		})
	}
	// What is refused above is refused for lack of rights, not because the credential is no good.
	if err := listOf(works, "cluster1")(thief); err != nil {
		t.Errorf("its own works: %v", err)
	}
}

func getOf(kind schema.GroupVersionResource, namespace, name string) func(dynamic.Interface) error {
	return func(client dynamic.Interface) error {
		_, err := client.Resource(kind).Namespace(namespace).Get(context.Background(), name, metav1.GetOptions{})
		return err
	}
}

// workOn is the one work of an application's component web on a cluster.
func (w *team) workOn(t *testing.T, application, cluster string) *unstructured.Unstructured {
	t.Helper()
	list, err := w.hub.Resource(works).Namespace(cluster).List(t.Context(), metav1.ListOptions{
		LabelSelector: "app.oam.dev/namespace=" + w.name + ",app.oam.dev/name=" + application})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 {
		t.Fatalf("application %s has %d works on %s, want one", application, len(list.Items), cluster)
	}
	return &list.Items[0]
}

// TestForgedFeedback lets a cluster report what it likes of its own works: nobody else's status and works change, and what
// is taken from it is bounded and clean.
func TestForgedFeedback(t *testing.T) {
	f := measuredFleet(t)
	w := besieged(t, f, "forged")
	release := f.holdWork(t, "cluster1")
	stays := f.staysSmall(t)
	before := w.others(t)
	from := f.manager.logSize()
	reported := nested[[]any](w.workOn(t, "target", "cluster1"), "status", "resourceStatus", "manifests")
	for _, forgery := range forgeries() {
		t.Run(forgery.reason, func(t *testing.T) { w.forge(t, forgery, reported) })
	}
	stays(t)
	if diff := cmp.Diff(before, w.others(t)); diff != "" {
		t.Errorf("what is not cluster1's (-before +after):\n%s", diff)
	}
	if text := printable(f.manager.log(from)); text != "" {
		t.Errorf("the log has control characters: %q", text)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	// The agent has no reason to report again what nobody changed.
	w.patch(t, "target", `[{"op":"replace","path":"/spec/components/0/properties/image","value":"nginx:2"}]`)
	w.isReady(t, "target")
}

// staysSmall notes how much memory the manager takes at rest. The returned function checks that it takes no more later on.
func (f *fleet) staysSmall(t *testing.T) func(*testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return func(*testing.T) {} // only Linux tells
	}
	s := &siege{fleet: f}
	before, since := s.memory(t), time.Now()
	eventually(t, patience, "the manager to rest", func() error {
		if now := s.memory(t); now < before-pages {
			before, since = now, time.Now()
		}
		if unchanged := time.Since(since); unchanged < restingTime {
			return fmt.Errorf("it became smaller %s ago, to %d bytes", unchanged, before)
		}
		return nil
	})
	return func(t *testing.T) {
		t.Helper()
		// What was only read is garbage, which goes at the next collection.
		eventually(t, patience, "the manager to be as small as before", func() error {
			now := s.memory(t)
			if grown := now - before; grown > forgeryGrowsBy {
				return fmt.Errorf("it grew from %d to %d bytes, by %d, want at most %d", before, now, grown, forgeryGrowsBy)
			}
			t.Logf("the manager took %d bytes before and %d after", before, now)
			return nil
		})
	}
}

// others are all that a report of cluster1 must not change, by its place and name.
func (w *team) others(t *testing.T) map[string]string {
	t.Helper()
	found := w.otherServices(t)
	found["bystander"] = asJSON(t, w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, "bystander"))
	whole := func(object *unstructured.Unstructured) any { return object.Object }
	status := func(object *unstructured.Unstructured) any { return object.Object["status"] }
	of := w.name + "-others"
	for _, at := range []struct {
		cluster, namespace string
		kind               schema.GroupVersionResource
		compared           func(*unstructured.Unstructured) any
	}{
		{v1alpha1.LocalCluster, "cluster2", works, whole},
		{v1alpha1.LocalCluster, "cluster3", works, whole},
		{v1alpha1.LocalCluster, "", managedClusters, status},
		{v1alpha1.LocalCluster, "", environments, status},
		{v1alpha1.LocalCluster, "", bindings, status},
		// The bystander's objects, and the target's where nobody forges.
		{v1alpha1.LocalCluster, of, deployments, delivered},
		{"cluster2", of, deployments, delivered},
		{"cluster2", w.name + "-all", deployments, delivered},
		{"cluster3", w.name + "-all", deployments, delivered},
	} {
		list, err := w.fleet.on(t, at.cluster, at.kind).Namespace(at.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 0 {
			t.Errorf("%s: no %s in namespace %q", at.cluster, at.kind.Resource, at.namespace)
		}
		for i := range list.Items {
			if !w.owns(&list.Items[i], at.kind) {
				continue // of a test before, which may go meanwhile
			}
			key := strings.Join([]string{at.cluster, at.kind.Resource, at.namespace, list.Items[i].GetName()}, " ")
			found[key] = asJSON(t, at.compared(&list.Items[i]))
		}
	}
	return found
}

// owns says whether a work, environment or binding is of the team. All other kinds are compared as a whole.
func (w *team) owns(object *unstructured.Unstructured, kind schema.GroupVersionResource) bool {
	switch kind {
	case works:
		targets := []string{ocm.TenantWorkName(w.name + "-all"), ocm.TenantWorkName(w.name + "-others")}
		return object.GetLabels()[v1beta1.LabelAppNamespace] == w.name || slices.Contains(targets, object.GetName())
	case environments, bindings:
		return strings.HasPrefix(object.GetName(), w.name+"-")
	}
	return true
}

// otherServices are the states of the target's component in places that are not cluster1's.
func (w *team) otherServices(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, entry := range nested[[]any](w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, "target"), "status", "services") {
		service := &unstructured.Unstructured{Object: entry.(map[string]any)}
		if name := nested[string](service, "cluster"); name != "cluster1" {
			found[fmt.Sprintf("target: %s on %s", nested[string](service, "name"), name)] = asJSON(t, entry)
		}
	}
	if len(found) != 2 {
		t.Errorf("the target says of %d places beside cluster1 how they are, want cluster2 and cluster3: %v", len(found), found)
	}
	return found
}

// delivered is an object without what its cluster's controllers write: what is left has an identity, a generation and content.
func delivered(object *unstructured.Unstructured) any {
	kept := object.DeepCopy()
	unstructured.RemoveNestedField(kept.Object, "status")
	kept.SetResourceVersion("")
	kept.SetManagedFields(nil)
	return kept.Object
}

// forgery is a status that a cluster makes up for a work.
type forgery struct {
	reason string
	// values of feedback of the Deployment, and the message of a condition.
	values  []any
	message string
	// manifests is how many manifests are reported.
	manifests int
}

const hostileText = "\x1b[31mred\x00\r\n{\"level\":\"error\"}\u202e\u2028 end"

func forgeries() []forgery {
	value := func(name string, fields map[string]any) map[string]any {
		return map[string]any{"name": name, "fieldValue": fields}
	}
	long := strings.Repeat("x", 700<<10)
	many := make([]any, 0, 4000)
	for i := range 4000 {
		many = append(many, value(fmt.Sprint(".status.forged", i), map[string]any{"type": "Integer", "integer": int64(i)}))
	}
	const ready = ".status.readyReplicas"
	return []forgery{
		// First: the agent looks for all that was reported, 50 a second, before it reports itself.
		{reason: "2000 manifests", manifests: 2000},
		{reason: "a string of 700 KiB", values: []any{value(ready, map[string]any{"type": "String", "string": long})}},
		{reason: "the message of a condition of 30 KiB", message: strings.Repeat("y", 30<<10)},
		{reason: "a string for a number", values: []any{value(ready, map[string]any{"type": "String", "string": "many"})}},
		{reason: "a truth for a number", values: []any{value(ready, map[string]any{"type": "Boolean", "boolean": true})}},
		{reason: "control characters", values: []any{value(".metadata.annotations.fairlead\\.dev/revision", map[string]any{"type": "String", "string": hostileText})}, message: hostileText},
		{reason: "4000 values", values: many},
	}
}

// forge reports a forgery, in place of what was reported of the work's objects, and waits until the application speaks of it, or of
// what is wrong.
func (w *team) forge(t *testing.T, forgery forgery, reported []any) {
	t.Helper()
	work := w.workOn(t, "target", "cluster1")
	status := nested[map[string]any](work.DeepCopy(), "status")
	marker := "forged: " + forgery.reason
	forged := map[string]any{
		"type": "Applied", "status": "False", "reason": "Forged", "message": marker + " " + forgery.message, "observedGeneration": work.GetGeneration(),
		"lastTransitionTime": "2100-01-01T00:00:00Z",
	}
	manifests := kruntime.DeepCopyJSONValue(reported).([]any)
	for _, m := range manifests {
		manifest := m.(map[string]any)
		manifest["conditions"] = []any{forged}
		if len(forgery.values) > 0 {
			manifest["statusFeedback"] = map[string]any{"values": forgery.values}
		}
	}
	for i := range forgery.manifests {
		manifests = append(manifests, map[string]any{"conditions": []any{}, "resourceMeta": map[string]any{
			"ordinal": int64(i), "group": "", "version": "v1", "kind": "ConfigMap", "resource": "configmaps", "namespace": "forged", "name": fmt.Sprint("forged-", i),
		}})
	}
	status["resourceStatus"] = map[string]any{"manifests": manifests}
	status["conditions"] = []any{forged}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.fleet.asCluster(t, "cluster1").Resource(works).Namespace("cluster1").Patch(t.Context(), work.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatalf("report it: %.1000s", err)
	}
	var live *unstructured.Unstructured
	eventually(t, patience, "the application to speak of it", func() error {
		live = w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, "target")
		if said := fmt.Sprint(live.Object["status"]); !strings.Contains(said, marker) {
			return fmt.Errorf("it says %.500s", said)
		}
		return nil
	})
	content, err := json.Marshal(live.Object["status"])
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > statusLimit {
		t.Errorf("the status has %d bytes, want at most %d", len(content), statusLimit)
	}
	if text := printable(fmt.Sprint(live.Object["status"])); text != "" {
		t.Errorf("the status has control characters: %q", text)
	}
}

// printable is the neighbourhood of the first character of a text that changes how others are shown; empty when there is none.
func printable(text string) string {
	for i, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029') {
			return text[max(0, i-20):min(len(text), i+20)]
		}
	}
	return ""
}
