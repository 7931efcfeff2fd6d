// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

var owner = Owner{Namespace: "shop", Name: "store", UID: "u1"}

// noneAway says that every cluster reports.
func noneAway(string) bool { return false }

// web is a component that renders.
func web(name string) render.Component {
	return render.Component{Name: name, Type: "webservice", Properties: map[string]any{"image": "nginx:1"}, Path: "spec.components[0]"}
}

func request(uses ...policy.EnvironmentUse) Request {
	return Request{Owner: owner, Source: shop, Uses: uses, Components: []render.Component{web("web")}, Revision: "store-v1"}
}

func use(environment string) policy.EnvironmentUse {
	return policy.EnvironmentUse{Environment: environment, Path: "spec.policies[0]"}
}

func planOf(t *testing.T, world World, request Request, away func(string) bool) *Plan {
	t.Helper()
	plan, err := MakePlan(world, render.New(definition.Builtin()), request, away)
	if err != nil {
		t.Fatalf("make a plan: %v", err)
	}
	return plan
}

// unitNames are the units of a plan in their order.
func unitNames(plan *Plan) []string {
	var names []string
	for _, unit := range plan.Units {
		names = append(names, fmt.Sprintf("%s/%s/%s/%s", unit.Place.Environment, unit.Place.Cluster, unit.Place.Namespace, unit.Component))
	}
	return names
}

func problemTexts(problems []Problem) []string {
	var texts []string
	for _, problem := range problems {
		text := problem.Reason + ": " + problem.Message
		if problem.Waiting {
			text = "waiting: " + text
		}
		texts = append(texts, text)
	}
	return texts
}

// recordIn is a record of the owner's component web.
func recordIn(environment, cluster, namespace string) Record {
	return Record{Owner: owner, Component: "web", Place: Place{Environment: environment, Cluster: cluster, Namespace: namespace}}
}

// ofAPI is a record of a component that the application has no longer.
func ofAPI(cluster string) Record {
	return Record{Owner: owner, Component: "api", Place: Place{Environment: "prod", Cluster: cluster, Namespace: "shop"}}
}

// objectOn is a record of one object of component web.
func objectOn(cluster, object string) Record {
	record := recordIn("prod", cluster, "shop")
	record.Object = object
	return record
}

