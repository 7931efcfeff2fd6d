// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// Names of the two tenants. The target namespace of the second is what the first gets by a suffix.
const (
	mallory       = "tenant-a"
	victim        = "tenant-b"
	victimsTarget = "tenant-a-prod"
	malloryUser   = "tenant-a-administrator"
)

// The kinds that only this test reads.
var (
	clusterRoleBindings = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}
	placements          = schema.GroupVersionResource{Group: "cluster.open-cluster-management.io", Version: "v1beta1", Resource: "placements"}
	policies            = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"}
	policyBindings      = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"}
)

// tenants are two that share hub and clusters, and the first as the user that administers its namespace.
type tenants struct {
	fleet          *fleet
	mallory, other *team
	// user is the client of the first tenant's administrator.
	user   dynamic.Interface
	config *rest.Config
}

// TestTenants lets one tenant try all it can to reach another one and the system, first with the chart's admission policies
// and then without: nothing but what is the tenant's own changes anywhere.
func TestTenants(t *testing.T) {
	f := sharedFleet(t)
	s := newTenants(t, f)
	before := s.others(t)
	unchanged := func(when string) {
		t.Helper()
		if diff := cmp.Diff(before, s.others(t)); diff != "" {
			t.Errorf("%s: what is not the tenant's (-before +after):\n%s", when, diff)
		}
	}
	t.Run("Directly", s.writesDirectly)
	t.Run("WithPolicies", func(t *testing.T) { s.trespass(t, true) })
	unchanged("with admission policies")
	t.Run("WithoutPolicies", func(t *testing.T) {
		f.withoutPolicies(t)
		s.trespass(t, false)
	})
	unchanged("without admission policies")
	t.Run("Claims", s.claims)
}

