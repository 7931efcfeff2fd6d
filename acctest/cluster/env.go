// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// Env is a running hub with its managed clusters.
type Env struct {
	// Dir is the folder with everything that belongs to the environment.
	Dir string

	options Options
	spawner *spawner
	// removeDir is true when Close removes Dir.
	removeDir bool

	mu        sync.Mutex
	state     state
	planes    map[string]*ControlPlane
	processes map[string]*Process
	builds    map[string]tools.Build
	// failure is why the environment does not work any more: a process ended by itself.
	failure error
	// failed is closed with it.
	failed chan struct{}
	closed bool
}

// Start starts what o asks for and returns when all of it is usable: API servers ready, nodes ready, managed clusters accepted,
// joined and available, webhooks answering. On failure everything is torn down again and the error ends with the log of the
// process that failed; Dir stays for a look at the other logs.
func Start(ctx context.Context, o Options) (*Env, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	if err := stopAbandoned(); err != nil {
		return nil, fmt.Errorf("clearing what earlier runs left: %w", err)
	}
	builds, err := ensureTools(ctx, o)
	if err != nil {
		return nil, err
	}
	e, err := newEnv(o, builds)
	if err != nil {
		return nil, fmt.Errorf("preparing clusters: %w", err)
	}
	began := time.Now()
	if err := e.guard(ctx, e.startAllParts); err != nil {
		return nil, errors.Join(fmt.Errorf("starting clusters in %s: %w", e.Dir, err), e.abort())
	}
	e.logf("ready after %s", time.Since(began).Round(100*time.Millisecond))
	return e, e.updateState(func(s *state) { s.Ready = true })
}

// ensureTools builds what o needs.
func ensureTools(ctx context.Context, o Options) (map[string]tools.Build, error) {
	names := []string{tools.Etcd, tools.Kubernetes, tools.Kwok}
	if o.OCM {
		names = append(names, tools.OCM)
	}
	store, err := tools.DefaultStore(o.Log)
	if err != nil {
		return nil, err
	}
	builds := map[string]tools.Build{}
	for _, name := range names {
		if builds[name], err = store.Ensure(ctx, name); err != nil {
			return nil, err
		}
	}
	return builds, nil
}

// newEnv creates the folder and enters the environment into the registry; nothing runs yet.
func newEnv(o Options, builds map[string]tools.Build) (*Env, error) {
	owner, err := self()
	if err != nil {
		return nil, err
	}
	dir, created, err := makeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	e := &Env{
		Dir:       dir,
		options:   o,
		spawner:   newSpawner(),
		removeDir: created && !o.KeepDir,
		planes:    map[string]*ControlPlane{},
		processes: map[string]*Process{},
		builds:    builds,
		failed:    make(chan struct{}),
		state: state{
			Version: stateVersion, Owner: owner, Detached: o.Detached,
			LeaseDuration: o.LeaseDuration, StatusSyncInterval: o.StatusSyncInterval, AuditLog: o.AuditLog,
		},
	}
	err = errors.Join(
		register(entry{Dir: dir, Owner: owner, Detached: o.Detached, RemoveDir: e.removeDir}),
		e.updateState(func(*state) {}),
	)
	if err != nil {
		return nil, errors.Join(err, e.abort())
	}
	return e, nil
}

// makeDir creates the folder and says whether it was not there before. It refuses one that is in use or that holds anything
// else, since whatever a failed start left in it is removed.
func makeDir(dir string) (abs string, created bool, err error) {
	abs, err = filepath.Abs(dir)
	created = !exists(abs)
	if dir == "" {
		abs, err = os.MkdirTemp("", "fairlead-clusters-*")
		created = true
	}
	if err != nil {
		return "", false, fmt.Errorf("creating the folder of the environment: %w", err)
	}
	if err := clearDir(abs); err != nil {
		return "", false, err
	}
	for _, sub := range []string{processDir, logDir, etcdName} {
		if err := os.MkdirAll(filepath.Join(abs, sub), privateDir); err != nil {
			return "", false, fmt.Errorf("creating the folder of the environment: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(abs, markerFile), nil, privateFile); err != nil {
		return "", false, fmt.Errorf("creating the folder of the environment: %w", err)
	}
	return abs, created, nil
}

// clearDir removes from dir what a failed start left there.
func clearDir(dir string) error {
	if exists(filepath.Join(dir, stateFile)) {
		return fmt.Errorf("%s holds an environment already: attach to it, or stop it first", dir)
	}
	content, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the folder of the environment: %w", err)
	}
	if len(content) > 0 && !exists(filepath.Join(dir, markerFile)) {
		return fmt.Errorf("%s holds files of somebody else: name an empty folder or a new one", dir)
	}
	for _, file := range content {
		if err := os.RemoveAll(filepath.Join(dir, file.Name())); err != nil {
			return fmt.Errorf("clearing the folder of the environment: %w", err)
		}
	}
	return nil
}

// guard runs work with a context that ends when a process ends by itself, so that nobody waits for a dead one.
func (e *Env) guard(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-e.failed:
			cancel(e.Err())
		case <-finished:
		}
	}()
	return work(ctx)
}

