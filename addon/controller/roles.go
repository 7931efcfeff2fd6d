// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// rolesEvery is how often it is looked whether a role of deployers has changed.
const rolesEvery = time.Minute

// roleLook wakes what is on managed clusters when a role changes that they were given.
// The roles are not watched: the addon may read those alone that it hands out, by name.
type roleLook struct {
	clock  clock.WithTicker
	logger logr.Logger
	// changed says whether a role has changed since it was asked last.
	changed func(ctx context.Context) (bool, error)
	// wake has all looked at that may depend on a role.
	wake func(ctx context.Context) error
}

// NeedLeaderElection is true: only who leads writes to clusters.
func (*roleLook) NeedLeaderElection() bool { return true }

// Start looks at the roles, until ctx is done.
func (r *roleLook) Start(ctx context.Context) error {
	return every(ctx, r.clock, rolesEvery, func() { r.look(ctx) })
}

func (r *roleLook) look(ctx context.Context) {
	changed, err := r.changed(ctx)
	if err != nil {
		r.logger.Error(err, "look whether the roles of deployers have changed")
	}
	if !changed {
		return
	}
	if err := r.wake(ctx); err != nil {
		r.logger.Error(err, "wake what depends on the roles of deployers")
	}
}

// wakeByRoles looks at all applications again, and at the environments that prepare
// namespaces. Which role an application needs is known in its pass alone.
func (c *controllers) wakeByRoles(ctx context.Context) error {
	preparing := c.preparingAny(ctx)
	environments := make(requests, len(preparing))
	for i, name := range preparing {
		environments[i] = reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
	}
	if err := c.built.environment.Watch(requestsOf(environments)); err != nil {
		return err
	}
	return c.built.application.Watch(requestsOf(requestsFor(c.applications(ctx))))
}
