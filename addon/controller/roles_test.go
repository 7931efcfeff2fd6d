// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestRoleLook checks that what depends on roles is woken when one has changed, and only then.
func TestRoleLook(t *testing.T) {
	answers, looks, woken := []bool{false, true, false}, 0, 0
	look := &roleLook{
		logger: logr.Discard(),
		changed: func(context.Context) (bool, error) {
			if looks++; looks > len(answers) {
				return false, errors.New("the hub does not answer")
			}
			return answers[looks-1], nil
		},
		wake: func(context.Context) error { woken++; return nil },
	}
	var got []int
	for range 4 {
		look.look(t.Context())
		got = append(got, woken)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 1}, got); diff != "" {
		t.Errorf("woken after each look (-want +got):\n%s", diff)
	}
}

// TestRoleLooks checks that it is looked in time, until the manager ends.
func TestRoleLooks(t *testing.T) {
	clock, looked, ended := clocktesting.NewFakeClock(now.Time), make(chan bool, 1), make(chan error)
	look := &roleLook{clock: clock, logger: logr.Discard(), changed: func(context.Context) (bool, error) {
		select {
		case looked <- true:
		default:
		}
		return false, nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- look.Start(ctx) }()
	for seen := false; !seen; {
		clock.Step(rolesEvery)
		select {
		case seen = <-looked:
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil || !look.NeedLeaderElection() {
		t.Errorf("got %v, want the look of a leader that ends well", err)
	}
}

// enqueuing is a controller that puts what is to be looked at into a queue.
type enqueuing struct {
	controller.Controller
	queue queue
}

func (e *enqueuing) Watch(watched source.Source) error {
	return watched.Start(context.Background(), e.queue)
}

func (e *enqueuing) names() (names []string) {
	for range e.queue.Len() {
		request, _ := e.queue.Get()
		names = append(names, request.String())
	}
	slices.Sort(names)
	return names
}

// TestWakeByRoles checks what is looked at when a role has changed.
func TestWakeByRoles(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	prepares := environmentOf("prod", "shop")
	prepares.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Prepare: true}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(prepares, environmentOf("dev", "shop"), appIn("shop", "store", component("web", "nginx:1", ""))).Build()
	newQueue := func() *enqueuing {
		made := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		t.Cleanup(made.ShutDown)
		return &enqueuing{queue: made}
	}
	application, environment := newQueue(), newQueue()
	c := &controllers{manager: cachedManager{reader: reader}, built: builtControllers{application: application, environment: environment}}
	if err := c.wakeByRoles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"shop/store"}, application.names()); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/prod"}, environment.names()); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
}
