// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// TestCUE writes definitions as files and reads those back.
func TestCUE(t *testing.T) {
	all := map[string]*definition.Definition{
		"Everything": {
			Kind: definition.Trait, Name: "my-trait", Version: "1.2.3", Description: `Says "x" and \(y).`, Labels: map[string]string{"a/b": "c"}, Annotations: map[string]string{"d": "e"},
			AppliesTo: []string{"deployments.apps"}, ConflictsWith: []string{"other"}, PodDisruptive: true, Stage: v1beta1.PreDispatch, WorkloadRefPath: "spec.ref",
			Template:     "import (\n\t\"strings\"\n)\nimport \"list\"\n\npatch: {a: strings.ToUpper(\"x\"), b: list.Max([1])}\n// +usage=None\nparameter: {}\n",
			HealthPolicy: "_x: \"\\(context.name)\"\n\nisHealth: _x != \"\"", CustomStatus: `message: #"a\#(context.name)"#`, Details: "a: \"b\"",
		},
		"Policy": {Kind: definition.Policy, Name: "audit", ManageHealthCheck: true, Template: "output: {}"},
		"Component": {
			Kind: definition.Component, Name: "site", Workload: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"}, WorkloadType: "deployments.apps", Template: "output: {}",
		},
	}
	for _, kind := range []definition.Kind{definition.Component, definition.Trait, definition.Policy, definition.WorkflowStep} {
		for _, name := range definition.Builtin().Names(kind) {
			all[string(kind)+"/"+name] = lookup(t, kind, name)
		}
	}
	for name, d := range all {
		t.Run(name, func(t *testing.T) {
			text, err := d.CUE()
			if err != nil {
				t.Fatal(err)
			}
			got, err := definition.Parse(name, []byte(text))
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if diff := cmp.Diff(d, got, cmpopts.IgnoreUnexported(definition.Definition{}), cmpopts.IgnoreFields(definition.Definition{}, "Template", "Digest", "Foreign", "Notices"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(d.OpenAPI(), got.OpenAPI()); diff != "" {
				t.Errorf("parameters -want +got:\n%s", diff)
			}
			again, err := got.CUE()
			if diff := cmp.Diff(text, again); err != nil || diff != "" {
				t.Errorf("written again, %v: -first +second:\n%s", err, diff)
			}
		})
	}
}

// TestParseWithoutBraces reads a template that is written without braces.
func TestParseWithoutBraces(t *testing.T) {
	d, err := definition.Parse("x.cue", []byte("x: type: \"component\"\ntemplate: output: {a: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("output: {a: 1}", d.Template); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
