// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
)

// Hub is what was read of a hub.
type Hub struct {
	// Address of the hub.
	Address string
	// Now is the time by the hub's clock when the reading began.
	Now time.Time
	// Kubernetes is the version of the API server.
	Kubernetes string
	// Chart is what the chart in this program says of itself.
	Chart chart.Metadata
	// Wanted are the CRDs of the chart, as JSON reads them.
	Wanted []map[string]any
	// Policies are the names of the chart's admission policies.
	Policies []string

	// CRDs of the addon and of OCM by name, as far as they exist.
	CRDs map[string]map[string]any
	// AdmissionPolicies and PolicyBindings of the hub.
	AdmissionPolicies []Named
	PolicyBindings    []PolicyBinding
	// Deployment of the addon and Lease of its leader; nil when there is none.
	Deployment *appsv1.Deployment
	Lease      *coordinationv1.Lease

	// OCMControllers are the Deployments of OCM on the hub.
	OCMControllers []appsv1.Deployment
	// ClusterManagers are how OCM was installed.
	ClusterManagers []ClusterManager
	// Webhooks are the validating webhooks of the hub.
	Webhooks []Webhook
	// Clusters are the managed clusters, and ClusterLeases what their agents renew.
	Clusters      []Cluster
	ClusterLeases []coordinationv1.Lease
	// Works are those that Fairlead wrote.
	Works []Work

	// Accounts are those that objects are applied and read as, on the hub.
	Accounts []Named

	Applications []Application
	Environments []v1alpha1.Environment
	Bindings     []v1alpha1.ClusterBinding
	// Definitions by the plural of their kind.
	Definitions map[string][]Definition

	// unread are the resources that were not read, and why.
	unread map[resource]unread
}

// Meta is what matters of the metadata of an object.
type Meta struct {
	Namespace         string            `json:"namespace"`
	Name              string            `json:"name"`
	UID               types.UID         `json:"uid"`
	Generation        int64             `json:"generation"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	Finalizers        []string          `json:"finalizers"`
	CreationTimestamp metav1.Time       `json:"creationTimestamp"`
	DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
	ManagedFields     []Writes          `json:"managedFields"`
}

// Writes are those of one writer to an object, without what it wrote.
type Writes struct {
	Subresource string       `json:"subresource"`
	Time        *metav1.Time `json:"time"`
}

// Named is an object of which only the name matters.
type Named struct {
	Metadata Meta `json:"metadata"`
}

// PolicyBinding is a ValidatingAdmissionPolicyBinding.
type PolicyBinding struct {
	Metadata Meta `json:"metadata"`
	Spec     struct {
		PolicyName        string   `json:"policyName"`
		ValidationActions []string `json:"validationActions"`
	} `json:"spec"`
}

// Webhook is a ValidatingWebhookConfiguration.
type Webhook struct {
	Metadata Meta `json:"metadata"`
	Webhooks []struct {
		Rules []struct {
			APIGroups []string `json:"apiGroups"`
			Resources []string `json:"resources"`
		} `json:"rules"`
	} `json:"webhooks"`
}

// ClusterManager is OCM's description of the hub.
type ClusterManager struct {
	Metadata Meta `json:"metadata"`
	Spec     struct {
		WorkConfiguration struct {
			FeatureGates []struct {
				Feature string `json:"feature"`
				Mode    string `json:"mode"`
			} `json:"featureGates"`
		} `json:"workConfiguration"`
	} `json:"spec"`
}

// Cluster is a ManagedCluster, as far as it matters.
type Cluster struct {
	Metadata Meta `json:"metadata"`
	Spec     struct {
		HubAcceptsClient     bool  `json:"hubAcceptsClient"`
		LeaseDurationSeconds int32 `json:"leaseDurationSeconds"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// Work is a ManifestWork without what it holds.
type Work struct {
	Metadata Meta `json:"metadata"`
	Status   struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// Application is an Application without what it describes.
type Application struct {
	Metadata Meta `json:"metadata"`
	Status   struct {
		Conditions         []metav1.Condition       `json:"conditions"`
		ObservedGeneration int64                    `json:"observedGeneration"`
		Phase              v1beta1.ApplicationPhase `json:"status"`
	} `json:"status"`
}

// Definition is an X-definition without its template.
type Definition struct {
	Metadata Meta `json:"metadata"`
	Status   struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// resource is a kind of objects in the plural and with its group, as kubectl
// takes it and a rule of RBAC has it.
type resource string

const (
	versionResource        resource = "/version"
	crdResource            resource = "customresourcedefinitions.apiextensions.k8s.io"
	policyResource         resource = "validatingadmissionpolicies.admissionregistration.k8s.io"
	policyBindingResource  resource = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
	webhookResource        resource = "validatingwebhookconfigurations.admissionregistration.k8s.io"
	deploymentResource     resource = "deployments.apps in namespace " + v1alpha1.SystemNamespace
	ocmDeploymentResource  resource = "deployments.apps in namespace " + ocmNamespace
	leaseResource          resource = "leases.coordination.k8s.io in namespace " + v1alpha1.SystemNamespace
	clusterLeaseResource   resource = "leases.coordination.k8s.io in all namespaces"
	clusterManagerResource resource = "clustermanagers.operator.open-cluster-management.io"
	clusterResource        resource = "managedclusters.cluster.open-cluster-management.io"
	workResource           resource = "manifestworks.work.open-cluster-management.io"
	accountResource        resource = "serviceaccounts in all namespaces"
	applicationResource    resource = "applications.core.oam.dev"
	environmentResource    resource = "environments.fairlead.dev"
	bindingResource        resource = "clusterbindings.fairlead.dev"
)

const (
	// ocmNamespace is where OCM's controllers run on a hub, unless it is hosted elsewhere.
	ocmNamespace = "open-cluster-management-hub"
	// oamGroup ends the names of the OAM kinds.
	oamGroup = ".core.oam.dev"
)

// definitionKinds are the plurals of the kinds of definitions.
func definitionKinds() []string {
	return []string{"componentdefinitions", "traitdefinitions", "policydefinitions", "workflowstepdefinitions"}
}

// unread is why a resource was not read.
type unread struct {
	verb string
	// forbidden says that the account lacks the right.
	forbidden bool
	// absent says that the hub does not serve the resource, which the check of CRDs tells.
	absent bool
	err    error
}

// has says that the resources were read.
func (h *Hub) has(resources ...resource) bool {
	for _, r := range resources {
		if _, missing := h.unread[r]; missing {
			return false
		}
	}
	return true
}

// shared says that the OAM kinds are another controller's. Where it is not known,
// nobody else's are assumed.
func (h *Hub) shared() bool {
	crd, ok := h.CRDs[string(applicationResource)]
	return ok && !isOurs(crd)
}

func conditionOf(conditions []metav1.Condition, kind string) *metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

func isTrue(condition *metav1.Condition) bool {
	return condition != nil && condition.Status == metav1.ConditionTrue
}

func fullName(meta Meta) string {
	if meta.Namespace == "" {
		return meta.Name
	}
	return meta.Namespace + "/" + meta.Name
}
