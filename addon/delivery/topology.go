// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// SelectsByLabels says that a use selects clusters by their labels, so that
// Environment.ClusterLabels is needed.
func SelectsByLabels(uses []policy.EnvironmentUse) bool {
	return slices.ContainsFunc(uses, func(use policy.EnvironmentUse) bool { return use.Topology != nil && use.Topology.ByLabels() })
}

// HasTopology says that a use selects clusters and not an environment, so that
// what is delivered already decides with which environment it stays.
func HasTopology(uses []policy.EnvironmentUse) bool {
	return slices.ContainsFunc(uses, func(use policy.EnvironmentUse) bool { return use.Topology != nil })
}

// Reached are the names of the environments that uses go to, sorted: those that
// they name, whether they exist or not, and those that their topologies resolve
// to. delivered is where the application is already.
func (w World) Reached(source SourceNamespace, uses []policy.EnvironmentUse, delivered []Place) []string {
	var names []string
	for _, use := range uses {
		if use.Topology == nil {
			names = append(names, use.Environment)
			continue
		}
		for name := range w.resolve(source, use, delivered).clusters {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// placements are the environments that a use goes to.
func (p *Plan) placements(world World, request Request, use policy.EnvironmentUse) []placement {
	if use.Topology == nil {
		return []placement{{use: use}}
	}
	resolved := world.resolve(request.Source, use, request.Delivered)
	for _, problem := range resolved.problems {
		p.problem(problem)
	}
	for _, name := range resolved.unresolved {
		p.knowPartly(world[name])
	}
	for _, cluster := range resolved.kept {
		p.kept[cluster] = true
	}
	p.keepAll = p.keepAll || resolved.keepAll
	var out []placement
	for _, name := range slices.Sorted(maps.Keys(resolved.clusters)) {
		placed := placement{use: use, clusters: resolved.clusters[name]}
		placed.use.Environment = name
		out = append(out, placed)
	}
	return out
}

// resolution is what a topology comes to.
type resolution struct {
	// clusters by the environment that admits the application to them.
	clusters map[string][]string
	// unresolved are environments that may yet admit it to more.
	unresolved []string
	// kept are clusters that are meant and cannot be reached; keepAll says that it
	// is not known which are meant.
	kept     []string
	keepAll  bool
	problems []Problem
}

// candidate is an environment that admits an application, with the namespace
// that the application gets there.
type candidate struct {
	env    *Environment
	target string
}

// topology is a topology while it is resolved.
type topology struct {
	world      World
	source     SourceNamespace
	use        policy.EnvironmentUse
	candidates []candidate
	// delivered is where the application is already.
	delivered []Place
	resolution
}

// resolve finds the environments through which a topology reaches its clusters:
// an application has no other way to a cluster. Of several that admit its
// namespace and are bound to a cluster, one with the wanted target namespace
// counts before others (topology.namespace, else the application's own), then
// the first by name. Where it is already, it stays with its environment.
func (w World) resolve(source SourceNamespace, use policy.EnvironmentUse, delivered []Place) resolution {
	t := &topology{
		world: w, source: source, use: use, candidates: w.candidates(source, use.Topology), delivered: delivered,
		resolution: resolution{clusters: map[string][]string{}},
	}
	for _, c := range t.candidates {
		if c.env.isUnresolved() {
			t.unresolved = append(t.unresolved, c.env.Name)
		}
	}
	wanted := t.wanted()
	if len(wanted) == 0 {
		t.nothing()
	}
	for _, cluster := range wanted {
		t.reach(cluster)
	}
	return t.resolution
}

// candidates are the environments that admit a namespace, the best first.
func (w World) candidates(source SourceNamespace, t *policy.Topology) []candidate {
	wanted := source.Name
	if t.Namespace != "" {
		wanted = t.Namespace
	}
	var best, others []candidate
	for _, name := range w.admitting(source) {
		target, problem := w[name].TargetNamespace(source.Name)
		if problem != nil {
			continue // which is reported where the environment itself is named
		}
		if target == wanted {
			best = append(best, candidate{w[name], target})
			continue
		}
		others = append(others, candidate{w[name], target})
	}
	return append(best, others...)
}

// wanted are the names of the clusters that are meant, sorted.
func (t *topology) wanted() []string {
	clusters := slices.Clone(t.use.Topology.Clusters)
	if t.use.Topology.ByLabels() {
		clusters = nil
		selector := labels.SelectorFromSet(t.use.Topology.ClusterLabelSelector)
		for _, c := range t.candidates {
			for _, cluster := range c.env.boundClusters() {
				if selector.Matches(labels.Set(c.env.ClusterLabels[cluster])) {
					clusters = append(clusters, cluster)
				}
			}
		}
	}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

func (e *Environment) boundClusters() []string {
	var clusters []string
	for _, b := range e.Bindings {
		clusters = append(clusters, b.Clusters...)
	}
	return clusters
}

// isOpen says that a binding may stand for any cluster, since it is not decided now.
func (e *Environment) isOpen() bool {
	return slices.ContainsFunc(e.Bindings, func(b Binding) bool { return b.Unresolved && len(b.Clusters) == 0 })
}

func (e *Environment) isBoundTo(cluster string) bool {
	return slices.Contains(e.boundClusters(), cluster)
}

// nothing says that no cluster is selected.
func (t *topology) nothing() {
	if t.use.Topology.AllowEmpty {
		return
	}
	t.keepAll = true
	at := t.at()
	problem := Problem{Reason: ReasonNoClusterBound, Message: at + ".clusters: no cluster is named: name one, or set allowEmpty; what was delivered stays"}
	if t.use.Topology.ByLabels() {
		problem.Message = fmt.Sprintf(
			"%s.clusterLabelSelector: none of the clusters that namespace %q may reach has these labels: check them against the labels of the ManagedClusters, or set allowEmpty; what was delivered stays. Environments that admit the namespace: %s",
			at, t.source.Name, constraint.Enumerate(t.world.admitting(t.source)))
	}
	t.problems = append(t.problems, t.pending(problem))
}

// pending adds to a problem that an environment is not fully known, which may be
// its only cause.
func (t *topology) pending(problem Problem) Problem {
	for _, c := range t.candidates {
		for _, b := range c.env.Bindings {
			if b.Unresolved && len(b.Problems) > 0 {
				problem.Message += fmt.Sprintf(" (environment %q is not fully known now: %s)", c.env.Name, b.Problems[0].Message)
				problem.Waiting = b.Problems[0].Waiting
				return problem
			}
		}
	}
	return problem
}

// reach finds the environment that admits the application to a cluster. A
// better one that has no cluster only because its bindings are not decided now
// must not be passed over: the application would move and come back.
func (t *topology) reach(cluster string) {
	candidates := t.ranked(cluster)
	at := slices.IndexFunc(candidates, func(c candidate) bool { return c.env.isBoundTo(cluster) || c.env.isOpen() })
	if at >= 0 && !candidates[at].env.isBoundTo(cluster) {
		at = -1
	}
	if at < 0 {
		t.kept = append(t.kept, cluster)
		t.problems = append(t.problems, t.unreachable(cluster))
		return
	}
	found := candidates[at]
	if namespace := t.use.Topology.Namespace; namespace != "" && namespace != found.target {
		t.kept = append(t.kept, cluster)
		t.problems = append(t.problems, Problem{Reason: ReasonInvalidNamespace, Message: fmt.Sprintf(
			"%s.namespace: on cluster %q environment %q delivers applications of namespace %q to namespace %q, not to %q: an application reaches its own target only, so remove the field, or write %q",
			t.at(), cluster, found.env.Name, t.source.Name, found.target, namespace, found.target)})
		return
	}
	t.clusters[found.env.Name] = append(t.clusters[found.env.Name], cluster)
}

// ranked are the candidates for a cluster, the best first: to move to one that
// was made later would delete what runs and make it again. A namespace that is
// asked for counts more.
func (t *topology) ranked(cluster string) []candidate {
	ranked := slices.Clone(t.candidates)
	slices.SortStableFunc(ranked, func(a, b candidate) int {
		return cmp.Or(compareBool(t.asks(a), t.asks(b)), compareBool(t.holds(a, cluster), t.holds(b, cluster)))
	})
	return ranked
}

// compareBool puts what is true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (t *topology) asks(c candidate) bool {
	return t.use.Topology.Namespace != "" && c.target == t.use.Topology.Namespace
}

func (t *topology) holds(c candidate, cluster string) bool {
	return slices.Contains(t.delivered, Place{Environment: c.env.Name, Cluster: cluster, Namespace: c.target})
}

// at is the path of the fields that select clusters.
func (t *topology) at() string { return t.use.Path + ".properties" }

// unreachable says why a cluster is out of reach, and who can change that.
func (t *topology) unreachable(cluster string) Problem {
	at := t.at() + ".clusters"
	bound, leaving := t.boundTo(cluster)
	if slices.ContainsFunc(t.candidates, func(c candidate) bool { return c.env.isBoundTo(cluster) }) {
		return t.pending(Problem{Reason: ReasonPlacementPending, Message: fmt.Sprintf("%s: through which environment cluster %q is reached is not known now; what was delivered stays", at, cluster)})
	}
	if len(bound) == 0 && len(leaving) > 0 {
		return Problem{Reason: ReasonEnvironmentDeleting, Waiting: true, Message: fmt.Sprintf(
			"%s: environment %s, which admits namespace %q to cluster %q, is being deleted; what was delivered there is removed", at, constraint.Enumerate(leaving), t.source.Name, cluster)}
	}
	if len(bound) > 0 {
		return t.pending(Problem{Reason: ReasonNamespaceNotAdmitted, Message: fmt.Sprintf(
			"%s: no environment admits namespace %q to cluster %q: ask the platform team to add it to spec.applicationNamespaces of %s", at, t.source.Name, cluster, constraint.Enumerate(bound))})
	}
	return t.pending(Problem{Reason: ReasonNoClusterBound, Message: fmt.Sprintf(
		"%s: no environment is bound to cluster %q%s Ask the platform team for a ClusterBinding that adds it to an environment which admits namespace %q; such are: %s",
		at, cluster, t.meant(cluster), t.source.Name, constraint.Enumerate(t.world.admitting(t.source)))})
}

// boundTo are the environments that are bound to a cluster; apart from them
// those that would admit the application and are being deleted.
func (t *topology) boundTo(cluster string) (bound, leaving []string) {
	for _, name := range t.world.Names() {
		env := t.world[name]
		if !env.isBoundTo(cluster) {
			continue
		}
		if admitted, err := env.Admits(t.source); env.Deleting && admitted && err == nil {
			leaving = append(leaving, name)
			continue
		}
		bound = append(bound, name)
	}
	return bound, leaving
}

// meant ends a sentence about a cluster with the one that was probably meant.
func (t *topology) meant(cluster string) string {
	var known []string
	for _, c := range t.candidates {
		known = append(known, c.env.boundClusters()...)
	}
	slices.Sort(known)
	if suggestion := definition.Suggest(cluster, slices.Compact(known)); suggestion != "" {
		return fmt.Sprintf("; did you mean %q?", suggestion)
	}
	return "."
}
