// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	many := make([]string, maxClusters+1)
	for i := range many {
		many[i] = fmt.Sprintf("c%d", i)
	}
	cases := map[string]struct {
		reason  string
		options Options
		wantErr string
	}{
		"Zero":     {reason: "a hub alone needs no options"},
		"Clusters": {reason: "names of one letter and with dashes are labels", options: Options{Clusters: []string{"a", "b-1"}}},
		"Twice":    {reason: "a name is the folder of a cluster", options: Options{Clusters: []string{"a", "a"}}, wantErr: `cluster name "a": is taken`},
		"Hub":      {reason: "the hub is not managed", options: Options{Clusters: []string{"hub"}}, wantErr: `cluster name "hub": is taken`},
		"Upper":    {reason: "OCM makes a namespace of the name", options: Options{Clusters: []string{"A"}}, wantErr: "must be a DNS label"},
		"Path":     {reason: "a name must not leave the folder", options: Options{Clusters: []string{"../a"}}, wantErr: "must be a DNS label"},
		"Many":     {reason: "address ranges end", options: Options{Clusters: many}, wantErr: "at most 60"},
		"Lease":    {reason: "OCM counts leases in seconds", options: Options{LeaseDuration: time.Millisecond}, wantErr: "LeaseDuration 1ms: must be 0 (OCM's default) or at least 1s"},
		"Sync":     {reason: "an interval cannot be negative", options: Options{StatusSyncInterval: -1}, wantErr: "StatusSyncInterval"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.options.complete()
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.wantErr)
				}
				return
			}
			if err != nil || got.OCM != (len(tc.options.Clusters) > 0) || got.Log == nil || got.StatusSyncInterval != defaultStatusSyncInterval {
				t.Errorf("%s: got %+v, %v", tc.reason, got, err)
			}
		})
	}
}
