// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// The kinds that these tests read.
var (
	environments = v1alpha1.GroupVersion.WithResource("environments")
	bindings     = v1alpha1.GroupVersion.WithResource("clusterbindings")
	namespaces   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// fullEnvironment uses every attribute; %[1]s is the name.
const fullEnvironment = `
resource "fairlead_environment" "this" {
  name = "%[1]s"
  application_namespaces = {
    names    = ["%[1]s-shop", "%[1]s-blog"]
    selector = { match_labels = { team = "shop" }, match_expressions = [{ key = "stage", operator = "In", values = ["b", "a"] }] }
    create   = true
  }
  target_namespace = { prefix = "t-", suffix = "-prod" }
  namespace_options = {
    create             = true
    adopt              = false
    prepare            = true
    labels             = { "pod-security.kubernetes.io/enforce" = "restricted" }
    image_pull_secrets = ["ghcr"]
    objects            = [{ apiVersion = "v1", kind = "LimitRange", metadata = { name = "limits" }, spec = { limits = [{ type = "Container", max = { cpu = 2 } }] } }]
  }
  defaults = {
    webservice = { properties = { cpu = "100m", count = 1 }, traits = { scaler = { replicas = 3 } } }
    worker     = { traits = [{ type = "labels", properties = { a = "b", gone = null } }, { type = "gateway", disable = true }] }
  }
  constraints = {
    allowed_registries   = ["ghcr.io/acme"]
    require_image_digest = true
    allowed_kinds        = ["Deployment.apps", "Service"]
    denied_kinds         = ["Secret"]
    allow_cluster_scoped = false
    max_replicas         = 10
  }
  after        = ["%[1]s-staging"]
  after_policy = "Require"
  approval     = { required = true, message = "ask the release manager", timeout = "24h" }
  propagation  = { type = "Rolling", max_concurrent = 2 }
  permissions  = "fairlead-deployer"
  deletion     = { protection = false, policy = "Delete", unreachable = "Orphan", timeout = "90m" }
}
`

// TestEnvironmentLifecycle creates, reads, changes, imports and destroys an
// environment, with an empty plan after each step.
func TestEnvironmentLifecycle(t *testing.T) {
	plane := sharedHub(t)
	minimal := withProvider(plane, `resource "fairlead_environment" "this" { name = "lifecycle" }`)
	full := withProvider(plane, fmt.Sprintf(fullEnvironment, "lifecycle"))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             absent(t, plane, environments, "lifecycle"),
		Steps: []resource.TestStep{
			{
				Config: minimal,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("fairlead_environment.this", tfjsonpath.New("id"), knownvalue.StringExact("lifecycle")),
					statecheck.ExpectKnownValue("fairlead_environment.this", tfjsonpath.New("after_policy"), knownvalue.StringExact("Skip")),
				},
			},
			{ResourceName: "fairlead_environment.this", ImportState: true, ImportStateId: "lifecycle", ImportStateVerify: true},
			{
				Config: full,
				Check:  specIs(t, plane, environments, "lifecycle", fullSpec("lifecycle")),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("fairlead_environment.this", tfjsonpath.New("ref").AtMapKey("target_namespace").AtMapKey("suffix"), knownvalue.StringExact("-prod")),
				},
			},
			{Config: full, ConfigPlanChecks: emptyPlan()},
			{ResourceName: "fairlead_environment.this", ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "lifecycle", Config: full},
			{Config: minimal, Check: specIs(t, plane, environments, "lifecycle", map[string]any{"afterPolicy": "Skip", "permissions": "fairlead-deployer"})},
		},
	})
}

// fullSpec is what fullEnvironment writes.
func fullSpec(name string) map[string]any {
	return map[string]any{
		"applicationNamespaces": map[string]any{
			"names": []any{name + "-blog", name + "-shop"},
			"selector": map[string]any{
				"matchLabels":      map[string]any{"team": "shop"},
				"matchExpressions": []any{map[string]any{"key": "stage", "operator": "In", "values": []any{"a", "b"}}},
			},
		},
		"targetNamespace": map[string]any{"prefix": "t-", "suffix": "-prod"},
		"namespaceOptions": map[string]any{
			"create":           true,
			"prepare":          true,
			"labels":           map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
			"imagePullSecrets": []any{"ghcr"},
			"objects": []any{map[string]any{"apiVersion": "v1", "kind": "LimitRange", "metadata": map[string]any{"name": "limits"},
				"spec": map[string]any{"limits": []any{map[string]any{"type": "Container", "max": map[string]any{"cpu": int64(2)}}}}}},
		},
		"defaults": []any{
			map[string]any{"type": "webservice", "properties": map[string]any{"cpu": "100m", "count": int64(1)},
				"traits": []any{map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(3)}}}},
			map[string]any{"type": "worker",
				"traits": []any{map[string]any{"type": "labels", "properties": map[string]any{"a": "b", "gone": nil}}, map[string]any{"type": "gateway", "disable": true}}},
		},
		"constraints": map[string]any{
			"allowedRegistries": []any{"ghcr.io/acme"}, "requireImageDigest": true,
			"allowedKinds": []any{"Deployment.apps", "Service"}, "deniedKinds": []any{"Secret"}, "maxReplicas": int64(10),
		},
		"after":       []any{name + "-staging"},
		"afterPolicy": "Require",
		"approval":    map[string]any{"required": true, "message": "ask the release manager", "timeout": "24h0m0s"},
		"propagation": map[string]any{"type": "Rolling", "maxConcurrent": int64(2)},
		"permissions": "fairlead-deployer",
		"deletion":    map[string]any{"policy": "Delete", "unreachable": "Orphan", "timeout": "1h30m0s"},
	}
}

