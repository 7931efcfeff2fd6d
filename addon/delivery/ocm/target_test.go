// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// deliver delivers a unit and returns what was said of it.
func (h *hub) deliver(t *testing.T, objects ...render.Object) delivery.Observation {
	t.Helper()
	got, err := h.Deliver(t.Context(), unit(objects...))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const webWork = "store-web-80e3dae965"

// TestShrinkGate checks that an object is dropped from a work only after the
// agent applied the version that had it: earlier, it would stay on the cluster.
func TestShrinkGate(t *testing.T) {
	web, expose := deployment("web", "nginx:1"), service("web")
	tests := []struct {
		name, reason string
		// before and after are the versions of the unit.
		before, after []render.Object
		prepare       func(*testing.T, *hub)
		written       bool
		want          string
		retry         time.Duration
	}{
		{
			name: "never applied", reason: "the agent may be applying it now", before: []render.Object{web, expose}, after: []render.Object{web},
			want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second,
		},
		{
			name: "applied failed", reason: "some of it may be there", before: []render.Object{web, expose}, after: []render.Object{web},
			prepare: func(t *testing.T, h *hub) {
				h.setStatus(t, webWork, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(1, "False", time.Minute)}})
			},
			want: "applying: the cluster could not apply it yet",
		},
		{
			name: "applied another generation", reason: "that was an earlier version", before: []render.Object{web, expose}, after: []render.Object{web},
			prepare: func(t *testing.T, h *hub) {
				h.setStatus(t, webWork, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(0, "True", time.Minute)}})
			},
			want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second,
		},
		{
			name: "just applied", reason: "the agent records what it applied after it reported it", before: []render.Object{web, expose}, after: []render.Object{web},
			prepare: func(t *testing.T, h *hub) {
				h.setStatus(t, webWork, workv1.ManifestWorkStatus{
					Conditions:     []metav1.Condition{h.appliedAt(1, "True", 0)},
					ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, web.Digest()))}},
				})
			},
			want: "applying: Service shop-prod/web: it is no part of this version, and is removed once the cluster has applied the rest", retry: time.Second,
		},
		{
			name: "settled", reason: "a second is enough", before: []render.Object{web, expose}, after: []render.Object{web},
			prepare: func(t *testing.T, h *hub) { h.setApplied(t, webWork, time.Second) },
			written: true, want: "applying: waiting for the cluster to fetch it",
		},
		{
			name: "a clock ahead", reason: "the cluster's time is an hour ahead, and must not hold the work for an hour", before: []render.Object{web, expose}, after: []render.Object{web},
			prepare: func(t *testing.T, h *hub) {
				h.setApplied(t, webWork, -time.Hour)
				h.Seen(h.work(t, webWork))
				h.pass(settle)
			},
			written: true, want: "applying: waiting for the cluster to fetch it",
		},
		{
			name: "renamed", reason: "to rename is to add, and to drop later", before: []render.Object{web}, after: []render.Object{deployment("web2", "nginx:1")}, written: true,
			want: "applying: waiting for the cluster to fetch it", retry: 30 * time.Second,
		},
		{
			name: "grown", reason: "nothing is dropped", before: []render.Object{web}, after: []render.Object{web, expose},
			written: true, want: "applying: waiting for the cluster to fetch it",
		},
		{
			name: "changed", reason: "nothing is dropped", before: []render.Object{web}, after: []render.Object{deployment("web", "nginx:2")},
			written: true, want: "applying: waiting for the cluster to fetch it",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.delivered(t, unit(test.before...))
			if test.prepare != nil {
				test.prepare(t, h)
			}
			got := h.deliver(t, test.after...)
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if (len(h.writes) > 0) != test.written {
				t.Errorf("writes %v, want one: %t, since %s", h.writes, test.written, test.reason)
			}
			if got.RetryAfter != test.retry {
				t.Errorf("retry after %s, want %s", got.RetryAfter, test.retry)
			}
		})
	}
}

// TestShrinkSendsResourceVersion checks that a work which changed since it was
// looked at is not shrunk.
func TestShrinkSendsResourceVersion(t *testing.T) {
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1"), service("web")))
	h.setApplied(t, webWork, time.Minute)
	h.failNext = apierrors.NewConflict(schema.GroupResource{Resource: "manifestworks"}, webWork, errors.New("changed"))
	got := h.deliver(t, deployment("web", "nginx:1"))
	if diff := cmp.Diff("applying: the next version follows", said(got)); diff != "" || got.RetryAfter == 0 {
		t.Errorf("(-want +got):\n%s\nretry after %s", diff, got.RetryAfter)
	}
}

