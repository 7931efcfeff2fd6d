// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// offline renders documents as the manager would render them on a hub that
// holds just these.
type offline struct {
	documents *documents
	version   render.ClusterVersion
	lenient   bool
}

// group are the objects of one application in one place.
type group struct {
	application string
	place       delivery.Place
	units       []delivery.Unit
}

// render gives the groups in a stable order, whatever the order of the documents.
func (o offline) render() (groups []group, warnings []string, err error) {
	renderer := render.New(o.library())
	if o.lenient {
		renderer = renderer.Lenient()
	}
	warnings = o.documents.warnings
	if len(o.documents.applications) == 0 {
		return nil, warnings, errors.New("the files hold no Application; name one with -f")
	}
	var problems []error
	for _, app := range o.sorted() {
		found, more, err := o.application(app, renderer)
		groups, warnings = append(groups, found...), append(warnings, more...)
		if err != nil {
			problems = append(problems, err)
		}
	}
	return groups, warnings, errors.Join(problems...)
}

// library has the definitions of the files over the built-in ones.
func (o offline) library() *definition.Library {
	return definition.NewLibrary(o.documents.definitions...).Over(definition.Builtin())
}

func (o offline) sorted() []v1beta1.Application {
	return slices.SortedFunc(slices.Values(o.documents.applications), func(a, b v1beta1.Application) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

func (o offline) application(app v1beta1.Application, renderer *render.Renderer) ([]group, []string, error) {
	name := app.Namespace + "/" + app.Name
	wrong := func(err error) error { return fmt.Errorf("application %s: %w", name, err) }
	spec, err := o.documents.completed(app)
	if err != nil {
		return nil, nil, wrong(err)
	}
	notices, err := o.passedOver(app, spec)
	if err != nil {
		return nil, nil, wrong(err)
	}
	components, err := policy.Components(spec)
	if err != nil {
		return nil, nil, wrong(err)
	}
	policies, err := policy.Read(spec, o.library())
	if err != nil {
		return nil, nil, wrong(err)
	}
	uses, err := policies.Uses()
	if err != nil {
		return nil, nil, wrong(err)
	}
	found, errs := renderer.Check(slices.Concat(components, policies.Objects()), func(c render.Component) bool { return !c.Policy })
	warnings := append(notices, textsOf(name, found)...)
	if len(errs) > 0 {
		return nil, warnings, joined(wrong, errs)
	}
	world, placeholders := o.world(app, uses)
	plan, err := delivery.MakePlan(world, referring{Renderer: renderer, documents: o.documents, namespace: app.Namespace}, delivery.Request{
		Owner: delivery.Owner{Namespace: app.Namespace, Name: app.Name}, Source: o.source(app.Namespace),
		Uses: uses, Components: components, Policies: policies.Objects(), Labels: app.Labels, Annotations: app.Annotations,
		Revision: app.Name + "-v1", RevisionNumber: 1, ClusterVersion: func(string) render.ClusterVersion { return o.version },
	}, func(string) bool { return false })
	if err != nil {
		return nil, warnings, wrong(err)
	}
	for _, unit := range plan.Units {
		warnings = append(warnings, textsOf(name, unit.Result.Warnings)...)
	}
	return groupsOf(name, plan), unique(append(warnings, placeholders...)), joinedProblems(wrong, plan.Problems)
}

// passedOver are the fields that have no part in what is rendered, and for which
// the addon would deliver nothing. Fields that have a part are an error, unless
// they are to be passed over: without them other objects are shown.
func (o offline) passedOver(app v1beta1.Application, spec v1beta1.ApplicationSpec) ([]string, error) {
	if fields := policy.NotRendered(spec); len(fields) > 0 && !o.lenient {
		return nil, fmt.Errorf("%s; or see the objects without it with --lenient", strings.Join(fields, "; "))
	}
	var out []string
	for _, field := range append(policy.NotImplementedAnnotations(app.Annotations), policy.NotImplemented(spec)...) {
		out = append(out, fmt.Sprintf("application %s/%s: the addon does not deliver it as it is: %s", app.Namespace, app.Name, field))
	}
	return out, nil
}

func joined(wrong func(error) error, errs []*render.Error) error {
	var out []error
	for _, e := range errs {
		out = append(out, wrong(e))
	}
	return errors.Join(out...)
}

func joinedProblems(wrong func(error) error, problems []delivery.Problem) error {
	var out []error
	for _, p := range problems {
		out = append(out, wrong(errors.New(p.Message)))
	}
	return errors.Join(out...)
}

func textsOf(application string, findings []definition.Finding) []string {
	out := make([]string, len(findings))
	for i, f := range findings {
		out[i] = fmt.Sprintf("application %s: %s", application, f)
	}
	return out
}

// unique leaves repeated texts out and keeps the order of the others.
func unique(texts []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(texts, func(s string) bool {
		before := seen[s]
		seen[s] = true
		return before
	})
}

func (o offline) source(namespace string) delivery.SourceNamespace {
	labels := map[string]string{"kubernetes.io/metadata.name": namespace}
	for k, v := range o.documents.namespaces[namespace] {
		labels[k] = v
	}
	return delivery.SourceNamespace{Name: namespace, Labels: labels}
}

// world is what the environments and bindings of the files come to, or what
// stands for them when there are none. The texts say what was assumed.
func (o offline) world(app v1beta1.Application, uses []policy.EnvironmentUse) (delivery.World, []string) {
	if len(o.documents.environments) == 0 {
		return o.assumed(app, uses)
	}
	world := delivery.World{}
	for _, e := range o.documents.environments {
		world[e.Name] = &delivery.Environment{Name: e.Name, Spec: e.Spec, ClusterLabels: o.documents.clusters}
	}
	if world[v1alpha1.DefaultEnvironment] == nil {
		world[v1alpha1.DefaultEnvironment] = shippedEnvironment(app.Namespace)
	}
	bindings := slices.SortedFunc(slices.Values(o.documents.bindings), func(a, b v1alpha1.ClusterBinding) int { return cmp.Compare(a.Name, b.Name) })
	var placeholders []string
	for _, b := range bindings {
		environment, ok := world[b.Spec.Environment]
		if !ok {
			continue
		}
		for _, field := range delivery.BindingNotImplemented(b.Spec) {
			placeholders = append(placeholders, fmt.Sprintf("ClusterBinding %q: the addon delivers nothing through it as it is: %s is not implemented; remove it", b.Name, field))
		}
		resolved := delivery.Binding{Name: b.Name, Overrides: b.Spec.Overrides, Clusters: slices.Sorted(slices.Values(b.Spec.Clusters))}
		if b.Spec.Placement != nil {
			resolved.Clusters = []string{chosenBy(b.Name)}
			placeholders = append(placeholders, fmt.Sprintf("ClusterBinding %q: which clusters its placement chooses is not known offline; %q stands for each of them", b.Name, chosenBy(b.Name)))
		}
		environment.Bindings = append(environment.Bindings, resolved)
	}
	return world, placeholders
}

// chosenBy stands for the clusters that the placement of a binding chooses.
func chosenBy(binding string) string {
	return "placement:" + binding
}

// shippedEnvironment is the environment default as the chart ships it.
func shippedEnvironment(namespace string) *delivery.Environment {
	return &delivery.Environment{
		Name:     v1alpha1.DefaultEnvironment,
		Spec:     v1alpha1.EnvironmentSpec{ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{namespace}, Selector: &metav1.LabelSelector{}}},
		Bindings: []delivery.Binding{{Name: v1alpha1.DefaultEnvironment, Clusters: []string{v1alpha1.LocalCluster}}},
	}
}

// unboundedEnvironment stands for one that is not given: what it would refuse is
// not known, so that every object is shown.
func unboundedEnvironment(namespace string) *delivery.Environment {
	environment := shippedEnvironment(namespace)
	environment.Spec.Constraints = &v1alpha1.Constraints{AllowClusterScoped: true}
	return environment
}

// assumed is the world without any environment among the files: the default
// one, bound also to the clusters that topologies name, and one more for each
// further namespace that they name.
func (o offline) assumed(app v1beta1.Application, uses []policy.EnvironmentUse) (delivery.World, []string) {
	world := delivery.World{v1alpha1.DefaultEnvironment: unboundedEnvironment(app.Namespace)}
	var placeholders []string
	for _, use := range uses {
		if use.Topology == nil {
			continue
		}
		environment := world[v1alpha1.DefaultEnvironment]
		if ns := use.Topology.Namespace; ns != "" && ns != app.Namespace {
			environment = unboundedEnvironment(app.Namespace)
			environment.Name, environment.Spec.TargetNamespace = ns, &v1alpha1.TargetNamespace{Name: ns}
			if known := world[ns]; known != nil {
				environment = known
			}
			world[environment.Name] = environment
		}
		clusters, labels := o.selected(*use.Topology)
		environment.Bindings = append(environment.Bindings, delivery.Binding{Name: use.Policy, Clusters: clusters})
		environment.ClusterLabels = labels
		if len(labels) != len(o.documents.clusters) {
			placeholders = append(placeholders, fmt.Sprintf("%s: which clusters have the labels is not known offline; %q stands for each of them; give the ManagedClusters to select among them", use.Path, clusters[0]))
		}
	}
	return world, placeholders
}

// selected are the clusters that a topology may mean, with their labels: a
// selector without any ManagedCluster to look at gets one that stands for all.
func (o offline) selected(t policy.Topology) ([]string, map[string]map[string]string) {
	if !t.ByLabels() {
		return t.Clusters, o.documents.clusters
	}
	if len(o.documents.clusters) > 0 {
		return slices.Sorted(maps.Keys(o.documents.clusters)), o.documents.clusters
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(t.ClusterLabelSelector)) {
		pairs = append(pairs, key+"="+t.ClusterLabelSelector[key])
	}
	name := "labels:" + strings.Join(pairs, ",")
	return []string{name}, map[string]map[string]string{name: t.ClusterLabelSelector}
}

// groupsOf sorts the units of a plan by place, then by component, policies first.
func groupsOf(application string, plan *delivery.Plan) []group {
	units := slices.SortedStableFunc(slices.Values(plan.Units), func(a, b delivery.Unit) int {
		return cmp.Or(
			cmp.Compare(a.Place.Environment, b.Place.Environment), cmp.Compare(a.Place.Cluster, b.Place.Cluster),
			cmp.Compare(a.Place.Namespace, b.Place.Namespace), comparePolicies(a.Component, b.Component), strings.Compare(a.Component, b.Component),
		)
	})
	var out []group
	for _, u := range units {
		if len(out) == 0 || out[len(out)-1].place != u.Place {
			out = append(out, group{application: application, place: u.Place})
		}
		last := &out[len(out)-1]
		last.units = append(last.units, u)
	}
	return out
}

// comparePolicies puts units of policies before those of components.
func comparePolicies(a, b string) int {
	switch {
	case delivery.IsPolicy(a) == delivery.IsPolicy(b):
		return 0
	case delivery.IsPolicy(a):
		return -1
	}
	return 1
}
