// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func TestSecretsReferred(t *testing.T) {
	named := func(name string) map[string]any { return map[string]any{"name": name} }
	deep := any(map[string]any{"secretName": "deep"})
	for range 100 {
		deep = []any{deep}
	}
	result := &render.Result{Objects: []render.Object{
		{Content: map[string]any{"kind": "Deployment", "spec": map[string]any{
			"imagePullSecrets": []any{named("registry"), "odd"},
			"containers": []any{map[string]any{
				"env":     []any{map[string]any{"name": "PASSWORD", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "db", "key": "password"}}}},
				"envFrom": []any{map[string]any{"secretRef": named("all")}, map[string]any{"configMapRef": named("settings")}},
			}},
			"volumes": []any{
				map[string]any{"name": "files", "secret": map[string]any{"secretName": "files"}},
				map[string]any{"name": "both", "projected": map[string]any{"sources": []any{map[string]any{"secret": named("projected")}}}},
				map[string]any{"name": "csi", "csi": map[string]any{"nodePublishSecretRef": named("csi")}},
			},
		}}},
		{Content: map[string]any{"kind": "Ingress", "spec": map[string]any{"tls": []any{map[string]any{"secretName": "tls"}}, "secretName": 3, "deep": deep}}},
	}}
	want := []string{"all", "csi", "db", "files", "projected", "registry", "tls"}
	if diff := cmp.Diff(want, result.SecretsReferred()); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
}

// TestWithSecret checks what a Secret looks like in its place: of what was read
// only the content, and labels as every object of the component has them.
func TestWithSecret(t *testing.T) {
	read := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": map[string]any{"password": "eA=="},
		"metadata": map[string]any{
			"name": "db.prod", "namespace": "shop", "uid": "1", "resourceVersion": "2",
			"labels": map[string]any{"fairlead.dev/secret-of": "store", "team": "shop"}, "annotations": map[string]any{"fairlead.dev/salt": "s"},
		},
	}
	before := &render.Result{
		Component: render.Component{Name: "web", Type: "webservice"}, Digest: "d",
		Context: render.Context{AppName: "store", AppNamespace: "shop", TargetNamespace: "shop-prod", Environment: "prod"},
		Objects: []render.Object{{Content: map[string]any{"kind": "Deployment"}}, {Content: map[string]any{"kind": "Job"}, Stage: v1beta1.PreDispatch}},
	}
	after := before.WithSecret("db", read)
	want := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": map[string]any{"password": "eA=="},
		"metadata": map[string]any{"name": "db", "namespace": "shop-prod", "labels": map[string]any{
			"team": "shop", "app.oam.dev/name": "store", "app.oam.dev/namespace": "shop", "app.oam.dev/component": "web",
			"app.oam.dev/resourceType": "TRAIT", "trait.oam.dev/type": "AuxiliaryWorkload", "trait.oam.dev/resource": "secret.db",
			"fairlead.dev/environment": "prod", "fairlead.dev/managed-by": "fairlead",
		}},
	}
	if diff := cmp.Diff(want, after.Objects[2].Content); diff != "" {
		t.Errorf("Secret (-want +got):\n%s", diff)
	}
	if len(before.Objects) != 2 || before.Digest == after.Digest || after.Objects[2].Stage != v1beta1.PreDispatch {
		t.Errorf("the result before has %d objects, the digest after is %q, the stage %q", len(before.Objects), after.Digest, after.Objects[2].Stage)
	}
	long := before.WithSecret(strings.Repeat("a", 200), read).Objects[2]
	if len(long.Resource) > 63 || long.Resource == before.WithSecret(strings.Repeat("a", 201), read).Objects[2].Resource {
		t.Errorf("the label of a long name is %q", long.Resource)
	}
}
