// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestOCMInstalledLater applies a binding by placement on a hub that has no OCM: what goes to the hub itself is delivered,
// the rest waits and says for what. OCM is installed then, and the same manager goes on.
func TestOCMInstalledLater(t *testing.T) {
	f := fleetForTest(t, cluster.Options{AuditLog: true}, raceDetector)
	s := shop{name: "later", image: "nginx:1"}
	const binding = "later-prod"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             s.runsNowhere(t, f),
		Steps: []resource.TestStep{
			{
				Config: s.whole(f),
				ExpectError: wrapped(`ClusterBinding "later-prod": spec.placement: OCM is not installed on the hub`,
					"install Open Cluster Management, which needs no restart here, or bind the environment to cluster local"),
			},
			{
				PreConfig: func() {
					// The rollout has ended at once: waiting cannot install OCM.
					eventually(t, patience, "what needs no OCM to run", func() error { return s.runsAt(t, f, s.dev()) })
					f.hasCondition(t, bindings, binding, v1alpha1.ConditionStalled, "True", "OCMNotInstalled")
					if err := f.env.StartOCM(t.Context(), sharedClusters()...); err != nil {
						t.Fatal(err)
					}
					f.hasCondition(t, bindings, binding, v1alpha1.ConditionReady, "True", "Bound")
				},
				Config: s.whole(f),
				Check:  s.runs(t, f, s.everywhere()...),
			},
			{Config: s.whole(f), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// hasCondition waits until an object of the hub that is in no namespace has a condition.
func (f *fleet) hasCondition(t *testing.T, kind schema.GroupVersionResource, name, condition, status, reason string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("condition %s of %s to be %s", condition, name, status), func() error {
		got := conditionOf(f.get(t, v1alpha1.LocalCluster, kind, "", name), condition)
		if got["status"] != status || got["reason"] != reason {
			return fmt.Errorf("it is %v, want status %s and reason %s", got, status, reason)
		}
		return nil
	})
}
