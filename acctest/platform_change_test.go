// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// usedPlatform is an environment with a binding and an application: %[1]q is the kubeconfig, and the rest is what changes.
const usedPlatform = `
provider "fairlead" {
  hub = { config_path = %[1]q }
}
resource "fairlead_environment" "this" {
  name                   = "in-use"
  application_namespaces = { names = ["default"] }
  defaults               = { worker = { traits = { scaler = { replicas = %[2]d } } } }
  deletion               = { timeout = %[3]q }
}
resource "fairlead_cluster_binding" "this" {
  name        = "in-use"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
  overrides   = [{ component = "worker", properties = { labels = { word = %[4]q } } }]
}
resource "fairlead_application" "this" {
  name         = "in-use"
  namespace    = "default"
  environments = { in-use = { ref = fairlead_environment.this.ref } }
  components   = { worker = { type = "worker", properties = { image = "nginx:1" } } }
  depends_on   = [fairlead_cluster_binding.this]
}
`

// TestPlanSaysWhomAChangeConcerns plans changes of an environment and of a binding that an application uses.
func TestPlanSaysWhomAChangeConcerns(t *testing.T) {
	f := sharedFleet(t)
	config := func(replicas int, timeout, word string) string {
		return fmt.Sprintf(usedPlatform, f.env.Hub().KubeconfigPath, replicas, timeout, word)
	}
	w := newWorkspace(t, config(1, "10m", "amber"))
	nothing := f.leavesNothing(t)
	t.Cleanup(func() {
		w.run(t, nil, "destroy", "-auto-approve")
		if err := nothing(nil); err != nil {
			t.Error(err)
		}
	})
	w.run(t, nil, "apply", "-auto-approve")
	eventually(t, patience, "the environment to count its application and its cluster", func() error {
		status := nested[map[string]any](f.get(t, v1alpha1.LocalCluster, environments, "", "in-use"), "status")
		if status["applications"] != int64(1) || status["clusters"] != int64(1) {
			return fmt.Errorf("status is %v", status)
		}
		return nil
	})
	const has = "1 application on 1 cluster. The change of "
	const ofEnvironment, ofBinding = `The environment "in-use" has ` + has, `The cluster binding "in-use" is of the environment "in-use", which has ` + has
	tests := []struct {
		reason string
		config string
		want   []string
	}{
		{"nothing changes", config(1, "10m", "amber"), nil},
		{"how an environment goes concerns nobody now", config(1, "20m", "amber"), nil},
		{"defaults", config(2, "10m", "amber"), []string{ofEnvironment + "defaults concerns them."}},
		{"overrides", config(1, "10m", "violet"), []string{ofBinding + "overrides concerns them."}},
		{"both", config(2, "10m", "violet"), []string{ofEnvironment + "defaults concerns them.", ofBinding + "overrides concerns them."}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			w.write(t, test.config)
			told := oneLine(w.run(t, nil, "plan"))
			if got := strings.Count(told, has); got != len(test.want) {
				t.Errorf("the plan speaks of %d objects in use, want %d:\n%s", got, len(test.want), told)
			}
			for _, want := range test.want {
				if !strings.Contains(told, want) {
					t.Errorf("the plan does not say %q:\n%s", want, told)
				}
			}
		})
	}
}

// usedDefinition is a type with two applications that have it: %[1]q is the kubeconfig, %[2]s what the type says.
const usedDefinition = `
provider "fairlead" {
  hub = { config_path = %[1]q }
}
resource "fairlead_definition" "used" {
  cue = <<-CUE
    "in-use-note": {
    	type: "component"
    	attributes: workload: definition: {apiVersion: "v1", kind: "ConfigMap"}
    }
    template: {
    	parameter: {}
    	output: {apiVersion: "v1", kind: "ConfigMap", data: said: "%[2]s"}
    }
  CUE
}
resource "fairlead_application" "users" {
  for_each    = toset(["one", "two"])
  name        = "in-use-${each.key}"
  namespace   = "default"
  definitions = [fairlead_definition.used.ref]
  components  = { note = { type = "in-use-note" }, other = { type = "worker", properties = { image = "nginx:1" } } }
}
`

// TestPlanSaysWhoUsesADefinition plans that a definition changes and goes which applications use.
func TestPlanSaysWhoUsesADefinition(t *testing.T) {
	f := sharedFleet(t)
	config := func(says string) string { return fmt.Sprintf(usedDefinition, f.env.Hub().KubeconfigPath, says) }
	w := newWorkspace(t, config("a"))
	nothing := f.leavesNothing(t)
	t.Cleanup(func() {
		w.run(t, nil, "destroy", "-auto-approve")
		if err := nothing(nil); err != nil {
			t.Error(err)
		}
	})
	if told := oneLine(w.run(t, nil, "apply", "-auto-approve")); strings.Contains(told, "is in use") {
		t.Errorf("a new definition is said to be in use:\n%s", told)
	}
	const have = `2 applications have the component type "in-use-note": default/in-use-one, default/in-use-two. `
	tests := []struct {
		reason, config string
		args           []string
		want           string
	}{
		{"nothing changes", config("a"), []string{"plan"}, ""},
		{"another layout", strings.ReplaceAll(config("a"), "parameter: {}", "parameter: {\n    \t}"), []string{"plan"}, ""},
		{"another description", strings.Replace(config("a"), `type: "component"`, "type: \"component\"\n    \tdescription: \"Says it.\"", 1), []string{"plan"}, ""},
		{"another object", config("b"), []string{"plan"}, have + "They get the change at once, wherever they are delivered."},
		{"it goes", config("a"), []string{"plan", "-destroy"}, have + "Those that stay are stalled without another definition of the type, and what runs goes on running."},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			w.write(t, test.config)
			told := oneLine(w.run(t, nil, test.args...))
			if said := strings.Contains(told, "is in use"); said != (test.want != "") || !strings.Contains(told, test.want) {
				t.Errorf("the plan does not say %q:\n%s", test.want, told)
			}
		})
	}
}