// TestHeld checks that a plan tells of what it leaves as it is, once for each copy of a
// component, whatever names the environment twice.
func TestHeld(t *testing.T) {
	world := worldOf(changed(environment("prod", "c2", "c1", "local"), func(e *Environment) {
		e.Bindings = append(e.Bindings, undecided(Binding{Name: "z", Overrides: []v1alpha1.ClusterOverride{{Properties: raw(`{"cpu":"1"}`)}}}))
	}))
	var texts []string
	for _, held := range planOf(t, world, request(use("prod"), use("prod")), noneAway).Held {
		texts = append(texts, fmt.Sprintf("%s: %s: %s", held.Unit.Place, held.Unit.Component, held.Observe.Message))
		if held.Observe.State != Waiting || held.Healthy() || held.Unit.Result == nil {
			t.Errorf("%+v: want it waiting", held)
		}
	}
	const why = "z waits; its overrides may be for this cluster, where nothing is changed until then"
	if diff := cmp.Diff([]string{"environment prod, cluster c1: web: " + why, "environment prod, cluster c2: web: " + why}, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// undecided is a binding of which it is not known now for which clusters it stands.
func undecided(binding Binding) Binding {
	binding.Unresolved, binding.Problems = true, []Problem{{Reason: ReasonPlacementPending, Message: binding.Name + " waits", Waiting: true}}
	return binding
}

func TestMakePlan(t *testing.T) {
	awayC1 := func(cluster string) bool { return cluster == "c1" }
	override := []v1alpha1.ClusterOverride{{Component: "web", Properties: raw(`{"cpu":"1"}`)}}
	tests := []struct {
		name, reason string
		world        World
		request      Request
		away         func(string) bool
		units        []string
		problems     []string
		// wants and drops are records that stay and go.
		wants, drops []Record
	}{
		{
			name: "two environments", reason: "units go by environment as asked for, then cluster", request: request(use("prod"), use("dev")),
			world: worldOf(environment("dev", "local"), environment("prod", "c2", "c1")),
			units: []string{"prod/c1/shop/web", "prod/c2/shop/web", "dev/local/shop/web"},
			wants: []Record{recordIn("prod", "c1", "shop"), recordIn("dev", "local", "shop")},
			drops: []Record{
				recordIn("prod", "c3", "shop"), recordIn("prod", "c1", "other"), recordIn("test", "c1", "shop"),
				{Owner: owner, Component: "api", Place: Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}},
			},
		},
		{
			name: "unknown environment", reason: "nothing is concluded from an environment that is not there", request: request(use("prdo")),
			world:    worldOf(environment("dev", "local"), environment("prod", "c1")),
			problems: []string{`EnvironmentNotFound: spec.policies[0].properties.environment: environment "prdo" does not exist; there are: dev, prod`},
			wants:    []Record{recordIn("prdo", "c1", "shop")}, drops: []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "no environment at all", reason: "the list says so", request: request(use("prod")),
			problems: []string{`EnvironmentNotFound: spec.policies[0].properties.environment: environment "prod" does not exist; there are: (none)`},
		},
		{
			name: "default environment", reason: "no policy is to blame for it", request: request(policy.EnvironmentUse{Environment: "default", Path: "spec.policies"}),
			world:    worldOf(environment("dev", "local")),
			problems: []string{`EnvironmentNotFound: spec.policies (none names an environment): environment "default" does not exist; there are: dev`},
		},
		{
			name: "not admitted", reason: "the message lists those that would admit it", request: request(use("prod")),
			world: worldOf(environment("dev", "local"), changed(environment("prod", "c1"), func(e *Environment) { e.Spec.ApplicationNamespaces = nil }),
				changed(environment("old", "c1"), func(e *Environment) { e.Deleting = true })),
			problems: []string{`NamespaceNotAdmitted: spec.policies[0].properties.environment: environment "prod" does not admit namespace "shop": ask the platform team to add it to spec.applicationNamespaces, or use one of: dev`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "deleting", reason: "an environment on its way out is emptied", request: request(use("prod")),
			world:    worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Deleting = true })),
			problems: []string{`waiting: EnvironmentDeleting: spec.policies[0].properties.environment: environment "prod" is being deleted; what was delivered there is removed`},
			drops:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "not implemented", reason: "what protects an environment is not passed over", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Spec.After = []string{"dev"} })),
			problems: []string{
				`NotImplemented: environment "prod" uses spec.after, which this version does not implement: nothing is delivered there until it is removed`,
			},
			wants: []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "target reserved", reason: "what is there already is left alone", request: request(use("prod")),
			world:    worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "kube-system"} })),
			problems: []string{`ReservedNamespace: environment "prod": spec.targetNamespace makes "kube-system" for namespace "shop", which is reserved (kube-*, fairlead-system, vela-system, open-cluster-management*): choose another`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "unresolved", reason: "while a placement is undecided the known places are served and the others kept", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "c1"), func(e *Environment) {
				e.Bindings = append(e.Bindings, Binding{Name: "z", Unresolved: true, Problems: []Problem{{Reason: ReasonPlacementPending, Message: "wait", Waiting: true}}})
			})),
			units: []string{"prod/c1/shop/web"}, problems: []string{"waiting: PlacementPending: wait"},
			wants: []Record{recordIn("prod", "c1", "shop"), recordIn("prod", "c2", "shop"), ofAPI("c2")}, drops: []Record{ofAPI("c1")},
		},
		{
			name: "misspelt", reason: "a name that is not found changes nothing for the others", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "local", "c1"), func(e *Environment) {
				e.Bindings[0].Unresolved, e.Bindings[0].Problems = true, []Problem{{Reason: ReasonClusterNotFound, Message: "no ghost"}}
				e.Bindings[0].Overrides = []v1alpha1.ClusterOverride{{Properties: raw(`{"cpu":"1"}`)}}
			})),
			units: []string{"prod/c1/shop/web", "prod/local/shop/web"}, problems: []string{"ClusterNotFound: no ghost"},
			wants: []Record{
				recordIn("prod", "c1", "shop"), recordIn("prod", "c2", "shop"), ofAPI("c2"), objectOn("local", "Deployment.apps shop/web"), objectOn("c2", "Service shop/web"),
			},
			drops: []Record{ofAPI("c1"), ofAPI("local"), objectOn("local", "Service shop/web"), recordIn("prod", "c1", "other")},
		},
		{
			name: "undecided overrides", reason: "what they may be for stays as it is; no placement chooses the hub", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "c2", "c1", "local"), func(e *Environment) {
				e.Bindings = append(e.Bindings, undecided(Binding{Name: "z", Overrides: override}))
			})),
			units:    []string{"prod/local/shop/web"},
			problems: []string{"waiting: PlacementPending: z waits; its overrides may be for c1, c2 of other bindings, where nothing is changed until then"},
			wants:    []Record{recordIn("prod", "c1", "shop"), objectOn("c1", "Service shop/web"), ofAPI("c1"), ofAPI("c3"), recordIn("prod", "local", "shop")},
		},
		{
			name: "undecided overrides of a topology", reason: "the cluster that it names may get them", request: request(onClusters("c1")),
			world: worldOf(changed(environment("prod", "c2", "c1"), func(e *Environment) {
				e.Bindings = append(e.Bindings, undecided(Binding{Name: "z", Overrides: override}))
			})),
			problems: []string{"waiting: PlacementPending: z waits; its overrides may be for c1, c2 of other bindings, where nothing is changed until then"},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "overrides of what is named", reason: "they are for the clusters that it names and no others", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "c1", "c2"), func(e *Environment) {
				e.Bindings = append(e.Bindings, undecided(Binding{Name: "z", Clusters: []string{"c3"}, Named: []string{"c2", "c3", "ghost"}, Overrides: override}))
			})),
			units:    []string{"prod/c1/shop/web", "prod/c3/shop/web"},
			problems: []string{"waiting: PlacementPending: z waits; its overrides may be for c2 of other bindings, where nothing is changed until then"},
			wants:    []Record{ofAPI("c1"), ofAPI("c2"), ofAPI("c4"), recordIn("prod", "c2", "shop")}, drops: []Record{ofAPI("c3")},
		},
		{
			name: "no cluster", reason: "an environment without clusters waits, and is emptied", request: request(use("prod")), world: worldOf(environment("prod")),
			problems: []string{`waiting: NoClusterBound: environment "prod" has no cluster yet: waiting for a ClusterBinding with spec.environment "prod"`},
			drops:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "nothing selected", reason: "a selector that matches nothing any more empties no cluster", request: request(use("prod")),
			world:    worldOf(changed(environment("prod"), func(e *Environment) { e.Bindings = []Binding{{Name: "b"}} })),
			problems: []string{`waiting: NoClusterBound: environment "prod": ClusterBinding b selects no cluster now: check its selectors against the labels of the ManagedClusters; what was delivered stays`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "cluster not found", reason: "the binding's problem says more than that there is no cluster", request: request(use("prod")),
			world: worldOf(changed(environment("prod"), func(e *Environment) {
				e.Bindings = []Binding{{Name: "b", Problems: []Problem{{Reason: ReasonClusterNotFound, Message: "no c9"}}}}
			})),
			problems: []string{"ClusterNotFound: no c9"},
		},
		{
			name: "two bindings", reason: "a cluster in two bindings is one place", request: request(use("prod")),
			world: worldOf(changed(environment("prod", "c2", "c1"), func(e *Environment) {
				e.Bindings = append(e.Bindings, Binding{Name: "z", Clusters: []string{"c3", "c2"}})
			})),
			units: []string{"prod/c1/shop/web", "prod/c2/shop/web", "prod/c3/shop/web"},
		},
		{
			name: "away", reason: "lost contact must not empty a cluster that left the environment", request: request(use("prod")), away: awayC1,
			world: worldOf(environment("prod", "c2")), units: []string{"prod/c2/shop/web"},
			wants: []Record{recordIn("prod", "c1", "shop"), recordIn("prod", "c2", "shop")},
			drops: []Record{recordIn("prod", "c3", "shop")},
		},
		{
			name: "away and no longer asked for", reason: "the team removed the environment itself", request: request(use("dev")), away: awayC1,
			world: worldOf(environment("dev", "local"), environment("prod", "c1")), units: []string{"dev/local/shop/web"},
			drops: []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "selector", reason: "only the selected components go there", world: worldOf(environment("prod", "c1")),
			request: func() Request {
				r := request(use("prod"))
				r.Components = append(r.Components, web("api"))
				r.Uses[0].Selector = []string{"api"}
				return r
			}(),
			units: []string{"prod/c1/shop/api"}, drops: []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "role conflict", reason: "two environments disagree on the rights in one namespace; neither is emptied", request: request(use("a"), use("b")),
			world: worldOf(environment("a", "c1"), changed(environment("b", "c1"), func(e *Environment) { e.Spec.Permissions = "big" })),
			problems: []string{
				differ("spec.permissions"),
				differ("spec.permissions"),
			},
			wants: []Record{recordIn("a", "c1", "shop"), recordIn("b", "c1", "shop")},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			away := test.away
			if away == nil {
				away = noneAway
			}
			plan := planOf(t, test.world, test.request, away)
			if diff := cmp.Diff(test.units, unitNames(plan)); diff != "" {
				t.Errorf("units (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.problems, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
			for _, unit := range plan.Units {
				if _, ok := plan.Tenants[TenantKey{Cluster: unit.Place.Cluster, Namespace: unit.Place.Namespace}]; !ok {
					t.Errorf("%s has no tenant", unit.Place)
				}
			}
			for _, record := range test.wants {
				if !plan.Wants(record) {
					t.Errorf("%+v is not wanted, though %s", record.Place, test.reason)
				}
			}
			for _, record := range test.drops {
				if plan.Wants(record) {
					t.Errorf("%s of %+v is wanted, though %s", record.Component, record.Place, test.reason)
				}
			}
		})
	}
}

