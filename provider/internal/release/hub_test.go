// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// hubTimeout bounds one test on a hub; each takes seconds where nothing is wrong.
const hubTimeout = 3 * time.Minute

// fixture is a hub and an Installer for it.
type fixture struct {
	env       *cluster.Env
	client    *hub.Client
	objects   dynamic.Interface
	installer *Installer
}

// newFixture starts a hub without OCM.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a control plane")
	}
	env := cluster.ForTest(t, cluster.Options{})
	client, err := hub.New(hub.Config{Settings: hub.Settings{ConfigPath: env.Hub().KubeconfigPath}})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{env: env, client: client, objects: dynamicClient(t, env.Hub().RESTConfig()), installer: newInstaller(t, client)}
}

// newInstaller returns an Installer that waits for less than people would.
func newInstaller(t *testing.T, client *hub.Client) *Installer {
	t.Helper()
	patience := Patience{Pending: time.Second, Refusal: 2 * time.Second, Leader: 3 * time.Second, Poll: 100 * time.Millisecond}
	installer, err := New(client, v1alpha1.SystemNamespace, patience)
	if err != nil {
		t.Fatal(err)
	}
	return installer
}

// dynamicClient returns a client without throttling.
func dynamicClient(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// bounded returns a context that ends when a test on a hub takes too long.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hubTimeout)
	t.Cleanup(cancel)
	return ctx
}

