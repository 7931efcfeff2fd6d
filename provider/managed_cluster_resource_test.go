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
