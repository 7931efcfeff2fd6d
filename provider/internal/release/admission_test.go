// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/release"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// statusOf returns the status of a release.
func statusOf(text string) release.Status { return release.Status(text) }

// attempt is a request of somebody, and how it must end.
type attempt struct {
	reason string
	do     func(context.Context, dynamic.Interface) error
	// refused is part of the refusal; empty where the request must succeed.
	refused string
}

// check runs the attempts, which do not depend on each other.
func check(t *testing.T, client dynamic.Interface, attempts map[string]attempt) {
	t.Helper()
	for name, tc := range attempts {
		t.Run(name, func(t *testing.T) {
			err := tc.do(bounded(t), client)
			switch {
			case tc.refused == "" && err != nil:
				t.Errorf("%s, but: %v", tc.reason, err)
			case tc.refused != "" && err == nil:
				t.Errorf("%s, but it was accepted", tc.reason)
			case tc.refused != "" && !refusedWith(err, tc.refused):
				t.Errorf("%s: refused with %v, want %q", tc.reason, err, tc.refused)
			}
		})
	}
}

// refusedWith says whether the server refused with that text.
func refusedWith(err error, text string) bool {
	return (apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)) && strings.Contains(err.Error(), text)
}

// resources of the tests.
var (
	secrets             = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	quotas              = schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	configMaps          = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	namespaces          = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	serviceAccounts     = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	roleBindings        = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	clusterRoleBindings = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}
	clusterRoles        = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	works               = schema.GroupVersionResource{Group: "work.open-cluster-management.io", Version: "v1", Resource: "manifestworks"}
	setBindings         = schema.GroupVersionResource{Group: "cluster.open-cluster-management.io", Version: "v1beta2", Resource: "managedclustersetbindings"}
)

// applying returns a request that applies a manifest as the addon does.
func applying(t *testing.T, resource schema.GroupVersionResource, manifest string) func(context.Context, dynamic.Interface) error {
	t.Helper()
	desired := object(t, manifest)
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).Namespace(desired.GetNamespace()).Apply(ctx, desired.GetName(), desired, metav1.ApplyOptions{FieldManager: "fairlead", Force: true})
		return err
	}
}

// patching returns a request that merges a patch.
func patching(resource schema.GroupVersionResource, namespace, name, patch string, subresources ...string) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).Namespace(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
		return err
	}
}

// deleting returns a request that deletes an object.
func deleting(resource schema.GroupVersionResource, namespace, name string) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		return client.Resource(resource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	}
}

// as returns the attempt made while impersonating somebody.
func as(config *rest.Config, who rest.ImpersonationConfig, do func(context.Context, dynamic.Interface) error) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, _ dynamic.Interface) error {
		impersonating := rest.CopyConfig(config)
		impersonating.Impersonate = who
		client, err := dynamic.NewForConfig(impersonating)
		if err != nil {
			return err
		}
		return do(ctx, client)
	}
}

const (
	tenantAccount = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: fairlead-deployer, namespace: shop}}"
	tenantBinding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: fairlead-deployer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: fairlead-deployer}
