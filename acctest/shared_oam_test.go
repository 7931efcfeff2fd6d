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
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

var customResourceDefinitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// foreignOAM are CRDs of core.oam.dev as another controller may have brought them: other bounds, nothing that says whose they are.
func foreignOAM() []*unstructured.Unstructured {
	var crds []*unstructured.Unstructured
	for _, kind := range []string{"Application", "ComponentDefinition", "TraitDefinition", "PolicyDefinition", "WorkflowStepDefinition"} {
		crds = append(crds, object(strings.NewReplacer("KIND", kind, "SINGULAR", strings.ToLower(kind)).Replace(`{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "SINGULARs.core.oam.dev"},
			"spec": {
				"group": "core.oam.dev", "scope": "Namespaced",
				"names": {"kind": "KIND", "listKind": "KINDList", "plural": "SINGULARs", "singular": "SINGULAR"},
				"versions": [{
					"name": "v1beta1", "served": true, "storage": true, "subresources": {"status": {}},
					"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
				}]
			}
		}`)))
	}
	return crds
}

// TestSharedOAM installs the addon on a hub whose OAM kinds belong to somebody else.
func TestSharedOAM(t *testing.T) {
	env := cluster.ForTest(t, cluster.Options{AuditLog: true})
	hub := hubObjects(t, env.Hub())
	for _, crd := range foreignOAM() {
		if _, err := hub.Resource(customResourceDefinitions).Create(t.Context(), crd, metav1.CreateOptions{}); err != nil {
			t.Fatalf("create a CRD: %v", err)
		}
	}
	before := establishedCRDs(t, env.Hub())
	f := adopt(t, env, binaries.path(t, raceDetector), "shared")
	theirs := foreignApplication("theirs", nil)
	var asCreated *unstructured.Unstructured
	eventually(t, patience, "an application of the other controller to be accepted", func() error {
		var err error
		asCreated, err = hub.Resource(applications).Namespace("default").Create(t.Context(), theirs, metav1.CreateOptions{})
		return err
	})
	writes := f.auditFromNow(t)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: rolledOut(env.Hub(), "ours", "nginx:1", ""),
			Check: resource.ComposeAggregateTestCheckFunc(
				func(*terraform.State) error {
					_, err := f.on(t, v1alpha1.LocalCluster, deployments).Namespace("default").Get(t.Context(), "web", metav1.GetOptions{})
					return err
				},
				f.leftAlone(t, asCreated, writes),
				func(*terraform.State) error {
					return equal("versions of the CRDs of core.oam.dev", before, establishedCRDs(t, env.Hub()))
				},
			),
		}},
	})
	if err := f.leftAlone(t, asCreated, writes)(nil); err != nil {
		t.Error(err)
	}
}

// leftAlone checks that nobody wrote to an application, and that nothing of it was delivered.
func (f *fleet) leftAlone(t *testing.T, app *unstructured.Unstructured, writes *audit) resource.TestCheckFunc {
	return func(*terraform.State) error {
		live := f.get(t, v1alpha1.LocalCluster, applications, app.GetNamespace(), app.GetName())
		if diff := cmp.Diff(app.Object, live.Object); diff != "" {
			return fmt.Errorf("the application of the other controller was changed (-before +after):\n%s", diff)
		}
		events, err := writes.writes()
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(events, func(e auditEvent) bool { return e.ObjectRef.Name == app.GetName() }); i >= 0 {
			return fmt.Errorf("the addon wrote: %s", events[i])
		}
		_, err = f.on(t, v1alpha1.LocalCluster, deployments).Namespace(app.GetNamespace()).Get(context.Background(), "api", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("its component was delivered (error: %w)", err)
		}
		return nil
	}
}

// establishedCRDs waits until the API server serves the kinds of OAM, and returns the versions of their CRDs.
func establishedCRDs(t *testing.T, plane *cluster.ControlPlane) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, crd := range foreignOAM() {
		eventually(t, patience, crd.GetName()+" to be served", func() error {
			live, err := hubObjects(t, plane).Resource(customResourceDefinitions).Get(t.Context(), crd.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			if conditionOf(live, "Established")["status"] != "True" {
				return fmt.Errorf("it is not established")
			}
			versions[crd.GetName()] = live.GetResourceVersion()
			return nil
		})
	}
	return versions
}
