// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Request is an application that is to be delivered.
type Request struct {
	Owner      Owner
	Source     SourceNamespace
	Uses       []policy.EnvironmentUse
	Components []render.Component
	// Policies that make objects; they go to every place of the components.
	Policies []render.Component
	// Labels and Annotations of the Application that definitions may read.
	Labels      map[string]string
	Annotations map[string]string
	// Revision is the name of the application's revision, RevisionNumber its number.
	Revision       string
	RevisionNumber int64
	// ClusterVersion is the version of Kubernetes of a cluster; nil when none is known.
	ClusterVersion func(cluster string) render.ClusterVersion
	// Treat is what the application's policies say of an object; nil when it has none.
	Treat func(policy.Resource) policy.Treatment
	// Dependents are, by the name of a component, those that go before it; nil when no
	// policy asks for that order.
	Dependents map[string][]string
	// Delivered is where the application is already; needed only where a use has a topology.
	Delivered []Place
	// Secrets are those that belong to the application; nil when there are none.
	Secrets *Secrets
	// Passing says of an error of the renderer that it tells nothing of the
	// application, and passes without a change of it; nil when none does.
	Passing func(error) bool
}

// Renderer renders one component in one context.
type Renderer interface {
	Render(ctx render.Context, component render.Component) (*render.Result, error)
}

// Plan is what of a request goes where.
type Plan struct {
	Owner Owner
	// Units in the order of environments as requested, then cluster, then component;
	// policies before components.
	Units []Unit
	// Tenants that the units need.
	Tenants map[TenantKey]Tenant
	// Held is what is left as it is for now, since it is not known whether the overrides
	// of a binding are for its cluster; without objects.
	Held []UnitReport
	// Problems that keep parts of the application from being delivered.
	Problems []Problem
	// failures are those of environments for which the application cannot be rendered.
	failures []failure
	// unresolved are environments of which nothing is known.
	unresolved map[string]bool
	// partly are environments whose places are not fully known, each with the clusters
	// of which all is known.
	partly map[string][]string
	// clusters of each environment that is not being deleted.
	clusters map[string][]string
	// surge are the clusters of each environment that must be healthy before one
	// that was chosen before them is cleaned; released those that nothing replaces.
	surge, released map[string][]string
	// kept are clusters, and keepAll all, of which nothing is concluded, since a
	// topology that may mean them cannot be resolved.
	kept    map[string]bool
	keepAll bool
	// leaving are the environments that are being deleted.
	leaving map[string]bool
	// releasing are the environments of which something goes with a binding that is
	// being deleted.
	releasing map[string]*Environment
	// away says that a cluster does not report.
	away func(cluster string) bool
	// goesTo says that an environment delivers the owner's applications to a tenant.
	goesTo func(environment string, tenant TenantKey) bool
	// wanted are the units by environment, cluster, namespace and component.
	wanted map[unitKey]*render.Result
	// dependents are, by the name of a component, those that go before it.
	dependents map[string][]string
	// final says that the application goes.
	final bool
	// deletions say how environments want what leaves them to go.
	deletions map[string]v1alpha1.DeletionPolicy
	// mayBeScaled are the workloads of autoscalers that are left as they are, by namespace.
	mayBeScaled map[TenantKey][]scaleTarget
}

type unitKey struct {
	place     Place
	component string
}

// failure is why an application cannot be rendered for an environment.
type failure struct {
	environment string
	err         error
}

