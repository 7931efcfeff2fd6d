// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// flattenEnvironment converts what the hub holds into the model, given the
// prior one, which is empty but for the name after an import.
func flattenEnvironment(live *v1alpha1.Environment, prior environmentModel) (environmentModel, error) {
	spec := live.Spec
	model := prior
	model.ID = types.StringValue(live.Name)
	model.Name = types.StringValue(live.Name)
	model.ApplicationNamespaces = flattenApplicationNamespaces(spec.ApplicationNamespaces, live.Annotations[annotationCreate] == "true", prior.ApplicationNamespaces)
	model.TargetNamespace = flattenTargetNamespace(spec.TargetNamespace)
	model.Constraints = flattenConstraints(spec.Constraints, prior.Constraints)
	model.After = keepSet(spec.After, prior.After)
	model.AfterPolicy = orDefault(spec.AfterPolicy, defaultAfterPolicy)
	model.Approval = flattenApproval(spec.Approval, prior.Approval)
	model.Propagation = flattenPropagation(spec.Propagation)
	model.Permissions = orDefault(spec.Permissions, v1alpha1.DeployerRole)
	model.Deletion = flattenDeletion(spec.Deletion, prior.Deletion)
	var err error
	if model.NamespaceOptions, err = flattenNamespaceOptions(spec.NamespaceOptions, prior.NamespaceOptions); err != nil {
		return prior, err
	}
	model.Defaults, err = flattenDefaults(spec.Defaults, prior.Defaults)
	model.Ref = model.ref()
	return model, err
}

// orZero returns what p points to, or an empty model whose values are all null.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func flattenApplicationNamespaces(live *v1alpha1.ApplicationNamespaces, create bool, prior *applicationNamespacesModel) *applicationNamespacesModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &applicationNamespacesModel{
		Names:    keepSet(live.Names, before.Names),
		Selector: flattenSelector(live.Selector, before.Selector),
		Create:   types.BoolValue(create),
	}
}

func flattenSelector(live *metav1.LabelSelector, prior *labelSelectorModel) *labelSelectorModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &labelSelectorModel{
		MatchLabels:      keepMap(live.MatchLabels, before.MatchLabels),
		MatchExpressions: flattenExpressions(live.MatchExpressions, before.MatchExpressions),
	}
}

// flattenExpressions converts requirements, where empty and absent are one.
func flattenExpressions(live []metav1.LabelSelectorRequirement, prior []matchExpressionModel) []matchExpressionModel {
	if len(live) == 0 {
		return emptyLike(prior)
	}
	models := make([]matchExpressionModel, 0, len(live))
	for i, expression := range live {
		models = append(models, matchExpressionModel{
			Key:      types.StringValue(expression.Key),
			Operator: types.StringValue(string(expression.Operator)),
			Values:   keepSet(expression.Values, at(prior, i).Values),
		})
	}
	return models
}

// emptyLike returns an empty list where there was one, else none.
func emptyLike[T any](prior []T) []T {
	if prior == nil {
		return nil
	}
	return []T{}
}

// at returns the element, or an empty one beyond the end.
func at[T any](list []T, i int) T {
	if i < len(list) {
		return list[i]
	}
	var zero T
	return zero
}

func flattenTargetNamespace(live *v1alpha1.TargetNamespace) *targetNamespaceModel {
	if live == nil {
		return nil
	}
	return &targetNamespaceModel{
		Name:   stringOrNull(live.Name),
		Prefix: stringOrNull(live.Prefix),
		Suffix: stringOrNull(live.Suffix),
	}
}

func flattenNamespaceOptions(live *v1alpha1.NamespaceOptions, prior *namespaceOptionsModel) (*namespaceOptionsModel, error) {
	if live == nil {
		return nil, nil
	}
	before := orZero(prior)
	objects, err := flattenObjects(live.Objects, before.Objects)
	if err != nil {
		return nil, err
	}
	return &namespaceOptionsModel{
		Create:           types.BoolValue(live.Create == nil || *live.Create),
		Adopt:            types.BoolValue(live.Adopt),
		Prepare:          keepBool(live.Prepare, before.Prepare),
		Labels:           keepMap(live.Labels, before.Labels),
		Annotations:      keepMap(live.Annotations, before.Annotations),
		ImagePullSecrets: keepSet(live.ImagePullSecrets, before.ImagePullSecrets),
		Objects:          objects,
	}, nil
}

func flattenObjects(live []runtime.RawExtension, prior types.Dynamic) (types.Dynamic, error) {
	written, err := expandObjects(prior)
	if err == nil && sameJSON(written, live) {
		return prior, nil
	}
	items := make([]any, 0, len(live))
	for _, object := range live {
		content, err := decodeRaw(&object)
		if err != nil {
			return prior, err
		}
		items = append(items, content)
	}
	return dynamicOf(items, len(live) == 0, prior)
}

func flattenConstraints(live *v1alpha1.Constraints, prior *constraintsModel) *constraintsModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &constraintsModel{
		AllowedRegistries:  keepSet(live.AllowedRegistries, before.AllowedRegistries),
		RequireImageDigest: types.BoolValue(live.RequireImageDigest),
		AllowedKinds:       keepSet(live.AllowedKinds, before.AllowedKinds),
		DeniedKinds:        keepSet(live.DeniedKinds, before.DeniedKinds),
		AllowClusterScoped: types.BoolValue(live.AllowClusterScoped),
		MaxReplicas:        types.Int32PointerValue(live.MaxReplicas),
	}
}

func flattenApproval(live *v1alpha1.ApprovalPolicy, prior *approvalModel) *approvalModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &approvalModel{
		Required: types.BoolValue(live.Required),
		Message:  stringOrNull(live.Message),
		Timeout:  keepDuration(live.Timeout, before.Timeout),
	}
}

func flattenPropagation(live *v1alpha1.Propagation) *propagationModel {
	if live == nil {
		return nil
	}
	return &propagationModel{
		Type:          orDefault(live.Type, defaultPropagation),
		MaxConcurrent: types.Int32PointerValue(live.MaxConcurrent),
	}
}

func flattenDeletion(live *v1alpha1.DeletionPolicy, prior *deletionModel) *deletionModel {
	if live == nil {
		return nil
	}
	before := orZero(prior)
	return &deletionModel{
		Protection:  types.BoolValue(live.Protection),
		Policy:      orDefault(live.Policy, defaultDeletion),
		Unreachable: orDefault(live.Unreachable, defaultUnreachable),
		Timeout:     keepDuration(live.Timeout, before.Timeout),
	}
}
