// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// previewed is a configuration in one state: a hub, a database, two environments
// and an application that depends on all of them.
type previewed struct {
	// hub is what the hub waits for: another value makes it unknown in the plan.
	hub string
	// database is the address of the database, known after apply when it changes.
	database string
	// replicas are the default of workers in the environment prod.
	replicas int
	// image of the component worker.
	image string
}

func (p previewed) config(plane *cluster.ControlPlane) string {
	return fmt.Sprintf(`
resource "terraform_data" "hub" {
  triggers_replace = [%q]
  input            = %q
}

resource "terraform_data" "database" {
  input = %q
}

provider "fairlead" {
  hub   = { config_path = terraform_data.hub.output }
  owner = "acctest"
}

resource "fairlead_environment" "dev" {
  name                   = "preview-dev"
  application_namespaces = { names = ["default"] }
  target_namespace       = { suffix = "-dev" }
}

resource "fairlead_environment" "prod" {
  name                   = "preview-prod"
  application_namespaces = { names = ["default"] }
  target_namespace       = { suffix = "-prod" }
  defaults               = { worker = { traits = { scaler = { replicas = %d } } } }
}

resource "fairlead_application" "this" {
  name      = "preview"
  namespace = "default"
  environments = {
    preview-dev  = { ref = fairlead_environment.dev.ref }
    preview-prod = { ref = fairlead_environment.prod.ref }
  }
  components = {
    web = {
      type = "webservice"
      properties = {
        image = "nginx:1"
        ports = [{ port = 80, expose = true }]
        env   = [{ name = "DB_HOST", value = terraform_data.database.output }]
      }
    }
    worker = { type = "worker", properties = { image = %q } }
  }
}
`, p.hub, plane.KubeconfigPath, p.database, p.replicas, p.image)
}

// objectsInPlan compares what a plan says of the objects of an application:
// created, changed, removed, unknown (in its content), kept.
type objectsInPlan map[string]string

// CheckPlan reads the planned change of the attribute resources.
func (want objectsInPlan) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != thisApplication {
			continue
		}
		if diff := cmp.Diff(want, plannedObjects(change.Change)); diff != "" {
			resp.Error = fmt.Errorf("planned objects: -want +got:\n%s", diff)
		}
		return
	}
	resp.Error = fmt.Errorf("the plan says nothing of %s", thisApplication)
}

func plannedObjects(change *tfjson.Change) objectsInPlan {
	before, after, unknown := resourcesIn(change.Before), resourcesIn(change.After), resourcesIn(change.AfterUnknown)
	got := objectsInPlan{}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)), slices.Collect(maps.Keys(unknown))) {
		_, was := before[key]
		_, is := after[key]
		switch {
		case unknown[key] == true && !was:
			got[key] = "created"
		case unknown[key] == true:
			got[key] = "unknown"
		case !is:
			got[key] = "removed"
		case !was:
			got[key] = "created"
		case before[key] != after[key]:
			got[key] = "changed"
		default:
			got[key] = "kept"
		}
	}
	return got
}

func resourcesIn(values any) map[string]any {
	attributes, _ := values.(map[string]any)
	resources, _ := attributes["resources"].(map[string]any)
	return resources
}

// TestPain10ObjectsAreKnown plans an application before its hub, its database and
// its environments exist: the plan lists each object of each environment, and one
// apply is enough, which would fail if it found anything else. So do later plans
// in which the hub and a value are unknown again, and a platform team's change.
func TestPain10ObjectsAreKnown(t *testing.T) {
	plane := sharedHub(t)
	first := previewed{hub: "1", database: "db-1", replicas: 2, image: "busybox:1"}
	again := previewed{hub: "2", database: "db-2", replicas: 3, image: "busybox:1"}
	image := previewed{hub: "2", database: "db-2", replicas: 3, image: "busybox:2"}
	both := previewed{hub: "3", database: "db-2", replicas: 4, image: "busybox:3"}
	platform := previewed{hub: "3", database: "db-2", replicas: 5, image: "busybox:3"}
	step := func(p previewed, want objectsInPlan) resource.TestStep {
		return resource.TestStep{Config: p.config(plane), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{want}}}
	}
	empty := func(p previewed) resource.TestStep {
		return resource.TestStep{Config: p.config(plane), ConfigPlanChecks: emptyPlan()}
	}
	// A rollout waits for what a platform team changes, too: that is another revision.
	revisions := statecheck.CompareValue(compare.ValuesDiffer())
	released := func(p previewed, want objectsInPlan) resource.TestStep {
		s := step(p, want)
		s.ConfigStateChecks = []statecheck.StateCheck{revisions.AddStateValue(thisApplication, tfjsonpath.New("revision"))}
		return s
	}
	const (
		devWeb, devService, devWorker    = "preview-dev/web/Deployment/web", "preview-dev/web/Service/web", "preview-dev/worker/Deployment/worker"
		prodWeb, prodService, prodWorker = "preview-prod/web/Deployment/web", "preview-prod/web/Service/web", "preview-prod/worker/Deployment/worker"
	)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, plane, "preview"),
		Steps: []resource.TestStep{
			step(first, objectsInPlan{devWeb: "created", devService: "created", devWorker: "created", prodWeb: "created", prodService: "created", prodWorker: "created"}),
			empty(first),
			step(again, objectsInPlan{devWeb: "unknown", devService: "unknown", devWorker: "kept", prodWeb: "unknown", prodService: "unknown", prodWorker: "changed"}),
			empty(again),
			step(image, objectsInPlan{devWeb: "kept", devService: "kept", devWorker: "changed", prodWeb: "kept", prodService: "kept", prodWorker: "changed"}),
			released(both, objectsInPlan{devWeb: "kept", devService: "kept", devWorker: "changed", prodWeb: "kept", prodService: "kept", prodWorker: "changed"}),
			released(platform, objectsInPlan{devWeb: "kept", devService: "kept", devWorker: "kept", prodWeb: "kept", prodService: "kept", prodWorker: "changed"}),
			empty(platform),
		},
	})
}
