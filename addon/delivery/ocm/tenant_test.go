// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// bindings are the names of the bindings that a cluster has, with their roles.
func (s *spoke) bindings() map[string]any {
	found := map[string]any{}
	for id, object := range s.objects {
		if id.Resource == "rolebindings" {
			found[id.Name] = object.content()["roleRef"].(map[string]any)["name"]
		}
	}
	return found
}

// TestRoleOfATenantChanges checks that an environment may give its deployer another
// role, with more rights or fewer: no API server lets the role of a binding change.
func TestRoleOfATenantChanges(t *testing.T) {
	s := newSpoke(t, role("big", "secrets"), role("small", "services"))
	for _, step := range []struct {
		reason, role string
		want         map[string]any
		writes       int
	}{
		{"it starts with the usual rights", "fairlead-deployer", map[string]any{"fairlead-deployer": "fairlead-deployer"}, 3},
		{"nothing changes", "fairlead-deployer", map[string]any{"fairlead-deployer": "fairlead-deployer"}, 0},
		{"it gets more: the roles' work is written, and the tenant's once", "big", map[string]any{"fairlead-deployer-big": "big"}, 2},
		{"it gets fewer", "small", map[string]any{"fairlead-deployer-small": "small"}, 2},
		{"it gets what the cluster knows from before", "big", map[string]any{"fairlead-deployer-big": "big"}, 1},
		{"it gets the usual ones", "fairlead-deployer", map[string]any{"fairlead-deployer": "fairlead-deployer"}, 1},
	} {
		wanted := tenant
		wanted.Role = step.role
		got, written := s.settleTenant(t, wanted)
		if got.State != delivery.Delivered || written != step.writes {
			t.Errorf("%s: %s with %d writes, want it delivered with %d", step.reason, said(got), written, step.writes)
		}
		if diff := cmp.Diff(step.want, s.bindings()); diff != "" {
			t.Errorf("%s: bindings (-want +got):\n%s", step.reason, diff)
		}
	}
}

// TestRoleOfATenantThatIsStuck checks that a work which holds another role in the
// binding that the cluster has comes out of it.
func TestRoleOfATenantThatIsStuck(t *testing.T) {
	s := newSpoke(t, role("big", "secrets"))
	s.settleTenant(t, tenant)
	usual := workv1.ResourceIdentifier{Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Name: "fairlead-deployer", Namespace: "shop-prod"}
	for _, fields := range s.objects[usual].fields {
		fields["roleRef"] = map[string]any{"kind": "ClusterRole", "name": "other"}
	}
	s.sync(t)
	if applied := appliedCondition(s.work(t, TenantWorkName("shop-prod"))); applied.Status != "False" {
		t.Fatalf("Applied is %s, want False: the test is about a binding that cannot be applied", applied.Status)
	}
	wanted := tenant
	wanted.Role = "big"
	if got, _ := s.settleTenant(t, wanted); got.State != delivery.Delivered {
		t.Errorf("%s, want it delivered", said(got))
	}
	if diff := cmp.Diff(map[string]any{"fairlead-deployer-big": "big"}, s.bindings()); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
}