func newTenants(t *testing.T, f *fleet) *tenants {
	t.Helper()
	s := &tenants{fleet: f, mallory: newTeam(t, f, mallory), other: newTeam(t, f, victim)}
	s.user = s.administrator(t)
	for _, secret := range []struct{ namespace, name string }{{victim, "password"}, {mallory, "mine"}} {
		f.make(t, secrets, secret.namespace, fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q},"stringData":{"a":"b"}}`, secret.name))
	}
	const bounds = `"constraints":{"allowedRegistries":["docker.io"]},"namespaceOptions":{"objects":[
		{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}]}`
	s.environment(t, victim, "tenant-b-prod", `"targetNamespace":{"name":"`+victimsTarget+`"}`, "local", "cluster1", "cluster2")
	s.environment(t, victim, "tenant-b-spare", `"targetNamespace":{"name":"tenant-b-spare"}`, "local")
	s.environment(t, mallory, "tenant-a-own", `"targetNamespace":{"name":"tenant-a-own"},`+bounds, "local")
	s.environment(t, mallory, "tenant-a-edge", `"targetNamespace":{"name":"tenant-a-edge"},`+bounds, "cluster1")
	s.environment(t, mallory, "tenant-a-suffix-local", `"targetNamespace":{"suffix":"-prod"}`, "local")
	s.environment(t, mallory, "tenant-a-suffix-edge", `"targetNamespace":{"suffix":"-prod"}`, "cluster1")
	s.environment(t, mallory, "tenant-a-adopt", `"targetNamespace":{"name":"tenant-b"},"namespaceOptions":{"adopt":true}`, "local")
	s.environment(t, mallory, "tenant-a-works", `"targetNamespace":{"name":"cluster1"}`, "local")
	for _, d := range malloryDefinitions() {
		create(t, s.user, componentDefinitions, mallory, d.object())
		// One after the other: evaluated all at once on a busy machine they would take longer than they may, and be refused for a while.
		f.isJudged(t, mallory, d.name)
	}
	create(t, s.other.hub, componentDefinitions, victim, ownDefinition{kind: "ComponentDefinition", namespace: victim, name: "def-theirs", template: ownTemplate}.object())
	const web = `[{"name":"web","type":"webservice","properties":{"image":"nginx:1"}}]`
	s.other.application(t, "home", web)
	s.other.application(t, "shop", web, "tenant-b-prod")
	s.mallory.application(t, "base", web)
	s.mallory.application(t, "own", web, "tenant-a-own", "tenant-a-edge")
	for team, names := range map[*team][]string{s.other: {"home", "shop"}, s.mallory: {"base", "own"}} {
		for _, name := range names {
			team.isReady(t, name)
		}
	}
	return s
}

// environment makes an environment that admits one tenant, with its binding.
func (s *tenants) environment(t *testing.T, admits, name, spec string, clusters ...string) {
	t.Helper()
	create(t, s.other.hub, environments, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},"spec":{"applicationNamespaces":{"names":[%q]},%s}}`, name, admits, spec)))
	create(t, s.other.hub, bindings, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},"spec":{"environment":%q,"clusters":["%s"]}}`, name, name, strings.Join(clusters, `","`))))
}

// administrator gives a user all that the chart and Kubernetes have for teams, and the right to write definitions.
func (s *tenants) administrator(t *testing.T) dynamic.Interface {
	t.Helper()
	hub := s.mallory.hub
	subject := fmt.Sprintf(`"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":%q}]`, malloryUser)
	bound := func(kind schema.GroupVersionResource, namespace, bindingKind, name, roleKind, role string) {
		create(t, hub, kind, namespace, object(fmt.Sprintf(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":%q,"metadata":{"name":%q},
			"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":%q,"name":%q},%s}`, bindingKind, name, roleKind, role, subject)))
	}
	create(t, hub, roles, mallory, object(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"definitions"},"rules":[
		{"apiGroups":["core.oam.dev"],"resources":["componentdefinitions","traitdefinitions","policydefinitions"],"verbs":["*"]}]}`))
	bound(roleBindings, mallory, "RoleBinding", "definitions", "Role", "definitions")
	bound(roleBindings, mallory, "RoleBinding", "administrators", "ClusterRole", "admin")
	bound(clusterRoleBindings, "", "ClusterRoleBinding", "tenant-a-reads-environments", "ClusterRole", "fairlead-environment-reader")
	path, err := s.fleet.env.Hub().UserKubeconfig(malloryUser)
	if err != nil {
		t.Fatal(err)
	}
	if s.config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the user to have rights", func() error { return listOf(applications, mallory)(client) })
	return client
}

// writesDirectly tries what needs no application.
func (s *tenants) writesDirectly(t *testing.T) {
	merge := func(kind schema.GroupVersionResource, namespace, name, patch string, subresources ...string) func(dynamic.Interface) error {
		return func(client dynamic.Interface) error {
			_, err := client.Resource(kind).Namespace(namespace).Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
			return err
		}
	}
	const application = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"x"},"spec":{"components":[]}}`
	definition := ownDefinition{kind: "ComponentDefinition", name: "webservice", template: ownTemplate}.object()
	for _, test := range []struct {
		reason string
		do     func(dynamic.Interface) error
	}{
		{"a work is the addon's to make", makeOf(works, "cluster1", `{"apiVersion":"work.open-cluster-management.io/v1","kind":"ManifestWork","metadata":{"name":"x"},"spec":{}}`)},
		{"and to read", listOf(works, "cluster1")},
		{"and to change", merge(works, "cluster1", s.other.workOn(t, "shop", "cluster1").GetName(), `{"spec":{"workload":{"manifests":[]}}}`)},
		{"and to delete", deleteOf(works, "cluster1", s.other.workOn(t, "shop", "cluster1").GetName())},
		{"an environment is the platform team's", makeOf(environments, "", `{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":"x"},"spec":{}}`)},
		{"nobody admits themselves", merge(environments, "", "tenant-b-prod", `{"spec":{"applicationNamespaces":{"names":["tenant-a"]}}}`)},
		{"nor drops their bounds", merge(environments, "", "tenant-a-own", `{"spec":{"constraints":null}}`)},
		{"nor adds clusters", makeOf(bindings, "", `{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":"x"},"spec":{"environment":"tenant-a-own","clusters":["cluster2"]}}`)},
		{"nor chooses any", makeOf(placements, v1alpha1.SystemNamespace, `{"apiVersion":"cluster.open-cluster-management.io/v1beta1","kind":"Placement","metadata":{"name":"x"},"spec":{}}`)},
		{"nor labels a namespace into a selector", merge(namespaces, "", mallory, `{"metadata":{"labels":{"team":"b"}}}`)},
		{"definitions for all are the platform team's", func(client dynamic.Interface) error {
			_, err := client.Resource(componentDefinitions).Namespace(v1alpha1.SystemNamespace).Create(context.Background(), definition, metav1.CreateOptions{})
			return err
		}},
		{"also in the other controller's namespace", func(client dynamic.Interface) error {
			_, err := client.Resource(componentDefinitions).Namespace("vela-system").Create(context.Background(), definition, metav1.CreateOptions{})
			return err
		}},
		{"B's applications are B's", makeOf(applications, victim, application)},
		{"to read as well", listOf(applications, victim)},
		{"so are its Secrets", getOf(secrets, victim, "password")},
		{"and what the addon has", listOf(secrets, v1alpha1.SystemNamespace)},
		{"the status is the addon's record", merge(applications, mallory, "base", `{"status":{"status":"running"}}`, "status")},
		{"nobody is the account of another's deliveries", s.as(t, victimsTarget, v1alpha1.DeployerAccount, getOf(configMaps, victimsTarget, "none"))},
		{"nor the addon", s.as(t, v1alpha1.SystemNamespace, addonAccount, listOf(works, "cluster1"))},
		{"nobody gives themselves more", makeOf(roleBindings, mallory, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"x"},
			"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"`+malloryUser+`"}]}`)},
	} {
		t.Run(test.reason, func(t *testing.T) {
			if err := test.do(s.user); !apierrors.IsForbidden(err) {
				t.Errorf("want 403, got %v", err)
			}
		})
	}
}

