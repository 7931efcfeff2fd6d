// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// trespass is an application by which a tenant reaches for what is not theirs.
type trespass struct {
	name, reason string
	// metadata is further metadata of the application; components and policies are lists. All of it is JSON without
	// the outermost braces or brackets.
	metadata, components, policies string
	workflow                       string
	// denied is part of the refusal of the application itself; empty where admission cannot see what is wrong.
	denied string
	// stalled is the reason of the condition, and says what it says; empty where the application does no harm and is ready.
	stalled, says string
	// ignored means that the addon leaves the application alone.
	ignored bool
}

// to is the policy of an environment.
func to(environment string) string {
	return fmt.Sprintf(`{"name":"env","type":"environment","properties":{"environment":%q}}`, environment)
}

// objects is a component of one object, given by its kind, more of its metadata, and more of its content.
func objectsOf(apiVersion, kind, metadata, content string) string {
	return fmt.Sprintf(`{"name":"NAME","type":"k8s-objects","properties":{"objects":[{"apiVersion":%q,"kind":%q,"metadata":{"name":"NAME"%s}%s}]}}`,
		apiVersion, kind, more(metadata), more(content))
}

const (
	harmless   = `{"name":"NAME","type":"webservice","properties":{"image":"nginx:1"}}`
	takesOver  = `,{"name":"take","type":"take-over","properties":{"rules":[{"selector":{"componentNames":["NAME"]}}]}}`
	anyPod     = `"spec":{"containers":[{"name":"x","image":"nginx:1"%s}]%s}`
	forgedMark = `"labels":{"app.oam.dev/name":"home","app.oam.dev/namespace":"tenant-b","fairlead.dev/environment":"tenant-b-prod","fairlead.dev/source-namespace":"tenant-b","fairlead.dev/application-uid":"UID"}`
)

func trespasses() []trespass {
	return slices.Concat(environmentTrespasses(), namespaceTrespasses(), kindTrespasses(), rightsTrespasses(), definitionTrespasses(), markTrespasses())
}

func environmentTrespasses() []trespass {
	return []trespass{
		{name: "env-name", reason: "B's environment is B's", components: harmless, policies: to("tenant-b-prod"),
			stalled: delivery.ReasonNamespaceNotAdmitted, says: `spec.policies[0].properties.environment: environment "tenant-b-prod" does not admit namespace "tenant-a"`},
		{name: "env-override", reason: "not even with overrides of its own", components: harmless,
			policies: `{"name":"env","type":"environment","properties":{"environment":"tenant-b-prod","components":[{"name":"NAME","properties":{"image":"nginx:2"}}]}}`,
			stalled:  delivery.ReasonNamespaceNotAdmitted, says: `"tenant-b-prod" does not admit namespace "tenant-a"`},
		{name: "env-step", reason: "a step reaches no further than a policy", components: harmless, policies: to("tenant-b-prod"),
			workflow: `{"steps":[{"name":"d","type":"deploy","properties":{"policies":["env"]}}]}`,
			stalled:  delivery.ReasonNotImplemented, says: "spec.workflow"},
		{name: "env-cluster", reason: "a cluster is reached through an environment that admits the namespace", components: harmless,
			policies: `{"name":"t","type":"topology","properties":{"clusters":["cluster2"]}}`,
			stalled:  delivery.ReasonNamespaceNotAdmitted, says: `spec.policies[0].properties.clusters: no environment admits namespace "tenant-a" to cluster "cluster2"`},
		{name: "env-topology", reason: "a topology names no namespace of others", components: harmless,
			policies: `{"name":"t","type":"topology","properties":{"clusters":["cluster1"],"namespace":"` + victimsTarget + `"}}`,
			stalled:  delivery.ReasonPlacementConflict, says: `belongs to applications of namespace "tenant-b"`},
		{name: "env-reserved", reason: "nor one of the system", components: harmless,
			policies: `{"name":"t","type":"topology","properties":{"clusters":["cluster1"],"namespace":"kube-system"}}`,
			denied:   "spec.policies[].properties.namespace: reserved", stalled: delivery.ReasonInvalidNamespace, says: `not to "kube-system"`},
	}
}

