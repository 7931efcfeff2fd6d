// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestRenderReferences checks that objects among the files stand for those on the hub that components refer to, and no others.
func TestRenderReferences(t *testing.T) {
	application := "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: store, namespace: shop}\nspec: {components: [{name: shared, type: ref-objects, properties: {objects: [{resource: configmap}]}}]}\n"
	config := "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared, namespace: shop, uid: u, labels: {team: x}}\ndata: {a: b}\n"
	tests := []struct {
		name, reason, input, want, err string
	}{
		{"Given", "it is delivered as on the hub", application + config, "team: x", ""},
		{"NotGiven", "nothing is read from anywhere", application, "", `configmap "shared" of namespace "shop" is not among the files; offline nothing is read from the hub: give the object with -f`},
		{"Unused", "a file too many is a mistake", application + config + strings.ReplaceAll(config, "name: shared", "name: other"), "", `ConfigMap "other" of "v1" is none of the kinds that are read here, and no component of type ref-objects in its namespace refers to it`},
		{"Elsewhere", "another namespace's object is not referred to", application + strings.ReplaceAll(config, "shop", "other"), "", `ConfigMap "shared" of "v1" is none of the kinds`},
		{"Group", "a resource of a group", strings.ReplaceAll(application, "resource: configmap", "resource: deployment, group: apps, name: web") +
			"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}\n", "kind: Deployment", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			command := newRenderCommand()
			var out, errs bytes.Buffer
			command.SetOut(&out)
			command.SetErr(&errs)
			command.SetIn(strings.NewReader(test.input))
			command.SetArgs([]string{"-f", "-"})
			command.SilenceUsage, command.SilenceErrors = true, true
			err := command.Execute()
			text := ""
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, test.err) || test.err == "" && text != "" {
				t.Errorf("error %q, want %q: %s", text, test.err, test.reason)
			}
			if !strings.Contains(out.String(), test.want) || strings.Contains(out.String(), "uid") {
				t.Errorf("output %q, want %q: %s", out.String(), test.want, test.reason)
			}
		})
	}
}
