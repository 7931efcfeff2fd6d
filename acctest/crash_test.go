// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

const (
	// crashSettling is how long the last reports of state may take to be written, and crashQuiet how long nothing may be
	// written after that.
	crashSettling = 2 * time.Second
	crashQuiet    = 3 * time.Second
	// crashCluster is the managed cluster of these tests.
	crashCluster = "cluster1"
)

// TestCrash kills the manager after the k-th write of a delivery to the hub and to a managed cluster, of a change of it and of
// its removal, for all k, and starts it again: always the same comes of it, nothing is there twice, and nothing is written any
// more.
func TestCrash(t *testing.T) {
	env := cluster.ForTest(t, cluster.Options{Clusters: []string{crashCluster}})
	installAddon(t, env.Hub(), "exclusive")
	f := &fleet{env: env}
	s := &sweep{fleet: f, proxy: newWriteProxy(t, env.Hub()), binary: binaries.path(t, raceDetector)}
	s.start(t)
	t.Cleanup(func() {
		if err := f.manager.stop(); err != nil {
			t.Errorf("stop the manager: %v", err)
		}
	})
	s.platform(t)
	s.reference(t)
	t.Logf("writes of each part: %v", s.writes)
	for k := 1; k <= slices.Max(slices.Collect(maps.Values(s.writes))); k++ {
		t.Run(fmt.Sprintf("write %d", k), func(t *testing.T) { s.crashAt(t, k) })
	}
}

// sweep kills one manager again and again.
type sweep struct {
	fleet  *fleet
	proxy  *writeProxy
	binary string
	// run counts the applications, each of which has namespaces of its own.
	run int
	// writes is how many writes each part takes when nothing happens, and state what comes of it.
	writes map[string]int
	state  map[string]map[string]string
}

// crashPart is a part of the life of an application.
type crashPart struct {
	name string
	// do is what somebody does, and done says what is missing until the addon has followed.
	do   func(t *testing.T, namespace string)
	done func(ctx context.Context, namespace string) error
}

func (s *sweep) parts() []crashPart {
	return []crashPart{
		{"delivery", s.deliver, func(ctx context.Context, namespace string) error { return s.runs(ctx, namespace, 1) }},
		{"change", s.change, func(ctx context.Context, namespace string) error { return s.runs(ctx, namespace, 2) }},
		{"removal", s.remove, s.isGone},
	}
}

// start starts the manager, which speaks to the hub through the proxy.
func (s *sweep) start(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	address, err := freeAddress(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{kubeconfig: s.proxy.kubeconfig, logPath: filepath.Join(s.fleet.env.Dir, "manager.log"), ended: make(chan error, 1)}
	if err := m.start(s.binary, "manager", "--kubeconfig", m.kubeconfig, "--leader-elect=false",
		"--metrics-bind-address=0", "--health-probe-bind-address="+address); err != nil {
		t.Fatalf("start the manager: %v", err)
	}
	s.fleet.manager = m
	if err := m.waitReady(ctx, address); err != nil {
		t.Fatal(err)
	}
}

// platform makes the environments that all applications use.
func (s *sweep) platform(t *testing.T) {
	t.Helper()
	hub := hubObjects(t, s.fleet.env.Hub())
	for name, clusterName := range map[string]string{"crash-dev": v1alpha1.LocalCluster, "crash-prod": crashCluster} {
		create(t, hub, environments, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},
			"spec":{"applicationNamespaces":{"selector":{"matchLabels":{"crash":"yes"}}},"targetNamespace":{"suffix":%q}}}`,
			name, strings.TrimPrefix(name, "crash"))))
		create(t, hub, bindings, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},
			"spec":{"environment":%q,"clusters":[%q]}}`, name, name, clusterName)))
	}
	s.settle(t)
}

// reference goes through all parts with a manager that nobody kills.
func (s *sweep) reference(t *testing.T) {
	t.Helper()
	s.writes, s.state = map[string]int{}, map[string]map[string]string{}
	namespace := s.namespace(t)
	for _, part := range s.parts() {
		s.proxy.arm(0, nil)
		part.do(t, namespace)
		s.follows(t, part, namespace)
		s.isQuiet(t, part)
		s.writes[part.name], s.state[part.name] = s.proxy.count(), s.stateOf(t, namespace)
	}
}

// crashAt goes through all parts, and kills the manager at the k-th write of each that has as many.
func (s *sweep) crashAt(t *testing.T, k int) {
	namespace := s.namespace(t)
	for _, part := range s.parts() {
		s.goThrough(t, part, namespace, k)
		if diff := cmp.Diff(s.state[part.name], s.stateOf(t, namespace)); diff != "" {
			t.Fatalf("after the %s, at write %d of which the manager was killed if it has as many (-undisturbed +got):\n%s", part.name, k, diff)
		}
	}
}