// MakePlan decides what goes where. An environment for which the application cannot
// be rendered keeps what it has, and the others go on. It returns an error when
// there is no environment for which it can: then nothing may be delivered or
// removed. away says which clusters do not report.
func MakePlan(world World, renderer Renderer, request Request, away func(cluster string) bool) (*Plan, error) {
	plan := newPlan(world, request.Owner, away).Ordered(request.Dependents)
	plan.goesTo = func(environment string, tenant TenantKey) bool {
		env, ok := world[environment]
		return ok && env.Delivers(request.Source, tenant)
	}
	for _, use := range request.Uses {
		for _, placed := range plan.placements(world, request, use) {
			placed.components = placed.use.Components(request.Components)
			if err := plan.addEnvironment(world, renderer, request, placed); err != nil && !plan.fails(request, placed.use.Environment, err) {
				return nil, err
			}
		}
	}
	if err := plan.addPolicies(renderer, request); err != nil {
		return nil, err
	}
	if err := plan.excludeFailed(); err != nil {
		return nil, err
	}
	if err := plan.addSecrets(request); err != nil {
		return nil, err
	}
	plan.constrain(world)
	plan.treat(request.Treat)
	plan.reserve(world)
	plan.noteNeeds()
	plan.contest()
	for i := range plan.Units {
		place := plan.Units[i].Place
		plan.Units[i].StallAfter = world[place.Environment].stallAfter(place.Cluster)
	}
	return plan, nil
}

func newPlan(world World, owner Owner, away func(string) bool) *Plan {
	plan := &Plan{
		Owner: owner, Tenants: map[TenantKey]Tenant{},
		unresolved: map[string]bool{}, partly: map[string][]string{}, clusters: map[string][]string{}, wanted: map[unitKey]*render.Result{}, away: away,
		kept: map[string]bool{}, leaving: map[string]bool{}, releasing: map[string]*Environment{},
		surge: map[string][]string{}, released: map[string][]string{},
	}
	for name, env := range world {
		plan.leaving[name], plan.released[name] = env.Deleting, env.Released
		if env.givesUp() {
			plan.releasing[name] = env
		}
		for _, binding := range env.Bindings {
			if binding.SurgeFirst {
				plan.surge[name] = append(plan.surge[name], binding.Clusters...)
			}
		}
	}
	return plan.In(world)
}

// placement is the use of one environment, of all of its clusters or some.
type placement struct {
	use        policy.EnvironmentUse
	components []policy.UsedComponent
	// clusters that are meant; nil for all.
	clusters []string
}

// RemovalPlan is the plan of an application that goes away: it wants nothing.
func RemovalPlan(owner Owner) *Plan {
	return &Plan{Owner: owner, final: true}
}

// KeepingPlan is the plan of an application that cannot be rendered: everything
// stays as it is, but for what is given up with an environment or a binding. It
// would hold their deletion for as long as nobody corrects the application.
func KeepingPlan(world World, owner Owner, away func(cluster string) bool) *Plan {
	plan := newPlan(world, owner, away)
	plan.keepAll = true
	return plan
}

// givenUp says that a place goes with its environment or binding, which waits
// until nothing is left there: no problem of an application may hold it. What is
// on a cluster that is away waits for it, as it does with any that is left.
func (p *Plan) givenUp(place Place) bool {
	if p.leaving[place.Environment] {
		return true
	}
	environment, releasing := p.releasing[place.Environment]
	return releasing && environment.Leaves(place.Cluster) && (!p.away(place.Cluster) || p.deletions[place.Environment].Unreachable == orphan)
}

// Wants says whether a record belongs to something that is to stay as it is or
// as it will be written. A cluster that left an environment while it is away
// keeps what it has, unless the environment says otherwise: lost contact must
// not empty a cluster.
func (p *Plan) Wants(record Record) bool {
	environment, cluster := record.Place.Environment, record.Place.Cluster
	if p.givenUp(record.Place) {
		return false
	}
	if p.unresolved[environment] || !p.knows(record.Place) {
		return true
	}
	if result, ok := p.wanted[unitKey{record.Place, record.Component}]; ok {
		return record.Object == "" || holds(result, record.Object)
	}
	if p.keepAll || p.kept[cluster] {
		return true
	}
	clusters, delivered := p.clusters[environment]
	return delivered && !slices.Contains(clusters, cluster) && p.away(cluster) && p.deletions[environment].Unreachable != orphan
}

