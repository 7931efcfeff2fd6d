// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// bound is the binding of a cluster set to our namespace.
func bound(set string) client.Object {
	return &clusterv1beta2.ManagedClusterSetBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.SystemNamespace, Name: set}, Spec: clusterv1beta2.ManagedClusterSetBindingSpec{ClusterSet: set},
	}
}

// TestUnboundSet checks that deleting the binding of a cluster set by hand
// empties no cluster.
func TestUnboundSet(t *testing.T) {
	satisfied := condition(clusterv1beta1.PlacementConditionSatisfied, "True", "AllDecisionsScheduled", "")
	none := condition(clusterv1beta1.PlacementConditionSatisfied, "False", "NoIntersection", "")
	tests := []struct {
		reason  string
		objects []client.Object
	}{
		{"the decisions lack the clusters of one set", []client.Object{decided(1, satisfied), decision("a", "c1"), bound("prod")}},
		{"other sets are bound, none of them wanted", []client.Object{decided(0, none), bound("other")}},
		{"they are bound again, and OCM has not decided since", []client.Object{decided(0, none), bound("prod"), bound("test")}},
	}
	for _, test := range tests {
		clusters, problem, err := newHub(t, test.objects...).Fleet.Decisions(t.Context(), "eu")
		if err != nil {
			t.Fatal(err)
		}
		if problem == nil || problem.Reason != delivery.ReasonPlacementPending || len(clusters) > 0 {
			t.Errorf("clusters %v, problem %v: want that nothing is concluded, since %s", clusters, problem, test.reason)
		}
	}
}

// TestClusterNamedLocal checks that a decision never reaches the hub itself.
func TestClusterNamedLocal(t *testing.T) {
	satisfied := condition(clusterv1beta1.PlacementConditionSatisfied, "True", "AllDecisionsScheduled", "")
	clusters, problem, err := newHub(t, decided(2, satisfied), decision("a", "c1", "local"), bound("prod"), bound("test")).Fleet.Decisions(t.Context(), "eu")
	if err != nil || problem != nil {
		t.Fatal(problem, err)
	}
	if diff := cmp.Diff([]string{"c1"}, clusters); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDepartedCluster checks that nothing is written for a cluster that is on
// its way out, where OCM would delete it again, nor for one that is gone.
func TestDepartedCluster(t *testing.T) {
	leaving := managedCluster("c2", metav1.ConditionTrue)
	leaving.Finalizers, leaving.DeletionTimestamp = []string{"x"}, ptr.To(metav1.NewTime(now))
	h := newHub(t, leaving)
	for cluster, want := range map[string]string{"c2": "is being deleted", "c3": "any more"} {
		there := unit(deployment("web", "nginx:1"))
		there.Place.Cluster = cluster
		observation, err := h.Deliver(t.Context(), there)
		if err != nil {
			t.Fatal(err)
		}
		if observation.State != delivery.Away || !strings.Contains(observation.Message, want) {
			t.Errorf("cluster %s: got %+v, want away: %s", cluster, observation, want)
		}
		tenantThere := tenant
		tenantThere.Cluster = cluster
		if observation, err = h.EnsureTenant(t.Context(), tenantThere); err != nil || observation.State != delivery.Away {
			t.Errorf("tenant on cluster %s: got %+v, %v, want away", cluster, observation, err)
		}
	}
	if len(h.writes) > 0 {
		t.Errorf("writes %v, want none", h.writes)
	}
	var cluster clusterv1.ManagedCluster
	if err := h.client.Get(t.Context(), types.NamespacedName{Name: "c2"}, &cluster); err != nil {
		t.Fatal(err)
	}
	same := cluster.DeepCopy()
	same.DeletionTimestamp = nil
	if !StateChanged(same, &cluster) {
		t.Error("the beginning of a deletion wakes nobody")
	}
}

// pruning is an API server that drops a field that its CRD does not have.
type pruning struct{ client.Client }

func (p pruning) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	prune(object)
	return p.Client.Create(ctx, object, options...)
}

func (p pruning) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	prune(object)
	return p.Client.Update(ctx, object, options...)
}

func prune(object client.Object) {
	if work, ok := object.(*workv1.ManifestWork); ok {
		for i := range work.Spec.ManifestConfigs {
			work.Spec.ManifestConfigs[i].FeedbackScrapeType = ""
		}
	}
}

