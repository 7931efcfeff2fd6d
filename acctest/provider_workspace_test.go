// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// providerWorkspace is an engine with the provider as a process of its own, as people have them.
type providerWorkspace struct {
	terraform.Workspace
	out    *bytes.Buffer
	source string
}

// newProviderWorkspace makes an empty workspace. What the engine prints is kept.
func newProviderWorkspace(t *testing.T) *providerWorkspace {
	t.Helper()
	engine := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if engine == "" {
		var err error
		if engine, err = terraform.Find(t.Context(), terraform.Auto, tools.Store{}); err != nil {
			t.Fatal(err)
		}
	}
	w := &providerWorkspace{out: &bytes.Buffer{}, source: t.TempDir()}
	w.Workspace = terraform.Workspace{Engine: engine, Dir: t.TempDir(), CLIConfig: filepath.Join(t.TempDir(), "engine.tfrc"), Out: w.out}
	if err := terraform.WriteCLIConfig(w.CLIConfig, binaries.provider(t)); err != nil {
		t.Fatal(err)
	}
	return w
}

// configure writes the configuration. The provider must be named by its address.
func (w *providerWorkspace) configure(t *testing.T, configuration string, variables map[string]any) {
	t.Helper()
	content := "terraform {\n  required_providers {\n    fairlead = { source = \"fairlead-io/fairlead\" }\n  }\n}\n" + configuration
	if err := os.WriteFile(filepath.Join(w.source, "main.tf"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if variables == nil {
		variables = map[string]any{}
	}
	if err := w.Prepare(w.source, variables); err != nil {
		t.Fatal(err)
	}
}

// must runs the engine and fails the test when that fails.
func (w *providerWorkspace) must(t *testing.T, args ...string) {
	t.Helper()
	if err := w.Run(t.Context(), args...); err != nil {
		t.Fatalf("%v\n%s", err, w.out.Bytes())
	}
}

// output is what the engine prints for a command, which must succeed.
func (w *providerWorkspace) output(t *testing.T, args ...string) []byte {
	t.Helper()
	content, err := w.Output(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// apply applies without asking.
func (w *providerWorkspace) apply(t *testing.T) {
	t.Helper()
	w.must(t, "apply", "-input=false", "-auto-approve")
}
