// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pod(names ...string) map[string]any {
	var containers []any
	for _, name := range names {
		containers = append(containers, map[string]any{
			"name": name, "ports": []any{map[string]any{"name": "http", "containerPort": int64(80)}},
			"volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/a"}, map[string]any{"name": "data", "mountPath": "/b"}},
			"args":         []any{"-v"},
		})
	}
	return map[string]any{"spec": map[string]any{"containers": containers}}
}

func parsed(t *testing.T, text string) FieldPath {
	t.Helper()
	path, err := ParseFieldPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFieldPathNamed(t *testing.T) {
	for _, c := range []struct{ reason, path, want string }{
		{"fields are as they are", "spec.replicas", "spec.replicas"},
		{"an item is known by its name", "spec.containers[1].image", "spec.containers[name=web].image"},
		{"a port is known by its number", "spec.containers[0].ports[0].name", "spec.containers[name=proxy].ports[containerPort=80].name"},
		{"a mount is known by its path, since a volume may be mounted twice", "spec.containers[0].volumeMounts[1]", "spec.containers[name=proxy].volumeMounts[mountPath=/b]"},
		{"nothing tells texts apart", "spec.containers[0].args[0]", "spec.containers[name=proxy].args[0]"},
		{"an item that is not there keeps its number", "spec.containers[7].image", "spec.containers[7].image"},
		{"a field is the same in quotes and without", `metadata.annotations["example.com/a"]`, "metadata.annotations[example.com/a]"},
		{"nor do brackets matter that are not needed", `data["a"]`, "data.a"},
	} {
		if got := parsed(t, c.path).Named(pod("proxy", "web")); got != c.want {
			t.Errorf("got %s, want %s: %s", got, c.want, c.reason)
		}
	}
}

func TestFieldPathIn(t *testing.T) {
	for _, c := range []struct {
		reason, path string
		want         FieldPath
	}{
		{"an item is found where it is", "spec.containers[0].ports[0].name", FieldPath{"spec", "containers", 1, "ports", 0, "name"}},
		{"an item that is not there", "spec.containers[1].image", nil},
		{"a field that is not there", "spec.containers[0].image", nil},
		{"nothing tells texts apart", "spec.containers[0].args[0]", nil},
	} {
		got, found := parsed(t, c.path).In(pod("web", "gone"), pod("proxy", "web"))
		if diff := cmp.Diff(c.want, got); diff != "" || found != (c.want != nil) {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// TestOwnable checks what is left to others with an item of a list.
func TestOwnable(t *testing.T) {
	spec := func(apiVersion string) map[string]any {
		object := pod("proxy", "web")
		fields, _ := object["spec"].(map[string]any)
		object["apiVersion"], fields["tolerations"] = apiVersion, []any{map[string]any{"key": "gpu", "operator": "Exists"}}
		return object
	}
	for _, c := range []struct{ reason, apiVersion, path, want string }{
		{"a field of an item that has a name", "apps/v1", "spec.containers[1].image", "spec.containers[1].image"},
		{"a list of texts has one owner", "apps/v1", "spec.containers[1].args[0]", "spec.containers[1].args"},
		{"the items of some have keys that tell nothing apart", "apps/v1", "spec.tolerations[0].operator", "spec.tolerations"},
		{"the list itself", "apps/v1", "spec.tolerations", "spec.tolerations"},
		{"an item that is not there", "apps/v1", "spec.containers[7].args[0]", "spec.containers[7].args[0]"},
		{"the Gateway API is Kubernetes' own", "gateway.networking.k8s.io/v1", "spec.containers[1].image", "spec.containers[1].image"},
		{"nobody knows the lists of other kinds", "example.com/v1", "spec.containers[1].image", "spec.containers"},
	} {
		if diff := cmp.Diff(parsed(t, c.want), parsed(t, c.path).Ownable(spec(c.apiVersion))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestWithoutAll(t *testing.T) {
	of := func(items ...any) map[string]any { return map[string]any{"a": items} }
	item := func(name string) map[string]any { return map[string]any{"name": name, "x": "y"} }
	numbers := of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	for _, c := range []struct {
		reason string
		object map[string]any
		paths  []string
		want   map[string]any
	}{
		{"an index means what it meant before others were taken out", of("A", "B", "C"), []string{"a[0]", "a[1]"}, of("C")},
		{"whatever the order", of("A", "B", "C"), []string{"a[1]", "a[0]"}, of("C")},
		{"ten comes after two", numbers, []string{"a[2]", "a[10]"}, of(0, 1, 3, 4, 5, 6, 7, 8, 9, 11)},
		{"an item, and a field of the next", of(item("A"), item("B")), []string{"a[0]", "a[1].x"}, of(map[string]any{"name": "B"})},
		{"an item, and a field of it", of(item("A"), item("B")), []string{"a[0]", "a[0].x"}, of(item("B"))},
		{"an item twice", of("A", "B"), []string{"a[0]", "a[0]"}, of("B")},
	} {
		var paths []FieldPath
		for _, text := range c.paths {
			paths = append(paths, parsed(t, text))
		}
		if diff := cmp.Diff(c.want, WithoutAll(c.object, paths)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}
