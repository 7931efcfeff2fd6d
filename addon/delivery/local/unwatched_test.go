// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var (
	configMapKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	widgetKind    = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
)

func deployer(namespace, source string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: v1alpha1.DeployerAccount,
		Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: source},
	}}
}

// newTenantHub is a hub with a tenant in namespace shop, where objects of more
// kinds than the watched ones can be applied.
func newTenantHub(t *testing.T, objects ...client.Object) *hub {
	t.Helper()
	h := newHub(t, append(objects, namespace("shop", ""), deployer("shop", "shop"), living("shop", "store", "u1"))...)
	mapper := h.Mapper.(*meta.DefaultRESTMapper)
	for _, gvk := range []schema.GroupVersionKind{configMapKind, secretKind(), widgetKind} {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, meta.RESTScopeRoot)
	h.tenant.PrependReactor("patch", "*", h.applied)
	return h
}

// applied stores what is applied, as the API server does for fields of one
// manager. What keepers apply is added.
func (h *hub) applied(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchActionImpl)
	h.managers = append(h.managers, patch.PatchOptions.FieldManager)
	content := object{}
	if patch.GetPatchType() != types.ApplyPatchType {
		return false, nil, h.marked(patch.GetName(), patch.GetPatch())
	}
	if err := json.Unmarshal(patch.GetPatch(), &content); err != nil {
		return true, nil, err
	}
	live := &unstructured.Unstructured{Object: content}
	onlyNew := live.GetResourceVersion() == "1"
	live.SetResourceVersion("")
	tracker, gvr := h.tenant.Tracker(), action.GetResource()
	old, err := tracker.Get(gvr, live.GetNamespace(), live.GetName())
	if err == nil && onlyNew {
		return true, nil, apierrors.NewConflict(gvr.GroupResource(), live.GetName(), errors.New("the object has been modified"))
	}
	if err != nil {
		live.SetUID(types.UID("uid-" + live.GetName()))
		return true, live, tracker.Create(gvr, live, live.GetNamespace())
	}
	before := old.(*unstructured.Unstructured)
	if strings.HasPrefix(patch.PatchOptions.FieldManager, keeper) {
		h.kept = append(h.kept, fmt.Sprint(content["spec"], content["data"]))
		live = before.DeepCopy()
	}
	if by := before.GetAnnotations()[delivery.AnnotationSharedBy]; by != "" {
		annotations := live.GetAnnotations()
		annotations[delivery.AnnotationSharedBy] = by
		live.SetAnnotations(annotations)
	}
	for _, name := range h.marks[live.GetName()] {
		if _, applied := live.GetAnnotations()[name]; !applied {
			annotations := live.GetAnnotations()
			annotations[name] = before.GetAnnotations()[name]
			live.SetAnnotations(annotations)
		}
	}
	live.SetUID(before.GetUID())
	return true, live, tracker.Update(gvr, live, live.GetNamespace())
}

