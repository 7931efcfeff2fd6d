// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

func TestCleanEnvironment(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		entry  string
		kept   bool
	}{
		"Path":        {"the engine finds programs with it", "PATH=/bin", true},
		"Proxy":       {"the engine may need it", "HTTPS_PROXY=http://proxy.example.com", true},
		"Log":         {"a person asks for a log", "TF_LOG=DEBUG", true},
		"LogProvider": {"so does this", "TF_LOG_PROVIDER=DEBUG", true},
		"CLIConfig":   {"it would hide the provider of this clone", "TF_CLI_CONFIG_FILE=/etc/rc", false},
		"DataDir":     {"it would mix two workspaces", "TF_DATA_DIR=/tmp/x", false},
		"Variable":    {"it would change the example", "TF_VAR_image=x", false},
		"Kube":        {"it would name another hub", "KUBE_HOST=https://other", false},
		"Provider":    {"so would this", "FAIRLEAD_HOST=https://other", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string(nil)
			if c.kept {
				want = []string{c.entry}
			}
			if diff := cmp.Diff(want, cleanEnvironment([]string{c.entry})); diff != "" {
				t.Errorf("%s: cleanEnvironment(%q): -want +got:\n%s", c.reason, c.entry, diff)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ reason, word, want string }{
		"Plain":  {"nothing to protect", "-chdir=/a/b-c.d", "-chdir=/a/b-c.d"},
		"Space":  {"the shell would split it", "/a b", "'/a b'"},
		"Quote":  {"a quote ends a quotation", "it's", `'it'\''s'`},
		"Dollar": {"the shell would expand it", "$HOME", "'$HOME'"},
		"Empty":  {"the shell would drop it", "", "''"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, quote(c.word)); diff != "" {
				t.Errorf("%s: quote(%q): -want +got:\n%s", c.reason, c.word, diff)
			}
		})
	}
}

func TestFindRefusesUnknownEngine(t *testing.T) {
	t.Parallel()
	_, err := Find(t.Context(), "pulumi", tools.Store{})
	if err == nil || !strings.Contains(err.Error(), `unknown engine "pulumi"`) {
		t.Errorf("Find: want an error that names the choice, got %v", err)
	}
}

// TestFindOnPath looks for a terraform of some version on the PATH. Not parallel: it sets the PATH.
func TestFindOnPath(t *testing.T) {
	cases := map[string]struct {
		reason, script, failure string
	}{
		"Oldest":    {"all works with it", `echo '{"terraform_version":"1.11.0"}'`, ""},
		"Newer":     {"minor versions are numbers", `echo '{"terraform_version":"1.101.2"}'`, ""},
		"Old":       {"it has no write-only attributes", `echo '{"terraform_version":"1.9.8"}'`, "is version 1.9.8, and 1.11.0 is needed"},
		"Candidate": {"it comes before its version", `echo '{"terraform_version":"1.11.0-rc1"}'`, "is version 1.11.0-rc1"},
		"Broken":    {"it does not run here", "exit 3", "exit status 3"},
		"Other":     {"another program has the name", "echo hello", "invalid character"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			program := filepath.Join(folder, "terraform")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
			path, err := Find(t.Context(), Terraform, tools.Store{})
			if c.failure != "" {
				if err == nil || !strings.Contains(err.Error(), c.failure) {
					t.Errorf("%s: want an error that says %q, got %q, %v", c.reason, c.failure, path, err)
				}
				return
			}
			if err != nil || path != program {
				t.Errorf("%s: want %s, got %q, %v", c.reason, program, path, err)
			}
		})
	}
}

// example writes a configuration that needs no provider of ours.
func example(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(content), privateFile); err != nil {
		t.Fatal(err)
	}
	return dir
}

