// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// ofRival is a unit of another hub namespace's application with those objects.
func ofRival(objects ...render.Object) delivery.Unit {
	u := unit(objects...)
	u.Owner = delivery.Owner{Namespace: "blog", Name: "rival", UID: "u2"}
	return u
}

// conflicting makes two works with one object, the second that much later, and
// returns their units by the names of the works.
func (h *hub) conflicting(t *testing.T, later time.Duration) map[string]delivery.Unit {
	t.Helper()
	both := map[string]delivery.Unit{}
	for _, u := range []delivery.Unit{unit(deployment("web", "nginx:1")), ofRival(deployment("web", "nginx:1"))} {
		work, err := applicationWork(u)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.client.Create(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		both[work.Name] = u
		h.pass(later)
	}
	return both
}

// TestTwoWorksWithOneObject checks that of two works which have one object from before
// one is changed as usual, and that the other is as soon as the first is gone.
func TestTwoWorksWithOneObject(t *testing.T) {
	for name, later := range map[string]time.Duration{"the first is older": time.Hour, "the second is older": -time.Hour, "both are of one second": 0} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			both := h.conflicting(t, later)
			h.pass(2 * time.Hour)
			// deliver is which of them can be changed.
			deliver := func(image string) (free, refused string) {
				t.Helper()
				for work, u := range both {
					u.Result.Objects = []render.Object{deployment("web", image)}
					got, err := h.Deliver(t.Context(), u)
					if err != nil {
						t.Fatal(err)
					}
					if got.Reason != delivery.ReasonPlacementConflict {
						free += work
						continue
					}
					refused += work
					if got.RetryAfter != conflictRetry {
						t.Errorf("%s is looked at again after %s, want %s", said(got), got.RetryAfter, conflictRetry)
					}
				}
				return free, refused
			}
			first, second := deliver("nginx:2")
			if both[first].Component == "" || both[second].Component == "" {
				t.Fatalf("changed are %q, refused %q: want one of each", first, second)
			}
			if later > 0 != (first == webWork) && later != 0 {
				t.Errorf("%s is changed, want the older one", first)
			}
			h.pass(conflictRetry)
			if still, _ := deliver("nginx:3"); still != first {
				t.Errorf("changed are %q, want %q still", still, first)
			}
			if err := h.client.Delete(t.Context(), h.work(t, first)); err != nil {
				t.Fatal(err)
			}
			delete(both, first)
			h.pass(conflictRetry)
			if free, _ := deliver("nginx:4"); free != second {
				t.Errorf("changed are %q, want %q after the other is gone", free, second)
			}
		})
	}
}

// TestGoesFirst checks which of two works with one object goes on.
func TestGoesFirst(t *testing.T) {
	web := deployment("web", "nginx:1")
	id := identify(web.Content)
	// probing has the object and does not know whose it is yet, but for what its cluster says.
	probing := func(name string, seconds int, conditions ...metav1.Condition) *workv1.ManifestWork {
		work, err := unitWork(new(Digests), unit(web), firstIndex, []entry{{content: web.Content, phase: phaseProbe}})
		if err != nil {
			t.Fatal(err)
		}
		work.Name, work.Generation, work.CreationTimestamp = name, 1, metav1.NewTime(now.Add(time.Duration(seconds)*time.Second))
		if len(conditions) > 0 {
			work.Status.Conditions = []metav1.Condition{{Type: workv1.WorkApplied, Status: "True", ObservedGeneration: 1}}
			manifest := reported(web, "True")
			manifest.ResourceMeta.Resource, manifest.Conditions = id.Resource, append(manifest.Conditions, conditions...)
			work.Status.ResourceStatus.Manifests = []workv1.ManifestCondition{manifest}
		}
		return work
	}
	knowing := func(name string, seconds int) *workv1.ManifestWork {
		work := probing(name, seconds)
		work.Spec.Workload.Manifests[0].Raw = []byte(strings.ReplaceAll(string(work.Spec.Workload.Manifests[0].Raw), `"resourceVersion":"1",`, ""))
		work.Spec.Workload.Manifests[0].Raw = []byte(strings.ReplaceAll(string(work.Spec.Workload.Manifests[0].Raw), `,"resourceVersion":"1"`, ""))
		return work
	}
	made := metav1.Condition{Type: workv1.ManifestApplied, Status: "True", ObservedGeneration: 1}
	for _, test := range []struct {
		reason        string
		first, second *workv1.ManifestWork
	}{
		{"the older one does", knowing("b", 1), knowing("a", 2)},
		{"names decide between those of one second", knowing("a", 1), knowing("b", 1)},
		{"it is known to be the younger one's", knowing("b", 2), probing("a", 1)},
		{"its cluster has made it for the younger one", probing("b", 2, made), probing("a", 1)},
	} {
		if !goesFirst(test.first, test.second, id) || goesFirst(test.second, test.first, id) {
			t.Errorf("the wrong one goes first: %s", test.reason)
		}
	}
}

