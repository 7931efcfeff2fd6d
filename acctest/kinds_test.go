// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// kinds is the namespace of TestKinds, and the name of what it makes beside.
const kinds = "kinds"

var (
	claims        = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	roles         = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	roleBindings  = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	crds          = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
	gadgets       = schema.GroupVersionResource{Group: "kinds.example.com", Version: "v1", Resource: "gadgets"}
)

// TestKinds delivers to the hub itself what the addon does not watch there, and
// to a cluster what an application refers to on the hub.
func TestKinds(t *testing.T) {
	f := sharedFleet(t)
	f.make(t, namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kinds"}}`)
	t.Cleanup(func() { f.drop(t, crds, "", "gadgets.kinds.example.com") })
	t.Run("Storage", func(t *testing.T) { f.storageOnTheHub(t) })
	t.Run("Crash", func(t *testing.T) { f.listedBeforeWritten(t) })
	t.Run("Reference", func(t *testing.T) { f.referenced(t) })
	t.Run("Refused", func(t *testing.T) { f.refusedKinds(t) })
	t.Run("Removal", func(t *testing.T) { f.kindsRemoved(t) })
}

// make creates an object on the hub, which goes with the test.
func (f *fleet) make(t *testing.T, kind schema.GroupVersionResource, namespace, manifest string) {
	t.Helper()
	made := object(manifest)
	objects := f.on(t, v1alpha1.LocalCluster, kind).Namespace(namespace)
	eventually(t, patience, "the hub to take "+kind.Resource+" "+made.GetName(), func() error {
		_, err := objects.Create(t.Context(), made, metav1.CreateOptions{})
		// A hub that has just started may not serve what policies change yet.
		if err != nil && !apierrors.IsServiceUnavailable(err) {
			t.Fatalf("create %s %s: %v", kind.Resource, made.GetName(), err)
		}
		return err
	})
}

func (f *fleet) applyKinds(t *testing.T, name, spec string) {
	t.Helper()
	f.make(t, applications, kinds, fmt.Sprintf(
		`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"namespace":"kinds"},"spec":%s}`, name, spec))
}

// storageSpec has ConfigMaps, a Secret and a claim by the trait storage and by k8s-objects. There is no pod, since
// nothing on these clusters binds claims.
const storageSpec = `{"components":[
	{"name":"web","type":"webservice","properties":{"image":"nginx:1"},"traits":[{"type":"scaler","properties":{"replicas":0}},{"type":"storage","properties":{
		"configMap":[{"name":"settings","mountPath":"/settings","data":{"mode":"a"}}],
		"secret":[{"name":"token","mountPath":"/token","stringData":{"key":"S3CR3T"}}],
		"pvc":[{"name":"data","mountPath":"/data"}]}}]},
	{"name":"extra","type":"k8s-objects","properties":{"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"extra"},"data":{"n":"1"}}]}}
]}`

func (f *fleet) storageOnTheHub(t *testing.T) {
	f.applyKinds(t, "store", storageSpec)
	f.isReady(t, "store")
	for _, want := range []struct {
		kind schema.GroupVersionResource
		name string
	}{{configMaps, "settings"}, {secrets, "token"}, {claims, "data"}, {configMaps, "extra"}} {
		f.get(t, v1alpha1.LocalCluster, want.kind, kinds, want.name)
	}
	written := f.auditFromNow(t)
	f.drifts(t)
	f.touched(t, "store")
	writes, err := written.writes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, write := range writes {
		// Events are recorded beside what is done, and may come late.
		if write.ObjectRef.Namespace == kinds && write.ObjectRef.Resource != "events" {
			got = append(got, write.ObjectRef.Resource+"/"+write.ObjectRef.Name)
		}
	}
	if diff := cmp.Diff([]string{"configmaps/settings"}, slices.Compact(got)); diff != "" {
		t.Errorf("nothing but what was changed by hand is written (-want +got):\n%s", diff)
	}
	events, err := written.events()
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		secret := event.ObjectRef.Resource == "secrets" || event.ObjectRef.Resource == "configmaps"
		if event.User.Username == addonUser && secret && (event.Verb == "list" || event.Verb == "watch") {
			t.Errorf("%s: nobody lists or watches these", event)
		}
	}
}

