// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// clusterRole is the deployer's role as a cluster has it.
func clusterRole(resource string, labels map[string]any) render.Object {
	return render.Object{Content: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "fairlead-deployer", "labels": labels},
		"rules": []any{map[string]any{"resources": []any{resource}}},
	}}
}

// resourceOf is what the deployer's role of the cluster is about; empty when it has none.
func (s *spoke) resourceOf() string {
	object := s.objects[deployerRole]
	if object == nil {
		return ""
	}
	rule := object.content()["rules"].([]any)[0].(map[string]any)
	return rule["resources"].([]any)[0].(string)
}

var deployerRole = workv1.ResourceIdentifier{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Name: "fairlead-deployer"}

// TestRolesOfACluster checks that a cluster which has the deployer's role of its own
// keeps it as it is, through a change of the hub's and the end of the last tenant. The
// hub is such a cluster where it is one of its managed clusters.
func TestRolesOfACluster(t *testing.T) {
	tests := []struct {
		name, reason string
		there        *render.Object
		// first is what the role is about when the tenant is there, later what it is when the hub's has changed.
		first, later string
		stays        bool
	}{
		{"nothing", "it is made, and goes with the last tenant", nil, "pods", "services", false},
		{"left over", "it was made for a tenant", ptrTo(clusterRole("old", map[string]any{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue})), "pods", "services", false},
		{"its own", "a chart made it there", ptrTo(clusterRole("own", map[string]any{"app.kubernetes.io/managed-by": "Helm"})), "own", "own", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.there != nil {
				s.create(*test.there)
			}
			look := func(what, want string) {
				t.Helper()
				if got, _ := s.settleTenant(t, tenant); got.State != delivery.Delivered {
					t.Errorf("%s: %s, want the tenant delivered", what, said(got))
				}
				if diff := cmp.Diff(want, s.resourceOf()); diff != "" {
					t.Errorf("%s, since %s (-want +got):\n%s", what, test.reason, diff)
				}
			}
			look("made", test.first)
			if err := s.client.Update(t.Context(), role("fairlead-deployer", "services")); err != nil {
				t.Fatal(err)
			}
			s.pass(roleTTL)
			look("changed", test.later)
			if object := s.objects[deployerRole]; len(object.owners) > 0 == test.stays {
				t.Errorf("owners %v, since %s", object.owners, test.reason)
			}
			for range 4 {
				if _, err := s.ReleaseTenant(t.Context(), tenant.TenantKey); err != nil {
					t.Fatal(err)
				}
				s.sync(t)
				s.pass(time.Second)
			}
			if there := s.objects[deployerRole] != nil; there != test.stays {
				t.Errorf("after the last tenant the role is there: %t, since %s", there, test.reason)
			}
		})
	}
}

// TestRolesOfAClusterGo checks that a role is made when the cluster's own is gone, and
// that nothing is written while nothing changes.
func TestRolesOfAClusterGo(t *testing.T) {
	s := newSpoke(t)
	s.create(clusterRole("own", nil))
	s.settleTenant(t, tenant)
	s.pass(roleTTL)
	s.sync(t)
	if _, written := s.settleTenant(t, tenant); written > 0 || s.resourceOf() != "own" {
		t.Errorf("%d writes, and the role is about %s: want none, and the cluster's own", written, s.resourceOf())
	}
	delete(s.objects, deployerRole)
	s.sync(t)
	if got, _ := s.settleTenant(t, tenant); got.State != delivery.Delivered || s.resourceOf() != "pods" {
		t.Errorf("%s, and the role is about %q, want it made", said(got), s.resourceOf())
	}
}