func namespaceTrespasses() []trespass {
	namespaced := func(name string) string {
		return objectsOf("v1", "ConfigMap", fmt.Sprintf(`"namespace":%q`, name), `"data":{"a":"forged"}`)
	}
	const elsewhere = `but this delivery reaches "tenant-a-own" only`
	const read = `an application reads objects of its own namespace "tenant-a" only`
	reserved := "metadata.namespace: reserved, nothing may be delivered there"
	return []trespass{
		{name: "ns-target", reason: "objects go to the environment's target namespace", components: namespaced(victimsTarget),
			policies: to("tenant-a-own"), stalled: "InvalidObject", says: elsewhere},
		{name: "ns-hub", reason: "nor to B's namespace on the hub", components: namespaced(victim),
			policies: to("tenant-a-own"), stalled: "InvalidObject", says: elsewhere},
		{name: "ns-system", reason: "nor to the system's", components: namespaced("kube-system"),
			policies: to("tenant-a-own"), denied: reserved, stalled: "InvalidObject", says: elsewhere},
		{name: "ns-addon", reason: "nor to the addon's", components: namespaced(v1alpha1.SystemNamespace),
			policies: to("tenant-a-own"), denied: reserved, stalled: "InvalidObject", says: elsewhere},
		{name: "ns-agent", reason: "nor to the agents'", components: namespaced("open-cluster-management-agent"),
			policies: to("tenant-a-edge"), denied: reserved, stalled: "InvalidObject", says: `reaches "tenant-a-edge" only`},
		{name: "ns-works", reason: "nor to where works of a cluster are", components: namespaced("cluster1"),
			policies: to("tenant-a-own"), stalled: "InvalidObject", says: elsewhere},
		{name: "ns-suffix-local", reason: "a suffix that makes B's namespace", components: harmless, policies: to("tenant-a-suffix-local"),
			stalled: delivery.ReasonPlacementConflict, says: `namespace "tenant-a-prod" on the hub belongs to applications of namespace "tenant-b"`},
		{name: "ns-suffix-edge", reason: "the same on a cluster", components: harmless, policies: to("tenant-a-suffix-edge"),
			stalled: delivery.ReasonPlacementConflict, says: `namespace "tenant-a-prod" on cluster "cluster1" belongs to applications of namespace "tenant-b"`},
		{name: "ns-adopt", reason: "adoption takes no namespace that another tenant delivers to", components: harmless, policies: to("tenant-a-adopt"),
			stalled: delivery.ReasonPlacementConflict, says: `namespace "tenant-b" on the hub belongs to applications of namespace "tenant-b"`},
		{name: "ns-cluster", reason: "the namespace of a cluster's works is OCM's", components: harmless, policies: to("tenant-a-works"),
			stalled: delivery.ReasonNamespaceNotOurs, says: `namespace "cluster1" exists on the hub and was not made by Fairlead`},
		{name: "ref-secret", reason: "a Secret of B's is B's",
			components: `{"name":"password","type":"ref-objects","properties":{"objects":[{"resource":"secret","namespace":"tenant-b"}]}}`,
			policies:   to("tenant-a-own"), denied: "an application reads objects of its own namespace only", stalled: "InvalidReference", says: read},
		{name: "ref-system", reason: "so is the system's",
			components: `{"name":"registry","type":"ref-objects","properties":{"objects":[{"resource":"secret","namespace":"fairlead-system"}]}}`,
			policies:   to("tenant-a-own"), denied: "an application reads objects of its own namespace only", stalled: "InvalidReference", says: read},
		{name: "ref-cluster", reason: "so is what is on clusters",
			components: `{"name":"password","type":"ref-objects","properties":{"objects":[{"resource":"secret","cluster":"cluster2"}]}}`,
			policies:   to("tenant-a-own"), denied: "objects are read from the hub only", stalled: "InvalidReference", says: "objects are read from the hub only"},
		{name: "ref-guess", reason: "a name that B has is no name here",
			components: `{"name":"password","type":"ref-objects","properties":{"objects":[{"resource":"secret"}]}}`,
			policies:   to("tenant-a-own"), stalled: "ReferenceNotFound", says: `there is no secret "password" in namespace "tenant-a" on the hub`},
		{name: "ref-token", reason: "what has no namespace is nobody's to read",
			components: `{"name":"cluster1","type":"ref-objects","properties":{"objects":[{"apiVersion":"cluster.open-cluster-management.io/v1","kind":"ManagedCluster"}]}}`,
			policies:   to("tenant-a-own"), stalled: "ReferenceNotFound", says: "objects of this kind belong to no namespace"},
		{name: "ref-own", reason: "a team's own Secret goes where the team may deliver",
			components: `{"name":"mine","type":"ref-objects","properties":{"objects":[{"resource":"secret"}]}}`,
			policies:   to("tenant-a-own")},
	}
}

