// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// canaries are the secrets that must not show, by the name of the variable.
func canaries() map[string]any {
	return map[string]any{"everywhere": "C4N4RY-everywhere-8d1f", "prod": "C4N4RY-prod-77aa", "next": "C4N4RY-next-19c0", "refused": "C4N4RY-refused-5e5e"}
}

// needles are the forms in which a canary would show.
func needles() []string {
	var out []string
	for _, canary := range canaries() {
		text := canary.(string)
		out = append(out, text, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	slices.Sort(out)
	return out
}

// shows says which canaries a text shows.
func shows(content []byte) (found []string) {
	for _, needle := range needles() {
		if bytes.Contains(content, []byte(needle)) {
			found = append(found, needle)
		}
	}
	return found
}

// TestPain07SecretsStaySecret delivers an application with secrets to the hub and to managed clusters, changes them, and has
// one refused, while everything is logged. Afterwards the secrets are in Secrets and in the works that carry them to clusters,
// and nowhere else: not in state or plan, in no log, diagnostic, event, condition or other object.
func TestPain07SecretsStaySecret(t *testing.T) {
	f := sharedFleet(t)
	w := newProviderWorkspace(t)
	logPath := filepath.Join(t.TempDir(), "trace.log")
	t.Setenv("TF_LOG", "TRACE")
	t.Setenv("TF_LOG_PATH", logPath)
	config := func(everywhere, more string) string {
		return withProvider(f.env.Hub(), strings.NewReplacer("EVERYWHERE", everywhere, "MORE", more).Replace(secretApplication))
	}
	w.configure(t, config("everywhere", ""), canaries())
	w.must(t, "plan", "-input=false", "-out=first.tfplan")
	w.apply(t)
	f.isSecret(t, v1alpha1.LocalCluster, "pain07", "db", "everywhere")
	f.isSecret(t, "cluster1", "pain07-prod", "db", "prod")
	w.configure(t, config("next", ""), canaries())
	w.must(t, "plan", "-input=false", "-out=second.tfplan")
	w.apply(t)
	f.isSecret(t, v1alpha1.LocalCluster, "pain07", "db", "next")
	f.isSecret(t, "cluster1", "pain07-prod", "db", "prod")
	create(t, hubObjects(t, f.env.Hub()), secrets, "pain07", object(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"theirs"}}`))
	w.configure(t, config("next", `theirs = { password = var.refused }`), canaries())
	if err := w.Run(t.Context(), "apply", "-input=false", "-auto-approve"); err == nil || !strings.Contains(w.out.String(), "Secret exists already") {
		t.Errorf("a Secret of somebody else: %v\n%s", err, w.out)
	}
	for name, content := range map[string][]byte{
		"show -json of the state": w.output(t, "show", "-json"), "show -json of the plan": w.output(t, "show", "-json", "second.tfplan"),
		"what the engine printed": w.out.Bytes(), "the manager's log": []byte(f.manager.log(0)),
	} {
		hidesSecrets(t, name, content)
	}
	filesHideSecrets(t, w.Dir, logPath, filepath.Join(f.env.Dir, "logs"))
	for _, plane := range append([]*cluster.ControlPlane{f.env.Hub()}, f.env.Clusters()...) {
		objectsHideSecrets(t, plane)
	}
	w.configure(t, config("next", ""), canaries())
	w.must(t, "destroy", "-input=false", "-auto-approve")
}

const secretApplication = `
variable "everywhere" {
  type      = string
  ephemeral = true
}
variable "prod" {
  type      = string
  ephemeral = true
}
variable "next" {
  type      = string
  ephemeral = true
}
variable "refused" {
  type      = string
  ephemeral = true
}
resource "fairlead_environment" "home" {
  name                   = "pain07-home"
  application_namespaces = { names = ["pain07"], create = true }
}
resource "fairlead_cluster_binding" "home" {
  name        = "pain07-home"
  environment = fairlead_environment.home.name
  clusters    = ["local"]
}
resource "fairlead_environment" "prod" {
  name                   = "pain07-prod"
  application_namespaces = { names = ["pain07"], create = true }
  target_namespace       = { suffix = "-prod" }
}
resource "fairlead_cluster_binding" "prod" {
  name        = "pain07-prod"
  environment = fairlead_environment.prod.name
  placement   = { cluster_sets = ["default"] }
}
resource "fairlead_application" "this" {
  name         = "pain07"
  namespace    = "pain07"
  environments = ["pain07-home", "pain07-prod"]
  components = {
    web = { type = "webservice", properties = {
      image = "nginx:1"
      env   = [{ name = "PASSWORD", valueFrom = { secretKeyRef = { name = "db", key = "password" } } }]
    } }
    migrate = { type = "webservice", properties = {
      image = "nginx:1"
      env   = [{ name = "PASSWORD", valueFrom = { secretKeyRef = { name = "db", key = "password" } } }]
    } }
  }
  secrets_wo = {
    db = { password = var.EVERYWHERE }
    MORE
  }
  environment_secrets_wo = { pain07-prod = { db = { password = var.prod } } }
  depends_on             = [fairlead_cluster_binding.home, fairlead_cluster_binding.prod]
}
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  timeouts    = { create = "3m", update = "3m" }
}
`

// isSecret checks that a Secret holds a canary.
func (f *fleet) isSecret(t *testing.T, clusterName, namespace, name, canary string) {
	t.Helper()
	live := f.get(t, clusterName, secrets, namespace, name)
	if got := nested[string](live, "data", "password"); got != base64.StdEncoding.EncodeToString([]byte(canaries()[canary].(string))) {
		t.Errorf("Secret %s/%s on %s does not hold %q", namespace, name, clusterName, canary)
	}
}

// hidesSecrets fails when a content shows a canary.
func hidesSecrets(t *testing.T, what string, content []byte) {
	t.Helper()
	if len(content) == 0 {
		t.Errorf("%s is empty", what)
	}
	for _, needle := range shows(content) {
		t.Errorf("%s shows %s", what, needle)
	}
}

// filesHideSecrets searches files, and what archives hold. The variables of the configuration are where the secrets come from.
func filesHideSecrets(t *testing.T, paths ...string) {
	t.Helper()
	searched := 0
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || entry.Name() == "terraform.tfvars.json" {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			searched++
			if filepath.Ext(path) == ".tfplan" {
				return archiveHidesSecrets(t, path, content)
			}
			for _, needle := range shows(content) {
				t.Errorf("%s shows %s", path, needle)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if searched < 4 {
		t.Errorf("searched %d files only", searched)
	}
}

func archiveHidesSecrets(t *testing.T, path string, content []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		for _, needle := range shows(content) {
			t.Errorf("%s in %s shows %s", file.Name, path, needle)
		}
	}
	return nil
}

// objectsHideSecrets searches every object of every kind, but for Secrets, and on the hub the works.
func objectsHideSecrets(t *testing.T, plane *cluster.ControlPlane) {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	objects, kinds := hubObjects(t, plane), 0
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "list") || resource.Name == "secrets" || resource.Name == "manifestworks" {
				continue
			}
			found, err := objects.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list %s: %v", resource.Name, err)
			}
			kinds++
			content, err := found.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			for _, needle := range shows(content) {
				t.Errorf("%s of %s show %s", resource.Name, plane.Name, needle)
			}
		}
	}
	if kinds < 20 {
		t.Errorf("searched %s of %s", fmt.Sprint(kinds, " kinds only"), plane.Name)
	}
}
