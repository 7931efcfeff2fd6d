// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

const (
	addon = "fairlead_addon.hub"
	// addonTimeout bounds one request of a test; none takes a second.
	addonTimeout = time.Minute
)

// factories serve the provider of this tree. It reads no environment variables.
func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	none := func(string) string { return "" }
	return map[string]func() (tfprotov6.ProviderServer, error){
		"fairlead": func() (tfprotov6.ProviderServer, error) { return provider.Server("test", none), nil },
	}
}

// addonHub is a hub of the test's own: it holds one addon.
type addonHub struct {
	*cluster.ControlPlane
	clients *kubernetes.Clientset
	objects dynamic.Interface
}

// newAddonHub starts a hub.
func newAddonHub(t *testing.T) addonHub {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a control plane")
	}
	plane := cluster.ForTest(t, cluster.Options{}).Hub()
	clients, err := kubernetes.NewForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	return addonHub{ControlPlane: plane, clients: clients, objects: objects}
}

// config returns a configuration with an addon that has these attributes.
func (h addonHub) config(attributes string) string {
	return fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\nresource \"fairlead_addon\" \"hub\" {\n%s\n}\n", h.KubeconfigPath, attributes)
}

// bounded returns a context for one request.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), addonTimeout)
	t.Cleanup(cancel)
	return ctx
}

// gone checks that the addon's namespace is gone, and everything in it.
func (h addonHub) gone(t *testing.T) resource.TestCheckFunc {
	return func(*terraform.State) error {
		// The test's context has ended by the time of this check.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), addonTimeout)
		defer cancel()
		_, err := h.clients.CoreV1().Namespaces().Get(ctx, v1alpha1.SystemNamespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("the namespace %s is left (%w)", v1alpha1.SystemNamespace, err)
	}
}

// noChange expects an empty plan.
func noChange() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

// replicas checks how many managers the release asks for and has.
func (h addonHub) replicas(t *testing.T, want int32) resource.TestCheckFunc {
	return func(*terraform.State) error {
		ctx := bounded(t)
		for {
			live, err := h.clients.AppsV1().Deployments(v1alpha1.SystemNamespace).Get(ctx, addonchart.Deployment, metav1.GetOptions{})
			if err != nil {
				return err
			}
			asked, available := *live.Spec.Replicas, live.Status.AvailableReplicas
			if asked == want && available == want {
				return nil
			}
			// Nobody waits for managers that end, and Kubernetes counts them a moment later.
			if asked != want || available < want || ctx.Err() != nil {
				return fmt.Errorf("the Deployment asks for %d managers and has %d, want %d", asked, available, want)
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// TestAddon goes through the lives of several installations on one hub. Each
// leaves the hub as it found it.
func TestAddon(t *testing.T) {
	h := newAddonHub(t)
	t.Run("Lifecycle", h.lifecycle)
	t.Run("InAnyOrder", h.inAnyOrder)
	t.Run("StillNeeded", h.stillNeeded)
	t.Run("InUse", h.inUse)
	t.Run("RefusedCredential", h.refusedCredential)
	t.Run("Shared", h.shared)
}

// lifecycle installs, changes, imports, upgrades and removes the addon.
func (h addonHub) lifecycle(t *testing.T) {
	without := h.config("replicas = 0")
	values := "image = \"example.com/addon:1\"\nvalues = { resources = { limits = { memory = %q } }, extraArgs = %s }"
	full := h.config(fmt.Sprintf(values, "300Mi", `["--log-level=debug"]`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		CheckDestroy:             h.gone(t),
		Steps: []resource.TestStep{
			{
				Config: without,
				Check:  h.replicas(t, 0),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(addon, tfjsonpath.New("id"), knownvalue.StringExact(v1alpha1.SystemNamespace)),
					statecheck.ExpectKnownValue(addon, tfjsonpath.New("oam_mode"), knownvalue.StringExact("exclusive")),
					statecheck.ExpectKnownValue(addon, tfjsonpath.New("version"), knownvalue.StringRegexp(regexp.MustCompile(`^\d+\.\d+\.\d+`))),
				},
			},
			{Config: without, ConfigPlanChecks: noChange()},
			{ResourceName: addon, ImportState: true, ImportStateId: v1alpha1.SystemNamespace, ImportStateVerify: true},
			{Config: full, Check: h.replicas(t, 1)},
			{Config: full, ConfigPlanChecks: noChange()},
			{
				// The same values in other HCL types.
				Config:           h.config(fmt.Sprintf(values, "300Mi", `tolist(["--log-level=debug"])`)),
				ConfigPlanChecks: noChange(),
			},
			{ResourceName: addon, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: v1alpha1.SystemNamespace, Config: full},
			{
				// Another version of the provider installed it.
				PreConfig: func() { h.rewriteVersion(t, "0.0.1") },
				Config:    full,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(addon, plancheck.ResourceActionUpdate)}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(addon, tfjsonpath.New("version"), knownvalue.StringFunc(func(version string) error {
						if version == "0.0.1" {
							return errors.New("the addon was not upgraded")
						}
						return nil
					})),
				},
			},
			{
				// The record of the release is lost: it is made anew over the same objects.
				PreConfig: func() { h.forget(t) },
				Config:    without,
				Check:     h.replicas(t, 0),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(addon, plancheck.ResourceActionCreate)}},
			},
		},
	})
}

