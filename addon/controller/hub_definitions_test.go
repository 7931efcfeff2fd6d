// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// gate is a runner that counts what it is asked, and keeps the descriptions of
// all types waiting but for those of one, until it is opened.
type gate struct {
	program.Runner
	first  string
	opened chan struct{}

	mutex     sync.Mutex
	described map[string]int
	run       map[string]int
}

func newGate(runner program.Runner, first string) *gate {
	return &gate{Runner: runner, first: first, opened: make(chan struct{}), described: map[string]int{}, run: map[string]int{}}
}

func (g *gate) count(counts map[string]int, source program.Source) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	counts[source.Name]++
}

func (g *gate) Describe(source program.Source) (*program.Description, error) {
	g.count(g.described, source)
	if !strings.HasPrefix(source.Name, g.first) {
		<-g.opened
	}
	return g.Runner.Describe(source)
}

func (g *gate) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	g.count(g.run, source)
	return g.Runner.Run(source, inputs, wanted)
}

// manyTypes are definitions of a platform team, all as long as a usual one is.
func manyTypes(t *testing.T, namespace string, n int) []client.Object {
	t.Helper()
	raw, err := os.ReadFile("../../examples/definitions/cache.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]client.Object, n)
	for i := range objects {
		d := &v1beta1.ComponentDefinition{}
		if err := yaml.UnmarshalStrict(raw, d); err != nil {
			t.Fatal(err)
		}
		d.Namespace, d.Name = namespace, fmt.Sprintf("cache%d", i)
		objects[i] = d
	}
	return objects
}

// testTypeComesAndGoes follows an application that asks for a revision of a type:
// the revision is told later, as the other controller of a shared hub does, and
// the definition is deleted, made again, and changed.
func testTypeComesAndGoes(t *testing.T, h *hub) {
	h.newTenant(t, "dated")
	app := appIn("dated", "store", v1beta1.ApplicationComponent{
		Name: "notes", Type: "note@v3", Properties: &runtime.RawExtension{Raw: []byte(`{"text":"hello"}`)},
	})
	h.create(t, app)
	h.stalled(t, app, "UnknownType")
	define := func() *v1beta1.ComponentDefinition {
		note := ownType("dated", "note")
		note.UID, note.Generation = "", 0
		h.create(t, note)
		h.usable(t, "dated", 1)
		return note
	}
	tell := func(note *v1beta1.ComponentDefinition) {
		h.waitFor(t, "the status of the definition", func(ctx context.Context) (string, error) {
			if err := h.Get(ctx, client.ObjectKeyFromObject(note), note); err != nil {
				return "", err
			}
			note.Status.LatestRevision = &v1beta1.Revision{Name: "note-v3", Revision: 3, RevisionHash: "3"}
			if err := h.Status().Update(ctx, note); err != nil {
				return err.Error(), nil
			}
			return "", nil
		})
	}
	note := define()
	h.stalled(t, app, "UnknownType")
	tell(note)
	h.running(t, app)
	h.remove(t, note)
	h.stalled(t, app, "UnknownType")
	tell(define())
	h.running(t, app)
	change(t, h, note, func(d *v1beta1.ComponentDefinition) {
		d.Spec.Schematic.CUE.Template = strings.Replace(d.Spec.Schematic.CUE.Template, "text: parameter.text", `text: parameter.text + "!"`, 1)
	})
	made := configMapIn("dated", "notes")
	h.waitFor(t, "what the changed type makes", func(ctx context.Context) (string, error) {
		made.Data = nil // which would be added to
		err := h.Get(ctx, client.ObjectKeyFromObject(made), made)
		return cmp.Diff(map[string]string{"type": "note", "text": "hello!"}, made.Data), err
	})
	h.remove(t, app)
	h.gone(t, app, made)
}

// testManyTypes starts a manager on a hub with many definitions of a platform
// team. An application must not wait for types that it does not use, and each
// source is looked at once.
func testManyTypes(t *testing.T, h *hub) {
	const n, used = 200, "cache150"
	h.newTenant(t, "many")
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.create(t, manyTypes(t, "many", n)...)
	app := appIn("many", "store", v1beta1.ApplicationComponent{Name: "sessions", Type: used})
	h.create(t, app)
	runner := newRunner(t)
	gated := newGate(runner, "component/"+used+"/")
	open := sync.OnceFunc(func() { close(gated.opened) })
	defer open() // else the manager never ends
	start := h.mark(t)
	h.startManagerWith(t, gated, runner.Close)
	h.running(t, app)
	open()
	h.usable(t, "many", n)
	h.settled(t, "many", start)

	statuses := slices.DeleteFunc(h.writesIn(t, start, "many"), func(w string) bool { return !strings.Contains(w, "componentdefinitions") })
	slices.Sort(statuses)
	want := make([]string, n)
	described := map[string]int{}
	for i := range n {
		want[i] = fmt.Sprintf("update componentdefinitions/status many/cache%d", i)
		for _, part := range []string{"template", "healthPolicy", "customStatus"} {
			described[fmt.Sprintf("component/cache%d/%s", i, part)] = 1
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("writes of the conditions of definitions (-want +got):\n%s", diff)
	}
	gated.mutex.Lock()
	defer gated.mutex.Unlock()
	// Definitions that other tests left are none of this one's.
	maps.DeleteFunc(gated.described, func(name string, _ int) bool { return !strings.HasPrefix(name, "component/cache") })
	if diff := cmp.Diff(described, gated.described); diff != "" {
		t.Errorf("how often each source was looked at (-want +got):\n%s", diff)
	}
	for _, name := range slices.Sorted(maps.Keys(gated.run)) {
		if strings.HasPrefix(name, "component/cache") && !strings.HasPrefix(name, gated.first) {
			t.Errorf("%s was run, which no application uses", name)
		}
	}
	if rendered := gated.run["component/"+used+"/template"]; rendered != 1 {
		t.Errorf("the template was run %d times for one application", rendered)
	}
}

// testManyTypesAgain starts a manager again where all has been said.
func testManyTypesAgain(t *testing.T, h *hub) {
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	start, looks := h.mark(t), passes(t, "component-definition")
	h.startManager(t)
	var all v1beta1.ComponentDefinitionList
	if err := h.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	h.waitFor(t, "a look at all definitions", func(context.Context) (string, error) {
		if got := int(passes(t, "component-definition") - looks); got < len(all.Items) {
			return fmt.Sprintf("%d looks at %d", got, len(all.Items)), nil
		}
		return "", nil
	})
	h.settled(t, "many", start)
	if diff := cmp.Diff([]string(nil), h.writesIn(t, start, "many")); diff != "" {
		t.Errorf("writes though nothing changed (-want +got):\n%s", diff)
	}
	app := &v1beta1.Application{}
	if err := h.Get(t.Context(), types.NamespacedName{Namespace: "many", Name: "store"}, app); err != nil {
		t.Fatal(err)
	}
	h.remove(t, app)
	h.gone(t, app)
}

// usable waits until it is said of all definitions of a namespace that they can be used.
func (h *hub) usable(t *testing.T, namespace string, n int) {
	t.Helper()
	h.waitFor(t, "the conditions of definitions", func(ctx context.Context) (string, error) {
		var all v1beta1.ComponentDefinitionList
		if err := h.List(ctx, &all, client.InNamespace(namespace)); err != nil {
			return err.Error(), nil
		}
		ready := 0
		for i := range all.Items {
			if meta.IsStatusConditionTrue(all.Items[i].Status.Conditions, v1alpha1.ConditionReady) {
				ready++
			}
		}
		if ready == n {
			return "", nil
		}
		return fmt.Sprintf("%d of %d are ready", ready, n), nil
	})
}
