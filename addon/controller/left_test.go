// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// idleTarget is a target that has one tenant, which nobody uses.
type idleTarget struct {
	delivery.Target
	release delivery.Observation
}

func (i idleTarget) IdleTenants(context.Context, string) ([]delivery.TenantKey, error) {
	return []delivery.TenantKey{{Cluster: "c1", Namespace: "shop-prod"}}, nil
}

func (i idleTarget) Records(context.Context, delivery.Owner) ([]delivery.Record, error) {
	return nil, nil
}

func (i idleTarget) ReleaseTenant(context.Context, delivery.TenantKey) (delivery.Observation, error) {
	return i.release, nil
}

// leftOf answers CollectLeft.
type leftOf struct {
	after time.Duration
	err   error
}

func (l leftOf) CollectLeft(context.Context, string) (time.Duration, error) { return l.after, l.err }

// TestReconcileLeft checks when what was left is looked at again.
func TestReconcileLeft(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name, reason string
		works        leftOf
		release      delivery.State
		want         time.Duration
		err          error
	}{
		{"nothing", "an event tells of what comes", leftOf{}, delivery.Delivered, 0, nil},
		{"away", "an event tells when the cluster is back", leftOf{}, delivery.Away, 0, nil},
		{"settling", "nothing tells when a second is over", leftOf{after: time.Second}, delivery.Delivered, time.Second, nil},
		{"at once", "that is no hot loop", leftOf{after: 1}, delivery.Delivered, minRetry, nil},
		{"a tenant goes", "the next step of it may need no event", leftOf{after: time.Minute}, delivery.Applying, removalCheck, nil},
		{"broken", "tenants are released all the same", leftOf{err: broken}, delivery.Delivered, 0, broken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := idleTarget{release: delivery.Observation{State: test.release}}
			engine := &delivery.Engine{Local: target, OCM: target, TenantsWanted: func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
				return func(delivery.TenantKey) bool { return false }, nil
			}}
			reconciler := &leftReconciler{works: test.works, engine: engine}
			got, err := reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: "shop"}})
			if got.RequeueAfter != test.want || !errors.Is(err, test.err) {
				t.Errorf("again after %s, %v; want %s, %v: %s", got.RequeueAfter, err, test.want, test.err, test.reason)
			}
		})
	}
}

// TestReconcileGone checks that a tenant is released which something held that
// carries the labels of an application that is gone.
func TestReconcileGone(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := newMetrics(prometheus.NewRegistry(), func() uint64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	none := func(context.Context, types.NamespacedName) ([]delivery.Owner, error) { return nil, nil }
	for state, want := range map[delivery.State]time.Duration{delivery.Delivered: 0, delivery.Applying: removalCheck} {
		target := idleTarget{release: delivery.Observation{State: state}}
		reconciler := &ApplicationReconciler{
			client: fake.NewClientBuilder().WithScheme(scheme).Build(), metrics: metrics, stalls: &stallClock{clock: clock.RealClock{}}, owners: none,
			engine: &delivery.Engine{Local: target, OCM: target, TenantsWanted: func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
				return func(delivery.TenantKey) bool { return false }, nil
			}},
		}
		reconciler.stalls.look(webApp(), of(ill("c1")))
		got, err := reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: webApp().NamespacedName()})
		if got.RequeueAfter != want || err != nil {
			t.Errorf("tenants that are on their way out %t: again after %s, %v; want %s", want > 0, got.RequeueAfter, err, want)
		}
		if len(reconciler.stalls.seen) > 0 {
			t.Error("an application that is gone, without a finalizer, is remembered for ever")
		}
	}
}

