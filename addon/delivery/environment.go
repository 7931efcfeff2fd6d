// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
)

// Problem says why something is not delivered.
type Problem struct {
	// Reason is a CamelCase word for conditions.
	Reason string
	// Message names the path of the field, the cause and the remedy.
	Message string
	// Waiting means that the problem is expected to pass without anybody's change.
	Waiting bool
}

// Reasons of problems.
const (
	ReasonEnvironmentNotFound  = "EnvironmentNotFound"
	ReasonEnvironmentDeleting  = "EnvironmentDeleting"
	ReasonNamespaceNotAdmitted = "NamespaceNotAdmitted"
	ReasonReservedNamespace    = "ReservedNamespace"
	ReasonInvalidNamespace     = "InvalidTargetNamespace"
	ReasonNotImplemented       = "NotImplemented"
	ReasonNoClusterBound       = "NoClusterBound"
	ReasonClusterNotFound      = "ClusterNotFound"
	ReasonClusterNotAccepted   = "ClusterNotAccepted"
	ReasonClusterSetNotFound   = "ClusterSetNotFound"
	ReasonOCMNotInstalled      = "OCMNotInstalled"
	ReasonPlacementPending     = "PlacementPending"
	ReasonPlacementInvalid     = "PlacementInvalid"
	ReasonBindingDeleting      = "BindingDeleting"
	ReasonInvalidParameters    = "InvalidParameters"
	ReasonUnknownType          = "UnknownType"
	ReasonRenderFailed         = "RenderFailed"
	ReasonHealthFailed         = "HealthFailed"
	ReasonPlacementConflict    = "PlacementConflict"
	ReasonForeignObject        = "ForeignObject"
	ReasonNamespaceNotOurs     = "NamespaceNotOurs"
	ReasonApplyFailed          = "ApplyFailed"
	ReasonTooLarge             = "TooLarge"
	ReasonForbidden            = "Forbidden"
	ReasonClusterAway          = "ClusterAway"
	ReasonConstraintViolated   = "ConstraintViolated"
	ReasonInvalidEnvironment   = "InvalidEnvironment"
	ReasonPreparing            = "Preparing"
	ReasonNotProgressing       = v1alpha1.ReasonNotProgressing
	ReasonFailing              = v1alpha1.ReasonFailing
)

// Binding is a ClusterBinding with the clusters that it stands for now.
type Binding struct {
	Name string
	// Clusters are sorted. Those named by the binding and not found are left out.
	Clusters []string
	// Named are the clusters that the binding names, whether they were found or not;
	// nil where a placement chooses.
	Named []string
	// Overrides of the binding.
	Overrides []v1alpha1.ClusterOverride
	// StallAfter is how long a place that is not healthy may stay as it is; 0 when the binding does not say.
	StallAfter time.Duration
	// Problems of the binding; Clusters is complete in spite of them unless Unresolved.
	Problems []Problem
	// SurgeFirst means that a cluster which the binding chose no more keeps what it
	// has until the others are healthy.
	SurgeFirst bool
	// Unresolved means that the clusters are not known now, so that nothing may be concluded from their absence.
	Unresolved bool
}

// Environment is an Environment with its bindings, sorted by name.
type Environment struct {
	Name string
	// Generation of the spec.
	Generation int64
	Spec       v1alpha1.EnvironmentSpec
	Deleting   bool
	Bindings   []Binding
	// Released are clusters of bindings that are being deleted, as far as they are
	// known: somebody gave them up, so that nothing replaces them.
	Released []string
	// Releasing means that a binding is being deleted, whatever clusters it has.
	Releasing bool
	// ClusterLabels are the labels of bound clusters by name, as far as they are
	// known; needed only where a topology selects clusters by labels.
	ClusterLabels map[string]map[string]string
}

// World is what is known of all environments, by name.
type World map[string]*Environment

// SourceNamespace is a hub namespace that applications live in.
type SourceNamespace struct {
	Name   string
	Labels map[string]string
}

// Reserved says whether a namespace may neither deliver nor be delivered to.
func Reserved(namespace string) bool {
	return namespace == v1alpha1.SystemNamespace || namespace == "vela-system" ||
		strings.HasPrefix(namespace, "kube-") || strings.HasPrefix(namespace, "open-cluster-management")
}

// Admits says whether applications of the namespace may be delivered to the
// environment. It returns an error for a selector that cannot be parsed.
func (e *Environment) Admits(source SourceNamespace) (bool, error) {
	admitted, err := e.Spec.ApplicationNamespaces.Admit(source.Name, source.Labels)
	if err != nil {
		return false, fmt.Errorf("spec.applicationNamespaces.selector of environment %q: %w", e.Name, err)
	}
	return admitted, nil
}

