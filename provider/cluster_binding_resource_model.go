// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// clusterBindingModel is fairlead_cluster_binding in configuration and state.
type clusterBindingModel struct {
	ID            types.String        `tfsdk:"id"`
	Name          types.String        `tfsdk:"name"`
	AdoptExisting types.Bool          `tfsdk:"adopt_existing"`
	Environment   types.String        `tfsdk:"environment"`
	Clusters      types.Set           `tfsdk:"clusters"`
	Placement     *placementModel     `tfsdk:"placement"`
	Overrides     types.Dynamic       `tfsdk:"overrides"`
	Rollout       *rolloutPolicyModel `tfsdk:"rollout"`
	Timeouts      timeouts.Value      `tfsdk:"timeouts"`
}

type placementModel struct {
	ClusterSets      types.Set              `tfsdk:"cluster_sets"`
	MatchLabels      types.Map              `tfsdk:"match_labels"`
	MatchExpressions []matchExpressionModel `tfsdk:"match_expressions"`
	ClaimSelector    *claimSelectorModel    `tfsdk:"claim_selector"`
	CELExpressions   types.List             `tfsdk:"cel_expressions"`
	NumberOfClusters types.Int32            `tfsdk:"number_of_clusters"`
	Spread           []spreadModel          `tfsdk:"spread"`
	Tolerations      []tolerationModel      `tfsdk:"tolerations"`
	Prioritizers     []prioritizerModel     `tfsdk:"prioritizers"`
}

type claimSelectorModel struct {
	MatchExpressions []matchExpressionModel `tfsdk:"match_expressions"`
}

type spreadModel struct {
	TopologyKey       types.String `tfsdk:"topology_key"`
	TopologyKeyType   types.String `tfsdk:"topology_key_type"`
	MaxSkew           types.Int32  `tfsdk:"max_skew"`
	WhenUnsatisfiable types.String `tfsdk:"when_unsatisfiable"`
}

type tolerationModel struct {
	Key               types.String `tfsdk:"key"`
	Operator          types.String `tfsdk:"operator"`
	Value             types.String `tfsdk:"value"`
	Effect            types.String `tfsdk:"effect"`
	TolerationSeconds types.Int64  `tfsdk:"toleration_seconds"`
}

type prioritizerModel struct {
	BuiltIn types.String     `tfsdk:"built_in"`
	AddOn   *addOnScoreModel `tfsdk:"add_on"`
	Weight  types.Int32      `tfsdk:"weight"`
}

type addOnScoreModel struct {
	ResourceName types.String `tfsdk:"resource_name"`
	ScoreName    types.String `tfsdk:"score_name"`
}

type rolloutPolicyModel struct {
	Type                    types.String `tfsdk:"type"`
	MaxConcurrency          types.String `tfsdk:"max_concurrency"`
	MandatoryDecisionGroups types.List   `tfsdk:"mandatory_decision_groups"`
	MinSuccessTime          types.String `tfsdk:"min_success_time"`
	ProgressDeadline        types.String `tfsdk:"progress_deadline"`
	MaxFailures             types.String `tfsdk:"max_failures"`
	StallAfter              types.String `tfsdk:"stall_after"`
	Replacement             types.String `tfsdk:"replacement"`
}

// expand converts the model into the API's ClusterBinding.
func (m clusterBindingModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.ClusterBinding {
	binding := &v1alpha1.ClusterBinding{}
	binding.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.ClusterBindingKind))
	binding.Name = m.Name.ValueString()
	overrides, err := expandOverrides(m.Overrides)
	if err != nil {
		diags.AddAttributeError(path.Root("overrides"), "Invalid overrides", err.Error()+".")
	}
	binding.Spec = v1alpha1.ClusterBindingSpec{
		Environment: m.Environment.ValueString(),
		Clusters:    stringsOf(ctx, m.Clusters, diags),
		Placement:   m.Placement.expand(ctx, diags),
		Overrides:   overrides,
		Rollout:     m.Rollout.expand(ctx, diags),
	}
	return binding
}