// marked notes which annotations of an object a merge patch sets: what is applied
// later does not take them away.
func (h *hub) marked(object string, patch []byte) error {
	var content struct {
		Metadata struct {
			Annotations map[string]*string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(patch, &content); err != nil {
		return err
	}
	for name, value := range content.Metadata.Annotations {
		h.marks[object] = without(h.marks[object], name)
		if value != nil {
			h.marks[object] = append(h.marks[object], name)
		}
	}
	return nil
}

func unitWith(contents ...object) delivery.Unit {
	made := unit
	made.Result = &render.Result{}
	for i, content := range contents {
		content["metadata"].(object)["labels"] = object{
			v1alpha1.LabelEnvironment: "prod", v1beta1.LabelAppComponent: "web", v1beta1.LabelAppName: "store", v1beta1.LabelAppNamespace: "shop",
		}
		resource := ""
		if i > 0 {
			resource = fmt.Sprint("r", i)
		}
		made.Result.Objects = append(made.Result.Objects, render.Object{Content: content, Resource: resource})
	}
	return made
}

func named(gvk schema.GroupVersionKind, name string, more object) object {
	apiVersion, kind := gvk.ToAPIVersionAndKind()
	content := object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": name, "namespace": "shop"}}
	for key, value := range more {
		content[key] = value
	}
	return content
}

func settings(value string) object {
	return named(configMapKind, "settings", object{"data": object{"a": value}})
}

func (h *hub) requests() []string {
	var made []string
	for _, action := range h.tenant.Actions() {
		name := ""
		if get, ok := action.(clienttesting.GetAction); ok {
			name = get.GetName()
		}
		if patch, ok := action.(clienttesting.PatchAction); ok {
			name = patch.GetName()
		}
		made = append(made, strings.TrimSpace(action.GetVerb()+" "+action.GetResource().Resource+" "+name))
	}
	h.tenant.ClearActions()
	return made
}

func (h *hub) inventory(t *testing.T) string {
	t.Helper()
	var account corev1.ServiceAccount
	if err := h.client.Get(t.Context(), accountKey("shop"), &account); err != nil {
		t.Fatal(err)
	}
	return account.Annotations[inventoryPrefix+"u1"]
}

func (h *hub) deliver(t *testing.T, unit delivery.Unit) delivery.Observation {
	t.Helper()
	observation, err := h.Deliver(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	return observation
}

func (h *hub) want(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.requests()); diff != "" {
		t.Errorf("%s: requests (-want +got):\n%s", what, diff)
	}
}

// TestUnwatchedLife follows a ConfigMap and a Secret from their delivery to
// their removal: what is written when, and what is listed meanwhile.
func TestUnwatchedLife(t *testing.T) {
	h := newTenantHub(t)
	both := unitWith(settings("b"), named(secretKind(), "token", object{"stringData": object{"k": "S3CR3T"}}))
	got := h.deliver(t, both)
	if got.State != delivery.Delivered || got.RetryAfter < firstCompare || got.RetryAfter > firstCompare*6/5 {
		t.Errorf("state %d, retry after %s: %s", got.State, got.RetryAfter, got.Message)
	}
	h.want(t, "first delivery", "get configmaps settings", "get secrets token", "patch configmaps settings", "patch secrets token")
	listed := "prod/web//v1/ConfigMap/settings prod/web//v1/Secret/token"
	if diff := cmp.Diff(listed, h.inventory(t)); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ServiceAccount", "ConfigMap", "Secret"}, h.writes); diff != "" {
		t.Errorf("what is delivered is listed before it is written (-want +got):\n%s", diff)
	}
	if text := fmt.Sprint(got, h.looks); strings.Contains(text, "S3CR3T") || strings.Contains(text, "UzNDUjNU") {
		t.Errorf("the secret is kept: %s", text)
	}
	h.deliver(t, both)
	h.want(t, "another pass at once")
	h.clock.SetTime(now.Add(time.Hour))
	h.writes = nil
	got = h.deliver(t, both)
	h.want(t, "a pass after an hour", "get configmaps settings", "get secrets token")
	if len(h.writes) > 0 || got.RetryAfter < 2*firstCompare {
		t.Errorf("writes %v, retry after %s: want none, and a later look", h.writes, got.RetryAfter)
	}
	h.removeAll(t)
}

// removeAll removes the two objects that are delivered.
func (h *hub) removeAll(t *testing.T) {
	t.Helper()
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil || len(records) != 2 {
		t.Fatalf("records %v, %v, want two", records, err)
	}
	if used, err := h.used(t.Context(), "shop"); !used || err != nil {
		t.Errorf("used %t, %v: a tenant with objects is released", used, err)
	}
	for _, record := range records {
		observation, err := h.Remove(t.Context(), record, delivery.RemoveOptions{})
		if err != nil || observation.State != delivery.Delivered {
			t.Errorf("remove %s: %+v, %v", record.ID, observation, err)
		}
	}
	if got := h.inventory(t); got != "" {
		t.Errorf("listed after all is gone: %s", got)
	}
	if used, err := h.used(t.Context(), "shop"); used || err != nil {
		t.Errorf("used %t, %v after all is gone", used, err)
	}
}

// TestUnwatchedAfterStart checks that a new process writes nothing, and looks at what it does not know.
func TestUnwatchedAfterStart(t *testing.T) {
	h := newTenantHub(t)
	whole := unitWith(settings("b"), named(secretKind(), "token", object{"stringData": object{"k": "v"}}))
	h.deliver(t, whole)
	h.looks, h.written, h.inventories, h.writes = nil, nil, nil, nil
	h.requests()
	if got := h.deliver(t, whole); got.RetryAfter < compareEvery {
		t.Errorf("retry after %s, want %s at least", got.RetryAfter, compareEvery)
	}
	h.want(t, "first pass", "get configmaps settings", "get secrets token")
	if len(h.writes) > 0 {
		t.Errorf("wrote %v", h.writes)
	}
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil || len(records) != 2 || records[0].Object != "ConfigMap shop/settings" || records[0].Place != place || records[0].Component != "web" {
		t.Errorf("records %v, %v", records, err)
	}
	if records, err := h.Records(t.Context(), delivery.Owner{Namespace: "other", Name: "store", UID: "u1"}); err != nil || len(h.inventories) == 0 {
		t.Errorf("records %v, %v", records, err)
	}
	places, err := h.Places(t.Context(), "prod")
	if diff := cmp.Diff([]delivery.Place{place}, places); diff != "" || err != nil {
		t.Errorf("places (-want +got), %v:\n%s", err, diff)
	}
}

// TestUnwatchedDrift checks what a comparison finds.
func TestUnwatchedDrift(t *testing.T) {
	configMaps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	change := func(edit func(*unstructured.Unstructured)) func(*testing.T, *hub) {
		return func(t *testing.T, h *hub) {
			live, err := h.tenant.Tracker().Get(configMaps, "shop", "settings")
			if err != nil {
				t.Fatal(err)
			}
			edited := live.DeepCopyObject().(*unstructured.Unstructured)
			edit(edited)
			if err := h.tenant.Tracker().Update(configMaps, edited, "shop"); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name, reason string
		meanwhile    func(*testing.T, *hub)
		want         []string
		message      string
	}{
		{"none", "nothing to write", func(*testing.T, *hub) {}, []string{"get configmaps settings"}, ""},
		{
			"edited", "somebody changed a value", change(func(o *unstructured.Unstructured) { o.Object["data"] = object{"a": "x"} }),
			[]string{"get configmaps settings", "patch configmaps settings"}, "",
		},
		{
			"deleted", "somebody deleted it", func(t *testing.T, h *hub) {
				if err := h.tenant.Tracker().Delete(configMaps, "shop", "settings"); err != nil {
					t.Fatal(err)
				}
			}, []string{"get configmaps settings", "patch configmaps settings"}, "",
		},
		{
			"taken", "somebody put their own there: it is neither changed nor deleted", change(func(o *unstructured.Unstructured) { o.SetLabels(nil) }), []string{"get configmaps settings"},
			"ConfigMap shop/settings exists on the hub and was not delivered by Fairlead: it is neither changed nor deleted; remove it, rename the component, or take it over by a policy of type \"take-over\"",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.deliver(t, unitWith(settings("b")))
			h.requests()
			test.meanwhile(t, h)
			h.deliver(t, unitWith(settings("b")))
			h.want(t, "before its time")
			h.clock.SetTime(now.Add(firstCompare * 6 / 5))
			if diff := cmp.Diff(test.message, h.deliver(t, unitWith(settings("b"))).Message); diff != "" {
				t.Errorf("message (-want +got), since %s:\n%s", test.reason, diff)
			}
			h.want(t, test.reason, test.want...)
		})
	}
}

// TestUnwatchedIntervals checks how long an object is left alone.
func TestUnwatchedIntervals(t *testing.T) {
	h := newTenantHub(t)
	var got []time.Duration
	clock := now
	for range 9 {
		after := h.deliver(t, unitWith(settings("b"))).RetryAfter
		got = append(got, (after * 5 / 6).Round(firstCompare))
		clock = clock.Add(after)
		h.clock.SetTime(clock)
	}
	if last := got[len(got)-1]; last < compareEvery*5/6-firstCompare || last > compareEvery+firstCompare {
		t.Errorf("intervals %v, want %s in the end", got, compareEvery)
	}
	for i := 1; i < len(got); i++ {
		if got[i] < got[i-1] {
			t.Errorf("intervals %v, want ever longer ones", got)
		}
	}
	if len(h.requests()) != 10 {
		t.Error("want a read for each interval and a write")
	}
}

// TestUnwatchedRefused checks what cannot be delivered, and that nothing of it is listed or written.
func TestUnwatchedRefused(t *testing.T) {
	forbidden := func(verb string) func(*hub) {
		return func(h *hub) {
			h.tenant.PrependReactor(verb, "widgets", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: "example.com", Resource: "widgets"}, "w", errors.New("no"))
			})
		}
	}
	remedy := "; ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out"
	tests := []struct {
		name    string
		object  object
		prepare func(*hub)
		reason  string
		message string
		listed  bool
	}{
		{"NotReadable", named(widgetKind, "w", nil), forbidden("get"), delivery.ReasonForbidden, `Widget.example.com shop/w: account shop/fairlead-deployer may not get it: widgets.example.com "w" is forbidden: no` + remedy, false},
		{"NotWritable", named(widgetKind, "w", nil), forbidden("patch"), delivery.ReasonForbidden, `Widget.example.com shop/w: account shop/fairlead-deployer may not apply it: widgets.example.com "w" is forbidden: no` + remedy, true},
		{"ClusterScoped", named(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, "n", nil), nil, delivery.ReasonApplyFailed, "Namespace n: objects of this kind belong to no namespace, and an application is delivered to its target namespace only: remove the object", false},
		{"NotServed", named(schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Gadget"}, "g", nil), nil, delivery.ReasonApplyFailed, "Gadget.example.com shop/g: the hub serves no kind Gadget of example.com/v2: install what brings its CRD, or correct apiVersion and kind", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			if test.prepare != nil {
				test.prepare(h)
			}
			got := h.deliver(t, unitWith(test.object))
			if diff := cmp.Diff(test.reason+": "+test.message, got.Reason+": "+got.Message); diff != "" || got.State != delivery.Refused {
				t.Errorf("state %d (-want +got):\n%s", got.State, diff)
			}
			if listed := h.inventory(t) != ""; listed != test.listed {
				t.Errorf("listed %t, want %t", listed, test.listed)
			}
		})
	}
}

