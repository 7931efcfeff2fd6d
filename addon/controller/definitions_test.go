// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	fcache "k8s.io/client-go/tools/cache/testing"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// ownType is a component type of a platform team, as an API server gives it out.
func ownType(namespace, name string) *v1beta1.ComponentDefinition {
	return &v1beta1.ComponentDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: 1},
		Spec: v1beta1.ComponentDefinitionSpec{
			Workload: v1beta1.WorkloadTypeDescriptor{Definition: v1beta1.WorkloadGVK{APIVersion: "v1", Kind: "ConfigMap"}},
			Schematic: &v1beta1.Schematic{CUE: &v1beta1.CUE{Template: fmt.Sprintf(`
output: {apiVersion: "v1", kind: "ConfigMap", data: {type: %q, text: parameter.text}}
parameter: text: string
`, name)}},
		},
	}
}

// definitionsOn reads a hub with objects.
func definitionsOn(t *testing.T, objects ...client.Object) (*definitionReader, client.Client) {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	hub := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return newDefinitionReader(hub, definition.NewEvaluator(16)), hub
}

// TestLibraryBuilds counts how often the library of a namespace is built.
func TestLibraryBuilds(t *testing.T) {
	edit := func(change func(*v1beta1.ComponentDefinition)) func(context.Context, client.Client) error {
		return func(ctx context.Context, hub client.Client) error {
			d := &v1beta1.ComponentDefinition{}
			if err := hub.Get(ctx, types.NamespacedName{Namespace: "shop", Name: "a"}, d); err != nil {
				return err
			}
			change(d)
			return hub.Update(ctx, d)
		}
	}
	tests := []struct {
		name, reason string
		change       func(context.Context, client.Client) error
		// builds are those that the change costs; read are the definitions that are read anew.
		builds int
		read   []string
	}{
		{"nothing", "The same definitions give the same library.", func(context.Context, client.Client) error { return nil }, 0, nil},
		{"template", "A changed definition is another one.", edit(func(d *v1beta1.ComponentDefinition) { d.Generation++ }), 1, []string{"a"}},
		{"condition", "What is said of a definition changes nothing of it.", edit(func(d *v1beta1.ComponentDefinition) {
			d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reasonUsable, LastTransitionTime: now}}
		}), 0, nil},
		{"revision", "The other controller says later which revision a definition is.", edit(func(d *v1beta1.ComponentDefinition) {
			d.Status.LatestRevision = &v1beta1.Revision{Name: "a-v2", Revision: 2, RevisionHash: "x"}
		}), 1, []string{"a"}},
		{"label", "A label can mark a type as deprecated.", edit(func(d *v1beta1.ComponentDefinition) {
			d.Labels = map[string]string{definition.LabelDeprecated: "true"}
		}), 1, []string{"a"}},
		{"annotation", "An annotation describes a type.", edit(func(d *v1beta1.ComponentDefinition) { d.Annotations = map[string]string{"x": "y"} }), 1, []string{"a"}},
		{"new", "A new type does not touch the others.", func(ctx context.Context, hub client.Client) error { return hub.Create(ctx, ownType("shop", "c")) }, 1, nil},
		{"gone", "A type that is gone does not touch the others.", func(ctx context.Context, hub client.Client) error {
			return hub.Delete(ctx, ownType("shop", "b"))
		}, 1, nil},
		{"recreated", "A new object of the name is another one.", func(ctx context.Context, hub client.Client) error {
			fresh := ownType("shop", "a")
			fresh.UID = "other"
			return errors.Join(hub.Delete(ctx, ownType("shop", "a")), hub.Create(ctx, fresh))
		}, 1, []string{"a"}},
		{"system", "Of the layers of an application only the one that changed is built.", func(ctx context.Context, hub client.Client) error {
			return hub.Create(ctx, ownType(v1alpha1.SystemNamespace, "d"))
		}, 1, nil},
		{"elsewhere", "Another namespace's types are none of this one's.", func(ctx context.Context, hub client.Client) error {
			return hub.Create(ctx, ownType("blog", "e"))
		}, 0, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reader, hub := definitionsOn(t, ownType("shop", "a"), ownType("shop", "b"), ownType(velaSystem, "s"))
			before := lookUp(t, reader, "shop", "a", "s")
			for range 5 {
				lookUp(t, reader, "shop", "a", "s")
			}
			if reader.builds != 2 {
				t.Errorf("%d builds of two layers that did not change", reader.builds)
			}
			if err := test.change(t.Context(), hub); err != nil {
				t.Fatal(err)
			}
			for _, namespace := range []string{"shop", "blog", v1alpha1.SystemNamespace} {
				reader.changed(namespace)
			}
			var read []string
			for range 5 {
				after := lookUp(t, reader, "shop", "a", "s")
				for name, d := range after {
					if d != before[name] {
						read = append(read, name)
					}
				}
				before = after
			}
			if builds := reader.builds - 2; builds != test.builds {
				t.Errorf("%d builds, want %d: %s", builds, test.builds, test.reason)
			}
			if diff := cmp.Diff(test.read, read); diff != "" {
				t.Errorf("read anew (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// lookUp finds component types in the library of a namespace.
func lookUp(t *testing.T, reader *definitionReader, namespace string, names ...string) map[string]*definition.Definition {
	t.Helper()
	library, err := reader.library(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*definition.Definition{}
	for _, name := range names {
		if found[name], err = library.Lookup(definition.Component, name); err != nil {
			t.Error(err)
		}
	}
	return found
}

// TestLibraryForgets checks that nothing stays of definitions that are gone.
func TestLibraryForgets(t *testing.T) {
	reader, hub := definitionsOn(t, ownType("shop", "a"), ownType("shop", "b"))
	lookUp(t, reader, "shop", "a", "b")
	for i, name := range []string{"a", "b"} {
		if err := hub.Delete(t.Context(), ownType("shop", name)); err != nil {
			t.Fatal(err)
		}
		if err := reader.forget(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		if left, want := len(reader.kept("shop").entries), 1-i; left != want {
			t.Errorf("%d definitions are kept without %s, want %d", left, name, want)
		}
	}
	reader.changed("shop")
	library, err := reader.library(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	var unknown *definition.UnknownTypeError
	if _, err := library.Lookup(definition.Component, "b"); !errors.As(err, &unknown) {
		t.Errorf("error %v for a type that is gone", err)
	}
}

// countingReader counts how often something is listed, and does something before.
type countingReader struct {
	client.Reader
	lists  int
	before func()
}

func (r *countingReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.lists++
	err := r.Reader.List(ctx, list, options...)
	r.before()
	return err
}

// TestLibraryLists checks that definitions are listed after changes alone, and
// again when a change was told of while they were listed.
func TestLibraryLists(t *testing.T) {
	reader, hub := definitionsOn(t, ownType("shop", "a"))
	counted := &countingReader{Reader: hub, before: func() {}}
	reader.reader = counted
	kinds := len(definitionKinds())
	lists := func(want int, reason string) {
		t.Helper()
		counted.lists = 0
		for range 5 {
			lookUp(t, reader, "shop", "a")
		}
		if counted.lists != want*kinds {
			t.Errorf("%d lists of %d kinds, want %d of each: %s", counted.lists, kinds, want, reason)
		}
	}
	lists(3, "each of the three layers is seen once")
	reader.changed("shop")
	lists(1, "one layer is looked at again")
	reader.changed("blog")
	lists(0, "the layer that changed is none of these")
	reader.changed("shop")
	told := false
	counted.before = func() {
		if !told {
			told = true
			reader.changed("shop")
		}
	}
	lists(2, "the first list may have been older than the change")
}

// TestLibraryIsBounded checks that namespaces which are used no more do not stay.
func TestLibraryIsBounded(t *testing.T) {
	var objects []client.Object
	for i := range 5 {
		objects = append(objects, ownType(fmt.Sprintf("team%d", i), "a"))
	}
	reader, _ := definitionsOn(t, append(objects, ownType(velaSystem, "s"))...)
	reader.layers = lru.New(4) // of which one is empty
	for i := range 5 {
		lookUp(t, reader, fmt.Sprintf("team%d", i), "a", "s")
	}
	if reader.layers.Len() != 4 || reader.builds != 6 {
		t.Errorf("%d layers are kept of 4, after %d builds, want 6", reader.layers.Len(), reader.builds)
	}
}

// TestLibraryIsShared lets many applications ask at once.
func TestLibraryIsShared(t *testing.T) {
	reader, _ := definitionsOn(t, ownType("shop", "a"), ownType(velaSystem, "s"))
	found := make([]map[string]*definition.Definition, 50)
	var group sync.WaitGroup
	for i := range found {
		group.Go(func() { found[i] = lookUp(t, reader, "shop", "a", "s") })
	}
	group.Wait()
	for _, other := range found[1:] {
		if other["a"] != found[0]["a"] || other["s"] != found[0]["s"] {
			t.Fatal("a definition was read twice")
		}
	}
	if reader.builds != 2 {
		t.Errorf("%d builds of two layers", reader.builds)
	}
}

// TestDefinitionIsShared checks that a definition is read once for its own
// condition and for all applications, and that one that the cache has no more is
// still judged.
func TestDefinitionIsShared(t *testing.T) {
	reader, hub := definitionsOn(t, ownType("shop", "a"))
	object := &v1beta1.ComponentDefinition{}
	if err := hub.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "a"}, object); err != nil {
		t.Fatal(err)
	}
	judged, err, refused := reader.definition(t.Context(), object)
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	if lookUp(t, reader, "shop", "a")["a"] != judged {
		t.Error("the definition was read twice")
	}
	object.Generation++
	later, err, refused := reader.definition(t.Context(), object)
	if err != nil || refused != nil || later == judged {
		t.Errorf("got the same definition, %v, %v, for another state", err, refused)
	}
}

// TestDefinitionChanged checks what wakes the applications of a definition.
func TestDefinitionChanged(t *testing.T) {
	tests := []struct {
		reason string
		change func(*v1beta1.ComponentDefinition)
		want   bool
	}{
		{"it defines something else", func(d *v1beta1.ComponentDefinition) { d.Generation++ }, true},
		{"it was deleted and made again", func(d *v1beta1.ComponentDefinition) { d.UID = "other" }, true},
		{"a label can mark a type as deprecated", func(d *v1beta1.ComponentDefinition) { d.Labels = map[string]string{"x": "y"} }, true},
		{"an application may wait for this revision", func(d *v1beta1.ComponentDefinition) { d.Status.LatestRevision = &v1beta1.Revision{Revision: 1} }, true},
		{"a condition changes nothing", func(d *v1beta1.ComponentDefinition) {
			d.ResourceVersion, d.Status.Conditions = "2", []metav1.Condition{{Type: v1alpha1.ConditionReady}}
		}, false},
	}
	for _, test := range tests {
		before, after := ownType("shop", "a"), ownType("shop", "a")
		test.change(after)
		if got := definitionChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.want {
			t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

// cacheOf is a manager's cache that is fed with definitions instead of by an API server.
func cacheOf(tb testing.TB, definitions ...*v1beta1.ComponentDefinition) cache.Cache {
	tb.Helper()
	scheme, err := NewScheme()
	if err != nil {
		tb.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"ComponentDefinition", "TraitDefinition", "PolicyDefinition", "WorkflowStepDefinition"} {
		mapper.Add(v1beta1.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	made, err := cache.New(&rest.Config{}, cache.Options{
		Scheme: scheme, Mapper: mapper, HTTPClient: http.DefaultClient,
		NewInformer: func(_ toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			source := fcache.NewFakeControllerSource()
			if _, ok := example.(*v1beta1.ComponentDefinition); ok {
				for _, d := range definitions {
					source.Add(d)
				}
			}
			return toolscache.NewSharedIndexInformer(source, example, resync, indexers)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	go func() {
		if err := made.Start(tb.Context()); err != nil {
			tb.Error(err)
		}
	}()
	if !made.WaitForCacheSync(tb.Context()) {
		tb.Fatal("the cache is not filled")
	}
	return made
}

// BenchmarkLibrary is what each look at an application costs for its types, with
// so many definitions of the platform team.
func BenchmarkLibrary(b *testing.B) {
	for _, n := range []int{0, 10, 200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var objects []*v1beta1.ComponentDefinition
			for i := range n {
				objects = append(objects, ownType(velaSystem, fmt.Sprintf("type%d", i)))
			}
			reader := newDefinitionReader(cacheOf(b, objects...), definition.NewEvaluator(16))
			look := func() {
				library, err := reader.library(b.Context(), "shop")
				if err == nil && n > 0 {
					_, err = library.Lookup(definition.Component, "type0")
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			look()
			b.ReportAllocs()
			for b.Loop() {
				look()
			}
		})
	}
}