// as does something as an account of the hub, if the tenant's user may be that.
func (s *tenants) as(t *testing.T, namespace, account string, do func(dynamic.Interface) error) func(dynamic.Interface) error {
	t.Helper()
	config := rest.CopyConfig(s.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + account}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return func(dynamic.Interface) error { return do(client) }
}

func deleteOf(kind schema.GroupVersionResource, namespace, name string) func(dynamic.Interface) error {
	return func(client dynamic.Interface) error {
		return client.Resource(kind).Namespace(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	}
}

// trespass makes all applications at once, and checks what is said of each and that none of those that are refused delivers.
func (s *tenants) trespass(t *testing.T, policies bool) {
	var made []trespass
	for _, c := range trespasses() {
		err := s.attempt(t, c)
		switch {
		case policies && c.denied != "":
			if err == nil || !strings.Contains(err.Error(), c.denied) {
				t.Errorf("%s, %s: want it refused at admission with %q, got %v", c.name, c.reason, c.denied, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		default:
			made = append(made, c)
		}
	}
	for _, c := range made {
		t.Run(c.name, func(t *testing.T) { s.check(t, c) })
	}
	s.nothingOf(t, made)
	for _, c := range trespasses() {
		s.fleet.drop(t, applications, mallory, c.name)
	}
	for _, c := range made {
		eventually(t, destroyLimit, "application "+c.name+" to be gone", func() error {
			return isAbsent(s.mallory.hub.Resource(applications).Namespace(mallory), c.name)
		})
	}
}

// attempt writes the application of a case as the tenant's user does.
func (s *tenants) attempt(t *testing.T, c trespass) error {
	t.Helper()
	spec := fmt.Sprintf(`"components":[%s],"policies":[%s]`, c.components, c.policies)
	if c.workflow != "" {
		spec += `,"workflow":` + c.workflow
	}
	manifest := fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"NAME"%s},"spec":{%s}}`, more(c.metadata), spec)
	uid := s.fleet.get(t, v1alpha1.LocalCluster, applications, victim, "home").GetUID()
	return makeOf(applications, mallory, strings.NewReplacer("NAME", c.name, "UID", string(uid)).Replace(manifest))(s.user)
}

func (s *tenants) check(t *testing.T, c trespass) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			live, err := s.mallory.hub.Resource(applications).Namespace(mallory).Get(context.Background(), c.name, metav1.GetOptions{})
			if err == nil {
				t.Logf("%s: %v", c.reason, live.Object["status"])
			}
		}
	})
	if c.ignored {
		if live := s.fleet.get(t, v1alpha1.LocalCluster, applications, mallory, c.name); live.Object["status"] != nil || len(live.GetFinalizers()) > 0 {
			t.Errorf("%s: it has the status %v and the finalizers %v", c.reason, live.Object["status"], live.GetFinalizers())
		}
		return
	}
	if c.stalled == "" {
		s.mallory.isReady(t, c.name)
		return
	}
	if message := s.mallory.stalls(t, c.name, c.stalled); !strings.Contains(message, c.says) {
		t.Errorf("%s: it says %q, want %q in it", c.reason, message, c.says)
	}
}

// nothingOf checks that what is refused is nowhere: neither on the hub nor on a cluster is there an object of it.
func (s *tenants) nothingOf(t *testing.T, made []trespass) {
	t.Helper()
	var names []string
	for _, c := range made {
		if c.stalled != "" || c.ignored {
			names = append(names, c.name)
		}
	}
	for _, plane := range s.fleet.names() {
		found, err := s.list(t.Context(), plane, v1beta1.LabelAppName+" in ("+strings.Join(names, ",")+"),"+v1beta1.LabelAppNamespace+"="+mallory)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range found {
			// What an agent keeps of a work has the labels of the work.
			if o.kind.Group != works.Group {
				t.Errorf("%s has %s of a refused application", plane, describe(o.kind, o.object))
			}
		}
	}
}

// found is an object of whatever kind, as far as its metadata goes.
type found struct {
	kind   schema.GroupVersionResource
	object *metav1.PartialObjectMetadata
}

// list reads all objects of a place that a selector of labels selects.
func (s *tenants) list(ctx context.Context, place, selector string) ([]found, error) {
	plane := s.fleet.plane(place)
	kinds, err := listableKinds(plane)
	if err != nil {
		return nil, err
	}
	config := plane.RESTConfig()
	config.WarningHandler = rest.NoWarnings{}
	config.QPS = -1
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	var all []found
	for _, kind := range append(kinds, namespaces) {
		list, err := client.Resource(kind).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s on %s: %w", kind, place, err)
		}
		for i := range list.Items {
			all = append(all, found{kind, &list.Items[i]})
		}
	}
	return all, nil
}

// others are all objects of all places that are not the tenant's: those of the other tenant with their versions, and of the
// system which there are. Namespaces that earlier tests deleted are left out, with what is in them, since they go at any time.
func (s *tenants) others(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, place := range s.fleet.names() {
		all, err := s.list(t.Context(), place, "")
		if err != nil {
			t.Fatal(err)
		}
		living, owners := sets.New(""), sets.New[types.UID]() // in no namespace is a place too
		for _, o := range all {
			owners.Insert(o.object.UID)
			if o.kind == namespaces && o.object.DeletionTimestamp == nil {
				living.Insert(o.object.Name)
			}
		}
		withoutOrphans(all, owners)
		for _, o := range all {
			dying := o.isOrphan(owners) || o.object.DeletionTimestamp != nil || o.object.Name == "kube-root-ca.crt" || !living.Has(o.object.Namespace) || o.kind == namespaces && !living.Has(o.object.Name)
			if text := otherText(o); text != "" && !dying {
				texts = append(texts, place+": "+text)
			}
		}
	}
	slices.Sort(texts)
	return texts
}

// isOrphan says that an object has lost an owner, as the decisions of a test before: it is collected at some time.
func (o found) isOrphan(owners sets.Set[types.UID]) bool {
	return slices.ContainsFunc(o.object.OwnerReferences, func(owner metav1.OwnerReference) bool { return !owners.Has(owner.UID) })
}

// withoutOrphans takes those from the owners that have lost an owner themselves.
func withoutOrphans(all []found, owners sets.Set[types.UID]) {
	for before := -1; before != owners.Len(); {
		before = owners.Len()
		for _, o := range all {
			if o.isOrphan(owners) {
				owners.Delete(o.object.UID)
			}
		}
	}
}

// otherText says which version of an object there is; nothing of those that are the tenant's or come and go by themselves.
func otherText(o found) string {
	labels := o.object.Labels
	of := []string{labels[v1beta1.LabelAppNamespace], labels[delivery.LabelSourceNamespace], o.object.Namespace}
	malicious := []string{mallory, "tenant-a-own", "tenant-a-edge"}
	passing := []string{"leases", "certificatesigningrequests", "appliedmanifestworks", policies.Resource, policyBindings.Resource}
	switch {
	case slices.ContainsFunc(of, func(namespace string) bool { return slices.Contains(malicious, namespace) }), slices.Contains(passing, o.kind.Resource):
		return ""
	case o.kind.Resource == works.Resource, slices.Contains(of, ""):
		return fmt.Sprintf("%s %s generation %d", describe(o.kind, o.object), o.object.UID, o.object.Generation)
	case slices.Contains(of, victim), o.object.Namespace == victimsTarget:
		return fmt.Sprintf("%s %s version %s", describe(o.kind, o.object), o.object.UID, o.object.ResourceVersion)
	}
	return describe(o.kind, o.object) + " " + string(o.object.UID)
}

// withoutPolicies removes the admission policies of the chart for the rest of the test.
func (f *fleet) withoutPolicies(t *testing.T) {
	t.Helper()
	hub := hubObjects(t, f.env.Hub())
	inEffect := func(want bool) error {
		probe := object(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"probe"},"spec":{"components":[]}}`)
		_, err := hub.Resource(applications).Namespace("kube-system").Create(context.Background(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if refused := err != nil; refused != want {
			return fmt.Errorf("an application of the system: %w", err)
		}
		return nil
	}
	for _, kind := range []schema.GroupVersionResource{policyBindings, policies} {
		list, err := hub.Resource(kind).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=fairlead"})
		if err != nil || len(list.Items) == 0 {
			t.Fatalf("%s of the chart: %d, %v", kind.Resource, len(list.Items), err)
		}
		for i := range list.Items {
			removed := bare(&list.Items[i])
			if err := hub.Resource(kind).Delete(t.Context(), removed.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := hub.Resource(kind).Create(context.Background(), removed, metav1.CreateOptions{}); err != nil {
					t.Errorf("restore %s %s: %v", kind.Resource, removed.GetName(), err)
				}
			})
		}
	}
	eventually(t, patience, "the policies to be gone", func() error { return inEffect(false) })
}

