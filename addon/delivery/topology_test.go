// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func topologyUse(t policy.Topology) policy.EnvironmentUse {
	return policy.EnvironmentUse{Topology: &t, Path: "spec.policies[0]"}
}

func onClusters(names ...string) policy.EnvironmentUse {
	return topologyUse(policy.Topology{Clusters: names})
}

// targeting delivers to another namespace than the application's own.
func targeting(namespace string, env *Environment) *Environment {
	return changed(env, func(e *Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: namespace} })
}

func unresolved(env *Environment, waiting bool) *Environment {
	return changed(env, func(e *Environment) {
		e.Bindings = append(e.Bindings, Binding{Name: "z", Unresolved: true, Problems: []Problem{{Reason: ReasonPlacementPending, Message: "z waits", Waiting: waiting}}})
	})
}

// closed admits no namespace.
func closed(env *Environment) *Environment {
	return changed(env, func(e *Environment) { e.Spec.ApplicationNamespaces = nil })
}

func deleting(env *Environment) *Environment {
	return changed(env, func(e *Environment) { e.Deleting = true })
}

func TestTopology(t *testing.T) {
	regions := func(env *Environment) *Environment {
		return changed(env, func(e *Environment) {
			e.ClusterLabels = map[string]map[string]string{"c1": {"region": "eu"}, "c2": {"region": "us"}, "c3": {"region": "eu"}}
		})
	}
	byRegion := func(region string, allowEmpty bool) policy.EnvironmentUse {
		return topologyUse(policy.Topology{ClusterLabelSelector: map[string]string{"region": region}, AllowEmpty: allowEmpty})
	}
	tests := []struct {
		name, reason string
		world        World
		use          policy.EnvironmentUse
		units        []string
		problems     []string
		// wants and drops are records that stay and go.
		wants, drops []Record
	}{
		{
			name: "one environment", reason: "only the clusters that are named are reached", use: onClusters("c3", "c1"), world: worldOf(environment("prod", "c1", "c2", "c3")),
			units: []string{"prod/c1/shop/web", "prod/c3/shop/web"}, drops: []Record{recordIn("prod", "c2", "shop")},
		},
		{
			name: "several environments", reason: "each cluster is reached through its own", use: onClusters("c1", "local"), world: worldOf(environment("dev", "local"), environment("prod", "c1")),
			units: []string{"dev/local/shop/web", "prod/c1/shop/web"},
		},
		{
			name: "choice by name", reason: "of two alike the first by name counts", use: onClusters("c1"), world: worldOf(environment("b", "c1"), environment("a", "c1")),
			units: []string{"a/c1/shop/web"},
		},
		{
			name: "choice by target", reason: "one with the application's own namespace counts before the first by name", use: onClusters("c1"),
			world: worldOf(targeting("other", environment("a", "c1")), environment("b", "c1")), units: []string{"b/c1/shop/web"},
		},
		{
			name: "choice by namespace", reason: "the namespace that is asked for decides", use: topologyUse(policy.Topology{Clusters: []string{"c1"}, Namespace: "other"}),
			world: worldOf(environment("a", "c1"), targeting("other", environment("b", "c1"))), units: []string{"b/c1/other/web"},
		},
		{
			name: "only another target", reason: "without a wish the environment's target is taken", use: onClusters("c1"),
			world: worldOf(targeting("other", environment("a", "c1"))), units: []string{"a/c1/other/web"},
		},
		{
			name: "another namespace", reason: "an application reaches its own target only; what is there stays", use: topologyUse(policy.Topology{Clusters: []string{"c1"}, Namespace: "kitchen"}),
			world:    worldOf(environment("prod", "c1")),
			problems: []string{`InvalidTargetNamespace: spec.policies[0].properties.namespace: on cluster "c1" environment "prod" delivers applications of namespace "shop" to namespace "shop", not to "kitchen": an application reaches its own target only, so remove the field, or write "shop"`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "not admitted", reason: "the message names who would have to admit it; the others are served", use: onClusters("c1", "c2"),
			world:    worldOf(environment("dev", "c2"), closed(environment("prod", "c1")), closed(environment("big", "c1"))),
			units:    []string{"dev/c2/shop/web"},
			problems: []string{`NamespaceNotAdmitted: spec.policies[0].properties.clusters: no environment admits namespace "shop" to cluster "c1": ask the platform team to add it to spec.applicationNamespaces of big, prod`},
			wants:    []Record{recordIn("prod", "c1", "shop"), recordIn("dev", "c2", "shop")}, drops: []Record{recordIn("dev", "c3", "shop")},
		},
		{
			name: "misspelt", reason: "the cluster that was meant is proposed", use: onClusters("clutser-1"), world: worldOf(environment("prod", "cluster-1")),
			problems: []string{`NoClusterBound: spec.policies[0].properties.clusters: no environment is bound to cluster "clutser-1"; did you mean "cluster-1"? Ask the platform team for a ClusterBinding that adds it to an environment which admits namespace "shop"; such are: prod`},
			wants:    []Record{recordIn("prod", "clutser-1", "shop")},
		},
		{
			name: "hub switched off", reason: "nothing is bound to it", use: onClusters("local"), world: worldOf(environment("prod", "c1")),
			problems: []string{`NoClusterBound: spec.policies[0].properties.clusters: no environment is bound to cluster "local". Ask the platform team for a ClusterBinding that adds it to an environment which admits namespace "shop"; such are: prod`},
		},
		{
			name: "pending", reason: "a placement that is not decided may yet bring the cluster", use: onClusters("c1"), world: worldOf(unresolved(environment("prod"), true)),
			problems: []string{`waiting: NoClusterBound: spec.policies[0].properties.clusters: no environment is bound to cluster "c1". Ask the platform team for a ClusterBinding that adds it to an environment which admits namespace "shop"; such are: prod (environment "prod" is not fully known now: z waits)`},
			wants:    []Record{recordIn("prod", "c1", "shop"), recordIn("prod", "c2", "shop")},
		},
		{
			name: "better one pending", reason: "the application would move to the other environment and back", use: onClusters("c1"),
			world:    worldOf(unresolved(environment("a"), true), environment("b", "c1")),
			problems: []string{`waiting: PlacementPending: spec.policies[0].properties.clusters: through which environment cluster "c1" is reached is not known now; what was delivered stays (environment "a" is not fully known now: z waits)`},
			wants:    []Record{recordIn("a", "c1", "shop"), recordIn("b", "c1", "shop")},
		},
		{
			name: "worse one pending", reason: "it does not count for the cluster anyway", use: onClusters("c1"),
			world: worldOf(environment("a", "c1"), unresolved(environment("b"), true)), units: []string{"a/c1/shop/web"},
		},
		{
			name: "deleting", reason: "an environment on its way out is emptied", use: onClusters("c1"), world: worldOf(deleting(environment("prod", "c1"))),
			problems: []string{`waiting: EnvironmentDeleting: spec.policies[0].properties.clusters: environment prod, which admits namespace "shop" to cluster "c1", is being deleted; what was delivered there is removed`},
			drops:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "protected", reason: "a topology is no way around what protects an environment", use: onClusters("c1"),
			world:    worldOf(changed(environment("prod", "c1"), func(e *Environment) { e.Spec.Approval = &v1alpha1.ApprovalPolicy{Required: true} })),
			problems: []string{`NotImplemented: environment "prod" uses spec.approval, which this version does not implement: nothing is delivered there until it is removed`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "labels", reason: "only bound clusters with the labels are reached", use: byRegion("eu", false),
			world: worldOf(regions(environment("prod", "c1", "c2"))), units: []string{"prod/c1/shop/web"}, drops: []Record{recordIn("prod", "c3", "shop")},
		},
		{
			name: "labels of nothing", reason: "all clusters within reach have them, the hub too", use: topologyUse(policy.Topology{ClusterLabelSelector: map[string]string{}}),
			world: worldOf(environment("dev", "local"), regions(environment("prod", "c1")), closed(environment("other", "c4"))), units: []string{"dev/local/shop/web", "prod/c1/shop/web"},
		},
		{
			name: "labels match nothing", reason: "a misspelt label empties no cluster", use: byRegion("asia", false), world: worldOf(regions(environment("prod", "c1"))),
			problems: []string{`NoClusterBound: spec.policies[0].properties.clusterLabelSelector: none of the clusters that namespace "shop" may reach has these labels: check them against the labels of the ManagedClusters, or set allowEmpty; what was delivered stays. Environments that admit the namespace: prod`},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "labels may match nothing", reason: "the application says so", use: byRegion("asia", true), world: worldOf(regions(environment("prod", "c1"))),
			drops: []Record{recordIn("prod", "c1", "shop")},
		},
		{
			name: "no cluster named", reason: "an empty list empties no cluster", use: onClusters([]string{}...), world: worldOf(environment("prod", "c1")),
			problems: []string{"NoClusterBound: spec.policies[0].properties.clusters: no cluster is named: name one, or set allowEmpty; what was delivered stays"},
			wants:    []Record{recordIn("prod", "c1", "shop")},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan := planOf(t, test.world, request(test.use), noneAway)
			if diff := cmp.Diff(test.units, unitNames(plan)); diff != "" {
				t.Errorf("units (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.problems, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
			for _, record := range test.wants {
				if !plan.Wants(record) {
					t.Errorf("%+v is not wanted, though %s", record.Place, test.reason)
				}
			}
			for _, record := range test.drops {
				if plan.Wants(record) {
					t.Errorf("%+v is wanted, though %s", record.Place, test.reason)
				}
			}
		})
	}
}

// TestUncertainPlan checks that no tenant is released while a topology cannot be resolved.
func TestUncertainPlan(t *testing.T) {
	tests := []struct {
		reason string
		use    policy.EnvironmentUse
		want   bool
	}{
		{"all is known", onClusters("c1"), false},
		{"a cluster is out of reach", onClusters("c2"), true},
		{"no cluster has the label", topologyUse(policy.Topology{ClusterLabelSelector: map[string]string{"a": "b"}}), true},
	}
	for _, test := range tests {
		if got := planOf(t, worldOf(environment("prod", "c1")), request(test.use), noneAway).uncertain(); got != test.want {
			t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

func TestReached(t *testing.T) {
	world := worldOf(environment("dev", "local"), environment("prod", "c1"), closed(environment("other", "c2")))
	got := world.Reached(shop, []policy.EnvironmentUse{use("test"), onClusters("c1", "c2", "c3"), use("prod")}, nil)
	if diff := cmp.Diff([]string{"prod", "test"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if SelectsByLabels([]policy.EnvironmentUse{use("test"), onClusters("c1")}) || !SelectsByLabels([]policy.EnvironmentUse{topologyUse(policy.Topology{ClusterLabelSelector: map[string]string{}})}) {
		t.Error("which uses need the labels of clusters is mistaken")
	}
}

// TestSamePlaceTwice checks what becomes of a component that two uses deliver to one place.
func TestSamePlaceTwice(t *testing.T) {
	replicas := func(step, path, cpu string) policy.EnvironmentUse {
		u := onClusters("c1")
		u.Step, u.Path = step, path
		u.Layers = []policy.Override{{Components: []policy.ComponentOverride{{Properties: map[string]any{"cpu": cpu}}}}}
		return u
	}
	tests := []struct {
		name, reason string
		uses         []policy.EnvironmentUse
		cpu          string
		problems     []string
	}{
		{name: "same", reason: "two topologies may overlap", uses: []policy.EnvironmentUse{replicas("", "spec.policies[0]", "1"), replicas("", "spec.policies[1]", "1")}, cpu: "1"},
		{
			name: "contradiction", reason: "which of the two is meant cannot be known", uses: []policy.EnvironmentUse{replicas("", "spec.policies[0]", "1"), replicas("", "spec.policies[1]", "2")}, cpu: "1",
			problems: []string{`PlacementConflict: spec.policies[1]: component "web" goes to environment prod, cluster c1 by an earlier policy too, and differs there: let one of the policies leave it out by its selector, or make them agree`},
		},
		{name: "steps", reason: "the later step has the last word", uses: []policy.EnvironmentUse{replicas("canary", "spec.policies[0]", "1"), replicas("all", "spec.policies[0]", "2")}, cpu: "2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan := planOf(t, worldOf(environment("prod", "c1")), request(test.uses...), noneAway)
			if diff := cmp.Diff([]string{"prod/c1/shop/web"}, unitNames(plan)); diff != "" {
				t.Fatalf("units (-want +got):\n%s", diff)
			}
			if got := plan.Units[0].Result.Component.Properties["cpu"]; got != test.cpu {
				t.Errorf("cpu %v, want %s: %s", got, test.cpu, test.reason)
			}
			if diff := cmp.Diff(test.problems, problemTexts(plan.Problems)); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestPolicyLayers checks that override policies lie between the component and the binding.
func TestPolicyLayers(t *testing.T) {
	env := environment("prod", "c1")
	env.Spec.Defaults = []v1alpha1.ComponentDefaults{{Type: "webservice", Properties: raw(`{"cpu":"1","memory":"1Mi","exposeType":"ClusterIP"}`), Traits: []v1alpha1.TraitPatch{{Type: "scaler", Properties: raw(`{"replicas":3}`)}}}}
	env.Bindings[0].Overrides = []v1alpha1.ClusterOverride{{Properties: raw(`{"exposeType":"NodePort"}`)}}
	u := use("prod")
	u.Layers = []policy.Override{{Components: []policy.ComponentOverride{
		{Properties: map[string]any{"memory": "2Mi", "exposeType": "LoadBalancer", "image": "nginx:2"}, Traits: []policy.TraitOverride{{Type: "scaler", Disable: true}}},
		{Component: "api", Type: "webservice", Properties: map[string]any{"image": "api:1"}, Path: "spec.policies[1].properties.components[1]"},
	}}}
	u.Overrides = []policy.ComponentOverride{{Component: "web", Properties: map[string]any{"image": "nginx:3"}}}
	got := map[string]merged{}
	for _, unit := range planOf(t, worldOf(env), request(u), noneAway).Units {
		got[unit.Component] = merged{unit.Result.Component.Properties, unit.Result.Component.Traits, unit.Result.Component.Path}
	}
	want := map[string]merged{
		"web": {Properties: map[string]any{"cpu": "1", "memory": "2Mi", "exposeType": "NodePort", "image": "nginx:3"}, Path: "spec.components[0]"},
		"api": {
			Properties: map[string]any{"cpu": "1", "memory": "1Mi", "exposeType": "NodePort", "image": "api:1"},
			Traits:     []render.Trait{{Type: "scaler", Properties: map[string]any{"replicas": int64(3)}}}, Path: "spec.policies[1].properties.components[1]",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTopologyStays checks that nothing moves to a better environment while its
// own admits it.
func TestTopologyStays(t *testing.T) {
	inB := []Place{{Environment: "b", Cluster: "c1", Namespace: "shop"}}
	twice := append([]Place{{Environment: "a", Cluster: "c1", Namespace: "shop"}}, inB...)
	other := topologyUse(policy.Topology{Clusters: []string{"c1"}, Namespace: "other"})
	tests := []struct {
		name, reason string
		world        World
		use          policy.EnvironmentUse
		delivered    []Place
		units        []string
		wants        []Record
	}{
		{"new", "the first by name counts where nothing is delivered", worldOf(environment("a", "c1"), environment("b", "c1")), onClusters("c1"), nil, []string{"a/c1/shop/web"}, nil},
		{"there", "it stays where it is", worldOf(environment("a", "c1"), environment("b", "c1")), onClusters("c1"), inB, []string{"b/c1/shop/web"}, nil},
		{"another cluster", "a new cluster is chosen anew", worldOf(environment("a", "c1", "c2"), environment("b", "c1", "c2")), onClusters("c1", "c2"), inB, []string{"a/c2/shop/web", "b/c1/shop/web"}, nil},
		{"another target", "it stays also where another's target is the application's own", worldOf(environment("a", "c1"), targeting("x", environment("b", "c1"))), onClusters("c1"), []Place{{"b", "c1", "x"}}, []string{"b/c1/x/web"}, nil},
		{"target changed", "the environment delivers elsewhere now, so that it moves anyway", worldOf(environment("a", "c1"), targeting("y", environment("b", "c1"))), onClusters("c1"), []Place{{"b", "c1", "x"}}, []string{"a/c1/shop/web"}, nil},
		{"not admitted any more", "its own environment is closed", worldOf(environment("a", "c1"), closed(environment("b", "c1"))), onClusters("c1"), inB, []string{"a/c1/shop/web"}, nil},
		{"not bound any more", "its own environment lost the cluster", worldOf(environment("a", "c1"), environment("b", "c2")), onClusters("c1"), inB, []string{"a/c1/shop/web"}, nil},
		{"asked elsewhere", "the namespace that is asked for decides", worldOf(targeting("other", environment("a", "c1")), environment("b", "c1")), other, inB, []string{"a/c1/other/web"}, nil},
		{"on the way", "of two that hold it the better counts", worldOf(environment("a", "c1"), environment("b", "c1")), onClusters("c1"), twice, []string{"a/c1/shop/web"}, nil},
		{"its own pending", "that it may be bound again is waited for", worldOf(environment("a", "c1"), unresolved(environment("b"), true)), onClusters("c1"), inB, nil, []Record{recordIn("b", "c1", "shop")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := request(test.use)
			asked.Delivered = test.delivered
			plan := planOf(t, test.world, asked, noneAway)
			if diff := cmp.Diff(test.units, unitNames(plan)); diff != "" {
				t.Errorf("units (-want +got), since %s:\n%s", test.reason, diff)
			}
			for _, record := range test.wants {
				if !plan.Wants(record) {
					t.Errorf("%v is given up: %s", record, test.reason)
				}
			}
		})
	}
}

func TestDelivered(t *testing.T) {
	local := &scripted{records: []Record{record("local", "a"), record("local", "b")}}
	fleet := &scripted{records: []Record{record("c1", "a")}}
	got, err := engineOf(local, fleet).Delivered(t.Context(), owner)
	if diff := cmp.Diff([]Place{recordIn("prod", "c1", "shop").Place, recordIn("prod", "local", "shop").Place}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	fleet.fails = map[string]bool{"records": true}
	if _, err := engineOf(local, fleet).Delivered(t.Context(), owner); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the target's error", err)
	}
}
