// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

const (
	// edits are made one after the other, editEvery apart.
	edits     = 100
	editEvery = 100 * time.Millisecond
)

// TestRapidEdits edits an application faster than its clusters follow: there and back within a second, and a hundred times
// with components and objects that come, go and change places. In the end each cluster has exactly what `render` shows, what
// was never dropped is still the same object, and nothing is written any more.
func TestRapidEdits(t *testing.T) {
	f := sharedFleet(t)
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			e := newEditing(t, f, fmt.Sprintf("edits%d", seed))
			random := rand.New(rand.NewPCG(seed, 1))
			first, second := e.version(random, 1), e.version(random, 2)
			e.team.application(t, e.team.name, first, e.dev, e.prod)
			e.converges(t)
			identities := e.identities(t)

			for _, version := range []string{second, first} {
				e.edit(t, version)
			}
			e.converges(t)

			began, ticker := time.Now(), time.NewTicker(editEvery)
			defer ticker.Stop()
			for i := range edits {
				<-ticker.C
				e.edit(t, e.version(random, 3+i))
			}
			t.Logf("%d edits in %s", edits, time.Since(began).Round(time.Millisecond))
			e.converges(t)
			if diff := cmp.Diff(identities, e.identities(t)); diff != "" {
				t.Errorf("identities of what was never dropped (-before +after):\n%s", diff)
			}
			e.isQuiet(t)
			e.team.drop(t, e.team.name)
			for _, at := range e.places() {
				eventually(t, patience, "nothing to be left", func() error { return equal("objects", map[string]any{}, e.present(t, at)) })
			}
		})
	}
}

// appliedWorks are what an agent keeps of its works on its cluster.
var appliedWorks = schema.GroupVersionResource{Group: "work.open-cluster-management.io", Version: "v1", Resource: "appliedmanifestworks"}

// editing is an application, of the team's name, whose components come and go, in an environment on the hub and in one on managed clusters.
type editing struct {
	team      *team
	dev, prod string
}

func newEditing(t *testing.T, f *fleet, name string) *editing {
	t.Helper()
	w := newTeam(t, f, name)
	return &editing{
		team: w,
		dev:  w.environment(t, "dev", "", `"clusters":["local"]`),
		prod: w.environment(t, "prod", `"defaults":[{"type":"webservice","properties":{"cpu":"100m"}}]`, `"clusters":["cluster1","cluster2"]`),
	}
}

func (e *editing) places() []site {
	return []site{{v1alpha1.LocalCluster, e.dev}, {"cluster1", e.prod}, {"cluster2", e.prod}}
}

// version is the components of a version of the application: one that is always there, services that may be there, and
// objects of which each is in one of three components or in none.
func (e *editing) version(random *rand.Rand, number int) string {
	components := []any{webservice(random, "always", number)}
	for _, name := range []string{"red", "green", "blue"} {
		if random.IntN(2) == 0 {
			components = append(components, webservice(random, name, number))
		}
	}
	held := map[string][]any{}
	for _, object := range []map[string]any{
		plainMap(random, "one", number), plainMap(random, "two", number), plainMap(random, "three", number), plainMap(random, "four", number),
		plainDeployment("moves", number),
	} {
		// What is in no component is gone for a while.
		holder := []string{"north", "south", "west", ""}[random.IntN(4)]
		held[holder] = append(held[holder], object)
	}
	delete(held, "")
	for _, name := range slices.Sorted(maps.Keys(held)) {
		components = append(components, map[string]any{"name": name, "type": "k8s-objects", "properties": map[string]any{"objects": held[name]}})
	}
	return jsonOf(components)
}

func webservice(random *rand.Rand, name string, number int) map[string]any {
	properties := map[string]any{"image": fmt.Sprintf("nginx:%d", number)}
	if random.IntN(2) == 0 {
		properties["ports"] = []any{map[string]any{"port": 80, "expose": true}}
	}
	if random.IntN(2) == 0 {
		properties["env"] = []any{map[string]any{"name": "VERSION", "value": fmt.Sprint(number)}}
	}
	component := map[string]any{"name": name, "type": "webservice", "properties": properties}
	if random.IntN(2) == 0 {
		component["traits"] = []any{map[string]any{"type": "scaler", "properties": map[string]any{"replicas": 1 + random.IntN(3)}}}
	}
	return component
}

