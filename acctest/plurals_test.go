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
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// oddKind is a kind whose resource is not called by the usual plural.
type oddKind struct{ kind, plural, reason string }

func (o oddKind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: oddGroup, Version: "v1", Resource: o.plural}
}

// pluralsRole is a role for the deployer of an environment.
const pluralsRole = "plurals-deployer"

// oddGroup is the group of kinds with odd plurals.
const oddGroup = "plurals.example.com"

// oddKinds are delivered by TestOddPlurals.
var oddKinds = []oddKind{
	{"Redis", "redis", "the plural is the kind"},
	{"Chassis", "chassis", "the plural is the kind, and ends otherwise than the rule has it"},
	{"Matrix", "matrices", "the plural is irregular"},
	{"Ox", "oxen", "the plural is by no rule"},
}

// TestOddPlurals delivers objects of kinds whose plurals no rule makes, of which a work has to say by the plural how its
// agent is to treat them: they are made, changed, repaired and removed as any other. What somebody else made is left alone.
func TestOddPlurals(t *testing.T) {
	f := sharedFleet(t)
	cluster := hubObjects(t, f.plane("cluster1"))
	for _, odd := range oddKinds {
		create(t, cluster, crds, "", odd.definition())
	}
	w := newTeam(t, f, "plurals")
	w.role(t, pluralsRole, `{"apiGroups":["plurals.example.com"],"resources":["redis","chassis","matrices","oxen"],"verbs":[VERBS]}`)
	env := w.environment(t, "prod", fmt.Sprintf(`"permissions":%q`, pluralsRole), `"clusters":["cluster1"]`)
	w.application(t, "app", "["+oddComponent(`{"size":1,"dropped":true}`)+"]", env)
	for _, odd := range oddKinds {
		odd.has(t, w, env, "one", map[string]any{"size": int64(1), "dropped": true})
	}
	w.isReady(t, "app")
	w.setComponents(t, "app", oddComponent(`{"size":2}`))
	for _, odd := range oddKinds {
		odd.has(t, w, env, "one", map[string]any{"size": int64(2)})
	}
	w.isReady(t, "app")
	w.namesPlurals(t)

	t.Run("Foreign", func(t *testing.T) { oddKindOfOthers(t, w, env) })

	w.drop(t, "app")
	for _, odd := range oddKinds {
		isGone(t, f.on(t, "cluster1", odd.resource()).Namespace(env), "one")
	}
	isGone(t, f.on(t, "cluster1", clusterRoles), pluralsRole)
}

// oddKindOfOthers adds an object to the application that somebody else has made already.
func oddKindOfOthers(t *testing.T, w *team, env string) {
	odd := oddKinds[0]
	objects := w.fleet.on(t, "cluster1", odd.resource()).Namespace(env)
	theirs, err := objects.Create(t.Context(), odd.object("theirs", `{"size":9}`), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := asJSON(t, odd.object("theirs", `{"size":3}`))
	w.setComponents(t, "app", oddComponent(`{"size":3}`), `{"name":"theirs","type":"k8s-objects","properties":{"objects":[`+text+`]}}`)
	w.says(t, "app", "was not delivered for this component")
	for _, odd := range oddKinds {
		odd.has(t, w, env, "one", map[string]any{"size": int64(3)})
	}
	live, err := objects.Get(t.Context(), "theirs", metav1.GetOptions{})
	if err != nil || live.GetResourceVersion() != theirs.GetResourceVersion() {
		t.Errorf("the object of somebody else is not as it was: %v, %v", live, err)
	}
	w.setComponents(t, "app", oddComponent(`{"size":4}`))
	w.isReady(t, "app")
	if _, err := objects.Get(t.Context(), "theirs", metav1.GetOptions{}); err != nil {
		t.Errorf("the object of somebody else: %v", err)
	}
}

// definition is the CRD of the kind.
func (o oddKind) definition() *unstructured.Unstructured {
	return object(fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[2]s.%[3]s"},"spec":{
		"group":%[3]q,"scope":"Namespaced","names":{"plural":%[2]q,"singular":%[4]q,"kind":%[1]q,"listKind":"%[1]sList"},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`,
		o.kind, o.plural, oddGroup, strings.ToLower(o.kind)))
}

func (o oddKind) object(name, spec string) *unstructured.Unstructured {
	return object(fmt.Sprintf(`{"apiVersion":"%s/v1","kind":%q,"metadata":{"name":%q},"spec":%s}`, oddGroup, o.kind, name, spec))
}

// oddComponent has an object of each kind.
func oddComponent(spec string) string {
	objects := []any{}
	for _, odd := range oddKinds {
		objects = append(objects, odd.object("one", spec).Object)
	}
	return jsonOf(map[string]any{"name": "odd", "type": "k8s-objects", "properties": map[string]any{"objects": objects}})
}

// has waits until an object of the kind has a spec.
func (o oddKind) has(t *testing.T, w *team, namespace, name string, spec map[string]any) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%s %s to be %v (%s)", o.kind, name, spec, o.reason), func() error {
		live, err := w.fleet.on(t, "cluster1", o.resource()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return equal("spec", spec, live.Object["spec"])
	})
}

// namesPlurals waits until the work says by each plural, and by no other name, how the object is treated.
func (w *team) namesPlurals(t *testing.T) {
	t.Helper()
	var want []string
	for _, odd := range oddKinds {
		want = append(want, odd.plural)
	}
	eventually(t, patience, "the work to name the plurals", func() error {
		found := w.worksOn(t, "cluster1", "app")
		if len(found) != 1 {
			return errors.New("there is no work")
		}
		var got []string
		for _, config := range nested[[]any](&found[0], "spec", "manifestConfigs") {
			got = append(got, nested[string](&unstructured.Unstructured{Object: config.(map[string]any)}, "resourceIdentifier", "resource"))
		}
		return equal("resources", want, got)
	})
}
