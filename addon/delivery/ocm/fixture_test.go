// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a value, as YAML, with a file below testdata.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nIf the change is meant, run the test with -update.", path, diff)
	}
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// hub is a Target on a hub of which only the API server's memory exists. Its
// cache shows works as the real one does: stripped, and only ours.
type hub struct {
	*Target
	client client.WithWatch
	clock  *clocktesting.FakePassiveClock
	writes []string
	// failNext is what the next write of a work answers.
	failNext error
	// meanwhile is done before that answer, when it is set.
	meanwhile func()
}

// newHub makes a hub with the roles, the cluster c1, and what is given.
func newHub(t *testing.T, objects ...client.Object) *hub {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	h := &hub{clock: clocktesting.NewFakePassiveClock(now)}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&workv1.ManifestWork{}).
		WithObjects(managedCluster("c1", metav1.ConditionTrue), role("fairlead-deployer", "pods")).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{Create: h.create, Update: h.update, Patch: h.patch, Delete: h.remove})
	indexer := builderIndexer{builder}
	if err := IndexFields(t.Context(), indexer); err != nil {
		t.Fatal(err)
	}
	h.client = builder.Build()
	fleet := NewFleet(cached{h.client})
	fleet.SetInstalled()
	h.Target = &Target{Reader: cached{h.client}, Writer: h.client, Live: h.client, Fleet: fleet, Digests: NewDigests(), Clock: h.clock}
	return h
}

// builderIndexer gives a client the indexes that a cache has.
type builderIndexer struct{ builder *fake.ClientBuilder }

func (b builderIndexer) IndexField(_ context.Context, object client.Object, field string, extract client.IndexerFunc) error {
	b.builder.WithIndex(object, field, extract)
	return nil
}

func (h *hub) note(verb string, object client.Object) error {
	h.writes = append(h.writes, fmt.Sprintf("%s %s/%s", verb, object.GetNamespace(), object.GetName()))
	err, meanwhile := h.failNext, h.meanwhile
	h.failNext = nil
	if err != nil && meanwhile != nil {
		h.meanwhile = nil
		meanwhile()
	}
	return err
}

func (h *hub) create(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
	if err := h.note("create", object); err != nil {
		return err
	}
	object.SetGeneration(1)
	object.SetCreationTimestamp(metav1.NewTime(h.clock.Now()))
	return c.Create(ctx, object, options...)
}

func (h *hub) update(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
	if err := h.note("update", object); err != nil {
		return err
	}
	object.SetGeneration(object.GetGeneration() + 1)
	return c.Update(ctx, object, options...)
}

func (h *hub) patch(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	if err := h.note("patch", object); err != nil {
		return err
	}
	return c.Patch(ctx, object, patch, options...)
}

func (h *hub) remove(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
	if err := h.note("delete", object); err != nil {
		return err
	}
	return c.Delete(ctx, object, options...)
}

// work reads a work as the API server has it.
func (h *hub) work(t *testing.T, name string) *workv1.ManifestWork {
	t.Helper()
	var work workv1.ManifestWork
	if err := h.client.Get(t.Context(), types.NamespacedName{Namespace: "c1", Name: name}, &work); err != nil {
		t.Fatal(err)
	}
	return &work
}

// setStatus writes a work's status as its agent did when Applied became what it is, and
// was seen to.
func (h *hub) setStatus(t *testing.T, name string, status workv1.ManifestWorkStatus) {
	t.Helper()
	h.setLaterStatus(t, name, status)
	h.sawReport(h.work(t, name))
}

// setLaterStatus writes a work's status as its agent does now.
func (h *hub) setLaterStatus(t *testing.T, name string, status workv1.ManifestWorkStatus) {
	t.Helper()
	work := h.work(t, name)
	work.Status = status
	if err := h.client.Status().Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

// sawReport lets the target have seen what an agent says of a work when its condition Applied became so.
func (h *hub) sawReport(work *workv1.ManifestWork) {
	applied := appliedCondition(work)
	if applied == nil {
		return
	}
	put(&h.said, client.ObjectKeyFromObject(work), saidApplied{
		uid: work.UID, generation: applied.ObservedGeneration, status: applied.Status, since: applied.LastTransitionTime.Time,
	}, maxReports)
}

// applied reports a work as applied, that long ago, and each of its objects.
func (h *hub) setApplied(t *testing.T, name string, ago time.Duration) {
	t.Helper()
	work := h.work(t, name)
	status := workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(work.Generation, metav1.ConditionTrue, ago)}}
	for _, content := range contents(work) {
		status.ResourceStatus.Manifests = append(status.ResourceStatus.Manifests, h.manifestApplied(work, content, metav1.ConditionTrue, ""))
	}
	h.setStatus(t, name, status)
}

// manifestApplied is what an agent says of the application of an object.
func (h *hub) manifestApplied(work *workv1.ManifestWork, content map[string]any, status metav1.ConditionStatus, message string) workv1.ManifestCondition {
	object := render.Object{Content: content}
	manifest := reported(object, metav1.ConditionTrue)
	manifest.ResourceMeta.Resource = identify(content).Resource
	manifest.Conditions = append(manifest.Conditions, metav1.Condition{
		Type: workv1.ManifestApplied, Status: status, Message: message, ObservedGeneration: work.Generation,
	})
	return manifest
}

