// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Names that are fixed by the product.
const (
	// SystemNamespace is where the addon runs and keeps its Placements.
	SystemNamespace = "fairlead-system"
	// LocalCluster is the reserved name of the hub as a target of delivery.
	LocalCluster = "local"
	// DefaultEnvironment is the environment of applications without a policy that names one.
	DefaultEnvironment = "default"
	// DeployerAccount is the service account in each target namespace that objects are applied as.
	DeployerAccount = "fairlead-deployer"
	// DeployerRole is the ClusterRole that the account is bound to.
	DeployerRole = "fairlead-deployer"
	// Finalizer holds an object until what was delivered through it is gone.
	Finalizer = "fairlead.dev/delivery"
)

// Labels and annotations of delivered objects and works.
const (
	// LabelManagedBy is "fairlead" on everything that the addon writes and on our CRDs, so that caches
	// select by it and a CRD of another OAM controller is told from ours.
	LabelManagedBy = "fairlead.dev/managed-by"
	// LabelManagedByValue is the value of LabelManagedBy.
	LabelManagedByValue = "fairlead"
	// LabelEnvironment is the environment of a delivered object.
	LabelEnvironment = "fairlead.dev/environment"
	// LabelApplicationUID is the UID of the Application that an object or work belongs to.
	// It is what proves that an object is ours to delete.
	LabelApplicationUID = "fairlead.dev/application-uid"
	// LabelPolicy is, on an object that a policy made, the name of the policy. OAM's label for the
	// component has that name too, and would be taken for a component's.
	LabelPolicy = "fairlead.dev/policy"
	// LabelReapply is changed on a work to make the agent apply it again at once.
	LabelReapply = "fairlead.dev/reapply"
	// AnnotationHash is the digest of the content that was written.
	AnnotationHash = "fairlead.dev/hash"
	// AnnotationRevision is, on an Application, the revision that its writer gave it, and on
	// a delivered object the digest of its content; feedback carries it back.
	AnnotationRevision = "fairlead.dev/revision"
	// AnnotationOwner names who manages an Application from outside, such as a workspace.
	AnnotationOwner = "fairlead.dev/owner"
	// AnnotationSecrets lists, on an Application, the Secrets of its namespace that belong to it: a
	// JSON object from name, or environment/name for one environment, to a digest. What the components
	// refer to of them is delivered with these. A new digest makes the addon deliver again.
	AnnotationSecrets = "fairlead.dev/secrets"
	// LabelSecretOf is, on such a Secret, the name of the Application. No other Secret is delivered.
	LabelSecretOf = "fairlead.dev/secret-of"
)

// Types of conditions after the kstatus contract.
const (
	// ConditionReady says that everything is as described.
	ConditionReady = "Ready"
	// ConditionReconciling says that something is under way.
	ConditionReconciling = "Reconciling"
	// ConditionStalled says that nothing goes on without a change by somebody.
	ConditionStalled = "Stalled"
	// ConditionPaused says that nothing is written of an application, since when, and
	// what asks for it. An application that is not paused does not have it.
	ConditionPaused = "Paused"
	// ConditionUnknownParameters lists properties that no definition has.
	ConditionUnknownParameters = "UnknownParameters"
)

// LabelStrict on a namespace makes unknown parameters an error when it is "true".
const LabelStrict = "fairlead.dev/strict"

// SecretName is the name, in the application's namespace, of the Secret that is
// delivered under a name: everywhere, or in one environment in place of that.
func SecretName(environment, name string) string {
	if environment == "" {
		return name
	}
	return name + "." + environment
}
