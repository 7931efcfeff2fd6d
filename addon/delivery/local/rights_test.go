// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestNewRightsAreTriedByOne checks that an API server which does not know the rights
// of a new namespace yet refuses one object at a time, not one of each application, and
// that an object which stays forbidden does not hold up the others.
func TestNewRightsAreTriedByOne(t *testing.T) {
	type step struct {
		reason string
		after  time.Duration
		object string
		// allowed is what the API server allows.
		allowed []string
		state   delivery.State
		retry   time.Duration
		tries   int
	}
	all := []string{"a", "b", "c"}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"until they are known", []step{
			{"the first one tries", 0, "a", nil, delivery.Waiting, rightsRetry, 1},
			{"the next one waits for what came of it", 0, "b", nil, delivery.Waiting, rightsRetry, 0},
			{"another one tries when it is time", rightsRetry, "b", nil, delivery.Waiting, rightsRetry, 1},
			{"the others wait again", rightsRetry / 2, "a", nil, delivery.Waiting, rightsRetry, 0},
			{"they are known by now", 2*rightsRetry - rightsRetry/2, "a", all, delivery.Delivered, 0, 1},
			{"all go on at once", 0, "b", all, delivery.Delivered, 0, 1},
			{"also the last one", 0, "c", all, delivery.Delivered, 0, 1},
		}},
		{"that do not suffice for one object", []step{
			{"it may be too early", 0, "a", []string{"b", "c"}, delivery.Waiting, rightsRetry, 1},
			{"it lets others go first", rightsRetry, "a", []string{"b", "c"}, delivery.Waiting, rightsRetry, 0},
			{"which are not refused", 0, "b", []string{"b", "c"}, delivery.Delivered, 0, 1},
			{"what is refused in a new namespace is tried again soon", 0, "a", []string{"b", "c"}, delivery.Waiting, rightsRetry, 1},
			{"and holds up nobody", 0, "c", []string{"b", "c"}, delivery.Delivered, 0, 1},
			{"until the rights are not new any more", newRights, "a", nil, delivery.Refused, forbiddenRetry, 1},
		}},
		{"that do not suffice for two objects", []step{
			{"the first one is refused", 0, "a", []string{"c"}, delivery.Waiting, rightsRetry, 1},
			{"so is the second one", rightsRetry, "b", []string{"c"}, delivery.Waiting, rightsRetry, 1},
			{"both let others go first", rightsRetry, "a", []string{"c"}, delivery.Waiting, rightsRetry, 0},
			{"which come a little later", rightsRetry / 2, "c", []string{"c"}, delivery.Delivered, 0, 1},
		}},
		{"of which there are none", []step{
			{"they may be too new", 0, "a", nil, delivery.Waiting, rightsRetry, 1},
			{"they are not any more", newRights, "a", nil, delivery.Refused, forbiddenRetry, 1},
			{"nobody waits for another", 0, "b", nil, delivery.Refused, forbiddenRetry, 1},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.rememberTenant(tenantOf("shop", "shop"), 0)
			var allowed []string
			tries := 0
			h.tenant.PrependReactor("patch", "configmaps", func(action clienttesting.Action) (bool, runtime.Object, error) {
				tries++
				name := action.(clienttesting.PatchAction).GetName()
				return !slices.Contains(allowed, name), nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, name, errors.New("no"))
			})
			for i, step := range test.steps {
				h.clock.SetTime(h.clock.Now().Add(step.after))
				allowed, tries = step.allowed, 0
				got := h.deliver(t, unitWith(named(configMapKind, step.object, nil)))
				if got.State == delivery.Delivered {
					got.RetryAfter = 0 // when it is compared again
				}
				want := delivery.Observation{State: step.state, RetryAfter: step.retry}
				if diff := gocmp.Diff(want, delivery.Observation{State: got.State, RetryAfter: got.RetryAfter}); diff != "" || tries != step.tries {
					t.Errorf("step %d, %s (-want +got), %d writes, want %d: %s\n%s", i, step.reason, tries, step.tries, got.Message, diff)
				}
			}
		})
	}
}

// TestNewRightsWaitForTheTrial checks what others do while an object is on its way,
// and what its outcome says of the rights.
func TestNewRightsWaitForTheTrial(t *testing.T) {
	other := objectKey{gvk: configMapKind, key: types.NamespacedName{Namespace: "shop", Name: "other"}}
	waits := &delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry,
		Message: "ConfigMap shop/other: waiting until the API server knows the new rights of account shop/fairlead-deployer"}
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "settings", errors.New("it changed"))
	for _, test := range []struct {
		reason  string
		outcome error
		rewrite bool // of the rights, during the trial
		during  *delivery.Observation
		known   bool
	}{
		{"what is made shows that they are known", nil, false, waits, true},
		{"so does a conflict: whoever may not write is told of none", conflict, false, waits, true},
		{"a lost connection says nothing of them", errors.New("the connection is lost"), false, waits, false},
		{"nor does an answer about rights that were written again meanwhile", nil, true, nil, false},
	} {
		h := newTenantHub(t)
		h.rememberTenant(tenantOf("shop", "shop"), 0)
		since, wait := h.tryRights(objectKey{gvk: configMapKind, key: types.NamespacedName{Namespace: "shop", Name: "settings"}})
		if wait != nil {
			t.Fatalf("the first one waits: %+v", wait)
		}
		if test.rewrite {
			h.clock.SetTime(h.clock.Now().Add(time.Second))
			h.rememberTenant(tenantOf("shop", "shop"), 0)
		}
		_, during := h.tryRights(other)
		if diff := gocmp.Diff(test.during, during); diff != "" {
			t.Errorf("during the trial (-want +got), since %s:\n%s", test.reason, diff)
		}
		h.triedRights(other, since, test.outcome)
		if got := h.tenants[tenantOf("shop", "shop").TenantKey].rights.known; got != test.known {
			t.Errorf("known %t, want %t, since %s", got, test.known, test.reason)
		}
	}
}
