// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// hub is a Target on a hub of which only the API server's memory exists.
type hub struct {
	*Target
	client client.Client
	clock  *clocktesting.FakePassiveClock
	tenant *dynamicfake.FakeDynamicClient
	writes []string
	// managers are the field managers of all patches, kept what keepers applied.
	managers, kept []string
	// marks are the annotations of objects that were set otherwise than by applying.
	marks map[string][]string
}

type builderIndexer struct{ builder *fake.ClientBuilder }

func (b builderIndexer) IndexField(_ context.Context, object client.Object, field string, extract client.IndexerFunc) error {
	b.builder.WithIndex(object, field, extract)
	return nil
}

func newHub(t *testing.T, objects ...client.Object) *hub {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	h := &hub{clock: clocktesting.NewFakePassiveClock(now), marks: map[string][]string{}}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := IndexFields(t.Context(), builderIndexer{builder}, DefaultKinds()); err != nil {
		t.Fatal(err)
	}
	h.client = builder.Build()
	var delivered []runtime.Object
	for _, object := range objects {
		if live, ok := object.(*unstructured.Unstructured); ok {
			delivered = append(delivered, live.DeepCopy())
		}
	}
	h.tenant = dynamicfake.NewSimpleDynamicClient(scheme, delivered...)
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, gvk := range DefaultKinds() {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	h.Target = &Target{
		Reader: h.client, Writer: h.client, Live: h.client, Tenant: h.tenant, Mapper: mapper, Kinds: DefaultKinds(), Clock: h.clock,
		Written: func(kind string) { h.writes = append(h.writes, kind) },
	}
	return h
}

func namespace(name, source string) *corev1.Namespace {
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if source != "" {
		made.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: source}
	}
	return made
}

func deployedIn(namespace, name string) *unstructured.Unstructured {
	return deployed(func(o object) {
		metadata(o)["namespace"], metadata(o)["name"] = namespace, name
		delete(metadata(o), "managedFields")
		metadata(o)["labels"].(object)[v1alpha1.LabelManagedBy] = v1alpha1.LabelManagedByValue
	})
}

// TestForgedLabels checks that whoever labels an object of their own namespace
// with another application's labels neither holds that application nor its environment.
func TestForgedLabels(t *testing.T) {
	h := newHub(t,
		namespace("shop", ""), namespace("shop-prod", "shop"), namespace("mallory", ""), namespace("mallory-prod", "mallory"),
		deployedIn("shop", "a"), deployedIn("shop-prod", "b"), deployedIn("mallory", "c"), deployedIn("mallory-prod", "d"),
		deployedIn("unseen", "e"), living("shop", "store", "u1"), living("mallory", "app", "u3"),
		claimed("mallory", "app", "u4"), claimed("mallory", "none", "u1"), claimed("mallory-prod", "app", ""),
	)
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, record := range records {
		got = append(got, record.ID)
	}
	want := []string{"apps/v1/Deployment/shop-prod/b", "apps/v1/Deployment/shop/a", "apps/v1/Deployment/unseen/e"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	places, err := h.Places(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	var namespaces []string
	for _, place := range places {
		namespaces = append(namespaces, place.Namespace)
	}
	slices.Sort(namespaces)
	if diff := gocmp.Diff([]string{"shop", "shop-prod", "unseen"}, namespaces); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if owner, ok := h.OwnerOf(t.Context(), deployedIn("mallory", "c")); ok {
		t.Errorf("an event of a forged object wakes %s", owner)
	}
	if owner, ok := h.OwnerOf(t.Context(), deployedIn("shop-prod", "b")); !ok || owner.String() != "shop/store" {
		t.Errorf("owner %s, %t, want shop/store", owner, ok)
	}
}

// living is an application that exists.
func living(namespace, name string, uid types.UID) *v1beta1.Application {
	return &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}}
}

// claimed is a Deployment that somebody labelled as one of an application of mallory's in the environment prod.
func claimed(namespace, application, uid string) *unstructured.Unstructured {
	o := deployedIn(namespace, application+"-"+cmp.Or(uid, "x"))
	labels := o.GetLabels()
	labels[v1beta1.LabelAppNamespace], labels[v1beta1.LabelAppName], labels[v1alpha1.LabelApplicationUID] = "mallory", application, uid
	o.SetLabels(labels)
	return o
}

