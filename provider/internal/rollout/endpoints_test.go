// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

func TestEndpoints(t *testing.T) {
	app := &v1beta1.Application{Status: v1beta1.ApplicationStatus{Services: []v1beta1.ApplicationComponentStatus{
		{Name: "web", Env: "prod", Cluster: "eu-1", Endpoints: []string{"https://shop.example.com", "\x1b[31mred"}},
		{Name: "api", Env: "prod", Cluster: "eu-1", Endpoints: []string{"203.0.113.7:80"}},
		{Name: "jobs", Env: "prod", Cluster: "eu-1"},
	}}}
	want := map[string][]string{"prod/eu-1/web": {"https://shop.example.com", "[31mred"}, "prod/eu-1/api": {"203.0.113.7:80"}}
	if diff := cmp.Diff(want, Endpoints(app)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{}, Endpoints(nil)); diff != "" {
		t.Errorf("of no application (-want +got):\n%s", diff)
	}
}
