// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// reading counts what is read of the API server by name.
type reading struct {
	client.Reader
	names *[]string
}

func (r reading) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, isRole := object.(*rbacv1.ClusterRole); isRole {
		*r.names = append(*r.names, key.Name)
	}
	if key.Name == "" {
		return errors.New("resource name may not be empty")
	}
	return r.Reader.Get(ctx, key, object, options...)
}

// TestForgedRoles checks that a cluster which changes the work with its roles neither
// keeps its tenants from being made nor has the hub read all that it makes up.
func TestForgedRoles(t *testing.T) {
	clusterRoleNamed := func(name string) map[string]any {
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": name}}
	}
	var many []map[string]any
	for i := range 1000 {
		many = append(many, clusterRoleNamed(fmt.Sprint("made-up-", i)))
	}
	tests := []struct {
		reason  string
		objects []map[string]any
		reads   int
	}{
		{"no object is without a name", []map[string]any{clusterRoleNamed("")}, 0},
		{"no name holds a slash", []map[string]any{clusterRoleNamed("../pods")}, 0},
		{"no name is that long", []map[string]any{clusterRoleNamed(strings.Repeat("x", maxRoleName+1))}, 0},
		{"only roles are read", []map[string]any{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "big"}}}, 0},
		{"one that does not exist is looked for once", []map[string]any{clusterRoleNamed("made-up")}, 1},
		{"no more are read than a cluster may make up", many, maxRoles},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := newSpoke(t)
			s.settleTenant(t, tenant)
			var reads []string
			s.Live = reading{Reader: s.Live, names: &reads}
			forge := func() {
				t.Helper()
				work := s.work(t, RolesWorkName)
				for _, object := range test.objects {
					raw, err := json.Marshal(object)
					if err != nil {
						t.Fatal(err)
					}
					work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, workv1.Manifest{RawExtension: runtime.RawExtension{Raw: raw}})
				}
				if err := s.client.Update(t.Context(), work); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				forge()
				s.pass(time.Second)
				if said, _ := s.settleTenant(t, tenant); said.State != delivery.Delivered {
					t.Errorf("got %+v", said)
				}
			}
			if len(reads) != test.reads {
				t.Errorf("%d roles were read, want %d", len(reads), test.reads)
			}
			if ids := identities(s.work(t, RolesWorkName)); len(ids) != 1 || ids[0] != deployerRole {
				t.Errorf("the work has %v, want the deployer's role", ids)
			}
		})
	}
}

// TestManyRoles checks that any number of roles that tenants of a cluster need stays, since each was asked
// for, and that a cluster cannot have any number of names read.
func TestManyRoles(t *testing.T) {
	work := &workv1.ManifestWork{}
	for i := range maxRoles + 3 {
		raw := fmt.Appendf(nil, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"role-%d"}}`, i)
		work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, workv1.Manifest{RawExtension: runtime.RawExtension{Raw: raw}})
	}
	known := func(is bool) func(string) bool { return func(string) bool { return is } }
	if names := roleNames(tenant, work, known(true)); len(names) != maxRoles+4 {
		t.Errorf("%d roles, want all that were asked for and the tenant's", len(names))
	}
	if names := roleNames(tenant, work, known(false)); len(names) != maxRoles+1 {
		t.Errorf("%d roles, want %d that may be made up and the tenant's", len(names), maxRoles)
	}
}

// TestRolesChanged checks that a change of a role is found though no event tells of it,
// reaches the cluster in the next pass, and that nothing is read without a cluster.
func TestRolesChanged(t *testing.T) {
	s := newSpoke(t, role("unused", "pods"))
	var reads []string
	s.Live = reading{Reader: s.client, names: &reads}
	look := func(reason string, want bool, names ...string) {
		t.Helper()
		reads = nil
		got, err := s.RolesChanged(t.Context())
		if err != nil || got != want {
			t.Errorf("changed %t, %v, want %t: %s", got, err, want, reason)
		}
		if diff := cmp.Diff(names, reads); diff != "" {
			t.Errorf("reads (-want +got), since %s:\n%s", reason, diff)
		}
	}
	look("no cluster has roles", false)
	s.settleTenant(t, tenant)
	look("nothing changed", false, "fairlead-deployer")
	change := func(resource string) {
		t.Helper()
		if err := s.client.Update(t.Context(), role("fairlead-deployer", resource)); err != nil {
			t.Fatal(err)
		}
	}
	change("services")
	look("its rules are others", true, "fairlead-deployer")
	if said, _ := s.settleTenant(t, tenant); said.State != delivery.Delivered || s.resourceOf() != "services" {
		t.Errorf("%s, and the role is about %s, want services at once", said.Message, s.resourceOf())
	}
	look("that was told", false, "fairlead-deployer")

	change("secrets")
	s.pass(roleTTL)
	s.settleTenant(t, tenant) // which reads the role again
	look("other clusters do not know it yet", true, "fairlead-deployer")
	s.Live = failingRole{s.client, "fairlead-deployer"}
	if changed, err := s.RolesChanged(t.Context()); err == nil || changed {
		t.Errorf("changed %t, %v, want an error while it cannot be read", changed, err)
	}
	s.Live = reading{Reader: s.client, names: &reads}
	if err := s.client.Delete(t.Context(), role("fairlead-deployer", "")); err != nil {
		t.Fatal(err)
	}
	look("it is gone", true, "fairlead-deployer")
	look("that was told too", false)
}

// TestRoleOfOthersUnread checks that a role that another tenant needs stays while it
// cannot be read, and goes when it is gone.
func TestRoleOfOthersUnread(t *testing.T) {
	h := newHub(t, role("big", "secrets"))
	var reads []string
	h.Live = reading{Reader: h.client, names: &reads}
	names := map[string]bool{"fairlead-deployer": true, "big": false}
	found := func() int {
		t.Helper()
		h.pass(roleTTL)
		roles, err := h.readRoles(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		return len(roles)
	}
	if got := found(); got != 2 {
		t.Fatalf("%d roles, want 2", got)
	}
	h.Live = failingRole{h.client, "big"}
	if got := found(); got != 2 {
		t.Errorf("%d roles while one cannot be read, want 2", got)
	}
	h.Live = h.client
	if err := h.client.Delete(t.Context(), role("big", "secrets")); err != nil {
		t.Fatal(err)
	}
	if got := found(); got != 1 {
		t.Errorf("%d roles once one is gone, want 1", got)
	}
	if err := h.client.Create(t.Context(), role("big", "secrets")); err != nil {
		t.Fatal(err)
	}
	names["big"] = true
	if roles, err := h.readRoles(t.Context(), names); err != nil || len(roles) != 2 {
		t.Errorf("%d roles, %v: what a tenant needs is looked for at once", len(roles), err)
	}
	names["big"] = false
	if roles, err := h.readRoles(t.Context(), names); err != nil || len(roles) != 2 {
		t.Errorf("%d roles, %v: what was found is there for all", len(roles), err)
	}
}

// failingRole cannot read the role of a name for now.
type failingRole struct {
	client.Reader
	name string
}

func (f failingRole) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if key.Name == f.name {
		return apierrors.NewServerTimeout(schema.GroupResource{Resource: "clusterroles"}, "get", 1)
	}
	return f.Reader.Get(ctx, key, object, options...)
}
