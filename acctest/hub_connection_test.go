// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"k8s.io/client-go/tools/clientcmd"
)

// oneEnvironment is a configuration with an environment of that name.
func oneEnvironment(provider, name string) string {
	return fmt.Sprintf("provider \"fairlead\" {\n  owner = \"acctest\"\n  %s\n}\nresource \"fairlead_environment\" \"this\" {\n  name = %q\n}\n", provider, name)
}

// TestCredentialFamilies checks that each family of credentials reaches the hub.
func TestCredentialFamilies(t *testing.T) {
	plane := sharedHub(t)
	content, err := os.ReadFile(plane.KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	config := plane.RESTConfig()
	account, err := plane.ServiceAccountKubeconfig(t.Context(), "default", "default", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := clientcmd.BuildConfigFromFlags("", account)
	if err != nil {
		t.Fatal(err)
	}
	tokenPath := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenPath, []byte(loaded.BearerToken), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := base64.StdEncoding.EncodeToString(config.CAData)
	tests := []struct {
		name, hub, want string
	}{
		{"config_path", fmt.Sprintf("config_path = %q", plane.KubeconfigPath), ""},
		{"config_paths", fmt.Sprintf("config_paths = [%q]", plane.KubeconfigPath), ""},
		{"kubeconfig", fmt.Sprintf("kubeconfig = base64decode(%q)", base64.StdEncoding.EncodeToString(content)), ""},
		{"certificate", fmt.Sprintf("host = %q, cluster_ca_certificate = %q, client_certificate = %q, client_key = %q", config.Host, ca,
			base64.StdEncoding.EncodeToString(config.CertData), base64.StdEncoding.EncodeToString(config.KeyData)), ""},
		// The account is known to the hub and has no rights on environments: it must get as far as that.
		{"token", fmt.Sprintf("host = %q, cluster_ca_certificate = %q, token = %q", config.Host, ca, loaded.BearerToken), "Not allowed on the hub"},
		{"token_path", fmt.Sprintf("host = %q, cluster_ca_certificate = %q, token_path = %q", config.Host, ca, tokenPath), "Not allowed on the hub"},
		{"wrong-token", fmt.Sprintf("host = %q, cluster_ca_certificate = %q, token = \"wrong\"", config.Host, ca), "(?s)Hub refused the credential.*401"},
		{"no-authority", fmt.Sprintf("host = %q, token = \"wrong\"", config.Host), "(?s)Hub certificate not trusted.*authority"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step := resource.TestStep{Config: oneEnvironment("hub = { "+test.hub+" }", "family-"+strings.ReplaceAll(test.name, "_", "-"))}
			if test.want != "" {
				step.ExpectError = regexp.MustCompile(test.want)
			}
			resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: providerFactories(), Steps: []resource.TestStep{step}})
		})
	}
}

// TestUnknownHub checks that a first plan whose hub is known only after apply
// works, and that one apply makes everything.
func TestUnknownHub(t *testing.T) {
	plane := sharedHub(t)
	config := func(input, name string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"hub\" {\n  input = %q\n}\n", input) + oneEnvironment("hub = { config_path = terraform_data.hub.output }", name)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config(plane.KubeconfigPath, "unknown-hub"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionCreate),
				}},
			},
			{Config: config(plane.KubeconfigPath, "unknown-hub"), ConfigPlanChecks: emptyPlan()},
			{
				// The hub is replaced in the same plan: nothing is asked, the state stays.
				Config: config(copyOf(t, plane.KubeconfigPath), "unknown-hub"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionNoop),
				}},
			},
		},
	})
}

// copyOf copies a file, so that the same hub has another path.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(target, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return target
}

// TestUnreachableHub checks that the state outlives a hub that is away, that
// nothing is planned because of it, and that a change fails cleanly.
func TestUnreachableHub(t *testing.T) {
	plane := sharedHub(t)
	up := fmt.Sprintf("hub = { config_path = %q }", plane.KubeconfigPath)
	down := "hub = { host = \"https://127.0.0.1:1\", token = \"t\" }"
	changed := func(provider string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  owner = \"acctest\"\n  %s\n}\nresource \"fairlead_environment\" \"this\" {\n  name = \"unreachable\"\n  after = [\"dev\"]\n}\n", provider)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: oneEnvironment(up, "unreachable")},
			{Config: oneEnvironment(down, "unreachable"), ConfigPlanChecks: emptyPlan()},
			{Config: changed(down), ExpectError: regexp.MustCompile(`(?s)Hub unreachable.*127\.0\.0\.1:1.*connection refused`)},
			{Config: oneEnvironment(up, "unreachable"), ConfigPlanChecks: emptyPlan()},
			{Config: changed(up)},
		},
	})
}

// TestNoHub checks what is said when nothing names a hub.
func TestNoHub(t *testing.T) {
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config:      oneEnvironment("", "nowhere"),
			ExpectError: regexp.MustCompile(`(?s)No hub configured.*FAIRLEAD_CONFIG_PATH.*KUBE_CONFIG_PATH`),
		}},
	})
}
