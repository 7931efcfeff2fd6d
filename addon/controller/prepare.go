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

// prepare reads and checks an application. warnings are properties that no
// definition has, which are an error only in strict namespaces: other tools
// write them, and the existing OAM controller passes them over.
func (r *ApplicationReconciler) prepare(ctx context.Context, app *v1beta1.Application) (delivery.Request, []string, *delivery.Problem, error) {
	source, err := r.world.source(ctx, app.Namespace)
	if err != nil {
		return delivery.Request{}, nil, nil, err
	}
	if delivery.Reserved(app.Namespace) {
		return delivery.Request{}, nil, &delivery.Problem{Reason: delivery.ReasonReservedNamespace, Message: fmt.Sprintf(
			"metadata.namespace: %q is reserved (kube-*, %s, vela-system, open-cluster-management*): put the application into a namespace of its team",
			app.Namespace, v1alpha1.SystemNamespace)}, nil
	}
	components, uses, problem := decode(app, r.library)
	if problem != nil {
		return delivery.Request{}, nil, problem, nil
	}
	components, warnings, problem := r.check(components, source.Labels[v1alpha1.LabelStrict] == "true")
	if problem != nil {
		return delivery.Request{}, warnings, problem, nil
	}
	return delivery.Request{
		Owner: ownerOf(app), Source: source, Uses: uses, Components: components,
		Labels: app.Labels, Annotations: app.Annotations, Revision: nextRevision(app).Name,
	}, warnings, nil, nil
}

// decode reads the spec. What is wrong with it comes first; then it refuses what
// is accepted and not implemented: to pass it over could deliver to the wrong
// place or in the wrong order.
func decode(app *v1beta1.Application, library *definition.Library) ([]render.Component, []policy.EnvironmentUse, *delivery.Problem) {
	spec := app.Spec
	components, err := policy.Components(spec)
	if err != nil {
		return nil, nil, malformed(err, delivery.ReasonInvalidParameters)
	}
	policies, err := policy.Read(spec, library)
	if err != nil {
		return nil, nil, malformed(err, reasonInvalidPolicy)
	}
	if fields := append(unsupportedAnnotations(app), policy.NotImplemented(spec)...); len(fields) > 0 {
		return nil, nil, &delivery.Problem{Reason: delivery.ReasonNotImplemented,
			Message: "nothing is delivered, since this version does not implement: " + strings.Join(fields, "; ")}
	}
	uses, err := policies.Uses()
	if err != nil {
		return nil, nil, malformed(err, reasonInvalidPolicy)
	}
	return components, uses, nil
}

func malformed(err error, reason string) *delivery.Problem {
	var large *policy.TooLargeError
	if errors.As(err, &large) {
		reason = reasonTooLarge
	}
	return &delivery.Problem{Reason: reason, Message: err.Error()}
}

// unsupportedAnnotations are those that would hold or restart a delivery on
// the existing OAM controller.
func unsupportedAnnotations(app *v1beta1.Application) []string {
	var found []string
	for _, name := range []string{
		v1beta1.AnnotationPublishVersion, "app.oam.dev/autoUpdate", "app.oam.dev/pause", "app.oam.dev/reconcile-interval",
		"app.oam.dev/restart-workflow", "app.oam.dev/skip-resume", "app.oam.dev/workflowName",
	} {
		if app.Annotations[name] != "" {
			found = append(found, "metadata.annotations["+name+"]: remove it")
		}
	}
	return found
}

// check looks each type up and validates its properties, so that errors speak
// of the user's field. Unknown properties are left out of what is rendered.
func (r *ApplicationReconciler) check(components []render.Component, strict bool) ([]render.Component, []string, *delivery.Problem) {
	findings := &findings{strict: strict}
	checked := slices.Clone(components)
	for i := range checked {
		at := fmt.Sprintf("spec.components[%d]", i)
		checked[i].Properties = findings.check(r.library, definition.Component, checked[i].Type, checked[i].Properties, at)
		checked[i].Traits = slices.Clone(checked[i].Traits)
		for j, trait := range checked[i].Traits {
			at := fmt.Sprintf("%s.traits[%d]", at, j)
			checked[i].Traits[j].Properties = findings.check(r.library, definition.Trait, trait.Type, trait.Properties, at)
		}
	}
	return checked, findings.warnings, findings.problem()
}

type findings struct {
	strict   bool
	reason   string
	errors   []string
	warnings []string
}

func (f *findings) check(library *definition.Library, kind definition.Kind, name string, properties map[string]any, at string) map[string]any {
	found, err := library.Lookup(kind, name)
	if err != nil {
		f.fail(delivery.ReasonUnknownType, at+".type: "+err.Error())
		return properties
	}
	for _, finding := range found.Validate(properties, at+".properties") {
		if finding.Reason == definition.UnknownParameter && !f.strict {
			f.warnings = append(f.warnings, finding.String())
			continue
		}
		f.fail(delivery.ReasonInvalidParameters, finding.String())
	}
	return found.Known(properties)
}

func (f *findings) fail(reason, message string) {
	if f.reason == "" {
		f.reason = reason
	}
	f.errors = append(f.errors, message)
}

func (f *findings) problem() *delivery.Problem {
	if len(f.errors) == 0 {
		return nil
	}
	const most = 10
	text := f.errors
	if len(text) > most {
		text = append(slices.Clone(text[:most]), fmt.Sprintf("... and %d more", len(f.errors)-most))
	}
	return &delivery.Problem{Reason: f.reason, Message: strings.Join(text, "; ")}
}
