// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	toolscache "k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// floorGoal is how much longer the addon may take than a plain client that makes the same objects.
	floorGoal = 1.5
	// cpuGoal is the processor time for one application, in seconds, and idleGoal the cores that are taken when nothing is to do.
	cpuGoal  = 0.02
	idleGoal = 0.005
	// memoryGoal is the memory of a manager that is idle, in MB.
	memoryGoal = 100
	// statusGoal is how often the status of one application may be written until it runs.
	statusGoal = 3
	// newRights is how many objects may be forbidden because the API server does not know the rights of the new namespace yet:
	// it learns of RoleBindings by a watch of its own. One object at a time is tried, four times a second for ten seconds.
	newRights = 40
	// creators is how many objects are created at once.
	creators = 20
)

// TestConverge creates many applications at once on the hub itself, after a plain client has made the same Deployments and
// Services, and then looks at what an idle manager does.
func TestConverge(t *testing.T) {
	h := startHub(t, cluster.Options{})
	c := &converge{hub: h, applications: *size.applications}
	workload := fmt.Sprintf("%d applications on local", c.applications)
	floor, floorCPU := c.floor(t, c.sample(t))
	took, spent := c.converge(t)
	count := float64(c.applications)
	figures.add(
		figure{Workload: workload, Name: "floor: their objects by a plain client, until ready", Value: floor.Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "until all run", Value: took.Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "times the floor", Value: took.Seconds() / floor.Seconds(), Unit: "", Goal: floorGoal},
		figure{Workload: workload, Name: "CPU of all processes, times the floor's", Value: spent.all.Seconds() / floorCPU.Seconds(), Unit: ""},
		figure{Workload: workload, Name: "CPU of the addon, each", Value: spent.cpu.Seconds() / count, Unit: "s", Goal: cpuGoal},
		figure{Workload: workload, Name: "CPU of the API server, each", Value: spent.server.Seconds() / count, Unit: "s"},
		figure{Workload: workload, Name: "writes of the addon, each", Value: float64(spent.writes) / count, Unit: ""},
		figure{Workload: workload, Name: "writes of the status, each", Value: float64(spent.status) / count, Unit: "", Goal: statusGoal},
		figure{Workload: workload, Name: "memory of the addon", Value: float64(spent.peak) / 1e6, Unit: "MB at most"},
	)
	idle, after := h.isQuiet(t)
	workload = fmt.Sprintf("%d applications on local, idle for %s", c.applications, *size.idle)
	figures.add(
		figure{Workload: workload, Name: "writes of the addon", Value: 0, Unit: "", Unwanted: true},
		figure{Workload: workload, Name: "cores taken by the addon", Value: idle.Seconds() / size.idle.Seconds(), Unit: "", Goal: idleGoal},
		figure{Workload: workload, Name: "memory of the addon", Value: float64(after.resident) / 1e6, Unit: "MB", Goal: memoryGoal},
	)
}

// converge is many applications on the hub itself.
type converge struct {
	hub          *hub
	applications int
}

// spent is what it took until all applications ran.
type spent struct {
	cpu, server    time.Duration
	all            time.Duration // of all processes of the hub, and the addon's
	peak           int64
	writes, status int
}

const (
	convergeNamespace = "converge"
	floorNamespace    = "floor"
	sampleNamespace   = "sample"
)

