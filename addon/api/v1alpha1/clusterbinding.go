// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ClusterBinding gives clusters to an environment, by name or by an OCM
// placement. The platform team owns it.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:scope=Cluster,shortName=cb,categories=fairlead
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="ENVIRONMENT",type=string,JSONPath=`.spec.environment`
// +kubebuilder:printcolumn:name="READY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="CLUSTERS",type=integer,JSONPath=`.status.decisions`
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name is longer than 63 characters"
type ClusterBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the environment and its clusters.
	Spec ClusterBindingSpec `json:"spec"`
	// status as observed by the addon.
	// +optional
	Status ClusterBindingStatus `json:"status,omitempty"`
}

// ClusterBindingList is a list of ClusterBindings.
//
// +kubebuilder:object:root=true
type ClusterBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterBinding `json:"items"`
}

// ClusterBindingSpec is the desired state of a ClusterBinding.
//
// +kubebuilder:validation:XValidation:rule="has(self.clusters) != has(self.placement)",message="exactly one of clusters and placement must be given"
type ClusterBindingSpec struct {
	// environment that the binding extends.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="environment is immutable: make a new binding for another environment"
	Environment string `json:"environment"`
	// clusters are names of accepted ManagedClusters, or local for the hub.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Clusters []string `json:"clusters,omitempty"`
	// placement chooses clusters by an OCM placement.
	// +optional
	Placement *Placement `json:"placement,omitempty"`
	// overrides say what is different on these clusters.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Overrides []ClusterOverride `json:"overrides,omitempty"`
	// rollout says in which steps the clusters get a new revision; all at once when empty.
	// +optional
	Rollout *RolloutPolicy `json:"rollout,omitempty"`
}

// Placement is what an OCM Placement is made of.
type Placement struct {
	// clusterSets are the ManagedClusterSets to choose from.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	ClusterSets []string `json:"clusterSets"`
	// labelSelector selects clusters by label.
	// +optional
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// claimSelector selects clusters by cluster claim.
	// +optional
	ClaimSelector *ClaimSelector `json:"claimSelector,omitempty"`
	// celExpressions select clusters by CEL over the variable managedCluster; all must hold.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	// +listType=atomic
	// +optional
	CELExpressions []string `json:"celExpressions,omitempty"`
	// numberOfClusters to choose; all that match when empty.
	// +kubebuilder:validation:Minimum=1
	// +optional
	NumberOfClusters *int32 `json:"numberOfClusters,omitempty"`
	// spread distributes the chosen clusters over a topology.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	Spread []SpreadConstraint `json:"spread,omitempty"`
	// tolerations of cluster taints. Without any, unreachable and unavailable are
	// tolerated without limit: lost contact must not move an application.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Tolerations []ClusterToleration `json:"tolerations,omitempty"`
	// prioritizers order the clusters that match.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Prioritizers []Prioritizer `json:"prioritizers,omitempty"`
}

// ClaimSelector selects clusters by the claims that they make.
type ClaimSelector struct {
	// matchExpressions that must all hold.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	MatchExpressions []metav1.LabelSelectorRequirement `json:"matchExpressions,omitempty"`
}

// SpreadConstraint distributes chosen clusters over a topology.
type SpreadConstraint struct {
	// maxSkew is the greatest difference between two values of the topology.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=1
	// +optional
	MaxSkew int32 `json:"maxSkew,omitempty"`
	// topologyKey is the label or claim.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	TopologyKey string `json:"topologyKey"`
	// topologyKeyType says what topologyKey is.
	// +kubebuilder:validation:Enum=Label;Claim
	TopologyKeyType string `json:"topologyKeyType"`
	// whenUnsatisfiable says what happens when the skew cannot be kept.
	// +kubebuilder:validation:Enum=DoNotSchedule;ScheduleAnyway
	// +kubebuilder:default=ScheduleAnyway
	// +optional
	WhenUnsatisfiable string `json:"whenUnsatisfiable,omitempty"`
}

// ClusterToleration tolerates a taint of a cluster.
type ClusterToleration struct {
	// key of the taint; any when empty.
	// +kubebuilder:validation:MaxLength=316
	// +optional
	Key string `json:"key,omitempty"`
	// operator is Equal or Exists.
	// +kubebuilder:validation:Enum=Equal;Exists
	// +kubebuilder:default=Equal
	// +optional
	Operator string `json:"operator,omitempty"`
	// value of the taint.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Value string `json:"value,omitempty"`
	// effect of the taint; any when empty.
	// +kubebuilder:validation:Enum=NoSelect;PreferNoSelect;NoSelectIfNew
	// +optional
	Effect string `json:"effect,omitempty"`
	// tolerationSeconds is how long the taint is tolerated; without limit when empty.
	// +kubebuilder:validation:Minimum=0
	// +optional
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}

