// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Reasons of applications that cannot be delivered as they are.
const (
	reasonInvalidPolicy = "InvalidPolicy"
	reasonTooLarge      = "TooLarge"
)

// scene is what an application is seen against in one pass: all of it is read once.
type scene struct {
	source   delivery.SourceNamespace
	world    delivery.World
	library  *definition.Library
	renderer *render.Renderer
	version  func(cluster string) render.ClusterVersion
}

// scene reads the application's namespace, all environments, and the types that
// may be used there.
func (r *ApplicationReconciler) scene(ctx context.Context, app *v1beta1.Application) (scene, error) {
	source, err := r.world.source(ctx, app.Namespace)
	if err != nil {
		return scene{}, err
	}
	world, err := r.world.read(ctx)
	if err != nil {
		return scene{}, err
	}
	library, err := r.definitions.library(ctx, app.Namespace)
	if err != nil {
		return scene{}, err
	}
	renderer := r.renderer.With(library)
	if source.Labels[v1alpha1.LabelStrict] != "true" {
		// Other tools write what no definition has, and the existing OAM controller passes it over.
		renderer = renderer.Lenient()
	}
	return scene{source: source, world: world, library: library, renderer: renderer, version: r.world.version(ctx)}, nil
}

// prepare reads and checks an application. The warnings are unknown parameters
// that are passed over.
func prepare(app *v1beta1.Application, s scene) (delivery.Request, []string, *delivery.Problem) {
	if delivery.Reserved(app.Namespace) {
		return delivery.Request{}, nil, &delivery.Problem{Reason: delivery.ReasonReservedNamespace, Message: fmt.Sprintf(
			"metadata.namespace: %q is reserved (kube-*, %s, vela-system, open-cluster-management*): put the application into a namespace of its team",
			app.Namespace, v1alpha1.SystemNamespace)}
	}
	read, problem := decode(app, s.library)
	if problem != nil {
		return delivery.Request{}, nil, problem
	}
	warnings, problem := check(s.renderer, slices.Concat(read.components, read.policies), s.completes(read.uses))
	if problem != nil {
		return delivery.Request{}, warnings, problem
	}
	revision := nextRevision(app)
	return delivery.Request{
		Owner: ownerOf(app), Source: s.source, Uses: read.uses, Components: read.components, Policies: read.policies, Labels: app.Labels, Annotations: app.Annotations,
		Revision: revision.Name, RevisionNumber: revision.Revision, ClusterVersion: s.version, Treat: read.treat, Dependents: policy.RemovalOrder(app.Spec),
	}, warnings, nil
}

// completes says of a component whether environments or policies may give it
// parameters that it lacks: then only rendering can tell what is missing.
func (s scene) completes(uses []policy.EnvironmentUse) func(render.Component) bool {
	return func(c render.Component) bool {
		return !c.Policy && slices.ContainsFunc(uses, func(use policy.EnvironmentUse) bool {
			return len(use.Overrides)+len(use.Layers) > 0 || s.adds(use, c.Type)
		})
	}
}

// adds says whether an environment or one of its bindings has properties for
// components of a type. A topology may come to any environment.
func (s scene) adds(use policy.EnvironmentUse, componentType string) bool {
	for name, environment := range s.world {
		if use.Topology == nil && name != use.Environment {
			continue
		}
		if slices.ContainsFunc(environment.Spec.Defaults, func(d v1alpha1.ComponentDefaults) bool { return d.Type == componentType }) ||
			slices.ContainsFunc(environment.Bindings, func(b delivery.Binding) bool { return len(b.Overrides) > 0 }) {
			return true
		}
	}
	return false
}

// ignored adds the unknown parameters of what was rendered, which environments
// and policies may have brought in, each once.
func ignored(warnings []string, plan *delivery.Plan) []string {
	for _, unit := range plan.Units {
		for _, w := range unit.Result.Warnings {
			if text := w.String(); !slices.Contains(warnings, text) {
				warnings = append(warnings, text)
			}
		}
	}
	return warnings
}

// decoded is what a spec says.
type decoded struct {
	components []render.Component
	// policies are those that make objects.
	policies []render.Component
	uses     []policy.EnvironmentUse
	// treat is what the policies say of an object.
	treat func(policy.Resource) policy.Treatment
}

// decode reads the spec. What is wrong with it comes first; then it refuses what
// is accepted and not implemented: to pass it over could deliver to the wrong
// place or in the wrong order.
func decode(app *v1beta1.Application, library *definition.Library) (decoded, *delivery.Problem) {
	spec := app.Spec
	components, err := policy.Components(spec)
	if err != nil {
		return decoded{}, malformed(err, delivery.ReasonInvalidParameters)
	}
	policies, err := policy.Read(spec, library)
	if err != nil {
		return decoded{}, malformed(err, reasonInvalidPolicy)
	}
	if fields := append(policy.NotImplementedAnnotations(app.Annotations), policy.NotImplemented(spec)...); len(fields) > 0 {
		return decoded{}, &delivery.Problem{Reason: delivery.ReasonNotImplemented,
			Message: "nothing is delivered, since this version does not implement: " + strings.Join(fields, "; ")}
	}
	uses, err := policies.Uses()
	if err != nil {
		return decoded{}, malformed(err, reasonInvalidPolicy)
	}
	return decoded{components: components, policies: policies.Objects(), uses: uses, treat: policies.Treat}, nil
}

func malformed(err error, reason string) *delivery.Problem {
	var large *policy.TooLargeError
	if errors.As(err, &large) {
		reason = reasonTooLarge
	}
	return &delivery.Problem{Reason: reason, Message: err.Error()}
}

// check looks each type up and validates its properties, so that errors speak
// of the user's field. The warnings are unknown parameters.
func check(renderer *render.Renderer, components []render.Component, partial func(render.Component) bool) ([]string, *delivery.Problem) {
	found, errs := renderer.Check(components, partial)
	warnings := make([]string, len(found))
	for i, w := range found {
		warnings[i] = w.String()
	}
	return warnings, problemOf(errs)
}

// problemOf is the reason of the first error with the texts of all, up to a bound.
func problemOf(errs []*render.Error) *delivery.Problem {
	if len(errs) == 0 {
		return nil
	}
	const most = 10
	var texts []string
	for _, e := range errs {
		if len(e.Findings) == 0 {
			texts = append(texts, e.Error())
		}
		for _, f := range e.Findings {
			texts = append(texts, f.String())
		}
	}
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], fmt.Sprintf("... and %d more", more))
	}
	return &delivery.Problem{Reason: delivery.ReasonOf(errs[0]), Message: strings.Join(texts, "; ")}
}
