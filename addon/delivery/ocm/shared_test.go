// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var sharedWeb = identify(deployment("web", "").Content)

func shared() policy.Treatment { return policy.Treatment{Shared: true} }

func ownerOf(application string) delivery.Owner {
	return delivery.Owner{Namespace: "shop", Name: application, UID: types.UID("u-" + application)}
}

// sharing is a unit of an application with the Deployment web, and others that are its own.
func sharing(application, image string, treatment policy.Treatment, more ...render.Object) delivery.Unit {
	labels := identity(application, "web", "prod")
	u := unit(labelled(deployment("web", image), labels))
	u.Treatments = []policy.Treatment{treatment}
	for _, object := range more {
		u.Result.Objects = append(u.Result.Objects, labelled(object, labels))
		u.Treatments = append(u.Treatments, policy.Treatment{})
	}
	u.Owner = ownerOf(application)
	return u
}

// tasks are what is done at once in every pass, such as deliveries and removals.
type tasks []func(t *testing.T) (resting bool)

func (s *spoke) delivering(u delivery.Unit) func(*testing.T) bool {
	return func(t *testing.T) bool {
		t.Helper()
		said, err := s.Deliver(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return said.State == delivery.Delivered && said.RetryAfter == 0
	}
}

func (s *spoke) removing(application string) func(*testing.T) bool {
	return func(t *testing.T) bool {
		t.Helper()
		records, err := s.Records(t.Context(), ownerOf(application))
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			if _, err := s.Remove(t.Context(), record, delivery.RemoveOptions{Final: true}); err != nil {
				t.Fatal(err)
			}
		}
		return len(records) == 0
	}
}

// run does the tasks, lets the agent work, and looks, until all rest and nothing is written.
func (s *spoke) run(t *testing.T, look func(), all ...func(*testing.T) bool) {
	t.Helper()
	for range 80 {
		s.writes = nil
		resting := true
		for _, do := range all {
			resting = do(t) && resting
		}
		if resting && len(s.writes) == 0 {
			return
		}
		look()
		s.sync(t)
		look()
		s.pass(time.Second)
	}
	t.Fatalf("it does not come to rest: writes %v", s.writes)
}

// stays is a look at the Deployment that must be the same all the time.
func (s *spoke) stays(t *testing.T) func() {
	uid := s.objects[sharedWeb].uid
	return func() {
		t.Helper()
		if object := s.objects[sharedWeb]; object == nil || object.uid != uid {
			t.Fatalf("the Deployment was not kept: %+v", object)
		}
	}
}

func anything() {}

// forget makes the target what it is after a restart of the manager.
func (s *spoke) forget() {
	s.Target = &Target{Reader: s.Reader, Writer: s.Writer, Live: s.Live, Fleet: s.Fleet, Clock: s.clock}
}

// TestShared checks objects that several applications share: the first writes
// them, one that goes hands them on, and they go with the last.
func TestShared(t *testing.T) {
	own := func(name string) render.Object { return service(name) }
	tests := []struct {
		name, reason string
		// next is what is done when the applications store and blog share the Deployment.
		next func(s *spoke) tasks
		// image of the Deployment afterwards; empty when it is gone.
		image string
	}{
		{"nothing", "the first writes it", func(*spoke) tasks { return nil }, "store:1"},
		{"the first changes it", "it writes it", func(s *spoke) tasks {
			return tasks{s.delivering(sharing("store", "store:2", shared())), s.delivering(sharing("blog", "blog:1", shared()))}
		}, "store:2"},
		{"the second changes it", "it is content with what the first has", func(s *spoke) tasks {
			return tasks{s.delivering(sharing("blog", "blog:2", shared()))}
		}, "store:1"},
		{"the second goes", "the first keeps it", func(s *spoke) tasks { return tasks{s.removing("blog")} }, "store:1"},
		{"the first goes", "the second takes it", func(s *spoke) tasks {
			return tasks{s.removing("store"), s.delivering(sharing("blog", "blog:1", shared()))}
		}, "blog:1"},
		{"the first drops it", "the second takes it", func(s *spoke) tasks {
			u := sharing("store", "", shared(), own("expose"))
			u.Result.Objects, u.Treatments = u.Result.Objects[1:], u.Treatments[1:]
			return tasks{s.delivering(u), s.delivering(sharing("blog", "blog:1", shared()))}
		}, "blog:1"},
		{"the second drops it", "the first keeps it", func(s *spoke) tasks {
			u := sharing("blog", "", shared(), own("blog"))
			u.Result.Objects, u.Treatments = u.Result.Objects[1:], u.Treatments[1:]
			return tasks{s.delivering(u)}
		}, "store:1"},
		{"the first goes while the second drops the policy", "the second asked for it when it was shared", func(s *spoke) tasks {
			return tasks{s.delivering(sharing("blog", "blog:1", policy.Treatment{})), s.removing("store")}
		}, "blog:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, sharing("store", "store:1", shared(), own("expose")))
			keep := s.stays(t)
			s.run(t, keep, s.delivering(sharing("store", "store:1", shared(), own("expose"))), s.delivering(sharing("blog", "blog:1", shared())))
			s.run(t, keep, test.next(s)...)
			if diff := cmp.Diff(test.image, imageOf(s.objects[sharedWeb].content())); diff != "" {
				t.Errorf("image (-want +got), since %s:\n%s", test.reason, diff)
			}
			s.run(t, anything, s.removing("store"))
			s.run(t, anything, s.removing("blog"))
			if len(s.objects) > 0 {
				t.Errorf("%d objects stay after the last application", len(s.objects))
			}
		})
	}
}

