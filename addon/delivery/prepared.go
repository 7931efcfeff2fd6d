// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// PreparesFor are the hub namespaces for whose applications an environment prepares
// namespaces on its clusters: those that it names. What a selector admits may be all
// there are, and most of them may never have an application.
func PreparesFor(spec v1alpha1.EnvironmentSpec) []string {
	if spec.NamespaceOptions == nil || !spec.NamespaceOptions.Prepare || spec.ApplicationNamespaces == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(spec.ApplicationNamespaces.Names), Reserved)
}

// prepares says that the environment prepares namespaces for a hub namespace.
func (e *Environment) prepares(source SourceNamespace) bool {
	return !e.Deleting && slices.Contains(PreparesFor(e.Spec), source.Name) && e.Unusable() == nil
}

// KeepsPrepared gives what says of a tenant of a hub namespace that it is prepared for an
// environment, or may be: nothing is concluded from a mistake in the environment or one
// of its bindings, and what was prepared stays until it is corrected.
func (w World) KeepsPrepared(source SourceNamespace) func(TenantKey) bool {
	var preparing []*Environment
	for _, env := range w {
		if slices.Contains(PreparesFor(env.Spec), source.Name) {
			preparing = append(preparing, env)
		}
	}
	return func(key TenantKey) bool {
		return slices.ContainsFunc(preparing, func(env *Environment) bool {
			return env.Delivers(source, key) || env.mayStillDeliver(source, key)
		})
	}
}

// Prepared are the tenants that an environment prepares for a hub namespace, and the
// first problem that keeps one of them from it.
func (w World) Prepared(environment string, source SourceNamespace) (map[TenantKey]Tenant, *Problem) {
	env, ok := w[environment]
	if !ok || !env.prepares(source) {
		return nil, nil
	}
	target, problem := env.TargetNamespace(source.Name)
	if problem != nil {
		return nil, problem
	}
	tenants := map[TenantKey]Tenant{}
	for _, cluster := range env.boundClusters() {
		key := TenantKey{Cluster: cluster, Namespace: target}
		tenant, wrong := w.Tenant(source, key)
		if wrong != nil {
			problem = cmp.Or(problem, wrong)
			continue
		}
		tenants[key] = tenant
	}
	return tenants, problem
}

// Preparation is how far tenants are that no application asked for.
type Preparation struct {
	// Ready tenants take applications at once.
	Ready int
	// Problem is why one is not, that which somebody has to do something about first;
	// nil when all are, but for those on clusters that are away.
	Problem *Problem
	// RetryAfter asks for another look; 0 means that events suffice.
	RetryAfter time.Duration
}

// Prepare makes tenants before an application needs them. It returns an error where
// something could not be written or read; the others are made all the same.
func (e *Engine) Prepare(ctx context.Context, tenants map[TenantKey]Tenant) (Preparation, error) {
	report := &Report{}
	observed, err := e.ensureTenants(ctx, &Plan{Tenants: tenants}, report)
	preparation := Preparation{RetryAfter: report.RetryAfter}
	for _, key := range sortedTenants(observed) {
		preparation.add(observed[key])
	}
	return preparation, err
}

func (p *Preparation) add(observation Observation) {
	switch observation.State {
	case Delivered:
		p.Ready++
	case Away: // it is prepared when its cluster is back
	case Refused:
		p.Note(&Problem{Reason: observation.Reason, Message: observation.Message})
	default:
		p.Note(&Problem{Reason: ReasonPreparing, Message: observation.Message, Waiting: true})
	}
}

// Note keeps a problem, unless there is none or an earlier one comes first.
func (p *Preparation) Note(problem *Problem) {
	if problem != nil && (p.Problem == nil || p.Problem.Waiting && !problem.Waiting) {
		p.Problem = problem
	}
}
