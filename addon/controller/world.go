// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// worldReader reads environments, bindings and what they resolve to from the cache.
type worldReader struct {
	reader client.Reader
	fleet  *ocm.Fleet
	// hub is the version of the hub's Kubernetes when the manager started.
	hub render.ClusterVersion
}

// version says which Kubernetes a cluster has, as far as it is known.
func (w *worldReader) version(ctx context.Context) func(string) render.ClusterVersion {
	return func(cluster string) render.ClusterVersion {
		if cluster == v1alpha1.LocalCluster {
			return w.hub
		}
		state, err := w.fleet.Cluster(ctx, cluster)
		if err != nil || state == nil {
			return render.ClusterVersion{}
		}
		known, _ := render.ParseClusterVersion(state.Version)
		return known
	}
}

// read gives all environments. It is read-only: its parts are the cache's own.
func (w *worldReader) read(ctx context.Context) (delivery.World, error) {
	var environments v1alpha1.EnvironmentList
	if err := w.reader.List(ctx, &environments, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	world := make(delivery.World, len(environments.Items))
	for i := range environments.Items {
		environment := &environments.Items[i]
		world[environment.Name] = &delivery.Environment{
			Name: environment.Name, Generation: environment.Generation, Spec: environment.Spec, Deleting: !environment.DeletionTimestamp.IsZero(),
		}
	}
	return world, w.bind(ctx, world)
}

func (w *worldReader) bind(ctx context.Context, world delivery.World) error {
	var bindings v1alpha1.ClusterBindingList
	if err := w.reader.List(ctx, &bindings, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list cluster bindings: %w", err)
	}
	sorted := slices.Clone(bindings.Items)
	slices.SortFunc(sorted, func(a, b v1alpha1.ClusterBinding) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sorted {
		environment, ok := world[sorted[i].Spec.Environment]
		if !ok {
			continue
		}
		binding, err := w.resolve(ctx, &sorted[i])
		if err != nil {
			return err
		}
		if !sorted[i].DeletionTimestamp.IsZero() {
			environment.Releasing = true
			environment.Released = append(environment.Released, released(&sorted[i], binding)...)
			continue
		}
		environment.Bindings = append(environment.Bindings, binding)
	}
	return nil
}

// released are the clusters that a binding gave which is being deleted. While its
// placement is not decided they are those that it had last.
func released(binding *v1alpha1.ClusterBinding, resolved delivery.Binding) []string {
	if !resolved.Unresolved {
		return resolved.Clusters
	}
	if resolved.Named != nil {
		return resolved.Named
	}
	clusters := make([]string, len(binding.Status.Clusters))
	for i, cluster := range binding.Status.Clusters {
		clusters[i] = cluster.Name
	}
	return clusters
}

// resolve finds the clusters of a binding.
func (w *worldReader) resolve(ctx context.Context, binding *v1alpha1.ClusterBinding) (delivery.Binding, error) {
	resolved := delivery.Binding{Name: binding.Name, Overrides: binding.Spec.Overrides, SurgeFirst: surgeFirst(binding.Spec)}
	if rollout := binding.Spec.Rollout; rollout != nil && rollout.StallAfter != nil {
		resolved.StallAfter = rollout.StallAfter.Duration
	}
	if binding.Spec.Placement == nil {
		resolved.Named = binding.Spec.Clusters
	}
	if fields := delivery.BindingNotImplemented(binding.Spec); len(fields) > 0 {
		resolved.Unresolved = true
		resolved.Problems = append(resolved.Problems, delivery.Problem{Reason: delivery.ReasonNotImplemented, Message: fmt.Sprintf(
			"ClusterBinding %q uses %s, which this version does not implement: nothing is delivered through it until it is removed",
			binding.Name, strings.Join(fields, ", "))})
		return resolved, nil
	}
	if binding.Spec.Placement == nil {
		return w.named(ctx, binding, resolved)
	}
	if !w.fleet.Installed() {
		return withoutOCM(resolved, "spec.placement"), nil
	}
	clusters, problem, err := w.fleet.Decisions(ctx, binding.Name)
	if err != nil {
		return resolved, err
	}
	if problem != nil {
		resolved.Unresolved = true
		resolved.Problems = append(resolved.Problems, *problem)
	}
	resolved.Clusters = clusters
	return resolved, nil
}

// surgeFirst says whether a cluster that the binding no longer chooses waits for
// those that it chooses. What is named is taken away by removing its name.
func surgeFirst(spec v1alpha1.ClusterBindingSpec) bool {
	return spec.Placement != nil && (spec.Rollout == nil || spec.Rollout.Replacement != "DeleteFirst")
}

func withoutOCM(resolved delivery.Binding, field string) delivery.Binding {
	resolved.Unresolved = true
	resolved.Problems = append(resolved.Problems, delivery.Problem{Reason: delivery.ReasonOCMNotInstalled, Message: fmt.Sprintf(
		"ClusterBinding %q: %s: OCM is not installed on the hub: install Open Cluster Management, which needs no restart here, or bind the environment to cluster local",
		resolved.Name, field)})
	return resolved
}

func (w *worldReader) named(ctx context.Context, binding *v1alpha1.ClusterBinding, resolved delivery.Binding) (delivery.Binding, error) {
	for i, name := range binding.Spec.Clusters {
		if name == v1alpha1.LocalCluster {
			resolved.Clusters = append(resolved.Clusters, name)
			continue
		}
		field := fmt.Sprintf("spec.clusters[%d]", i)
		if !w.fleet.Installed() {
			resolved = withoutOCM(resolved, field)
			continue
		}
		state, err := w.fleet.Cluster(ctx, name)
		if err != nil {
			return resolved, err
		}
		if problem := unusable(binding.Name, field, name, state); problem != nil {
			resolved.Problems = append(resolved.Problems, *problem)
			resolved.Unresolved = true // a misspelt name must not empty the cluster that was meant
			continue
		}
		resolved.Clusters = append(resolved.Clusters, name)
	}
	slices.Sort(resolved.Clusters)
	return resolved, nil
}

func unusable(binding, field, name string, state *ocm.ClusterState) *delivery.Problem {
	if state == nil {
		return &delivery.Problem{Reason: delivery.ReasonClusterNotFound, Message: fmt.Sprintf(
			"ClusterBinding %q: %s: there is no ManagedCluster %q: correct the name, or join the cluster to the hub", binding, field, name)}
	}
	if state.Deleting {
		return &delivery.Problem{Reason: delivery.ReasonClusterNotFound, Message: fmt.Sprintf(
			"ClusterBinding %q: %s: ManagedCluster %q is being deleted: remove its name", binding, field, name)}
	}
	if !state.Accepted {
		return &delivery.Problem{Reason: delivery.ReasonClusterNotAccepted, Message: fmt.Sprintf(
			"ClusterBinding %q: %s: ManagedCluster %q has not been accepted: set its spec.hubAcceptsClient", binding, field, name)}
	}
	return nil
}

// source reads a hub namespace. The cache of namespaces may lag behind that of
// applications: one that it does not have has no labels.
func (w *worldReader) source(ctx context.Context, name string) (delivery.SourceNamespace, error) {
	source, _, err := w.living(ctx, name)
	return source, err
}

// living reads a hub namespace, and says whether it is there and not on its way out.
func (w *worldReader) living(ctx context.Context, name string) (source delivery.SourceNamespace, lives bool, err error) {
	namespace := local.NewNamespace()
	if err := w.reader.Get(ctx, types.NamespacedName{Name: name}, namespace); err != nil {
		if apierrors.IsNotFound(err) {
			return delivery.SourceNamespace{Name: name}, false, nil
		}
		return delivery.SourceNamespace{}, false, fmt.Errorf("get namespace %q: %w", name, err)
	}
	return delivery.SourceNamespace{Name: name, Labels: namespace.Labels}, namespace.DeletionTimestamp.IsZero(), nil
}

// away says which clusters do not report. A cluster that cannot be read counts
// as away, so that nothing is removed from it.
func (w *worldReader) away(ctx context.Context) func(string) bool {
	return func(cluster string) bool {
		if cluster == v1alpha1.LocalCluster {
			return false
		}
		available, err := w.fleet.Available(ctx, cluster)
		return err != nil || !available
	}
}

// tenantsWanted gives what says of a tenant whether an application other than the
// owner uses an environment that delivers to it, or may, or whether one prepares it:
// what is prepared there is not taken away because a placement is not decided for a moment.
func (w *worldReader) tenantsWanted(ctx context.Context, owner delivery.Owner) (func(delivery.TenantKey) bool, error) {
	world, err := w.read(ctx)
	if err != nil {
		return nil, err
	}
	source, lives, err := w.living(ctx, owner.Namespace)
	if err != nil {
		return nil, err
	}
	var applications v1beta1.ApplicationList
	if err := w.reader.List(ctx, &applications, client.InNamespace(owner.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list applications of namespace %q: %w", owner.Namespace, err)
	}
	used := environmentsUsed(world, applications.Items, owner)
	isPrepared := world.KeepsPrepared(source)
	return func(tenant delivery.TenantKey) bool {
		return lives && isPrepared(tenant) || slices.ContainsFunc(used, func(name string) bool {
			environment, ok := world[name]
			return ok && environment.MayDeliver(source, tenant)
		})
	}, nil
}

// environmentsUsed are the names of the environments that applications other than the owner use.
func environmentsUsed(world delivery.World, applications []v1beta1.Application, owner delivery.Owner) []string {
	used := map[string]bool{}
	for i := range applications {
		if applications[i].UID == owner.UID || !applications[i].DeletionTimestamp.IsZero() {
			continue
		}
		for _, name := range environmentsOf(&applications[i]) {
			used[name] = true
		}
	}
	if used[anyEnvironment] {
		return world.Names()
	}
	return slices.Collect(maps.Keys(used))
}

// anyEnvironment stands for the environments that a topology may resolve to,
// which depends on more than the application. No environment has the name.
const anyEnvironment = "*"

// environmentsOf are the names of the environments that an application uses;
// none when its policies cannot be read.
func environmentsOf(application *v1beta1.Application) []string {
	uses, err := policy.Environments(application.Spec)
	if err != nil {
		return nil
	}
	var names []string
	for _, use := range uses {
		if use.Topology != nil {
			use.Environment = anyEnvironment
		}
		if !slices.Contains(names, use.Environment) {
			names = append(names, use.Environment)
		}
	}
	return names
}

// mayBeIn are the names of the environments that an application uses, and of those
// in which it was delivered last: what it has there may wait for it to be correct
// again. Of one that is not, nobody knows what it had where before.
func mayBeIn(application *v1beta1.Application) []string {
	names := environmentsOf(application)
	for i := range application.Status.Services {
		if name := application.Status.Services[i].Env; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if application.Status.Phase == v1beta1.PhaseRendering && !slices.Contains(names, anyEnvironment) {
		names = append(names, anyEnvironment)
	}
	return names
}

// using counts the applications that use an environment, out of those that may.
// delivered says where an application is already.
func (w *worldReader) using(
	ctx context.Context, world delivery.World, environment string, applications []v1beta1.Application,
	delivered func(context.Context, delivery.Owner) ([]delivery.Place, error),
) (int, error) {
	count := 0
	for i := range applications {
		application := &applications[i]
		uses, err := policy.Environments(application.Spec)
		if err != nil {
			continue
		}
		source, err := w.source(ctx, application.Namespace)
		if err != nil {
			return 0, err
		}
		if err := w.label(ctx, world, uses); err != nil {
			return 0, err
		}
		var places []delivery.Place
		if delivery.HasTopology(uses) {
			if places, err = delivered(ctx, ownerOf(application)); err != nil {
				return 0, err
			}
		}
		if slices.Contains(world.Reached(source, uses, places), environment) {
			count++
		}
	}
	return count, nil
}

// label adds the labels of the bound clusters to a world, when uses select by them.
func (w *worldReader) label(ctx context.Context, world delivery.World, uses []policy.EnvironmentUse) error {
	if !delivery.SelectsByLabels(uses) {
		return nil
	}
	for _, name := range world.Names() {
		environment := world[name]
		if environment.ClusterLabels != nil {
			continue
		}
		environment.ClusterLabels = map[string]map[string]string{}
		for _, cluster := range clustersOf(environment) {
			labels, err := w.fleet.Labels(ctx, cluster)
			if err != nil {
				return err
			}
			environment.ClusterLabels[cluster] = labels
		}
	}
	return nil
}

// readSystemSecret reads one Secret of the system namespace by name. Secrets are
// neither listed nor watched.
func readSystemSecret(live client.Reader) func(context.Context, string) (*corev1.Secret, error) {
	return func(ctx context.Context, name string) (*corev1.Secret, error) {
		secret := &corev1.Secret{}
		err := live.Get(ctx, types.NamespacedName{Namespace: v1alpha1.SystemNamespace, Name: name}, secret)
		return secret, err
	}
}
