// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Application describes an application once: its components with their traits,
// the policies that say where and how it is delivered, and the workflow.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:shortName=app,categories=oam
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="PHASE",type=string,JSONPath=`.status.status`
// +kubebuilder:printcolumn:name="HEALTHY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="REVISION",type=string,JSONPath=`.status.observedRevision`,priority=1
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name is longer than 63 characters: it becomes a label value of every delivered object"
type Application struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is to be delivered.
	// +optional
	Spec ApplicationSpec `json:"spec,omitempty"`
	// status is what the addon observed. Only the addon writes it.
	// +optional
	Status ApplicationStatus `json:"status,omitempty"`
}

// ApplicationList is a list of Applications.
//
// +kubebuilder:object:root=true
type ApplicationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Application `json:"items"`
}

// ApplicationSpec is the desired state of an Application.
type ApplicationSpec struct {
	// components are the parts of the application.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, self.exists_one(o, o.name == c.name))",message="component names must be unique"
	// +listType=atomic
	Components []ApplicationComponent `json:"components"`
	// policies say where and how the components are delivered.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Policies []AppPolicy `json:"policies,omitempty"`
	// workflow orders the delivery. Without one it is derived from the policies.
	// +optional
	Workflow *Workflow `json:"workflow,omitempty"`
}

// ApplicationComponent is one part of an application.
type ApplicationComponent struct {
	// name of the component, unique in the application.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// type is the name of a ComponentDefinition, with `@version` to pin one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// externalRevision names a revision of the component kept elsewhere.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ExternalRevision string `json:"externalRevision,omitempty"`
	// properties are the parameters of the component's definition.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
	// dependsOn are names of components that must be healthy first.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	// +optional
	DependsOn []string `json:"dependsOn,omitempty"`
	// inputs take values that other components or steps put out.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Inputs []StepInput `json:"inputs,omitempty"`
	// outputs are values for other components or steps.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Outputs []StepOutput `json:"outputs,omitempty"`
	// traits change the component's workload or add objects to it.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Traits []ApplicationTrait `json:"traits,omitempty"`
	// scopes is the legacy assignment to scopes. It is accepted and has no effect.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Scopes map[string]string `json:"scopes,omitempty"`
	// replicaKey is set by the replication policy. It is accepted and has no effect of its own.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	ReplicaKey string `json:"replicaKey,omitempty"`
}

// ApplicationTrait is one trait of a component.
type ApplicationTrait struct {
	// type is the name of a TraitDefinition, with `@version` to pin one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// properties are the parameters of the trait's definition.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
}

// AppPolicy is one policy of an application.
type AppPolicy struct {
	// name of the policy; workflow steps refer to it. Empty for a policy that applies always.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Name string `json:"name,omitempty"`
	// type is the name of a PolicyDefinition.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// properties are the parameters of the policy.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
}

// WorkflowMode says how steps run.
//
// +kubebuilder:validation:Enum=StepByStep;DAG
type WorkflowMode string

// The modes of a workflow.
const (
	// StepByStep runs one step after the other.
	StepByStep WorkflowMode = "StepByStep"
	// DAG runs every step as soon as what it depends on is done.
	DAG WorkflowMode = "DAG"
)

// Workflow orders the delivery of an application.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.ref) && has(self.steps))",message="ref and steps exclude each other"
type Workflow struct {
	// ref names a Workflow object in the application's namespace.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Ref string `json:"ref,omitempty"`
	// mode says how steps and their sub-steps run.
	// +optional
	Mode *WorkflowExecuteMode `json:"mode,omitempty"`
	// steps of the workflow.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Steps []WorkflowStep `json:"steps,omitempty"`
}

// WorkflowExecuteMode is the mode of steps and sub-steps.
type WorkflowExecuteMode struct {
	// steps is the mode of the steps; StepByStep when empty.
	// +optional
	Steps WorkflowMode `json:"steps,omitempty"`
	// subSteps is the mode of the steps in a group; DAG when empty.
	// +optional
	SubSteps WorkflowMode `json:"subSteps,omitempty"`
}

// WorkflowStepMeta describes a step for people.
type WorkflowStepMeta struct {
	// alias is a name to show instead of the step's name.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Alias string `json:"alias,omitempty"`
}

// WorkflowStepBase holds what steps and sub-steps have in common.
type WorkflowStepBase struct {
	// name of the step, unique in the workflow.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Name string `json:"name,omitempty"`
	// type is the name of a WorkflowStepDefinition or of a native step.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// meta describes the step for people.
	// +optional
	Meta *WorkflowStepMeta `json:"meta,omitempty"`
	// if is a condition under which the step runs.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	If string `json:"if,omitempty"`
	// timeout of the step as a Go duration, such as 5m.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Timeout string `json:"timeout,omitempty"`
	// dependsOn are names of steps that must be done first.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	// +optional
	DependsOn []string `json:"dependsOn,omitempty"`
	// inputs take values that other steps put out.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Inputs []StepInput `json:"inputs,omitempty"`
	// outputs are values for other steps.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Outputs []StepOutput `json:"outputs,omitempty"`
	// properties are the parameters of the step's definition.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
}

