// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// The kinds that these tests read.
var (
	applications         = v1beta1.GroupVersion.WithResource("applications")
	componentDefinitions = v1beta1.GroupVersion.WithResource("componentdefinitions")
)

// thisApplication is the address of the application in these configurations.
const thisApplication = "fairlead_application.this"

// application is a configuration of one application in the namespace default.
func application(name, body string) string {
	return fmt.Sprintf("resource \"fairlead_application\" \"this\" {\n  namespace  = \"default\"\n  name       = %q\n%s\n}\n", name, body)
}

// web is the attribute components with one webservice of that image.
func web(image string) string {
	return fmt.Sprintf("components = { web = { type = \"webservice\", properties = { image = %q } } }", image)
}

// fullApplication uses every attribute. The order of what is written differs
// from that in which the hub keeps it.
const fullApplication = `
  labels      = { team = "shop" }
  annotations = { "example.com/contact" = "#shop" }
  environments = {
    staging = {}
    prod = {
      ref        = { namespace = "shop-prod" }
      components = { web = { properties = { cpu = "2" }, traits = [{ type = "scaler", properties = { replicas = 6 } }] } }
      selector   = ["web"]
    }
  }
  components = {
    worker = { type = "webservice", properties = { image = "nginx:2" }, dependsOn = ["web"], traits = [{ type = "labels", properties = { a = "b", gone = null } }] }
    web = {
      type = "webservice"
      properties = {
        image = "nginx:1"
        ports = [{ port = 80, expose = true }]
        env   = [{ name = "A", value = "1" }, { name = "B", valueFrom = { secretKeyRef = { name = "db", key = "password" } } }]
        cpu   = null
      }
      traits = { scaler = { replicas = 2 }, labels = { team = "shop" } }
    }
  }
  policies = [{ name = "gc", type = "garbage-collect", properties = { keepLegacyResource = true } }]
  workflow = { steps = [{ name = "go", type = "deploy", properties = { policies = ["env-staging"] } }] }
`

// fullApplicationSpec is what fullApplication writes.
func fullApplicationSpec() map[string]any {
	return map[string]any{
		"components": []any{
			map[string]any{
				"name": "web", "type": "webservice",
				"properties": map[string]any{
					"image": "nginx:1",
					"ports": []any{map[string]any{"port": int64(80), "expose": true}},
					"env": []any{
						map[string]any{"name": "A", "value": "1"},
						map[string]any{"name": "B", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "db", "key": "password"}}},
					},
				},
				"traits": []any{
					map[string]any{"type": "labels", "properties": map[string]any{"team": "shop"}},
					map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(2)}},
				},
			},
			map[string]any{
				"name": "worker", "type": "webservice",
				"properties": map[string]any{"image": "nginx:2"},
				"dependsOn":  []any{"web"},
				"traits":     []any{map[string]any{"type": "labels", "properties": map[string]any{"a": "b", "gone": nil}}},
			},
		},
		"policies": []any{
			map[string]any{"name": "env-prod", "type": "environment", "properties": map[string]any{
				"environment": "prod",
				"selector":    []any{"web"},
				"components": []any{map[string]any{
					"name": "web", "properties": map[string]any{"cpu": "2"},
					"traits": []any{map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(6)}}},
				}},
			}},
			map[string]any{"name": "env-staging", "type": "environment", "properties": map[string]any{"environment": "staging"}},
			map[string]any{"name": "gc", "type": "garbage-collect", "properties": map[string]any{"keepLegacyResource": true}},
		},
		"workflow": map[string]any{"steps": []any{map[string]any{
			"name": "go", "type": "deploy", "properties": map[string]any{"policies": []any{"env-staging"}},
		}}},
	}
}