// rewriteVersion changes the version of the chart in the record of the release,
// which Helm keeps as compressed JSON in base64.
func (h addonHub) rewriteVersion(t *testing.T, version string) {
	t.Helper()
	secrets := h.clients.CoreV1().Secrets(v1alpha1.SystemNamespace)
	list, err := secrets.List(bounded(t), metav1.ListOptions{LabelSelector: "owner=helm,status=deployed"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d records of a deployed release, want 1 (%v)", len(list.Items), err)
	}
	record := &list.Items[0]
	packed, err := base64.StdEncoding.DecodeString(string(record.Data["release"]))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var release map[string]any
	if err := json.NewDecoder(reader).Decode(&release); err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(release, version, "chart", "metadata", "version"); err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if err := errors.Join(json.NewEncoder(writer).Encode(release), writer.Close()); err != nil {
		t.Fatal(err)
	}
	record.Data["release"] = []byte(base64.StdEncoding.EncodeToString(buffer.Bytes()))
	if _, err := secrets.Update(bounded(t), record, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// forget deletes the record of the release.
func (h addonHub) forget(t *testing.T) {
	t.Helper()
	err := h.clients.CoreV1().Secrets(v1alpha1.SystemNamespace).DeleteCollection(bounded(t), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "owner=helm"})
	if err != nil {
		t.Fatal(err)
	}
}

// inAnyOrder destroys the addon together with what needs it, without
// any order between them, and with nobody running the manager.
func (h addonHub) inAnyOrder(t *testing.T) {
	all := h.config("replicas = 0") + `
resource "fairlead_environment" "dev" {
  name                   = "dev"
  application_namespaces = { names = ["default"] }
}

resource "fairlead_cluster_binding" "dev" {
  name        = "dev-local"
  environment = "dev"
  clusters    = ["local"]
}

resource "fairlead_application" "shop" {
  namespace    = "default"
  name         = "shop"
  environments = ["dev"]
  components   = { web = { type = "webservice", properties = { image = "nginx:1" } } }
}
`
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		CheckDestroy:             h.gone(t),
		Steps:                    []resource.TestStep{{Config: all}, {Config: all, ConfigPlanChecks: noChange()}},
	})
}

// stillNeeded checks that a destroy refuses, says what stands in the
// way, and leaves the addon as it is.
func (h addonHub) stillNeeded(t *testing.T) {
	config := h.config("replicas = 0")
	environments := h.objects.Resource(v1alpha1.GroupVersion.WithResource("environments"))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		CheckDestroy:             h.gone(t),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() { h.create(t, "prod") },
				Config:    config, Destroy: true,
				ExpectError: regexp.MustCompile(`(?s)The addon is still needed.*Environment prod.*depends_on`),
			},
			{
				PreConfig: func() {
					if err := environments.Delete(bounded(t), "prod", metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				},
				Config: config, ConfigPlanChecks: noChange(),
			},
		},
	})
}

// create makes an environment as somebody else would.
func (h addonHub) create(t *testing.T, name string) {
	t.Helper()
	environment := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Environment", "metadata": map[string]any{"name": name}}}
	_, err := h.objects.Resource(v1alpha1.GroupVersion.WithResource("environments")).Create(bounded(t), environment, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// inUse checks that a second configuration does not take over an
// installation that works, and shows how to import it.
func (h addonHub) inUse(t *testing.T) {
	config := h.config("replicas = 0")
	second := strings.Replace(config, `"hub"`, `"second"`, 1)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		CheckDestroy:             h.gone(t),
		Steps: []resource.TestStep{
			{Config: config},
			{
				Config:      config + "resource \"fairlead_addon\" \"second\" {\n  replicas = 1\n}\n",
				ExpectError: regexp.MustCompile(`(?s)installed already.*import \{.*"fairlead-system"`),
			},
			// As after a run that was killed: the state is lost, the installation is as configured.
			{Config: "removed {\n  from = fairlead_addon.hub\n  lifecycle {\n    destroy = false\n  }\n}\n" + second},
		},
	})
}