// TestEnvironmentNamespaces checks that namespaces are created, and that only
// those are removed again that were created so, are empty and not wanted elsewhere.
func TestEnvironmentNamespaces(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	foreign := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "ns-foreign"}}}
	create(t, objects, namespaces, "", foreign)
	config := withProvider(plane, `
resource "fairlead_environment" "a" {
  name                   = "ns-a"
  application_namespaces = { names = ["ns-own", "ns-used", "ns-foreign"], create = true }
}
resource "fairlead_environment" "b" {
  name                   = "ns-b"
  application_namespaces = { names = ["ns-own"], create = true }
}`)
	secret := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "kept"}}}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config, Check: func(*terraform.State) error {
				_, err := objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace("ns-used").
					Create(t.Context(), secret, metav1.CreateOptions{})
				return err
			}},
			{Config: config, ConfigPlanChecks: emptyPlan()},
		},
		CheckDestroy: func(state *terraform.State) error {
			if err := absent(t, plane, namespaces, "ns-own")(state); err != nil {
				return err
			}
			for _, kept := range []string{"ns-used", "ns-foreign"} {
				// The test's own context ends before this check runs.
				if _, err := objects.Resource(namespaces).Get(context.Background(), kept, metav1.GetOptions{}); err != nil {
					return fmt.Errorf("namespace %s must be left: %w", kept, err)
				}
			}
			return nil
		},
	})
}

// TestEnvironmentDropsNamespaces checks that a namespace that an environment names no more
// goes when the environment had created it, nobody else asks for it and it is empty.
func TestEnvironmentDropsNamespaces(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane).Resource(namespaces)
	config := func(of string) string {
		return withProvider(plane, fmt.Sprintf(`
resource "fairlead_environment" "a" {
  name = "drops-a"
  %s
}
resource "fairlead_environment" "b" {
  name                   = "drops-b"
  application_namespaces = { names = ["drops-shared"], create = true }
}`, of))
	}
	// are checks which of the namespaces are left.
	are := func(want ...string) func(*terraform.State) error {
		return func(*terraform.State) error {
			var left []string
			for _, name := range []string{"drops-1", "drops-2", "drops-shared"} {
				if _, err := objects.Get(context.Background(), name, metav1.GetOptions{}); err == nil {
					left = append(left, name)
				}
			}
			if diff := cmp.Diff(want, left); diff != "" {
				return fmt.Errorf("namespaces (-want +left):\n%s", diff)
			}
			return nil
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config(`application_namespaces = { names = ["drops-1", "drops-2", "drops-shared"], create = true }`), Check: are("drops-1", "drops-2", "drops-shared")},
			{Config: config(`application_namespaces = { names = ["drops-1"], create = true }`), Check: are("drops-1", "drops-shared")},
			{Config: config(``), Check: are("drops-shared")},
		},
		CheckDestroy: are(),
	})
}

// TestEnvironmentDrift checks that an edit by hand is shown and undone, that an
// object deleted by hand comes back, and that another tool's field is a conflict.
func TestEnvironmentDrift(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane).Resource(environments)
	config := withProvider(plane, `
resource "fairlead_environment" "this" {
  name         = "drift"
  after_policy = "Require"
}`)
	patch := func(manager string, body string) func() {
		return func() {
			_, err := objects.Patch(t.Context(), "drift", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: manager})
			if err != nil {
				t.Fatalf("patch as %s: %v", manager, err)
			}
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: patch("kubectl-edit", `{"spec":{"afterPolicy":"Skip"}}`),
				Config:    config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionUpdate),
				}},
				Check: specIs(t, plane, environments, "drift", map[string]any{"afterPolicy": "Require", "permissions": "fairlead-deployer"}),
			},
			{
				PreConfig:   patch("argocd-controller", `{"spec":{"afterPolicy":"Skip"}}`),
				Config:      config,
				ExpectError: regexp.MustCompile(`(?s)argocd-controller: after_policy`),
			},
			{
				PreConfig: func() {
					if err := objects.Delete(t.Context(), "drift", metav1.DeleteOptions{}); err != nil {
						t.Fatalf("delete the environment: %v", err)
					}
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionCreate),
				}},
			},
		},
	})
}

