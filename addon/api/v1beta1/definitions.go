// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ComponentDefinition is a component type.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:shortName=comp,categories=oam
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="WORKLOAD-KIND",type=string,JSONPath=`.spec.workload.definition.kind`
// +kubebuilder:printcolumn:name="DESCRIPTION",type=string,JSONPath=`.metadata.annotations.definition\.oam\.dev/description`
type ComponentDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec of the type.
	// +optional
	Spec ComponentDefinitionSpec `json:"spec,omitempty"`
	// status as observed by the addon.
	// +optional
	Status DefinitionStatus `json:"status,omitempty"`
}

// ComponentDefinitionList is a list of ComponentDefinitions.
//
// +kubebuilder:object:root=true
type ComponentDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ComponentDefinition `json:"items"`
}

// ComponentDefinitionSpec describes a component type.
type ComponentDefinitionSpec struct {
	// workload is the kind of the component's main object.
	Workload WorkloadTypeDescriptor `json:"workload"`
	// childResourceKinds are kinds that the workload creates by itself.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	ChildResourceKinds []ChildResourceKind `json:"childResourceKinds,omitempty"`
	// revisionLabel is the label that carries the component's revision.
	// +kubebuilder:validation:MaxLength=317
	// +optional
	RevisionLabel string `json:"revisionLabel,omitempty"`
	// podSpecPath is the path of the pod's spec in the workload.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	PodSpecPath string `json:"podSpecPath,omitempty"`
	// status says how health and messages come from observed fields.
	// +optional
	Status *Status `json:"status,omitempty"`
	// schematic is the template.
	// +optional
	Schematic *Schematic `json:"schematic,omitempty"`
	// extension is free-form.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Extension *runtime.RawExtension `json:"extension,omitempty"`
	// version of the definition, as type@version refers to it.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Version string `json:"version,omitempty"`
}

// WorkloadTypeDescriptor names a kind of workload.
type WorkloadTypeDescriptor struct {
	// type is the name of a workload definition, or autodetects.core.oam.dev.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Type string `json:"type,omitempty"`
	// definition names the kind directly.
	// +optional
	Definition WorkloadGVK `json:"definition,omitempty"`
}

// ChildResourceKind is a kind that a workload creates.
type ChildResourceKind struct {
	// apiVersion of the kind.
	APIVersion string `json:"apiVersion"`
	// kind itself.
	Kind string `json:"kind"`
	// selector finds the objects.
	// +optional
	Selector map[string]string `json:"selector,omitempty"`
}

// Status says how health and messages come from observed fields, in CUE.
type Status struct {
	// customStatus yields `message`.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	CustomStatus string `json:"customStatus,omitempty"`
	// healthPolicy yields `isHealth`.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	HealthPolicy string `json:"healthPolicy,omitempty"`
	// details yields top-level fields that are shown in the status.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Details string `json:"details,omitempty"`
}

// Schematic is the template of a definition. Only cue is rendered; the others
// are accepted, and refused with a reason when they are used.
type Schematic struct {
	// cue is a CUE template.
	// +optional
	CUE *CUE `json:"cue,omitempty"`
	// helm is a Helm chart.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	HELM *runtime.RawExtension `json:"helm,omitempty"`
	// kube is a list of plain objects with parameters.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	KUBE *runtime.RawExtension `json:"kube,omitempty"`
	// terraform is a Terraform configuration. Cloud resources are Terraform's own job here.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Terraform *runtime.RawExtension `json:"terraform,omitempty"`
}

// CUE is a CUE template.
type CUE struct {
	// template is the text.
	// +kubebuilder:validation:MaxLength=524288
	Template string `json:"template"`
}

// TraitDefinition is a trait type.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:shortName=trait,categories=oam
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="APPLIES-TO",type=string,JSONPath=`.spec.appliesToWorkloads`
// +kubebuilder:printcolumn:name="DESCRIPTION",type=string,JSONPath=`.metadata.annotations.definition\.oam\.dev/description`
type TraitDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec of the type.
	// +optional
	Spec TraitDefinitionSpec `json:"spec,omitempty"`
	// status as observed by the addon.
	// +optional
	Status DefinitionStatus `json:"status,omitempty"`
}

// TraitDefinitionList is a list of TraitDefinitions.
//
// +kubebuilder:object:root=true
type TraitDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TraitDefinition `json:"items"`
}

// StageType says when a trait's objects are delivered.
//
// +kubebuilder:validation:Enum=PreDispatch;DefaultDispatch;PostDispatch
type StageType string

// The stages of a trait.
const (
	// PreDispatch delivers the trait before the workload.
	PreDispatch StageType = "PreDispatch"
	// DefaultDispatch delivers the trait together with the workload.
	DefaultDispatch StageType = "DefaultDispatch"
	// PostDispatch delivers the trait after the workload is healthy.
	PostDispatch StageType = "PostDispatch"
)

