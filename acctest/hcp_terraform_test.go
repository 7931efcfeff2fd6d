// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// runUsers are the users of the two phases of a run, as HCP Terraform makes them:
// the plan may only look.
type runUsers struct {
	plan, apply string
}

// newPhases makes both users.
func newPhases(t *testing.T, plane *cluster.ControlPlane, name string) runUsers {
	t.Helper()
	return runUsers{plan: accountToken(t, plane, name+"-plan", look), apply: accountToken(t, plane, name+"-apply", manage)}
}

// onAnotherAgent moves the workspace to another folder, as for a run whose apply
// is not where its plan was: the configuration, the plan and the state go along.
func (w *workspace) onAnotherAgent(t *testing.T) *workspace {
	t.Helper()
	other := &workspace{dir: filepath.Join(t.TempDir(), "agent"), cli: w.cli}
	if err := os.CopyFS(other.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return other
}

// checkPhases checks that the plan only read, that the apply wrote, and that the
// object names the workspace.
func checkPhases(t *testing.T, plane *cluster.ControlPlane, log *audit, name string) {
	t.Helper()
	writers := map[string]bool{}
	for _, event := range log.ofProvider(t) {
		if event.isWrite() && event.ResponseStatus.Code < http.StatusBadRequest {
			writers[event.User.Username] = true
		}
	}
	if apply := "system:serviceaccount:default:" + name + "-apply"; len(writers) != 1 || !writers[apply] {
		t.Errorf("written by %v, want %s alone", writers, apply)
	}
	live, err := hubObjects(t, plane).Resource(environments).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if owner := live.GetAnnotations()[v1alpha1.AnnotationOwner]; owner != "acme/shop" {
		t.Errorf("owner %q, want the workspace", owner)
	}
}

// TestHCPTerraformWorkspace does what a workspace with dynamic credentials does:
// the configuration says nothing of the hub, plan and apply have tokens of their
// own in KUBE_TOKEN, and the one of the plan has ended when it is applied.
func TestHCPTerraformWorkspace(t *testing.T) {
	plane := sharedHub(t)
	users := newPhases(t, plane, "hcp-variables")
	authority, err := os.ReadFile(plane.CAPath())
	if err != nil {
		t.Fatal(err)
	}
	env := func(token string) []string {
		return []string{"KUBE_HOST=" + plane.URL(), "KUBE_CLUSTER_CA_CERT_DATA=" + string(authority), "KUBE_TOKEN=" + token,
			"TFC_WORKSPACE_SLUG=acme/shop", "TFC_RUN_ID=run-1", "TFC_KUBERNETES_PROVIDER_AUTH=true", "TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE=kubernetes"}
	}
	w := newWorkspace(t, "provider \"fairlead\" {}\nresource \"fairlead_environment\" \"this\" {\n  name = \"hcp-variables\"\n}\n")
	log := auditFromNow(t, plane)
	w.run(t, env(users.plan), "plan", "-out=plan")
	agent := w.onAnotherAgent(t)
	agent.run(t, env(users.apply), "apply", "plan")
	t.Cleanup(func() { agent.run(t, env(users.apply), "destroy", "-auto-approve") })
	agent.run(t, env(users.plan), "plan", "-detailed-exitcode")
	checkPhases(t, plane, log, "hcp-variables")
}

// TestHCPTerraformTokenFile does the same with the file that a workspace with
// several hubs gets. Its path is in the plan; its content is that of the phase.
func TestHCPTerraformTokenFile(t *testing.T) {
	plane := sharedHub(t)
	users := newPhases(t, plane, "hcp-file")
	path := filepath.Join(t.TempDir(), "token")
	phase := func(token string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"TFC_WORKSPACE_SLUG=acme/shop",
		fmt.Sprintf("TF_VAR_tfc_kubernetes_dynamic_credentials={default={token_path=%q},aliases={EU={token_path=%q}}}", filepath.Join(t.TempDir(), "no"), path)}
	w := newWorkspace(t, fmt.Sprintf(`
variable "tfc_kubernetes_dynamic_credentials" {
  type = object({
    default = object({ token_path = string })
    aliases = map(object({ token_path = string }))
  })
}
provider "fairlead" {
  hub = {
    host                   = %q
    cluster_ca_certificate = file(%q)
    token_path             = var.tfc_kubernetes_dynamic_credentials.aliases["EU"].token_path
  }
}
resource "fairlead_environment" "this" {
  name = "hcp-file"
}
`, plane.URL(), plane.CAPath()))
	phase(users.plan)
	log := auditFromNow(t, plane)
	w.run(t, env, "plan", "-out=plan")
	phase("ended")
	if output := w.fails(t, env, "apply", "plan"); !strings.Contains(output, "Hub refused the credential") || !strings.Contains(output, "the token file "+path) {
		t.Errorf("want an error that names the file:\n%s", output)
	}
	phase(users.plan)
	w.run(t, env, "plan", "-out=plan")
	phase(users.apply)
	agent := w.onAnotherAgent(t)
	agent.run(t, env, "apply", "plan")
	t.Cleanup(func() { agent.run(t, env, "destroy", "-auto-approve") })
	phase(users.plan)
	agent.run(t, env, "plan", "-detailed-exitcode")
	checkPhases(t, plane, log, "hcp-file")
	phase(users.apply)
}
