// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestLastReport checks that a place which is not well says when its cluster
// last reported: a time, which stays the same until it reports again.
func TestLastReport(t *testing.T) {
	reported := now.Add(-time.Hour)
	tests := []struct {
		name, reason string
		unit         delivery.UnitReport
		want         string
	}{
		{"away", "what is known is that old", at("c1", delivery.Away, delivery.ReasonClusterAway, "cluster is away"), "cluster is away; last report 2026-03-04T04:06:07Z"},
		{"unhealthy", "it may be better by now", ill("c1"), "Ready:0/2; last report 2026-03-04T04:06:07Z"},
		{"healthy", "nobody asks, and the status would change with each report", well("c1"), "Ready:2/2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.unit.Observe.Reported = reported
			got, _ := services(of(test.unit))
			if diff := cmp.Diff(test.want, got[0].Message); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
	removal := delivery.Removal{Observe: delivery.Observation{State: delivery.Away, Message: "cluster is away", Reported: reported}}
	if diff := cmp.Diff("environment , cluster : component : being removed: cluster is away; last report 2026-03-04T04:06:07Z", removalText(removal)); diff != "" {
		t.Errorf("removal (-want +got):\n%s", diff)
	}
}
