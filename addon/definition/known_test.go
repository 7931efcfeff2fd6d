// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestKnown(t *testing.T) {
	tests := []struct {
		reason     string
		properties map[string]any
		want       map[string]any
	}{
		{"what is known stays as it is",
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}},
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}}},
		{"an unknown parameter is left out", map[string]any{"image": "a", "imge": "b"}, map[string]any{"image": "a"}},
		{"also in a list",
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80), "prt": int64(1)}}},
			map[string]any{"image": "a", "ports": []any{map[string]any{"port": int64(80)}}}},
		{"a map takes any name", map[string]any{"labels": map[string]any{"any": "x"}}, map[string]any{"labels": map[string]any{"any": "x"}}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			found, err := definition.Builtin().Lookup(definition.Component, "webservice")
			if err != nil {
				t.Fatal(err)
			}
			known := found.Known(test.properties)
			if diff := cmp.Diff(test.want, known); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, finding := range found.Validate(known, "properties") {
				if finding.Reason == definition.UnknownParameter {
					t.Errorf("still unknown: %s", finding)
				}
			}
		})
	}
}

func TestKnownNulls(t *testing.T) {
	tests := []struct {
		reason, name     string
		properties, want map[string]any
	}{
		{"a null of an unknown parameter is left out", "scaler",
			map[string]any{"replicas": int64(3), "domain": nil}, map[string]any{"replicas": int64(3)}},
		{"another value of one stays for Validate", "scaler", map[string]any{"domain": "a", "x": map[string]any{"y": nil}}, map[string]any{"domain": "a", "x": map[string]any{"y": nil}}},
		{"a null of a known parameter stays", "scaler", map[string]any{"replicas": nil}, map[string]any{"replicas": nil}},
		{"so does one where any name is taken", "labels", map[string]any{"team": nil}, map[string]any{"team": nil}},
		{"and one of which nothing is known", "json-merge-patch", map[string]any{"spec": map[string]any{"a": nil}}, map[string]any{"spec": map[string]any{"a": nil}}},
		{"also in a list", "hostalias",
			map[string]any{"hostAliases": []any{map[string]any{"ip": "10.0.0.1", "hostnames": []any{"a"}, "port": nil}}},
			map[string]any{"hostAliases": []any{map[string]any{"ip": "10.0.0.1", "hostnames": []any{"a"}}}}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			found, err := definition.Builtin().Lookup(definition.Trait, test.name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, found.KnownNulls(test.properties)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