// TestApplicationLifecycle creates, reads, changes, imports and destroys an
// application, with an empty plan after each step.
func TestApplicationLifecycle(t *testing.T) {
	plane := sharedHub(t)
	full := withProvider(plane, application("lifecycle", fullApplication))
	minimal := withProvider(plane, application("lifecycle", web("nginx:1")))
	changed := withProvider(plane, application("lifecycle", web("nginx:3")))
	revision := statecheck.CompareValue(compare.ValuesDiffer())
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, plane, "lifecycle"),
		Steps: []resource.TestStep{
			{
				Config: full,
				Check: resource.ComposeAggregateTestCheckFunc(
					applicationIs(t, plane, "lifecycle", fullApplicationSpec()),
					annotated(t, plane, "lifecycle", map[string]string{
						v1beta1.AnnotationControllerRequirement: "fairlead", v1alpha1.AnnotationOwner: "acctest", "example.com/contact": "#shop",
					}),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(thisApplication, tfjsonpath.New("id"), knownvalue.StringExact("default/lifecycle")),
					statecheck.ExpectKnownValue(thisApplication, tfjsonpath.New("revision"), knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{12}$`))),
					revision.AddStateValue(thisApplication, tfjsonpath.New("revision")),
				},
			},
			{Config: full, ConfigPlanChecks: emptyPlan()},
			{ResourceName: thisApplication, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "default/lifecycle", Config: full},
			{
				Config:            minimal,
				Check:             applicationIs(t, plane, "lifecycle", webSpec("nginx:1")),
				ConfigStateChecks: []statecheck.StateCheck{revision.AddStateValue(thisApplication, tfjsonpath.New("revision"))},
			},
			{
				ResourceName: thisApplication, ImportState: true, ImportStateId: "default/lifecycle", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"resources"}, // each import makes a salt of its own
			},
			{
				Config: changed,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
					plancheck.ExpectUnknownValue(thisApplication, tfjsonpath.New("revision")),
					plancheck.ExpectKnownValue(thisApplication, tfjsonpath.New("id"), knownvalue.StringExact("default/lifecycle")),
				}},
				Check:             applicationIs(t, plane, "lifecycle", webSpec("nginx:3")),
				ConfigStateChecks: []statecheck.StateCheck{revision.AddStateValue(thisApplication, tfjsonpath.New("revision"))},
			},
		},
	})
}

// webSpec is the spec that web writes.
func webSpec(image string) map[string]any {
	return map[string]any{"components": []any{map[string]any{"name": "web", "type": "webservice", "properties": map[string]any{"image": image}}}}
}

// TestApplicationPlansNothingForWhatMeansTheSame edits a configuration in ways
// that change nothing for the hub.
func TestApplicationPlansNothingForWhatMeansTheSame(t *testing.T) {
	plane := sharedHub(t)
	config := func(components string) string {
		return withProvider(plane, application("same", "components = { web = "+components+" }"))
	}
	steps := []resource.TestStep{{Config: config(
		`{ type = "webservice", properties = { image = "nginx:1", cmd = ["a", "b"], ports = [{ port = 80 }] }, traits = { scaler = { replicas = 2 } } }`)}}
	for _, edited := range []string{
		`{ type = "webservice", properties = { image = "nginx:1", cmd = tolist(["a", "b"]), ports = [{ port = 80 }] }, traits = { scaler = { replicas = 2 } } }`,
		`{ type = "webservice", properties = { image = "nginx:1", cmd = ["a", "b"], ports = [{ port = 80.0 }], cpu = null }, traits = { scaler = { replicas = 2 } } }`,
		`{ type = "webservice", properties = { image = "nginx:1", cmd = ["a", "b"], ports = [{ port = "80" }] }, traits = tomap({ scaler = { replicas = "2" } }) }`,
		`{ type = "webservice", properties = { image = "nginx:1", cmd = ["a", "b"], ports = [{ port = 80 }] }, traits = [{ type = "scaler", properties = { replicas = 2 } }], dependsOn = null }`,
		`merge({ type = "webservice" }, { properties = { image = "nginx:1", cmd = [for c in ["a", "b"] : c], ports = [{ port = 80 }] }, traits = { scaler = { replicas = 2 } } })`,
	} {
		steps = append(steps, resource.TestStep{Config: config(edited), ConfigPlanChecks: emptyPlan()})
	}
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: providerFactories(), Steps: steps})
}

// TestApplicationConvertsStrings checks that strings which conditional
// expressions and maps make of numbers are written as numbers, and stay as they
// are in the state.
func TestApplicationConvertsStrings(t *testing.T) {
	plane := sharedHub(t)
	config := withProvider(plane, application("strings", `components = { web = {
    type       = "webservice"
    properties = true ? { image = "nginx:1", port = 8080, addRevisionLabel = false } : {}
    traits     = { scaler = tomap({ replicas = "3" }) }
  } }`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config,
				Check: applicationIs(t, plane, "strings", map[string]any{"components": []any{map[string]any{
					"name": "web", "type": "webservice",
					"properties": map[string]any{"image": "nginx:1", "port": int64(8080), "addRevisionLabel": false},
					"traits":     []any{map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(3)}}},
				}}}),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(thisApplication, tfjsonpath.New("components").AtMapKey("web").AtMapKey("properties").AtMapKey("port"), knownvalue.StringExact("8080")),
				},
			},
			{Config: config, ConfigPlanChecks: emptyPlan()},
			{ResourceName: thisApplication, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "default/strings", Config: config},
		},
	})
}

// TestApplicationUnknownLeaf plans an application with a value that is known only
// after apply: only that leaf is unknown, and one apply is enough.
func TestApplicationUnknownLeaf(t *testing.T) {
	plane := sharedHub(t)
	config := func(input string) string {
		return withProvider(plane, fmt.Sprintf("resource \"terraform_data\" \"db\" {\n  input = %q\n}\n", input)+
			application("unknown", `components = {
    web = { type = "webservice", properties = { image = "nginx:1", env = [{ name = "DB", value = terraform_data.db.output }] } }
    api = { type = "webservice", properties = { image = terraform_data.db.output == "x" ? "a" : "b" } }
  }`))
	}
	// A path must not be extended twice: both would share their last step.
	env := func() tfjsonpath.Path {
		return tfjsonpath.New("components").AtMapKey("web").AtMapKey("properties").AtMapKey("env").AtSliceIndex(0)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config("db-1"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(thisApplication, env().AtMapKey("value")),
					plancheck.ExpectKnownValue(thisApplication, env().AtMapKey("name"), knownvalue.StringExact("DB")),
					plancheck.ExpectKnownValue(thisApplication, tfjsonpath.New("id"), knownvalue.StringExact("default/unknown")),
				}},
			},
			{Config: config("db-1"), ConfigPlanChecks: emptyPlan()},
			{
				Config: config("db-2"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
					plancheck.ExpectUnknownValue(thisApplication, env().AtMapKey("value")),
					plancheck.ExpectUnknownValue(thisApplication, tfjsonpath.New("revision")),
				}},
			},
			{Config: config("db-2"), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestApplicationDrift checks that an edit by hand is shown and undone, that an
// application deleted by hand comes back, and that what others add is theirs.
func TestApplicationDrift(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane).Resource(applications).Namespace("default")
	config := withProvider(plane, application("drift", web("nginx:1")+"\nlabels = { team = \"shop\" }"))
	patch := func(manager, body string) func() {
		return func() {
			_, err := objects.Patch(t.Context(), "drift", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: manager})
			if err != nil {
				t.Fatalf("patch as %s: %v", manager, err)
			}
		}
	}
	image := `{"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"nginx:9"}}]}}`
	update := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate)}}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: patch("policy-engine", `{"metadata":{"labels":{"cost-center":"7"},"annotations":{"example.com/scanned":"yes"}}}`),
				Config:    config, ConfigPlanChecks: emptyPlan(),
			},
			{
				PreConfig: patch("kubectl-edit", image),
				Config:    config, ConfigPlanChecks: update,
				Check: applicationIs(t, plane, "drift", webSpec("nginx:1")),
			},
			{
				PreConfig: patch("kubectl-label", `{"metadata":{"labels":{"team":"other"}}}`),
				Config:    config, ConfigPlanChecks: update,
			},
			{
				PreConfig: patch("argocd-controller", image),
				Config:    config, ExpectError: regexp.MustCompile(`(?s)argocd-controller: spec\.components`),
			},
			{
				PreConfig: func() {
					if err := objects.Delete(t.Context(), "drift", metav1.DeleteOptions{}); err != nil {
						t.Fatalf("delete the application: %v", err)
					}
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionCreate),
				}},
			},
		},
	})
}