// isReady waits until an application is delivered and healthy.
func (f *fleet) isReady(t *testing.T, name string) {
	t.Helper()
	eventually(t, patience, "application "+name+" to be ready", func() error {
		ready := conditionOf(f.get(t, v1alpha1.LocalCluster, applications, kinds, name), v1alpha1.ConditionReady)
		if ready["status"] != "True" {
			return fmt.Errorf("condition Ready is %v", ready)
		}
		return nil
	})
}

// drifts changes a ConfigMap by hand, which is noticed at the next comparison: soon, since it was delivered just now. The time between
// comparisons doubles as long as nothing has changed.
func (f *fleet) drifts(t *testing.T) {
	objects := f.on(t, v1alpha1.LocalCluster, configMaps).Namespace(kinds)
	if _, err := objects.Patch(t.Context(), "settings", types.MergePatchType, []byte(`{"data":{"mode":"b"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*patience, "the ConfigMap to be as it was", func() error {
		live, err := objects.Get(t.Context(), "settings", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return equal("data", map[string]any{"mode": "a"}, live.Object["data"])
	})
}

// touched makes the addon look at an application once more, and waits until it has.
func (f *fleet) touched(t *testing.T, name string) {
	t.Helper()
	looked := f.auditFromNow(t)
	eventually(t, 2*patience, "a comparison of "+name, func() error {
		events, err := looked.events()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(events, func(e auditEvent) bool {
			return e.User.Username == addonUser && e.Verb == "get" && e.ObjectRef.Resource == "secrets" && e.ObjectRef.Name == "token"
		}) {
			return errors.New("the Secret was not read yet")
		}
		return nil
	})
}

// listedBeforeWritten checks what would tell a new process of the objects.
func (f *fleet) listedBeforeWritten(t *testing.T) {
	uid := f.get(t, v1alpha1.LocalCluster, applications, kinds, "store").GetUID()
	account := f.get(t, v1alpha1.LocalCluster, serviceAccounts, kinds, v1alpha1.DeployerAccount)
	want := "default/extra//v1/ConfigMap/extra default/web//v1/ConfigMap/settings default/web//v1/Secret/token"
	if diff := cmp.Diff(want, account.GetAnnotations()["inventory.fairlead.dev/"+string(uid)]); diff != "" {
		t.Errorf("what is listed (-want +got):\n%s", diff)
	}
}

// referenced delivers a ConfigMap of the hub to a cluster, and the next version of it.
func (f *fleet) referenced(t *testing.T) {
	f.make(t, v1alpha1.GroupVersion.WithResource("environments"), "", `{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":"kinds-prod"},
		"spec":{"applicationNamespaces":{"names":["kinds"]},"targetNamespace":{"suffix":"-prod"}}}`)
	f.make(t, v1alpha1.GroupVersion.WithResource("clusterbindings"), "", `{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":"kinds-prod"},
		"spec":{"environment":"kinds-prod","clusters":["cluster1"]}}`)
	f.applyKinds(t, "ref", `{"components":[{"name":"shared","type":"ref-objects","properties":{"objects":[{"resource":"configmap"}]}}],
		"policies":[{"name":"prod","type":"environment","properties":{"environment":"kinds-prod"}}]}`)
	f.stalls(t, applications, kinds, "ref", "", `spec.components[0].properties.objects[0]: there is no configmap "shared" in namespace "kinds" on the hub`)
	f.make(t, configMaps, kinds, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"shared","labels":{"team":"x"}},"data":{"a":"1"}}`)
	f.isReady(t, "ref")
	live := f.get(t, "cluster1", configMaps, "kinds-prod", "shared")
	if err := equal("data", map[string]any{"a": "1"}, live.Object["data"]); err != nil || live.GetLabels()["team"] != "x" {
		t.Errorf("%v, labels %v", err, live.GetLabels())
	}
}

// refusedKinds checks what an account may not write, and that it is delivered when it may.
func (f *fleet) refusedKinds(t *testing.T) {
	f.applyKinds(t, "gadget", `{"components":[{"name":"g","type":"k8s-objects","properties":{"objects":[{"apiVersion":"kinds.example.com/v1","kind":"Gadget","metadata":{"name":"g"},"spec":{"n":1}}]}}]}`)
	f.stalls(t, applications, kinds, "gadget", delivery.ReasonApplyFailed, "the hub serves no kind Gadget of kinds.example.com/v1")
	f.make(t, crds, "", `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gadgets.kinds.example.com"},"spec":{
		"group":"kinds.example.com","scope":"Namespaced","names":{"plural":"gadgets","singular":"gadget","kind":"Gadget","listKind":"GadgetList"},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`)
	f.rightfully(t)
	f.applyKinds(t, "account", `{"components":[{"name":"web2","type":"webservice","properties":{"image":"nginx:1"},"traits":[{"type":"service-account","properties":{
		"name":"web2","create":true,"privileges":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]}}]}]}`)
	f.stalls(t, applications, kinds, "account", delivery.ReasonForbidden, "account kinds/fairlead-deployer may not get it", "spec.permissions")
}

// rightfully gives the account the rights on a kind, once it is refused for want of them.
func (f *fleet) rightfully(t *testing.T) {
	f.touch(t, "gadget")
	f.stalls(t, applications, kinds, "gadget", delivery.ReasonForbidden, "Gadget.kinds.example.com kinds/g", "account kinds/fairlead-deployer may not get it", "ask the platform team")
	f.make(t, roles, kinds, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"gadgets"},"rules":[
		{"apiGroups":["kinds.example.com"],"resources":["gadgets"],"verbs":["get","create","patch","delete"]}]}`)
	f.make(t, roleBindings, kinds, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"gadgets"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"gadgets"},"subjects":[{"kind":"ServiceAccount","name":"fairlead-deployer","namespace":"kinds"}]}`)
	f.mayWriteGadgets(t)
	f.touch(t, "gadget")
	f.isReady(t, "gadget")
	f.get(t, v1alpha1.LocalCluster, gadgets, kinds, "g")
}