// TestInventoryOfOthers checks that whoever edits the account of deliveries in a namespace of theirs holds with what it
// lists neither another's application nor an environment.
func TestInventoryOfOthers(t *testing.T) {
	forged := deployer("mallory", "shop")
	forged.Annotations = map[string]string{inventoryPrefix + "u1": "prod/web//v1/ConfigMap/settings", inventoryPrefix + "u9": "prod/web//v1/ConfigMap/settings"}
	genuine := deployer("shop-prod", "shop")
	genuine.Annotations = map[string]string{inventoryPrefix + "u1": "prod/web//v1/ConfigMap/settings"}
	h := newHub(t, namespace("shop", ""), namespace("shop-prod", "shop"), namespace("mallory", ""), living("shop", "store", "u1"), forged, genuine)
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil || len(records) != 1 || records[0].Place.Namespace != "shop-prod" {
		t.Errorf("records %v, %v: want the one in shop-prod", records, err)
	}
	places, err := h.Places(t.Context(), "prod")
	want := []delivery.Place{{Environment: "prod", Cluster: v1alpha1.LocalCluster, Namespace: "shop-prod"}}
	if diff := gocmp.Diff(want, places); diff != "" || err != nil {
		t.Errorf("places (-want +got), %v:\n%s", err, diff)
	}
	owners, err := h.OwnersIn(t.Context(), "prod")
	if diff := gocmp.Diff([]types.NamespacedName{{Namespace: "shop", Name: "store"}}, owners); diff != "" || err != nil {
		t.Errorf("owners (-want +got), %v:\n%s", err, diff)
	}
	if owners, err := h.OwnersIn(t.Context(), "dev"); err != nil || len(owners) > 0 {
		t.Errorf("owners %v, %v in an environment in which nothing is", owners, err)
	}
}

func tenantOf(source, namespace string) delivery.Tenant {
	return delivery.Tenant{
		TenantKey: delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: namespace}, SourceNamespace: source, Create: true, Role: v1alpha1.DeployerRole,
	}
}

// TestChangesAreBounded checks that namespaces which come and go, most of which are
// nobody's of ours, are not remembered for ever, and that the last ones are.
func TestChangesAreBounded(t *testing.T) {
	h := newHub(t)
	tenant := tenantOf("shop", "shop-prod")
	h.TenantChanged(tenant.Namespace)
	h.rememberTenant(tenant, h.changesOf(tenant.TenantKey))
	for i := range maxChanged + 1 {
		h.TenantChanged(fmt.Sprint("ci-", i))
	}
	if got := h.changes.Len(); got != maxChanged {
		t.Errorf("%d namespaces are remembered, want %d", got, maxChanged)
	}
	h.TenantChanged(tenant.Namespace)
	if h.changesOf(tenant.TenantKey) <= h.tenants[tenant.TenantKey].changes {
		t.Error("a change after one that was forgotten is not told from it")
	}
}

// TestPreparedTenant checks when the memory of a write stands in for the cache.
func TestPreparedTenant(t *testing.T) {
	labelled := tenantOf("shop", "shop-prod")
	labelled.Labels = map[string]string{"team": "shop"}
	tests := []struct {
		reason string
		tenant delivery.Tenant
		after  func(*testing.T, *hub)
		state  delivery.State
		writes bool
	}{
		{"just written", tenantOf("shop", "shop-prod"), nil, delivery.Delivered, false},
		{"the environment changed its options within seconds", labelled, nil, delivery.Delivered, true},
		{"another hub namespace asks for the namespace within seconds", tenantOf("rival", "shop-prod"), nil, delivery.Refused, false},
		{
			"the rights are deleted by hand within seconds", tenantOf("shop", "shop-prod"),
			func(t *testing.T, h *hub) {
				if err := h.client.Delete(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod", Name: v1alpha1.DeployerAccount}}); err != nil {
					t.Fatal(err)
				}
				h.TenantChanged("shop-prod")
			}, delivery.Delivered, true,
		},
		{
			"the rights are deleted by hand while they are written", tenantOf("shop", "shop-prod"),
			func(t *testing.T, h *hub) {
				before := h.changesOf(tenantOf("shop", "shop-prod").TenantKey)
				if err := h.client.Delete(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod", Name: v1alpha1.DeployerAccount}}); err != nil {
					t.Fatal(err)
				}
				h.TenantChanged("shop-prod")
				h.rememberTenant(tenantOf("shop", "shop-prod"), before)
			}, delivery.Delivered, true,
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			h := newHub(t)
			if _, err := h.EnsureTenant(t.Context(), tenantOf("shop", "shop-prod")); err != nil {
				t.Fatal(err)
			}
			if test.after != nil {
				test.after(t, h)
			}
			h.writes = nil
			observation, err := h.EnsureTenant(t.Context(), test.tenant)
			if err != nil {
				t.Fatal(err)
			}
			if observation.State != test.state || len(h.writes) > 0 != test.writes {
				t.Errorf("state %d (%s), writes %v: want state %d, writes %t", observation.State, observation.Message, h.writes, test.state, test.writes)
			}
			var binding rbacv1.RoleBinding
			if err := h.client.Get(t.Context(), accountKey("shop-prod"), &binding); err != nil {
				t.Errorf("the rights are not there: %v", err)
			}
		})
	}
}