// foreignApplication is an application that another tool wrote.
func foreignApplication(name string, annotations map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"team": "shop"}, "annotations": annotations},
		"spec": map[string]any{
			"components": []any{
				map[string]any{"name": "web", "type": "webservice", "properties": map[string]any{"image": "nginx:1", "cpu": "0.5"},
					"traits": []any{
						map[string]any{"type": "scaler", "properties": map[string]any{"replicas": int64(2)}},
						map[string]any{"type": "labels", "properties": map[string]any{"a": "b"}},
					}},
				map[string]any{"name": "api", "type": "webservice", "properties": map[string]any{"image": "nginx:1"},
					"traits": []any{map[string]any{"type": "scaler"}}},
			},
			"policies": []any{
				map[string]any{"name": "env-prod", "type": "environment", "properties": map[string]any{"environment": "prod"}},
			},
		},
	}}
}

// TestApplicationExists checks what becomes of an application that has the name already.
func TestApplicationExists(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	create(t, objects, applications, "default", foreignApplication("exists-foreign", nil))
	create(t, objects, applications, "default", foreignApplication("exists-other", map[string]any{v1alpha1.AnnotationOwner: "another-workspace"}))
	create(t, objects, applications, "default", foreignApplication("exists-ours", map[string]any{v1alpha1.AnnotationOwner: "acctest"}))
	config := func(name, more string) string {
		return withProvider(plane, application(name, web("nginx:1")+"\n"+more))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("exists-foreign", ""), ExpectError: regexp.MustCompile(`(?s)Application exists already.*to = fairlead_application.exists_foreign.*id = "default/exists-foreign"`)},
			{Config: config("exists-other", ""), ExpectError: regexp.MustCompile(`(?s)its owner\s+is\s+"another-workspace"`)},
			{Config: config("exists-ours", ""), Check: applicationIs(t, plane, "exists-ours", webSpec("nginx:1"))},
			{Config: config("exists-foreign", "adopt_existing = true"), Check: applicationIs(t, plane, "exists-foreign", webSpec("nginx:1"))},
			{Config: config("exists-foreign", ""), Check: applicationIs(t, plane, "exists-foreign", webSpec("nginx:1"))},
		},
	})
}