// WorkflowStep is one step of a workflow.
type WorkflowStep struct {
	WorkflowStepBase `json:",inline"`
	// mode of the sub-steps of a step-group.
	// +optional
	Mode WorkflowMode `json:"mode,omitempty"`
	// subSteps of a step-group.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	SubSteps []WorkflowStepBase `json:"subSteps,omitempty"`
}

// StepInput takes a value that was put out elsewhere.
type StepInput struct {
	// from is the name of an output.
	// +kubebuilder:validation:MaxLength=253
	From string `json:"from"`
	// parameterKey is the path of the parameter that takes the value.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	ParameterKey string `json:"parameterKey,omitempty"`
}

// StepOutput puts out a value.
type StepOutput struct {
	// name of the output.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// valueFrom is the CUE path or expression of the value.
	// +kubebuilder:validation:MaxLength=4096
	ValueFrom string `json:"valueFrom"`
}

// ApplicationPhase is the short state of an application, in the words that
// existing OAM clients read from status.status.
type ApplicationPhase string

// The phases of an application.
const (
	// PhaseStarting is the phase before the first look at an application.
	PhaseStarting ApplicationPhase = "starting"
	// PhaseRendering means that the objects cannot be rendered yet.
	PhaseRendering ApplicationPhase = "rendering"
	// PhaseRunningWorkflow means that something is still due.
	PhaseRunningWorkflow ApplicationPhase = "runningWorkflow"
	// PhaseWorkflowFailed means that the delivery ended with an error that waiting cannot repair.
	PhaseWorkflowFailed ApplicationPhase = "workflowFailed"
	// PhaseWorkflowSuspending means that something is due and held back, since the application is paused.
	PhaseWorkflowSuspending ApplicationPhase = "workflowSuspending"
	// PhaseRunning means delivered everywhere and healthy.
	PhaseRunning ApplicationPhase = "running"
	// PhaseUnhealthy means delivered everywhere and no longer healthy.
	PhaseUnhealthy ApplicationPhase = "unhealthy"
	// PhaseDeleting means that the application is being removed.
	PhaseDeleting ApplicationPhase = "deleting"
)

// ApplicationStatus is the observed state of an Application.
type ApplicationStatus struct {
	// conditions after the kstatus contract: Ready, Reconciling, Stalled, and
	// those of single concerns.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// observedRevision echoes the annotation fairlead.dev/revision that the status speaks of.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	ObservedRevision string `json:"observedRevision,omitempty"`
	// status is the phase.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Phase ApplicationPhase `json:"status,omitempty"`
	// services is the state of each component in each place: at most 100, the
	// unhealthy first; what is left out is counted in summary.
	// +kubebuilder:validation:MaxItems=200
	// +listType=atomic
	// +optional
	Services []ApplicationComponentStatus `json:"services,omitempty"`
	// summary counts all places, also those that services leaves out.
	// +optional
	Summary *ApplicationSummary `json:"summary,omitempty"`
	// workflow is the state of the delivery.
	// +optional
	Workflow *WorkflowStatus `json:"workflow,omitempty"`
	// workflowRestartScheduledAt is when the workflow is to be started again.
	// +optional
	WorkflowRestartScheduledAt *metav1.Time `json:"workflowRestartScheduledAt,omitempty"`
	// latestRevision is the last revision that was delivered.
	// +optional
	LatestRevision *Revision `json:"latestRevision,omitempty"`
	// appliedResources are the objects that were delivered, at most 100.
	// +kubebuilder:validation:MaxItems=200
	// +listType=atomic
	// +optional
	AppliedResources []ClusterObjectReference `json:"appliedResources,omitempty"`
	// policy is the state of the policies.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	PolicyStatus []PolicyStatus `json:"policy,omitempty"`
}

// ApplicationSummary counts places: one place is a component in an environment on a cluster.
type ApplicationSummary struct {
	// places is the number of places.
	Places int32 `json:"places"`
	// healthy is how many of them are healthy with the revision at hand.
	Healthy int32 `json:"healthy"`
	// omitted is how many places services leaves out.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
}

// ApplicationComponentStatus is the state of one component in one place.
type ApplicationComponentStatus struct {
	// name of the component.
	Name string `json:"name"`
	// namespace that the component is delivered to.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// cluster that the component is delivered to; local is the hub.
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// env is the environment.
	// +optional
	Env string `json:"env,omitempty"`
	// replicaKey of the replication policy.
	// +optional
	ReplicaKey string `json:"replicaKey,omitempty"`
	// workloadDefinition is the kind of the workload.
	// +optional
	WorkloadDefinition WorkloadGVK `json:"workloadDefinition,omitempty"`
	// healthy says that the workload and all traits are healthy.
	Healthy bool `json:"healthy"`
	// workloadHealthy says that the workload alone is healthy.
	// +optional
	WorkloadHealthy bool `json:"workloadHealthy,omitempty"`
	// details are the fields that the definition's status gives.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Details map[string]string `json:"details,omitempty"`
	// message says in a line what is going on.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// traits is the state of the traits.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Traits []ApplicationTraitStatus `json:"traits,omitempty"`
	// endpoints are where the component is reached from outside of its cluster: URLs
	// of hosts, hosts of routes, and host and port of load balancers.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=300
	// +listType=atomic
	// +optional
	Endpoints []string `json:"endpoints,omitempty"`
}

