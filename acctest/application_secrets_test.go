// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// secretsAre checks the Secrets of an application in the namespace default: from
// name to keys and values, in base64.
func secretsAre(t *testing.T, plane *cluster.ControlPlane, application string, want map[string]any) resource.TestCheckFunc {
	return func(*terraform.State) error {
		list, err := hubObjects(t, plane).Resource(secrets).Namespace("default").List(t.Context(), metav1.ListOptions{LabelSelector: v1alpha1.LabelSecretOf + "=" + application})
		if err != nil {
			return err
		}
		got := map[string]any{}
		for _, secret := range list.Items {
			got[secret.GetName()] = secret.Object["data"]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("Secrets (-want +got):\n%s", diff)
		}
		return nil
	}
}

// data is the content of a Secret with one password.
func data(password string) map[string]any { return map[string]any{"password": password} }

// TestApplicationSecrets writes, changes, replaces for one environment, and drops
// Secrets of an application.
func TestApplicationSecrets(t *testing.T) {
	plane := sharedHub(t)
	config := func(more string) string {
		return withProvider(plane, application("secretive", web("nginx:1")+"\n"+more))
	}
	one := `secrets_wo = { db = { password = "one" } }`
	two := `secrets_wo = { db = { password = "two", gone = null } }` + "\n" + `environment_secrets_wo = { prod = { db = { password = "three" } } }` + "\n" + `environments = ["prod"]`
	digest := tfjsonpath.New("secrets").AtMapKey("db")
	changes := func(unknown ...tfjsonpath.Path) resource.ConfigPlanChecks {
		checks := []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
			plancheck.ExpectUnknownValue(thisApplication, tfjsonpath.New("revision")),
		}
		for _, path := range unknown {
			checks = append(checks, plancheck.ExpectUnknownValue(thisApplication, path))
		}
		return resource.ConfigPlanChecks{PreApply: checks}
	}
	objects := hubObjects(t, plane).Resource(secrets).Namespace("default")
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(applicationAbsent(t, plane, "secretive"), secretsAre(t, plane, "secretive", map[string]any{})),
		Steps: []resource.TestStep{
			{Config: config(""), ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(thisApplication, tfjsonpath.New("secrets"), knownvalue.Null())}},
			{Config: config(one), ConfigPlanChecks: changes(digest), Check: secretsAre(t, plane, "secretive", map[string]any{"db": data("b25l")})},
			{Config: config(one), ConfigPlanChecks: emptyPlan()},
			{ResourceName: thisApplication, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "default/secretive", Config: config(one)},
			{
				Config: config(two), ConfigPlanChecks: changes(digest, tfjsonpath.New("secrets").AtMapKey("prod/db")),
				Check: secretsAre(t, plane, "secretive", map[string]any{"db": data("dHdv"), "db.prod": data("dGhyZWU=")}),
			},
			{
				PreConfig: func() {
					patch := []byte(`{"data":{"password":"ZWRpdGVk","theirs":"eA=="}}`)
					if _, err := objects.Patch(t.Context(), "db", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(two), ConfigPlanChecks: changes(digest),
				Check: secretsAre(t, plane, "secretive", map[string]any{"db": map[string]any{"password": "dHdv", "theirs": "eA=="}, "db.prod": data("dGhyZWU=")}),
			},
			{
				PreConfig: func() {
					if err := objects.Delete(t.Context(), "db", metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(one), ConfigPlanChecks: changes(digest), Check: secretsAre(t, plane, "secretive", map[string]any{"db": data("b25l")}),
			},
			{Config: config(""), ConfigPlanChecks: changes(), Check: secretsAre(t, plane, "secretive", map[string]any{})},
			{Config: config(one)},
			{
				PreConfig: func() {
					if err := hubObjects(t, plane).Resource(applications).Namespace("default").Delete(t.Context(), "secretive", metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(one), ConfigPlanChecks: changes(),
				Check: resource.ComposeAggregateTestCheckFunc(applicationIs(t, plane, "secretive", webSpec("nginx:1")), secretsAre(t, plane, "secretive", map[string]any{"db": data("b25l")})),
			},
			{Config: config(one), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestApplicationSecretsOfOthers refuses to overwrite a Secret that is not the
// application's, and writes nothing then.
func TestApplicationSecretsOfOthers(t *testing.T) {
	plane := sharedHub(t)
	theirs := object(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"theirs","namespace":"default"},"data":{"password":"eA=="}}`)
	objects := hubObjects(t, plane).Resource(secrets).Namespace("default")
	if _, err := objects.Create(t.Context(), theirs, metav1.CreateOptions{FieldManager: "helm"}); err != nil {
		t.Fatal(err)
	}
	config := withProvider(plane, application("greedy", web("nginx:1")+"\n"+`secrets_wo = { theirs = { password = "C4N4RY" }, mine = { password = "C4N4RY" } }`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: wrapped("Secret exists already", `Secret "theirs" in namespace "default" already, and it was written by helm`)},
			{Config: withProvider(plane, "# nothing"), Check: resource.ComposeAggregateTestCheckFunc(
				applicationAbsent(t, plane, "greedy"), secretsAre(t, plane, "greedy", map[string]any{}))},
		},
	})
}

// TestApplicationSecretsOfALostState imports an application whose state is lost, and has the engine write its configuration: that
// cannot have the values of Secrets, and is no reason to delete them. They are deleted where the configuration says so.
func TestApplicationSecretsOfALostState(t *testing.T) {
	plane := sharedHub(t)
	const one = `secrets_wo = { db = { password = "one" } }`
	kept, none := map[string]any{"db": data("b25l")}, map[string]any{}
	holds := func(when string, want map[string]any) {
		t.Helper()
		if err := secretsAre(t, plane, "lost", want)(nil); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	newWorkspace(t, withProvider(plane, application("lost", web("nginx:1")+"\n"+one))).run(t, nil, "apply", "-auto-approve")

	w := newWorkspace(t, withProvider(plane, "import {\n  to = fairlead_application.this\n  id = \"default/lost\"\n}\n"))
	refused := w.fails(t, nil, "plan", "-generate-config-out=generated.tf")
	if !wrapped("Secrets of an imported application would be deleted", "of: db.", "secrets_wo = {}").MatchString(refused) {
		t.Errorf("the plan of the generated configuration says:\n%s", refused)
	}
	generated, err := os.ReadFile(filepath.Join(w.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	unset := regexp.MustCompile(`(?m)^ *secrets_wo +=.*$`)
	if !unset.Match(generated) {
		t.Fatalf("the generated configuration has no secrets_wo:\n%s", generated)
	}
	w.fails(t, nil, "apply", "-auto-approve")
	holds("with the generated configuration", kept)

	w.put(t, "generated.tf", unset.ReplaceAllString(string(generated), one))
	if printed := w.run(t, nil, "apply", "-auto-approve"); !strings.Contains(printed, "1 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("with the Secrets that the hub has:\n%s", printed)
	}
	w.isSettled(t, "after the import")
	holds("with the Secrets that the hub has", kept)

	w.put(t, "generated.tf", unset.ReplaceAllString(string(generated), "secrets_wo = {}"))
	if printed := oneLine(w.run(t, nil, "apply", "-auto-approve")); !strings.Contains(printed, `Secrets of application "default/lost" are deleted`) {
		t.Errorf("with no Secrets:\n%s", printed)
	}
	w.isSettled(t, "after the Secrets are gone")
	holds("with no Secrets", none)
	w.run(t, nil, "destroy", "-auto-approve")
}

// TestApplicationSecretsOfAnImportDestroyed destroys applications that were imported without their Secrets: an engine begins
// with a plan that would delete only these, which is refused and names the ways on. On each of them the application goes with
// its Secrets.
func TestApplicationSecretsOfAnImportDestroyed(t *testing.T) {
	plane := sharedHub(t)
	for _, test := range []struct {
		reason, name, rest string
		args               []string
	}{
		{"by a destroy that does not refresh", "unrefreshed", web("nginx:1"), []string{"destroy", "-auto-approve", "-refresh=false"}},
		{"by a destroy, with Secrets that the configuration denies", "denied", web("nginx:1") + "\nsecrets_wo = {}", []string{"destroy", "-auto-approve"}},
		{"by an apply without the application", "taken-out", "", []string{"apply", "-auto-approve"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			holds := func(when string, want map[string]any) {
				t.Helper()
				if err := secretsAre(t, plane, test.name, want)(nil); err != nil {
					t.Errorf("%s: %v", when, err)
				}
			}
			imported := withProvider(plane, application(test.name, web("nginx:1")))
			newWorkspace(t, withProvider(plane, application(test.name, web("nginx:1")+"\n"+`secrets_wo = { db = { password = "one" } }`))).
				run(t, nil, "apply", "-auto-approve")
			w := newWorkspace(t, imported)
			w.run(t, nil, "import", thisApplication, "default/"+test.name)
			refused := w.fails(t, nil, "destroy", "-auto-approve")
			if !wrapped("Secrets of an imported application would be deleted", "of: db.", "run the destroy with -refresh=false").MatchString(refused) {
				t.Errorf("the destroy says:\n%s", refused)
			}
			holds("after the destroy that is refused", map[string]any{"db": data("b25l")})

			configuration := withProvider(plane, "# nothing")
			if test.rest != "" {
				configuration = withProvider(plane, application(test.name, test.rest))
			}
			w.write(t, configuration)
			w.run(t, nil, test.args...)
			holds("afterwards", map[string]any{})
			if err := applicationAbsent(t, plane, test.name)(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestApplicationSecretsOfAStalePlan applies a saved plan of a change after somebody edited a Secret of the application, and
// after a value of it became another one: it is carried out as it was shown, and writes the Secret.
func TestApplicationSecretsOfAStalePlan(t *testing.T) {
	plane := sharedHub(t)
	config := func(image string) string {
		return "variable \"password\" {\n  type      = string\n  ephemeral = true\n}\n" +
			withProvider(plane, application("stale", web(image)+"\nsecrets_wo = { db = { password = var.password } }"))
	}
	one, two := []string{"TF_VAR_password=one"}, []string{"TF_VAR_password=two"}
	objects := hubObjects(t, plane).Resource(secrets).Namespace("default")
	holds := func(when, want string) {
		t.Helper()
		if err := secretsAre(t, plane, "stale", map[string]any{"db": data(want)})(nil); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	w := newWorkspace(t, config("nginx:1"))
	w.run(t, one, "apply", "-auto-approve")
	t.Cleanup(func() { w.run(t, one, "destroy", "-auto-approve") })

	w.write(t, config("nginx:2"))
	w.run(t, one, "plan", "-out=edited.tfplan")
	patch := []byte(`{"data":{"password":"ZWRpdGVk"}}`)
	if _, err := objects.Patch(t.Context(), "db", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	w.run(t, one, "apply", "edited.tfplan")
	holds("after the edit", "b25l")

	w.write(t, config("nginx:3"))
	w.run(t, one, "plan", "-out=anew.tfplan")
	w.run(t, two, "apply", "anew.tfplan")
	holds("with another value", "dHdv")
	if printed := w.run(t, two, "plan"); !strings.Contains(printed, "No changes.") {
		t.Errorf("afterwards:\n%s", printed)
	}
}

// TestApplicationSecretsVersion writes Secrets only when their version changes, as
// is needed for values that are new at each run.
func TestApplicationSecretsVersion(t *testing.T) {
	plane := sharedHub(t)
	config := func(value, version, image string) string {
		return withProvider(plane, application("versioned", web(image)+fmt.Sprintf("\nsecrets_wo = { db = { password = %q } }\nsecrets_wo_version = %q", value, version)))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: config("one", "1", "nginx:1")},
			{Config: config("two", "1", "nginx:1"), ConfigPlanChecks: emptyPlan()},
			{Config: config("two", "1", "nginx:2"), Check: secretsAre(t, plane, "versioned", map[string]any{"db": data("b25l")})},
			{Config: config("two", "2", "nginx:2"), Check: secretsAre(t, plane, "versioned", map[string]any{"db": data("dHdv")})},
		},
	})
}
