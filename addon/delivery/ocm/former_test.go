// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// nowhere is a target to which nothing is delivered.
type nowhere struct{ delivery.Target }

func (nowhere) Records(context.Context, delivery.Owner) ([]delivery.Record, error) { return nil, nil }

func (nowhere) IdleTenants(context.Context, string) ([]delivery.TenantKey, error) { return nil, nil }

// carryTo lets an engine and the agent work at an application whose environment has
// that target namespace, until all is done. It returns how often they did until the component was
// delivered there.
func (s *spoke) carryTo(t *testing.T, engine *delivery.Engine, target, deletion string, treat func(policy.Resource) policy.Treatment) int {
	t.Helper()
	delivered := 0
	for pass := range 60 {
		report := carryOnce(t, engine, target, deletion, treat)
		if report.Units[0].Observe.State == delivery.Delivered && delivered == 0 {
			delivered = pass
		}
		if len(report.Removals) == 0 && report.Units[0].Observe.State == delivery.Delivered {
			return delivered
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatalf("it does not come to rest in %s", target)
	return 0
}

// carryOnce is one pass of an engine over an application whose environment has that
// target namespace.
func carryOnce(t *testing.T, engine *delivery.Engine, target, deletion string, treat func(policy.Resource) policy.Treatment) *delivery.Report {
	t.Helper()
	world := delivery.World{"prod": {Name: "prod", Bindings: []delivery.Binding{{Name: "b", Clusters: []string{"c1"}}}, Spec: v1alpha1.EnvironmentSpec{
		ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"shop"}},
		TargetNamespace:       &v1alpha1.TargetNamespace{Name: target}, Deletion: &v1alpha1.DeletionPolicy{Policy: deletion},
	}}}
	request := delivery.Request{
		Owner: owner, Source: delivery.SourceNamespace{Name: "shop"}, Uses: []policy.EnvironmentUse{{Environment: "prod"}},
		Components: []render.Component{{Name: "web", Type: "webservice", Properties: map[string]any{
			"image": "nginx:1", "ports": []any{map[string]any{"port": 80, "expose": true}},
		}}},
		Treat: treat,
	}
	plan, err := delivery.MakePlan(world, render.New(definition.Builtin()), request, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	report, err := engine.Carry(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// engine carries out plans on the cluster of a spoke alone.
func (s *spoke) engine() *delivery.Engine {
	return &delivery.Engine{Local: nowhere{}, OCM: s.Target, TenantsWanted: func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
		return func(delivery.TenantKey) bool { return false }, nil
	}}
}

// inNamespaces are the Deployments and Services in the target namespaces of a cluster, with their UIDs.
func (s *spoke) inNamespaces() map[string]string {
	found := map[string]string{}
	for id, object := range s.objects {
		if id.Resource == "deployments" || id.Resource == "services" {
			found[id.Namespace+"/"+id.Resource] = object.uid
		}
	}
	return found
}

// TestFormerNamespace checks what becomes of what is in the namespace that an
// environment had before, whose work has the name of the new one.
func TestFormerNamespace(t *testing.T) {
	tests := []struct {
		deletion, reason string
		// known says that the new namespace was delivered to before, so that its tenant is
		// there at once.
		known bool
		want  []string
	}{
		{"Orphan", "what leaves stays where it is", false, []string{"shop-new/web", "shop-old/web"}},
		{"Orphan", "nor is it overtaken where the new tenant is there already", true, []string{"shop-new/web", "shop-old/web"}},
		{"Delete", "what leaves is removed", true, []string{"shop-new/web"}},
		{"Delete", "it is so where the new tenant is made first", false, []string{"shop-new/web"}},
	}
	for _, test := range tests {
		s := newSpoke(t)
		engine := s.engine()
		engine.TenantsWanted = func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
			return func(delivery.TenantKey) bool { return true }, nil
		}
		if test.known {
			s.carryTo(t, engine, "shop-new", "Delete", nil)
		}
		s.carryTo(t, engine, "shop-old", test.deletion, nil)
		s.carryTo(t, engine, "shop-new", test.deletion, nil)
		var got []string
		for id := range s.objects {
			if id.Resource == "deployments" {
				got = append(got, id.Namespace+"/"+id.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("policy %s, since %s (-want +got):\n%s", test.deletion, test.reason, diff)
		}
	}
}

// TestFormerNamespaceWaits checks that all stays in the namespace that an environment had
// before while the new one is somebody else's, and moves in one work when that is free.
func TestFormerNamespaceWaits(t *testing.T) {
	s := newSpoke(t)
	engine := s.engine()
	s.carryTo(t, engine, "shop-old", "Delete", nil)
	before := s.inNamespaces()
	theirs := s.create(render.Object{Content: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop-new"}}})
	var last *delivery.Report
	for range 20 {
		last = carryOnce(t, engine, "shop-new", "Delete", nil)
		s.sync(t)
		s.pass(time.Second)
	}
	if last.Units[0].Observe.Reason != delivery.ReasonNamespaceNotOurs {
		t.Errorf("it says %s, want that the namespace is somebody else's", said(last.Units[0].Observe))
	}
	if diff := cmp.Diff(before, s.inNamespaces()); diff != "" {
		t.Errorf("what is there while the new namespace is not (-want +got):\n%s", diff)
	}

	delete(s.objects, theirs)
	s.writes = nil
	s.carryTo(t, engine, "shop-new", "Delete", nil)
	if got := slices.Sorted(maps.Keys(s.inNamespaces())); !slices.Equal(got, []string{"shop-new/deployments", "shop-new/services"}) {
		t.Errorf("there are %v, want all in the new namespace", got)
	}
	if work := "delete c1/" + WorkName(owner, "web", "prod", firstIndex); slices.Contains(s.writes, work) {
		t.Errorf("the work was made anew: %v", s.writes)
	}
	for range 20 { // the former tenant goes too
		carryOnce(t, engine, "shop-new", "Delete", nil)
		s.sync(t)
		s.pass(time.Second)
	}
	if !slices.Contains(s.writes, "delete c1/"+TenantWorkName("shop-old")) {
		t.Errorf("writes %v, want the tenant released", s.writes)
	}
}

// TestKeptInFormerNamespace checks that what a policy keeps until the application goes
// stays in the namespace that its environment had before, as it is, and that the
// component is in the new one as soon as without it.
func TestKeptInFormerNamespace(t *testing.T) {
	keepDeployments := func(r policy.Resource) policy.Treatment {
		if r.Kind == "Deployment" {
			return policy.Treatment{Removal: policy.RemoveOnDelete}
		}
		return policy.Treatment{}
	}
	plain := newSpoke(t)
	plain.carryTo(t, plain.engine(), "shop-old", "", nil)
	usual := plain.carryTo(t, plain.engine(), "shop-new", "", nil)

	s := newSpoke(t)
	engine := s.engine()
	s.carryTo(t, engine, "shop-old", "", keepDeployments)
	old := s.inNamespaces()["shop-old/deployments"]
	if took := s.carryTo(t, engine, "shop-new", "", keepDeployments); took > usual {
		t.Errorf("it was delivered to the new namespace in pass %d, want %d as without what is kept", took, usual)
	}
	want := func(reason string, names ...string) {
		t.Helper()
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(s.inNamespaces()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	want("in the old namespace is what is kept", "shop-new/deployments", "shop-new/services", "shop-old/deployments")
	if got := s.inNamespaces()["shop-old/deployments"]; got != old {
		t.Errorf("what is kept has the UID %s, want %s", got, old)
	}
	s.work(t, TenantWorkName("shop-old")) // whose account applies it
	s.writes = nil
	s.carryTo(t, engine, "shop-new", "", keepDeployments)
	if len(s.writes) > 0 {
		t.Errorf("writes %v once all is done, want none", s.writes)
	}
	fresh := s.inNamespaces()["shop-new/deployments"]
	s.carryTo(t, engine, "shop-old", "", keepDeployments)
	want("it is back, and what it has made meanwhile is kept too", "shop-new/deployments", "shop-old/deployments", "shop-old/services")
	if got := s.inNamespaces(); got["shop-old/deployments"] != old || got["shop-new/deployments"] != fresh {
		t.Errorf("it has %v, want the Deployments %s and %s", got, old, fresh)
	}
	s.carryTo(t, engine, "shop-third", "", keepDeployments)
	want("each is kept", "shop-new/deployments", "shop-old/deployments", "shop-third/deployments", "shop-third/services")
	s.removeAll(t)
	want("all goes with the application")
}

// TestFormerNamespaceSoon checks that what is kept is so too where the namespace changes
// before the cluster has said whose it is.
func TestFormerNamespaceSoon(t *testing.T) {
	s := newSpoke(t)
	keep := policy.Treatment{Removal: policy.RemoveOnDelete}
	placed := func(namespace string) delivery.Unit {
		web := labelled(deployment("web", "nginx:1"), ourWeb)
		web.Content["metadata"].(map[string]any)["namespace"] = namespace
		u := unit(web)
		u.Place.Namespace, u.Treatments = namespace, []policy.Treatment{keep}
		return u
	}
	if _, err := s.Deliver(t.Context(), placed("shop-prod")); err != nil {
		t.Fatal(err)
	}
	former, err := s.Records(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		s.deliverThenRemove(t, placed("shop-new"), former[0])
		s.sync(t)
		s.pass(time.Second)
	}
	if got := slices.Sorted(maps.Keys(s.inNamespaces())); !slices.Equal(got, []string{"shop-new/deployments", "shop-prod/deployments"}) {
		t.Errorf("there are %v, want both", got)
	}
}

// TestFormerWithoutNamespace checks that an object that is in no namespace is in one work
// when its component is in another namespace, and is not made anew.
func TestFormerWithoutNamespace(t *testing.T) {
	for _, removal := range []string{policy.RemoveOnUpdate, policy.RemoveOnDelete} {
		s := newSpoke(t)
		volume := labelled(render.Object{Resource: "volume", Content: map[string]any{
			"apiVersion": "v1", "kind": "PersistentVolume", "metadata": map[string]any{"name": "data"},
		}}, ourWeb)
		id := identify(volume.Content)
		placed := func(namespace string) delivery.Unit {
			web := labelled(deployment("web", "nginx:1"), ourWeb)
			web.Content["metadata"].(map[string]any)["namespace"] = namespace
			u := unit(web, volume)
			u.Place.Namespace, u.Treatments = namespace, []policy.Treatment{{Removal: policy.RemoveOnDelete}, {Removal: removal}}
			return u
		}
		s.settle(t, placed("shop-prod"))
		uid := s.objects[id].uid
		former, err := s.Records(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		var left delivery.Observation
		for range 20 {
			left = s.deliverThenRemove(t, placed("shop-new"), former[0])
			s.sync(t)
			s.pass(time.Second)
		}
		object := s.objects[id]
		if object == nil || object.uid != uid || len(object.owners) != 1 || !object.owners[WorkName(owner, "web", "prod", "1")] || left.State != delivery.Delivered {
			t.Errorf("removal %s: got %+v, %s; want it in the new work alone", removal, object, said(left))
		}
	}
}

// deliverThenRemove delivers a unit, and removes what is in its former namespace when it
// is there, as the engine does.
func (s *spoke) deliverThenRemove(t *testing.T, unit delivery.Unit, former delivery.Record) delivery.Observation {
	t.Helper()
	said, err := s.Deliver(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	if said.State != delivery.Delivered || said.Later {
		return said
	}
	if said, err = s.Remove(t.Context(), former, delivery.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	return said
}

// TestManyFormerNamespaces checks that a cluster that says of its works that they are of
// other namespaces does not get ever more of them.
func TestManyFormerNamespaces(t *testing.T) {
	s := newSpoke(t)
	u := unit(labelled(deployment("web", "nginx:1"), ourWeb))
	u.Treatments = []policy.Treatment{{Removal: policy.RemoveOnDelete}}
	for range 3 * maxFormer {
		if _, err := s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		var works workv1.ManifestWorkList
		if err := s.client.List(t.Context(), &works); err != nil {
			t.Fatal(err)
		}
		for i := range works.Items {
			work := &works.Items[i]
			for j := range work.Spec.Workload.Manifests {
				raw := &work.Spec.Workload.Manifests[j].Raw
				*raw = bytes.ReplaceAll(*raw, []byte("shop-prod"), []byte("elsewhere"))
			}
			work.Labels[LabelTargetNamespace] = "elsewhere"
			if err := s.client.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
		}
		if len(works.Items) > maxFormer+1 {
			t.Fatalf("there are %d works, want %d at most", len(works.Items), maxFormer+1)
		}
		s.pass(2 * time.Second)
	}
}