// TestRefusedClaimsNothing checks that of two new units which each came first to one of
// two objects not both wait for the other for ever.
func TestRefusedClaimsNothing(t *testing.T) {
	h := newHub(t)
	web, api := deployment("web", "nginx:1"), deployment("api", "nginx:1")
	ours, theirs := unit(web, api), ofRival(api, web)
	// Ours has looked at its first object, and now comes the other.
	if holder, err := h.holder(t.Context(), ours, identify(web.Content)); err != nil || holder.name != "" {
		t.Fatalf("got %+v, %v", holder, err)
	}
	if got, err := h.Deliver(t.Context(), theirs); err != nil || got.Reason != delivery.ReasonPlacementConflict {
		t.Errorf("the second: got %+v, %v, want a conflict", got, err)
	}
	if got, err := h.Deliver(t.Context(), ours); err != nil || got.State == delivery.Refused {
		t.Errorf("the first: got %+v, %v, want it written", got, err)
	}
	if diff := cmp.Diff([]string{"create c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestTenantInPlaceOfAnother checks that who asks for the namespace of another hub
// namespace, which is gone for a while, does not keep that one from coming back; and
// that it gets the namespace when that is free.
func TestTenantInPlaceOfAnother(t *testing.T) {
	s := newSpoke(t)
	there := s.create(namespaceOf("blog")) // and its applications are gone
	theirs := tenant
	theirs.SourceNamespace = "blog"
	if got, _ := s.settleTenant(t, tenant); said(got) != namespaceIsTaken || got.RetryAfter != conflictRetry {
		t.Fatalf("got %s after %s, want it taken and looked at again", said(got), got.RetryAfter)
	}
	if got, _ := s.settleTenant(t, theirs); got.State != delivery.Delivered {
		t.Fatalf("whose it is gets %s", said(got))
	}
	got, written := s.settleTenant(t, tenant)
	if got.Reason != delivery.ReasonPlacementConflict || got.RetryAfter != conflictRetry || written > 0 {
		t.Errorf("got %s after %s with %d writes, want it taken and looked at again", said(got), got.RetryAfter, written)
	}
	if source := s.work(t, TenantWorkName("shop-prod")).Labels[delivery.LabelSourceNamespace]; source != "blog" {
		t.Errorf("the work is that of namespace %q", source)
	}
	s.releaseTenant(t, theirs.TenantKey)
	if got, _ := s.settleTenant(t, tenant); said(got) != namespaceIsTaken {
		t.Errorf("got %s, want it taken as long as the namespace is there", said(got))
	}
	delete(s.objects, there)
	s.sync(t)
	s.pass(conflictRetry)
	if got, _ := s.settleTenant(t, tenant); got.State != delivery.Delivered {
		t.Errorf("got %s when the namespace is free", said(got))
	}
}

// releaseTenant lets the agent remove a tenant.
func (s *spoke) releaseTenant(t *testing.T, key delivery.TenantKey) {
	t.Helper()
	for range 60 {
		got, err := s.ReleaseTenant(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var work workv1.ManifestWork
		err = s.client.Get(t.Context(), types.NamespacedName{Namespace: key.Cluster, Name: TenantWorkName(key.Namespace)}, &work)
		if got.State == delivery.Delivered && err != nil {
			return
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatal("the tenant stays")
}
