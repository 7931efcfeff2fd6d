// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// The policies of admission that these tests add.
var (
	validatingPolicies = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"}
	validatingBindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"}
)

// TestPain06ConflictsNameTheOtherManager changes a field that another tool sets: the error names the tool, the field, and the
// remedy beside force. With the remedy the apply goes on.
func TestPain06ConflictsNameTheOtherManager(t *testing.T) {
	plane := sharedHub(t)
	config := func(more string) string { return withProvider(plane, application("pain06", web("nginx:2")+"\n"+more)) }
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: withProvider(plane, application("pain06", web("nginx:1")))},
			{
				PreConfig: patchApplication(t, plane, "pain06", "flux", setImage("nginx:9")),
				Config:    config(""),
				ExpectError: wrapped("Fields managed by somebody else", `Application "default/pain06"`, "flux: spec.components",
					"Two managers of one field undo each other's work", "adopt_existing = true"),
			},
			{Config: config("adopt_existing = true"), Check: applicationIs(t, plane, "pain06", webSpec("nginx:2"))},
			{Config: config("adopt_existing = true"), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// refuseImage makes the hub refuse an image of applications of the namespace default.
func refuseImage(t *testing.T, plane *cluster.ControlPlane, policy, image string) {
	t.Helper()
	objects := hubObjects(t, plane)
	create(t, objects, validatingPolicies, "", object(fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":%q},
		"spec":{"failurePolicy":"Fail","matchConstraints":{"resourceRules":[{"apiGroups":["core.oam.dev"],"apiVersions":["*"],"operations":["CREATE","UPDATE"],"resources":["applications"]}]},
		"validations":[{"expression":"object.spec.components.all(c, c.?properties.?image.orValue('') != '%s')","messageExpression":"'this image is refused: %s'"}]}}`, policy, image, image)))
	create(t, objects, validatingBindings, "", object(fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":%q},
		"spec":{"policyName":%q,"validationActions":["Deny"]}}`, policy, policy)))
	probe := foreignApplication(policy+"-probe", nil)
	probe.Object["spec"] = webSpec(image)
	eventually(t, patience, "the policy to refuse", func() error {
		_, err := objects.Resource(applications).Namespace("default").Create(t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
			return nil
		}
		return fmt.Errorf("the application was accepted, or failed otherwise: %w", err)
	})
}

// TestPain09FailedWritesStayInThePlan has the hub refuse a create and an update. A failed create is not in the state, a failed
// update leaves the state before it: each time the next plan is the same again, nothing is tainted, and what runs is not made
// anew. The plan does not ask the hub, which would refuse it there.
func TestPain09FailedWritesStayInThePlan(t *testing.T) {
	plane := sharedHub(t)
	refuseImage(t, plane, "pain09", "refused:1")
	config := func(image string) string {
		return withPreview(plane, "offline", application("pain09", web(image)))
	}
	planned := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(thisApplication, action)}}
	}
	var uid types.UID
	uidOf := func(*terraform.State) error {
		live, err := hubObjects(t, plane).Resource(applications).Namespace("default").Get(t.Context(), "pain09", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if uid != "" && live.GetUID() != uid {
			return fmt.Errorf("the application was made anew")
		}
		uid = live.GetUID()
		return nil
	}
	refused := wrapped("Refused by the hub", "this image is refused: (the value of components.web.properties.image)", "Nothing was written")
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("refused:1"), ConfigPlanChecks: planned(plancheck.ResourceActionCreate), ExpectError: refused},
			{Config: config("nginx:1"), ConfigPlanChecks: planned(plancheck.ResourceActionCreate), Check: uidOf},
			{Config: config("refused:1"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), ExpectError: refused},
			{Config: config("refused:1"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), ExpectError: refused},
			{Config: config("nginx:2"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(
				uidOf, untainted, applicationIs(t, plane, "pain09", webSpec("nginx:2")))},
			{Config: config("nginx:2"), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestApplicationImportTakesOver imports an application whose fields a tool set that is no person: the first change takes them
// over, since who imports it manages it from then on. From then on the tool's changes are a conflict.
func TestApplicationImportTakesOver(t *testing.T) {
	plane := sharedHub(t)
	theirs := foreignApplication("taken", nil)
	theirs.Object["spec"] = webSpec("nginx:1")
	theirs.SetLabels(nil)
	if _, err := hubObjects(t, plane).Resource(applications).Namespace("default").Create(t.Context(), theirs, metav1.CreateOptions{FieldManager: "Terraform"}); err != nil {
		t.Fatal(err)
	}
	config := func(image string) string {
		return withProvider(plane, "import {\n  to = fairlead_application.this\n  id = \"default/taken\"\n}\n"+application("taken", web(image)))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("nginx:1")},
			{Config: config("nginx:2"), Check: applicationIs(t, plane, "taken", webSpec("nginx:2"))},
			{
				PreConfig: patchApplication(t, plane, "taken", "Terraform", strings.Replace(setImage("nginx:9"), "replace", "add", 1)),
				Config:    config("nginx:3"), ExpectError: wrapped("Fields managed by somebody else", "Terraform: spec.components"),
			},
			{Config: config("nginx:9"), Check: applicationIs(t, plane, "taken", webSpec("nginx:9"))},
		},
	})
}
