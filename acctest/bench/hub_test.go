// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

const (
	// addonAccount is the service account that the chart creates for the addon.
	addonAccount = "fairlead-addon"
	// tokenLife is that of the manager's token, longer than any run.
	tokenLife = 12 * time.Hour
	// patience bounds waits for what a busy machine may take long for. Nothing waits as long when all is well.
	patience = 20 * time.Minute
	// startPatience bounds the start and the end of a manager.
	startPatience = 2 * time.Minute
	// pollInterval is how often a condition is looked at that no event tells of.
	pollInterval = 100 * time.Millisecond
)

var (
	namespaces   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	services     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	applications = schema.GroupVersionResource{Group: "core.oam.dev", Version: "v1beta1", Resource: "applications"}
	environments = schema.GroupVersionResource{Group: "fairlead.dev", Version: "v1alpha1", Resource: "environments"}
	bindings     = schema.GroupVersionResource{Group: "fairlead.dev", Version: "v1alpha1", Resource: "clusterbindings"}
	works        = schema.GroupVersionResource{Group: "work.open-cluster-management.io", Version: "v1", Resource: "manifestworks"}
)

// hub is a hub on which the addon is installed and works.
type hub struct {
	env     *cluster.Env
	objects dynamic.Interface
	manager *manager
}

// startHub starts a hub, installs the addon by terraform, runs no pod of it, and runs its manager as a process instead,
// under the account that the chart made for it.
func startHub(t *testing.T, options cluster.Options) *hub {
	t.Helper()
	options.AuditLog, options.Fsync = true, *size.fsync
	h := &hub{env: cluster.ForTest(t, options)}
	var err error
	if h.objects, err = dynamic.NewForConfig(unthrottled(h.env.Hub().RESTConfig())); err != nil {
		t.Fatal(err)
	}
	install(t, h.env.Hub())
	h.manager = startManager(t, h.env.Hub(), h.env.Dir)
	return h
}

// unthrottled lets a client go as fast as the API server takes it.
func unthrottled(config *rest.Config) *rest.Config {
	config.QPS = -1
	return config
}

// install applies a fairlead_addon and forgets it, so that the end of the engine's test leaves it.
func install(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	none := func(string) string { return "" }
	block := fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n  owner = \"bench\"\n}\n", plane.KubeconfigPath)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"fairlead": func() (tfprotov6.ProviderServer, error) { return provider.Server("test", none), nil },
		},
		Steps: []resource.TestStep{
			{Config: block + "resource \"fairlead_addon\" \"hub\" {\n  replicas = 0\n}\n"},
			{Config: block + "removed {\n  from = fairlead_addon.hub\n  lifecycle {\n    destroy = false\n  }\n}\n"},
		},
	})
}

// manager is the addon's process.
type manager struct {
	cmd     *exec.Cmd
	logPath string
	ended   chan error
}

func startManager(t *testing.T, plane *cluster.ControlPlane, dir string) *manager {
	t.Helper()
	binary := filepath.Join(dir, "fairlead-addon")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "./addon/cmd/fairlead-addon")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the addon: %v\n%s", err, out)
	}
	kubeconfig, err := plane.ServiceAccountKubeconfig(t.Context(), v1alpha1.SystemNamespace, addonAccount, tokenLife)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	m := &manager{logPath: filepath.Join(dir, "manager.log"), ended: make(chan error, 1)}
	m.cmd = exec.Command(binary, "manager", "--kubeconfig", kubeconfig, "--leader-elect=false",
		"--metrics-bind-address=0", "--health-probe-bind-address="+address)
	if err := m.start(); err != nil {
		t.Fatalf("start the manager: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the manager's log:\n%s", m.log())
		}
		if err := m.stop(); err != nil {
			t.Errorf("stop the manager: %v", err)
		}
	})
	eventually(t, startPatience, "the manager to be ready", func() error { return answers(t.Context(), "http://"+address+"/readyz") })
	return m
}

func (m *manager) start() error {
	logFile, err := os.Create(m.logPath)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	m.cmd.Stdout, m.cmd.Stderr = logFile, logFile
	endWithParent(m.cmd)
	started := make(chan error)
	go func() {
		// Linux ends a child with the thread that started it: this one stays as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			m.ended <- m.cmd.Wait()
		}
	}()
	return <-started
}

// stop asks the manager to end, and kills it when it does not.
func (m *manager) stop() error {
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("it ended by itself: %w", <-m.ended)
	}
	select {
	case err := <-m.ended:
		return err
	case <-time.After(startPatience):
		return errors.Join(errors.New("it did not end when it was asked to"), m.cmd.Process.Kill())
	}
}

// log returns the end of what the manager has logged.
func (m *manager) log() string {
	content, err := os.ReadFile(m.logPath)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-20000):])
}

func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// eventually waits until check finds nothing wrong.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); ; <-ticker.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s: %v", limit, what, err)
		}
	}
}

// create creates an object from its JSON.
func (h *hub) create(t *testing.T, kind schema.GroupVersionResource, namespace, manifest string) {
	t.Helper()
	if _, err := h.objects.Resource(kind).Namespace(namespace).Create(t.Context(), decode(t, manifest), metav1.CreateOptions{}); err != nil {
		t.Fatalf("create %s: %v", kind.Resource, err)
	}
}

func decode(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(manifest)); err != nil {
		t.Fatal(err)
	}
	return object
}

// apiServer is the process id of the hub's API server.
func (h *hub) apiServer() int { return h.env.Process("hub/kube-apiserver").PID() }

// cpu is the processor time that all processes of the hub and the addon have taken. Unlike time it does not depend on what else
// the machine does.
func (h *hub) cpu(t *testing.T) time.Duration {
	t.Helper()
	total := usageOf(t, h.manager.cmd.Process.Pid).cpu
	for _, process := range h.env.Processes() {
		total += usageOf(t, process.PID()).cpu
	}
	return total
}

// isQuiet waits until the last reports are written, checks that the addon writes nothing for as long as the flag -idle
// says, and returns what the manager took in that time.
func (h *hub) isQuiet(t *testing.T) (spent time.Duration, after usage) {
	t.Helper()
	from := h.auditFromNow(t)
	since := time.Now()
	eventually(t, patience, "the last reports to be written", func() error {
		if writes := from.addonWrites(t); len(writes) > 0 {
			from, since = h.auditFromNow(t), time.Now()
			return fmt.Errorf("%d writes, the last: %s %s/%s", len(writes), writes[len(writes)-1].what(),
				writes[len(writes)-1].ObjectRef.Namespace, writes[len(writes)-1].ObjectRef.Name)
		}
		if time.Since(since) < settling {
			return errors.New("it was quiet for a moment only")
		}
		return nil
	})
	from = h.auditFromNow(t)
	before := usageOf(t, h.manager.cmd.Process.Pid)
	timer := time.NewTimer(*size.idle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
	if writes := from.addonWrites(t); len(writes) > 0 {
		t.Fatalf("%d writes in %s in which nothing was to be done: %v", len(writes), *size.idle, tally(writes))
	}
	after = usageOf(t, h.manager.cmd.Process.Pid)
	return after.cpu - before.cpu, after
}

// settling is how long the last reports of state may take to be written.
const settling = 10 * time.Second

// nested reads a field of that type; its zero value when there is none.
func nested[T any](object *unstructured.Unstructured, fields ...string) T {
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, fields...)
	typed, ok := value.(T)
	if err != nil || !found || !ok {
		var none T
		return none
	}
	return typed
}
