// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// Placements writes the Placement of a binding and the ManagedClusterSetBindings that it needs.
type Placements struct {
	// Reader reads from the cache.
	Reader client.Reader
	// Writer writes to the hub.
	Writer client.Client
}

// PlacementName is the name of a binding's Placement in the system namespace.
func PlacementName(binding string) string { return nameWithHash("fairlead-"+binding, binding) }

// BindingOf is the name of the binding that an object of the system namespace
// was made for; empty when it is none of ours.
func BindingOf(object client.Object) string { return object.GetLabels()[labelBinding] }

// labelBinding names, on a Placement, the ClusterBinding that it was made for.
const labelBinding = "fairlead.dev/cluster-binding"

// Ensure writes the binding's Placement and set bindings where they differ.
func (p *Placements) Ensure(ctx context.Context, binding *v1alpha1.ClusterBinding) error {
	for _, set := range binding.Spec.Placement.ClusterSets {
		if err := p.ensureSetBinding(ctx, set); err != nil {
			return err
		}
	}
	wanted := placementOf(binding)
	var current clusterv1beta1.Placement
	err := p.Reader.Get(ctx, client.ObjectKeyFromObject(wanted), &current)
	if apierrors.IsNotFound(err) {
		if err := p.Writer.Create(ctx, wanted); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("create Placement %s: %w", client.ObjectKeyFromObject(wanted), err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("get Placement %s: %w", client.ObjectKeyFromObject(wanted), err)
	}
	if sameSpec(wanted, &current) && BindingOf(&current) == binding.Name && isOurs(&current) {
		return nil
	}
	wanted.ResourceVersion = current.ResourceVersion
	wanted.Finalizers = current.Finalizers
	if err := p.Writer.Update(ctx, wanted); err != nil {
		return fmt.Errorf("update Placement %s: %w", client.ObjectKeyFromObject(wanted), err)
	}
	return nil
}

// sameSpec compares the fields that a binding can set; OCM defaults the others.
func sameSpec(wanted, current *clusterv1beta1.Placement) bool {
	spec := wanted.Spec
	spec.DecisionStrategy, spec.SortBy, spec.ScoreRateLimit = current.Spec.DecisionStrategy, current.Spec.SortBy, current.Spec.ScoreRateLimit
	return equality.Semantic.DeepEqual(spec, current.Spec)
}

func (p *Placements) ensureSetBinding(ctx context.Context, set string) error {
	key := types.NamespacedName{Namespace: v1alpha1.SystemNamespace, Name: set}
	var current clusterv1beta2.ManagedClusterSetBinding
	err := p.Reader.Get(ctx, key, &current)
	if err == nil || !apierrors.IsNotFound(err) {
		return err
	}
	// OCM wants the binding's name to be that of the set.
	wanted := &clusterv1beta2.ManagedClusterSetBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: set, Labels: ownLabels()},
		Spec:       clusterv1beta2.ManagedClusterSetBindingSpec{ClusterSet: set},
	}
	if err := p.Writer.Create(ctx, wanted); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("bind cluster set %q in namespace %s: %w", set, key.Namespace, err)
	}
	return nil
}

// Release removes the binding's Placement, and the set bindings that no other
// binding in others needs. It returns true when all of them are gone.
func (p *Placements) Release(ctx context.Context, binding *v1alpha1.ClusterBinding, others []v1alpha1.ClusterBinding) (bool, error) {
	placement := &clusterv1beta1.Placement{ObjectMeta: metav1.ObjectMeta{
		Namespace: v1alpha1.SystemNamespace, Name: PlacementName(binding.Name),
	}}
	gone, err := p.remove(ctx, placement)
	if err != nil {
		return false, err
	}
	setsGone, err := p.releaseSets(ctx, binding.Name, others)
	return gone && setsGone, err
}

// ReleaseSets removes the set bindings that no binding needs any more.
func (p *Placements) ReleaseSets(ctx context.Context, bindings []v1alpha1.ClusterBinding) error {
	_, err := p.releaseSets(ctx, "", bindings)
	return err
}

func (p *Placements) releaseSets(ctx context.Context, except string, bindings []v1alpha1.ClusterBinding) (bool, error) {
	var bound clusterv1beta2.ManagedClusterSetBindingList
	err := p.Reader.List(ctx, &bound, client.InNamespace(v1alpha1.SystemNamespace), client.MatchingLabels(ownLabels()))
	if err != nil {
		return false, fmt.Errorf("list the set bindings of namespace %s: %w", v1alpha1.SystemNamespace, err)
	}
	gone := true
	for i := range bound.Items {
		if neededBy(bindings, except, bound.Items[i].Name) {
			continue
		}
		setGone, err := p.remove(ctx, &bound.Items[i])
		if err != nil {
			return false, err
		}
		gone = gone && setGone
	}
	return gone, nil
}

