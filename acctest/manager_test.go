// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// addonAccount is the service account that the chart creates for the addon.
	addonAccount = "fairlead-addon"
	// managerToken is the life of a manager's token, longer than any test run.
	managerToken = 6 * time.Hour
	// managerPatience bounds the start and the end of a manager.
	managerPatience = time.Minute
	// logTail bounds what is quoted of a manager's log, in bytes.
	logTail = 20000
)

// addonBinaries builds the programs of this tree, once for all tests.
type addonBinaries struct {
	mutex sync.Mutex
	dir   string
	built map[string]string
}

// binaries are the addon's and the provider's, removed at the end of the package.
var binaries addonBinaries

// path returns the addon's binary, with the race detector in it or without.
func (b *addonBinaries) path(t *testing.T, race bool) string {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	name := "fairlead-addon"
	if race {
		name += "-race"
	}
	return b.get(t, name, "./addon/cmd/fairlead-addon", race)
}

// provider returns the folder of the provider's binary. It is built without the race
// detector, with which each run of an engine takes seconds to start it: the provider that
// runs in the process of the tests has it.
func (b *addonBinaries) provider(t *testing.T) string {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return filepath.Dir(b.get(t, "terraform-provider-fairlead", ".", false))
}

// get returns what was built of a package of this tree, or builds it.
func (b *addonBinaries) get(t *testing.T, name, source string, race bool) string {
	t.Helper()
	if path, ok := b.built[name]; ok {
		return path
	}
	path, err := b.build(t.Context(), name, source, race)
	if err != nil {
		t.Fatalf("build %s: %v", name, err)
	}
	return path
}

func (b *addonBinaries) build(ctx context.Context, name, source string, race bool) (string, error) {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "fairlead-acctest-*")
		if err != nil {
			return "", err
		}
		b.dir, b.built = dir, map[string]string{}
	}
	path := filepath.Join(b.dir, name)
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", path}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, source)...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	b.built[name] = path
	return path, nil
}

// remove removes what was built.
func (b *addonBinaries) remove() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

// manager is the addon's process, outside of the hub, under the account that the chart made for it.
type manager struct {
	cmd *exec.Cmd
	// kubeconfig holds the token of its account.
	kubeconfig string
	logPath    string
	ended      chan error
}

// startManager starts the manager for a hub on which the addon is installed, with arguments beside the usual ones, and returns
// when it is ready.
func startManager(ctx context.Context, plane *cluster.ControlPlane, binary, dir string, args ...string) (*manager, error) {
	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, v1alpha1.SystemNamespace, addonAccount, managerToken)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	m := &manager{kubeconfig: kubeconfig, logPath: filepath.Join(dir, "manager.log"), ended: make(chan error, 1)}
	usual := []string{"manager", "--kubeconfig", kubeconfig, "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=" + address}
	if err := m.start(binary, append(usual, args...)...); err != nil {
		return nil, fmt.Errorf("start the manager: %w", err)
	}
	if err := m.waitReady(ctx, address); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	return m, nil
}

func (m *manager) start(binary string, args ...string) error {
	logFile, err := os.Create(m.logPath)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	m.cmd = exec.Command(binary, args...)
	m.cmd.Stdout, m.cmd.Stderr = logFile, logFile
	// A data race must be seen: it ends the manager, and with it the test.
	m.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
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

// waitReady waits until the manager says that it is ready. A dead one is not waited for.
func (m *manager) waitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, managerPatience)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := answers(ctx, "http://"+address+"/readyz")
		if err == nil {
			return nil
		}
		select {
		case ended := <-m.ended:
			m.ended <- ended
			return fmt.Errorf("the manager ended by itself: %w\n%s", ended, m.log(0))
		case <-ctx.Done():
			return fmt.Errorf("wait for the manager to be ready: %w\n%s", err, m.log(0))
		case <-ticker.C:
		}
	}
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

// err says why the manager ended by itself, or nothing.
func (m *manager) err() error {
	select {
	case ended := <-m.ended:
		m.ended <- ended
		return fmt.Errorf("the manager ended by itself: %w", ended)
	default:
		return nil
	}
}

// stop ends the manager as a node does: asked first, killed when it does not go.
func (m *manager) stop() error {
	if err := m.err(); err != nil {
		return err
	}
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-m.ended:
		m.ended <- err
		return err
	case <-time.After(managerPatience):
		return errors.Join(errors.New("the manager did not end when it was asked to"), m.cmd.Process.Kill())
	}
}

// log returns the end of what the manager has logged from an offset on.
func (m *manager) log(from int64) string {
	content, err := os.ReadFile(m.logPath)
	if err != nil {
		return err.Error()
	}
	content = content[min(from, int64(len(content))):]
	return string(bytes.TrimSpace(content[max(0, len(content)-logTail):]))
}

// logSize is how much the manager has logged, in bytes.
func (m *manager) logSize() int64 {
	info, err := os.Stat(m.logPath)
	if err != nil {
		return 0
	}
	return info.Size()
}

// freeAddress returns an address of this machine that nobody listens on. Its port is none of those that kernels take for outgoing
// connections, one of which could have it before who asked for it.
func freeAddress(ctx context.Context) (string, error) {
	const lowest, highest, attempts = 10240, 32767, 200
	var failed error
	for range attempts {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(highest-lowest)))
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, listener.Close()
		}
		failed = err
	}
	return "", fmt.Errorf("look for a free port: %w", failed)
}
