// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// namespaceOf is the tenant's namespace as the cluster has it, for a namespace of the
// hub; for "" one that was not made by Fairlead.
func namespaceOf(source string) render.Object {
	labels := map[string]any{}
	if source != "" {
		labels = tenantLabels(source)
	}
	return render.Object{Content: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop-prod", "labels": labels}}}
}

// hasAccount says that the cluster has the account of the tenant.
func (s *spoke) hasAccount() bool {
	return s.objects[workv1.ResourceIdentifier{Resource: "serviceaccounts", Name: v1alpha1.DeployerAccount, Namespace: "shop-prod"}] != nil
}

const (
	namespaceIsNotOurs = `refused NamespaceNotOurs: namespace shop-prod: namespace "shop-prod" exists on cluster "c1" and was not made by Fairlead: ` +
		`set spec.namespaceOptions.adopt of its environment, or choose another spec.targetNamespace`
	namespaceIsTaken = `refused PlacementConflict: namespace shop-prod: namespace "shop-prod" on cluster "c1" belongs to applications of namespace "blog": ` +
		`choose another spec.targetNamespace`
	namespaceIsMissing = `waiting: namespace shop-prod: namespace "shop-prod" does not exist on cluster "c1", and spec.namespaceOptions.create of its environment is false: ` +
		`waiting for somebody to create it`
)

// TestNamespaceOfATenant checks whose namespaces a tenant uses. One that somebody
// else made is neither changed nor used, whatever its environment says of how it is
// to be made; and no adoption takes what was made for another namespace of the hub.
func TestNamespaceOfATenant(t *testing.T) {
	ours, theirs, foreign := namespaceOf("shop"), namespaceOf("blog"), namespaceOf("")
	tests := []struct {
		name, reason  string
		there         *render.Object
		create, adopt bool
		want          string
		writes        int
	}{
		{"nothing", "it is made", nil, true, false, "delivered", 4},
		{"somebody else's", "it is not ours", &foreign, true, false, namespaceIsNotOurs, 3},
		{"another tenant's", "its applications may be gone, and their claims are there", &theirs, true, false, namespaceIsTaken, 3},
		{"left over", "namespaces stay when a tenant goes", &ours, true, false, "delivered", 4},
		{"nothing, adopting", "it is made", nil, true, true, "delivered", 4},
		{"adopted", "its environment says so", &foreign, true, true, "delivered", 4},
		{"another tenant's, adopting", "not even adoption takes it", &theirs, true, true, namespaceIsTaken, 3},
		{"nothing, not created", "somebody else is to make it", nil, false, false, namespaceIsMissing, 3},
		{"somebody else's, not created", "that it is not made does not make it ours", &foreign, false, false, namespaceIsNotOurs, 3},
		{"another tenant's, not created", "it is not ours", &theirs, false, false, namespaceIsTaken, 3},
		{"left over, not created", "it is ours", &ours, false, false, "delivered", 4},
		{"nothing, not created, adopting", "somebody else is to make it", nil, false, true, namespaceIsMissing, 3},
		{"adopted, not created", "its environment says so", &foreign, false, true, "delivered", 4},
		{"another tenant's, not created, adopting", "not even adoption takes it", &theirs, false, true, namespaceIsTaken, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			if test.there != nil {
				s.create(*test.there)
			}
			wanted := tenant
			wanted.Create, wanted.Adopt = test.create, test.adopt
			got, written := s.settleTenant(t, wanted)
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if written != test.writes {
				t.Errorf("%d writes, want %d: %s", written, test.writes, test.reason)
			}
			if s.hasAccount() != (test.want == "delivered") {
				t.Errorf("the account is there: %t, though %s", s.hasAccount(), test.reason)
			}
			if namespace := s.objects[identify(ours.Content)]; namespace != nil && len(namespace.owners) > 0 {
				t.Errorf("the namespace goes with the work of the tenant: %v", namespace.owners)
			}
		})
	}
}

