// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// TestNewRightsAreTriedByOne checks that an API server which does not know the rights
// of a new namespace yet refuses one write at a time, not one of each application.
func TestNewRightsAreTriedByOne(t *testing.T) {
	type step struct {
		reason  string
		after   time.Duration
		allowed bool
		state   delivery.State
		retry   time.Duration
		tries   int
	}
	waits, refused := delivery.Waiting, delivery.Refused
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"until they are known", []step{
			{"the first one tries", 0, false, waits, rightsRetry, 1},
			{"the next one waits for what came of it", 0, false, waits, rightsRetry, 0},
			{"one tries again when it is time", rightsRetry, false, waits, rightsRetry, 1},
			{"the others wait again", rightsRetry / 2, false, waits, rightsRetry, 0},
			{"they are known by now", rightsRetry, true, delivery.Delivered, 0, 1},
			{"all go on at once", 0, true, delivery.Delivered, 0, 0},
		}},
		{"which are missing", []step{
			{"they may be too new", 0, false, waits, rightsRetry, 1},
			{"nothing new is refused any more", newRights, false, refused, forbiddenRetry, 1},
			{"nobody waits for another", 0, false, refused, forbiddenRetry, 1},
		}},
		{"of which one kind is missing", []step{
			{"another kind is allowed", 0, true, delivery.Delivered, 0, 1},
			{"what is refused in a new namespace is tried again soon", 0, false, waits, rightsRetry, 1},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			if got, err := h.EnsureTenant(t.Context(), tenantOf("shop", "shop")); err != nil || got.State != delivery.Delivered {
				t.Fatal(got, err)
			}
			h.rememberTenant(tenantOf("shop", "shop"), 0)
			allowed, tries := false, 0
			h.tenant.PrependReactor("patch", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
				tries++
				return !allowed, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "settings", errors.New("no"))
			})
			for i, step := range test.steps {
				h.clock.SetTime(h.clock.Now().Add(step.after))
				allowed, tries = step.allowed, 0
				value := "a"
				if !step.allowed {
					value = "b"
				}
				got := h.deliver(t, treated(value, policy.Treatment{}))
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

// TestNewRightsWaitForTheTrial checks that a unit waits while another one is on its way, and that an error says
// nothing of the rights.
func TestNewRightsWaitForTheTrial(t *testing.T) {
	h := newTenantHub(t)
	h.rememberTenant(tenantOf("shop", "shop"), 0)
	var during delivery.Observation
	var answer error
	h.tenant.PrependReactor("patch", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		if waits := h.tryRights("shop"); waits != nil {
			during = *waits
		}
		return answer != nil, nil, answer
	})
	answer = errors.New("the connection is lost")
	if _, err := h.Deliver(t.Context(), treated("a", policy.Treatment{})); err == nil {
		t.Fatal("a lost connection is no error")
	}
	want := delivery.Observation{State: delivery.Waiting, RetryAfter: rightsRetry,
		Message: `namespace "shop": waiting until the API server knows the new rights of account shop/fairlead-deployer`}
	if diff := gocmp.Diff(want, during); diff != "" {
		t.Errorf("during a trial (-want +got):\n%s", diff)
	}
	answer, during = nil, delivery.Observation{}
	if got := h.deliver(t, treated("a", policy.Treatment{})); got.State != delivery.Delivered || during.State != delivery.Waiting {
		t.Errorf("got %+v, and %+v during the trial after an error, want it to be delivered and others to wait", got, during)
	}
	during = delivery.Observation{}
	if got := h.deliver(t, treated("b", policy.Treatment{})); got.State != delivery.Delivered || during.State == delivery.Waiting {
		t.Errorf("got %+v, and %+v meanwhile, want that nobody waits for rights that are known", got, during)
	}
}
