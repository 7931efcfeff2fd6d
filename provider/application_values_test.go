// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestMaskOfPlatform checks the same of what platform teams write.
func TestMaskOfPlatform(t *testing.T) {
	sent := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "prod", "labels": map[string]any{"cost": "L4BEL"}},
		"spec": map[string]any{
			"approval": map[string]any{"message": "ask them"},
			"namespaceOptions": map[string]any{
				"annotations": map[string]any{"note": "N0TE-1"},
				"objects":     []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "certs"}, "data": map[string]any{"key": "C4N4RY"}}},
			},
			"defaults":  []any{map[string]any{"type": "webservice", "properties": map[string]any{"image": "ghcr.io/acme/web:1"}}},
			"overrides": []any{map[string]any{"component": "frontend", "traits": []any{map[string]any{"type": "labels", "properties": map[string]any{"a": "TR41T"}}}}},
		},
	}}
	for _, test := range []struct{ reason, told, want string }{
		{"an object of a namespace", `ConfigMap "certs" has C4N4RY`, `ConfigMap "certs" has (the value of namespace_options.objects[0].data.key)`},
		{"what is on a namespace", "N0TE-1", "(the value of namespace_options.annotations.note)"},
		{"a default", "ghcr.io/acme/web:1", "(the value of defaults.webservice.properties.image)"},
		{"an override, but for what it chooses", "frontend: TR41T", "frontend: (the value of overrides[0].traits.labels.properties.a)"},
		{"a label", "L4BEL", "(the value of labels.cost)"},
		{"the rest is in plans for all to read", "ask them", "ask them"},
	} {
		if diff := cmp.Diff(test.want, maskOf(sent)(test.told)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestMask checks that what a policy quotes of an application gives way to its path.
func TestMask(t *testing.T) {
	sent := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"name": "shop", "namespace": "team",
			"labels":      map[string]any{"tier": "L4BEL"},
			"annotations": map[string]any{"fairlead.dev/revision": "0123456789ab", "note": "N0TE-1"},
		},
		"spec": map[string]any{
			"components": []any{map[string]any{"name": "web", "type": "webservice",
				"properties": map[string]any{
					"image": "ghcr.io/acme/web:1", "cmd": []any{"--token", "C4N4RY"}, "port": int64(80), "pin": int64(123456),
					"env":  []any{map[string]any{"name": "DB", "value": "shop"}, map[string]any{"name": "KEY", "value": "begin\nL1NE-ONE\nend"}},
					"hash": `q"uote`, "json": "a&b<c1", "ends": `say "QU0TED"`, "long": "C4N4RY-LONG"},
				"traits": []any{map[string]any{"type": "labels", "properties": map[string]any{"a": "TR41T"}}},
			}},
			"policies": []any{map[string]any{"name": "env-prod", "type": "environment", "properties": map[string]any{"environment": "prod",
				"components": []any{map[string]any{"name": "web", "properties": map[string]any{"image": "other:2"}}}}}},
		},
	}}
	const web = "components.web.properties."
	tests := []struct{ reason, told, want string }{
		{"nothing of it", "the hub is full", "the hub is full"},
		{"an image", `image "ghcr.io/acme/web:1" is refused`, `image "(the value of ` + web + `image)" is refused`},
		{"an item", "C4N4RY is no flag", "(the value of " + web + "cmd[1]) is no flag"},
		{"the longest", "C4N4RY-LONG", "(the value of " + web + "long)"},
		{"a part of another word stays", "XC4N4RY", "XC4N4RY"},
		{"names are no values", `applications "shop" of team in prod: web, webservice`, `applications "shop" of team in prod: web, webservice`},
		{"a line of a text", "found L1NE-ONE", "found (the value of " + web + "env[1].value)"},
		{"an escaped text", `got q\"uote`, "got (the value of " + web + "hash)"},
		{"a text as JSON of Go", `got "a\u0026b\u003cc1"`, `got "(the value of ` + web + `json)"`},
		{"a text that ends with a quote", `got "say \"QU0TED\""`, `got "(the value of ` + web + `ends)"`},
		{"a number, but for short ones", "123456 or 80", "(the value of " + web + "pin) or 80"},
		{"a trait", "TR41T", "(the value of components.web.traits.labels.properties.a)"},
		{"a policy", "other:2", "(the value of policies.env-prod.properties.components[0].properties.image)"},
		{"labels and annotations", "L4BEL, N0TE-1", "(the value of labels.tier), (the value of annotations.note)"},
		{"what the provider writes is no secret", "0123456789ab", "0123456789ab"},
		{"an end", strings.Repeat("é", longestTold), strings.Repeat("é", longestTold/2) + "..."},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, maskOf(sent)(test.told)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
	if got := maskOf(nil)("as it is"); got != "as it is" {
		t.Errorf("without an application: %q", got)
	}
}

// TestMaskOfSecret checks that what a webhook quotes of a Secret gives way to its key.
func TestMaskOfSecret(t *testing.T) {
	secret := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{
		"password": "QzRONFJZ", "tls.key": base64.StdEncoding.EncodeToString([]byte("begin\nL1NE-ONE\nend")), "pin": "MTIz"}}}
	tests := []struct{ reason, told, want string }{
		{"nothing of it", "the hub is full", "the hub is full"},
		{"plain", `password "C4N4RY" is weak`, `password "(the value of data.password)" is weak`},
		{"encoded", `{"password":"QzRONFJZ"}`, `{"password":"(the value of data.password)"}`},
		{"a line", "found L1NE-ONE", `found (the value of data["tls.key"])`},
		{"what is too short is no secret, but encoded", "123, MTIz", "123, (the value of data.pin)"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, maskOfSecret(secret)(test.told)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