subjects: [{kind: ServiceAccount, name: fairlead-deployer, namespace: shop}]
`
)

// list asks for all objects of a resource.
func listing(resource schema.GroupVersionResource, namespace string) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		return err
	}
}

// getting asks for one object.
func getting(resource schema.GroupVersionResource, namespace, name string) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	}
}

// tolerant takes an object that does not exist for an answer.
func tolerant(do func(context.Context, dynamic.Interface) error) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		if err := do(ctx, client); !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	}
}

const tenantQuota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: quota, namespace: shop, labels: {fairlead.dev/managed-by: fairlead, fairlead.dev/source-namespace: shop}}}"

// listingNamed asks for all tenants' objects of a resource, as a cache does.
func listingNamed(resource schema.GroupVersionResource) func(context.Context, dynamic.Interface) error {
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + v1alpha1.DeployerAccount})
		return err
	}
}

// accountIsHeld checks on the hub that the addon's token can do what it is for, and nothing beyond.
func (f *fixture) accountIsHeld(t *testing.T) {
	config := f.asAddon(t)
	client := dynamicClient(t, config)
	f.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: theirs}}")
	t.Run("Allowed", func(t *testing.T) {
		// In the order of a delivery.
		for _, step := range []attempt{
			{reason: "it makes namespaces", do: applying(t, namespaces, "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {fairlead.dev/managed-by: fairlead}}}")},
			{reason: "it adopts those that an environment allows it to", do: applying(t, namespaces, "{apiVersion: v1, kind: Namespace, metadata: {name: theirs, labels: {fairlead.dev/managed-by: fairlead}}}")},
			{reason: "it makes the tenant's account", do: applying(t, serviceAccounts, tenantAccount)},
			{reason: "it binds the account", do: applying(t, roleBindings, tenantBinding)},
			{reason: "it writes as the tenant", do: as(config, deployerOf("shop"), applying(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}}"))},
			{reason: "it holds environments", do: patching(environmentResource, "", "default", `{"metadata":{"finalizers":["fairlead.dev/delivery"]}}`)},
			{reason: "it lets environments go", do: patching(environmentResource, "", "default", `{"metadata":{"finalizers":[]}}`)},
			{reason: "it reports on environments", do: patching(environmentResource, "", "default", `{"status":{"clusters":1,"applications":0}}`, "status")},
			{reason: "it watches the accounts of tenants", do: listingNamed(serviceAccounts)},
			{reason: "it watches their bindings", do: listingNamed(roleBindings)},
			{reason: "it makes the quotas that environments ask for", do: applying(t, quotas, tenantQuota)},
			{reason: "and reads them by name", do: getting(quotas, "shop", "quota")},
			{reason: "and removes them", do: deleting(quotas, "shop", "quota")},
			{reason: "it reads the Secrets of its own namespace by name", do: tolerant(getting(secrets, v1alpha1.SystemNamespace, "none"))},
		} {
			if err := soon(bounded(t), step.do, client); err != nil {
				t.Fatalf("%s, but: %v", step.reason, err)
			}
		}
	})
	t.Run("Refused", func(t *testing.T) { check(t, client, f.refusedOnHub(t, config)) })
}

// soon repeats a request that is forbidden: the server takes a moment to see a
// binding that it has just stored.
func soon(ctx context.Context, do func(context.Context, dynamic.Interface) error, client dynamic.Interface) error {
	patient, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := do(ctx, client)
		if !apierrors.IsForbidden(err) || !pause(patient, 100*time.Millisecond) {
			return err
		}
	}
}

// deployerOf is the tenant's account of a namespace.
func deployerOf(namespace string) rest.ImpersonationConfig {
	return rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + v1alpha1.DeployerAccount}
}

// refusedOnHub are the requests that a stolen token must not be good for.
func (f *fixture) refusedOnHub(t *testing.T, config *rest.Config) map[string]attempt {
	t.Helper()
	read := listing(configMaps, "default")
	return map[string]attempt{
		"ListSecrets":      {reason: "it never reads secrets", do: listing(secrets, ""), refused: `cannot list resource "secrets"`},
		"ListSecretsOfOwn": {reason: "not even in its own namespace", do: listing(secrets, v1alpha1.SystemNamespace), refused: `cannot list resource "secrets"`},
		"ReadSecret":       {reason: "nor one of another namespace", do: getting(secrets, "default", "none"), refused: `cannot get resource "secrets"`},
		"WriteSecret":      {reason: "it writes none", do: applying(t, secrets, "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}}"), refused: `cannot patch resource "secrets"`},
		"OtherQuota": {reason: "it makes only what environments ask for", refused: "may write only objects that environments ask for",
			do: creating(t, quotas, "{apiVersion: v1, kind: ResourceQuota, metadata: {name: other, namespace: theirs}}")},
		"ReservedQuota":     {reason: "nothing is delivered to the system", refused: "reserved", do: creating(t, quotas, strings.Replace(tenantQuota, "namespace: shop", "namespace: kube-system", 1))},
		"ListQuotas":        {reason: "it lists none", do: listing(quotas, ""), refused: `cannot list resource "resourcequotas"`},
		"TenantQuota":       {reason: "a tenant does not change its quota", do: as(config, deployerOf("shop"), applying(t, quotas, tenantQuota)), refused: `cannot patch resource "resourcequotas"`},
		"TenantListSecrets": {reason: "tenants read secrets by name", do: as(config, deployerOf("shop"), listing(secrets, "shop")), refused: `cannot list resource "secrets"`},
		"OtherTenant":       {reason: "a tenant is bound to its namespace", do: as(config, deployerOf("shop"), applying(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: theirs}}")), refused: `cannot patch resource "configmaps"`},
		"OtherAccount":      {reason: "it impersonates tenants only", do: as(config, rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:default"}, read), refused: "cannot impersonate"},
		"User":              {reason: "it impersonates no person", do: as(config, rest.ImpersonationConfig{UserName: "admin"}, read), refused: "cannot impersonate"},
		"Group":             {reason: "it impersonates no group", do: as(config, rest.ImpersonationConfig{UserName: deployerOf("shop").UserName, Groups: []string{"system:masters"}}, read), refused: "cannot impersonate"},
		"ClusterAdmin": {reason: "it binds no other role", refused: "is attempting to grant RBAC permissions not currently held",
			do: applying(t, roleBindings, strings.NewReplacer("shop", "theirs", "kind: ClusterRole, name: fairlead-deployer", "kind: ClusterRole, name: cluster-admin").Replace(tenantBinding))},
		"OtherBinding": {reason: "it makes one binding per namespace", refused: "may write only the RoleBinding fairlead-deployer",
			do: creating(t, roleBindings, strings.Replace(tenantBinding, "name: fairlead-deployer, namespace: shop}\nroleRef", "name: other, namespace: shop}\nroleRef", 1))},
		"OtherSubject": {reason: "it binds the tenant's own account", refused: "subjects: must be the ServiceAccount fairlead-deployer of the same namespace",
			do: applying(t, roleBindings, strings.NewReplacer("namespace: shop}\nroleRef", "namespace: theirs}\nroleRef").Replace(tenantBinding))},
		"ReservedBinding": {reason: "nothing is delivered to the system", refused: "reserved",
			do: applying(t, roleBindings, strings.ReplaceAll(tenantBinding, "shop", "kube-system"))},
		"OwnBinding": {reason: "nor to the addon's own namespace", refused: "reserved",
			do: applying(t, roleBindings, strings.ReplaceAll(tenantBinding, "shop", v1alpha1.SystemNamespace))},
		"OtherServiceAccount": {reason: "it makes one account per namespace", refused: "may write only the ServiceAccount fairlead-deployer",
			do: creating(t, serviceAccounts, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: other, namespace: shop}}")},
		"ReservedServiceAccount": {reason: "nothing is delivered to the system", refused: "reserved",
			do: creating(t, serviceAccounts, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: fairlead-deployer, namespace: kube-system}}")},
		"ListAccounts": {reason: "it lists no other accounts", do: listing(serviceAccounts, ""), refused: `cannot list resource "serviceaccounts"`},
		"Token":        {reason: "it asks for no tokens", refused: `cannot create resource "serviceaccounts/token"`, do: asksForToken},
		"ReservedNamespace": {reason: "it makes no system namespaces", refused: "reserved",
			do: applying(t, namespaces, "{apiVersion: v1, kind: Namespace, metadata: {name: open-cluster-management-agent}}")},
		"DeleteNamespace": {reason: "it removes no namespaces", refused: `cannot delete resource "namespaces"`, do: deleting(namespaces, "", "theirs")},
		"OwnRole":         {reason: "it does not extend its role", refused: `cannot patch resource "clusterroles"`, do: patching(clusterRoles, "", "fairlead-addon", `{"rules":[]}`)},
		"TenantsRole":     {reason: "nor that of tenants", refused: `cannot patch resource "clusterroles"`, do: patching(clusterRoles, "", "fairlead-deployer", `{"rules":[]}`)},
		"ClusterRoleBinding": {reason: "it binds nothing for the whole cluster", refused: `cannot patch resource "clusterrolebindings"`,
			do: applying(t, clusterRoleBindings, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: fairlead-deployer}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: fairlead-deployer}}")},
		"Spec": {reason: "it does not change what people asked for", refused: "belongs to its author",
			do: patching(environmentResource, "", "default", `{"spec":{"applicationNamespaces":{"names":["theirs"]}}}`)},
		"Policies": {reason: "it does not loosen its own policies", refused: `cannot delete resource "validatingadmissionpolicies"`,
			do: deleting(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"}, "", "fairlead-addon-works")},
	}
}

// creating returns a request that creates an object: RBAC cannot limit that by name.
func creating(t *testing.T, resource schema.GroupVersionResource, manifest string) func(context.Context, dynamic.Interface) error {
	t.Helper()
	desired := object(t, manifest)
	return func(ctx context.Context, client dynamic.Interface) error {
		_, err := client.Resource(resource).Namespace(desired.GetNamespace()).Create(ctx, desired, metav1.CreateOptions{})
		return err
	}
}

// asksForToken asks for a token of the tenant's account.
func asksForToken(ctx context.Context, client dynamic.Interface) error {
	request := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
		"metadata": map[string]any{"name": v1alpha1.DeployerAccount}, "spec": map[string]any{}}}
	_, err := client.Resource(serviceAccounts).Namespace("shop").Create(ctx, request, metav1.CreateOptions{}, "token")
	return err
}

// peopleAreHeld checks what administrators are kept from.
func (f *fixture) peopleAreHeld(t *testing.T) {
	f.apply(t, strings.Replace(environment, "{names: [shop]}}", "{names: [shop]}, deletion: {protection: true}}", 1))
	f.apply(t, application)
	report := `{"status":{"status":"running"}}`
	check(t, f.objects, map[string]attempt{
		"ProtectedEnvironment": {reason: "protection holds against everybody", do: deleting(environmentResource, "", "prod"), refused: "environment prod is protected: set spec.deletion.protection to false"},
		"Status":               {reason: "only the addon reports", do: patching(applicationResource, "default", "web", report, "status"), refused: "only the addon writes the status"},
	})
	check(t, dynamicClient(t, f.asAddon(t)), map[string]attempt{
		"AddonReports":  {reason: "the addon reports", do: patching(applicationResource, "default", "web", report, "status")},
		"ChangedByHand": {reason: "the addon leaves the application to the team", do: patching(applicationResource, "default", "web", `{"spec":{"components":[]}}`), refused: "belongs to its author"},
	})
	t.Run("Tenants", f.tenantsAreHeld)
	f.apply(t, environment)
	f.delete(t, environmentResource, "", "prod")
	f.setFinalizers(t, applicationResource, "default", "web", "[]") // no manager runs that would
	f.delete(t, applicationResource, "default", "web")
}

// finalizersAreGiven checks which applications the API server gives the addon's finalizer as they are created. In shared
// mode those are the ones that ask for this controller.
func (f *fixture) finalizersAreGiven(t *testing.T, shared bool) {
	t.Helper()
	const asked = ", annotations: {app.oam.dev/controller-version-require: fairlead}"
	ours := []string{v1alpha1.Finalizer}
	bare := ours
	if shared {
		bare = nil
	}
	for ctx := bounded(t); len(f.finalizersOf(t, asked)) == 0; {
		if !pause(ctx, 100*time.Millisecond) {
			t.Fatal("the policy has no effect")
		}
	}
	for _, test := range []struct {
		reason, metadata string
		want             []string
	}{
		{"what asks for nobody is whose the mode says", "", bare},
		{"it asks for this controller", asked, ours},
		{"it asks for another controller", ", annotations: {app.oam.dev/controller-version-require: v1.9}", nil},
		{"what others hold is kept", asked + ", finalizers: [example.com/backup]", []string{"example.com/backup", v1alpha1.Finalizer}},
		{"it is there but once", asked + ", finalizers: [" + v1alpha1.Finalizer + "]", ours},
	} {
		if diff := cmp.Diff(test.want, f.finalizersOf(t, test.metadata)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// finalizersOf are those that an application would be created with, by a dry run. The API server refuses that until policies know
// the schema of a CustomResourceDefinition that was made a moment ago.
func (f *fixture) finalizersOf(t *testing.T, metadata string) []string {
	t.Helper()
	manifest := object(t, fmt.Sprintf("{apiVersion: core.oam.dev/v1beta1, kind: Application, metadata: {name: held, namespace: default%s}, "+
		"spec: {components: [{name: a, type: webservice, properties: {image: a}}]}}", metadata))
	for ctx := bounded(t); ; {
		created, err := f.objects.Resource(applicationResource).Namespace("default").Create(ctx, manifest, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return created.GetFinalizers()
		}
		if !apierrors.IsServiceUnavailable(err) || !pause(ctx, 100*time.Millisecond) {
			t.Fatal(err)
		}
	}
}

// tenantsAreHeld checks what an application may not contain, whoever writes it. The controller refuses the same.
func (f *fixture) tenantsAreHeld(t *testing.T) {
	f.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: vela-system}}")
	app := func(namespace, metadata, spec string) func(context.Context, dynamic.Interface) error {
		do := object(t, fmt.Sprintf("{apiVersion: core.oam.dev/v1beta1, kind: Application, metadata: {name: tenant, namespace: %s%s}, spec: %s}", namespace, metadata, spec))
		return func(ctx context.Context, client dynamic.Interface) error {
			_, err := client.Resource(applicationResource).Namespace(namespace).Create(ctx, do, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
	}
	refers := func(reference string) string {
		return "{components: [{name: a, type: ref-objects, properties: {objects: [" + reference + "]}}]}"
	}
	const plain, elsewhere = "{components: [{name: a, type: webservice, properties: {image: a}}]}", "{components: [{name: a, type: k8s-objects, properties: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: %s}}]}}]}"
	topology := "{components: [], policies: [{name: t, type: topology, properties: {clusters: [local], namespace: %s}}]}"
	check(t, f.objects, map[string]attempt{
		"Own":             {reason: "a team reads its own objects", do: app("default", "", refers("{resource: secret, name: a, namespace: default, cluster: local}"))},
		"Unnamed":         {reason: "as it does without saying so", do: app("default", "", refers("{resource: secret, name: a}"))},
		"OtherNamespace":  {reason: "nobody reads another namespace", do: app("default", "", refers("{resource: secret, name: a, namespace: shop}")), refused: "an application reads objects of its own namespace only"},
		"Second":          {reason: "every item counts", do: app("default", "", refers("{resource: secret}, {resource: secret, namespace: kube-system}")), refused: "an application reads objects of its own namespace only"},
		"OtherCluster":    {reason: "nor another cluster", do: app("default", "", refers("{resource: secret, cluster: c1}")), refused: "objects are read from the hub only"},
		"NoNamespace":     {reason: "what is no text is no namespace", do: app("default", "", refers("{resource: secret, namespace: [shop]}")), refused: "an application reads objects of its own namespace only"},
		"NoList":          {reason: "what no definition takes is the controller's to say", do: app("default", "", "{components: [{name: a, type: ref-objects, properties: {objects: {a: b}}}]}")},
		"Bare":            {reason: "and what is not there is not seen", do: app("default", "", "{components: [{name: a, type: k8s-objects}], policies: [{name: t, type: topology}]}")},
		"Reserved":        {reason: "the system has no tenants", do: app("kube-system", "", plain), refused: "metadata.namespace: reserved"},
		"ReservedVela":    {reason: "nor has the other controller's", do: app("vela-system", "", plain), refused: "metadata.namespace: reserved"},
		"OtherController": {reason: "its own applications are not ours to judge", do: app("vela-system", ", annotations: {app.oam.dev/controller-version-require: v1.9}", plain)},
		"Target":          {reason: "which target there is, is the environment's to say", do: app("default", "", fmt.Sprintf(elsewhere, "shop"))},
		"ReservedTarget":  {reason: "none of the system's is", do: app("default", "", fmt.Sprintf(elsewhere, "open-cluster-management-agent")), refused: "metadata.namespace: reserved"},
		"Topology":        {reason: "the same of a topology", do: app("default", "", fmt.Sprintf(topology, "shop"))},
		"ReservedTopo":    {reason: "none of the system's is", do: app("default", "", fmt.Sprintf(topology, v1alpha1.SystemNamespace)), refused: "spec.policies[].properties.namespace: reserved"},
	})
}

// tenantWork is a work without executor as the addon writes it.
const tenantWork = `
apiVersion: work.open-cluster-management.io/v1
kind: ManifestWork
metadata: {name: tenant-shop, namespace: c1}
spec:
  workload:
    manifests:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
      - {apiVersion: v1, kind: ServiceAccount, metadata: {name: fairlead-deployer, namespace: shop}}
      - apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: fairlead-deployer}
        rules: [{apiGroups: [apps], resources: [deployments], verbs: [get, create, update, patch, delete]}]
      - apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: fairlead-deployer, namespace: shop}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: fairlead-deployer}
        subjects: [{kind: ServiceAccount, name: fairlead-deployer, namespace: shop}]
      - {apiVersion: v1, kind: ResourceQuota, metadata: {name: quota, namespace: shop}, spec: {hard: {pods: "10"}}}
      - {apiVersion: v1, kind: LimitRange, metadata: {name: limits, namespace: shop}}
      - {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}}
      - {apiVersion: v1, kind: Secret, metadata: {name: registry, namespace: shop}, type: kubernetes.io/dockerconfigjson}