// TestApplicationImportsWhatAnotherToolWrote imports an application as kubectl
// wrote it: the first plan of the same in HCL is empty, and a change applies.
func TestApplicationImportsWhatAnotherToolWrote(t *testing.T) {
	plane := sharedHub(t)
	create(t, hubObjects(t, plane), applications, "default", foreignApplication("import-foreign", map[string]any{
		"kubectl.kubernetes.io/last-applied-configuration": "{}", "example.com/contact": "#shop",
	}))
	imports := "import {\n  to = fairlead_application.this\n  id = \"default/import-foreign\"\n}\n"
	config := func(image string) string {
		return withProvider(plane, imports+application("import-foreign", `
  adopt_existing = null
  labels         = { team = "shop" }
  annotations    = { "example.com/contact" = "#shop" }
  environments   = ["prod"]
  components = {
    api = { type = "webservice", properties = { image = "nginx:1" }, traits = { scaler = {} } }
    web = {
      type       = "webservice"
      properties = { image = "`+image+`", cpu = "0.5" }
      traits     = [{ type = "scaler", properties = { replicas = 2 } }, { type = "labels", properties = { a = "b" } }]
    }
  }`))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config("nginx:1"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionNoop),
				}},
			},
			{
				Config: config("nginx:2"),
				Check: func(*terraform.State) error {
					live, err := hubObjects(t, plane).Resource(applications).Namespace("default").Get(t.Context(), "import-foreign", metav1.GetOptions{})
					if err != nil {
						return err
					}
					components, _, _ := unstructured.NestedSlice(live.Object, "spec", "components")
					text := fmt.Sprint(components)
					if !strings.Contains(text, "image:nginx:2") || strings.Index(text, "name:api") > strings.Index(text, "name:web") {
						return fmt.Errorf("the components were not written: %s", text)
					}
					return nil
				},
			},
		},
	})
}

// TestApplicationFinalizer checks that a destroy that hangs names what holds it.
func TestApplicationFinalizer(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane).Resource(applications).Namespace("default")
	config := withProvider(plane, application("held", web("nginx:1")+"\ntimeouts = { delete = \"15s\" }"))
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
				ExpectError: regexp.MustCompile(`(?s)Application is not gone yet.*finalizer fairlead.dev/delivery: the addon removes it.*finalizer example.com/backup: another.*kubectl -n default get`),
			},
			{
				PreConfig: func() { setFinalizers(`{"metadata":{"finalizers":null}}`) },
				Config:    config,
			},
		},
	})
}

