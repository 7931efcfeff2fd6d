// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery_test

import (
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestWithRemedy checks which refusals are told with the policy that helps.
func TestWithRemedy(t *testing.T) {
	for _, test := range []struct {
		reason, message string
		helps           bool
	}{
		{"the template of a Job", `Job.batch "migrate" is invalid: spec.template: Invalid value: field is immutable`, true},
		{"the claims of a StatefulSet", `StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden`, true},
		{"a value that no new object may have either", `Deployment.apps "web" is invalid: spec.replicas: Invalid value: must be greater than or equal to 0`, false},
		{"a claim, whose content would be lost", `PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests`, false},
	} {
		got := delivery.WithRemedy(test.message)
		if !strings.HasPrefix(got, test.message) || strings.Contains(got, `"resource-update"`) != test.helps {
			t.Errorf("%s: %q, want a remedy: %t", test.reason, got, test.helps)
		}
	}
}