// remove deletes an object if it is ours, and says whether it is gone.
func (p *Placements) remove(ctx context.Context, object client.Object) (bool, error) {
	key := client.ObjectKeyFromObject(object)
	if err := p.Reader.Get(ctx, key, object); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if !isOurs(object) {
		return true, nil // somebody else's, who bound the set for their own use
	}
	if !object.GetDeletionTimestamp().IsZero() {
		return false, nil
	}
	uid := object.GetUID()
	err := p.Writer.Delete(ctx, object, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("delete %s: %w", key, err)
	}
	return false, nil
}

func neededBy(bindings []v1alpha1.ClusterBinding, except, set string) bool {
	return slices.ContainsFunc(bindings, func(b v1alpha1.ClusterBinding) bool {
		return b.Name != except && b.DeletionTimestamp.IsZero() && b.Spec.Placement != nil && slices.Contains(b.Spec.Placement.ClusterSets, set)
	})
}

func isOurs(object client.Object) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue
}

func ownLabels() map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}
}

func placementOf(binding *v1alpha1.ClusterBinding) *clusterv1beta1.Placement {
	spec := binding.Spec.Placement
	labels := ownLabels()
	labels[labelBinding] = binding.Name
	return &clusterv1beta1.Placement{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v1alpha1.SystemNamespace, Name: PlacementName(binding.Name), Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.ClusterBindingKind, Name: binding.Name, UID: binding.UID,
			}},
		},
		Spec: clusterv1beta1.PlacementSpec{
			ClusterSets:       spec.ClusterSets,
			NumberOfClusters:  spec.NumberOfClusters,
			Predicates:        predicates(spec),
			PrioritizerPolicy: prioritizers(spec.Prioritizers),
			SpreadPolicy:      clusterv1beta1.SpreadPolicy{SpreadConstraints: spread(spec.Spread)},
			Tolerations:       tolerations(spec.Tolerations),
		},
	}
}

func predicates(spec *v1alpha1.Placement) []clusterv1beta1.ClusterPredicate {
	if spec.LabelSelector == nil && spec.ClaimSelector == nil && len(spec.CELExpressions) == 0 {
		return nil
	}
	var selector clusterv1beta1.ClusterSelector
	if spec.LabelSelector != nil {
		selector.LabelSelector = *spec.LabelSelector
	}
	if spec.ClaimSelector != nil {
		selector.ClaimSelector.MatchExpressions = spec.ClaimSelector.MatchExpressions
	}
	selector.CelSelector.CelExpressions = spec.CELExpressions
	return []clusterv1beta1.ClusterPredicate{{RequiredClusterSelector: selector}}
}

// tolerations without any given tolerate lost contact without limit: five
// minutes of it must not move or delete an application.
func tolerations(given []v1alpha1.ClusterToleration) []clusterv1beta1.Toleration {
	if len(given) == 0 {
		return []clusterv1beta1.Toleration{
			{Key: clusterv1.ManagedClusterTaintUnreachable, Operator: clusterv1beta1.TolerationOpExists},
			{Key: clusterv1.ManagedClusterTaintUnavailable, Operator: clusterv1beta1.TolerationOpExists},
		}
	}
	converted := make([]clusterv1beta1.Toleration, len(given))
	for i, t := range given {
		converted[i] = clusterv1beta1.Toleration{
			Key: t.Key, Operator: clusterv1beta1.TolerationOperator(t.Operator), Value: t.Value,
			Effect: clusterv1.TaintEffect(t.Effect), TolerationSeconds: t.TolerationSeconds,
		}
	}
	return converted
}

func spread(given []v1alpha1.SpreadConstraint) []clusterv1beta1.SpreadConstraintsTerm {
	var terms []clusterv1beta1.SpreadConstraintsTerm
	for _, constraint := range given {
		terms = append(terms, clusterv1beta1.SpreadConstraintsTerm{
			MaxSkew: constraint.MaxSkew, TopologyKey: constraint.TopologyKey,
			TopologyKeyType:   clusterv1beta1.TopologyKeyType(constraint.TopologyKeyType),
			WhenUnsatisfiable: clusterv1beta1.UnsatisfiableMaxSkewAction(constraint.WhenUnsatisfiable),
		})
	}
	return terms
}

func prioritizers(given []v1alpha1.Prioritizer) clusterv1beta1.PrioritizerPolicy {
	policy := clusterv1beta1.PrioritizerPolicy{Mode: clusterv1beta1.PrioritizerPolicyModeAdditive}
	for _, prioritizer := range given {
		config := clusterv1beta1.PrioritizerConfig{Weight: 1, ScoreCoordinate: &clusterv1beta1.ScoreCoordinate{
			Type: clusterv1beta1.ScoreCoordinateTypeBuiltIn, BuiltIn: prioritizer.BuiltIn,
		}}
		if prioritizer.Weight != nil {
			config.Weight = *prioritizer.Weight
		}
		if prioritizer.AddOn != nil {
			config.ScoreCoordinate = &clusterv1beta1.ScoreCoordinate{
				Type:  clusterv1beta1.ScoreCoordinateTypeAddOn,
				AddOn: &clusterv1beta1.AddOnScore{ResourceName: prioritizer.AddOn.ResourceName, ScoreName: prioritizer.AddOn.ScoreName},
			}
		}
		policy.Configurations = append(policy.Configurations, config)
	}
	return policy
}