// startAllParts starts etcd, then the hub and the clusters at the same time.
func (e *Env) startAllParts(ctx context.Context) error {
	if err := e.startEtcd(ctx); err != nil {
		return err
	}
	if err := e.addPlanes(append([]string{HubName}, e.options.Clusters...)); err != nil {
		return err
	}
	if !e.options.OCM {
		return e.startPlane(ctx, e.Hub())
	}
	return e.startWithOCM(ctx, e.options.Clusters, true)
}

// StartOCM installs Open Cluster Management into a hub that runs without it, if it does, starts those of clusters that are not
// there yet and joins them. It returns when they are available.
func (e *Env) StartOCM(ctx context.Context, clusters ...string) error {
	if err := validateClusters(clusters); err != nil {
		return fmt.Errorf("starting OCM: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(clusters), func(name string) bool { return e.Cluster(name) != nil })
	if err := e.addPlanes(missing); err != nil {
		return err
	}
	return e.guard(ctx, func(ctx context.Context) error { return e.startWithOCM(ctx, missing, false) })
}

// startWithOCM starts the clusters called names, and the hub too when withHub is true, installs OCM on the hub unless it is
// there and joins the clusters. What does not depend on each other goes on at the same time.
func (e *Env) startWithOCM(ctx context.Context, names []string, withHub bool) error {
	group, ctx := errgroup.WithContext(ctx)
	hubReady := make(chan struct{})
	group.Go(func() error {
		if err := e.startHubWithOCM(ctx, withHub); err != nil {
			return err
		}
		close(hubReady)
		return nil
	})
	bootstrap := e.Hub().serviceAccountKubeconfig(bootstrapNamespace, bootstrapAccount)
	for _, name := range names {
		group.Go(func() error { return e.startCluster(ctx, e.Cluster(name), bootstrap, hubReady) })
	}
	return group.Wait()
}

func (e *Env) startHubWithOCM(ctx context.Context, start bool) error {
	if start {
		if err := e.startPlane(ctx, e.Hub()); err != nil {
			return err
		}
	}
	if e.snapshot().OCM {
		return nil
	}
	if err := e.startOCMHub(ctx); err != nil {
		return fmt.Errorf("installing OCM on the hub: %w", err)
	}
	e.logf("hub: OCM works")
	return e.updateState(func(s *state) { s.OCM = true })
}

// StartCluster starts a managed cluster that is not there yet and joins it to a hub that runs OCM, with the credential of that
// kubeconfig. It returns when the cluster is available.
func (e *Env) StartCluster(ctx context.Context, name, bootstrap string) error {
	if err := validateClusters([]string{name}); err != nil {
		return fmt.Errorf("starting cluster %s: %w", name, err)
	}
	if err := e.addPlanes([]string{name}); err != nil {
		return err
	}
	hubReady := make(chan struct{})
	close(hubReady)
	return e.guard(ctx, func(ctx context.Context) error { return e.startCluster(ctx, e.Cluster(name), bootstrap, hubReady) })
}

// startCluster starts c and joins it, with the credential of bootstrap, once the hub can take it in.
func (e *Env) startCluster(ctx context.Context, c *ControlPlane, bootstrap string, hubReady <-chan struct{}) error {
	if err := e.startPlane(ctx, c); err != nil {
		return err
	}
	if err := e.prepareAgent(ctx, c); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-hubReady:
	}
	if err := e.join(ctx, c, bootstrap); err != nil {
		return err
	}
	e.logf("%s: joined", c.Name)
	return nil
}

func (e *Env) startEtcd(ctx context.Context) error {
	ports, err := freePorts(2, randomPort)
	if err != nil {
		return err
	}
	build, err := e.tool(ctx, tools.Etcd)
	if err != nil {
		return err
	}
	client, peer := "http://"+address(ports[0]), "http://"+address(ports[1])
	args := []string{
		"--name=fairlead",
		"--data-dir=" + filepath.Join(e.Dir, etcdName),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=fairlead=" + peer,
		"--log-level=warn",
	}
	if !e.options.Fsync {
		args = append(args, "--unsafe-no-fsync")
	}
	if err := e.updateState(func(s *state) { s.EtcdPort = ports[0] }); err != nil {
		return err
	}
	if err := e.startAll(command{Name: etcdName, Path: build.Binary("etcd"), Args: args, Health: client + "/health"}); err != nil {
		return err
	}
	return e.Process(etcdName).waitHealthy(ctx)
}

// addPlanes chooses ports for the control planes called names and enters them.
func (e *Env) addPlanes(names []string) error {
	ports, err := freePorts(len(names), randomPort)
	if err != nil {
		return err
	}
	return e.updateState(func(s *state) {
		for i, name := range names {
			plane := planeState{Name: name, Port: ports[i], Index: len(s.ControlPlanes)}
			s.ControlPlanes = append(s.ControlPlanes, plane)
			e.planes[name] = newControlPlane(e.Dir, plane, s.AuditLog)
		}
	})
}

// startPlane starts a control plane and waits until pods can run on it.
func (e *Env) startPlane(ctx context.Context, c *ControlPlane) error {
	kube, err := e.tool(ctx, tools.Kubernetes)
	if err != nil {
		return err
	}
	if err := errors.Join(c.writeFiles(time.Now()), c.load()); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("creating a client of %s: %w", c.Name, err)
	}
	server := c.apiServer(kube.Binary("kube-apiserver"), e.snapshot().EtcdPort)
	if err := e.startAll(server); err != nil {
		return err
	}
	if err := e.Process(server.Name).waitHealthy(ctx); err != nil {
		return err
	}
	kwokBuild, err := e.tool(ctx, tools.Kwok)
	if err != nil {
		return err
	}
	simulation, err := c.kwok(kwokBuild)
	if err != nil {
		return err
	}
	err = e.startAll(
		c.controllerManager(kube.Binary("kube-controller-manager")), simulation, c.scheduler(kube.Binary("kube-scheduler")),
	)
	if err := errors.Join(err, c.createNodes(ctx, client)); err != nil {
		return err
	}
	if err := c.waitUsable(ctx, client); err != nil {
		return err
	}
	e.logf("%s: control plane works at %s", c.Name, c.URL())
	return nil
}