// TestRefusedSecret checks that no value of a Secret gets into a message.
func TestRefusedSecret(t *testing.T) {
	h := newTenantHub(t)
	h.tenant.PrependReactor("patch", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewBadRequest(`.data.k: expected string, got "S3CR3T"`)
	})
	got := h.deliver(t, unitWith(named(secretKind(), "token", nil)))
	if got.State != delivery.Refused || strings.Contains(got.Message, "S3CR3T") {
		t.Errorf("state %d: %s", got.State, got.Message)
	}
}

// TestRefusedAgain checks that an object which the API server refuses is tried again, and
// that nothing else is written then: what refuses it may be corrected.
func TestRefusedAgain(t *testing.T) {
	h := newTenantHub(t)
	refuses := true
	h.tenant.PrependReactor("patch", "widgets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return refuses, nil, apierrors.NewBadRequest("a policy of the site denies it")
	})
	unit := unitWith(settings("b"), named(widgetKind, "w", nil))
	patched := func() (names []string) {
		for _, action := range h.tenant.Actions() {
			if patch, ok := action.(clienttesting.PatchAction); ok {
				names = append(names, patch.GetName())
			}
		}
		h.tenant.ClearActions()
		return names
	}
	for pass := range 3 {
		got := h.deliver(t, unit)
		if got.State != delivery.Refused || got.RetryAfter != forbiddenRetry {
			t.Errorf("got %+v, want it refused, and tried again after %s", got, forbiddenRetry)
		}
		if names := patched(); pass > 0 && !slices.Equal(names, []string{"w"}) {
			t.Errorf("pass %d wrote %v, want the refused object alone", pass, names)
		}
		h.clock.SetTime(h.clock.Now().Add(got.RetryAfter))
	}
	refuses = false
	if got := h.deliver(t, unit); got.State != delivery.Delivered {
		t.Errorf("got %+v once it is allowed, want it delivered", got)
	}
}