// plainMap is a ConfigMap, some of whose keys come and go.
func plainMap(random *rand.Rand, name string, number int) map[string]any {
	data := map[string]any{"version": fmt.Sprint(number)}
	for _, key := range []string{"a", "b"} {
		if random.IntN(2) == 0 {
			data[key] = fmt.Sprint(random.IntN(3))
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": data}
}

func plainDeployment(name string, number int) map[string]any {
	labels := map[string]any{"runs": name}
	return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name}, "spec": map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
			"containers": []any{map[string]any{"name": name, "image": fmt.Sprintf("nginx:%d", number)}},
		}},
	}}
}

func jsonOf(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// edit writes the components of the application.
func (e *editing) edit(t *testing.T, components string) {
	t.Helper()
	e.team.patch(t, e.team.name, `[{"op":"replace","path":"/spec/components","value":`+components+`}]`)
}

// identities are those of the component that is always there.
func (e *editing) identities(t *testing.T) map[string]types.UID {
	t.Helper()
	found := map[string]types.UID{}
	for _, at := range e.places() {
		found[at.cluster] = e.team.fleet.get(t, at.cluster, deployments, at.namespace, "always").GetUID()
	}
	return found
}

// converges waits until the application is ready and each place has exactly what is rendered for it.
func (e *editing) converges(t *testing.T) {
	t.Helper()
	e.team.isReady(t, e.team.name)
	wanted := e.rendered(t)
	for _, at := range e.places() {
		// An agent removes objects after it has reported that it applied the others, or leaves it to the garbage collector.
		if err := waitUntil(patience, "the objects to be as rendered", func() error {
			return equal("objects", wanted[at], e.present(t, at))
		}); err != nil {
			e.explain(t, at)
			t.Fatalf("cluster %s, namespace %s (-rendered +present):\n%s", at.cluster, at.namespace, cmp.Diff(wanted[at], e.present(t, at)))
		}
	}
}

// explain shows which objects there are and whose they are.
func (e *editing) explain(t *testing.T, at site) {
	t.Helper()
	kinds := []schema.GroupVersionResource{deployments, services, configMaps}
	if at.cluster != v1alpha1.LocalCluster {
		kinds = append(kinds, appliedWorks)
	}
	for _, kind := range kinds {
		list, err := e.team.fleet.on(t, at.cluster, kind).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			if live := &list.Items[i]; live.GetNamespace() == at.namespace || kind == appliedWorks {
				t.Logf("%s %s %s: deleted %v, owners %v, applied %v", live.GetKind(), live.GetName(), live.GetUID(), live.GetDeletionTimestamp(), live.GetOwnerReferences(),
					nested[[]any](live, "status", "appliedResources"))
			}
		}
	}
	for _, work := range e.team.worksOn(t, at.cluster, e.team.name) {
		t.Logf("work %s generation %d: %v", work.GetName(), work.GetGeneration(), conditionOf(&work, "Applied"))
	}
}

// rendered is what the addon's command shows for the application, its environments and bindings as they are on the hub.
func (e *editing) rendered(t *testing.T) map[site]map[string]any {
	t.Helper()
	f := e.team.fleet
	folder := t.TempDir()
	for i, document := range []*unstructured.Unstructured{
		f.get(t, v1alpha1.LocalCluster, applications, e.team.name, e.team.name),
		f.get(t, v1alpha1.LocalCluster, environments, "", e.dev), f.get(t, v1alpha1.LocalCluster, environments, "", e.prod),
		f.get(t, v1alpha1.LocalCluster, bindings, "", e.dev), f.get(t, v1alpha1.LocalCluster, bindings, "", e.prod),
	} {
		// JSON is YAML.
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(asJSON(t, document)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), binaries.path(t, raceDetector), "render", "-f", folder)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("render: %v\n%s", err, stderr.String())
	}
	found := map[site]map[string]any{}
	var at site
	for _, document := range strings.Split(string(out), "\n---\n") {
		for _, line := range strings.Split(document, "\n") {
			if where, ok := strings.CutPrefix(line, "# Application "+e.team.name+"/"+e.team.name+", "); ok {
				at = siteIn(where)
				found[at] = map[string]any{}
			}
		}
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			t.Fatal(err)
		}
		live := &unstructured.Unstructured{Object: content}
		found[at][live.GetKind()+" "+live.GetName()] = withoutMarks(t, content)
	}
	return found
}

// siteIn reads where a group of objects goes, as `render` writes it before the group.
func siteIn(comment string) site {
	var at site
	for _, field := range strings.Split(comment, ", ") {
		if name, ok := strings.CutPrefix(field, "cluster "); ok {
			at.cluster = name
		}
		if name, ok := strings.CutPrefix(field, "namespace "); ok {
			at.namespace = name
		}
	}
	return at
}

