// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestRightsThatAreNew checks that a work which lacks a right is applied again while its cluster may not know yet what its tenant
// was given, and that it is refused after that, or for another reason at once.
func TestRightsThatAreNew(t *testing.T) {
	const forbidden, invalid = "Failed to apply manifest: not allowed to apply the resource apps deployments, shop-prod web, will try again in 1m0s", "Failed to apply manifest: spec is invalid"
	tenantWork, waits := TenantWorkName("shop-prod"), []string{"applying", "patch c1/" + webWork}
	for _, test := range []struct {
		reason, by, message string
		passed              time.Duration
		want                []string
	}{
		{"the rights were given just now", tenantWork, forbidden, 0, waits},
		{"they are new still", tenantWork, forbidden, newRights - time.Second, waits},
		{"its role allows more since just now", RolesWorkName, forbidden, 0, waits},
		{"they are known by now", tenantWork, forbidden, newRights, []string{"refused"}},
		{"it is no right that is missing", tenantWork, invalid, 0, []string{"refused"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			h := newHub(t)
			h.makeTenant(t, tenant)
			web := deployment("web", "nginx:1")
			h.delivered(t, unit(web))
			h.deliver(t, web)
			given := h.work(t, test.by)
			given.Generation++
			if err := h.client.Update(t.Context(), given); err != nil {
				t.Fatal(err)
			}
			h.setStatus(t, test.by, workv1.ManifestWorkStatus{Conditions: []metav1.Condition{h.appliedAt(given.Generation, "True", 0)}})
			h.saidFor(h.work(t, test.by)) // it is looked at
			h.pass(test.passed)
			manifest := reported(web, "False")
			manifest.Conditions = append(manifest.Conditions, metav1.Condition{Type: workv1.ManifestApplied, Status: metav1.ConditionFalse, Reason: "AppliedManifestFailed", Message: test.message})
			h.setStatus(t, webWork, workv1.ManifestWorkStatus{
				Conditions:     []metav1.Condition{h.appliedAt(1, "False", 0)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{manifest}},
			})
			h.writes = nil
			got := h.deliver(t, web)
			state := "refused"
			if got.State == delivery.Applying {
				state = "applying"
			}
			if diff := cmp.Diff(test.want, append([]string{state}, h.writes...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", said(got), diff)
			}
			if got.State == delivery.Applying && got.RetryAfter == 0 {
				t.Error("nobody looks again")
			}
		})
	}
}
