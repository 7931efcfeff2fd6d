// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// TestFateOf checks what becomes of an object that is not wanted any more.
func TestFateOf(t *testing.T) {
	record := recordOf(unit.Owner, webKey.gvk, deployed(nil))
	annotated := func(removal string) func(object) {
		return func(o object) { metadata(o)["annotations"].(object)[delivery.AnnotationRemoval] = removal }
	}
	claim := func(removal string) func(object) {
		return func(o object) {
			o["apiVersion"], o["kind"] = "v1", "PersistentVolumeClaim"
			if removal != "" {
				annotated(removal)(o)
			}
		}
	}
	label := func(name, value string) func(object) {
		return func(o object) { metadata(o)["labels"].(object)[name] = value }
	}
	tests := []struct {
		reason  string
		change  func(object)
		options delivery.RemoveOptions
		want    fate
	}{
		{"the usual", nil, delivery.RemoveOptions{}, goes},
		{"a claim holds data", claim(""), delivery.RemoveOptions{Final: true}, left},
		{"a claim that a policy lets go", claim(policy.RemoveOnUpdate), delivery.RemoveOptions{}, goes},
		{"a policy keeps it", annotated(policy.RemoveNever), delivery.RemoveOptions{Final: true}, left},
		{"it stays with its application", annotated(policy.RemoveOnDelete), delivery.RemoveOptions{}, stays},
		{"and goes with it", annotated(policy.RemoveOnDelete), delivery.RemoveOptions{Final: true}, goes},
		{"the environment lets go of all", nil, delivery.RemoveOptions{Leave: true}, left},
		{"that is none of its application's, though it says so", func(o object) {
			annotated(policy.RemoveOnUpdate)(o)
			delete(metadata(o)["labels"].(object), v1alpha1.LabelApplicationUID)
		}, delivery.RemoveOptions{Final: true}, notOurs},
		{"another application's", label(v1alpha1.LabelApplicationUID, "u2"), delivery.RemoveOptions{}, notOurs},
		{"another component's by now", label(v1beta1.LabelAppComponent, "api"), delivery.RemoveOptions{}, notOurs},
		{"another environment's by now", label(v1alpha1.LabelEnvironment, "dev"), delivery.RemoveOptions{}, notOurs},
	}
	for _, test := range tests {
		if got := fateOf(record, deployed(test.change), test.options); got != test.want {
			t.Errorf("got %d, want %d: %s", got, test.want, test.reason)
		}
	}
	if got := fateOf(record, nil, delivery.RemoveOptions{}); got != notOurs {
		t.Errorf("what is gone: got %d", got)
	}
}

// removeSettings removes the ConfigMap that is delivered, by its record.
func (h *hub) removeSettings(t *testing.T, owner delivery.Owner, options delivery.RemoveOptions) delivery.Observation {
	t.Helper()
	records, err := h.Records(t.Context(), owner)
	if err != nil || len(records) != 1 {
		t.Fatalf("records %v, %v, want one", records, err)
	}
	observation, err := h.Remove(t.Context(), records[0], options)
	if err != nil {
		t.Fatal(err)
	}
	return observation
}

// TestKept checks that an object stays with its application, without being read
// again and again, and goes with it.
func TestKept(t *testing.T) {
	h := newTenantHub(t)
	h.deliver(t, treated("v1", policy.Treatment{Removal: policy.RemoveOnDelete}))
	h.requests()
	for range 3 {
		if got := h.removeSettings(t, unit.Owner, delivery.RemoveOptions{}); got.State != delivery.Delivered {
			t.Errorf("got %+v, want that nothing is left to be done", got)
		}
	}
	h.want(t, "an update drops it", "get configmaps settings")
	if used, err := h.used(t.Context(), "shop"); !used || err != nil {
		t.Errorf("used %t, %v, want the tenant to stay", used, err)
	}
	h.removeSettings(t, unit.Owner, delivery.RemoveOptions{Final: true})
	if h.stored(t) != nil || h.inventory(t) != "" {
		t.Error("it is left over when the application is gone")
	}
}