// applicationWork is the work of a unit of which all objects are known to be ours.
func applicationWork(unit delivery.Unit) (*workv1.ManifestWork, error) {
	entries := new(Target).entriesOf(unit, nil)
	for i := range entries {
		entries[i].phase = phaseApply
	}
	return unitWork(new(Digests), unit, firstIndex, entries)
}

// wholeTenant is the work of a tenant of which all is known to be its own.
func wholeTenant(digests *Digests, tenant delivery.Tenant) (*workv1.ManifestWork, error) {
	return tenantWork(digests, tenant, tenantEntries(tenant))
}

// wholeRoles is the work with the roles of a cluster that are known to be ours.
func wholeRoles(cluster string, roles ...rbacv1.ClusterRole) (*workv1.ManifestWork, error) {
	entries, err := roleEntries(roles, nil)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].phase = phaseApply
	}
	return rolesWork(new(Digests), cluster, entries)
}

func (h *hub) appliedAt(generation int64, status metav1.ConditionStatus, ago time.Duration) metav1.Condition {
	return metav1.Condition{
		Type: workv1.WorkApplied, Status: status, Reason: "AppliedManifestWorkComplete", ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(h.clock.Now().Add(-ago)),
	}
}

// pass lets time go by.
func (h *hub) pass(d time.Duration) { h.clock.SetTime(h.clock.Now().Add(d)) }

// cached reads as the cache does.
type cached struct{ client.Client }

func (c cached) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := c.Client.Get(ctx, key, object, options...); err != nil {
		return err
	}
	if cluster, ok := object.(*clusterv1.ManagedCluster); ok {
		stripped, err := stripCluster(cluster.DeepCopy())
		*cluster = *stripped.(*clusterv1.ManagedCluster)
		return err
	}
	work, ok := object.(*workv1.ManifestWork)
	if !ok {
		return nil
	}
	reportedFields(work)
	if work.Labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue {
		var none workv1.ManifestWork
		return c.Client.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: "not-" + key.Name}, &none)
	}
	stripped, err := new(Digests).stripWork(work)
	*work = *stripped.(*workv1.ManifestWork)
	return err
}

// testReported is an annotation of tests that says when the status of a work was
// written: the client of the tests has no managed fields.
const testReported = "test/reported"

func reportedFields(work *workv1.ManifestWork) {
	if at, ok := timeIn(work, testReported); ok {
		work.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "work", Subresource: "status", Time: &metav1.Time{Time: at}}}
	}
}

func (c cached) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := c.Client.List(ctx, list, options...); err != nil {
		return err
	}
	works, ok := list.(*workv1.ManifestWorkList)
	if !ok {
		return nil
	}
	var ours []workv1.ManifestWork
	for i := range works.Items {
		if works.Items[i].Labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue {
			continue
		}
		reportedFields(&works.Items[i])
		stripped, err := new(Digests).stripWork(&works.Items[i])
		if err != nil {
			return err
		}
		ours = append(ours, *stripped.(*workv1.ManifestWork))
	}
	works.Items = ours
	return nil
}

// managedCluster is an accepted cluster whose condition Available has a status.
func managedCluster(name string, available metav1.ConditionStatus) *clusterv1.ManagedCluster {
	cluster := &clusterv1.ManagedCluster{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: clusterv1.ManagedClusterSpec{HubAcceptsClient: true}}
	if available != "" {
		cluster.Status.Conditions = []metav1.Condition{{
			Type: clusterv1.ManagedClusterConditionAvailable, Status: available, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour)),
		}}
	}
	cluster.Status.Version.Kubernetes = "v1.37.0"
	return cluster
}

func role(name, resource string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{resource}, Verbs: []string{"get", "create"}}},
	}
}

var owner = delivery.Owner{Namespace: "shop", Name: "store", UID: "u1"}

var place = delivery.Place{Environment: "prod", Cluster: "c1", Namespace: "shop-prod"}

// deployment is a rendered Deployment of the component web.
func deployment(name, image string) render.Object {
	return render.Object{Content: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": "shop-prod", "labels": map[string]any{
			v1beta1.LabelAppName: "store", v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue,
		}},
		"spec": map[string]any{"replicas": int64(2), "template": map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": name, "image": image}},
		}}},
	}}
}

// service is a rendered Service of the component web.
func service(name string) render.Object {
	return render.Object{Resource: "expose", Content: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name, "namespace": "shop-prod"},
		"spec":     map[string]any{"ports": []any{map[string]any{"port": int64(80)}}},
	}}
}

// unit is the component web with those objects. Its definition has no health of its own.
func unit(objects ...render.Object) delivery.Unit {
	return delivery.Unit{
		Owner: owner, Component: "web", Place: place,
		Result: &render.Result{Objects: objects, Definition: &definition.Definition{Kind: definition.Component, Name: "plain"}},
	}
}

var tenant = delivery.Tenant{
	TenantKey: delivery.TenantKey{Cluster: "c1", Namespace: "shop-prod"}, SourceNamespace: "shop", Create: true,
	Labels: map[string]string{"team": "shop"}, Role: "fairlead-deployer",
}

func ownerReference() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "u9"}
}

// qualifiedNameProblems are what the API server has against a key of an annotation.
func qualifiedNameProblems(key string) []string { return validation.IsQualifiedName(key) }