// TargetNamespace is the namespace on the clusters that applications of the
// source namespace are delivered to. It returns an error for a name that is not
// a valid namespace or is reserved.
func (e *Environment) TargetNamespace(source string) (string, *Problem) {
	target := targetName(e.Spec.TargetNamespace, source)
	if errs := validation.IsDNS1123Label(target); len(errs) > 0 {
		return "", &Problem{Reason: ReasonInvalidNamespace, Message: fmt.Sprintf(
			"environment %q: spec.targetNamespace makes %q for namespace %q, which is no name of a namespace (%s): shorten the prefix or suffix",
			e.Name, target, source, errs[0])}
	}
	if Reserved(target) {
		return "", &Problem{Reason: ReasonReservedNamespace, Message: fmt.Sprintf(
			"environment %q: spec.targetNamespace makes %q for namespace %q, which is reserved (kube-*, %s, vela-system, open-cluster-management*): choose another",
			e.Name, target, source, v1alpha1.SystemNamespace)}
	}
	return target, nil
}

func targetName(rule *v1alpha1.TargetNamespace, source string) string {
	if rule == nil {
		return source
	}
	if rule.Name != "" {
		return rule.Name
	}
	return rule.Prefix + source + rule.Suffix
}

// NotImplemented lists the fields of an environment that are accepted and not
// implemented in this version, each with what to do. Nothing is delivered to
// such an environment: acting as if the field were absent could break what it protects.
func NotImplemented(spec v1alpha1.EnvironmentSpec) []string {
	var fields []string
	add := func(used bool, field string) {
		if used {
			fields = append(fields, field)
		}
	}
	add(len(spec.After) > 0, "spec.after")
	add(spec.Approval != nil && spec.Approval.Required, "spec.approval")
	add(spec.Propagation != nil, "spec.propagation")
	return fields
}

// Unusable says why nothing may be delivered to an environment as it is written:
// it uses what is not implemented, or what cannot be read. nil when it is fine.
func (e *Environment) Unusable() *Problem {
	if fields := NotImplemented(e.Spec); len(fields) > 0 {
		return &Problem{Reason: ReasonNotImplemented, Message: fmt.Sprintf(
			"environment %q uses %s, which this version does not implement: nothing is delivered there until it is removed",
			e.Name, strings.Join(fields, ", "))}
	}
	_, err := constraintsOf(e)
	if err == nil {
		_, err = namespaceObjects(e.Spec.NamespaceOptions)
	}
	if err != nil {
		return &Problem{Reason: ReasonInvalidEnvironment, Message: fmt.Sprintf(
			"environment %q: %v; nothing is delivered there until it is corrected", e.Name, err)}
	}
	return nil
}

// BindingNotImplemented is NotImplemented for a ClusterBinding.
func BindingNotImplemented(spec v1alpha1.ClusterBindingSpec) []string {
	if spec.Rollout == nil {
		return nil
	}
	var fields []string
	if spec.Rollout.Type != "" && spec.Rollout.Type != "All" {
		fields = append(fields, "spec.rollout.type: "+spec.Rollout.Type)
	}
	for _, field := range []struct {
		name string
		used bool
	}{
		{"maxConcurrency", spec.Rollout.MaxConcurrency != nil},
		{"mandatoryDecisionGroups", len(spec.Rollout.MandatoryDecisionGroups) > 0},
		{"minSuccessTime", spec.Rollout.MinSuccessTime != nil},
		{"progressDeadline", spec.Rollout.ProgressDeadline != nil},
		{"maxFailures", spec.Rollout.MaxFailures != nil},
	} {
		if field.used {
			fields = append(fields, "spec.rollout."+field.name)
		}
	}
	return fields
}