// TestSharedInTurn checks that an object goes from one application to the next,
// with a manager that forgets everything before every pass.
func TestSharedInTurn(t *testing.T) {
	s := newSpoke(t)
	all := []string{"a", "b", "c", "d"}
	forget := func(*testing.T) bool { s.forget(); return true }
	s.settle(t, sharing("a", "a:1", shared()))
	keep := s.stays(t)
	for i := range all {
		work := tasks{forget}
		for j, name := range all {
			if j < i {
				continue
			}
			work = append(work, s.delivering(sharing(name, name+":1", shared())))
		}
		if i > 0 {
			work = append(work, s.removing(all[i-1]))
		}
		s.run(t, keep, work...)
		if diff := cmp.Diff(all[i]+":1", imageOf(s.objects[sharedWeb].content())); diff != "" {
			t.Errorf("image (-want +got):\n%s", diff)
		}
	}
	s.run(t, anything, forget, s.removing("d"))
	if len(s.objects) > 0 {
		t.Error("the Deployment stays after the last application")
	}
}

// TestSharedAllGo checks that nothing stays when all go at once, however far one
// has come when the next begins, and whether or not the manager forgets.
func TestSharedAllGo(t *testing.T) {
	for passes := range 8 {
		for _, first := range []string{"store", "blog"} {
			for _, forgets := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d passes before, forgets %t", first, passes, forgets), func(t *testing.T) {
					s := newSpoke(t)
					s.run(t, anything, s.delivering(sharing("store", "store:1", shared())), s.delivering(sharing("blog", "blog:1", shared())))
					second := map[string]string{"store": "blog", "blog": "store"}[first]
					for range passes {
						s.removing(first)(t)
						s.delivering(sharing(second, second+":1", shared()))(t)
						s.sync(t)
						s.pass(time.Second)
					}
					work := tasks{s.removing(first), s.removing(second)}
					if forgets {
						work = append(work, func(*testing.T) bool { s.forget(); return true })
					}
					s.run(t, anything, work...)
					if len(s.objects) > 0 {
						t.Errorf("%d objects stay", len(s.objects))
					}
				})
			}
		}
	}
}

// TestSharedBarelyMade checks an object that is handed on, and removed, when it was
// hardly made.
func TestSharedBarelyMade(t *testing.T) {
	for passes := range 6 {
		t.Run(fmt.Sprint(passes), func(t *testing.T) {
			s := newSpoke(t)
			first, second := s.delivering(sharing("store", "store:1", shared())), s.delivering(sharing("blog", "blog:1", shared()))
			for range passes {
				first(t)
				second(t)
				s.sync(t)
				s.pass(time.Second)
			}
			s.run(t, anything, s.removing("store"), second)
			if diff := cmp.Diff("blog:1", imageOf(s.objects[sharedWeb].content())); diff != "" {
				t.Errorf("image (-want +got):\n%s", diff)
			}
			s.run(t, anything, s.removing("blog"))
			if len(s.objects) > 0 {
				t.Error("the Deployment stays")
			}
		})
	}
}

