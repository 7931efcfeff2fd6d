// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// annotationCreate keeps application_namespaces.create on the hub, so that an
// import finds it: it is the provider that creates the namespaces.
const annotationCreate = "fairlead.dev/create-namespaces"

// environmentModel is fairlead_environment in configuration and state.
type environmentModel struct {
	ID                    types.String                `tfsdk:"id"`
	Name                  types.String                `tfsdk:"name"`
	AdoptExisting         types.Bool                  `tfsdk:"adopt_existing"`
	ApplicationNamespaces *applicationNamespacesModel `tfsdk:"application_namespaces"`
	TargetNamespace       *targetNamespaceModel       `tfsdk:"target_namespace"`
	NamespaceOptions      *namespaceOptionsModel      `tfsdk:"namespace_options"`
	Defaults              types.Dynamic               `tfsdk:"defaults"`
	Constraints           *constraintsModel           `tfsdk:"constraints"`
	After                 types.Set                   `tfsdk:"after"`
	AfterPolicy           types.String                `tfsdk:"after_policy"`
	Approval              *approvalModel              `tfsdk:"approval"`
	Propagation           *propagationModel           `tfsdk:"propagation"`
	Permissions           types.String                `tfsdk:"permissions"`
	Deletion              *deletionModel              `tfsdk:"deletion"`
	Ref                   types.Object                `tfsdk:"ref"`
	Timeouts              timeouts.Value              `tfsdk:"timeouts"`
}

type applicationNamespacesModel struct {
	Names    types.Set           `tfsdk:"names"`
	Selector *labelSelectorModel `tfsdk:"selector"`
	Create   types.Bool          `tfsdk:"create"`
}

type labelSelectorModel struct {
	MatchLabels      types.Map              `tfsdk:"match_labels"`
	MatchExpressions []matchExpressionModel `tfsdk:"match_expressions"`
}

type matchExpressionModel struct {
	Key      types.String `tfsdk:"key"`
	Operator types.String `tfsdk:"operator"`
	Values   types.Set    `tfsdk:"values"`
}

type targetNamespaceModel struct {
	Name   types.String `tfsdk:"name"`
	Prefix types.String `tfsdk:"prefix"`
	Suffix types.String `tfsdk:"suffix"`
}

type namespaceOptionsModel struct {
	Create           types.Bool    `tfsdk:"create"`
	Adopt            types.Bool    `tfsdk:"adopt"`
	Prepare          types.Bool    `tfsdk:"prepare"`
	Labels           types.Map     `tfsdk:"labels"`
	Annotations      types.Map     `tfsdk:"annotations"`
	ImagePullSecrets types.Set     `tfsdk:"image_pull_secrets"`
	Objects          types.Dynamic `tfsdk:"objects"`
}

type constraintsModel struct {
	AllowedRegistries  types.Set   `tfsdk:"allowed_registries"`
	RequireImageDigest types.Bool  `tfsdk:"require_image_digest"`
	AllowedKinds       types.Set   `tfsdk:"allowed_kinds"`
	DeniedKinds        types.Set   `tfsdk:"denied_kinds"`
	AllowClusterScoped types.Bool  `tfsdk:"allow_cluster_scoped"`
	MaxReplicas        types.Int32 `tfsdk:"max_replicas"`
}

type approvalModel struct {
	Required types.Bool   `tfsdk:"required"`
	Message  types.String `tfsdk:"message"`
	Timeout  types.String `tfsdk:"timeout"`
}

type propagationModel struct {
	Type          types.String `tfsdk:"type"`
	MaxConcurrent types.Int32  `tfsdk:"max_concurrent"`
}

type deletionModel struct {
	Protection  types.Bool   `tfsdk:"protection"`
	Policy      types.String `tfsdk:"policy"`
	Unreachable types.String `tfsdk:"unreachable"`
	Timeout     types.String `tfsdk:"timeout"`
}

// createsNamespaces says whether the provider makes the namespaces.
func (m environmentModel) createsNamespaces() bool {
	return m.ApplicationNamespaces != nil && m.ApplicationNamespaces.Create.ValueBool()
}