func kindTrespasses() []trespass {
	const unscoped = "spec.constraints.allowClusterScoped is false"
	const binding = `"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"` + malloryUser + `"}]`
	return []trespass{
		{name: "kind-binding", reason: "rights on all of a cluster",
			components: objectsOf("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", binding),
			policies:   to("tenant-a-own"), stalled: delivery.ReasonConstraintViolated, says: unscoped},
		{name: "kind-namespace", reason: "a namespace of one's own choice", components: objectsOf("v1", "Namespace", "", ""),
			policies: to("tenant-a-edge"), stalled: delivery.ReasonConstraintViolated, says: unscoped},
		{name: "kind-crd", reason: "kinds are for all", components: objectsOf("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", ""),
			policies: to("tenant-a-edge"), stalled: delivery.ReasonConstraintViolated, says: unscoped},
		{name: "kind-webhook", reason: "webhooks see everything",
			components: objectsOf("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", ""),
			policies:   to("tenant-a-edge"), stalled: delivery.ReasonConstraintViolated, says: unscoped},
		{name: "kind-list", reason: "a list hides nothing",
			components: objectsOf("v1", "List", "", `"items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"NAME"}}]`),
			policies:   to("tenant-a-edge"), stalled: delivery.ReasonConstraintViolated, says: "items[0]: objects of kind Namespace belong to no namespace"},
		{name: "kind-environment", reason: "an environment by an application",
			components: objectsOf("fairlead.dev/v1alpha1", "Environment", "", `"spec":{"applicationNamespaces":{"names":["tenant-a"]}}`),
			policies:   to("tenant-a-own"), stalled: delivery.ReasonApplyFailed, says: "objects of this kind belong to no namespace"},
		{name: "kind-work", reason: "a work without executor owns a cluster",
			components: objectsOf("work.open-cluster-management.io/v1", "ManifestWork", "", `"spec":{"workload":{"manifests":[]}}`),
			policies:   to("tenant-a-own"), stalled: delivery.ReasonForbidden, says: "account tenant-a-own/fairlead-deployer may not get it"},
		{name: "kind-application", reason: "an application elsewhere",
			components: objectsOf("core.oam.dev/v1beta1", "Application", "", `"spec":{"components":[]}`),
			policies:   to("tenant-a-own"), stalled: delivery.ReasonForbidden, says: "account tenant-a-own/fairlead-deployer may not get it"},
		{name: "kind-cluster", reason: "what a cluster says of itself decides what is placed there",
			components: objectsOf("cluster.open-cluster-management.io/v1alpha1", "ClusterClaim", "", `"spec":{"value":"b"}`),
			policies:   to("tenant-a-edge"), stalled: delivery.ReasonForbidden, says: "not allowed to apply"},
		{name: "kind-record", reason: "what an agent applied is the agent's to write down",
			components: objectsOf("work.open-cluster-management.io/v1", "AppliedManifestWork", "", `"spec":{"hubHash":"a","agentID":"a","manifestWorkName":"a"}`),
			policies:   to("tenant-a-edge"), stalled: delivery.ReasonForbidden, says: "not allowed to apply"},
		{name: "image", reason: "registries are the platform team's choice",
			components: `{"name":"NAME","type":"webservice","properties":{"image":"evil.example.com/web:1"}}`,
			policies:   to("tenant-a-own"), stalled: delivery.ReasonConstraintViolated, says: "spec.template.spec.containers[0].image: image evil.example.com/web is of no allowed registry"},
	}
}

