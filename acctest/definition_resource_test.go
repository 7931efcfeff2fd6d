// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

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
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// traitDefinitions are trait types.
var traitDefinitions = v1beta1.GroupVersion.WithResource("traitdefinitions")

// thisDefinition is the address of the definition in these configurations.
const thisDefinition = "fairlead_definition.this"

// definitionFile is a component type as a CUE file; %[1]s is its name, %[2]s what its objects say.
const definitionFile = `
resource "fairlead_definition" "this" {
  %[3]s
  cue = <<-CUE
    import "strings"

    "%[1]s": {
    	type:        "component"
    	description: "Says something."
    	labels: stage: "beta"
    	attributes: workload: definition: {apiVersion: "v1", kind: "ConfigMap"}
    }
    template: {
    	parameter: {
    		// +usage=What to say
    		say: string
    	}
    	output: {
    		apiVersion: "v1"
    		kind:       "ConfigMap"
    		data: said: strings.ToUpper(parameter.say) + "%[2]s"
    	}
    }
  CUE
}
`

// definitionInAttributes is the same by its attributes.
const definitionInAttributes = `
resource "fairlead_definition" "this" {
  kind        = "component"
  name        = "%[1]s"
  description = "Says something."
  labels      = { "custom.definition.oam.dev/stage" = "beta" }
  workload    = { api_version = "v1", kind = "ConfigMap" }
  template    = <<-CUE
    import "strings"

    parameter: {
    	// +usage=What to say
    	say: string
    }
    output: {
    	apiVersion: "v1"
    	kind:       "ConfigMap"
    	data: said: strings.ToUpper(parameter.say) + "%[2]s"
    }
  CUE
}
`

// TestDefinitionLifecycle creates, reads, imports, changes and destroys a definition while the addon runs, and uses it.
func TestDefinitionLifecycle(t *testing.T) {
	f := sharedFleet(t)
	plane := f.env.Hub()
	file := func(name, says string) string {
		return withProvider(plane, fmt.Sprintf(definitionFile, name, says, ""))
	}
	const use = `
resource "fairlead_application" "this" {
  name       = "speaker"
  namespace  = "default"
  components = { it = { type = fairlead_definition.this.name, properties = { say = "hello" } } }
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
}`
	objects := hubObjects(t, plane)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps: []resource.TestStep{
			{
				Config: file("speaker", ""),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(thisDefinition, tfjsonpath.New("id"), knownvalue.StringExact("component/fairlead-system/speaker")),
					statecheck.ExpectKnownValue(thisDefinition, tfjsonpath.New("kind"), knownvalue.StringExact("component")),
				},
				Check: definitionHas(t, objects, "speaker", "metadata", "labels", "custom.definition.oam.dev/stage")("beta"),
			},
			{Config: file("speaker", ""), ConfigPlanChecks: emptyPlan()},
			{Config: strings.ReplaceAll(file("speaker", ""), "\t\t", "\t\t\t"), ConfigPlanChecks: emptyPlan()},
			{
				ResourceName: thisDefinition, ImportState: true, ImportStateId: "component/fairlead-system/speaker", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"cue", "ref"}, // another layout of the same
			},
			{ResourceName: thisDefinition, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "component/fairlead-system/speaker", Config: file("speaker", "")},
			{Config: file("speaker", "!") + use, Check: saidOnHub(t, objects, "HELLO!")},
			{
				PreConfig: editDefinition(t, objects, "speaker"),
				Config:    file("speaker", "!") + use,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionUpdate),
				}},
			},
			{
				Config: withProvider(plane, fmt.Sprintf(definitionInAttributes, "speaker", "!")) + use,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionUpdate),
				}},
			},
			{Config: withProvider(plane, fmt.Sprintf(definitionInAttributes, "speaker", "!")) + use, ConfigPlanChecks: emptyPlan()},
			{Config: withProvider(plane, fmt.Sprintf(definitionInAttributes, "speaker", "!"))},
			{
				Config: file("talker", "!"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionDestroyBeforeCreate),
				}},
			},
		},
	})
}