// TestSharedRecreated checks that the first has the object also after it was made anew.
func TestSharedRecreated(t *testing.T) {
	s := newSpoke(t)
	treatment := policy.Treatment{Shared: true, RecreateFields: []string{"spec.template.spec.containers[0].image"}}
	second := s.delivering(sharing("blog", "blog:1", shared()))
	s.run(t, anything, s.delivering(sharing("store", "store:1", treatment)), second)
	uid := s.objects[sharedWeb].uid
	s.run(t, anything, s.delivering(sharing("store", "store:2", treatment)), second)
	if object := s.objects[sharedWeb]; object.uid == uid || imageOf(object.content()) != "store:2" {
		t.Errorf("it was not made anew by the first: %v", object.content())
	}
}

// TestSharedBesideKept checks that an application that drops a component hands on what it
// shares, also where a policy keeps another object of the component.
func TestSharedBesideKept(t *testing.T) {
	s := newSpoke(t)
	store, blog := sharing("store", "store:1", shared(), service("kept")), sharing("blog", "blog:1", shared())
	store.Treatments[1].Removal = policy.RemoveOnDelete
	s.settle(t, store)
	keep := s.stays(t)
	s.run(t, keep, s.delivering(store), s.delivering(blog))
	dropping := func(t *testing.T) bool {
		records, err := s.Records(t.Context(), ownerOf("store"))
		if err != nil || len(records) != 1 {
			t.Fatalf("records %v, %v: want the one with what is kept", records, err)
		}
		left, err := s.Remove(t.Context(), records[0], delivery.RemoveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return left.State == delivery.Delivered
	}
	s.run(t, keep, dropping, s.delivering(blog))
	if image := imageOf(s.objects[sharedWeb].content()); image != "blog:1" {
		t.Errorf("the Deployment has the image %s, want that of the application that has it now", image)
	}
	if s.objects[identify(service("kept").Content)] == nil {
		t.Error("the Service is gone, which is to stay until its application goes")
	}
	records, err := s.Records(t.Context(), ownerOf("store"))
	if err != nil || len(records) != 1 {
		t.Fatalf("records %v, %v: want the one with what is kept", records, err)
	}
	_, name, _ := strings.Cut(records[0].ID, "/")
	if since := s.work(t, name).Annotations[annotationLeaving]; since != "" {
		t.Errorf("the work is on its way out since %s, want it to stay: its removal would not be waited for", since)
	}
}

// TestSharedTogether checks applications that come at once: one of them writes.
func TestSharedTogether(t *testing.T) {
	s := newSpoke(t)
	s.run(t, anything, s.delivering(sharing("blog", "blog:1", shared())), s.delivering(sharing("store", "store:1", shared())))
	if diff := cmp.Diff("blog:1", imageOf(s.objects[sharedWeb].content())); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
}

// TestSharedNeverRemoved checks that an object which a policy keeps stays after the last.
func TestSharedNeverRemoved(t *testing.T) {
	s := newSpoke(t)
	kept := policy.Treatment{Shared: true, Removal: policy.RemoveNever}
	s.settle(t, sharing("store", "store:1", kept))
	keep := s.stays(t)
	s.run(t, keep, s.delivering(sharing("store", "store:1", kept)), s.delivering(sharing("blog", "blog:1", kept)))
	s.run(t, keep, s.removing("store"), s.delivering(sharing("blog", "blog:1", kept)))
	s.run(t, keep, s.removing("blog"))
}

// TestSharedScaled checks that the replicas stay when an object is handed on to an
// application with an autoscaler.
func TestSharedScaled(t *testing.T) {
	tests := []struct {
		name, reason string
		first        policy.Treatment
		replicas     int64
	}{
		{"both scale it", "the first has let go of the number", scaled(), 8},
		{"the second scales it", "the number is the first one's until the second has let go of it", policy.Treatment{}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			first, second := test.first, scaled()
			first.Shared, second.Shared = true, true
			s.settle(t, sharing("store", "store:1", first))
			s.scale(test.replicas)
			keep := s.stays(t)
			look := func() {
				keep()
				if got := s.replicas(); got != fmt.Sprint(test.replicas) {
					t.Fatalf("%v replicas, want %d, since %s", got, test.replicas, test.reason)
				}
			}
			s.run(t, look, s.delivering(sharing("store", "store:1", first)), s.delivering(sharing("blog", "blog:1", second)))
			s.run(t, look, s.removing("store"), s.delivering(sharing("blog", "blog:1", second)))
			s.scale(9)
			if s.settle(t, sharing("blog", "blog:2", second)); s.replicas() != "9" {
				t.Errorf("%v replicas after an edit, want 9", s.replicas())
			}
		})
	}
}