// bare is an object without what the API server adds.
func bare(live *unstructured.Unstructured) *unstructured.Unstructured {
	plain := live.DeepCopy()
	for _, field := range []string{"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(plain.Object, "metadata", field)
	}
	delete(plain.Object, "status")
	return plain
}

// claims lets the tenant label objects of its own as another's: that holds neither an environment nor an application.
func (s *tenants) claims(t *testing.T) {
	home := s.fleet.get(t, v1alpha1.LocalCluster, applications, victim, "home")
	s.mallory.drop(t, "base")
	s.mallory.drop(t, "own")
	claim := func(kind schema.GroupVersionResource, name, manifest string) {
		create(t, s.user, kind, mallory, object(strings.NewReplacer("NAME", name, "UID", string(home.GetUID())).Replace(manifest)))
	}
	claim(deployments, "claim", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"NAME","labels":{"fairlead.dev/managed-by":"fairlead",
		"fairlead.dev/environment":"tenant-b-spare","app.oam.dev/namespace":"tenant-a","app.oam.dev/name":"none"}},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},
		"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"nginx:1"}]}}}}`)
	eventually(t, patience, "the account of deliveries to be gone", func() error {
		return isAbsent(s.mallory.hub.Resource(serviceAccounts).Namespace(mallory), v1alpha1.DeployerAccount)
	})
	claim(serviceAccounts, v1alpha1.DeployerAccount, `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"NAME","labels":{"fairlead.dev/managed-by":"fairlead",
		"fairlead.dev/source-namespace":"tenant-b"},"annotations":{"inventory.fairlead.dev/UID":"tenant-b-spare/web//v1/ConfigMap/x","inventory.fairlead.dev/none":"tenant-b-spare/web//v1/ConfigMap/x"}}}`)
	for _, kind := range []schema.GroupVersionResource{bindings, environments} {
		s.fleet.drop(t, kind, "", "tenant-b-spare")
	}
	eventually(t, destroyLimit, "the environment to be gone", func() error { return isAbsent(s.other.hub.Resource(environments), "tenant-b-spare") })
	s.other.drop(t, "home")
	s.other.drop(t, "shop")
}
