// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestMistakesOnTheFleet makes the mistakes that only the hub can see. Each is an error that names the field, what is allowed
// and what to do; nothing is half delivered, and the next correct apply goes through with the same state.
func TestMistakesOnTheFleet(t *testing.T) {
	f := sharedFleet(t)
	tests := []struct {
		reason  string
		mistake func(configuration string) string
		// says is what the error must say, in that order.
		says []string
		// condition is where the platform team sees it: a kind, its name, and the reason of Stalled.
		condition func(*testing.T, string)
	}{
		{
			reason:  "a cluster that does not exist",
			mistake: replacing(`placement   = { cluster_sets = ["default"] }`, `clusters = ["cluster1", "eu-1"]`),
			says: []string{"ClusterNotFound", `-prod": spec.clusters[1]: there is no ManagedCluster "eu-1"`,
				"correct the name, or join the cluster to the hub"},
			condition: func(t *testing.T, name string) {
				f.hasCondition(t, bindings, name+"-prod", v1alpha1.ConditionStalled, "True", "ClusterNotFound")
			},
		},
		{
			reason:  "an environment that does not admit the namespace",
			mistake: replacingLast(`application_namespaces = { names = ["NAME"], create = true }`, `application_namespaces = { names = ["other"], create = true }`),
			says:    []string{"NamespaceNotAdmitted", `-prod" does not admit`, "spec.applicationNamespaces"},
		},
		{
			reason:  "an environment that does not exist",
			mistake: replacing(`["NAME-dev", "NAME-prod"]`, `["NAME-dev", "NAME-pord"]`),
			says:    []string{"EnvironmentNotFound", "-pord"},
		},
		{
			reason:  "a cluster set that holds no cluster",
			mistake: replacing(`cluster_sets = ["default"]`, `cluster_sets = ["default"], match_labels = { region = "nowhere" }`),
			says:    []string{"Stopped waiting after", "-prod selects no cluster now: check its selectors against the labels of the ManagedClusters"},
			condition: func(t *testing.T, name string) {
				f.hasCondition(t, bindings, name+"-prod", v1alpha1.ConditionReconciling, "True", "NoClusterBound")
			},
		},
	}
	for i, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := shop{name: fmt.Sprintf("mistake-%d", i), image: "nginx:1"}
			mistaken := strings.ReplaceAll(test.mistake(strings.ReplaceAll(s.whole(f), s.name, "NAME")), "NAME", s.name)
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				CheckDestroy:             f.leavesNothing(t),
				Steps: []resource.TestStep{
					{Config: strings.ReplaceAll(mistaken, `"3m"`, `"30s"`), ExpectError: wrapped(test.says...)},
					{
						PreConfig: func() {
							if test.condition != nil {
								test.condition(t, s.name)
							}
						},
						Config: s.whole(f),
						Check:  resource.ComposeAggregateTestCheckFunc(s.runs(t, f, s.everywhere()...), untainted),
					},
				},
			})
		})
	}
}

// replacing returns a change of a configuration.
func replacing(old, replacement string) func(string) string {
	return func(configuration string) string { return strings.ReplaceAll(configuration, old, replacement) }
}

// replacingLast changes only where the text occurs last.
func replacingLast(old, replacement string) func(string) string {
	return func(configuration string) string {
		i := strings.LastIndex(configuration, old)
		return configuration[:i] + replacement + configuration[i+len(old):]
	}
}

// TestMistakesAtPlan makes mistakes in a configuration that is applied already: the plan fails, what runs is not touched, and
// neither is the state.
func TestMistakesAtPlan(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "planned", image: "nginx:1"}
	var written *audit
	steps := []resource.TestStep{{Config: s.whole(f), Check: s.runs(t, f, s.everywhere()...)}}
	for _, test := range []struct{ old, replacement, want string }{
		{"image =", "imagee =", `(?s)components\.web\.properties\.imagee.*did you mean.*image`},
		{"port = 9898", "prot = 9898", `(?s)components\.web\.properties\.ports\[0\]\.prot.*did you mean.*port`},
		{"scaler = { replicas = 2 }", `scaler = { replicas = "many" }`, `(?s)components\.web\.traits\.scaler\.replicas.*int`},
		{`image = "nginx:1"`, "", `(?s)components\.web\.properties\.image.*requires.*set\s+it`},
		{`namespace    = "planned"`, `namespace = "kube-system"`, `(?s)"kube-system".*reserved`},
		{`components = {`, `components = { api = { type = "webservise", properties = {} }`, `(?s)components\.api\.type.*webservice`},
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				if written == nil {
					written = f.auditFromNow(t)
				}
			},
			Config:      strings.Replace(s.whole(f), test.old, test.replacement, 1),
			ExpectError: regexp.MustCompile(test.want),
		})
	}
	steps = append(steps, resource.TestStep{
		Config:           s.whole(f),
		ConfigPlanChecks: emptyPlan(),
		Check: resource.ComposeAggregateTestCheckFunc(untainted, func(*terraform.State) error {
			for _, event := range written.ofProvider(t) {
				// A dry run writes nothing.
				if event.isWrite() && !strings.Contains(event.RequestURI, "dryRun=All") && event.ObjectRef.Resource == "applications" && event.ObjectRef.Name == s.name {
					return fmt.Errorf("a plan that failed wrote: %s", event)
				}
			}
			return nil
		}),
	})
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: providerFactories(), Steps: steps})
}

