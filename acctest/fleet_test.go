// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// pollInterval is how often a condition is looked at.
	pollInterval = 50 * time.Millisecond
	// patience bounds waits for what a busy machine may take long for. Nothing waits as long when all is well.
	patience = 2 * time.Minute
	// repairLimit is how soon what was changed by hand must be as it was.
	repairLimit = 5 * time.Second
)

// The kinds that these tests read beside the addon's own.
var (
	deployments     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	serviceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	services        = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	configMaps      = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets         = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	works           = schema.GroupVersionResource{Group: "work.open-cluster-management.io", Version: "v1", Resource: "manifestworks"}
	managedClusters = schema.GroupVersionResource{Group: "cluster.open-cluster-management.io", Version: "v1", Resource: "managedclusters"}
)

// fleet is a hub on which the addon is installed and works, with the clusters that have joined it.
type fleet struct {
	env     *cluster.Env
	manager *manager
}

// fleetOnce is a fleet that the first test which needs it starts and that ends with the package.
type fleetOnce struct {
	mutex sync.Mutex
	begun bool
	env   *cluster.Env
	fleet *fleet
}

// wholeFleet is the hub with the managed clusters that tests share. Tests keep apart by the names of their objects.
var wholeFleet fleetOnce

// sharedClusters are the names of its clusters.
func sharedClusters() []string { return []string{"cluster1", "cluster2", "cluster3"} }

// sharedFleet returns the shared fleet.
func sharedFleet(t *testing.T) *fleet {
	t.Helper()
	f := wholeFleet.get(t)
	f.watch(t)
	return f
}

// measuredFleet returns the shared fleet, whose manager has no race detector until the end of the test: for tests of how fast
// or how large it is.
func measuredFleet(t *testing.T) *fleet {
	t.Helper()
	f := wholeFleet.get(t)
	if raceDetector {
		f.restart(t, false)
		t.Cleanup(func() { f.restart(t, true) })
	}
	f.watch(t)
	return f
}

func (o *fleetOnce) get(t *testing.T) *fleet {
	t.Helper()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.begun && o.fleet == nil {
		t.Fatal("the shared fleet did not start: see the first test that needed it")
	}
	if o.fleet != nil {
		return o.fleet
	}
	o.begun = true
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	env, err := cluster.Start(ctx, cluster.Options{Clusters: sharedClusters(), AuditLog: true, Log: os.Stderr})
	if err != nil {
		t.Fatalf("start the shared fleet: %v", err)
	}
	o.env = env
	o.fleet = newFleet(t, env, binaries.path(t, raceDetector), "exclusive")
	return o.fleet
}

// close ends what was started of the fleet.
func (o *fleetOnce) close() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var errs []error
	if o.fleet != nil {
		errs = append(errs, o.fleet.manager.stop())
	}
	if o.env != nil {
		errs = append(errs, o.env.Err(), o.env.Close())
	}
	o.env, o.fleet = nil, nil
	return errors.Join(errs...)
}

// fleetForTest starts a fleet for one test.
func fleetForTest(t *testing.T, options cluster.Options, race bool) *fleet {
	t.Helper()
	binary := binaries.path(t, race)
	return adopt(t, cluster.ForTest(t, options), binary, "exclusive")
}

// adopt makes a fleet of what runs, for one test.
func adopt(t *testing.T, env *cluster.Env, binary, mode string) *fleet {
	t.Helper()
	f := newFleet(t, env, binary, mode)
	t.Cleanup(func() {
		if err := f.manager.stop(); err != nil {
			t.Errorf("stop the manager: %v", err)
		}
	})
	f.watch(t)
	return f
}