// mayWriteGadgets waits until the hub's authorizer has seen the role: the addon asks a refused application again after a
// minute only.
func (f *fleet) mayWriteGadgets(t *testing.T) {
	t.Helper()
	isAllowed(t, hubObjects(t, f.env.Hub()), "system:serviceaccount:kinds:fairlead-deployer", `{"namespace":"kinds","group":"kinds.example.com","resource":"gadgets","verb":"patch"}`)
}

// touch changes an application until the test goes on, so that it is looked at though nothing of it changed.
func (f *fleet) touch(t *testing.T, name string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"touched":%q}}}`, time.Now().String())
	if _, err := f.on(t, v1alpha1.LocalCluster, applications).Namespace(kinds).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (f *fleet) drop(t *testing.T, kind schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	err := f.on(t, v1alpha1.LocalCluster, kind).Namespace(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("delete %s %s: %v", kind.Resource, name, err)
	}
}

// kindsRemoved deletes the applications: what they delivered goes, and what the account lists.
func (f *fleet) kindsRemoved(t *testing.T) {
	for _, name := range []string{"store", "ref", "gadget", "account"} {
		f.drop(t, applications, kinds, name)
	}
	eventually(t, patience, "the applications to be gone", func() error {
		left, err := f.on(t, v1alpha1.LocalCluster, applications).Namespace(kinds).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		return equal("applications", 0, len(left.Items))
	})
	for _, kind := range []schema.GroupVersionResource{configMaps, secrets, claims, deployments, services, gadgets} {
		left, err := f.on(t, v1alpha1.LocalCluster, kind).Namespace(kinds).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range left.Items {
			if ours := object.GetLabels()[v1alpha1.LabelManagedBy] != ""; ours && object.GetDeletionTimestamp().IsZero() {
				t.Errorf("%s %s is left", kind.Resource, object.GetName())
			}
		}
	}
	eventually(t, patience, "the account to be gone", func() error {
		live, err := f.on(t, v1alpha1.LocalCluster, serviceAccounts).Namespace(kinds).Get(t.Context(), v1alpha1.DeployerAccount, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it lists %v: %w", inventories(live), err)
	})
	for _, kind := range []string{"clusterbindings", "environments"} {
		f.drop(t, v1alpha1.GroupVersion.WithResource(kind), "", "kinds-prod")
	}
	f.drop(t, namespaces, "", kinds)
}

// inventories are what an account lists of objects.
func inventories(account *unstructured.Unstructured) []string {
	var found []string
	if account == nil {
		return nil
	}
	for key, value := range account.GetAnnotations() {
		if strings.HasPrefix(key, "inventory.fairlead.dev/") {
			found = append(found, value)
		}
	}
	return found
}
