// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
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

// maxLayers bounds of how many namespaces the libraries are kept. The least used
// one is built anew when it is asked for.
const maxLayers = 4096

// definitionReader gives applications the types that they may use: those of
// their own namespace, then those of the system namespaces, then the built-in
// ones. The CUE of all but the last is evaluated by a runner, since it may
// never end. What it made of a namespace's definitions it keeps until they
// change. It is safe for concurrent use.
type definitionReader struct {
	reader client.Reader
	runner program.Runner

	// mutex makes one pass build what others ask for at the same time.
	mutex  sync.Mutex
	layers *lru.Cache
	// changes counts what was told of changes of definitions, and builds the
	// layers that were built.
	changes, builds int
}

func newDefinitionReader(reader client.Reader, runner program.Runner) *definitionReader {
	return &definitionReader{reader: reader, runner: runner, layers: lru.New(maxLayers)}
}

// layer is the library of the definitions of one namespace, as they were seen.
type layer struct {
	library *definition.Library
	entries map[types.UID]*definitionEntry
	// fresh says that nothing was told of a change since the definitions were
	// seen. It belongs to the reader's mutex.
	fresh bool
}

// definitionEntry is what was read out of one state of an object.
type definitionEntry struct {
	state objectState
	// version is the last one of the object that has the state.
	version string

	once       sync.Once
	definition *definition.Definition
	err        error
}

// objectState tells apart what makes different definitions of an object. Its
// conditions do not, which are written after it was read.
type objectState struct {
	generation, revision int64
	labels, annotations  map[string]string
}

func stateOf(object client.Object) objectState {
	state := objectState{generation: object.GetGeneration(), labels: object.GetLabels(), annotations: object.GetAnnotations()}
	if latest := typed(object).status.LatestRevision; latest != nil {
		state.revision = latest.Revision
	}
	return state
}

func (s objectState) equal(other objectState) bool {
	return s.generation == other.generation && s.revision == other.revision &&
		maps.Equal(s.labels, other.labels) && maps.Equal(s.annotations, other.annotations)
}