// TestWriteOverReports checks that a work is written though its agent reported on
// it since it was read, and not when somebody wrote another version of it.
func TestWriteOverReports(t *testing.T) {
	tests := []struct {
		name, reason string
		meanwhile    func(h *hub)
		want         string
	}{
		{"report", "the version that was read is still the one there", func(h *hub) { h.setApplied(t, webWork, time.Minute) }, "applying: waiting for the cluster to fetch it"},
		{"edit", "what was concluded may not hold for it", func(h *hub) {
			work := h.work(t, webWork)
			work.Spec.DeleteOption = nil
			if err := h.client.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
		}, "applying: the next version follows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.delivered(t, unit(deployment("web", "nginx:1")))
			h.pass(time.Minute)
			h.meanwhile = func() { test.meanwhile(h) }
			h.failNext = apierrors.NewConflict(schema.GroupResource{Resource: "manifestworks"}, webWork, errors.New("changed"))
			got := h.deliver(t, deployment("web", "nginx:2"))
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestCoalesce checks that a work is written at most once a second, and that
// the last version is the one that counts.
func TestCoalesce(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	for i := range 9 {
		h.pass(100 * time.Millisecond)
		got := h.deliver(t, deployment("web", fmt.Sprintf("nginx:%d", i+2)))
		if want := time.Second - time.Duration(i+1)*100*time.Millisecond; got.RetryAfter != want {
			t.Errorf("edit %d: retry after %s, want %s", i, got.RetryAfter, want)
		}
	}
	h.pass(100 * time.Millisecond)
	h.deliver(t, deployment("web", "nginx:11"))
	if diff := cmp.Diff([]string{"create c1/" + webWork, "update c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if raw := string(h.work(t, webWork).Spec.Workload.Manifests[0].Raw); !strings.Contains(raw, "nginx:11") {
		t.Errorf("the last version is not the one written: %s", raw)
	}
}

// TestSteadyStateWritesNothing delivers twenty times what is delivered.
func TestSteadyStateWritesNothing(t *testing.T) {
	h := newHub(t)
	web := deployment("web", "nginx:1")
	name := h.delivered(t, unit(web))
	h.setStatus(t, name, workv1.ManifestWorkStatus{
		Conditions:     []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
		ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, web.Digest()))}},
	})
	for range 20 {
		if got := h.deliver(t, web); got.State != delivery.Delivered || got.RetryAfter != 0 {
			t.Fatalf("got %s, retry after %s", said(got), got.RetryAfter)
		}
		h.pass(time.Minute)
	}
	if len(h.writes) > 0 {
		t.Errorf("writes %v, want none", h.writes)
	}
}

// TestTouchIsBounded checks that an agent is asked ever more rarely to apply a
// work again while its object keeps vanishing.
func TestTouchIsBounded(t *testing.T) {
	h := newHub(t)
	web := deployment("web", "nginx:1")
	name := h.delivered(t, unit(web))
	h.setStatus(t, name, workv1.ManifestWorkStatus{
		Conditions:     []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
		ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "False")}},
	})
	for range 61 {
		h.deliver(t, web)
		h.pass(time.Second)
	}
	if len(h.writes) != 5 {
		t.Errorf("%d writes in a minute, want 5 (after 0, 2, 6, 14 and 30 s): %v", len(h.writes), h.writes)
	}
	work := h.work(t, name)
	if work.Generation != 1 {
		t.Errorf("generation %d: the spec was changed, which a touch must not", work.Generation)
	}
	if got, want := h.deliver(t, web).RetryAfter, time.Second; got != want {
		t.Errorf("retry after %s, want %s: no event comes while nothing changes", got, want)
	}
}