// knows says that it is known what is wanted on the cluster of a place. A name that
// is misspelt must not empty the cluster that was meant, and changes nothing for
// those that were found.
func (p *Plan) knows(place Place) bool {
	known, partly := p.partly[place.Environment]
	return !partly || slices.Contains(known, place.Cluster)
}

// knowPartly notes what is known of an environment that has a binding which is not
// fully known.
func (p *Plan) knowPartly(env *Environment) {
	if env.isUnresolved() {
		p.partly[env.Name] = env.knownClusters()
	}
}

// successors are the clusters that must be healthy before a record goes: those
// that stand for one that a placement chose before. A cluster of a placement
// leaves because of a decision, one of a list or of a deleted binding by a word.
func (p *Plan) successors(record Record) []string {
	environment, cluster := record.Place.Environment, record.Place.Cluster
	clusters, delivered := p.clusters[environment]
	if !delivered || slices.Contains(clusters, cluster) || slices.Contains(p.released[environment], cluster) {
		return nil
	}
	return p.surge[environment]
}

func holds(result *render.Result, object string) bool {
	return slices.ContainsFunc(result.Objects, func(o render.Object) bool {
		return ObjectID(o.GroupVersionKind().GroupKind(), o.Namespace(), o.Name()) == object
	})
}

func (p *Plan) problem(problem Problem) { p.Problems = append(p.Problems, problem) }

// uncertain says that what the application uses is not fully known.
func (p *Plan) uncertain() bool {
	return p.keepAll || anyTrue(p.kept) || anyTrue(p.unresolved) || len(p.partly) > 0
}

func (p *Plan) addEnvironment(world World, renderer Renderer, request Request, placed placement) error {
	use := placed.use
	env, problem := admit(world, request.Source, use)
	if problem != nil {
		p.problem(*problem)
		// A deleted environment is emptied; of any other that fails nothing is concluded.
		p.unresolved[use.Environment] = problem.Reason != ReasonEnvironmentDeleting
		return nil
	}
	target, problem := env.TargetNamespace(request.Source.Name)
	if problem != nil {
		p.problem(*problem)
		p.unresolved[env.Name] = true
		return nil
	}
	return p.addBindings(world, renderer, request, placed, env, target)
}

func admit(world World, source SourceNamespace, use policy.EnvironmentUse) (*Environment, *Problem) {
	env, ok := world[use.Environment]
	if !ok {
		return nil, &Problem{Reason: ReasonEnvironmentNotFound, Message: fmt.Sprintf(
			"%s: environment %q does not exist; there are: %s", pathOf(use), use.Environment, constraint.Enumerate(world.Names()))}
	}
	if env.Deleting {
		return nil, &Problem{Reason: ReasonEnvironmentDeleting, Waiting: true, Message: fmt.Sprintf(
			"%s: environment %q is being deleted; what was delivered there is removed", pathOf(use), use.Environment)}
	}
	admitted, err := env.Admits(source)
	if err != nil {
		return nil, &Problem{Reason: ReasonNamespaceNotAdmitted, Message: err.Error()}
	}
	if !admitted {
		return nil, &Problem{Reason: ReasonNamespaceNotAdmitted, Message: fmt.Sprintf(
			"%s: environment %q does not admit namespace %q: ask the platform team to add it to spec.applicationNamespaces, or use one of: %s",
			pathOf(use), use.Environment, source.Name, constraint.Enumerate(world.admitting(source)))}
	}
	if problem := env.Unusable(); problem != nil {
		return nil, problem
	}
	return env, nil
}

func (w World) admitting(source SourceNamespace) []string {
	return slices.DeleteFunc(w.Names(), func(name string) bool {
		admitted, err := w[name].Admits(source)
		return err != nil || !admitted || w[name].Deleting
	})
}

func pathOf(use policy.EnvironmentUse) string {
	switch {
	case use.Path == "":
		return "spec.policies (none names an environment)"
	case strings.HasSuffix(use.Path, "policies"):
		return use.Path + " (none names an environment)"
	case use.Topology != nil:
		return use.Path
	}
	return use.Path + ".properties.environment"
}

