// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestTraitParameters checks what built-in traits say where parameters depend on each other or are out of range.
func TestTraitParameters(t *testing.T) {
	cases := map[string]struct {
		reason     string
		trait      string
		properties object
		want       string
	}{
		"VolumeClaim":  {"A claim needs its name.", "volumes", object{"volumes": list{object{"name": "a"}, object{"name": "b", "type": "pvc"}}}, "components.web.traits.volumes.properties: volumes[1].claimName: a volume of the type pvc needs this parameter; set it"},
		"VolumeSecret": {"A Secret needs its name.", "volumes", object{"volumes": list{object{"name": "b", "type": "secret", "cmName": "x"}}}, "components.web.traits.volumes.properties: volumes[0].secretName: a volume of the type secret needs this parameter; set it"},
		"Device":       {"A device has a path of its own.", "pvc", claim(object{"volumeMode": "Block"}), "components.web.traits.pvc.properties: volumesToMount[0].devicePath: the volumeMode Block needs this parameter; set it"},
		"Operation":    {"The operations of RFC 6902 are known.", "json-patch", object{"operations": list{object{"op": "put", "path": "/x"}}}, `components.web.traits.json-patch.properties.operations[0].op: the value is not one of those that the trait type "json-patch" takes. Use one of: "add", "remove", "replace", "move", "copy", "test"`},
		"Port":         {"Zero is no port.", "gateway", object{"http": object{"/": int64(0)}}, `components.web.traits.gateway.properties.http["/"]: the value is out of range: the trait type "gateway" takes at least 1 and at most 65535; change it`},
		"Memory":       {"Memory has units that Kubernetes knows.", "resource", object{"memory": "1GB"}, `components.web.traits.resource.properties.memory: the value is out of range: the trait type "resource" takes a match of ^[0-9]+([.][0-9]*)?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$; change it`},
		"Variable":     {"Data of a ConfigMap is text.", "storage", object{"configMap": list{object{"name": "a", "data": object{"n": int64(1)}}}}, `components.web.traits.storage.properties.configMap[0].data.n: an integer was given where the trait type "storage" takes a string; write it in quotes`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := render.New(definition.Builtin()).Render(place(), with(usual(), render.Trait{Type: tc.trait, Properties: tc.properties}))
			if err == nil {
				t.Fatalf("%s It was not refused.", tc.reason)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// claim is a use of the trait pvc with some properties changed.
func claim(changed object) object {
	out := object{
		"claimName": "data", "accessModes": list{"ReadWriteOnce"}, "resources": object{"requests": object{"storage": "1Gi"}},
		"volumesToMount": list{object{"name": "data", "mountPath": "/data"}},
	}
	for k, v := range changed {
		out[k] = v
	}
	return out
}

// TestClusterPrivilegesInPreview renders where the namespace is not known: the
// names of cluster roles begin with it otherwise.
func TestClusterPrivilegesInPreview(t *testing.T) {
	context := place()
	context.TargetNamespace = ""
	rule := object{"verbs": list{"list"}, "apiGroups": list{""}, "resources": list{"nodes"}, "scope": "cluster"}
	r, err := render.New(definition.Builtin()).Render(context, with(usual(), render.Trait{Type: "service-account", Properties: object{"name": "shop", "privileges": list{rule}}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Objects {
		if kind := o.GroupVersionKind().Kind; kind == "ClusterRole" && o.Name() != "shop" {
			t.Errorf("the %s has the name %q", kind, o.Name())
		}
	}
}
