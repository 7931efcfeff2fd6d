// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// maxGroups bounds the entries that stand for several places.
const maxGroups = 20

// bounded are the first of the places, as many as there is room for, in bytes
// and in entries. For the others there is one entry for each component and
// environment, without a cluster, that counts them.
func bounded(places []v1beta1.ApplicationComponentStatus, room int) (kept []v1beta1.ApplicationComponentStatus, omitted int) {
	if len(places) <= maxEntries && fitting(places, room) == len(places) {
		return places, 0
	}
	most := min(len(places), maxEntries-len(grouped(places)))
	for {
		kept = append(places[:most:most], grouped(places[most:])...)
		over := fitting(kept, room) - len(kept)
		if over == 0 || most == 0 {
			return kept, len(places) - most
		}
		most = max(most+over, 0)
	}
}

// group is a component in an environment.
type group struct{ component, environment string }

// grouped are entries that each stand for several places, in the order in which
// these come; those beyond the bound are told of by the summary alone.
func grouped(places []v1beta1.ApplicationComponentStatus) []v1beta1.ApplicationComponentStatus {
	counts := map[group]*v1beta1.ApplicationSummary{}
	var order []group
	for _, place := range places {
		key := group{place.Name, place.Env}
		count, known := counts[key]
		if !known {
			if len(order) == maxGroups {
				continue
			}
			count = &v1beta1.ApplicationSummary{}
			counts[key] = count
			order = append(order, key)
		}
		count.Places++
		if place.Healthy {
			count.Healthy++
		}
	}
	entries := make([]v1beta1.ApplicationComponentStatus, len(order))
	for i, key := range order {
		count := counts[key]
		all := count.Healthy == count.Places
		entries[i] = v1beta1.ApplicationComponentStatus{
			Name: key.component, Env: key.environment, Healthy: all, WorkloadHealthy: all,
			Message: fmt.Sprintf("%d of %d more healthy", count.Healthy, count.Places),
		}
	}
	return entries
}