// TestApplicationReplacedByItself replaces an application, before and after its
// old instance is destroyed. The object has the same name and must be there afterwards.
func TestApplicationReplacedByItself(t *testing.T) {
	plane := sharedHub(t)
	for _, lifecycle := range []string{"", "lifecycle {\n    create_before_destroy = true\n  }"} {
		config := withProvider(plane, application("replaced", web("nginx:1")+"\n"+lifecycle))
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: providerFactories(),
			CheckDestroy:             applicationAbsent(t, plane, "replaced"),
			Steps: []resource.TestStep{
				{Config: config},
				{Config: config, Taint: []string{thisApplication}, Check: applicationIs(t, plane, "replaced", webSpec("nginx:1"))},
				{Config: config, ConfigPlanChecks: emptyPlan()},
			},
		})
	}
}

// TestApplicationWaitsForItsNamespace creates an application beside the
// environment that creates its namespace, without telling terraform the order.
func TestApplicationWaitsForItsNamespace(t *testing.T) {
	plane := sharedHub(t)
	config := withProvider(plane, `
resource "fairlead_environment" "this" {
  name                   = "late"
  application_namespaces = { names = ["app-late"], create = true }
}
resource "fairlead_application" "this" {
  namespace = "app-late"
  name      = "late"
  `+web("nginx:1")+`
}`)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps:                    []resource.TestStep{{Config: config}, {Config: config, ConfigPlanChecks: emptyPlan()}},
	})
}

// TestApplicationNamespace checks that the provider's namespace is the default,
// and that a change of either makes a new application.
func TestApplicationNamespace(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	for _, name := range []string{"ns-one", "ns-two"} {
		create(t, objects, namespaces, "", &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}})
	}
	config := func(standard string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n  default_namespace = %q\n  default_labels = { origin = \"terraform\" }\n}\n", plane.KubeconfigPath, standard) +
			"resource \"fairlead_application\" \"this\" {\n  name = \"wanderer\"\n  labels = { team = \"shop\" }\n" + web("nginx:1") + "\n}\n"
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config("ns-one"),
				Check: func(*terraform.State) error {
					live, err := objects.Resource(applications).Namespace("ns-one").Get(t.Context(), "wanderer", metav1.GetOptions{})
					if err != nil {
						return err
					}
					if diff := cmp.Diff(map[string]string{"origin": "terraform", "team": "shop"}, live.GetLabels()); diff != "" {
						return fmt.Errorf("labels (-want +got):\n%s", diff)
					}
					return nil
				},
			},
			{Config: config("ns-one"), ConfigPlanChecks: emptyPlan()},
			{ResourceName: thisApplication, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "ns-one/wanderer", Config: config("ns-one")},
			{
				Config: config("ns-two"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(thisApplication, tfjsonpath.New("id"), knownvalue.StringExact("ns-two/wanderer")),
				},
			},
		},
	})
}

// TestApplicationOfForeignType uses a type that is not built in: without a
// definition on the hub nothing is written, with one it is.
func TestApplicationOfForeignType(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	config := withProvider(plane, application("foreign-type", `components = { web = { type = "webservise", properties = { a = 1 } } }`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: wrapped("Unknown type", `components.web.type: no component type "webservise" is built in (did you mean webservice?)`, "in the namespaces default, fairlead-system and vela-system")},
			{
				PreConfig:   func() { create(t, objects, componentDefinitions, "default", anyDefinition("ledger")) },
				Config:      strings.ReplaceAll(config, "webservise", "legder"),
				ExpectError: wrapped("Unknown type", `components.web.type: no component type "legder" is built in (did you mean ledger?)`),
			},
			{
				Config:      strings.ReplaceAll(config, "webservise", "quite-another@v2"),
				ExpectError: wrapped("Unknown type", `no component type "quite-another" is built in; built in are cron-task`, `; the hub has ledger`),
			},
			{
				PreConfig: func() {
					if err := applicationAbsent(t, plane, "foreign-type")(nil); err != nil {
						t.Errorf("something was written: %v", err)
					}
					create(t, objects, componentDefinitions, "default", anyDefinition("webservise"))
				},
				Config: config,
			},
		},
	})
}

// anyDefinition is a definition whose parameters nobody checks here.
func anyDefinition(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "ComponentDefinition", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"workload": map[string]any{"type": "autodetects.core.oam.dev"}},
	}}
}

