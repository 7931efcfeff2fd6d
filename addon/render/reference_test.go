// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func TestReferences(t *testing.T) {
	one := func(fields object) object { return object{"objects": list{fields}} }
	at := "components.shop.properties.objects[0]"
	tests := map[string]struct {
		reason     string
		properties object
		want       []render.Reference
		err        string
	}{
		"Resource":  {"A resource of a group.", one(object{"resource": "Deployment", "group": "apps", "name": "web"}), []render.Reference{{Path: at, Group: "apps", Resource: "deployment", Name: "web"}}, ""},
		"Name":      {"Without a name it is the component's.", one(object{"resource": "configmap"}), []render.Reference{{Path: at, Resource: "configmap", Name: "shop"}}, ""},
		"Kind":      {"The older way.", one(object{"apiVersion": "v1", "kind": "ConfigMap"}), []render.Reference{{Path: at, Kind: schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, Name: "shop"}}, ""},
		"Own":       {"The application's own namespace and the hub may be named.", one(object{"resource": "configmap", "namespace": "team", "cluster": "local"}), []render.Reference{{Path: at, Resource: "configmap", Name: "shop"}}, ""},
		"None":      {"The template says that there is none.", object{}, []render.Reference{}, ""},
		"Urls":      {"Nothing is fetched.", object{"urls": list{"https://example.com/a.yaml"}}, nil, "components.shop.properties.urls: objects are not fetched from addresses here; write them out in a component of type k8s-objects, or create them on the hub and name them in objects"},
		"Selector":  {"Lists are nobody's right.", one(object{"resource": "configmap", "labelSelector": object{"a": "b"}}), nil, at + ".labelSelector: objects are read by name only, since nobody may list Secrets and ConfigMaps here; give the name of each object"},
		"Older":     {"The older name of it.", one(object{"resource": "configmap", "selector": object{"a": "b"}}), nil, at + ".selector: objects are read by name only, since nobody may list Secrets and ConfigMaps here; give the name of each object"},
		"Cluster":   {"Nothing is read from managed clusters.", one(object{"resource": "configmap", "cluster": "cluster1"}), nil, at + ".cluster: objects are read from the hub only; leave the field out, and create the object on the hub"},
		"Namespace": {"Another team's namespace.", one(object{"resource": "configmap", "namespace": "other"}), nil, at + `.namespace: an application reads objects of its own namespace "team" only; leave the field out, and create the object there`},
		"NoKind":    {"What kind of object is meant?", one(object{"name": "web"}), nil, at + ".resource: is missing; name the resource, such as configmap, or deployment with the group apps"},
		"Hostile":   {"A name becomes part of an address.", one(object{"resource": "configmap", "name": "../secrets/x"}), nil, at + ".name: is no name of an object: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
		"Many":      {"Each is a request.", object{"objects": make(list, 65)}, nil, "components.shop.properties.objects: has 65 items, at most 64 are read; spread them over several components"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := render.References(render.Component{Name: "shop", Type: render.ReferenceType, Properties: test.properties}, "team")
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(test.err, text); diff != "" {
				t.Errorf("%s error (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

func TestWithReferenced(t *testing.T) {
	live := object{
		"apiVersion": "v1", "kind": "ConfigMap", "data": object{"a": "b"}, "status": object{"x": "y"},
		"metadata": object{
			"name": "web", "namespace": "team", "uid": "1", "resourceVersion": "2", "generation": int64(3), "creationTimestamp": "x",
			"ownerReferences": list{object{}}, "managedFields": list{object{}}, "finalizers": list{"f"},
			"labels":      object{"tier": "x", "app.oam.dev/name": "other", "fairlead.dev/managed-by": "fairlead", "workload.oam.dev/type": "webservice"},
			"annotations": object{"kubectl.kubernetes.io/last-applied-configuration": "{}", "fairlead.dev/revision": "r"},
		},
	}
	got, err := render.WithReferenced(render.Component{Name: "shop"}, []map[string]any{live})
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"apiVersion": "v1", "kind": "ConfigMap", "data": object{"a": "b"}, "metadata": object{"name": "web", "labels": object{"tier": "x"}}}}
	if diff := cmp.Diff(want, got.Objects); diff != "" {
		t.Errorf("what belongs to the place stays behind (-want +got):\n%s", diff)
	}
	if live["status"] == nil || len(live["metadata"].(object)["labels"].(object)) != 4 {
		t.Error("what was read was changed")
	}
	if none, err := render.WithReferenced(render.Component{Name: "shop"}, nil); err != nil || none.Objects == nil {
		t.Errorf("objects %v, error %v: want an empty list, which says that they were read", none.Objects, err)
	}
	large := object{"metadata": object{"name": "x"}, "data": object{"a": strings.Repeat("secret", 100<<10)}}
	_, err = render.WithReferenced(render.Component{Name: "shop"}, []map[string]any{large})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "at most 524288") {
		t.Errorf("error %v: want the bound and nothing of the content", err)
	}
}
