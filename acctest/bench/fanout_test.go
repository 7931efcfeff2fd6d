// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clusterclient "open-cluster-management.io/api/client/cluster/clientset/versioned"
	clusterv1 "open-cluster-management.io/api/cluster/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

const (
	// maxStatusWrites and maxStatusSize are what the status of one application may cost, however many clusters it has.
	maxStatusWrites = 20
	maxStatusSize   = 32 << 10
	// worksGoal is how long the works of one application may take to be written, in seconds.
	worksGoal = 10
	// plainWriters is how many writes the plain client has under way at once.
	plainWriters = 8
)

// TestFanOut delivers one application to many managed clusters with simulated agents: to clusters that have nothing, where
// roles and namespaces come with it; then the first one into namespaces that their environment has prepared, a change of its
// image, and another one of which no agent takes notice before all works are there: real agents have machines of their own.
func TestFanOut(t *testing.T) {
	h := startHub(t, cluster.Options{OCM: true})
	f := &fanOut{hub: h, clusters: *size.clusters}
	f.join(t)
	agents := startAgents(t, h)
	f.bind(t, "bare", false)
	// A new cluster gets the roles, the tenant and the application's work twice: first it is asked whether others' objects are there.
	f.measure(t, step{name: "first application, nothing is prepared", perCluster: 6}, func() { f.deliver(t, "bare", "nginx:1") }, "bare")
	f.bind(t, "fleet", true)
	f.prepared(t)
	agents.areDone(t)
	f.measure(t, step{name: "first application, prepared namespaces", perCluster: 2, goal: worksGoal}, func() { f.deliver(t, "first", "nginx:1") }, "first")
	f.measure(t, step{name: "change of its image", perCluster: 1, goal: worksGoal}, func() { f.update(t, "first", "nginx:2") }, "first")
	f.measure(t, step{name: "agents that answer when all works are there", perCluster: 2, goal: worksGoal}, func() { f.deliverUnanswered(t, agents, "second") }, "second")
	h.isQuiet(t)
	f.floor(t, "first")
}

// fanOut is one application on many clusters.
type fanOut struct {
	hub      *hub
	clusters int
	// environment that is delivered to; its applications live in a namespace of that name.
	environment string
	bound       time.Time
}

// step is one thing that is measured.
type step struct {
	name string
	// perCluster is how many writes of works a cluster may take.
	perCluster int
	// goal is how long it may take until each cluster has its works, in seconds; 0 for no goal.
	goal float64
}

func (f *fanOut) name(i int) string { return fmt.Sprintf("c%04d", i) }