// TestUnwatchedLost checks that an account that was deleted by hand costs no object.
func TestUnwatchedLost(t *testing.T) {
	h := newTenantHub(t)
	h.deliver(t, unitWith(settings("b")))
	h.clock.SetTime(now.Add(time.Minute))
	if err := h.client.Delete(t.Context(), deployer("shop", "shop")); err != nil {
		t.Fatal(err)
	}
	if records, err := h.Records(t.Context(), unit.Owner); err != nil || len(records) != 1 {
		t.Errorf("records %v, %v, want the ConfigMap", records, err)
	}
	if got := h.deliver(t, unitWith(settings("b"))); got.State != delivery.Waiting || got.RetryAfter == 0 {
		t.Errorf("without the account: %+v", got)
	}
	if err := h.client.Create(t.Context(), deployer("shop", "shop")); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, unitWith(settings("b")))
	if got := h.inventory(t); got != "prod/web//v1/ConfigMap/settings" {
		t.Errorf("inventory %q, want it listed again", got)
	}
}

// TestUnwatchedNamespaceGone checks that a namespace that goes takes its inventory along, and holds nobody.
func TestUnwatchedNamespaceGone(t *testing.T) {
	h := newTenantHub(t)
	h.deliver(t, unitWith(settings("b")))
	for _, gone := range []client.Object{deployer("shop", "shop"), namespace("shop", "")} {
		if err := h.client.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.SetTime(now.Add(time.Minute))
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil || len(records) > 0 || len(h.looks)+len(h.inventories)+len(h.written) > 0 {
		t.Errorf("records %v, %v, or something is still kept", records, err)
	}
}

// TestRemoveUnwatched checks what is deleted for a record, and what is left alone.
func TestRemoveUnwatched(t *testing.T) {
	record := func(change func(*delivery.Record)) delivery.Record {
		made, ok := recordOfEntry(unit.Owner, "shop", "prod/web//v1/ConfigMap/settings")
		if !ok {
			t.Fatal("not an entry")
		}
		if change != nil {
			change(&made)
		}
		return made
	}
	tests := []struct {
		name, reason string
		record       delivery.Record
		want         []string
	}{
		{"ours", "it is deleted, and looked for again", record(nil), []string{"get configmaps settings", "delete configmaps settings", "get configmaps settings"}},
		{"another's", "the UID proves whose it is", record(func(r *delivery.Record) { r.Owner.UID = "u2" }), []string{"get configmaps settings"}},
		{"another component's", "the name changed hands", record(func(r *delivery.Record) { r.Component = "api" }), []string{"get configmaps settings"}},
		{"another environment's", "the name changed hands", record(func(r *delivery.Record) { r.Place.Environment = "dev" }), []string{"get configmaps settings"}},
		{"no CRD", "with it all objects of the kind are gone", record(func(r *delivery.Record) { r.ID = "example.com/v9/Gone/shop/x" }), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.deliver(t, unitWith(settings("b")))
			h.requests()
			got, err := h.Remove(t.Context(), test.record, delivery.RemoveOptions{})
			if err != nil || got.State != delivery.Delivered {
				t.Errorf("%+v, %v, since %s", got, err, test.reason)
			}
			h.want(t, test.reason, test.want...)
		})
	}
}