func (p *Plan) addBindings(world World, renderer Renderer, request Request, placed placement, env *Environment, target string) error {
	overrides := map[string][]boundOverride{}
	_, again := p.clusters[env.Name]
	p.knowPartly(env)
	for _, binding := range env.Bindings {
		if !again {
			p.Problems = append(p.Problems, env.problemsOf(binding)...)
		}
		for _, cluster := range binding.Clusters {
			overrides[cluster] = append(overrides[cluster], boundOverrides(binding)...)
		}
	}
	clusters := make([]string, 0, len(overrides))
	for cluster := range overrides {
		clusters = append(clusters, cluster)
	}
	slices.Sort(clusters)
	p.clusters[env.Name] = clusters
	if len(clusters) == 0 {
		p.noCluster(env)
		// Bindings that select nothing any more may be wrong; without any, somebody took them away.
		p.unresolved[env.Name] = p.unresolved[env.Name] || len(env.Bindings) > 0
	}
	for _, cluster := range clusters {
		if placed.clusters != nil && !slices.Contains(placed.clusters, cluster) {
			continue
		}
		place := Place{Environment: env.Name, Cluster: cluster, Namespace: target}
		if why, held := env.heldBy(cluster); held {
			p.hold(request.Owner, placed, place, why)
			continue
		}
		if err := p.addPlace(world, renderer, request, placed, env, place, overrides[cluster]); err != nil {
			return err
		}
	}
	return nil
}

// hold notes what the application has in a place where nothing is changed now.
func (p *Plan) hold(owner Owner, placed placement, place Place, why string) {
	for _, component := range placed.components {
		keys := component.ReplicaKeys
		if len(keys) == 0 {
			keys = []string{""}
		}
		for _, key := range keys {
			unit := Unit{Owner: owner, Component: UnitName(component.Name, key), Place: place, Result: &render.Result{}}
			if slices.ContainsFunc(p.Held, func(u UnitReport) bool { return u.Unit.Component == unit.Component && u.Unit.Place == place }) {
				continue // another step or policy has it too
			}
			p.Held = append(p.Held, UnitReport{Unit: unit, Observe: Observation{State: Waiting, Message: why}})
		}
	}
}

func (p *Plan) noCluster(env *Environment) {
	names := make([]string, 0, len(env.Bindings))
	for _, binding := range env.Bindings {
		if len(binding.Problems) > 0 {
			return // which says more than "no cluster"
		}
		names = append(names, binding.Name)
	}
	message := fmt.Sprintf("environment %q has no cluster yet: waiting for a ClusterBinding with spec.environment %q", env.Name, env.Name)
	if len(names) > 0 {
		message = fmt.Sprintf("environment %q: ClusterBinding %s selects no cluster now: check its selectors against the labels of the ManagedClusters; what was delivered stays",
			env.Name, constraint.Enumerate(names))
	}
	p.problem(Problem{Reason: ReasonNoClusterBound, Waiting: true, Message: message})
}

func (p *Plan) addPlace(world World, renderer Renderer, request Request, placed placement, env *Environment, place Place, overrides []boundOverride) error {
	key := place.Tenant()
	tenant, problem := world.Tenant(request.Source, key)
	if problem != nil {
		p.problem(*problem)
		p.unresolved[place.Environment] = true
		return nil
	}
	p.Tenants[key] = tenant
	for _, component := range placed.components {
		merged, err := mergeLayers(env, component, request.Owner.Name, overrides)
		if err != nil {
			return fmt.Errorf("%s: component %q: %w", place, component.Name, err)
		}
		if err := p.addCopies(renderer, request, placed.use, place, merged, component.ReplicaKeys); err != nil {
			return err
		}
	}
	return nil
}

