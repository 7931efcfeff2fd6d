// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	demo "github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
)

// killed runs the engine, and kills it and the provider (SIGKILL) at the k-th write, after the hub has made it and before
// the provider knows. It says whether there were as many writes.
func (w *providerWorkspace) killed(t *testing.T, proxy *writeProxy, k int, args ...string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.Engine, args...)
	cmd.Dir = w.Dir
	cmd.Env = append(os.Environ(), demo.ConfigEnv+"="+w.CLIConfig, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// The provider is in the group of the engine that starts it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := make(chan struct{})
	var reached atomic.Bool
	proxy.arm(k, func() {
		<-started
		reached.Store(true)
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill the engine: %v", err)
		}
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	proxy.arm(0, nil)
	if !reached.Load() && err != nil {
		t.Fatalf("%s was to be killed at write %d, and failed before: %v\n%s", args[0], k, err, out.Bytes())
	}
	return reached.Load()
}

// isSettled runs a plan and fails the test when it is not empty.
func (w *providerWorkspace) isSettled(t *testing.T, when string) {
	t.Helper()
	err := w.Run(t.Context(), "plan", "-input=false", "-detailed-exitcode")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		t.Errorf("%s: the plan is not empty:\n%s", when, w.out)
		return
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", when, err, w.out)
	}
}

// terraformAccount is an account with all rights, since a proxy cannot pass on a client certificate.
func terraformAccount(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	objects := hubObjects(t, plane)
	create(t, objects, serviceAccounts, "default", object(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"terraform"}}`))
	create(t, objects, clusterRoleBindings, "", object(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"terraform"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},
		"subjects":[{"kind":"ServiceAccount","name":"terraform","namespace":"default"}]}`))
}

// TestApplicationOfKilledEngine kills the engine and the provider at each write of a create, an update and a destroy. The same
// command again does the rest: nothing asks for an import, and nothing is left over or done twice. No owner helps to tell
// whose the application is.
func TestApplicationOfKilledEngine(t *testing.T) {
	plane := sharedHub(t)
	terraformAccount(t, plane)
	proxy := newWriteProxyAs(t, plane, "default", "terraform")
	w := newProviderWorkspace(t)
	config := func(image, secrets string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\n", proxy.kubeconfig) +
			application("murdered", web(image)+"\nsecrets_wo = {"+secrets+"}")
	}
	before := config("nginx:1", ` a = { password = "one" }, b = { password = "two" } `)
	after := config("nginx:2", ` a = { password = "three" } `)
	apply := []string{"apply", "-input=false", "-auto-approve", "-no-color"}
	destroy := []string{"destroy", "-input=false", "-auto-approve", "-no-color"}
	is := func(when, image string, want map[string]any) {
		t.Helper()
		if err := errors.Join(applicationIs(t, plane, "murdered", webSpec(image))(nil), secretsAre(t, plane, "murdered", want)(nil)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	kills := map[string]int{}
	for k := 1; ; k++ {
		when := fmt.Sprintf("create, write %d", k)
		w.configure(t, before, nil)
		killed := w.killed(t, proxy, k, apply...)
		w.must(t, apply...)
		is(when, "nginx:1", map[string]any{"a": data("b25l"), "b": data("dHdv")})
		w.isSettled(t, when)
		if !killed {
			break // and the application stands for what follows
		}
		kills["create"]++
		w.must(t, destroy...)
	}
	for k := 1; ; k++ {
		when := fmt.Sprintf("update, write %d", k)
		w.configure(t, after, nil)
		killed := w.killed(t, proxy, k, apply...)
		w.must(t, apply...)
		is(when, "nginx:2", map[string]any{"a": data("dGhyZWU=")})
		w.isSettled(t, when)
		w.configure(t, before, nil)
		w.must(t, apply...)
		if !killed {
			break
		}
		kills["update"]++
	}
	for k := 1; ; k++ {
		killed := w.killed(t, proxy, k, destroy...)
		w.must(t, destroy...)
		if err := errors.Join(applicationAbsent(t, plane, "murdered")(&terraform.State{}), secretsAre(t, plane, "murdered", map[string]any{})(nil)); err != nil {
			t.Errorf("destroy, write %d: %v", k, err)
		}
		if !killed {
			break
		}
		kills["destroy"]++
		w.must(t, apply...)
	}
	if kills["create"] != 3 || kills["update"] != 3 || kills["destroy"] != 3 {
		t.Errorf("killed at %v writes, want 3 each; the last: %s", kills, strings.Join(proxy.last(5), ", "))
	}
}