`

// workWith returns a work without executor that consists of a manifest.
func workWith(manifest string) string {
	return "{apiVersion: work.open-cluster-management.io/v1, kind: ManifestWork, metadata: {name: w, namespace: c1}, spec: {workload: {manifests: [" + manifest + "]}}}"
}

// executedWork returns a work whose executor is an account, with a ConfigMap in a namespace.
func executedWork(executor, namespace string) string {
	account := strings.Split(executor, "/")
	return fmt.Sprintf("{apiVersion: work.open-cluster-management.io/v1, kind: ManifestWork, metadata: {name: app, namespace: c1}, spec: {"+
		"executor: {subject: {type: ServiceAccount, serviceAccount: {namespace: %s, name: %s}}}, "+
		"workload: {manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: %s}}]}}}", account[0], account[1], namespace)
}

// role returns a work with a ClusterRole that has the given fields.
func role(name, fields string) string {
	return workWith("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: " + name + "}, " + fields + "}")
}

// binding returns a work with a RoleBinding.
func binding(name, roleName, subjectNamespace string) string {
	return workWith(fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: %s, namespace: shop}, "+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}, subjects: [{kind: ServiceAccount, name: fairlead-deployer, namespace: %s}]}",
		name, roleName, subjectNamespace))
}

// largeWork is a work with as many objects as one may reasonably have.
func largeWork() string {
	var manifests []string
	for n := range 400 {
		manifests = append(manifests, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: a%d, namespace: shop}, data: {text: %s}}", n, strings.Repeat("x", 800)))
	}
	return strings.Replace(executedWork("shop/fairlead-deployer", "shop"), "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}}", strings.Join(manifests, ", "), 1)
}

// worksAreHeld installs OCM after the addon, so that the policy is older than
// the kind that it is about, and checks what the addon may send to clusters.
func (f *fixture) worksAreHeld(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := f.env.StartOCM(ctx); err != nil {
		t.Fatal(err)
	}
	f.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: c1}}")
	client := dynamicClient(t, f.asAddon(t))
	t.Run("Allowed", func(t *testing.T) {
		check(t, client, map[string]attempt{
			"Tenant": {reason: "a tenant has an account, rights and limits", do: applying(t, works, tenantWork)},
			"Binding": {reason: "on a cluster the binding to another role has its name", do: applying(t, works, strings.Replace(tenantWork,
				"metadata: {name: fairlead-deployer, namespace: shop}\n        roleRef", "metadata: {name: fairlead-deployer-fairlead-deployer, namespace: shop}\n        roleRef", 1))},
			"Executor":   {reason: "an application is applied as the tenant", do: applying(t, works, executedWork("shop/fairlead-deployer", "shop"))},
			"Large":      {reason: "a large work is within the cost that a policy may have", do: applying(t, works, largeWork())},
			"SetBinding": {reason: "it binds sets of clusters in its namespace", do: applying(t, setBindings, "{apiVersion: cluster.open-cluster-management.io/v1beta2, kind: ManagedClusterSetBinding, metadata: {name: default, namespace: fairlead-system}, spec: {clusterSet: default}}")},
		})
	})
	t.Run("Refused", func(t *testing.T) { check(t, client, refusedWorks(t)) })
	t.Run("Others", func(t *testing.T) {
		check(t, f.objects, map[string]attempt{"Admin": {reason: "other writers of works are none of our business", do: applying(t, works, strings.Replace(workWith(deploymentManifest), "name: w,", "name: others,", 1))}})
	})
	t.Run("Deletions", func(t *testing.T) { f.deletionsAreHeld(t, client) })
	for _, name := range []string{"tenant-shop", "app", "others"} {
		f.delete(t, works, "c1", name)
	}
	f.delete(t, setBindings, v1alpha1.SystemNamespace, "default")
	f.goneSoon(t, "ManifestWork", "c1", "app")
}

// deletionsAreHeld checks who may delete a work that delivers an application.
func (f *fixture) deletionsAreHeld(t *testing.T, addon dynamic.Interface) {
	config, err := clientcmd.BuildConfigFromFlags("", f.env.Hub().KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	deletes := func(user string) func(context.Context, dynamic.Interface) error {
		f.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: deletes-"+strings.ReplaceAll(user, ":", ".")+"}, "+
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: '"+user+"'}]}")
		f.isAllowed(t, user)
		dryRun := func(ctx context.Context, client dynamic.Interface) error {
			return client.Resource(works).Namespace("c1").Delete(ctx, "delivered", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		}
		return as(config, rest.ImpersonationConfig{UserName: user}, dryRun)
	}
	delivered := strings.NewReplacer("name: app,", "name: delivered, labels: {fairlead.dev/managed-by: fairlead},").Replace(executedWork("shop/fairlead-deployer", "shop"))
	if err := applying(t, works, delivered)(bounded(t), addon); err != nil {
		t.Fatal(err)
	}
	check(t, f.objects, map[string]attempt{
		"Operator":         {reason: "a work goes with its application", do: deletes("operator"), refused: "work delivered delivers an application"},
		"Namesake":         {reason: "names count whole", do: deletes("system:serviceaccount:kube-system:namespace-controller-2"), refused: "work delivered delivers an application"},
		"GarbageCollector": {reason: "Kubernetes removes what an owner leaves", do: deletes("system:serviceaccount:kube-system:generic-garbage-collector")},
		"Namespaces":       {reason: "and what is in a namespace", do: deletes("system:serviceaccount:kube-system:namespace-controller")},
		"Registration":     {reason: "OCM removes a cluster", do: deletes("system:serviceaccount:open-cluster-management-hub:registration-controller-sa")},
		"Agent":            {reason: "and its agent", do: deletes("system:open-cluster-management:c1:agent")},
	})
	check(t, addon, map[string]attempt{"Addon": {reason: "the addon removes what it delivered", do: deleting(works, "c1", "delivered")}})
}

// isAllowed waits until the hub's authorizer, which follows bindings by a watch, knows that a user may delete works.
func (f *fixture) isAllowed(t *testing.T, user string) {
	t.Helper()
	reviews := f.objects.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"})
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": map[string]any{
			"user":               user,
			"resourceAttributes": map[string]any{"group": works.Group, "resource": works.Resource, "namespace": "c1", "verb": "delete"},
		},
	}}
	patient, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		answer, err := reviews.Create(patient, review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed"); allowed {
			return
		}
		if !pause(patient, 100*time.Millisecond) {
			t.Fatalf("%s may not delete works", user)
		}
	}
}

// goneSoon waits until an object of OCM is gone.
func (f *fixture) goneSoon(t *testing.T, kind, namespace, name string) {
	t.Helper()
	gvk := schema.GroupVersionKind{Group: works.Group, Version: works.Version, Kind: kind}
	if _, err := f.client.WaitGone(bounded(t), gvk, types.NamespacedName{Namespace: namespace, Name: name}, ""); err != nil {
		t.Fatal(err)
	}
}

const deploymentManifest = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: miner, namespace: shop}}"

// refusedWorks are the works that a stolen token must not be good for.
func refusedWorks(t *testing.T) map[string]attempt {
	t.Helper()
	foreign := "required, because a work without it may contain only the objects of a tenant"
	rules := "must not contain '*', aggregation, URLs"
	refused := map[string]attempt{
		"Deployment":         {reason: "workloads go as the tenant", do: applying(t, works, workWith(deploymentManifest)), refused: foreign},
		"ClusterRoleBinding": {reason: "no rights in the whole cluster", do: applying(t, works, workWith("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: fairlead-deployer}}")), refused: foreign},
		"Role":               {reason: "no roles but the known", do: applying(t, works, workWith("{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: fairlead-deployer, namespace: shop}}")), refused: foreign},
		"Secret":             {reason: "no secrets but credentials of registries", do: applying(t, works, workWith("{apiVersion: v1, kind: Secret, metadata: {name: token, namespace: shop}, type: kubernetes.io/service-account-token}")), refused: "must hold credentials of a registry"},
		"FakeNamespace":      {reason: "a kind counts with its group", do: applying(t, works, workWith("{apiVersion: example.com/v1, kind: Namespace, metadata: {name: shop}}")), refused: foreign},
		"Account":            {reason: "no other account", do: applying(t, works, workWith("{apiVersion: v1, kind: ServiceAccount, metadata: {name: klusterlet-work-sa, namespace: shop}}")), refused: "must be named fairlead-deployer"},
		"BindAdmin":          {reason: "no other role", do: applying(t, works, binding("fairlead-deployer", "cluster-admin", "shop")), refused: "a RoleBinding of a tenant work must be named"},
		"BindOther":          {reason: "no other binding", do: applying(t, works, binding("other", "fairlead-deployer", "shop")), refused: "a RoleBinding of a tenant work must be named"},
		"BindMisnamed":       {reason: "no binding of another role's name", do: applying(t, works, binding("fairlead-deployer-other", "fairlead-deployer", "shop")), refused: "a RoleBinding of a tenant work must be named"},
		"BindElsewhere":      {reason: "no account of another namespace", do: applying(t, works, binding("fairlead-deployer", "fairlead-deployer", "theirs")), refused: "a RoleBinding of a tenant work must be named"},
		"OtherRole":          {reason: "no role of another name", do: applying(t, works, role("cluster-admin", "rules: []")), refused: "a ClusterRole of a tenant work must be one of"},
		"ReservedNamespace":  {reason: "no system namespaces", do: applying(t, works, workWith("{apiVersion: v1, kind: Namespace, metadata: {name: kube-public}}")), refused: "reserved namespace kube-public"},
		"ReservedObject":     {reason: "nothing in system namespaces", do: applying(t, works, workWith("{apiVersion: v1, kind: ServiceAccount, metadata: {name: fairlead-deployer, namespace: open-cluster-management-agent}}")), refused: "reserved namespace open-cluster-management-agent"},
		"OtherExecutor":      {reason: "no other executor", do: applying(t, works, executedWork("shop/admin", "shop")), refused: "must be the ServiceAccount fairlead-deployer of the target namespace"},
		"ReservedExecutor":   {reason: "no executor in system namespaces", do: applying(t, works, executedWork("kube-system/fairlead-deployer", "kube-system")), refused: "reserved namespace kube-system"},
		"OwnExecutor":        {reason: "nor in the addon's", do: applying(t, works, executedWork("fairlead-system/fairlead-deployer", "fairlead-system")), refused: "reserved namespace fairlead-system"},
		"ForeignNamespace":   {reason: "an application stays in its namespace", do: applying(t, works, executedWork("shop/fairlead-deployer", "theirs")), refused: "every namespaced object must be in the namespace of spec.executor"},
		"TurnedTenant":       {reason: "nor may a work become what it could not be made", do: applying(t, works, strings.Replace(tenantWork, "{apiVersion: v1, kind: ResourceQuota,", "{apiVersion: v1, kind: Pod,", 1)), refused: foreign},
	}
	for name, fields := range map[string]string{
		"AllVerbs":    "rules: [{apiGroups: [apps], resources: [deployments], verbs: ['*']}]",
		"AllGroups":   "rules: [{apiGroups: ['*'], resources: [deployments], verbs: [get]}]",
		"AllObjects":  "rules: [{apiGroups: [apps], resources: ['*'], verbs: [get]}]",
		"AllStatus":   "rules: [{apiGroups: [apps], resources: ['*/status'], verbs: [get]}]",
		"Escalate":    "rules: [{apiGroups: [apps], resources: [deployments], verbs: [escalate]}]",
		"Bind":        "rules: [{apiGroups: [apps], resources: [deployments], verbs: [bind]}]",
		"Impersonate": "rules: [{apiGroups: [''], resources: [serviceaccounts], verbs: [impersonate]}]",
		"RBAC":        "rules: [{apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [get]}]",
		"URLs":        "rules: [{nonResourceURLs: [/metrics], verbs: [get]}]",
		"Aggregation": "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}",
	} {
		refused["Role"+name] = attempt{reason: "no rights beyond a tenant's", do: applying(t, works, role("fairlead-deployer", fields)), refused: rules}
	}
	return refused
}

// TestUnreachable checks that a hub that is away is named, with what to do.
func TestUnreachable(t *testing.T) {
	client, err := hub.New(hub.Config{Settings: hub.Settings{Host: "https://127.0.0.1:1", Token: "nothing"}, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	installer := newInstaller(t, client)
	for name, call := range map[string]func() error{
		"State":     func() error { _, err := installer.State(t.Context()); return err },
		"Install":   func() error { _, err := installer.Install(t.Context(), withoutManager); return err },
		"Uninstall": func() error { _, err := installer.Uninstall(t.Context(), true); return err },
	} {
		if err := call(); hub.ReasonOf(err) != hub.Unreachable || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%s: got %v, want an unreachable hub by its address", name, err)
		}
	}
}
