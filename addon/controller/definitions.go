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

// systemNamespaces hold definitions for all applications, the first ones first.
func systemNamespaces() []string {
	return []string{v1alpha1.SystemNamespace, velaSystem}
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
	system := systemNamespaces()
	for i := len(system) - 1; i >= 0; i-- {
		layer, err := d.layer(ctx, system[i])
		if err != nil {
			return nil, err
		}
		library = layer.Over(library)
	}
	own, err := d.layer(ctx, namespace)
	if err != nil {
		return nil, err
	}
	return own.Over(library), nil
}

// layer is the library of the definitions of one namespace. One that cannot be
// used is part of it: whoever names it is told why.
func (d *definitionReader) layer(ctx context.Context, namespace string) (*definition.Library, error) {
	library := definition.NewLibrary()
	for _, kind := range definitionKinds() {
		objects, err := kind.list(ctx, d.reader, namespace)
		if err != nil {
			return nil, fmt.Errorf("list %s definitions of namespace %q: %w", kind.kind, namespace, err)
		}
		for _, object := range objects {
			parsed := d.parse(object)
			if parsed.err != nil {
				library = library.Broken(kind.kind, object.GetName(), parsed.err)
				continue
			}
			library = library.Plus(parsed.definition)
		}
	}
	return library, nil
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
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err == nil {
		content["apiVersion"], content["kind"] = v1beta1.GroupVersion.String(), kindOfDefinition(object)
		fresh.definition, err = definition.FromObject(content)
	}
	if err != nil {
		fresh.err = err
	}
	if fresh.definition != nil {
		fresh.definition = fresh.definition.In(d.runner)
	}
	if d.parsed == nil {
		d.parsed = map[types.UID]parsedDefinition{}
	}
	d.parsed[object.GetUID()] = fresh
	return fresh
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
