// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// worldOf reads a hub with objects, with OCM installed or not.
func worldOf(t *testing.T, installed bool, objects ...client.Object) *worldReader {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	fleet := ocm.NewFleet(reader)
	if installed {
		fleet.SetInstalled()
	}
	return &worldReader{reader: reader, fleet: fleet}
}

// managed is a ManagedCluster that was accepted, or not, and whose agent reports, or not.
func managed(name string, accepted, available bool) client.Object {
	status := "Unknown"
	if available {
		status = "True"
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cluster.open-cluster-management.io/v1", "kind": "ManagedCluster", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"hubAcceptsClient": accepted},
		"status": map[string]any{
			"version":    map[string]any{"kubernetes": "v1.37.0"},
			"conditions": []any{map[string]any{"type": "ManagedClusterConditionAvailable", "status": status, "reason": "x", "lastTransitionTime": "2026-01-01T00:00:00Z"}},
		},
	}}
}

func bindingOf(name, environment string, clusters ...string) *v1alpha1.ClusterBinding {
	return &v1alpha1.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ClusterBindingSpec{Environment: environment, Clusters: clusters}}
}

func environmentOf(name string, namespaces ...string) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.EnvironmentSpec{ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: namespaces}},
	}
}

func TestResolve(t *testing.T) {
	placed := bindingOf("b", "prod")
	placed.Spec.Placement = &v1alpha1.Placement{ClusterSets: []string{"prod"}}
	waves := bindingOf("b", "prod", "local")
	waves.Spec.Rollout = &v1alpha1.RolloutPolicy{Type: "Progressive"}
	tests := []struct {
		name, reason string
		installed    bool
		binding      *v1alpha1.ClusterBinding
		clusters     []string
		unresolved   bool
		problems     []string
	}{
		{name: "local", reason: "the hub itself needs no OCM", binding: bindingOf("b", "prod", "local"), clusters: []string{"local"}},
		{
			name: "no OCM", reason: "the hub is served; of the other nothing is known", binding: bindingOf("b", "prod", "c1", "local"), clusters: []string{"local"}, unresolved: true,
			problems: []string{`OCMNotInstalled: ClusterBinding "b": spec.clusters[0]: OCM is not installed on the hub: install Open Cluster Management, which needs no restart here, or bind the environment to cluster local`},
		},
		{
			name: "no OCM for a placement", reason: "nothing can be chosen", binding: placed, unresolved: true,
			problems: []string{`OCMNotInstalled: ClusterBinding "b": spec.placement: OCM is not installed on the hub: install Open Cluster Management, which needs no restart here, or bind the environment to cluster local`},
		},
		{name: "named", reason: "clusters are sorted; one that is away is bound", installed: true, binding: bindingOf("b", "prod", "c2", "local", "c1"), clusters: []string{"c1", "c2", "local"}},
		{
			name: "misspelt", reason: "the others are served, and nothing is concluded about the one that was meant", installed: true, binding: bindingOf("b", "prod", "c1", "cc2"), clusters: []string{"c1"}, unresolved: true,
			problems: []string{`ClusterNotFound: ClusterBinding "b": spec.clusters[1]: there is no ManagedCluster "cc2": correct the name, or join the cluster to the hub`},
		},
		{
			name: "not accepted", reason: "the hub's administrator decides", installed: true, binding: bindingOf("b", "prod", "new"), unresolved: true,
			problems: []string{`ClusterNotAccepted: ClusterBinding "b": spec.clusters[0]: ManagedCluster "new" has not been accepted: set its spec.hubAcceptsClient`},
		},
		{
			name: "undecided", reason: "its Placement is made by another controller", installed: true, binding: placed, unresolved: true,
			problems: []string{`PlacementPending: ClusterBinding "b": waiting for its placement: its Placement is being made`},
		},
		{
			name: "waves", reason: "all at once would be the opposite of what is asked for", binding: waves, unresolved: true,
			problems: []string{`NotImplemented: ClusterBinding "b" uses spec.rollout.type: Progressive, which this version does not implement: nothing is delivered through it until it is removed`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			world := worldOf(t, test.installed, managed("c1", true, true), managed("c2", true, false), managed("new", false, false))
			got, err := world.resolve(t.Context(), test.binding)
			if err != nil {
				t.Fatal(err)
			}
			var problems []string
			for _, problem := range got.Problems {
				problems = append(problems, problem.Reason+": "+problem.Message)
			}
			if diff := cmp.Diff(test.problems, problems); diff != "" {
				t.Errorf("problems (-want +got), since %s:\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.clusters, got.Clusters); diff != "" || got.Unresolved != test.unresolved {
				t.Errorf("clusters (-want +got), since %s:\n%s\nunresolved %t, want %t", test.reason, diff, got.Unresolved, test.unresolved)
			}
			if named := test.binding.Spec.Placement == nil; named != (got.Named != nil) {
				t.Errorf("named clusters %v: a list names all that it may stand for, a placement none", got.Named)
			}
		})
	}
}

// ofOCM is an object of OCM's in the system namespace.
func ofOCM(version, kind, name string, content map[string]any) *unstructured.Unstructured {
	content["apiVersion"], content["kind"] = "cluster.open-cluster-management.io/"+version, kind
	content["metadata"] = map[string]any{"namespace": v1alpha1.SystemNamespace, "name": name}
	return &unstructured.Unstructured{Object: content}
}

// chosenFor is what OCM decided for the placement of a binding.
func chosenFor(binding string, clusters ...string) []client.Object {
	name := ocm.PlacementName(binding)
	var decided []any
	for _, cluster := range clusters {
		decided = append(decided, map[string]any{"clusterName": cluster, "reason": ""})
	}
	decisions := ofOCM("v1beta1", "PlacementDecision", name+"-1", map[string]any{"status": map[string]any{"decisions": decided}})
	decisions.SetLabels(map[string]string{"cluster.open-cluster-management.io/placement": name})
	return []client.Object{decisions, ofOCM("v1beta1", "Placement", name, map[string]any{"status": map[string]any{
		"numberOfSelectedClusters": int64(len(clusters)),
		"conditions":               []any{map[string]any{"type": "PlacementSatisfied", "status": "True", "reason": "AllDecisionsScheduled"}},
	}})}
}

// placedBinding is a binding whose clusters a placement chooses, of which it had some last.
func placedBinding(name string, had ...string) *v1alpha1.ClusterBinding {
	binding := bindingOf(name, "prod")
	binding.Spec.Placement = &v1alpha1.Placement{ClusterSets: []string{"global"}}
	for _, cluster := range had {
		binding.Status.Clusters = append(binding.Status.Clusters, v1alpha1.BoundCluster{Name: cluster})
	}
	return binding
}

func beingDeleted(binding *v1alpha1.ClusterBinding) *v1alpha1.ClusterBinding {
	binding.Finalizers, binding.DeletionTimestamp = []string{v1alpha1.Finalizer}, ptr.To(now)
	return binding
}

// placesOf is a target that has something of each environment in places.
type placesOf struct {
	delivery.Target
	clusters []string
}

func (p placesOf) Places(_ context.Context, environment string) ([]delivery.Place, error) {
	places := make([]delivery.Place, len(p.clusters))
	for i, cluster := range p.clusters {
		places[i] = delivery.Place{Environment: environment, Cluster: cluster, Namespace: "shop"}
	}
	return places, nil
}

// TestLeftOfBinding checks what a deleted binding waits for.
func TestLeftOfBinding(t *testing.T) {
	dying := environmentOf("prod", "shop")
	dying.Finalizers, dying.DeletionTimestamp = []string{v1alpha1.Finalizer}, ptr.To(now)
	prod, chosen := environmentOf("prod", "shop"), append(chosenFor("stays", "c2"), placedBinding("stays"))
	byName := func(clusters ...string) *v1alpha1.ClusterBinding {
		return beingDeleted(bindingOf("goes", "prod", clusters...))
	}
	tests := []struct {
		name, reason string
		environment  *v1alpha1.Environment
		deleted      *v1alpha1.ClusterBinding
		others       []client.Object
		want         []string
	}{
		{"alone", "nothing gives a cluster any more", prod, byName("c3"), nil, []string{"c1", "c2", "c3"}},
		{"beside names", "a cluster that no list has goes", prod, byName("c3"), []client.Object{bindingOf("stays", "prod", "c2")}, []string{"c1", "c3"}},
		{"beside a placement", "c1 waits for what the placement chose instead, which is no concern of the deletion", prod, byName("c3"), chosen, []string{"c3"}},
		{"given by both", "the placement has it", prod, byName("c2", "c3"), chosen, []string{"c3"}},
		{"cluster that the hub has not", "it was given by its name", prod, byName("c1", "ghost"), chosen, []string{"c1"}},
		{"placement beside a placement", "it chose c3", prod, beingDeleted(placedBinding("goes")), append(chosenFor("goes", "c3"), chosen...), []string{"c3"}},
		{"not decided", "it had c1 last", prod, beingDeleted(placedBinding("goes", "c1")), chosen, []string{"c1"}},
		{"never decided", "what it gave is not known, which must not hold it for ever", prod, beingDeleted(placedBinding("goes")), chosen, nil},
		{"with its environment", "all of that goes", dying, byName("c3"), chosen, []string{"c1", "c2", "c3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			objects := append([]client.Object{test.environment, test.deleted, managed("c2", true, true), managed("c3", true, true), ofOCM("v1beta2", "ManagedClusterSetBinding", "global", map[string]any{})}, test.others...)
			world := worldOf(t, true, objects...)
			reconciler := &ClusterBindingReconciler{world: world, engine: &delivery.Engine{Local: placesOf{}, OCM: placesOf{clusters: []string{"c1", "c2", "c3"}}}}
			got, err := reconciler.left(t.Context(), test.deleted)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, cluster := range test.want {
				want = append(want, placeNames([]delivery.Place{{Environment: "prod", Cluster: cluster, Namespace: "shop"}})...)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestReadWorld checks which bindings count, and their order.
func TestReadWorld(t *testing.T) {
	leaving := bindingOf("a-leaving", "prod", "local")
	leaving.Finalizers, leaving.DeletionTimestamp = []string{v1alpha1.Finalizer}, ptr.To(now)
	dying := environmentOf("dying", "shop")
	dying.Finalizers, dying.DeletionTimestamp = []string{v1alpha1.Finalizer}, ptr.To(now)
	world := worldOf(t, true, environmentOf("prod", "shop"), dying, leaving, bindingOf("c", "prod", "c1"), bindingOf("b", "prod", "local"), bindingOf("d", "unknown", "local"), managed("c1", true, true))
	got, err := world.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dying", "prod"}, got.Names()); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
	var bindings []string
	for _, binding := range got["prod"].Bindings {
		bindings = append(bindings, fmt.Sprint(binding.Name, binding.Clusters))
	}
	if diff := cmp.Diff([]string{"b[local]", "c[c1]"}, bindings); diff != "" || !got["dying"].Deleting || got["prod"].Deleting {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
}

func TestWorldAway(t *testing.T) {
	away := worldOf(t, true, managed("c1", true, true), managed("c2", true, false)).away(t.Context())
	for cluster, want := range map[string]bool{"local": false, "c1": false, "c2": true, "gone": true} {
		if got := away(cluster); got != want {
			t.Errorf("%s: got %t, want %t", cluster, got, want)
		}
	}
}

// TestTenantsWanted checks whether a namespace's deployer account may go with the
// last object of an application.
func TestTenantsWanted(t *testing.T) {
	owner := delivery.Owner{Namespace: "shop", Name: "store", UID: "u1"}
	key := delivery.TenantKey{Cluster: "local", Namespace: "shop"}
	other := func(change func(*v1beta1.Application)) *v1beta1.Application {
		app := appIn("shop", "other", component("web", "nginx:1", ""))
		app.UID, app.Spec.Policies = "u2", []v1beta1.AppPolicy{goesTo("prod")}
		change(app)
		return app
	}
	goingTo := func(environment string) func(*v1beta1.Application) {
		return func(a *v1beta1.Application) { a.Spec.Policies = []v1beta1.AppPolicy{goesTo(environment)} }
	}
	tests := []struct {
		name, reason string
		other        *v1beta1.Application
		key          delivery.TenantKey
		want         bool
	}{
		{"prepared", "its environment prepares it, whether an application goes there or not", other(goingTo("dev")), delivery.TenantKey{Cluster: "local", Namespace: "pantry"}, true},
		{"wanted", "another application goes there", other(func(*v1beta1.Application) {}), key, true},
		{"the owner itself", "it asks for itself", other(func(a *v1beta1.Application) { a.UID = "u1" }), key, false},
		{"leaving", "the other goes too", other(func(a *v1beta1.Application) {
			a.Finalizers, a.DeletionTimestamp = []string{v1alpha1.Finalizer}, ptr.To(now)
		}), key, false},
		{"another namespace", "its account is another one", other(func(a *v1beta1.Application) { a.Namespace = "blog" }), key, false},
		{"another environment", "it does not reach the namespace", other(func(a *v1beta1.Application) { a.Spec.Policies = []v1beta1.AppPolicy{goesTo("dev")} }), key, false},
		{"another cluster", "the environment is not bound to it", other(func(*v1beta1.Application) {}), delivery.TenantKey{Cluster: "c1", Namespace: "shop"}, false},
		{"topology", "it may come to an environment that goes there", other(func(a *v1beta1.Application) { a.Spec.Policies = policies("topology", `{"clusters":["local"]}`) }), key, true},
		{"topology elsewhere", "no environment that admits it reaches the namespace", other(func(a *v1beta1.Application) { a.Spec.Policies = policies("topology", `{}`) }), delivery.TenantKey{Cluster: "local", Namespace: "kitchen"}, false},
		{"not decided", "the environment may be bound to the cluster in a moment", other(goingTo("eu")), delivery.TenantKey{Cluster: "c1", Namespace: "shop"}, true},
		{"not decided, elsewhere", "it does not reach that namespace", other(goingTo("eu")), delivery.TenantKey{Cluster: "c1", Namespace: "kitchen"}, false},
		{"not decided, on the hub", "no placement chooses the hub", other(goingTo("eu")), key, false},
		{"not honoured", "nobody knows when the binding is corrected", other(goingTo("us")), delivery.TenantKey{Cluster: "c1", Namespace: "shop"}, false},
		{"unreadable", "it can be delivered nowhere", other(func(a *v1beta1.Application) {
			a.Spec.Policies = []v1beta1.AppPolicy{{Name: "p", Type: "environment", Properties: &runtime.RawExtension{Raw: []byte(`{}`)}}}
		}), key, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			undecided, waves := placedBinding("undecided"), placedBinding("waves")
			undecided.Spec.Environment, waves.Spec.Environment, waves.Spec.Rollout = "eu", "us", &v1alpha1.RolloutPolicy{Type: "Progressive"}
			pantry := environmentOf("pantry", "shop")
			pantry.Spec.TargetNamespace, pantry.Spec.NamespaceOptions = &v1alpha1.TargetNamespace{Name: "pantry"}, &v1alpha1.NamespaceOptions{Prepare: true}
			world := worldOf(t, true, environmentOf("prod", "shop", "blog"), environmentOf("dev"), bindingOf("b", "prod", "local"), pantry, bindingOf("p", "pantry", "local"), environmentOf("eu", "shop"), undecided, environmentOf("us", "shop"), waves,
				&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, test.other)
			wanted, err := world.tenantsWanted(t.Context(), owner)
			if err != nil {
				t.Fatal(err)
			}
			if got := wanted(test.key); got != test.want {
				t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
			}
		})
	}
}

// TestUsing checks that an application counts for the environments that its
// topology comes to, and no others.
func TestUsing(t *testing.T) {
	cluster := managed("c1", true, true)
	cluster.SetLabels(map[string]string{"region": "eu"})
	reader := worldOf(t, true, environmentOf("prod", "shop"), environmentOf("dev", "shop"), environmentOf("other"), cluster, managed("c2", true, true),
		bindingOf("a", "prod", "c1", "local"), bindingOf("b", "dev", "c2"), bindingOf("c", "other", "c1"))
	app := func(policies ...v1beta1.AppPolicy) v1beta1.Application {
		made := appIn("shop", "store", component("web", "nginx:1", ""))
		made.Spec.Policies = policies
		return *made
	}
	tests := []struct {
		reason      string
		app         v1beta1.Application
		environment string
		want        int
	}{
		{"it is named", app(goesTo("dev")), "dev", 1},
		{"another is named", app(goesTo("dev")), "prod", 0},
		{"the cluster is reached through it", app(policies("topology", `{"clusters":["c1"]}`)...), "prod", 1},
		{"it does not admit the application to the cluster", app(policies("topology", `{"clusters":["c1"]}`)...), "other", 0},
		{"its cluster has the label", app(policies("topology", `{"clusterLabelSelector":{"region":"eu"}}`)...), "prod", 1},
		{"its cluster does not have the label", app(policies("topology", `{"clusterLabelSelector":{"region":"eu"}}`)...), "dev", 0},
		{"what cannot be read goes nowhere", app(policies("topologi", `{}`)...), "prod", 0},
	}
	for _, test := range tests {
		world, err := reader.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := reader.using(t.Context(), world, test.environment, []v1beta1.Application{test.app}, func(context.Context, delivery.Owner) ([]delivery.Place, error) { return nil, nil })
		if err != nil || got != test.want {
			t.Errorf("%s: got %d, %v, want %d: %s", test.environment, got, err, test.want, test.reason)
		}
	}
}

func TestEnvironmentsOf(t *testing.T) {
	app := appIn("shop", "store", component("web", "nginx:1", ""))
	app.Spec.Policies = append(policies("topology", `{}`), goesTo("prod"), v1beta1.AppPolicy{Type: "topology"})
	if diff := cmp.Diff([]string{anyEnvironment, "prod"}, environmentsOf(app)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMayBeIn checks that an application is found for an environment that it names no longer.
func TestMayBeIn(t *testing.T) {
	tests := []struct {
		reason string
		phase  v1beta1.ApplicationPhase
		spec   []v1beta1.AppPolicy
		want   []string
	}{
		{"something may be on its way out of where it was", v1beta1.PhaseRunning, []v1beta1.AppPolicy{goesTo("prod")}, []string{"prod", "dev"}},
		{"it cannot be rendered, so that all it ever had stays", v1beta1.PhaseRendering, []v1beta1.AppPolicy{goesTo("prod")}, []string{"prod", "dev", anyEnvironment}},
		{"nobody can read where it goes", v1beta1.PhaseRendering, policies("environment", `{"environment":1}`), []string{"dev", anyEnvironment}},
		{"each is listed once", v1beta1.PhaseRendering, append(policies("topology", `{}`), goesTo("dev")), []string{anyEnvironment, "dev"}},
	}
	for _, test := range tests {
		app := appIn("shop", "store", component("web", "nginx:1", ""))
		app.Spec.Policies, app.Status.Phase = test.spec, test.phase
		app.Status.Services = []v1beta1.ApplicationComponentStatus{{Env: "dev"}, {Env: "dev"}, {}}
		if diff := cmp.Diff(test.want, mayBeIn(app)); diff != "" {
			t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestBindingStatus checks that the status of a binding of many clusters is
// bounded, the unreachable first.
func TestBindingStatus(t *testing.T) {
	var objects []client.Object
	binding := bindingOf("b", "prod")
	for i := range 250 {
		name := fmt.Sprintf("c%03d", i)
		objects = append(objects, managed(name, true, i != 200))
		binding.Spec.Clusters = append(binding.Spec.Clusters, name)
	}
	world := worldOf(t, true, append(objects, environmentOf("prod", "shop"))...)
	reconciler := &ClusterBindingReconciler{client: world.reader.(client.Client), clock: clocktesting.NewFakePassiveClock(now.Time), world: world}
	got, err := reconciler.status(t.Context(), binding)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1alpha1.BoundCluster{{Name: "c200", Version: "v1.37.0"}, {Name: "c000", Reachable: true, Version: "v1.37.0"}}
	if diff := cmp.Diff(want, got.Clusters[:2]); diff != "" || len(got.Clusters) != 100 || got.Decisions != 250 {
		t.Errorf("the first clusters (-want +got):\n%s\n%d clusters, %d decisions", diff, len(got.Clusters), got.Decisions)
	}
	conditions := []string{"Ready True Bound: bound to 250 clusters", "Reconciling False Bound: bound to 250 clusters", "Stalled False Bound: bound to 250 clusters"}
	if diff := cmp.Diff(conditions, conditionTexts(v1beta1.ApplicationStatus{Conditions: got.Conditions})); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	binding.Spec.Environment = "unknown"
	if got, err = reconciler.status(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	conditions = []string{
		`Ready False EnvironmentNotFound: spec.environment: environment "unknown" does not exist yet: create it`,
		`Reconciling True EnvironmentNotFound: spec.environment: environment "unknown" does not exist yet: create it`,
		`Stalled False EnvironmentNotFound: spec.environment: environment "unknown" does not exist yet: create it`,
	}
	if diff := cmp.Diff(conditions, conditionTexts(v1beta1.ApplicationStatus{Conditions: got.Conditions})); diff != "" {
		t.Errorf("conditions without environment (-want +got):\n%s", diff)
	}
}

func TestEnvironmentProblem(t *testing.T) {
	bound := delivery.Binding{Name: "b", Clusters: []string{"c1"}}
	broken := delivery.Binding{Name: "x", Problems: []delivery.Problem{{Reason: "ClusterNotFound", Message: "no c9"}}}
	tests := []struct {
		reason      string
		environment delivery.Environment
		want        string
		waiting     bool
	}{
		{"it is bound", delivery.Environment{Name: "prod", Bindings: []delivery.Binding{bound}}, "", false},
		{"a binding comes yet", delivery.Environment{Name: "prod"}, `NoClusterBound: no cluster is bound yet: create a ClusterBinding with spec.environment "prod"`, true},
		{"a binding is wrong", delivery.Environment{Name: "prod", Bindings: []delivery.Binding{bound, broken}}, "ClusterNotFound: no c9", false},
		{
			"it asks for what does not work yet", delivery.Environment{Name: "prod", Spec: v1alpha1.EnvironmentSpec{After: []string{"dev"}}, Bindings: []delivery.Binding{broken}},
			`NotImplemented: environment "prod" uses spec.after, which this version does not implement: nothing is delivered there until it is removed`, false,
		},
	}
	for _, test := range tests {
		got, waiting := "", false
		if problem := environmentProblem(&test.environment); problem != nil {
			got, waiting = problem.Reason+": "+problem.Message, problem.Waiting
		}
		if diff := cmp.Diff(test.want, got); diff != "" || waiting != test.waiting {
			t.Errorf("(-want +got), since %s:\n%s\nwaiting %t", test.reason, diff, waiting)
		}
	}
}