// TestApplicationWithoutHub plans while the hub is unreachable, refuses the
// credential, or is not known yet: the state stays.
func TestApplicationWithoutHub(t *testing.T) {
	plane := sharedHub(t)
	stranger, err := plane.UserKubeconfig("stranger")
	if err != nil {
		t.Fatal(err)
	}
	body := application("without-hub", web("nginx:1"))
	rest := plane.RESTConfig()
	// The resource stays in all of them, so that plans are empty but for the hub.
	data := fmt.Sprintf("resource \"terraform_data\" \"hub\" {\n  input = %q\n}\n", plane.KubeconfigPath)
	body = data + body
	away := "provider \"fairlead\" {\n  hub = { host = \"https://127.0.0.1:1\", token = \"x\" }\n  owner = \"acctest\"\n}\n"
	refused := fmt.Sprintf("provider \"fairlead\" {\n  hub = { host = %q, token = \"wrong\", cluster_ca_certificate = file(%q) }\n  owner = \"acctest\"\n}\n", rest.Host, plane.CAPath())
	forbidden := fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n  owner = \"acctest\"\n}\n", stranger)
	later := "provider \"fairlead\" {\n  hub = { config_path = terraform_data.hub.output }\n  owner = \"acctest\"\n}\n"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, plane, "without-hub"),
		Steps: []resource.TestStep{
			{Config: away + body, ExpectError: regexp.MustCompile("Hub unreachable")},
			{Config: later + body, Check: applicationIs(t, plane, "without-hub", webSpec("nginx:1"))},
			{Config: away + body, PlanOnly: true},
			{Config: refused + body, PlanOnly: true},
			{Config: forbidden + body, PlanOnly: true},
			{Config: strings.Replace(later+body, "input", "triggers_replace = [\"again\"]\n  input", 1)},
			{Config: strings.Replace(withProvider(plane, body), "input", "triggers_replace = [\"again\"]\n  input", 1), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestApplicationBadInput checks that mistakes are found without a hub, all at
// once, each with its path, what is allowed and what to do.
func TestApplicationBadInput(t *testing.T) {
	provider := "provider \"fairlead\" {\n  hub = { host = \"https://127.0.0.1:1\", token = \"x\" }\n}\n"
	tests := []struct {
		reason, body string
		want         []string
	}{
		{"a misspelt parameter", `components = { web = { type = "webservice", properties = { image = "a", ports = [{ port = 80, prot = "TCP" }] } } }`,
			[]string{`components.web.properties.ports[0].prot:`, `did you mean "port"?`}},
		{"several mistakes at once", `components = { web = { type = "webservice", properties = { imag = "a" }, traits = { scaler = { replicas = "many" } } } }`,
			[]string{"components.web.properties.imag", "components.web.traits.scaler.replicas"}},
		{"a missing image", `components = { web = { type = "webservice" } }`, []string{"components.web.properties.image"}},
		{"a missing type", `components = { web = { properties = {} } }`, []string{"components.web.type: is required"}},
		{"jsonencode", `components = jsonencode({ web = {} })`, []string{"components: must be an object keyed by component name, not a string; write the object itself, without jsonencode()"}},
		{"a list of components", `components = [{ name = "web", type = "webservice" }]`, []string{"not a list; make the name the key"}},
		{"snake case", `components = { web = { type = "webservice", properties = { image = "a" }, depends_on = ["x"] } }`,
			[]string{"components.web.depends_on: is not known here (did you mean dependsOn?)"}},
		{"a trait that is no object", `components = { web = { type = "webservice", properties = { image = "a" }, traits = { scaler = 3 } } }`,
			[]string{"components.web.traits.scaler: must be an object, not a number"}},
		{"a list of traits with a mistake", `components = { web = { type = "webservice", properties = { image = "a" }, traits = [{ type = "scaler", properties = { replica = 3 } }] } }`,
			[]string{"components.web.traits[0].properties.replica"}},
		{"a name that is too long", `components = { ` + strings.Repeat("a", 64) + ` = { type = "webservice", properties = { image = "a" } } }`,
			[]string{"is not a valid name of a component: at most 63 characters"}},
		{"a number beyond 64 bits", `components = { web = { type = "webservice", properties = { image = "a", ports = [{ port = 12345678901234567890 }] } } }`,
			[]string{"components.web.properties.ports[0].port: the number does not fit into 64 bits"}},
		{"an override of a component that does not exist", web("a") + `
  environments = { prod = { components = { wep = { properties = { image = "b" } } } } }`,
			[]string{"environments.prod.components.wep: is no component of this application (did you mean web?)"}},
		{"an override with a mistake", web("a") + `
  environments = { prod = { components = { web = { properties = { imag = "b" } } } } }`,
			[]string{"environments.prod.components.web.properties.imag"}},
		{"an environment twice", web("a") + `
  environments = ["prod", "prod"]`, []string{"environments[1]: names an environment that is in the list already"}},
		{"environments as text", web("a") + `
  environments = "prod"`, []string{"environments: must be a list of names"}},
		{"an annotation of ours", web("a") + `
  annotations = { "fairlead.dev/revision" = "x" }`, []string{"Reserved annotation", "Leave it out"}},
		{"a step without a type", web("a") + `
  workflow = { steps = [{ name = "x" }] }`, []string{"workflow.steps[0].type: is required"}},
		{"a reserved namespace", "namespace = \"kube-system\"\n" + web("a"), []string{`"kube-system" is reserved`}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			body := test.body
			if !strings.Contains(body, "namespace = ") {
				body = "namespace = \"default\"\n" + body
			}
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				Steps: []resource.TestStep{{
					Config:      provider + "resource \"fairlead_application\" \"this\" {\n  name = \"bad\"\n" + body + "\n}",
					PlanOnly:    true,
					ExpectError: wrapped(test.want...),
				}},
			})
		})
	}
}