// TestDefinitionImportedBesideItsUse imports a definition whose text an application was given before: the import writes it in
// another layout, which is no change of the application, and a definition that is another one is.
func TestDefinitionImportedBesideItsUse(t *testing.T) {
	plane := sharedHub(t)
	config := func(says, given, more string) string {
		return withProvider(plane, fmt.Sprintf(definitionFile, "shouter", says, "namespace = \"default\"\n  wait = false")+more+`
resource "fairlead_application" "this" {
  name        = "shouter"
  namespace   = "default"
  components  = { it = { type = "shouter", properties = { say = "hello" } } }
  definitions = [`+given+`]
}`)
	}
	const ref = "fairlead_definition.this.ref"
	whole := config("", ref, "")
	from, to := strings.Index(whole, "<<-CUE"), strings.Index(whole, "\n  CUE\n")
	text := whole[from : to+len("\n  CUE\n")]
	literal := `{
    kind      = "component"
    name      = "shouter"
    namespace = "default"
    cue       = ` + text + `  }`
	begin, end := strings.Index(whole, `resource "fairlead_definition"`), strings.Index(whole, `resource "fairlead_application"`)
	forgotten := whole[:begin] + "removed {\n  from = fairlead_definition.this\n  lifecycle {\n    destroy = false\n  }\n}\n" + strings.Replace(whole[end:], ref, literal, 1)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: whole},
			{Config: forgotten, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionNoop),
			}}},
			{
				Config: config("", ref, "import {\n  to = fairlead_definition.this\n  id = \"component/default/shouter\"\n}\n"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					// The hub does not know that nobody is to wait.
					plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionNoop),
				}},
			},
			{Config: whole, ConfigPlanChecks: emptyPlan()},
			{Config: config("!", ref, ""), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(thisDefinition, plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
			}}},
			{Config: config("!", ref, ""), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestDefinitionNamedBesideItsText changes a definition whose text is known only after apply to one of another type: with its
// name beside it the apply ends with an error of the provider, and the hub keeps what it has.
func TestDefinitionNamedBesideItsText(t *testing.T) {
	plane := sharedHub(t)
	config := func(name string) string {
		return withProvider(plane, `
resource "terraform_data" "text" {
  input = "`+name+`: {type: \"trait\", description: \"It.\", attributes: {}}\ntemplate: {parameter: {}, patch: {}}"
}
resource "fairlead_definition" "this" {
  kind      = "trait"
  name      = "named"
  namespace = "default"
  cue       = terraform_data.text.output
  wait      = false
}`)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("named"), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(thisDefinition, tfjsonpath.New("id"), knownvalue.StringExact("trait/default/named")),
			}}},
			{Config: config("named"), ConfigPlanChecks: emptyPlan()},
			{Config: config("other"), ExpectError: regexp.MustCompile(`(?s)Another definition.*name:\s+is\s+"named",\s+and\s+cue\s+is\s+the\s+definition\s+of\s+the\s+trait\s+type\s+"other"`)},
			{Config: config("named")},
		},
	})
}

// definitionHas checks a text in an object.
func definitionHas(t *testing.T, objects dynamic.Interface, name string, at ...string) func(want string) resource.TestCheckFunc {
	t.Helper()
	return func(want string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			live, err := objects.Resource(componentDefinitions).Namespace("fairlead-system").Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got := nested[string](live, at...); got != want {
				return fmt.Errorf("%s of %s is %q, want %q", strings.Join(at, "."), name, got, want)
			}
			return nil
		}
	}
}

// saidOnHub checks what a component of the type has made on the hub.
func saidOnHub(t *testing.T, objects dynamic.Interface, want string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		made, err := objects.Resource(configMaps).Namespace("default").Get(t.Context(), "it", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got := nested[string](made, "data", "said"); got != want {
			return fmt.Errorf("it says %q, want %q", got, want)
		}
		return nil
	}
}

// editDefinition edits a definition by hand.
func editDefinition(t *testing.T, objects dynamic.Interface, name string) func() {
	t.Helper()
	return func() {
		patch := []byte(`{"spec":{"schematic":{"cue":{"template":"output: {apiVersion: \"v1\", kind: \"ConfigMap\"}\nparameter: {}"}}}}`)
		_, err := objects.Resource(componentDefinitions).Namespace("fairlead-system").
			Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
		if err != nil {
			t.Fatalf("edit the definition: %v", err)
		}
	}
}