// late shows works as a cache does that has not seen yet that they are deleted.
type late struct{ client.Reader }

func (l late) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := l.Reader.List(ctx, list, options...)
	if works, ok := list.(*workv1.ManifestWorkList); ok {
		for i := range works.Items {
			works.Items[i].DeletionTimestamp = nil
		}
	}
	return err
}

// TestSharedAllGoUnseen checks that of two works that go one sees the other go
// before the cache shows it.
func TestSharedAllGoUnseen(t *testing.T) {
	s := newSpoke(t)
	s.run(t, anything, s.delivering(sharing("store", "store:1", shared())), s.delivering(sharing("blog", "blog:1", shared())))
	s.pass(time.Minute)
	for s.work(t, WorkName(ownerOf("store"), "web", "prod", firstIndex)).DeletionTimestamp.IsZero() {
		s.sync(t)
		s.pass(2 * time.Second)
		s.removing("store")(t)
	}
	s.Reader = late{s.Reader}
	s.removing("blog")(t)
	s.Reader = s.Reader.(late).Reader
	s.run(t, anything, s.removing("store"), s.removing("blog"))
	if len(s.objects) > 0 {
		t.Error("the Deployment stays")
	}
}

// TestNotShared checks that nobody has an object by sharing that is not shared with it.
func TestNotShared(t *testing.T) {
	foreign := sharing("blog", "blog:1", shared())
	foreign.Owner.Namespace = "other"
	tests := []struct {
		name, reason  string
		first, second delivery.Unit
	}{
		{"the first does not ask", "both must", sharing("store", "store:1", policy.Treatment{}), sharing("blog", "blog:1", shared())},
		{"the second does not ask", "both must", sharing("store", "store:1", shared()), sharing("blog", "blog:1", policy.Treatment{})},
		{"another namespace", "tenants share nothing", sharing("store", "store:1", shared()), foreign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, test.first)
			s.writes = nil
			got, err := s.Deliver(t.Context(), test.second)
			if err != nil {
				t.Fatal(err)
			}
			want := `refused PlacementConflict: Deployment shop-prod/web on cluster "c1" belongs to application shop/store in environment "prod" already: ` +
				"rename the component or use another target namespace"
			if diff := cmp.Diff(want, said(got)); diff != "" || len(s.writes) > 0 {
				t.Errorf("(-want +got), since %s:\n%s\nwrites %v", test.reason, diff, s.writes)
			}
		})
	}
}

// TestSharedPolicyDropped checks that who drops the policy shares no longer, and
// that the first keeps the object.
func TestSharedPolicyDropped(t *testing.T) {
	for _, drops := range []string{"store", "blog"} {
		t.Run(drops, func(t *testing.T) {
			s := newSpoke(t)
			s.settle(t, sharing("store", "store:1", shared()))
			keep := s.stays(t)
			s.run(t, keep, s.delivering(sharing("store", "store:1", shared())), s.delivering(sharing("blog", "blog:1", shared())))
			treatments := map[string]policy.Treatment{"store": shared(), "blog": shared()}
			treatments[drops] = policy.Treatment{}
			s.run(t, keep, s.delivering(sharing("store", "store:1", treatments["store"])))
			got, err := s.Deliver(t.Context(), sharing("blog", "blog:1", treatments["blog"]))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(delivery.ReasonPlacementConflict, got.Reason); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, said(got))
			}
			keep()
		})
	}
}