// TraitDefinitionSpec describes a trait type.
type TraitDefinitionSpec struct {
	// definitionRef names a CRD that implements the trait.
	// +optional
	Reference DefinitionReference `json:"definitionRef,omitempty"`
	// revisionEnabled says that the trait knows of component revisions.
	// +optional
	RevisionEnabled bool `json:"revisionEnabled,omitempty"`
	// workloadRefPath is the path that takes a reference to the workload.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	WorkloadRefPath string `json:"workloadRefPath,omitempty"`
	// podDisruptive says that a change of the trait restarts pods.
	// +optional
	PodDisruptive bool `json:"podDisruptive,omitempty"`
	// appliesToWorkloads are the workloads that the trait may be used with.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	AppliesToWorkloads []string `json:"appliesToWorkloads,omitempty"`
	// conflictsWith are traits that may not be used together with this one.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	ConflictsWith []string `json:"conflictsWith,omitempty"`
	// schematic is the template.
	// +optional
	Schematic *Schematic `json:"schematic,omitempty"`
	// status says how health and messages come from observed fields.
	// +optional
	Status *Status `json:"status,omitempty"`
	// extension is free-form.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Extension *runtime.RawExtension `json:"extension,omitempty"`
	// manageWorkload says that the trait creates the workload itself.
	// +optional
	ManageWorkload bool `json:"manageWorkload,omitempty"`
	// controlPlaneOnly says that the trait's objects stay on the hub.
	// +optional
	ControlPlaneOnly bool `json:"controlPlaneOnly,omitempty"`
	// stage says when the trait's objects are delivered.
	// +optional
	Stage StageType `json:"stage,omitempty"`
	// version of the definition, as type@version refers to it.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Version string `json:"version,omitempty"`
}

// DefinitionReference names a CRD.
type DefinitionReference struct {
	// name of the CRD.
	Name string `json:"name"`
	// version of the CRD.
	// +optional
	Version string `json:"version,omitempty"`
}

// PolicyDefinition is a policy type.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:shortName=def-policy,categories=oam
// +kubebuilder:subresource:status
type PolicyDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec of the type.
	// +optional
	Spec PolicyDefinitionSpec `json:"spec,omitempty"`
	// status as observed by the addon.
	// +optional
	Status DefinitionStatus `json:"status,omitempty"`
}

// PolicyDefinitionList is a list of PolicyDefinitions.
//
// +kubebuilder:object:root=true
type PolicyDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PolicyDefinition `json:"items"`
}

// PolicyDefinitionSpec describes a policy type.
type PolicyDefinitionSpec struct {
	// definitionRef names a CRD that implements the policy.
	// +optional
	Reference DefinitionReference `json:"definitionRef,omitempty"`
	// schematic is the template.
	// +optional
	Schematic *Schematic `json:"schematic,omitempty"`
	// manageHealthCheck says that the policy decides about health.
	// +optional
	ManageHealthCheck bool `json:"manageHealthCheck,omitempty"`
	// scope of the policy.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Scope string `json:"scope,omitempty"`
	// global says that the policy applies to every application.
	// +optional
	Global bool `json:"global,omitempty"`
	// priority orders global policies, the highest first.
	// +optional
	Priority int32 `json:"priority,omitempty"`
	// version of the definition, as type@version refers to it.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Version string `json:"version,omitempty"`
}

// WorkflowStepDefinition is a type of workflow step.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:shortName=workflowstep,categories=oam
// +kubebuilder:subresource:status
type WorkflowStepDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec of the type.
	// +optional
	Spec WorkflowStepDefinitionSpec `json:"spec,omitempty"`
	// status as observed by the addon.
	// +optional
	Status DefinitionStatus `json:"status,omitempty"`
}

// WorkflowStepDefinitionList is a list of WorkflowStepDefinitions.
//
// +kubebuilder:object:root=true
type WorkflowStepDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WorkflowStepDefinition `json:"items"`
}

// WorkflowStepDefinitionSpec describes a type of workflow step.
type WorkflowStepDefinitionSpec struct {
	// definitionRef names a CRD that implements the step.
	// +optional
	Reference DefinitionReference `json:"definitionRef,omitempty"`
	// schematic is the template.
	// +optional
	Schematic *Schematic `json:"schematic,omitempty"`
	// version of the definition, as type@version refers to it.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Version string `json:"version,omitempty"`
}

// DefinitionStatus is the observed state of a definition.
type DefinitionStatus struct {
	// conditions after the kstatus contract.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// configMapRef names the ConfigMap that holds the definition's schema.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ConfigMapRef string `json:"configMapRef,omitempty"`
	// latestRevision of the definition.
	// +optional
	LatestRevision *Revision `json:"latestRevision,omitempty"`
}
