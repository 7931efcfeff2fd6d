// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
)

// engineLimit is when a run of the engine is taken to hang.
const engineLimit = 10 * time.Minute

// workspace is a folder in which the engine runs with the provider's binary, as
// it does for a person: plan and apply are processes of their own, and what they
// read of the environment is given. It is for tests of what resource.TestCase does
// not show: what is printed and logged, exit statuses, interrupts and kills. What
// the engine says to programs is read in engine_results_test.go.
type workspace struct {
	// dir has the configuration, the state, and plans; it is the engine's home too.
	dir string
	// cli is the engine's own configuration, which says where the provider is.
	cli string
	// env are variables of the environment of every run, beside those of one run.
	env []string
}

// newWorkspace writes the configuration to a new folder.
func newWorkspace(t *testing.T, configuration string) *workspace {
	t.Helper()
	w := &workspace{dir: t.TempDir(), cli: filepath.Join(t.TempDir(), "terraform.rc")}
	if err := terraform.WriteCLIConfig(w.cli, binaries.provider(t)); err != nil {
		t.Fatal(err)
	}
	w.write(t, configuration)
	return w
}

// write replaces the configuration.
func (w *workspace) write(t *testing.T, configuration string) {
	t.Helper()
	all := "terraform {\n  required_providers {\n    fairlead = { source = \"fairlead-io/fairlead\" }\n  }\n}\n" + configuration
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
}

// engineRun is the engine while it runs.
type engineRun struct {
	cmd   *exec.Cmd
	mutex sync.Mutex
	out   bytes.Buffer
}

// Write takes what the engine prints.
func (r *engineRun) Write(p []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.out.Write(p)
}

// String is what the engine has printed.
func (r *engineRun) String() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.out.String()
}

// start starts the engine with variables of the environment beside PATH. Its
// process group holds its providers as well.
func (w *workspace) start(t *testing.T, env []string, args ...string) *engineRun {
	t.Helper()
	r := &engineRun{}
	// The context of a test has ended when what it made is removed.
	r.cmd = exec.Command(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), append(args, "-no-color")...)
	r.cmd.Dir = w.dir
	r.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + os.TempDir(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
		terraform.ConfigEnv + "=" + w.cli,
	}, append(slices.Clone(w.env), env...)...)
	r.cmd.Stdout, r.cmd.Stderr = r, r
	// The engine interrupts its providers itself.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start the engine: %v", err)
	}
	// Whatever it leaves behind, such as a provider or a plugin that hangs, ends with the test.
	t.Cleanup(func() { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) })
	return r
}

// wait waits until the engine ends, and ends it if it hangs.
func (r *engineRun) wait(t *testing.T) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(engineLimit):
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		t.Fatalf("the engine does not end:\n%s", r)
		return nil
	}
}

// run runs the engine, which must succeed, and returns what it prints.
func (w *workspace) run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	r := w.start(t, env, args...)
	if err := r.wait(t); err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, r)
	}
	return r.String()
}

// isSettled plans, and fails the test when something is to be done.
func (w *workspace) isSettled(t *testing.T, when string) {
	t.Helper()
	r := w.start(t, nil, "plan", "-input=false", "-detailed-exitcode")
	err := r.wait(t)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 2 {
		t.Errorf("%s: the plan is not empty:\n%s", when, r)
		return
	}
	if err != nil {
		t.Fatalf("%s: plan: %v\n%s", when, err, r)
	}
}

// fails runs the engine, which must fail, and returns what it prints as one line.
func (w *workspace) fails(t *testing.T, env []string, args ...string) string {
	t.Helper()
	r := w.start(t, env, args...)
	if err := r.wait(t); err == nil {
		t.Fatalf("%s succeeded, want an error:\n%s", args[0], r)
	}
	return oneLine(r.String())
}

// oneLine undoes how the engine wraps and frames messages.
func oneLine(output string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(output)), " ")
}
