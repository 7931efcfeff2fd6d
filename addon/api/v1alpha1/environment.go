// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Environment says which applications may be delivered to it, to which
// namespace, and what holds there. The platform team owns it.
//
// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="fairlead.dev/managed-by=fairlead"
// +kubebuilder:resource:scope=Cluster,shortName=env,categories=fairlead
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="READY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="CLUSTERS",type=integer,JSONPath=`.status.clusters`
// +kubebuilder:printcolumn:name="APPLICATIONS",type=integer,JSONPath=`.status.applications`
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name is longer than 63 characters: it becomes a label value of every delivered object"
type Environment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what holds in the environment.
	// +optional
	Spec EnvironmentSpec `json:"spec,omitempty"`
	// status as observed by the addon.
	// +optional
	Status EnvironmentStatus `json:"status,omitempty"`
}

// EnvironmentList is a list of Environments.
//
// +kubebuilder:object:root=true
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Environment `json:"items"`
}

// EnvironmentSpec is the desired state of an Environment.
type EnvironmentSpec struct {
	// applicationNamespaces are the hub namespaces that may deliver here; none when empty.
	// +optional
	ApplicationNamespaces *ApplicationNamespaces `json:"applicationNamespaces,omitempty"`
	// targetNamespace is the namespace on the clusters; the application's own when empty.
	// +optional
	TargetNamespace *TargetNamespace `json:"targetNamespace,omitempty"`
	// namespaceOptions say how the target namespace is made.
	// +optional
	NamespaceOptions *NamespaceOptions `json:"namespaceOptions,omitempty"`
	// defaults are merged under what applications say, per component type.
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=type
	// +optional
	Defaults []ComponentDefaults `json:"defaults,omitempty"`
	// constraints are checked after the merge.
	// +optional
	Constraints *Constraints `json:"constraints,omitempty"`
	// after are environments that must be healthy with the same revision first.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	After []string `json:"after,omitempty"`
	// afterPolicy says what an environment in after that an application does not
	// use means: Skip goes on without it, Require holds the delivery.
	// +kubebuilder:validation:Enum=Skip;Require
	// +kubebuilder:default=Skip
	// +optional
	AfterPolicy string `json:"afterPolicy,omitempty"`
	// approval that a delivery needs.
	// +optional
	Approval *ApprovalPolicy `json:"approval,omitempty"`
	// propagation says when a change of the platform reaches applications.
	// +optional
	Propagation *Propagation `json:"propagation,omitempty"`
	// permissions is the ClusterRole that the deployer account is bound to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default=fairlead-deployer
	// +optional
	Permissions string `json:"permissions,omitempty"`
	// deletion says how the environment and its applications go.
	// +optional
	Deletion *DeletionPolicy `json:"deletion,omitempty"`
}

