// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
)

// TestManagedClusterTaints checks which taints of the hub are shown. One that is
// shown and that no update would remove is a change in every plan.
func TestManagedClusterTaints(t *testing.T) {
	gpu := []taintModel{{Key: types.StringValue("gpu"), Effect: types.StringValue("NoSelect")}}
	live := []fleet.Taint{{Key: "gpu", Effect: "NoSelect"}}
	tests := []struct {
		reason string
		id     types.String
		prior  []taintModel
		live   []fleet.Taint
		want   []taintModel
	}{
		{"without taints those of somebody else are not shown", types.StringValue("edge"), nil, live, nil},
		{"an empty list shows them, since an update removes them", types.StringValue("edge"), []taintModel{}, live, gpu},
		{"what is configured is shown as it is", types.StringValue("edge"), gpu, []fleet.Taint{}, []taintModel{}},
		{"an import shows them", types.StringNull(), nil, live, gpu},
		{"an import of a cluster without any shows none", types.StringNull(), nil, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var diags diag.Diagnostics
			model := managedClusterModel{ID: test.id, Taints: test.prior, Labels: types.MapNull(types.StringType)}
			model.take(fleet.Cluster{Name: "edge", Taints: test.live}, time.Minute, nil, &diags)
			if diags.HasError() {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(test.want, model.Taints); diff != "" {
				t.Errorf("taints (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStillUsed checks what is said of a cluster that is not detached: who can empty it.
func TestStillUsed(t *testing.T) {
	const head = `Cluster in use: The cluster "eu-1" was not detached, since that would delete what is delivered to it: it has `
	const tail = " Then destroy it again; works of an agent that is away go when it is back."
	const bindings = " Take it out of the bindings that choose it: change clusters or placement of fairlead_cluster_binding, or give it a taint with the effect NoSelect."
	tests := []struct {
		reason string
		works  fleet.Works
		want   string
	}{
		{"applications go with the bindings", fleet.Works{Total: 2, Applications: []string{"shop/shop"}}, "2 works of the applications shop/shop." + bindings},
		{"so does what was prepared for them", fleet.Works{Total: 1}, "1 work of no application, with what environments need on it." + bindings},
		{"what others made goes with no binding", fleet.Works{Total: 2, Foreign: []string{"a", "b"}},
			"2 works of no application: a, b. Fairlead has not made them and leaves them alone: whoever made them removes them. kubectl -n eu-1 get manifestworks --show-labels tells more of them."},
		{"both", fleet.Works{Total: 2, Applications: []string{"shop/shop"}, Foreign: []string{"a"}},
			"2 works of the applications shop/shop." + bindings + " Others have made a: whoever made them removes them."},
	}
	for _, test := range tests {
		if diff := cmp.Diff(head+test.want+tail, stillUsed("eu-1", test.works).Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