// join makes managed clusters that the hub has accepted and that are available.
func (f *fanOut) join(t *testing.T) {
	t.Helper()
	client, err := clusterclient.NewForConfig(unthrottled(f.hub.env.Hub().RESTConfig()))
	if err != nil {
		t.Fatal(err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(plainWriters)
	for i := range f.clusters {
		group.Go(func() error { return join(ctx, client, f.name(i)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("join the clusters: %v", err)
	}
	eventually(t, patience, "the hub to have taken the clusters in", func() error {
		list, err := f.hub.objects.Resource(namespaces).List(t.Context(), metav1.ListOptions{LabelSelector: clusterv1.ClusterNameLabelKey})
		if err != nil {
			return err
		}
		if len(list.Items) < f.clusters {
			return fmt.Errorf("%d of %d have a namespace", len(list.Items), f.clusters)
		}
		return nil
	})
}

func join(ctx context.Context, client clusterclient.Interface, name string) error {
	// The lease is longer than any run: nobody renews it.
	managed := &clusterv1.ManagedCluster{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       clusterv1.ManagedClusterSpec{HubAcceptsClient: true, LeaseDurationSeconds: 36000},
	}
	if _, err := client.ClusterV1().ManagedClusters().Create(ctx, managed, metav1.CreateOptions{}); err != nil {
		return err
	}
	for {
		live, err := client.ClusterV1().ManagedClusters().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, kind := range []string{clusterv1.ManagedClusterConditionJoined, clusterv1.ManagedClusterConditionAvailable} {
			meta.SetStatusCondition(&live.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Simulated"})
		}
		live.Status.Version.Kubernetes = "v1.36.3"
		_, err = client.ClusterV1().ManagedClusters().UpdateStatus(ctx, live, metav1.UpdateOptions{})
		if err == nil || !apierrors.IsConflict(err) {
			return err
		}
	}
}

// bind makes an environment of all clusters, and waits until OCM has chosen them.
func (f *fanOut) bind(t *testing.T, name string, prepare bool) {
	t.Helper()
	f.environment, f.bound = name, time.Now()
	f.hub.create(t, namespaces, "", fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name))
	f.hub.create(t, environments, "", fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},
		"spec":{"applicationNamespaces":{"names":[%q]},"namespaceOptions":{"prepare":%t}}}`, name, name, prepare))
	f.hub.create(t, bindings, "", fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},
		"spec":{"environment":%q,"placement":{"clusterSets":["default"]}}}`, name, name))
	eventually(t, patience, "OCM to have chosen all clusters", func() error {
		binding, err := f.hub.objects.Resource(bindings).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if decided := nested[int64](binding, "status", "decisions"); decided != int64(f.clusters) {
			return fmt.Errorf("%d of %d", decided, f.clusters)
		}
		return nil
	})
}

// prepared waits until the environment has prepared the namespaces of all clusters, and adds how long that took.
func (f *fanOut) prepared(t *testing.T) {
	t.Helper()
	eventually(t, patience, "the namespaces to be prepared", func() error {
		environment, err := f.hub.objects.Resource(environments).Get(t.Context(), f.environment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if prepared := nested[int64](environment, "status", "prepared"); prepared != int64(f.clusters) {
			return fmt.Errorf("%d of %d", prepared, f.clusters)
		}
		return nil
	})
	figures.add(figure{
		Workload: fmt.Sprintf("1 environment x %d clusters that have its roles", f.clusters),
		Name:     "until its namespaces are prepared", Value: time.Since(f.bound).Seconds(), Unit: "s",
	})
}

func (f *fanOut) deliver(t *testing.T, name, image string) {
	t.Helper()
	f.hub.create(t, applications, f.environment, application(name, image, `,
		"policies": [{"name": "where", "type": "environment", "properties": {"environment": "`+f.environment+`"}}]`))
}

// deliverUnanswered lets the agents answer when each cluster has its work.
func (f *fanOut) deliverUnanswered(t *testing.T, agents *agents, name string) {
	t.Helper()
	agents.gate.Lock()
	defer agents.gate.Unlock()
	f.deliver(t, name, "nginx:1")
	eventually(t, patience, "works on all clusters", func() error {
		if n, err := agents.worksOf(name); err != nil || n < f.clusters {
			return fmt.Errorf("%d of %d: %w", n, f.clusters, err)
		}
		return nil
	})
}

// application is the one of all benchmarks: a webservice with an exposed port, a scaler and labels.
func application(name, image, more string) string {
	return strings.NewReplacer("NAME", name, "IMAGE", image, "MORE", more).Replace(`{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "NAME"},
		"spec": {"components": [{
			"name": "NAME", "type": "webservice",
			"properties": {"image": "IMAGE", "ports": [{"port": 80, "expose": true}], "cpu": "0.1", "memory": "64Mi"},
			"traits": [
				{"type": "scaler", "properties": {"replicas": 1}},
				{"type": "labels", "properties": {"team": "bench"}}
			]
		}]MORE}
	}`)
}

func (f *fanOut) update(t *testing.T, name, image string) {
	t.Helper()
	patch := fmt.Appendf(nil, `[{"op":"replace","path":"/spec/components/0/properties/image","value":%q}]`, image)
	_, err := f.hub.objects.Resource(applications).Namespace(f.environment).Patch(t.Context(), name, types.JSONPatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// measure runs one step, checks what came of it, and adds its figures.
func (f *fanOut) measure(t *testing.T, step step, do func(), name string) {
	t.Helper()
	manager, server := f.hub.manager.cmd.Process.Pid, f.hub.apiServer()
	from, began := f.hub.auditFromNow(t), time.Now()
	before, serverBefore := usageOf(t, manager), usageOf(t, server)
	do()
	var app *unstructured.Unstructured
	eventually(t, patience, step.name+" to run on all clusters", func() (err error) {
		app, err = f.hub.objects.Resource(applications).Namespace(f.environment).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return f.runs(app)
	})
	ran := time.Since(began)
	after, serverAfter := usageOf(t, manager), usageOf(t, server)
	f.isDelivered(t, app)
	status, err := json.Marshal(app.Object["status"])
	if err != nil {
		t.Fatal(err)
	}
	writes := from.addonWrites(t)
	counts := f.count(writes, began)
	if counts.status > maxStatusWrites {
		t.Errorf("%s: the status was written %d times, want at most %d: %v", step.name, counts.status, maxStatusWrites, tally(writes))
	}
	if len(status) > maxStatusSize {
		t.Errorf("%s: the status has %d bytes, want at most %d", step.name, len(status), maxStatusSize)
	}
	if most := step.perCluster * f.clusters; counts.works > most {
		t.Errorf("%s: works were written %d times, want at most %d: %v", step.name, counts.works, most, tally(writes))
	}
	workload := fmt.Sprintf("1 application x %d clusters, %s", f.clusters, step.name)
	last := figure{Workload: workload, Name: "until works are written for the last time", Value: counts.last.Seconds(), Unit: "s"}
	if counts.made > 0 {
		figures.add(figure{Workload: workload, Name: "until each cluster has its works", Value: counts.made.Seconds(), Unit: "s", Goal: step.goal})
	}
	if counts.made == 0 { // they are there, and each is written once
		last.Goal = step.goal
	}
	figures.add(
		last,
		figure{Workload: workload, Name: "until it runs everywhere", Value: ran.Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "writes of works", Value: float64(counts.works), Unit: ""},
		figure{Workload: workload, Name: "refused writes", Value: float64(counts.failed), Unit: ""},
		figure{Workload: workload, Name: "writes of the status", Value: float64(counts.status), Unit: "", Goal: maxStatusWrites},
		figure{Workload: workload, Name: "size of the status", Value: float64(len(status)), Unit: "bytes", Goal: maxStatusSize},
		figure{Workload: workload, Name: "CPU of the addon", Value: (after.cpu - before.cpu).Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "CPU of the API server", Value: (serverAfter.cpu - serverBefore.cpu).Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "memory of the addon", Value: float64(after.peak) / 1e6, Unit: "MB at most"},
	)
	t.Logf("%s: %v, of which were refused %v", step.name, tally(writes), refusals(writes))
}

// counts are the addon's writes of one step.
type counts struct {
	works, status, failed int
	// made and last are when the last work was created and when it was written, since the beginning.
	made, last time.Duration
}

func (f *fanOut) count(writes []request, began time.Time) counts {
	var c counts
	for _, write := range writes {
		switch {
		case write.failed():
			c.failed++
		case write.ObjectRef.Resource == works.Resource:
			c.works++
			c.last = max(c.last, write.Answered.Sub(began))
			if write.Verb == "create" {
				c.made = max(c.made, write.Answered.Sub(began))
			}
		case write.ObjectRef.Resource == applications.Resource && write.ObjectRef.Subresource == "status":
			c.status++
		}
	}
	return c
}

// runs says what an application lacks to run on all clusters, at its present generation.
func (f *fanOut) runs(app *unstructured.Unstructured) error {
	if nested[int64](app, "status", "observedGeneration") != app.GetGeneration() {
		return errors.New("its status is of an earlier generation")
	}
	phase, healthy := nested[string](app, "status", "status"), nested[int64](app, "status", "summary", "healthy")
	if phase != "running" || healthy != int64(f.clusters) {
		return fmt.Errorf("it is %q and healthy in %d of %d places: %v", phase, healthy, f.clusters, nested[[]any](app, "status", "conditions"))
	}
	return nil
}

// isDelivered checks that every cluster has the one work of the application, with its image, and that its agent has applied it.
func (f *fanOut) isDelivered(t *testing.T, app *unstructured.Unstructured) {
	t.Helper()
	list, err := f.hub.objects.Resource(works).List(t.Context(), metav1.ListOptions{LabelSelector: "app.oam.dev/name=" + app.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	component := nested[[]any](app, "spec", "components")[0]
	wanted := nested[string](&unstructured.Unstructured{Object: map[string]any{"c": component}}, "c", "properties", "image")
	has := map[string]bool{}
	for i := range list.Items {
		work := &list.Items[i]
		workload, err := json.Marshal(nested[map[string]any](work, "spec", "workload"))
		if err != nil {
			t.Fatal(err)
		}
		if has[work.GetNamespace()] || !strings.Contains(string(workload), fmt.Sprintf("%q:%q", "image", wanted)) {
			t.Fatalf("work %s/%s is one too many or does not hold image %q: %s", work.GetNamespace(), work.GetName(), wanted, workload)
		}
		has[work.GetNamespace()] = true
	}
	if len(has) != f.clusters {
		t.Fatalf("%d of %d clusters have a work of %s", len(has), f.clusters, app.GetName())
	}
}

// floor writes the same works by a plain client, under other names and where neither the addon nor the agents see them.
func (f *fanOut) floor(t *testing.T, name string) {
	t.Helper()
	list, err := f.hub.objects.Resource(works).List(t.Context(), metav1.ListOptions{LabelSelector: "app.oam.dev/name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(plainWriters)
	for i := range list.Items {
		group.Go(func() error {
			work := &list.Items[i]
			plain := &unstructured.Unstructured{Object: map[string]any{"apiVersion": work.GetAPIVersion(), "kind": work.GetKind(), "spec": work.Object["spec"]}}
			plain.SetName("plain")
			_, err := f.hub.objects.Resource(works).Namespace(work.GetNamespace()).Create(ctx, plain, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("write the works by a plain client: %v", err)
	}
	figures.add(figure{
		Workload: fmt.Sprintf("1 application x %d clusters, floor", f.clusters),
		Name:     fmt.Sprintf("the same works by a plain client, %d writes at once", plainWriters), Value: time.Since(began).Seconds(), Unit: "s",
	})
}
