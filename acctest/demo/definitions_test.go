// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

// TestExampleDefinitions checks that the types of the examples can be used, and that managed clusters can judge them.
func TestExampleDefinitions(t *testing.T) {
	t.Parallel()
	objects, err := readDefinitions(filepath.Join("..", "..", "examples", definitionsFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		t.Run(object.GetName(), func(t *testing.T) {
			t.Parallel()
			read, err := definition.FromObject(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			if err := read.Check(); err != nil {
				t.Error(err)
			}
			for _, finding := range health.Observability(read) {
				t.Error(finding)
			}
			if diff := cmp.Diff("fairlead-system", object.GetNamespace()); diff != "" {
				t.Errorf("all applications should find it: -want +got:\n%s", diff)
			}
		})
	}
}

func TestReadDefinitionsRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ reason, content, want string }{
		"NotYAML":   {"the file is named", "a: b: c", "types.yaml"},
		"Stranger":  {"nothing but definitions is applied", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}", "no object of core.oam.dev/v1beta1"},
		"Nowhere":   {"where it goes decides who may use it", "apiVersion: core.oam.dev/v1beta1\nkind: TraitDefinition\nmetadata: {name: a}", "with a namespace"},
		"NoFiles":   {"a folder without files is a mistake", "", "no *.yaml files"},
		"EmptyFile": {"there is nothing to apply", "# nothing\n", "no object of"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if c.content != "" {
				if err := os.WriteFile(filepath.Join(folder, "types.yaml"), []byte(c.content), privateFile); err != nil {
					t.Fatal(err)
				}
			}
			_, err := readDefinitions(folder)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: want an error with %q, got %v", c.reason, c.want, err)
			}
		})
	}
}