// TestEnumerateEnvironments checks that a hub with many environments does not
// make an endless message.
func TestEnumerateEnvironments(t *testing.T) {
	world := World{}
	for i := range 13 {
		name := fmt.Sprintf("e%02d", i)
		world[name] = environment(name, "c1")
	}
	want := []string{`EnvironmentNotFound: spec.policies[0].properties.environment: environment "x" does not exist; there are: e00, e01, e02, e03, e04, e05, e06, e07, e08, e09 and 3 more`}
	if diff := cmp.Diff(want, problemTexts(planOf(t, world, request(use("x")), noneAway).Problems)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDroppedObjectIsNotWanted checks that an object which a component no
// longer has is removed, though the component stays.
func TestDroppedObjectIsNotWanted(t *testing.T) {
	plan := planOf(t, worldOf(environment("dev", "local")), request(use("dev")), noneAway)
	record := recordIn("dev", "local", "shop")
	tests := []struct {
		object, reason string
		want           bool
	}{
		{"", "it stands for the whole unit", true},
		{"Deployment.apps shop/web", "the component has it", true},
		{"Service shop/web", "the component exposes no port any more", false},
		{"Deployment.apps shop/web2", "it has another name", false},
	}
	for _, test := range tests {
		record.Object = test.object
		if got := plan.Wants(record); got != test.want {
			t.Errorf("object %q: got %t, want %t: %s", test.object, got, test.want, test.reason)
		}
	}
}

func TestRemovalPlanWantsNothing(t *testing.T) {
	if RemovalPlan(owner).Wants(recordIn("prod", "c1", "shop")) {
		t.Error("the plan of an application that goes away wants a record")
	}
}

// bindingTo gives clusters to an environment.
func bindingTo(clusters ...string) Binding { return Binding{Name: "b", Clusters: clusters} }

// releasing is an environment of which a binding is being deleted; others stay.
func releasing(env *Environment, others ...Binding) *Environment {
	return changed(env, func(e *Environment) { e.Bindings, e.Releasing = others, true })
}

// TestGivenUp checks that no problem of an application holds the deletion of an
// environment or a binding, and that nothing else goes with it.
func TestGivenUp(t *testing.T) {
	broken := func(env *Environment) *Environment {
		return changed(env, func(e *Environment) {
			e.Spec.Constraints = &v1alpha1.Constraints{DeniedKinds: []string{"Deployment.apps"}}
		})
	}
	patient := func(env *Environment) *Environment {
		return changed(env, func(e *Environment) { e.Spec.Deletion = &v1alpha1.DeletionPolicy{Unreachable: orphan} })
	}
	// moved is an environment whose placement chose another cluster, and of which a binding is deleted that gave others.
	moved := func(env *Environment, released ...string) *Environment {
		return changed(releasing(env, Binding{Name: "b", Clusters: []string{"c2"}, SurgeFirst: true}), func(e *Environment) { e.Released = released })
	}
	c1 := recordIn("prod", "c1", "shop")
	away := func(cluster string) bool { return cluster == "c1" }
	tests := []struct {
		name, reason string
		env          *Environment
		// uses of an application that can be rendered; none for one that cannot.
		uses   []policy.EnvironmentUse
		away   func(string) bool
		record Record
		want   bool
	}{
		{"environment", "it waits for what the application has there", deleting(environment("prod", "c1")), nil, noneAway, c1, false},
		{"other environment", "nothing is concluded from what cannot be rendered", deleting(environment("dev", "c1")), nil, noneAway, c1, true},
		{"nothing goes", "nothing is concluded from what cannot be rendered", environment("prod", "c2"), nil, noneAway, c1, true},
		{"binding", "it waits for what the application has through it", releasing(environment("prod")), nil, noneAway, c1, false},
		{"other cluster", "another binding gives it", releasing(environment("prod"), bindingTo("c1")), nil, noneAway, c1, true},
		{"binding beside others", "none of them gives the cluster", releasing(environment("prod"), bindingTo("c2")), nil, noneAway, c1, false},
		{"unresolved", "another binding may give the cluster", releasing(environment("prod"), Binding{Name: "b", Clusters: []string{"c2"}, Unresolved: true}), nil, noneAway, c1, true},
		{"nothing selected", "a selector that matches nothing any more empties no cluster", releasing(environment("prod"), bindingTo()), nil, noneAway, c1, true},
		{"away", "lost contact must not empty a cluster", releasing(environment("prod"), bindingTo("c2")), nil, away, c1, true},
		{"away and not waited for", "the environment does not wait", patient(releasing(environment("prod"), bindingTo("c2"))), nil, away, c1, false},
		{"left by a placement", "the deleted binding did not give it, and nothing has replaced it", moved(environment("prod"), "c3"), nil, noneAway, c1, true},
		{"given beside a placement", "the deleted binding gave it", moved(environment("prod"), "c3", "c1"), nil, noneAway, c1, false},
		{"chosen by a placement", "it stays bound", moved(environment("prod"), "c2"), nil, noneAway, recordIn("prod", "c2", "shop"), true},
		{"not known what it gave", "it may have given another", moved(environment("prod")), nil, noneAway, c1, true},
		{"left by a placement, with a constraint", "nothing was delivered where it is replaced", broken(moved(environment("prod"), "c3")), []policy.EnvironmentUse{use("prod")}, noneAway, c1, true},
		{"given, with a constraint", "the deleted binding gave it", broken(moved(environment("prod"), "c1")), []policy.EnvironmentUse{use("prod")}, noneAway, c1, false},
		{"constraint", "whoever breaks it does not hold the binding", broken(releasing(environment("prod"), bindingTo("c2"))), []policy.EnvironmentUse{use("prod")}, noneAway, c1, false},
		{"constraint elsewhere", "what breaks it stays", broken(releasing(environment("prod"), bindingTo("c1"))), []policy.EnvironmentUse{use("prod")}, noneAway, c1, true},
		{"not admitted", "its namespace was put out of the environment", closed(releasing(environment("prod"))), []policy.EnvironmentUse{use("prod")}, noneAway, c1, false},
		{"topology", "the cluster that it names is out of reach", releasing(environment("prod")), []policy.EnvironmentUse{onClusters("c1")}, noneAway, c1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan := KeepingPlan(worldOf(test.env), owner, test.away)
			if test.uses != nil {
				plan = planOf(t, worldOf(test.env), request(test.uses...), test.away)
			}
			if got := plan.Wants(test.record); got != test.want {
				t.Errorf("wanted: got %t, want %t, since %s", got, test.want, test.reason)
			}
			// What a policy keeps for as long as the application stays would hold it else.
			if got := plan.removeOptions(test.record).Final; got == test.want {
				t.Errorf("final: got %t, want %t, since %s", got, !test.want, test.reason)
			}
		})
	}
}

func raw(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

// merged is what a component came to in a place.
type merged struct {
	Properties map[string]any
	Traits     []render.Trait
	Path       string
}

func TestMergeLayers(t *testing.T) {
	defaults := func(properties string, traits ...v1alpha1.TraitPatch) []v1alpha1.ComponentDefaults {
		return []v1alpha1.ComponentDefaults{{Type: "worker", Properties: raw(`{"image":"wrong"}`)}, {Type: "webservice", Properties: raw(properties), Traits: traits}}
	}
	tests := []struct {
		name, reason string
		defaults     []v1alpha1.ComponentDefaults
		traits       []render.Trait
		overrides    []policy.ComponentOverride
		binding      []v1alpha1.ClusterOverride
		want         merged
	}{
		{name: "plain", reason: "without layers it stays as it is", want: merged{Properties: map[string]any{"image": "nginx:1"}, Path: "spec.components[0]"}},
		{
			name: "order", reason: "defaults, component, application, binding: the later wins, and what none of the later has stays",
			defaults:  defaults(`{"image":"default","cpu":"1","memory":"1","exposeType":"d","labels":{"d":"1","all":"d"}}`),
			overrides: []policy.ComponentOverride{{Properties: map[string]any{"memory": "2", "exposeType": "a", "labels": map[string]any{"a": "1", "all": "a"}}}},
			binding:   []v1alpha1.ClusterOverride{{Properties: raw(`{"exposeType":"b","labels":{"b":"1","all":"b"}}`)}},
			want: merged{Path: "spec.components[0]", Properties: map[string]any{
				"image": "nginx:1", "cpu": "1", "memory": "2", "exposeType": "b",
				"labels": map[string]any{"d": "1", "a": "1", "b": "1", "all": "b"},
			}},
		},
		{
			name: "matching", reason: "an override for another component, type or application has no effect; a glob that is none matches nothing",
			overrides: []policy.ComponentOverride{
				{Component: "api", Properties: map[string]any{"x": "1"}}, {Type: "worker", Properties: map[string]any{"x": "2"}},
				{Component: "web", Type: "webservice", Properties: map[string]any{"a": "yes"}},
			},
			binding: []v1alpha1.ClusterOverride{
				{Application: "blog*", Properties: raw(`{"x":"3"}`)}, {Component: "api", Properties: raw(`{"x":"4"}`)},
				{ComponentType: "worker", Properties: raw(`{"x":"5"}`)}, {Application: "[", Properties: raw(`{"x":"6"}`)},
				{Application: "st?r*", ComponentType: "webservice", Component: "web", Properties: raw(`{"b":"yes"}`)},
			},
			want: merged{Properties: map[string]any{"image": "nginx:1", "a": "yes", "b": "yes"}, Path: "spec.components[0]"},
		},
		{
			name: "integers", reason: "numbers of a binding are integers, as the component's are", binding: []v1alpha1.ClusterOverride{{Properties: raw(`{"port":80}`)}},
			want: merged{Properties: map[string]any{"image": "nginx:1", "port": int64(80)}, Path: "spec.components[0]"},
		},
		{
			name: "traits", reason: "a trait of the defaults lies under the component's of its type; those that only the defaults have come first",
			defaults: defaults(`{}`, v1alpha1.TraitPatch{Type: "scaler", Properties: raw(`{"replicas":3,"min":1}`)}, v1alpha1.TraitPatch{Type: "labels", Properties: raw(`{"a":"b"}`)}),
			traits:   []render.Trait{{Type: "scaler", Properties: map[string]any{"replicas": int64(5)}, Path: "spec.components[0].traits[0]"}},
			want: merged{Path: "spec.components[0]", Properties: map[string]any{"image": "nginx:1"}, Traits: []render.Trait{
				{Type: "labels", Properties: map[string]any{"a": "b"}},
				{Type: "scaler", Properties: map[string]any{"replicas": int64(5), "min": int64(1)}, Path: "spec.components[0].traits[0]"},
			}},
		},
		{
			name: "two traits of a type", reason: "defaults do not fold two traits of one type into one",
			defaults: defaults(`{}`, v1alpha1.TraitPatch{Type: "gateway", Properties: raw(`{"class":"nginx"}`)}),
			traits:   []render.Trait{{Type: "gateway", Properties: map[string]any{"domain": "a"}}, {Type: "gateway", Properties: map[string]any{"domain": "b"}}},
			want: merged{Path: "spec.components[0]", Properties: map[string]any{"image": "nginx:1"}, Traits: []render.Trait{
				{Type: "gateway", Properties: map[string]any{"class": "nginx", "domain": "a"}},
				{Type: "gateway", Properties: map[string]any{"class": "nginx", "domain": "b"}},
			}},
		},
		{
			name: "disabled", reason: "a later layer removes a trait of an earlier",
			defaults:  defaults(`{}`, v1alpha1.TraitPatch{Type: "scaler", Properties: raw(`{"replicas":3}`)}, v1alpha1.TraitPatch{Type: "labels"}),
			overrides: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "labels", Disable: true}}}},
			binding:   []v1alpha1.ClusterOverride{{Traits: []v1alpha1.TraitPatch{{Type: "scaler", Disable: true}}}},
			want:      merged{Properties: map[string]any{"image": "nginx:1"}, Path: "spec.components[0]"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := &Environment{Name: "prod", Spec: v1alpha1.EnvironmentSpec{Defaults: test.defaults}}
			component := web("web")
			component.Traits = test.traits
			got, err := mergeLayers(env, policy.UsedComponent{Component: component, Overrides: test.overrides}, "store", boundOverrides(Binding{Name: "b", Overrides: test.binding}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, merged{got.component.Properties, got.component.Traits, got.component.Path}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(web("web").Properties, component.Properties); diff != "" {
				t.Errorf("the component itself changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeLayersRefuses(t *testing.T) {
	tests := []struct {
		name, reason string
		spec         v1alpha1.EnvironmentSpec
		binding      []v1alpha1.ClusterOverride
		want         string
	}{
		{
			name: "defaults", reason: "a list is no set of properties", spec: v1alpha1.EnvironmentSpec{Defaults: []v1alpha1.ComponentDefaults{{Type: "webservice", Properties: raw(`[]`)}}},
			want: `environment "prod" (spec.defaults[0]): properties: want an object: json: cannot unmarshal array into Go value of type map[string]interface {}`,
		},
		{
			name: "trait of a binding", reason: "the trait is named", binding: []v1alpha1.ClusterOverride{{}, {Traits: []v1alpha1.TraitPatch{{Type: "scaler", Properties: raw(`"x"`)}}}},
			want: `ClusterBinding "b" (spec.overrides[1]): traits, type "scaler": properties: want an object: json: cannot unmarshal string into Go value of type map[string]interface {}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := mergeLayers(&Environment{Name: "prod", Spec: test.spec}, policy.UsedComponent{Component: web("web")}, "store", boundOverrides(Binding{Name: "b", Overrides: test.binding}))
			if diff := cmp.Diff(test.want, textOf(err)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestOverridesReachTheirClusters checks that an override applies on the
// clusters of its own binding, and that a cluster of two gets both in their order.
func TestOverridesReachTheirClusters(t *testing.T) {
	override := func(text string) []v1alpha1.ClusterOverride {
		return []v1alpha1.ClusterOverride{{Properties: raw(text)}}
	}
	env := environment("prod")
	env.Bindings = []Binding{
		{Name: "a", Clusters: []string{"c1", "c2"}, Overrides: override(`{"cpu":"1","memory":"1Mi"}`)},
		{Name: "b", Clusters: []string{"c2", "c3"}, Overrides: override(`{"cpu":"2"}`)},
	}
	got := map[string]map[string]any{}
	for _, unit := range planOf(t, worldOf(env), request(use("prod")), noneAway).Units {
		got[unit.Place.Cluster] = unit.Result.Component.Properties
	}
	want := map[string]map[string]any{
		"c1": {"image": "nginx:1", "cpu": "1", "memory": "1Mi"},
		"c2": {"image": "nginx:1", "cpu": "2", "memory": "1Mi"},
		"c3": {"image": "nginx:1", "cpu": "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnrenderableComponent checks that a component which cannot be rendered
// keeps the whole application from being planned, with place, path and reason.
func TestUnrenderableComponent(t *testing.T) {
	req := request(use("prod"))
	req.Components = append(req.Components, render.Component{Name: "api", Type: "webservice", Path: "spec.components[1]"})
	_, err := MakePlan(worldOf(environment("prod", "c1")), render.New(definition.Builtin()), req, noneAway)
	var failure *RenderError
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a RenderError", err)
	}
	got := []string{failure.Component, failure.Place.String(), reasonOf(failure)}
	if diff := cmp.Diff([]string{"api", "environment prod, cluster c1", "InvalidProperties"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnrenderableEnvironment checks that an environment for which an application
// cannot be rendered keeps what it has, and that the others go on.
func TestUnrenderableEnvironment(t *testing.T) {
	defaults := func(env *Environment) *Environment {
		return changed(env, func(e *Environment) {
			e.Spec.Defaults = []v1alpha1.ComponentDefaults{{Type: "webservice", Properties: raw(`{"ports":"x"}`)}}
		})
	}
	override := func(env *Environment) *Environment {
		return changed(env, func(e *Environment) {
			e.Bindings = append(e.Bindings, Binding{Name: "z", Clusters: []string{"c2"}, Overrides: []v1alpha1.ClusterOverride{{Properties: raw(`[]`)}}})
		})
	}
	const ofDefaults = "InvalidParameters: environment prod, cluster c1: spec.components[0].properties.ports: " +
		`a string was given where the component type "webservice" takes a list; write a list, such as [...]`
	const ofOverride = `RenderFailed: environment prod, cluster c2: component "web": ClusterBinding "z" (spec.overrides[0]): properties: ` +
		"want an object: json: cannot unmarshal array into Go value of type map[string]interface {}"
	devAPI := ofAPI("local")
	devAPI.Place.Environment = "dev"
	tests := []struct {
		name, reason string
		prod         *Environment
		problem      string
	}{
		{"defaults", "the environment breaks it", defaults(environment("prod", "c1")), ofDefaults},
		{"override", "a binding breaks it on one cluster, and a revision is not delivered by halves", override(environment("prod", "c1")), ofOverride},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan := planOf(t, worldOf(environment("dev", "local"), test.prod), request(use("prod"), use("dev")), noneAway)
			if diff := cmp.Diff([]string{"dev/local/shop/web"}, unitNames(plan)); diff != "" {
				t.Errorf("units (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff([]string{test.problem}, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
			for record, want := range map[Record]bool{
				recordIn("prod", "c1", "shop"): true, ofAPI("c2"): true, recordIn("prod", "c9", "old"): true, devAPI: false, recordIn("test", "c1", "shop"): false,
			} {
				if got := plan.Wants(record); got != want {
					t.Errorf("%v is wanted: got %t, want %t", record, got, want)
				}
			}
			if len(plan.Tenants) != 1 || !plan.uncertain() {
				t.Errorf("tenants %v, uncertain %t: want only that of dev, and none released", plan.Tenants, plan.uncertain())
			}
			req := request(use("prod"), use("dev"))
			req.Passing = func(error) bool { return true }
			if _, err := MakePlan(worldOf(environment("dev", "local"), test.prod), render.New(definition.Builtin()), req, noneAway); err == nil {
				t.Error("an error that passes makes a plan")
			}
		})
	}
}

// reasonOf is the renderer's reason of an error.
func reasonOf(err error) string {
	var failure *render.Error
	if !errors.As(err, &failure) {
		return ""
	}
	return failure.Reason
}

// TestIdentityAnnotations checks that an application gains nothing by annotations
// that name somebody: another controller acts as who they name.
func TestIdentityAnnotations(t *testing.T) {
	world := worldOf(environment("prod", "local", "c1"), changed(environment("theirs", "c1"), func(e *Environment) { e.Spec.ApplicationNamespaces.Names = []string{"blog"} }))
	plain := request(use("prod"), use("theirs"))
	named := plain
	named.Annotations = map[string]string{
		"app.oam.dev/username": "system:admin", "app.oam.dev/group": "system:masters", "app.oam.dev/service-account-name": "admin",
	}
	want, got := planOf(t, world, plain, noneAway), planOf(t, world, named, noneAway)
	if diff := cmp.Diff(problemTexts(want.Problems), problemTexts(got.Problems)); diff != "" || len(got.Problems) != 1 {
		t.Errorf("problems (-without +with):\n%s", diff)
	}
	if diff := cmp.Diff(want.Tenants, got.Tenants); diff != "" {
		t.Errorf("tenants (-without +with):\n%s", diff)
	}
	if diff := cmp.Diff(unitNames(want), unitNames(got)); diff != "" {
		t.Errorf("units (-without +with):\n%s", diff)
	}
}