// newFleet installs the addon by terraform, runs no pod of it, and runs its manager instead.
func newFleet(t *testing.T, env *cluster.Env, binary, mode string) *fleet {
	t.Helper()
	installAddon(t, env.Hub(), mode)
	m, err := startManager(t.Context(), env.Hub(), binary, env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{env: env, manager: m}
}

// installAddon applies a fairlead_addon and forgets it, so that it outlives the test that needed it first.
func installAddon(t *testing.T, plane *cluster.ControlPlane, mode string) {
	t.Helper()
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: withProvider(plane, addonConfig),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("fairlead_addon.hub", tfjsonpath.New("oam_mode"), knownvalue.StringExact(mode)),
				},
			},
			{Config: withProvider(plane, addonForgotten)},
		},
	})
}

const (
	// addonConfig installs the addon and runs nothing of it in the hub. The roles are those that tests make for deployers.
	addonConfig = "resource \"fairlead_addon\" \"hub\" {\n  replicas = 0\n" +
		"  values   = { deployer = { extraRoles = [\"" + rightsRole + "\", \"" + pluralsRole + "\"] } }\n}\n"
	// addonForgotten leaves it installed and takes it out of the state.
	addonForgotten = "removed {\n  from = fairlead_addon.hub\n  lifecycle {\n    destroy = false\n  }\n}\n"
)

// watch fails the test when the manager ends by itself, and shows what it logged when the test has failed.
func (f *fleet) watch(t *testing.T) {
	t.Helper()
	from := f.manager.logSize()
	t.Cleanup(func() {
		if err := f.manager.err(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the manager's log:\n%s", f.manager.log(from))
		}
	})
}

// plane returns the control plane that environments know by that name.
func (f *fleet) plane(name string) *cluster.ControlPlane {
	if name == v1alpha1.LocalCluster {
		return f.env.Hub()
	}
	return f.env.Cluster(name)
}

// names are those of all places: the hub, as it is called in environments, and the clusters.
func (f *fleet) names() []string {
	names := []string{v1alpha1.LocalCluster}
	for _, plane := range f.env.Clusters() {
		names = append(names, plane.Name)
	}
	return names
}

// on returns a client of one kind on the hub or a cluster.
func (f *fleet) on(t *testing.T, name string, kind schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	t.Helper()
	return hubObjects(t, f.plane(name)).Resource(kind)
}

// get reads an object, which must exist. An API server that has just lost its store for a moment is asked again.
func (f *fleet) get(t *testing.T, name string, kind schema.GroupVersionResource, namespace, object string) *unstructured.Unstructured {
	t.Helper()
	var found *unstructured.Unstructured
	objects := f.on(t, name, kind).Namespace(namespace)
	eventually(t, patience, fmt.Sprintf("an answer of %s to a read of %s %s/%s", name, kind.Resource, namespace, object), func() (err error) {
		if found, err = objects.Get(t.Context(), object, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			t.Fatalf("%s: read %s %s/%s: %v", name, kind.Resource, namespace, object, err)
		}
		return err
	})
	return found
}

// eventually waits until check finds nothing wrong, and fails the test when that takes too long.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	if err := waitUntil(limit, what, check); err != nil {
		t.Fatal(err)
	}
}

// waitUntil waits until check finds nothing wrong.
func waitUntil(limit time.Duration, what string, check func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); ; <-ticker.C {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for %s: %w", limit, what, err)
		}
	}
}

// nested reads a field that an object must have, of that type.
func nested[T any](object *unstructured.Unstructured, fields ...string) T {
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, fields...)
	typed, ok := value.(T)
	if err != nil || !found || !ok {
		var none T
		return none
	}
	return typed
}

// conditionOf returns the condition of that type, or an empty one.
func conditionOf(object *unstructured.Unstructured, kind string) map[string]any {
	conditions := nested[[]any](object, "status", "conditions")
	i := slices.IndexFunc(conditions, func(c any) bool {
		typed, ok := c.(map[string]any)
		return ok && typed["type"] == kind
	})
	if i < 0 {
		return map[string]any{}
	}
	return conditions[i].(map[string]any)
}