// TestForgedInventory checks that what somebody wrote into an inventory reaches
// no other namespace, and that what cannot be read is passed over.
func TestForgedInventory(t *testing.T) {
	for _, entry := range []string{"", "x", "a/b/c/d/e/f/g", "prod//g/v1/K/n", "prod/web/g/v1/K/"} {
		if record, ok := recordOfEntry(unit.Owner, "shop", entry); ok {
			t.Errorf("%q is read as %v", entry, record)
		}
	}
	account := deployer("mallory", "mallory")
	account.Annotations = map[string]string{inventoryPrefix + "u1": "prod/web//v1/ConfigMap/settings ../x prod/web//v1/Secret/a"}
	h := newTenantHub(t, namespace("mallory", ""), account)
	if records, err := h.Records(t.Context(), unit.Owner); err != nil || len(records) > 0 {
		t.Errorf("records %v, %v of a namespace that the application does not deliver to", records, err)
	}
}

func TestWithoutStringData(t *testing.T) {
	given := object{"data": object{"a": "eA==", "b": "eA=="}, "stringData": object{"b": "y"}}
	want := object{"data": object{"a": "eA==", "b": "eQ=="}}
	if diff := cmp.Diff(want, withoutStringData(given)); diff != "" {
		t.Errorf("text comes before bytes, as the API server has it (-want +got):\n%s", diff)
	}
	if _, ok := given["stringData"]; !ok || given["data"].(object)["b"] != "eA==" {
		t.Error("what was rendered was changed")
	}
}