func newWorkspace(t *testing.T, out *bytes.Buffer) Workspace {
	t.Helper()
	store, err := tools.DefaultStore(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := Find(t.Context(), Auto, store)
	if err != nil {
		t.Fatal(err)
	}
	w := Workspace{Engine: engine, Dir: filepath.Join(t.TempDir(), "work space"), Out: out}
	w.CLIConfig = filepath.Join(t.TempDir(), "terraform.rc")
	if err := WriteCLIConfig(w.CLIConfig, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWorkspaceKeepsState prepares a workspace a second time, as a second run of the demo does, and expects nothing to change.
func TestWorkspaceKeepsState(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := newWorkspace(t, &out)
	source := example(t, `
variable "name" { type = string }
resource "terraform_data" "greeting" { input = "hello ${var.name}" }
output "greeting" { value = terraform_data.greeting.output }
`)
	for range 2 {
		out.Reset()
		if err := w.Prepare(source, map[string]any{"name": "world"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Run(t.Context(), "apply", "-input=false", "-auto-approve"); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	if !strings.Contains(out.String(), "No changes.") {
		t.Errorf("the second apply changed something:\n%s", out.String())
	}
	got, err := w.Output(t.Context(), "output", "-raw", "greeting")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("hello world", string(got)); diff != "" {
		t.Errorf("output: -want +got:\n%s", diff)
	}
}

// TestPrepareDropsOldLinks checks that a file that left the example leaves the workspace.
func TestPrepareDropsOldLinks(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, &bytes.Buffer{})
	first := example(t, `output "x" { value = 1 }`)
	if err := os.Rename(filepath.Join(first, "main.tf"), filepath.Join(first, "old.tf")); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{first, example(t, `output "x" { value = 2 }`)} {
		if err := w.Prepare(source, map[string]any{}); err != nil {
			t.Fatal(err)
		}
	}
	links, err := filepath.Glob(filepath.Join(w.Dir, "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(w.Dir, "main.tf")}, links); diff != "" {
		t.Errorf("links: -want +got:\n%s", diff)
	}
}

// TestInterruptKeepsState ends the context in the middle of an apply: what was created before must be in the state.
func TestInterruptKeepsState(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := newWorkspace(t, &out)
	marker := filepath.Join(t.TempDir(), "slow")
	source := example(t, `
variable "marker" { type = string }
resource "terraform_data" "quick" { input = 1 }
resource "terraform_data" "slow" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" { command = "touch '${var.marker}'; exec sleep 300" }
}
`)
	if err := w.Prepare(source, map[string]any{"marker": marker}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		waitForFile(ctx, marker)
	}()
	if err := w.Run(ctx, "apply", "-input=false", "-auto-approve"); err == nil {
		t.Fatal("an interrupted apply must be an error")
	}
	got, err := w.Output(t.Context(), "state", "list")
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(string(got), "terraform_data.quick") {
		t.Errorf("the state lost what was created:\n%s\n%s", got, out.String())
	}
}

func waitForFile(ctx context.Context, path string) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	w := Workspace{Engine: "/opt/tofu", Dir: "/a b", CLIConfig: "/c/rc"}
	want := `TF_CLI_CONFIG_FILE=/c/rc /opt/tofu -chdir='/a b' apply -var 'x=a b'`
	if diff := cmp.Diff(want, w.CommandLine("apply", "-var", "x=a b")); diff != "" {
		t.Errorf("CommandLine: -want +got:\n%s", diff)
	}
}

// TestInitFindsProvider is what a person does out of habit: the provider of this clone is in no registry.
func TestInitFindsProvider(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, &bytes.Buffer{})
	bin := t.TempDir()
	source := example(t, `terraform {
  required_providers {
    fairlead = { source = "fairlead-io/fairlead" }
  }
}`)
	for _, build := range []string{"a build", "another build"} {
		if err := os.WriteFile(filepath.Join(bin, providerBinary), []byte(build), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := WriteCLIConfig(w.CLIConfig, bin); err != nil {
			t.Fatal(err)
		}
		if err := w.Prepare(source, map[string]any{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Output(t.Context(), "init", "-input=false"); err != nil {
			t.Errorf("init with %s: %v", build, err)
		}
	}
}
