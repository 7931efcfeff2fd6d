// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

const sharedPolicy = `,{"name":"shared","type":"shared-resource","properties":{"rules":[{"selector":{"componentNames":["settings","web"]}}]}}`

// sharing makes an application of a ConfigMap and a Deployment that tell who wrote them.
func (w *team) sharing(t *testing.T, name, environment, policies string) {
	t.Helper()
	create(t, w.hub, applications, w.name, object(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"namespace":%q},
		"spec":{"components":[%s,{"name":"web","type":"webservice","properties":{"image":"nginx:%s"}}],
		"policies":[{"name":"where","type":"environment","properties":{"environment":%q}}%s]}}`,
		name, w.name, configMap("settings", fmt.Sprintf(`{"by":%q}`, name)), name, environment, policies)))
}

// TestSharedResource lets applications share objects on a managed cluster, with a real agent: the first writes them, the
// next one takes them when it goes, and they go with the last.
func TestSharedResource(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "sharing")
	environment := w.environment(t, "all", "", `"clusters":["cluster1"]`)
	shared := map[schema.GroupVersionResource]string{configMaps: "settings", deployments: "web"}
	uids := map[schema.GroupVersionResource]types.UID{}
	writtenBy := func(name string) {
		t.Helper()
		eventually(t, patience, "application "+name+" to have the objects", func() error {
			settings, web := f.get(t, "cluster1", configMaps, environment, "settings"), f.get(t, "cluster1", deployments, environment, "web")
			return errors.Join(equal("data", any(map[string]any{"by": name}), settings.Object["data"]), equal("image", "nginx:"+name, imageOf(web)))
		})
		for kind, object := range shared {
			uid := f.get(t, "cluster1", kind, environment, object).GetUID()
			if uids[kind] == "" {
				uids[kind] = uid
			}
			if uid != uids[kind] {
				t.Errorf("%s %s is not the same as before", kind.Resource, object)
			}
		}
	}

	w.sharing(t, "first", environment, sharedPolicy)
	w.isReady(t, "first")
	writtenBy("first")
	w.sharing(t, "alone", environment, "")
	if message, first := w.stalls(t, "alone", "PlacementConflict"), "application sharing/first"; !strings.Contains(message, first) {
		t.Errorf("the message does not name %s: %s", first, message)
	}
	w.drop(t, "alone")
	for _, name := range []string{"second", "third"} {
		w.sharing(t, name, environment, sharedPolicy)
		w.isReady(t, name)
	}
	writtenBy("first")
	f.isQuiet(t)
	writtenBy("first")

	w.drop(t, "third")
	writtenBy("first")
	w.drop(t, "first")
	writtenBy("second")
	w.isReady(t, "second")

	// Another one joins, and takes them when a change drops them.
	w.sharing(t, "fourth", environment, sharedPolicy)
	w.isReady(t, "fourth")
	w.patch(t, "second", `[{"op":"replace","path":"/spec/components","value":[`+configMap("own", `{"a":"1"}`)+`]}]`)
	writtenBy("fourth")
	w.isReady(t, "second")
	w.isReady(t, "fourth")
	w.drop(t, "second")
	writtenBy("fourth")
	w.drop(t, "fourth")
	for kind, object := range shared {
		if err := isAbsent(f.on(t, "cluster1", kind).Namespace(environment), object); err != nil {
			t.Errorf("after the last application: %v", err)
		}
	}
}

// TestSharedResourceOnHub hands objects on from one component to another on the hub, lets one come later that takes what was
// kept, and checks that nothing stays when all go at once.
func TestSharedResourceOnHub(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "shares")
	environment := w.environment(t, "all", "", `"clusters":["local"]`)
	makes := func(name, policies string) {
		t.Helper()
		create(t, w.hub, applications, w.name, object(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%[1]q,"namespace":%[2]q},
			"spec":{"components":[{"name":%[1]q,"type":"k8s-objects","properties":{"objects":[
				{"apiVersion":"v1","kind":"Service","metadata":{"name":"door"},"spec":{"ports":[{"name":%[1]q,"port":80}]}},
				{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"by":%[1]q}}]}}],
			"policies":[{"name":"where","type":"environment","properties":{"environment":%[3]q}},
				{"name":"shared","type":"shared-resource","properties":{"rules":[{"selector":{"resourceTypes":["Service","ConfigMap"]}}]}}%[4]s]}}`,
			name, w.name, environment, policies)))
		w.isReady(t, name)
	}
	writtenBy := func(name string) {
		t.Helper()
		eventually(t, 2*patience, "application "+name+" to have the objects", func() error {
			door, settings := f.get(t, "local", services, environment, "door"), f.get(t, "local", configMaps, environment, "settings")
			ports := nested[[]any](door, "spec", "ports")
			return errors.Join(equal("ports", 1, len(ports)), equal("port", any(name), ports[0].(map[string]any)["name"]),
				equal("data", any(map[string]any{"by": name}), settings.Object["data"]), equal("component", name, door.GetLabels()["app.oam.dev/component"]))
		})
		w.isReady(t, name)
	}
	makes("first", "")
	makes("second", "")
	writtenBy("first")
	w.drop(t, "first")
	writtenBy("second")

	// All go at once, each before or after it has what the others let go of.
	makes("third", "")
	makes("fourth", "")
	all := []string{"second", "third", "fourth"}
	apps := w.hub.Resource(applications).Namespace(w.name)
	for _, name := range all {
		if err := apps.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range all {
		isGone(t, apps, name)
	}
	for kind, name := range map[schema.GroupVersionResource]string{services: "door", configMaps: "settings"} {
		if err := isAbsent(f.on(t, "local", kind).Namespace(environment), name); err != nil {
			t.Errorf("after the last application: %v", err)
		}
	}

	// What is kept when its application goes is there for the next that shares it.
	makes("keeper", `,{"name":"keep","type":"garbage-collect","properties":{"rules":[{"selector":{"resourceTypes":["Service","ConfigMap"]},"strategy":"never"}]}}`)
	w.drop(t, "keeper")
	makes("heir", "")
	writtenBy("heir")
	w.drop(t, "heir")
}
