// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestSmokeDelivery creates an application in two environments on three clusters in one apply, with a value that is known
// only after apply, plans again, and destroys it without leaving anything.
func TestSmokeDelivery(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "smoke", image: "nginx:1"}
	env := tfjsonpath.New("components").AtMapKey("web").AtMapKey("properties").AtMapKey("env").AtSliceIndex(0)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps: []resource.TestStep{
			{
				Config: s.whole(f),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(thisApplication, env.AtMapKey("value")),
					plancheck.ExpectKnownValue(thisApplication, tfjsonpath.New("id"), knownvalue.StringExact("smoke/smoke")),
					plancheck.ExpectResourceAction(thisRollout, plancheck.ResourceActionCreate),
				}},
				Check: resource.ComposeAggregateTestCheckFunc(s.runs(t, f, s.everywhere()...), s.worksCarryTheValue(t, f)),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.CompareValuePairs(thisApplication, tfjsonpath.New("revision"), thisRollout, tfjsonpath.New("revision"), same{}),
				},
			},
			{Config: s.whole(f), ConfigPlanChecks: emptyPlan()},
			{Config: s.whole(f), Destroy: true},
		},
	})
}

// same compares two values for equality.
type same struct{}

// CompareValues says how the values differ.
func (same) CompareValues(values ...any) error {
	if diff := cmp.Diff(values[0], values[1]); diff != "" {
		return fmt.Errorf("(-first +second):\n%s", diff)
	}
	return nil
}

// worksCarryTheValue checks that the works hold the value that the plan did not know.
func (s shop) worksCarryTheValue(t *testing.T, f *fleet) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, at := range s.prod(sharedClusters()...) {
			manifests, err := json.Marshal(nested[map[string]any](s.work(t, f, at.cluster), "spec", "workload"))
			if err != nil {
				return err
			}
			if !strings.Contains(string(manifests), s.database()) {
				return fmt.Errorf("the work of cluster %s does not hold %q: %s", at.cluster, s.database(), manifests)
			}
		}
		return nil
	}
}

// TestUpdateReachesEveryCluster changes the image and nothing else: every Deployment is updated in place, and of the works
// only those of the component are written, once each.
func TestUpdateReachesEveryCluster(t *testing.T) {
	f := sharedFleet(t)
	before, after := shop{name: "update", image: "nginx:1"}, shop{name: "update", image: "nginx:2"}
	var written *audit
	uids := map[site]any{}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: before.whole(f), Check: before.runs(t, f, before.everywhere()...)},
			{
				PreConfig: func() {
					for at, uid := range before.uids(t, f, before.everywhere()...) {
						uids[at] = uid
					}
					written = f.auditFromNow(t)
				},
				Config: after.whole(f),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction("fairlead_cluster_binding.prod", plancheck.ResourceActionNoop),
				}},
				Check: resource.ComposeAggregateTestCheckFunc(after.runs(t, f, after.everywhere()...), func(*terraform.State) error {
					want := map[string]int{}
					for _, at := range after.prod(sharedClusters()...) {
						want[at.cluster+"/"+after.work(t, f, at.cluster).GetName()] = 1
					}
					got := written.written(t, "manifestworks")
					maps.DeleteFunc(got, func(work string, _ int) bool { return want[work] == 0 }) // other tests' may go late
					if diff := cmp.Diff(want, got); diff != "" {
						return fmt.Errorf("writes of works (-want +got):\n%s", diff)
					}
					for at, uid := range after.uids(t, f, after.everywhere()...) {
						if uids[at] != uid {
							return fmt.Errorf("%v: the Deployment was replaced", at)
						}
					}
					return nil
				}),
			},
		},
	})
}

// TestImportOfEverything forgets what was applied and imports it into another state: the plan changes nothing on the hub.
func TestImportOfEverything(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "import", image: "nginx:1"}
	blocks := ""
	forgotten := ""
	for address, id := range map[string]string{
		"fairlead_environment.dev":      "import-dev",
		"fairlead_environment.prod":     "import-prod",
		"fairlead_cluster_binding.dev":  "import-dev",
		"fairlead_cluster_binding.prod": "import-prod",
		thisApplication:                 "import/import",
	} {
		blocks += fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, id)
		forgotten += fmt.Sprintf("removed {\n  from = %s\n  lifecycle {\n    destroy = false\n  }\n}\n", address)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps:                    []resource.TestStep{{Config: s.whole(f)}, {Config: withProvider(f.env.Hub(), forgotten)}},
	})
	// A database of which only the resource is new: its output is known.
	known := strings.ReplaceAll(s.whole(f), "terraform_data.database.output", fmt.Sprintf("%q", s.database()))
	noop := []plancheck.PlanCheck{plancheck.ExpectResourceAction(thisRollout, plancheck.ResourceActionCreate)}
	for _, address := range []string{"fairlead_environment.dev", "fairlead_environment.prod", "fairlead_cluster_binding.dev", "fairlead_cluster_binding.prod", thisApplication} {
		noop = append(noop, plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop))
	}
	written := f.auditFromNow(t)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             applicationAbsent(t, f.env.Hub(), "import"),
		Steps: []resource.TestStep{
			{
				Config:           known + blocks,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: noop},
				Check: resource.ComposeAggregateTestCheckFunc(s.runs(t, f, s.everywhere()...), func(*terraform.State) error {
					counts := written.written(t, "manifestworks")
					got := map[string]int{}
					for _, at := range s.prod(sharedClusters()...) {
						if name := at.cluster + "/" + s.work(t, f, at.cluster).GetName(); counts[name] > 0 {
							got[name] = counts[name]
						}
					}
					if diff := cmp.Diff(map[string]int{}, got); diff != "" {
						return fmt.Errorf("an import must change nothing, works were written (-want +got):\n%s", diff)
					}
					return nil
				}),
			},
			{Config: known + blocks, ConfigPlanChecks: emptyPlan()},
			{ResourceName: "fairlead_environment.prod", ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "import-prod", Config: known},
			{ResourceName: "fairlead_cluster_binding.prod", ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "import-prod", Config: known},
			{ResourceName: thisApplication, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "import/import", Config: known},
		},
	})
}

// TestImportOfTheAddon imports what runs here, without a change.
func TestImportOfTheAddon(t *testing.T) {
	f := sharedFleet(t)
	config := withProvider(f.env.Hub(), addonConfig)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config:           config + "import {\n  to = fairlead_addon.hub\n  id = \"fairlead-system\"\n}\n",
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("fairlead_addon.hub", plancheck.ResourceActionNoop)}},
			},
			{Config: config, ConfigPlanChecks: emptyPlan()},
			{Config: withProvider(f.env.Hub(), addonForgotten)},
		},
	})
}