// TestOwnNamespaceGivenAway checks that two hub namespaces never rewrite one account in turn.
func TestOwnNamespaceGivenAway(t *testing.T) {
	h := newHub(t, namespace("shop", "rival"))
	observation, err := h.EnsureTenant(t.Context(), tenantOf("shop", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if observation.State != delivery.Refused || observation.Reason != delivery.ReasonPlacementConflict || len(h.writes) > 0 {
		t.Errorf("got %+v, writes %v: want a conflict and no write", observation, h.writes)
	}
}

// TestRemoveRestoresRights checks that an application whose deployer lost its
// rights can be deleted all the same, though nothing prepares its tenant.
func TestRemoveRestoresRights(t *testing.T) {
	h := newHub(t, namespace("shop", ""), deployedIn("shop", "web"))
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: appsv1.GroupName, Resource: "deployments"}, "web", fmt.Errorf("no rights"))
	h.tenant.PrependReactor("delete", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		var binding rbacv1.RoleBinding
		if err := h.client.Get(t.Context(), accountKey("shop"), &binding); err != nil {
			return true, nil, forbidden
		}
		return false, nil, nil
	})
	record := recordOf(unit.Owner, webKey.gvk, deployedIn("shop", "web"))
	observation, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if observation.State != delivery.Waiting || observation.RetryAfter == 0 {
		t.Errorf("got %+v, want to wait for the rights and to try again", observation)
	}
	if observation, err = h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil || observation.State != delivery.Applying {
		t.Errorf("got %+v, %v, want it to be on its way out", observation, err)
	}
	if _, err := h.tenant.Resource(appsv1.SchemeGroupVersion.WithResource("deployments")).Namespace("shop").Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get of the removed object: %v, want that it is not found", err)
	}
}

// TestRightLostBeforeRemoval checks what is said of an object whose kind the account
// may not change any more when it is to go, or to stay behind.
func TestRightLostBeforeRemoval(t *testing.T) {
	const forbidden = `Deployment.apps shop/web: account shop/fairlead-deployer may not %s it: deployments.apps "web" is forbidden: no; ` +
		`let ClusterRole "fairlead-deployer", to which the account is bound, allow it, or %s`
	for verb, test := range map[string]struct {
		options delivery.RemoveOptions
		want    string
	}{
		"delete": {delivery.RemoveOptions{}, fmt.Sprintf(forbidden, "delete", "delete it yourself: kubectl -n shop delete deployment.apps web")},
		"patch": {delivery.RemoveOptions{Leave: true}, fmt.Sprintf(forbidden, "let go of",
			"take the label from it by which it is held: kubectl -n shop label deployment.apps web fairlead.dev/application-uid-")},
	} {
		h := newHub(t, namespace("shop", ""), deployedIn("shop", "web"))
		if got, err := h.EnsureTenant(t.Context(), tenantOf("shop", "shop")); err != nil || got.State != delivery.Delivered {
			t.Fatal(got, err)
		}
		h.clock.SetTime(now.Add(newRights))
		allowed := false
		h.tenant.PrependReactor(verb, "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
			return !allowed, nil, apierrors.NewForbidden(schema.GroupResource{Group: appsv1.GroupName, Resource: "deployments"}, "web", fmt.Errorf("no"))
		})
		record := recordOf(unit.Owner, webKey.gvk, deployedIn("shop", "web"))
		got, err := h.Remove(t.Context(), record, test.options)
		if err != nil {
			t.Fatal(err)
		}
		want := delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForbidden, RetryAfter: forbiddenRetry, Message: test.want}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", verb, diff)
		}
		allowed = true
		if got, err = h.Remove(t.Context(), record, test.options); err != nil || got.State == delivery.Refused {
			t.Errorf("%s: got %+v, %v when it is allowed", verb, got, err)
		}
	}
}

