// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// destroyLimit is how long removing everything from every cluster may take.
	destroyLimit = 2 * time.Minute
	// eventually is long enough for a busy machine. Nothing waits for it when all is well.
	eventually = 2 * time.Minute
	testPoll   = 100 * time.Millisecond
)

// deliveredKinds are what an application leaves behind if anything is left behind.
func deliveredKinds() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Version: "v1", Resource: "services"},
	}
}

// acceptance skips without TF_ACC, as all tests with an engine do, and returns the layout of a demo that is gone after the test.
func acceptance(t *testing.T) layout {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need TF_ACC=1: they build and start control planes")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	l := layout{root: root, dir: filepath.Join(t.TempDir(), "demo"), bin: binaries(t, root)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(l.manager().LogFile))
		}
		if err := down(context.Background(), l, io.Discard); err != nil {
			t.Errorf("taking the demo down: %v", err)
		}
	})
	return l
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// binaries builds the provider and the addon of this tree once for all tests and returns their folder.
func binaries(t *testing.T, root string) string {
	t.Helper()
	built.once.Do(func() {
		if built.err != nil {
			return
		}
		for name, source := range map[string]string{"terraform-provider-fairlead": ".", "fairlead-addon": "./addon/cmd/fairlead-addon"} {
			cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(built.dir, name), source)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("building %s: %w\n%s", name, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func TestMain(m *testing.M) {
	built.dir, built.err = os.MkdirTemp("", "fairlead-bin-*")
	code := m.Run()
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// console collects what a run prints, and tells when it has printed something.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// String returns what was printed until now.
func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

func (c *console) has(text string) bool { return strings.Contains(c.String(), text) }

// waitUntil waits until done, and fails the test when it takes too long.
func waitUntil(t *testing.T, limit time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s: %s", limit, what, state)
		}
		<-time.After(testPoll)
	}
}

// mustUp brings the demo up and returns what it printed.
func mustUp(t *testing.T, l layout) string {
	t.Helper()
	var out console
	if err := up(t.Context(), l, engineChoice(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

// TestDemo goes the way of a person: an interrupted start, a start, again, after a crash of the manager, destroy, down.
func TestDemo(t *testing.T) {
	l := acceptance(t)
	interruptUp(t, l, "==> Running the manager")

	out := mustUp(t, l)
	for _, place := range []string{`dev +│ local `, `prod +│ cluster1 `, `prod +│ cluster2 `} {
		for _, workload := range []string{`Deployment web +│ webservice .* 2/2 `, `Deployment cache +│ cache .* 1/1 `} {
			if !regexp.MustCompile(place + `.*` + workload).MatchString(out) {
				t.Errorf("the table of what runs where lacks %q with %q:\n%s", place, workload, out)
			}
		}
	}
	first := managerID(t, l)
	out = mustUp(t, l)
	if count := strings.Count(out, "No changes."); count != 2 {
		t.Errorf("a second run must change nothing in both configurations, %d of 2 did not:\n%s", count, out)
	}
	if second := managerID(t, l); second != first {
		t.Errorf("a second run replaced manager %d by %d", first, second)
	}

	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, eventually, "the manager to be dead", func() (bool, string) { return managerID(t, l) == 0, "it lives" })
	out = mustUp(t, l)
	if third := managerID(t, l); third == 0 || strings.Count(out, "No changes.") != 2 {
		t.Errorf("after a crash of the manager: manager %d, output:\n%s", third, out)
	}
	destroyAndCheck(t, l)
	downAndCheck(t, l)
}

// interruptUp interrupts a start at the moment when it prints text.
func interruptUp(t *testing.T, l layout, text string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out console
	finished := make(chan error, 1)
	go func() { finished <- up(ctx, l, engineChoice(), &out) }()
	waitUntil(t, 45*time.Minute, "the start to get to "+text, func() (bool, string) {
		return out.has(text) || len(finished) > 0, out.String()
	})
	cancel()
	if err := <-finished; err == nil {
		t.Fatalf("an interrupted start must be an error:\n%s", out.String())
	}
}

func managerID(t *testing.T, l layout) int {
	t.Helper()
	pid, err := l.manager().PID()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// destroyAndCheck destroys the quickstart and looks for what is left on every cluster.
func destroyAndCheck(t *testing.T, l layout) {
	t.Helper()
	env, err := cluster.Attach(l.clusters())
	if err != nil {
		t.Fatal(err)
	}
	destroyWorkspace(t, l, quickstartExample)
	for _, plane := range append([]*cluster.ControlPlane{env.Hub()}, env.Clusters()...) {
		checkNothingDelivered(t, plane)
	}
}

// destroyWorkspace runs destroy, and fails the test when it takes too long.
func destroyWorkspace(t *testing.T, l layout, example string) {
	t.Helper()
	engine := engineOf(t)
	var out console
	began := time.Now()
	if err := l.terraform(example, engine, &out).Run(t.Context(), "destroy", "-input=false", "-auto-approve"); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if took := time.Since(began); took > destroyLimit {
		t.Errorf("destroy took %s, more than %s:\n%s", took, destroyLimit, out.String())
	}
}

// engineChoice is the engine that all acceptance tests are told to use, or the one that a person would get.
func engineChoice() string {
	return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), terraform.Auto)
}

func engineOf(t *testing.T) string {
	t.Helper()
	engine, err := buildTools(t.Context(), engineChoice(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// checkNothingDelivered looks for objects with our label that are left.
func checkNothingDelivered(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	client, err := dynamic.NewForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range deliveredKinds() {
		list, err := client.Resource(kind).List(t.Context(), metav1.ListOptions{LabelSelector: v1alpha1.LabelEnvironment})
		if err != nil {
			t.Fatal(err)
		}
		for _, left := range list.Items {
			t.Errorf("%s: %s %s/%s is left after destroy", plane.Name, kind.Resource, left.GetNamespace(), left.GetName())
		}
	}
}

// downAndCheck takes the demo down and looks for what is left of it.
func downAndCheck(t *testing.T, l layout) {
	t.Helper()
	manager := managerID(t, l)
	if err := down(t.Context(), l, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(manager, 0); manager != 0 && err == nil {
		waitUntil(t, eventually, "the manager to be collected", func() (bool, string) {
			return errors.Is(syscall.Kill(manager, 0), syscall.ESRCH), "it lives"
		})
	}
	if _, err := cluster.Attach(l.clusters()); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("the clusters run after down: %v", err)
	}
	if _, err := os.Stat(l.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("down left %s: %v", l.dir, err)
	}
}

// running is a hub of its own kind, as `make run` leaves it: with the addon, and the manager in the foreground.
type running struct {
	env *cluster.Env
	// layout is that of this hub.
	layout layout
	engine string
	out    *console
}

// runOnOwnHub does on a hub without OCM what `make run` does on a cluster of one's own. It ends with the test.
func runOnOwnHub(t *testing.T) running {
	t.Helper()
	l := acceptance(t)
	env := cluster.ForTest(t, cluster.Options{})
	flags := hubFlags{kubeconfig: env.Hub().KubeconfigPath}
	hub, err := flags.hub()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := l.forHub(hub)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var out console
	finished := make(chan error, 1)
	go func() { finished <- run(ctx, l, engineChoice(), flags, streams{out: &out, err: &out}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-finished; err != nil {
			t.Errorf("run: %v", err)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	waitUntil(t, eventually, "the manager to run", func() (bool, string) {
		return out.has("==> Running the manager") || len(finished) > 0, out.String()
	})
	return running{env: env, layout: mine, engine: engineOf(t), out: &out}
}

// TestSmokeRunWithoutOCM installs the addon on a hub that has no OCM, as `make run` does on a cluster of one's own, and delivers the
// quickstart to it. OCM that is installed later is found without a restart.
func TestSmokeRunWithoutOCM(t *testing.T) {
	r := runOnOwnHub(t)
	env, mine, out := r.env, r.layout, r.out
	quickstart := mine.terraform(quickstartExample, r.engine, out)
	mustApply(t, quickstart, out)
	checkReady(t, env.Hub(), "shop-dev", "shop-prod")

	if err := env.StartOCM(t.Context(), "late"); err != nil {
		t.Fatal(err)
	}
	// null is the placement over all clusters.
	mustApply(t, quickstart, out, "-var", "clusters=null")
	checkReady(t, env.Hub(), "shop-dev")
	checkReady(t, env.Cluster("late"), "shop-prod")

	destroyWorkspace(t, mine, quickstartExample)
	checkNothingDelivered(t, env.Hub())
	checkNothingDelivered(t, env.Cluster("late"))
	destroyWorkspace(t, mine, addonExample)
}

func mustApply(t *testing.T, w terraform.Workspace, out *console, args ...string) {
	t.Helper()
	for _, verb := range [][]string{{"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"}} {
		all := append(append(verb, "-input=false"), args...)
		if err := w.Run(t.Context(), all...); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
}

// checkReady waits until the quickstart's workloads are ready in exactly these namespaces. A change of a binding alone is nothing
// that a rollout waits for.
func checkReady(t *testing.T, plane *cluster.ControlPlane, namespaces ...string) {
	t.Helper()
	waitUntil(t, eventually, fmt.Sprintf("%s to run the workloads in %v", plane.Name, namespaces), func() (bool, string) {
		found, err := workloadsOf(t.Context(), plane.Name, plane)
		if err != nil {
			return false, err.Error()
		}
		ready := map[string]bool{}
		for _, w := range found {
			ready[w.namespace+"/"+w.component+": "+w.name] = w.ready == w.wanted
		}
		wanted := map[string]bool{}
		for _, namespace := range namespaces {
			wanted[namespace+"/webservice: Deployment web"], wanted[namespace+"/cache: Deployment cache"] = true, true
		}
		return maps.Equal(wanted, ready), fmt.Sprintf("%+v", found)
	})
}