// Names of the environments, sorted.
func (w World) Names() []string {
	names := make([]string, 0, len(w))
	for name := range w {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Delivers says whether applications of the source namespace that use the
// environment are delivered to the tenant.
func (e *Environment) Delivers(source SourceNamespace, key TenantKey) bool {
	return e.targets(source, key.Namespace) && e.isBoundTo(key.Cluster)
}

// MayDeliver says that they are, or may be as soon as a binding is decided. One that
// somebody has to correct before counts for nothing.
func (e *Environment) MayDeliver(source SourceNamespace, key TenantKey) bool {
	if !e.targets(source, key.Namespace) {
		return false
	}
	return e.isBoundTo(key.Cluster) || slices.ContainsFunc(e.Bindings, func(b Binding) bool {
		return b.mayStandFor(key.Cluster) && !slices.ContainsFunc(b.Problems, func(p Problem) bool { return !p.Waiting })
	})
}

// mayStillDeliver says that it is not known now whether they are. What is there for them
// stays until it is, also while somebody has to correct a binding before.
func (e *Environment) mayStillDeliver(source SourceNamespace, key TenantKey) bool {
	return slices.ContainsFunc(e.Bindings, func(b Binding) bool { return b.mayStandFor(key.Cluster) }) && e.targets(source, key.Namespace)
}

// targets says whether applications of the source namespace may be in a namespace.
func (e *Environment) targets(source SourceNamespace, namespace string) bool {
	if admitted, err := e.Admits(source); err != nil || !admitted || e.Deleting {
		return false
	}
	target, problem := e.TargetNamespace(source.Name)
	return problem == nil && target == namespace
}

// isUnresolved says that the clusters of a binding are not fully known.
func (e *Environment) isUnresolved() bool {
	return slices.ContainsFunc(e.Bindings, func(b Binding) bool { return b.Unresolved })
}

// knownClusters are those of which it is known what is delivered to them: they are
// bound, and no binding that may stand for them too would change what they get.
func (e *Environment) knownClusters() []string {
	return slices.DeleteFunc(e.boundClusters(), func(cluster string) bool {
		return slices.ContainsFunc(e.Bindings, func(b Binding) bool {
			return b.Unresolved && len(b.Overrides) > 0 && !slices.Contains(b.Clusters, cluster)
		})
	})
}

// mayStandFor says that it is not known now whether the binding has a cluster. No
// placement chooses the hub itself.
func (b Binding) mayStandFor(cluster string) bool {
	if !b.Unresolved || slices.Contains(b.Clusters, cluster) {
		return false
	}
	if b.Named != nil {
		return slices.Contains(b.Named, cluster)
	}
	return cluster != v1alpha1.LocalCluster
}

// mayOverride says that it is not known now whether the overrides of the binding are
// for a cluster. Without them what runs there would change, and change back.
func (b Binding) mayOverride(cluster string) bool {
	return len(b.Overrides) > 0 && b.mayStandFor(cluster)
}

// heldBy says why a cluster keeps what it has, where a binding may override it.
func (e *Environment) heldBy(cluster string) (why string, held bool) {
	at := slices.IndexFunc(e.Bindings, func(b Binding) bool { return b.mayOverride(cluster) })
	if at < 0 {
		return "", false
	}
	binding := e.Bindings[at]
	why = fmt.Sprintf("ClusterBinding %q is not decided", binding.Name)
	if len(binding.Problems) > 0 {
		why = binding.Problems[0].Message
	}
	return why + "; its overrides may be for this cluster, where nothing is changed until then", true
}

// problemsOf are those of a binding, with the clusters of others that it holds back.
func (e *Environment) problemsOf(binding Binding) []Problem {
	held := slices.DeleteFunc(e.boundClusters(), func(cluster string) bool { return !binding.mayOverride(cluster) })
	if len(held) == 0 {
		return binding.Problems
	}
	slices.Sort(held)
	problems := slices.Clone(binding.Problems)
	for i := range problems {
		problems[i].Message += fmt.Sprintf("; its overrides may be for %s of other bindings, where nothing is changed until then", constraint.Enumerate(slices.Compact(held)))
	}
	return problems
}

// GivesUp says that an environment is being deleted, or something of one with a binding.
func (w World) GivesUp() bool {
	for _, environment := range w {
		if environment.Deleting || environment.givesUp() {
			return true
		}
	}
	return false
}

// givesUp says that something is given up, since a binding is being deleted. While
// the others are not fully known nothing is: they may stand for the cluster.
func (e *Environment) givesUp() bool {
	if !e.Releasing || e.isUnresolved() {
		return false
	}
	return len(e.Bindings) == 0 || len(e.boundClusters()) > 0
}

// Leaves says that what is on a cluster goes with the bindings that are being
// deleted. A cluster that a placement which stays chose before goes when another
// replaces it, and for no deletion.
func (e *Environment) Leaves(cluster string) bool {
	if e.isBoundTo(cluster) {
		return false
	}
	replaces := slices.ContainsFunc(e.Bindings, func(b Binding) bool { return b.SurgeFirst })
	return !replaces || slices.Contains(e.Released, cluster)
}

// DefaultStallAfter is how long a place that is not healthy may stay as it is, unless
// a binding says otherwise.
const DefaultStallAfter = 90 * time.Second

// stallAfter is the least that a binding says which selects the cluster; 0 when none
// says it. More that one says which may select it counts while that is not decided:
// who is told that a place does not get on waits no longer.
func (e *Environment) stallAfter(cluster string) time.Duration {
	var least, most time.Duration
	for _, binding := range e.Bindings {
		if binding.mayStandFor(cluster) {
			most = max(most, binding.StallAfter)
		}
		if binding.StallAfter <= 0 || !slices.Contains(binding.Clusters, cluster) {
			continue
		}
		if least == 0 || binding.StallAfter < least {
			least = binding.StallAfter
		}
	}
	if least == 0 && most > DefaultStallAfter {
		return most
	}
	return least
}

func (e *Environment) role() string {
	if e.Spec.Permissions == "" {
		return v1alpha1.DeployerRole
	}
	return e.Spec.Permissions
}

func mergeStrings(base, over map[string]string) map[string]string {
	if len(over) == 0 {
		return base
	}
	merged := make(map[string]string, len(base)+len(over))
	for k, v := range base {
		merged[k] = v
	}
	for k, v := range over {
		merged[k] = v
	}
	return merged
}