// TestNamespaceOfATenantChanges checks what becomes of a tenant when its namespace
// changes, or what its environment says of it.
func TestNamespaceOfATenantChanges(t *testing.T) {
	given := func(create, adopt bool) delivery.Tenant {
		changed := tenant
		changed.Create, changed.Adopt = create, adopt
		return changed
	}
	type step struct {
		reason string
		// there replaces what the cluster has, when it is set.
		there  *render.Object
		tenant delivery.Tenant
		want   string
		writes int
	}
	ours, theirs, foreign := namespaceOf("shop"), namespaceOf("blog"), namespaceOf("")
	for name, steps := range map[string][]step{
		"made by others": {
			{"it is not there", nil, given(false, true), namespaceIsMissing, 3},
			{"somebody has made it", &foreign, given(false, true), "delivered", 1},
			{"it is not adopted any more", nil, given(false, false), namespaceIsNotOurs, 0},
			{"it is", nil, given(false, true), "delivered", 0},
			{"it is to be made as well", nil, given(true, true), "delivered", 1},
			{"it is not", nil, given(false, false), "delivered", 1},
			{"somebody makes it anew", &foreign, given(false, false), namespaceIsNotOurs, 0},
			{"another tenant's comes in its place", &theirs, given(false, true), namespaceIsTaken, 0},
			{"that one is not written over", nil, given(true, true), namespaceIsTaken, 0},
			{"the own one is back", &ours, given(false, false), "delivered", 0},
		},
		"somebody else's": {
			{"it is somebody else's", &foreign, given(false, false), namespaceIsNotOurs, 3},
			{"it is to be made, and is not", nil, given(true, false), namespaceIsNotOurs, 1},
			{"it is adopted", nil, given(true, true), "delivered", 1},
			{"it is ours now", nil, given(true, false), "delivered", 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpoke(t)
			for _, step := range steps {
				if step.there != nil {
					s.create(*step.there)
					s.sync(t)
				}
				got, written := s.settleTenant(t, step.tenant)
				if diff := cmp.Diff(step.want, said(got)); diff != "" || written != step.writes {
					t.Errorf("%s: %d writes, want %d (-want +got):\n%s", step.reason, written, step.writes, diff)
				}
			}
		})
	}
}

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
		{"it starts with the usual rights", "fairlead-deployer", map[string]any{"fairlead-deployer": "fairlead-deployer"}, 4},
		{"nothing changes", "fairlead-deployer", map[string]any{"fairlead-deployer": "fairlead-deployer"}, 0},
		{"it gets more: the roles' work is written twice, and the tenant's once", "big", map[string]any{"fairlead-deployer-big": "big"}, 3},
		{"it gets fewer", "small", map[string]any{"fairlead-deployer-small": "small"}, 3},
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

// quota is a ResourceQuota of the tenant's namespace with those labels.
func quota(name, pods string, labels map[string]any) render.Object {
	return render.Object{Content: map[string]any{
		"apiVersion": "v1", "kind": "ResourceQuota", "metadata": map[string]any{"name": name, "namespace": "shop-prod", "labels": labels},
		"spec": map[string]any{"hard": map[string]any{"pods": pods}},
	}}
}

// tenantLabels are those of a tenant's objects, for a namespace of the hub.
func tenantLabels(source string) map[string]any {
	return map[string]any{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: source}
}

// equipped is the tenant with what environments ask for in its namespace.
func equipped(objects ...render.Object) delivery.Tenant {
	wanted := tenant
	wanted.Adopt = true
	for _, object := range objects {
		wanted.Objects = append(wanted.Objects, object.Content)
	}
	return wanted
}

// podsOf is the limit of the quota that the cluster has; empty when it has none.
func (s *spoke) podsOf(name string) any {
	object := s.objects[identify(quota(name, "", nil).Content)]
	if object == nil {
		return ""
	}
	return object.content()["spec"].(map[string]any)["hard"].(map[string]any)["pods"]
}

const quotaIsForeign = `refused ForeignObject: namespace shop-prod: ResourceQuota shop-prod/limits exists on cluster "c1" and was not made for an environment: ` +
	`it is neither changed nor deleted; remove it, or rename what spec.namespaceOptions asks for`

// TestObjectsOfATenant checks, in a namespace that has an object of that name
// already, what becomes of what environments ask for there.
func TestObjectsOfATenant(t *testing.T) {
	wanted := quota("limits", "10", tenantLabels("shop"))
	tests := []struct {
		name, reason string
		// labels of the quota that is there; nil for none.
		labels map[string]any
		want   string
		pods   string
		writes int
	}{
		{"nothing", "it is made, and written as usual from then on", nil, "delivered", "10", 5},
		{"somebody else's", "it stays as it is", map[string]any{}, quotaIsForeign, "99", 4},
		{"another tenant's", "its labels are not ours", tenantLabels("blog"), quotaIsForeign, "99", 4},
		{"left over", "the tenant had it before", tenantLabels("shop"), "delivered", "10", 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSpoke(t)
			s.create(namespaceOf(""))
			if test.labels != nil {
				s.create(quota("limits", "99", test.labels))
			}
			got, written := s.settleTenant(t, equipped(wanted))
			if diff := cmp.Diff(test.want, said(got)); diff != "" || written != test.writes {
				t.Errorf("%d writes, want %d, since %s (-want +got):\n%s", written, test.writes, test.reason, diff)
			}
			if pods := s.podsOf("limits"); pods != test.pods {
				t.Errorf("the quota has %v pods, want %s: %s", pods, test.pods, test.reason)
			}
			for range 3 {
				s.sync(t)
				s.pass(10 * time.Minute)
				if _, written := s.settleTenant(t, equipped(wanted)); written > 0 {
					t.Errorf("%d writes though nothing changed", written)
				}
			}
			if got, _ := s.settleTenant(t, equipped()); got.State != delivery.Delivered {
				t.Errorf("without the quota: %s", said(got))
			}
			if left := s.podsOf("limits") != ""; left != (test.pods == "99") {
				t.Errorf("after no environment asks for it the quota is there: %t, since %s", left, test.reason)
			}
		})
	}
}