// startAll starts processes and enters them.
func (e *Env) startAll(commands ...command) error {
	for _, c := range commands {
		p := &Process{
			Name:    c.Name,
			LogPath: filepath.Join(e.Dir, logDir, fileName(c.Name)+".log"),
			env:     e,
			rec:     record{command: c},
		}
		e.mu.Lock()
		e.processes[c.Name] = p
		e.mu.Unlock()
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

// tool returns a built tool, building it when nothing needed it before.
func (e *Env) tool(ctx context.Context, name string) (tools.Build, error) {
	e.mu.Lock()
	build, ok := e.builds[name]
	e.mu.Unlock()
	if ok {
		return build, nil
	}
	store, err := tools.DefaultStore(e.options.Log)
	if err != nil {
		return tools.Build{}, err
	}
	build, err = store.Ensure(ctx, name)
	if err != nil {
		return tools.Build{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.builds[name] = build
	return build, nil
}

// Hub returns the hub.
func (e *Env) Hub() *ControlPlane { return e.Cluster(HubName) }

// Cluster returns the control plane called name, or nil when there is none.
func (e *Env) Cluster(name string) *ControlPlane {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.planes[name]
}

// Clusters returns the managed clusters in the order in which they were started.
func (e *Env) Clusters() []*ControlPlane {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*ControlPlane
	for _, s := range e.state.ControlPlanes {
		if s.Name != HubName {
			all = append(all, e.planes[s.Name])
		}
	}
	return all
}

// Process returns the process called name, or nil when there is none. The names are "etcd" and, for each control plane, its name
// and a slash before kube-apiserver, kube-controller-manager, kube-scheduler and kwok; "hub/ocm-registration",
// "hub/ocm-placement", "hub/ocm-work" and "hub/ocm-admission" on the hub; registration-agent and work-agent on a cluster.
func (e *Env) Process(name string) *Process {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.processes[name]
}

// Processes returns all processes, sorted by name.
func (e *Env) Processes() []*Process {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*Process, 0, len(e.processes))
	for _, name := range slices.Sorted(maps.Keys(e.processes)) {
		all = append(all, e.processes[name])
	}
	return all
}

// Err returns why the environment does not work any more: which process ended by itself, with the end of its log. It is nil
// while all is well; processes ended through Process.Kill do not count.
func (e *Env) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

func (e *Env) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil || e.closed {
		return
	}
	e.failure = err
	close(e.failed)
}

// Close ends all processes and removes what was written, as Options.KeepDir says. It may be called more than once.
func (e *Env) Close() error { return e.shutdown(true) }

// abort ends all processes after a failed start and keeps the logs.
func (e *Env) abort() error { return e.shutdown(false) }

func (e *Env) shutdown(clean bool) error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	defer e.spawner.close()
	if err := e.killAll(); err != nil {
		return fmt.Errorf("stopping the clusters in %s: %w", e.Dir, err)
	}
	if err := unregister(e.Dir); err != nil {
		return err
	}
	if !clean || e.options.KeepDir {
		// Without the state nobody takes the folder for a running environment.
		return os.Remove(filepath.Join(e.Dir, stateFile))
	}
	return removeFiles(e.Dir, e.removeDir)
}

// killAll kills all processes at the same time.
func (e *Env) killAll() error {
	processes := e.Processes()
	errs := make([]error, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		all.Go(func() { errs[i] = p.Kill() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// updateState changes the state and writes it.
func (e *Env) updateState(change func(*state)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
	return writeJSON(filepath.Join(e.Dir, stateFile), e.state)
}

func (e *Env) snapshot() state {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// logf writes a line for a person. A log that cannot be written must not stop anything.
func (e *Env) logf(format string, args ...any) {
	_, _ = io.WriteString(e.options.Log, fmt.Sprintf(format, args...)+"\n")
}