// sample are the objects of one application as the addon delivers them, without what tells whose they are.
func (c *converge) sample(t *testing.T) map[schema.GroupVersionResource]*unstructured.Unstructured {
	t.Helper()
	c.hub.create(t, namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"`+sampleNamespace+`"}}`)
	c.hub.create(t, applications, sampleNamespace, application("sample", "nginx:1", ""))
	eventually(t, patience, "the sample to run", func() error {
		app, err := c.hub.objects.Resource(applications).Namespace(sampleNamespace).Get(t.Context(), "sample", metav1.GetOptions{})
		if err == nil && !isRunning(app) {
			err = fmt.Errorf("status %v", app.Object["status"])
		}
		return err
	})
	objects := map[schema.GroupVersionResource]*unstructured.Unstructured{}
	for _, kind := range []schema.GroupVersionResource{deployments, services} {
		live, err := c.hub.objects.Resource(kind).Namespace(sampleNamespace).Get(t.Context(), "sample", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		objects[kind] = plain(live)
	}
	c.remove(t, sampleNamespace)
	return objects
}

// plain is an object with its content alone.
func plain(live *unstructured.Unstructured) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": live.GetAPIVersion(), "kind": live.GetKind(), "spec": live.Object["spec"]}}
	labels := live.GetLabels()
	delete(labels, v1alpha1.LabelManagedBy)
	delete(labels, v1alpha1.LabelApplicationUID)
	object.SetLabels(labels)
	unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
	unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
	return object
}

// remove deletes a namespace and waits for its end.
func (c *converge) remove(t *testing.T, namespace string) {
	t.Helper()
	objects := c.hub.objects.Resource(namespaces)
	if err := objects.Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "namespace "+namespace+" to be gone", func() error {
		_, err := objects.Get(t.Context(), namespace, metav1.GetOptions{})
		if err == nil {
			return fmt.Errorf("it is still there")
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// floor is how long a plain client takes for as many Deployments and Services, until all are ready, and what that costs the
// hub. They are gone afterwards.
func (c *converge) floor(t *testing.T, objects map[schema.GroupVersionResource]*unstructured.Unstructured) (took, cpu time.Duration) {
	t.Helper()
	c.hub.create(t, namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"`+floorNamespace+`"}}`)
	began, before := time.Now(), c.hub.cpu(t)
	c.createAll(t, func(ctx context.Context, i int) error {
		for _, kind := range []schema.GroupVersionResource{deployments, services} {
			object := renamed(t, objects[kind], fmt.Sprintf("app-%d", i))
			if _, err := c.hub.objects.Resource(kind).Namespace(floorNamespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	c.await(t, c.hub.objects.Resource(deployments).Namespace(floorNamespace), isReady)
	took, cpu = time.Since(began), c.hub.cpu(t)-before
	c.remove(t, floorNamespace)
	return took, cpu
}

// renamed is an object of another name, also where its labels and selectors say it.
func renamed(t *testing.T, object *unstructured.Unstructured, name string) *unstructured.Unstructured {
	t.Helper()
	copied := object.DeepCopy()
	for key, value := range copied.Object {
		copied.Object[key] = replaced(value, name)
	}
	copied.SetName(name)
	return copied
}

func replaced(value any, name string) any {
	switch typed := value.(type) {
	case map[string]any:
		for key, item := range typed {
			typed[key] = replaced(item, name)
		}
	case []any:
		for i, item := range typed {
			typed[i] = replaced(item, name)
		}
	case string:
		if typed == "sample" {
			return name
		}
	}
	return value
}

func isReady(object *unstructured.Unstructured) bool {
	return nested[int64](object, "status", "readyReplicas") == nested[int64](object, "spec", "replicas")
}

func isRunning(app *unstructured.Unstructured) bool {
	return nested[string](app, "status", "status") == "running" && nested[int64](app, "status", "observedGeneration") == app.GetGeneration()
}

// converge creates all applications and returns how long it took until all ran, and what that cost.
func (c *converge) converge(t *testing.T) (time.Duration, spent) {
	t.Helper()
	c.hub.create(t, namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"`+convergeNamespace+`"}}`)
	manager, server := c.hub.manager.cmd.Process.Pid, c.hub.apiServer()
	from, began := c.hub.auditFromNow(t), time.Now()
	before, serverBefore, allBefore := usageOf(t, manager), usageOf(t, server), c.hub.cpu(t)
	apps := c.hub.objects.Resource(applications).Namespace(convergeNamespace)
	c.createAll(t, func(ctx context.Context, i int) error {
		_, err := apps.Create(ctx, decode(t, application(fmt.Sprintf("app-%d", i), "nginx:1", "")), metav1.CreateOptions{})
		return err
	})
	c.await(t, apps, isRunning)
	took := time.Since(began)
	after, serverAfter, allAfter := usageOf(t, manager), usageOf(t, server), c.hub.cpu(t)
	c.isDelivered(t)
	writes := from.addonWrites(t)
	status := c.check(t, writes)
	t.Logf("%v, of which were refused %v", tally(writes), refusals(writes))
	return took, spent{
		cpu: after.cpu - before.cpu, server: serverAfter.cpu - serverBefore.cpu, all: allAfter - allBefore, peak: after.peak, writes: len(writes), status: status,
	}
}

// createAll calls create for every application, several at once.
func (c *converge) createAll(t *testing.T, create func(ctx context.Context, i int) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(creators)
	for i := range c.applications {
		group.Go(func() error { return create(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// await watches until as many objects as there are applications are as wanted.
func (c *converge) await(t *testing.T, objects dynamic.ResourceInterface, wanted func(*unstructured.Unstructured) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := map[string]bool{}
	_, err := watchtools.UntilWithSync(ctx, &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (kruntime.Object, error) {
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return objects.Watch(ctx, options)
		},
	}, &unstructured.Unstructured{}, nil, func(event watch.Event) (bool, error) {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return false, nil
		}
		delete(done, object.GetName())
		if event.Type != watch.Deleted && wanted(object) {
			done[object.GetName()] = true
		}
		return len(done) == c.applications, nil
	})
	if err != nil {
		t.Fatalf("%d of %d are as wanted: %v", len(done), c.applications, err)
	}
}

// isDelivered checks that every application has its Deployment, which is ready, and its Service, and that there are no others.
func (c *converge) isDelivered(t *testing.T) {
	t.Helper()
	for kind, wanted := range map[schema.GroupVersionResource]func(*unstructured.Unstructured) bool{
		deployments: isReady,
		services:    func(*unstructured.Unstructured) bool { return true },
	} {
		list, err := c.hub.objects.Resource(kind).Namespace(convergeNamespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != c.applications {
			t.Fatalf("%d %s, want %d", len(list.Items), kind.Resource, c.applications)
		}
		for i := range list.Items {
			if !wanted(&list.Items[i]) {
				t.Fatalf("%s %s is not as wanted: %v", kind.Resource, list.Items[i].GetName(), list.Items[i].Object["status"])
			}
		}
	}
}

// check compares the writes with what one application may cost, and returns how often statuses were written.
func (c *converge) check(t *testing.T, writes []request) int {
	t.Helper()
	refused := refusals(writes)
	counts := tally(slices.DeleteFunc(slices.Clone(writes), request.failed))
	for what, most := range map[string]int{"patch deployments": 1, "patch services": 1, "patch applications": 1, "update applications/status": statusGoal} {
		if counts[what] > most*c.applications {
			t.Errorf("%s: %d writes for %d applications, want at most %d each; refused were %v", what, counts[what], c.applications, most, refused)
		}
	}
	forbidden := 0
	for _, write := range writes {
		if write.ResponseStatus.Code == http.StatusForbidden {
			forbidden++
		}
	}
	if rest := len(writes) - total(counts) - forbidden; forbidden > newRights || rest > c.applications {
		t.Errorf("%d writes were forbidden, want at most %d, and %d failed otherwise, want at most %d: %v", forbidden, newRights, rest, c.applications, refused)
	}
	return counts["update applications/status"]
}

func total(counts map[string]int) int {
	sum := 0
	for _, count := range counts {
		sum += count
	}
	return sum
}
