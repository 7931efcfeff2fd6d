// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// secretCanaries are the secrets of an application, by the name of the variable that gives them, and what a Secret of its
// namespace holds that a component refers to.
func secretCanaries() canaries {
	return canaries{
		"everywhere": "C4N4RY-everywhere-8d1f", "prod": "C4N4RY-prod-77aa", "next": "C4N4RY-next-19c0", "refused": "C4N4RY-refused-5e5e",
		"referred": "C4N4RY-referred-0b3c",
	}
}

// traced makes every run of a workspace log all that it can beside the configuration, and gives it variables.
func (w *workspace) traced(variables map[string]string) {
	w.env = []string{"TF_LOG=TRACE", "TF_LOG_PATH=" + filepath.Join(w.dir, "trace.log")}
	for name, value := range variables {
		w.env = append(w.env, "TF_VAR_"+name+"="+value)
	}
}

// TestPain07SecretsStaySecret delivers an application with secrets to the hub and to managed clusters, changes them, and has
// one refused, while everything is logged; another one refers to a Secret of somebody else. Afterwards the secrets are in Secrets
// and in the works that carry them to clusters, and nowhere else: not in state or plan, in no log, diagnostic, metric, event,
// condition or other object.
func TestPain07SecretsStaySecret(t *testing.T) {
	f := sharedFleet(t).talk(t)
	hidden := secretCanaries()
	config := func(everywhere, more string) string {
		return withProvider(f.env.Hub(), strings.NewReplacer("EVERYWHERE", everywhere, "MORE", more).Replace(secretApplication))
	}
	create(t, hubObjects(t, f.env.Hub()), namespaces, "", object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pain07"}}`))
	create(t, hubObjects(t, f.env.Hub()), secrets, "pain07", object(fmt.Sprintf(
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"theirs"},"stringData":{"password":%q}}`, hidden["referred"])))
	w := newWorkspace(t, config("everywhere", ""))
	w.traced(hidden)
	printed := w.run(t, nil, "plan", "-out=first.tfplan") + w.run(t, nil, "apply", "-auto-approve")
	f.isSecret(t, v1alpha1.LocalCluster, "pain07", "db", hidden["everywhere"])
	f.isSecret(t, "cluster1", "pain07-prod", "db", hidden["prod"])
	f.isSecret(t, "cluster1", "pain07-prod", "theirs", hidden["referred"])
	w.write(t, config("next", ""))
	printed += w.run(t, nil, "plan", "-out=second.tfplan") + w.run(t, nil, "apply", "-auto-approve")
	f.isSecret(t, v1alpha1.LocalCluster, "pain07", "db", hidden["next"])
	f.isSecret(t, "cluster1", "pain07-prod", "db", hidden["prod"])
	w.write(t, config("next", `theirs = { password = var.refused }`))
	refused := w.fails(t, nil, "apply", "-auto-approve")
	if !strings.Contains(refused, "Secret exists already") {
		t.Errorf("a Secret of somebody else:\n%s", refused)
	}
	shown := f.told(t)
	shown["show -json of the state"] = []byte(w.run(t, nil, "show", "-json"))
	shown["show -json of the plan"] = []byte(w.run(t, nil, "show", "-json", "second.tfplan"))
	shown["what the engine printed"] = []byte(printed + refused)
	for name, content := range shown {
		hidden.hidden(t, name, content)
	}
	hidden.hiddenInFiles(t, w.dir)
	hidden.hiddenInFiles(t, filepath.Join(f.env.Dir, "logs"))
	for _, plane := range append([]*cluster.ControlPlane{f.env.Hub()}, f.env.Clusters()...) {
		hidden.hiddenInObjects(t, plane, withoutSecrets)
	}
	w.write(t, config("next", ""))
	w.run(t, nil, "destroy", "-auto-approve")
}

// pain07Platform is where the applications of these tests are delivered to: the hub itself, and managed clusters.
const pain07Platform = `
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
`

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
` + pain07Platform + `
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
resource "fairlead_application" "refers" {
  name         = "pain07-refers"
  namespace    = "pain07"
  environments = ["pain07-prod"]
  components = {
    theirs = { type = "ref-objects", properties = { objects = [{ resource = "secret", name = "theirs" }] } }
    reads = { type = "webservice", dependsOn = ["theirs"], properties = {
      image = "nginx:1"
      env   = [{ name = "PASSWORD", valueFrom = { secretKeyRef = { name = "theirs", key = "password" } } }]
    } }
  }
  depends_on = [fairlead_cluster_binding.prod]
}
resource "fairlead_rollout" "refers" {
  application = fairlead_application.refers.id
  revision    = fairlead_application.refers.revision
  timeouts    = { create = "3m", update = "3m" }
}
`

// isSecret checks the password that a Secret holds.
func (f *fleet) isSecret(t *testing.T, clusterName, namespace, name, password string) {
	t.Helper()
	live := f.get(t, clusterName, secrets, namespace, name)
	if got := nested[string](live, "data", "password"); got != base64.StdEncoding.EncodeToString([]byte(password)) {
		t.Errorf("Secret %s/%s on %s does not hold %q", namespace, name, clusterName, password)
	}
}

// markedApplication has a value that is marked sensitive among those of pods, in place of BODY another one.
const markedApplication = `
variable "marked" {
  type      = string
  sensitive = true
}
` + pain07Platform + `
resource "fairlead_application" "this" {
  name         = "pain07-marked"
  namespace    = "pain07"
  environments = ["pain07-home", "pain07-prod"]
  components   = { web = { type = "webservice", BODY } }
  depends_on   = [fairlead_cluster_binding.home, fairlead_cluster_binding.prod]
}
`

// TestPain07MarkedValuesAreNotRepeated delivers an application with a value that is marked sensitive, and then with such a value
// where it is a mistake: of the wrong type, refused by the definition, refused by the API server. The value is in the components
// and in the specs of what comes of them, where the user put it, and in nothing that is said or written beside.
func TestPain07MarkedValuesAreNotRepeated(t *testing.T) {
	f := sharedFleet(t).talk(t)
	hidden := canaries{"marked": "C4N4RY_marked_4f2e_"}
	config := func(body string) string {
		return withProvider(f.env.Hub(), strings.Replace(markedApplication, "BODY", body, 1))
	}
	value := `properties = { image = "nginx:1", env = [{ name = "PASSWORD", value = var.marked }] }`
	rollout := `
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  timeouts    = { create = "3m", update = "3m" }
}
`
	w := newWorkspace(t, config(value)+rollout)
	w.traced(hidden)
	printed := w.run(t, nil, "plan", "-out=first.tfplan") + w.run(t, nil, "apply", "-auto-approve")
	live := f.get(t, "cluster1", deployments, "pain07-prod", "web")
	if text := jsonOf(live.Object["spec"]); !strings.Contains(text, hidden["marked"]) {
		t.Errorf("the value has not arrived: %s", text)
	}
	w.isSettled(t, "after the apply")
	shown := map[string][]byte{}
	for name, content := range map[string]string{"the state": w.run(t, nil, "show", "-json"), "the plan": w.run(t, nil, "show", "-json", "first.tfplan")} {
		shown[name] = withoutConfigured(t, content)
	}

	for reason, body := range map[string]string{
		"a number is wanted": `properties = { image = "nginx:1" }, traits = { scaler = { replicas = var.marked } }`,
		"one of few texts":   `properties = { image = "nginx:1", imagePullPolicy = var.marked }`,
		"no such parameter":  `properties = { image = "nginx:1", envs = var.marked }`,
		"a list is wanted":   `properties = { image = "nginx:1", cmd = var.marked }`,
		"no quantity":        `properties = { image = "nginx:1", cpu = var.marked }`,
	} {
		w.write(t, config(body))
		shown["what is said where "+reason] = []byte(w.fails(t, nil, "plan"))
	}

	// What only the API server of the place knows.
	w.write(t, config(value+`, traits = { labels = { "example.com/owner" = var.marked } }`)+rollout)
	shown["what is said where it is no value of a label"] = []byte(w.fails(t, nil, "apply", "-auto-approve"))

	shown["the log of the provider"] = withoutStates(everything(t, w.dir)["trace.log"])
	shown["what the engine printed"] = []byte(printed)
	maps.Copy(shown, f.told(t))
	for name, content := range shown {
		hidden.hidden(t, name, content)
	}
	for _, plane := range append([]*cluster.ControlPlane{f.env.Hub()}, f.env.Clusters()...) {
		hidden.hiddenInObjects(t, plane, withoutSpec)
	}
	w.write(t, config(value))
	w.run(t, nil, "destroy", "-auto-approve")
}

// withoutStates leaves of a log what the provider says: engines print there what the state has of an attribute of any type.
func withoutStates(log []byte) []byte {
	return regexp.MustCompile(`(?m)^.*UpgradeResourceState: ignoring dynamic block.*$`).ReplaceAll(log, nil)
}

// withoutConfigured leaves of a state or plan in JSON what the user did not write: no configuration, variables and components.
func withoutConfigured(t *testing.T, content string) []byte {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(content), &decoded); err != nil {
		t.Fatalf("read what the engine shows: %v", err)
	}
	delete(decoded, "variables")
	delete(decoded, "configuration")
	left := 0
	var walk func(value any)
	walk = func(value any) {
		switch typed := value.(type) {
		case []any:
			for _, item := range typed {
				walk(item)
			}
		case map[string]any:
			delete(typed, "components")
			left += len(typed)
			for _, item := range typed {
				walk(item)
			}
		}
	}
	walk(decoded)
	if left < 50 || !strings.Contains(jsonOf(decoded), "resources") {
		t.Errorf("there is little left to search: %s", jsonOf(decoded))
	}
	return []byte(jsonOf(decoded))
}