// TestLeft checks that an object that stays for ever holds nobody, and that the
// application made again knows it.
func TestLeft(t *testing.T) {
	h := newTenantHub(t)
	never := policy.Treatment{Removal: policy.RemoveNever}
	h.deliver(t, treated("v1", never))
	if got := h.removeSettings(t, unit.Owner, delivery.RemoveOptions{Final: true}); got.State != delivery.Delivered {
		t.Errorf("got %+v", got)
	}
	labels := h.stored(t).GetLabels()
	want := map[string]string{
		delivery.LabelLeft: "u1", v1alpha1.LabelEnvironment: "prod",
		v1beta1.LabelAppComponent: "web", v1beta1.LabelAppName: "store", v1beta1.LabelAppNamespace: "shop",
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	records, err := h.Records(t.Context(), unit.Owner)
	used, errUsed := h.used(t.Context(), "shop")
	places, errPlaces := h.Places(t.Context(), "prod")
	if len(records)+len(places) > 0 || used || err != nil || errUsed != nil || errPlaces != nil {
		t.Errorf("records %v, used %t, places %v (%v, %v, %v): want none", records, used, places, err, errUsed, errPlaces)
	}
	again := treated("v2", never)
	again.Owner.UID = "u9"
	if got := h.deliver(t, again); got.State != delivery.Delivered {
		t.Errorf("made again: %+v", got)
	}
	labels = h.stored(t).GetLabels()
	if labels[v1alpha1.LabelApplicationUID] != "u9" || labels[delivery.LabelLeft] != "" {
		t.Errorf("labels %v, want the new application's", labels)
	}
}

// TestPropagation checks what becomes of what an object owns.
func TestPropagation(t *testing.T) {
	for said, want := range map[string]metav1.DeletionPropagation{
		"": metav1.DeletePropagationBackground, "orphan": metav1.DeletePropagationOrphan, "cascading": metav1.DeletePropagationForeground,
		"forged": metav1.DeletePropagationBackground,
	} {
		h := newTenantHub(t)
		h.deliver(t, treated("v1", policy.Treatment{Propagation: said}))
		h.requests()
		record, _ := recordOfEntry(unit.Owner, "shop", "prod/web//v1/ConfigMap/settings")
		if _, err := h.Remove(t.Context(), record, delivery.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, action := range h.tenant.Actions() {
			if del, ok := action.(clienttesting.DeleteActionImpl); ok && *del.DeleteOptions.PropagationPolicy != want {
				t.Errorf("%q: got %s, want %s", said, *del.DeleteOptions.PropagationPolicy, want)
			}
		}
		if h.stored(t) != nil {
			t.Errorf("%q: it is still there", said)
		}
	}
}

// sharing is a unit of an application that shares the ConfigMap.
func sharing(application, value string) delivery.Unit {
	made := treated(value, policy.Treatment{Shared: true})
	made.Owner.Name, made.Owner.UID = application, types.UID("uid-"+application)
	labels := made.Result.Objects[0].Content["metadata"].(object)["labels"].(object)
	labels[v1beta1.LabelAppName] = application
	return made
}

// TestShared follows an object that three applications share: the first writes
// it, it is handed on, and it goes with the last.
func TestShared(t *testing.T) {
	h := newTenantHub(t)
	check := func(what, value, writer, sharers string) {
		t.Helper()
		live := h.stored(t)
		if live == nil {
			t.Fatalf("%s: it is gone", what)
		}
		got := []string{live.Object["data"].(object)["a"].(string), live.GetLabels()[v1alpha1.LabelApplicationUID], live.GetAnnotations()[delivery.AnnotationSharedBy]}
		if diff := cmp.Diff([]string{value, writer, sharers}, got); diff != "" {
			t.Errorf("%s: value, writer, sharers (-want +got):\n%s", what, diff)
		}
	}
	one, two, three := sharing("one", "1"), sharing("two", "2"), sharing("three", "3")
	h.deliver(t, one)
	check("made", "1", "uid-one", "shop/one")
	for _, other := range []delivery.Unit{two, three} {
		if got := h.deliver(t, other); got.State != delivery.Delivered {
			t.Errorf("%s: %+v, want it to be content with what is there", other.Owner, got)
		}
	}
	check("shared", "1", "uid-one", "shop/one,shop/two,shop/three")
	h.later()
	h.deliver(t, one)
	check("another pass of the first", "1", "uid-one", "shop/one,shop/two,shop/three")
	h.removeSettings(t, three.Owner, delivery.RemoveOptions{Final: true})
	check("one that does not write it goes", "1", "uid-one", "shop/one,shop/two")
	h.removeSettings(t, one.Owner, delivery.RemoveOptions{Final: true})
	check("the first goes", "1", "", "shop/two")
	if owner, ok := h.OwnerOf(t.Context(), h.stored(t)); !ok || owner.Name != "two" {
		t.Errorf("an event wakes %s, %t, want the next", owner, ok)
	}
	h.later()
	h.deliver(t, two)
	check("the next takes it", "2", "uid-two", "shop/two")
	h.removeSettings(t, two.Owner, delivery.RemoveOptions{Final: true})
	if h.stored(t) != nil {
		t.Error("it is still there when the last is gone")
	}
}

// share lets applications share the ConfigMap, the first of which writes it.
func (h *hub) share(t *testing.T, units ...delivery.Unit) {
	t.Helper()
	for _, u := range units {
		if got := h.deliver(t, u); got.State != delivery.Delivered {
			t.Fatalf("%s: %+v", u.Owner, got)
		}
		h.later()
	}
}

// TestSharedAllGo checks what becomes of an object whose writer is gone when the
// next application goes, or drops it, before it has written it.
func TestSharedAllGo(t *testing.T) {
	final := delivery.RemoveOptions{Final: true}
	tests := []struct {
		name, reason string
		// removal that the one which wrote the object asks for
		removal string
		// change of the object when it was handed on
		change  func(*unstructured.Unstructured)
		options []delivery.RemoveOptions
		stays   bool
		// left is whose the object was that stays for ever.
		left string
	}{
		{"the next goes", "nobody else has it", "", nil, []delivery.RemoveOptions{final}, false, ""},
		{"the next drops it", "nobody else has it", "", nil, []delivery.RemoveOptions{{}}, false, ""},
		{"a policy keeps it", "its mark says so", policy.RemoveNever, nil, []delivery.RemoveOptions{final}, true, "uid-two"},
		{"the environment lets go of all", "it stays for ever", "", nil, []delivery.RemoveOptions{{Final: true, Leave: true}}, true, "uid-two"},
		{"it stays with its application", "that one has only dropped it", policy.RemoveOnDelete, nil, []delivery.RemoveOptions{{}}, true, ""},
		{"and goes with it", "the application is gone", policy.RemoveOnDelete, nil, []delivery.RemoveOptions{{}, final}, false, ""},
		{"let go of by hand", "nothing holds what lost its label", "", func(o *unstructured.Unstructured) {
			labels := o.GetLabels()
			delete(labels, v1alpha1.LabelApplicationUID)
			o.SetLabels(labels)
		}, []delivery.RemoveOptions{final}, true, ""},
		{"another object of its name", "it was never handed on", "", func(o *unstructured.Unstructured) {
			o.SetAnnotations(nil)
		}, []delivery.RemoveOptions{final}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			one, two := sharing("one", "1"), sharing("two", "2")
			if test.removal != "" {
				one.Treatments[0].Removal = test.removal
			}
			h.share(t, one, two)
			h.removeSettings(t, one.Owner, final)
			if test.change != nil {
				h.edit(t, test.change)
			}
			for _, options := range test.options {
				if got := h.removeSettings(t, two.Owner, options); got.State != delivery.Delivered {
					t.Errorf("got %+v, want that nothing is waited for", got)
				}
				h.later()
			}
			live := h.stored(t)
			if (live != nil) != test.stays {
				t.Fatalf("it stays %t, want %t, since %s", live != nil, test.stays, test.reason)
			}
			if live != nil && live.GetLabels()[delivery.LabelLeft] != test.left {
				t.Errorf("labels %v, want %s %q, since %s", live.GetLabels(), delivery.LabelLeft, test.left, test.reason)
			}
		})
	}
}

// TestSharedInTurn checks that an object goes on to those who still share it when
// nobody has written it meanwhile, and never to one of another namespace.
func TestSharedInTurn(t *testing.T) {
	final := delivery.RemoveOptions{Final: true}
	h := newTenantHub(t)
	one, two, three := sharing("one", "1"), sharing("two", "2"), sharing("three", "3")
	h.share(t, one, two, three)
	h.edit(t, func(o *unstructured.Unstructured) {
		o.SetAnnotations(map[string]string{delivery.AnnotationSharedBy: "shop/one,blog/other,shop/two,shop/three"})
	})
	for _, step := range []struct {
		goes delivery.Unit
		next string
	}{{one, "two"}, {two, "three"}} {
		h.removeSettings(t, step.goes.Owner, final)
		if owner, ok := h.OwnerOf(t.Context(), h.stored(t)); !ok || owner.Name != step.next {
			t.Errorf("after %s an event wakes %s, %t, want %s", step.goes.Owner, owner, ok, step.next)
		}
	}
	h.removeSettings(t, three.Owner, final)
	if h.stored(t) != nil {
		t.Error("it is still there when the last is gone")
	}
}

// TestSharedAllGoHeld checks that the end of an object is waited for that is
// removed before the next application has written it.
func TestSharedAllGoHeld(t *testing.T) {
	h := newTenantHub(t)
	one, two := sharing("one", "1"), sharing("two", "2")
	h.share(t, one, two)
	h.removeSettings(t, one.Owner, delivery.RemoveOptions{Final: true})
	h.tenant.PrependReactor("delete", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		held := h.stored(t).DeepCopy()
		held.SetFinalizers([]string{"example.com/hold"})
		held.SetDeletionTimestamp(ptr.To(metav1.NewTime(now)))
		return true, nil, h.tenant.Tracker().Update(configMaps, held, "shop")
	})
	for range 2 {
		got := h.removeSettings(t, two.Owner, delivery.RemoveOptions{Final: true})
		if want := "ConfigMap shop/settings: waiting for its end: finalizer example.com/hold"; got.Message != want {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

// TestSharedByOtherUnits hands an object on to a component of another name or in
// another environment: it is written by that one, and goes with it.
func TestSharedByOtherUnits(t *testing.T) {
	tests := []struct {
		name, reason string
		// next changes the unit that comes next, and change the object when it was handed on.
		next    func(*delivery.Unit)
		change  func(*unstructured.Unstructured)
		problem string
	}{
		{"another component", "it was handed on", func(u *delivery.Unit) { u.Component = "api" }, nil, ""},
		{"another environment", "it was handed on", func(u *delivery.Unit) { u.Place.Environment = "dev" }, nil, ""},
		{"the policy dropped meanwhile", "it asked for it when it was shared", func(u *delivery.Unit) {
			u.Component = "api"
			u.Treatments = []policy.Treatment{{Removal: policy.RemoveOnUpdate}}
		}, nil, ""},
		{"let go of by hand", "nothing tells that it was delivered", func(u *delivery.Unit) { u.Component = "api" }, func(o *unstructured.Unstructured) {
			labels := o.GetLabels()
			delete(labels, v1alpha1.LabelApplicationUID)
			o.SetLabels(labels)
		}, delivery.ReasonForeignObject},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			one, two := sharing("one", "1"), sharing("two", "2")
			next := two
			test.next(&next)
			labels := two.Result.Objects[0].Content["metadata"].(object)["labels"].(object)
			labels[v1beta1.LabelAppComponent], labels[v1alpha1.LabelEnvironment] = next.Component, next.Place.Environment
			two.Component, two.Place = next.Component, next.Place
			h.share(t, one, two)
			h.removeSettings(t, one.Owner, delivery.RemoveOptions{Final: true})
			if test.change != nil {
				h.edit(t, test.change)
			}
			h.later()
			if got := h.deliver(t, next); got.Reason != test.problem {
				t.Fatalf("got %+v, want reason %q, since %s", got, test.problem, test.reason)
			}
			if test.problem != "" {
				return
			}
			if live := h.stored(t); live.Object["data"].(object)["a"] != "2" || !wishOf(next, 0).ours(live) {
				t.Errorf("got %v, want it written by the next", live.Object)
			}
			h.removeSettings(t, two.Owner, delivery.RemoveOptions{Final: true})
			if h.stored(t) != nil {
				t.Error("it is still there when the last is gone")
			}
		})
	}
}

// TestSharedOfReplica hands an object of a copy of a component on to one that leaves it as it is:
// what told the copy from others is not left on it, since it would be another's than its owner's.
func TestSharedOfReplica(t *testing.T) {
	h := newTenantHub(t)
	one, two := sharing("one", "1"), sharing("two", "2")
	labels := one.Result.Objects[0].Content["metadata"].(object)["labels"].(object)
	labels[v1beta1.LabelReplicaKey] = "eu"
	one.Component = delivery.UnitName(one.Component, "eu")
	two.Treatments = []policy.Treatment{{Shared: true, Once: true, Removal: policy.RemoveOnUpdate}}
	h.share(t, one, two)
	h.removeSettings(t, one.Owner, delivery.RemoveOptions{Final: true})
	h.later()
	if got := h.deliver(t, two); got.Reason != "" {
		t.Fatalf("got %+v, want it taken", got)
	}
	if live := h.stored(t); live.Object["data"].(object)["a"] != "1" || !wishOf(two, 0).ours(live) || live.GetLabels()[v1beta1.LabelReplicaKey] != "" {
		t.Errorf("got %v, want it left as it is, and the next one's alone", live.Object)
	}
	h.removeSettings(t, two.Owner, delivery.RemoveOptions{Final: true})
	if h.stored(t) != nil {
		t.Error("it is still there when the last is gone")
	}
}

// TestSharedLetGo checks that one of the others has a shared object of which an
// application lets go that stays itself, or that is kept for ever.
func TestSharedLetGo(t *testing.T) {
	readOnly := func(u delivery.Unit) delivery.Unit {
		u.Treatments = []policy.Treatment{{Shared: true, ReadOnly: true, Removal: policy.RemoveOnUpdate}}
		return u
	}
	keeping := sharing("one", "1")
	keeping.Treatments[0].Removal = policy.RemoveNever
	one, two, three := sharing("one", "1"), sharing("two", "2"), sharing("three", "3")
	api := sharing("two", "2")
	api.Component = "api"
	api.Result.Objects[0].Content["metadata"].(object)["labels"].(object)[v1beta1.LabelAppComponent] = "api"
	final := delivery.RemoveOptions{Final: true}
	tests := []struct {
		name, reason string
		next         func(*testing.T, *hub)
		// value, writer and sharers afterwards
		want []string
	}{
		{"kept, and the next comes later", "it was shared when it was left", func(t *testing.T, h *hub) {
			h.share(t, keeping)
			h.removeSettings(t, keeping.Owner, final)
			h.share(t, api, three)
		}, []string{"2", "uid-two", "shop/two,shop/three"}},
		{"kept, and made again", "it is what is left of the same application", func(t *testing.T, h *hub) {
			h.share(t, keeping)
			h.removeSettings(t, keeping.Owner, final)
			again := sharing("one", "1")
			again.Owner.UID = "uid-again"
			h.share(t, again, two)
		}, []string{"1", "uid-again", "shop/one,shop/two"}},
		{"the first only reads it from now on", "it is the next one's turn", func(t *testing.T, h *hub) {
			h.share(t, one, two, three, readOnly(one), two, readOnly(one), three)
		}, []string{"2", "uid-two", "shop/two,shop/three"}},
		{"the first only reads it, and the next comes later", "it was shared when it was let go of", func(t *testing.T, h *hub) {
			h.share(t, one, readOnly(one), two, readOnly(one))
		}, []string{"2", "uid-two", "shop/two"}},
		{"the second only reads it from now on", "it waits for nothing", func(t *testing.T, h *hub) {
			h.share(t, one, two, three, readOnly(two), one)
			h.removeSettings(t, one.Owner, final)
			h.share(t, readOnly(two), three)
		}, []string{"3", "uid-three", "shop/three"}},
		{"it was handed on to one that only reads it", "it is the next one's turn", func(t *testing.T, h *hub) {
			h.share(t, one, two, three)
			h.removeSettings(t, one.Owner, final)
			h.share(t, readOnly(two), three)
		}, []string{"3", "uid-three", "shop/three"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			test.next(t, h)
			live := h.stored(t)
			got := []string{live.Object["data"].(object)["a"].(string), live.GetLabels()[v1alpha1.LabelApplicationUID], live.GetAnnotations()[delivery.AnnotationSharedBy]}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("value, writer, sharers (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestSharedLeftBehind checks that what an application left behind which shared
// nothing, or one of another namespace, is not taken by one that would.
func TestSharedLeftBehind(t *testing.T) {
	for reason, change := range map[string]func(*unstructured.Unstructured){
		"it shared nothing": func(o *unstructured.Unstructured) { o.SetAnnotations(nil) },
		"tenants share nothing": func(o *unstructured.Unstructured) {
			identity(map[string]string{v1beta1.LabelAppNamespace: "blog", v1beta1.LabelAppName: "one", delivery.LabelLeft: "uid-one"})(o)
			o.SetAnnotations(map[string]string{delivery.AnnotationSharedBy: "blog/one"})
		},
	} {
		h := newTenantHub(t)
		one := sharing("one", "1")
		one.Treatments[0].Removal = policy.RemoveNever
		h.share(t, one)
		h.removeSettings(t, one.Owner, delivery.RemoveOptions{Final: true})
		h.edit(t, change)
		if got := h.deliver(t, sharing("two", "2")); got.Reason != delivery.ReasonForeignObject {
			t.Errorf("got %+v, want it refused, since %s", got, reason)
		}
	}
}

// TestSharedOfWatchedKind checks that an application finds what it shares and does not write.
func TestSharedOfWatchedKind(t *testing.T) {
	theirs := deployedIn("shop", "web")
	labels := theirs.GetLabels()
	labels[v1alpha1.LabelApplicationUID], labels[v1beta1.LabelAppName] = "u2", "rival"
	theirs.SetLabels(labels)
	theirs.SetAnnotations(map[string]string{delivery.AnnotationSharedBy: "shop/rival"})
	h := newTenantHub(t, theirs)
	observer := unitWith(named(webKey.gvk, "web", nil))
	observer.Treatments = []policy.Treatment{{Shared: true, Removal: policy.RemoveOnUpdate}}
	got := h.deliver(t, observer)
	if got.State != delivery.Delivered || got.RetryAfter == 0 || got.RetryAfter > 2*sharedLook {
		t.Errorf("got %+v, want a look soon", got)
	}
	h.want(t, "the application adds itself", "patch deployments web")
	records, err := h.Records(t.Context(), unit.Owner)
	if err != nil || len(records) != 1 || records[0].ID != "apps/v1/Deployment/shop/web" {
		t.Errorf("records %v, %v", records, err)
	}
	if stranger := h.deliver(t, unitWith(named(webKey.gvk, "web", nil))); stranger.Reason != delivery.ReasonPlacementConflict {
		t.Errorf("an application without the policy: %+v", stranger)
	}
}

// TestTerminating checks that a namespace that is being deleted is waited for.
func TestTerminating(t *testing.T) {
	dying := namespace("shop", "")
	dying.Finalizers = []string{"kubernetes"}
	h := newHub(t, dying, deployedIn("shop", "web"), deployer("shop", "shop"))
	if err := h.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Deliver(t.Context(), unitWith(named(webKey.gvk, "web", nil)))
	want := delivery.Observation{State: delivery.Waiting, RetryAfter: 2 * time.Second, Message: `namespace "shop" is being deleted: waiting for its end`}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || len(h.tenant.Actions()) > 0 {
		t.Errorf("%v, requests %v (-want +got):\n%s", err, h.tenant.Actions(), diff)
	}
}

// TestStanding checks which objects of a unit are known to be there after a start.
func TestStanding(t *testing.T) {
	h := newTenantHub(t, deployedIn("shop", "web"))
	whole := unitWith(named(webKey.gvk, "web", nil), settings("a"), named(webKey.gvk, "other", nil), named(widgetKind, "w", nil))
	part := whole
	result := *whole.Result
	result.Objects = result.Objects[1:2]
	part.Result = &result
	h.deliver(t, part)
	got, err := h.Standing(t.Context(), whole)
	if diff := cmp.Diff(map[string]bool{"Deployment.apps shop/web": true, "ConfigMap shop/settings": true}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