// wrapped matches texts that follow each other in an error, wherever the engine
// has broken its lines.
func wrapped(texts ...string) *regexp.Regexp {
	patterns := make([]string, 0, len(texts))
	for _, text := range texts {
		words := strings.Fields(text)
		for i, word := range words {
			words[i] = regexp.QuoteMeta(word)
		}
		patterns = append(patterns, strings.Join(words, `\s+`))
	}
	return regexp.MustCompile(`(?s)` + strings.Join(patterns, `.*`))
}

// applicationIs checks the spec of an application in the namespace default.
func applicationIs(t *testing.T, plane *cluster.ControlPlane, name string, want map[string]any) resource.TestCheckFunc {
	t.Helper()
	objects := hubObjects(t, plane)
	return func(*terraform.State) error {
		live, err := objects.Resource(applications).Namespace("default").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, live.Object["spec"]); diff != "" {
			return fmt.Errorf("spec of %s (-want +got):\n%s", name, diff)
		}
		return nil
	}
}

// annotated checks that an application in the namespace default has annotations,
// and that its revision is the one in the state.
func annotated(t *testing.T, plane *cluster.ControlPlane, name string, want map[string]string) resource.TestCheckFunc {
	t.Helper()
	objects := hubObjects(t, plane)
	return func(state *terraform.State) error {
		live, err := objects.Resource(applications).Namespace("default").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		got := live.GetAnnotations()
		for key, value := range want {
			if got[key] != value {
				return fmt.Errorf("annotation %s: got %q, want %q", key, got[key], value)
			}
		}
		stored := state.RootModule().Resources[thisApplication].Primary.Attributes["revision"]
		if got[v1alpha1.AnnotationRevision] != stored {
			return fmt.Errorf("revision: the hub has %q, the state %q", got[v1alpha1.AnnotationRevision], stored)
		}
		return nil
	}
}

// applicationAbsent checks that an application in the namespace default is gone.
func applicationAbsent(t *testing.T, plane *cluster.ControlPlane, name string) resource.TestCheckFunc {
	t.Helper()
	objects := hubObjects(t, plane)
	return func(*terraform.State) error {
		_, err := objects.Resource(applications).Namespace("default").Get(context.Background(), name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("application %s is still there (error: %w)", name, err)
	}
}

// TestApplicationLeftByAKilledApply forgets an application, as an apply that is
// killed between the write and the state does. The next apply takes it over if
// it is what would be written; without an owner nothing else proves whose it is.
func TestApplicationLeftByAKilledApply(t *testing.T) {
	plane := sharedHub(t)
	provider := fmt.Sprintf("provider \"fairlead\" {\n  hub = { config_path = %q }\n}\n", plane.KubeconfigPath)
	config := func(image string) string { return provider + application("killed", web(image)) }
	forget := provider + "removed {\n  from = fairlead_application.this\n  lifecycle {\n    destroy = false\n  }\n}\n"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, plane, "killed"),
		Steps: []resource.TestStep{
			{Config: config("nginx:1")},
			{Config: forget},
			{Config: config("nginx:2"), ExpectError: wrapped("Application exists already", "it was written by terraform-provider-fairlead")},
			{Config: config("nginx:1")},
			{Config: config("nginx:1"), ConfigPlanChecks: emptyPlan()},
		},
	})
}