// ApplicationTraitStatus is the state of one trait in one place.
type ApplicationTraitStatus struct {
	// type of the trait.
	Type string `json:"type"`
	// healthy says that the trait's objects are healthy.
	Healthy bool `json:"healthy"`
	// pending says that the trait waits for its stage.
	// +optional
	Pending bool `json:"pending,omitempty"`
	// details are the fields that the definition's status gives.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Details map[string]string `json:"details,omitempty"`
	// message says in a line what is going on.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// WorkloadGVK names the kind of a workload.
type WorkloadGVK struct {
	// apiVersion of the workload.
	APIVersion string `json:"apiVersion"`
	// kind of the workload.
	Kind string `json:"kind"`
}

// WorkflowStatus is the state of a workflow.
type WorkflowStatus struct {
	// appRevision that the workflow delivers.
	// +optional
	AppRevision string `json:"appRevision,omitempty"`
	// mode of the workflow, such as StepByStep-DAG.
	// +optional
	Mode string `json:"mode,omitempty"`
	// status is the phase of the workflow.
	// +optional
	Phase string `json:"status,omitempty"`
	// message says in a line what is going on.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// suspend says that the workflow is suspended.
	Suspend bool `json:"suspend"`
	// suspendState says why the workflow is suspended.
	// +optional
	SuspendState string `json:"suspendState,omitempty"`
	// terminated says that the workflow was ended before its last step.
	Terminated bool `json:"terminated"`
	// finished says that the workflow is over.
	Finished bool `json:"finished"`
	// contextBackend refers to where values between steps are kept.
	// +optional
	ContextBackend *corev1.ObjectReference `json:"contextBackend,omitempty"`
	// steps is the state of each step.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Steps []WorkflowStepStatus `json:"steps,omitempty"`
	// startTime of the workflow.
	// +optional
	StartTime metav1.Time `json:"startTime,omitempty"`
	// endTime of the workflow.
	// +optional
	EndTime metav1.Time `json:"endTime,omitempty"`
}

// StepStatus is the state of a step or sub-step.
type StepStatus struct {
	// id of the step's run.
	ID string `json:"id"`
	// name of the step.
	// +optional
	Name string `json:"name,omitempty"`
	// type of the step.
	// +optional
	Type string `json:"type,omitempty"`
	// phase of the step.
	// +optional
	Phase string `json:"phase,omitempty"`
	// message says in a line what is going on.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// reason of the phase.
	// +optional
	Reason string `json:"reason,omitempty"`
	// firstExecuteTime is when the step was first tried.
	// +optional
	FirstExecuteTime metav1.Time `json:"firstExecuteTime,omitempty"`
	// lastExecuteTime is when the step was last tried.
	// +optional
	LastExecuteTime metav1.Time `json:"lastExecuteTime,omitempty"`
}

// WorkflowStepStatus is the state of a step with its sub-steps.
type WorkflowStepStatus struct {
	StepStatus `json:",inline"`
	// subSteps is the state of the sub-steps.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	SubStepsStatus []StepStatus `json:"subSteps,omitempty"`
}

// Revision names one delivered state of an application.
type Revision struct {
	// name of the revision.
	Name string `json:"name"`
	// revision is its number.
	Revision int64 `json:"revision"`
	// revisionHash is the digest of what was delivered.
	// +optional
	RevisionHash string `json:"revisionHash,omitempty"`
}

// ClusterObjectReference names an object on a cluster. The object's own
// fields stand beside the cluster, as existing clients expect them.
type ClusterObjectReference struct {
	// cluster of the object; local is the hub.
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// creator says which part of the delivery wrote the object.
	// +optional
	Creator string `json:"creator,omitempty"`

	corev1.ObjectReference `json:",inline"`
}

// PolicyStatus is the state of a policy.
type PolicyStatus struct {
	// name of the policy.
	Name string `json:"name"`
	// type of the policy.
	Type string `json:"type"`
	// status is free-form.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Status *runtime.RawExtension `json:"status,omitempty"`
}

// NamespacedName is the key of the application.
func (a *Application) NamespacedName() types.NamespacedName {
	return types.NamespacedName{Namespace: a.Namespace, Name: a.Name}
}

// Paused says that the application's label asks to write nothing of it.
func (a *Application) Paused() bool {
	return a.Labels[LabelPause] == LabelPauseValue
}