// TestEnvironmentExists checks what becomes of an object that has the name already.
func TestEnvironmentExists(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	object := func(name, owner string) *unstructured.Unstructured {
		metadata := map[string]any{"name": name}
		if owner != "" {
			metadata["annotations"] = map[string]any{v1alpha1.AnnotationOwner: owner}
		}
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "fairlead.dev/v1alpha1", "kind": "Environment", "metadata": metadata,
			"spec": map[string]any{"afterPolicy": "Require"},
		}}
	}
	create(t, objects, environments, "", object("exists-foreign", ""))
	create(t, objects, environments, "", object("exists-other", "another-workspace"))
	create(t, objects, environments, "", object("exists-ours", "acctest"))
	config := func(name, more string) string {
		return withProvider(plane, fmt.Sprintf("resource \"fairlead_environment\" \"this\" {\n  name = %q\n%s\n}", name, more))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("exists-foreign", ""), ExpectError: regexp.MustCompile(`(?s)exists already.*id = "exists-foreign"`)},
			{Config: config("exists-other", ""), ExpectError: regexp.MustCompile(`(?s)its owner is\s+"another-workspace"`)},
			{Config: config("exists-ours", "")},
			{Config: config("exists-foreign", "adopt_existing = true\nafter_policy = \"Skip\"")},
		},
	})
}

// TestEnvironmentFinalizer checks that a destroy that hangs names what holds it.
func TestEnvironmentFinalizer(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane).Resource(environments)
	config := withProvider(plane, `
resource "fairlead_environment" "this" {
  name     = "held"
  timeouts = { delete = "15s" }
}`)
	setFinalizers := func(body string) {
		_, err := objects.Patch(t.Context(), "held", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "fairlead-addon"})
		if err != nil {
			t.Fatalf("patch finalizers: %v", err)
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig:   func() { setFinalizers(`{"metadata":{"finalizers":["fairlead.dev/delivery","example.com/backup"]}}`) },
				Config:      config,
				Destroy:     true,
				ExpectError: regexp.MustCompile(`(?s)Environment is not gone yet.*example.com/backup.*controller of\s+example.com.*"finalizers":\["fairlead.dev/delivery"\].*Stopped\s+waiting\s+before`),
			},
			{
				PreConfig:   func() { setFinalizers(`{"metadata":{"finalizers":["fairlead.dev/delivery"]}}`) },
				Config:      config,
				Destroy:     true,
				ExpectError: regexp.MustCompile(`(?s)Environment is not gone yet.*finalizer fairlead.dev/delivery: the addon removes it.*kubectl`),
			},
			{
				PreConfig: func() { setFinalizers(`{"metadata":{"finalizers":null}}`) },
				Config:    config,
			},
		},
	})
}

// TestEnvironmentProtection checks that the plan of a destroy of a protected environment fails.
func TestEnvironmentProtection(t *testing.T) {
	plane := sharedHub(t)
	config := func(protection bool) string {
		return withProvider(plane, fmt.Sprintf(`
resource "fairlead_environment" "this" {
  name     = "protected"
  deletion = { protection = %t }
}`, protection))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config(true)},
			{Config: config(true), Destroy: true, ExpectError: regexp.MustCompile("deletion.protection = true")},
			{Config: config(false)},
		},
	})
}

// TestEnvironmentBadInput checks that mistakes are found at plan with the path,
// the allowed values and the remedy.
func TestEnvironmentBadInput(t *testing.T) {
	plane := sharedHub(t)
	tests := []struct {
		reason, body, want string
	}{
		{"a reserved namespace cannot deliver", `application_namespaces = { names = ["kube-system"] }`, `"kube-system"\s+is\s+reserved`},
		{"a name excludes a suffix", `target_namespace = { name = "a", suffix = "-b" }`, `(?s)target_namespace\.suffix.*cannot be specified`},
		{"a duration needs a unit", `approval = { timeout = "1d" }`, `approval\.timeout: "1d" is not such a duration`},
		{"an enum lists its values", `after_policy = "skip"`, `(?s)after_policy value must be one of.*"Skip".*"Require"`},
		{"an environment cannot come after itself", `after = ["bad"]`, `cannot come after itself`},
		{"defaults are keyed by type", `defaults = "webservice"`, `(?s)defaults must be an object keyed by component type`},
		{"misspelt keys inside defaults are suggested", `defaults = { webservice = { trait = {} } }`, `(?s)defaults\.webservice\.trait is not known \(did you mean\s+traits\?\)`},
		{"traits are objects", `defaults = { webservice = { traits = { scaler = 3 } } }`, `(?s)defaults\.webservice\.traits\.scaler must be an object`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				Steps: []resource.TestStep{{
					Config:      withProvider(plane, fmt.Sprintf("resource \"fairlead_environment\" \"this\" {\n  name = \"bad\"\n  %s\n}", test.body)),
					PlanOnly:    true,
					ExpectError: regexp.MustCompile(test.want),
				}},
			})
		})
	}
}