// addCopies adds a unit of the component, or one for each replica key.
func (p *Plan) addCopies(renderer Renderer, request Request, use policy.EnvironmentUse, place Place, merged layered, keys []string) error {
	component := merged.component
	if len(keys) == 0 {
		keys = []string{""}
	}
	taken := map[string]string{}
	for _, key := range keys {
		name := UnitName(component.Name, key)
		context := request.context(place)
		context.ReplicaKey = key
		result, err := renderer.Render(context, component)
		if err == nil {
			err = collision(taken, component, key, result)
		}
		if err != nil {
			return &RenderError{Place: place, Component: name, Err: err}
		}
		p.want(use, Unit{Owner: request.Owner, Component: name, Place: place, Result: result, Layers: merged.layers})
	}
	return nil
}

// want adds a unit. A later step of a workflow delivers over an earlier one;
// without steps two policies that want different things contradict each other.
func (p *Plan) want(use policy.EnvironmentUse, unit Unit) {
	key := unitKey{unit.Place, unit.Component}
	earlier, again := p.wanted[key]
	if !again {
		p.Units = append(p.Units, unit)
		p.wanted[key] = unit.Result
		return
	}
	if earlier.Digest == unit.Result.Digest {
		return
	}
	if use.Step == "" {
		p.problem(Problem{Reason: ReasonPlacementConflict, Message: fmt.Sprintf(
			"%s: component %q goes to %s by an earlier policy too, and differs there: let one of the policies leave it out by its selector, or make them agree",
			use.Path, unit.Component, unit.Place)})
		return
	}
	at := slices.IndexFunc(p.Units, func(u Unit) bool { return u.Place == unit.Place && u.Component == unit.Component })
	p.Units[at] = unit
	p.wanted[key] = unit.Result
}

func (r Request) context(place Place) render.Context {
	names := make([]string, len(r.Components))
	for i, component := range r.Components {
		names[i] = component.Name
	}
	context := render.Context{
		AppName: r.Owner.Name, AppNamespace: r.Owner.Namespace, TargetNamespace: place.Namespace,
		Environment: place.Environment, Cluster: place.Cluster, AppLabels: r.Labels, AppAnnotations: r.Annotations,
		AppRevision: r.Revision, AppRevisionNum: r.RevisionNumber, Components: names, PublishVersion: r.Annotations[v1beta1.AnnotationPublishVersion],
	}
	if r.ClusterVersion != nil {
		context.ClusterVersion = r.ClusterVersion(place.Cluster)
	}
	return context
}

// RenderError says that a component cannot be rendered for a place.
type RenderError struct {
	Place     Place
	Component string
	Err       error
}

func (e *RenderError) Error() string {
	return fmt.Sprintf("%s: %v", e.Place, e.Err)
}

// fails notes that the application cannot be rendered for an environment. An error
// that passes concerns all: it says nothing of any.
func (p *Plan) fails(request Request, environment string, err error) bool {
	if request.Passing != nil && request.Passing(err) {
		return false
	}
	if !slices.ContainsFunc(p.failures, func(f failure) bool { return f.environment == environment }) {
		p.failures = append(p.failures, failure{environment, err})
	}
	return true
}

// excludeFailed takes the environments out of the plan for which the application
// cannot be rendered. It returns the first error when there is nothing else to deliver.
func (p *Plan) excludeFailed() error {
	for _, failed := range p.failures {
		p.exclude(failed.environment)
		p.problem(Problem{Reason: ReasonOf(failed.err), Message: failed.err.Error()})
	}
	if len(p.failures) > 0 && len(p.Units) == 0 {
		return p.failures[0].err
	}
	return nil
}

// ReasonOf is the reason of a condition for an error of the renderer.
func ReasonOf(err error) string {
	var failed *render.Error
	if !errors.As(err, &failed) {
		return ReasonRenderFailed
	}
	switch failed.Reason {
	case render.ReasonUnknownType:
		return ReasonUnknownType
	case render.ReasonInvalidProperties:
		return ReasonInvalidParameters
	}
	return failed.Reason
}

// Unwrap gives the renderer's error.
func (e *RenderError) Unwrap() error { return e.Err }