// TestPrunedField checks that an OCM without a field that we set is written to
// once, and that an edit is told from what it dropped.
func TestPrunedField(t *testing.T) {
	h := newHub(t)
	h.Writer = pruning{h.client}
	deliver := func(reason string, want ...string) {
		t.Helper()
		h.pass(time.Minute)
		h.writes = nil
		if _, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1"))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.writes); diff != "" {
			t.Errorf("writes (-want +got), since %s:\n%s", reason, diff)
		}
	}
	deliver("it is new", "create c1/"+webWork)
	deliver("nothing changed")
	work := h.work(t, webWork)
	work.Spec.ManifestConfigs = nil
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	deliver("it was edited", "update c1/"+webWork)
	deliver("it was restored")
}

// TestForgedWorkLabels checks that a cluster which labels one of its works as
// another application's neither holds that application nor an environment.
func TestForgedWorkLabels(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	work := h.work(t, webWork)
	work.Labels[v1beta1.LabelAppName], work.Labels[v1alpha1.LabelApplicationUID], work.Labels[v1alpha1.LabelEnvironment] = "victim", "u9", "dev"
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	records, err := h.Records(t.Context(), delivery.Owner{Namespace: "shop", Name: "victim", UID: "u9"})
	if err != nil || len(records) > 0 {
		t.Errorf("records %v, %v, want none", records, err)
	}
	places, err := h.Places(t.Context(), "dev")
	if err != nil || len(places) > 0 {
		t.Errorf("places %v, %v, want none", places, err)
	}
	h.pass(time.Minute)
	h.writes = nil
	if _, err := h.Deliver(t.Context(), unit(deployment("web", "nginx:1"))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"update c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes of the owner (-want +got):\n%s", diff)
	}
}