// TestGiveUpReleases checks that an application which is not delivered releases the
// tenants that nobody uses, also when the binding is gone through which it had them.
func TestGiveUpReleases(t *testing.T) {
	paused := webApp()
	paused.Labels = map[string]string{v1beta1.LabelPause: "true"}
	leaving := delivery.World{"prod": {Name: "prod", Deleting: true}}
	tests := []struct {
		name, reason string
		app          *v1beta1.Application
		world        delivery.World
		release      delivery.Observation
		want         time.Duration
	}{
		{"nothing is left", "an event tells of what comes", webApp(), leaving, delivery.Observation{State: delivery.Delivered}, 0},
		{"a tenant goes", "the next step of it may need no event", webApp(), leaving, delivery.Observation{State: delivery.Applying}, removalCheck},
		{"unproven", "it is to go, though nobody waits for it", webApp(), leaving, delivery.Observation{State: delivery.Applying, Unproven: true}, removalCheck},
		{"later", "the last of it went with a binding that is gone", webApp(), nil, delivery.Observation{State: delivery.Applying}, removalCheck},
		{"paused", "nothing of it is removed", paused, leaving, delivery.Observation{State: delivery.Applying}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := idleTarget{release: test.release}
			reconciler := &ApplicationReconciler{engine: &delivery.Engine{Local: target, OCM: target,
				TenantsWanted: func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
					return func(delivery.TenantKey) bool { return false }, nil
				}}}
			found := &outcome{}
			err := reconciler.giveUp(t.Context(), test.app, test.world, found)
			if found.again != test.want || err != nil {
				t.Errorf("again after %s, %v; want %s: %s", found.again, err, test.want, test.reason)
			}
		})
	}
}

// TestTellLeft checks that what was left is told on the application and on each
// environment that is still there.
func TestTellLeft(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "prod"}}).Build()
	recorder := events.NewFakeRecorder(8)
	reconciler := &ApplicationReconciler{client: reader, recorder: recorder}
	left := func(environment, message string) delivery.Removal {
		return delivery.Removal{Record: delivery.Record{Place: delivery.Place{Environment: environment}}, Observe: delivery.Observation{Message: message}}
	}
	reconciler.tellLeft(t.Context(), webApp(), nil)
	reconciler.tellLeft(t.Context(), webApp(), &delivery.Report{})
	reconciler.tellLeft(t.Context(), webApp(), &delivery.Report{Left: []delivery.Removal{left("prod", "work c1/a was left"), left("gone", "work c1/b was left")}})
	var got []string
	for len(recorder.Events) > 0 {
		got = append(got, <-recorder.Events)
	}
	want := []string{
		"Warning LeftOnCluster work c1/a was left; work c1/b was left",
		"Warning LeftOnCluster application shop/store: work c1/a was left",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLeftChanged checks which works wake their environment: those that were
// left, and those that are taken back.
func TestLeftChanged(t *testing.T) {
	work := ocm.Watched().Work
	behind := ocm.Watched().Work
	behind.SetLabels(map[string]string{ocm.LabelPurpose: ocm.PurposeLeft, v1alpha1.LabelEnvironment: "prod"})
	changed := leftChanged()
	got := []bool{
		changed.Create(event.CreateEvent{Object: work}), changed.Create(event.CreateEvent{Object: behind}),
		changed.Update(event.UpdateEvent{ObjectOld: work, ObjectNew: behind}), changed.Update(event.UpdateEvent{ObjectOld: behind, ObjectNew: work}),
		changed.Update(event.UpdateEvent{ObjectOld: behind, ObjectNew: behind}), changed.Delete(event.DeleteEvent{Object: behind}),
	}
	if want := []bool{false, true, true, true, false, true}; !slices.Equal(want, got) {
		t.Errorf("got %v, want %v", got, want)
	}
	if requests := environmentOfWork(t.Context(), behind); len(requests) != 1 || requests[0].Name != "prod" {
		t.Errorf("it wakes %v, want environment prod", requests)
	}
	if requests := environmentOfWork(t.Context(), work); len(requests) != 0 {
		t.Errorf("a work of nobody wakes %v", requests)
	}
}

// TestRolesGone checks that what is left on a cluster is looked at when the work with
// its roles is gone, which the last tenant waits for.
func TestRolesGone(t *testing.T) {
	roles, other := ocm.Watched().Work, ocm.Watched().Work
	roles.SetName(ocm.RolesWorkName)
	other.SetName("app-shop-store")
	gone := rolesGone()
	got := []bool{
		gone.Create(event.CreateEvent{Object: roles}), gone.Update(event.UpdateEvent{ObjectOld: roles, ObjectNew: roles}),
		gone.Delete(event.DeleteEvent{Object: other}), gone.Delete(event.DeleteEvent{Object: roles}),
	}
	if want := []bool{false, false, false, true}; !slices.Equal(want, got) {
		t.Errorf("got %v, want %v", got, want)
	}
}