// emptyPlan expects that nothing is to be changed.
func emptyPlan() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

// create creates an object and removes it at the end of the test.
func create(t *testing.T, objects dynamic.Interface, kind schema.GroupVersionResource, namespace string, object *unstructured.Unstructured) {
	t.Helper()
	client := objects.Resource(kind).Namespace(namespace)
	var err error
	// An API server with admission policies that change objects is not available for a kind right after its definition was made.
	eventually(t, patience, "the hub to take "+kind.Resource, func() error {
		_, err = client.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "kubectl-create"})
		if apierrors.IsServiceUnavailable(err) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatalf("create %s %s: %v", kind.Resource, object.GetName(), err)
	}
	t.Cleanup(func() {
		err := client.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("delete %s %s: %v", kind.Resource, object.GetName(), err)
		}
	})
}

// specIs checks the spec of an object on the hub.
func specIs(t *testing.T, plane *cluster.ControlPlane, kind schema.GroupVersionResource, name string, want map[string]any) resource.TestCheckFunc {
	t.Helper()
	objects := hubObjects(t, plane)
	return func(*terraform.State) error {
		live, err := objects.Resource(kind).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, live.Object["spec"]); diff != "" {
			return fmt.Errorf("spec of %s (-want +got):\n%s", name, diff)
		}
		return nil
	}
}

// absent checks that an object is gone, or goes within a while.
func absent(t *testing.T, plane *cluster.ControlPlane, kind schema.GroupVersionResource, name string) resource.TestCheckFunc {
	t.Helper()
	objects := hubObjects(t, plane)
	return func(*terraform.State) error {
		return wait.PollUntilContextTimeout(context.Background(), 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			_, err := objects.Resource(kind).Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return false, err
		})
	}
}

// TestEnvironmentTakenOver checks that an object that was written by files and
// is imported becomes what the configuration says, also where it says less.
func TestEnvironmentTakenOver(t *testing.T) {
	plane := sharedHub(t)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "fairlead.dev/v1alpha1", "kind": "Environment", "metadata": map[string]any{"name": "taken"},
		"spec": map[string]any{"afterPolicy": "Require", "approval": map[string]any{"required": true}},
	}}
	_, err := hubObjects(t, plane).Resource(environments).Create(t.Context(), object, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
	if err != nil {
		t.Fatal(err)
	}
	config := withProvider(plane, `
import {
  to = fairlead_environment.this
  id = "taken"
}
resource "fairlead_environment" "this" { name = "taken" }`)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionUpdate),
				}},
				Check: specIs(t, plane, environments, "taken", map[string]any{"afterPolicy": "Skip", "permissions": "fairlead-deployer"}),
			},
			{Config: config, ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestEnvironmentAfterKill checks that what a killed apply has left is taken up
// again without an owner to tell it by, and only as long as it is what that
// apply has written.
func TestEnvironmentAfterKill(t *testing.T) {
	plane := sharedHub(t)
	written := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "fairlead.dev/v1alpha1", "kind": "Environment", "metadata": map[string]any{"name": "killed"},
		"spec": map[string]any{"afterPolicy": "Require", "permissions": "fairlead-deployer"},
	}}
	_, err := hubObjects(t, plane).Resource(environments).Apply(t.Context(), "killed", written, metav1.ApplyOptions{FieldManager: "terraform-provider-fairlead"})
	if err != nil {
		t.Fatal(err)
	}
	config := func(policy string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\nresource \"fairlead_environment\" \"this\" {\n  name         = \"killed\"\n  after_policy = %q\n}\n",
			plane.KubeconfigPath, policy)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             absent(t, plane, environments, "killed"),
		Steps: []resource.TestStep{
			{Config: config("Skip"), ExpectError: regexp.MustCompile(`(?s)exists already.*terraform-provider-fairlead`)},
			{Config: config("Require")},
		},
	})
}