func rightsTrespasses() []trespass {
	const rules = `"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]`
	const admin = `"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"default"}]`
	const rbac = "rbac.authorization.k8s.io/v1"
	const identity = `"annotations":{"app.oam.dev/username":"system:admin","app.oam.dev/group":"system:masters","app.oam.dev/service-account-name":"fairlead-addon","app.oam.dev/service-account-namespace":"fairlead-system"}`
	var list []trespass
	for _, place := range []string{"own", "edge"} {
		says, stalled, env := "account tenant-a-own/fairlead-deployer may not get it", delivery.ReasonForbidden, to("tenant-a-"+place)
		if place == "edge" {
			says = "not allowed to apply"
		}
		list = append(list,
			trespass{name: "role-" + place, reason: "a role with all rights", components: objectsOf(rbac, "Role", "", rules),
				policies: env, stalled: stalled, says: says},
			trespass{name: "binding-" + place, reason: "a binding to all rights", components: objectsOf(rbac, "RoleBinding", "", admin),
				policies: env, stalled: stalled, says: says},
			trespass{name: "account-" + place, reason: "an account of one's own making", components: objectsOf("v1", "ServiceAccount", "", ""),
				policies: env, stalled: stalled, says: says},
			trespass{name: "identity-" + place, reason: "annotations give nobody rights", metadata: identity,
				components: objectsOf(rbac, "RoleBinding", "", admin),
				policies:   env, stalled: stalled, says: says},
			trespass{name: "quota-" + place, reason: "a quota is the environment's",
				components: objectsOf("v1", "ResourceQuota", "", `"spec":{"hard":{"pods":"1000"}}`),
				policies:   env, stalled: stalled, says: says},
			trespass{name: "deployer-" + place, reason: "no pod runs as what delivers",
				components: objectsOf("v1", "Pod", "", fmt.Sprintf(anyPod, "", `,"serviceAccountName":"fairlead-deployer"`)),
				policies:   env,
				stalled:    delivery.ReasonConstraintViolated, says: "spec.serviceAccountName: no pod may run as fairlead-deployer"},
			trespass{name: "token-" + place, reason: "nor does anybody hold its token",
				components: objectsOf("v1", "Secret", `"annotations":{"kubernetes.io/service-account.name":"fairlead-deployer"}`, `"type":"kubernetes.io/service-account-token"`),
				policies:   env, stalled: delivery.ReasonConstraintViolated, says: "nobody gets a token of fairlead-deployer"},
			trespass{name: "isolation-" + place, reason: "a policy takes over no isolation",
				components: strings.Replace(objectsOf("networking.k8s.io/v1", "NetworkPolicy", "", `"spec":{"podSelector":{},"ingress":[{}]}`), `"metadata":{"name":"NAME"`, `"metadata":{"name":"deny"`, 1),
				policies:   env + takesOver, stalled: delivery.ReasonPlacementConflict, says: "the target namespace has an object of this name of its own"},
		)
	}
	return list
}

