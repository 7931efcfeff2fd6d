// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
)

// providerBlock points an example of the documentation at the hub of a test.
const providerBlock = `
terraform {
  required_providers {
    fairlead = { source = "fairlead-io/fairlead" }
  }
}

provider "fairlead" {
  hub = { config_path = %q }
}
`

// TestExamples runs each example of the documentation: it is applied, changes nothing when applied again, is imported by the
// command of its import.sh with nothing to change, and destroyed.
func TestExamples(t *testing.T) {
	r := runOnOwnHub(t)
	folders, err := filepath.Glob(r.layout.example("resources/*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("there are no examples")
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		if name == "fairlead_managed_cluster" {
			continue // this hub has no Open Cluster Management; other tests apply it to a fleet
		}
		t.Run(name, func(t *testing.T) {
			w := exampleWorkspace(t, r, folder)
			if name == "fairlead_addon" {
				takeOverAddon(t, w, folder)
				return
			}
			mustApply(t, w, r.out)
			importAgain(t, w, folder)
			mustRun(t, w, "destroy", "-input=false", "-auto-approve")
		})
	}
}

// exampleWorkspace prepares a workspace for an example, with a provider block.
func exampleWorkspace(t *testing.T, r running, folder string) terraform.Workspace {
	t.Helper()
	w := r.layout.terraform("example-"+filepath.Base(folder), r.engine, r.out)
	if err := w.Prepare(folder, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	block := fmt.Sprintf(providerBlock, r.env.Hub().KubeconfigPath)
	if err := os.WriteFile(filepath.Join(w.Dir, "provider.tf"), []byte(block), privateFile); err != nil {
		t.Fatal(err)
	}
	return w
}

// importAgain forgets what import.sh imports and imports it. Nothing may be left to change.
func importAgain(t *testing.T, w terraform.Workspace, folder string) {
	t.Helper()
	arguments := importArguments(t, folder)
	if arguments == nil {
		return
	}
	mustRun(t, w, "state", "rm", arguments[0])
	mustRun(t, w, append([]string{"import", "-input=false"}, arguments...)...)
	mustRun(t, w, "plan", "-input=false", "-detailed-exitcode")
}

// importArguments returns the address and the id of the command in import.sh, or nothing where there is none.
func importArguments(t *testing.T, folder string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "import.sh"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(content))
	if len(words) != 4 || words[0] != "terraform" || words[1] != "import" {
		t.Fatalf("%s/import.sh is no command `terraform import ADDRESS ID`: %s", folder, content)
	}
	return words[2:]
}

// takeOverAddon imports the addon that is installed, and lets the example change how many managers run. Their pods are simulated:
// the manager of the test goes on working.
func takeOverAddon(t *testing.T, w terraform.Workspace, folder string) {
	t.Helper()
	mustRun(t, w, append([]string{"import", "-input=false"}, importArguments(t, folder)...)...)
	mustRun(t, w, "apply", "-input=false", "-auto-approve")
	mustRun(t, w, "plan", "-input=false", "-detailed-exitcode")
}

func mustRun(t *testing.T, w terraform.Workspace, args ...string) {
	t.Helper()
	if out, err := w.Output(t.Context(), args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
