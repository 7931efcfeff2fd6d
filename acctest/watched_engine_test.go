// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// engine is terraform on the command line in a folder of its own, with the
// provider of this tree. Tests that need an engine's exit status, its whole
// diagnostics or to interrupt it use it in place of resource.TestCase.
type engine struct {
	dir string
	env []string
}

// newEngine serves the provider until the test ends.
func newEngine(t *testing.T) *engine {
	t.Helper()
	path := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if path == "" {
		t.Skip("TF_ACC_TERRAFORM_PATH names no engine: run by tools/with-engine.sh")
	}
	address := orElse(os.Getenv("TF_ACC_PROVIDER_HOST"), "registry.terraform.io") + "/" + orElse(os.Getenv("TF_ACC_PROVIDER_NAMESPACE"), "hashicorp") + "/fairlead"
	t.Setenv("TF_LOG_SDK", "OFF")
	t.Setenv("TF_LOG_PROVIDER", "OFF")
	ctx, cancel := context.WithCancel(context.Background())
	started, closed := make(chan *plugin.ReattachConfig, 1), make(chan struct{})
	go func() {
		factory := func() tfprotov6.ProviderServer {
			server, err := providerFactories()["fairlead"]()
			if err != nil {
				panic(err)
			}
			return server
		}
		if err := tf6server.Serve(address, factory, tf6server.WithDebug(ctx, started, closed), tf6server.WithGoPluginLogger(hclog.NewNullLogger())); err != nil {
			t.Errorf("serve the provider: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-closed
	})
	config := <-started
	reattach := map[string]any{address: map[string]any{
		"Protocol": string(config.Protocol), "ProtocolVersion": config.ProtocolVersion, "Pid": config.Pid, "Test": true,
		"Addr": map[string]any{"Network": config.Addr.Network(), "String": config.Addr.String()},
	}}
	return &engine{dir: t.TempDir(), env: append(os.Environ(), "TF_REATTACH_PROVIDERS="+jsonOf(reattach), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// configure replaces the configuration.
func (e *engine) configure(t *testing.T, configuration string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, "main.tf"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := e.run(t, "init", "-no-color"); code != 0 {
		t.Fatalf("init: %s", out)
	}
}

func (e *engine) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("TF_ACC_TERRAFORM_PATH"), args...)
	cmd.Dir, cmd.Env = e.dir, e.env
	return cmd
}

// run runs a command and returns its exit status and what it printed.
func (e *engine) run(t *testing.T, args ...string) (code int, stdout string) {
	t.Helper()
	cmd := e.command(t, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode(), out.String() + stderr.String()
}

// diagnostic is an error or warning of the engine.
type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
}

// message is a line that the engine prints with -json.
type message struct {
	Type       string     `json:"type"`
	Text       string     `json:"@message"`
	Diagnostic diagnostic `json:"diagnostic"`
	Hook       struct {
		Resource struct {
			Addr string `json:"addr"`
		} `json:"resource"`
	} `json:"hook"`
}

// messages reads what the engine printed with -json.
func messages(stdout string) []message {
	var all []message
	lines := bufio.NewScanner(strings.NewReader(stdout))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one message
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			all = append(all, one)
		}
	}
	return all
}

// apply applies the configuration, everything at the same time, and returns the
// exit status and the diagnostics by the address that they are about, or by their
// summary where they name none, as those of a destroy.
func (e *engine) apply(t *testing.T, args ...string) (code int, found map[string]diagnostic) {
	t.Helper()
	code, out := e.run(t, append([]string{"apply", "-auto-approve", "-json", "-parallelism=100"}, args...)...)
	found = map[string]diagnostic{}
	for _, m := range messages(out) {
		if m.Type == "diagnostic" {
			found[orElse(m.Diagnostic.Address, m.Diagnostic.Summary)] = m.Diagnostic
		}
	}
	return code, found
}

// mustApply applies the configuration without an error.
func (e *engine) mustApply(t *testing.T, args ...string) {
	t.Helper()
	if code, found := e.apply(t, args...); code != 0 {
		t.Fatalf("apply ended with %d: %s", code, jsonOf(found))
	}
}

// interrupted runs a command with -json and interrupts it, as Ctrl-C does, as soon
// as it prints what is looked for.
func (e *engine) interrupted(t *testing.T, when func(message) bool, args ...string) (code int, found map[string]diagnostic) {
	t.Helper()
	cmd := e.command(t, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found = map[string]diagnostic{}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for sent := false; lines.Scan(); {
		for _, m := range messages(lines.Text()) {
			if m.Type == "diagnostic" {
				found[m.Diagnostic.Address] = m.Diagnostic
			}
			if sent || !when(m) {
				continue
			}
			sent = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) {
		return 0, found
	}
	return cmd.ProcessState.ExitCode(), found
}

// change is what the next apply would do with a resource.
type change struct {
	Address string `json:"address"`
	Change  struct {
		Actions []string       `json:"actions"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// changes are what the next apply would do with each resource.
func (e *engine) changes(t *testing.T) []change {
	t.Helper()
	code, out := e.run(t, "plan", "-out=next.tfplan", "-no-color", "-parallelism=100")
	if code != 0 {
		t.Fatalf("plan: %s", out)
	}
	_, out = e.run(t, "show", "-json", "next.tfplan")
	var planned struct {
		Changes []change `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(out), &planned); err != nil {
		t.Fatalf("read the plan: %v\n%.500s", err, out)
	}
	return planned.Changes
}

// plan is what the next apply would do, by address: create, update, delete; what
// stays as it is has no entry.
func (e *engine) plan(t *testing.T) map[string]string {
	t.Helper()
	actions := map[string]string{}
	for _, change := range e.changes(t) {
		if text := strings.Join(change.Change.Actions, ", "); text != "no-op" && text != "read" {
			actions[change.Address] = text
		}
	}
	return actions
}

// stateEntry is a resource in the state.
type stateEntry struct {
	Status     string         `json:"status"`
	Attributes map[string]any `json:"attributes"`
}

// state is what is in the state, by address.
func (e *engine) state(t *testing.T) map[string]stateEntry {
	t.Helper()
	code, out := e.run(t, "state", "pull")
	if code != 0 {
		t.Fatalf("state pull: %s", out)
	}
	var pulled struct {
		Resources []struct {
			Type      string       `json:"type"`
			Name      string       `json:"name"`
			Instances []stateEntry `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal([]byte(out), &pulled); err != nil {
		t.Fatalf("read the state: %v", err)
	}
	entries := map[string]stateEntry{}
	for _, r := range pulled.Resources {
		entries[r.Type+"."+r.Name] = r.Instances[0]
	}
	return entries
}

// destroy destroys everything when the test ends.
func (e *engine) destroyAtTheEnd(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		cmd := exec.Command(os.Getenv("TF_ACC_TERRAFORM_PATH"), "destroy", "-auto-approve", "-no-color", "-parallelism=100")
		cmd.Dir, cmd.Env = e.dir, e.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("destroy: %v\n%s", err, out)
		}
	})
}