// TestIdleTenantsShowsRightsWithoutAccount checks that an account that was
// deleted by hand does not leave its rights behind.
func TestIdleTenantsShowsRightsWithoutAccount(t *testing.T) {
	h := newHub(t)
	for _, namespace := range []string{"shop-prod", "shop-dev"} {
		if _, err := h.EnsureTenant(t.Context(), tenantOf("shop", namespace)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.client.Delete(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod", Name: v1alpha1.DeployerAccount}}); err != nil {
		t.Fatal(err)
	}
	idle, err := h.IdleTenants(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want := []delivery.TenantKey{{Cluster: "local", Namespace: "shop-dev"}, {Cluster: "local", Namespace: "shop-prod"}}
	if diff := gocmp.Diff(want, idle); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestIdleTenantsDespiteWhatWasLeft checks that an object which a policy left for
// good holds no account, and one that an application has does.
func TestIdleTenantsDespiteWhatWasLeft(t *testing.T) {
	left := deployedIn("shop-prod", "left")
	labels := left.GetLabels()
	labels[delivery.LabelLeft] = labels[v1alpha1.LabelApplicationUID]
	delete(labels, v1alpha1.LabelApplicationUID)
	left.SetLabels(labels)
	h := newHub(t, namespace("shop-prod", "shop"), namespace("shop-dev", "shop"), left, deployedIn("shop-dev", "web"))
	for _, namespace := range []string{"shop-prod", "shop-dev"} {
		if _, err := h.EnsureTenant(t.Context(), tenantOf("shop", namespace)); err != nil {
			t.Fatal(err)
		}
	}
	idle, err := h.IdleTenants(t.Context(), "shop")
	if diff := gocmp.Diff([]delivery.TenantKey{{Cluster: "local", Namespace: "shop-prod"}}, idle); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestPendingIsBounded checks that answers to writes that changed nothing, which
// no event takes away, are forgotten, and hold no tenant.
func TestPendingIsBounded(t *testing.T) {
	target, clock := newTarget()
	target.remember(webKey, write{uid: "o1"}, deployed(nil))
	clock.SetTime(now.Add(unseen + time.Second))
	if target.pendingIn("shop") {
		t.Error("an old answer keeps the tenant in use")
	}
	other := webKey
	other.key.Name = "other"
	target.remember(other, write{uid: "o2"}, deployed(nil))
	if len(target.pending) != 1 {
		t.Errorf("%d answers are kept, want the last one alone", len(target.pending))
	}
}

// TestOneOfTwoTenants checks that of two hub namespaces which come to one target
// namespace one is served, whosever an earlier version has made it, and that the other
// is looked at again and served when the namespace is free.
func TestOneOfTwoTenants(t *testing.T) {
	for _, target := range []string{"shop-prod", "shop"} {
		for _, named := range []string{"", "shop", "blog"} {
			for _, account := range []string{"", "shop", "blog"} {
				t.Run(fmt.Sprintf("%s of %q with the account of %q", target, named, account), func(t *testing.T) {
					objects := []client.Object{namespace(target, named)}
					if account != "" {
						objects = append(objects, deployer(target, account))
					}
					h := newHub(t, objects...)
					served, refused := h.serve(t, target)
					if len(served) != 1 || len(refused) != 1 {
						t.Fatalf("served are %v, refused %v: want one of each", served, refused)
					}
					h.clock.SetTime(now.Add(conflictRetry))
					if again, _ := h.serve(t, target); !slices.Equal(again, served) {
						t.Errorf("served are %v, want %v still", again, served)
					}
					h.free(t, target)
					if next, _ := h.serve(t, target, refused...); !slices.Equal(next, refused) {
						t.Errorf("served are %v, want %v after the other is gone", next, refused)
					}
				})
			}
		}
	}
}

// serve makes the tenants of hub namespaces, of both when none is said, and says whose is there.
func (h *hub) serve(t *testing.T, target string, sources ...string) (served, refused []string) {
	t.Helper()
	if len(sources) == 0 {
		sources = []string{"blog", "shop"}
	}
	for _, source := range sources {
		tenant := tenantOf(source, target)
		tenant.Adopt = true
		got, err := h.EnsureTenant(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		if got.State == delivery.Delivered {
			served = append(served, source)
			continue
		}
		refused = append(refused, source)
		if got.Reason != delivery.ReasonPlacementConflict || got.RetryAfter != conflictRetry {
			t.Errorf("namespace %s gets %+v, want a conflict that is looked at again", source, got)
		}
	}
	return served, refused
}

// free releases whoever's tenant a namespace is, and takes from it what says whose it was.
func (h *hub) free(t *testing.T, target string) {
	t.Helper()
	if got, err := h.ReleaseTenant(t.Context(), delivery.TenantKey{Cluster: v1alpha1.LocalCluster, Namespace: target}); err != nil || got.State != delivery.Delivered {
		t.Fatalf("release: %+v, %v", got, err)
	}
	var there corev1.Namespace
	if err := h.client.Get(t.Context(), types.NamespacedName{Name: target}, &there); err != nil {
		t.Fatal(err)
	}
	delete(there.Labels, delivery.LabelSourceNamespace)
	if err := h.client.Update(t.Context(), &there); err != nil {
		t.Fatal(err)
	}
	h.TenantChanged(target)
}
