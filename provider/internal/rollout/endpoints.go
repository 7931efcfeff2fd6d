// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Endpoints are where the components of an application are reached from outside
// of their clusters, by environment/cluster/component. A place without endpoints
// has no entry.
func Endpoints(app *v1beta1.Application) map[string][]string {
	found := map[string][]string{}
	if app == nil {
		return found
	}
	for _, service := range app.Status.Services {
		key := strings.Join([]string{service.Env, service.Cluster, service.Name}, "/")
		for _, endpoint := range service.Endpoints {
			found[key] = append(found[key], clean(endpoint))
		}
	}
	return found
}