// TestHubIsAwayOrRefuses changes an application while the hub cannot be reached and with a credential that it refuses: both
// are errors, nothing changes, and the state is as good as before.
func TestHubIsAwayOrRefuses(t *testing.T) {
	f := sharedFleet(t)
	s, changed := shop{name: "refused", image: "nginx:1"}, shop{name: "refused", image: "nginx:2"}
	hub := fmt.Sprintf("hub   = { config_path = %q }", f.env.Hub().KubeconfigPath)
	with := func(s shop, provider string) string { return strings.Replace(s.whole(f), hub, provider, 1) }
	wrong := fmt.Sprintf("hub = { host = %q, cluster_ca_certificate = file(%q), token = \"wrong\" }", f.env.Hub().URL(), f.env.Hub().CAPath())
	untouched := func() { mustBe(t, s.runs(t, f, s.everywhere()...)) }
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: s.whole(f), Check: s.runs(t, f, s.everywhere()...)},
			{Config: with(changed, `hub = { host = "https://127.0.0.1:1", token = "t" }`), ExpectError: regexp.MustCompile(`(?s)Hub unreachable.*127\.0\.0\.1:1`)},
			{PreConfig: untouched, Config: with(changed, wrong), ExpectError: regexp.MustCompile(`(?s)Hub refused the credential.*401`)},
			{PreConfig: untouched, Config: s.whole(f), ConfigPlanChecks: emptyPlan()},
			{
				Config: changed.whole(f),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
				}},
				Check: changed.runs(t, f, changed.everywhere()...),
			},
		},
	})
}

// TestMistakesByKubectl applies what terraform would have refused: the addon says what is wrong and delivers nothing.
func TestMistakesByKubectl(t *testing.T) {
	f := sharedFleet(t)
	const webservice = `{"name": "web", "type": "webservice", "properties": {"image": "nginx:1"}}`
	tests := []struct {
		reason, name, components, policies string
		// stalled is the reason of the condition, says what its message holds.
		stalled string
		says    []string
	}{
		{"an unknown type", "unknown-type", `{"name": "web", "type": "webservise", "properties": {"image": "a"}}`, "",
			"UnknownType", []string{"spec.components[0].type", "webservise", "webservice"}},
		{"a missing image", "no-image", `{"name": "web", "type": "webservice"}`, "",
			"InvalidParameters", []string{"spec.components[0].properties.image"}},
		{"a wrong type", "wrong-type", `{"name": "web", "type": "webservice", "properties": {"image": "a", "ports": [{"port": "http"}]}}`, "",
			"InvalidParameters", []string{"spec.components[0].properties.ports[0].port"}},
		{"an environment that does not exist", "no-env", webservice, `{"name": "e", "type": "environment", "properties": {"environment": "nowhere"}}`,
			"EnvironmentNotFound", []string{"nowhere"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			app := object(fmt.Sprintf(`{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": %q},
				"spec": {"components": [%s], "policies": [%s]}}`, test.name, test.components, test.policies))
			create(t, hubObjects(t, f.env.Hub()), applications, "default", app)
			var message string
			eventually(t, patience, "the application to be stalled", func() error {
				stalled := conditionOf(f.get(t, v1alpha1.LocalCluster, applications, "default", test.name), v1alpha1.ConditionStalled)
				if stalled["status"] != "True" || stalled["reason"] != test.stalled {
					return fmt.Errorf("condition Stalled is %v, want True with reason %s", stalled, test.stalled)
				}
				message = fmt.Sprint(stalled["message"])
				return nil
			})
			for _, text := range test.says {
				if !strings.Contains(message, text) {
					t.Errorf("the message lacks %q: %s", text, message)
				}
			}
			list, err := f.on(t, v1alpha1.LocalCluster, deployments).Namespace("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app.oam.dev/name=" + test.name})
			if err != nil || len(list.Items) > 0 {
				t.Errorf("%d Deployments were delivered (error: %v)", len(list.Items), err)
			}
		})
	}
}