// TestObjectsOfATenantChange checks that what an environment asks for later is probed
// and what was there is not, and that it is made when its place is free.
func TestObjectsOfATenantChange(t *testing.T) {
	first := quota("first", "1", tenantLabels("shop"))
	s := newSpoke(t)
	s.settleTenant(t, equipped(first))
	foreign := s.create(quota("limits", "99", nil))
	more := equipped(quota("first", "2", tenantLabels("shop")), quota("limits", "10", tenantLabels("shop")))
	if got, written := s.settleTenant(t, more); said(got) != quotaIsForeign || written != 1 {
		t.Errorf("%s after %d writes, want it refused after one", said(got), written)
	}
	if pods := s.podsOf("first"); pods != "2" {
		t.Errorf("the first quota has %v pods: what is known is written beside what is refused", pods)
	}
	delete(s.objects, foreign)
	// The agent looks, and does not apply.
	work := s.work(t, TenantWorkName("shop-prod"))
	for i := range work.Status.ResourceStatus.Manifests {
		if manifest := &work.Status.ResourceStatus.Manifests[i]; manifest.ResourceMeta.Name == "limits" {
			manifest.Conditions[0].Status = metav1.ConditionFalse
		}
	}
	s.setStatus(t, work.Name, work.Status)
	if got, _ := s.settleTenant(t, more); got.State != delivery.Delivered || s.podsOf("limits") != "10" {
		t.Errorf("%s with %v pods, want it delivered when its place is free", said(got), s.podsOf("limits"))
	}
}

// TestUnownedObjectsOfATenant checks that what an agent made for a tenant, without
// making its work the owner, goes when it is dropped at once.
func TestUnownedObjectsOfATenant(t *testing.T) {
	s := newSpoke(t)
	s.settleTenant(t, equipped())
	more := equipped(quota("limits", "10", tenantLabels("shop")))
	if _, err := s.EnsureTenant(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	s.interrupt(t)
	s.sync(t) // and meets what it made itself
	s.pass(2 * time.Second)
	if got, _ := s.settleTenant(t, equipped()); got.State != delivery.Delivered || s.podsOf("limits") != "" {
		t.Errorf("%s, and the quota is there with %v pods, want it gone", said(got), s.podsOf("limits"))
	}
}

// TestTenantHeld checks that a tenant keeps what it has for an environment of which it is
// not known for a moment whether it delivers there, and gets nothing for it.
func TestTenantHeld(t *testing.T) {
	limits := quota("limits", "10", tenantLabels("shop"))
	secret := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": map[string]any{".dockerconfigjson": "e30="},
		"metadata": map[string]any{"name": "pull", "namespace": "shop-prod", "labels": tenantLabels("shop")},
	}
	both := equipped(limits, render.Object{Content: secret})
	both.Labels = map[string]string{"team": "shop", "pod-security.kubernetes.io/enforce": "restricted"}
	undecided := equipped()
	undecided.Held = delivery.TenantHeld{
		Labels:  map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "absent": "true"},
		Objects: []map[string]any{limits.Content, quota("absent", "1", tenantLabels("shop")).Content}, PullSecrets: []string{"pull", "absent"},
	}
	s := newSpoke(t)
	steps := []struct {
		reason string
		tenant delivery.Tenant
		writes int
		pods   string
		secret bool
	}{
		{"nothing of it is there", undecided, 4, "", false},
		{"it is wanted", both, 2, "10", true},
		{"it is not known for a moment", undecided, 0, "10", true},
		{"nobody wants it", equipped(), 1, "", false},
	}
	for _, step := range steps {
		got, written := s.settleTenant(t, step.tenant)
		_, has := s.objects[identify(secret)]
		if got.State != delivery.Delivered || written != step.writes || s.podsOf("limits") != step.pods || has != step.secret {
			t.Errorf("%s after %d writes, %s pods, secret %t; want %d, %s, %t, since %s",
				said(got), written, s.podsOf("limits"), has, step.writes, step.pods, step.secret, step.reason)
		}
		if s.podsOf("absent") != "" {
			t.Error("a quota was made that may be wanted")
		}
	}
}
