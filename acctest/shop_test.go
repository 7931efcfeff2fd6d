// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// shop is what these tests deliver: one component, to an environment on the hub and to one on managed clusters.
type shop struct {
	// name of the application, of its namespace on the hub, and the beginning of the names of the environments.
	name  string
	image string
}

// site is a cluster and the namespace there.
type site struct{ cluster, namespace string }

func (s shop) dev() site { return site{v1alpha1.LocalCluster, s.name + "-dev"} }

// prod are the places of the environment on managed clusters.
func (s shop) prod(clusters ...string) []site {
	var places []site
	for _, name := range clusters {
		places = append(places, site{name, s.name + "-prod"})
	}
	return places
}

// everywhere are all places on the shared fleet.
func (s shop) everywhere() []site { return append(s.prod(sharedClusters()...), s.dev()) }

// database is the value of the component's environment variable, known only after apply.
func (s shop) database() string { return "db." + s.name + ".internal" }

// environments are what a platform team writes.
func (s shop) environments() string {
	return strings.ReplaceAll(`
resource "fairlead_environment" "dev" {
  name                   = "NAME-dev"
  application_namespaces = { names = ["NAME"], create = true }
  target_namespace       = { suffix = "-dev" }
}
resource "fairlead_cluster_binding" "dev" {
  name        = "NAME-dev"
  environment = fairlead_environment.dev.name
  clusters    = ["local"]
}
resource "fairlead_environment" "prod" {
  name                   = "NAME-prod"
  application_namespaces = { names = ["NAME"], create = true }
  target_namespace       = { suffix = "-prod" }
}
resource "fairlead_cluster_binding" "prod" {
  name        = "NAME-prod"
  environment = fairlead_environment.prod.name
  placement   = { cluster_sets = ["default"] }
}
`, "NAME", s.name)
}

// application is what an application team writes. It goes to the environments by name and knows nothing else of them.
func (s shop) application(more string) string {
	return strings.NewReplacer("NAME", s.name, "IMAGE", s.image, "MORE", more).Replace(`
resource "terraform_data" "database" {
  input = "db.NAME.internal"
}
resource "fairlead_application" "this" {
  name         = "NAME"
  namespace    = "NAME"
  environments = ["NAME-dev", "NAME-prod"]
  components = {
    web = {
      type = "webservice"
      properties = {
        image = "IMAGE"
        ports = [{ port = 9898, expose = true }]
        env   = [{ name = "DB_HOST", value = terraform_data.database.output }]
      }
      traits = {
        labels = { team = "shop" }
        scaler = { replicas = 2 }
      }
    }
  }
  MORE
}
`)
}

// rollout waits for the application.
const rollout = `
resource "fairlead_rollout" "this" {
  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  timeouts    = { create = "3m", update = "3m" }
}
`

// inOrder lets the application go before its environments.
const inOrder = "depends_on = [fairlead_cluster_binding.dev, fairlead_cluster_binding.prod]"

// whole is all of it in one configuration.
func (s shop) whole(f *fleet) string {
	return withProvider(f.env.Hub(), s.environments()+s.application(inOrder)+rollout)
}

// runs checks that the component runs in those places as it was written, and that all of it is ready.
func (s shop) runs(t *testing.T, f *fleet, places ...site) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, at := range places {
			if err := s.runsAt(t, f, at); err != nil {
				return fmt.Errorf("cluster %s, namespace %s: %w", at.cluster, at.namespace, err)
			}
		}
		return nil
	}
}

func (s shop) runsAt(t *testing.T, f *fleet, at site) error {
	deployment, err := f.on(t, at.cluster, deployments).Namespace(at.namespace).Get(context.Background(), "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if _, err := f.on(t, at.cluster, services).Namespace(at.namespace).Get(context.Background(), "web", metav1.GetOptions{}); err != nil {
		return err
	}
	if ready := nested[int64](deployment, "status", "readyReplicas"); ready != 2 {
		return fmt.Errorf("%d of 2 pods are ready", ready)
	}
	return s.isWritten(deployment)
}

// isWritten checks what the Deployment says.
func (s shop) isWritten(deployment *unstructured.Unstructured) error {
	containers := nested[[]any](deployment, "spec", "template", "spec", "containers")
	if len(containers) != 1 {
		return fmt.Errorf("%d containers, want one", len(containers))
	}
	container := &unstructured.Unstructured{Object: containers[0].(map[string]any)}
	if image := nested[string](container, "image"); image != s.image {
		return fmt.Errorf("image %q, want %q", image, s.image)
	}
	want := fmt.Sprint([]any{map[string]any{"name": "DB_HOST", "value": s.database()}})
	if env := fmt.Sprint(nested[[]any](container, "env")); env != want {
		return fmt.Errorf("environment variables %s, want %s", env, want)
	}
	if team := deployment.GetLabels()["team"]; team != "shop" {
		return fmt.Errorf("label team is %q", team)
	}
	return nil
}

// uids are the identities of the Deployments in those places.
func (s shop) uids(t *testing.T, f *fleet, places ...site) map[site]types.UID {
	t.Helper()
	found := map[site]types.UID{}
	for _, at := range places {
		found[at] = f.get(t, at.cluster, deployments, at.namespace, "web").GetUID()
	}
	return found
}

// work returns the work of the component on a cluster.
func (s shop) work(t *testing.T, f *fleet, name string) *unstructured.Unstructured {
	t.Helper()
	list, err := f.on(t, v1alpha1.LocalCluster, works).Namespace(name).List(t.Context(), metav1.ListOptions{LabelSelector: "app.oam.dev/name=" + s.name})
	if err != nil {
		t.Fatalf("list the works of cluster %s: %v", name, err)
	}
	if len(list.Items) != 1 {
		t.Fatalf("cluster %s has %d works of application %s, want one", name, len(list.Items), s.name)
	}
	return &list.Items[0]
}
