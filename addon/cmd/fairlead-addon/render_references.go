// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// givenObject is an object of a file that stands for one on the hub. It is of
// use to components that refer to it.
type givenObject struct {
	namespace string
	content   map[string]any
	// refused is the error of a file with such an object, unless a component refers to it.
	refused error
	used    bool
}

func (d *documents) addGiven(document definition.Document, meta named, refused error) {
	d.given = append(d.given, &givenObject{
		namespace: cmp.Or(meta.Metadata.Namespace, d.namespace), content: document.Object, refused: fmt.Errorf("%s: %w", document.Place(), refused),
	})
}

// settleReferences refuses the objects that no component of an application of
// their namespace refers to.
func (d *documents) settleReferences() {
	for _, app := range d.applications {
		d.markReferences(app)
	}
	for _, given := range d.given {
		if !given.used {
			d.problem(given.refused)
		}
	}
}

func (d *documents) markReferences(app v1beta1.Application) {
	components, err := policy.Components(app.Spec)
	if err != nil {
		return // it is reported where the application is rendered
	}
	for _, component := range components {
		if !render.Refers(component) {
			continue
		}
		references, err := render.References(component, app.Namespace)
		if err != nil {
			continue
		}
		for _, reference := range references {
			if given := d.referenced(app.Namespace, reference); given != nil {
				given.used = true
			}
		}
	}
}

func (d *documents) referenced(namespace string, reference render.Reference) *givenObject {
	for _, given := range d.given {
		if given.namespace == namespace && refersTo(reference, given.content) {
			return given
		}
	}
	return nil
}

// refersTo says that a reference names an object. Without the hub the resource
// of a kind is guessed by its plural, as is right for what follows the rules.
func refersTo(reference render.Reference, content map[string]any) bool {
	apiVersion, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if nameOf(content) != reference.Name {
		return false
	}
	if reference.Resource == "" {
		return gvk == reference.Kind
	}
	named := reference.Resource == render.Plural(gvk.Kind) || reference.Resource == strings.ToLower(gvk.Kind)
	return named && (reference.Group == "" || reference.Group == gvk.Group)
}

// referring renders components that refer to objects with those of the files.
type referring struct {
	delivery.Renderer
	documents *documents
	namespace string
}

// Render renders a component with the objects that it refers to.
func (r referring) Render(ctx render.Context, component render.Component) (*render.Result, error) {
	component, err := render.Resolve(component, r.namespace, func(reference render.Reference) (map[string]any, error) {
		given := r.documents.referenced(r.namespace, reference)
		if given == nil {
			return nil, render.NotReferable(component, reference, fmt.Sprintf(
				"%s of namespace %q is not among the files; offline nothing is read from the hub: give the object with -f", reference.What(), r.namespace))
		}
		return given.content, nil
	})
	if err != nil {
		return nil, err
	}
	return r.Renderer.Render(ctx, component)
}

// kindsRead are the kinds that mean something by themselves.
func kindsRead() string {
	return strings.Join([]string{
		"Application", "ComponentDefinition", "TraitDefinition", "PolicyDefinition", "WorkflowStepDefinition", "Policy", "Workflow",
		"Environment", "ClusterBinding", "Namespace", "ManagedCluster",
	}, ", ")
}
