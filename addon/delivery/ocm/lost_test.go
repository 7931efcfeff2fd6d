// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// lose removes an object by hand, of which the agent tells without applying anything.
func (s *spoke) lose(t *testing.T, name string, id workv1.ResourceIdentifier) {
	t.Helper()
	if s.objects[id] == nil {
		t.Fatalf("the cluster has no %v: the test is about one that it loses", id)
	}
	delete(s.objects, id)
	work := s.work(t, name)
	manifest := findByID(work, id)
	if manifest == nil {
		t.Fatalf("work %s says nothing of %v", name, id)
	}
	manifest.Conditions[0].Status = metav1.ConditionFalse
	s.setLaterStatus(t, name, work.Status)
}

// TestLostObjectsOfATenant checks that what people delete by hand of what a tenant needs
// is made again at the first report of it, with one touch of the work that has it, and
// that works which were refused meanwhile are written again.
func TestLostObjectsOfATenant(t *testing.T) {
	limits := quota("limits", "10", tenantLabels("shop"))
	of := func(group, resource, namespace, name string) workv1.ResourceIdentifier {
		return workv1.ResourceIdentifier{Group: group, Resource: resource, Namespace: namespace, Name: name}
	}
	const rbac = "rbac.authorization.k8s.io"
	tenantWork := TenantWorkName("shop-prod")
	waits := func(what string) string {
		return "applying: " + what + ": the cluster does not have it; its agent was asked to apply it again"
	}
	for _, test := range []struct {
		reason, work string
		id           workv1.ResourceIdentifier
		want         string
	}{
		{"nothing can be applied without the namespace", tenantWork, of("", "namespaces", "", "shop-prod"), waits("namespace shop-prod: Namespace shop-prod")},
		{"works are applied as the account", tenantWork, of("", "serviceaccounts", "shop-prod", "fairlead-deployer"), waits("namespace shop-prod: ServiceAccount shop-prod/fairlead-deployer")},
		{"it may do nothing without it", tenantWork, of(rbac, "rolebindings", "shop-prod", "fairlead-deployer"), waits("namespace shop-prod: RoleBinding shop-prod/fairlead-deployer")},
		{"its environment asks for it, and nothing needs it to be applied", tenantWork, of("", "resourcequotas", "shop-prod", "limits"), "delivered"},
		{"the account has its rights from it", RolesWorkName, of(rbac, "clusterroles", "", "fairlead-deployer"), waits("the deployer's roles: ClusterRole fairlead-deployer")},
		{"another tenant has its rights from it", RolesWorkName, of(rbac, "clusterroles", "", "big"), "delivered"},
	} {
		t.Run(test.id.Resource+" "+test.id.Name, func(t *testing.T) {
			s := newSpoke(t, role("big", "secrets"))
			wanted := equipped(limits)
			other := tenant
			other.Namespace, other.Role = "blog-prod", "big"
			s.settleTenant(t, other, wanted)
			rights, err := s.rights(t.Context(), unit().Place)
			if err != nil {
				t.Fatal(err)
			}
			s.lose(t, test.work, test.id)
			s.writes = nil
			got, err := s.EnsureTenant(t.Context(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			if got.RetryAfter == 0 {
				t.Errorf("nobody looks again whether it is back, since %s", test.reason)
			}
			if diff := cmp.Diff([]string{test.want, "patch c1/" + test.work}, append([]string{said(got)}, s.writes...)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			s.answer(t)
			if s.objects[test.id] == nil {
				t.Fatalf("it is not back: %s", test.reason)
			}
			if got, _ := s.settleTenant(t, wanted); got.State != delivery.Delivered {
				t.Errorf("%s, want it delivered", said(got))
			}
			if now, err := s.rights(t.Context(), unit().Place); err != nil || (now == rights) != (test.work == RolesWorkName) {
				t.Errorf("rights %q, were %q, %v: what was refused without the namespace is to be written again", now, rights, err)
			}
			if got, written := s.settleTenant(t, wanted); got.State != delivery.Delivered || written > 0 {
				t.Errorf("%s with %d writes, want nothing to be written any more", said(got), written)
			}
		})
	}
}

// TestNamespaceThatEnds checks that a namespace which takes long to end on its cluster is
// waited for, and that the agent is asked again: by itself it waits longer after each failure.
func TestNamespaceThatEnds(t *testing.T) {
	s := newSpoke(t)
	s.settleTenant(t, tenant)
	name := TenantWorkName("shop-prod")
	work := s.work(t, name)
	account := findByID(work, workv1.ResourceIdentifier{Resource: "serviceaccounts", Namespace: "shop-prod", Name: "fairlead-deployer"})
	account.Conditions[1].Status = metav1.ConditionFalse
	account.Conditions[1].Message = `Failed to apply manifest: serviceaccounts "fairlead-deployer" is forbidden: unable to create new content in namespace shop-prod ` + isEnding
	appliedCondition(work).Status = metav1.ConditionFalse
	s.setStatus(t, name, work.Status)
	s.writes = nil
	got, err := s.EnsureTenant(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"waiting: namespace shop-prod: the cluster deletes it: waiting for its end", "patch c1/" + name}
	if diff := cmp.Diff(want, append([]string{said(got)}, s.writes...)); diff != "" || got.RetryAfter == 0 {
		t.Errorf("asked again after %s (-want +got):\n%s", got.RetryAfter, diff)
	}
}

// TestLostOrNotYetReported checks that a report from before a work was applied is not
// taken for a loss, and holds nothing up.
func TestLostOrNotYetReported(t *testing.T) {
	s := newSpoke(t)
	s.settleTenant(t, tenant)
	name := TenantWorkName("shop-prod")
	s.pass(time.Minute)
	work := s.work(t, name)
	s.setApplied(t, name, time.Second)
	applied := s.work(t, name).Status
	applied.ResourceStatus = work.Status.ResourceStatus
	findByID(work, workv1.ResourceIdentifier{Resource: "namespaces", Name: "shop-prod"}).Conditions[0].Status = metav1.ConditionFalse
	s.setStatus(t, name, applied)
	s.writes = nil
	got, err := s.EnsureTenant(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	want := delivery.Observation{State: delivery.Delivered, RetryAfter: feedbackDelay - time.Second}
	if diff := cmp.Diff(want, delivery.Observation{State: got.State, RetryAfter: got.RetryAfter}); diff != "" || len(s.writes) > 0 {
		t.Errorf("writes %v (-want +got):\n%s", s.writes, diff)
	}
	s.pass(feedbackDelay)
	if got, err = s.EnsureTenant(t.Context(), tenant); err != nil || got.State != delivery.Applying || len(s.writes) != 1 {
		t.Errorf("%s, %v, writes %v, want its agent to be asked once it is believed", said(got), err, s.writes)
	}
}
