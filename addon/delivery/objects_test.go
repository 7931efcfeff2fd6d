// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestObjectsAreNotChanged checks that marks are put on copies: a rendered
// object is shared between places.
func TestObjectsAreNotChanged(t *testing.T) {
	tests := []struct {
		name, reason string
		metadata     any
	}{
		{"none", "an object may come without metadata", nil},
		{"plain", "without labels and annotations", map[string]any{"name": "web"}},
		{"labelled", "with both", map[string]any{"name": "web", "labels": map[string]any{"a": "b"}, "annotations": map[string]any{"c": "d"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			content := func() map[string]any {
				object := map[string]any{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{"a": int64(1)}}
				if test.metadata != nil {
					object["metadata"] = test.metadata
				}
				return object
			}
			object := render.Object{Content: content()}
			before := object.Digest()
			marked := WithOwner(WithRevision(object), Owner{UID: "u1"})
			if object.Digest() != before {
				t.Errorf("the rendered object changed, though %s: %v", test.reason, object.Content)
			}
			metadata := marked["metadata"].(map[string]any)
			got := []any{metadata["annotations"].(map[string]any)["fairlead.dev/revision"], metadata["labels"].(map[string]any)["fairlead.dev/application-uid"]}
			if diff := cmp.Diff([]any{before, "u1"}, got); diff != "" {
				t.Errorf("marks (-want +got), %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestOwnLabelsWin checks that the labels by which a namespace is known to be
// ours cannot be taken from it by an environment.
func TestOwnLabelsWin(t *testing.T) {
	tenant := Tenant{
		TenantKey: TenantKey{Cluster: "c1", Namespace: "web"}, SourceNamespace: "shop",
		Labels: map[string]string{"a": "b", "fairlead.dev/source-namespace": "blog", "fairlead.dev/managed-by": "me"}, Annotations: map[string]string{"c": "d"},
	}
	want := map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{
			"name": "web", "annotations": map[string]any{"c": "d"},
			"labels": map[string]any{"a": "b", "fairlead.dev/managed-by": "fairlead", "fairlead.dev/source-namespace": "shop"},
		},
	}
	if diff := cmp.Diff(want, NamespaceObject(tenant)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestObjectID(t *testing.T) {
	got := []string{
		ObjectID(render.Object{Content: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}.GroupVersionKind().GroupKind(), "shop", "web"),
		ObjectID(render.Object{Content: map[string]any{"apiVersion": "v1", "kind": "Service"}}.GroupVersionKind().GroupKind(), "shop", "web"),
	}
	if diff := cmp.Diff([]string{"Deployment.apps shop/web", "Service shop/web"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
