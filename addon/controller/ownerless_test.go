// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// behind is a target that keeps something of each owner in the environments prod and dev.
type behind struct {
	delivery.Target
	removed []string
}

func (b *behind) Records(_ context.Context, owner delivery.Owner) ([]delivery.Record, error) {
	var records []delivery.Record
	for _, environment := range []string{"dev", "prod"} {
		records = append(records, delivery.Record{
			Owner: owner, Component: "web", ID: string(owner.UID) + " in " + environment,
			Place: delivery.Place{Environment: environment, Cluster: "c1", Namespace: "shop"},
		})
	}
	return records, nil
}

func (b *behind) Remove(_ context.Context, record delivery.Record, _ delivery.RemoveOptions) (delivery.Observation, error) {
	b.removed = append(b.removed, record.ID)
	return delivery.Observation{State: delivery.Applying, RetryAfter: time.Second}, nil
}

// TestGiveUpFormer checks what goes of applications that do not exist, and when.
func TestGiveUpFormer(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	leaving := environmentOf("prod", "shop")
	leaving.Finalizers, leaving.DeletionTimestamp = []string{v1alpha1.Finalizer}, &metav1.Time{Time: now.Time}
	stays := environmentOf("prod", "shop")
	name := types.NamespacedName{Namespace: "shop", Name: "store"}
	live := appIn("shop", "store")
	tests := []struct {
		name, reason string
		prod         *v1alpha1.Environment
		live         []client.Object
		uid          types.UID
		owners       []types.UID
		want         []string
	}{
		{"gone", "nobody would remove it, and the environment waits", leaving, nil, "", []types.UID{"u1"}, []string{"u1 in prod"}},
		{"twice", "each is gone", leaving, nil, "", []types.UID{"u1", "u2"}, []string{"u1 in prod", "u2 in prod"}},
		{"nothing goes", "what was delivered stays when somebody takes the finalizer", stays, nil, "", []types.UID{"u1"}, nil},
		{"made just now", "the cache does not show it yet", leaving, []client.Object{live}, "", []types.UID{"u1"}, nil},
		{"restored", "it has another UID than its works", leaving, []client.Object{live}, "u2", []types.UID{"u1", "u2"}, []string{"u1 in prod"}},
		{"alive", "it removes its own", leaving, []client.Object{live}, "u1", []types.UID{"u1"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onHub, onClusters := &behind{}, &behind{}
			reconciler := &ApplicationReconciler{
				live: fake.NewClientBuilder().WithScheme(scheme).WithObjects(test.live...).Build(), world: worldOf(t, true, test.prod, environmentOf("dev", "shop")),
				engine: &delivery.Engine{Local: onHub, OCM: onClusters},
				owners: func(_ context.Context, asked types.NamespacedName) ([]delivery.Owner, error) {
					var owners []delivery.Owner
					for _, uid := range test.owners {
						owners = append(owners, delivery.Owner{Namespace: asked.Namespace, Name: asked.Name, UID: uid})
					}
					return owners, nil
				},
			}
			after, err := reconciler.giveUpFormer(t.Context(), name, test.uid)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, onClusters.removed); diff != "" || len(onHub.removed) > 0 {
				t.Errorf("removed (-want +got), since %s:\n%s\non the hub: %v", test.reason, diff, onHub.removed)
			}
			if (after > 0) != (len(test.want) > 0) {
				t.Errorf("it is looked again after %s", after)
			}
		})
	}
}

// testOwnerless takes the finalizer of applications while no manager runs, and
// restores one from a backup: what they have on a cluster stays, and does not hold
// the deletion of the environment. The last of it may be of the one that was restored,
// and the tenant goes with it all the same.
func testOwnerless(t *testing.T, h *hub) {
	const restored = "restored"
	for _, test := range []struct {
		namespace string
		names     []string
	}{
		{"ownerless", []string{"lost", restored}},
		{"restored-alone", []string{restored}},
	} {
		start := h.mark(t)
		tenant := h.newTenant(t, test.namespace)
		change(t, h, tenant.binding, func(b *v1alpha1.ClusterBinding) { b.Spec.Clusters = []string{"c1"} })
		h.bound(t, tenant.binding)
		works := h.loseApplications(t, test.namespace, test.names...)
		again := appIn(test.namespace, restored, component("web", "nginx:1", ""))
		again.Spec.Policies = []v1beta1.AppPolicy{goesTo("elsewhere")}
		h.create(t, again)
		h.startManager(t)
		h.stalled(t, again, "EnvironmentNotFound")
		for _, work := range works {
			if err := h.Get(t.Context(), client.ObjectKeyFromObject(work), work); err != nil || !work.GetDeletionTimestamp().IsZero() {
				t.Errorf("work %s does not stay: %v", work.GetName(), err)
			}
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the manager wrote on the cluster:\n%s", strings.Join(h.writesIn(t, start, "c1"), "\n"))
			}
		})
		h.remove(t, tenant.environment)
		h.gone(t, append(works, tenant.environment, workOnC1(ocm.TenantWorkName(test.namespace)))...)
		h.remove(t, tenant.binding, again)
		h.gone(t, tenant.binding, again)
	}
}

// loseApplications delivers applications to a cluster, stops the manager, and takes
// them away without their finalizers. It returns their works.
func (h *hub) loseApplications(t *testing.T, namespace string, names ...string) []client.Object {
	t.Helper()
	var apps []*v1beta1.Application
	for _, name := range names {
		app := appIn(namespace, name, component(name, "nginx:1", ""))
		h.create(t, app)
		apps = append(apps, app)
	}
	h.applied(t, ocm.RolesWorkName)
	h.applied(t, ocm.TenantWorkName(namespace))
	var works []client.Object
	for _, app := range apps {
		work := workOnC1(ocm.WorkName(ownerOf(app), app.Name, namespace, "0"))
		h.applied(t, work.GetName())
		works = append(works, work)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	for _, app := range apps {
		h.remove(t, app)
		change(t, h, app, func(a *v1beta1.Application) { a.Finalizers = nil })
		h.gone(t, app)
	}
	return works
}

func workOnC1(name string) client.Object {
	work := &unstructured.Unstructured{}
	work.SetAPIVersion("work.open-cluster-management.io/v1")
	work.SetKind("ManifestWork")
	work.SetNamespace("c1")
	work.SetName(name)
	return work
}
