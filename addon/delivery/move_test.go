// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// sharing is a plan of two units with one object each of that name.
func sharing(first, second Place, readOnly bool) *Plan {
	made := func() *render.Result {
		return &render.Result{Objects: []render.Object{rendered("v1", "Service", "web", nil)}}
	}
	return &Plan{Units: []Unit{
		{Component: "a", Place: first, Result: made()},
		{Component: "b", Place: second, Result: made(), Treatments: []policy.Treatment{{ReadOnly: readOnly}}},
	}}
}

func TestContest(t *testing.T) {
	here, there := Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}, Place{Environment: "prod", Cluster: "c2", Namespace: "shop"}
	for _, test := range []struct {
		reason string
		plan   *Plan
		want   map[string]bool
	}{
		{"two components make it", sharing(here, here, false), map[string]bool{"Service shop/web": true}},
		{"they do so on two clusters", sharing(here, there, false), nil},
		{"one only reads it", sharing(here, here, true), nil},
	} {
		test.plan.contest()
		if diff := cmp.Diff(test.want, test.plan.Units[0].Contested); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestMovedIsRemoved checks that an object which is another component's by now
// goes from the one that had it, even while that one waits: it may wait for this.
func TestMovedIsRemoved(t *testing.T) {
	for _, test := range []struct {
		reason, object string
		want           bool
	}{
		{"another component makes it", "Deployment.apps shop/api", true},
		{"nobody else makes it: the old version needs it", "Service shop/web", false},
	} {
		dropped := record("local", "dropped")
		dropped.Object = test.object
		local := &scripted{records: []Record{dropped}, units: map[string]Observation{"local web": {State: Waiting}}}
		wanted := request(use("prod"))
		wanted.Components = append(wanted.Components, web("api"))
		plan := planOf(t, worldOf(environment("prod", "local")), wanted, noneAway)
		if _, err := engineOf(local, &scripted{}).Carry(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(local.calls, ","), "remove dropped"); got != test.want {
			t.Errorf("removed %t, want %t: %s", got, test.want, test.reason)
		}
	}
}