// goThrough does a part, and kills the manager at the k-th write if the part has as many.
func (s *sweep) goThrough(t *testing.T, part crashPart, namespace string, k int) {
	t.Helper()
	if k > s.writes[part.name] {
		part.do(t, namespace)
		s.follows(t, part, namespace)
		return
	}
	killed := make(chan struct{})
	s.proxy.arm(k, func() { s.kill(t); close(killed) })
	part.do(t, namespace)
	s.restart(t, part, namespace, killed)
	s.follows(t, part, namespace)
	s.isQuiet(t, part)
}

// kill ends the manager at once. It is called within a request of the manager.
func (s *sweep) kill(t *testing.T) {
	// It may have been killed at its last write just now.
	if err := s.fleet.manager.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("kill the manager: %v", err)
	}
}

// restart waits for the end of the manager and starts it again. A part may take fewer writes than without a disturbance, since
// statuses are gathered: then the manager is killed after the last of them.
func (s *sweep) restart(t *testing.T, part crashPart, namespace string, killed <-chan struct{}) {
	t.Helper()
	eventually(t, patience, "the manager to be killed", func() error {
		select {
		case <-killed:
			return nil
		default:
		}
		if s.proxy.sinceLast() > crashSettling && part.done(t.Context(), namespace) == nil {
			return nil
		}
		return errors.New("it has not made as many writes")
	})
	select {
	case <-killed:
	default:
		t.Logf("it was done after %d writes", s.proxy.count())
		s.kill(t)
	}
	if ended := <-s.fleet.manager.ended; ended == nil {
		t.Fatal("the manager ended by itself before it could be killed")
	}
	s.proxy.arm(0, nil)
	s.start(t)
	s.proxy.arm(0, nil) // what comes to rest is a manager that runs
}

// follows waits until the addon has done what a part asks for, and has written its last reports.
func (s *sweep) follows(t *testing.T, part crashPart, namespace string) {
	t.Helper()
	eventually(t, patience, "the "+part.name+" to be done", func() error { return part.done(t.Context(), namespace) })
	s.settle(t)
}

// isQuiet checks that nothing is written any more, once the last reports are: a busy machine may take its time with these.
func (s *sweep) isQuiet(t *testing.T, part crashPart) {
	t.Helper()
	s.rests(t, "the end of all writes after the "+part.name, crashSettling+crashQuiet)
}

// settle waits until the last reports are written.
func (s *sweep) settle(t *testing.T) {
	t.Helper()
	s.rests(t, "the last reports to be written", crashSettling)
}

// rests waits until nothing has been written for so long.
func (s *sweep) rests(t *testing.T, what string, span time.Duration) {
	t.Helper()
	eventually(t, patience, what, func() error {
		if since := s.proxy.sinceLast(); since < span {
			return fmt.Errorf("the last write was %s ago: %v", since, s.proxy.last(1))
		}
		return nil
	})
}