func definitionTrespasses() []trespass {
	typed := func(name string) string { return fmt.Sprintf(`{"name":"NAME","type":%q}`, name) }
	return []trespass{
		{name: "def-namespace", reason: "a definition names no namespace of others", components: typed("def-namespace"),
			policies: to("tenant-a-own"), stalled: "InvalidObject", says: `goes to the namespace "tenant-b"`},
		{name: "def-read", reason: "a definition reads no objects", components: typed("def-read"),
			policies: to("tenant-a-own"), stalled: "TemplateFailed", says: `imports "vela/kube", which is not supported`},
		{name: "def-context", reason: "the context has no objects of others", components: typed("def-context"),
			policies: to("tenant-a-own"), stalled: "TemplateFailed", says: "secrets"},
		{name: "def-scope", reason: "nor a kind for all", components: typed("def-scope"),
			policies: to("tenant-a-own"), stalled: delivery.ReasonConstraintViolated, says: "allowClusterScoped"},
		{name: "def-theirs", reason: "definitions of B are B's", components: typed("def-theirs"),
			policies: to("tenant-a-own"), stalled: "UnknownType", says: `"def-theirs"`},
		{name: "def-theirs-named", reason: "under no name", components: typed("tenant-b/def-theirs"),
			policies: to("tenant-a-own"), stalled: "UnknownType", says: `"tenant-b/def-theirs"`},
		{name: "def-marks", reason: "marks of others are not taken over", components: typed("def-marks"), policies: to("tenant-a-own")},
	}
}

func markTrespasses() []trespass {
	return []trespass{
		{name: "mark-app", reason: "labels of the application make it nobody else's", metadata: forgedMark, components: harmless,
			policies: to("tenant-a-own")},
		{name: "mark-object", reason: "nor do those of objects", components: objectsOf("v1", "ConfigMap", forgedMark, `"data":{"a":"b"}`),
			policies: to("tenant-a-edge")},
		{name: "mark-adopt", reason: "what somebody says of ownership does not count", metadata: `"annotations":{"fairlead.dev/owner":"tenant-b","app.oam.dev/shared-by":"tenant-b/home","fairlead.dev/adopt":"true"}`,
			components: harmless,
			policies:   to("tenant-a-own")},
		{name: "mark-version", reason: "a version names nothing of others", metadata: `"annotations":{"app.oam.dev/publishVersion":"../../tenant-b/home"}`,
			components: harmless,
			policies:   to("tenant-a-own"),
			stalled:    delivery.ReasonNotImplemented, says: "metadata.annotations[app.oam.dev/publishVersion]"},
		{name: "mark-other", reason: "what is another controller's is left alone", metadata: `"annotations":{"app.oam.dev/controller-version-require":"other"}`,
			components: harmless,
			policies:   to("tenant-a-own"), ignored: true},
	}
}

// malloryDefinitions are types of the first tenant's own.
func malloryDefinitions() []ownDefinition {
	made := func(name, template string) ownDefinition {
		return ownDefinition{kind: "ComponentDefinition", namespace: mallory, name: name, template: template}
	}
	return []ownDefinition{
		made("def-namespace", `output: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: context.name, namespace: "tenant-b"}, data: a: "b"}`),
		made("def-read", `
import "vela/kube"

read: kube.#Read & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: {name: "password", namespace: "tenant-b"}}}
output: {apiVersion: "v1", kind: "ConfigMap", data: a: read.$returns.value.data.a}`),
		made("def-context", `output: {apiVersion: "v1", kind: "ConfigMap", data: a: context.secrets.password}`),
		made("def-scope", `output: {apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}`),
		made("def-marks", `output: {apiVersion: "v1", kind: "ConfigMap", metadata: labels: {"app.oam.dev/name": "home", "app.oam.dev/namespace": "tenant-b", "fairlead.dev/environment": "tenant-b-prod", "fairlead.dev/left": "x"}}`),
	}
}
