// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// missingReference is when an object that is referred to and not there is looked
// for again: nothing tells that somebody created it.
const missingReference = 10 * time.Second

// referenceReader reads the object that a reference names, as the deployer
// account of the namespace. The text says what a person has to change, in one go for
// the Secrets that the application lists.
type referenceReader func(ctx context.Context, namespace string, reference render.Reference, listed []string) (object map[string]any, problem string, err error)

// referring renders for one pass over one application. It reads what components
// refer to, each object once, after everything was merged into them.
type referring struct {
	delivery.Renderer
	read func(reference render.Reference) (map[string]any, string, error)
	// namespace and name of the application.
	namespace, application string

	objects map[string]referenced
	// used says that an object was asked for, and missing that one was not there.
	used, missing bool
}

type referenced struct {
	object  map[string]any
	problem string
}

// unreadError is a failure to read what is referred to that says nothing of the application.
type unreadError struct{ error }

// Unwrap gives the failure.
func (e *unreadError) Unwrap() error { return e.error }

func newReferring(ctx context.Context, renderer delivery.Renderer, read referenceReader, app *v1beta1.Application) *referring {
	owner := ownerOf(app)
	listed, _ := delivery.SecretNames(app.Annotations)
	return &referring{
		Renderer: renderer, namespace: owner.Namespace, application: owner.Name, objects: map[string]referenced{},
		read: func(reference render.Reference) (map[string]any, string, error) {
			object, problem, err := read(ctx, owner.Namespace, reference, listed)
			if err == nil && problem == "" {
				problem = reserved(object, owner.Name)
			}
			return object, problem, err
		},
	}
}

// reserved says that an object is a Secret that came with another application:
// who may write applications may not read the Secrets of others by naming them.
func reserved(object map[string]any, application string) string {
	of := delivery.SecretOf(object)
	if of == "" || of == application {
		return ""
	}
	return fmt.Sprintf("it is a Secret of application %q alone, as its label %s says", of, v1alpha1.LabelSecretOf)
}

// Render renders a component with the objects that it refers to.
func (r *referring) Render(ctx render.Context, component render.Component) (*render.Result, error) {
	component, err := render.Resolve(component, r.namespace, func(reference render.Reference) (map[string]any, error) {
		return r.object(component, reference)
	})
	if err != nil {
		return nil, err
	}
	return r.Renderer.Render(ctx, component)
}

func (r *referring) object(component render.Component, reference render.Reference) (map[string]any, error) {
	found, err := r.once(reference)
	if err != nil {
		return nil, err
	}
	if found.problem != "" {
		return nil, render.NotReferable(component, reference, found.problem)
	}
	return found.object, nil
}

// secret reads a Secret that belongs to the application.
func (r *referring) secret(name string) (map[string]any, string, error) {
	found, err := r.once(render.Reference{Resource: "secret", Name: name})
	// One without the label is not delivered; it may be labelled at any time.
	r.missing = r.missing || delivery.SecretOf(found.object) != r.application
	return found.object, found.problem, err
}

// once reads what a reference names, the first time in this pass.
func (r *referring) once(reference render.Reference) (referenced, error) {
	r.used = true
	key := reference.What() + reference.Kind.Version
	found, known := r.objects[key]
	if !known {
		var err error
		if found.object, found.problem, err = r.read(reference); err != nil {
			return referenced{}, &unreadError{err}
		}
		r.objects[key] = found
	}
	r.missing = r.missing || found.problem != ""
	return found, nil
}

// retryAfter is when what is referred to is read again; 0 when nothing is.
func (r *referring) retryAfter(every time.Duration) time.Duration {
	switch {
	case r.missing:
		return missingReference
	case r.used:
		return every
	}
	return 0
}