// expand converts the model into the API's Environment.
func (m environmentModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.Environment {
	environment := &v1alpha1.Environment{}
	environment.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind))
	environment.Name = m.Name.ValueString()
	if m.createsNamespaces() {
		environment.Annotations = map[string]string{annotationCreate: "true"}
	}
	defaults, err := expandDefaults(m.Defaults)
	if err != nil {
		diags.AddAttributeError(path.Root("defaults"), "Invalid defaults", err.Error()+".")
	}
	environment.Spec = v1alpha1.EnvironmentSpec{
		ApplicationNamespaces: m.ApplicationNamespaces.expand(ctx, diags),
		TargetNamespace:       m.TargetNamespace.expand(),
		NamespaceOptions:      m.NamespaceOptions.expand(ctx, diags),
		Defaults:              defaults,
		Constraints:           m.Constraints.expand(ctx, diags),
		After:                 stringsOf(ctx, m.After, diags),
		AfterPolicy:           m.AfterPolicy.ValueString(),
		Approval:              m.Approval.expand(),
		Propagation:           m.Propagation.expand(),
		Permissions:           m.Permissions.ValueString(),
		Deletion:              m.Deletion.expand(),
	}
	return environment
}

func (m *applicationNamespacesModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.ApplicationNamespaces {
	if m == nil {
		return nil
	}
	return &v1alpha1.ApplicationNamespaces{Names: stringsOf(ctx, m.Names, diags), Selector: m.Selector.expand(ctx, diags)}
}

func (m *labelSelectorModel) expand(ctx context.Context, diags *diag.Diagnostics) *metav1.LabelSelector {
	if m == nil {
		return nil
	}
	return &metav1.LabelSelector{
		MatchLabels:      stringMap(ctx, m.MatchLabels, diags),
		MatchExpressions: expandExpressions(ctx, m.MatchExpressions, diags),
	}
}

// expandExpressions converts requirements.
func expandExpressions(ctx context.Context, models []matchExpressionModel, diags *diag.Diagnostics) []metav1.LabelSelectorRequirement {
	var expressions []metav1.LabelSelectorRequirement
	for _, model := range models {
		expressions = append(expressions, metav1.LabelSelectorRequirement{
			Key:      model.Key.ValueString(),
			Operator: metav1.LabelSelectorOperator(model.Operator.ValueString()),
			Values:   stringsOf(ctx, model.Values, diags),
		})
	}
	return expressions
}

func (m *targetNamespaceModel) expand() *v1alpha1.TargetNamespace {
	if m == nil {
		return nil
	}
	return &v1alpha1.TargetNamespace{Name: m.Name.ValueString(), Prefix: m.Prefix.ValueString(), Suffix: m.Suffix.ValueString()}
}

func (m *namespaceOptionsModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.NamespaceOptions {
	if m == nil {
		return nil
	}
	objects, err := expandObjects(m.Objects)
	if err != nil {
		diags.AddAttributeError(path.Root("namespace_options").AtName("objects"), "Invalid objects", err.Error()+".")
	}
	return &v1alpha1.NamespaceOptions{
		Create:           m.Create.ValueBoolPointer(),
		Adopt:            m.Adopt.ValueBool(),
		Prepare:          m.Prepare.ValueBool(),
		Labels:           stringMap(ctx, m.Labels, diags),
		Annotations:      stringMap(ctx, m.Annotations, diags),
		ImagePullSecrets: stringsOf(ctx, m.ImagePullSecrets, diags),
		Objects:          objects,
	}
}

// expandObjects converts a Dynamic list of Kubernetes objects. What is null, or not known
// yet, is left out.
func expandObjects(value types.Dynamic) ([]runtime.RawExtension, error) {
	content, err := jsonOf(value)
	if err != nil || content == nil {
		return nil, err
	}
	items, ok := content.([]any)
	if !ok {
		return nil, fmt.Errorf("namespace_options.objects must be a list of objects, not %s", kindOf(content))
	}
	var objects []runtime.RawExtension
	for i, item := range items {
		if item == nil || notKnown(item) {
			continue
		}
		if _, ok := item.(map[string]any); !ok {
			return nil, fmt.Errorf("namespace_options.objects[%d] must be an object with apiVersion and kind, not %s", i, kindOf(item))
		}
		raw, err := json.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("namespace_options.objects[%d] cannot be written as JSON: %w", i, err)
		}
		objects = append(objects, runtime.RawExtension{Raw: raw})
	}
	return objects, nil
}

func (m *constraintsModel) expand(ctx context.Context, diags *diag.Diagnostics) *v1alpha1.Constraints {
	if m == nil {
		return nil
	}
	return &v1alpha1.Constraints{
		AllowedRegistries:  stringsOf(ctx, m.AllowedRegistries, diags),
		RequireImageDigest: m.RequireImageDigest.ValueBool(),
		AllowedKinds:       stringsOf(ctx, m.AllowedKinds, diags),
		DeniedKinds:        stringsOf(ctx, m.DeniedKinds, diags),
		AllowClusterScoped: m.AllowClusterScoped.ValueBool(),
		MaxReplicas:        m.MaxReplicas.ValueInt32Pointer(),
	}
}

func (m *approvalModel) expand() *v1alpha1.ApprovalPolicy {
	if m == nil {
		return nil
	}
	return &v1alpha1.ApprovalPolicy{Required: m.Required.ValueBool(), Message: m.Message.ValueString(), Timeout: duration(m.Timeout)}
}

func (m *propagationModel) expand() *v1alpha1.Propagation {
	if m == nil {
		return nil
	}
	return &v1alpha1.Propagation{Type: m.Type.ValueString(), MaxConcurrent: m.MaxConcurrent.ValueInt32Pointer()}
}

func (m *deletionModel) expand() *v1alpha1.DeletionPolicy {
	if m == nil {
		return nil
	}
	return &v1alpha1.DeletionPolicy{
		Protection:  m.Protection.ValueBool(),
		Policy:      m.Policy.ValueString(),
		Unreachable: m.Unreachable.ValueString(),
		Timeout:     duration(m.Timeout),
	}
}

// The types of ref.
func targetNamespaceTypes() map[string]attr.Type {
	return map[string]attr.Type{"name": types.StringType, "prefix": types.StringType, "suffix": types.StringType}
}

func refTypes() map[string]attr.Type {
	return map[string]attr.Type{
		"name":             types.StringType,
		"target_namespace": types.ObjectType{AttrTypes: targetNamespaceTypes()},
		"after":            types.SetType{ElemType: types.StringType},
		"defaults":         types.DynamicType,
		"constraints":      types.ObjectType{AttrTypes: constraintTypes()},
	}
}

func constraintTypes() map[string]attr.Type {
	return map[string]attr.Type{
		"allowed_registries": types.SetType{ElemType: types.StringType}, "require_image_digest": types.BoolType,
		"allowed_kinds": types.SetType{ElemType: types.StringType}, "denied_kinds": types.SetType{ElemType: types.StringType},
		"allow_cluster_scoped": types.BoolType, "max_replicas": types.Int32Type,
	}
}

// environmentRef makes ref. It depends on nothing but its arguments, any of
// which may be unknown.
func environmentRef(name types.String, target types.Object, after types.Set, defaults types.Dynamic, constraints types.Object) types.Object {
	return types.ObjectValueMust(refTypes(), map[string]attr.Value{
		"name": name, "target_namespace": target, "after": after, "defaults": defaults, "constraints": constraints,
	})
}

// ref makes the model's own ref.
func (m environmentModel) ref() types.Object {
	target := types.ObjectNull(targetNamespaceTypes())
	if m.TargetNamespace != nil {
		target = types.ObjectValueMust(targetNamespaceTypes(), map[string]attr.Value{
			"name": m.TargetNamespace.Name, "prefix": m.TargetNamespace.Prefix, "suffix": m.TargetNamespace.Suffix,
		})
	}
	return environmentRef(m.Name, target, m.After, m.Defaults, m.Constraints.object())
}

// object is the model as a value.
func (m *constraintsModel) object() types.Object {
	if m == nil {
		return types.ObjectNull(constraintTypes())
	}
	texts := func(set types.Set) types.Set {
		if set.IsNull() {
			return types.SetNull(types.StringType) // one that was never set has no type
		}
		return set
	}
	return types.ObjectValueMust(constraintTypes(), map[string]attr.Value{
		"allowed_registries": texts(m.AllowedRegistries), "require_image_digest": m.RequireImageDigest,
		"allowed_kinds": texts(m.AllowedKinds), "denied_kinds": texts(m.DeniedKinds),
		"allow_cluster_scoped": m.AllowClusterScoped, "max_replicas": m.MaxReplicas,
	})
}