// shared checks that the CRDs of another OAM controller are left alone.
func (h addonHub) shared(t *testing.T) {
	crds := h.objects.Resource(metaCRD)
	foreign := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "applications.core.oam.dev"},
		"spec": map[string]any{
			"group": v1beta1.GroupVersion.Group, "scope": "Namespaced",
			"names": map[string]any{"kind": "Application", "plural": "applications", "singular": "application", "listKind": "ApplicationList"},
			"versions": []any{map[string]any{"name": "v1beta1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
	before, err := crds.Create(bounded(t), foreign, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	untouched := func(*terraform.State) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), addonTimeout)
		defer cancel()
		live, err := crds.Get(ctx, before.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if live.GetUID() != before.GetUID() || live.GetGeneration() != before.GetGeneration() || len(live.GetLabels()) > 0 {
			return fmt.Errorf("the other controller's CRD was changed: %v", live.GetLabels())
		}
		return nil
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		CheckDestroy:             resource.ComposeTestCheckFunc(h.gone(t), untouched),
		Steps: []resource.TestStep{{
			Config: h.config("replicas = 0"),
			Check:  untouched,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(addon, tfjsonpath.New("oam_mode"), knownvalue.StringExact("shared")),
			},
		}},
	})
}

// metaCRD is the resource of CRDs.
var metaCRD = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// TestAddonBadInput checks that every mistake is told with its place and remedy,
// before anything is written.
func TestAddonBadInput(t *testing.T) {
	offline := "provider \"fairlead\" {\n  hub = { host = \"https://127.0.0.1:1\", token = \"none\" }\n}\nresource \"fairlead_addon\" \"hub\" {\n%s\n}\n"
	cases := map[string]struct {
		reason, attributes, want string
	}{
		"Misspelt":    {reason: "a misspelt value is named", attributes: "values = { replicaz = 1 }", want: `additional properties 'replicaz' not\s+allowed`},
		"Type":        {reason: "a wrong type is named with the right one", attributes: "values = { networkPolicy = { enabled = \"often\" } }", want: `values\.networkPolicy\.enabled:\s+got\s+string,\s+want\s+boolean`},
		"Text":        {reason: "text is not decoded behind the user's back", attributes: "values = \"replicas: 2\"", want: `must be an object such as[\s\S]*yamldecode`},
		"Attribute":   {reason: "one place for each setting", attributes: "values = { image = \"a\" }", want: `use the attribute image instead`},
		"Namespace":   {reason: "the addon knows one namespace", attributes: "namespace = \"elsewhere\"", want: `cannot run in the\s+namespace "elsewhere"[\s\S]*Allowed: fairlead-system`},
		"Replicas":    {reason: "replicas are bounded", attributes: "replicas = 11", want: `between 0 and 10`},
		"CRDs":        {reason: "crds has two values", attributes: "crds = \"replace\"", want: `"apply" "skip"`},
		"Unreachable": {reason: "a hub that is away is named", attributes: "replicas = 0", want: `127\.0\.0\.1:1`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: factories(),
				Steps:                    []resource.TestStep{{Config: fmt.Sprintf(offline, tc.attributes), ExpectError: regexp.MustCompile(tc.want)}},
			})
		})
	}
}

// refusedCredential checks that a credential that the hub refuses, or
// that may not install, is told with the address of the hub.
func (h addonHub) refusedCredential(t *testing.T) {
	authority, err := os.ReadFile(h.CAPath())
	if err != nil {
		t.Fatal(err)
	}
	hub := fmt.Sprintf("host = %q, cluster_ca_certificate = %q", h.URL(), base64.StdEncoding.EncodeToString(authority))
	nobody, err := h.UserKubeconfig("nobody")
	if err != nil {
		t.Fatal(err)
	}
	config := "provider \"fairlead\" {\n  hub = { %s }\n}\nresource \"fairlead_addon\" \"hub\" {\n  replicas = 0\n}\n"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{Config: fmt.Sprintf(config, hub+", token = \"wrong\""), ExpectError: regexp.MustCompile(regexp.QuoteMeta(strings.TrimPrefix(h.URL(), "https://")))},
			{Config: fmt.Sprintf(config, fmt.Sprintf("config_path = %q", nobody)), ExpectError: regexp.MustCompile(`(?s)nobody.*cannot`)},
		},
	})
}