// TestSharedNotMade checks what is said while the first has not made the object,
// since somebody else's is in its place.
func TestSharedNotMade(t *testing.T) {
	s := newSpoke(t)
	s.create(deployment("web", "theirs"))
	first, second := sharing("store", "store:1", shared()), sharing("blog", "blog:1", shared())
	var saidOfFirst, saidOfSecond delivery.Observation
	for range 8 {
		var err error
		if saidOfFirst, err = s.Deliver(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if saidOfSecond, err = s.Deliver(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		s.pass(time.Second)
	}
	want := []string{foreignWeb, `waiting: Deployment shop-prod/web: waiting for application shop/store in environment "prod", which delivers it`}
	if diff := cmp.Diff(want, []string{said(saidOfFirst), said(saidOfSecond)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.run(t, anything, s.removing("store"))
	s.run(t, anything, s.removing("blog"))
	if object := s.objects[sharedWeb]; object == nil || imageOf(object.content()) != "theirs" {
		t.Error("somebody else's object was not left as it was")
	}
}

// TestSharedLeftBehind checks that what an application left behind which shared
// nothing is not taken by one that would.
func TestSharedLeftBehind(t *testing.T) {
	s := newSpoke(t)
	s.settle(t, sharing("store", "store:1", policy.Treatment{Removal: policy.RemoveNever}))
	s.run(t, anything, s.removing("store"))
	if diff := cmp.Diff(foreignWeb, said(s.settle(t, sharing("blog", "blog:1", shared())))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSharers checks who is told when a work lets go of what it shares.
func TestSharers(t *testing.T) {
	s := newSpoke(t)
	s.run(t, anything, s.delivering(sharing("store", "store:1", shared(), service("expose"))), s.delivering(sharing("blog", "blog:1", shared())))
	work := func(application string) *workv1.ManifestWork {
		found, err := s.get(t.Context(), types.NamespacedName{Namespace: "c1", Name: WorkName(ownerOf(application), "web", "prod", firstIndex)})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	dropped := work("store").DeepCopy()
	dropped.Generation++
	dropped.Spec.Workload.Manifests = dropped.Spec.Workload.Manifests[1:]
	tests := []struct {
		name, reason  string
		before, after client.Object
		want          bool
	}{
		{"dropped", "it is free now", work("store"), dropped, true},
		{"reported", "the status is nobody else's", work("store"), work("store"), false},
		{"waiting", "what it waits for it does not hold", work("blog"), work("blog"), false},
	}
	for _, test := range tests {
		if got := SharesChanged(test.before, test.after); got != test.want {
			t.Errorf("%s: changed %t, want %t, since %s", test.name, got, test.want, test.reason)
		}
	}
	owners, err := Sharers(t.Context(), s.Reader, work("store"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]delivery.Owner{ownerOf("blog")}, owners); diff != "" {
		t.Errorf("sharers (-want +got):\n%s", diff)
	}
	if !HoldsShared(work("store")) || HoldsShared(work("blog")) {
		t.Error("who holds the object is not told from who waits for it")
	}
}

// TestReadOnlyDropped checks an object of somebody else that was only read: when the
// policy goes it is neither written nor adopted.
func TestReadOnlyDropped(t *testing.T) {
	s := newSpoke(t)
	s.create(deployment("web", "theirs"))
	s.settle(t, version("nginx:1", policy.Treatment{ReadOnly: true}))
	if diff := cmp.Diff(foreignWeb, said(s.settle(t, version("nginx:1", policy.Treatment{})))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := imageOf(s.objects[sharedWeb].content()); got != "theirs" {
		t.Errorf("image %q", got)
	}
}

// TestReadOnlyAfterRefusal checks an object of somebody else that is only read after
// it was refused: it is not written in between.
func TestReadOnlyAfterRefusal(t *testing.T) {
	s := newSpoke(t)
	s.create(deployment("web", "theirs"))
	s.settle(t, version("nginx:1", policy.Treatment{}))
	if diff := cmp.Diff("delivered", said(s.settle(t, version("nginx:1", policy.Treatment{ReadOnly: true})))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := imageOf(s.objects[sharedWeb].content()); got != "theirs" {
		t.Errorf("image %q", got)
	}
}

// TestHandOnWhileAway checks that a cluster that is away is not asked all the time who
// has what applications share: its return is an event.
func TestHandOnWhileAway(t *testing.T) {
	s := newSpoke(t)
	s.run(t, anything, s.delivering(sharing("store", "store:1", shared())), s.delivering(sharing("blog", "blog:1", shared())))
	store := s.work(t, WorkName(ownerOf("store"), "web", "prod", firstIndex))
	store.Finalizers = nil
	if err := s.client.Update(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	name := WorkName(ownerOf("blog"), "web", "prod", firstIndex)
	s.setStatus(t, name, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{s.appliedAt(s.work(t, name).Generation, metav1.ConditionTrue, 0)}})
	for _, step := range []struct {
		status metav1.ConditionStatus
		retry  time.Duration
	}{{metav1.ConditionTrue, coalesce}, {metav1.ConditionUnknown, awayRetry}} {
		s.setAvailable(t, step.status)
		got, err := s.Remove(t.Context(), delivery.Record{ID: "c1/" + name}, delivery.RemoveOptions{Final: true})
		if err != nil || got.RetryAfter != step.retry {
			t.Errorf("available %s: got %s, retry after %s, %v; want %s", step.status, said(got), got.RetryAfter, err, step.retry)
		}
	}
}
