// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

type object = map[string]any

func TestContains(t *testing.T) {
	tests := []struct {
		reason       string
		live, wanted any
		want         bool
	}{
		{"equal", object{"a": int64(1)}, object{"a": int64(1)}, true},
		{"the API server adds defaults", object{"a": int64(1), "b": "x"}, object{"a": int64(1)}, true},
		{"another value", object{"a": int64(2)}, object{"a": int64(1)}, false},
		{"missing", object{}, object{"a": int64(1)}, false},
		{"missing deep inside", object{"a": object{"b": object{}}}, object{"a": object{"b": object{"c": "d"}}}, false},
		{"nothing where an object is wanted", object{}, object{"a": object{"b": "c"}}, false},
		{"null is what is not there", object{}, object{"a": nil}, true},
		{"defaults in the items of a list", object{"a": []any{object{"b": "c", "d": "e"}}}, object{"a": []any{object{"b": "c"}}}, true},
		{"an item more is somebody's edit", object{"a": []any{"x", "y"}}, object{"a": []any{"x"}}, false},
		{"an item less too", object{"a": []any{"x"}}, object{"a": []any{"x", "y"}}, false},
		{"the order of a list counts", object{"a": []any{"x", "y"}}, object{"a": []any{"y", "x"}}, false},
		{"another kind of value", object{"a": "1"}, object{"a": int64(1)}, false},
		{"an object where text is wanted", object{"a": object{"b": "c"}}, object{"a": "b"}, false},
		{"a list where an object is wanted", object{"a": []any{}}, object{"a": object{"b": "c"}}, false},
		{"no object at all", "text", object{"a": "b"}, false},
		{"quantities are written in another form", object{"limits": object{"cpu": "100m", "memory": "1Gi"}}, object{"limits": object{"cpu": "0.1", "memory": "1024Mi"}}, true},
		{"another quantity", object{"limits": object{"cpu": "100m"}}, object{"limits": object{"cpu": "0.2"}}, false},
		{"a quantity that is none", object{"requests": object{"cpu": "100m"}}, object{"requests": object{"cpu": "x"}}, false},
		{"no quantity", object{"requests": object{}}, object{"requests": object{"cpu": "1"}}, false},
		{"quantities only where resources are", object{"a": object{"cpu": "100m"}}, object{"a": object{"cpu": "0.1"}}, false},
	}
	for _, test := range tests {
		if got := contains(test.live, test.wanted); got != test.want {
			t.Errorf("contains(%v, %v): got %t, want %t: %s", test.live, test.wanted, got, test.want, test.reason)
		}
	}
}

// deployed is a live Deployment of component web, as the API server has it.
func deployed(change func(object)) *unstructured.Unstructured {
	live := object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{
			"name": "web", "namespace": "shop", "uid": "o1", "resourceVersion": "7", "generation": int64(1), "managedFields": []any{object{"manager": "fairlead-addon"}},
			"annotations": object{v1alpha1.AnnotationRevision: "r1"},
			"labels": object{
				v1alpha1.LabelApplicationUID: "u1", v1alpha1.LabelEnvironment: "prod",
				v1beta1.LabelAppComponent: "web", v1beta1.LabelAppName: "store", v1beta1.LabelAppNamespace: "shop",
			},
		},
		"spec":   object{"replicas": int64(2), "paused": false},
		"status": object{"readyReplicas": int64(2)},
	}
	if change != nil {
		change(live)
	}
	return &unstructured.Unstructured{Object: live}
}

func metadata(live object) object { return live["metadata"].(object) }

// TestContentDigest checks that edits show, and that what controllers write does not.
func TestContentDigest(t *testing.T) {
	base := contentDigest(deployed(nil).Object)
	tests := []struct {
		reason string
		change func(object)
		same   bool
	}{
		{"status is the controller's", func(o object) { o["status"] = object{"readyReplicas": int64(1)} }, true},
		{"versions are the API server's", func(o object) { metadata(o)["resourceVersion"], metadata(o)["generation"] = "8", int64(2) }, true},
		{"nor do managers count", func(o object) { delete(metadata(o), "managedFields") }, true},
		{"a finalizer is no content", func(o object) { metadata(o)["finalizers"] = []any{"x"} }, true},
		{"spec", func(o object) { o["spec"].(object)["replicas"] = int64(3) }, false},
		{"a field more", func(o object) { o["spec"].(object)["x"] = true }, false},
		{"a label", func(o object) { metadata(o)["labels"].(object)["x"] = "y" }, false},
		{"an annotation", func(o object) { metadata(o)["annotations"].(object)["x"] = "y" }, false},
		{"what stands beside spec", func(o object) { o["data"] = object{"a": "b"} }, false},
	}
	for _, test := range tests {
		if got := contentDigest(deployed(test.change).Object) == base; got != test.same {
			t.Errorf("same digest %t, want %t: %s", got, test.same, test.reason)
		}
	}
}