// withoutMarks leaves out what the addon adds to rendered objects, and what names them.
func withoutMarks(t *testing.T, content map[string]any) map[string]any {
	t.Helper()
	for _, field := range []string{"apiVersion", "kind"} {
		delete(content, field)
	}
	for _, path := range [][]string{
		{"metadata", "name"}, {"metadata", "namespace"}, {"metadata", "resourceVersion"},
		{"metadata", "labels", v1alpha1.LabelApplicationUID}, {"metadata", "annotations", v1alpha1.AnnotationRevision},
		{"metadata", "annotations", delivery.AnnotationHeld},
	} {
		unstructured.RemoveNestedField(content, path...)
	}
	if len(nested[map[string]any](&unstructured.Unstructured{Object: content}, "metadata", "annotations")) == 0 {
		unstructured.RemoveNestedField(content, "metadata", "annotations")
	}
	var plain map[string]any // with one type of number
	if err := json.Unmarshal([]byte(jsonOf(content)), &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// present is what the addon or an agent applied in a place: of each object, the fields that are theirs. All objects of the
// kinds count, whatever their labels say.
func (e *editing) present(t *testing.T, at site) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, kind := range []schema.GroupVersionResource{deployments, services, configMaps} {
		list, err := e.team.fleet.on(t, at.cluster, kind).Namespace(at.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			live := &list.Items[i]
			if live.GetName() != "kube-root-ca.crt" { // which each namespace gets
				found[live.GetKind()+" "+live.GetName()] = withoutMarks(t, appliedFields(t, live))
			}
		}
	}
	return found
}

// appliedFields are the fields of an object that server-side apply says are the addon's or the agent's.
func appliedFields(t *testing.T, live *unstructured.Unstructured) map[string]any {
	t.Helper()
	for _, entry := range live.GetManagedFields() {
		if entry.Operation != metav1.ManagedFieldsOperationApply || !slices.Contains([]string{"work-agent-fairlead", "fairlead-addon"}, entry.Manager) {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			t.Fatal(err)
		}
		owned, _ := ownedPart(live.Object, fields).(map[string]any)
		return owned
	}
	return map[string]any{"nobody": "applied it"}
}

// ownedPart is the part of a value that a tree of managed fields names.
func ownedPart(value any, fields map[string]any) any {
	switch value := value.(type) {
	case map[string]any:
		owned := map[string]any{}
		for name, below := range fields {
			if key, ok := strings.CutPrefix(name, "f:"); ok && value[key] != nil {
				owned[key] = ownedPart(value[key], below.(map[string]any))
			}
		}
		if len(owned) == 0 {
			return value // a leaf, such as an empty object
		}
		return owned
	case []any:
		var owned []any
		for _, item := range value {
			for name, below := range fields {
				if key, ok := strings.CutPrefix(name, "k:"); ok && hasKey(item, key) {
					owned = append(owned, ownedPart(item, below.(map[string]any)))
				}
			}
		}
		if owned == nil {
			return value
		}
		return owned
	}
	return value
}

// hasKey says that an item of a list is the one with those fields.
func hasKey(item any, key string) bool {
	var fields map[string]any
	if err := json.Unmarshal([]byte(key), &fields); err != nil {
		return false
	}
	content, _ := item.(map[string]any)
	for name, value := range fields {
		if fmt.Sprint(content[name]) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// isQuiet checks that nothing is written for the application any more, once the last reports are.
func (e *editing) isQuiet(t *testing.T) {
	t.Helper()
	written, seen, since := e.team.fleet.auditFromNow(t), 0, time.Now()
	eventually(t, patience, "the last reports to be written", func() error {
		writes := e.writes(t, written)
		if len(writes) > seen {
			seen, since = len(writes), time.Now()
		}
		if time.Since(since) < crashSettling+crashQuiet {
			return fmt.Errorf("%d writes: %v", seen, writes)
		}
		return nil
	})
}

// writes are those of the addon that concern the application: in its namespaces, and to its works.
func (e *editing) writes(t *testing.T, written *audit) []auditEvent {
	t.Helper()
	writes, err := written.writes()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(writes, func(w auditEvent) bool {
		return w.ObjectRef.Resource == "events" || !strings.HasPrefix(w.ObjectRef.Namespace, e.team.name) && !strings.HasPrefix(w.ObjectRef.Name, e.team.name)
	})
}
