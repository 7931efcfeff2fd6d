// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// systemNamespaces hold definitions for all applications; those of the last one win.
func systemNamespaces() []string {
	return []string{velaSystem, v1alpha1.SystemNamespace}
}

// definitionReader gives applications the types that they may use: those of
// their own namespace, then those of the system namespaces, then the built-in
// ones. The CUE of all but the last is evaluated by a runner, since it may
// never end.
type definitionReader struct {
	reader client.Reader
	runner program.Runner

	mutex  sync.Mutex
	parsed map[types.UID]parsedDefinition
}

// parsedDefinition is what was read out of one version of an object.
type parsedDefinition struct {
	generation int64
	definition *definition.Definition
	err        error
}

// library is what applications of a namespace may use.
func (d *definitionReader) library(ctx context.Context, namespace string) (*definition.Library, error) {
	library := definition.Builtin()
	for _, layer := range append(systemNamespaces(), namespace) {
		found, err := d.layer(ctx, layer)
		if err != nil {
			return nil, err
		}
		library = found.Over(library)
	}
	return library, nil
}

// layer is the library of the definitions of one namespace. One that cannot be
// used fails those alone who use it.
func (d *definitionReader) layer(ctx context.Context, namespace string) (*definition.Library, error) {
	var sources []definition.Source
	for _, kind := range definitionKinds() {
		objects, err := kind.list(ctx, d.reader, namespace)
		if err != nil {
			return nil, fmt.Errorf("list %s definitions of namespace %q: %w", kind.kind, namespace, err)
		}
		for _, object := range objects {
			sources = append(sources, definition.Source{Kind: kind.kind, Name: object.GetName(), Load: func() (*definition.Definition, error) {
				parsed := d.parse(object)
				return parsed.definition, parsed.err
			}})
		}
	}
	return definition.FromSources(sources...), nil
}

// parse reads a definition out of an object, once for each generation.
func (d *definitionReader) parse(object client.Object) parsedDefinition {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	known, ok := d.parsed[object.GetUID()]
	if ok && known.generation == object.GetGeneration() {
		return known
	}
	fresh := parsedDefinition{generation: object.GetGeneration()}
	fresh.definition, fresh.err = d.fromTyped(object)
	if d.parsed == nil {
		d.parsed = map[types.UID]parsedDefinition{}
	}
	d.parsed[object.GetUID()] = fresh
	return fresh
}

// fromTyped reads a definition out of an object of the cache, whose kind is its type alone.
func (d *definitionReader) fromTyped(object client.Object) (*definition.Definition, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert definition %q: %w", object.GetName(), err)
	}
	content["apiVersion"], content["kind"] = v1beta1.GroupVersion.String(), kindOfDefinition(object)
	return definition.FromObjectIn(d.runner, content)
}

// forget drops what was read out of an object that is gone.
func (d *definitionReader) forget(object client.Object) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	delete(d.parsed, object.GetUID())
}

// kindOfDefinition is the kind of a typed object, which the cache leaves out.
func kindOfDefinition(object client.Object) string {
	switch object.(type) {
	case *v1beta1.ComponentDefinition:
		return "ComponentDefinition"
	case *v1beta1.TraitDefinition:
		return "TraitDefinition"
	case *v1beta1.PolicyDefinition:
		return "PolicyDefinition"
	case *v1beta1.WorkflowStepDefinition:
		return "WorkflowStepDefinition"
	}
	return ""
}