func (m *placementModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.Placement {
	if m == nil {
		return nil
	}
	placement := &v1alpha1.Placement{
		ClusterSets:      stringsOf(ctx, m.ClusterSets, diags),
		LabelSelector:    m.labelSelector(ctx, diags),
		CELExpressions:   stringsOf(ctx, m.CELExpressions, diags),
		NumberOfClusters: m.NumberOfClusters.ValueInt32Pointer(),
	}
	if m.ClaimSelector != nil {
		placement.ClaimSelector = &v1alpha1.ClaimSelector{MatchExpressions: expandExpressions(ctx, m.ClaimSelector.MatchExpressions, diags)}
	}
	for _, spread := range m.Spread {
		placement.Spread = append(placement.Spread, v1alpha1.SpreadConstraint{
			TopologyKey:       spread.TopologyKey.ValueString(),
			TopologyKeyType:   spread.TopologyKeyType.ValueString(),
			MaxSkew:           spread.MaxSkew.ValueInt32(),
			WhenUnsatisfiable: spread.WhenUnsatisfiable.ValueString(),
		})
	}
	for _, toleration := range m.Tolerations {
		placement.Tolerations = append(placement.Tolerations, v1alpha1.ClusterToleration{
			Key:               toleration.Key.ValueString(),
			Operator:          toleration.Operator.ValueString(),
			Value:             toleration.Value.ValueString(),
			Effect:            toleration.Effect.ValueString(),
			TolerationSeconds: toleration.TolerationSeconds.ValueInt64Pointer(),
		})
	}
	for _, prioritizer := range m.Prioritizers {
		placement.Prioritizers = append(placement.Prioritizers, prioritizer.expand())
	}
	return placement
}

// labelSelector makes the selector of match_labels and match_expressions.
func (m *placementModel) labelSelector(ctx context.Context, diags *diag.Diagnostics) *metav1.LabelSelector {
	selector := &metav1.LabelSelector{
		MatchLabels:      stringMap(ctx, m.MatchLabels, diags),
		MatchExpressions: expandExpressions(ctx, m.MatchExpressions, diags),
	}
	if len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0 {
		return nil
	}
	return selector
}

func (m prioritizerModel) expand() v1alpha1.Prioritizer {
	prioritizer := v1alpha1.Prioritizer{BuiltIn: m.BuiltIn.ValueString(), Weight: m.Weight.ValueInt32Pointer()}
	if m.AddOn != nil {
		prioritizer.AddOn = &v1alpha1.AddOnScore{ResourceName: m.AddOn.ResourceName.ValueString(), ScoreName: m.AddOn.ScoreName.ValueString()}
	}
	return prioritizer
}

func (m *rolloutPolicyModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.RolloutPolicy {
	if m == nil {
		return nil
	}
	return &v1alpha1.RolloutPolicy{
		Type:                    m.Type.ValueString(),
		MaxConcurrency:          intOrString(m.MaxConcurrency),
		MandatoryDecisionGroups: stringsOf(ctx, m.MandatoryDecisionGroups, diags),
		MinSuccessTime:          duration(m.MinSuccessTime),
		ProgressDeadline:        duration(m.ProgressDeadline),
		MaxFailures:             intOrString(m.MaxFailures),
		StallAfter:              duration(m.StallAfter),
		Replacement:             m.Replacement.ValueString(),
	}
}

// flattenClusterBinding converts what the hub holds into the model, given the
// prior one, which is empty but for the name after an import.
func flattenClusterBinding(live *v1alpha1.ClusterBinding, prior clusterBindingModel) (clusterBindingModel, error) {
	model := prior
	model.ID = types.StringValue(live.Name)
	model.Name = types.StringValue(live.Name)
	model.Environment = types.StringValue(live.Spec.Environment)
	model.Clusters = keepSet(live.Spec.Clusters, prior.Clusters)
	model.Placement = flattenPlacement(live.Spec.Placement, prior.Placement)
	model.Rollout = flattenRolloutPolicy(live.Spec.Rollout, prior.Rollout)
	var err error
	model.Overrides, err = flattenOverrides(live.Spec.Overrides, prior.Overrides)
	return model, err
}

func flattenPlacement(live *v1alpha1.Placement, prior *placementModel) *placementModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	selector := orZero(live.LabelSelector)
	return &placementModel{
		ClusterSets:      keepSet(live.ClusterSets, before.ClusterSets),
		MatchLabels:      keepMap(selector.MatchLabels, before.MatchLabels),
		MatchExpressions: flattenExpressions(selector.MatchExpressions, before.MatchExpressions),
		ClaimSelector:    flattenClaimSelector(live.ClaimSelector, before.ClaimSelector),
		CELExpressions:   keepList(live.CELExpressions, before.CELExpressions),
		NumberOfClusters: types.Int32PointerValue(live.NumberOfClusters),
		Spread:           flattenSpread(live.Spread, before.Spread),
		Tolerations:      flattenTolerations(live.Tolerations, before.Tolerations),
		Prioritizers:     flattenPrioritizers(live.Prioritizers, before.Prioritizers),
	}
}

func flattenClaimSelector(live *v1alpha1.ClaimSelector, prior *claimSelectorModel) *claimSelectorModel {
	if live == nil {
		return nil
	}
	return &claimSelectorModel{MatchExpressions: flattenExpressions(live.MatchExpressions, orZero(prior).MatchExpressions)}
}

func flattenSpread(live []v1alpha1.SpreadConstraint, prior []spreadModel) []spreadModel {
	models := emptyLike(prior)
	for _, spread := range live {
		models = append(models, spreadModel{
			TopologyKey:       types.StringValue(spread.TopologyKey),
			TopologyKeyType:   types.StringValue(spread.TopologyKeyType),
			MaxSkew:           types.Int32Value(max(spread.MaxSkew, defaultMaxSkew)),
			WhenUnsatisfiable: orDefault(spread.WhenUnsatisfiable, defaultUnsatisfiable),
		})
	}
	return models
}

func flattenTolerations(live []v1alpha1.ClusterToleration, prior []tolerationModel) []tolerationModel {
	models := emptyLike(prior)
	for _, toleration := range live {
		models = append(models, tolerationModel{
			Key:               stringOrNull(toleration.Key),
			Operator:          orDefault(toleration.Operator, defaultOperator),
			Value:             stringOrNull(toleration.Value),
			Effect:            stringOrNull(toleration.Effect),
			TolerationSeconds: types.Int64PointerValue(toleration.TolerationSeconds),
		})
	}
	return models
}

func flattenPrioritizers(live []v1alpha1.Prioritizer, prior []prioritizerModel) []prioritizerModel {
	models := emptyLike(prior)
	for _, prioritizer := range live {
		model := prioritizerModel{
			BuiltIn: stringOrNull(prioritizer.BuiltIn),
			Weight:  weightOf(prioritizer),
		}
		if prioritizer.AddOn != nil {
			model.AddOn = &addOnScoreModel{
				ResourceName: types.StringValue(prioritizer.AddOn.ResourceName),
				ScoreName:    types.StringValue(prioritizer.AddOn.ScoreName),
			}
		}
		models = append(models, model)
	}
	return models
}

// weightOf returns the weight, which the API fills in.
func weightOf(prioritizer v1alpha1.Prioritizer) types.Int32 {
	if prioritizer.Weight == nil {
		return types.Int32Value(defaultWeight)
	}
	return types.Int32Value(*prioritizer.Weight)
}

func flattenRolloutPolicy(live *v1alpha1.RolloutPolicy, prior *rolloutPolicyModel) *rolloutPolicyModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &rolloutPolicyModel{
		Type:                    orDefault(live.Type, defaultRollout),
		MaxConcurrency:          keepIntOrString(live.MaxConcurrency),
		MandatoryDecisionGroups: keepList(live.MandatoryDecisionGroups, before.MandatoryDecisionGroups),
		MinSuccessTime:          keepDuration(live.MinSuccessTime, before.MinSuccessTime),
		ProgressDeadline:        keepDuration(live.ProgressDeadline, before.ProgressDeadline),
		MaxFailures:             keepIntOrString(live.MaxFailures),
		StallAfter:              keepDuration(live.StallAfter, before.StallAfter),
		Replacement:             orDefault(live.Replacement, defaultReplacement),
	}
}
