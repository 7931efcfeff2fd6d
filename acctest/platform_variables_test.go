// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// platformModule takes all of what it gives to components by variables, of which an engine knows nothing while it validates.
const platformModule = `
variable "defaults" { type = any }
variable "scaler" { type = any }
variable "component" { type = string }
variable "objects" { type = any }
variable "taint" { type = object({ key = string, effect = string }) }
variable "cue" { type = string }
variable "description" { type = string }
resource "fairlead_environment" "whole" {
  name              = "variables-whole"
  defaults          = { webservice = var.defaults, worker = { traits = { scaler = var.scaler } } }
  namespace_options = { objects = [var.objects] }
}
resource "fairlead_cluster_binding" "this" {
  name        = "variables"
  environment = fairlead_environment.whole.name
  clusters    = ["local"]
  overrides   = [{ component = var.component, traits = [{ type = "scaler", properties = var.scaler }] }]
}
resource "fairlead_managed_cluster" "this" {
  name   = "variables"
  taints = [var.taint]
}
resource "fairlead_definition" "this" {
  namespace   = "default"
  cue         = var.cue
  description = var.description
}
`

// TestPlatformByVariables validates and plans a module that gives everything by variables.
func TestPlatformByVariables(t *testing.T) {
	plane := sharedHub(t)
	w := newWorkspace(t, fmt.Sprintf(`
provider "fairlead" {
  hub = { config_path = %q }
}
module "platform" {
  source      = "./platform"
  defaults    = { traits = { scaler = { replicas = 2 } } }
  scaler      = { replicas = 3 }
  component   = "web"
  objects     = { apiVersion = "v1", kind = "ResourceQuota", metadata = { name = "small" }, spec = { hard = { pods = "10" } } }
  taint       = { key = "a", effect = "NoSelect" }
  cue         = "variables: {\n\ttype: \"trait\"\n\tattributes: {}\n}\ntemplate: {\n\tparameter: {}\n\tpatch: {}\n}"
  description = null
}
`, plane.KubeconfigPath))
	folder := filepath.Join(w.dir, "platform")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	content := "terraform {\n  required_providers {\n    fairlead = { source = \"fairlead-io/fairlead\" }\n  }\n}\n" + platformModule
	if err := os.WriteFile(filepath.Join(folder, "main.tf"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, nil, "init")
	w.run(t, nil, "validate")
	w.run(t, nil, "plan")
}