// TestDefinitionRefused checks that a definition that the addon refuses is an error, and that the hub holds afterwards what it
// held before: nothing, or the version that works.
func TestDefinitionRefused(t *testing.T) {
	plane := sharedHub(t)
	judgeDefinitions(t, plane, "judged")
	objects := hubObjects(t, plane).Resource(componentDefinitions).Namespace("default")
	config := func(says string) string {
		return withProvider(plane, fmt.Sprintf(definitionFile, "judged", says, `namespace = "default"`))
	}
	template := func() string {
		live, err := objects.Get(t.Context(), "judged", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return nested[string](live, "spec", "schematic", "cue", "template")
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("FORBIDDEN"), ExpectError: regexp.MustCompile(`(?s)The addon refuses the definition.*says\s+FORBIDDEN.*deleted\s+again`)},
			{
				PreConfig: func() {
					if _, err := objects.Get(t.Context(), "judged", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
						t.Errorf("a definition that was refused is left on the hub (error: %v)", err)
					}
				},
				Config: config("?"),
			},
			{Config: config("FORBIDDEN"), ExpectError: regexp.MustCompile(`(?s)The addon refuses the definition.*version\s+before\s+it\s+again`)},
			{
				PreConfig: func() {
					if strings.Contains(template(), "FORBIDDEN") {
						t.Error("the hub holds the definition that was refused, and not the one before it")
					}
				},
				Config: config("?"), ConfigPlanChecks: emptyPlan(),
			},
			{
				Config: config("FORBIDDEN"), PlanOnly: true, ExpectNonEmptyPlan: true, // the failure is not forgotten
			},
		},
	})
}

// judgeDefinitions judges versions of a definition as the addon does: what contains FORBIDDEN is refused.
func judgeDefinitions(t *testing.T, plane *cluster.ControlPlane, name string) {
	t.Helper()
	objects := hubObjects(t, plane).Resource(componentDefinitions).Namespace("default")
	watcher, err := objects.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range watcher.ResultChan() {
			live, ok := event.Object.(*unstructured.Unstructured)
			if !ok || conditionOf(live, "Ready")["observedGeneration"] == live.GetGeneration() {
				continue
			}
			body, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": verdict(live)}})
			if err != nil {
				t.Errorf("judge: %v", err)
				return
			}
			// It may be gone by now, or there may be a newer version, which is told of too.
			_, _ = objects.Patch(context.WithoutCancel(t.Context()), name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: "judge"}, "status")
		}
	}()
	t.Cleanup(func() {
		watcher.Stop()
		<-done
	})
}

// verdict are the conditions that a definition gets.
func verdict(live *unstructured.Unstructured) []any {
	condition := func(kind, status, reason, message string) map[string]any {
		return map[string]any{"type": kind, "status": status, "reason": reason, "message": message,
			"observedGeneration": live.GetGeneration(), "lastTransitionTime": "2026-01-01T00:00:00Z"}
	}
	if strings.Contains(nested[string](live, "spec", "schematic", "cue", "template"), "FORBIDDEN") {
		return []any{condition("Ready", "False", "CompileFailed", "it says FORBIDDEN"), condition("Stalled", "True", "CompileFailed", "it says FORBIDDEN")}
	}
	return []any{condition("Ready", "True", "Usable", "")}
}

// TestDefinitionOwnership checks whose definition it is, and that nobody waits for an addon that is not there.
func TestDefinitionOwnership(t *testing.T) {
	plane := sharedHub(t)
	foreign := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1beta1.GroupVersion.String(), "kind": "TraitDefinition", "metadata": map[string]any{"name": "owned"},
		"spec": map[string]any{"podDisruptive": true, "schematic": map[string]any{"cue": map[string]any{"template": "parameter: {}\npatch: {}"}}},
	}}
	create(t, hubObjects(t, plane), traitDefinitions, "default", foreign)
	config := func(more string) string {
		return withProvider(plane, `
resource "terraform_data" "template" {
  input = "parameter: {}\npatch: metadata: labels: a: \"b\""
}
resource "fairlead_definition" "this" {
  kind      = "trait"
  name      = "owned"
  namespace = "default"
  template  = terraform_data.template.output
  wait      = false
  `+more+`
}`)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config(""), ExpectError: regexp.MustCompile(`(?s)TraitDefinition exists already.*id = "trait/default/owned"`)},
			{
				Config: config("adopt_existing = true"),
				Check: func(*terraform.State) error {
					live, err := hubObjects(t, plane).Resource(traitDefinitions).Namespace("default").Get(t.Context(), "owned", metav1.GetOptions{})
					if err != nil {
						return err
					}
					if _, left := live.Object["spec"].(map[string]any)["podDisruptive"]; left {
						return fmt.Errorf("what the configuration does not say is left: %v", live.Object["spec"])
					}
					return nil
				},
			},
			{Config: config("adopt_existing = true"), ConfigPlanChecks: emptyPlan()},
		},
	})
}