// namespace makes one for a new application.
func (s *sweep) namespace(t *testing.T) string {
	t.Helper()
	s.run++
	name := fmt.Sprintf("crash%03d", s.run)
	create(t, hubObjects(t, s.fleet.env.Hub()), namespaces, "", object(fmt.Sprintf(
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{"crash":"yes"}}}`, name)))
	return name
}

func (s *sweep) deliver(t *testing.T, namespace string) {
	t.Helper()
	create(t, hubObjects(t, s.fleet.env.Hub()), applications, namespace, object(crashApplication(1)))
}

// crashApplication has a component that is changed, and one that the change drops.
func crashApplication(version int) string {
	components := []string{
		fmt.Sprintf(`{"name":"web","type":"webservice","properties":{"image":"nginx:%d","ports":[{"port":80,"expose":true}]},
			"traits":[{"type":"scaler","properties":{"replicas":2}}]}`, version),
	}
	if version == 1 {
		components = append(components, `{"name":"old","type":"worker","properties":{"image":"nginx:1"}}`)
	}
	return `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"crash"},"spec":{"components":[` +
		strings.Join(components, ",") + `],"policies":[
			{"name":"dev","type":"environment","properties":{"environment":"crash-dev"}},
			{"name":"prod","type":"environment","properties":{"environment":"crash-prod"}}]}}`
}

func (s *sweep) change(t *testing.T, namespace string) {
	t.Helper()
	apps := s.fleet.on(t, v1alpha1.LocalCluster, applications).Namespace(namespace)
	if err := retryConflict(func() error {
		app, err := apps.Get(t.Context(), "crash", metav1.GetOptions{})
		if err != nil {
			return err
		}
		app.Object["spec"] = object(crashApplication(2)).Object["spec"]
		_, err = apps.Update(t.Context(), app, metav1.UpdateOptions{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (s *sweep) remove(t *testing.T, namespace string) {
	t.Helper()
	if err := s.fleet.on(t, v1alpha1.LocalCluster, applications).Namespace(namespace).Delete(t.Context(), "crash", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// runs says what the application lacks to run as of that generation.
func (s *sweep) runs(ctx context.Context, namespace string, generation int64) error {
	app, err := s.read(ctx, v1alpha1.LocalCluster, applications, namespace, "crash")
	if err != nil {
		return err
	}
	phase, seen := nested[string](app, "status", "status"), nested[int64](app, "status", "observedGeneration")
	if phase != string(v1beta1.PhaseRunning) || seen != generation {
		return fmt.Errorf("it is %q at generation %d: %v", phase, seen, nested[[]any](app, "status", "conditions"))
	}
	return nil
}

// isGone says what is left of the application, and of its tenant on the managed cluster, which a manager that has not removed
// the application's works itself does not wait for.
func (s *sweep) isGone(ctx context.Context, namespace string) error {
	if err := isMissing(s.read(ctx, v1alpha1.LocalCluster, applications, namespace, "crash")); err != nil {
		return err
	}
	return isMissing(s.read(ctx, v1alpha1.LocalCluster, works, crashCluster, ocm.TenantWorkName(namespace+"-prod")))
}

// isMissing says why an object that was read is not gone.
func isMissing(object *unstructured.Unstructured, err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s %s is still there", object.GetKind(), object.GetName())
	}
	return err
}

func (s *sweep) read(ctx context.Context, clusterName string, kind schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	client, err := dynamicOf(s.fleet.plane(clusterName))
	if err != nil {
		return nil, err
	}
	return client.Resource(kind).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
}

// stateOf is all that there is of an application, by its place and name, without what differs from one run to the next. What
// has the same place and name, as a second work of the same objects would, is numbered in the order of its content.
func (s *sweep) stateOf(t *testing.T, namespace string) map[string]string {
	t.Helper()
	found := map[string][]string{}
	for _, place := range []struct {
		cluster, namespace string
		kinds              []schema.GroupVersionResource
	}{
		{v1alpha1.LocalCluster, namespace, []schema.GroupVersionResource{applications}},
		{v1alpha1.LocalCluster, namespace + "-dev", []schema.GroupVersionResource{deployments, services, serviceAccounts, roleBindings}},
		{v1alpha1.LocalCluster, crashCluster, []schema.GroupVersionResource{works}},
		{crashCluster, namespace + "-prod", []schema.GroupVersionResource{deployments, services, serviceAccounts, roleBindings}},
	} {
		for _, kind := range place.kinds {
			list, err := s.fleet.on(t, place.cluster, kind).Namespace(place.namespace).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range list.Items {
				if of, text := stable(t, &list.Items[i]); kind != works || strings.Contains(text, namespace) {
					name := strings.Join([]string{place.cluster, kind.Resource, place.namespace, of}, " ")
					name = strings.ReplaceAll(name, namespace, "NAMESPACE")
					found[name] = append(found[name], strings.ReplaceAll(text, namespace, "NAMESPACE"))
				}
			}
		}
	}
	return numbered(found)
}

// numbered gives each of several contents of one name a name of its own.
func numbered(found map[string][]string) map[string]string {
	all := map[string]string{}
	for name, contents := range found {
		slices.Sort(contents)
		all[name] = contents[0]
		for i, content := range contents[1:] {
			all[fmt.Sprintf("%s #%d", name, i+2)] = content
		}
	}
	return all
}

// stable is the name and content of an object without identities, digests, versions and times. Names of works end with a digest
// too, but what they hold tells them apart.
func stable(t *testing.T, live *unstructured.Unstructured) (name, content string) {
	t.Helper()
	kept := map[string]any{"labels": stableMarks(live.GetLabels()), "annotations": stableMarks(live.GetAnnotations()), "finalizers": live.GetFinalizers()}
	if !live.GetDeletionTimestamp().IsZero() {
		kept["deleting"] = true
	}
	for _, field := range []string{"spec", "roleRef", "subjects"} {
		kept[field] = live.Object[field]
	}
	unstructured.RemoveNestedField(kept, "spec", "clusterIP")
	unstructured.RemoveNestedField(kept, "spec", "clusterIPs")
	if live.GetKind() == v1beta1.ApplicationKind {
		kept["phase"], kept["summary"] = nested[string](live, "status", "status"), nested[map[string]any](live, "status", "summary")
	}
	name = live.GetName()
	if live.GetKind() == "ManifestWork" {
		name = name[:strings.LastIndexByte(name, '-')]
		kept["spec"] = stableWork(t, nested[map[string]any](live, "spec"))
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	return name, string(raw)
}

// stableWork is the spec of a work without what differs in the objects that it holds.
func stableWork(t *testing.T, spec map[string]any) map[string]any {
	t.Helper()
	work := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	var manifests []string
	for _, manifest := range nested[[]any](work, "spec", "workload", "manifests") {
		held := &unstructured.Unstructured{Object: manifest.(map[string]any)}
		name, content := stable(t, held)
		manifests = append(manifests, held.GetKind()+" "+name+" "+content)
	}
	copied := maps.Clone(spec)
	copied["workload"] = manifests
	return copied
}

// stableMarks are labels or annotations whose values are the same in every run.
func stableMarks(marks map[string]string) map[string]string {
	kept := maps.Clone(marks)
	for _, key := range []string{
		v1alpha1.LabelApplicationUID, v1alpha1.AnnotationRevision, v1alpha1.AnnotationHash, v1alpha1.LabelReapply, "fairlead.dev/rights", "fairlead.dev/written",
	} {
		delete(kept, key)
	}
	return kept
}
