// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
)

// upgraded is one of each resource that an upgrade of the provider must leave alone. The addon's own upgrade is what an upgrade is for.
const upgraded = `
provider "fairlead" {}
resource "fairlead_definition" "this" {
  kind        = "component"
  name        = "upgraded"
  namespace   = "default"
  description = "Says something."
  workload    = { api_version = "v1", kind = "ConfigMap" }
  template    = <<-CUE
    // +usage=What to say
    parameter: say: string
    output: {
    	apiVersion: "v1"
    	kind:       "ConfigMap"
    	data: said: parameter.say
    }
  CUE
}
resource "fairlead_environment" "this" {
  name                   = "upgraded"
  application_namespaces = { names = ["default"] }
  defaults               = { webservice = { traits = { scaler = { replicas = 2 } } } }
}
resource "fairlead_cluster_binding" "this" {
  name        = "upgraded"
  environment = fairlead_environment.this.name
  clusters    = ["local"]
}
resource "fairlead_application" "this" {
  name         = "upgraded"
  namespace    = "default"
  environments = { upgraded = { ref = fairlead_environment.this.ref } }
  components = {
    web = {
      type = "webservice"
      properties = {
        image = "nginx:1"
        ports = [{ port = 80, expose = true }]
        env   = [{ name = "TOKEN", valueFrom = { secretKeyRef = { name = "upgraded", key = "token" } } }]
      }
      traits = { hpa = { min = 1, max = 3 } }
    }
    jobs = { type = "cron-task", properties = { image = "busybox:1", schedule = "0 0 * * *", cmd = ["true"], count = 1, restart = "Never" } }
  }
  policies   = [{ name = "keep", type = "garbage-collect", properties = { rules = [{ selector = { componentNames = ["jobs"] }, strategy = "onAppDelete" }] } }]
  secrets_wo = { upgraded = { token = "only-an-example" } }
  depends_on = [fairlead_cluster_binding.this, fairlead_definition.this]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
}
`

// buildProvider builds the provider as a release of that version and returns its folder.
func buildProvider(t *testing.T, version string) string {
	t.Helper()
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-X main.version="+version,
		"-o", filepath.Join(folder, "terraform-provider-fairlead"), ".")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build version %s of the provider: %v\n%s", version, err, out)
	}
	return folder
}

// TestNewerProviderPlansNothing applies with one version of the provider and plans with the next: the plan is empty, and an
// apply writes nothing.
func TestNewerProviderPlansNothing(t *testing.T) {
	f := sharedFleet(t)
	w := newWorkspace(t, upgraded)
	env := []string{"FAIRLEAD_CONFIG_PATH=" + f.env.Hub().KubeconfigPath}
	use := func(version string) {
		t.Helper()
		if err := terraform.WriteCLIConfig(w.cli, buildProvider(t, version)); err != nil {
			t.Fatal(err)
		}
	}
	nothing := f.leavesNothing(t)
	t.Cleanup(func() {
		w.run(t, env, "destroy", "-auto-approve")
		if err := nothing(nil); err != nil {
			t.Error(err)
		}
	})
	use("1.0.0")
	w.run(t, env, "apply", "-auto-approve")
	use("1.1.0")
	log := f.auditFromNow(t)
	w.run(t, env, "plan", "-detailed-exitcode")
	w.run(t, env, "apply", "-auto-approve")
	by, writes := map[string]bool{}, 0
	for _, event := range log.ofProvider(t) {
		by[event.UserAgent] = true
		if event.isWrite() {
			writes++
		}
	}
	if diff := cmp.Diff(map[string]bool{"terraform-provider-fairlead/1.1.0": true}, by); diff != "" {
		t.Errorf("who asked the hub (-want +got):\n%s", diff)
	}
	if writes > 0 {
		t.Errorf("%d writes for what has not changed, want none", writes)
	}
}