func TestStrip(t *testing.T) {
	live := deployed(nil)
	want := contentDigest(live.Object)
	strip(live)
	if got := live.GetAnnotations()[observedDigest]; got != want {
		t.Errorf("digest: got %q, want %q", got, want)
	}
	if len(live.GetManagedFields()) > 0 {
		t.Error("managed fields are left")
	}
	once := live.DeepCopy()
	strip(live)
	if diff := cmp.Diff(once, live); diff != "" {
		t.Errorf("stripping twice changes it (-once +twice):\n%s", diff)
	}
	bare := &unstructured.Unstructured{Object: object{"kind": "Service"}}
	strip(bare)
	if bare.GetAnnotations()[observedDigest] == "" {
		t.Errorf("an object without metadata: %v", bare)
	}
	if problems := validation.IsQualifiedName(observedDigest); len(problems) == 0 {
		t.Errorf("the API server admits an annotation %q, so it could be forged", observedDigest)
	}
}

// TestPack checks that an object in the cache is found as the whole one would be, and
// that nothing of it is lost.
func TestPack(t *testing.T) {
	for name, change := range map[string]func(object){
		"usual":               nil,
		"without labels":      func(o object) { delete(metadata(o), "labels") },
		"without metadata":    func(o object) { delete(o, "metadata") },
		"metadata of no type": func(o object) { o["metadata"] = "x" },
		"odd labels":          func(o object) { metadata(o)["labels"] = object{v1beta1.LabelAppName: int64(1)} },
	} {
		want := deployed(change)
		strip(want)
		cached, err := pack(deployed(change))
		if err != nil {
			t.Fatal(err)
		}
		packed := cached.(*unstructured.Unstructured)
		if again, err := pack(packed); again != cached || err != nil {
			t.Errorf("%s: packed twice: %v, %v", name, again, err)
		}
		got := packed.DeepCopy()
		if err := unpack(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
		if err := unpack(got); err != nil {
			t.Errorf("%s: what is not packed: %v", name, err)
		}
		for _, label := range listedLabels() {
			if got, want := packed.GetLabels()[label], want.GetLabels()[label]; got != want {
				t.Errorf("%s: label %s: got %q, want %q", name, label, got, want)
			}
		}
		if keyOf(packed) != keyOf(want) || packed.GetUID() != want.GetUID() || packed.GetResourceVersion() != want.GetResourceVersion() {
			t.Errorf("%s: got %v, want the identity of %v", name, packed, want)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	odd := deployed(func(o object) { o["spec"].(object)["replicas"] = 3 })
	if got, err := pack(odd); got != odd || err != nil || isPacked(odd) || odd.GetAnnotations()[observedDigest] == "" {
		t.Errorf("what cannot be packed: %v, %v, want it stripped", got, err)
	}
	if other, err := pack("tombstone"); other != "tombstone" || err != nil {
		t.Errorf("what is no object: %v, %v, want it as it is", other, err)
	}
	if err := unpack(deployed(func(o object) { metadata(o)[packedObject] = "x" })); err == nil {
		t.Error("no error for a packed object that is none")
	}
}

var place = delivery.Place{Environment: "prod", Cluster: "local", Namespace: "shop"}

var unit = delivery.Unit{Owner: delivery.Owner{Namespace: "shop", Name: "store", UID: "u1"}, Component: "web", Place: place}

// webWish is a Deployment of component web as it is wanted.
func webWish(treat func(*policy.Treatment)) wish {
	made := unitWith(named(webKey.gvk, "web", object{"spec": object{"replicas": int64(2)}}))
	treatment := made.Treatment(0)
	if treat != nil {
		treat(&treatment)
	}
	made.Treatments = []policy.Treatment{treatment}
	return wishOf(made, 0)
}

// relabelled gives an object another label.
func relabelled(key, value string) func(object) {
	return func(o object) { metadata(o)["labels"].(object)[key] = value }
}

func TestForeign(t *testing.T) {
	contested := map[string]bool{"Deployment.apps shop/web": true}
	tests := []struct {
		name, reason string
		change       func(object)
		want         string
	}{
		{"ours", "application, environment and component are the unit's", nil, ""},
		{
			"nobody's", "an object that we did not make is left alone", func(o object) { delete(metadata(o), "labels") },
			"ForeignObject: Deployment shop/web exists on the hub and was not delivered by Fairlead: it is neither changed nor deleted; remove it, rename the component, or take it over by a policy of type \"take-over\"",
		},
		{
			"another application's", "both are named", func(o object) {
				relabelled(v1alpha1.LabelApplicationUID, "u2")(o)
				relabelled(v1beta1.LabelAppName, "rival")(o)
			},
			`PlacementConflict: Deployment shop/web on cluster local belongs to component "web" of application shop/rival in environment "prod" already: rename the component or use another target namespace`,
		},
		{
			"another environment's", "two environments of one application meet in a namespace", relabelled(v1alpha1.LabelEnvironment, "dev"),
			`PlacementConflict: Deployment shop/web on cluster local belongs to component "web" of application shop/store in environment "dev" already: rename the component or use another target namespace`,
		},
		{
			"another component's", "two components make one object", relabelled(v1beta1.LabelAppComponent, "api"),
			`PlacementConflict: Deployment shop/web on cluster local belongs to component "api" of application shop/store in environment "prod" already: rename the component or use another target namespace`,
		},
		{
			"another copy's", "a component that is replicated has an object for each key", relabelled(v1beta1.LabelReplicaKey, "eu"),
			`PlacementConflict: Deployment shop/web on cluster local belongs to component "web_eu" of application shop/store in environment "prod" already: rename the component or use another target namespace`,
		},
		{"an earlier application's of that name", "it was deleted and made again, or the hub restored", relabelled(v1alpha1.LabelApplicationUID, "u0"), ""},
		{"without its UID", "somebody removed the label, or it was left by an earlier application", func(o object) { delete(metadata(o)["labels"].(object), v1alpha1.LabelApplicationUID) }, ""},
		{
			"an agent's", "the hub is a managed cluster too", func(o object) {
				metadata(o)["ownerReferences"] = []any{object{"apiVersion": "work.open-cluster-management.io/v1", "kind": "AppliedManifestWork", "name": "w", "uid": "a1"}}
			},
			`PlacementConflict: Deployment shop/web on cluster local belongs to component "web" of application shop/store in environment "prod" already: rename the component or use another target namespace`,
		},
		{
			"left by another application", "nobody delivers it, and it holds that one's data", func(o object) {
				relabelled(v1alpha1.LabelApplicationUID, "")(o)
				relabelled(v1beta1.LabelAppName, "rival")(o)
			},
			"ForeignObject: Deployment shop/web exists on the hub and was not delivered by Fairlead: it is neither changed nor deleted; remove it, rename the component, or take it over by a policy of type \"take-over\"",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			w := webWish(nil)
			w.unit.Contested = contested
			if problem := w.foreign(deployed(test.change)); problem != nil {
				got = problem.Reason + ": " + problem.Message
				if problem.State != delivery.Refused || problem.RetryAfter == 0 {
					t.Errorf("state %d, retry after %s: want refused, and a later look", problem.State, problem.RetryAfter)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestStrangers checks that somebody else's object is run into once, only looked
// at after that, and that its place is taken when it is gone.
func TestStrangers(t *testing.T) {
	h := newTenantHub(t)
	gvr := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	stranger := &unstructured.Unstructured{Object: named(webKey.gvk, "web", object{"spec": object{"replicas": int64(7)}})}
	if err := h.tenant.Tracker().Create(gvr, stranger.DeepCopy(), "shop"); err != nil {
		t.Fatal(err)
	}
	web := unitWith(named(webKey.gvk, "web", object{"spec": object{"replicas": int64(1)}}))
	for i, want := range [][]string{
		{"patch deployments web", "get deployments web"}, // the API server refuses it
		{"get deployments web"},
		{"get deployments web"},
	} {
		if got := h.deliver(t, web); got.Reason != delivery.ReasonForeignObject || got.RetryAfter != conflictRetry {
			t.Errorf("pass %d: %+v, want it refused and looked at later", i, got)
		}
		h.want(t, fmt.Sprint("pass ", i), want...)
	}
	live, err := h.tenant.Tracker().Get(gvr, "shop", "web")
	if diff := cmp.Diff(stranger, live); err != nil || diff != "" {
		t.Errorf("somebody else's object, %v (-want +got):\n%s", err, diff)
	}
	if err := h.tenant.Tracker().Delete(gvr, "shop", "web"); err != nil {
		t.Fatal(err)
	}
	if got := h.deliver(t, web); got.Reason != "" {
		t.Errorf("with nothing there: %+v", got)
	}
	h.want(t, "with nothing there", "get deployments web", "patch deployments web")
}

// TestMoving checks what is said of an object of another component of the
// application, which is not to have it any more.
func TestMoving(t *testing.T) {
	tests := []struct {
		name, reason string
		change       func(object)
		state        delivery.State
	}{
		{"removed", "it is deleted in this pass", func(object) {}, delivery.Waiting},
		{"kept", "a policy keeps it as long as the application is there", func(o object) {
			metadata(o)["annotations"] = object{delivery.AnnotationRemoval: policy.RemoveOnDelete}
		}, delivery.Refused},
		{"an earlier application's", "nothing removes it", func(o object) { relabelled(v1alpha1.LabelApplicationUID, "u0")(o) }, delivery.Refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problem := webWish(nil).foreign(deployed(func(o object) {
				relabelled(v1beta1.LabelAppComponent, "api")(o)
				test.change(o)
			}))
			if problem == nil || problem.State != test.state || problem.RetryAfter == 0 {
				t.Errorf("got %+v, want state %d and a later look, since %s", problem, test.state, test.reason)
			}
		})
	}
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// newTarget is a target without a hub, and its clock.
func newTarget() (*Target, *clocktesting.FakePassiveClock) {
	clock := clocktesting.NewFakePassiveClock(now)
	return &Target{Clock: clock, Kinds: DefaultKinds()}, clock
}

var webKey = objectKey{gvk: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, key: types.NamespacedName{Namespace: "shop", Name: "web"}}

// TestPending checks that the answer to a write stands in for the cache until
// the cache has it, and no longer.
func TestPending(t *testing.T) {
	other := deployed(func(o object) { metadata(o)["name"] = "other" })
	tests := []struct {
		name, reason string
		meanwhile    func(*Target, *clocktesting.FakePassiveClock)
		want         bool
	}{
		{"at once", "the cache cannot have it yet", func(*Target, *clocktesting.FakePassiveClock) {}, true},
		{"10 s later", "a slow watch", func(_ *Target, c *clocktesting.FakePassiveClock) { c.SetTime(now.Add(unseen)) }, true},
		{"later", "the cache would have it by now", func(_ *Target, c *clocktesting.FakePassiveClock) { c.SetTime(now.Add(unseen + 1)) }, false},
		{"seen", "the cache has it", func(target *Target, _ *clocktesting.FakePassiveClock) { target.Seen(deployed(nil)) }, false},
		{"another seen", "that was another object", func(target *Target, _ *clocktesting.FakePassiveClock) { target.Seen(other) }, true},
		{"deleted", "it is gone", func(target *Target, _ *clocktesting.FakePassiveClock) { target.Forget(deployed(nil)) }, false},
		{
			"an earlier one deleted", "the deletion of the object before it comes late",
			func(target *Target, _ *clocktesting.FakePassiveClock) {
				target.Forget(deployed(func(o object) { metadata(o)["uid"] = "o0" }))
			}, true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target, clock := newTarget()
			target.remember(webKey, write{uid: "o1", version: "r1", digest: "d"}, deployed(nil))
			test.meanwhile(target, clock)
			records := target.unseenRecords(unit.Owner)
			if got := len(records) == 1; got != test.want {
				t.Errorf("records %v, want one: %t, since %s", records, test.want, test.reason)
			}
			if got := target.pendingObject(webKey) != nil; got != test.want {
				t.Errorf("pending %t, want %t: %s", got, test.want, test.reason)
			}
			if got := target.pendingIn("shop"); got != test.want {
				t.Errorf("pending in the namespace %t, want %t: %s", got, test.want, test.reason)
			}
		})
	}
}

func TestUnseenRecords(t *testing.T) {
	target, _ := newTarget()
	target.remember(webKey, write{uid: "o1"}, deployed(nil))
	record := recordOf(unit.Owner, webKey.gvk, deployed(nil))
	if diff := cmp.Diff([]delivery.Record{record}, target.unseenRecords(unit.Owner)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := target.unseenRecords(delivery.Owner{UID: "u2"}); len(got) > 0 {
		t.Errorf("got %v of another application", got)
	}
}

// late is a cache that comes to show an object just after it was read.
type late struct {
	client.Reader
	seen func()
}

func (l late) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	defer l.seen()
	return l.Reader.Get(ctx, key, object, options...)
}

func (l late) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	defer l.seen()
	return l.Reader.List(ctx, list, options...)
}

// TestSeenMeanwhile checks that an object is not lost which the cache comes to show
// between a look at it and one at what was written.
func TestSeenMeanwhile(t *testing.T) {
	for name, there := range map[string]func(*testing.T, *hub) bool{
		"records of its application": func(t *testing.T, h *hub) bool {
			records, err := h.Records(t.Context(), unit.Owner)
			if err != nil {
				t.Fatal(err)
			}
			return len(records) == 1
		},
		"its namespace is in use": func(t *testing.T, h *hub) bool {
			used, err := h.used(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			return used
		},
		"the object itself": func(t *testing.T, h *hub) bool {
			live, err := h.known(t.Context(), webKey)
			if err != nil {
				t.Fatal(err)
			}
			return live != nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, namespace("shop", ""))
			h.remember(webKey, write{uid: "o1"}, deployed(nil))
			h.Reader = late{h.Reader, func() { h.Seen(deployed(nil)) }}
			if !there(t, h) {
				t.Error("it is not there")
			}
		})
	}
}

// TestUpToDate checks what counts as drift.
func TestUpToDate(t *testing.T) {
	wanted := webWish(nil)
	asWanted := func(change func(object)) *unstructured.Unstructured {
		return deployed(func(o object) {
			metadata(o)["annotations"] = object{v1alpha1.AnnotationRevision: wanted.revision()}
			if change != nil {
				change(o)
			}
		})
	}
	tests := []struct {
		name, reason string
		// known says that the object was looked at before the change.
		known  bool
		change func(object)
		want   bool
	}{
		{"first look", "after a start nothing is remembered: the content decides", false, nil, true},
		{"nothing changed", "the same object again", true, nil, true},
		{"status", "no content", true, func(o object) { o["status"] = object{} }, true},
		{"edited", "the content is not the wanted one", true, func(o object) { o["spec"].(object)["replicas"] = int64(9) }, false},
		{"edited before the first look", "the content is not the wanted one", false, func(o object) { o["spec"].(object)["replicas"] = int64(9) }, false},
		{"another's field", "a field that we do not set is nobody's drift", true, func(o object) { o["spec"].(object)["paused"] = true }, true},
		{"another revision", "it was written for an earlier version", true, func(o object) { metadata(o)["annotations"].(object)[v1alpha1.AnnotationRevision] = "r0" }, false},
		{"made again with the same content", "by somebody else, with our labels", true, func(o object) { metadata(o)["uid"] = "o2" }, true},
		{"a mark more", "a policy does not say any more when it is removed", true, func(o object) { metadata(o)["annotations"].(object)[delivery.AnnotationRemoval] = "never" }, false},
		{"forged digest", "an annotation of the old name means nothing", true, func(o object) {
			metadata(o)["annotations"].(object)["fairlead.dev/observed-hash"] = contentDigest(asWanted(nil).Object)
			o["spec"].(object)["replicas"] = int64(9)
		}, false},
	}
	for _, test := range tests {
		for _, asCached := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cached %t", test.name, asCached), func(t *testing.T) {
				target, _ := newTarget()
				see := func(change func(object)) bool {
					live := asWanted(change)
					if asCached {
						strip(live)
					}
					return target.upToDate(wanted, live)
				}
				if test.known && !see(nil) {
					t.Fatal("the object as it was written counts as changed")
				}
				if got := see(test.change); got != test.want {
					t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
				}
				if got := see(test.change); got != test.want {
					t.Errorf("at the second look: got %t, want %t: %s", got, test.want, test.reason)
				}
			})
		}
	}
}

func TestRecordID(t *testing.T) {
	service := &unstructured.Unstructured{Object: object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "a.b-c", "namespace": "shop"}}}
	for _, live := range []*unstructured.Unstructured{deployed(nil), service} {
		record := recordOf(unit.Owner, live.GroupVersionKind(), live)
		key, err := parse(record)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(keyOf(live), key, cmp.AllowUnexported(objectKey{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", record.ID, diff)
		}
	}
	record := recordOf(unit.Owner, webKey.gvk, deployed(nil))
	want := delivery.Record{Owner: unit.Owner, Component: "web", Place: place, ID: "apps/v1/Deployment/shop/web", Object: "Deployment.apps shop/web"}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, id := range []string{"", "a/b", "c1/work", "a/b/c/d/e/f"} {
		if _, err := parse(delivery.Record{ID: id}); err == nil {
			t.Errorf("%q names no object, and is parsed", id)
		}
	}
}

// TestFailed checks which answers of the API server are final.
func TestFailed(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	terminating := apierrors.NewForbidden(resource, "web", errors.New("it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	tests := []struct {
		name, reason string
		answer       error
		// fresh says that the account was bound just now.
		fresh bool
		want  string
		state delivery.State
		retry time.Duration
	}{
		{
			"terminating", "the namespace's end is waited for", terminating, false,
			`namespace "shop" is being deleted: waiting for its end`, delivery.Waiting, 2 * time.Second,
		},
		{
			"forbidden", "a right is missing", apierrors.NewForbidden(resource, "web", errors.New("no")), false,
			`Deployment.apps shop/web: account shop/fairlead-deployer may not apply it: deployments.apps "web" is forbidden: no; ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out`, delivery.Refused, time.Minute,
		},
		{
			"forbidden yet", "the API server learns of a new binding a little later", apierrors.NewForbidden(resource, "web", errors.New("no")), true,
			`Deployment.apps shop/web: account shop/fairlead-deployer may not apply it: deployments.apps "web" is forbidden: no; ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out`, delivery.Waiting, 250 * time.Millisecond,
		},
		{
			"invalid value", "the value may be secret", apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "web",
				field.ErrorList{field.Invalid(field.NewPath("metadata", "labels"), "C4N4RY", "must be short")}), false,
			`Deployment.apps shop/web: the API server refuses it: Deployment.apps "web" is invalid: metadata.labels: Invalid value: must be short`, delivery.Refused, time.Minute,
		},
		{
			"invalid", "somebody may correct what refuses it; the answer is of bounded length", apierrors.NewBadRequest(strings.Repeat("x", 2000)), false,
			"Deployment.apps shop/web: the API server refuses it: " + strings.Repeat("x", 512) + "...", delivery.Refused, time.Minute,
		},
		{
			"undecodable", "no other answer comes by waiting", apierrors.NewInternalError(errors.New("failed to create typed patch object")), false,
			"Deployment.apps shop/web: the API server refuses it: Internal error occurred: failed to create typed patch object", delivery.Refused, 0,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target, _ := newTarget()
			if test.fresh {
				target.tenants = map[delivery.TenantKey]tenantWrite{{Cluster: "local", Namespace: "shop"}: {at: now}}
			}
			_, got, err := target.failed(webKey, "apply", test.answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(delivery.Observation{State: test.state, Reason: got.Reason, Message: test.want, RetryAfter: test.retry}, *got); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if (got.Reason != "") != (got.State == delivery.Refused) {
				t.Errorf("reason %q in state %d", got.Reason, got.State)
			}
		})
	}
	target, _ := newTarget()
	_, got, err := target.failed(webKey, "apply", apierrors.NewServerTimeout(resource, "patch", 1))
	if got != nil || err == nil || !strings.HasPrefix(err.Error(), "apply Deployment.apps shop/web: ") {
		t.Errorf("a timeout: got %v, %v, want an error that is tried again", got, err)
	}
	// A policy may answer with 401 or 413, and a webhook with any code.
	secret := objectKey{gvk: secretKind(), key: types.NamespacedName{Namespace: "shop", Name: "login"}}
	_, got, err = target.failed(secret, "apply", apierrors.NewUnauthorized("password canary is too short"))
	if got != nil || err == nil || err.Error() != "apply Secret shop/login: Unauthorized" {
		t.Errorf("of a Secret: got %v, %v, want an error without what a policy says", got, err)
	}
}

func TestUsable(t *testing.T) {
	namespace := func(labels map[string]string) *metav1.PartialObjectMetadata {
		n := NewNamespace()
		n.Name, n.Labels = "web", labels
		return n
	}
	dying := namespace(nil)
	dying.DeletionTimestamp = &metav1.Time{Time: now}
	tenant := delivery.Tenant{TenantKey: delivery.TenantKey{Cluster: "local", Namespace: "web"}, SourceNamespace: "shop"}
	adopting, own := tenant, namespace(nil)
	adopting.Adopt = true
	tests := []struct {
		name, reason string
		namespace    *metav1.PartialObjectMetadata
		tenant       delivery.Tenant
		want         string
	}{
		{"ours", "made for the same hub namespace", namespace(map[string]string{v1alpha1.LabelManagedBy: "fairlead", delivery.LabelSourceNamespace: "shop"}), tenant, ""},
		{"adopted", "the environment says so", namespace(nil), adopting, ""},
		{"dying", "its end is waited for", dying, adopting, `namespace "web" is being deleted: waiting for its end`},
		{
			"somebody's", "it may hold anything", namespace(map[string]string{"team": "web"}), tenant,
			`namespace "web" exists on the hub and was not made by Fairlead: set spec.namespaceOptions.adopt of its environment, or choose another spec.targetNamespace`,
		},
		{
			"another tenant's", "not even adoption takes it", namespace(map[string]string{v1alpha1.LabelManagedBy: "fairlead", delivery.LabelSourceNamespace: "blog"}), adopting,
			`namespace "web" on the hub belongs to applications of namespace "blog": choose another spec.targetNamespace`,
		},
		{
			"another tenant's own", "applications of that namespace are delivered there, which no label of it says", own, adopting,
			`namespace "web" on the hub belongs to applications of namespace "web": choose another spec.targetNamespace`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			account := &corev1.ServiceAccount{}
			if test.namespace == own {
				account = deployer("web", "web")
			}
			if problem := usable(test.namespace, account, test.tenant); problem != nil {
				got = problem.Message
				if problem.RetryAfter == 0 {
					t.Error("nothing tells of the change, so it has to be looked again")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

func TestSameBinding(t *testing.T) {
	tenant := delivery.Tenant{TenantKey: delivery.TenantKey{Cluster: "local", Namespace: "shop"}, SourceNamespace: "shop", Role: "fairlead-deployer"}
	fresh := func(change func(*rbacv1.RoleBinding)) *rbacv1.RoleBinding {
		var binding rbacv1.RoleBinding
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(delivery.AccountObjects(tenant)[1], &binding); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&binding)
		}
		return &binding
	}
	tests := []struct {
		reason string
		change func(*rbacv1.RoleBinding)
		want   bool
	}{
		{"as it was written", nil, true},
		{"another role", func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "cluster-admin" }, false},
		{"a Role of that name", func(b *rbacv1.RoleBinding) { b.RoleRef.Kind = "Role" }, false},
		{"a subject more", func(b *rbacv1.RoleBinding) {
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", Name: "eve"})
		}, false},
		{"no subject", func(b *rbacv1.RoleBinding) { b.Subjects = nil }, false},
		{"the account of another namespace", func(b *rbacv1.RoleBinding) { b.Subjects[0].Namespace = "blog" }, false},
	}
	for _, test := range tests {
		if got := sameBinding(fresh(test.change), tenant); got != test.want {
			t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

// TestTenantClient checks what reaches the API server: the tenant's name, and
// nothing without one.
func TestTenantClient(t *testing.T) {
	var users []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		users = append(users, r.Header.Get("Impersonate-User"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"}}`)
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	client, err := NewTenantClient(config)
	if err != nil {
		t.Fatal(err)
	}
	services := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("shop")
	if _, err := services.Get(t.Context(), "web", metav1.GetOptions{}); err == nil || !strings.Contains(err.Error(), "names no tenant") {
		t.Errorf("without a tenant: got error %v", err)
	}
	if _, err := services.Get(asTenant(t.Context(), ""), "web", metav1.GetOptions{}); err == nil {
		t.Error("with an empty tenant: got no error")
	}
	for _, namespace := range []string{"shop", "blog"} {
		if _, err := services.Get(asTenant(t.Context(), namespace), "web", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"system:serviceaccount:shop:fairlead-deployer", "system:serviceaccount:blog:fairlead-deployer"}
	if diff := cmp.Diff(want, users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if config.WrapTransport != nil {
		t.Error("the addon's own configuration was changed")
	}
}