// asAddon returns the client configuration of the addon's account.
func (f *fixture) asAddon(t *testing.T) *rest.Config {
	t.Helper()
	path, err := f.env.Hub().ServiceAccountKubeconfig(bounded(t), v1alpha1.SystemNamespace, addonchart.ServiceAccount, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// object parses a manifest.
func object(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	parsed := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(manifest), &parsed.Object); err != nil {
		t.Fatalf("%v in\n%s", err, manifest)
	}
	return parsed
}

// apply writes an object as an administrator and returns it.
func (f *fixture) apply(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	applied, err := f.client.Apply(bounded(t), object(t, manifest), hub.ApplyOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// setFinalizers changes what holds an object.
func (f *fixture) setFinalizers(t *testing.T, resource schema.GroupVersionResource, namespace, name, finalizers string) {
	t.Helper()
	patch := []byte(`{"metadata":{"finalizers":` + finalizers + `}}`)
	_, err := f.objects.Resource(resource).Namespace(namespace).Patch(bounded(t), name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// delete asks for the removal of an object.
func (f *fixture) delete(t *testing.T, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	err := f.objects.Resource(resource).Namespace(namespace).Delete(bounded(t), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

// install installs without a manager.
func (f *fixture) install(t *testing.T, options Options) State {
	t.Helper()
	state, err := f.installer.Install(bounded(t), options)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// uninstall removes everything.
func (f *fixture) uninstall(t *testing.T) {
	t.Helper()
	kept, err := f.installer.Uninstall(bounded(t), true)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
}

// exists says whether an object exists.
func (f *fixture) exists(t *testing.T, gvk schema.GroupVersionKind, namespace, name string) bool {
	t.Helper()
	_, err := f.client.Get(bounded(t), gvk, types.NamespacedName{Namespace: namespace, Name: name})
	if err != nil && !hub.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

var withoutManager = Options{ApplyCRDs: true, Wait: true}

const (
	application = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: web, namespace: default}
spec:
  components:
    - {name: web, type: webservice, properties: {image: example.com/web:1}}
`
	environment = `
apiVersion: fairlead.dev/v1alpha1
kind: Environment
metadata: {name: prod}
spec: {applicationNamespaces: {names: [shop]}}
`
)

// TestLifeOnAHub goes through an installation's life on one hub, from none to none again.
func TestLifeOnAHub(t *testing.T) {
	f := newFixture(t)
	t.Run("NotInstalled", f.notInstalled)
	t.Run("Install", f.installs)
	t.Run("InstallAgain", f.installsAgain)
	t.Run("InstallByPlugin", f.installsByPlugin)
	t.Run("Recover", f.recovers)
	t.Run("Interrupted", f.interrupted)
	t.Run("AccountIsHeld", f.accountIsHeld)
	t.Run("PeopleAreHeld", f.peopleAreHeld)
	t.Run("FinalizersAreGiven", func(t *testing.T) { f.finalizersAreGiven(t, false) })
	t.Run("WorksAreHeld", f.worksAreHeld)
	t.Run("RemovalIsRefused", f.removalIsRefused)
	t.Run("RemovalWaits", f.removalWaits)
	t.Run("NothingIsLeft", f.nothingIsLeft)
	t.Run("WithoutManagerBoundEnvironmentsGo", f.environmentsGo)
	t.Run("DefinitionsAreKept", f.definitionsAreKept)
	t.Run("Shared", f.shared)
}

func (f *fixture) notInstalled(t *testing.T) {
	if _, err := f.installer.State(bounded(t)); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("State() of an empty hub: got error %v, want ErrNotInstalled", err)
	}
	f.uninstall(t)
}

func (f *fixture) installs(t *testing.T) {
	state := f.install(t, Options{ApplyCRDs: true, Wait: true, Values: map[string]any{"goMemoryLimit": "200MiB"}})
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	want := State{Version: version, Mode: Exclusive, Values: map[string]any{"goMemoryLimit": "200MiB"}}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if !f.exists(t, v1alpha1.GroupVersion.WithKind("ClusterBinding"), "", addonchart.LocalBinding) {
		t.Error("the default environment is not bound to the hub")
	}
}

// What somebody changed in the default environment survives an upgrade, and values
// that are left out are not remembered.
func (f *fixture) installsAgain(t *testing.T) {
	f.apply(t, "{apiVersion: fairlead.dev/v1alpha1, kind: Environment, metadata: {name: default}, spec: {applicationNamespaces: {names: [shop]}}}")
	state := f.install(t, withoutManager)
	if diff := cmp.Diff(map[string]any{}, state.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	live, err := f.client.Get(bounded(t), v1alpha1.GroupVersion.WithKind("Environment"), types.NamespacedName{Name: v1alpha1.DefaultEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	names, _, _ := unstructured.NestedStringSlice(live.Object, "spec", "applicationNamespaces", "names")
	if diff := cmp.Diff([]string{"shop"}, names); diff != "" {
		t.Errorf("namespaces of the default environment after an upgrade (-want +got):\n%s", diff)
	}
}

// The Helm SDK makes clients of its own: they too get their credential from a
// plugin, and act as somebody else. The account of the plugin may do nothing but that.
func (f *fixture) installsByPlugin(t *testing.T) {
	path, err := f.env.Hub().ServiceAccountKubeconfig(bounded(t), "default", "default", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	account, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	rbac := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	f.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: impersonator}, "+
		"rules: [{apiGroups: [''], resources: [users, groups], verbs: [impersonate], resourceNames: [installer, 'system:masters']}]}")
	f.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: impersonator}, "+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: impersonator}, subjects: [{kind: ServiceAccount, name: default, namespace: default}]}")
	defer func() {
		f.delete(t, rbac.WithResource("clusterrolebindings"), "", "impersonator")
		f.delete(t, rbac.WithResource("clusterroles"), "", "impersonator")
	}()
	settings := hub.Settings{
		Host: f.env.Hub().URL(), ClusterCACertificate: string(f.env.Hub().RESTConfig().CAData),
		Impersonate: &hub.Impersonate{User: "installer", Groups: []string{"system:masters"}},
		Exec: &hub.Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "printf", Args: []string{
			`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}`, account.BearerToken}},
	}
	config, err := hub.Resolve(settings, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	client, err := hub.New(config)
	if err != nil {
		t.Fatal(err)
	}
	// The server takes a moment to see the binding that it has just stored.
	patient, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := newInstaller(t, client).Install(bounded(t), withoutManager)
		if hub.ReasonOf(err) == hub.Forbidden && pause(patient, 100*time.Millisecond) {
			continue
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
}

// A run that was killed leaves the release pending, or half removed.
func (f *fixture) recovers(t *testing.T) {
	for _, status := range []string{"pending-install", "pending-upgrade", "uninstalling"} {
		t.Run(status, func(t *testing.T) {
			f.setStatus(t, status)
			before, err := f.installer.State(bounded(t))
			if err != nil || before.Version != "" {
				t.Fatalf("State() of an unfinished release = %+v, %v; want no version", before, err)
			}
			if state := f.install(t, withoutManager); state.Version == "" {
				t.Error("the release was not completed")
			}
		})
	}
}

// setStatus makes all revisions look like those of a killed run.
func (f *fixture) setStatus(t *testing.T, status string) {
	t.Helper()
	cfg, err := f.installer.configuration(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	revisions, err := cfg.Releases.History(Name)
	if err != nil {
		t.Fatal(err)
	}
	for n, revision := range revisions {
		if n < len(revisions)-1 {
			if _, err := cfg.Releases.Delete(Name, revision.Version); err != nil {
				t.Fatal(err)
			}
			continue
		}
		revision.Info.Status = statusOf(status)
		if err := cfg.Releases.Update(revision); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	applicationResource = schema.GroupVersionResource{Group: "core.oam.dev", Version: "v1beta1", Resource: "applications"}
	environmentResource = v1alpha1.GroupVersion.WithResource("environments")
)

func (f *fixture) removalIsRefused(t *testing.T) {
	f.apply(t, application)
	f.apply(t, environment)
	_, err := f.installer.Uninstall(bounded(t), true)
	if err == nil {
		t.Fatal("the addon was removed under an application")
	}
	golden(t, "refusal.txt", err.Error()+"\n")
	if !f.exists(t, deploymentKind, v1alpha1.SystemNamespace, addonchart.Deployment) {
		t.Error("the addon is gone although its removal was refused")
	}
	if !f.exists(t, v1alpha1.GroupVersion.WithKind("Environment"), "", v1alpha1.DefaultEnvironment) {
		t.Error("the default environment is gone although the removal was refused")
	}
}

// An engine may delete what needs the addon after it began to remove the addon.
func (f *fixture) removalWaits(t *testing.T) {
	f.setFinalizers(t, applicationResource, "default", "web", `["`+v1alpha1.Finalizer+`"]`)
	done := make(chan error, 1)
	go func() {
		_, err := f.installer.Uninstall(bounded(t), true)
		done <- err
	}()
	f.delete(t, environmentResource, "", "prod")
	f.delete(t, applicationResource, "default", "web")
	if !f.exists(t, deploymentKind, v1alpha1.SystemNamespace, addonchart.Deployment) {
		t.Error("the addon is gone before what needs it")
	}
	f.setFinalizers(t, applicationResource, "default", "web", "[]")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) nothingIsLeft(t *testing.T) {
	crds, err := addonchart.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		if f.exists(t, crdKind, "", crd.Name) {
			t.Errorf("CRD %s is left", crd.Name)
		}
	}
	if f.exists(t, namespaceKind, "", v1alpha1.SystemNamespace) {
		t.Errorf("namespace %s is left", v1alpha1.SystemNamespace)
	}
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		gvk := schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: kind}
		f.noneLeft(t, gvk)
	}
	for _, kind := range []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"} {
		f.noneLeft(t, schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind})
	}
}

// noneLeft checks that nothing of the chart is left of a kind.
func (f *fixture) noneLeft(t *testing.T, gvk schema.GroupVersionKind) {
	t.Helper()
	left, err := f.client.List(bounded(t), gvk, "", "app.kubernetes.io/part-of=fairlead")
	if err != nil {
		t.Fatal(err)
	}
	for n := range left {
		t.Errorf("%s %s is left", gvk.Kind, left[n].GetName())
	}
}

// With nobody there to let go of environments, and nothing delivered, the removal lets go of them.
func (f *fixture) environmentsGo(t *testing.T) {
	f.install(t, withoutManager)
	for _, name := range []string{"default", "prod"} {
		f.apply(t, environment)
		f.setFinalizers(t, environmentResource, "", name, `["`+v1alpha1.Finalizer+`"]`)
	}
	f.delete(t, environmentResource, "", "prod")
	f.uninstall(t)
	f.nothingIsLeft(t)
}

// Definitions are somebody's work: their CRD stays, and what is kept is told.
func (f *fixture) definitionsAreKept(t *testing.T) {
	f.install(t, withoutManager)
	f.apply(t, `
apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: mine, namespace: default}
spec: {schematic: {cue: {template: "parameter: {}"}}}
`)
	f.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: notes, namespace: fairlead-system}, data: {a: b}}")
	kept, err := f.installer.Uninstall(bounded(t), true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"CustomResourceDefinition traitdefinitions.core.oam.dev: 1 objects of it are left, such as default/mine",
		"Namespace fairlead-system: it holds ConfigMap notes",
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	f.delete(t, schema.GroupVersionResource{Group: "core.oam.dev", Version: "v1beta1", Resource: "traitdefinitions"}, "default", "mine")
	f.delete(t, schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "fairlead-system", "notes")
	f.uninstall(t)
	f.nothingIsLeft(t)
}

// Another OAM controller's CRDs stay exactly as they are, in life and after.
func (f *fixture) shared(t *testing.T) {
	foreign := f.foreignCRD(t)
	state := f.install(t, withoutManager)
	if state.Mode != Shared {
		t.Errorf("mode = %q, want %q", state.Mode, Shared)
	}
	f.apply(t, application)
	f.sharedIsHeld(t)
	f.uninstall(t)
	live, err := f.client.Get(bounded(t), crdKind, types.NamespacedName{Name: applicationsCRD})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(foreign.GetGeneration(), live.GetGeneration()); diff != "" {
		t.Errorf("generation of the other controller's CRD (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(foreign.GetLabels(), live.GetLabels()); diff != "" {
		t.Errorf("labels of the other controller's CRD (-want +got):\n%s", diff)
	}
	if !f.exists(t, schema.GroupVersionKind{Group: "core.oam.dev", Version: "v1beta1", Kind: "Application"}, "default", "web") {
		t.Error("an Application of the other controller is gone")
	}
}

// sharedIsHeld checks who may write what beside another OAM controller.
func (f *fixture) sharedIsHeld(t *testing.T) {
	t.Helper()
	f.apply(t, strings.Replace(application, "{name: web, namespace: default}", "{name: ours, namespace: default, annotations: {app.oam.dev/controller-version-require: fairlead}}", 1))
	definition := "{apiVersion: core.oam.dev/v1beta1, kind: PolicyDefinition, metadata: {name: %s, namespace: default}, spec: {schematic: {cue: {template: \"parameter: {}\"}}}}"
	resource := schema.GroupVersionResource{Group: "core.oam.dev", Version: "v1beta1", Resource: "policydefinitions"}
	addon := dynamicClient(t, f.asAddon(t))
	report := `{"status":{"status":"running"}}`
	dryRun := []string{metav1.DryRunAll}
	waitHeld(t, func(ctx context.Context) error {
		_, err := addon.Resource(resource).Namespace("default").Create(ctx, object(t, fmt.Sprintf(definition, "health")), metav1.CreateOptions{DryRun: dryRun})
		return err
	}, func(ctx context.Context) error {
		_, err := f.objects.Resource(applicationResource).Namespace("default").Patch(ctx, "ours", types.MergePatchType, []byte(report), metav1.PatchOptions{DryRun: dryRun}, "status")
		return err
	})
	check(t, f.objects, map[string]attempt{
		"OtherReports":       {reason: "the other controller reports on its own", do: patching(applicationResource, "default", "web", report, "status")},
		"OtherReportsOnOurs": {reason: "but not on ours", do: patching(applicationResource, "default", "ours", report, "status"), refused: "only the addon writes the status"},
	})
	check(t, addon, map[string]attempt{
		"Reports":    {reason: "the addon reports on its own", do: patching(applicationResource, "default", "ours", report, "status")},
		"Definition": {reason: "it makes the definition that the other webhook asks for", do: applying(t, resource, fmt.Sprintf(definition, "environment"))},
		"Other":      {reason: "and no other, because the other controller runs it", do: creating(t, resource, fmt.Sprintf(definition, "health")), refused: "only the PolicyDefinition environment"},
	})
	f.finalizersAreGiven(t, true)
	f.setFinalizers(t, applicationResource, "default", "ours", "[]") // no manager runs that would
	f.delete(t, applicationResource, "default", "ours")
	f.delete(t, resource, "default", "environment")
}

// waitHeld waits until the API server enforces policies that were just installed,
// which it does a second or so later, by dry runs of what they must refuse.
func waitHeld(t *testing.T, refused ...func(context.Context) error) {
	t.Helper()
	ctx := bounded(t)
	for _, do := range refused {
		err := do(ctx)
		for err == nil || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			if !pause(ctx, 100*time.Millisecond) {
				t.Fatalf("the policies do not hold: %v", err)
			}
			err = do(ctx)
		}
	}
}

// foreignCRD makes a CRD of applications as another OAM controller has it.
func (f *fixture) foreignCRD(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	f.apply(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.core.oam.dev}
spec:
  group: core.oam.dev
  names: {kind: Application, listKind: ApplicationList, plural: applications, singular: application}
  scope: Namespaced
  versions:
    - name: v1beta1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`)
	if err := f.installer.waitEstablished(bounded(t), applicationsCRD); err != nil {
		t.Fatal(err)
	}
	live, err := f.client.Get(bounded(t), crdKind, types.NamespacedName{Name: applicationsCRD})
	if err != nil {
		t.Fatal(err)
	}
	return live
}
