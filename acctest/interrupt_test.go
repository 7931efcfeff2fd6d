// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// promptly is how soon the engine must end after Ctrl-C, on a busy machine: far
// below what it would have waited for otherwise.
const promptly = time.Minute

// interrupt waits until what the engine prints has the text and the condition
// holds, presses Ctrl-C, and returns what the engine has printed when it has ended.
func interrupt(t *testing.T, run *engineRun, text string, condition func() error) string {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("the engine to say %q", text), func() error {
		if !strings.Contains(run.String(), text) {
			return errors.New(run.String())
		}
		return condition()
	})
	if err := run.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := run.wait(t); err == nil {
		t.Errorf("an interrupted run succeeded:\n%s", run)
	}
	if took := time.Since(began); took > promptly {
		t.Errorf("it ended %s after Ctrl-C", took)
	}
	return oneLine(run.String())
}

// TestPain15Interrupt presses Ctrl-C while the provider waits: for a rollout, for
// an application that is held, and for a credential plugin. It ends at once, says
// so, and the state has what was made and not what was not.
func TestPain15Interrupt(t *testing.T) {
	plane := sharedHub(t)
	apps := hubObjects(t, plane).Resource(applications).Namespace("default")
	env := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	w := newWorkspace(t, `
resource "fairlead_application" "this" {
  namespace  = "default"
  name       = "interrupted"
  components = { web = { type = "webservice", properties = { image = "nginx:1" } } }
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
}
`)
	nothing := func() error { return nil }
	// Nobody delivers it: the rollout waits for 20 minutes.
	output := interrupt(t, w.start(t, env, "apply", "-auto-approve"), "fairlead_rollout.this: Still creating", nothing)
	if !strings.Contains(output, "interrupted") && !strings.Contains(output, "Interrupted") {
		t.Errorf("want it said that it was interrupted:\n%s", output)
	}
	if state := w.run(t, env, "state", "list"); state != "fairlead_application.this\n" {
		t.Errorf("in the state: %q, want the application alone", state)
	}

	hold := func(finalizers string) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"metadata":{"finalizers":%s}}`, finalizers)
		if _, err := apps.Patch(t.Context(), "interrupted", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	hold(`["example.com/held"]`)
	output = interrupt(t, w.start(t, env, "destroy", "-auto-approve"), "Still destroying", func() error {
		live, err := apps.Get(t.Context(), "interrupted", metav1.GetOptions{})
		if err == nil && live.GetDeletionTimestamp() == nil {
			return errors.New("it is not being deleted")
		}
		return err
	})
	if !strings.Contains(output, "Interrupted while waiting for the end of") || !strings.Contains(output, "finalizer example.com/held") {
		t.Errorf("want it said that it was interrupted, and what holds the application:\n%s", output)
	}
	if state := w.run(t, env, "state", "list"); state != "fairlead_application.this\n" {
		t.Errorf("in the state: %q, want the application that is still there", state)
	}
	hold("null")

	program := filepath.Join(t.TempDir(), "plugin")
	running := program + ".running"
	if err := os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\ntouch %q\nexec sleep 600\n", running), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(t, fmt.Sprintf("provider \"fairlead\" {\n  hub = { host = %q, %s }\n}\nresource \"fairlead_application\" \"this\" {\n  namespace = \"default\"\n  name = \"interrupted\"\n  components = {}\n}\n", plane.URL(), execHub(program)))
	interrupt(t, w.start(t, nil, "plan"), "", func() error {
		_, err := os.Stat(running)
		return err
	})
	w.write(t, "")
	w.run(t, env, "apply", "-auto-approve")
}
