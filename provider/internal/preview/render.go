// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Renderer renders applications with the embedded definitions. It is safe for
// concurrent use.
type Renderer struct {
	library  *definition.Library
	renderer *render.Renderer
	// given are the types that are not embedded.
	given map[typeName]bool
	own   derived
}

// New is a renderer. It compiles a definition when it is first used.
func New() *Renderer { return over(definition.Builtin()) }

func over(library *definition.Library) *Renderer {
	return &Renderer{library: library, renderer: render.New(library)}
}

// Library has the definitions that the renderer knows.
func (r *Renderer) Library() *definition.Library { return r.library }

var shared = sync.OnceValue(New)

// Shared is the renderer of this process: what was rendered for a plan is at
// hand for the apply that follows.
func Shared() *Renderer { return shared() }

// Renders is how often a component was rendered, not counting what was at hand.
func (r *Renderer) Renders() uint64 { return r.renderer.Renders() }

// Object is one object of an application in one environment.
type Object struct {
	// Environment that it is for; for a topology the name of its policy.
	Environment string
	// Component that it belongs to, and the type of that.
	Component, Type string
	// Content of the object.
	Content map[string]any
}

// Key names the object: environment/component/Kind/name.
func (o Object) Key() string {
	return strings.Join([]string{o.Environment, o.Component, textOf(o.Content["kind"]), textOf(get(o.Content, "metadata", "name"))}, "/")
}

// Objects are the objects of an application that is fully known, in the order of
// its environments and components. The error says at which path it cannot be rendered.
func (r *Renderer) Objects(a Application) ([]Object, error) {
	tree := a.tree()
	if found := unknown(tree, nil); len(found) > 0 {
		return nil, fmt.Errorf("%s: the value is not known yet", place(tree, found[0]))
	}
	return r.objects(tree)
}

// objects renders a tree that is fully known.
func (r *Renderer) objects(tree map[string]any) ([]Object, error) {
	var spec v1beta1.ApplicationSpec
	if err := recode(tree[specPart], &spec); err != nil {
		return nil, err
	}
	if fields := policy.NotRendered(spec); len(fields) > 0 {
		return nil, errors.New(strings.Join(fields, "; "))
	}
	components, err := policy.Components(spec)
	if err != nil {
		return nil, err
	}
	if err := r.prepare(components); err != nil {
		return nil, err
	}
	for _, p := range spec.Policies {
		if err := r.embedded(definition.Policy, p.Type, "policies."+cmp.Or(p.Name, p.Type)); err != nil {
			return nil, err
		}
	}
	policies, err := policy.Read(spec, r.library)
	if err != nil {
		return nil, err
	}
	uses, err := policies.Uses()
	if err != nil {
		return nil, err
	}
	all := collection{at: map[string]int{}}
	for _, use := range uses {
		if err := r.use(tree, components, use, &all); err != nil {
			return nil, err
		}
	}
	return all.objects(), nil
}

// prepare gives components the paths that users know, and refuses what cannot be
// rendered here: a type that is not embedded, and objects that only the hub has.
func (r *Renderer) prepare(components []render.Component) error {
	for i := range components {
		c := &components[i]
		c.Path = "components." + c.Name
		if render.Refers(*c) {
			return fmt.Errorf("%s: its objects are read from the hub when they are delivered", c.Path)
		}
		if err := r.embedded(definition.Component, c.Type, c.Path); err != nil {
			return err
		}
		for j, t := range c.Traits {
			c.Traits[j].Path = c.Path + ".traits." + t.Type
			if err := r.embedded(definition.Trait, t.Type, c.Traits[j].Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// embedded refuses a type that is not embedded, without the list of those that are.
func (r *Renderer) embedded(kind definition.Kind, name, at string) error {
	var missing *definition.UnknownTypeError
	if _, err := r.library.Lookup(kind, name); errors.As(err, &missing) {
		return fmt.Errorf("%s: the %s type %q is not built into the provider, and its definition is not given", at, kind, name)
	}
	return nil
}

// use renders the components that go to one environment.
func (r *Renderer) use(tree map[string]any, components []render.Component, use policy.EnvironmentUse, all *collection) error {
	environment := newEnvironment(tree, use)
	names := make([]string, len(components))
	for i, c := range components {
		names[i] = c.Name
	}
	name := textOf(tree[namePart])
	context := render.Context{
		AppName: name, AppNamespace: textOf(tree[namespacePart]), TargetNamespace: environment.target, Environment: environment.name,
		AppLabels: stringsOf(tree[labelsPart]), AppAnnotations: stringsOf(tree[annotationsPart]),
		AppRevision: name + "-v1", AppRevisionNum: 1, Components: names,
	}
	for _, used := range use.Components(components) {
		merged := policy.Merge(environment.under(used.Component), used.Overrides...)
		keys := used.ReplicaKeys
		if len(keys) == 0 {
			keys = []string{""}
		}
		var made []Object
		for _, key := range keys {
			context.ReplicaKey = key
			result, err := r.renderer.Render(context, merged)
			if err != nil {
				return err
			}
			for _, o := range result.Objects {
				made = append(made, Object{Environment: environment.name, Component: merged.Name, Type: merged.Type, Content: o.Content})
			}
		}
		all.add(environment.name+"/"+merged.Name, made, use.Step != "")
	}
	return nil
}

// collection are objects by component and environment. A later step of a
// workflow delivers over an earlier one; without steps the first counts.
type collection struct {
	at    map[string]int
	units [][]Object
}

func (c *collection) add(key string, made []Object, over bool) {
	at, again := c.at[key]
	if !again {
		c.at[key] = len(c.units)
		c.units = append(c.units, made)
		return
	}
	if over {
		c.units[at] = made
	}
}

func (c *collection) objects() []Object {
	var out []Object
	for _, unit := range c.units {
		out = append(out, unit...)
	}
	return out
}

// environment is what is known of one that an application goes to.
type environment struct {
	name     string
	target   string
	defaults map[string]any
}

func newEnvironment(tree map[string]any, use policy.EnvironmentUse) environment {
	if use.Topology != nil {
		return environment{name: cmp.Or(use.Policy, use.Step), target: use.Topology.Namespace}
	}
	e := environment{name: use.Environment}
	known, ok := get(tree, environmentsPart, use.Environment).(map[string]any)
	if !ok {
		return e
	}
	rule := stringsOf(known["target_namespace"])
	e.target = cmp.Or(rule["name"], rule["prefix"]+textOf(tree[namespacePart])+rule["suffix"])
	e.defaults, _ = known["defaults"].(map[string]any)
	return e
}

// under lays the environment's defaults under a component.
func (e environment) under(c render.Component) render.Component {
	defaults, ok := e.defaults[c.Type].(map[string]any)
	if !ok {
		return c
	}
	below := policy.ComponentOverride{Properties: objectOf(defaults["properties"]), Traits: traitsOf(defaults["traits"])}
	return policy.Under(policy.Merge(render.Component{Name: c.Name, Type: c.Type}, below), c)
}

func objectOf(v any) map[string]any {
	object, _ := v.(map[string]any)
	return object
}

// recode turns JSON values into a typed object.
func recode(from, into any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("write the application as JSON: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the application: %w", err)
	}
	return nil
}