// TestTouchWithForeignLabel checks labels that the cluster's agent set.
func TestTouchWithForeignLabel(t *testing.T) {
	tests := []struct {
		label, reason string
		want          bool
	}{
		{"", "it was never touched", true},
		{"soon", "it is no time", true},
		{fmt.Sprint(now.Add(time.Hour).Unix()), "it lies ahead, and must not switch repair off", true},
		{"-9223372036854775808", "it lies before all time", true},
		{fmt.Sprint(now.Unix()), "it was touched just now", false},
		{fmt.Sprint(now.Add(-time.Second).Unix()), "less than 2 s ago", false},
		{fmt.Sprint(now.Add(-2 * time.Second).Unix()), "2 s ago", true},
	}
	for _, test := range tests {
		h := newHub(t)
		work, err := applicationWork(unit(deployment("web", "nginx:1")))
		if err != nil {
			t.Fatal(err)
		}
		work.Labels[v1alpha1.LabelReapply] = test.label
		if err := h.client.Create(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		writes := len(h.writes)
		if _, err := h.touch(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		if touched := len(h.writes) > writes; touched != test.want {
			t.Errorf("label %q: touched %t, want %t: %s", test.label, touched, test.want, test.reason)
		}
	}
}

// TestRights checks which works are written again when a tenant changes: those that
// could not be applied, of which their agent would wait a minute, and no others.
func TestRights(t *testing.T) {
	bigger := func(t *testing.T, h *hub, tenant *delivery.Tenant) {
		tenant.Role = "big"
		if err := h.client.Create(t.Context(), role("big", "secrets")); err != nil {
			t.Fatal(err)
		}
	}
	moreRules := func(t *testing.T, h *hub, _ *delivery.Tenant) {
		if err := h.client.Update(t.Context(), role("fairlead-deployer", "secrets")); err != nil {
			t.Fatal(err)
		}
	}
	quota := func(_ *testing.T, _ *hub, tenant *delivery.Tenant) {
		tenant.Objects = []map[string]any{{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": map[string]any{"name": "q", "namespace": tenant.Namespace}}}
	}
	label := func(_ *testing.T, _ *hub, tenant *delivery.Tenant) {
		tenant.Labels = map[string]string{"team": "other"}
	}
	tests := []struct {
		name, reason string
		change       func(*testing.T, *hub, *delivery.Tenant)
		applied      metav1.ConditionStatus
		want         []string
	}{
		{"another role, refused", "it may be allowed now", bigger, "False", []string{"update c1/" + webWork}},
		{"another role, applied", "it need not be tried again", bigger, "True", nil},
		{"another role, not reported", "it is about to be tried", bigger, "", nil},
		{"other rules, refused", "it may be allowed now", moreRules, "False", []string{"update c1/" + webWork}},
		{"other rules, applied", "it need not be tried again", moreRules, "True", nil},
		{"another quota, refused", "the quota may have been in the way", quota, "False", []string{"update c1/" + webWork}},
		{"another quota, applied", "it is none of the quota", quota, "True", nil},
		{"another label, applied", "it is none of the label", label, "True", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.makeTenant(t, tenant)
			web := deployment("web", "nginx:1")
			h.delivered(t, unit(web))
			h.deliver(t, web)
			if test.applied != "" {
				h.setStatus(t, webWork, workv1.ManifestWorkStatus{
					Conditions:     []metav1.Condition{h.appliedAt(1, test.applied, time.Minute)},
					ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, web.Digest()))}},
				})
			}
			changed := tenant
			test.change(t, h, &changed)
			h.makeTenant(t, changed)
			h.writes = nil
			for range 3 {
				h.deliver(t, web)
				h.pass(time.Second)
			}
			if diff := cmp.Diff(test.want, h.writes); diff != "" {
				t.Errorf("writes (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// makeTenant makes a tenant and applies its works until nothing is written any more.
func (h *hub) makeTenant(t *testing.T, tenant delivery.Tenant) {
	t.Helper()
	for range 10 {
		h.writes = nil
		h.pass(roleTTL)
		said, err := h.EnsureTenant(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.writes) == 0 && said.State == delivery.Delivered {
			return
		}
		var works workv1.ManifestWorkList
		if err := h.client.List(t.Context(), &works, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}); err != nil {
			t.Fatal(err)
		}
		for i := range works.Items {
			if purpose := works.Items[i].Labels[LabelPurpose]; purpose == PurposeRoles || purpose == PurposeTenant {
				h.setApplied(t, works.Items[i].Name, time.Minute)
			}
		}
	}
	t.Fatal("the tenant does not come to rest")
}

// TestRoleOfAnotherTenant checks that a tenant is not written again when a role comes
// that is not its own.
func TestRoleOfAnotherTenant(t *testing.T) {
	h := newHub(t, role("big", "secrets"))
	h.makeTenant(t, tenant)
	big := tenant
	big.Role, big.Namespace = "big", "shop-big"
	h.makeTenant(t, big)
	h.writes = nil
	if _, err := h.EnsureTenant(t.Context(), tenant); err != nil || len(h.writes) > 0 {
		t.Errorf("writes %v, want none; %v", h.writes, err)
	}
}

// TestEnsureTenantOrder checks that the roles come first, then the tenant, and
// that a tenant counts only when both are applied.
func TestEnsureTenantOrder(t *testing.T) {
	h := newHub(t)
	ensure := func(want string, writes ...string) {
		t.Helper()
		h.writes = nil
		got, err := h.EnsureTenant(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, said(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(writes, h.writes); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	}
	ensure("applying: the deployer's roles: waiting for the cluster to fetch it", "create c1/"+RolesWorkName)
	ensure("applying: the deployer's roles: waiting for the cluster to fetch it")
	h.setApplied(t, RolesWorkName, 0)
	// The roles were made by now, and are written from now on.
	ensure("applying: the deployer's roles: waiting for the cluster to fetch it", "update c1/"+RolesWorkName)
	h.setApplied(t, RolesWorkName, 0)
	ensure("applying: namespace shop-prod: waiting for the cluster to fetch it", "create c1/"+TenantWorkName("shop-prod"))
	h.setApplied(t, TenantWorkName("shop-prod"), 0)
	// The namespace was made by now, and the account follows at once.
	ensure("applying: namespace shop-prod: waiting for the cluster to fetch it", "update c1/"+TenantWorkName("shop-prod"))
	h.setApplied(t, TenantWorkName("shop-prod"), 0)
	ensure("delivered")
}

// TestTenantOfTwoNamespaces checks that two hub namespaces do not rewrite one
// tenant work in turn.
func TestTenantOfTwoNamespaces(t *testing.T) {
	h := newHub(t)
	for range 3 {
		if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		h.setApplied(t, RolesWorkName, time.Minute)
	}
	other := tenant
	other.SourceNamespace = "blog"
	h.writes = nil
	h.pass(time.Minute)
	got, err := h.EnsureTenant(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	want := `refused PlacementConflict: namespace "shop-prod" on cluster "c1" belongs to applications of namespace "shop": choose another spec.targetNamespace`
	if diff := cmp.Diff(want, said(got)); diff != "" || len(h.writes) > 0 || got.RetryAfter == 0 {
		t.Errorf("(-want +got):\n%s\nwrites %v, retry after %s", diff, h.writes, got.RetryAfter)
	}
}

// unseen is a cache that does not show a work yet, as often as that.
type unseen struct {
	client.Reader
	name  string
	times *int
}

func (u unseen) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if key.Name == u.name && *u.times > 0 {
		*u.times--
		return apierrors.NewNotFound(schema.GroupResource{Resource: "manifestworks"}, key.Name)
	}
	return u.Reader.Get(ctx, key, object, options...)
}

// TestTenantsRace checks that of two hub namespaces which come to one target namespace
// at once, the second does not rewrite the work of the first, whenever it sees that.
func TestTenantsRace(t *testing.T) {
	other := tenant
	other.SourceNamespace = "blog"
	name := TenantWorkName(tenant.Namespace)
	for times := range 5 {
		t.Run(fmt.Sprint("unseen ", times), func(t *testing.T) {
			s := newSpoke(t)
			if said, _ := s.settleTenant(t, tenant); said.State != delivery.Delivered {
				t.Fatalf("got %+v", said)
			}
			s.writes = nil
			s.pass(time.Minute)
			shown, left := s.Reader, times
			s.Reader = unseen{Reader: shown, name: name, times: &left}
			for range 3 {
				said, err := s.EnsureTenant(t.Context(), other)
				if err != nil {
					t.Fatal(err)
				}
				if said.State == delivery.Delivered {
					t.Errorf("got %+v", said)
				}
			}
			if source := s.work(t, name).Labels[delivery.LabelSourceNamespace]; source != "shop" {
				t.Errorf("the work is that of namespace %q", source)
			}
			s.Reader = shown
			said, written := s.settleTenant(t, other)
			if said.Reason != delivery.ReasonPlacementConflict || !strings.Contains(said.Message, `"shop"`) || written > 0 {
				t.Errorf("the second: got %+v, %d writes", said, written)
			}
			if said, _ := s.settleTenant(t, tenant); said.State != delivery.Delivered {
				t.Errorf("the first: got %+v", said)
			}
		})
	}
}

// TestTenantTakenBackByItsOwn checks that only the hub namespace whose tenant it is
// takes back a work that its cluster hid.
func TestTenantTakenBackByItsOwn(t *testing.T) {
	s := newSpoke(t)
	s.settleTenant(t, tenant)
	name := TenantWorkName(tenant.Namespace)
	work := s.work(t, name)
	delete(work.Labels, v1alpha1.LabelManagedBy)
	if err := s.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	other := tenant
	other.SourceNamespace = "blog"
	if said, err := s.EnsureTenant(t.Context(), other); err != nil || said.Reason != delivery.ReasonPlacementConflict {
		t.Errorf("another's: got %+v, %v", said, err)
	}
	if said, _ := s.settleTenant(t, tenant); said.State != delivery.Delivered {
		t.Errorf("its own: got %+v", said)
	}
}

// TestRolesOfTwoTenants checks that a role that another tenant needs stays.
func TestRolesOfTwoTenants(t *testing.T) {
	h := newHub(t, role("big", "secrets"))
	big := tenant
	big.Role, big.Namespace = "big", "shop-big"
	for range 3 {
		for _, each := range []delivery.Tenant{big, tenant} {
			h.pass(2 * time.Second)
			if _, err := h.EnsureTenant(t.Context(), each); err != nil {
				t.Fatal(err)
			}
		}
	}
	var names []string
	for _, id := range identities(h.work(t, RolesWorkName)) {
		names = append(names, id.Name)
	}
	if diff := cmp.Diff([]string{"big", "fairlead-deployer"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h.work(t, RolesWorkName).Generation != 1 {
		t.Error("the work was written again")
	}
}

// TestRoleIsReadAgain checks that a changed role reaches clusters within a minute.
func TestRoleIsReadAgain(t *testing.T) {
	h := newHub(t)
	read := func() string {
		t.Helper()
		roles, err := h.readRoles(t.Context(), map[string]bool{"fairlead-deployer": true})
		if err != nil {
			t.Fatal(err)
		}
		return roles[0].Rules[0].Resources[0]
	}
	if got := read(); got != "pods" {
		t.Fatalf("got %q", got)
	}
	changed := role("fairlead-deployer", "services")
	if err := h.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "pods" {
		t.Errorf("got %q: the role was read again at once", got)
	}
	h.pass(roleTTL)
	if got := read(); got != "services" {
		t.Errorf("got %q, want the changed role", got)
	}
	_, err := h.readRole(t.Context(), "none")
	if err == nil || !strings.Contains(err.Error(), `read ClusterRole "none", which an environment gives to its deployer`) {
		t.Errorf("got error %v", err)
	}
}

// TestConflict checks that an object is never put into two works of a cluster.
func TestConflict(t *testing.T) {
	h := newHub(t, managedCluster("c2", metav1.ConditionTrue))
	h.delivered(t, unit(deployment("web", "nginx:1"), service("web")))
	other := unit(deployment("other", "x"), service("web"))
	other.Owner = delivery.Owner{Namespace: "shop", Name: "rival", UID: "u2"}
	got, err := h.Deliver(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	want := `refused PlacementConflict: Service shop-prod/web on cluster "c1" belongs to application shop/store in environment "prod" already: rename the component or use another target namespace`
	if diff := cmp.Diff(want, said(got)); diff != "" || len(h.writes) > 0 || got.RetryAfter == 0 {
		t.Errorf("(-want +got):\n%s\nwrites %v, retry after %s", diff, h.writes, got.RetryAfter)
	}
	other.Place.Cluster = "c2"
	if got, err = h.Deliver(t.Context(), other); err != nil || got.State == delivery.Refused {
		t.Errorf("on another cluster: got %s, %v", said(got), err)
	}
}

// TestEditedWorkIsRestored checks that whoever changed a work, its content, labels
// and owners come back.
func TestEditedWorkIsRestored(t *testing.T) {
	web := deployment("web", "nginx:1")
	edits := map[string]func(*workv1.ManifestWork){
		"content":       func(w *workv1.ManifestWork) { replaceRaw(w, "nginx:1", "evil:1") },
		"no executor":   func(w *workv1.ManifestWork) { w.Spec.Executor = nil },
		"a label":       func(w *workv1.ManifestWork) { w.Labels[v1alpha1.LabelApplicationUID] = "u9" },
		"a label less":  func(w *workv1.ManifestWork) { delete(w.Labels, LabelTargetNamespace) },
		"our label":     func(w *workv1.ManifestWork) { delete(w.Labels, v1alpha1.LabelManagedBy) },
		"all labels":    func(w *workv1.ManifestWork) { w.Labels = nil },
		"an owner":      func(w *workv1.ManifestWork) { w.OwnerReferences = append(w.OwnerReferences, ownerReference()) },
		"forged digest": func(w *workv1.ManifestWork) { forge(w); replaceRaw(w, "nginx:1", "evil:1") },
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.delivered(t, unit(web))
			want := h.work(t, webWork)
			edited := want.DeepCopy()
			edit(edited)
			if err := h.client.Update(t.Context(), edited); err != nil {
				t.Fatal(err)
			}
			h.deliver(t, web)
			got := h.work(t, webWork)
			if diff := cmp.Diff(want.Spec, got.Spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Labels, got.Labels); diff != "" || len(got.OwnerReferences) > 0 {
				t.Errorf("labels (-want +got):\n%s\nowners %v", diff, got.OwnerReferences)
			}
		})
	}
}

// TestForeignLabelsStay checks that a restored work keeps labels that are not ours.
func TestForeignLabelsStay(t *testing.T) {
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1")))
	work := h.work(t, webWork)
	work.Labels["cost-center"] = "7"
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
	h.deliver(t, deployment("web", "nginx:1"))
	if len(h.writes) > 0 {
		t.Errorf("writes %v, want none for a label that is not ours", h.writes)
	}
	h.deliver(t, deployment("web", "nginx:2"))
	if h.work(t, webWork).Labels["cost-center"] != "7" {
		t.Error("the label went with an update")
	}
}

// TestLaggingCache checks that a work which the cache does not show yet is not
// taken for one that was tampered with.
func TestLaggingCache(t *testing.T) {
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1")))
	h.Reader = newHub(t).Reader // one that has not seen the work
	got := h.deliver(t, deployment("web", "nginx:1"))
	if got.State != delivery.Applying || got.RetryAfter == 0 {
		t.Errorf("got %s, retry after %s", said(got), got.RetryAfter)
	}
	if diff := cmp.Diff([]string{"create c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestDeletingWork checks that nothing is written onto a work that is being
// deleted: the write would be answered with success and lost.
func TestDeletingWork(t *testing.T) {
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1")))
	h.hold(t, webWork)
	if err := h.client.Delete(t.Context(), h.work(t, webWork)); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
	got := h.deliver(t, deployment("web", "nginx:2"))
	if diff := cmp.Diff("waiting: an earlier version is still being removed", said(got)); diff != "" || len(h.writes) > 0 {
		t.Errorf("(-want +got):\n%s\nwrites %v", diff, h.writes)
	}
}

// hold adds the finalizer that an agent adds to a work it has seen.
func (h *hub) hold(t *testing.T, name string) {
	t.Helper()
	work := h.work(t, name)
	work.Finalizers = []string{workv1.ManifestWorkFinalizer}
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

// TestAnswersOfTheHub checks which answers are final and which are tried again.
func TestAnswersOfTheHub(t *testing.T) {
	resource := schema.GroupResource{Group: "work.open-cluster-management.io", Resource: "manifestworks"}
	tests := []struct {
		name, reason string
		answer       error
		want         string
		wantErr      string
	}{
		{
			name: "too large", reason: "the same request gets the same answer, until somebody changes a policy", answer: apierrors.NewBadRequest("the size of manifests is 600000 bytes which exceeds the 512000 limit"),
			want: "refused ApplyFailed: the hub refuses work c1/" + webWork + ": the size of manifests is 600000 bytes which exceeds the 512000 limit",
		},
		{
			name: "entity too large", reason: "the same request gets the same answer", answer: apierrors.NewRequestEntityTooLargeError("limit is 3145728"),
			want: "refused ApplyFailed: the hub refuses work c1/" + webWork + ": Request entity too large: limit is 3145728",
		},
		{
			name: "forbidden", reason: "rights may come", answer: apierrors.NewForbidden(resource, webWork, errors.New("no")),
			wantErr: "create work c1/" + webWork + `: manifestworks.work.open-cluster-management.io "` + webWork + `" is forbidden: no`,
		},
		{
			name: "unavailable", reason: "the webhook may come back", answer: apierrors.NewInternalError(errors.New("failed calling webhook")),
			wantErr: "create work c1/" + webWork + ": Internal error occurred: failed calling webhook",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.failNext = test.answer
			got, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1")))
			answer := ""
			if err != nil {
				answer = err.Error()
			}
			if diff := cmp.Diff(test.wantErr, answer); diff != "" {
				t.Errorf("error (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, said(got)); err == nil && diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if h.tooEarly(types.NamespacedName{Namespace: "c1", Name: webWork}) != 0 {
				t.Error("a write that was refused holds the next one up")
			}
			if err == nil {
				h.refusedOnce(t, got)
			}
		})
	}
}

// refusedOnce checks that a work that was refused is written again after a while, and
// nothing else is.
func (h *hub) refusedOnce(t *testing.T, got delivery.Observation) {
	t.Helper()
	if got.RetryAfter != refusedRetry {
		t.Errorf("it is tried again after %s, want %s", got.RetryAfter, refusedRetry)
	}
	h.writes = nil
	h.pass(got.RetryAfter)
	if got, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1"))); err != nil || got.State != delivery.Applying {
		t.Errorf("once it is allowed: got %+v, %v, want it written", got, err)
	}
	if diff := cmp.Diff([]string{"create c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestWritten checks that writes are counted, and notes of old ones are dropped.
func TestWritten(t *testing.T) {
	h := newHub(t)
	counts := map[string]int{}
	h.Written = func(cluster string) { counts[cluster]++ }
	for i := range 50 {
		u := unit(deployment(fmt.Sprintf("web%d", i), "x"))
		u.Component = fmt.Sprintf("web%d", i)
		if _, err := h.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		h.pass(time.Minute)
	}
	if diff := cmp.Diff(map[string]int{"c1": 50}, counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(h.lastWrites) > 1 {
		t.Errorf("%d notes are kept, want only the last", len(h.lastWrites))
	}
}

// TestConflictOfNewWorks checks that of two works with one object, neither of
// which the cache shows yet, only one is written.
func TestConflictOfNewWorks(t *testing.T) {
	h := newHub(t)
	first, second := unit(deployment("web", "nginx:1")), unit(deployment("web", "nginx:1"))
	second.Place.Environment = "other"
	h.Reader = blind{h.Reader}
	if _, err := h.Deliver(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	got, err := h.Deliver(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	want := `refused PlacementConflict: Deployment shop-prod/web on cluster "c1" belongs to application shop/store in environment "prod" already: rename the component or use another target namespace`
	if diff := cmp.Diff(want, said(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// blind is a cache that shows no works yet.
type blind struct{ client.Reader }

func (blind) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// TestRepairsAfterEachOther checks that who edits one object after the other finds each
// repaired as soon as the first, and that what is undone at once is not, nor for ever.
func TestRepairsAfterEachOther(t *testing.T) {
	tests := []struct {
		reason string
		held   time.Duration // for how long all is well after a repair
		edits  int
		most   time.Duration // until the last is repaired
	}{
		{"a person edits now and then", heldRepair, maxAfresh, firstRepair},
		{"a controller undoes it at once", time.Second, 12, maxRepair},
		{"a controller undoes it now and then", heldRepair, maxAfresh + 12, maxRepair},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			h := newHub(t)
			web := deployment("web", "nginx:1")
			name := h.delivered(t, unit(web))
			report := func(available metav1.ConditionStatus) {
				h.setStatus(t, name, workv1.ManifestWorkStatus{
					Conditions: []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
					ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
						reported(web, available, text(revisionName, web.Digest()), integer(".status.readyReplicas", 2)),
					}},
				})
				h.writes = nil
			}
			var took time.Duration
			for range test.edits {
				report("False")
				for took = 0; len(h.writes) == 0; took += time.Second {
					if h.deliver(t, web); len(h.writes) == 0 {
						h.pass(time.Second)
					}
				}
				report("True")
				if got := h.deliver(t, web); got.State != delivery.Delivered {
					t.Fatalf("got %s after a repair", said(got))
				}
				h.pass(test.held)
			}
			if took -= time.Second; took > test.most || test.most == maxRepair && took < time.Minute {
				t.Errorf("the last of %d was repaired after %s, want at most %s", test.edits, took, test.most)
			}
		})
	}
}