// Prioritizer gives clusters a score.
//
// +kubebuilder:validation:XValidation:rule="has(self.builtIn) != has(self.addOn)",message="exactly one of builtIn and addOn must be given"
type Prioritizer struct {
	// builtIn is the name of one of OCM's prioritizers, such as Steady or ResourceAllocatableCPU.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	BuiltIn string `json:"builtIn,omitempty"`
	// addOn takes the score from an AddOnPlacementScore.
	// +optional
	AddOn *AddOnScore `json:"addOn,omitempty"`
	// weight of the score, from -10 to 10.
	// +kubebuilder:validation:Minimum=-10
	// +kubebuilder:validation:Maximum=10
	// +kubebuilder:default=1
	// +optional
	Weight *int32 `json:"weight,omitempty"`
}

// AddOnScore names a score of an AddOnPlacementScore.
type AddOnScore struct {
	// resourceName of the AddOnPlacementScore.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ResourceName string `json:"resourceName"`
	// scoreName in it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ScoreName string `json:"scoreName"`
}

// ClusterOverride says what is different on the clusters of a binding. Empty
// selectors match everything.
type ClusterOverride struct {
	// application is a glob over names of applications.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Application string `json:"application,omitempty"`
	// componentType is the type of the component.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ComponentType string `json:"componentType,omitempty"`
	// component is the name of the component.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Component string `json:"component,omitempty"`
	// properties are merged over the component's.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
	// traits are merged over the component's, by type.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=type
	// +optional
	Traits []TraitPatch `json:"traits,omitempty"`
}

// RolloutPolicy says in which steps clusters get a new revision, in the terms
// of OCM's RolloutStrategy.
type RolloutPolicy struct {
	// type of the rollout.
	// +kubebuilder:validation:Enum=All;Progressive;ProgressivePerGroup
	// +kubebuilder:default=All
	// +optional
	Type string `json:"type,omitempty"`
	// maxConcurrency is how many clusters change at once: a number or a percentage.
	// +optional
	MaxConcurrency *intstr.IntOrString `json:"maxConcurrency,omitempty"`
	// mandatoryDecisionGroups go first, one after the other.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	// +optional
	MandatoryDecisionGroups []string `json:"mandatoryDecisionGroups,omitempty"`
	// minSuccessTime is how long a cluster must be healthy before the next goes.
	// +optional
	MinSuccessTime *metav1.Duration `json:"minSuccessTime,omitempty"`
	// progressDeadline is how long a cluster may take.
	// +optional
	ProgressDeadline *metav1.Duration `json:"progressDeadline,omitempty"`
	// maxFailures is how many clusters may fail before the rollout stops: a number or a percentage.
	// +optional
	MaxFailures *intstr.IntOrString `json:"maxFailures,omitempty"`
	// stallAfter is how long no progress is waited for; 90 s when empty.
	// +optional
	StallAfter *metav1.Duration `json:"stallAfter,omitempty"`
	// replacement says when a cluster that left the decisions is cleaned.
	// +kubebuilder:validation:Enum=SurgeFirst;DeleteFirst
	// +kubebuilder:default=SurgeFirst
	// +optional
	Replacement string `json:"replacement,omitempty"`
}

// ClusterBindingStatus is the observed state of a ClusterBinding.
type ClusterBindingStatus struct {
	// conditions after the kstatus contract: Ready, Reconciling, Stalled.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// clusters are the clusters of the binding, at most 100, the unreachable first.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=name
	// +optional
	Clusters []BoundCluster `json:"clusters,omitempty"`
	// decisions is the number of clusters of the binding.
	// +optional
	Decisions int32 `json:"decisions"`
}

// BoundCluster is one cluster of a binding.
type BoundCluster struct {
	// name of the cluster; local is the hub.
	Name string `json:"name"`
	// reachable says that OCM heard from the cluster lately.
	Reachable bool `json:"reachable"`
	// version of the cluster's Kubernetes.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Version string `json:"version,omitempty"`
}