// ApplicationNamespaces selects hub namespaces by name or by label: a namespace
// that either of them selects is admitted.
type ApplicationNamespaces struct {
	// names of the namespaces.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Names []string `json:"names,omitempty"`
	// selector selects namespaces by label; an empty selector selects all.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Admit says whether applications of a namespace with those labels may deliver; nil
// admits none. It returns an error for a selector that cannot be parsed.
func (a *ApplicationNamespaces) Admit(namespace string, labelled map[string]string) (bool, error) {
	if a == nil {
		return false, nil
	}
	if slices.Contains(a.Names, namespace) {
		return true, nil
	}
	if a.Selector == nil {
		return false, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(a.Selector)
	if err != nil {
		return false, err
	}
	return selector.Matches(labels.Set(labelled)), nil
}

// TargetNamespace makes the name of the namespace on the clusters.
//
// +kubebuilder:validation:XValidation:rule="!has(self.name) || (!has(self.prefix) && !has(self.suffix))",message="name excludes prefix and suffix"
type TargetNamespace struct {
	// name of the namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Name string `json:"name,omitempty"`
	// prefix is put before the name of the application's namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z0-9][-a-z0-9]*$`
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// suffix is put behind the name of the application's namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[-a-z0-9]*[a-z0-9]$`
	// +optional
	Suffix string `json:"suffix,omitempty"`
}

// NamespaceOptions say how a target namespace is made.
type NamespaceOptions struct {
	// create makes the namespace when it does not exist; true when empty.
	// +optional
	Create *bool `json:"create,omitempty"`
	// adopt takes over a namespace that exists and is not ours.
	// +optional
	Adopt bool `json:"adopt,omitempty"`
	// prepare makes the namespaces for what is named in spec.applicationNamespaces.names
	// on every bound cluster before an application needs them, and keeps them prepared.
	// +optional
	Prepare bool `json:"prepare,omitempty"`
	// labels of the namespace.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// annotations of the namespace.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// imagePullSecrets are Secrets in the system namespace that are copied.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	// +optional
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
	// objects are ResourceQuotas, LimitRanges and NetworkPolicies of the namespace.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +listType=atomic
	// +optional
	Objects []runtime.RawExtension `json:"objects,omitempty"`
}

// ComponentDefaults are merged under the components of one type.
type ComponentDefaults struct {
	// type of the component.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// properties that hold unless the application says otherwise.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
	// traits that every component of the type gets; they merge by type.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=type
	// +optional
	Traits []TraitPatch `json:"traits,omitempty"`
}

// TraitPatch changes or removes the trait of a type.
type TraitPatch struct {
	// type of the trait.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Type string `json:"type"`
	// properties are merged into the trait's.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Properties *runtime.RawExtension `json:"properties,omitempty"`
	// disable removes the trait.
	// +optional
	Disable bool `json:"disable,omitempty"`
}

// Constraints bound what may be delivered to an environment.
type Constraints struct {
	// allowedRegistries are the prefixes that images may have; any when empty.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	// +optional
	AllowedRegistries []string `json:"allowedRegistries,omitempty"`
	// requireImageDigest asks for images by digest.
	// +optional
	RequireImageDigest bool `json:"requireImageDigest,omitempty"`
	// allowedKinds are the kinds that may be delivered, as Kind or Kind.group; any when empty.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=317
	// +listType=set
	// +optional
	AllowedKinds []string `json:"allowedKinds,omitempty"`
	// deniedKinds are kinds that may not be delivered.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=317
	// +listType=set
	// +optional
	DeniedKinds []string `json:"deniedKinds,omitempty"`
	// allowClusterScoped admits objects that have no namespace.
	// +optional
	AllowClusterScoped bool `json:"allowClusterScoped,omitempty"`
	// maxReplicas bounds the replicas of a workload.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
}

// ApprovalPolicy says that a delivery needs an approval.
type ApprovalPolicy struct {
	// required holds every new revision until it is approved.
	// +optional
	Required bool `json:"required,omitempty"`
	// message for who approves.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// timeout after which a delivery that waits for approval fails; none when empty.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// Propagation says when a change of the platform reaches applications.
type Propagation struct {
	// type is OnNextChange (with the application's own next change) or Rolling.
	// +kubebuilder:validation:Enum=OnNextChange;Rolling
	// +kubebuilder:default=OnNextChange
	// +optional
	Type string `json:"type,omitempty"`
	// maxConcurrent is how many applications change at once.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxConcurrent *int32 `json:"maxConcurrent,omitempty"`
}

// DeletionPolicy says how an environment and what was delivered to it go.
type DeletionPolicy struct {
	// protection refuses the deletion of the environment.
	// +optional
	Protection bool `json:"protection,omitempty"`
	// policy says what becomes of the objects.
	// +kubebuilder:validation:Enum=Delete;Orphan
	// +kubebuilder:default=Delete
	// +optional
	Policy string `json:"policy,omitempty"`
	// unreachable says what becomes of the objects of a cluster that is away.
	// +kubebuilder:validation:Enum=Wait;Orphan
	// +kubebuilder:default=Wait
	// +optional
	Unreachable string `json:"unreachable,omitempty"`
	// timeout after which waiting for a cluster that is away ends; never when empty.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// EnvironmentStatus is the observed state of an Environment.
type EnvironmentStatus struct {
	// conditions after the kstatus contract: Ready, Reconciling, Stalled.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// clusters is the number of clusters bound to the environment.
	// +optional
	Clusters int32 `json:"clusters"`
	// applications is the number of applications that deliver to the environment.
	// +optional
	Applications int32 `json:"applications"`
	// prepared is the number of namespaces on clusters that are ready for applications,
	// counted where spec.namespaceOptions.prepare is set.
	// +optional
	Prepared int32 `json:"prepared,omitempty"`
	// left is the number of ManifestWorks that were left on clusters that are away; each goes
	// when its cluster returns.
	// +optional
	Left int32 `json:"left,omitempty"`
}