// TestForgedUID checks that a cluster which labels a work with the UID of another
// application shows nothing in that one's status and holds nothing of it.
func TestForgedUID(t *testing.T) {
	victim := delivery.Owner{Namespace: "bank", Name: "ledger", UID: "u9"}
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	for _, uid := range []types.UID{victim.UID, owner.UID} {
		work := h.work(t, webWork)
		work.Labels[v1alpha1.LabelApplicationUID] = string(uid)
		if err := h.client.Update(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		h.Seen(work) // as the watch tells of it
		for _, each := range []delivery.Owner{victim, owner} {
			records, err := h.Records(t.Context(), each)
			if err != nil {
				t.Fatal(err)
			}
			if found := len(records) > 0; found != (each == owner && uid == owner.UID) {
				t.Errorf("the label is %s: got %v for %s", uid, records, each)
			}
		}
	}
}

// TestForgedTenant checks that a cluster which labels the work of a tenant as that of
// another hub namespace, and never lets it go, holds nobody up there, and that where
// something of the namespace was removed before, that is waited for.
func TestForgedTenant(t *testing.T) {
	h := newHub(t)
	for range 3 { // the roles are probed, then written
		if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		h.setApplied(t, RolesWorkName, time.Minute)
		h.pass(time.Minute)
	}
	name := TenantWorkName(tenant.Namespace)
	work := h.work(t, name)
	work.Labels[delivery.LabelSourceNamespace] = "bank"
	work.Finalizers = []string{workv1.ManifestWorkFinalizer}
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.setApplied(t, name, time.Minute)
	release := func(reason string, unproven bool) {
		t.Helper()
		idle, err := h.IdleTenants(t.Context(), "bank")
		if err != nil || len(idle) != 1 {
			t.Fatalf("idle %v, %v, want one", idle, err)
		}
		for range 3 {
			observation, err := h.ReleaseTenant(t.Context(), idle[0])
			if err != nil {
				t.Fatal(err)
			}
			if observation.State == delivery.Delivered || observation.Unproven != unproven {
				t.Errorf("got %+v, want it not to be gone, and unproven: %t, since %s", observation, unproven, reason)
			}
			h.pass(time.Minute)
		}
	}
	release("the label is all that tells of it", true)
	mine := unit(deployment("web", "nginx:1"))
	mine.Owner = delivery.Owner{Namespace: "bank", Name: "ledger", UID: "u9"}
	there, err := applicationWork(mine)
	if err != nil {
		t.Fatal(err)
	}
	h.deleted(there)
	release("an application of the namespace was there", false)
	h.pass(provenFor)
	release("that was long ago", true)
	h.prove(tenantOf{source: "bank", key: tenant.TenantKey})
	release("it was written for the namespace", false)
}

// TestForgedPurpose checks that a work which its cluster labels as a tenant's is none.
func TestForgedPurpose(t *testing.T) {
	h := newHub(t)
	h.deliver(t, deployment("web", "nginx:1"))
	work := h.work(t, webWork)
	work.Labels[LabelPurpose], work.Labels[delivery.LabelSourceNamespace] = PurposeTenant, "bank"
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	if idle, err := h.IdleTenants(t.Context(), "bank"); err != nil || len(idle) > 0 {
		t.Errorf("idle %v, %v, want none", idle, err)
	}
}

// TestCollision checks that a work whose name belongs to another unit is not
// taken over, however that name was found.
func TestCollision(t *testing.T) {
	wanted, err := applicationWork(unit(deployment("web", "nginx:1")))
	if err != nil {
		t.Fatal(err)
	}
	forged, genuine := wanted.DeepCopy(), wanted.DeepCopy()
	forged.Labels[v1beta1.LabelAppName] = "rival"
	genuine.Labels[v1beta1.LabelAppName] = "rival"
	genuine.Name = nameByLabels(genuine.Labels)
	tests := []struct {
		reason  string
		current *workv1.ManifestWork
		want    bool
	}{
		{"it is the unit's own", wanted, false},
		{"labels that do not make the name were forged, and are restored", forged, false},
		{"labels that make the name are another unit's", genuine, true},
	}
	for _, test := range tests {
		if problem := collision(wanted, test.current); (problem != nil) != test.want {
			t.Errorf("got %+v, want a conflict: %t, since %s", problem, test.want, test.reason)
		}
	}
}

// TestRolesGoWithTheLastTenants checks that two tenants that are released at
// once do not leave the cluster's roles behind, though the cache lags.
func TestRolesGoWithTheLastTenants(t *testing.T) {
	h := newHub(t)
	second := tenant
	second.Namespace = "shop-test"
	for range 2 {
		for _, each := range []delivery.Tenant{tenant, second} {
			if _, err := h.EnsureTenant(t.Context(), each); err != nil {
				t.Fatal(err)
			}
			h.setApplied(t, RolesWorkName, time.Minute)
		}
		h.pass(time.Minute)
	}
	for _, each := range []delivery.Tenant{tenant, second} {
		work := h.work(t, TenantWorkName(each.Namespace))
		work.UID = types.UID(each.Namespace)
		work.Finalizers = []string{"cluster.open-cluster-management.io/manifest-work-cleanup"}
		if err := h.client.Update(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		h.setApplied(t, work.Name, time.Minute)
	}
	h.Reader = frozen(t, h)
	h.writes = nil
	for _, each := range []delivery.Tenant{tenant, second} {
		if _, err := h.ReleaseTenant(t.Context(), each.TenantKey); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"delete c1/" + TenantWorkName("shop-prod"), "delete c1/" + RolesWorkName}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// frozen is a cache that shows the hub as it is now for ever.
func frozen(t *testing.T, h *hub) client.Reader {
	t.Helper()
	var works workv1.ManifestWorkList
	if err := h.client.List(t.Context(), &works); err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for i := range works.Items {
		objects = append(objects, &works.Items[i])
	}
	return newHub(t, objects...).Reader
}

// TestStrangeRole checks that a role which somebody put into a cluster's work of
// roles, and which the addon may not read, does not stop deliveries there.
func TestStrangeRole(t *testing.T) {
	h := newHub(t)
	if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	work := h.work(t, RolesWorkName)
	strange := work.Spec.Workload.Manifests[0].DeepCopy()
	strange.Raw = []byte(strings.ReplaceAll(string(strange.Raw), "fairlead-deployer", "cluster-admin"))
	work.Spec.Workload.Manifests = append(work.Spec.Workload.Manifests, *strange)
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.setApplied(t, RolesWorkName, time.Minute)
	h.pass(time.Minute)
	h.writes = nil
	if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"update c1/" + RolesWorkName}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestRelabelledPlacement checks that a Placement whose labels were edited gets them back.
func TestRelabelledPlacement(t *testing.T) {
	h := newHub(t)
	binding := byPlacement("eu", "prod")
	if err := h.placements().Ensure(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	var placement clusterv1beta1.Placement
	key := types.NamespacedName{Namespace: v1alpha1.SystemNamespace, Name: PlacementName("eu")}
	if err := h.client.Get(t.Context(), key, &placement); err != nil {
		t.Fatal(err)
	}
	placement.Labels = nil
	if err := h.client.Update(t.Context(), &placement); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
	if err := h.placements().Ensure(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"update " + key.String()}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