// library is what applications of a namespace may use. It must be asked for only
// by those who are woken after changed was told of what they have not seen yet.
func (d *definitionReader) library(ctx context.Context, namespace string) (*definition.Library, error) {
	library := definition.Builtin()
	for _, name := range append(systemNamespaces(), namespace) {
		found, err := d.current(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(found.entries) > 0 {
			library = found.library.Over(library)
		}
	}
	return library, nil
}

// changed is told of a definition that came, changed or went.
func (d *definitionReader) changed(namespace string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.changes++
	if kept := d.kept(namespace); kept != nil {
		kept.fresh = false
	}
}

// current is the layer of a namespace. To list its definitions costs more than
// all else, so that it is done after a change alone.
func (d *definitionReader) current(ctx context.Context, namespace string) (*layer, error) {
	d.mutex.Lock()
	kept, changes := d.kept(namespace), d.changes
	if kept != nil && kept.fresh {
		d.mutex.Unlock()
		return kept, nil
	}
	d.mutex.Unlock()
	found, err := d.layer(ctx, namespace)
	if err != nil {
		return nil, err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found.fresh = d.changes == changes // else they may have been listed before the change
	return found, nil
}

// kept is the layer of a namespace that was built last; nil when there is none.
// It must be called with the mutex held.
func (d *definitionReader) kept(namespace string) *layer {
	kept, ok := d.layers.Get(namespace)
	if !ok {
		return nil
	}
	return kept.(*layer) //nolint:forcetypeassert // the cache holds nothing else
}

// layer lists the definitions of a namespace and gives the library of them. One
// that cannot be used fails those alone who use it. It is built when it differs
// from the one before, with what was read out of those that are the same.
func (d *definitionReader) layer(ctx context.Context, namespace string) (*layer, error) {
	objects, err := d.list(ctx, namespace)
	if err != nil {
		return nil, err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	before := d.kept(namespace)
	if before.shows(objects) {
		return before, nil
	}
	built := d.build(objects, before)
	d.layers.Add(namespace, built)
	return built, nil
}

// list are the definitions of all kinds in a namespace, in any order.
func (d *definitionReader) list(ctx context.Context, namespace string) ([]client.Object, error) {
	var objects []client.Object
	for _, kind := range definitionKinds() {
		found, err := kind.list(ctx, d.reader, namespace)
		if err != nil {
			return nil, fmt.Errorf("list %s definitions of namespace %q: %w", kind.kind, namespace, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// shows says whether a layer is that of the objects.
func (l *layer) shows(objects []client.Object) bool {
	if l == nil || len(l.entries) != len(objects) {
		return false
	}
	for _, object := range objects {
		entry, ok := l.entries[object.GetUID()]
		if !ok || !entry.of(object) {
			return false
		}
	}
	return true
}

// of says whether the entry was read out of the state that an object has. It
// must be called with the reader's mutex held.
func (e *definitionEntry) of(object client.Object) bool {
	if e.version == object.GetResourceVersion() {
		return true
	}
	if !e.state.equal(stateOf(object)) {
		return false
	}
	e.version = object.GetResourceVersion()
	return true
}

// build makes the layer of objects, with the entries of the one before that
// still hold. It must be called with the mutex held.
func (d *definitionReader) build(objects []client.Object, before *layer) *layer {
	if len(objects) == 0 {
		return &layer{}
	}
	if before == nil {
		before = &layer{}
	}
	d.builds++
	built := &layer{entries: make(map[types.UID]*definitionEntry, len(objects))}
	sources := make([]definition.Source, len(objects))
	for i, object := range objects {
		entry, ok := before.entries[object.GetUID()]
		if !ok || !entry.of(object) {
			entry = &definitionEntry{state: stateOf(object), version: object.GetResourceVersion()}
		}
		built.entries[object.GetUID()] = entry
		sources[i] = definition.Source{
			Kind: typed(object).kind, Name: object.GetName(),
			Load: func() (*definition.Definition, error) { return entry.read(d.runner, object) },
		}
	}
	built.library = definition.FromSources(sources...)
	return built
}

// definition is the one in an object of the cache, as applications use it. The
// second error says what is wrong with the object.
func (d *definitionReader) definition(ctx context.Context, object client.Object) (read *definition.Definition, err, refused error) {
	found, err := d.layer(ctx, object.GetNamespace())
	if err != nil {
		return nil, err, nil
	}
	entry, ok := found.entries[object.GetUID()]
	if !ok || !entry.state.equal(stateOf(object)) {
		entry = &definitionEntry{} // the cache has another state by now, or none
	}
	read, refused = entry.read(d.runner, object)
	return read, nil, refused
}

// read reads the definition out of an object of the cache, whose kind is its type alone.
func (e *definitionEntry) read(runner program.Runner, object client.Object) (*definition.Definition, error) {
	e.once.Do(func() {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			e.err = fmt.Errorf("convert definition %q: %w", object.GetName(), err)
			return
		}
		content["apiVersion"], content["kind"] = v1beta1.GroupVersion.String(), typed(object).object
		e.definition, e.err = definition.FromObjectIn(runner, content)
	})
	return e.definition, e.err
}

// forget drops what was read out of objects of a namespace that are gone.
func (d *definitionReader) forget(ctx context.Context, namespace string) error {
	_, err := d.layer(ctx, namespace)
	return err
}

// typedDefinition is what the type of an object says, which has no kind in the cache.
type typedDefinition struct {
	kind   definition.Kind
	object string
	status *v1beta1.DefinitionStatus
}

func typed(object client.Object) typedDefinition {
	switch d := object.(type) {
	case *v1beta1.ComponentDefinition:
		return typedDefinition{kind: definition.Component, object: "ComponentDefinition", status: &d.Status}
	case *v1beta1.TraitDefinition:
		return typedDefinition{kind: definition.Trait, object: "TraitDefinition", status: &d.Status}
	case *v1beta1.PolicyDefinition:
		return typedDefinition{kind: definition.Policy, object: "PolicyDefinition", status: &d.Status}
	case *v1beta1.WorkflowStepDefinition:
		return typedDefinition{kind: definition.WorkflowStep, object: "WorkflowStepDefinition", status: &d.Status}
	}
	return typedDefinition{status: &v1beta1.DefinitionStatus{}}
}