// TestReferenced checks what is said of objects that cannot be read.
func TestReferenced(t *testing.T) {
	forbidden := func(h *hub) {
		h.tenant.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "settings", errors.New("no"))
		})
	}
	settingsOf := render.Reference{Resource: "configmap", Name: "settings"}
	tests := []struct {
		name, namespace string
		reference       render.Reference
		prepare         func(*hub)
		want            string
		listed          []string
	}{
		{"Missing", "shop", settingsOf, nil, `there is no configmap "settings" in namespace "shop" on the hub; create it, or correct the reference`, nil},
		{"NoRight", "shop", settingsOf, forbidden, `account shop/fairlead-deployer may not get configmap "settings"; bind it to a role that allows it, or remove the reference`, nil},
		{"NoAccount", "bare", settingsOf, forbidden, `configmap "settings" is read as the account fairlead-deployer of namespace "bare", which does not exist yet: deliver something to this namespace on the hub by an environment, or run: kubectl -n bare create serviceaccount fairlead-deployer; kubectl -n bare create rolebinding fairlead-secrets --clusterrole=fairlead-deployer --serviceaccount=bare:fairlead-deployer`, nil},
		{"NoAccountForASecret", "bare", render.Reference{Resource: "secret", Name: "db"}, forbidden, `secret "db" is read as the account fairlead-deployer of namespace "bare", which does not exist yet: deliver something to this namespace on the hub by an environment, or run: kubectl -n bare create serviceaccount fairlead-deployer; kubectl -n bare create role fairlead-secrets --verb=get --resource=secrets --resource-name=db; kubectl -n bare create rolebinding fairlead-secrets --role=fairlead-secrets --serviceaccount=bare:fairlead-deployer`, nil},
		{"NoAccountForSecrets", "bare", render.Reference{Resource: "secret", Name: "db"}, forbidden, `secret "db" is read as the account fairlead-deployer of namespace "bare", which does not exist yet: deliver something to this namespace on the hub by an environment, or run: kubectl -n bare create serviceaccount fairlead-deployer; kubectl -n bare create role fairlead-secrets --verb=get --resource=secrets --resource-name=api.prod --resource-name=db; kubectl -n bare create rolebinding fairlead-secrets --role=fairlead-secrets --serviceaccount=bare:fairlead-deployer`, []string{"api.prod", "db"}},
		{"NoAccountForManySecrets", "bare", render.Reference{Resource: "secret", Name: "db"}, forbidden, `secret "db" is read as the account fairlead-deployer of namespace "bare", which does not exist yet: deliver something to this namespace on the hub by an environment, or run: kubectl -n bare create serviceaccount fairlead-deployer; kubectl -n bare create role fairlead-secrets --verb=get --resource=secrets --resource-name=db; kubectl -n bare create rolebinding fairlead-secrets --role=fairlead-secrets --serviceaccount=bare:fairlead-deployer (fairlead-addon doctor has the commands for all its Secrets)`, []string{"db", strings.Repeat("a", 250), strings.Repeat("b", 250)}},
		{"NotServed", "shop", render.Reference{Resource: "gadget", Group: "example.com", Name: "g"}, nil, `gadget.example.com "g": the hub serves no such resource; correct resource and group, such as deployment with the group apps, or install its CRD`, nil},
		{"ClusterScoped", "shop", render.Reference{Kind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, Name: "n"}, nil, `Namespace "n": objects of this kind belong to no namespace, and an application reads objects of its own namespace only`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			if test.prepare != nil {
				test.prepare(h)
			}
			_, problem, err := h.Referenced(t.Context(), test.namespace, test.reference, test.listed)
			if diff := cmp.Diff(test.want, problem); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	h := newTenantHub(t)
	h.deliver(t, unitWith(settings("b")))
	for _, reference := range []render.Reference{settingsOf, {Resource: "configmaps", Name: "settings"}, {Kind: configMapKind, Name: "settings"}} {
		got, problem, err := h.Referenced(t.Context(), "shop", reference, nil)
		if err != nil || problem != "" || got["data"].(object)["a"] != "b" {
			t.Errorf("%+v: %v, %q, %v", reference, got, problem, err)
		}
	}
}

// TestForbiddenSecret checks that of a Secret that may not be written only a lack of rights is told in the API server's words.
func TestForbiddenSecret(t *testing.T) {
	const rights = `User "system:serviceaccount:shop:fairlead-deployer" cannot patch resource "secrets" in API group "" in the namespace "shop"`
	policy := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "token", errors.New("ValidatingAdmissionPolicy 'p' denied request: S3CR3T"))
	policy.ErrStatus.Details.Causes = []metav1.StatusCause{{Message: "S3CR3T"}}
	field := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "token", errors.New("S3CR3T"))
	field.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: "data.password", Message: "S3CR3T"}}
	for reason, test := range map[string]struct {
		err  error
		want string
	}{
		"a right is missing":     {apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "token", errors.New(rights)), rights},
		"a policy quotes it":     {policy, refusal.OfSecretHidden},
		"a policy names a field": {field, "data.password (FieldValueInvalid)"},
	} {
		h := newTenantHub(t)
		h.tenant.PrependReactor("patch", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, test.err })
		got := h.deliver(t, unitWith(named(secretKind(), "token", nil)))
		if got.Reason != delivery.ReasonForbidden || strings.Contains(got.Message, "S3CR3T") || !strings.Contains(got.Message, test.want) {
			t.Errorf("%s: %s %s", reason, got.Reason, got.Message)
		}
	}
}
