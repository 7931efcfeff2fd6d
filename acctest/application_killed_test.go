// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// casualty is who is killed: all processes of a run, as when a machine or a container ends, or some of them.
type casualty string

const (
	everybody    casualty = "engine and provider"
	engineAlone  casualty = "engine"
	providerOnly casualty = "provider"
)

// kill ends processes of a run at once (SIGKILL).
func (v casualty) kill(run *engineRun) error {
	// The providers are in the group of the engine that starts them.
	group := run.cmd.Process.Pid
	switch v {
	case engineAlone:
		return syscall.Kill(group, syscall.SIGKILL)
	case everybody:
		return syscall.Kill(-group, syscall.SIGKILL)
	}
	members, err := membersOf(group)
	if err != nil {
		return err
	}
	killed := 0
	for _, pid := range members {
		if pid == group {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		killed++
	}
	if killed == 0 {
		return errors.New("the engine has no provider")
	}
	return nil
}

// membersOf are the processes of a group that run.
func membersOf(group int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,pgid=,stat=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var members []int
	for line := range strings.Lines(string(out)) {
		var pid, pgid int
		var state string
		if _, err := fmt.Sscan(line, &pid, &pgid, &state); err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		if pgid == group && !strings.HasPrefix(state, "Z") {
			members = append(members, pid)
		}
	}
	return members, nil
}

// killed runs the engine and kills somebody at the k-th write, after the hub has made it and before the provider knows. It says
// whether there were as many writes. What is left of the run comes to its end.
func (w *workspace) killed(t *testing.T, proxy *writeProxy, k int, v casualty, args ...string) bool {
	t.Helper()
	var run *engineRun
	started := make(chan struct{})
	var reached atomic.Bool
	proxy.arm(k, func() {
		<-started
		reached.Store(true)
		if err := v.kill(run); err != nil {
			t.Errorf("kill the %s: %v", v, err)
		}
	})
	run = w.start(t, nil, args...)
	close(started)
	err := run.wait(t)
	proxy.arm(0, nil)
	eventually(t, patience, "the processes of a run to end", func() error {
		members, err := membersOf(run.cmd.Process.Pid)
		if err == nil && len(members) > 0 {
			err = fmt.Errorf("%v still run", members)
		}
		return err
	})
	if reached.Load() == (err == nil) {
		t.Fatalf("%s was to be killed at write %d, was %t, and ended with %v:\n%s", args[0], k, reached.Load(), err, run)
	}
	return reached.Load()
}

// terraformAccount is an account with all rights, since a proxy cannot pass on a client certificate.
func terraformAccount(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	objects := hubObjects(t, plane)
	create(t, objects, serviceAccounts, "default", object(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"terraform"}}`))
	create(t, objects, clusterRoleBindings, "", object(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"terraform"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},
		"subjects":[{"kind":"ServiceAccount","name":"terraform","namespace":"default"}]}`))
	isGranted(t, objects, object(`{"kind":"ServiceAccount","name":"terraform","namespace":"default"}`))
}

// lifePart is a part of the life of an application: of what is configured, a command, and what holds after it. Each makes three
// writes: two Secrets and the application.
type lifePart struct {
	name, config string
	// again is what is configured after the kill: values of Secrets may be made anew in each run.
	again string
	args  []string
	is    func() error
	// begin makes what is there when the part begins.
	begin func(t *testing.T)
}

// lifeWrites is how many writes a part makes.
const lifeWrites = 3

// lifeOf are the parts of the life of an application in a workspace. No owner helps to tell whose it is.
func lifeOf(t *testing.T, w *workspace, plane *cluster.ControlPlane, kubeconfig, name string) []lifePart {
	config := func(image, secrets string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\n", kubeconfig) +
			application(name, web(image)+"\nsecrets_wo = {"+secrets+"}")
	}
	is := func(image string, want map[string]any) func() error {
		return func() error {
			return errors.Join(applicationIs(t, plane, name, webSpec(image))(nil), secretsAre(t, plane, name, want)(nil))
		}
	}
	before := config("nginx:1", ` a = { password = "one" }, b = { password = "two" } `)
	apply, destroy := []string{"apply", "-auto-approve"}, []string{"destroy", "-auto-approve"}
	// old is the application as it was before a part began.
	var old *unstructured.Unstructured
	begin := func(args []string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			w.write(t, before)
			w.run(t, nil, args...)
			live, err := hubObjects(t, plane).Resource(applications).Namespace("default").Get(t.Context(), name, metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
			old = live
		}
	}
	same := func(check func() error) func() error {
		return func() error { return errors.Join(check(), isStill(t, plane, old)(nil)) }
	}
	absent := func() error {
		return errors.Join(applicationAbsent(t, plane, name)(&terraform.State{}), secretsAre(t, plane, name, map[string]any{})(nil))
	}
	return []lifePart{
		{"create", before, config("nginx:1", ` a = { password = "four" }, b = { password = "five" } `), apply,
			is("nginx:1", map[string]any{"a": data("Zm91cg=="), "b": data("Zml2ZQ==")}), begin(destroy)},
		{"update", config("nginx:2", ` a = { password = "three" } `), config("nginx:2", ` a = { password = "three" } `), apply, same(is("nginx:2", map[string]any{"a": data("dGhyZWU=")})), begin(apply)},
		{"destroy", before, before, destroy, absent, begin(apply)},
	}
}

// TestApplicationOfKilledEngine kills the engine, the provider, and both, at writes of a create, an update and a destroy. The same
// command again does the rest: nothing asks for an import, and nothing is left over or done twice. A provider whose engine is gone
// goes too. The long test kills either alone at each write as well.
func TestApplicationOfKilledEngine(t *testing.T) {
	plane := sharedHub(t)
	terraformAccount(t, plane)
	proxy := newWriteProxyAs(t, plane, "default", "terraform")
	every := []int{1, 2, 3, 4}
	alone := []int{2}
	if os.Getenv("FAIRLEAD_TEST_LONG") != "" {
		alone = every
	}
	for v, writes := range map[casualty][]int{everybody: every, engineAlone: alone, providerOnly: alone} {
		t.Run(string(v), func(t *testing.T) {
			w := newWorkspace(t, "")
			for _, part := range lifeOf(t, w, plane, proxy.kubeconfig, strings.ReplaceAll("killed-"+string(v), " ", "-")) {
				for _, k := range writes {
					part.goesOn(t, w, proxy, k, v)
				}
			}
		})
	}
}

// goesOn goes through a part, of which the k-th write kills somebody, and does it again.
func (p lifePart) goesOn(t *testing.T, w *workspace, proxy *writeProxy, k int, v casualty) {
	t.Helper()
	when := fmt.Sprintf("%s, write %d", p.name, k)
	p.begin(t)
	w.write(t, p.config)
	if killed := w.killed(t, proxy, k, v, p.args...); killed != (k <= lifeWrites) {
		t.Errorf("%s: killed %t; the last writes: %s", when, killed, strings.Join(proxy.last(lifeWrites+1), ", "))
	}
	w.write(t, p.again)
	w.run(t, nil, p.args...)
	if err := p.is(); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if p.args[0] == "apply" {
		w.isSettled(t, when)
	}
}
